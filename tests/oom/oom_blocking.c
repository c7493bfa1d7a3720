/* SPDX-License-Identifier: MIT */
/* oom_blocking.c - blocking calls when memory or threads are refused: the function runs, or it never does. */
#include "oom/refuse.h"

static uint32_t ran, abandoned;

static int double_it(void *arg)
{
    *(int *)arg *= 2;
    count_up(&ran);
    return 5;
}

static void count_abandoned(void *arg)
{
    (void)arg;
    count_up(&abandoned);
}

static void call_blocking(void)
{
    int number = 21, result = -1;
    refuse_begin();
    const int code = rn_blocking(double_it, &number, &result);
    refuse_end();
    CHECK(code == 0 || code == RN_ENOMEM);
    CHECK_EQ(number, code == 0 ? 42 : 21);
    CHECK_EQ(result, code == 0 ? 5 : -1);
    CHECK_EQ(value_of(&ran), code == 0);
    CHECK_RC(rn_blocking(double_it, &number, NULL), 0);
}

static void call_blocking_until(void)
{
    int number = 21, result = -1;
    refuse_begin();
    const int code = rn_blocking_until(double_it, &number, sizeof number, count_abandoned, &result, rn_in_s(60));
    refuse_end();
    CHECK(code == 0 || code == RN_ENOMEM);
    CHECK_EQ(number, code == 0 ? 42 : 21);
    CHECK_EQ(result, code == 0 ? 5 : -1);
    CHECK_EQ(value_of(&ran), code == 0);
    CHECK_EQ(value_of(&abandoned), 0);
    CHECK_RC(rn_blocking_until(double_it, &number, sizeof number, count_abandoned, NULL, RN_FOREVER), 0);
}

static void attempt_blocking(void)
{
    on_workers(1, call_blocking);
}

static void attempt_blocking_until(void)
{
    on_workers(1, call_blocking_until);
}

REFUSED(blocking_without_memory, RN__FAULT_ALLOC, 1, attempt_blocking)
REFUSED(blocking_without_a_thread, RN__FAULT_THREAD, 1, attempt_blocking)
REFUSED(blocking_until_without_memory, RN__FAULT_ALLOC, 2, attempt_blocking_until)
REFUSED(blocking_until_without_a_thread, RN__FAULT_THREAD, 1, attempt_blocking_until)

/* One thread could be had, a second one cannot: the jobs share the one. */
static uint32_t started, leave;

static int hold(void *arg)
{
    count_up(&started);
    while (!is_set(&leave))
        usleep(200);
    (void)arg;
    return 0;
}

static int ask_to_hold(void *arg)
{
    return rn_blocking(hold, arg, NULL);
}

static void share_one_thread(void)
{
    rn_task first, second;
    REQUIRE(rn_spawn(&first, ask_to_hold, NULL) == 0);
    WAIT_UNTIL(value_of(&started) == 1);
    refusal.point = RN__FAULT_THREAD;
    refusal.number = 1;
    refuse_begin();
    REQUIRE(rn_spawn(&second, ask_to_hold, NULL) == 0);
    WAIT_UNTIL(waits_in(second, "blocking"));
    refuse_end();
    CHECK(was_refused());
    CHECK_EQ(value_of(&started), 1);
    set(&leave);
    CHECK_RC(result_of(first), 0);
    CHECK_RC(result_of(second), 0);
    CHECK_EQ(value_of(&started), 2);
}

TEST(blocking_jobs_share_the_threads_that_can_be_had)
{
    on_workers(1, share_one_thread);
}

/* -- a task of the pool ------------------------------------------------------------------------------------------ */

static void spawn_into_pool(void)
{
    int number[200] = {21}, result = -1;
    rn_task task;
    const rn_spawn_opts opts = {.place = RN_PLACE_POOL, .name = "in the pool"};
    refuse_begin();
    const int code = rn_spawn_copy(&task, double_it, number, sizeof number, &opts);
    refuse_end();
    CHECK(code == 0 || code == RN_ENOMEM);
    CHECK_EQ(task.id != 0, code == 0);
    if (code == 0)
        CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(result, code == 0 ? 5 : -1);
    CHECK_EQ(value_of(&ran), code == 0);
}

static void attempt_spawn_into_pool(void)
{
    on_workers(1, spawn_into_pool);
}

REFUSED(pool_task_without_memory, RN__FAULT_ALLOC, 4, attempt_spawn_into_pool)
REFUSED(pool_task_without_a_thread, RN__FAULT_THREAD, 1, attempt_spawn_into_pool)
