/* SPDX-License-Identifier: MIT */
/* runtime.c - making a runtime and, which is harder, ending it.
 *
 * The end, step by step; each step relies on the ones before it:
 *
 *   1. stopping = 1: spawns say RN_SHUTDOWN. Whoever passed that check before is counted already.
 *   2. Every task of this runtime in the party table is cancelled with the cause RN_SHUTDOWN. A spawn that was
 *      under way during the walk sees `stopping` after it has published its task, and cancels it itself.
 *   3. Tasks run on, their waits failing, until as many have ended as were ever spawned ("quiet"), or until the
 *      grace time is over. Under rn_run the calling thread, worker 0, works meanwhile like the others. While tasks
 *      end, those that could not start yet get the time anew.
 *   4. Not quiet: the tasks left are named on the log, and on_stuck decides: leave everything as it is and return,
 *      wait on, or abort. Leaving means that the runtime's memory and threads stay for good.
 *   5. Quiet: workers quit their loops and are joined, then the monitor, threads of tasks that had their own, the
 *      blocking pool's. A job that its caller has abandoned gets the grace time too; after that it is left behind.
 *   6. Nobody of ours runs any more. Worker slots go back to the process, where a late waker may still look at them;
 *      the memory of the runtime goes back to the allocator.
 *
 * Counting: each worker counts, alone and without atomics' cost, what was spawned and what ended on its thread. Read
 * first all that ended, then all that was spawned: if the two sums are equal there was a moment with no task, since
 * neither ever falls and no sum of ends exceeds its sum of spawns.
 *
 * Edges
 *  QUIET-1 count_one_more() seq_cst -> QUIET-2 is_quiet() seq_cst: count an end, then look for watchers; become a
 *          watcher, then count (Dekker)
 *  GO-1 start_threads() release -> GO-2 worker_thread() acquire: how many workers there are
 *  GRACE-1 drain_tasks() seq_cst -> GRACE-2 report_if_overdue() seq_cst: one of the two reports
 *  GRACE-3 report_if_overdue() release -> GRACE-4 await_report() acquire: the lines on the log
 *  QUIET-3 stop() seq_cst -> QUIET-4 rn__spawn() seq_cst: steps 1 and 2 above
 */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "wait/await.h"

#include <runnel/error.h>

enum { DEFAULT_STACK = 64 * 1024, DEFAULT_BLOCKING = 64 };
#define DEFAULT_GRACE_NS INT64_C(1000000000)

/* ------------------------------------------------------------------------------------------------ counting -- */

/* A count with one writer, its thread or the lock's holder. */
static void count_one_more(uint64_t *count)
{
    const uint64_t before = rn__load_relaxed(count); /* rlx: nobody else writes it */
    rn__store_seq_cst(count, before + 1);            /* QUIET-1 */
}

bool rn__runtime_enter(struct rn_runtime *runtime, struct rn__worker *worker)
{
    if (worker != NULL) {
        if (rn__load_seq_cst(&runtime->stopping) != 0) /* QUIET-4 */
            return false;
        count_one_more(&worker->spawned);
        return true;
    }
    rn__lock_acquire(&runtime->lock);
    const bool open = rn__load_seq_cst(&runtime->stopping) == 0; /* QUIET-4 */
    if (open)
        count_one_more(&runtime->spawned_outside);
    rn__lock_release(&runtime->lock);
    return open;
}

static uint64_t ended_so_far(const struct rn_runtime *runtime)
{
    uint64_t ended = rn__load_seq_cst(&runtime->ended_outside); /* QUIET-2 */
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        ended += rn__load_seq_cst(&runtime->workers[i]->ended); /* QUIET-2 */
    return ended;
}

static bool is_quiet(const struct rn_runtime *runtime)
{
    const uint64_t ended = ended_so_far(runtime);
    uint64_t spawned = rn__load_seq_cst(&runtime->spawned_outside); /* QUIET-2 */
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        spawned += rn__load_seq_cst(&runtime->workers[i]->spawned); /* QUIET-2 */
    return ended == spawned;
}

