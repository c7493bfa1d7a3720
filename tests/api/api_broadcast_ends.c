/* SPDX-License-Identifier: MIT */
/* api_broadcast_ends.c - who is at a broadcast: weak senders, waiting until nobody is subscribed, questions to ends,
 * and ends that go from one party to another. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <signal.h>

#include "api/events.h"
#include "api/owned.h"

static rn_broadcast_weak *downgrade(rn_broadcast_tx *tx)
{
    rn_broadcast_weak *weak;
    REQUIRE(rn_broadcast_tx_downgrade(&weak, tx) == 0);
    return weak;
}

static rn_broadcast_tx *tx_clone(rn_broadcast_tx *tx)
{
    rn_broadcast_tx *made;
    REQUIRE(rn_broadcast_tx_clone(&made, tx) == 0);
    return made;
}

static rn_channel_info info_of(const rn_broadcast_rx *rx)
{
    rn_channel_info info;
    REQUIRE(rn_broadcast_rx_info(rx, &info) == 0);
    return info;
}

static void expect_senders(const struct pair *pair, size_t senders, size_t weak)
{
    const rn_channel_info info = info_of(pair->rx);
    CHECK_EQ(info.senders, senders);
    CHECK_EQ(info.weak, weak);
    if (pair->tx != NULL) {
        rn_channel_info other;
        CHECK_RC(rn_broadcast_tx_info(pair->tx, &other), 0);
        CHECK_EQ(other.senders, senders);
        CHECK_EQ(other.weak, weak);
    }
}

static void expect_no_upgrade(rn_broadcast_weak *weak)
{
    rn_broadcast_tx *tx = (rn_broadcast_tx *)(uintptr_t)1;
    CHECK_RC(rn_broadcast_weak_upgrade(&tx, weak), RN_CLOSED);
    CHECK(tx == NULL);
}

/* -- weak senders ------------------------------------------------------------------------------------------------ */

static int send_through_weak(void *arg)
{
    rn_broadcast_weak *weak = arg;
    rn_broadcast_tx *tx;
    CHECK_RC(rn_broadcast_weak_upgrade(&tx, weak), 0);
    send_range(tx, 20, 20);
    rn_broadcast_tx_drop(tx);
    return 0;
}

EVERYWHERE(broadcast_weak_sender_becomes_a_sender_while_one_is_left)
{
    struct pair pair = make(16);
    rn_broadcast_weak *weak = downgrade(pair.tx);
    send_range(pair.tx, 1, 10);
    actor_join(actor_start(send_through_weak, weak));
    rn_broadcast_tx_drop(pair.tx);
    for (int i = 1; i <= 10; i++)
        expect(pair.rx, i, 0);
    expect(pair.rx, 20, 0);
    expect_none(pair.rx, RN_CLOSED);
    expect_no_upgrade(weak);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_weak_sender_keeps_nothing_open)
{
    struct pair pair = make(2);
    rn_broadcast_weak *weak = downgrade(pair.tx);
    rn_broadcast_tx_drop(pair.tx);
    expect_none(pair.rx, RN_CLOSED);
    CHECK(rn_broadcast_rx_is_closed(pair.rx));
    expect_no_upgrade(weak);
    expect_no_upgrade(weak);
    rn_broadcast_rx_drop(pair.rx);
    rn_broadcast_weak_drop(weak); /* the last of all: frees the channel */
}

