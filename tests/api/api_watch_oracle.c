/* SPDX-License-Identifier: MIT */
/* api_watch_oracle.c - random calls on a watch, each compared with what a few lines of plain code say that it must
 * answer: one party, several ends, values that own something. What is not compared in a call shows at the end: every
 * value and clone has been dropped once. */
#include <runnel/watch.h>
#include <string.h>

#include "api/owned.h"
#include "base/random.h"

enum { ENDS = 4, STEPS = 3000, SEEDS = 20, CLONE_FAILED = -4711 };

struct model_rx {
    rn_watch_rx *rx; /* NULL: there is none */
    uint64_t seen;
    int borrowed; /* the number; 0: nothing */
    const struct owned *value;
};

/* Numbers of values begin at 1 and are never used twice. */
struct model {
    struct owners owners;
    uint64_t random;
    bool can_clone;
    uint64_t version;
    int current;
    int next;
    uint64_t sent;
    uint64_t received;
    rn_watch_tx *tx[ENDS];
    struct model_rx rx[ENDS];
};

static uint64_t below(struct model *m, uint64_t limit)
{
    return rn__random_next(&m->random) % limit;
}

static size_t count_tx(const struct model *m)
{
    size_t count = 0;
    for (int i = 0; i < ENDS; i++)
        count += m->tx[i] != NULL;
    return count;
}

static size_t count_rx(const struct model *m)
{
    size_t count = 0;
    for (int i = 0; i < ENDS; i++)
        count += m->rx[i].rx != NULL;
    return count;
}

static bool is_borrowed(const struct model *m, int number)
{
    for (int i = 0; i < ENDS; i++) {
        if (m->rx[i].rx != NULL && m->rx[i].borrowed == number)
            return true;
    }
    return false;
}

static void model_set(struct model *m, int number)
{
    m->current = number;
    m->version++;
    m->sent++;
}

static void model_see(struct model *m, struct model_rx *end)
{
    m->received += end->seen != m->version;
    end->seen = m->version;
}

/* What a copy would answer, and perhaps this one fails. */
static int copy_code(struct model *m)
{
    m->owners.clone_code = below(m, 8) == 0 ? CLONE_FAILED : 0;
    return m->can_clone ? m->owners.clone_code : RN_EINVAL;
}

static void check_copy(struct model *m, struct owned *got)
{
    CHECK_EQ(*got->number, m->current);
    owned_destroy(&m->owners, got);
}

/* -- the senders' calls ------------------------------------------------------------------------------------------ */

static void try_set(struct model *m, rn_watch_tx *tx)
{
    struct owned value = owned_make(&m->owners, m->next);
    CHECK_RC(rn_watch_set(tx, &value), 0);
    model_set(m, m->next++);
}

static void try_send(struct model *m, rn_watch_tx *tx)
{
    const int code = count_rx(m) > 0 ? 0 : RN_NOBODY;
    struct owned value = owned_make(&m->owners, m->next);
    CHECK_RC(rn_watch_send(tx, &value), code);
    if (code == 0)
        model_set(m, m->next++);
    else
        owned_destroy(&m->owners, &value);
}

static void try_replace(struct model *m, rn_watch_tx *tx)
{
    int code = copy_code(m);
    struct owned value = owned_make(&m->owners, m->next), old;
    if (!is_borrowed(m, m->current))
        code = 0;
    else if (!m->can_clone)
        code = RN_EBUSY;
    CHECK_RC(rn_watch_replace(tx, &value, &old), code);
    if (code != 0) {
        owned_destroy(&m->owners, &value);
        return;
    }
    check_copy(m, &old);
    model_set(m, m->next++);
}

struct change {
    struct model *m;
    bool is_wanted;
    bool was_called;
};

static bool renumber(void *value, void *ctx)
{
    struct change *change = ctx;
    struct owned *owned = value;
    CHECK_EQ(*owned->number, change->m->current);
    *owned->number = change->m->next;
    change->was_called = true;
    return change->is_wanted;
}

static void try_modify(struct model *m, rn_watch_tx *tx)
{
    const int code = copy_code(m);
    struct change change = {.m = m, .is_wanted = below(m, 3) > 0};
    CHECK_RC(rn_watch_modify(tx, renumber, &change), code);
    CHECK_EQ(change.was_called, code == 0);
    if (code == 0 && change.is_wanted)
        model_set(m, m->next);
    m->next++;
}

