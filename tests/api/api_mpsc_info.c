/* SPDX-License-Identifier: MIT */
/* mpsc: the questions, the counters, and waiting until nobody can receive any more. */
#include "api/mpsc_ints.h"

static const size_t capacities[] = {100, RN_UNBOUNDED};

enum { CAUSE = 42, FULL = 100 };

static void fill(struct channel channel)
{
    for (int i = 0; i < FULL; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
}

/* -- the length -------------------------------------------------------------------------------------------------- */

TEST(mpsc_length_of_an_empty_channel_is_zero)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_length_counts_what_was_sent)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        for (int sent = 1; sent <= FULL; sent++) {
            CHECK_RC(send_int(channel.tx, sent), 0);
            CHECK_EQ(rn_mpsc_rx_len(channel.rx), sent);
        }
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), FULL);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_length_goes_down_with_each_message_taken)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        fill(channel);
        rn_mpsc_tx_drop(channel.tx);
        for (int left = FULL - 1; left >= 0; left--) {
            CHECK(recv_int(channel.rx) >= 0);
            CHECK_EQ(rn_mpsc_rx_len(channel.rx), left);
        }
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_length_is_zero_until_something_is_sent)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_tx *clone;
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
        CHECK_RC(send_int(clone, 1), 0);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
        rn_mpsc_tx_drop(clone);
        drop_both(channel);
    }
}

TEST(mpsc_length_is_zero_only_after_the_last_message)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        fill(channel);
        for (int taken = 0; taken < FULL - 1; taken++)
            CHECK_EQ(try_recv_int(channel.rx), taken);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
        CHECK_EQ(try_recv_int(channel.rx), FULL - 1);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        drop_both(channel);
    }
}

TEST(mpsc_length_stays_when_it_is_closed)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        CHECK_RC(send_int(channel.tx, 1), 0);
        rn_mpsc_rx_close(channel.rx);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
        drop_both(channel);
    }
}

TEST(mpsc_length_stays_when_it_is_closed_and_the_senders_left)
{
    for (int round = 0; round < 4; round++) {
        struct channel channel = channel_of_ints(capacities[round % 2]);
        CHECK_RC(send_int(channel.tx, 1), 0);
        if (round < 2)
            rn_mpsc_rx_close(channel.rx);
        rn_mpsc_tx_drop(channel.tx);
        rn_mpsc_rx_close(channel.rx);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_length_is_right_beyond_a_block)
{
    struct channel channel = channel_of_ints(RN_UNBOUNDED);
    for (int blocks = 1; blocks <= 3; blocks++) {
        for (int i = 0; i < 32; i++)
            CHECK_RC(send_int(channel.tx, i), 0);
        for (int left = 31; left >= 0; left--) {
            CHECK(rn_mpsc_rx_len(channel.rx) > 0);
            CHECK(try_recv_int(channel.rx) >= 0);
            CHECK_EQ(rn_mpsc_rx_len(channel.rx), left);
        }
    }
    drop_both(channel);
}

static int send_one(void *arg)
{
    return send_int(arg, 2);
}

EVERYWHERE(mpsc_length_is_not_zero_after_a_send_beside_another)
{
    for (int round = 0; round < 100; round++) {
        struct channel channel = channel_of_ints(capacities[round % 2]);
        struct actor *other = actor_start(send_one, channel.tx);
        CHECK_RC(send_int(channel.tx, 1), 0);
        CHECK(rn_mpsc_rx_len(channel.rx) > 0);
        CHECK(try_recv_int(channel.rx) > 0); /* there is something, whatever else is under way */
        CHECK_RC(actor_join(other), 0);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
        drop_both(channel);
    }
}

static int drop_tx(void *arg)
{
    rn_mpsc_tx_drop(arg);
    return 0;
}

static void leave_with(int length, size_t capacity)
{
    struct channel channel = channel_of_ints(capacity);
    for (int i = 0; i < length; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    struct actor *leaver = actor_start(drop_tx, channel.tx);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), length);
    CHECK_RC(actor_join(leaver), 0);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), length);
    rn_mpsc_rx_drop(channel.rx);
}

