/* SPDX-License-Identifier: MIT */
/* blocking.c - the pool of threads for blocking jobs.
 *
 * A job belongs to its caller's frame (rn_blocking: the caller stays until the end) or to the heap
 * (rn_blocking_until: the caller may give up, then the job belongs to its thread).
 *
 *             submit           a thread takes it            fn returned
 *     (new) ---------> QUEUED -------------------> RUNNING -------------> DONE
 *                        |                            |
 *                        | caller gives up            | caller gives up
 *                        v                            v
 *                     (gone, never ran)            ABANDONED: the thread cleans up after it
 *
 * One lock, the pool's, protects all of it; fn and abandoned run outside.
 *
 * A task of the pool is a job too, and has no states here: it runs once in any case, cancelled or not, and whoever
 * waits for it joins it.
 */
#include "runtime/blocking.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/runtime.h"
#include "wait/await.h"
#include "wait/local.h"

#include <runnel/blocking.h>

#define KEEP_ALIVE_NS INT64_C(5000000000) /* as long as a burst's pause; Tokio keeps 10 s */

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_ABANDONED };

struct job {
    struct rn__blocking_job queued;
    rn_fn *fn;
    void *arg;
    void (*abandoned)(void *arg);
    size_t size; /* of the whole, if it is on the heap; 0: in the caller's frame */
    enum job_state state;
    int result;
    struct rn__waitq waiter;
};

struct pool_thread {
    struct pool_thread *next;
    struct rn__thread thread;
    struct rn__blocking_pool *pool;
    bool busy;        /* with a job */
    bool left_behind; /* the pool was stopped meanwhile, and nobody waits for this thread */
};

struct rn__blocking_pool {
    struct rn__lock lock;
    uint32_t max;
    uint32_t threads;
    uint32_t idle; /* threads that will look for a job: they sleep, or have only just been created */
    uint32_t queued;
    uint32_t working;  /* threads with a job, until whoever waits for it has been woken */
    uint32_t counted;  /* by the clock: see recount */
    uint32_t tasks;    /* threads that run one */
    uint32_t pushed;   /* counts; what idle threads sleep on */
    uint32_t finished; /* counts jobs; what the one who stops the pool sleeps on */
    bool quit;
    struct rn__blocking_job *first;
    struct rn__blocking_job *last;
    char name[16];               /* of the threads */
    struct pool_thread *running; /* all that have not ended */
    struct pool_thread *ended;   /* to be joined */
    uint32_t left_behind;        /* threads that were busy when the pool was stopped; the last one frees it */
};

/* ------------------------------------------------------------------------------------------------ the queue -- */

static void queue_push(struct rn__blocking_pool *pool, struct rn__blocking_job *job)
{
    job->next = NULL;
    if (pool->last != NULL)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    pool->queued++;
    rn__store_relaxed(&pool->pushed, pool->pushed + 1); /* rlx: under the lock; the futex compares it */
}

static struct rn__blocking_job *queue_pop(struct rn__blocking_pool *pool)
{
    struct rn__blocking_job *job = pool->first;
    pool->first = job->next;
    if (pool->first == NULL)
        pool->last = NULL;
    pool->queued--;
    return job;
}

static void queue_remove(struct rn__blocking_pool *pool, const struct rn__blocking_job *job)
{
    struct rn__blocking_job *before = NULL;
    for (struct rn__blocking_job *at = pool->first; at != job; at = at->next)
        before = at;
    if (before == NULL)
        pool->first = job->next;
    else
        before->next = job->next;
    if (pool->last == job)
        pool->last = before;
    pool->queued--;
}

/* Under the lock: the clock counts threads that work or are about to, `looking` of them on their way to the queue.
 * Jobs that have to wait for a thread do not hold a paused clock: the thread may be waiting for it. */
static void recount(struct rn__blocking_pool *pool, uint32_t looking)
{
    const uint32_t takers = pool->idle + looking;
    const uint32_t now = pool->working + (pool->queued < takers ? pool->queued : takers);
    const int change = (int)now - (int)pool->counted;
    pool->counted = now;
    if (change != 0)
        rn__clock_count(change);
}

/* --------------------------------------------------------------------------------------------- the threads -- */

static void thread_remove(struct rn__blocking_pool *pool, const struct pool_thread *thread)
{
    struct pool_thread **link = &pool->running;
    while (*link != thread)
        link = &(*link)->next;
    *link = thread->next;
}

/* Under the lock: the job has been run. From here on whoever stops the pool waits for the thread and no longer for
 * the job. */