EVERYWHERE(broadcast_weak_sender_outlives_the_sender_that_it_came_from)
{
    struct pair pair = make(2);
    rn_broadcast_tx *clone = tx_clone(pair.tx), *upgraded;
    rn_broadcast_weak *weak = downgrade(clone);
    rn_broadcast_tx_drop(clone);
    CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, weak), 0); /* another one is left */
    CHECK(rn_broadcast_tx_same_channel(upgraded, pair.tx));
    rn_broadcast_tx_drop(upgraded);
    rn_broadcast_tx_drop(pair.tx);
    expect_no_upgrade(weak);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_upgraded_sender_keeps_the_channel_open)
{
    struct pair pair = make(2);
    rn_broadcast_weak *weak = downgrade(pair.tx);
    rn_broadcast_tx *upgraded;
    CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, weak), 0);
    rn_broadcast_tx_drop(pair.tx);
    expect_none(pair.rx, RN_EMPTY);
    send_range(upgraded, 1, 1);
    expect(pair.rx, 1, 0);
    rn_broadcast_tx_drop(upgraded);
    expect_none(pair.rx, RN_CLOSED);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_weak_sender_can_be_cloned_and_no_receiver_need_be_there)
{
    struct pair pair = make(2);
    rn_broadcast_weak *weak = downgrade(pair.tx), *clone;
    rn_broadcast_tx *upgraded;
    CHECK_RC(rn_broadcast_weak_clone(&clone, weak), 0);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_rx_drop(pair.rx);
    CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, clone), 0);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_RC(rn_broadcast_subscribe(&pair.rx, upgraded), 0);
    rn_broadcast_tx_drop(upgraded);
    expect_none(pair.rx, RN_CLOSED);
    CHECK_RC(rn_broadcast_weak_clone(&weak, clone), 0); /* also of a closed channel */
    expect_no_upgrade(weak);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_weak_drop(clone);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_last_sender_is_gone_for_those_who_sleep_though_a_weak_one_is_left)
{
    struct pair pair = make(2);
    struct reader reader = {.rx = pair.rx};
    rn_broadcast_weak *weak = downgrade(pair.tx);
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL_PARKED(1, events_name);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_RC(actor_join(actor), RN_CLOSED);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_senders_are_counted_when_cloned)
{
    struct pair pair = make(1);
    expect_senders(&pair, 1, 0);
    rn_broadcast_tx *clone = tx_clone(pair.tx);
    expect_senders(&pair, 2, 0);
    rn_broadcast_tx_drop(clone);
    expect_senders(&pair, 1, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_weak_senders_are_counted_by_themselves)
{
    struct pair pair = make(1);
    rn_broadcast_weak *weak = downgrade(pair.tx), *clone;
    expect_senders(&pair, 1, 1);
    CHECK_RC(rn_broadcast_weak_clone(&clone, weak), 0);
    expect_senders(&pair, 1, 2);
    rn_broadcast_weak_drop(weak);
    expect_senders(&pair, 1, 1);
    rn_broadcast_weak_drop(clone);
    expect_senders(&pair, 1, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_weak_senders_are_counted_when_no_sender_is_left)
{
    struct pair pair = make(1);
    rn_broadcast_weak *a = downgrade(pair.tx), *b = downgrade(pair.tx);
    expect_senders(&pair, 1, 2);
    rn_broadcast_tx_drop(pair.tx);
    pair.tx = NULL;
    expect_no_upgrade(a);
    expect_no_upgrade(b);
    expect_senders(&pair, 0, 2);
    rn_broadcast_weak_drop(a);
    rn_broadcast_weak_drop(b);
    expect_senders(&pair, 0, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_all_ends_give_one_count_of_senders)
{
    struct pair pair = make(1);
    rn_broadcast_tx *second = tx_clone(pair.tx), *upgraded;
    rn_broadcast_weak *weak = downgrade(pair.tx), *other = downgrade(second);
    rn_channel_info info;
    expect_senders(&pair, 2, 2);
    CHECK_RC(rn_broadcast_tx_info(second, &info), 0);
    CHECK_EQ(info.senders, 2);
    CHECK_EQ(info.weak, 2);
    CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, weak), 0);
    expect_senders(&pair, 3, 2);
    rn_broadcast_tx_drop(upgraded);
    rn_broadcast_tx_drop(second);
    rn_broadcast_weak_drop(other);
    expect_senders(&pair, 1, 1);
    rn_broadcast_weak_drop(weak);
    drop(&pair);
}

EVERYWHERE(broadcast_weak_senders_of_owned_messages_get_room)
{
    struct owners owners = {0};
    rn_broadcast_tx *tx, *upgraded;
    rn_broadcast_rx *rx;
    rn_broadcast_weak *weak;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 1, OWNED_ELEM(&owners)) == 0);
    CHECK_RC(rn_broadcast_tx_downgrade(&weak, tx), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, weak), 0);
        struct owned message = owned_make(&owners, i);
        CHECK_RC(rn_broadcast_send(upgraded, &message), 0);
        rn_broadcast_tx_drop(upgraded);
    }
    rn_broadcast_tx_drop(tx);
    CHECK_RC(rn_broadcast_weak_upgrade(&upgraded, weak), RN_CLOSED);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
    rn_broadcast_weak_drop(weak);
}

