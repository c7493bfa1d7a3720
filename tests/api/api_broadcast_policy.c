/* SPDX-License-Identifier: MIT */
/* api_broadcast_policy.c - what happens to a receiver that falls behind is its own choice: those that block, skip or
 * are disconnected, and the sends that wait. The counts in every order of calls: api_broadcast_oracle.c. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>

#include "api/events.h"
#include "api/owned.h"
#include "api/selected.h"

static rn_broadcast_rx *subscribe_as(rn_broadcast_tx *tx, enum rn_on_lag on_lag)
{
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_subscribe_with(&rx, tx, &(rn_subscribe_opts){.on_lag = on_lag}) == 0);
    return rx;
}

/* A channel of capacity 2 and one receiver. */
static struct pair make_as(enum rn_on_lag on_lag)
{
    struct pair pair = make_with(2, RN_BROADCAST_MAY_BLOCK);
    rn_broadcast_rx *rx = subscribe_as(pair.tx, on_lag);
    rn_broadcast_rx_drop(pair.rx);
    pair.rx = rx;
    return pair;
}

/* One send, by an actor. */
struct sending {
    rn_broadcast_tx *tx;
    int message;
    rn_deadline deadline;
    struct actor *actor;
};

static int send_one(void *arg)
{
    struct sending *sending = arg;
    return rn_broadcast_send_until(sending->tx, &sending->message, sending->deadline);
}

/* Comes back when so many wait. */
static void start_sending(struct sending *sending, rn_broadcast_tx *tx, int message, unsigned waiting)
{
    *sending = (struct sending){.tx = tx, .message = message};
    sending->actor = actor_start(send_one, sending);
    WAIT_UNTIL(parked_in("broadcast send") == waiting);
}

static int try_send(rn_broadcast_tx *tx, int message)
{
    return rn_broadcast_try_send(tx, &message);
}

/* -- subscribing ------------------------------------------------------------------------------------------------- */

static void check_refused(rn_broadcast_tx *tx, const rn_subscribe_opts *opts)
{
    rn_broadcast_rx *rx = (rn_broadcast_rx *)&tx;
    CHECK_RC(rn_broadcast_subscribe_with(&rx, tx, opts), RN_EINVAL);
    CHECK(rx == NULL);
}

EVERYWHERE(broadcast_receiver_that_blocks_needs_a_channel_that_may)
{
    struct pair pair = make(1);
    check_refused(pair.tx, &(rn_subscribe_opts){.on_lag = RN_ON_LAG_BLOCK});
    check_refused(NULL, &(rn_subscribe_opts){.on_lag = RN_ON_LAG_BLOCK});
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    drop(&pair);
}

