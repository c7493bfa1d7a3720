/* SPDX-License-Identifier: MIT */
/* watch under everything at once: senders that share an end or have their own, and set, send, replace and modify;
 * readers that wait, test, borrow, clone values and themselves, time out, are cancelled, leave. What must hold: each
 * value has one fate, no reader goes back in time or reads a value that is gone, and whoever stays to the close has
 * seen the last value. */
#include <stdlib.h>
#include <string.h>

#include <runnel/task.h>
#include <runnel/time.h>
#include <runnel/watch.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { SETTERS = 3, EACH = 80, READERS = 5, ROUND_MS = 400, CLONE_FAILED = -20000 };

struct value {
    uint64_t *number;
};

struct reader {
    struct round *round;
    rn_watch_rx *rx;
    bool stays;
    uint64_t last;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_watch_tx *tx;
    uint64_t clone_calls;
    int64_t live; /* values and clones */
    struct reader readers[READERS];
};

static struct value value_make(struct round *round, uint64_t number)
{
    const struct value value = {malloc(sizeof *value.number)};
    REQUIRE(value.number != NULL);
    *value.number = number;
    rn__add_relaxed(&round->live, 1); /* rlx: a count */
    return value;
}

static void value_drop(void *elem, void *ctx)
{
    struct value *value = elem;
    struct round *round = ctx;
    CHECK(*value->number != UINT64_MAX);
    *value->number = UINT64_MAX;
    free(value->number);
    rn__sub_relaxed(&round->live, 1); /* rlx: a count */
}

static int value_clone(void *to, const void *from, void *ctx)
{
    const struct value *original = from;
    struct round *round = ctx;
    const uint64_t number = *original->number;
    const uint64_t calls = rn__add_relaxed(&round->clone_calls, 1); /* rlx: only takes turns */
    if (calls % 37 == 0)
        return CLONE_FAILED;
    if (calls % 5 == 0)
        rn_yield(); /* let it be replaced: the original must stay */
    *(struct value *)to = value_make(round, *original->number);
    CHECK_EQ(*original->number, number);
    return 0;
}

/* -- setters ----------------------------------------------------------------------------------------------------- */

/* The numbers of one setter grow; setters have ranges of their own, so that a reader can hold them apart. */
struct setter {
    struct round *round;
    uint64_t number;
    uint64_t random;
};

/* The copy becomes this sender's next value. */
static bool renumber(void *value, void *ctx)
{
    struct value *copy = value;
    *copy->number = *(const uint64_t *)ctx;
    return true;
}

/* 0, or the clone function's code: then nothing was set. */
static int set_somehow(struct setter *setter, rn_watch_tx *tx, uint64_t number)
{
    const uint64_t way = rn__random_next(&setter->random) % 4;
    if (way == 0)
        return rn_watch_modify(tx, renumber, &number);
    struct value value = value_make(setter->round, number), old;
    int rc = 0;
    if (way == 1) {
        rc = rn_watch_replace(tx, &value, &old);
        value_drop(rc == 0 ? &old : &value, setter->round);
    } else if (way == 2) {
        rc = rn_watch_send(tx, &value); /* the reader that stays is there */
    } else {
        rc = rn_watch_set(tx, &value);
    }
    return rc;
}

static int set_all(void *arg)
{
    struct setter *setter = arg;
    rn_watch_tx *own;
    REQUIRE(rn_watch_tx_clone(&own, setter->round->tx) == 0);
    for (uint64_t i = 1; i <= EACH; i++) {
        rn_watch_tx *tx = rn__random_next(&setter->random) % 2 == 0 ? own : setter->round->tx;
        const int rc = set_somehow(setter, tx, setter->number << 32 | i);
        if (rc != 0 && rc != CLONE_FAILED)
            FAIL("a set says %d", rc);
        if (rn__random_next(&setter->random) % 4 == 0)
            rn_yield();
    }
    rn_watch_tx_drop(own);
    return 0;
}

/* -- readers ----------------------------------------------------------------------------------------------------- */

/* What this reader has seen of each setter. */
static void look_at(uint64_t number, uint64_t *seen)
{
    const uint64_t setter = number >> 32;
    REQUIRE(setter <= SETTERS);
    CHECK((number & UINT32_MAX) >= seen[setter]);
    seen[setter] = number & UINT32_MAX;
}

static int look_by_clone(struct reader *reader, int rc, struct value *clone, uint64_t *seen)
{
    if (rc != 0)
        return rc;
    reader->last = *clone->number;
    look_at(reader->last, seen);
    value_drop(clone, reader->round);
    return 0;
}

static int look_by_borrow(struct reader *reader, uint64_t *seen)
{
    const void *borrowed;
    int rc = rn_watch_changed(reader->rx);
    if (rc != 0)
        return rc;
    REQUIRE(rn_watch_borrow(reader->rx, &borrowed) == 0);
    const struct value *value = borrowed;
    reader->last = *value->number;
    look_at(reader->last, seen);
    if (rn__random_next(&reader->random) % 2 == 0)
        rn_yield();
    CHECK_EQ(*value->number, reader->last);
    if (rn__random_next(&reader->random) % 4 == 0) {
        struct value clone; /* beside the borrow */
        rc = look_by_clone(reader, rn_watch_get(reader->rx, &clone), &clone, seen);
    }
    rn_watch_release(reader->rx);
    return rc;
}

