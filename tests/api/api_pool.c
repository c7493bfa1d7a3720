/* SPDX-License-Identifier: MIT */
/* api_pool.c - tasks on the blocking pool (RN_PLACE_POOL, <runnel/task.h>): tasks like any other, on a thread that
 * serves one after the other. */
#include "api/parked.h"
#include "api/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const rn_spawn_opts in_pool = {.place = RN_PLACE_POOL};

static rn_task spawn_in_pool(rn_fn *fn, void *arg)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, fn, arg, &in_pool) == 0);
    return task;
}

static void with_pool(uint32_t max_blocking, void (*body)(void))
{
    CHECK_RC(rn_run_with(tasks_call, &body, &(rn_runtime_opts){.workers = 1, .max_blocking = max_blocking}), 0);
}

/* -- a task like any other --------------------------------------------------------------------------------------- */

struct where {
    pthread_t thread;
    uint64_t id;
    rn_runtime *runtime;
    int error;
};

static int look_around(void *arg)
{
    struct where *where = arg;
    *where = (struct where){pthread_self(), rn_task_self_id(), rn_runtime_current(), errno};
    errno = EDOM; /* not for the next one */
    return 17;
}

ROOT(pool_task_is_a_task_beside_the_workers)
{
    struct where here, there;
    look_around(&here);
    for (int i = 0; i < 3; i++) {
        const rn_task task = spawn_in_pool(look_around, &there);
        CHECK_EQ(result_of(task), 17);
        CHECK_EQ(there.id, rn_task_id(task));
        CHECK_EQ(there.error, 0);
        CHECK(there.runtime == here.runtime);
        CHECK(!pthread_equal(here.thread, there.thread));
    }
}

struct wide {
    int number[200];
};

static int last_number(void *arg)
{
    return ((struct wide *)arg)->number[199];
}

static int first_number(void *arg)
{
    return *(int *)arg;
}

ROOT(pool_task_gets_a_copied_argument)
{
    struct wide wide = {.number = {[0] = 1, [199] = 3}};
    int small[16] = {2};
    rn_task tasks[2];
    REQUIRE(rn_spawn_copy(&tasks[0], last_number, &wide, sizeof wide, &in_pool) == 0);
    REQUIRE(rn_spawn_copy(&tasks[1], first_number, small, sizeof small, &in_pool) == 0);
    memset(&wide, 0, sizeof wide);
    small[0] = 0;
    CHECK_EQ(result_of(tasks[0]), 3);
    CHECK_EQ(result_of(tasks[1]), 2);
}

struct stay {
    uint32_t started;
    uint32_t leave;
    int cause; /* at its start */
};

static int stay(void *arg)
{
    struct stay *stays = arg;
    stays->cause = rn_cancelled();
    count_up(&stays->started);
    while (!is_set(&stays->leave))
        usleep(200);
    return 1;
}

ROOT(pool_result_is_a_case_of_a_select)
{
    struct stay slow = {0}, quick = {.leave = 1};
    int results[2] = {0};
    const rn_task tasks[2] = {spawn_in_pool(stay, &slow), spawn_in_pool(stay, &quick)};
    rn_case cases[] = {rn_join_case(tasks[0], &results[0]), rn_join_case(tasks[1], &results[1])};
    CHECK_EQ(rn_select(cases, 2), 1);
    CHECK_RC(cases[1].rc, 0);
    CHECK_EQ(results[1], 1);
    CHECK_RC(rn_join_until(tasks[0], NULL, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_select_until(cases, 1, rn_in_ms(1)), RN_ETIMEDOUT);
    set(&slow.leave);
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_EQ(results[0], 1);
}

static int receive(void *arg)
{
    int value = 0;
    return rn_mpsc_recv(arg, &value);
}

/* Its wait blocks its thread and not the only worker; a cancel ends it. */
ROOT_ON(1, pool_task_that_waits_is_cancelled)
{
    static const char name[] = "nothing comes";
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .name = name};
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, &elem) == 0);
    const rn_task task = spawn_in_pool(receive, rx);
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

