/* SPDX-License-Identifier: MIT */
/* Capacity 0: a message moves only when sender and receiver are both there. As cases of mpmc in
 * api_mpmc_like_rendezvous.c. */
#include "api/mpsc_ints.h"
#include "api/selected.h"

enum { SENDERS = 4 };

HELPER void park_senders(struct call calls[SENDERS], struct channel channel)
{
    for (int i = 0; i < SENDERS; i++) {
        calls[i] = (struct call){.channel = channel, .message = i};
        park(&calls[i], call_send, "mpsc send");
    }
}

/* Nothing is in it, and nobody waits. */
HELPER void check_empty(struct channel channel)
{
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(try_send_int(channel.tx, 99), RN_FULL);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
}

/* -- one and one ------------------------------------------------------------------------------------------------- */

EVERYWHERE(rendezvous_send_waits_until_its_message_is_taken)
{
    struct channel channel = channel_of_ints(0);
    struct call call = {.channel = channel, .message = 7};
    check_empty(channel);
    park(&call, call_send, "mpsc send");
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
    CHECK_EQ(recv_int(channel.rx), 7);
    CHECK_RC(actor_join(call.actor), 0);
    check_empty(channel);
    drop_both(channel);
}

EVERYWHERE(rendezvous_receiver_that_waits_is_met_by_a_try)
{
    struct channel channel = channel_of_ints(0);
    struct call call = {.channel = channel, .message = -1};
    park(&call, call_recv, "mpsc recv");
    CHECK_RC(try_send_int(channel.tx, 7), 0);
    CHECK_RC(try_send_int(channel.tx, 8), RN_FULL);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.message, 7);
    check_empty(channel);
    drop_both(channel);
}

EVERYWHERE(rendezvous_sender_that_waits_is_met_by_a_try)
{
    struct channel channel = channel_of_ints(0);
    struct call call = {.channel = channel, .message = 7};
    park(&call, call_send, "mpsc send");
    CHECK_RC(try_send_int(channel.tx, 8), RN_FULL);
    CHECK_EQ(try_recv_int(channel.rx), 7);
    CHECK_RC(actor_join(call.actor), 0);
    check_empty(channel);
    drop_both(channel);
}

EVERYWHERE(rendezvous_takes_senders_in_the_order_they_came)
{
    struct channel channel = channel_of_ints(0);
    struct call calls[SENDERS];
    park_senders(calls, channel);
    for (int i = 0; i < SENDERS; i++) {
        CHECK_EQ(recv_int(channel.rx), i);
        CHECK_RC(actor_join(calls[i].actor), 0);
    }
    check_empty(channel);
    drop_both(channel);
}

TEST(rendezvous_has_no_places_to_reserve)
{
    struct channel channel = channel_of_ints(0);
    rn_mpsc_permit permit;
    CHECK_RC(rn_mpsc_reserve(channel.tx, 1, &permit), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &permit), RN_EINVAL);
    rn_case cases[] = {rn_mpsc_reserve_case(channel.tx, 1, &permit)};
    CHECK_EQ(rn_try_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_EINVAL);
    drop_both(channel);
}

EVERYWHERE(rendezvous_counts_what_moved)
{
    struct channel channel = channel_of_ints(0);
    struct call calls[SENDERS];
    park_senders(calls, channel);
    CHECK_EQ(recv_int(channel.rx), 0);
    const rn_channel_info info = info_of(channel.rx);
    CHECK_EQ(info.capacity, 0);
    CHECK_EQ(info.depth, 0);
    CHECK_EQ(info.high_water, 0);
    CHECK_EQ(info.sent, 1);
    CHECK_EQ(info.received, 1);
    CHECK_EQ(info.waited, SENDERS);
    rn_mpsc_rx_close(channel.rx);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(calls[i].actor), i == 0 ? 0 : RN_CLOSED);
    drop_both(channel);
}

