/* SPDX-License-Identifier: MIT */
/* api_shutdown.c - the end of a runtime with tasks, requests, jobs and threads under way (contract: runtime.h). */
#include "api/tasks.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { UNTOUCHED = -4242 };

/* -- what is left ------------------------------------------------------------------------------------------------ */

struct leftover {
    uint32_t started;
    uint32_t cleaned;
    int cause;
    int code;
    int spawn_code;
    rn_task spawned;
};

static int must_not_run(void *arg)
{
    (void)arg;
    FAIL("a task ran whose spawn had failed");
    return 0;
}

static int stay(void *arg)
{
    struct leftover *left = arg;
    count_up(&left->started);
    left->code = rn_sleep_until(RN_FOREVER);
    left->cause = rn_cancelled();
    left->spawned = (rn_task){4711};
    left->spawn_code = rn_spawn(&left->spawned, must_not_run, NULL);
    count_up(&left->cleaned);
    return 0;
}

enum { LEFT = 20 };
static struct leftover leftovers[LEFT];

static int leave_some(void *arg)
{
    static const enum rn_place places[] = {RN_PLACE_NEAR, RN_PLACE_SPREAD, RN_PLACE_THREAD};
    (void)arg;
    for (int i = 0; i < LEFT; i++)
        REQUIRE(rn_spawn_with(NULL, stay, &leftovers[i], &(rn_spawn_opts){.place = places[i % 3]}) == 0);
    for (int i = 0; i < LEFT; i++)
        WAIT_UNTIL(is_set(&leftovers[i].started));
    return 99;
}

static void check_leftovers(void)
{
    for (int i = 0; i < LEFT; i++) {
        CHECK_EQ(leftovers[i].cleaned, 1);
        CHECK_RC(leftovers[i].code, RN_ECANCELED);
        CHECK_EQ(leftovers[i].cause, RN_SHUTDOWN);
        CHECK_RC(leftovers[i].spawn_code, RN_SHUTDOWN);
        CHECK_EQ(leftovers[i].spawned.id, 0);
    }
}

static void check_run_with_leftovers(uint32_t workers)
{
    memset(leftovers, 0, sizeof leftovers);
    CHECK_EQ(rn_run_with(leave_some, NULL, &(rn_runtime_opts){.workers = workers}), 99);
    check_leftovers();
}

TEST(shutdown_cancels_tasks_that_are_left_on_1)
{
    check_run_with_leftovers(1);
}

TEST(shutdown_cancels_tasks_that_are_left_on_2)
{
    check_run_with_leftovers(2);
}

TEST(shutdown_cancels_tasks_that_are_left_on_16)
{
    check_run_with_leftovers(16);
}

TEST(shutdown_of_a_runtime_beside_cancels_tasks_that_are_left)
{
    rn_runtime *runtime;
    rn_task task;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, leave_some, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_EQ(result_of(task), 99);
    CHECK_RC(rn_runtime_free(runtime), 0);
    check_leftovers();
}

/* -- what has not started ---------------------------------------------------------------------------------------- */

struct parcel {
    uint32_t ran;
    int cause;
    char *content;
};

static int unpack(void *arg)
{
    struct parcel *parcel = arg;
    count_up(&parcel->ran);
    parcel->cause = rn_cancelled();
    free(parcel->content);
    return 0;
}

enum { PARCELS = 1000 };
static struct parcel parcels[PARCELS];

static int send_parcels(void *arg)
{
    static const enum rn_place places[] = {RN_PLACE_AUTO, RN_PLACE_NEAR, RN_PLACE_SPREAD, RN_PLACE_WORKER};
    (void)arg;
    for (int i = 0; i < PARCELS; i++) {
        parcels[i].content = malloc(10);
        REQUIRE(rn_spawn_with(NULL, unpack, &parcels[i], &(rn_spawn_opts){.place = places[i % 4]}) == 0);
    }
    return 0;
}

/* On one worker none of them starts before the root has returned. */
TEST(shutdown_lets_tasks_that_have_not_started_run_once_on_1)
{
    CHECK_RC(rn_run_with(send_parcels, NULL, &(rn_runtime_opts){.workers = 1}), 0);
    for (int i = 0; i < PARCELS; i++) {
        CHECK_EQ(parcels[i].ran, 1);
        CHECK_EQ(parcels[i].cause, RN_SHUTDOWN);
    }
}

