/* SPDX-License-Identifier: MIT */
/* mpsc: promises that the channels of other languages make to their users, and tests there hold them to. */
#include "api/mpsc_ints.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CAUSE = 42, SMALL = 20 };

/* -- one receiver at a time -------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_second_receiver_that_would_wait_is_refused)
{
    struct channel channel = channel_of_ints(1);
    struct call call = {.channel = channel, .message = -1};
    park(&call, call_recv, "mpsc recv");
    CHECK_EQ(recv_int(channel.rx), RN_EBUSY);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY); /* this one would not have waited */
    CHECK_RC(send_int(channel.tx, 4), 0);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.message, 4);
    drop_both(channel);
}

/* -- for every capacity ------------------------------------------------------------------------------------------ */

EVERYWHERE(mpsc_of_every_small_capacity_waits_when_empty_and_when_full)
{
    for (int capacity = 1; capacity <= SMALL; capacity++) {
        struct channel channel = channel_of_ints((size_t)capacity);
        struct call call = {.channel = channel, .message = -1};
        park(&call, call_recv, "mpsc recv");
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        CHECK_RC(send_int(channel.tx, 50), 0);
        CHECK_RC(actor_join(call.actor), 0);
        CHECK_EQ(call.message, 50);
        for (int i = 0; i < capacity; i++)
            CHECK_RC(send_int(channel.tx, i), 0);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), capacity);
        call.message = capacity;
        park(&call, call_send, "mpsc send");
        CHECK_RC(try_send_int(channel.tx, 99), RN_FULL);
        CHECK_EQ(recv_int(channel.rx), 0);
        CHECK_RC(actor_join(call.actor), 0);
        rn_mpsc_tx_drop(channel.tx);
        for (int expected = 1; expected <= capacity; expected++)
            CHECK_EQ(recv_int(channel.rx), expected);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_rx_drop(channel.rx);
    }
}

static int close_rx(void *arg)
{
    rn_mpsc_rx_close(arg);
    return 0;
}

static int try_once(void *arg)
{
    return try_recv_int(arg);
}

/* A message that is in is there for whoever looks, whatever closes meanwhile. */
EVERYWHERE(mpsc_try_recv_beside_a_close_finds_the_message)
{
    for (int round = 0; round < 200; round++) {
        struct channel channel = channel_of_ints(1);
        CHECK_RC(send_int(channel.tx, 1), 0);
        struct actor *taker = actor_start(try_once, channel.rx);
        struct actor *closer = actor_start(close_rx, channel.rx);
        CHECK_RC(actor_join(taker), 1);
        CHECK_RC(actor_join(closer), 0);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        drop_both(channel);
    }
}

/* -- many senders ------------------------------------------------------------------------------------------------ */

enum { SENDERS = 4, TURNS = 100 };

struct sender {
    struct channel channel;
    int number;
};

static int send_until_closed(void *arg)
{
    const struct sender *sender = arg;
    int rc;
    while ((rc = send_int(sender->channel.tx, sender->number)) == 0)
        ;
    return rc;
}

/* Who was served and waits again stands behind the others: so they take turns, exactly. */
EVERYWHERE(mpsc_senders_that_wait_take_turns)
{
    struct channel channel = channel_of_ints(1);
    struct sender senders[SENDERS];
    struct actor *actors[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){channel, i};
        actors[i] = actor_start(send_until_closed, &senders[i]);
        WAIT_UNTIL(info_of(channel.rx).waited == (uint64_t)i + 1);
    }
    CHECK_EQ(recv_int(channel.rx), 0); /* the first found a place */
    for (int turn = 0; turn < TURNS; turn++) {
        WAIT_UNTIL(info_of(channel.rx).waited == (uint64_t)(SENDERS + 1 + turn));
        CHECK_EQ(recv_int(channel.rx), turn % SENDERS);
    }
    rn_mpsc_rx_close(channel.rx);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(actors[i]), RN_CLOSED);
    drop_both(channel);
}

/* -- other things than numbers ----------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_carries_a_channel_to_answer_on)
{
    struct channel requests = channel_of(1, RN_ELEM(rn_mpsc_tx *));
    struct channel answers = channel_of_ints(1);
    rn_mpsc_tx *reply = NULL;
    CHECK_RC(rn_mpsc_send(requests.tx, &answers.tx), 0);
    CHECK_RC(rn_mpsc_recv(requests.rx, &reply), 0);
    CHECK(reply == answers.tx);
    CHECK_RC(send_int(reply, 7), 0);
    CHECK_EQ(recv_int(answers.rx), 7);
    drop_both(requests);
    drop_both(answers);
}

/* Parked with the message in a frame far down a stack that was used before and is used again. */
static int send_from_a_deep_frame(rn_mpsc_tx *tx, int message, int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    frame[sizeof frame - 1] = frame[0];
    if (depth == 0)
        return send_int(tx, message);
    return send_from_a_deep_frame(tx, message, depth - 1) + (frame[0] - frame[sizeof frame - 1]);
}

