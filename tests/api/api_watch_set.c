/* SPDX-License-Identifier: MIT */
/* api_watch_set.c - the contract of <runnel/watch.h> for the side of the senders, beyond set: send, replace, modify,
 * looking, waiting until nobody looks. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <runnel/task.h>

#include "api/watched.h"
#include "base/atomic.h"

static int tx_peek(const rn_watch_tx *tx)
{
    int value = -1;
    CHECK_RC(rn_watch_tx_peek(tx, &value), 0);
    return value;
}

/* -- send ------------------------------------------------------------------------------------------------------- */

EVERYWHERE(watch_send_stores_where_set_would)
{
    struct pair pair = make(0);
    const int value = 1;
    CHECK_RC(rn_watch_send(pair.tx, &value), 0);
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_ETIMEDOUT);
    CHECK_RC(rn_watch_send(pair.tx, &value), 0); /* the same value is a change too */
    expect(pair.rx, 1);
    drop(&pair);
}

EVERYWHERE(watch_send_without_receivers_stores_nothing)
{
    struct pair pair = make(0);
    const int value = 1;
    rn_watch_rx_drop(pair.rx);
    CHECK_RC(rn_watch_send(pair.tx, &value), RN_NOBODY);
    CHECK_EQ(tx_peek(pair.tx), 0);
    pair.rx = subscribe(pair.tx);
    CHECK_EQ(peek(pair.rx), 0);
    CHECK_RC(rn_watch_send(pair.tx, &value), 0); /* that nobody was there does not stay so */
    expect(pair.rx, 1);
    drop(&pair);
}

/* -- replace ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(watch_replace_gives_the_old_value_back)
{
    struct pair pair = make(1);
    int value = 2, old = -1;
    CHECK_RC(rn_watch_replace(pair.tx, &value, &old), 0);
    CHECK_EQ(old, 1);
    expect(pair.rx, 2);
    rn_watch_rx_drop(pair.rx);
    value = 3;
    CHECK_RC(rn_watch_replace(pair.tx, &value, &old), 0); /* stores without receivers */
    CHECK_EQ(old, 2);
    CHECK_EQ(tx_peek(pair.tx), 3);
    rn_watch_tx_drop(pair.tx);
}

EVERYWHERE(watch_replace_copies_what_is_borrowed)
{
    struct pair pair = make(1);
    const void *borrowed;
    int value = 2, old = -1;
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    CHECK_RC(rn_watch_replace(pair.tx, &value, &old), 0);
    CHECK_EQ(old, 1);
    CHECK_EQ(*(const int *)borrowed, 1);
    value = 3;
    CHECK_RC(rn_watch_replace(pair.tx, &value, &old), 0);
    CHECK_EQ(old, 2);
    CHECK_EQ(*(const int *)borrowed, 1);
    drop(&pair);
}

/* -- modify ----------------------------------------------------------------------------------------------------- */

static bool add(void *value, void *ctx)
{
    *(int *)value += *(const int *)ctx;
    return true;
}

static bool spoil(void *value, void *ctx)
{
    *(int *)value = -77;
    ++*(int *)ctx;
    return false;
}

EVERYWHERE(watch_modify_makes_the_next_value_of_the_current_one)
{
    struct pair pair = make(40);
    int summand = 2;
    CHECK_RC(rn_watch_modify(pair.tx, add, &summand), 0);
    expect(pair.rx, 42);
    expect_none(pair.rx, RN_ETIMEDOUT);
    rn_watch_rx_drop(pair.rx);
    CHECK_RC(rn_watch_modify(pair.tx, add, &summand), 0); /* stores without receivers */
    CHECK_EQ(tx_peek(pair.tx), 44);
    rn_watch_tx_drop(pair.tx);
}

