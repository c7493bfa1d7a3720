/* SPDX-License-Identifier: MIT */
/* What several parties of a watch do to each other, where a lost step shows as a wrong sum or as a case that does not
 * end: modify and replace against each other, wait_for against sets and the close, tx_closed against receivers that
 * come and go. */
#include <runnel/task.h>
#include <runnel/time.h>
#include <runnel/watch.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PARTIES = 4, EACH = 200, ROUND_MS = 250 };

struct party {
    struct round *round;
    rn_watch_tx *tx; /* its own */
    rn_watch_rx *rx; /* its own */
    uint64_t number;
    uint64_t random;
    uint64_t sum;
};

struct round {
    rn_watch_tx *tx; /* shared */
    rn_watch_rx *rx;
    uint64_t random;
    struct party parties[PARTIES];
    struct actor *actors[PARTIES];
};

static void begin(struct round *round, uint64_t random)
{
    const uint64_t initial = 0;
    *round = (struct round){.random = random};
    REQUIRE(rn_watch_channel(&round->tx, &round->rx, &initial, RN_ELEM(uint64_t)) == 0);
}

static void start(struct round *round, int (*fn)(void *))
{
    for (uint64_t i = 0; i < PARTIES; i++) {
        struct party *party = &round->parties[i];
        *party = (struct party){.round = round, .number = i, .random = rn__random_next(&round->random)};
        REQUIRE(rn_watch_tx_clone(&party->tx, round->tx) == 0);
        REQUIRE(rn_watch_rx_clone(&party->rx, round->rx) == 0);
    }
    for (int i = 0; i < PARTIES; i++)
        round->actors[i] = actor_start(fn, &round->parties[i]);
}

static uint64_t join(struct round *round)
{
    uint64_t sum = 0;
    for (int i = 0; i < PARTIES; i++) {
        CHECK_RC(actor_join(round->actors[i]), 0);
        sum += round->parties[i].sum;
    }
    return sum;
}

static void end(struct round *round)
{
    rn_watch_tx_drop(round->tx);
    rn_watch_rx_drop(round->rx);
}

static void repeat(void (*run)(struct round *))
{
    const rn_deadline over = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    struct round round;
    do {
        begin(&round, rn__random_next(&random));
        run(&round);
        end(&round);
    } while (!rn_passed(over));
}

static void sometimes_yield(struct party *party)
{
    if (rn__random_next(&party->random) % 8 == 0)
        rn_yield();
}

static uint64_t peek(const rn_watch_rx *rx)
{
    uint64_t value = UINT64_MAX;
    CHECK_RC(rn_watch_peek(rx, &value), 0);
    return value;
}

/* -- modify ------------------------------------------------------------------------------------------------------ */

static bool add_one(void *value, void *ctx)
{
    (void)ctx;
    ++*(uint64_t *)value;
    return true;
}

static int add_all(void *arg)
{
    struct party *party = arg;
    rn_watch_tx *tx = party->number % 2 == 0 ? party->round->tx : party->tx;
    for (int i = 0; i < EACH; i++) {
        CHECK_RC(rn_watch_modify(tx, add_one, NULL), 0);
        party->sum++;
        sometimes_yield(party);
    }
    rn_watch_tx_drop(party->tx);
    rn_watch_rx_drop(party->rx);
    return 0;
}

static void check_sum(struct round *round)
{
    start(round, add_all);
    CHECK_EQ(join(round), PARTIES * EACH);
    CHECK_EQ(peek(round->rx), PARTIES * EACH);
}

EVERYWHERE(stress_watch_modify_loses_no_update)
{
    repeat(check_sum);
}

/* -- replace ----------------------------------------------------------------------------------------------------- */

/* Each value that goes in comes out once, or is the last one. Borrows make some of them copies. */
static int replace_all(void *arg)
{
    struct party *party = arg;
    for (uint64_t i = 1; i <= EACH; i++) {
        const uint64_t value = party->number << 32 | i;
        const void *borrowed;
        uint64_t old = 0;
        CHECK_RC(rn_watch_borrow(party->rx, &borrowed), 0);
        const uint64_t before = *(const uint64_t *)borrowed;
        CHECK_RC(rn_watch_replace(party->tx, &value, &old), 0);
        party->sum += value - old; /* modulo 2^64 */
        sometimes_yield(party);
        CHECK_EQ(*(const uint64_t *)borrowed, before);
        rn_watch_release(party->rx);
    }
    rn_watch_tx_drop(party->tx);
    rn_watch_rx_drop(party->rx);
    return 0;
}