static int send_ten(void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_RC(rn_mpsc_send(arg, &i), 0);
    return 0;
}

/* Plain threads that have waited, and live. */
static unsigned threads_that_are_parties(void)
{
    unsigned count = 0;
    for (uint32_t i = 1; i < rn__party_count(); i++) {
        const struct rn__party *party = rn__party_at(i);
        const struct rn__party_kind *kind = rn__load_relaxed(&party->kind); /* rlx: at rest */
        count += kind != NULL && strcmp(kind->name, "thread") == 0;
    }
    return count;
}

/* A job that waits makes its thread a party of its own; a task on it later is itself all the same, and then the
 * thread is what it was. */
static void jobs_and_tasks_in_turn(void)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    for (int round = 0; round < 6; round++) {
        rn_task caller = RN_NO_TASK;
        if (round % 2 == 0)
            REQUIRE(rn_spawn(&caller, send_ten, tx) == 0);
        else
            caller = spawn_in_pool(send_ten, tx);
        for (int i = 0; i < 10; i++) {
            int value = -1;
            if (round % 2 == 0)
                CHECK_RC(rn_blocking(receive, rx, NULL), 0);
            else
                CHECK_RC(rn_mpsc_recv(rx, &value), 0);
        }
        CHECK_RC(result_of(caller), 0);
        CHECK(threads_that_are_parties() <= 1);
    }
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

TEST(pool_thread_serves_jobs_and_tasks_in_turn)
{
    with_pool(1, jobs_and_tasks_in_turn);
}

ROOT_ON(1, pool_task_takes_neither_a_stack_nor_flags)
{
    CHECK_RC(rn_spawn_with(NULL, stay, NULL, &(rn_spawn_opts){.place = RN_PLACE_POOL, .stack_size = 1 << 16}),
             RN_EINVAL);
    CHECK_RC(
        rn_spawn_with(NULL, stay, NULL, &(rn_spawn_opts){.place = RN_PLACE_POOL, .flags = RN_TASK_FLOAT_CONTROL}),
        RN_EINVAL);
    CHECK_RC(rn_spawn_with(NULL, stay, NULL, &(rn_spawn_opts){.place = RN_PLACE_POOL, .worker = 1}), RN_EINVAL);
}

/* -- names ------------------------------------------------------------------------------------------------------- */

static int name_of_thread(void *arg)
{
    return pthread_getname_np(pthread_self(), arg, 16);
}

TEST(pool_threads_and_tasks_have_names)
{
    rn_runtime *runtime;
    char thread[16] = "", task[RN_TASK_NAME_MAX + 1] = "";
    struct stay named = {0};
    rn_task tasks[2];
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1, .name = "web"}) == 0);
    REQUIRE(rn_spawn_with(&tasks[0], name_of_thread, thread,
                          &(rn_spawn_opts){.runtime = runtime, .place = RN_PLACE_POOL}) == 0);
    CHECK_EQ(result_of(tasks[0]), 0);
    CHECK_STR_EQ(thread, "web-blocking");
    REQUIRE(rn_spawn_with(&tasks[1], stay, &named,
                          &(rn_spawn_opts){.runtime = runtime, .place = RN_PLACE_POOL, .name = "resolver"}) == 0);
    CHECK_RC(rn_task_name(tasks[1], task, sizeof task), 0);
    CHECK_STR_EQ(task, "resolver");
    set(&named.leave);
    CHECK_EQ(result_of(tasks[1]), 1);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- the limit --------------------------------------------------------------------------------------------------- */

static int must_not_run(void *arg)
{
    (void)arg;
    FAIL("a task ran whose spawn had failed");
    return 0;
}

