/* SPDX-License-Identifier: MIT */
/* oneshot: one value, handed over once, whoever comes first and whoever leaves first. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <runnel/mpsc.h>
#include <runnel/oneshot.h>

#include "api/parked.h"
#include "base/random.h"
#include "harness/harness.h"

struct channel {
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
};

static struct channel channel_of(const rn_elem *elem)
{
    struct channel channel;
    REQUIRE(rn_oneshot_channel(&channel.tx, &channel.rx, elem) == 0);
    return channel;
}

static struct channel channel_of_int(void)
{
    return channel_of(RN_ELEM(int));
}

static int send_int(rn_oneshot_tx *tx, int value)
{
    return rn_oneshot_send(tx, &value);
}

/* The value, or the code. Values of these tests are not negative. */
static int recv_int(rn_oneshot_rx *rx)
{
    int value = -1;
    const int rc = rn_oneshot_recv(rx, &value);
    return rc == 0 ? value : rc;
}

static int try_recv_int(rn_oneshot_rx *rx)
{
    int value = -1;
    const int rc = rn_oneshot_try_recv(rx, &value);
    return rc == 0 ? value : rc;
}

struct one_call {
    struct channel channel;
    int value;
    rn_deadline deadline;
};

static int recv_once(void *arg)
{
    struct one_call *call = arg;
    return rn_oneshot_recv_until(call->channel.rx, &call->value, call->deadline);
}

static int closed_once(void *arg)
{
    struct one_call *call = arg;
    return rn_oneshot_tx_closed_until(call->channel.tx, call->deadline);
}

/* -- bad input --------------------------------------------------------------------------------------------------- */

TEST(oneshot_constructor_refuses_bad_input)
{
    static const rn_elem wrong[] = {
        {.size = 0},
        {.size = RN_ELEM_SIZE_MAX + 1},
        {.size = 8, .align = 24},
        {.size = 8, .align = 128},
        {.size = 8, .reserved = {1, 0}},
    };
    for (size_t i = 0; i <= RN_COUNT(wrong); i++) {
        rn_oneshot_tx *tx = (rn_oneshot_tx *)(uintptr_t)1;
        rn_oneshot_rx *rx = (rn_oneshot_rx *)(uintptr_t)1;
        CHECK_RC(rn_oneshot_channel(&tx, &rx, i < RN_COUNT(wrong) ? &wrong[i] : NULL), RN_EINVAL);
        CHECK(tx == NULL);
        CHECK(rx == NULL);
    }
}

