/* SPDX-License-Identifier: MIT */
/* mpsc permits: places that are taken before there is a message, who waits for them, and what they keep open. */
#include "api/mpsc_ints.h"

enum { CAUSE = 42 };

/* -- reserving --------------------------------------------------------------------------------------------------- */

EVERYWHERE(permit_sends_without_waiting)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit;
    CHECK_RC(rn_mpsc_reserve(channel.tx, 1, &permit), 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(try_send_int(channel.tx, 9), RN_FULL); /* the place is taken */
    CHECK_RC(permit_send_int(&permit, 2), 0);
    CHECK_EQ(permit.left, 0);
    CHECK(permit.channel == NULL);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(recv_int(channel.rx), 1); /* in the order sent, not reserved */
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

EVERYWHERE(permit_waits_until_a_message_was_received_or_a_permit_dropped)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit first = permit_for(channel.tx, 1);
    rn_mpsc_permit second = permit_for(channel.tx, 1);
    struct call third = {.channel = channel, .count = 1};
    struct call fourth = {.channel = channel, .count = 1};
    park(&third, call_reserve, "mpsc reserve");
    park(&fourth, call_reserve, "mpsc reserve");
    CHECK_RC(permit_send_int(&first, 1), 0);
    CHECK_EQ(parked_in("mpsc reserve"), 2); /* the place is still in use */
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(third.actor), 0);
    CHECK_EQ(parked_in("mpsc reserve"), 1);
    rn_mpsc_permit_drop(&second);
    CHECK_RC(actor_join(fourth.actor), 0);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &first), RN_FULL);
    rn_mpsc_permit_drop(&third.permit);
    rn_mpsc_permit_drop(&fourth.permit);
    drop_both(channel);
}

EVERYWHERE(permit_goes_to_who_waited_and_not_to_a_newcomer)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call waiting = {.channel = channel, .count = 1};
    CHECK_RC(permit_send_int(&permit, 1), 0);
    park(&waiting, call_reserve, "mpsc reserve");
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(try_send_int(channel.tx, 9), RN_FULL);
    CHECK_RC(actor_join(waiting.actor), 0);
    CHECK_RC(permit_send_int(&waiting.permit, 2), 0);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

EVERYWHERE(permit_takes_all_its_places_or_none)
{
    struct channel channel = channel_of_ints(3);
    rn_mpsc_permit other;
    struct call large = {.channel = channel, .count = 3};
    CHECK_RC(send_int(channel.tx, 1), 0);
    park(&large, call_reserve, "mpsc reserve");
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 2); /* it holds nothing while it waits */
    CHECK_RC(try_send_int(channel.tx, 9), RN_FULL);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &other), RN_FULL);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(large.actor), 0);
    CHECK_EQ(large.permit.left, 3);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
    rn_mpsc_permit_drop(&large.permit);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 3);
    drop_both(channel);
}

