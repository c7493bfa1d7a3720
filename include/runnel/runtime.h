/* SPDX-License-Identifier: MIT */
/* runtime.h - the threads that run tasks: rn_run for programs made of tasks, rn_runtime_* for those with a main loop.
 *
 * A runtime has a fixed number of workers, one thread each, and a pool for calls that block. Several may live at
 * once, or one after the other; channels connect tasks of different runtimes and plain threads alike. Idle workers
 * sleep and use no CPU.
 *
 * Use:
 *     static int app(void *arg) { ... spawn, talk, join ... return 0; }
 *     int main(void) { return rn_run(app, NULL); }
 * or, beside a main loop of another kind:
 *     RN_MUST(rn_runtime_new(&rt, NULL));
 *     RN_MUST(rn_spawn_with(NULL, server, rx, &(rn_spawn_opts){.runtime = rt}));
 *     ... RN_MUST(rn_runtime_free(rt));
 *
 * At the same time:  any number of runtimes. On one runtime: spawn, wait, workers and current by anybody; free by
 *                    one, once. Once that has begun spawns say RN_SHUTDOWN; once it is over nobody is left to say
 *                    so: every call of another thread that names the runtime must have returned before
 *                    rn_runtime_free does. End such threads first, or let a task of the runtime wait for them.
 *                    Handles outlive the runtime: joining, dropping and asking work afterwards.
 * Closing:           the root function returned, or rn_runtime_free: 1. no new tasks (RN_SHUTDOWN) 2. every task that
 *                    is left is cancelled with the cause RN_SHUTDOWN 3. they have the grace time to end; those that
 *                    no worker could start yet have it anew while others end 4. those that have not ended are named
 *                    on the log and on_stuck decides. Ends of channels that threads still hold
 *                    stay usable; with their other side gone they say RN_CLOSED.
 * Costs:             a thread per worker (rn_run: one less, the caller is worker 0); pages of stacks and task blocks
 *                    stay mapped for the next runtime.
 * Another shape:     threads that only use channels need no runtime at all.
 *
 * Signals: workers block every asynchronous signal (SIGPIPE is none), rn_run's caller too until it returns, so that
 * no handler runs on a task's small stack; a thread of the runtime that keeps the mask of whoever made the runtime
 * takes them. What a task starts by fork, with or without exec, inherits the blocked mask, as it would from any
 * thread: unblock in the child.
 *
 * Faults: the first runtime of a process installs a handler of SIGSEGV and SIGBUS, for good. It names the task that
 * has overflowed its stack, and hands every signal on to the handler that was there before, or to the default action.
 * It runs on an alternate stack, which each worker gets (rn_run's caller until it returns) unless the thread has one.
 * A handler that you install later replaces it: give yours SA_ONSTACK, and let it call the one that was there.
 *
 * fork(): the child has the thread that called it, as a plain thread, and nothing of the parent's runtimes, whatever
 * their workers were doing; it may start its own at once. Calls that name a runtime or a task of the parent say
 * RN_FORKED (those that return nothing do nothing), and so does a wait without a deadline while the child has no
 * other thread: nobody could end it. A task function, or blocking job, that returns in the child ends it by _exit()
 * with the result: the parent's exit handlers do not run, and stdio is not flushed.
 *
 * Channels and locks can be used among the child's own: of the parent's tasks and threads none stands in a line any
 * more. What they hold stays held, a locked mutex, permits, a notify's ticket: set up anew what the child shares with
 * them. An end on which one of them was waiting may say RN_EBUSY. If one was inside a call for this very object at
 * that moment, the copy is lost: RN_FORKED, and calls that return no code end the child, with a line on the log.
 * vfork, posix_spawn and clone are not seen by the library. Drop and clone functions that fork must not return in the
 * child.
 *
 * Environment: RN_WORKERS, where the options say 0.
 */
#ifndef RUNNEL_RUNTIME_H
#define RUNNEL_RUNTIME_H

#include <runnel/base.h>
#include <runnel/task.h>

RN__BEGIN_DECLS

typedef struct rn_runtime rn_runtime;

/* Tasks that have not ended when the grace time is over. */
enum rn_on_stuck {
    RN_STUCK_ABANDON = 0, /* leave their threads and memory alone, return RN_ETIMEDOUT; rn_run cannot return while one
                             keeps its own thread, worker 0, and never waits: they are named all the same */
    RN_STUCK_WAIT = 1,    /* warn, and go on waiting */
    RN_STUCK_ABORT = 2    /* warn, and abort the program */
};