static void finish(struct pool_thread *self)
{
    struct rn__blocking_pool *pool = self->pool;
    self->busy = false;
    rn__store_relaxed(&pool->finished, pool->finished + 1); /* rlx: under the lock; the futex compares it */
    if (pool->quit)
        rn__platform_futex_wake(&pool->finished, 1);
}

/* After a call of the user's: if that has forked and this is the child, there is nothing to go back to. */
static void stay_in(uint32_t process, int result)
{
    if (RN__UNLIKELY(process != rn__process))
        rn__platform_exit(result);
}

/* Under the lock, which is given up meanwhile. */
static void run_job(struct pool_thread *self, struct rn__blocking_job *job)
{
    struct rn__blocking_pool *pool = self->pool;
    self->busy = true;
    pool->working++;
    recount(pool, 0);
    rn__clock_count_caller(1);
    job->run(pool, job);
    rn__clock_count_caller(-1);
    finish(self);
    pool->working--;
    recount(pool, 1);
}

/* Under the lock: false if nothing came for so long that this thread is not needed any more. */
static bool wait_for_job(struct rn__blocking_pool *pool)
{
    const int64_t until = rn__platform_now() + KEEP_ALIVE_NS;
    bool in_time = true;
    pool->idle++;
    while (pool->first == NULL && !pool->quit && in_time) {
        const uint32_t pushed = pool->pushed;
        rn__lock_release(&pool->lock);
        in_time = rn__platform_futex_wait(&pool->pushed, pushed, until);
        rn__lock_acquire(&pool->lock);
    }
    pool->idle--;
    return pool->first != NULL;
}

/* Under the lock, which is given up. A stopped pool's threads are joined, or left behind, by whoever stopped it. */
static void thread_end(struct pool_thread *self)
{
    struct rn__blocking_pool *pool = self->pool;
    bool last = false;
    pool->threads--;
    if (!pool->quit) {
        thread_remove(pool, self);
        self->next = pool->ended;
        pool->ended = self;
    } else if (self->left_behind) {
        last = --pool->left_behind == 0;
        rn__free(self, sizeof *self);
    }
    rn__lock_release(&pool->lock);
    if (last)
        rn__free(pool, sizeof *pool);
}

static void thread_run(void *arg)
{
    struct pool_thread *self = arg;
    struct rn__blocking_pool *pool = self->pool;
    rn__lock_acquire(&pool->lock);
    pool->idle--; /* thread_add counted us */
    while (pool->first != NULL || (!pool->quit && wait_for_job(pool)))
        run_job(self, queue_pop(pool));
    thread_end(self);
}

/* Under the lock. */
static bool thread_add(struct rn__blocking_pool *pool)
{
    struct pool_thread *thread = rn__alloc(sizeof *thread);
    if (thread == NULL)
        return false;
    *thread = (struct pool_thread){.pool = pool, .next = pool->running};
    if (!rn__platform_thread_create(&thread->thread, thread_run, thread, pool->name, true, 0)) {
        rn__free(thread, sizeof *thread);
        return false;
    }
    pool->running = thread;
    pool->threads++;
    pool->idle++;
    return true;
}

static void join_all(struct pool_thread *thread)
{
    while (thread != NULL) {
        struct pool_thread *next = thread->next;
        rn__platform_thread_join(thread->thread);
        rn__free(thread, sizeof *thread);
        thread = next;
    }
}

/* ------------------------------------------------------------------------------------------------ the pool -- */

int rn__blocking_init(struct rn__blocking *blocking, uint32_t max, const char *name)
{
    blocking->pool = rn__alloc_zeroed(sizeof *blocking->pool);
    if (blocking->pool == NULL)
        return RN_ENOMEM;
    blocking->pool->max = max;
    (void)snprintf(blocking->pool->name, sizeof blocking->pool->name, "%.6s-blocking", name);
    return 0;
}

/* Under the lock: takes the threads without a job, and those that have ended, off their lists. */
static struct pool_thread *take_free_threads(struct rn__blocking_pool *pool)
{
    struct pool_thread *taken = pool->ended;
    struct pool_thread **link = &pool->running;
    pool->ended = NULL;
    while (*link != NULL) {
        struct pool_thread *thread = *link;
        if (thread->busy) {
            link = &thread->next;
            continue;
        }
        *link = thread->next;
        thread->next = taken;
        taken = thread;
    }
    return taken;
}

/* Under the lock. */
static void leave_behind(struct rn__blocking_pool *pool)
{
    for (struct pool_thread *thread = pool->running; thread != NULL; thread = thread->next) {
        rn__platform_thread_detach(thread->thread);
        thread->left_behind = true;
        pool->left_behind++;
    }
}

