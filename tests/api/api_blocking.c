/* SPDX-License-Identifier: MIT */
/* api_blocking.c - calls that block, on the pool of threads (contract: <runnel/blocking.h>). */
#include "api/tasks.h"

#include <stdlib.h>
#include <unistd.h>

enum { UNTOUCHED = -4242 };

/* A job that tells where it is and stays until it is let go. */
struct job {
    uint32_t started;
    uint32_t ended;
    uint32_t leave;
    int code; /* of the call that asked for it */
    int result;
};

static int hold(void *arg)
{
    struct job *job = arg;
    count_up(&job->started);
    while (!is_set(&job->leave))
        usleep(200);
    count_up(&job->ended);
    return 23;
}

static int ask_for(void *arg)
{
    struct job *job = arg;
    job->result = UNTOUCHED;
    job->code = rn_blocking(hold, job, &job->result);
    return job->code;
}

static rn_task start_job(struct job *job)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, ask_for, job) == 0);
    return task;
}

/* -- results ----------------------------------------------------------------------------------------------------- */

struct where {
    pthread_t thread;
    uint64_t id;
    int cancelled;
    int number;
};

static int look_around(void *arg)
{
    struct where *where = arg;
    where->thread = pthread_self();
    where->id = rn_task_self_id();
    where->cancelled = rn_cancelled();
    return where->number;
}

ROOT(blocking_runs_on_another_thread_and_gives_the_result)
{
    struct where where = {.id = 1, .cancelled = 1, .number = -7};
    int result = UNTOUCHED;
    CHECK_RC(rn_blocking(look_around, &where, &result), 0);
    CHECK_EQ(result, -7);
    CHECK(!pthread_equal(where.thread, pthread_self()));
    CHECK_EQ(where.id, 0);
    CHECK_EQ(where.cancelled, 0);
    CHECK_RC(rn_blocking(look_around, &where, NULL), 0);
}

static int double_it(void *arg)
{
    *(int *)arg *= 2;
    return 6;
}

ROOT(blocking_lends_its_argument)
{
    int number = 21;
    CHECK_RC(rn_blocking(double_it, &number, NULL), 0);
    CHECK_EQ(number, 42);
    CHECK_RC(rn_blocking(double_it, &number, NULL), 0);
    CHECK_EQ(number, 84);
}

ROOT(blocking_until_works_on_a_copy_that_comes_back)
{
    int number = 21, result = UNTOUCHED;
    CHECK_RC(rn_blocking_until(double_it, &number, sizeof number, NULL, &result, rn_in_s(60)), 0);
    CHECK_EQ(number, 42);
    CHECK_EQ(result, 6);
    CHECK_RC(rn_blocking_until(double_it, &number, sizeof number, NULL, NULL, RN_FOREVER), 0);
    CHECK_EQ(number, 84);
}

static int sum_up(void *arg)
{
    unsigned char *bytes = arg;
    int sum = 0;
    for (int i = 0; i < 10000; i++)
        sum += bytes[i];
    bytes[9999] = 9;
    return sum;
}

ROOT_ON(2, blocking_until_copies_large_arguments)
{
    unsigned char *bytes = malloc(10000);
    int result = UNTOUCHED;
    memset(bytes, 1, 10000);
    CHECK_RC(rn_blocking_until(sum_up, bytes, 10000, NULL, &result, RN_FOREVER), 0);
    CHECK_EQ(result, 10000);
    CHECK_EQ(bytes[9999], 9);
    free(bytes);
}

static int no_argument(void *arg)
{
    (void)arg;
    return 77;
}

ROOT_ON(2, blocking_until_needs_no_argument)
{
    int result = UNTOUCHED;
    CHECK_RC(rn_blocking_until(no_argument, NULL, 0, NULL, &result, rn_in_s(60)), 0);
    CHECK_EQ(result, 77);
}