/* -- giving up --------------------------------------------------------------------------------------------------- */

EVERYWHERE(rendezvous_send_that_gave_up_leaves_nothing)
{
    struct channel channel = channel_of_ints(0);
    int message = 7;
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, rn_in_ms(5)), RN_ETIMEDOUT);
    check_empty(channel);
    struct call call = {.channel = channel, .message = -1};
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &message, rn_in_ms(5)), RN_ETIMEDOUT);
    check_empty(channel);
    park(&call, call_recv, "mpsc recv");
    CHECK_RC(send_int(channel.tx, 8), 0);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.message, 8);
    drop_both(channel);
}

EVERYWHERE(rendezvous_sender_that_gave_up_is_passed_over)
{
    struct channel channel = channel_of_ints(0);
    struct call hasty = {.channel = channel, .message = 1}, patient = {.channel = channel, .message = 2};
    park_for_a_while(&hasty, call_send, "mpsc send");
    patient.actor = actor_start(call_send, &patient);
    CHECK_RC(actor_join(hasty.actor), RN_ETIMEDOUT);
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_RC(actor_join(patient.actor), 0);
    drop_both(channel);
}

static int send_cancelled(void *arg)
{
    struct call *call = arg;
    rn_task_cancel(rn_task_self(), 0);
    return call_send(call);
}

ROOT(rendezvous_send_that_begins_cancelled_sends_nothing)
{
    struct channel channel = channel_of_ints(0);
    struct call receiver = {.channel = channel, .message = -1};
    struct call sender = {.channel = channel, .message = 7};
    rn_task task;
    receiver.deadline = rn_in_ms(20);
    receiver.actor = actor_start(call_recv, &receiver);
    RN_MUST(rn_spawn(&task, send_cancelled, &sender));
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_RC(actor_join(receiver.actor), RN_ETIMEDOUT);
    drop_both(channel);
}

ROOT(rendezvous_send_that_is_cancelled_leaves_nothing)
{
    struct channel channel = channel_of_ints(0);
    struct call sender = {.channel = channel, .message = 7};
    rn_task task;
    RN_MUST(rn_spawn(&task, call_send, &sender));
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    check_empty(channel);
    drop_both(channel);
}

/* -- several at a time ------------------------------------------------------------------------------------------- */

EVERYWHERE(rendezvous_send_of_many_gives_them_one_by_one)
{
    struct channel channel = channel_of_ints(0);
    int messages[3] = {0, 1, 2};
    struct call call = {.channel = channel, .messages = messages, .count = 3};
    park(&call, call_send_many, "mpsc send_many");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(recv_int(channel.rx), i);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.moved, 3);
    drop_both(channel);
}

EVERYWHERE(rendezvous_send_of_many_that_gave_up_says_how_many_went)
{
    struct channel channel = channel_of_ints(0);
    int messages[3] = {0, 1, 2};
    struct call call = {.channel = channel, .messages = messages, .count = 3};
    park(&call, call_send_many, "mpsc send_many");
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_EQ(try_recv_int(channel.rx), 1);
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(actor_join(call.actor), RN_CLOSED);
    CHECK_EQ(call.moved, 2);
    drop_both(channel);
}

EVERYWHERE(rendezvous_receive_of_many_takes_all_who_wait)
{
    struct channel channel = channel_of_ints(0);
    struct call calls[SENDERS];
    int out[8];
    size_t count;
    park_senders(calls, channel);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 8, &count), 0);
    CHECK_EQ(count, SENDERS);
    for (int i = 0; i < SENDERS; i++) {
        CHECK_EQ(out[i], i);
        CHECK_RC(actor_join(calls[i].actor), 0);
    }
    park_senders(calls, channel);
    CHECK_RC(rn_mpsc_try_recv_many(channel.rx, out, 3, &count), 0);
    CHECK_EQ(count, 3);
    CHECK_EQ(recv_int(channel.rx), 3);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(calls[i].actor), 0);
    drop_both(channel);
}