EVERYWHERE(watch_modify_that_says_no_sets_nothing)
{
    struct pair pair = make(1);
    int calls = 0;
    CHECK_RC(rn_watch_modify(pair.tx, spoil, &calls), 0);
    CHECK_EQ(calls, 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    CHECK_EQ(peek(pair.rx), 1);
    drop(&pair);
}

EVERYWHERE(watch_modify_leaves_alone_what_is_borrowed)
{
    struct pair pair = make(1);
    const void *borrowed;
    int summand = 10;
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    CHECK_RC(rn_watch_modify(pair.tx, add, &summand), 0);
    CHECK_EQ(*(const int *)borrowed, 1);
    CHECK_EQ(peek(pair.rx), 11);
    drop(&pair);
}

/* A change during which another sender sets a value, the first `rivals` times. */
struct rivalry {
    rn_watch_tx *rival;
    int rivals;
    int calls;
    bool is_wanted;
};

static bool set_and_double(void *value, void *ctx)
{
    struct rivalry *rivalry = ctx;
    if (rivalry->calls++ < rivalry->rivals)
        set(rivalry->rival, 100 * rivalry->calls);
    *(int *)value *= 2;
    return rivalry->is_wanted;
}

EVERYWHERE(watch_modify_begins_anew_when_another_sender_was_quicker)
{
    struct pair pair = make(1);
    struct rivalry rivalry = {.rival = pair.tx, .rivals = 3, .is_wanted = true};
    CHECK_RC(rn_watch_modify(pair.tx, set_and_double, &rivalry), 0);
    CHECK_EQ(rivalry.calls, 4);
    CHECK_EQ(peek(pair.rx), 600); /* what it was called on last was 300 */
    drop(&pair);
}

EVERYWHERE(watch_modify_that_says_no_does_not_care_who_was_quicker)
{
    struct pair pair = make(1);
    struct rivalry rivalry = {.rival = pair.tx, .rivals = 1};
    CHECK_RC(rn_watch_modify(pair.tx, set_and_double, &rivalry), 0);
    CHECK_EQ(rivalry.calls, 1);
    CHECK_EQ(peek(pair.rx), 100);
    drop(&pair);
}

static bool wait_anyway(void *value, void *ctx)
{
    const struct pair *pair = ctx;
    CHECK_RC(rn_watch_changed(pair->rx), RN_EDEADLK);
    CHECK_RC(rn_watch_tx_closed(pair->tx), RN_EDEADLK);
    return *(int *)value != 0;
}

EVERYWHERE(watch_change_may_not_wait)
{
    struct pair pair = make(0);
    CHECK_RC(rn_watch_modify(pair.tx, wait_anyway, &pair), 0);
    CHECK(!rn__callback_running());
    drop(&pair);
}

enum { ADDERS = 4, ADDITIONS = 1000 };

static int add_often(void *arg)
{
    int summand = 1;
    for (int i = 0; i < ADDITIONS; i++) {
        CHECK_RC(rn_watch_modify(arg, add, &summand), 0);
        if (i % 64 == 0)
            rn_yield();
    }
    return 0;
}

EVERYWHERE(watch_modify_loses_no_update)
{
    struct pair pair = make(0);
    struct actor *actors[ADDERS];
    int last = 0;
    for (int i = 0; i < ADDERS; i++)
        actors[i] = actor_start(add_often, pair.tx);
    while (last < ADDERS * ADDITIONS) {
        int value = 0;
        REQUIRE(rn_watch_recv(pair.rx, &value) == 0);
        CHECK(value > last); /* each step is one up */
        last = value;
    }
    CHECK_EQ(last, ADDERS * ADDITIONS);
    for (int i = 0; i < ADDERS; i++)
        actor_join(actors[i]);
    drop(&pair);
}

static int wait_for_change(void *arg)
{
    return rn_watch_changed(arg);
}

static bool double_it(void *value, void *ctx)
{
    (void)ctx;
    *(int *)value *= 2;
    return true;
}

EVERYWHERE(watch_every_way_to_set_wakes_who_sleeps)
{
    struct pair pair = make(1);
    const int value = 5;
    int old;
    for (int way = 0; way < 4; way++) {
        struct actor *actor = actor_start(wait_for_change, pair.rx);
        WAIT_UNTIL_PARKED(1, name);
        if (way == 0)
            CHECK_RC(rn_watch_set(pair.tx, &value), 0);
        else if (way == 1)
            CHECK_RC(rn_watch_send(pair.tx, &value), 0);
        else if (way == 2)
            CHECK_RC(rn_watch_replace(pair.tx, &value, &old), 0);
        else
            CHECK_RC(rn_watch_modify(pair.tx, double_it, NULL), 0);
        CHECK_RC(actor_join(actor), 0);
    }
    CHECK_EQ(get(pair.rx), 10);
    drop(&pair);
}

/* -- looking ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(watch_sender_sees_the_current_value)
{
    struct pair pair = make(1);
    CHECK_EQ(tx_peek(pair.tx), 1);
    set(pair.tx, 2);
    CHECK_EQ(tx_peek(pair.tx), 2);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* whoever else has looked */
    rn_watch_rx_drop(pair.rx);
    CHECK_EQ(tx_peek(pair.tx), 2);
    rn_watch_tx_drop(pair.tx);
}

EVERYWHERE(watch_ends_know_their_channel)
{
    struct pair pair = make(1), other = make(1);
    rn_watch_tx *tx;
    rn_watch_rx *rx = subscribe(pair.tx);
    CHECK_RC(rn_watch_tx_clone(&tx, pair.tx), 0);
    CHECK(rn_watch_tx_same_channel(tx, pair.tx));
    CHECK(rn_watch_rx_same_channel(rx, pair.rx));
    CHECK(rn_watch_rx_same_channel(rx, rx));
    CHECK(!rn_watch_tx_same_channel(tx, other.tx));
    CHECK(!rn_watch_rx_same_channel(rx, other.rx));
    CHECK(!rn_watch_tx_same_channel(tx, NULL));
    CHECK(!rn_watch_rx_same_channel(NULL, NULL));
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
    drop(&other);
    drop(&pair);
}