EVERYWHERE(permit_reserves_and_sends_are_served_in_one_line)
{
    struct channel channel = channel_of_ints(2);
    struct call calls[4];
    CHECK_RC(send_int(channel.tx, 0), 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    for (int i = 0; i < 4; i++) {
        calls[i] = (struct call){.channel = channel, .message = i + 2, .count = 2};
        park(&calls[i], i % 2 == 0 ? call_reserve : call_send, i % 2 == 0 ? "mpsc reserve" : "mpsc send");
    }
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_EQ(parked_in("mpsc reserve") + parked_in("mpsc send"), 4); /* two places are wanted at the head */
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(calls[0].actor), 0);
    CHECK_EQ(parked_in("mpsc reserve") + parked_in("mpsc send"), 3);
    CHECK_RC(permit_send_int(&calls[0].permit, 2), 0);
    rn_mpsc_permit_drop(&calls[0].permit); /* one place: for the send behind */
    CHECK_RC(actor_join(calls[1].actor), 0);
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_RC(actor_join(calls[2].actor), 0);
    rn_mpsc_permit_drop(&calls[2].permit);
    CHECK_RC(actor_join(calls[3].actor), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    drop_both(channel);
}

TEST(permit_refuses_what_can_never_be)
{
    static const size_t counts[] = {0, 2, RN_MPSC_CAPACITY_MAX, SIZE_MAX};
    struct channel channel = channel_of_ints(1);
    struct channel unbounded = channel_of_ints(RN_UNBOUNDED);
    for (int closed = 0; closed < 2; closed++) {
        for (size_t i = 0; i < RN_COUNT(counts); i++) {
            rn_mpsc_permit permit = {NULL, 77};
            CHECK_RC(rn_mpsc_reserve(channel.tx, counts[i], &permit), RN_EINVAL);
            CHECK_EQ(permit.left, 0);
            CHECK_RC(rn_mpsc_try_reserve(channel.tx, counts[i], &permit), RN_EINVAL);
            CHECK_RC(rn_mpsc_reserve_until(channel.tx, counts[i], &permit, rn_in_ms(1)), RN_EINVAL);
            CHECK_RC(rn_mpsc_reserve(unbounded.tx, counts[i], &permit), RN_EINVAL);
        }
        rn_mpsc_rx_close(channel.rx);
    }
    drop_both(channel);
    drop_both(unbounded);
}

TEST(permit_refuses_null)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = {NULL, 77};
    CHECK_RC(rn_mpsc_reserve(NULL, 1, &permit), RN_EINVAL);
    CHECK_EQ(permit.left, 0);
    CHECK_RC(rn_mpsc_try_reserve(NULL, 1, &permit), RN_EINVAL);
    CHECK_RC(rn_mpsc_reserve_until(NULL, 1, &permit, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_mpsc_reserve(channel.tx, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_reserve_until(channel.tx, 1, NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(permit_send_int(NULL, 1), RN_EINVAL);
    rn_mpsc_permit_drop(NULL);
    permit = permit_for(channel.tx, 1);
    CHECK_RC(rn_mpsc_permit_send(&permit, NULL), RN_EINVAL);
    CHECK_EQ(permit.left, 1);
    rn_mpsc_permit_drop(&permit);
    drop_both(channel);
}

TEST(permit_with_nothing_left_sends_nothing)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit = {0};
    CHECK_RC(permit_send_int(&permit, 1), RN_EINVAL);
    rn_mpsc_permit_drop(&permit);
    permit = permit_for(channel.tx, 1);
    CHECK_RC(permit_send_int(&permit, 1), 0);
    CHECK_RC(permit_send_int(&permit, 2), RN_EINVAL);
    rn_mpsc_permit_drop(&permit);
    CHECK_EQ(try_recv_int(channel.rx), 1);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 2);
    drop_both(channel);
}

TEST(permit_is_refused_while_the_channel_is_full)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    rn_mpsc_permit other;
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &other), RN_FULL);
    CHECK_RC(try_send_int(channel.tx, 9), RN_FULL);
    CHECK_RC(permit_send_int(&permit, 1), 0);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &other), RN_FULL);
    CHECK_EQ(recv_int(channel.rx), 1);
    permit = permit_for(channel.tx, 1);
    rn_mpsc_permit_drop(&permit);
    permit = permit_for(channel.tx, 1);
    rn_mpsc_permit_drop(&permit);
    drop_both(channel);
}

EVERYWHERE(permit_of_many_places_sends_so_many)
{
    enum { CAPACITY = 100 };
    struct channel channel = channel_of_ints(CAPACITY);
    for (int count = 1; count <= CAPACITY; count++) {
        rn_mpsc_permit permit;
        CHECK_RC(count % 2 == 0 ? rn_mpsc_reserve(channel.tx, (size_t)count, &permit)
                                : rn_mpsc_try_reserve(channel.tx, (size_t)count, &permit),
                 0);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(permit.left, count - i);
            CHECK_RC(permit_send_int(&permit, i), 0);
            CHECK_EQ(recv_int(channel.rx), i);
        }
        CHECK_RC(permit_send_int(&permit, 0), RN_EINVAL);
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        CHECK_EQ(rn_mpsc_tx_room(channel.tx), CAPACITY);
    }
    drop_both(channel);
}