EVERYWHERE(mpsc_length_stays_zero_while_the_last_sender_leaves)
{
    for (int round = 0; round < 50; round++)
        leave_with(0, capacities[round % 2]);
}

EVERYWHERE(mpsc_length_does_not_change_while_the_last_sender_leaves)
{
    static const int lengths[] = {1, 32, 33};
    for (int round = 0; round < 60; round++)
        leave_with(lengths[round % 3], capacities[round % 2]);
}

/* -- closed or not, as the receiver sees it ---------------------------------------------------------------------- */

TEST(mpsc_receiver_is_closed_by_hand_with_messages_or_without)
{
    for (int round = 0; round < 4; round++) {
        struct channel channel = channel_of_ints(capacities[round % 2]);
        if (round < 2)
            fill(channel);
        CHECK(!rn_mpsc_rx_is_closed(channel.rx));
        rn_mpsc_rx_close(channel.rx);
        CHECK(rn_mpsc_rx_is_closed(channel.rx));
        CHECK_EQ(info_of(channel.rx).why, RN_WHY_BY_HAND);
        drop_both(channel);
    }
}

EVERYWHERE(mpsc_receiver_is_closed_when_the_senders_left_with_messages_or_without)
{
    for (int round = 0; round < 4; round++) {
        struct channel channel = channel_of_ints(capacities[round % 2]);
        rn_mpsc_tx *clone;
        if (round < 2)
            fill(channel);
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        struct actor *leaver = actor_start(drop_tx, clone);
        CHECK_RC(actor_join(leaver), 0);
        CHECK(!rn_mpsc_rx_is_closed(channel.rx));
        rn_mpsc_tx_drop(channel.tx);
        CHECK(rn_mpsc_rx_is_closed(channel.rx));
        CHECK_EQ(info_of(channel.rx).why, RN_WHY_SENDERS_GONE);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_receiver_is_open_while_there_are_senders)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        CHECK(!rn_mpsc_rx_is_closed(channel.rx));
        fill(channel);
        CHECK(!rn_mpsc_rx_is_closed(channel.rx));
        CHECK_EQ(info_of(channel.rx).why, RN_WHY_OPEN);
        drop_both(channel);
    }
    CHECK(!rn_mpsc_rx_is_closed(NULL));
}

TEST(mpsc_senders_of_one_channel_know_each_other)
{
    struct channel channel = channel_of_ints(1);
    struct channel other = channel_of_ints(1);
    rn_mpsc_tx *clone;
    CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
    CHECK(rn_mpsc_tx_same_channel(channel.tx, channel.tx));
    CHECK(rn_mpsc_tx_same_channel(channel.tx, clone));
    CHECK(!rn_mpsc_tx_same_channel(clone, other.tx));
    CHECK(!rn_mpsc_tx_same_channel(NULL, clone));
    CHECK(!rn_mpsc_tx_same_channel(clone, NULL));
    CHECK(!rn_mpsc_tx_same_channel(NULL, NULL));
    rn_mpsc_tx_drop(clone);
    drop_both(channel);
    drop_both(other);
}

TEST(mpsc_room_is_what_is_neither_taken_nor_promised)
{
    struct channel channel = channel_of_ints(10);
    rn_channel_info info;
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 10);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 9);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 8);
    CHECK_RC(rn_mpsc_tx_info(channel.tx, &info), 0);
    CHECK_EQ(info.capacity, 10);
    CHECK_EQ(info.promised, 1);
    CHECK_EQ(info.depth, 1);
    rn_mpsc_permit_drop(&permit);
    drop_both(channel);
}

/* -- the counters ------------------------------------------------------------------------------------------------ */

