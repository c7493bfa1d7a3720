/* SPDX-License-Identifier: MIT */
/* api_time.c - deadlines and sleeping (contract: <runnel/time.h>). No case asks how late a wake-up may be. */
#include "api/tasks.h"

#include <stdlib.h>

#define MS INT64_C(1000000)

/* -- deadlines --------------------------------------------------------------------------------------------------- */

TEST(clock_is_positive_and_never_goes_back)
{
    int64_t before = rn_now_ns();
    CHECK(before > 0);
    for (int i = 0; i < 10000; i++) {
        const int64_t now = rn_now_ns();
        REQUIRE(now >= before);
        before = now;
    }
}

TEST(deadline_of_no_time_has_passed)
{
    CHECK(rn_passed(rn_in_ns(0)));
    CHECK(rn_passed(rn_in_ns(-1)));
    CHECK(rn_passed(rn_in_ns(INT64_MIN)));
    CHECK(rn_passed(rn_in_us(0)));
    CHECK(rn_passed(rn_in_us(INT64_MIN)));
    CHECK(rn_passed(rn_in_ms(-7)));
    CHECK(rn_passed(rn_in_ms(INT64_MIN)));
    CHECK(rn_passed(rn_in_s(0)));
    CHECK(rn_passed(rn_in_s(INT64_MIN)));
    CHECK(rn_passed(rn_at_ns(0)));
    CHECK(rn_passed(rn_at_ns(-1)));
    CHECK(rn_passed(rn_at_ns(INT64_MIN)));
    CHECK(rn_passed(rn_at_ns(rn_now_ns())));
}

TEST(deadline_is_never_by_accident_none)
{
    static const int64_t spans[] = {0, 1, -1, INT64_MIN, INT64_MAX, INT64_MAX - 1, 1000, -1000};
    for (size_t i = 0; i < RN_COUNT(spans); i++) {
        CHECK(rn_in_ns(spans[i]).at != RN_FOREVER.at);
        CHECK(rn_in_us(spans[i]).at != RN_FOREVER.at);
        CHECK(rn_in_ms(spans[i]).at != RN_FOREVER.at);
        CHECK(rn_in_s(spans[i]).at != RN_FOREVER.at);
        CHECK(rn_at_ns(spans[i]).at != RN_FOREVER.at);
    }
    CHECK(rn_at_ns(-rn_now_ns()).at != RN_FOREVER.at);
}

TEST(deadline_is_a_point_of_the_clock)
{
    const int64_t before = rn_now_ns();
    const rn_deadline soon = rn_in_ms(50);
    const rn_deadline later = rn_in_s(1);
    const int64_t after = rn_now_ns();
    CHECK(soon.at >= before + 50 * MS && soon.at <= after + 50 * MS);
    CHECK(later.at >= before + 1000 * MS && later.at <= after + 1000 * MS);
    CHECK(rn_in_us(50).at >= before + 50 * 1000);
    CHECK_EQ(rn_at_ns(12345).at, rn_at_ns(12345).at);
    CHECK(!rn_passed(rn_at_ns(rn_now_ns() + 3600 * 1000 * MS)));
}

TEST(deadline_far_away_is_cut_to_the_end_of_time)
{
    CHECK(!rn_passed(rn_in_s(INT64_MAX)));
    CHECK(!rn_passed(rn_in_ms(INT64_MAX)));
    CHECK(!rn_passed(rn_in_us(INT64_MAX)));
    CHECK(!rn_passed(rn_in_ns(INT64_MAX)));
    CHECK(rn_left_ns(rn_in_s(INT64_MAX)) > INT64_C(250) * 365 * 24 * 3600 * 1000 * MS);
}

TEST(deadline_tells_what_is_left)
{
    const int64_t left = rn_left_ns(rn_in_s(100));
    CHECK(left > 0 && left <= 100 * 1000 * MS);
    CHECK_EQ(rn_left_ns(rn_in_ms(-1)), 0);
    CHECK_EQ(rn_left_ns(rn_at_ns(1)), 0);
    CHECK_EQ(rn_left_ns(RN_FOREVER), INT64_MAX);
}