/* One that runs, one that waits for the thread; then tasks and jobs are refused alike. */
static void fill_pool_of_one(void)
{
    struct stay running = {0}, queued = {0};
    rn_task refused = rn_task_self();
    const rn_task first = spawn_in_pool(stay, &running);
    WAIT_UNTIL(value_of(&running.started) == 1);
    const rn_task second = spawn_in_pool(stay, &queued);
    CHECK_RC(rn_spawn_with(&refused, must_not_run, NULL, &in_pool), RN_EAGAIN);
    CHECK_EQ(refused.id, 0);
    CHECK_RC(rn_spawn_copy(NULL, must_not_run, &(struct wide){{0}}, sizeof(struct wide), &in_pool), RN_EAGAIN);
    CHECK_RC(rn_blocking(must_not_run, NULL, NULL), RN_EAGAIN);
    CHECK_EQ(value_of(&queued.started), 0);
    set(&running.leave);
    CHECK_EQ(result_of(first), 1);
    set(&queued.leave);
    CHECK_EQ(result_of(second), 1);
    CHECK_EQ(queued.started, 1);
    CHECK_EQ(result_of(spawn_in_pool(stay, &queued)), 1);
}

TEST(pool_that_is_full_refuses_tasks)
{
    with_pool(1, fill_pool_of_one);
}

static void cancel_in_the_queue(void)
{
    struct stay running = {0}, queued = {.leave = 1};
    const rn_task first = spawn_in_pool(stay, &running);
    WAIT_UNTIL(value_of(&running.started) == 1);
    const rn_task second = spawn_in_pool(stay, &queued);
    rn_task_cancel(second, -9);
    CHECK_RC(rn_join_until(second, NULL, rn_in_ms(1)), RN_ETIMEDOUT);
    set(&running.leave);
    CHECK_EQ(result_of(first), 1);
    CHECK_EQ(result_of(second), 1);
    CHECK_EQ(queued.started, 1);
    CHECK_EQ(queued.cause, -9);
}

TEST(pool_task_cancelled_in_the_queue_runs_once_and_knows)
{
    with_pool(1, cancel_in_the_queue);
}

/* -- the end of the runtime -------------------------------------------------------------------------------------- */

static void *free_runtime(void *runtime)
{
    CHECK_RC(rn_runtime_free(runtime), 0);
    return NULL;
}

static bool has_a_cause(rn_task handle)
{
    struct rn__task *task = rn__task_pin(handle);
    REQUIRE(task != NULL);
    const int32_t cause = rn__load_relaxed(&task->party.cause); /* rlx: the caller looks again and again */
    rn__task_unpin(task);
    return cause != 0;
}

/* One runs until the shutdown has reached the other one, in the queue. */
TEST(pool_task_in_the_queue_is_cancelled_by_the_shutdown_and_runs)
{
    rn_runtime *runtime;
    struct stay running = {0}, queued = {.leave = 1};
    rn_task tasks[2];
    pthread_t freeing;
    const rn_runtime_opts opts = {.workers = 1, .max_blocking = 1, .grace_ns = INT64_C(60000000000)};
    REQUIRE(rn_runtime_new(&runtime, &opts) == 0);
    const rn_spawn_opts place = {.runtime = runtime, .place = RN_PLACE_POOL};
    REQUIRE(rn_spawn_with(&tasks[0], stay, &running, &place) == 0);
    WAIT_UNTIL(value_of(&running.started) == 1);
    REQUIRE(rn_spawn_with(&tasks[1], stay, &queued, &place) == 0);
    REQUIRE(pthread_create(&freeing, NULL, free_runtime, runtime) == 0);
    WAIT_UNTIL(has_a_cause(tasks[0]) && has_a_cause(tasks[1]));
    set(&running.leave);
    REQUIRE(pthread_join(freeing, NULL) == 0);
    CHECK_EQ(running.cause, 0);
    CHECK_EQ(value_of(&queued.started), 1);
    CHECK_EQ(queued.cause, RN_SHUTDOWN);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(result_of(tasks[i]), 1);
}