TEST(mpsc_info_tells_who_and_where_it_is)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_channel_info info;
    const rn_mpsc_opts opts = {.name = "orders"};
    REQUIRE(rn_mpsc_channel_with(&tx, &rx, 3, RN_ELEM(int), &opts) == 0);
    CHECK_RC(rn_mpsc_tx_info(tx, &info), 0);
    CHECK_STR_EQ(info.shape, "mpsc");
    CHECK_STR_EQ(info.name, "orders");
    CHECK(info.birthplace != NULL);
    CHECK_EQ(info.capacity, 3);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.receivers, 1);
    CHECK_RC(rn_mpsc_tx_info(tx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_tx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_mpsc_rx_info(rx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_rx_info(NULL, &info), RN_EINVAL);
    rn_mpsc_rx_drop(rx);
    CHECK_RC(rn_mpsc_tx_info(tx, &info), 0);
    CHECK_EQ(info.receivers, 0);
    CHECK_EQ(info.why, RN_WHY_RECEIVERS_GONE);
    rn_mpsc_tx_drop(tx);
}

EVERYWHERE(mpsc_info_counts_messages)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct call receiver = {.channel = channel};
        int out[10];
        size_t count;
        rn_channel_info info;
        park(&receiver, call_recv, "mpsc recv");
        fill(channel);
        CHECK_RC(actor_join(receiver.actor), 0);
        CHECK_EQ(recv_int(channel.rx), 1);
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 10, &count), 0);
        CHECK_EQ(count, 10);
        info = info_of(channel.rx);
        CHECK_EQ(info.sent, FULL);
        CHECK_EQ(info.received, 12);
        CHECK_EQ(info.depth, FULL - 12);
        CHECK_EQ(info.high_water, FULL - 1); /* the first went by hand */
        CHECK_EQ(info.waited, 0);
        CHECK_EQ(info.capacity, capacities[i]);
        rn_mpsc_rx_drop(channel.rx);
        CHECK_RC(rn_mpsc_tx_info(channel.tx, &info), 0);
        CHECK_EQ(info.dropped, FULL - 12);
        CHECK_EQ(info.depth, 0);
        CHECK_RC(send_int(channel.tx, 1), RN_CLOSED);
        CHECK_RC(rn_mpsc_tx_info(channel.tx, &info), 0);
        CHECK_EQ(info.sent, FULL);
        rn_mpsc_tx_drop(channel.tx);
    }
}

EVERYWHERE(mpsc_info_counts_who_had_to_wait)
{
    struct channel channel = channel_of_ints(1);
    struct call sender = {.channel = channel, .message = 2};
    struct call reserver = {.channel = channel, .count = 1};
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(try_send_int(channel.tx, 1), RN_FULL);
    CHECK_EQ(info_of(channel.rx).waited, 0);
    park(&sender, call_send, "mpsc send");
    park(&reserver, call_reserve, "mpsc reserve");
    CHECK_EQ(info_of(channel.rx).waited, 2);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_RC(actor_join(sender.actor), 0);
    CHECK_RC(actor_join(reserver.actor), 0);
    rn_mpsc_permit_drop(&reserver.permit);
    CHECK_EQ(info_of(channel.rx).waited, 2);
    drop_both(channel);
}

static int close_when_cancelled(void *arg)
{
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    rn_mpsc_tx_drop(arg);
    return 0;
}

ROOT(mpsc_info_tells_the_cause_of_a_cancelled_sender)
{
    struct channel channel = channel_of_ints(1);
    rn_task task;
    REQUIRE(rn_spawn(&task, close_when_cancelled, channel.tx) == 0);
    WAIT_UNTIL(waits_in(task, "sleep"));
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    CHECK_EQ(info_of(channel.rx).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(channel.rx).cause, CAUSE);
    rn_mpsc_rx_close(channel.rx);
    CHECK_EQ(info_of(channel.rx).why, RN_WHY_SENDERS_GONE); /* the first reason stays */
    rn_mpsc_rx_drop(channel.rx);
}

/* -- until nobody can receive ------------------------------------------------------------------------------------ */

static void close_it(rn_mpsc_rx *rx)
{
    rn_mpsc_rx_close(rx);
}