static void tell_watchers(struct rn_runtime *runtime)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&runtime->lock);
    if (is_quiet(runtime)) {
        rn__wakes_add_all(&wakes, &runtime->quiet_waiters, 0);
        if (rn__load_seq_cst(&runtime->stopping) != 0) /* QUIET-4: else the next spawn would prove it wrong */
            rn__store_seq_cst(&runtime->quiet, 1);     /* STOP-1 */
    }
    rn__lock_release(&runtime->lock);
    rn__wakes_run(&wakes);
    if (rn__load_seq_cst(&runtime->quiet) != 0) /* STOP-1 */
        rn__worker_interrupt(runtime->workers[0], RN__ATTENTION_RETURN);
}

void rn__runtime_leave(struct rn_runtime *runtime, struct rn__worker *worker)
{
    if (worker != NULL)
        count_one_more(&worker->ended);
    else
        rn__add_seq_cst(&runtime->ended_outside, 1);             /* QUIET-1 */
    if (RN__UNLIKELY(rn__load_seq_cst(&runtime->watchers) != 0)) /* QUIET-1 */
        tell_watchers(runtime);
}

static int quiet_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return is_quiet(operation->object) ? 0 : RN__PENDING;
}

static const struct rn__operation_kind quiet_kind = {.verb = "runtime wait", .attempt = quiet_attempt};

static int await_quiet(struct rn_runtime *runtime, rn_deadline deadline, enum rn__cancelling cancelling)
{
    struct rn__operation operation = {
        .kind = &quiet_kind, .lock = &runtime->lock, .queue = &runtime->quiet_waiters, .object = runtime};
    rn__add_seq_cst(&runtime->watchers, 1); /* QUIET-2 */
    const int rc = rn__await(&operation, deadline, cancelling);
    rn__sub_seq_cst(&runtime->watchers, 1); /* QUIET-2 */
    return rc;
}

/* ------------------------------------------------------------------------------------------------- making -- */

static const rn_runtime_opts defaults;

/* For tasks, by the clock of all deadlines. rn_in_ns saturates. */
static int64_t end_of_grace(const struct rn_runtime *runtime)
{
    return rn_in_ns(runtime->grace_ns).at;
}

/* For what may keep a paused clock for ever. */
static int64_t real_end_of_grace(const struct rn_runtime *runtime)
{
    int64_t end;
    return __builtin_add_overflow(rn__platform_now(), runtime->grace_ns, &end) ? RN__NEVER : end;
}

static int check(const rn_runtime_opts *opts)
{
    uint64_t rest = opts->flags | opts->reserved0 | opts->reserved1;
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        rest |= opts->reserved[i];
    if (rest != 0 || opts->workers > RN_WORKERS_MAX || opts->grace_ns < 0)
        return RN_EINVAL;
    if ((uint32_t)opts->on_stuck > RN_STUCK_ABORT || opts->max_blocking > INT32_MAX)
        return RN_EINVAL;
    if (opts->stack_size != 0 && (opts->stack_size < RN_STACK_SIZE_MIN || opts->stack_size > RN_STACK_SIZE_MAX))
        return RN_EINVAL;
    return 0;
}

/* 0 for what is not a number of workers. strtoul() would say so in errno, if the C library likes to. */
static uint32_t number_of_workers(const char *text)
{
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9' && number <= RN_WORKERS_MAX; text++)
        number = number * 10 + (uint32_t)(*text - '0');
    return *text == '\0' && number <= RN_WORKERS_MAX ? number : 0;
}

/* RN_WORKERS says how many where the program leaves it open; nonsense is no reason to fail. */
static uint32_t workers_wanted(const rn_runtime_opts *opts)
{
    if (opts->workers != 0)
        return opts->workers;
    const char *text = getenv("RN_WORKERS");
    const uint32_t number = text == NULL ? 0 : number_of_workers(text);
    if (number != 0)
        return number;
    if (text != NULL)
        rn__warn("RN_WORKERS=%s is not a number from 1 to %d: ignored", text, RN_WORKERS_MAX);
    const uint32_t cpus = rn__platform_usable_cpus();
    return cpus < RN_WORKERS_MAX ? cpus : RN_WORKERS_MAX;
}