EVERYWHERE(watch_sets_answer_to_null)
{
    struct pair pair = make(1);
    int value = 2, old = 3;
    CHECK_RC(rn_watch_send(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_send(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_replace(NULL, &value, &old), RN_EINVAL);
    CHECK_RC(rn_watch_replace(pair.tx, NULL, &old), RN_EINVAL);
    CHECK_RC(rn_watch_replace(pair.tx, &value, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_modify(NULL, add, &value), RN_EINVAL);
    CHECK_RC(rn_watch_modify(pair.tx, NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_tx_peek(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_tx_peek(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_tx_closed(NULL), RN_EINVAL);
    CHECK_RC(rn_watch_tx_closed_until(NULL, rn_at_ns(1)), RN_EINVAL);
    CHECK(!rn_watch_tx_is_closed(NULL));
    CHECK_EQ(old, 3);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    drop(&pair);
}

/* -- waiting until nobody looks --------------------------------------------------------------------------------- */

struct closed_wait {
    rn_watch_tx *tx;
    rn_deadline deadline;
};

static int wait_closed(void *arg)
{
    const struct closed_wait *wait = arg;
    return rn_watch_tx_closed_until(wait->tx, wait->deadline);
}

EVERYWHERE(watch_last_receiver_ends_the_wait_of_all_who_wait_for_it)
{
    enum { WAITERS = 3 };
    struct pair pair = make(0);
    rn_watch_rx *other = subscribe(pair.tx);
    struct closed_wait wait = {.tx = pair.tx};
    struct actor *actors[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        actors[i] = actor_start(wait_closed, &wait);
    WAIT_UNTIL_PARKED(WAITERS, name);
    rn_watch_rx_drop(pair.rx);
    CHECK(!rn_watch_tx_is_closed(pair.tx));
    CHECK_EQ(parked_on(name), WAITERS); /* the other one still looks */
    rn_watch_rx_drop(other);
    for (int i = 0; i < WAITERS; i++)
        CHECK_RC(actor_join(actors[i]), 0);
    CHECK_RC(rn_watch_tx_closed(pair.tx), 0); /* at once */
    rn_watch_tx_drop(pair.tx);
}

EVERYWHERE(watch_is_closed_and_opens_again_with_a_subscriber)
{
    struct pair pair = make(0);
    CHECK(!rn_watch_tx_is_closed(pair.tx));
    rn_watch_rx_drop(pair.rx);
    CHECK(rn_watch_tx_is_closed(pair.tx));
    CHECK_RC(rn_watch_tx_closed_until(pair.tx, rn_at_ns(1)), 0);
    pair.rx = subscribe(pair.tx);
    CHECK(!rn_watch_tx_is_closed(pair.tx));
    CHECK_RC(rn_watch_tx_closed_until(pair.tx, rn_at_ns(1)), RN_ETIMEDOUT);
    rn_watch_rx_drop(pair.rx);
    CHECK(rn_watch_tx_is_closed(pair.tx));
    rn_watch_tx_drop(pair.tx);
}

EVERYWHERE(watch_wait_for_nobody_ends_at_its_deadline)
{
    struct pair pair = make(0);
    struct closed_wait wait = {.tx = pair.tx, .deadline = rn_in_ms(3)};
    CHECK_RC(actor_join(actor_start(wait_closed, &wait)), RN_ETIMEDOUT);
    drop(&pair); /* nobody stands in line any more */
}

static int cancel_closed_wait(void *arg)
{
    struct pair pair = make(0);
    struct closed_wait wait = {.tx = pair.tx};
    rn_task task;
    int result = 0;
    (void)arg;
    RN_MUST(rn_spawn(&task, wait_closed, &wait));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    drop(&pair);
    return result;
}

TEST(watch_wait_for_nobody_is_cancelled)
{
    for (uint32_t workers = 1; workers <= 2; workers++)
        CHECK_RC(rn_run_with(cancel_closed_wait, NULL, &(rn_runtime_opts){.workers = workers}), RN_ECANCELED);
}

/* A wait that never has to wait gives others a turn: on one worker the other task would never run. */
struct turns {
    rn_watch_tx *tx;
    uint32_t is_over;
};

static int end_turns(void *arg)
{
    struct turns *turns = arg;
    rn__store_release(&turns->is_over, 1); /* read by take_turns */
    return 0;
}

static int take_turns(void *arg)
{
    struct turns *turns = arg;
    rn_task task;
    RN_MUST(rn_spawn(&task, end_turns, turns));
    while (!rn__load_acquire(&turns->is_over)) /* of end_turns */
        CHECK_RC(rn_watch_tx_closed(turns->tx), 0);
    return rn_join(task, NULL);
}

TEST(watch_wait_for_nobody_lets_others_run)
{
    struct pair pair = make(0);
    struct turns turns = {.tx = pair.tx};
    rn_watch_rx_drop(pair.rx);
    CHECK_RC(rn_run_with(take_turns, &turns, &(rn_runtime_opts){.workers = 1}), 0);
    rn_watch_tx_drop(pair.tx);
}