void rn__blocking_stop(struct rn__blocking *blocking, int64_t deadline)
{
    struct rn__blocking_pool *pool = blocking->pool;
    bool in_time = true;
    if (pool == NULL)
        return;
    rn__lock_acquire(&pool->lock);
    pool->quit = true;
    rn__store_relaxed(&pool->pushed, pool->pushed + 1); /* rlx: as in queue_push */
    rn__platform_futex_wake(&pool->pushed, UINT32_MAX);
    for (;;) {
        const uint32_t finished = pool->finished;
        struct pool_thread *threads = take_free_threads(pool);
        const bool all = pool->running == NULL, any_task = pool->tasks > 0;
        const bool late = !all && !in_time && !any_task;
        if (late)
            leave_behind(pool);
        rn__lock_release(&pool->lock);
        join_all(threads);
        if (all)
            rn__free(pool, sizeof *pool);
        if (all || late)
            return;
        in_time = rn__platform_futex_wait(&pool->finished, finished, any_task ? RN__NEVER : deadline);
        rn__lock_acquire(&pool->lock);
    }
}

/* 0, RN_EAGAIN, RN_ENOMEM. On anything but 0 the job is in no queue. */
static int submit_locked(struct rn__blocking_pool *pool, struct rn__blocking_job *job)
{
    const bool wants_thread = pool->idle <= pool->queued;
    if (wants_thread && pool->threads < pool->max && !thread_add(pool) && pool->threads == 0)
        return RN_ENOMEM;
    if (pool->queued >= pool->idle + pool->max)
        return RN_EAGAIN;
    queue_push(pool, job);
    return 0;
}

static int submit(struct rn__blocking_pool *pool, struct rn__blocking_job *job)
{
    rn__lock_acquire(&pool->lock);
    struct pool_thread *ended = pool->ended;
    pool->ended = NULL;
    const int rc = submit_locked(pool, job);
    if (rc == 0)
        recount(pool, 0);
    rn__lock_release(&pool->lock);
    if (rc == 0)
        rn__platform_futex_wake(&pool->pushed, 1);
    join_all(ended);
    return rc;
}

/* ------------------------------------------------------------------------------------------- tasks as jobs -- */

/* The thread may be a party of its own already: an earlier job has waited on it. */
static void run_task(struct rn__blocking_pool *pool, struct rn__blocking_job *job)
{
    struct rn__task *task = rn__container_of(job, struct rn__task, job);
    struct rn__party *thread = rn__party_current();
    pool->tasks++;
    rn__lock_release(&pool->lock);
    errno = 0;
    rn__task_run_here(task);
    rn__party_set_current(thread);
    rn__lock_acquire(&pool->lock);
    pool->tasks--;
}

int rn__pool_start(struct rn__task *task)
{
    task->job.run = run_task;
    return submit(task->runtime->blocking.pool, &task->job);
}

/* ------------------------------------------------------------------------------------------------ the calls -- */

static void clean_up(struct job *job)
{
    if (job->abandoned != NULL)
        job->abandoned(job->arg);
    rn__free(job, job->size);
}

/* Of the thread, which is somebody else's next. */
static void drop_locals(void)
{
    struct rn__party *thread = rn__party_current();
    if (thread != NULL && thread->extra != NULL)
        rn__locals_drop(thread);
}

static void run_call(struct rn__blocking_pool *pool, struct rn__blocking_job *queued)
{
    struct job *job = rn__container_of(queued, struct job, queued);
    struct rn__wakes wakes = {0};
    job->state = JOB_RUNNING;
    rn__lock_release(&pool->lock);
    const uint32_t process = rn__process;
    const int result = job->fn(job->arg);
    stay_in(process, result);
    drop_locals();
    rn__lock_acquire(&pool->lock);
    const bool is_abandoned = job->state == JOB_ABANDONED;
    if (!is_abandoned) {
        job->result = result;
        job->state = JOB_DONE;
        rn__wakes_add_all(&wakes, &job->waiter, 0);
    }
    rn__lock_release(&pool->lock); /* now the job may be gone, but for an abandoned one */
    rn__wakes_run(&wakes);
    if (is_abandoned)
        clean_up(job);
    stay_in(process, 0);
    rn__lock_acquire(&pool->lock);
}

static int job_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct job *job = operation->object;
    (void)wakes;
    return job->state == JOB_DONE ? 0 : RN__PENDING;
}

static const struct rn__operation_kind job_kind = {.verb = "blocking", .attempt = job_attempt};