/* -- until nobody is subscribed ---------------------------------------------------------------------------------- */

struct closing {
    rn_broadcast_tx *tx;
    rn_deadline deadline;
};

static int wait_closed(void *arg)
{
    const struct closing *closing = arg;
    return rn_broadcast_tx_closed_until(closing->tx, closing->deadline);
}

EVERYWHERE(broadcast_sender_waits_until_the_last_receiver_leaves)
{
    struct pair pair = make(1);
    rn_broadcast_rx *other = subscribe(pair.tx);
    struct closing closing = {.tx = pair.tx};
    struct actor *actors[3]; /* any number of them */
    for (size_t i = 0; i < RN_COUNT(actors); i++)
        actors[i] = actor_start(wait_closed, &closing);
    WAIT_UNTIL_PARKED(RN_COUNT(actors), events_name);
    rn_broadcast_rx_drop(pair.rx);
    CHECK_EQ(parked_on(events_name), RN_COUNT(actors));
    rn_broadcast_rx_drop(other);
    for (size_t i = 0; i < RN_COUNT(actors); i++)
        CHECK_RC(actor_join(actors[i]), 0);
    CHECK_RC(rn_broadcast_tx_closed(pair.tx), 0); /* nor does it wait now */
    rn_broadcast_tx_drop(pair.tx);
}

EVERYWHERE(broadcast_without_receivers_is_closed_at_once_until_somebody_subscribes)
{
    rn_broadcast_tx *tx;
    REQUIRE(rn_broadcast_channel(&tx, NULL, 1, &events_elem) == 0);
    CHECK_RC(rn_broadcast_tx_closed(tx), 0);
    CHECK_RC(rn_broadcast_tx_closed_until(tx, rn_at_ns(1)), 0);
    rn_broadcast_rx *rx = subscribe(tx);
    CHECK_RC(rn_broadcast_tx_closed_until(tx, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_broadcast_tx_closed_until(tx, rn_in_ms(2)), RN_ETIMEDOUT);
    rn_broadcast_rx_drop(rx);
    CHECK_RC(rn_broadcast_tx_closed(tx), 0);
    rn_broadcast_tx_drop(tx);
}

/* On one worker nobody runs between the drop and the subscribe: the one who waits is woken, and looks again. */
static int subscribe_before_it_looks(void *arg)
{
    struct pair pair = make(1);
    struct closing closing = {.tx = pair.tx};
    rn_task task;
    int result = -1;
    (void)arg;
    RN_MUST(rn_spawn(&task, wait_closed, &closing));
    WAIT_UNTIL_PARKED(1, events_name);
    for (int i = 0; i < 2; i++) {
        rn_broadcast_rx_drop(pair.rx);
        pair.rx = subscribe(pair.tx);
        rn_yield();
        WAIT_UNTIL_PARKED(1, events_name);
    }
    rn_broadcast_rx_drop(pair.rx);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, 0);
    rn_broadcast_tx_drop(pair.tx);
    return 0;
}

TEST(broadcast_sender_that_waits_looks_again_when_somebody_subscribed)
{
    CHECK_RC(rn_run_with(subscribe_before_it_looks, NULL, &(rn_runtime_opts){.workers = 1}), 0);
}