TEST(broadcast_subscribe_refuses_options_of_the_future)
{
    struct pair pair = make(1);
    rn_broadcast_rx *rx;
    check_refused(pair.tx, &(rn_subscribe_opts){.on_lag = (enum rn_on_lag)4});
    check_refused(pair.tx, &(rn_subscribe_opts){.flags = RN_SUBSCRIBE_FROM << 1});
    check_refused(pair.tx, &(rn_subscribe_opts){.sequence = 1});
    check_refused(pair.tx, &(rn_subscribe_opts){.flags = RN_SUBSCRIBE_FROM, .sequence = 1});
    check_refused(pair.tx, &(rn_subscribe_opts){.reserved = {0, 0, 0, 0, 0, 1}});
    CHECK_RC(rn_broadcast_subscribe_with(NULL, pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_subscribe_with(&rx, pair.tx, NULL), 0);
    rn_broadcast_rx_drop(rx);
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_with_a_number_begins_there)
{
    struct pair pair = make(2);
    rn_broadcast_rx *rx;
    const rn_subscribe_opts opts = {.on_lag = RN_ON_LAG_DISCONNECT, .flags = RN_SUBSCRIBE_FROM, .sequence = 1};
    send_range(pair.tx, 0, 3);
    REQUIRE(rn_broadcast_subscribe_with(&rx, pair.tx, &opts) == 0);
    expect(rx, 2, 1); /* what it was missing already is told, and does not disconnect it */
    expect(rx, 3, 0);
    rn_broadcast_rx_drop(rx);
    drop(&pair);
}

/* -- blocking ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_send_waits_for_a_receiver_that_blocks)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    rn_broadcast_rx *other = subscribe(pair.tx);
    struct sending sending;
    rn_channel_info info;
    send_range(pair.tx, 1, 2);
    CHECK_RC(try_send(pair.tx, 3), RN_FULL);
    CHECK_RC(rn_broadcast_send_until(pair.tx, &(int){3}, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_broadcast_send_until(pair.tx, &(int){3}, rn_in_ms(1)), RN_ETIMEDOUT);
    start_sending(&sending, pair.tx, 3, 1);
    expect(pair.rx, 1, 0);
    CHECK_RC(actor_join(sending.actor), 0);
    CHECK_RC(rn_broadcast_tx_info(pair.tx, &info), 0);
    CHECK_EQ(info.sent, 3);
    CHECK(info.waited >= 2);
    expect(pair.rx, 2, 0);
    expect(pair.rx, 3, 0);
    expect_none(pair.rx, RN_EMPTY);
    expect(other, 2, 1); /* this one waits for nobody and nobody for it */
    rn_broadcast_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(broadcast_senders_that_wait_are_not_overtaken)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    struct sending sendings[3];
    send_range(pair.tx, 1, 2);
    for (int i = 0; i < 3; i++)
        start_sending(&sendings[i], pair.tx, 3 + i, (unsigned)i + 1);
    for (int i = 0; i < 3; i++) {
        expect(pair.rx, 1 + i, 0); /* 3 + i has gone, in this very call */
        CHECK_RC(try_send(pair.tx, 99), RN_FULL);
        CHECK_RC(actor_join(sendings[i].actor), 0);
    }
    expect(pair.rx, 4, 0);
    CHECK_RC(try_send(pair.tx, 6), 0);
    expect(pair.rx, 5, 0);
    expect(pair.rx, 6, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_senders_wait_for_the_slowest_of_those_that_block)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    rn_broadcast_rx *second;
    struct sending sending;
    send_range(pair.tx, 1, 1);
    REQUIRE(rn_broadcast_rx_clone(&second, pair.rx) == 0); /* which blocks like the other */
    send_range(pair.tx, 2, 2);
    start_sending(&sending, pair.tx, 3, 1);
    expect(pair.rx, 1, 0);
    expect(pair.rx, 2, 0);
    CHECK_RC(try_send(pair.tx, 99), RN_FULL);
    expect(second, 1, 0);
    CHECK_RC(actor_join(sending.actor), 0);
    expect(second, 2, 0);
    expect(second, 3, 0);
    rn_broadcast_rx_drop(second);
    drop(&pair);
}

EVERYWHERE(broadcast_senders_go_on_when_the_receiver_that_blocks_leaves)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    rn_broadcast_rx *other = subscribe(pair.tx);
    struct sending sendings[2];
    send_range(pair.tx, 1, 2);
    for (int i = 0; i < 2; i++)
        start_sending(&sendings[i], pair.tx, 3 + i, (unsigned)i + 1);
    rn_broadcast_rx_drop(pair.rx);
    for (int i = 0; i < 2; i++)
        CHECK_RC(actor_join(sendings[i].actor), 0);
    expect(other, 3, 2);
    expect(other, 4, 0);
    pair.rx = other;
    drop(&pair);
}

EVERYWHERE(broadcast_senders_that_wait_hear_that_nobody_is_left)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    struct sending sendings[2];
    send_range(pair.tx, 1, 2);
    for (int i = 0; i < 2; i++)
        start_sending(&sendings[i], pair.tx, 3 + i, (unsigned)i + 1);
    rn_broadcast_rx_drop(pair.rx);
    for (int i = 0; i < 2; i++)
        CHECK_RC(actor_join(sendings[i].actor), RN_NOBODY);
    rn_broadcast_tx_drop(pair.tx);
}

EVERYWHERE(broadcast_sender_that_leaves_the_line_is_in_nobodys_way)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK), other = make(1);
    const int message = 3;
    int got = 0;
    uint64_t missed;
    rn_case cases[] = {rn_broadcast_send_case(pair.tx, &message), rn_broadcast_recv_case(other.rx, &got, &missed)};
    struct selector selector = SELECTOR(cases);
    struct sending second;
    send_range(pair.tx, 1, 2);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    start_sending(&second, pair.tx, 4, 1);
    send_range(other.tx, 7, 7);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector.which, 1);
    expect(pair.rx, 1, 0);
    CHECK_RC(actor_join(second.actor), 0);
    expect(pair.rx, 2, 0);
    expect(pair.rx, 4, 0);
    drop(&pair);
    drop(&other);
}

