/* SPDX-License-Identifier: MIT */
/* api_oneshot_state.c - what the ends of a oneshot are asked, in every state that it can be in, and who is told when
 * one end leaves: it may be another party than the one that asked before. */
#include <runnel/cancel.h>
#include <runnel/oneshot.h>
#include <runnel/runtime.h>
#include <runnel/task.h>

#include "api/parked.h"
#include "harness/harness.h"

static const char name[] = "oneshot under test";
static const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .name = name};

struct channel {
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
};

static struct channel make(void)
{
    struct channel channel;
    REQUIRE(rn_oneshot_channel(&channel.tx, &channel.rx, &elem) == 0);
    return channel;
}

static void send(const struct channel *channel, int value)
{
    CHECK_RC(rn_oneshot_send(channel->tx, &value), 0);
}

static void expect(const struct channel *channel, int value)
{
    int got = -1;
    CHECK_RC(rn_oneshot_try_recv(channel->rx, &got), 0);
    CHECK_EQ(got, value);
}

static void expect_none(const struct channel *channel, int code)
{
    int got = -1;
    CHECK_RC(rn_oneshot_try_recv(channel->rx, &got), code);
    CHECK_RC(rn_oneshot_recv_until(channel->rx, &got, rn_at_ns(1)), code == RN_EMPTY ? RN_ETIMEDOUT : code);
    CHECK_EQ(got, -1);
}

static void check_state(const struct channel *channel, bool is_empty, bool is_terminated)
{
    CHECK_EQ(rn_oneshot_rx_is_empty(channel->rx), is_empty);
    CHECK_EQ(rn_oneshot_rx_is_terminated(channel->rx), is_terminated);
}

static rn_channel_info info_of(const struct channel *channel)
{
    rn_channel_info info;
    REQUIRE(rn_oneshot_rx_info(channel->rx, &info) == 0);
    return info;
}

/* -- states ------------------------------------------------------------------------------------------------------ */