static int send_from_deep_frames(void *arg)
{
    for (int i = 0; i < 20; i++)
        CHECK_RC(send_from_a_deep_frame(arg, i, i), 0);
    return 0;
}

EVERYWHERE(mpsc_takes_messages_out_of_deep_frames)
{
    struct channel channel = channel_of_ints(1);
    struct actor *sender = actor_start(send_from_deep_frames, channel.tx);
    for (int expected = 0; expected < 20; expected++) {
        WAIT_UNTIL(parked_in("mpsc send") == 1 || expected >= 18);
        CHECK_EQ(recv_int(channel.rx), expected);
    }
    CHECK_RC(actor_join(sender), 0);
    drop_both(channel);
}

/* -- cancelling loses nothing ------------------------------------------------------------------------------------ */

enum { RACES = 300 };

static int send_own_message(void *arg)
{
    const struct call *call = arg;
    return send_int(call->channel.tx, 9);
}

static int recv_for_the_race(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_recv(call->channel.rx, &call->message);
}

/* A message meets a cancellation: whoever does not have it has left it in the channel. */
ROOT(mpsc_message_is_not_lost_to_a_receiver_that_is_cancelled)
{
    for (int round = 0; round < RACES; round++) {
        struct call call = {.channel = channel_of_ints(1), .message = -1};
        rn_task task;
        REQUIRE(rn_spawn(&task, recv_for_the_race, &call) == 0);
        if (round % 3 == 0)
            WAIT_UNTIL(waits_in(task, "mpsc recv"));
        struct actor *sender = round % 2 == 0 ? actor_start(send_own_message, &call) : NULL;
        rn_task_cancel(task, CAUSE);
        const int sent = sender != NULL ? actor_join(sender) : send_own_message(&call);
        const int rc = result_of(task);
        CHECK_RC(sent, 0);
        CHECK(rc == 0 || rc == RN_ECANCELED);
        CHECK_EQ(rc == 0 ? call.message : try_recv_int(call.channel.rx), 9);
        CHECK_EQ(try_recv_int(call.channel.rx), RN_EMPTY);
        drop_both(call.channel);
    }
}

static int send_for_the_race(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_send(call->channel.tx, &call->message);
}

ROOT(mpsc_message_of_a_sender_that_is_cancelled_is_sent_or_kept)
{
    for (int round = 0; round < RACES; round++) {
        struct call call = {.channel = channel_of_ints(1), .message = 9};
        rn_task task;
        CHECK_RC(send_int(call.channel.tx, 1), 0);
        REQUIRE(rn_spawn(&task, send_for_the_race, &call) == 0);
        if (round % 3 == 0)
            WAIT_UNTIL(waits_in(task, "mpsc send"));
        struct actor *taker = round % 2 == 0 ? actor_start(try_once, call.channel.rx) : NULL;
        rn_task_cancel(task, CAUSE);
        CHECK_EQ(taker != NULL ? actor_join(taker) : try_recv_int(call.channel.rx), 1);
        const int rc = result_of(task);
        CHECK(rc == 0 || rc == RN_ECANCELED);
        CHECK_EQ(try_recv_int(call.channel.rx), rc == 0 ? 9 : RN_EMPTY);
        drop_both(call.channel);
    }
}

/* -- memory ------------------------------------------------------------------------------------------------------ */

TEST(mpsc_of_the_greatest_capacity_costs_what_is_used_of_it)
{
    enum { SENT = 1000 };
    if (TEST_SANITIZED)
        SKIP("a sanitizer touches memory of its own for each allocation");
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    const size_t before = resident_bytes();
    const int rc = rn_mpsc_channel(&tx, &rx, RN_MPSC_CAPACITY_MAX, RN_ELEM(int)); /* 4 GiB of addresses */
    if (rc == RN_ENOMEM)
        SKIP("this system does not promise memory that is not there");
    CHECK_RC(rc, 0);
    CHECK_EQ(rn_mpsc_tx_room(tx), RN_MPSC_CAPACITY_MAX);
    rn_mpsc_permit permit = permit_for(tx, RN_MPSC_CAPACITY_MAX);
    CHECK_RC(try_send_int(tx, 0), RN_FULL);
    for (int i = 0; i < SENT; i++)
        CHECK_RC(permit_send_int(&permit, i), 0);
    for (int i = 0; i < SENT; i++)
        CHECK_EQ(recv_int(rx), i);
    rn_mpsc_permit_drop(&permit);
    CHECK_EQ(rn_mpsc_tx_room(tx), RN_MPSC_CAPACITY_MAX);
    if (!test_is_emulated()) /* an emulator notes each page for itself */
        CHECK(resident_bytes() < before + ((size_t)4 << 20));
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}