static void try_tx_peek(struct model *m, rn_watch_tx *tx)
{
    const int code = copy_code(m);
    struct owned got;
    CHECK_RC(rn_watch_tx_peek(tx, &got), code);
    if (code == 0)
        check_copy(m, &got);
}

static void ask_tx(struct model *m, rn_watch_tx *tx)
{
    rn_channel_info info;
    CHECK_EQ(rn_watch_tx_receivers(tx), count_rx(m));
    CHECK_EQ(rn_watch_tx_is_closed(tx), count_rx(m) == 0);
    CHECK_RC(rn_watch_tx_closed_until(tx, rn_at_ns(1)), count_rx(m) == 0 ? 0 : RN_ETIMEDOUT);
    CHECK_RC(rn_watch_tx_info(tx, &info), 0);
    CHECK_EQ(info.senders, count_tx(m));
    CHECK_EQ(info.receivers, count_rx(m));
    CHECK_EQ(info.sent, m->sent);
    CHECK_EQ(info.received, m->received);
}

static void subscribe_or_drop(struct model *m, rn_watch_tx *tx)
{
    struct model_rx *end = &m->rx[below(m, ENDS)];
    rn_watch_rx_drop(end->rx);
    *end = (struct model_rx){.rx = NULL};
    if (below(m, 3) == 0)
        return;
    REQUIRE(rn_watch_subscribe(&end->rx, tx) == 0);
    end->seen = m->version;
}

/* A sender always stays, but for the end of the story. */
static void clone_or_drop_tx(struct model *m, rn_watch_tx *tx)
{
    rn_watch_tx **place = &m->tx[1 + below(m, ENDS - 1)];
    if (*place == NULL) {
        REQUIRE(rn_watch_tx_clone(place, tx) == 0);
        CHECK(rn_watch_tx_same_channel(*place, tx));
        return;
    }
    rn_watch_tx_drop(*place);
    *place = NULL;
}

static void step_tx(struct model *m)
{
    static void (*const steps[])(struct model *, rn_watch_tx *) = {
        try_set, try_send, try_replace, try_modify, try_tx_peek, ask_tx, subscribe_or_drop, clone_or_drop_tx,
    };
    rn_watch_tx *tx = m->tx[below(m, ENDS)];
    if (tx != NULL)
        steps[below(m, RN_COUNT(steps))](m, tx);
}

/* -- the receivers' calls ---------------------------------------------------------------------------------------- */

/* What a wait for something unseen answers at once. */
static int wait_code(const struct model *m, const struct model_rx *end)
{
    if (end->seen != m->version)
        return 0;
    return count_tx(m) == 0 ? RN_CLOSED : RN_ETIMEDOUT;
}

static void try_recv(struct model *m, struct model_rx *end)
{
    const int copy = copy_code(m), wait = wait_code(m, end);
    const int code = copy == RN_EINVAL || wait == 0 ? copy : wait;
    struct owned got;
    CHECK_RC(rn_watch_recv_until(end->rx, &got, rn_at_ns(1)), code);
    if (code != 0)
        return;
    check_copy(m, &got);
    model_see(m, end);
}

static void try_changed(struct model *m, struct model_rx *end)
{
    const int code = wait_code(m, end);
    CHECK_RC(rn_watch_changed_until(end->rx, rn_at_ns(1)), code);
    if (code == 0)
        model_see(m, end);
}

static void try_get(struct model *m, struct model_rx *end)
{
    const int code = copy_code(m);
    struct owned got;
    CHECK_RC(rn_watch_get(end->rx, &got), code);
    if (code != 0)
        return;
    check_copy(m, &got);
    model_see(m, end);
}

static void try_peek(struct model *m, struct model_rx *end)
{
    const int code = copy_code(m);
    struct owned got;
    CHECK_RC(rn_watch_peek(end->rx, &got), code);
    if (code == 0)
        check_copy(m, &got);
}

struct test {
    int wanted; /* the current number, or one that never comes */
    int tested;
};

static bool is_wanted(const void *value, void *ctx)
{
    struct test *test = ctx;
    test->tested = *((const struct owned *)value)->number;
    return test->tested == test->wanted;
}