EVERYWHERE(oneshot_is_terminated_when_the_value_was_taken)
{
    struct channel channel = make();
    CHECK(!rn_oneshot_rx_is_terminated(channel.rx));
    send(&channel, 17);
    CHECK(!rn_oneshot_rx_is_terminated(channel.rx));
    expect(&channel, 17);
    CHECK(rn_oneshot_rx_is_terminated(channel.rx));
    expect_none(&channel, RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

static int recv_seventeen(void *arg)
{
    int got = -1;
    CHECK_RC(rn_oneshot_recv(arg, &got), 0);
    CHECK_EQ(got, 17);
    return 0;
}

EVERYWHERE(oneshot_is_terminated_and_empty_when_a_sleeper_got_the_value)
{
    struct channel channel = make();
    struct actor *actor = actor_start(recv_seventeen, channel.rx);
    WAIT_UNTIL_PARKED(1, name);
    check_state(&channel, true, false);
    send(&channel, 17);
    check_state(&channel, true, true);
    actor_join(actor);
    expect_none(&channel, RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_is_terminated_when_the_sender_left_unsent)
{
    struct channel channel = make();
    CHECK(!rn_oneshot_rx_is_terminated(channel.rx));
    rn_oneshot_tx_drop(channel.tx);
    check_state(&channel, true, true);
    expect_none(&channel, RN_CLOSED);
    check_state(&channel, true, true);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_is_terminated_when_it_is_closed_before_the_value)
{
    struct channel channel = make();
    rn_oneshot_rx_close(channel.rx);
    check_state(&channel, true, true);
    expect_none(&channel, RN_CLOSED);
    rn_oneshot_tx_drop(channel.tx);
    check_state(&channel, true, true);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_is_not_terminated_when_it_is_closed_behind_the_value)
{
    struct channel channel = make();
    send(&channel, 17);
    rn_oneshot_rx_close(channel.rx);
    check_state(&channel, false, false);
    expect(&channel, 17);
    check_state(&channel, true, true);
    rn_oneshot_rx_close(channel.rx); /* nothing is left to close */
    expect_none(&channel, RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_is_empty_unless_a_value_waits)
{
    struct channel channel = make();
    CHECK(rn_oneshot_rx_is_empty(channel.rx));
    expect_none(&channel, RN_EMPTY);
    send(&channel, 17);
    CHECK(!rn_oneshot_rx_is_empty(channel.rx));
    expect(&channel, 17);
    CHECK(rn_oneshot_rx_is_empty(channel.rx));
    rn_oneshot_rx_drop(channel.rx);
}

TEST(oneshot_questions_refuse_null)
{
    struct channel channel = make();
    rn_channel_info info;
    CHECK(!rn_oneshot_rx_is_empty(NULL));
    CHECK(!rn_oneshot_rx_is_terminated(NULL));
    CHECK_RC(rn_oneshot_rx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_oneshot_rx_info(channel.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_oneshot_tx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_oneshot_tx_info(channel.tx, NULL), RN_EINVAL);
    rn_oneshot_tx_drop(channel.tx);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- info -------------------------------------------------------------------------------------------------------- */

EVERYWHERE(oneshot_info_tells_its_life)
{
    struct channel channel = make();
    rn_channel_info info;
    CHECK_RC(rn_oneshot_tx_info(channel.tx, &info), 0);
    CHECK_STR_EQ(info.shape, "oneshot");
    CHECK(info.name == name);
    CHECK(info.birthplace != NULL);
    CHECK_EQ(info.why, RN_WHY_OPEN);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.receivers, 1);
    CHECK_EQ(info.weak, 0);
    CHECK_EQ(info.capacity, 1);
    CHECK_EQ(info.depth, 0);
    CHECK_EQ(info.sent + info.received + info.high_water, 0);
    send(&channel, 1);
    info = info_of(&channel);
    CHECK_EQ(info.why, RN_WHY_SENT);
    CHECK_EQ(info.senders, 0);
    CHECK_EQ(info.receivers, 1);
    CHECK_EQ(info.depth, 1);
    CHECK_EQ(info.high_water, 1);
    CHECK_EQ(info.sent, 1);
    CHECK_EQ(info.received, 0);
    rn_oneshot_rx_close(channel.rx);
    expect(&channel, 1);
    info = info_of(&channel);
    CHECK_EQ(info.why, RN_WHY_SENT); /* the first reason */
    CHECK_EQ(info.depth, 0);
    CHECK_EQ(info.received, 1);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_info_counts_what_a_sleeper_got)
{
    struct channel channel = make();
    struct actor *actor = actor_start(recv_seventeen, channel.rx);
    WAIT_UNTIL_PARKED(1, name);
    send(&channel, 17);
    actor_join(actor);
    const rn_channel_info info = info_of(&channel);
    CHECK_EQ(info.sent, 1);
    CHECK_EQ(info.received, 1);
    CHECK_EQ(info.depth, 0);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_info_tells_why_it_closed)
{
    rn_channel_info info;
    const int value = 1;
    struct channel channel = make();
    rn_oneshot_tx_drop(channel.tx);
    CHECK_EQ(info_of(&channel).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(&channel).senders, 0);
    rn_oneshot_rx_close(channel.rx);
    CHECK_EQ(info_of(&channel).why, RN_WHY_SENDERS_GONE);
    rn_oneshot_rx_drop(channel.rx);

    channel = make();
    rn_oneshot_rx_close(channel.rx);
    CHECK_EQ(info_of(&channel).why, RN_WHY_BY_HAND);
    CHECK_RC(rn_oneshot_send(channel.tx, &value), RN_CLOSED);
    info = info_of(&channel);
    CHECK_EQ(info.why, RN_WHY_BY_HAND);
    CHECK_EQ(info.sent, 0);
    rn_oneshot_rx_drop(channel.rx);

    channel = make();
    rn_oneshot_rx_drop(channel.rx);
    CHECK_RC(rn_oneshot_tx_info(channel.tx, &info), 0);
    CHECK_EQ(info.why, RN_WHY_RECEIVERS_GONE);
    CHECK_EQ(info.receivers, 0);
    CHECK_EQ(info.cause, 0);
    rn_oneshot_tx_drop(channel.tx);
}

static int drop_cancelled(void *arg)
{
    rn_task_cancel(rn_task_self(), -4711);
    rn_oneshot_tx_drop(arg);
    return 0;
}

TEST(oneshot_info_names_the_cancellation_that_closed_it)
{
    struct channel channel = make();
    CHECK_RC(rn_run(drop_cancelled, channel.tx), 0);
    CHECK_EQ(info_of(&channel).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(&channel).cause, -4711);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- cancelled and closed ---------------------------------------------------------------------------------------- */

static int use_cancelled(void *arg)
{
    struct channel *channel = arg;
    int got;
    rn_oneshot_rx_close(channel->rx);
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_oneshot_recv(channel->rx, &got), RN_ECANCELED);
    CHECK_RC(rn_oneshot_try_recv(channel->rx, &got), RN_CLOSED);
    CHECK_RC(rn_oneshot_tx_closed(channel->tx), RN_ECANCELED);
    return 0;
}

TEST(oneshot_cancelled_comes_before_closed)
{
    struct channel channel = make();
    CHECK_RC(rn_run(use_cancelled, &channel), 0);
    rn_oneshot_tx_drop(channel.tx);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- ends that change hands -------------------------------------------------------------------------------------- */

struct call {
    struct channel channel;
    rn_deadline deadline;
    int got;
};

static int recv_once(void *arg)
{
    struct call *call = arg;
    return rn_oneshot_recv_until(call->channel.rx, &call->got, call->deadline);
}

static int closed_once(void *arg)
{
    struct call *call = arg;
    return rn_oneshot_tx_closed_until(call->channel.tx, call->deadline);
}

EVERYWHERE(oneshot_receiver_may_wait_in_one_party_and_then_in_another)
{
    struct channel channel = make();
    struct call first = {.channel = channel, .deadline = rn_in_ms(2), .got = -1}, second = {.channel = channel};
    CHECK_RC(actor_join(actor_start(recv_once, &first)), RN_ETIMEDOUT);
    struct actor *actor = actor_start(recv_once, &second);
    WAIT_UNTIL_PARKED(1, name);
    send(&channel, 6);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(second.got, 6);
    CHECK_EQ(first.got, -1);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_sender_may_wait_for_the_close_in_one_party_and_then_in_another)
{
    struct channel channel = make();
    struct call first = {.channel = channel, .deadline = rn_in_ms(2)}, second = {.channel = channel};
    CHECK_RC(actor_join(actor_start(closed_once, &first)), RN_ETIMEDOUT);
    struct actor *actor = actor_start(closed_once, &second);
    WAIT_UNTIL_PARKED(1, name);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_RC(actor_join(actor), 0);
    rn_oneshot_tx_drop(channel.tx);
}

/* Both sides have waited and gone away: nothing of them is left in the channel. */
EVERYWHERE(oneshot_forgets_those_who_waited_and_left)
{
    struct channel channel = make();
    struct call receiver = {.channel = channel, .deadline = rn_in_ms(2)};
    struct call sender = {.channel = channel, .deadline = rn_in_ms(2)};
    struct actor *a = actor_start(recv_once, &receiver);
    struct actor *b = actor_start(closed_once, &sender);
    CHECK_RC(actor_join(a), RN_ETIMEDOUT);
    CHECK_RC(actor_join(b), RN_ETIMEDOUT);
    rn_oneshot_tx_drop(channel.tx);
    rn_oneshot_rx_drop(channel.rx);
}

/* The waiter of tx_closed is told by hand, too, and the receive beside it. */
EVERYWHERE(oneshot_close_by_hand_tells_the_sender_that_waits)
{
    struct channel channel = make();
    struct call call = {.channel = channel};
    const int value = 1;
    struct actor *actor = actor_start(closed_once, &call);
    WAIT_UNTIL_PARKED(1, name);
    rn_oneshot_rx_close(channel.rx);
    CHECK_RC(actor_join(actor), 0);
    CHECK(rn_oneshot_tx_is_closed(channel.tx));
    CHECK_RC(rn_oneshot_tx_closed(channel.tx), 0);
    expect_none(&channel, RN_CLOSED);
    CHECK_RC(rn_oneshot_send(channel.tx, &value), RN_CLOSED);
    expect_none(&channel, RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}