/* The other tasks of the worker go on meanwhile: this very one must, on one worker. */
ROOT(blocking_lets_the_worker_s_other_tasks_run)
{
    struct job job = {.leave = 0};
    rn_task task = start_job(&job);
    WAIT_UNTIL(value_of(&job.started) == 1);
    CHECK_EQ(value_of(&job.ended), 0);
    set(&job.leave);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(job.result, 23);
}

ROOT(blocking_works_for_a_task_with_a_thread_of_its_own)
{
    struct job job = {.leave = 1};
    rn_task task;
    REQUIRE(rn_spawn_with(&task, ask_for, &job, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(job.result, 23);
}

/* A job is a plain thread: it may use channels, and even run a runtime of its own. */
static int run_nested(void *arg)
{
    return rn_run_with(double_it, arg, &(rn_runtime_opts){.workers = 1});
}

ROOT_ON(2, blocking_job_may_run_a_runtime)
{
    int number = 4, result = UNTOUCHED;
    CHECK_RC(rn_blocking(run_nested, &number, &result), 0);
    CHECK_EQ(result, 6);
    CHECK_EQ(number, 8);
}

static int send_from_job(void *arg)
{
    rn_mpsc_tx *tx = arg;
    for (int i = 0; i < 100; i++)
        CHECK_RC(rn_mpsc_send(tx, &i), 0);
    rn_mpsc_tx_drop(tx);
    return 0;
}

static int call_send_from_job(void *arg)
{
    return rn_blocking(send_from_job, arg, NULL);
}

ROOT(blocking_job_may_use_channels)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
    int value = -1, count = 0;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 2, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&task, call_send_from_job, tx) == 0);
    while (rn_mpsc_recv(rx, &value) == 0)
        CHECK_EQ(value, count++);
    CHECK_EQ(count, 100);
    CHECK_RC(result_of(task), 0);
    rn_mpsc_rx_drop(rx);
}

/* -- on the spot ------------------------------------------------------------------------------------------------- */

TEST(blocking_on_a_plain_thread_is_a_call)
{
    struct where where = {.number = 5};
    int result = UNTOUCHED;
    CHECK_RC(rn_blocking(look_around, &where, &result), 0);
    CHECK_EQ(result, 5);
    CHECK(pthread_equal(where.thread, pthread_self()));
    CHECK_EQ(where.id, 0);
    CHECK_RC(rn_blocking(look_around, &where, NULL), 0);
}

static int block_here(void *arg)
{
    struct where where = {.number = 5};
    int result = UNTOUCHED;
    CHECK_RC(rn_blocking(look_around, &where, &result), 0);
    CHECK_EQ(result, 5);
    CHECK(pthread_equal(where.thread, pthread_self()));
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_blocking(look_around, &where, &result), RN_ECANCELED);
    (void)arg;
    return 0;
}

/* With a single thread in the pool, which the caller has, a job could never run. */
static void from_tasks_with_threads(void)
{
    for (enum rn_place place = RN_PLACE_THREAD; place <= RN_PLACE_POOL; place++) {
        rn_task task;
        REQUIRE(rn_spawn_with(&task, block_here, NULL, &(rn_spawn_opts){.place = place}) == 0);
        CHECK_RC(result_of(task), 0);
    }
}

TEST(blocking_in_a_task_with_a_thread_is_a_call)
{
    CHECK_RC(rn_run_with(tasks_call, &(void (*)(void)){from_tasks_with_threads},
                         &(rn_runtime_opts){.workers = 1, .max_blocking = 1}),
             0);
}

/* -- refusals ---------------------------------------------------------------------------------------------------- */

TEST(blocking_until_on_a_plain_thread_is_refused)
{
    int number = 1, result = UNTOUCHED;
    CHECK_RC(rn_blocking_until(double_it, &number, sizeof number, NULL, &result, RN_FOREVER), RN_NO_RUNTIME);
    CHECK_EQ(number, 1);
    CHECK_EQ(result, UNTOUCHED);
}

