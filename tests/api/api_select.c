/* SPDX-License-Identifier: MIT */
/* api_select.c - what a select says and does where nobody waits: every kind of case, ready or not, arguments, the
 * choice among several (waiting: api_select_wait.c). */
#include "api/selected.h"

#include <stdlib.h>

#include "base/random.h"

static const int seven = 7;

/* -- nothing to choose from -------------------------------------------------------------------------------------- */

EVERYWHERE(select_of_nothing_says_that_nothing_can_happen)
{
    rn_case never[3] = {RN_NEVER, RN_NEVER, RN_NEVER};
    CHECK_RC(rn_select(NULL, 0), RN_EDEADLK);
    CHECK_RC(rn_select(never, 3), RN_EDEADLK);
    CHECK_RC(rn_try_select(NULL, 0), RN_EAGAIN);
    CHECK_RC(rn_try_select(never, 3), RN_EAGAIN);
    CHECK_RC(rn_select_until(NULL, 0, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_select_until(never, 3, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_select_in_order(never, 3, rn_in_ms(-1)), RN_ETIMEDOUT);
}

EVERYWHERE(select_refuses_no_array_and_too_many_cases)
{
    CHECK_RC(rn_select(NULL, 1), RN_EINVAL);
    CHECK_RC(rn_try_select(NULL, 1), RN_EINVAL);
    rn_case *many = calloc(RN_SELECT_MAX + 1, sizeof *many);
    REQUIRE(many != NULL);
    CHECK_RC(rn_select(many, RN_SELECT_MAX + 1), RN_EINVAL);
    CHECK_RC(rn_try_select(many, RN_SELECT_MAX + 1), RN_EINVAL);
    CHECK_RC(rn_select(many, RN_SELECT_MAX), RN_EDEADLK);
    many[RN_SELECT_MAX - 1] = rn_deadline_case(rn_in_ms(1));
    CHECK_EQ(rn_select(many, RN_SELECT_MAX), RN_SELECT_MAX - 1);
    free(many);
}

EVERYWHERE(select_case_of_a_null_end_never_happens)
{
    int value;
    uint64_t missed;
    rn_mpsc_permit permit = {.left = 77};
    rn_case cases[] = {rn_mpsc_send_case(NULL, &seven),
                       rn_mpsc_recv_case(NULL, &value),
                       rn_mpsc_reserve_case(NULL, 1, &permit),
                       rn_mpsc_tx_closed_case(NULL),
                       rn_oneshot_recv_case(NULL, &value),
                       rn_oneshot_tx_closed_case(NULL),
                       rn_broadcast_recv_case(NULL, &value, &missed),
                       rn_watch_recv_case(NULL, &value),
                       rn_watch_changed_case(NULL),
                       rn_notify_wait_case(NULL),
                       rn_semaphore_acquire_case(NULL, 1),
                       rn_mutex_lock_case(NULL),
                       rn_rwlock_read_case(NULL),
                       rn_rwlock_write_case(NULL),
                       rn_join_case(RN_NO_TASK, &value),
                       rn_deadline_case(RN_FOREVER)};
    CHECK_RC(rn_select(cases, RN_COUNT(cases)), RN_EDEADLK);
    CHECK_EQ(permit.left, 0);
}

EVERYWHERE(select_case_with_bad_arguments_happens_with_einval)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_permit permit;
    rn_case cases[] = {rn_mpsc_send_case(channel.tx, NULL), rn_mpsc_recv_case(channel.rx, NULL),
                       rn_mpsc_reserve_case(channel.tx, 3, &permit), rn_mpsc_reserve_case(channel.tx, 1, NULL),
                       rn_join_case((rn_task){(UINT64_C(1) << 40) + 1}, NULL)};
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        CHECK_EQ(rn_select(&cases[i], 1), 0);
        CHECK_RC(cases[i].rc, RN_EINVAL);
        CHECK_EQ(rn_try_select(&cases[i], 1), 0);
    }
    drop_both(channel);
}

/* -- every kind, at once ----------------------------------------------------------------------------------------- */

