/* SPDX-License-Identifier: MIT */
/* api_interval.c - ticks (contract: <runnel/interval.h>), mostly by a clock that stands. */
#include "api/mpsc_ints.h"
#include "api/selected.h"
#include "wait/clock.h"

#define MS INT64_C(1000000)
#define PERIOD (300 * MS)

/* What a case looks at: an interval of 300 ms whose first tick is due when it begins, by a clock that stands. */
struct bench {
    rn_interval every;
    int64_t begin;
};

static struct bench bench_of(enum rn_missed missed)
{
    struct bench bench;
    REQUIRE(rn_clock_pause(RN_CLOCK_STANDS) == 0);
    bench.begin = rn_now_ns();
    REQUIRE(rn_interval_init(&bench.every, PERIOD, missed) == 0);
    return bench;
}

static void pass(int64_t ms)
{
    REQUIRE(rn_clock_advance(ms * MS) == 0);
}

/* The next tick is due, and was so many milliseconds after the beginning. */
#define CHECK_TICK(bench, ms)                                                                                        \
    do {                                                                                                             \
        int64_t due_ = 0;                                                                                            \
        CHECK_RC(rn_interval_try_tick(&(bench).every, &due_), 0);                                                    \
        CHECK_EQ((due_ - (bench).begin) / MS, (ms));                                                                 \
    } while (0)

#define CHECK_NO_TICK(bench) CHECK_RC(rn_interval_try_tick(&(bench).every, NULL), RN_EAGAIN)

/* A tick at once, one in time, and then one that is not waited for. */
static void come_late(struct bench *bench, int64_t late)
{
    CHECK_TICK(*bench, 0);
    CHECK_NO_TICK(*bench);
    pass(299);
    CHECK_NO_TICK(*bench);
    pass(1);
    CHECK_TICK(*bench, 300);
    CHECK_NO_TICK(*bench);
    pass(300 + late);
    CHECK_TICK(*bench, 600);
}

EVERYWHERE(interval_that_bursts_makes_up_for_what_was_missed)
{
    struct bench bench = bench_of(RN_MISSED_BURST);
    come_late(&bench, 350);
    CHECK_TICK(bench, 900);
    CHECK_NO_TICK(bench);
    pass(250);
    CHECK_TICK(bench, 1200);
    CHECK_NO_TICK(bench);
    pass(300);
    CHECK_TICK(bench, 1500);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_that_delays_keeps_a_period_between_two_ticks)
{
    struct bench bench = bench_of(RN_MISSED_DELAY);
    come_late(&bench, 350);
    CHECK_NO_TICK(bench);
    pass(299);
    CHECK_NO_TICK(bench);
    pass(1);
    CHECK_TICK(bench, 1250);
    pass(300);
    CHECK_TICK(bench, 1550);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_that_skips_goes_on_in_step)
{
    struct bench bench = bench_of(RN_MISSED_SKIP);
    come_late(&bench, 350);
    CHECK_NO_TICK(bench);
    pass(249);
    CHECK_NO_TICK(bench);
    pass(1);
    CHECK_TICK(bench, 1200);
    pass(3 * 300);
    CHECK_TICK(bench, 1500);
    CHECK_NO_TICK(bench);
    pass(300);
    CHECK_TICK(bench, 2400);
    CHECK_RC(rn_clock_resume(), 0);
}

/* Late, but not by a period: nothing was missed, and the step is kept. */
EVERYWHERE(interval_that_skips_or_bursts_does_not_drift)
{
    for (int missed = RN_MISSED_BURST; missed <= RN_MISSED_SKIP; missed += RN_MISSED_SKIP - RN_MISSED_BURST) {
        struct bench bench = bench_of((enum rn_missed)missed);
        for (int i = 0; i < 5; i++) {
            CHECK_TICK(bench, i * 300);
            CHECK_EQ(rn_interval_next(&bench.every).at, bench.begin + (i + 1) * PERIOD);
            pass(i % 2 == 0 ? 300 + 299 : 1);
        }
        CHECK_RC(rn_clock_resume(), 0);
    }
}

EVERYWHERE(interval_begins_when_it_is_told)
{
    struct bench bench = bench_of(RN_MISSED_BURST);
    CHECK_RC(rn_interval_init_at(&bench.every, rn_in_ms(50), PERIOD, RN_MISSED_BURST), 0);
    CHECK_EQ(rn_interval_period(&bench.every), PERIOD);
    CHECK_EQ(rn_interval_next(&bench.every).at, bench.begin + 50 * MS);
    pass(49);
    CHECK_NO_TICK(bench);
    pass(1);
    CHECK_TICK(bench, 50);
    pass(300);
    CHECK_TICK(bench, 350);
    CHECK_RC(rn_interval_init_at(&bench.every, rn_at_ns(bench.begin), PERIOD, RN_MISSED_BURST), 0);
    CHECK_TICK(bench, 0);
    CHECK_TICK(bench, 300);
    CHECK_NO_TICK(bench);
    CHECK_RC(rn_clock_resume(), 0);
}

/* -- reset ------------------------------------------------------------------------------------------------------- */