static void must_not_be_abandoned(void *arg)
{
    (void)arg;
    FAIL("abandoned, though the call was refused");
}

ROOT_ON(2, blocking_needs_a_function_and_its_bytes)
{
    int number = 1;
    CHECK_RC(rn_blocking(NULL, &number, NULL), RN_EINVAL);
    CHECK_RC(rn_blocking_until(NULL, &number, sizeof number, must_not_be_abandoned, NULL, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_blocking_until(double_it, NULL, sizeof number, must_not_be_abandoned, NULL, RN_FOREVER), RN_EINVAL);
    CHECK_EQ(number, 1);
}

ROOT_ON(2, blocking_argument_beyond_all_memory_is_refused)
{
    int number = 1;
    CHECK_RC(rn_blocking_until(double_it, &number, SIZE_MAX, must_not_be_abandoned, NULL, RN_FOREVER), RN_ENOMEM);
    CHECK_RC(rn_blocking_until(double_it, &number, SIZE_MAX / 2, must_not_be_abandoned, NULL, RN_FOREVER), RN_ENOMEM);
}

static int codes_in_callback[2];

static void block_in_drop(void *elem, void *ctx)
{
    (void)elem, (void)ctx;
    codes_in_callback[0] = rn_blocking(no_argument, NULL, NULL);
    codes_in_callback[1] = rn_blocking_until(no_argument, NULL, 0, must_not_be_abandoned, NULL, RN_FOREVER);
}

ROOT(blocking_in_a_callback_is_refused)
{
    const rn_elem elem = {.size = 1, .align = 1, .drop = block_in_drop};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, &elem) == 0);
    CHECK_RC(rn_mpsc_send(tx, "x"), 0);
    rn_mpsc_rx_drop(rx);
    CHECK_RC(codes_in_callback[0], RN_EDEADLK);
    CHECK_RC(codes_in_callback[1], RN_EDEADLK);
    rn_mpsc_tx_drop(tx);
}

/* -- the pool ---------------------------------------------------------------------------------------------------- */

static void with_pool(uint32_t max_blocking, void (*body)(void))
{
    CHECK_RC(rn_run_with(tasks_call, &body, &(rn_runtime_opts){.workers = 2, .max_blocking = max_blocking}), 0);
}

static void grow(void)
{
    enum { JOBS = 8 };
    static struct job jobs[JOBS];
    rn_task tasks[JOBS];
    for (int i = 0; i < JOBS; i++) {
        tasks[i] = start_job(&jobs[i]);
        WAIT_UNTIL(value_of(&jobs[i].started) == 1);
    }
    for (int i = 0; i < JOBS; i++)
        set(&jobs[i].leave);
    for (int i = 0; i < JOBS; i++)
        CHECK_RC(result_of(tasks[i]), 0);
}

TEST(blocking_pool_grows_to_its_limit)
{
    with_pool(8, grow);
}

enum { SHORT_JOBS = 50 };
static pthread_t threads_seen[SHORT_JOBS];
static int thread_count;

static int note_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < thread_count; i++)
        if (pthread_equal(threads_seen[i], pthread_self()))
            return 0;
    threads_seen[thread_count++] = pthread_self();
    return 0;
}

/* A thread that has become idle takes the next job. When it is idle is known to it alone, so it may be missed; and on
 * a busy machine there are some that take turns. */
ROOT_ON(1, blocking_pool_uses_its_threads_again)
{
    for (int i = 0; i < SHORT_JOBS; i++) {
        CHECK_RC(rn_blocking(note_thread, NULL, NULL), 0);
        CHECK_RC(rn_sleep_ms(1), 0);
    }
    CHECK(thread_count < SHORT_JOBS / 2);
}

static struct job running, queued, refused;