EVERYWHERE(select_mpsc_cases_happen_at_once)
{
    struct channel channel = channel_of_ints(2);
    int value = 0;
    rn_mpsc_permit permit = {0};
    rn_case send = rn_mpsc_send_case(channel.tx, &seven), receive = rn_mpsc_recv_case(channel.rx, &value);
    rn_case reserve = rn_mpsc_reserve_case(channel.tx, 1, &permit), closed = rn_mpsc_tx_closed_case(channel.tx);
    CHECK_RC(rn_try_select(&receive, 1), RN_EAGAIN);
    CHECK_RC(rn_try_select(&closed, 1), RN_EAGAIN);
    for (int i = 0; i < 3; i++) { /* the same cases again and again */
        CHECK_EQ(rn_select(&send, 1), 0);
        CHECK_RC(send.rc, 0);
        CHECK_EQ(rn_select(&reserve, 1), 0);
        CHECK_RC(reserve.rc, 0);
        CHECK_RC(rn_try_select(&send, 1), RN_EAGAIN);
        CHECK_RC(permit_send_int(&permit, 8), 0);
        for (int expected = 7; expected <= 8; expected++) {
            CHECK_EQ(rn_select(&receive, 1), 0);
            CHECK_RC(receive.rc, 0);
            CHECK_EQ(value, expected);
        }
    }
    rn_mpsc_rx_close(channel.rx);
    CHECK_EQ(rn_select(&send, 1), 0);
    CHECK_RC(send.rc, RN_CLOSED);
    CHECK_EQ(rn_select(&reserve, 1), 0);
    CHECK_RC(reserve.rc, RN_CLOSED);
    CHECK_EQ(rn_select(&closed, 1), 0);
    CHECK_RC(closed.rc, 0);
    CHECK_EQ(rn_select(&receive, 1), 0);
    CHECK_RC(receive.rc, RN_CLOSED);
    drop_both(channel);
}

/* More than fits into the first pieces of memory that an unbounded channel has. */
EVERYWHERE(select_sends_to_an_unbounded_channel)
{
    enum { MESSAGES = 2000 };
    struct channel channel = channel_of_ints(RN_UNBOUNDED);
    int sent = 0, value = -1;
    rn_case send = rn_mpsc_send_case(channel.tx, &sent), receive = rn_mpsc_recv_case(channel.rx, &value);
    for (sent = 0; sent < MESSAGES; sent++) {
        CHECK_EQ(rn_select(&send, 1), 0);
        CHECK_RC(send.rc, 0);
    }
    for (int i = 0; i < MESSAGES; i++) {
        CHECK_EQ(rn_select(&receive, 1), 0);
        CHECK_RC(receive.rc, 0);
        CHECK_EQ(value, i);
    }
    drop_both(channel);
}

EVERYWHERE(select_oneshot_cases_happen_at_once)
{
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
    int value = 0;
    REQUIRE(rn_oneshot_channel(&tx, &rx, RN_ELEM(int)) == 0);
    rn_case receive = rn_oneshot_recv_case(rx, &value), closed = rn_oneshot_tx_closed_case(tx);
    CHECK_RC(rn_try_select(&receive, 1), RN_EAGAIN);
    CHECK_RC(rn_try_select(&closed, 1), RN_EAGAIN);
    rn_oneshot_rx_close(rx);
    CHECK_EQ(rn_select(&closed, 1), 0);
    CHECK_RC(closed.rc, 0);
    CHECK_EQ(rn_select(&receive, 1), 0);
    CHECK_RC(receive.rc, RN_CLOSED);
    rn_oneshot_tx_drop(tx);
    rn_oneshot_rx_drop(rx);
    REQUIRE(rn_oneshot_channel(&tx, &rx, RN_ELEM(int)) == 0);
    receive = rn_oneshot_recv_case(rx, &value);
    CHECK_RC(rn_oneshot_send(tx, &seven), 0);
    CHECK_EQ(rn_select(&receive, 1), 0);
    CHECK_RC(receive.rc, 0);
    CHECK_EQ(value, 7);
    rn_oneshot_rx_drop(rx);
}