static void check_what_comes_out(struct round *round)
{
    start(round, replace_all);
    const uint64_t sum = join(round);
    CHECK_EQ(sum, peek(round->rx));
}

EVERYWHERE(stress_watch_replace_gives_each_value_back_once)
{
    repeat(check_what_comes_out);
}

/* -- wait_for ---------------------------------------------------------------------------------------------------- */

struct bar {
    uint64_t least;
    uint64_t tested;
};

static bool is_over(const void *value, void *ctx)
{
    struct bar *bar = ctx;
    bar->tested = *(const uint64_t *)value;
    return bar->tested >= bar->least;
}

/* Climbs from bar to bar; some waits end at their deadline and are repeated. */
static int climb(void *arg)
{
    struct party *party = arg;
    struct bar bar = {.least = 0};
    rn_watch_tx_drop(party->tx);
    while (bar.least < EACH) {
        uint64_t got = UINT64_MAX;
        const int64_t patience = (int64_t)(rn__random_next(&party->random) % 100);
        const rn_deadline soon = patience % 2 == 0 ? RN_FOREVER : rn_in_us(patience);
        const int rc = rn_watch_wait_for_until(party->rx, is_over, &bar, &got, soon);
        if (rc == RN_ETIMEDOUT)
            continue;
        REQUIRE(rc == 0);
        CHECK_EQ(got, bar.tested);
        bar.least = got + 1 + rn__random_next(&party->random) % 8;
    }
    bar.least = UINT64_MAX;
    CHECK_RC(rn_watch_wait_for(party->rx, is_over, &bar, NULL), RN_CLOSED);
    CHECK_EQ(bar.tested, 2 * EACH); /* the last one was tested */
    rn_watch_rx_drop(party->rx);
    return 0;
}

static void check_climb(struct round *round)
{
    start(round, climb);
    for (uint64_t i = 1; i <= 2 * EACH; i++) {
        if (i % 2 == 0)
            CHECK_RC(rn_watch_set(round->tx, &i), 0);
        else
            CHECK_RC(rn_watch_modify(round->tx, add_one, NULL), 0);
        if (rn__random_next(&round->random) % 8 == 0)
            rn_yield();
    }
    rn_watch_tx_drop(round->tx);
    round->tx = NULL;
    join(round);
}

EVERYWHERE(stress_watch_wait_for_misses_nothing)
{
    repeat(check_climb);
}

/* -- the last of many -------------------------------------------------------------------------------------------- */

static int leave(void *arg)
{
    struct party *party = arg;
    CHECK_EQ(rn_watch_has_changed(party->rx), 0); /* our own sender is there */
    sometimes_yield(party);
    rn_watch_tx_drop(party->tx);
    CHECK_RC(rn_watch_changed(party->rx), RN_CLOSED);
    CHECK_RC(rn_watch_has_changed(party->rx), RN_CLOSED);
    rn_watch_rx_drop(party->rx);
    return 0;
}

static void check_last_sender(struct round *round)
{
    start(round, leave);
    rn_watch_tx_drop(round->tx);
    round->tx = NULL;
    CHECK_RC(rn_watch_changed(round->rx), RN_CLOSED);
    join(round);
}

EVERYWHERE(stress_watch_last_of_many_senders_closes)
{
    repeat(check_last_sender);
}

/* Waits until nobody looks, while others come and go. Some give up before. */
static int wait_for_nobody(void *arg)
{
    struct party *party = arg;
    rn_watch_rx_drop(party->rx);
    for (int i = 0; i < 8; i++) {
        rn_watch_rx *rx;
        const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&party->random) % 50));
        const int rc = rn_watch_tx_closed_until(party->tx, soon);
        if (rc != 0)
            CHECK_RC(rc, RN_ETIMEDOUT);
        REQUIRE(rn_watch_subscribe(&rx, party->tx) == 0);
        sometimes_yield(party);
        rn_watch_rx_drop(rx);
    }
    CHECK_RC(rn_watch_tx_closed(party->tx), 0);
    rn_watch_tx_drop(party->tx);
    return 0;
}

static void check_last_receiver(struct round *round)
{
    start(round, wait_for_nobody);
    if (rn__random_next(&round->random) % 2 == 0)
        rn_yield();
    rn_watch_rx_drop(round->rx);
    round->rx = NULL;
    join(round);
    CHECK(rn_watch_tx_is_closed(round->tx));
}

EVERYWHERE(stress_watch_last_of_many_receivers_ends_the_wait_for_it)
{
    repeat(check_last_receiver);
}