static void fill_pool_of_one(void)
{
    int result = UNTOUCHED;
    rn_task first = start_job(&running);
    WAIT_UNTIL(value_of(&running.started) == 1);
    rn_task second = start_job(&queued);
    WAIT_UNTIL(waits_in(second, "blocking"));
    CHECK_EQ(value_of(&queued.started), 0);
    CHECK_RC(rn_blocking(hold, &refused, &result), RN_EAGAIN);
    CHECK_RC(rn_blocking_until(no_argument, NULL, 0, must_not_be_abandoned, &result, RN_FOREVER), RN_EAGAIN);
    CHECK_EQ(result, UNTOUCHED);
    set(&running.leave);
    CHECK_RC(result_of(first), 0);
    set(&queued.leave);
    CHECK_RC(result_of(second), 0);
    CHECK_EQ(queued.result, 23);
    CHECK_EQ(refused.started, 0);
    CHECK_RC(rn_blocking(no_argument, NULL, &result), 0);
    CHECK_EQ(result, 77);
}

TEST(blocking_pool_that_is_full_refuses)
{
    with_pool(1, fill_pool_of_one);
}

/* As many as may run and as many again: none is refused only because the threads have not begun yet. */
static void fill_pool_at_once(void)
{
    enum { MAX = 3 };
    static struct job jobs[2 * MAX];
    rn_task tasks[2 * MAX];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < 2 * MAX; i++)
        REQUIRE(rn_spawn_with(&tasks[i], ask_for, &jobs[i], &(rn_spawn_opts){.place = RN_PLACE_NEAR}) == 0);
    for (int i = 0; i < 2 * MAX; i++)
        WAIT_UNTIL(waits_in(tasks[i], "blocking") || rn_task_ended(tasks[i]));
    for (int i = 0; i < 2 * MAX; i++)
        set(&jobs[i].leave);
    for (int i = 0; i < 2 * MAX; i++)
        CHECK_RC(result_of(tasks[i]), 0);
}

TEST(blocking_pool_takes_twice_its_threads_at_once)
{
    with_pool(3, fill_pool_at_once);
}

static int count_one(void *arg)
{
    count_up(arg);
    return 0;
}

static int block_100_times(void *arg)
{
    for (int i = 0; i < 100; i++) {
        const int code = rn_blocking(count_one, arg, NULL);
        if (code != 0)
            return code;
    }
    return 0;
}

ROOT(blocking_runs_each_job_once)
{
    rn_task tasks[10];
    uint32_t ran = 0;
    for (int i = 0; i < 10; i++)
        REQUIRE(rn_spawn(&tasks[i], block_100_times, &ran) == 0);
    for (int i = 0; i < 10; i++)
        CHECK_RC(result_of(tasks[i]), 0);
    CHECK_EQ(ran, 1000);
}

/* -- cancelled --------------------------------------------------------------------------------------------------- */

static void cancel_queued(void)
{
    rn_task first = start_job(&running);
    WAIT_UNTIL(value_of(&running.started) == 1);
    rn_task second = start_job(&queued);
    WAIT_UNTIL(waits_in(second, "blocking"));
    rn_task_cancel(second, 0);
    CHECK_RC(result_of(second), RN_ECANCELED);
    CHECK_EQ(queued.result, UNTOUCHED);
    set(&running.leave);
    CHECK_RC(result_of(first), 0);
    CHECK_RC(rn_blocking(no_argument, NULL, NULL), 0); /* behind it in the queue, were it still there */
    CHECK_EQ(queued.started, 0);
}

TEST(blocking_cancelled_in_the_queue_never_runs)
{
    with_pool(1, cancel_queued);
}

ROOT(blocking_cancelled_while_it_runs_gives_its_result)
{
    struct job job = {.leave = 0};
    rn_task task = start_job(&job);
    WAIT_UNTIL(value_of(&job.started) == 1);
    rn_task_cancel(task, 0);
    for (int i = 0; i < 10; i++)
        CHECK_RC(rn_sleep_ms(1), 0);
    CHECK(!rn_task_ended(task));
    set(&job.leave);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(job.result, 23);
}