TEST(permit_places_always_add_up_to_the_capacity)
{
    for (size_t capacity = 1; capacity < 20; capacity++) {
        for (size_t sent = 0; sent < capacity; sent++) {
            struct channel channel = channel_of_ints(capacity);
            rn_mpsc_permit permit = permit_for(channel.tx, capacity);
            rn_mpsc_permit other;
            CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
            CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &other), RN_FULL);
            for (size_t i = 0; i < sent; i++)
                CHECK_RC(permit_send_int(&permit, (int)i), 0);
            rn_mpsc_permit_drop(&permit);
            CHECK_EQ(rn_mpsc_tx_room(channel.tx), capacity - sent);
            CHECK_RC(rn_mpsc_try_reserve(channel.tx, capacity - sent, &other), 0);
            CHECK_EQ(info_of(channel.rx).promised, capacity - sent);
            CHECK_EQ(info_of(channel.rx).depth, sent);
            rn_mpsc_permit_drop(&other);
            if (sent > 0)
                CHECK_RC(rn_mpsc_try_reserve(channel.tx, capacity - sent + 1, &other), RN_FULL);
            for (size_t i = 0; i < sent; i++)
                CHECK_EQ(recv_int(channel.rx), i);
            CHECK_EQ(rn_mpsc_tx_room(channel.tx), capacity);
            drop_both(channel);
        }
    }
}

/* -- giving up --------------------------------------------------------------------------------------------------- */

EVERYWHERE(permit_not_had_in_time_takes_nothing)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit = {NULL, 77};
    CHECK_RC(send_int(channel.tx, 1), 0);
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_reserve_until(channel.tx, 2, &permit, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(permit.left, 0);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 1);
    CHECK_RC(rn_mpsc_reserve_until(channel.tx, 2, &permit, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_mpsc_reserve_until(channel.tx, 1, &permit, rn_at_ns(1)), 0);
    rn_mpsc_permit_drop(&permit);
    drop_both(channel);
}

EVERYWHERE(permit_wait_that_ends_lets_those_behind_go_on)
{
    struct channel channel = channel_of_ints(3);
    struct call large = {.channel = channel, .count = 3};
    struct call behind = {.channel = channel, .message = 2};
    CHECK_RC(send_int(channel.tx, 1), 0);
    park_for_a_while(&large, call_reserve, "mpsc reserve");
    behind.actor = actor_start(call_send, &behind); /* there would be room for it */
    CHECK_RC(actor_join(large.actor), RN_ETIMEDOUT);
    CHECK_RC(actor_join(behind.actor), 0); /* nobody has received anything */
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

EVERYWHERE(permit_wait_that_ends_leaves_the_next_its_turn)
{
    struct channel channel = channel_of_ints(1);
    struct call first = {.channel = channel, .count = 1};
    struct call second = {.channel = channel, .count = 1};
    CHECK_RC(send_int(channel.tx, 1), 0);
    park_for_a_while(&first, call_reserve, "mpsc reserve");
    second.actor = actor_start(call_reserve, &second);
    CHECK_RC(actor_join(first.actor), RN_ETIMEDOUT);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(second.actor), 0);
    rn_mpsc_tx_drop(channel.tx);
    rn_mpsc_permit_drop(&second.permit);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

static struct call cancelled;

static int reserve_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(call_reserve(&cancelled), RN_ECANCELED);
    CHECK_EQ(cancelled.permit.left, 0);
    CHECK_RC(rn_mpsc_reserve(cancelled.channel.tx, 1, &cancelled.permit), RN_ECANCELED); /* at entry, too */
    return rn_mpsc_try_reserve(cancelled.channel.tx, 1, &cancelled.permit);
}

