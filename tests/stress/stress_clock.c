/* SPDX-License-Identifier: MIT */
/* stress_clock.c - a clock that is paused, advanced and resumed again and again under tasks and threads that wait for
 * times: nothing ends early, nobody sleeps on for ever. Less than a second a case. */
#include "api/tasks.h"
#include "base/random.h"

#include <sched.h>

#define MS INT64_C(1000000)

enum { TASKS = 40, THREADS = 4, WAITS = TEST_SANITIZED ? 20 : 60 };

static struct {
    rn_mpsc_tx *tx;
    rn_notify never;
    uint32_t started;
    uint32_t ended;
} scene;

/* Up to 3 ms by a clock that goes, and by one that jumps nothing. */
static int wait_for_times(void *arg)
{
    uint64_t state = test_seed() + (uintptr_t)arg;
    rn_interval every;
    REQUIRE(rn_interval_init(&every, MS, RN_MISSED_SKIP) == 0);
    count_up(&scene.started);
    for (int i = 0; i < WAITS; i++) {
        rn_deadline deadline = rn_in_ns((int64_t)(rn__random_next(&state) % (3 * MS)));
        rn_case cases[] = {rn_notify_wait_case(&scene.never), rn_deadline_case(deadline)};
        switch (rn__random_next(&state) % 4) {
        case 0:
            CHECK_RC(rn_sleep_until(deadline), 0);
            break;
        case 1:
            CHECK_RC(rn_notify_wait_until(&scene.never, deadline), RN_ETIMEDOUT);
            break;
        case 2:
            CHECK_EQ(rn_select(cases, 2), 1);
            break;
        default:
            CHECK_RC(rn_interval_tick(&every, &deadline.at), 0);
        }
        CHECK(rn_passed(deadline));
    }
    count_up(&scene.ended);
    return 0;
}

static bool all_ended(void)
{
    return value_of(&scene.ended) == TASKS + THREADS;
}

/* The one who turns the hands; a plain thread, so that the clock may jump while it looks. */
static void turn(uint64_t *state)
{
    const enum rn_clock how = rn__random_next(state) % 2 == 0 ? RN_CLOCK_JUMPS : RN_CLOCK_STANDS;
    const int64_t before = rn_now_ns();
    CHECK_RC(rn_clock_pause(how), 0);
    CHECK(rn_now_ns() >= before);
    for (uint64_t i = rn__random_next(state) % 8; i > 0; i--) {
        CHECK_RC(rn_clock_advance((int64_t)(rn__random_next(state) % MS)), 0);
        sched_yield();
    }
    CHECK_RC(rn_clock_resume(), 0);
}

static void run_scene(uint32_t workers)
{
    rn_runtime *runtime;
    struct actor *actors[THREADS];
    uint64_t state = test_seed();
    turn(&state); /* of the first pause of a process others may have seen a time that it takes back */
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = workers}) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        actors[i] = actor_start(wait_for_times, (void *)(1000 + i));
    for (uintptr_t i = 0; i < TASKS; i++) {
        const enum rn_place place = i % 10 == 0 ? RN_PLACE_THREAD : RN_PLACE_AUTO;
        REQUIRE(rn_spawn_with(NULL, wait_for_times, (void *)i,
                              &(rn_spawn_opts){.runtime = runtime, .place = place}) == 0);
    }
    while (!all_ended())
        turn(&state);
    for (int i = 0; i < THREADS; i++)
        actor_join(actors[i]);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

TEST(clock_turned_under_load_ends_every_wait_on_1)
{
    run_scene(1);
}

TEST(clock_turned_under_load_ends_every_wait_on_2)
{
    run_scene(2);
}

TEST(clock_turned_under_load_ends_every_wait_on_16)
{
    run_scene(16);
}

/* -- nobody is jumped over --------------------------------------------------------------------------------------- */

enum { PAIRS = 16, ROUNDS = TEST_SANITIZED ? 30 : 200 };

struct pair {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
};

/* Each message comes half a millisecond before its deadline: if the clock jumped while the sender was about to send,
 * or its receiver about to run, one would time out. */
static int send_in_time(void *arg)
{
    const struct pair *pair = arg;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_RC(rn_sleep_until(rn_in_ns(MS / 2)), 0);
        CHECK_RC(rn_mpsc_send(pair->tx, &i), 0);
    }
    return 0;
}

static int receive_in_time(void *arg)
{
    const struct pair *pair = arg;
    int value;
    for (int i = 0; i < ROUNDS; i++)
        CHECK_RC(rn_mpsc_recv_until(pair->rx, &value, rn_in_ns(MS)), 0);
    return 0;
}

static int job_of_no_time(void *arg)
{
    (void)arg;
    sched_yield();
    return 0;
}

static int have_jobs_done(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t before = rn_now_ns();
        CHECK_RC(rn_blocking(job_of_no_time, NULL, NULL), 0);
        CHECK_EQ(rn_now_ns(), before);
        CHECK_RC(rn_sleep_until(rn_in_ns(MS / 3)), 0);
    }
    return 0;
}

static void jump_beside(void)
{
    static struct pair pairs[PAIRS];
    rn_task tasks[2 * PAIRS + 1];
    uint32_t n = 0;
    REQUIRE(rn_clock_pause(RN_CLOCK_JUMPS) == 0);
    for (int i = 0; i < PAIRS; i++) {
        REQUIRE(rn_mpsc_channel(&pairs[i].tx, &pairs[i].rx, 1, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn(&tasks[n++], receive_in_time, &pairs[i]) == 0);
        const rn_spawn_opts opts = {.place = i == 0 ? RN_PLACE_THREAD : RN_PLACE_AUTO};
        REQUIRE(rn_spawn_with(&tasks[n++], send_in_time, &pairs[i], &opts) == 0);
    }
    REQUIRE(rn_spawn(&tasks[n++], have_jobs_done, NULL) == 0);
    for (uint32_t i = 0; i < n; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    for (int i = 0; i < PAIRS; i++) {
        rn_mpsc_tx_drop(pairs[i].tx);
        rn_mpsc_rx_drop(pairs[i].rx);
    }
    CHECK_RC(rn_clock_resume(), 0);
}

ROOT(clock_that_jumps_passes_over_nobody)
{
    jump_beside();
}
