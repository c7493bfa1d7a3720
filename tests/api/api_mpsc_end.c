/* SPDX-License-Identifier: MIT */
/* mpsc: how a channel ends, and what becomes of the messages that own something. */
#include <signal.h>
#include <stdlib.h>

#include <runnel/mpsc.h>

#include "api/mpsc_ints.h"
#include "harness/harness.h"

struct one_call {
    struct channel channel;
    int message;
};

static int send_once(void *arg)
{
    struct one_call *call = arg;
    return rn_mpsc_send(call->channel.tx, &call->message);
}

static int recv_once(void *arg)
{
    struct one_call *call = arg;
    return rn_mpsc_recv(call->channel.rx, &call->message);
}

static const size_t capacities[] = {8, RN_UNBOUNDED};

/* -- closing ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_gives_what_was_sent_before_it_was_closed)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of(capacities[i], RN_ELEM(int));
        CHECK_RC(send_int(channel.tx, 1), 0);
        CHECK_RC(send_int(channel.tx, 2), 0);
        rn_mpsc_rx_close(channel.rx);
        rn_mpsc_rx_close(channel.rx); /* again does nothing */
        CHECK_RC(send_int(channel.tx, 3), RN_CLOSED);
        CHECK_EQ(recv_int(channel.rx), 1);
        CHECK_EQ(try_recv_int(channel.rx), 2);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_rx_drop(channel.rx);
    }
}

EVERYWHERE(mpsc_ends_with_its_last_sender)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of(capacities[i], RN_ELEM(int));
        rn_mpsc_tx *clone;
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        CHECK_RC(send_int(channel.tx, 1), 0);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(send_int(clone, 2), 0); /* the first end is gone, the channel is not */
        CHECK_EQ(recv_int(channel.rx), 1);
        rn_mpsc_tx_drop(clone);
        CHECK_EQ(recv_int(channel.rx), 2);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_clones_can_be_dropped_in_any_order)
{
    struct channel channel = channel_of(8, RN_ELEM(int));
    rn_mpsc_tx *clones[3];
    CHECK_RC(rn_mpsc_tx_clone(&clones[0], channel.tx), 0);
    CHECK_RC(rn_mpsc_tx_clone(&clones[1], clones[0]), 0);
    rn_mpsc_tx_drop(clones[0]);
    CHECK_RC(rn_mpsc_tx_clone(&clones[2], clones[1]), 0);
    rn_mpsc_tx_drop(channel.tx);
    rn_mpsc_tx_drop(clones[2]);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(send_int(clones[1], 4), 0);
    rn_mpsc_tx_drop(clones[1]);
    CHECK_EQ(recv_int(channel.rx), 4);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
}

TEST(mpsc_closed_wins_over_full)
{
    struct channel channel = channel_of(1, RN_ELEM(int));
    const int message = 2;
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(rn_mpsc_try_send(channel.tx, &message), RN_FULL);
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(rn_mpsc_try_send(channel.tx, &message), RN_CLOSED);
    CHECK_RC(rn_mpsc_send(channel.tx, &message), RN_CLOSED);
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, rn_in_ms(1)), RN_CLOSED);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_RC(rn_mpsc_try_send(channel.tx, &message), RN_CLOSED);
    rn_mpsc_tx_drop(channel.tx);
}

TEST(mpsc_sender_sees_whether_it_is_closed)
{
    struct channel channel = channel_of(2, RN_ELEM(int));
    rn_mpsc_tx *clone;
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK(!rn_mpsc_tx_is_closed(channel.tx));
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 1);
    rn_mpsc_rx_close(channel.rx);
    CHECK(rn_mpsc_tx_is_closed(channel.tx));
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
    CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0); /* a closed channel can be cloned */
    CHECK(rn_mpsc_tx_is_closed(clone));
    rn_mpsc_rx_drop(channel.rx);
    CHECK(rn_mpsc_tx_is_closed(clone));
    CHECK_EQ(rn_mpsc_tx_room(clone), 0);
    CHECK_RC(send_int(clone, 1), RN_CLOSED);
    rn_mpsc_tx_drop(clone);
    rn_mpsc_tx_drop(channel.tx);
}

TEST(mpsc_unbounded_has_no_room_when_closed)
{
    struct channel channel = channel_of(RN_UNBOUNDED, RN_ELEM(int));
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), RN_UNBOUNDED);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
    rn_mpsc_tx_drop(channel.tx);
}