TEST(shutdown_lets_tasks_that_have_not_started_run_once_on_16)
{
    CHECK_RC(rn_run_with(send_parcels, NULL, &(rn_runtime_opts){.workers = 16}), 0);
    for (int i = 0; i < PARCELS; i++)
        CHECK_EQ(parcels[i].ran, 1);
}

static int first_cause;

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Sleeps behind a shield until the runtime takes no tasks any more. */
static int give_cause_at_the_end(void *arg)
{
    (void)arg;
    rn_shield_enter();
    do
        CHECK_RC(rn_sleep_ms(5), 0);
    while (rn_spawn(NULL, do_nothing, NULL) == 0);
    rn_shield_leave();
    first_cause = rn_cancelled();
    return 0;
}

static int cancel_and_leave(void *arg)
{
    rn_task task;
    (void)arg;
    REQUIRE(rn_spawn(&task, give_cause_at_the_end, NULL) == 0);
    WAIT_UNTIL(waits_in(task, "sleep"));
    rn_task_cancel(task, -20005);
    rn_task_drop(task);
    return 0;
}

TEST(shutdown_leaves_an_earlier_cause)
{
    CHECK_RC(rn_run_with(cancel_and_leave, NULL, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_EQ(first_cause, -20005);
}

/* -- while it goes on -------------------------------------------------------------------------------------------- */

static rn_runtime *current;
static uint32_t arrived, leave;

/* Holds the shutdown up, and waits in the library all the while. */
static int hold_up(void *arg)
{
    (void)arg;
    rn_shield_enter();
    set(&arrived);
    while (!is_set(&leave))
        rn_ignore(rn_sleep_ms(1));
    rn_shield_leave();
    return 0;
}

static void *spawn_from_outside(void *arg)
{
    rn_task task = {4711};
    (void)arg;
    int code = 0;
    while (code == 0) { /* until the shutdown has begun */
        code = rn_spawn_with(&task, tasks_call, &(void (*)(void)){rn_yield}, &(rn_spawn_opts){.runtime = current});
        if (code == 0)
            CHECK_RC(rn_join(task, NULL), 0);
    }
    CHECK_RC(code, RN_SHUTDOWN);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_spawn_with(&task, must_not_run, NULL, &(rn_spawn_opts){.runtime = current, .place = RN_PLACE_THREAD}),
             RN_SHUTDOWN);
    set(&leave);
    return NULL;
}

static pthread_t outside;

static int root_with_outsider(void *arg)
{
    (void)arg;
    current = rn_runtime_current();
    REQUIRE(rn_spawn(NULL, hold_up, NULL) == 0);
    WAIT_UNTIL(is_set(&arrived));
    REQUIRE(pthread_create(&outside, NULL, spawn_from_outside, NULL) == 0);
    return 0;
}

TEST(shutdown_refuses_spawns_from_outside)
{
    CHECK_RC(rn_run_with(root_with_outsider, NULL, &(rn_runtime_opts){.workers = 2, .grace_ns = 60000000000}), 0);
    REQUIRE(pthread_join(outside, NULL) == 0);
}

static uint32_t finished;

static int finish_behind_shield(void *arg)
{
    (void)arg;
    rn_shield_enter();
    set(&arrived);
    CHECK_RC(rn_sleep_ms(50), 0);
    rn_shield_leave();
    count_up(&finished);
    return 0;
}

static int leave_one_behind_shield(void *arg)
{
    const enum rn_place *place = arg;
    REQUIRE(rn_spawn_with(NULL, finish_behind_shield, NULL, &(rn_spawn_opts){.place = *place}) == 0);
    WAIT_UNTIL(is_set(&arrived));
    return 0;
}

TEST(shutdown_waits_for_tasks_behind_a_shield)
{
    for (int place = RN_PLACE_AUTO; place <= RN_PLACE_THREAD; place++) {
        enum rn_place at = (enum rn_place)place;
        arrived = finished = 0;
        CHECK_RC(rn_run_with(leave_one_behind_shield, &at, &(rn_runtime_opts){.workers = 2}), 0);
        CHECK_EQ(finished, 1);
    }
}

/* So long that no clock will ever show its end. */
TEST(shutdown_may_take_for_ever)
{
    for (int place = RN_PLACE_AUTO; place <= RN_PLACE_THREAD; place++) {
        enum rn_place at = (enum rn_place)place;
        arrived = finished = 0;
        CHECK_RC(rn_run_with(leave_one_behind_shield, &at, &(rn_runtime_opts){.workers = 2, .grace_ns = INT64_MAX}),
                 0);
        CHECK_EQ(finished, 1);
    }
}

/* -- jobs on the pool -------------------------------------------------------------------------------------------- */

static int work_50_ms(void *arg)
{
    (void)arg;
    set(&arrived);
    usleep(50000);
    count_up(&finished);
    return 0;
}

static int call_blocking(void *arg)
{
    return rn_blocking(work_50_ms, arg, NULL);
}

static int leave_job(void *arg)
{
    REQUIRE(rn_spawn(NULL, call_blocking, arg) == 0);
    WAIT_UNTIL(is_set(&arrived));
    return 0;
}

TEST(shutdown_waits_for_tasks_whose_job_runs)
{
    CHECK_RC(rn_run_with(leave_job, NULL, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_EQ(value_of(&finished), 1);
}

static int call_blocking_until(void *arg)
{
    (void)arg;
    return rn_blocking_until(work_50_ms, NULL, 0, NULL, NULL, RN_FOREVER);
}

static int abandon_job(void *arg)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, call_blocking_until, arg) == 0);
    WAIT_UNTIL(is_set(&arrived));
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    return 0;
}