static void end_with_watchers(struct channel channel, void (*end)(rn_mpsc_rx *rx))
{
    struct call calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.channel = channel};
        park(&calls[i], call_closed, "mpsc tx_closed");
    }
    CHECK_RC(send_int(channel.tx, 1), 0); /* that is none of their business */
    CHECK_EQ(parked_in("mpsc tx_closed"), 3);
    end(channel.rx);
    for (int i = 0; i < 3; i++)
        CHECK_RC(actor_join(calls[i].actor), 0);
    CHECK_RC(rn_mpsc_tx_closed(channel.tx), 0);
    CHECK_RC(rn_mpsc_tx_closed_until(channel.tx, rn_at_ns(1)), 0);
}

EVERYWHERE(mpsc_senders_can_wait_for_the_close)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        end_with_watchers(channel, close_it);
        CHECK_EQ(recv_int(channel.rx), 1); /* closed is not: all was read */
        drop_both(channel);
    }
}

EVERYWHERE(mpsc_senders_can_wait_for_the_receiver_to_leave)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        end_with_watchers(channel, rn_mpsc_rx_drop);
        rn_mpsc_tx_drop(channel.tx);
    }
}

EVERYWHERE(mpsc_wait_for_the_close_can_end_before_it)
{
    struct channel channel = channel_of_ints(1);
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_tx_closed_until(channel.tx, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_RC(rn_mpsc_tx_closed(NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_tx_closed_until(NULL, rn_in_ms(1)), RN_EINVAL);
    drop_both(channel);
}

static struct channel watched;

static int watch_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(rn_mpsc_tx_closed(watched.tx), RN_ECANCELED);
    return 0;
}

ROOT(mpsc_wait_for_the_close_can_be_cancelled)
{
    rn_task task;
    watched = channel_of_ints(1);
    REQUIRE(rn_spawn(&task, watch_in_vain, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc tx_closed") == 1);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    drop_both(watched);
}

static int recv_and_leave(void *arg)
{
    struct channel *channel = arg;
    CHECK_EQ(recv_int(channel->rx), 2);
    rn_mpsc_rx_drop(channel->rx);
    return 0;
}

EVERYWHERE(mpsc_close_and_send_and_wait_for_the_close_at_once)
{
    for (int round = 0; round < 100; round++) {
        struct channel channel = channel_of_ints(capacities[round % 2]);
        struct call watcher = {.channel = channel};
        watcher.actor = actor_start(call_closed, &watcher);
        struct actor *receiver = actor_start(recv_and_leave, &channel);
        struct actor *sender = actor_start(send_one, channel.tx);
        CHECK_RC(actor_join(sender), 0);
        CHECK_RC(actor_join(watcher.actor), 0);
        CHECK_RC(actor_join(receiver), 0);
        rn_mpsc_tx_drop(channel.tx);
    }
}

/* -- cancelled and closed at once -------------------------------------------------------------------------------- */

static int find_it_closed_and_be_cancelled(void *arg)
{
    int message = 1;
    size_t moved = 77;
    rn_mpsc_permit permit;
    (void)arg;
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_RC(send_int(watched.tx, 1), RN_ECANCELED);
    CHECK_RC(rn_mpsc_send_many(watched.tx, &message, 1, &moved), RN_ECANCELED);
    CHECK_EQ(moved, 0);
    CHECK_RC(rn_mpsc_reserve(watched.tx, 1, &permit), RN_ECANCELED);
    CHECK_RC(rn_mpsc_tx_closed(watched.tx), RN_ECANCELED);
    CHECK_RC(rn_mpsc_recv(watched.rx, &message), RN_ECANCELED);
    CHECK_RC(rn_mpsc_recv_many(watched.rx, &message, 1, &moved), RN_ECANCELED);
    CHECK_RC(try_send_int(watched.tx, 1), RN_CLOSED); /* a try looks at the channel alone */
    CHECK_RC(rn_mpsc_try_reserve(watched.tx, 1, &permit), RN_CLOSED);
    CHECK_EQ(try_recv_int(watched.rx), RN_CLOSED);
    return 0;
}

ROOT(mpsc_cancelled_wins_over_closed)
{
    rn_task task;
    watched = channel_of_ints(1);
    REQUIRE(rn_spawn(&task, find_it_closed_and_be_cancelled, NULL) == 0);
    rn_mpsc_rx_close(watched.rx);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    drop_both(watched);
}