/* -- ends -------------------------------------------------------------------------------------------------------- */

EVERYWHERE(rendezvous_close_wakes_senders_who_keep_their_messages)
{
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        static struct ledger ledger;
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(0, &elem);
        struct call calls[SENDERS];
        park_senders(calls, channel);
        if (by_hand)
            rn_mpsc_rx_close(channel.rx);
        else
            rn_mpsc_rx_drop(channel.rx);
        for (int i = 0; i < SENDERS; i++)
            CHECK_RC(actor_join(calls[i].actor), RN_CLOSED);
        CHECK_EQ(ledger.count, 0);
        CHECK_RC(try_send_int(channel.tx, 1), RN_CLOSED);
        if (by_hand) {
            CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
            rn_mpsc_rx_drop(channel.rx);
        }
        rn_mpsc_tx_drop(channel.tx);
    }
}

EVERYWHERE(rendezvous_receiver_hears_that_the_last_sender_has_gone)
{
    struct channel channel = channel_of_ints(0);
    struct call call = {.channel = channel};
    park(&call, call_recv, "mpsc recv");
    rn_mpsc_tx_drop(channel.tx);
    CHECK_RC(actor_join(call.actor), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

/* -- select ------------------------------------------------------------------------------------------------------ */

static const int seven = 7;

/* The first waits; the second comes. */
static void meet(struct channel channel, rn_case *first, rn_case *second)
{
    struct selector selector = {.cases = first, .count = 1};
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    CHECK_EQ(rn_select(second, 1), 0);
    CHECK_RC(second->rc, 0);
    actor_join(actor);
    CHECK_EQ(selector.which, 0);
    CHECK_RC(first->rc, 0);
    check_empty(channel);
}

EVERYWHERE(rendezvous_of_two_selects_comes_about)
{
    struct channel channel = channel_of_ints(0);
    int value = -1;
    rn_case sends[] = {rn_mpsc_send_case(channel.tx, &seven)}, receives[] = {rn_mpsc_recv_case(channel.rx, &value)};
    for (int round = 0; round < 2; round++) {
        value = -1;
        meet(channel, round == 0 ? sends : receives, round == 0 ? receives : sends);
        CHECK_EQ(value, 7);
    }
    CHECK_EQ(rn_try_select(sends, 1), RN_EAGAIN);
    CHECK_EQ(rn_try_select(receives, 1), RN_EAGAIN);
    drop_both(channel);
}

EVERYWHERE(rendezvous_select_does_not_meet_itself)
{
    struct channel channel = channel_of_ints(0);
    const int eight = 8;
    int value = -1;
    rn_case cases[] = {rn_mpsc_send_case(channel.tx, &seven), rn_mpsc_send_case(channel.tx, &eight),
                       rn_mpsc_recv_case(channel.rx, &value)};
    CHECK_EQ(rn_select_until(cases, 3, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_EQ(rn_select_in_order(cases, 3, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_EQ(value, -1);
    check_empty(channel);
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    CHECK_RC(try_send_int(channel.tx, 9), 0); /* though its own sends stand in the line */
    actor_join(actor);
    CHECK_EQ(selector.which, 2);
    CHECK_EQ(value, 9);
    actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    value = try_recv_int(channel.rx);
    CHECK(value == 7 || value == 8);
    actor_join(actor);
    CHECK_EQ(selector.which, value - 7);
    check_empty(channel);
    drop_both(channel);
}

EVERYWHERE(rendezvous_select_hears_the_close)
{
    struct channel channel = channel_of_ints(0);
    rn_case cases[] = {rn_mpsc_send_case(channel.tx, &seven)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    rn_mpsc_rx_close(channel.rx);
    actor_join(actor);
    CHECK_EQ(selector.which, 0);
    CHECK_RC(cases[0].rc, RN_CLOSED);
    drop_both(channel);
}