static int take_workers(struct rn_runtime *runtime, uint32_t wanted)
{
    runtime->workers = rn__alloc_zeroed(wanted * sizeof *runtime->workers);
    if (runtime->workers == NULL)
        return RN_ENOMEM;
    while (runtime->worker_count < wanted) {
        struct rn__worker *worker = rn__worker_take(runtime, runtime->worker_count);
        if (worker == NULL)
            return RN_ENOMEM;
        runtime->workers[runtime->worker_count++] = worker;
    }
    return 0;
}

/* The pool's threads first: one that has just ended a task may still count who is left. */
static void release(struct rn_runtime *runtime, uint32_t wanted)
{
    rn__blocking_stop(&runtime->blocking, real_end_of_grace(runtime));
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        rn__worker_give_back(runtime->workers[i]);
    if (runtime->workers != NULL)
        rn__free(runtime->workers, wanted * sizeof *runtime->workers);
    rn__free(runtime, sizeof *runtime);
}

static struct {
    struct rn__lock lock;
    bool is_composed;
    uint32_t process; /* that has made a runtime */
} composition;

static void before_fork(void)
{
    rn__lock_acquire(&composition.lock);
    rn__sites_lock();
    rn__workers_lock();
}

static void after_fork(bool in_child)
{
    if (in_child)
        rn__workers_disown();
    rn__workers_unlock();
    rn__sites_unlock();
    rn__lock_release(&composition.lock);
}

/* In the child of a fork the rest that is to be forgotten waits until here: most children soon become another
 * program. */
static void compose_once(void)
{
    static struct rn__at_fork part = {.before = before_fork, .after = after_fork};
    rn__platform_at_fork(&part);
    rn__lock_acquire(&composition.lock);
    if (!composition.is_composed)
        rn__compose();
    if (composition.process != rn__process)
        rn__sites_forget_the_living();
    composition.is_composed = true;
    composition.process = rn__process;
    rn__lock_release(&composition.lock);
}

static int make(struct rn_runtime **out, const rn_runtime_opts *opts, uint32_t wanted)
{
    compose_once();
    struct rn_runtime *runtime = rn__alloc_aligned(sizeof *runtime, RN__CACHE_LINE);
    if (runtime == NULL)
        return RN_ENOMEM;
    *runtime = (struct rn_runtime){
        .grace_ns = opts->grace_ns == 0 ? DEFAULT_GRACE_NS : opts->grace_ns,
        .on_stuck = opts->on_stuck,
        .process = rn__process,
        .spinning = rn__platform_usable_cpus() > 1,
        .stack_class = rn__stack_class_of(opts->stack_size == 0 ? DEFAULT_STACK : opts->stack_size),
    };
    strncpy(runtime->name, opts->name == NULL ? "rn" : opts->name, sizeof runtime->name - 1);
    const uint32_t max = opts->max_blocking == 0 ? DEFAULT_BLOCKING : opts->max_blocking;
    int rc = runtime->stack_class == NULL ? RN_ENOMEM : rn__blocking_init(&runtime->blocking, max, runtime->name);
    if (rc == 0)
        rc = take_workers(runtime, wanted);
    if (rc != 0)
        release(runtime, wanted);
    else
        *out = runtime;
    return rc;
}

static void worker_thread(void *arg)
{
    struct rn__worker *worker = arg;
    struct rn_runtime *runtime = worker->runtime;
    while (rn__load_acquire(&runtime->go) == 0) /* GO-2 */
        rn__platform_futex_wait(&runtime->go, 0, RN__NEVER);
    worker->fault_stack = rn__platform_fault_stack();
    rn__clock_count_caller(1);
    rn__worker_run(worker, &runtime->quit, RN__NEVER);
    rn__clock_count_caller(-1);
    rn__clock_count(-1);
    rn__platform_fault_stack_undo(worker->fault_stack);
}

