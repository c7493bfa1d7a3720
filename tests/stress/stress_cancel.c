/* SPDX-License-Identifier: MIT */
/* stress_cancel.c - cancels that meet messages, deadlines and ends: nothing is received and lost, nothing sent twice.
 * About a second a case. */
#include "api/tasks.h"
#include "base/random.h"

#include <stdlib.h>

/* -- a conserved stream ------------------------------------------------------------------------------------------ */

/* Senders number their messages. A message that was not sent, because of a cancel or a deadline, is sent again by the
 * sender's successor, which starts where its predecessor ended. */
enum { SENDERS = 4, PERIOD_US = 150 };

static struct {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    uint32_t next_to_send[SENDERS];
    uint32_t next_to_come[SENDERS];
    uint32_t stop;
} stream;

struct message {
    uint32_t sender;
    uint32_t number;
};

static int send_some(void *arg)
{
    const uint32_t sender = *(const uint32_t *)arg;
    uint64_t state = test_seed() + rn_task_self_id();
    for (;;) {
        const struct message message = {sender, stream.next_to_send[sender]};
        const bool bounded = rn__random_next(&state) % 3 == 0;
        const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&state) % PERIOD_US));
        const int code = bounded ? rn_mpsc_send_until(stream.tx, &message, soon) : rn_mpsc_send(stream.tx, &message);
        if (code == 0)
            stream.next_to_send[sender]++;
        else if (code != RN_ETIMEDOUT)
            return code;
        if (is_set(&stream.stop))
            return 0;
    }
}

static int recv_some(void *arg)
{
    uint64_t state = test_seed() + rn_task_self_id();
    (void)arg;
    for (;;) {
        struct message message;
        const bool bounded = rn__random_next(&state) % 3 == 0;
        const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&state) % PERIOD_US));
        const int code = bounded ? rn_mpsc_recv_until(stream.rx, &message, soon) : rn_mpsc_recv(stream.rx, &message);
        if (code == RN_ETIMEDOUT)
            continue;
        if (code != 0)
            return code;
        REQUIRE(message.sender < SENDERS);
        REQUIRE(message.number == stream.next_to_come[message.sender]);
        count_up(&stream.next_to_come[message.sender]);
    }
}

/* Cancelled and replaced again and again, at any moment. */
static int supervise(void *arg)
{
    const uint32_t *sender = arg;
    uint64_t state = test_seed() + rn_task_self_id();
    while (!is_set(&stream.stop)) {
        rn_task task;
        const rn_spawn_opts opts = {.place = rn__random_next(&state) % 2 == 0 ? RN_PLACE_SPREAD : RN_PLACE_NEAR};
        rn_fn *fn = sender == NULL ? recv_some : send_some;
        REQUIRE(rn_spawn_with(&task, fn, arg, &opts) == 0);
        CHECK_RC(rn_sleep_until(rn_in_us((int64_t)(rn__random_next(&state) % 1000))), 0);
        rn_task_cancel(task, 0);
        const int code = result_of(task);
        CHECK(code == RN_ECANCELED || (code == 0 && sender != NULL));
    }
    return 0;
}

static bool all_have_come(void)
{
    for (int i = 0; i < SENDERS; i++) {
        if (value_of(&stream.next_to_come[i]) == 0)
            return false;
    }
    return true;
}

static void stream_for_a_while(void)
{
    static uint32_t numbers[SENDERS] = {0, 1, 2, 3};
    rn_task senders[SENDERS], receiver;
    REQUIRE(rn_mpsc_channel(&stream.tx, &stream.rx, 2, RN_ELEM(struct message)) == 0);
    for (int i = 0; i < SENDERS; i++)
        REQUIRE(rn_spawn(&senders[i], supervise, &numbers[i]) == 0);
    REQUIRE(rn_spawn(&receiver, supervise, NULL) == 0);
    CHECK_RC(rn_sleep_ms(1000), 0);
    WAIT_UNTIL(all_have_come());
    set(&stream.stop);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(rn_join(senders[i], NULL), 0);
    CHECK_RC(rn_join(receiver, NULL), 0);
    rn_mpsc_tx_drop(stream.tx);
    CHECK_RC(recv_some(NULL), RN_CLOSED); /* what is left */
    rn_mpsc_rx_drop(stream.rx);
    for (int i = 0; i < SENDERS; i++)
        CHECK_EQ(stream.next_to_come[i], stream.next_to_send[i]);
}

TEST(stress_cancels_lose_no_message_on_1)
{
    on_workers(1, stream_for_a_while);
}