TEST(oneshot_constructor_needs_a_place_for_both_ends)
{
    rn_oneshot_tx *tx = (rn_oneshot_tx *)(uintptr_t)1;
    rn_oneshot_rx *rx = (rn_oneshot_rx *)(uintptr_t)1;
    CHECK_RC(rn_oneshot_channel(&tx, NULL, RN_ELEM(int)), RN_EINVAL);
    CHECK_RC(rn_oneshot_channel(NULL, &rx, RN_ELEM(int)), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK(rx == NULL);
}

TEST(oneshot_refuses_null_and_changes_nothing)
{
    struct channel channel = channel_of_int();
    int value = 5;
    CHECK_RC(rn_oneshot_send(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_oneshot_give(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_oneshot_send(channel.tx, NULL), RN_EINVAL); /* the one failure that leaves the sender alive */
    CHECK_RC(rn_oneshot_give(channel.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_oneshot_recv(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_oneshot_try_recv(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_oneshot_recv_until(NULL, &value, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_oneshot_recv(channel.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_oneshot_try_recv(channel.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_oneshot_recv_until(channel.rx, NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_oneshot_tx_closed(NULL), RN_EINVAL);
    CHECK_RC(rn_oneshot_tx_closed_until(NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK(!rn_oneshot_tx_is_closed(NULL));
    rn_oneshot_rx_close(NULL);
    rn_oneshot_rx_drop(NULL);
    rn_oneshot_tx_drop(NULL);
    CHECK_RC(rn_oneshot_send(channel.tx, &value), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- the value --------------------------------------------------------------------------------------------------- */

TEST(oneshot_value_arrives_once)
{
    struct channel channel = channel_of_int();
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK(!rn_oneshot_tx_is_closed(channel.tx));
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_EQ(try_recv_int(channel.rx), 5);
    CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_receiver_waits_for_the_value)
{
    struct channel channel = channel_of_int();
    struct one_call call = {.channel = channel};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("oneshot recv") == 1);
    CHECK_RC(send_int(channel.tx, 6), 0);
    CHECK_RC(actor_join(receiver), 0);
    CHECK_EQ(call.value, 6);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

static int send_seven(void *arg)
{
    return send_int(arg, 7);
}

EVERYWHERE(oneshot_sender_may_be_gone_before_the_receiver_looks)
{
    struct channel channel = channel_of_int();
    struct actor *sender = actor_start(send_seven, channel.tx);
    CHECK_RC(actor_join(sender), 0);
    CHECK_EQ(recv_int(channel.rx), 7);
    rn_oneshot_rx_drop(channel.rx);
}

TEST(oneshot_copies_the_value_before_send_returns)
{
    struct channel channel = channel_of_int();
    int value = 1;
    CHECK_RC(rn_oneshot_send(channel.tx, &value), 0);
    value = 2;
    CHECK_EQ(recv_int(channel.rx), 1);
    rn_oneshot_rx_drop(channel.rx);
}

static int recv_bytes(void *arg)
{
    void **call = arg;
    return rn_oneshot_recv(call[0], call[1]);
}

EVERYWHERE(oneshot_moves_values_of_every_size)
{
    static const size_t sizes[] = {1, 2, 3, 8, 16, 64, 4096, RN_ELEM_SIZE_MAX};
    unsigned char *in = malloc(RN_ELEM_SIZE_MAX);
    unsigned char *out = malloc(RN_ELEM_SIZE_MAX);
    REQUIRE(in != NULL && out != NULL);
    for (size_t i = 0; i < RN_ELEM_SIZE_MAX; i++)
        in[i] = (unsigned char)(i * 31 + 7);
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        const rn_elem elem = {.size = sizes[i], .align = 1};
        struct channel stored = channel_of(&elem);
        memset(out, 0, sizes[i]);
        CHECK_RC(rn_oneshot_send(stored.tx, in), 0);
        CHECK_RC(rn_oneshot_recv(stored.rx, out), 0);
        CHECK_MEM_EQ(out, in, sizes[i]);
        rn_oneshot_rx_drop(stored.rx);

        struct channel handed = channel_of(&elem);
        memset(out, 0, sizes[i]);
        void *call[] = {handed.rx, out};
        struct actor *receiver = actor_start(recv_bytes, call);
        WAIT_UNTIL(parked_in("oneshot recv") == 1);
        CHECK_RC(rn_oneshot_send(handed.tx, in), 0);
        CHECK_RC(actor_join(receiver), 0);
        CHECK_MEM_EQ(out, in, sizes[i]);
        rn_oneshot_rx_drop(handed.rx);
    }
    free(in);
    free(out);
}

static int misplaced;

static void check_alignment(void *value, void *ctx)
{
    misplaced += (uintptr_t)value % *(size_t *)ctx != 0;
}

TEST(oneshot_keeps_the_value_at_its_alignment)
{
    enum { SEVERAL = 16 }; /* alive at the same time: one may be well placed by chance */
    const unsigned char value[SEVERAL * RN_ELEM_ALIGN_MAX] = {0};
    for (size_t align = 1; align <= RN_ELEM_ALIGN_MAX; align *= 2) {
        struct channel channels[SEVERAL];
        for (size_t i = 0; i < SEVERAL; i++) {
            const rn_elem elem = {.size = (i + 1) * align, .align = align, .drop = check_alignment, .ctx = &align};
            channels[i] = channel_of(&elem);
            CHECK_RC(rn_oneshot_send(channels[i].tx, value), 0);
        }
        for (size_t i = 0; i < SEVERAL; i++)
            rn_oneshot_rx_drop(channels[i].rx);
    }
    CHECK_EQ(misplaced, 0);
}

EVERYWHERE(oneshot_allocates_once_however_long_it_is_waited_for)
{
    const uint64_t before = test_memory().calls;
    struct channel channel = channel_of_int();
    CHECK_EQ(test_memory().calls, before + 1);
    struct one_call call = {.channel = channel, .deadline = rn_in_s(60)};
    const uint64_t made = test_memory().calls;
    CHECK_EQ(rn_oneshot_recv_until(channel.rx, &call.value, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    CHECK_EQ(test_memory().calls, made);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- leaving ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(oneshot_sender_dropped_unsent_ends_the_wait)
{
    struct channel channel = channel_of_int();
    struct one_call call = {.channel = channel, .value = 77};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("oneshot recv") == 1);
    rn_oneshot_tx_drop(channel.tx);
    CHECK_RC(actor_join(receiver), RN_CLOSED);
    CHECK_EQ(call.value, 77);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

/* The harness counts what is left over: each of these frees the channel. */
TEST(oneshot_send_uses_up_its_end_also_when_nobody_is_there)
{
    struct channel channel = channel_of_int();
    rn_oneshot_rx_drop(channel.rx);
    CHECK(rn_oneshot_tx_is_closed(channel.tx));
    CHECK_RC(send_int(channel.tx, 5), RN_CLOSED);
    channel = channel_of_int();
    rn_oneshot_rx_drop(channel.rx);
    rn_oneshot_tx_drop(channel.tx);
    channel = channel_of_int();
    rn_oneshot_tx_drop(channel.tx);
    rn_oneshot_rx_drop(channel.rx);
}

TEST(oneshot_close_refuses_a_later_value)
{
    struct channel channel = channel_of_int();
    rn_oneshot_rx_close(channel.rx);
    rn_oneshot_rx_close(channel.rx); /* again does nothing */
    CHECK(rn_oneshot_tx_is_closed(channel.tx));
    CHECK_EQ(try_recv_int(channel.rx), RN_CLOSED);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    CHECK_RC(send_int(channel.tx, 5), RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

TEST(oneshot_close_keeps_an_earlier_value)
{
    struct channel channel = channel_of_int();
    CHECK_RC(send_int(channel.tx, 5), 0);
    rn_oneshot_rx_close(channel.rx);
    CHECK_EQ(recv_int(channel.rx), 5);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_oneshot_rx_close(channel.rx);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_close_ends_a_receive_beside_it)
{
    struct channel channel = channel_of_int();
    struct one_call call = {.channel = channel};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("oneshot recv") == 1);
    rn_oneshot_rx_close(channel.rx);
    CHECK_RC(actor_join(receiver), RN_CLOSED);
    rn_oneshot_tx_drop(channel.tx);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_second_receiver_that_would_wait_is_refused)
{
    struct channel channel = channel_of_int();
    struct one_call call = {.channel = channel};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("oneshot recv") == 1);
    CHECK_EQ(recv_int(channel.rx), RN_EBUSY);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(send_int(channel.tx, 6), 0);
    CHECK_RC(actor_join(receiver), 0);
    CHECK_EQ(call.value, 6);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- deadlines --------------------------------------------------------------------------------------------------- */

EVERYWHERE(oneshot_wait_that_timed_out_loses_nothing)
{
    struct channel channel = channel_of_int();
    int value = 77;
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_oneshot_recv_until(channel.rx, &value, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(value, 77);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_deadline_in_the_past_takes_what_is_there)
{
    struct channel channel = channel_of_int();
    int value = 77;
    CHECK_RC(rn_oneshot_recv_until(channel.rx, &value, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_oneshot_tx_closed_until(channel.tx, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_RC(rn_oneshot_recv_until(channel.rx, &value, rn_at_ns(1)), 0);
    CHECK_EQ(value, 5);
    CHECK_RC(rn_oneshot_recv_until(channel.rx, &value, rn_at_ns(1)), RN_CLOSED);
    rn_oneshot_rx_drop(channel.rx);
}

/* -- the sender waits for the receiver to leave ------------------------------------------------------------------ */

static void leave_by_close(rn_oneshot_rx *rx)
{
    rn_oneshot_rx_close(rx);
    rn_oneshot_rx_drop(rx);
}

EVERYWHERE(oneshot_sender_learns_that_the_receiver_left)
{
    void (*const ways[])(rn_oneshot_rx *) = {rn_oneshot_rx_drop, leave_by_close};
    for (size_t i = 0; i < RN_COUNT(ways); i++) {
        struct channel channel = channel_of_int();
        struct one_call call = {.channel = channel};
        struct actor *sender = actor_start(closed_once, &call);
        WAIT_UNTIL(parked_in("oneshot tx_closed") == 1);
        ways[i](channel.rx);
        CHECK_RC(actor_join(sender), 0);
        CHECK_RC(rn_oneshot_tx_closed(channel.tx), 0); /* and it stays so */
        CHECK_RC(rn_oneshot_tx_closed_until(channel.tx, rn_at_ns(1)), 0);
        CHECK_RC(send_int(channel.tx, 1), RN_CLOSED);
    }
}

EVERYWHERE(oneshot_sender_that_stopped_waiting_can_still_send)
{
    struct channel channel = channel_of_int();
    CHECK_RC(rn_oneshot_tx_closed_until(channel.tx, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    rn_oneshot_rx_drop(channel.rx);
}

EVERYWHERE(oneshot_second_one_that_waits_for_the_close_is_refused)
{
    struct channel channel = channel_of_int();
    struct one_call call = {.channel = channel};
    struct actor *sender = actor_start(closed_once, &call);
    WAIT_UNTIL(parked_in("oneshot tx_closed") == 1);
    CHECK_RC(rn_oneshot_tx_closed(channel.tx), RN_EBUSY);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_RC(actor_join(sender), 0);
    rn_oneshot_tx_drop(channel.tx);
}

/* -- values that own something ----------------------------------------------------------------------------------- */

static void count_drop(void *value, void *ctx)
{
    *(int *)ctx += *(int *)value;
}

TEST(oneshot_drops_a_value_that_nobody_took)
{
    int dropped = 0;
    const rn_elem elem = {.size = sizeof(int), .drop = count_drop, .ctx = &dropped};
    struct channel channel = channel_of(&elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_EQ(dropped, 0);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_EQ(dropped, 1);

    channel = channel_of(&elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    rn_oneshot_rx_close(channel.rx); /* closing drops nothing yet */
    CHECK_EQ(dropped, 1);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_EQ(dropped, 2);
}

TEST(oneshot_drops_nothing_that_belongs_to_somebody)
{
    int dropped = 0;
    const rn_elem elem = {.size = sizeof(int), .drop = count_drop, .ctx = &dropped};
    struct channel channel = channel_of(&elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_EQ(recv_int(channel.rx), 1); /* the receiver's */
    rn_oneshot_rx_drop(channel.rx);
    channel = channel_of(&elem);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_RC(send_int(channel.tx, 1), RN_CLOSED); /* the sender's */
    channel = channel_of(&elem);
    rn_oneshot_tx_drop(channel.tx); /* nobody's */
    rn_oneshot_rx_drop(channel.rx);
    CHECK_EQ(dropped, 0);
}

TEST(oneshot_give_drops_what_nobody_can_receive)
{
    int dropped = 0;
    int value = 1;
    const rn_elem elem = {.size = sizeof(int), .drop = count_drop, .ctx = &dropped};
    struct channel channel = channel_of(&elem);
    CHECK_RC(rn_oneshot_give(channel.tx, &value), 0);
    CHECK_EQ(recv_int(channel.rx), 1);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_EQ(dropped, 0);
    channel = channel_of(&elem);
    rn_oneshot_rx_close(channel.rx);
    CHECK_RC(rn_oneshot_give(channel.tx, &value), RN_CLOSED);
    CHECK_EQ(dropped, 1);
    rn_oneshot_rx_drop(channel.rx);
    channel = channel_of(&elem);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_RC(rn_oneshot_give(channel.tx, &value), RN_CLOSED); /* the channel went with the sender */
    CHECK_EQ(dropped, 2);
}

struct busy_callback {
    struct channel answer;
    struct channel silent;
    int calls;
};

static void answer_and_try_to_wait(void *value, void *ctx)
{
    struct busy_callback *busy = ctx;
    (void)value;
    busy->calls++;
    CHECK_RC(send_int(busy->answer.tx, 3), 0);
    CHECK_EQ(recv_int(busy->answer.rx), RN_EDEADLK); /* says so although it would not wait */
    CHECK_EQ(try_recv_int(busy->answer.rx), 3);
    CHECK_EQ(recv_int(busy->silent.rx), RN_EDEADLK);
    CHECK_RC(rn_oneshot_tx_closed(busy->silent.tx), RN_EDEADLK);
}

EVERYWHERE(oneshot_drop_function_may_send_but_not_wait)
{
    struct busy_callback busy = {.answer = channel_of_int(), .silent = channel_of_int()};
    const rn_elem elem = {.size = sizeof(int), .drop = answer_and_try_to_wait, .ctx = &busy};
    struct channel channel = channel_of(&elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    rn_oneshot_rx_drop(channel.rx);
    CHECK_EQ(busy.calls, 1);
    rn_oneshot_rx_drop(busy.answer.rx);
    rn_oneshot_tx_drop(busy.silent.tx);
    rn_oneshot_rx_drop(busy.silent.rx);
}

static void drop_reply(void *message, void *ctx)
{
    (void)ctx;
    rn_oneshot_tx_drop(*(rn_oneshot_tx **)message);
}

static int leave_with_requests_queued(void *arg)
{
    WAIT_UNTIL(rn_mpsc_rx_len(arg) == 1 && parked_in("oneshot recv") == 1);
    rn_mpsc_rx_drop(arg);
    return 0;
}

EVERYWHERE(oneshot_asker_learns_that_its_request_was_dropped)
{
    static const rn_elem requests = {.size = sizeof(rn_oneshot_tx *), .drop = drop_reply, .name = "requests"};
    struct channel reply = channel_of_int();
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 4, &requests) == 0);
    struct actor *server = actor_start(leave_with_requests_queued, rx);
    CHECK_RC(rn_mpsc_give(tx, &reply.tx), 0);
    CHECK_EQ(recv_int(reply.rx), RN_CLOSED);
    actor_join(server);
    rn_oneshot_rx_drop(reply.rx);

    reply = channel_of_int();
    CHECK_RC(rn_mpsc_give(tx, &reply.tx), RN_CLOSED); /* the server is gone already */
    CHECK_EQ(recv_int(reply.rx), RN_CLOSED);
    rn_oneshot_rx_drop(reply.rx);
    rn_mpsc_tx_drop(tx);
}

/* -- both ends at the same time ---------------------------------------------------------------------------------- */

struct race {
    rn_oneshot_tx *tx;
    int *dropped;
};

static int race_to_send(void *arg)
{
    struct race *race = arg;
    return send_int(race->tx, 1);
}

/* Whoever wins, the value ends in one place: with the receiver, with the sender, or dropped. */
EVERYWHERE(oneshot_value_is_never_in_two_places_and_never_in_none)
{
    uint64_t random = test_seed();
    for (int round = 0; round < 500; round++) {
        int dropped = 0;
        int received = 0;
        int value;
        const rn_elem elem = {.size = sizeof(int), .drop = count_drop, .ctx = &dropped};
        struct channel channel = channel_of(&elem);
        struct race race = {.tx = channel.tx};
        struct actor *sender = actor_start(race_to_send, &race);
        switch (rn__random_next(&random) % 5) {
        case 0:
            received = rn_oneshot_try_recv(channel.rx, &value) == 0;
            break;
        case 1:
            received = rn_oneshot_recv_until(channel.rx, &value, rn_in_us(20)) == 0;
            break;
        case 2:
            rn_oneshot_rx_close(channel.rx);
            received = rn_oneshot_recv(channel.rx, &value) == 0;
            break;
        case 3:
            rn_oneshot_rx_close(channel.rx);
            received = rn_oneshot_try_recv(channel.rx, &value) == 0;
            break;
        default:
            break;
        }
        rn_oneshot_rx_drop(channel.rx);
        const int refused = actor_join(sender) == RN_CLOSED;
        CHECK_EQ(received + refused + dropped, 1);
    }
}

#ifndef NDEBUG
TEST(oneshot_end_used_after_its_last_call_is_named)
{
    const rn_elem elem = {.size = sizeof(int), .name = "answer"};
    struct channel channel = channel_of(&elem);
    CHECK_RC(send_int(channel.tx, 1), 0);
    EXPECT_DEATH(SIGABRT, "oneshot sender \"answer\" is used after it was dropped")
    {
        send_int(channel.tx, 2);
    }
    EXPECT_DEATH(SIGABRT, "oneshot sender \"answer\" is used after it was dropped")
    {
        rn_oneshot_tx_drop(channel.tx);
    }
    rn_oneshot_rx_drop(channel.rx);
    channel = channel_of(&elem);
    rn_oneshot_rx_drop(channel.rx);
    EXPECT_DEATH(SIGABRT, "oneshot receiver \"answer\" is used after it was dropped")
    {
        recv_int(channel.rx);
    }
    rn_oneshot_tx_drop(channel.tx);
}
#endif