/* Starts threads for the workers from `first` on. Workers whose thread cannot be had are done without; they must be
 * the last, and nothing was placed on them yet. */
static void start_threads(struct rn_runtime *runtime, uint32_t first)
{
    const uint32_t wanted = runtime->worker_count;
    uint32_t started = first;
    for (; started < wanted; started++) {
        struct rn__worker *worker = runtime->workers[started];
        rn__clock_count(1); /* until its thread has ended */
        if (!rn__platform_thread_create(&worker->thread, worker_thread, worker, runtime->name, true, 0)) {
            rn__clock_count(-1);
            break;
        }
        runtime->threads++;
    }
    if (started < wanted)
        rn__warn("%s: %u of %u workers have a thread; going on with those", runtime->name, (unsigned)started,
                 (unsigned)wanted);
    for (uint32_t i = started; i < wanted; i++)
        rn__worker_give_back(runtime->workers[i]);
    runtime->worker_count = started;
    rn__store_release(&runtime->go, 1); /* GO-1 */
    rn__platform_futex_wake(&runtime->go, UINT32_MAX);
}

/* ------------------------------------------------------------------------------------------------- ending -- */

typedef void visit_fn(struct rn__task *task, void *ctx);

/* Each task of the runtime that lives, pinned while it is looked at. */
static void for_each_task(const struct rn_runtime *runtime, visit_fn *visit, void *ctx)
{
    const uint32_t count = rn__party_count();
    for (uint32_t i = 1; i < count; i++) {
        struct rn__party *party = rn__party_at(i);
        if (!rn__party_is_task(party))
            continue;
        struct rn__task *task = rn__task_pin(rn__task_handle(rn__task_of(party)));
        if (task == NULL)
            continue;
        if (task->runtime == runtime && !rn_task_ended(rn__task_handle(task)))
            visit(task, ctx);
        rn__task_unpin(task);
    }
}

static void cancel_for_shutdown(struct rn__task *task, void *ctx)
{
    (void)ctx;
    rn__task_cancel(task, RN_SHUTDOWN);
}

static void name_it(struct rn__task *task, void *ctx)
{
    uint32_t *left = ctx;
    const char *verb = rn__load_relaxed(&task->party.wait_verb); /* rlx: a hint */
    ++*left;
    rn__warn("task %llu %s (%s:%u) has not ended in time; it %s%s", (unsigned long long)rn__task_handle(task).id,
             rn__task_name(task), task->site->file, (unsigned)task->site->line,
             verb == NULL ? "runs" : "waits: ", verb == NULL ? "" : verb);
}

static void stop(struct rn_runtime *runtime)
{
    rn__lock_acquire(&runtime->lock);
    rn__store_seq_cst(&runtime->stopping, 1); /* QUIET-3 */
    rn__lock_release(&runtime->lock);
    for_each_task(runtime, cancel_for_shutdown, NULL);
}

/* Step 3 on a thread that is no worker, and on worker 0's. */
static bool drained_beside(struct rn_runtime *runtime, int64_t deadline)
{
    return await_quiet(runtime, rn_at_ns(deadline), RN__UNCANCELLABLE) == 0;
}

static bool drained_as_worker(struct rn_runtime *runtime, int64_t deadline)
{
    rn__add_seq_cst(&runtime->watchers, 1); /* QUIET-2 */
    if (!is_quiet(runtime))
        rn__worker_run(runtime->workers[0], &runtime->quiet, deadline);
    rn__sub_seq_cst(&runtime->watchers, 1); /* QUIET-2 */
    return is_quiet(runtime);
}