/* In the middle of a period, 400 ms after the beginning. */
static struct bench bench_in_the_middle(void)
{
    struct bench bench = bench_of(RN_MISSED_BURST);
    CHECK_TICK(bench, 0);
    pass(300);
    CHECK_TICK(bench, 300);
    pass(100);
    CHECK_NO_TICK(bench);
    return bench;
}

EVERYWHERE(interval_that_is_reset_begins_a_whole_period)
{
    struct bench bench = bench_in_the_middle();
    rn_interval_reset(&bench.every);
    pass(299);
    CHECK_NO_TICK(bench);
    pass(1);
    CHECK_TICK(bench, 700);
    pass(300);
    CHECK_TICK(bench, 1000);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_that_is_reset_to_now_ticks_at_once)
{
    struct bench bench = bench_in_the_middle();
    rn_interval_reset_at(&bench.every, rn_at_ns(rn_now_ns()));
    CHECK_TICK(bench, 400);
    CHECK_NO_TICK(bench);
    pass(300);
    CHECK_TICK(bench, 700);
    rn_interval_reset_at(&bench.every, rn_in_ms(0));
    CHECK_RC(rn_interval_try_tick(&bench.every, NULL), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

/* So many milliseconds from now; and on from there. */
static void reset_to(struct bench *bench, int64_t ms)
{
    const int64_t at = (rn_now_ns() - bench->begin) / MS + ms;
    rn_interval_reset_at(&bench->every, rn_in_ms(ms));
    for (int64_t left = ms; left > 1; left -= left / 2) {
        pass(left / 2);
        CHECK_NO_TICK(*bench);
    }
    pass(1);
    CHECK_TICK(*bench, at);
    pass(299);
    CHECK_NO_TICK(*bench);
    pass(1);
    CHECK_TICK(*bench, at + 300);
}

EVERYWHERE(interval_that_is_reset_to_sooner_goes_on_from_there)
{
    struct bench bench = bench_in_the_middle();
    reset_to(&bench, 20);
    reset_to(&bench, 1);
    reset_to(&bench, 299);
    CHECK_RC(rn_clock_resume(), 0);
}

/* In the middle of a period, and when a tick was due and has been taken. */
EVERYWHERE(interval_that_is_reset_to_later_goes_on_from_there)
{
    struct bench bench = bench_in_the_middle();
    reset_to(&bench, 1000);
    reset_to(&bench, 301);
    pass(3 * 300);
    reset_to(&bench, 600 * 1000);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_that_is_reset_to_the_past_ticks_at_once)
{
    struct bench bench = bench_in_the_middle();
    rn_interval_reset_at(&bench.every, rn_at_ns(bench.begin + 390 * MS));
    CHECK_TICK(bench, 390);
    CHECK_NO_TICK(bench);
    pass(290);
    CHECK_TICK(bench, 690);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_without_a_next_tick_waits_for_a_reset)
{
    struct bench bench = bench_of(RN_MISSED_BURST);
    rn_interval_reset_at(&bench.every, RN_FOREVER);
    CHECK_EQ(rn_interval_next(&bench.every).at, RN_FOREVER.at);
    pass(1000 * 1000);
    CHECK_NO_TICK(bench);
    rn_case one = rn_interval_tick_case(&bench.every, NULL);
    CHECK_EQ(rn_try_select(&one, 1), RN_EAGAIN);
    CHECK_EQ(rn_select_until(&one, 1, rn_in_ms(0)), RN_ETIMEDOUT);
    rn_interval_reset(&bench.every);
    pass(300);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(rn_clock_resume(), 0);
}

/* -- edges ------------------------------------------------------------------------------------------------------- */

EVERYWHERE(interval_of_no_period_is_refused)
{
    rn_interval every;
    static const int64_t none[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < RN_COUNT(none); i++) {
        CHECK_RC(rn_interval_init(&every, none[i], RN_MISSED_BURST), RN_EINVAL);
        CHECK_RC(rn_interval_init_at(&every, rn_in_ms(1), none[i], RN_MISSED_SKIP), RN_EINVAL);
    }
    CHECK_RC(rn_interval_init(&every, 1, (enum rn_missed)3), RN_EINVAL);
    CHECK_RC(rn_interval_init(NULL, 1, RN_MISSED_BURST), RN_EINVAL);
    CHECK_RC(rn_interval_tick(NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_interval_try_tick(NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_interval_tick_until(NULL, NULL, RN_FOREVER), RN_EINVAL);
    rn_interval_reset(NULL);
    rn_interval_reset_at(NULL, RN_FOREVER);
    CHECK_EQ(rn_interval_next(NULL).at, RN_FOREVER.at);
    CHECK_EQ(rn_interval_period(NULL), 0);
    rn_case never = rn_interval_tick_case(NULL, NULL);
    CHECK_EQ(rn_select(&never, 1), RN_EDEADLK);
}

EVERYWHERE(interval_of_centuries_ticks_once)
{
    for (int missed = RN_MISSED_BURST; missed <= RN_MISSED_SKIP; missed++) {
        rn_interval every;
        CHECK_RC(rn_interval_init(&every, INT64_MAX, (enum rn_missed)missed), 0);
        CHECK_RC(rn_interval_tick(&every, NULL), 0);
        CHECK_EQ(rn_interval_next(&every).at, RN_FOREVER.at);
        CHECK_RC(rn_interval_try_tick(&every, NULL), RN_EAGAIN);
        rn_interval_reset(&every);
        CHECK_EQ(rn_interval_next(&every).at, RN_FOREVER.at);
        CHECK_RC(rn_interval_init_at(&every, rn_at_ns(1), INT64_MAX - 2, (enum rn_missed)missed), 0);
        CHECK_RC(rn_interval_tick(&every, NULL), 0);
        CHECK(!rn_passed(rn_interval_next(&every)));
    }
}

/* -- waiting ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(interval_ticks_when_its_time_has_come)
{
    rn_interval every;
    int64_t due;
    REQUIRE(rn_clock_pause(RN_CLOCK_JUMPS) == 0);
    const int64_t begin = rn_now_ns();
    REQUIRE(rn_interval_init(&every, PERIOD, RN_MISSED_BURST) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK_RC(rn_interval_tick(&every, &due), 0);
        CHECK_EQ(due, begin + i * PERIOD);
        CHECK_EQ(rn_now_ns(), due);
    }
    CHECK_RC(rn_interval_tick_until(&every, &due, rn_in_ns(PERIOD - 1)), RN_ETIMEDOUT);
    CHECK_RC(rn_interval_tick_until(&every, &due, rn_in_ns(PERIOD)), 0);
    CHECK_EQ(due, begin + 20 * PERIOD);
    CHECK_RC(rn_clock_resume(), 0);
}

EVERYWHERE(interval_is_never_early)
{
    rn_interval every;
    int64_t due, last = 0;
    REQUIRE(rn_interval_init(&every, MS / 2, RN_MISSED_SKIP) == 0);
    for (int i = 0; i < 10; i++) {
        CHECK_RC(rn_interval_tick(&every, &due), 0);
        CHECK(rn_now_ns() >= due);
        CHECK(due > last);
        last = due;
    }
}

EVERYWHERE(interval_stands_in_a_select)
{
    struct channel channel = channel_of_ints(1);
    rn_interval fast, slow;
    int64_t fast_due = 0, slow_due = 0;
    int value, ticks = 0;
    REQUIRE(rn_clock_pause(RN_CLOCK_JUMPS) == 0);
    const int64_t begin = rn_now_ns();
    REQUIRE(rn_interval_init(&fast, 10 * MS, RN_MISSED_SKIP) == 0);
    REQUIRE(rn_interval_init_at(&slow, rn_in_ms(35), 35 * MS, RN_MISSED_SKIP) == 0);
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &value), rn_interval_tick_case(&fast, &fast_due),
                       rn_interval_tick_case(&slow, &slow_due)};
    while (rn_select(cases, 3) == 1) {
        CHECK_EQ(cases[1].rc, 0);
        ticks++;
    }
    CHECK_EQ(ticks, 4);
    CHECK_EQ(cases[2].rc, 0);
    CHECK_EQ(fast_due, begin + 30 * MS);
    CHECK_EQ(slow_due, begin + 35 * MS);
    CHECK_EQ(rn_now_ns(), slow_due);
    CHECK_RC(send_int(channel.tx, 7), 0);
    CHECK_EQ(rn_select(cases, 3), 0); /* and no tick is lost by that */
    CHECK_EQ(rn_select(cases, 3), 1);
    CHECK_EQ(fast_due, begin + 40 * MS);
    CHECK_EQ(rn_select_until(cases, 3, rn_in_ms(9)), RN_ETIMEDOUT);
    CHECK_RC(rn_clock_resume(), 0);
    drop_both(channel);
}

static int tick_until_cancelled(void *arg)
{
    rn_interval *every = arg;
    int rc;
    while ((rc = rn_interval_tick(every, NULL)) == 0)
        ;
    return rc;
}

ROOT(interval_of_a_cancelled_task_keeps_its_tick)
{
    rn_interval every;
    rn_task task;
    REQUIRE(rn_interval_init_at(&every, rn_in_s(3600), PERIOD, RN_MISSED_BURST) == 0);
    const rn_deadline next = rn_interval_next(&every);
    REQUIRE(rn_spawn(&task, tick_until_cancelled, &every) == 0);
    WAIT_UNTIL(waits_in(task, "sleep"));
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(rn_interval_next(&every).at, next.at);
    rn_interval_reset_at(&every, rn_in_ms(0));
    REQUIRE(rn_spawn(&task, tick_until_cancelled, &every) == 0);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
}

static int count_ticks(void *arg)
{
    rn_interval every;
    REQUIRE(rn_interval_init_at(&every, rn_at_ns(1), 1, RN_MISSED_BURST) == 0);
    while (!is_set(arg))
        CHECK_RC(rn_interval_tick(&every, NULL), 0);
    return 0;
}

/* Billions of ticks are due: each is taken at once, and the neighbour gets its turn. */
ROOT_ON(1, interval_that_is_always_due_lets_others_run)
{
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, count_ticks, &leave) == 0);
    rn_yield();
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}