/* "A runtime that goes down waits, within the grace time, for the jobs that run." */
TEST(shutdown_waits_for_jobs_that_were_given_up)
{
    CHECK_RC(rn_run_with(abandon_job, NULL, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_EQ(value_of(&finished), 1);
}

static int work_not(void *arg)
{
    (void)arg;
    return 0;
}

static int block_shortly(void *arg)
{
    (void)arg;
    return rn_blocking(work_not, NULL, NULL);
}

/* Nothing of the pool is left when rn_run has returned, however soon after the job that is. */
TEST(shutdown_leaves_no_thread_of_the_pool)
{
    for (int i = 0; i < 300; i++) {
        CHECK_RC(rn_run_with(block_shortly, NULL, &(rn_runtime_opts){.workers = 1}), 0);
        if (!CHECK_EQ(test_memory().live, 0))
            break;
    }
}

/* -- the grace time ---------------------------------------------------------------------------------------------- */

#define GRACE .grace_ns = 50 * 1000 * 1000

static int sleep_behind_shield(void *arg)
{
    (void)arg;
    rn_shield_enter();
    set(&arrived);
    while (!is_set(&leave))
        rn_ignore(rn_sleep_until(RN_FOREVER));
    return 0;
}

static int leave_sleeper(void *arg)
{
    (void)arg;
    REQUIRE(rn_spawn_with(NULL, sleep_behind_shield, NULL, &(rn_spawn_opts){.name = "deaf one"}) == 0);
    WAIT_UNTIL(is_set(&arrived));
    return 0;
}

TEST(shutdown_names_a_task_that_waits_on_and_abandons_it)
{
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    const int64_t begin = rn_now_ns();
    CHECK_RC(rn_run_with(leave_sleeper, NULL, &(rn_runtime_opts){.workers = 2, GRACE}), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - begin >= 50 * 1000 * 1000);
    CHECK(log_says("deaf one (tests/api/api_shutdown.c:"));
    CHECK(log_says("sleep"));
}

static int spin_for_ever(void *arg)
{
    (void)arg;
    set(&arrived);
    spin_until(&leave);
    return 0;
}

static void check_spinner(rn_runtime *runtime, enum rn_place place)
{
    rn_spawn_opts opts = {.name = "busy one", .runtime = runtime, .place = place};
    REQUIRE(rn_spawn_with(NULL, spin_for_ever, NULL, &opts) == 0);
    WAIT_UNTIL(is_set(&arrived));
    CHECK_RC(rn_runtime_free(runtime), RN_ETIMEDOUT);
    CHECK(log_says("busy one (tests/api/api_shutdown.c:"));
}

TEST(shutdown_names_a_task_that_never_waits_and_abandons_it)
{
    rn_runtime *runtime;
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2, GRACE}) == 0);
    check_spinner(runtime, RN_PLACE_AUTO);
}

TEST(shutdown_names_a_task_that_keeps_its_thread_and_abandons_it)
{
    rn_runtime *runtime;
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2, GRACE}) == 0);
    check_spinner(runtime, RN_PLACE_THREAD);
}

static int leave_spinner(void *arg)
{
    rn_spawn_opts opts = {.name = "busy one", .place = RN_PLACE_WORKER, .worker = 1};
    (void)arg;
    REQUIRE(rn_spawn_with(NULL, spin_for_ever, NULL, &opts) == 0);
    WAIT_UNTIL(is_set(&arrived));
    return 0;
}

