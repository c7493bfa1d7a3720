/* SPDX-License-Identifier: MIT */
/* stress_cancel_token.c - a tree of tokens that grows and falls while requests run down in it. */
#include "api/tasks.h"
#include "base/random.h"

enum { GARDENERS = 4, ROUNDS = 300, DEPTH = 6, CAUSE = -20011 };

static struct {
    rn_cancel *root;
    uint32_t reached;
    uint32_t ready;
    uint32_t requested;
} garden;

/* A chain below `top`; some of its tokens are dropped while others still hang below them. Gives the last one. */
static rn_cancel *grow(rn_cancel *top, uint64_t *state)
{
    rn_cancel *last = rn_cancel_clone(top);
    for (int i = 0; i < DEPTH; i++) {
        rn_cancel *child;
        RN_MUST(rn_cancel_child(&child, last));
        if (rn__random_next(state) % 8 == 0)
            rn_cancel_request(last == garden.root ? child : last, CAUSE - 1);
        rn_cancel_drop(last);
        last = child;
    }
    return last;
}

static int tend(void *arg)
{
    uint64_t state = test_seed() + (uintptr_t)arg;
    RN_AUTO(rn_cancel) mine = grow(garden.root, &state);
    count_up(&garden.ready);
    while (!is_set(&garden.requested)) {
        RN_AUTO(rn_cancel) other = grow(rn__random_next(&state) % 2 == 0 ? mine : garden.root, &state);
        rn_yield();
    }
    CHECK(rn_cancel_cause(mine) != 0); /* it was there, and the request has returned */
    RN_AUTO(rn_cancel) after = grow(garden.root, &state);
    CHECK_EQ(rn_cancel_cause(after), CAUSE);
    count_up(&garden.reached);
    return 0;
}

EVERYWHERE(stress_cancel_token_request_reaches_all_that_was_there)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct actor *actors[GARDENERS];
        garden.ready = garden.requested = garden.reached = 0;
        RN_MUST(rn_cancel_new(&garden.root));
        for (size_t i = 0; i < GARDENERS; i++)
            actors[i] = actor_start(tend, &actors[i]);
        WAIT_UNTIL(value_of(&garden.ready) == GARDENERS);
        rn_cancel_request(garden.root, CAUSE);
        set(&garden.requested);
        for (size_t i = 0; i < GARDENERS; i++)
            CHECK_RC(actor_join(actors[i]), 0);
        CHECK_EQ(garden.reached, GARDENERS);
        rn_cancel_drop(garden.root);
    }
}

/* -- a request against a deadline -------------------------------------------------------------------------------- */

static int ask_for_cause(void *arg)
{
    rn_cancel *token = arg;
    int cause;
    while ((cause = rn_cancel_cause(token)) == 0)
        rn_yield();
    return cause;
}

/* Whoever asks first, all hear the same. Goes on until both have come first. */
EVERYWHERE(stress_cancel_token_has_one_cause_for_all)
{
    uint32_t requested = 0, timed_out = 0;
    uint64_t state = test_seed();
    while (requested < 5 || timed_out < 5) {
        RN_AUTO(rn_cancel) token = NULL;
        RN_MUST(rn_cancel_child_until(&token, NULL, rn_in_us((int64_t)(rn__random_next(&state) % 200))));
        struct actor *asks = actor_start(ask_for_cause, token), *waits = actor_start(ask_for_cause, token);
        rn_cancel_request(token, CAUSE);
        const int cause = rn_cancel_cause(token);
        CHECK_RC(rn_cancel_wait(token), 0);
        CHECK_EQ(actor_join(asks), cause);
        CHECK_EQ(actor_join(waits), cause);
        requested += cause == CAUSE;
        timed_out += cause == RN_ETIMEDOUT;
    }
}