TEST(pool_task_that_is_stuck_is_named)
{
    rn_runtime *runtime;
    struct stay stuck = {0};
    pthread_t freeing;
    log_begin();
    REQUIRE(rn_runtime_new(&runtime,
                           &(rn_runtime_opts){.workers = 1, .grace_ns = 1000000, .on_stuck = RN_STUCK_WAIT}) == 0);
    const rn_spawn_opts place = {.runtime = runtime, .place = RN_PLACE_POOL, .name = "stubborn"};
    REQUIRE(rn_spawn_with(NULL, stay, &stuck, &place) == 0);
    WAIT_UNTIL(value_of(&stuck.started) == 1);
    REQUIRE(pthread_create(&freeing, NULL, free_runtime, runtime) == 0);
    WAIT_UNTIL(value_of(&logged.lines) > 0);
    set(&stuck.leave);
    REQUIRE(pthread_join(freeing, NULL) == 0);
    CHECK(log_says("stubborn"));
}

/* The thread that has ended the last task may still be on its way back from it. */
TEST(pool_thread_is_waited_for_however_short_the_grace)
{
    for (int round = 0; round < 50; round++) {
        rn_runtime *runtime;
        struct stay brief = {.leave = 1};
        REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1, .grace_ns = 1}) == 0);
        const rn_spawn_opts place = {.runtime = runtime, .place = RN_PLACE_POOL};
        REQUIRE(rn_spawn_with(NULL, stay, &brief, &place) == 0);
        CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
        CHECK_RC(rn_runtime_free(runtime), 0);
    }
}

/* -- from a plain thread ----------------------------------------------------------------------------------------- */

TEST(pool_task_is_awaited_for_so_long_by_a_plain_thread)
{
    rn_runtime *runtime;
    struct stay slow = {0};
    rn_task task;
    int result = 0;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1}) == 0);
    CHECK_RC(rn_spawn_with(&task, stay, &slow, &in_pool), RN_NO_RUNTIME);
    REQUIRE(rn_spawn_with(&task, stay, &slow, &(rn_spawn_opts){.runtime = runtime, .place = RN_PLACE_POOL}) == 0);
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(1)), RN_ETIMEDOUT);
    set(&slow.leave);
    CHECK_RC(rn_join_until(task, &result, RN_FOREVER), 0);
    CHECK_EQ(result, 1);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- many -------------------------------------------------------------------------------------------------------- */

struct crowd {
    uint32_t spawned, refused, ran, cancelled;
};

static int count_one(void *arg)
{
    struct crowd *crowd = arg;
    count_up(&crowd->ran);
    if (rn_sleep_ms(0) == RN_ECANCELED)
        count_up(&crowd->cancelled);
    return 0;
}

static int spawn_many(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < 300; i++) {
        rn_task task;
        const int rc = rn_spawn_with(&task, count_one, crowd, &in_pool);
        CHECK(rc == 0 || rc == RN_EAGAIN);
        count_up(rc == 0 ? &crowd->spawned : &crowd->refused);
        if (i % 3 == 1)
            rn_task_cancel(task, 0);
        if (i % 3 == 2) {
            rn_case cases[] = {rn_join_case(task, NULL), rn_deadline_case(rn_in_us(50))};
            CHECK(rn_select(cases, 2) >= 0);
        }
        rn_task_drop(task);
        if (rc != 0)
            rn_yield();
    }
    return 0;
}

ROOT(pool_tasks_run_exactly_once_each)
{
    static struct crowd crowd;
    rn_task spawners[4];
    memset(&crowd, 0, sizeof crowd);
    for (int i = 0; i < 4; i++)
        REQUIRE(rn_spawn(&spawners[i], spawn_many, &crowd) == 0);
    for (int i = 0; i < 4; i++)
        CHECK_RC(result_of(spawners[i]), 0);
    WAIT_UNTIL(value_of(&crowd.ran) == value_of(&crowd.spawned));
    CHECK_EQ(crowd.spawned + crowd.refused, 1200);
}