TEST(shutdown_of_run_abandons_another_worker)
{
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    CHECK_RC(rn_run_with(leave_spinner, NULL, &(rn_runtime_opts){.workers = 2, GRACE}), RN_ETIMEDOUT);
    CHECK(log_says("busy one (tests/api/api_shutdown.c:"));
    set(&leave);
}

/* The next one is as good as new, with the first one's thread still about. */
TEST(shutdown_that_abandoned_a_runtime_does_not_harm_the_next)
{
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    CHECK_RC(rn_run_with(leave_spinner, NULL, &(rn_runtime_opts){.workers = 2, GRACE}), RN_ETIMEDOUT);
    for (int i = 0; i < 5; i++)
        check_run_with_leftovers(2);
    set(&leave);
    check_run_with_leftovers(2);
}

static int leave_wedged(void *arg)
{
    (void)arg;
    REQUIRE(rn_spawn_with(NULL, hold_up, NULL, &(rn_spawn_opts){.name = "slow one"}) == 0);
    WAIT_UNTIL(is_set(&arrived));
    return 31;
}

static void *release_after_two_warnings(void *arg)
{
    while (value_of(&logged.lines) < 2)
        usleep(1000);
    set(&leave);
    return arg;
}

static void check_patience(uint32_t workers)
{
    pthread_t patient;
    log_begin();
    REQUIRE(pthread_create(&patient, NULL, release_after_two_warnings, NULL) == 0);
    CHECK_EQ(
        rn_run_with(leave_wedged, NULL, &(rn_runtime_opts){.workers = workers, GRACE, .on_stuck = RN_STUCK_WAIT}),
        31);
    REQUIRE(pthread_join(patient, NULL) == 0);
    CHECK(log_says("slow one"));
}

TEST(shutdown_may_wait_on_with_warnings_on_1)
{
    check_patience(1);
}

TEST(shutdown_may_wait_on_with_warnings_on_2)
{
    check_patience(2);
}

TEST(shutdown_of_a_runtime_beside_may_wait_on_with_warnings)
{
    rn_runtime *runtime;
    pthread_t patient;
    log_begin();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2, GRACE, .on_stuck = RN_STUCK_WAIT}) == 0);
    REQUIRE(rn_spawn_with(NULL, spin_for_ever, NULL, &(rn_spawn_opts){.runtime = runtime, .name = "spinner"}) == 0);
    WAIT_UNTIL(is_set(&arrived));
    REQUIRE(pthread_create(&patient, NULL, release_after_two_warnings, NULL) == 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    REQUIRE(pthread_join(patient, NULL) == 0);
    CHECK(log_says("spinner"));
}

TEST(shutdown_may_abort_the_program)
{
    EXPECT_DEATH(SIGABRT, "deaf one \\(.*api_shutdown\\.c:[0-9]+\\).*sleep")
    {
        rn_run_with(leave_sleeper, NULL, &(rn_runtime_opts){.workers = 2, GRACE, .on_stuck = RN_STUCK_ABORT});
    }
}

/* The first worker is the caller's own thread: it cannot be abandoned, but told, and the program ended. */
static int leave_spinner_here(void *arg)
{
    rn_spawn_opts opts = {.name = "busy one", .place = RN_PLACE_WORKER};
    REQUIRE(rn_spawn_with(NULL, spin_for_ever, arg, &opts) == 0);
    return 0;
}

static void *release_after_a_warning(void *arg)
{
    while (value_of(&logged.lines) == 0)
        usleep(1000);
    set(&leave);
    return arg;
}

TEST_TIMEOUT(shutdown_names_a_task_that_keeps_the_first_worker, 10)
{
    pthread_t patient;
    TEST_LEAKY("an abandoned runtime stays");
    log_begin();
    REQUIRE(pthread_create(&patient, NULL, release_after_a_warning, NULL) == 0);
    const int code = rn_run_with(leave_spinner_here, NULL, &(rn_runtime_opts){.workers = 1, GRACE});
    CHECK(code == 0 || code == RN_ETIMEDOUT);
    REQUIRE(pthread_join(patient, NULL) == 0);
    CHECK(log_says("busy one (tests/api/api_shutdown.c:"));
}

TEST_TIMEOUT(shutdown_may_abort_a_program_whose_first_worker_is_kept, 10)
{
    EXPECT_DEATH(SIGABRT, "busy one \\(.*api_shutdown\\.c:[0-9]+\\)")
    {
        rn_run_with(leave_spinner_here, NULL, &(rn_runtime_opts){.workers = 1, GRACE, .on_stuck = RN_STUCK_ABORT});
    }
}