TEST(deadline_that_is_none_never_passes)
{
    CHECK(!rn_passed(RN_FOREVER));
    CHECK(!rn_passed((rn_deadline){0}));
}

TEST(deadline_that_is_sooner_is_chosen)
{
    const rn_deadline soon = rn_at_ns(1000), later = rn_at_ns(2000);
    CHECK_EQ(rn_sooner(soon, later).at, 1000);
    CHECK_EQ(rn_sooner(later, soon).at, 1000);
    CHECK_EQ(rn_sooner(soon, soon).at, 1000);
    CHECK_EQ(rn_sooner(RN_FOREVER, later).at, 2000);
    CHECK_EQ(rn_sooner(later, RN_FOREVER).at, 2000);
    CHECK_EQ(rn_sooner(RN_FOREVER, RN_FOREVER).at, RN_FOREVER.at);
}

/* -- sleeping ---------------------------------------------------------------------------------------------------- */

/* Spans on both sides of the wheel's ticks and levels (0.26 ms, 17 ms). */
EVERYWHERE(sleep_is_never_too_short)
{
    static const int64_t spans[] = {1,      1000,    100000,  262143,   262144,   262145,
                                    999999, 1000000, 5000000, 16777216, 17000000, 30000000};
    for (size_t i = 0; i < RN_COUNT(spans); i++) {
        const rn_deadline deadline = rn_in_ns(spans[i]);
        CHECK_RC(rn_sleep_until(deadline), 0);
        CHECK(rn_passed(deadline));
    }
    for (int64_t ms = 1; ms <= 4; ms++) {
        const int64_t begin = rn_now_ns();
        CHECK_RC(rn_sleep_ms(ms), 0);
        CHECK(rn_now_ns() - begin >= ms * MS);
    }
}

EVERYWHERE(sleep_until_a_time_that_has_passed_does_not_wait)
{
    CHECK_RC(rn_sleep_ms(0), 0);
    CHECK_RC(rn_sleep_ms(-1), 0);
    CHECK_RC(rn_sleep_ms(INT64_MIN), 0);
    CHECK_RC(rn_sleep_until(rn_in_ms(0)), 0);
    CHECK_RC(rn_sleep_until(rn_at_ns(1)), 0);
}

static int sleep_random(void *arg)
{
    const int64_t span = *(const int64_t *)arg;
    const rn_deadline deadline = rn_in_ns(span);
    CHECK_RC(rn_sleep_until(deadline), 0);
    CHECK(rn_passed(deadline));
    return 0;
}