static int cancel_sender(void *arg)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    struct sending sending = {.tx = pair.tx, .message = 3};
    rn_task task;
    int result = 0;
    (void)arg;
    send_range(pair.tx, 1, 2);
    RN_MUST(rn_spawn(&task, send_one, &sending));
    WAIT_UNTIL(parked_in("broadcast send") == 1);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, RN_ECANCELED);
    expect(pair.rx, 1, 0);
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_broadcast_send(pair.tx, &sending.message), RN_ECANCELED); /* also where it need not wait */
    CHECK_RC(try_send(pair.tx, 4), 0);                                    /* which does not look */
    expect(pair.rx, 2, 0);
    expect(pair.rx, 4, 0);
    drop(&pair);
    return 0;
}

TEST(broadcast_send_that_waits_is_cancelled_without_sending)
{
    for (uint32_t workers = 1; workers <= 2; workers++)
        CHECK_RC(rn_run_with(cancel_sender, NULL, &(rn_runtime_opts){.workers = workers}), 0);
}

EVERYWHERE(broadcast_receiver_that_blocks_and_sleeps_is_served_by_one_that_reads)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    rn_broadcast_rx *fast;
    struct sending sending;
    REQUIRE(rn_broadcast_rx_clone(&fast, pair.rx) == 0);
    struct reader reader = {.rx = fast};
    send_range(pair.tx, 1, 2);
    expect(fast, 1, 0);
    expect(fast, 2, 0);
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL(parked_in("broadcast recv") == 1);
    start_sending(&sending, pair.tx, 3, 1);
    expect(pair.rx, 1, 0);
    CHECK_RC(actor_join(sending.actor), 0);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(reader.got, 3);
    CHECK_EQ(reader.missed, 0);
    rn_broadcast_rx_drop(fast);
    drop(&pair);
}

/* -- blocking, with messages that own something ------------------------------------------------------------------ */

struct stage {
    struct owners owners;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
};

static void set_up(struct stage *stage, enum rn_on_lag on_lag)
{
    const rn_broadcast_opts opts = {.flags = RN_BROADCAST_MAY_BLOCK};
    REQUIRE(rn_broadcast_channel_with(&stage->tx, NULL, 1, OWNED_ELEM(&stage->owners), &opts) == 0);
    stage->rx = subscribe_as(stage->tx, on_lag);
}

static void tear_down(struct stage *stage)
{
    rn_broadcast_tx_drop(stage->tx);
    rn_broadcast_rx_drop(stage->rx);
    CHECK_EQ(stage->owners.live, 0);
}

static void expect_owned(struct stage *stage, int number)
{
    struct owned got;
    uint64_t missed = 77;
    if (!CHECK_RC(rn_broadcast_try_recv(stage->rx, &got, &missed), 0))
        return;
    CHECK_EQ(*got.number, number);
    CHECK_EQ(missed, 0);
    owned_destroy(&stage->owners, &got);
}

static int send_owned(void *arg)
{
    struct stage *stage = arg;
    struct owned message = owned_make(&stage->owners, 2);
    const int rc = rn_broadcast_send(stage->tx, &message);
    if (rc != 0)
        owned_destroy(&stage->owners, &message);
    return rc;
}

EVERYWHERE(broadcast_clone_that_fails_keeps_the_sender_waiting)
{
    struct stage stage = {0};
    struct owned message = owned_make(&stage.owners, 1), got;
    uint64_t missed;
    set_up(&stage, RN_ON_LAG_BLOCK);
    CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    struct actor *actor = actor_start(send_owned, &stage);
    WAIT_UNTIL(parked_in("broadcast send") == 1);
    stage.owners.clone_code = -20000;
    CHECK_RC(rn_broadcast_try_recv(stage.rx, &got, &missed), -20000);
    stage.owners.clone_code = 0;
    CHECK_EQ(parked_in("broadcast send"), 1);
    expect_owned(&stage, 1);
    CHECK_RC(actor_join(actor), 0);
    expect_owned(&stage, 2);
    tear_down(&stage);
}

EVERYWHERE(broadcast_owned_message_that_was_not_sent_stays_with_the_sender)
{
    struct stage stage = {0};
    struct owned message = owned_make(&stage.owners, 1);
    set_up(&stage, RN_ON_LAG_BLOCK);
    CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    message = owned_make(&stage.owners, 2);
    CHECK_RC(rn_broadcast_try_send(stage.tx, &message), RN_FULL);
    struct actor *actor = actor_start(send_owned, &stage);
    WAIT_UNTIL(parked_in("broadcast send") == 1);
    rn_broadcast_rx_drop(stage.rx);
    CHECK_RC(actor_join(actor), RN_NOBODY);
    CHECK_EQ(stage.owners.live, 1);
    CHECK_RC(rn_broadcast_give(stage.tx, &message), RN_NOBODY);
    stage.rx = NULL;
    tear_down(&stage);
}