static void end_by_close(struct channel channel)
{
    rn_mpsc_rx_close(channel.rx);
}

static void end_by_drop(struct channel channel)
{
    rn_mpsc_rx_drop(channel.rx);
}

enum { SENDERS = 3 };

static void end_with_parked_senders(void (*end)(struct channel), struct channel channel)
{
    struct one_call calls[SENDERS];
    struct actor *senders[SENDERS];
    CHECK_RC(send_int(channel.tx, 0), 0);
    for (int i = 0; i < SENDERS; i++) {
        calls[i] = (struct one_call){channel, i + 1};
        senders[i] = actor_start(send_once, &calls[i]);
    }
    WAIT_UNTIL(parked_in("mpsc send") == SENDERS);
    end(channel);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(senders[i]), RN_CLOSED);
}

EVERYWHERE(mpsc_close_wakes_senders_and_keeps_what_was_sent)
{
    struct channel channel = channel_of(1, RN_ELEM(int));
    end_with_parked_senders(end_by_close, channel);
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED); /* what the parked ones had stays with them */
    rn_mpsc_tx_drop(channel.tx);
    rn_mpsc_rx_drop(channel.rx);
}

EVERYWHERE(mpsc_dropped_receiver_wakes_senders)
{
    struct channel channel = channel_of(1, RN_ELEM(int));
    end_with_parked_senders(end_by_drop, channel);
    rn_mpsc_tx_drop(channel.tx);
}

EVERYWHERE(mpsc_last_sender_wakes_the_receiver)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of(capacities[i], RN_ELEM(int));
        struct one_call call = {channel, 77};
        rn_mpsc_tx *clone;
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        struct actor *receiver = actor_start(recv_once, &call);
        WAIT_UNTIL(parked_in("mpsc recv") == 1);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(parked_in("mpsc recv"), 1);
        rn_mpsc_tx_drop(clone);
        CHECK_RC(actor_join(receiver), RN_CLOSED);
        CHECK_EQ(call.message, 77);
        rn_mpsc_rx_drop(channel.rx);
    }
}

EVERYWHERE(mpsc_close_ends_a_receive_beside_it)
{
    struct channel channel = channel_of(1, RN_ELEM(int));
    struct one_call call = {channel, 77};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(actor_join(receiver), RN_CLOSED);
    CHECK_EQ(call.message, 77);
    CHECK_RC(send_int(channel.tx, 1), RN_CLOSED);
    rn_mpsc_tx_drop(channel.tx);
    rn_mpsc_rx_drop(channel.rx);
}

static int drain(void *arg)
{
    struct channel *channel = arg;
    int received = 0;
    while (recv_int(channel->rx) >= 0)
        received++;
    rn_mpsc_rx_drop(channel->rx);
    return received;
}

EVERYWHERE(mpsc_ends_can_be_dropped_at_the_same_time)
{
    for (int round = 0; round < 200; round++) {
        struct channel channel = channel_of(capacities[round % 2], RN_ELEM(int));
        struct actor *receiver = actor_start(drain, &channel);
        CHECK_RC(send_int(channel.tx, round), 0);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(actor_join(receiver), 1);
    }
}

#ifndef NDEBUG
TEST(mpsc_end_used_after_its_drop_is_named)
{
    struct channel channel;
    const rn_mpsc_opts opts = {.name = "orders"};
    REQUIRE(rn_mpsc_channel_with(&channel.tx, &channel.rx, 1, RN_ELEM(int), &opts) == 0);
    rn_mpsc_tx *clone;
    REQUIRE(rn_mpsc_tx_clone(&clone, channel.tx) == 0);
    rn_mpsc_tx_drop(channel.tx);
    EXPECT_DEATH(SIGABRT, "mpsc/mpmc sender \"orders\" is used after it was dropped")
    {
        send_int(channel.tx, 1);
    }
    EXPECT_DEATH(SIGABRT, "mpsc/mpmc sender \"orders\" is used after it was dropped")
    {
        rn_mpsc_tx_drop(channel.tx);
    }
    rn_mpsc_rx_drop(channel.rx);
    EXPECT_DEATH(SIGABRT, "mpsc/mpmc receiver \"orders\" is used after it was dropped")
    {
        recv_int(channel.rx);
    }
    EXPECT_DEATH(SIGABRT, "mpsc/mpmc receiver expected, this is a mpsc/mpmc sender")
    {
        recv_int((rn_mpsc_rx *)(void *)clone);
    }
    rn_mpsc_tx_drop(clone);
}
#endif