static rn_task start_reserve_in_vain(struct channel channel, size_t count)
{
    rn_task task;
    cancelled = (struct call){.channel = channel, .count = count};
    REQUIRE(rn_spawn(&task, reserve_in_vain, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc reserve") == 1);
    return task;
}

/* Two places are free, a reserve of three waits, a send waits behind it. */
ROOT(permit_wait_that_is_cancelled_lets_those_behind_go_on)
{
    struct channel channel = channel_of_ints(3);
    struct call behind = {.channel = channel, .message = 2};
    CHECK_RC(send_int(channel.tx, 1), 0);
    const rn_task task = start_reserve_in_vain(channel, 3);
    park(&behind, call_send, "mpsc send");
    rn_task_cancel(task, CAUSE);
    CHECK_RC(actor_join(behind.actor), 0);
    CHECK_RC(result_of(task), 0); /* the try got the third place */
    rn_mpsc_permit_drop(&cancelled.permit);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

ROOT(permit_wait_that_is_cancelled_does_not_keep_a_closed_channel_open)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call receiver = {.channel = channel};
    const rn_task task = start_reserve_in_vain(channel, 2);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    rn_mpsc_permit_drop(&cancelled.permit);
    rn_mpsc_rx_close(channel.rx);
    park(&receiver, call_recv, "mpsc recv");
    rn_mpsc_permit_drop(&permit);
    CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
    drop_both(channel);
}

/* -- handing on -------------------------------------------------------------------------------------------------- */

EVERYWHERE(permit_drop_gives_its_places_to_who_waits)
{
    for (size_t count = 1; count <= 8; count++) {
        struct channel channel = channel_of_ints(count);
        rn_mpsc_permit permit = permit_for(channel.tx, count);
        struct call waiting = {.channel = channel, .count = count};
        park(&waiting, call_reserve, "mpsc reserve");
        rn_mpsc_permit_drop(&permit);
        CHECK(permit.channel == NULL && permit.left == 0);
        CHECK_RC(actor_join(waiting.actor), 0);
        CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
        rn_mpsc_permit_drop(&waiting.permit);
        CHECK_EQ(rn_mpsc_tx_room(channel.tx), count);
        drop_both(channel);
    }
}

EVERYWHERE(permit_drop_lets_a_waiting_send_in)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call sender = {.channel = channel, .message = 5};
    park(&sender, call_send, "mpsc send");
    rn_mpsc_permit_drop(&permit);
    CHECK_RC(actor_join(sender.actor), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    drop_both(channel);
}

EVERYWHERE(permit_drop_takes_a_waiting_message_to_the_waiting_receiver)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call receiver = {.channel = channel, .message = -1};
    struct call sender = {.channel = channel, .message = 5};
    park(&receiver, call_recv, "mpsc recv");
    park(&sender, call_send, "mpsc send"); /* both wait: the only place is promised */
    rn_mpsc_permit_drop(&permit);
    CHECK_RC(actor_join(sender.actor), 0);
    CHECK_RC(actor_join(receiver.actor), 0);
    CHECK_EQ(receiver.message, 5);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 1);
    drop_both(channel);
}

EVERYWHERE(permit_send_into_waiting_hands_frees_the_place)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call receiver = {.channel = channel, .message = -1};
    struct call sender = {.channel = channel, .message = 5};
    park(&receiver, call_recv, "mpsc recv");
    park(&sender, call_send, "mpsc send");
    CHECK_RC(permit_send_int(&permit, 4), 0);
    CHECK_RC(actor_join(receiver.actor), 0);
    CHECK_EQ(receiver.message, 4);
    CHECK_RC(actor_join(sender.actor), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    drop_both(channel);
}

static int use_permit(void *arg)
{
    struct call *call = arg;
    CHECK_RC(permit_send_int(&call->permit, call->message), 0);
    rn_mpsc_permit_drop(&call->permit);
    return 0;
}