static int ask_when_cancelled(void *arg)
{
    rn_task_cancel(rn_task_self(), 0);
    return rn_blocking(hold, arg, NULL);
}

ROOT(blocking_of_a_cancelled_task_never_runs)
{
    struct job job = {.leave = 1};
    rn_task task;
    REQUIRE(rn_spawn(&task, ask_when_cancelled, &job) == 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(job.started, 0);
}

static int ask_behind_shield(void *arg)
{
    int result = UNTOUCHED;
    (void)arg;
    rn_task_cancel(rn_task_self(), 0);
    rn_shield_enter();
    CHECK_RC(rn_blocking(no_argument, NULL, &result), 0);
    rn_shield_leave();
    return result;
}

ROOT(blocking_works_behind_a_shield)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, ask_behind_shield, NULL) == 0);
    CHECK_EQ(result_of(task), 77);
}

/* -- given up ---------------------------------------------------------------------------------------------------- */

/* What the copy leads to. */
struct shared {
    uint32_t started;
    uint32_t leave;
    uint32_t ended;
    uint32_t abandoned;
    uint32_t too_early; /* abandoned before fn had returned */
    uint32_t never_ran; /* abandoned without a run */
};

struct claim {
    struct shared *shared;
    int number;
};

static int work_on_claim(void *arg)
{
    struct claim *claim = arg;
    struct shared *shared = claim->shared;
    count_up(&shared->started);
    while (!is_set(&shared->leave))
        usleep(200);
    claim->number++;
    count_up(&shared->ended);
    return 24;
}

static void abandon_claim(void *arg)
{
    struct claim *claim = arg;
    struct shared *shared = claim->shared;
    if (value_of(&shared->started) == 0)
        count_up(&shared->never_ran);
    else if (value_of(&shared->ended) == 0)
        count_up(&shared->too_early);
    CHECK_EQ(claim->number, 50 + (int)value_of(&shared->ended));
    count_up(&shared->abandoned);
}

static int claim_until(struct shared *shared, rn_deadline deadline)
{
    struct claim claim = {shared, 50};
    int result = UNTOUCHED;
    const int code = rn_blocking_until(work_on_claim, &claim, sizeof claim, abandon_claim, &result, deadline);
    CHECK_EQ(result, code == 0 ? 24 : UNTOUCHED);
    CHECK_EQ(claim.number, code == 0 ? 51 : 50);
    CHECK(claim.shared == shared);
    return code;
}

ROOT(blocking_until_gives_up_a_job_that_runs)
{
    struct shared shared;
    do { /* until its thread was there before the time was over */
        shared = (struct shared){.leave = 0};
        CHECK_RC(claim_until(&shared, rn_in_ms(20)), RN_ETIMEDOUT);
    } while (value_of(&shared.never_ran) > 0);
    WAIT_UNTIL(value_of(&shared.started) == 1);
    CHECK_EQ(value_of(&shared.abandoned), 0);
    set(&shared.leave);
    WAIT_UNTIL(value_of(&shared.abandoned) > 0);
    CHECK_RC(rn_sleep_ms(2), 0);
    CHECK_EQ(shared.abandoned, 1);
    CHECK_EQ(shared.ended, 1);
    CHECK_EQ(shared.too_early + shared.never_ran, 0);
}

static int claim_for_ever(void *arg)
{
    return claim_until(arg, RN_FOREVER);
}

ROOT(blocking_until_gives_up_a_job_when_it_is_cancelled)
{
    struct shared shared = {.leave = 0};
    rn_task task;
    REQUIRE(rn_spawn(&task, claim_for_ever, &shared) == 0);
    WAIT_UNTIL(value_of(&shared.started) == 1);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(value_of(&shared.abandoned), 0);
    set(&shared.leave);
    WAIT_UNTIL(value_of(&shared.abandoned) == 1);
    CHECK_EQ(shared.too_early + shared.never_ran, 0);
}