/* -- messages that own something --------------------------------------------------------------------------------- */

TEST(mpsc_drops_what_is_unread_once_and_in_order)
{
    enum { SENT = 100, READ = 40 };
    static const size_t sizes[] = {SENT, SENT + 7, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(sizes[i], &elem);
        for (int number = 0; number < SENT; number++)
            CHECK_RC(send_int(channel.tx, number), 0);
        for (int number = 0; number < READ; number++)
            CHECK_EQ(recv_int(channel.rx), number);
        CHECK_EQ(ledger.count, 0); /* what was received is the receiver's */
        rn_mpsc_rx_drop(channel.rx);
        CHECK_EQ(ledger.count, SENT - READ);
        for (int dropped = 0; dropped < ledger.count; dropped++)
            CHECK_EQ(ledger.order[dropped], READ + dropped);
        CHECK_RC(send_int(channel.tx, SENT), RN_CLOSED); /* and what was refused is the sender's */
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(ledger.count, SENT - READ);
    }
}

TEST(mpsc_drops_what_is_unread_when_the_senders_left_first)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(capacities[i], &elem);
        CHECK_RC(send_int(channel.tx, 1), 0);
        CHECK_RC(send_int(channel.tx, 2), 0);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(ledger.count, 0);
        CHECK_EQ(recv_int(channel.rx), 1);
        rn_mpsc_rx_drop(channel.rx);
        CHECK_EQ(ledger.drops[2], 1);
        CHECK_EQ(ledger.count, 1);
    }
}

EVERYWHERE(mpsc_parked_senders_keep_their_messages)
{
    struct ledger ledger = {0};
    const rn_elem elem = owned_by(&ledger);
    struct channel channel = channel_of(1, &elem);
    end_with_parked_senders(end_by_drop, channel);
    CHECK_EQ(ledger.drops[0], 1); /* the one that was in */
    CHECK_EQ(ledger.count, 1);
    rn_mpsc_tx_drop(channel.tx);
}

TEST(mpsc_give_sends)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(capacities[i], &elem);
        int number = 3;
        CHECK_RC(rn_mpsc_give(channel.tx, &number), 0);
        CHECK_EQ(recv_int(channel.rx), 3);
        rn_mpsc_tx_drop(channel.tx);
        rn_mpsc_rx_drop(channel.rx);
        CHECK_EQ(ledger.count, 0);
    }
}

TEST(mpsc_give_drops_what_cannot_be_sent)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(capacities[i], &elem);
        int number = 3;
        rn_mpsc_rx_drop(channel.rx);
        CHECK_RC(rn_mpsc_give(channel.tx, &number), RN_CLOSED);
        CHECK_EQ(ledger.drops[3], 1);
        CHECK_RC(rn_mpsc_give(NULL, &number), RN_EINVAL); /* nobody knows how to drop it */
        CHECK_EQ(ledger.count, 1);
        rn_mpsc_tx_drop(channel.tx);
    }
}

struct give_call {
    rn_mpsc_tx *tx;
    int number;
};

static int give_once(void *arg)
{
    struct give_call *call = arg;
    return rn_mpsc_give(call->tx, &call->number);
}