uint32_t rn__runtime_report_stuck(struct rn_runtime *runtime)
{
    uint32_t left = 0;
    for_each_task(runtime, name_it, &left);
    if (left > 0 && runtime->on_stuck == RN_STUCK_ABORT)
        rn__die(__FILE__, __LINE__, "%u tasks have not ended in time", (unsigned)left);
    return left;
}

/* The monitor may be at it still: who returns before the report is on the log may end the process without it. */
static uint32_t await_report(struct rn_runtime *runtime)
{
    uint32_t reported;
    while ((reported = rn__load_acquire(&runtime->reported)) == 0) /* GRACE-4 */
        (void)rn__platform_futex_wait(&runtime->reported, 0, RN__NEVER);
    rn__store_relaxed(&runtime->reported, 0); /* rlx: for the next round, which begins with GRACE-1 */
    return reported - 1;
}

/* Who could not even start yet is not late while others end: a million handlers that were idle take their time, each
 * only a moment of it. Looks back at one grace time. */
static bool gets_on(const struct rn_runtime *runtime, uint64_t *ended_before)
{
    const uint64_t ended = ended_so_far(runtime);
    const bool some_ended = ended != *ended_before;
    uint32_t fresh = 0;
    *ended_before = ended;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        fresh += rn__fresh_count(&runtime->workers[i]->fresh);
    return some_ended && fresh > 0;
}

/* Worker 0 drains by running tasks, and one that never waits keeps it: then the monitor reports in its place. */
static int drain_tasks(struct rn_runtime *runtime, bool (*drained)(struct rn_runtime *, int64_t))
{
    uint64_t ended = ended_so_far(runtime);
    for (;;) {
        const int64_t deadline = end_of_grace(runtime);
        rn__store_seq_cst(&runtime->overdue_at, real_end_of_grace(runtime)); /* GRACE-1 */
        const bool done = drained(runtime, deadline);
        const bool by_monitor = rn__exchange_seq_cst(&runtime->overdue_at, 0) == 0; /* GRACE-1 */
        if (done)
            return 0;
        if (!by_monitor && gets_on(runtime, &ended))
            continue;
        const uint32_t left = by_monitor ? await_report(runtime) : rn__runtime_report_stuck(runtime);
        if (left > 0 && runtime->on_stuck == RN_STUCK_ABANDON)
            return RN_ETIMEDOUT;
    }
}

static void stop_threads(struct rn_runtime *runtime)
{
    const uint32_t first = runtime->worker_count - runtime->threads;
    rn__store_seq_cst(&runtime->quit, 1); /* STOP-1 */
    for (uint32_t i = first; i < runtime->worker_count; i++)
        rn__worker_interrupt(runtime->workers[i], RN__ATTENTION_RETURN);
    for (uint32_t i = first; i < runtime->worker_count; i++)
        rn__platform_thread_join(runtime->workers[i]->thread);
    rn__monitor_stop(runtime);
    rn__own_threads_join(runtime);
}

static int end(struct rn_runtime *runtime, uint32_t wanted, bool (*drained)(struct rn_runtime *, int64_t))
{
    stop(runtime);
    const int rc = drain_tasks(runtime, drained);
    if (rc != 0)
        return rc;
    stop_threads(runtime);
    release(runtime, wanted);
    return 0;
}

/* -------------------------------------------------------------------------------------------- public face -- */

int rn_runtime_new(rn_runtime **out, const rn_runtime_opts *opts)
{
    if (out == NULL)
        return RN_EINVAL;
    *out = NULL;
    if (opts == NULL)
        opts = &defaults;
    int rc = check(opts);
    if (rc != 0)
        return rc;
    const uint32_t wanted = workers_wanted(opts);
    struct rn_runtime *runtime;
    rc = make(&runtime, opts, wanted);
    if (rc != 0)
        return rc;
    runtime->wanted = wanted;
    start_threads(runtime, 0);
    if (runtime->worker_count == 0) {
        release(runtime, wanted);
        return RN_ENOMEM;
    }
    rn__monitor_start(runtime);
    *out = runtime;
    return 0;
}