static void try_wait_for(struct model *m, struct model_rx *end)
{
    const bool copies = below(m, 2), passes = below(m, 2);
    const int copy = copies ? copy_code(m) : 0;
    struct test test = {.wanted = passes ? m->current : 0};
    struct owned got;
    int code = copy;
    if (!passes && copy != RN_EINVAL)
        code = count_tx(m) == 0 ? RN_CLOSED : RN_ETIMEDOUT;
    CHECK_RC(rn_watch_wait_for_until(end->rx, is_wanted, &test, copies ? &got : NULL, rn_at_ns(1)), code);
    CHECK_EQ(test.tested, copy == RN_EINVAL ? 0 : m->current);
    if (copies && code == 0)
        check_copy(m, &got);
    if (code != RN_EINVAL && code != CLONE_FAILED)
        model_see(m, end);
}

static void borrow_or_release(struct model *m, struct model_rx *end)
{
    const void *value;
    if (end->borrowed != 0 && below(m, 2)) {
        CHECK_EQ(*end->value->number, end->borrowed);
        rn_watch_release(end->rx);
        end->borrowed = 0;
        return;
    }
    CHECK_RC(rn_watch_borrow(end->rx, &value), end->borrowed != 0 ? RN_EBUSY : 0);
    if (end->borrowed != 0)
        return;
    end->value = value;
    end->borrowed = m->current;
    CHECK_EQ(*end->value->number, m->current);
    model_see(m, end);
}

static void try_mark(struct model *m, struct model_rx *end)
{
    if (below(m, 2)) {
        rn_watch_mark_changed(end->rx);
        end->seen = m->version - 1;
    } else {
        rn_watch_mark_unchanged(end->rx);
        end->seen = m->version;
    }
}

static void clone_or_drop_rx(struct model *m, struct model_rx *end)
{
    struct model_rx *place = &m->rx[below(m, ENDS)];
    if (place->rx == NULL) {
        *place = (struct model_rx){.seen = end->seen};
        REQUIRE(rn_watch_rx_clone(&place->rx, end->rx) == 0);
        CHECK(rn_watch_rx_same_channel(place->rx, end->rx));
    } else if (below(m, 4) == 0) {
        rn_watch_rx_drop(place->rx);
        *place = (struct model_rx){.rx = NULL};
    }
}

static void step_rx(struct model *m)
{
    static void (*const steps[])(struct model *, struct model_rx *) = {
        try_recv, try_changed, try_get, try_peek, try_wait_for, borrow_or_release, try_mark, clone_or_drop_rx,
    };
    struct model_rx *end = &m->rx[below(m, ENDS)];
    if (end->rx == NULL)
        return;
    CHECK_EQ(rn_watch_has_changed(end->rx), count_tx(m) == 0 ? RN_CLOSED : end->seen != m->version);
    steps[below(m, RN_COUNT(steps))](m, end);
}

/* -- a story ----------------------------------------------------------------------------------------------------- */

static void begin(struct model *m, uint64_t random)
{
    *m = (struct model){.random = random, .version = 1, .current = 1, .next = 2};
    m->can_clone = below(m, 2);
    struct owned initial = owned_make(&m->owners, m->current);
    rn_elem elem = *OWNED_ELEM(&m->owners);
    if (!m->can_clone)
        elem.clone = NULL;
    rn_watch_rx **rx = below(m, 2) ? &m->rx[0].rx : NULL;
    REQUIRE(rn_watch_channel(&m->tx[0], rx, &initial, &elem) == 0);
    m->rx[0].seen = m->version;
}

/* At the end the receivers are alone for a while: nothing is set any more. */
static void run(struct model *m)
{
    for (int i = 0; i < STEPS; i++) {
        if (below(m, 2))
            step_tx(m);
        else
            step_rx(m);
    }
    for (int i = 0; i < ENDS; i++) {
        rn_watch_tx_drop(m->tx[i]);
        m->tx[i] = NULL;
    }
    for (int i = 0; i < STEPS / 10; i++)
        step_rx(m);
    for (int i = 0; i < ENDS; i++)
        rn_watch_rx_drop(m->rx[i].rx);
    CHECK_EQ(m->owners.live, 0);
}

EVERYWHERE(watch_answers_as_the_model_says)
{
    static struct model model;
    uint64_t random = test_seed();
    for (int i = 0; i < SEEDS; i++) {
        begin(&model, rn__random_next(&random));
        run(&model);
    }
}
