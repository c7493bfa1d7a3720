/* SPDX-License-Identifier: MIT */
/* stress_runtime.c - sleeping workers and who wakes them: one lost wake-up, and a case does not end. */
#include "api/tasks.h"
#include "base/random.h"

#include <stdlib.h>
#include <unistd.h>

/* -- ping-pong between a plain thread and a task ----------------------------------------------------------------- */

enum { ROUNDS = TEST_SANITIZED ? 10000 : 100000 };

struct table {
    rn_mpsc_tx *ping_tx, *pong_tx;
    rn_mpsc_rx *ping_rx, *pong_rx;
};

static struct table table;

static void table_begin(void)
{
    REQUIRE(rn_mpsc_channel(&table.ping_tx, &table.ping_rx, 1, RN_ELEM(uint32_t)) == 0);
    REQUIRE(rn_mpsc_channel(&table.pong_tx, &table.pong_rx, 1, RN_ELEM(uint32_t)) == 0);
}

static int play_back(void *arg)
{
    uint32_t ball;
    (void)arg;
    while (rn_mpsc_recv(table.ping_rx, &ball) == 0)
        CHECK_RC(rn_mpsc_send(table.pong_tx, &ball), 0);
    rn_mpsc_rx_drop(table.ping_rx);
    rn_mpsc_tx_drop(table.pong_tx);
    return 0;
}

static void play(void)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t ball = 0;
        REQUIRE(rn_mpsc_send(table.ping_tx, &i) == 0);
        REQUIRE(rn_mpsc_recv(table.pong_rx, &ball) == 0);
        REQUIRE(ball == i);
    }
    rn_mpsc_tx_drop(table.ping_tx);
    CHECK_RC(rn_mpsc_recv(table.pong_rx, &(uint32_t){0}), RN_CLOSED);
    rn_mpsc_rx_drop(table.pong_rx);
}

static void ping_pong(uint32_t workers, enum rn_place place)
{
    rn_runtime *runtime;
    table_begin();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = workers}) == 0);
    REQUIRE(rn_spawn_with(NULL, play_back, NULL, &(rn_spawn_opts){.runtime = runtime, .place = place}) == 0);
    play();
    CHECK_RC(rn_runtime_free(runtime), 0);
}

TEST_TIMEOUT(stress_ping_pong_of_a_thread_and_a_task_on_1, 60)
{
    ping_pong(1, RN_PLACE_AUTO);
}

TEST_TIMEOUT(stress_ping_pong_of_a_thread_and_a_task_on_2, 60)
{
    ping_pong(2, RN_PLACE_AUTO);
}

TEST_TIMEOUT(stress_ping_pong_of_a_thread_and_a_task_on_16, 60)
{
    ping_pong(16, RN_PLACE_AUTO);
}

TEST_TIMEOUT(stress_ping_pong_of_a_thread_and_a_task_with_its_own, 60)
{
    ping_pong(1, RN_PLACE_THREAD);
}

static void play_between_workers(void)
{
    rn_task task;
    table_begin();
    REQUIRE(rn_spawn_with(&task, play_back, NULL, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    play();
    CHECK_RC(rn_join(task, NULL), 0);
}

TEST_TIMEOUT(stress_ping_pong_of_two_workers, 60)
{
    on_workers(2, play_between_workers);
}

/* -- each wake-up after a pause, so that workers and monitor have gone to sleep ---------------------------------- */

/* A timer, a post from a thread and a fresh task, each into a runtime that sleeps as deeply as it can. */
static int sleep_and_end(void *arg)
{
    return rn_sleep_until(*(rn_deadline *)arg);
}

TEST(stress_sleeping_runtime_is_woken_by_spawns_and_timers)
{
    rn_runtime *runtime;
    uint64_t state = test_seed();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 3}) == 0);
    for (int i = 0; i < 60; i++) {
        rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&state) % 5000));
        rn_task task;
        REQUIRE(rn_spawn_with(&task, sleep_and_end, &soon, &(rn_spawn_opts){.runtime = runtime}) == 0);
        CHECK_RC(rn_join(task, NULL), 0);
        usleep((unsigned)(rn__random_next(&state) % 25000));
    }
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- fresh tasks and thieves ------------------------------------------------------------------------------------- */

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int spin_a_little(void *arg)
{
    const rn_deadline end = rn_in_us(*(const int *)arg);
    while (!rn_passed(end))
        rn__pause();
    return 0;
}

/* Bursts with pauses: thieves fall asleep and are called again, all the time. */
static void burst_and_pause(void)
{
    static const int lengths[] = {1, 5, 20, 60, 200};
    uint64_t state = test_seed();
    const rn_deadline end = rn_in_ms(1000);
    while (!rn_passed(end)) {
        rn_task tasks[40];
        const size_t count = 1 + rn__random_next(&state) % RN_COUNT(tasks);
        const int *length = &lengths[rn__random_next(&state) % RN_COUNT(lengths)];
        for (size_t i = 0; i < count; i++)
            REQUIRE(rn_spawn(&tasks[i], i % 8 == 7 ? do_nothing : spin_a_little, (void *)(uintptr_t)length) == 0);
        for (size_t i = 0; i < count; i++)
            CHECK_RC(rn_join(tasks[i], NULL), 0);
        if (rn__random_next(&state) % 4 == 0)
            CHECK_RC(rn_sleep_until(rn_in_us((int64_t)(rn__random_next(&state) % 3000))), 0);
    }
}