static void give_up_queued(void)
{
    static struct shared shared;
    rn_task first = start_job(&running);
    WAIT_UNTIL(value_of(&running.started) == 1);
    CHECK_RC(claim_until(&shared, rn_in_ms(10)), RN_ETIMEDOUT);
    CHECK_EQ(value_of(&shared.abandoned), 1);
    CHECK_RC(claim_until(&shared, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_EQ(value_of(&shared.abandoned), 2);
    rn_task second;
    REQUIRE(rn_spawn(&second, claim_for_ever, &shared) == 0);
    WAIT_UNTIL(waits_in(second, "blocking"));
    rn_task_cancel(second, 0);
    CHECK_RC(result_of(second), RN_ECANCELED);
    CHECK_EQ(value_of(&shared.abandoned), 3);
    set(&running.leave);
    CHECK_RC(result_of(first), 0);
    CHECK_RC(rn_blocking(no_argument, NULL, NULL), 0);
    CHECK_EQ(shared.started, 0);
    CHECK_EQ(shared.never_ran, 3);
}

TEST(blocking_until_gives_up_a_job_in_the_queue_which_never_runs)
{
    with_pool(1, give_up_queued);
}

static int claim_when_cancelled(void *arg)
{
    rn_task_cancel(rn_task_self(), 0);
    return claim_until(arg, RN_FOREVER);
}

/* "RN_ECANCELED: what @arg holds belongs to @abandoned", at whatever moment it came. */
ROOT(blocking_until_of_a_cancelled_task_abandons_what_it_was_given)
{
    struct shared shared = {.leave = 1};
    rn_task task;
    REQUIRE(rn_spawn(&task, claim_when_cancelled, &shared) == 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(value_of(&shared.abandoned), 1);
    CHECK_EQ(shared.never_ran, 1);
}

static int claim_without_clean_up(void *arg)
{
    struct claim claim = {arg, 50};
    return rn_blocking_until(work_on_claim, &claim, sizeof claim, NULL, NULL, RN_FOREVER);
}

ROOT(blocking_until_may_have_nothing_to_abandon)
{
    struct shared shared = {.leave = 0};
    rn_task task;
    REQUIRE(rn_spawn(&task, claim_without_clean_up, &shared) == 0);
    WAIT_UNTIL(value_of(&shared.started) == 1);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    set(&shared.leave);
    WAIT_UNTIL(value_of(&shared.ended) == 1);
}

/* Deadlines about as long as the job: either way exactly one of the two, and the copy is in one place. */
static int work_a_little(void *arg)
{
    struct claim *claim = arg;
    struct shared *shared = claim->shared;
    count_up(&shared->started);
    usleep((unsigned)claim->number * 10);
    claim->number++;
    count_up(&shared->ended);
    return 24;
}

static void count_abandoned(void *arg)
{
    struct claim *claim = arg;
    count_up(&claim->shared->abandoned);
}

ROOT(blocking_until_is_done_or_abandoned_never_both)
{
    struct shared shared = {.leave = 1};
    uint32_t done = 0;
    enum { JOBS = 300 };
    for (int i = 0; i < JOBS; i++) {
        struct claim claim = {&shared, i % 40};
        const int code = rn_blocking_until(work_a_little, &claim, sizeof claim, count_abandoned, NULL,
                                           rn_in_us(i % 40 * 10 + i % 7 * 20));
        CHECK_EQ(claim.number, i % 40 + (code == 0));
        if (code == 0)
            done++;
        else
            CHECK(code == RN_ETIMEDOUT || code == RN_EAGAIN);
        if (code == RN_EAGAIN)
            count_up(&shared.abandoned);
    }
    WAIT_UNTIL(value_of(&shared.abandoned) + done >= JOBS);
    CHECK_EQ(value_of(&shared.abandoned) + done, JOBS);
}