#define RN_WORKERS_MAX 256

/* All zero: the defaults. */
typedef struct rn_runtime_opts {
    uint32_t workers;      /* <= RN_WORKERS_MAX; 0: $RN_WORKERS, else one per CPU that affinity and cgroup leave */
    uint32_t max_blocking; /* threads for blocking jobs and RN_PLACE_POOL, < 2^31; as many again may wait; 0: 64 */
    size_t stack_size;     /* of the root and of tasks that ask for none: RN_STACK_SIZE_MIN .. RN_STACK_SIZE_MAX, in
                              between rounded up to a power of two; committed as touched; 0: 64 KiB */
    int64_t grace_ns;      /* 0: one second; negative: RN_EINVAL */
    enum rn_on_stuck on_stuck;
    uint32_t flags;     /* 0 */
    const char *name;   /* copied, 31 bytes; begins the names of the threads: "web", "web-blocking" */
    uint32_t reserved0; /* 0 */
    uint32_t reserved1; /* 0 */
    uint64_t reserved[6];
} rn_runtime_opts;

/**
 * rn_run, rn_run_with - run @fn as the first task, then shut down
 * @fn:   the root task; its result is the result
 * @opts: NULL for the defaults
 *
 * The calling thread is worker 0 until this returns; with workers = 1 there is no other.
 *
 * Context:  a plain thread; waits until the runtime is down
 * Owner:    @arg belongs to @fn if that ran; it did unless the code is one of those below other than RN_ETIMEDOUT
 * Cancel:   uncancellable: end the root task
 * Order:    everything that any of its tasks did happens-before the return (abandoned tasks excepted)
 * Memory:   workers and task table; other workers that cannot be had are done without, with a warning
 * Returns:  what @fn returned | RN_ETIMEDOUT tasks were abandoned | RN_EDEADLK called inside a task | RN_ENOMEM |
 *           RN_EINVAL
 */
RN_API int rn_run(rn_fn *fn, void *arg);
RN_API int rn_run_with(rn_fn *fn, void *arg, const rn_runtime_opts *opts);

/**
 * rn_runtime_new - a runtime beside the calling thread
 * @out:  the runtime, or NULL
 * @opts: NULL for the defaults
 *
 * Context:  any task or thread; never waits for a task
 * Owner:    yours: rn_runtime_free it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   workers and task table; starts with fewer workers, and a warning, if not all threads can be had
 * Returns:  0 | RN_ENOMEM memory, or not a single thread | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_runtime_new(rn_runtime **out, const rn_runtime_opts *opts);

/**
 * rn_runtime_free - cancel what is left, give it the grace time, and take the runtime down
 * @runtime: NULL: nothing happens, 0
 *
 * Context:  a plain thread; waits
 * Owner:    gone, unless RN_EDEADLK, RN_EINVAL or RN_FORKED
 * Cancel:   uncancellable
 * Order:    everything that any of its tasks did happens-before the return (abandoned tasks excepted)
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT tasks were abandoned, and the runtime's threads and memory with them |
 *           RN_EDEADLK called inside a task | RN_EINVAL it is rn_run's | RN_FORKED it is the parent process's |
 *           RN_ENOMEM this thread's first wait, nothing was changed
 */
RN_API int rn_runtime_free(rn_runtime *runtime);

/**
 * rn_runtime_wait - wait until the runtime has no task left
 *
 * Cancels nothing, and keeps nobody from spawning again.
 *
 * Context:  a plain thread, or a task of another runtime; waits
 * Owner:    the runtime stays yours
 * Cancel:   atomic: RN_ECANCELED means that you, a task of another runtime, were cancelled
 * Order:    everything that the tasks did happens-before the 0
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT | RN_ECANCELED | RN_EDEADLK from one of its own tasks | RN_EINVAL |
 *           RN_FORKED it is the parent process's
 */
RN_API int rn_runtime_wait(rn_runtime *runtime, rn_deadline deadline);

/**
 * rn_runtime_current, rn_runtime_workers - the runtime of the calling task, and the number of its workers
 * @runtime: for rn_runtime_workers; NULL: the caller's
 *
 * Context:  any task or thread; never waits
 * Owner:    borrowed: it lives at least as long as the task
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  NULL on a plain thread; the number, 0 without a runtime and for one of the parent process
 */
RN_API rn_runtime *rn_runtime_current(void);
RN_API uint32_t rn_runtime_workers(const rn_runtime *runtime);

RN__END_DECLS

#endif