EVERYWHERE(permit_may_be_used_by_another_party)
{
    struct channel channel = channel_of_ints(2);
    struct call other = {.message = 6, .permit = permit_for(channel.tx, 2)};
    rn_mpsc_tx_drop(channel.tx);
    other.actor = actor_start(use_permit, &other);
    CHECK_EQ(recv_int(channel.rx), 6);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    CHECK_RC(actor_join(other.actor), 0);
    rn_mpsc_rx_drop(channel.rx);
}

static void send_by_permit(void *message, void *ctx)
{
    CHECK_RC(rn_mpsc_permit_send(ctx, message), 0);
}

TEST(permit_can_be_used_by_a_callback)
{
    struct channel notes = channel_of_ints(4);
    rn_mpsc_permit permit = permit_for(notes.tx, 2);
    const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .drop = send_by_permit, .ctx = &permit};
    struct channel channel = channel_of(2, &elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(send_int(channel.tx, 2), 0);
    drop_both(channel);
    CHECK_EQ(try_recv_int(notes.rx), 1);
    CHECK_EQ(try_recv_int(notes.rx), 2);
    drop_both(notes);
}

/* -- what a permit keeps open ------------------------------------------------------------------------------------ */

TEST(permit_counts_as_a_sender)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    rn_mpsc_tx_drop(channel.tx);
    CHECK(!rn_mpsc_rx_is_closed(channel.rx));
    CHECK_EQ(info_of(channel.rx).senders, 0);
    CHECK_EQ(info_of(channel.rx).why, RN_WHY_OPEN);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(permit_send_int(&permit, 3), 0);
    CHECK(rn_mpsc_rx_is_closed(channel.rx));
    CHECK_EQ(info_of(channel.rx).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

TEST(permit_keeps_a_closed_channel_from_ending)
{
    struct channel channel = channel_of_ints(5);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    rn_mpsc_rx_close(channel.rx);
    CHECK(rn_mpsc_rx_is_closed(channel.rx));
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(send_int(channel.tx, 9), RN_CLOSED);
    rn_mpsc_permit_drop(&permit);
    CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
    drop_both(channel);
}

EVERYWHERE(permit_drop_ends_the_drain)
{
    for (size_t count = 1; count <= 3; count++) {
        struct channel channel = channel_of_ints(100);
        rn_mpsc_permit permit = permit_for(channel.tx, count);
        struct call receiver = {.channel = channel};
        rn_mpsc_rx_close(channel.rx);
        park(&receiver, call_recv, "mpsc recv");
        rn_mpsc_permit_drop(&permit);
        CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
        drop_both(channel);
    }
}

EVERYWHERE(permit_drop_of_one_of_two_does_not_end_the_drain)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit first = permit_for(channel.tx, 1);
    rn_mpsc_permit second = permit_for(channel.tx, 1);
    struct call receiver = {.channel = channel};
    rn_mpsc_tx_drop(channel.tx);
    park(&receiver, call_recv, "mpsc recv");
    rn_mpsc_permit_drop(&first);
    CHECK_EQ(parked_in("mpsc recv"), 1);
    rn_mpsc_permit_drop(&second);
    CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

EVERYWHERE(permit_message_arrives_after_the_close)
{
    struct channel channel = channel_of_ints(100);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call receiver = {.channel = channel, .message = -1};
    rn_mpsc_rx_close(channel.rx);
    park(&receiver, call_recv, "mpsc recv");
    CHECK_RC(permit_send_int(&permit, 7), 0);
    CHECK_RC(actor_join(receiver.actor), 0);
    CHECK_EQ(receiver.message, 7);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    drop_both(channel);
}

EVERYWHERE(permit_close_ends_reserves_that_wait_and_the_receiver_waits_for_the_others)
{
    for (size_t capacity = 1; capacity <= 2; capacity++) {
        struct channel channel = channel_of_ints(capacity);
        rn_mpsc_permit permit = permit_for(channel.tx, 1);
        struct call waiting = {.channel = channel, .count = capacity};
        struct call receiver = {.channel = channel};
        park(&waiting, call_reserve, "mpsc reserve");
        rn_mpsc_rx_close(channel.rx);
        CHECK_RC(actor_join(waiting.actor), RN_CLOSED);
        CHECK_EQ(waiting.permit.left, 0);
        park(&receiver, call_recv, "mpsc recv");
        rn_mpsc_permit_drop(&permit);
        CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
        drop_both(channel);
    }
}

EVERYWHERE(permit_granted_just_before_the_close_is_good)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    struct call waiting = {.channel = channel, .count = 1};
    struct call receiver = {.channel = channel};
    park(&waiting, call_reserve, "mpsc reserve");
    rn_mpsc_permit_drop(&permit); /* it has the place now, running or not */
    rn_mpsc_rx_close(channel.rx);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(actor_join(waiting.actor), 0);
    park(&receiver, call_recv, "mpsc recv");
    rn_mpsc_permit_drop(&waiting.permit);
    CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
    drop_both(channel);
}