/* Half of the values pass. */
static bool is_even(const void *value, void *ctx)
{
    const struct value *tested = value;
    *(uint64_t *)ctx = *tested->number;
    return *tested->number % 2 == 0;
}

static int look_by_test(struct reader *reader, uint64_t *seen)
{
    struct value clone;
    uint64_t tested = reader->last;
    const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&reader->random) % 200));
    const int rc = rn_watch_wait_for_until(reader->rx, is_even, &tested, &clone, soon);
    if (rc == 0)
        CHECK_EQ(*clone.number, tested);
    if (rc != CLONE_FAILED)
        reader->last = tested; /* seen, whether it passed or not */
    return look_by_clone(reader, rc, &clone, seen);
}

/* Its clone goes on in its place. */
static int look_by_another(struct reader *reader)
{
    rn_watch_rx *other;
    REQUIRE(rn_watch_rx_clone(&other, reader->rx) == 0);
    rn_watch_rx_drop(reader->rx);
    reader->rx = other;
    if (rn__random_next(&reader->random) % 2 == 0)
        rn_watch_mark_changed(reader->rx);
    return 0;
}

static int look_somehow(struct reader *reader, uint64_t *seen)
{
    struct value clone;
    switch (rn__random_next(&reader->random) % 6) {
    case 0:
        return look_by_clone(reader, rn_watch_get(reader->rx, &clone), &clone, seen);
    case 1:
        return look_by_borrow(reader, seen);
    case 2:
        return look_by_test(reader, seen);
    case 3:
        return look_by_another(reader);
    case 4:
        return look_by_clone(
            reader,
            rn_watch_recv_until(reader->rx, &clone, rn_in_us((int64_t)(rn__random_next(&reader->random) % 200))),
            &clone, seen);
    default:
        return look_by_clone(reader, rn_watch_recv(reader->rx, &clone), &clone, seen);
    }
}

static int read_all(void *arg)
{
    struct reader *reader = arg;
    uint64_t seen[SETTERS + 1] = {0};
    if (on_task())
        rn__store_relaxed(&reader->task, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
    for (;;) {
        const int rc = look_somehow(reader, seen);
        if (rc == RN_CLOSED || rc == RN_ECANCELED)
            break;
        if (rc != 0 && rc != RN_ETIMEDOUT && rc != CLONE_FAILED)
            FAIL("a look says %d", rc);
        if (!reader->stays && rn__random_next(&reader->random) % 64 == 0)
            break;
    }
    const void *unreleased;
    if (rn__random_next(&reader->random) % 2 == 0)
        CHECK_RC(rn_watch_borrow(reader->rx, &unreleased), 0); /* rx_drop gives it back */
    rn_watch_rx_drop(reader->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static struct actor *start_reader(struct round *round, int number, uint64_t *random)
{
    struct reader *reader = &round->readers[number];
    *reader = (struct reader){.round = round, .stays = number == 0, .random = rn__random_next(random)};
    REQUIRE(rn_watch_subscribe(&reader->rx, round->tx) == 0);
    return actor_start(read_all, reader);
}

/* Somebody but the one who stays is cancelled and comes back as new. */
static void disturb(struct round *round, struct actor **readers, uint64_t *random)
{
    const int victim = 1 + (int)(rn__random_next(random) % (READERS - 1));
    const rn_task task = {rn__load_relaxed(&round->readers[victim].task)}; /* rlx: 0 is no task */
    if (rn_task_id(task) == 0)
        return;
    rn_task_cancel(task, 0);
    actor_join(readers[victim]);
    readers[victim] = start_reader(round, victim, random);
}

static void run_round(struct round *round, uint64_t random)
{
    const rn_elem elem = {.size = sizeof(struct value),
                          .align = _Alignof(struct value),
                          .drop = value_drop,
                          .clone = value_clone,
                          .ctx = round};
    struct actor *readers[READERS], *actors[SETTERS];
    struct setter setters[SETTERS];
    rn_watch_rx *first;
    memset(round, 0, sizeof *round);
    const struct value initial = value_make(round, 0);
    REQUIRE(rn_watch_channel(&round->tx, &first, &initial, &elem) == 0);
    rn_watch_rx_drop(first);
    for (int i = 0; i < READERS; i++)
        readers[i] = start_reader(round, i, &random);
    for (uint64_t i = 0; i < SETTERS; i++) {
        setters[i] = (struct setter){.round = round, .number = i, .random = rn__random_next(&random)};
        actors[i] = actor_start(set_all, &setters[i]);
    }
    for (uint64_t i = rn__random_next(&random) % 4; i > 0; i--)
        disturb(round, readers, &random);
    for (int i = 0; i < SETTERS; i++)
        actor_join(actors[i]);
    const struct value last = value_make(round, (uint64_t)SETTERS << 32 | 1);
    CHECK_RC(rn_watch_set(round->tx, &last), 0);
    rn_watch_tx_drop(round->tx);
    for (int i = 0; i < READERS; i++)
        actor_join(readers[i]);
    CHECK_EQ(round->readers[0].last, (uint64_t)SETTERS << 32 | 1);
    CHECK_EQ(round->live, 0);
}

EVERYWHERE(stress_watch_shows_the_last_value_and_drops_each_once)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