static rn_broadcast_tx *tx_of_drop;
static int rc_in_drop, rc_of_try_in_drop;

static void send_in_drop(struct owners *owners, int number)
{
    struct owned message;
    if (number != 1)
        return;
    message = owned_make(owners, 3);
    rc_in_drop = rn_broadcast_send(tx_of_drop, &message);
    rc_of_try_in_drop = rn_broadcast_try_send(tx_of_drop, &message);
    owned_destroy(owners, &message);
}

EVERYWHERE(broadcast_drop_function_may_only_try_where_a_send_may_wait)
{
    struct stage stage = {.owners = {.on_drop = send_in_drop}};
    struct owned message = owned_make(&stage.owners, 1);
    set_up(&stage, RN_ON_LAG_BLOCK);
    tx_of_drop = stage.tx;
    CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    expect_owned(&stage, 1);
    message = owned_make(&stage.owners, 2);
    CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    CHECK_RC(rc_in_drop, RN_EDEADLK);
    CHECK_RC(rc_of_try_in_drop, RN_FULL);
    expect_owned(&stage, 2);
    tear_down(&stage);
}

/* -- sends in a select ------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_send_case_happens_at_once_where_no_send_waits)
{
    struct pair pair = make(1);
    const int message = 5;
    rn_case cases[] = {rn_broadcast_send_case(pair.tx, &message)};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(rn_try_select(cases, 1), 0);
        CHECK_RC(cases[0].rc, 0);
    }
    expect(pair.rx, 5, 2);
    rn_broadcast_rx_drop(pair.rx);
    CHECK_EQ(rn_try_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_NOBODY);
    rn_broadcast_tx_drop(pair.tx);
}

EVERYWHERE(broadcast_send_case_refuses_bad_arguments)
{
    struct pair pair = make(1);
    rn_case cases[] = {rn_broadcast_send_case(NULL, NULL), rn_broadcast_send_case(pair.tx, NULL)};
    CHECK_EQ(rn_select(cases, 2), 1);
    CHECK_RC(cases[1].rc, RN_EINVAL);
    drop(&pair);
}

EVERYWHERE(broadcast_send_case_waits_for_a_receiver_that_blocks)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    const int message = 3;
    rn_case cases[] = {rn_broadcast_send_case(pair.tx, &message)};
    struct selector selector = SELECTOR(cases);
    send_range(pair.tx, 1, 2);
    CHECK_RC(rn_try_select(cases, 1), RN_EAGAIN);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    CHECK_RC(try_send(pair.tx, 99), RN_FULL); /* it stands in the line */
    expect(pair.rx, 1, 0);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector.which, 0);
    CHECK_RC(cases[0].rc, 0);
    expect(pair.rx, 2, 0);
    expect(pair.rx, 3, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_send_case_that_loses_sends_nothing)
{
    struct stage stage = {0};
    struct pair other = make(1);
    struct owned message = owned_make(&stage.owners, 1);
    int got = 0;
    uint64_t missed;
    set_up(&stage, RN_ON_LAG_BLOCK);
    CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    message = owned_make(&stage.owners, 2);
    rn_case cases[] = {rn_broadcast_send_case(stage.tx, &message), rn_broadcast_recv_case(other.rx, &got, &missed)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    send_range(other.tx, 7, 7);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector.which, 1);
    expect_owned(&stage, 1);
    CHECK_RC(rn_broadcast_try_recv(stage.rx, &(struct owned){0}, &missed), RN_EMPTY);
    CHECK_EQ(rn_select(cases, 1), 0); /* used again */
    CHECK_RC(cases[0].rc, 0);
    expect_owned(&stage, 2);
    tear_down(&stage);
    drop(&other);
}

/* One party that is both the sender and the receiver that blocks: it does one thing, then the other. */
EVERYWHERE(broadcast_select_sends_and_receives_on_one_channel)
{
    struct pair pair = make_as(RN_ON_LAG_BLOCK);
    int next = 1, got = 0, sum = 0;
    uint64_t missed = 0;
    rn_case cases[] = {rn_broadcast_send_case(pair.tx, &next), rn_broadcast_recv_case(pair.rx, &got, &missed)};
    while (sum < 5050) {
        if (next > 100)
            cases[0] = RN_NEVER;
        const int which = rn_select(cases, 2);
        REQUIRE(which >= 0 && cases[which].rc == 0);
        CHECK_EQ(missed, 0);
        if (which == 0)
            next++;
        else
            sum += got;
    }
    CHECK_EQ(sum, 5050);
    drop(&pair);
}