static int cancel_closed(void *arg)
{
    struct pair *pair = arg;
    struct closing closing = {.tx = pair->tx};
    rn_task task;
    int result = 0;
    RN_MUST(rn_spawn(&task, wait_closed, &closing));
    WAIT_UNTIL_PARKED(1, events_name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, RN_ECANCELED);
    rn_broadcast_rx_drop(pair->rx);
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_broadcast_tx_closed(pair->tx), RN_ECANCELED); /* although it need not wait */
    return 0;
}

TEST(broadcast_wait_for_nobody_is_cancelled)
{
    struct pair pair = make(2);
    CHECK_RC(rn_run_with(cancel_closed, &pair, &(rn_runtime_opts){.workers = 1}), 0);
    rn_broadcast_tx_drop(pair.tx);
}

static int receive_closed_and_cancelled(void *arg)
{
    rn_broadcast_rx *rx = arg;
    uint64_t missed;
    size_t count;
    int got;
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_broadcast_recv(rx, &got, &missed), RN_ECANCELED);
    CHECK_RC(rn_broadcast_recv_many(rx, &got, 1, &count, &missed), RN_ECANCELED);
    expect_none(rx, RN_CLOSED); /* try_recv does not look */
    return 0;
}

TEST(broadcast_cancelled_comes_before_closed)
{
    struct pair pair = make(2);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_RC(rn_run(receive_closed_and_cancelled, pair.rx), 0);
    rn_broadcast_rx_drop(pair.rx);
}

/* -- questions --------------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_receiver_knows_whether_a_sender_is_left)
{
    struct pair pair = make(2);
    rn_broadcast_tx *other = tx_clone(pair.tx);
    CHECK(!rn_broadcast_rx_is_closed(pair.rx));
    rn_broadcast_tx_drop(other);
    CHECK(!rn_broadcast_rx_is_closed(pair.rx));
    send_range(pair.tx, 1, 1);
    rn_broadcast_tx_drop(pair.tx);
    CHECK(rn_broadcast_rx_is_closed(pair.rx)); /* with something to read */
    expect(pair.rx, 1, 0);
    CHECK(rn_broadcast_rx_is_closed(pair.rx));
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_ends_know_their_channel)
{
    struct pair a = make(2), b = make(2);
    rn_broadcast_tx *tx = tx_clone(a.tx);
    rn_broadcast_rx *rx = subscribe(a.tx);
    CHECK(rn_broadcast_tx_same_channel(a.tx, tx));
    CHECK(rn_broadcast_tx_same_channel(a.tx, a.tx));
    CHECK(!rn_broadcast_tx_same_channel(a.tx, b.tx));
    CHECK(rn_broadcast_rx_same_channel(a.rx, rx));
    CHECK(!rn_broadcast_rx_same_channel(rx, b.rx));
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    drop(&a);
    drop(&b);
}

EVERYWHERE(broadcast_sender_knows_what_somebody_has_not_read)
{
    struct pair pair = make(4);
    rn_broadcast_rx *other = subscribe(pair.tx);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 0);
    send_range(pair.tx, 1, 3);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 3);
    expect(pair.rx, 1, 0);
    expect(pair.rx, 2, 0);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 3);
    expect(other, 1, 0);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 2);
    send_range(pair.tx, 4, 6);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 4); /* no more than are kept */
    rn_broadcast_rx_drop(other);
    expect(pair.rx, 3, 0);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 3);
    rn_broadcast_rx_drop(pair.rx);
    CHECK_EQ(rn_broadcast_tx_len(pair.tx), 0);
    rn_broadcast_tx_drop(pair.tx);
}

