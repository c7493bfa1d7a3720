/* SPDX-License-Identifier: MIT */
/* api_clock.c - the clock that stands and jumps (contract: <runnel/clock.h>). */
#include "api/mpsc_ints.h"
#include "api/parked.h"
#include "api/tasks.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <time.h>

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define HOUR (3600 * S)

/* A millisecond of the real clock. */
static void real_ms(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    if (on_task())
        rn_yield();
}

/* As WAIT_UNTIL, which sleeps by the clock. */
#define WAIT_REALLY_UNTIL(condition)                                                                                 \
    do {                                                                                                             \
        while (!(condition))                                                                                         \
            real_ms();                                                                                               \
    } while (0)

static int64_t begin_at(enum rn_clock how)
{
    REQUIRE(rn_clock_pause(how) == 0);
    return rn_now_ns();
}

/* -- standing ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(clock_that_is_paused_stands)
{
    const int64_t begin = begin_at(RN_CLOCK_STANDS);
    const rn_deadline soon = rn_in_ns(1);
    for (int i = 0; i < 3; i++) {
        real_ms();
        CHECK_EQ(rn_now_ns(), begin);
        CHECK(!rn_passed(soon));
        CHECK_EQ(rn_left_ns(soon), 1);
    }
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(clock_says_what_it_is_not)
{
    CHECK_RC(rn_clock_resume(), RN_EINVAL);
    CHECK_RC(rn_clock_advance(S), RN_EINVAL);
    CHECK_RC(rn_clock_pause((enum rn_clock)2), RN_EINVAL);
    for (int i = 0; i < 2; i++) {
        const int64_t begin = begin_at(i == 0 ? RN_CLOCK_STANDS : RN_CLOCK_JUMPS);
        CHECK_RC(rn_clock_pause(RN_CLOCK_JUMPS), RN_EBUSY);
        CHECK_RC(rn_clock_pause(RN_CLOCK_STANDS), RN_EBUSY);
        CHECK_RC(rn_clock_advance(-1), RN_EINVAL);
        CHECK_RC(rn_clock_advance(INT64_MIN), RN_EINVAL);
        CHECK_EQ(rn_now_ns(), begin);
        CHECK_RC(rn_clock_resume(), 0);
        CHECK_RC(rn_clock_resume(), RN_EINVAL);
        CHECK_RC(rn_clock_advance(1), RN_EINVAL);
    }
}

EVERYWHERE(clock_is_advanced_by_exactly_so_much)
{
    static const int64_t spans[] = {0, 1, 999, 1000, 51592000, MS, MS, 3141592000, 3123456000, HOUR};
    int64_t at = begin_at(RN_CLOCK_STANDS);
    for (size_t i = 0; i < RN_COUNT(spans); i++) {
        CHECK_RC(rn_clock_advance(spans[i]), 0);
        at += spans[i];
        CHECK_EQ(rn_now_ns(), at);
    }
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(clock_advanced_by_a_task_is_advanced_for_its_own_deadline)
{
    const int64_t begin = begin_at(RN_CLOCK_STANDS);
    const rn_deadline deadline = rn_at_ns(begin + 300 * MS);
    CHECK_RC(rn_clock_advance(MS), 0);
    CHECK_RC(rn_clock_advance(51592 * 1000), 0);
    CHECK(!rn_passed(deadline));
    CHECK_EQ(rn_left_ns(deadline), 300 * MS - MS - 51592 * 1000);
    CHECK_RC(rn_clock_advance(rn_left_ns(deadline) - 1), 0);
    CHECK(!rn_passed(deadline));
    CHECK_RC(rn_clock_advance(1), 0);
    CHECK(rn_passed(deadline));
    CHECK_RC(rn_sleep_until(deadline), 0);
    CHECK_EQ(rn_now_ns(), deadline.at);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(clock_goes_on_from_where_it_stood)
{
    for (int i = 0; i < 2; i++) {
        const int64_t before = rn_now_ns();
        const int64_t begin = begin_at(RN_CLOCK_STANDS);
        CHECK(begin >= before);
        CHECK_RC(rn_clock_advance(10 * S), 0);
        const int64_t really = rn__platform_now();
        CHECK_RC(rn_clock_resume(), 0);
        const int64_t after = rn_now_ns();
        CHECK(after >= begin + 10 * S);
        CHECK(after - (begin + 10 * S) <= rn__platform_now() - really);
        CHECK_RC(rn_sleep_ms(2), 0);
        CHECK(rn_now_ns() >= after + 2 * MS);
    }
}

EVERYWHERE(clock_stops_short_of_the_end_of_time)
{
    begin_at(RN_CLOCK_STANDS);
    CHECK_RC(rn_clock_advance(INT64_MAX), 0);
    CHECK_RC(rn_clock_advance(INT64_MAX), 0);
    const int64_t last = rn_now_ns();
    CHECK(last > 0);
    CHECK(!rn_passed(RN_FOREVER));
    CHECK(!rn_passed(rn_in_ns(1)));
    CHECK_RC(rn_clock_resume(), 0);
    CHECK(rn_now_ns() >= last);
    CHECK(!rn_passed(rn_in_s(1)));
}

/* -- ends of waits ----------------------------------------------------------------------------------------------- */