TEST(permit_is_refused_when_nobody_can_receive)
{
    for (int dropped = 0; dropped < 2; dropped++) {
        struct channel channel = channel_of_ints(2);
        rn_mpsc_permit permit;
        rn_mpsc_permit full = permit_for(channel.tx, 2);
        rn_mpsc_rx_close(channel.rx);
        if (dropped == 1)
            rn_mpsc_rx_drop(channel.rx);
        CHECK_RC(rn_mpsc_reserve(channel.tx, 1, &permit), RN_CLOSED); /* closed wins over full */
        CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &permit), RN_CLOSED);
        CHECK_RC(rn_mpsc_reserve_until(channel.tx, 2, &permit, rn_in_ms(1)), RN_CLOSED);
        CHECK_EQ(permit.left, 0);
        rn_mpsc_permit_drop(&full);
        CHECK_RC(rn_mpsc_reserve(channel.tx, 2, &permit), RN_CLOSED);
        rn_mpsc_tx_drop(channel.tx);
        if (dropped == 0)
            rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(permit_message_for_a_receiver_that_is_gone_is_dropped_once)
{
    struct ledger ledger = {0};
    const rn_elem elem = owned_by(&ledger);
    struct channel channel = channel_of(3, &elem);
    rn_channel_info info;
    rn_mpsc_permit permit = permit_for(channel.tx, 2);
    CHECK_RC(send_int(channel.tx, 1), 0);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_EQ(ledger.drops[1], 1);
    CHECK_RC(permit_send_int(&permit, 2), 0);
    CHECK_EQ(ledger.drops[2], 1);
    CHECK_EQ(ledger.count, 2);
    CHECK_RC(rn_mpsc_tx_info(channel.tx, &info), 0);
    CHECK_EQ(info.dropped, 2);
    CHECK_EQ(info.sent, 2);
    CHECK_EQ(info.promised, 1);
    rn_mpsc_permit_drop(&permit);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(ledger.count, 2);
}

/* The harness counts what is left over. */
TEST(permit_may_be_the_last_that_holds_the_channel)
{
    for (int use = 0; use < 2; use++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(3, &elem);
        rn_mpsc_permit permit = permit_for(channel.tx, 1);
        drop_both(channel);
        if (use == 1)
            CHECK_RC(permit_send_int(&permit, 2), 0);
        else
            rn_mpsc_permit_drop(&permit);
        CHECK_EQ(ledger.count, use);
    }
}

static void drop_own_permit(void *message, void *ctx)
{
    (void)message;
    rn_mpsc_permit_drop(ctx);
}

/* rx_drop drops a message, which drops the last that keeps the channel alive beside the receiver itself. */
TEST(permit_may_be_dropped_by_a_message_of_its_own_channel)
{
    rn_mpsc_permit permit;
    const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .drop = drop_own_permit, .ctx = &permit};
    struct channel channel = channel_of(2, &elem);
    permit = permit_for(channel.tx, 1);
    CHECK_RC(send_int(channel.tx, 1), 0);
    drop_both(channel);
    CHECK_EQ(permit.left, 0);
}