EVERYWHERE(broadcast_info_tells_who_is_there_and_what_was_counted)
{
    struct pair pair = make(3);
    rn_broadcast_rx *other = subscribe(pair.tx);
    send_range(pair.tx, 1, 5);
    expect(pair.rx, 3, 2);
    expect(pair.rx, 4, 0);
    rn_channel_info info = info_of(pair.rx);
    CHECK_STR_EQ(info.shape, "broadcast");
    CHECK(info.name == events_name);
    CHECK(info.birthplace != NULL);
    CHECK_EQ(info.why, RN_WHY_OPEN);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.receivers, 2);
    CHECK_EQ(info.capacity, 3);
    CHECK_EQ(info.depth, 3);
    CHECK_EQ(info.high_water, 3);
    CHECK_EQ(info.sent, 5);
    CHECK_EQ(info.received, 2);
    CHECK_EQ(info.missed, 2);
    CHECK_EQ(info.dropped, 0);
    CHECK_EQ(info.promised + info.waited, 0);
    rn_broadcast_rx_drop(other); /* which had read none of the five */
    rn_broadcast_tx_drop(pair.tx);
    info = info_of(pair.rx);
    CHECK_EQ(info.why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info.cause, 0);
    CHECK_EQ(info.senders, 0);
    CHECK_EQ(info.receivers, 1);
    CHECK_EQ(info.dropped, 5);
    rn_broadcast_rx_drop(pair.rx);
}

static int drop_cancelled(void *arg)
{
    rn_task_cancel(rn_task_self(), -4711);
    rn_broadcast_tx_drop(arg);
    return 0;
}

TEST(broadcast_info_names_the_cancellation_that_closed_it)
{
    struct pair pair = make(3);
    CHECK_RC(rn_run(drop_cancelled, pair.tx), 0);
    CHECK_EQ(info_of(pair.rx).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(pair.rx).cause, -4711);
    rn_broadcast_rx_drop(pair.rx);
}

TEST(broadcast_info_does_not_count_a_clone_that_failed)
{
    struct owners owners = {.clone_code = RN_ENOMEM};
    struct owned message = owned_make(&owners, 1), got;
    struct pair pair;
    uint64_t missed;
    REQUIRE(rn_broadcast_channel(&pair.tx, &pair.rx, 1, OWNED_ELEM(&owners)) == 0);
    CHECK_RC(rn_broadcast_send(pair.tx, &message), 0);
    message = owned_make(&owners, 2);
    CHECK_RC(rn_broadcast_send(pair.tx, &message), 0);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), RN_ENOMEM);
    CHECK_EQ(info_of(pair.rx).received, 0);
    CHECK_EQ(info_of(pair.rx).missed, 0);
    owners.clone_code = 0;
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), 0);
    CHECK_EQ(missed, 1);
    CHECK_EQ(info_of(pair.rx).received, 1);
    CHECK_EQ(info_of(pair.rx).missed, 1);
    owned_destroy(&owners, &got);
    drop(&pair);
    CHECK_EQ(owners.live, 0);
}