/* -- skipping ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_receiver_that_skips_goes_on_with_the_newest)
{
    struct pair pair = make_as(RN_ON_LAG_SKIP_TO_LATEST);
    int got = 0;
    send_range(pair.tx, 1, 2);
    expect(pair.rx, 1, 0); /* it is behind, but nothing is lost */
    send_range(pair.tx, 3, 5);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 4);
    expect(pair.rx, 5, 3); /* 2 and 3 are gone, 4 is skipped */
    send_range(pair.tx, 6, 8);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &got, NULL), RN_LAGGED);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &got, NULL), 0);
    CHECK_EQ(got, 8);
    expect_none(pair.rx, RN_EMPTY);
    drop(&pair);
}

/* -- disconnecting ----------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_receiver_that_falls_behind_is_disconnected)
{
    struct pair pair = make_as(RN_ON_LAG_DISCONNECT);
    rn_broadcast_rx *other = subscribe(pair.tx);
    int got = -1;
    uint64_t missed = 77;
    send_range(pair.tx, 0, 1);
    expect(pair.rx, 0, 0);
    send_range(pair.tx, 2, 2);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 2); /* 1 is there yet */
    send_range(pair.tx, 3, 4);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    CHECK(rn_broadcast_rx_is_closed(pair.rx));
    CHECK(!rn_broadcast_rx_is_closed(other));
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 1); /* for who comes back */
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), RN_LAGGED);
    CHECK_EQ(missed, 3); /* 1, 2, and 3, which cut it off */
    expect_none(pair.rx, RN_CLOSED);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, NULL), RN_CLOSED);
    expect(other, 3, 3);
    rn_broadcast_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(broadcast_disconnected_receiver_comes_back_as_another)
{
    struct pair pair = make_as(RN_ON_LAG_DISCONNECT);
    rn_broadcast_rx *again, *clone;
    uint64_t missed;
    send_range(pair.tx, 0, 2);
    CHECK_RC(rn_broadcast_send(pair.tx, &(int){3}), RN_NOBODY);
    REQUIRE(rn_broadcast_resubscribe(&again, pair.rx) == 0);
    REQUIRE(rn_broadcast_rx_clone(&clone, pair.rx) == 0);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 2);
    send_range(pair.tx, 3, 3);
    expect(again, 3, 0);
    expect(clone, 3, 3);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &(int){0}, &missed), RN_LAGGED);
    rn_broadcast_rx_drop(again);
    rn_broadcast_rx_drop(clone);
    drop(&pair);
}

static int wait_for_nobody(void *arg)
{
    return rn_broadcast_tx_closed(arg);
}

EVERYWHERE(broadcast_last_receiver_that_is_disconnected_leaves_nobody)
{
    struct stage stage = {0};
    set_up(&stage, RN_ON_LAG_DISCONNECT);
    struct actor *actor = actor_start(wait_for_nobody, stage.tx);
    WAIT_UNTIL(parked_in("broadcast tx_closed") == 1);
    for (int i = 1; i <= 2; i++) {
        struct owned message = owned_make(&stage.owners, i);
        CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    }
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(stage.owners.live, 0); /* nothing is kept for it */
    CHECK_EQ(stage.owners.dropped[0], 1);
    CHECK_EQ(stage.owners.dropped[1], 2);
    tear_down(&stage);
}

static rn_broadcast_rx *rx_of_drop;

static void drop_receiver(struct owners *owners, int number)
{
    (void)owners;
    if (number == 1)
        rn_broadcast_rx_drop(rx_of_drop);
}

/* The receiver goes while the send that cut it off is still dropping messages. */
EVERYWHERE(broadcast_drop_function_may_drop_the_receiver_that_was_disconnected)
{
    struct stage stage = {.owners = {.on_drop = drop_receiver}};
    set_up(&stage, RN_ON_LAG_DISCONNECT);
    rx_of_drop = stage.rx;
    stage.rx = NULL;
    for (int i = 1; i <= 2; i++) {
        struct owned message = owned_make(&stage.owners, i);
        CHECK_RC(rn_broadcast_send(stage.tx, &message), 0);
    }
    CHECK_EQ(stage.owners.live, 0);
    tear_down(&stage);
}