static int await_job(struct rn__blocking_pool *pool, struct job *job, rn_deadline deadline,
                     enum rn__cancelling cancelling)
{
    struct rn__operation operation = {.kind = &job_kind, .lock = &pool->lock, .queue = &job->waiter, .object = job};
    return rn__await(&operation, deadline, cancelling);
}

/* The caller stops waiting. Gives the state in which the job was: QUEUED, it never runs; RUNNING, it is its thread's
 * now if it is on the heap; DONE, its result is there. */
static enum job_state give_up(struct rn__blocking_pool *pool, struct job *job)
{
    rn__lock_acquire(&pool->lock);
    const enum job_state state = job->state;
    if (state == JOB_QUEUED) {
        queue_remove(pool, &job->queued);
        recount(pool, 0);
    } else if (state == JOB_RUNNING && job->size > 0) {
        job->state = JOB_ABANDONED;
    }
    rn__lock_release(&pool->lock);
    return state;
}

/* What is wrong with the call itself. */
static int check(rn_fn *fn, struct rn__blocking_pool **pool)
{
    const struct rn__task *self = rn__task_current();
    if (fn == NULL)
        return RN_EINVAL;
    if (self == NULL)
        return RN_NO_RUNTIME;
    *pool = self->runtime->blocking.pool;
    return rn__await_entry(RN__UNCANCELLABLE);
}

/* The thread belongs to the caller, who may block it. A task of the pool would else wait for its job while it keeps
 * the thread that the job needs. */
static int call_here(rn_fn *fn, void *arg, int *result)
{
    const int returned = fn(arg);
    if (result != NULL)
        *result = returned;
    return 0;
}

int rn_blocking(rn_fn *fn, void *arg, int *result)
{
    const struct rn__task *self = rn__task_current();
    int rc = fn == NULL ? RN_EINVAL : rn__await_entry(RN__CANCELLABLE);
    if (rc != 0)
        return rc;
    if (self == NULL || self->home == NULL)
        return call_here(fn, arg, result);
    struct rn__blocking_pool *pool = self->runtime->blocking.pool;
    struct job job = {.queued.run = run_call, .fn = fn, .arg = arg};
    if ((rc = submit(pool, &job.queued)) != 0)
        return rc;
    rc = await_job(pool, &job, RN_FOREVER, RN__CANCELLABLE);
    if (rc != 0 && give_up(pool, &job) == JOB_QUEUED)
        return rc;
    if (rc != 0)
        rc = await_job(pool, &job, RN_FOREVER, RN__UNCANCELLABLE);
    if (rc == 0 && result != NULL)
        *result = job.result;
    return rc;
}

static struct job *job_new(rn_fn *fn, const void *arg, size_t arg_size, void (*abandoned)(void *))
{
    size_t size;
    const size_t head = (sizeof(struct job) + 15) / 16 * 16;
    if (__builtin_add_overflow(head, arg_size, &size))
        return NULL;
    struct job *job = rn__alloc(size);
    if (job == NULL)
        return NULL;
    *job = (struct job){
        .queued.run = run_call, .fn = fn, .arg = (char *)job + head, .abandoned = abandoned, .size = size};
    if (arg_size > 0)
        memcpy(job->arg, arg, arg_size);
    return job;
}

int rn_blocking_until(rn_fn *fn, void *arg, size_t arg_size, void (*abandoned)(void *arg), int *result,
                      rn_deadline deadline)
{
    struct rn__blocking_pool *pool;
    int rc = check(fn, &pool);
    if (rc == 0 && arg_size > 0 && arg == NULL)
        rc = RN_EINVAL;
    if (rc != 0)
        return rc;
    struct job *job = job_new(fn, arg, arg_size, abandoned);
    if (job == NULL)
        return RN_ENOMEM;
    rc = rn__await_entry(RN__CANCELLABLE);
    if (rc != 0) {
        clean_up(job); /* from here on a cancelled caller has given its argument away */
        return rc;
    }
    rc = submit(pool, &job->queued);
    if (rc != 0) {
        rn__free(job, job->size);
        return rc;
    }
    rc = await_job(pool, job, deadline, RN__CANCELLABLE);
    const enum job_state state = rc == 0 ? JOB_DONE : give_up(pool, job);
    if (state == JOB_RUNNING)
        return rc;
    if (state == JOB_QUEUED) {
        clean_up(job);
        return rc;
    }
    if (arg_size > 0)
        memcpy(arg, job->arg, arg_size);
    if (result != NULL)
        *result = job->result;
    rn__free(job, job->size);
    return 0;
}