int rn_runtime_free(rn_runtime *runtime)
{
    if (runtime == NULL)
        return 0;
    if (rn__task_current() != NULL || rn__callback_running())
        return RN_EDEADLK;
    if (rn__runtime_is_inherited(runtime))
        return RN_FORKED;
    if (runtime->threads < runtime->worker_count)
        return RN_EINVAL;
    if (rn__party_of_caller() == NULL) /* we are going to wait: refuse while nothing has been changed */
        return RN_ENOMEM;
    return end(runtime, runtime->wanted, drained_beside);
}

int rn_runtime_wait(rn_runtime *runtime, rn_deadline deadline)
{
    const struct rn__task *self = rn__task_current();
    if (runtime == NULL)
        return RN_EINVAL;
    if (rn__runtime_is_inherited(runtime))
        return RN_FORKED;
    if (self != NULL && self->runtime == runtime)
        return RN_EDEADLK;
    return await_quiet(runtime, deadline, RN__CANCELLABLE);
}

rn_runtime *rn_runtime_current(void)
{
    const struct rn__task *self = rn__task_current();
    return self == NULL ? NULL : self->runtime;
}

uint32_t rn_runtime_workers(const rn_runtime *runtime)
{
    if (runtime == NULL)
        runtime = rn_runtime_current();
    return runtime == NULL || rn__runtime_is_inherited(runtime) ? 0 : runtime->worker_count;
}

/* The root of rn_run: worker 0 must come back to its caller when it has returned. */
struct root {
    rn_fn *fn;
    void *arg;
    int result;
    uint32_t ended;
    struct rn_runtime *runtime;
};

static int run_root(void *arg)
{
    struct root *root = arg;
    root->result = root->fn(root->arg);
    if (rn__runtime_is_inherited(root->runtime))
        return root->result;
    rn__store_seq_cst(&root->ended, 1); /* STOP-1 */
    rn__worker_interrupt(root->runtime->workers[0], RN__ATTENTION_RETURN);
    return 0;
}

static int run_as_worker(struct rn_runtime *runtime, struct root *root)
{
    struct rn__worker *worker = runtime->workers[0];
    int rc = rn_spawn_with(NULL, run_root, root,
                           &(rn_spawn_opts){.name = "root", .runtime = runtime, .place = RN_PLACE_WORKER});
    if (rc == 0)
        rn__worker_run(worker, &root->ended, RN__NEVER);
    const int end_rc = end(runtime, runtime->wanted, drained_as_worker);
    return rc != 0 ? rc : end_rc != 0 ? end_rc : root->result;
}

int rn_run_with(rn_fn *fn, void *arg, const rn_runtime_opts *opts)
{
    struct rn_runtime *runtime;
    struct root root = {.fn = fn, .arg = arg};
    struct rn__signal_mask mask;
    if (rn__task_current() != NULL || rn__callback_running())
        return RN_EDEADLK;
    if (opts == NULL)
        opts = &defaults;
    int rc = fn == NULL ? RN_EINVAL : check(opts);
    if (rc != 0)
        return rc;
    const uint32_t wanted = workers_wanted(opts);
    rc = make(&runtime, opts, wanted);
    if (rc != 0)
        return rc;
    runtime->wanted = wanted;
    root.runtime = runtime;
    start_threads(runtime, 1);
    const bool monitored = rn__monitor_start(runtime);
    if (monitored) /* somebody must be there for signals: the monitor, or else we */
        rn__platform_block_signals(&mask);
    void *fault_stack = rn__platform_fault_stack();
    rn__clock_count(1);
    rn__clock_count_caller(1);
    rc = run_as_worker(runtime, &root);
    rn__clock_count_caller(-1);
    rn__clock_count(-1);
    rn__platform_fault_stack_undo(fault_stack);
    if (monitored)
        rn__platform_restore_signals(&mask);
    return rc;
}

int rn_run(rn_fn *fn, void *arg)
{
    return rn_run_with(fn, arg, NULL);
}