TEST(stress_bursts_and_thieves_on_1)
{
    on_workers(1, burst_and_pause);
}

TEST(stress_bursts_and_thieves_on_2)
{
    on_workers(2, burst_and_pause);
}

TEST(stress_bursts_and_thieves_on_16)
{
    on_workers(16, burst_and_pause);
}

/* -- runtimes that come and go ----------------------------------------------------------------------------------- */

static int use_shortly(void *arg)
{
    rn_task tasks[5];
    int length = 10;
    for (int i = 0; i < 5; i++)
        REQUIRE(rn_spawn_with(&tasks[i], spin_a_little, &length, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
    for (int i = 0; i < 5; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    return *(int *)arg;
}

static void *run_for_a_while(void *arg)
{
    uint64_t state = test_seed() + (uintptr_t)arg;
    const rn_deadline end = rn_in_ms(1000);
    for (int i = 0; !rn_passed(end); i++) {
        const uint32_t workers = 1 + (uint32_t)(rn__random_next(&state) % 4);
        CHECK_EQ(rn_run_with(use_shortly, &i, &(rn_runtime_opts){.workers = workers}), i);
    }
    return NULL;
}

TEST(stress_runtimes_come_and_go_at_the_same_time)
{
    static char names[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, run_for_a_while, &names[i]) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

/* -- the last waker looks at a worker whose runtime is going ----------------------------------------------------- */

static rn_notify bell = RN_NOTIFY_INIT;
static uint32_t stop_ringing;

static void *ring(void *arg)
{
    while (!is_set(&stop_ringing))
        rn_notify_all(&bell);
    return arg;
}

static int wait_for_bell(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        rn_ignore(rn_notify_wait_until(&bell, rn_in_ms(5)));
    return 0;
}

static void listen(void)
{
    rn_task tasks[8];
    for (int i = 0; i < 8; i++)
        REQUIRE(rn_spawn(&tasks[i], wait_for_bell, NULL) == 0);
    for (int i = 0; i < 8; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

TEST(stress_late_wakers_find_workers_that_are_still_there)
{
    pthread_t ringer;
    const rn_deadline end = rn_in_ms(1000);
    REQUIRE(pthread_create(&ringer, NULL, ring, NULL) == 0);
    for (uint32_t i = 0; !rn_passed(end); i++)
        on_workers(1 + i % 3, listen);
    set(&stop_ringing);
    REQUIRE(pthread_join(ringer, NULL) == 0);
}

/* -- blocking ---------------------------------------------------------------------------------------------------- */

static int pause_shortly(void *arg)
{
    usleep(*(const unsigned *)arg);
    return 0;
}

static uint32_t jobs_given, jobs_done, jobs_refused, jobs_given_up;

static void count_given_up(void *arg)
{
    (void)arg;
    count_up(&jobs_given_up);
}

static int block_in_all_ways(void *arg)
{
    uint64_t state = test_seed() + *(const uint64_t *)arg;
    const rn_deadline end = rn_in_ms(800);
    while (!rn_passed(end)) {
        unsigned span = (unsigned)(rn__random_next(&state) % 400);
        const bool bounded = rn__random_next(&state) % 2 == 0;
        const int code = bounded ? rn_blocking_until(pause_shortly, &span, sizeof span, count_given_up, NULL,
                                                     rn_in_us((int64_t)(rn__random_next(&state) % 600)))
                                 : rn_blocking(pause_shortly, &span, NULL);
        count_up(&jobs_given);
        if (code == 0)
            count_up(&jobs_done);
        else if (code == RN_EAGAIN)
            count_up(&jobs_refused);
        else
            CHECK_RC(code, RN_ETIMEDOUT);
        rn_yield();
    }
    return 0;
}

static void block_for_a_while(void)
{
    static const uint64_t numbers[6] = {1, 2, 3, 4, 5, 6};
    rn_task tasks[6];
    for (size_t i = 0; i < 6; i++)
        REQUIRE(rn_spawn(&tasks[i], block_in_all_ways, (void *)(uintptr_t)&numbers[i]) == 0);
    for (size_t i = 0; i < 6; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

TEST(stress_blocking_jobs_are_done_refused_or_given_up)
{
    void (*body)(void) = block_for_a_while;
    CHECK_RC(rn_run_with(tasks_call, &body, &(rn_runtime_opts){.workers = 2, .max_blocking = 2}), 0);
    WAIT_UNTIL(value_of(&jobs_done) + value_of(&jobs_refused) + value_of(&jobs_given_up) >= value_of(&jobs_given));
    CHECK_EQ(value_of(&jobs_done) + value_of(&jobs_refused) + value_of(&jobs_given_up), value_of(&jobs_given));
    CHECK(jobs_done > 0);
}