ROOT(sleep_of_ten_thousand_tasks_is_never_too_short)
{
    enum { TASKS = TEST_SANITIZED ? 2000 : 10000 };
    static int64_t spans[TASKS];
    static rn_task tasks[TASKS];
    srand((unsigned)test_seed());
    for (int i = 0; i < TASKS; i++) {
        spans[i] = rand() % (200 * MS);
        REQUIRE(rn_spawn(&tasks[i], sleep_random, &spans[i]) == 0);
    }
    for (int i = 0; i < TASKS; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

struct sleeper {
    rn_deadline deadline;
    uint32_t place; /* in the order of waking */
    uint32_t *woken;
};

static int sleep_and_count(void *arg)
{
    struct sleeper *sleeper = arg;
    CHECK_RC(rn_sleep_until(sleeper->deadline), 0);
    sleeper->place = count_up(sleeper->woken);
    return 0;
}

enum { SLEEPERS = 40 };
static struct sleeper sleepers[SLEEPERS];
static rn_task sleeping[SLEEPERS];

/* Deadlines `step` apart, the first after `lead`, started in a shuffled order. Whether all slept before the first. */
static bool try_sleepers(int64_t lead, int64_t step, uint32_t *woken)
{
    const int64_t begin = rn_now_ns() + lead;
    *woken = 0;
    for (int i = 0; i < SLEEPERS; i++) {
        const int at = i * 17 % SLEEPERS;
        sleepers[at] = (struct sleeper){rn_at_ns(begin + at * step), 0, woken};
        REQUIRE(rn_spawn(&sleeping[at], sleep_and_count, &sleepers[at]) == 0);
    }
    for (int i = 0; i < SLEEPERS; i++)
        WAIT_UNTIL(waits_in(sleeping[i], "sleep") || rn_task_ended(sleeping[i]));
    return !rn_passed(sleepers[0].deadline);
}

static void join_sleepers(void)
{
    for (int i = 0; i < SLEEPERS; i++)
        CHECK_RC(rn_join(sleeping[i], NULL), 0);
}

/* All sleep when this comes back, however slow the machine is. */
static void start_sleepers(int64_t step, uint32_t *woken)
{
    for (int64_t lead = 20 * MS; !try_sleepers(lead, step, woken); lead *= 2)
        join_sleepers();
}

static void check_order(void)
{
    join_sleepers();
    for (int i = 0; i < SLEEPERS; i++)
        CHECK_EQ(sleepers[i].place, i);
}

ROOT_ON(1, sleep_ends_in_the_order_of_deadlines)
{
    uint32_t woken = 0;
    start_sleepers(2 * MS, &woken);
    check_order();
}

/* Nobody looks at the clock before all of them are due. */
ROOT_ON(1, sleep_ends_in_the_order_of_deadlines_also_behind_a_busy_task)
{
    uint32_t woken = 0;
    start_sleepers(MS, &woken);
    while (!rn_passed(sleepers[SLEEPERS - 1].deadline))
        rn__pause();
    check_order();
}

static int sleep_for_ever(void *arg)
{
    return rn_sleep_until(*(rn_deadline *)arg);
}

/* Far away and for ever: the runtime ends all the same, since its end cancels them. */
ROOT(sleep_of_centuries_is_ended_by_a_cancel)
{
    static rn_deadline far[3];
    rn_task tasks[RN_COUNT(far)];
    far[0] = RN_FOREVER;
    far[1] = rn_in_s(INT64_MAX);
    far[2] = rn_in_s(3600 * 24 * 365);
    for (size_t i = 0; i < RN_COUNT(far); i++)
        REQUIRE(rn_spawn(&tasks[i], sleep_for_ever, &far[i]) == 0);
    for (size_t i = 0; i < RN_COUNT(far); i++) {
        WAIT_UNTIL(waits_in(tasks[i], "sleep"));
        rn_task_cancel(tasks[i], 0);
        CHECK_RC(result_of(tasks[i]), RN_ECANCELED);
    }
}

/* -- timers of other waits --------------------------------------------------------------------------------------- */

/* The wait ends by its event; its timer must not end a later one. */
ROOT(timer_of_a_wait_that_is_over_does_nothing)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int value;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    for (int i = 0; i < 300; i++) {
        CHECK_RC(rn_mpsc_try_send(tx, &i), 0);
        CHECK_RC(rn_mpsc_recv_until(rx, &value, rn_in_us(300)), 0);
        const rn_deadline deadline = rn_in_us(600);
        CHECK_RC(rn_mpsc_recv_until(rx, &value, deadline), RN_ETIMEDOUT);
        CHECK(rn_passed(deadline));
    }
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

struct line {
    rn_mpsc_tx *tx;
    uint32_t leave;
};

static int send_now_and_then(void *arg)
{
    struct line *line = arg;
    for (int i = 0; !is_set(&line->leave); i++) {
        CHECK_RC(rn_mpsc_send(line->tx, &i), 0);
        CHECK_RC(rn_sleep_until(rn_in_us(i % 700)), 0);
    }
    return 0;
}

/* The message and the deadline come at about the same time; both must be told rightly. */
ROOT(timer_and_message_at_the_same_time_give_one_of_both)
{
    struct line line = {.leave = 0};
    rn_mpsc_rx *rx;
    rn_task sender;
    int value, expected = 0;
    REQUIRE(rn_mpsc_channel(&line.tx, &rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn_with(&sender, send_now_and_then, &line, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
    for (int i = 0; i < 500; i++) {
        const rn_deadline deadline = rn_in_us(i % 500);
        const int code = rn_mpsc_recv_until(rx, &value, deadline);
        if (code == 0)
            CHECK_EQ(value, expected++);
        else
            CHECK_RC(code, RN_ETIMEDOUT);
        CHECK(code == 0 || rn_passed(deadline));
    }
    set(&line.leave);
    while (!rn_task_ended(sender))
        rn_ignore(rn_mpsc_recv_until(rx, &value, rn_in_ms(1)));
    CHECK_RC(rn_join(sender, NULL), 0);
    rn_mpsc_tx_drop(line.tx);
    rn_mpsc_rx_drop(rx);
}

/* -- timers beside tasks that never park ------------------------------------------------------------------------- */

static int yield_until(void *arg)
{
    while (!is_set(arg))
        rn_yield();
    return 0;
}

static int sleep_then_set(void *arg)
{
    CHECK_RC(rn_sleep_ms(3), 0);
    set(arg);
    return 0;
}

ROOT_ON(1, timer_fires_beside_tasks_that_only_yield)
{
    uint32_t stop = 0;
    rn_task yielding[3], sleeper;
    REQUIRE(rn_spawn(&sleeper, sleep_then_set, &stop) == 0);
    for (int i = 0; i < 3; i++)
        REQUIRE(rn_spawn(&yielding[i], yield_until, &stop) == 0);
    CHECK_RC(rn_join(sleeper, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_RC(rn_join(yielding[i], NULL), 0);
}

static int talk_until(void *arg)
{
    int value = 0;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 4, RN_ELEM(int)) == 0);
    while (!is_set(arg)) {
        CHECK_RC(rn_mpsc_send(tx, &value), 0);
        CHECK_RC(rn_mpsc_recv(rx, &value), 0);
    }
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    return 0;
}

/* Its channel is never empty and never full, so no call of it ever waits: the budget makes it give way. */
ROOT_ON(1, timer_fires_beside_a_task_whose_calls_never_wait)
{
    uint32_t stop = 0;
    rn_task talking, sleeper;
    REQUIRE(rn_spawn(&sleeper, sleep_then_set, &stop) == 0);
    REQUIRE(rn_spawn(&talking, talk_until, &stop) == 0);
    CHECK_RC(rn_join(sleeper, NULL), 0);
    CHECK_RC(rn_join(talking, NULL), 0);
}

static int count_turns(void *arg)
{
    uint32_t *turns = arg;
    while (value_of(turns) < 100) {
        count_up(turns);
        rn_yield();
    }
    return 0;
}

struct hog {
    uint32_t *turns;
    uint32_t operations;
};

static int talk_beside(void *arg)
{
    struct hog *hog = arg;
    int value = 0;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    while (value_of(hog->turns) < 100) {
        CHECK_RC(rn_mpsc_send(tx, &value), 0);
        CHECK_RC(rn_mpsc_recv(rx, &value), 0);
        hog->operations += 2;
    }
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    return 0;
}

/* 128 operations a turn, and its neighbour one: counted, not timed. */
ROOT_ON(1, task_whose_calls_never_wait_leaves_its_neighbour_a_turn_every_128)
{
    uint32_t turns = 0;
    struct hog hog = {.turns = &turns};
    rn_task talking, counting;
    const rn_spawn_opts here = {.place = RN_PLACE_WORKER};
    REQUIRE(rn_spawn_with(&counting, count_turns, &turns, &here) == 0);
    REQUIRE(rn_spawn_with(&talking, talk_beside, &hog, &here) == 0);
    CHECK_RC(rn_join(counting, NULL), 0);
    CHECK_RC(rn_join(talking, NULL), 0);
    CHECK(hog.operations > 0);
    CHECK(hog.operations <= 101 * 130);
}