static void sleep_at_random(int64_t *ends, int count)
{
    srand((unsigned)test_seed());
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    for (int i = 0; i < count; i++) {
        const int64_t span = rand() % S;
        const int64_t before = rn_now_ns();
        CHECK_RC(rn_sleep_until(rn_in_ns(span)), 0);
        CHECK_EQ(rn_now_ns() - before, span);
        ends[i] = rn_now_ns() - begin;
    }
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(clock_jumps_to_the_end_of_a_sleep_exactly_each_time)
{
    enum { SLEEPS = TEST_SANITIZED ? 100 : 1000 };
    static int64_t first[SLEEPS], second[SLEEPS];
    sleep_at_random(first, SLEEPS);
    sleep_at_random(second, SLEEPS);
    CHECK_MEM_EQ(first, second, sizeof first);
}

EVERYWHERE(clock_jumps_over_centuries)
{
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    for (int i = 0; i < 5; i++)
        CHECK_RC(rn_sleep_until(rn_in_s(INT64_C(365) * 24 * 3600)), 0);
    CHECK_EQ(rn_now_ns() - begin, 5 * 365 * 24 * HOUR);
    CHECK_RC(rn_sleep_until(rn_in_s(INT64_C(100) * 365 * 24 * 3600)), 0);
    CHECK_EQ(rn_now_ns() - begin, INT64_C(105) * 365 * 24 * HOUR);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(clock_jumps_to_the_end_of_any_wait)
{
    struct channel ends = channel_of_ints(1);
    rn_semaphore none = {0};
    int value;
    int64_t at = begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(rn_mpsc_recv_until(ends.rx, &value, rn_in_ns(HOUR)), RN_ETIMEDOUT);
    CHECK_EQ(rn_now_ns(), at += HOUR);
    CHECK_RC(rn_semaphore_acquire_until(&none, 1, rn_in_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(rn_now_ns(), at += 1);
    rn_case cases[] = {rn_mpsc_recv_case(ends.rx, &value), rn_deadline_case(rn_in_ns(MS + 1))};
    CHECK_EQ(rn_select(cases, 2), 1);
    CHECK_EQ(rn_now_ns(), at += MS + 1);
    CHECK_EQ(rn_select_until(cases, 1, rn_in_ns(2 * S)), RN_ETIMEDOUT);
    CHECK_EQ(rn_now_ns(), at += 2 * S);
    CHECK_RC(rn_clock_resume(), 0);
    drop_both(ends);
}

enum { SLEEPERS = 30 };

struct sleeper {
    rn_deadline deadline;
    int64_t woke_at;
    uint32_t place;
    uint32_t *woken;
};

static int sleep_once(void *arg)
{
    struct sleeper *sleeper = arg;
    CHECK_RC(rn_sleep_until(sleeper->deadline), 0);
    sleeper->woke_at = rn_now_ns();
    sleeper->place = count_up(sleeper->woken);
    return 0;
}

/* Some within one tick of the wheel, some in the next, some in its higher levels. */
static int64_t span_of(int i)
{
    return i < 10 ? 1 + i * 1000 : i < 20 ? i * 300 * 1000 : i * 10 * S;
}

ROOT(clock_jumps_in_the_order_of_deadlines)
{
    struct sleeper sleepers[SLEEPERS];
    rn_task tasks[SLEEPERS];
    uint32_t woken = 0;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    for (int i = 0; i < SLEEPERS; i++) {
        const int at = i * 17 % SLEEPERS;
        sleepers[at] = (struct sleeper){.deadline = rn_at_ns(begin + span_of(at)), .woken = &woken};
        REQUIRE(rn_spawn(&tasks[at], sleep_once, &sleepers[at]) == 0);
    }
    for (int i = 0; i < SLEEPERS; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_EQ(sleepers[i].place, i);
        CHECK_EQ(sleepers[i].woke_at, begin + span_of(i));
    }
    CHECK_EQ(rn_now_ns(), begin + span_of(SLEEPERS - 1));
    CHECK_RC(rn_clock_resume(), 0);
}

/* The clock stands: only who was passed is woken, and nobody before. */
ROOT(clock_that_is_advanced_ends_the_waits_that_it_passes)
{
    struct sleeper sleepers[2];
    rn_task tasks[2];
    uint32_t woken = 0;
    begin_at(RN_CLOCK_STANDS);
    for (int i = 0; i < 2; i++) {
        sleepers[i] = (struct sleeper){.deadline = rn_in_ns(MS * (1 + i)), .woken = &woken};
        REQUIRE(rn_spawn(&tasks[i], sleep_once, &sleepers[i]) == 0);
    }
    for (int i = 0; i < 3; i++) {
        WAIT_REALLY_UNTIL(waits_in(tasks[0], "sleep") && waits_in(tasks[1], "sleep"));
        CHECK_RC(rn_clock_advance(MS / 4), 0);
        real_ms();
        CHECK_EQ(value_of(&woken), 0);
    }
    CHECK_RC(rn_clock_advance(MS / 4), 0);
    CHECK_RC(rn_join(tasks[0], NULL), 0);
    CHECK_EQ(sleepers[0].woke_at, sleepers[0].deadline.at);
    CHECK_RC(rn_clock_advance(MS - 1), 0);
    real_ms();
    CHECK_EQ(value_of(&woken), 1);
    CHECK_RC(rn_clock_advance(HOUR), 0);
    CHECK_RC(rn_join(tasks[1], NULL), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

/* -- who holds it ------------------------------------------------------------------------------------------------ */

ROOT(clock_does_not_jump_while_a_task_runs)
{
    uint32_t woken = 0;
    rn_task task;
    struct sleeper sleeper = {.woken = &woken};
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    sleeper.deadline = rn_in_ns(1);
    REQUIRE(rn_spawn(&task, sleep_once, &sleeper) == 0);
    for (int i = 0; i < 5; i++) {
        real_ms();
        CHECK_EQ(rn_now_ns(), begin);
    }
    CHECK_EQ(value_of(&woken), 0);
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_EQ(sleeper.woke_at, begin + 1);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

static int work_really(void *arg)
{
    for (int i = 0; i < 5; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    set(arg);
    return 17;
}

ROOT(clock_does_not_jump_while_a_blocking_job_runs)
{
    uint32_t done = 0;
    int result = 0;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(rn_blocking(work_really, &done, &result), 0);
    CHECK_EQ(result, 17);
    CHECK_EQ(rn_now_ns(), begin);
    CHECK_RC(rn_clock_resume(), 0);
}

static int work_for(void *arg)
{
    return work_really(*(uint32_t **)arg);
}

ROOT(clock_does_not_jump_past_the_deadline_of_a_job_that_runs)
{
    uint32_t done = 0, *argument = &done;
    int result = 0;
    begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(rn_blocking_until(work_for, &argument, sizeof argument, NULL, &result, rn_in_ms(1)), 0);
    CHECK_EQ(result, 17);
    CHECK(is_set(&done));
    CHECK_RC(rn_clock_resume(), 0);
}

static int have_it_done(void *arg)
{
    return rn_blocking(work_really, arg, NULL);
}

/* Nobody but a sleeper is left when the job ends: its end lets the clock go on. */
ROOT(clock_jumps_when_the_last_job_has_ended)
{
    uint32_t done = 0;
    rn_task task;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    REQUIRE(rn_spawn(&task, have_it_done, &done) == 0);
    rn_yield();
    WAIT_REALLY_UNTIL(waits_in(task, "blocking") || is_set(&done));
    CHECK_RC(rn_sleep_ms(15000), 0);
    CHECK(is_set(&done));
    CHECK_EQ(rn_now_ns(), begin + 15 * S);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

static int have_it_begun(void *arg)
{
    return rn_blocking_until(work_for, &arg, sizeof arg, NULL, NULL, RN_FOREVER);
}

/* And nobody is woken by its end. */
ROOT(clock_jumps_when_a_job_that_was_given_up_has_ended)
{
    uint32_t done = 0;
    rn_task task;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    REQUIRE(rn_spawn(&task, have_it_begun, &done) == 0);
    WAIT_REALLY_UNTIL(waits_in(task, "blocking") || is_set(&done));
    rn_task_cancel(task, 0);
    const bool given_up = result_of(task) == RN_ECANCELED;
    CHECK_RC(rn_sleep_ms(15000), 0);
    CHECK(is_set(&done) || given_up); /* it may have been cancelled before it began */
    CHECK_EQ(rn_now_ns(), begin + 15 * S);
    CHECK_RC(rn_clock_resume(), 0);
}

static int sleep_a_minute(void *arg)
{
    (void)arg;
    return rn_sleep_ms(60 * 1000);
}

ROOT(clock_jumps_while_a_blocking_job_sleeps_by_it)
{
    int result = -1;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(rn_blocking(sleep_a_minute, NULL, &result), 0);
    CHECK_EQ(result, 0);
    CHECK_EQ(rn_now_ns(), begin + 60 * S);
    CHECK_RC(rn_clock_resume(), 0);
}

static int have_a_minute_slept(void *arg)
{
    (void)arg;
    return rn_blocking(sleep_a_minute, NULL, NULL);
}

static void sleep_in_a_pool_of_one(void)
{
    rn_task tasks[2];
    int64_t at = begin_at(RN_CLOCK_JUMPS);
    for (int cancel = 0; cancel < 2; cancel++) {
        for (size_t i = 0; i < RN_COUNT(tasks); i++) {
            REQUIRE(rn_spawn(&tasks[i], have_a_minute_slept, NULL) == 0);
            WAIT_REALLY_UNTIL(waits_in(tasks[i], "blocking"));
        }
        if (cancel)
            rn_task_cancel(tasks[1], 0);
        CHECK_RC(result_of(tasks[1]), cancel ? RN_ECANCELED : 0);
        CHECK_RC(result_of(tasks[0]), 0);
        CHECK_EQ(rn_now_ns(), at += cancel ? 60 * S : 120 * S);
    }
    CHECK_RC(rn_clock_resume(), 0);
}

/* Jobs that wait for a thread which waits for the clock do not hold the clock. */
TEST(clock_jumps_while_jobs_queue_behind_one_that_sleeps)
{
    void (*body)(void) = sleep_in_a_pool_of_one;
    CHECK_RC(rn_run_with(tasks_call, &body, &(rn_runtime_opts){.workers = 2, .max_blocking = 1}), 0);
}

ROOT(clock_does_not_jump_while_a_task_on_its_own_thread_runs)
{
    uint32_t done = 0;
    rn_task task;
    begin_at(RN_CLOCK_JUMPS);
    REQUIRE(rn_spawn_with(&task, work_really, &done, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK(is_set(&done));
    CHECK_RC(result_of(task), 17);
    CHECK_RC(rn_clock_resume(), 0);
}

static int receive_until(void *arg)
{
    int value;
    return rn_mpsc_recv_until(((struct channel *)arg)->rx, &value, rn_in_ns(HOUR));
}

/* It waits already, by a clock that goes, when the clock is paused: on a worker, or on a thread of its own. */
static void pause_while_it_waits(uint32_t place)
{
    struct channel ends = channel_of_ints(1);
    rn_task task;
    REQUIRE(rn_spawn_with(&task, receive_until, &ends, &(rn_spawn_opts){.place = place}) == 0);
    WAIT_UNTIL(waits_in(task, "mpsc recv"));
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(result_of(task), RN_ETIMEDOUT);
    CHECK(rn_now_ns() <= begin + HOUR);
    CHECK_RC(rn_clock_resume(), 0);
    drop_both(ends);
}

ROOT(clock_is_paused_for_tasks_that_wait_already)
{
    pause_while_it_waits(RN_PLACE_AUTO);
}

ROOT(clock_is_paused_for_threads_of_tasks_that_wait_already)
{
    pause_while_it_waits(RN_PLACE_THREAD);
}

static int receive_an_hour(void *arg)
{
    CHECK_RC(receive_until(arg), RN_ETIMEDOUT);
    return 0;
}

EVERYWHERE(clock_is_paused_for_whoever_waits_already)
{
    struct channel ends = channel_of_ints(1);
    struct actor *actor = actor_start(receive_an_hour, &ends);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    CHECK_RC(rn_sleep_ms(2 * 3600 * 1000), 0);
    CHECK_EQ(rn_now_ns(), begin + 2 * HOUR);
    CHECK_RC(rn_clock_resume(), 0);
    actor_join(actor);
    drop_both(ends);
}

/* They wait by a clock that stands when it goes on: their ends must come by themselves. */
static int sleep_ten(void *arg)
{
    const int64_t begin = rn_now_ns();
    set(arg);
    CHECK_RC(rn_sleep_ms(10), 0);
    CHECK(rn_now_ns() - begin >= 10 * MS);
    return 0;
}

static int receive_ten(void *arg)
{
    int value;
    const rn_deadline deadline = rn_in_ms(10);
    CHECK_RC(rn_mpsc_recv_until(((struct channel *)arg)->rx, &value, deadline), RN_ETIMEDOUT);
    CHECK(rn_passed(deadline));
    return 0;
}

EVERYWHERE(clock_goes_on_for_whoever_waits_while_it_stands)
{
    struct channel ends = channel_of_ints(1);
    uint32_t sleeps = 0;
    begin_at(RN_CLOCK_STANDS);
    struct actor *sleeper = actor_start(sleep_ten, &sleeps);
    struct actor *receiver = actor_start(receive_ten, &ends);
    WAIT_REALLY_UNTIL(is_set(&sleeps) && parked_in("mpsc recv") == 1);
    for (int i = 0; i < 20; i++)
        real_ms();
    CHECK_EQ(parked_in("mpsc recv"), 1);
    CHECK_RC(rn_clock_resume(), 0);
    actor_join(sleeper);
    actor_join(receiver);
    drop_both(ends);
}

static int send_one(void *arg)
{
    const int one = 1;
    return rn_mpsc_send(((struct channel *)arg)->tx, &one);
}

/* What arrives without any time is not a matter of the clock. */
EVERYWHERE(clock_that_stands_holds_up_no_message)
{
    struct channel ends = channel_of_ints(1);
    int value = 0;
    const int64_t begin = begin_at(RN_CLOCK_STANDS);
    struct actor *actor = actor_start(send_one, &ends);
    CHECK_RC(rn_mpsc_recv_until(ends.rx, &value, rn_in_ns(1)), 0);
    CHECK_EQ(value, 1);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(rn_now_ns(), begin);
    CHECK_RC(rn_clock_resume(), 0);
    drop_both(ends);
}

static int sleep_and_look(void *arg)
{
    CHECK_RC(rn_sleep_ms(60 * 1000), 0);
    CHECK(is_set(arg));
    return 0;
}

/* A task of one runtime holds the clock for the other. */
TEST(clock_is_one_for_all_runtimes)
{
    rn_runtime *runtimes[2];
    rn_task tasks[2];
    uint32_t done = 0;
    const int64_t begin = begin_at(RN_CLOCK_JUMPS);
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_runtime_new(&runtimes[i], &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&tasks[0], work_really, &done, &(rn_spawn_opts){.runtime = runtimes[0]}) == 0);
    REQUIRE(rn_spawn_with(&tasks[1], sleep_and_look, &done, &(rn_spawn_opts){.runtime = runtimes[1]}) == 0);
    CHECK_RC(result_of(tasks[0]), 17);
    CHECK_RC(result_of(tasks[1]), 0);
    CHECK_EQ(rn_now_ns(), begin + 60 * S);
    for (int i = 0; i < 2; i++)
        CHECK_RC(rn_runtime_free(runtimes[i]), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

/* The grace time is long over by the clock when everybody waits. */
static int sleep_behind_a_shield(void *arg)
{
    (void)arg;
    rn_shield_enter();
    CHECK_RC(rn_sleep_ms(500), 0);
    rn_shield_leave();
    return 0;
}

TEST(clock_that_jumps_measures_the_grace_time_of_tasks)
{
    rn_runtime *runtime;
    begin_at(RN_CLOCK_JUMPS);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2, .grace_ns = HOUR}) == 0);
    REQUIRE(rn_spawn_with(NULL, sleep_behind_a_shield, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
    const int64_t begin = rn_now_ns();
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK(rn_now_ns() - begin <= 500 * MS);
    CHECK_RC(rn_clock_resume(), 0);
}

static void pause_in_drop(void *elem, void *ctx)
{
    (void)elem, (void)ctx;
    CHECK_RC(rn_clock_pause(RN_CLOCK_JUMPS), RN_EDEADLK);
    CHECK_RC(rn_clock_resume(), RN_EDEADLK);
}

EVERYWHERE(clock_is_not_paused_by_a_callback)
{
    struct channel channel = channel_of(1, &(rn_elem){.size = sizeof(int), .drop = pause_in_drop});
    CHECK_RC(send_int(channel.tx, 1), 0);
    drop_both(channel);
    CHECK_RC(rn_clock_resume(), RN_EINVAL);
}