EVERYWHERE(mpsc_give_that_waited_drops_once_too)
{
    struct ledger ledger = {0};
    const rn_elem elem = owned_by(&ledger);
    struct channel channel = channel_of(1, &elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    struct give_call call = {channel.tx, 2};
    struct actor *giver = actor_start(give_once, &call);
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(actor_join(giver), RN_CLOSED);
    CHECK_EQ(ledger.drops[2], 1);
    CHECK_EQ(ledger.count, 1);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_EQ(ledger.drops[1], 1);
    CHECK_EQ(ledger.count, 2);
    rn_mpsc_tx_drop(channel.tx);
}

/* -- what a drop function may do --------------------------------------------------------------------------------- */

/* Uses the channel that it is called for, and others. */
struct busy_callback {
    struct channel own;       /* its receiver is being dropped */
    struct channel full;      /* bounded, no room */
    struct channel unbounded; /* empty */
    int calls;
};

static void use_channels(void *message, void *ctx)
{
    struct busy_callback *busy = ctx;
    int number = *(int *)message;
    busy->calls++;
    CHECK_RC(rn_mpsc_try_send(busy->own.tx, &number), RN_CLOSED);
    CHECK(rn_mpsc_tx_is_closed(busy->own.tx));
    CHECK_RC(rn_mpsc_send(busy->own.tx, &number), RN_EDEADLK); /* says so although it would not wait */
    CHECK_RC(rn_mpsc_try_send(busy->full.tx, &number), RN_FULL);
    CHECK_RC(rn_mpsc_send(busy->full.tx, &number), RN_EDEADLK);
    CHECK_RC(rn_mpsc_send_until(busy->full.tx, &number, rn_in_ms(1)), RN_EDEADLK);
    CHECK_RC(rn_mpsc_recv(busy->full.rx, &number), RN_EDEADLK);
    CHECK_RC(rn_mpsc_recv_until(busy->full.rx, &number, rn_in_ms(1)), RN_EDEADLK);
    CHECK_RC(rn_mpsc_send(busy->unbounded.tx, &number), 0); /* never waits, so it may */
    CHECK_RC(rn_mpsc_give(busy->unbounded.tx, &number), 0);
    CHECK_EQ(try_recv_int(busy->unbounded.rx), *(int *)message);
    CHECK_EQ(try_recv_int(busy->unbounded.rx), *(int *)message);
    CHECK_RC(rn_mpsc_recv(busy->unbounded.rx, &number), RN_EDEADLK);
}

EVERYWHERE(mpsc_drop_function_may_do_what_never_waits)
{
    struct busy_callback busy = {0};
    const rn_elem elem = {.size = sizeof(int), .drop = use_channels, .ctx = &busy};
    busy.own = channel_of(4, &elem);
    busy.full = channel_of(1, RN_ELEM(int));
    busy.unbounded = channel_of(RN_UNBOUNDED, RN_ELEM(int));
    CHECK_RC(send_int(busy.full.tx, 9), 0);
    CHECK_RC(send_int(busy.own.tx, 1), 0);
    CHECK_RC(send_int(busy.own.tx, 2), 0);
    rn_mpsc_rx_drop(busy.own.rx);
    CHECK_EQ(busy.calls, 2);
    rn_mpsc_tx_drop(busy.own.tx);
    CHECK_EQ(recv_int(busy.full.rx), 9); /* and the caller may wait again */
    rn_mpsc_tx_drop(busy.full.tx);
    rn_mpsc_rx_drop(busy.full.rx);
    rn_mpsc_tx_drop(busy.unbounded.tx);
    rn_mpsc_rx_drop(busy.unbounded.rx);
}

static void drop_sender(void *message, void *ctx)
{
    (void)ctx;
    rn_mpsc_tx_drop(*(rn_mpsc_tx **)message);
}

/* The harness counts what is left over. */
TEST(mpsc_message_may_hold_a_sender_of_its_own_channel)
{
    static const rn_elem elem = {.size = sizeof(rn_mpsc_tx *), .drop = drop_sender};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of(capacities[i], &elem);
        rn_mpsc_tx *clone;
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        CHECK_RC(rn_mpsc_send(channel.tx, &clone), 0);
        CHECK_RC(rn_mpsc_send(channel.tx, &channel.tx), 0); /* the last sender, sent through itself */
        rn_mpsc_rx_drop(channel.rx);
    }
}

static void drop_receiver(void *message, void *ctx)
{
    (void)ctx;
    rn_mpsc_rx_drop(*(rn_mpsc_rx **)message);
}

TEST(mpsc_message_may_hold_another_channel)
{
    static const rn_elem receivers = {.size = sizeof(rn_mpsc_rx *), .drop = drop_receiver};
    struct ledger ledger = {0};
    const rn_elem elem = owned_by(&ledger);
    struct channel inner = channel_of(4, &elem);
    struct channel outer = channel_of(4, &receivers);
    CHECK_RC(send_int(inner.tx, 5), 0);
    CHECK_RC(rn_mpsc_give(outer.tx, &inner.rx), 0);
    rn_mpsc_rx_drop(outer.rx);
    CHECK_EQ(ledger.drops[5], 1);
    CHECK_RC(send_int(inner.tx, 6), RN_CLOSED);
    rn_mpsc_tx_drop(inner.tx);
    rn_mpsc_tx_drop(outer.tx);
}