EVERYWHERE(select_broadcast_case_happens_at_once)
{
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    int value = 0;
    uint64_t missed = 99;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 2, RN_ELEM(int)) == 0);
    rn_case counted = rn_broadcast_recv_case(rx, &value, &missed), bare = rn_broadcast_recv_case(rx, &value, NULL);
    CHECK_RC(rn_try_select(&counted, 1), RN_EAGAIN);
    for (int i = 1; i <= 5; i++)
        CHECK_RC(rn_broadcast_send(tx, &i), 0);
    CHECK_EQ(rn_select(&counted, 1), 0);
    CHECK_RC(counted.rc, 0);
    CHECK_EQ(value, 4);
    CHECK_EQ(missed, 3);
    for (int i = 6; i <= 8; i++)
        CHECK_RC(rn_broadcast_send(tx, &i), 0);
    CHECK_EQ(rn_select(&bare, 1), 0);
    CHECK_RC(bare.rc, RN_LAGGED);
    CHECK_EQ(rn_select(&counted, 1), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(missed, 0);
    rn_broadcast_tx_drop(tx);
    CHECK_EQ(rn_select(&bare, 1), 0);
    CHECK_EQ(value, 8);
    CHECK_EQ(rn_select(&bare, 1), 0);
    CHECK_RC(bare.rc, RN_CLOSED);
    rn_broadcast_rx_drop(rx);
}

EVERYWHERE(select_watch_cases_happen_at_once)
{
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    int value = 0;
    REQUIRE(rn_watch_channel(&tx, &rx, &value, RN_ELEM(int)) == 0);
    rn_case receive = rn_watch_recv_case(rx, &value), changed = rn_watch_changed_case(rx);
    rn_watch_mark_unchanged(rx);
    CHECK_RC(rn_try_select(&receive, 1), RN_EAGAIN);
    CHECK_RC(rn_try_select(&changed, 1), RN_EAGAIN);
    CHECK_RC(rn_watch_set(tx, &seven), 0);
    CHECK_EQ(rn_select(&changed, 1), 0);
    CHECK_RC(changed.rc, 0);
    CHECK_EQ(value, 0);
    CHECK_RC(rn_try_select(&receive, 1), RN_EAGAIN);
    CHECK_RC(rn_watch_set(tx, &seven), 0);
    CHECK_EQ(rn_select(&receive, 1), 0);
    CHECK_RC(receive.rc, 0);
    CHECK_EQ(value, 7);
    rn_watch_tx_drop(tx);
    CHECK_EQ(rn_select(&receive, 1), 0);
    CHECK_RC(receive.rc, RN_CLOSED);
    CHECK_EQ(rn_select(&changed, 1), 0);
    CHECK_RC(changed.rc, RN_CLOSED);
    rn_watch_rx_drop(rx);
}

EVERYWHERE(select_notify_case_takes_the_permit)
{
    rn_notify notify = RN_NOTIFY_INIT;
    rn_case wait = rn_notify_wait_case(&notify);
    CHECK_RC(rn_try_select(&wait, 1), RN_EAGAIN);
    rn_notify_one(&notify);
    CHECK_EQ(rn_select(&wait, 1), 0);
    CHECK_RC(wait.rc, 0);
    CHECK_RC(rn_try_select(&wait, 1), RN_EAGAIN);
}

EVERYWHERE(select_deadline_case_happens_when_it_has_passed)
{
    rn_case passed = rn_deadline_case(rn_in_ms(-1)), soon = rn_deadline_case(rn_in_ms(2));
    rn_case both[] = {rn_deadline_case(rn_in_s(1000)), rn_deadline_case(rn_in_ms(4))};
    CHECK_EQ(rn_try_select(&passed, 1), 0);
    CHECK_RC(passed.rc, 0);
    CHECK_EQ(rn_select(&soon, 1), 0);
    CHECK_RC(soon.rc, 0);
    CHECK_EQ(rn_try_select(&soon, 1), 0); /* and stays past */
    CHECK_EQ(rn_select_until(both, 2, rn_in_s(1000)), 1);
    CHECK_RC(rn_select_until(both, 1, rn_in_ms(1)), RN_ETIMEDOUT);
}

static int give_back(void *arg)
{
    return *(int *)arg;
}