/* -- ends that change hands -------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_receiver_may_wait_in_one_party_and_then_in_another)
{
    struct pair pair = make(1);
    struct reader first = {.rx = pair.rx, .deadline = rn_in_ms(2)}, second = {.rx = pair.rx};
    CHECK_RC(actor_join(actor_start(read_one, &first)), RN_ETIMEDOUT);
    struct actor *actor = actor_start(read_one, &second);
    WAIT_UNTIL_PARKED(1, events_name);
    send_range(pair.tx, 5, 5);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(second.got, 5);
    CHECK_EQ(first.got, -1);
    drop(&pair);
}

EVERYWHERE(broadcast_sleeper_that_runs_late_gets_all_in_order)
{
    struct pair pair = make(16);
    rn_broadcast_rx *slow = subscribe(pair.tx);
    struct reader readers[] = {{.rx = pair.rx}, {.rx = slow}};
    struct actor *fast_actor = actor_start(read_one, &readers[0]);
    struct actor *slow_actor = actor_start(read_one, &readers[1]);
    WAIT_UNTIL_PARKED(2, events_name);
    send_range(pair.tx, 1, 2);
    CHECK_RC(actor_join(fast_actor), 0);
    CHECK_EQ(readers[0].got, 1);
    expect(pair.rx, 2, 0);
    send_range(pair.tx, 3, 3);
    expect(pair.rx, 3, 0);
    CHECK_RC(actor_join(slow_actor), 0);
    CHECK_EQ(readers[1].got, 1);
    expect(slow, 2, 0);
    expect(slow, 3, 0);
    rn_broadcast_rx_drop(slow);
    drop(&pair);
}

struct give_way {
    struct pair pair;
    bool other_ran;
};

static int run_once(void *arg)
{
    struct give_way *give_way = arg;
    give_way->other_ran = true;
    return 0;
}

static int receive_until_the_other_ran(void *arg)
{
    struct give_way *give_way = arg;
    rn_task task;
    RN_MUST(rn_spawn(&task, run_once, give_way));
    while (!give_way->other_ran) {
        uint64_t missed;
        int got;
        send_range(give_way->pair.tx, 1, 1);
        CHECK_RC(rn_broadcast_recv(give_way->pair.rx, &got, &missed), 0);
    }
    return rn_join(task, NULL);
}

/* On one worker: the receive that never has to wait gives way all the same, or this never ends. */
TEST(broadcast_receive_that_never_waits_lets_others_run)
{
    struct give_way give_way = {.pair = make(8)};
    CHECK_RC(rn_run_with(receive_until_the_other_ran, &give_way, &(rn_runtime_opts){.workers = 1}), 0);
    drop(&give_way.pair);
}

/* -- bad input --------------------------------------------------------------------------------------------------- */

TEST(broadcast_ends_refuse_null)
{
    struct pair pair = make(2);
    rn_broadcast_weak *weak = (rn_broadcast_weak *)(uintptr_t)1;
    rn_broadcast_tx *tx = pair.tx;
    rn_channel_info info;
    CHECK_RC(rn_broadcast_tx_downgrade(NULL, pair.tx), RN_EINVAL);
    CHECK_RC(rn_broadcast_tx_downgrade(&weak, NULL), RN_EINVAL);
    CHECK(weak == NULL);
    weak = (rn_broadcast_weak *)(uintptr_t)1;
    CHECK_RC(rn_broadcast_weak_clone(&weak, NULL), RN_EINVAL);
    CHECK(weak == NULL);
    CHECK_RC(rn_broadcast_weak_upgrade(&tx, NULL), RN_EINVAL);
    CHECK(tx == NULL);
    weak = downgrade(pair.tx);
    CHECK_RC(rn_broadcast_weak_clone(NULL, weak), RN_EINVAL);
    CHECK_RC(rn_broadcast_weak_upgrade(NULL, weak), RN_EINVAL);
    rn_broadcast_weak_drop(weak);
    rn_broadcast_weak_drop(NULL);
    CHECK_RC(rn_broadcast_tx_closed(NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_tx_closed_until(NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK_EQ(rn_broadcast_tx_len(NULL), 0);
    CHECK(!rn_broadcast_rx_is_closed(NULL));
    CHECK(!rn_broadcast_tx_same_channel(NULL, NULL));
    CHECK(!rn_broadcast_tx_same_channel(pair.tx, NULL));
    CHECK(!rn_broadcast_rx_same_channel(NULL, pair.rx));
    CHECK_RC(rn_broadcast_tx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_broadcast_tx_info(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_rx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_broadcast_rx_info(pair.rx, NULL), RN_EINVAL);
    drop(&pair);
}

#ifndef NDEBUG
TEST(broadcast_weak_sender_used_after_its_drop_is_named)
{
    struct pair pair = make(2);
    rn_broadcast_weak *weak = downgrade(pair.tx);
    EXPECT_DEATH(SIGABRT, "broadcast sender expected, this is a weak broadcast sender")
    {
        rn_broadcast_tx_drop((rn_broadcast_tx *)(void *)weak);
    }
    rn_broadcast_weak_drop(weak);
    drop(&pair);
}
#endif