TEST(stress_cancels_lose_no_message_on_2)
{
    on_workers(2, stream_for_a_while);
}

TEST(stress_cancels_lose_no_message_on_16)
{
    on_workers(16, stream_for_a_while);
}

/* -- all wakers at once ------------------------------------------------------------------------------------------ */

/* A notify, a deadline and a cancel meet at one wait: exactly one ends it, and the permit is used by it or kept. */
struct meeting {
    rn_notify notify;
    rn_deadline deadline;
    int code;
    int next;
};

static int wait_for_all(void *arg)
{
    struct meeting *meeting = arg;
    meeting->code = rn_notify_wait_until(&meeting->notify, meeting->deadline);
    meeting->next = rn_sleep_ms(0);
    return 0;
}

static int notify_soon(void *arg)
{
    rn_notify_one(&((struct meeting *)arg)->notify);
    return 0;
}

static void meet_for_a_while(void)
{
    uint64_t state = test_seed();
    uint32_t codes[3] = {0, 0, 0};
    const rn_deadline end = rn_in_ms(1000);
    while (!rn_passed(end) || codes[0] == 0 || codes[1] == 0) { /* each of the two has come first */
        struct meeting meeting = {.deadline = rn_in_us((int64_t)(rn__random_next(&state) % 300))};
        rn_task waiter, notifier;
        REQUIRE(rn_spawn_with(&waiter, wait_for_all, &meeting, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        if (rn__random_next(&state) % 2 == 0)
            rn_ignore(rn_sleep_until(rn_in_us((int64_t)(rn__random_next(&state) % 300))));
        REQUIRE(rn_spawn_with(&notifier, notify_soon, &meeting, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        if (rn__random_next(&state) % 2 == 0)
            rn_yield();
        rn_task_cancel(waiter, 0);
        CHECK_RC(rn_join(waiter, NULL), 0);
        CHECK_RC(rn_join(notifier, NULL), 0);
        CHECK(meeting.code == 0 || meeting.code == RN_ECANCELED || meeting.code == RN_ETIMEDOUT);
        codes[meeting.code == 0 ? 0 : meeting.code == RN_ECANCELED ? 1 : 2]++;
        REQUIRE(rn_notify_wait_until(&meeting.notify, rn_in_ms(0)) == (meeting.code == 0 ? RN_ETIMEDOUT : 0));
    }
}

TEST(stress_cancel_deadline_and_notify_at_one_wait_on_1)
{
    on_workers(1, meet_for_a_while);
}

TEST(stress_cancel_deadline_and_notify_at_one_wait_on_2)
{
    on_workers(2, meet_for_a_while);
}

TEST(stress_cancel_deadline_and_notify_at_one_wait_on_16)
{
    on_workers(16, meet_for_a_while);
}

/* -- shields ----------------------------------------------------------------------------------------------------- */

static rn_mpsc_tx *shield_tx;

/* Sends five behind a shield: all or none of the five, whenever the cancel comes. */
static int send_five(void *arg)
{
    (void)arg;
    while (rn_sleep_ms(0) == 0) {
        rn_shield_enter();
        for (int i = 0; i < 5; i++)
            REQUIRE(rn_mpsc_send(shield_tx, &i) == 0);
        rn_shield_leave();
    }
    return 0;
}

static int expect_fives(void *arg)
{
    rn_mpsc_rx *rx = arg;
    int value = -1, expected = 0;
    while (rn_mpsc_recv(rx, &value) == 0) {
        REQUIRE(value == expected);
        expected = (expected + 1) % 5;
    }
    return expected;
}

static void shield_for_a_while(void)
{
    uint64_t state = test_seed();
    rn_mpsc_rx *rx;
    rn_task receiver;
    const rn_deadline end = rn_in_ms(800);
    REQUIRE(rn_mpsc_channel(&shield_tx, &rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&receiver, expect_fives, rx) == 0);
    while (!rn_passed(end)) {
        rn_task sender;
        REQUIRE(rn_spawn_with(&sender, send_five, NULL, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        CHECK_RC(rn_sleep_until(rn_in_us((int64_t)(rn__random_next(&state) % 500))), 0);
        rn_task_cancel(sender, 0);
        CHECK_RC(rn_join(sender, NULL), 0);
    }
    rn_mpsc_tx_drop(shield_tx);
    CHECK_EQ(result_of(receiver), 0);
    rn_mpsc_rx_drop(rx);
}

TEST(stress_shielded_sends_are_whole_on_1)
{
    on_workers(1, shield_for_a_while);
}

TEST(stress_shielded_sends_are_whole_on_16)
{
    on_workers(16, shield_for_a_while);
}