ROOT(select_join_case_gives_the_result_and_ends_the_handle)
{
    int value = 42, result = 0;
    rn_task task;
    RN_MUST(rn_spawn(&task, give_back, &value));
    rn_case cases[] = {rn_join_case(task, &result), rn_deadline_case(rn_in_s(1000))};
    CHECK_EQ(rn_select(cases, 2), 0);
    CHECK_RC(cases[0].rc, 0);
    CHECK_EQ(result, 42);
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_EINVAL);
    cases[0] = rn_join_case(rn_task_self(), &result);
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_EDEADLK);
}

static int wait_for_gate(void *gate)
{
    return rn_notify_wait(gate);
}

/* The handle is as good as before after a select in which another case happened, or none. */
ROOT(select_join_case_that_does_not_happen_leaves_the_handle)
{
    rn_notify gate = RN_NOTIFY_INIT, other = RN_NOTIFY_INIT;
    int result = -1;
    rn_task task;
    RN_MUST(rn_spawn(&task, wait_for_gate, &gate));
    rn_case cases[] = {rn_join_case(task, &result), rn_notify_wait_case(&other)};
    CHECK_RC(rn_try_select(cases, 2), RN_EAGAIN);
    CHECK_RC(rn_select_until(cases, 2, rn_in_ms(2)), RN_ETIMEDOUT);
    rn_notify_one(&other);
    CHECK_EQ(rn_select(cases, 2), 1);
    cases[1] = cases[0];
    CHECK_EQ(rn_select_in_order(cases, 2, RN_FOREVER), 1); /* one case of a task only */
    CHECK_RC(cases[1].rc, RN_EBUSY);
    rn_notify_one(&gate);
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, 0);
    CHECK_EQ(result, 0);
}

/* -- the choice -------------------------------------------------------------------------------------------------- */

EVERYWHERE(select_in_order_takes_the_first_that_is_ready)
{
    rn_notify notify[3] = {RN_NOTIFY_INIT, RN_NOTIFY_INIT, RN_NOTIFY_INIT};
    rn_case cases[3];
    for (int i = 0; i < 3; i++)
        cases[i] = rn_notify_wait_case(&notify[i]);
    for (int round = 0; round < 20; round++) {
        rn_notify_one(&notify[2]);
        rn_notify_one(&notify[1]);
        CHECK_EQ(rn_select_in_order(cases, 3, RN_FOREVER), 1);
        CHECK_EQ(rn_select_in_order(cases, 3, RN_FOREVER), 2);
    }
    CHECK_RC(rn_select_in_order(cases, 3, rn_in_ms(1)), RN_ETIMEDOUT);
}

static uint32_t choose_seeded(uint32_t n, void *seed)
{
    return (uint32_t)(rn__random_next(seed) % n);
}

static void count_choices(const rn_case *pattern, size_t count, uint32_t *chosen)
{
    rn_case cases[8];
    memcpy(cases, pattern, count * sizeof *pattern);
    for (int i = 0; i < 10000; i++) {
        const int which = rn_select(cases, count);
        REQUIRE(which >= 0);
        chosen[which]++;
    }
}

/* A deadline that has passed is always ready. */
TEST(select_chooses_each_of_two_that_are_ready_as_often)
{
    uint64_t seed = 20261123;
    rn_case always = rn_deadline_case(rn_at_ns(1));
    const rn_case two[] = {always, always};
    const rn_case apart[] = {RN_NEVER, always, always, RN_NEVER, RN_NEVER, RN_NEVER, RN_NEVER, RN_NEVER};
    uint32_t of_two[2] = {0}, of_apart[8] = {0};
    rn__choose_set(choose_seeded, &seed);
    count_choices(two, 2, of_two);
    count_choices(apart, 8, of_apart);
    rn__choose_set(NULL, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK(of_two[i] > 3000 && of_two[i] < 7000);
        CHECK(of_apart[i + 1] > 3000 && of_apart[i + 1] < 7000);
    }
}

EVERYWHERE(select_of_256_finds_the_one_that_is_ready)
{
    enum { MANY = 256 };
    static rn_notify notify[MANY];
    rn_case *cases = calloc(MANY, sizeof *cases);
    REQUIRE(cases != NULL);
    for (int i = 0; i < MANY; i++)
        cases[i] = rn_notify_wait_case(&notify[i]);
    for (int i = 0; i < MANY; i += 5) {
        rn_notify_one(&notify[i]);
        CHECK_EQ(rn_select(cases, MANY), i);
    }
    CHECK_RC(rn_select_until(cases, MANY, rn_in_ms(1)), RN_ETIMEDOUT);
    free(cases);
}

