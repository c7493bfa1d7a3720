/* SPDX-License-Identifier: MIT */
/* oom_runtime.c - runtimes when memory, threads or guards are refused: none at all, or one that works. */
#include "oom/refuse.h"

static uint32_t ran;

static int run_once(void *arg)
{
    (void)arg;
    count_up(&ran);
    return 5;
}

static void without_log(const char *line, void *ctx)
{
    (void)line, (void)ctx;
}

/* Whatever was refused before, the next one works: nothing was broken or booked for ever. */
static void check_next(void)
{
    rn_runtime *runtime;
    refuse_end();
    ran = 0;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(rn_run_with(run_once, NULL, &(rn_runtime_opts){.workers = 2}), 5);
    CHECK_EQ(ran, 3);
    CHECK_RC(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK_EQ(test_memory().live, 0);
}

static void attempt_run(void)
{
    rn_set_log(without_log, NULL);
    refuse_begin();
    const int code = rn_run_with(run_once, NULL, &(rn_runtime_opts){.workers = 3, .name = "scarce"});
    CHECK(code == 5 || code == RN_ENOMEM);
    CHECK_EQ(value_of(&ran), code == 5);
    CHECK_EQ(test_memory().live, 0);
    check_next();
}

static void attempt_new(void)
{
    rn_runtime *runtime = (rn_runtime *)&runtime;
    rn_set_log(without_log, NULL);
    refuse_begin();
    const int code = rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 3});
    refuse_end();
    if (code != 0) {
        CHECK_RC(code, RN_ENOMEM);
        CHECK(runtime == NULL);
    } else {
        int result = 0;
        rn_task task;
        CHECK_RC(rn_spawn_with(&task, run_once, NULL, &(rn_spawn_opts){.runtime = runtime}), 0);
        CHECK_RC(rn_join(task, &result), 0);
        CHECK_EQ(result, 5);
        CHECK_RC(rn_runtime_free(runtime), 0);
    }
    check_next();
}

REFUSED(run_without_memory_runs_nothing_or_works, RN__FAULT_ALLOC, 3, attempt_run)
REFUSED(run_without_address_space_runs_nothing_or_works, RN__FAULT_MAP, 3, attempt_run)
REFUSED(run_without_threads_works, RN__FAULT_THREAD, 3, attempt_run)
REFUSED(run_without_guards_works, RN__FAULT_GUARD, 1, attempt_run)
REFUSED(runtime_without_memory_is_none_or_works, RN__FAULT_ALLOC, 3, attempt_new)
REFUSED(runtime_without_address_space_is_none_or_works, RN__FAULT_MAP, 3, attempt_new)
REFUSED(runtime_without_threads_is_none_or_works, RN__FAULT_THREAD, 4, attempt_new)

/* All of a kind, not one. */
static bool refuse_all(enum rn__fault_point point, void *ctx)
{
    return point == *(enum rn__fault_point *)ctx;
}

static void make_many_tasks(void)
{
    rn_task tasks[100];
    for (int i = 0; i < 100; i++)
        REQUIRE(rn_spawn(&tasks[i], run_once, NULL) == 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(result_of(tasks[i]), 5);
}

TEST(runtime_works_where_no_guard_can_be_had)
{
    static enum rn__fault_point guard = RN__FAULT_GUARD;
    rn_set_log(without_log, NULL);
    rn__fault_set(refuse_all, &guard);
    on_workers(2, make_many_tasks);
    CHECK_EQ(ran, 100);
}

TEST(runtime_without_any_memory_is_none)
{
    static enum rn__fault_point alloc = RN__FAULT_ALLOC;
    rn_runtime *runtime = (rn_runtime *)&runtime;
    rn__fault_set(refuse_all, &alloc);
    CHECK_RC(rn_run_with(run_once, NULL, &(rn_runtime_opts){.workers = 2}), RN_ENOMEM);
    CHECK_RC(rn_runtime_new(&runtime, NULL), RN_ENOMEM);
    CHECK(runtime == NULL);
    CHECK_EQ(ran, 0);
    check_next();
}

/* -- a plain thread that has never waited ------------------------------------------------------------------------ */

static enum rn__fault_point mapping = RN__FAULT_MAP;

static void *wait_without_memory(void *arg)
{
    int (*wait)(void) = *(int (**)(void))arg;
    return (void *)(intptr_t)wait();
}

static int wait_in_thread(int (*wait)(void))
{
    void *code;
    pthread_t thread;
    rn__fault_set(refuse_all, &mapping);
    REQUIRE(pthread_create(&thread, NULL, wait_without_memory, &wait) == 0);
    REQUIRE(pthread_join(thread, &code) == 0);
    rn__fault_set(NULL, NULL);
    return (int)(intptr_t)code;
}

static int sleep_5_ms(void)
{
    const rn_deadline deadline = rn_in_ms(5);
    const int code = rn_sleep_until(deadline);
    CHECK(code != 0 || rn_passed(deadline));
    return code;
}

/* "Returns: 0 the time is up | RN_ECANCELED": to sleep takes no memory. */
TEST(sleep_of_a_plain_thread_needs_no_memory)
{
    CHECK_RC(wait_in_thread(sleep_5_ms), 0);
}

static rn_notify never = RN_NOTIFY_INIT;

static int wait_for_ever(void)
{
    return rn_notify_wait(&never);
}

static int wait_2_ms(void)
{
    return rn_notify_wait_until(&never, rn_in_ms(2));
}

/* The thread's place in the table of parties cannot be had: told, not crashed; and later it can. */
TEST(first_wait_of_a_plain_thread_without_memory_is_refused)
{
    CHECK_RC(wait_in_thread(wait_for_ever), RN_ENOMEM);
    do /* until it waits before its time is over */
        CHECK_RC(wait_2_ms(), RN_ETIMEDOUT);
    while (rn__party_current() == NULL);
    CHECK_RC(wait_in_thread(wait_2_ms), RN_ETIMEDOUT);
}