EVERYWHERE(select_sends_either_of_two_values)
{
    enum { MESSAGES = 400 };
    struct channel channel = channel_of_ints(MESSAGES);
    const int zero = 0, one = 1;
    int sum = 0;
    rn_case cases[] = {rn_mpsc_send_case(channel.tx, &zero), rn_mpsc_send_case(channel.tx, &one)};
    for (int i = 0; i < MESSAGES; i++)
        CHECK(rn_select(cases, 2) >= 0);
    for (int i = 0; i < MESSAGES; i++)
        sum += recv_int(channel.rx);
    CHECK(sum > MESSAGES / 10 && sum < MESSAGES * 9 / 10);
    drop_both(channel);
}

/* Channels that are closed are taken out; with the last one there is nothing left that could happen. */
EVERYWHERE(select_drains_two_channels_until_both_are_closed)
{
    struct channel one = channel_of_ints(4), other = channel_of_ints(4);
    int which, sum = 0, value = 0;
    for (int i = 1; i <= 4; i++) {
        CHECK_RC(send_int(one.tx, i), 0);
        CHECK_RC(send_int(other.tx, 10 * i), 0);
    }
    rn_mpsc_tx_drop(one.tx);
    rn_mpsc_tx_drop(other.tx);
    rn_case cases[] = {rn_mpsc_recv_case(one.rx, &value), rn_mpsc_recv_case(other.rx, &value)};
    while ((which = rn_select(cases, 2)) >= 0) {
        if (cases[which].rc == 0)
            sum += value;
        else
            cases[which] = RN_NEVER;
    }
    CHECK_RC(which, RN_EDEADLK);
    CHECK_EQ(sum, 110);
    rn_mpsc_rx_drop(one.rx);
    rn_mpsc_rx_drop(other.rx);
}

static int set_flag(void *flag)
{
    set(flag);
    return 0;
}

/* On one worker nobody else would run if it never let go. */
ROOT(select_that_never_waits_lets_others_run)
{
    uint32_t flag = 0;
    rn_case always = rn_deadline_case(rn_at_ns(1));
    rn_task task;
    RN_MUST(rn_spawn(&task, set_flag, &flag));
    while (!is_set(&flag))
        CHECK_EQ(rn_select(&always, 1), 0);
    RN_MUST(rn_join(task, NULL));
}

/* -- where it may be called -------------------------------------------------------------------------------------- */

static int select_cancelled(void *arg)
{
    struct channel *channel = arg;
    int value = 0;
    rn_case receive = rn_mpsc_recv_case(channel->rx, &value);
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_select(&receive, 1), RN_ECANCELED);
    CHECK_EQ(value, 0);
    CHECK_EQ(rn_try_select(&receive, 1), 0); /* is never cancelled */
    CHECK_EQ(value, 7);
    return 0;
}

ROOT(select_of_a_cancelled_task_does_not_even_look)
{
    struct channel channel = channel_of_ints(2);
    rn_task task;
    CHECK_RC(send_int(channel.tx, 7), 0);
    RN_MUST(rn_spawn(&task, select_cancelled, &channel));
    RN_MUST(rn_join(task, NULL));
    drop_both(channel);
}

static void select_in_drop(void *message, void *ctx)
{
    struct channel *other = ctx;
    int value = 0;
    rn_case receive = rn_mpsc_recv_case(other->rx, &value);
    (void)message;
    CHECK_RC(rn_select(&receive, 1), RN_EDEADLK);
    CHECK_EQ(rn_try_select(&receive, 1), 0);
    CHECK_EQ(value, 7);
}

EVERYWHERE(select_in_a_drop_function_may_only_try)
{
    struct channel other = channel_of_ints(1);
    const rn_elem elem = {.size = sizeof(int), .drop = select_in_drop, .ctx = &other};
    struct channel channel = channel_of(1, &elem);
    CHECK_RC(send_int(other.tx, 7), 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    drop_both(channel);
    drop_both(other);
}
