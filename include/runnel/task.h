/* SPDX-License-Identifier: MIT */
/* task.h - a task is a plain C function with a stack of its own; many share few threads.
 *
 * Task functions, the root function and blocking jobs have one type, C11's thrd_start_t: int f(void *arg), where 0 is
 * success and anything else a failure, by code or by a number of your own. A task starts some time after rn_spawn
 * has returned, runs until it waits, and stays on the worker thread that started it. It may call any C function.
 *
 * Use (typed.h has RN_TASK, which passes the argument by value and checks its type):
 *     static int hello(void *arg) { puts(arg); return 0; }
 *     ...
 *     rn_task task;
 *     RN_MUST(rn_spawn(&task, hello, "hello"));
 *     int result;
 *     RN_MUST(rn_join(task, &result));
 *
 * The one rule of ownership: rn_spawn returned 0 <=> the function runs exactly once, whatever happens, so the
 * argument is the task's to clean up. A task that is cancelled before it started, or that meets a shutdown, starts
 * with its cancellation pending: its first wait says RN_ECANCELED and its own clean-up runs. Any other code: the
 * function never runs and the argument is still yours.
 *
 * At the same time:  any calls on any tasks. One handle has one owner, who joins or drops it: a second join says
 *                    RN_EBUSY while the first waits, RN_EINVAL afterwards. Cancel, id, name and ended are free.
 * Closing:           each handle is joined once or dropped once; a task spawned with a NULL out needs neither.
 *                    A runtime that ends cancels and awaits its tasks (runtime.h).
 * Costs:             spawn and join: no heap for arguments up to 64 bytes; stack pages as they are touched, which
 *                    stay with the worker for the next task. A join that has to wait: one wake-up.
 * Another shape:     a result in the middle of a longer conversation: oneshot. A call that blocks its thread:
 *                    blocking.h, RN_PLACE_POOL to have it beside you; RN_PLACE_THREAD if it does so all the time.
 *
 * Inside a task: errno is the task's own. Addresses of thread-local variables stay valid, their values are shared
 * with the other tasks of the worker: do not keep one over a wait. Do not hold a pthread mutex over a wait. A task
 * that computes for long should call rn_yield() now and then. setjmp/longjmp within one task, C++ exceptions within
 * one task: fine.
 */
#ifndef RUNNEL_TASK_H
#define RUNNEL_TASK_H

#include <runnel/base.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

struct rn_runtime;

typedef int rn_fn(void *arg);

/* A handle is a number that is never reused: a stale one gets a code, also in release builds. {0} is no task. */
typedef struct rn_task {
    uint64_t id;
} rn_task;

#define RN_NO_TASK RN__LIT(rn_task, 0)

/* Where a task starts, and therefore runs. */
enum rn_place {
    RN_PLACE_AUTO = 0,   /* decided by what earlier tasks of this spawn site were like */
    RN_PLACE_NEAR = 1,   /* the caller's worker: for tasks that talk to each other more than they compute */
    RN_PLACE_SPREAD = 2, /* over all workers, evenly: for long-lived tasks that compute */
    RN_PLACE_WORKER = 3, /* the worker of that number, for libraries that want all calls on one thread */
    RN_PLACE_THREAD = 4, /* a thread of its own, for tasks that block: databases, drivers, user interfaces */
    RN_PLACE_POOL = 5    /* a thread of the blocking pool, for a call that blocks and comes back: see below */
};

/* A task with RN_PLACE_POOL is what rn_blocking is to a call (blocking.h): it has a handle, a name and a result, is
 * joined, also by a case of a select, and cancelled. It keeps its thread from start to end, and blocks only that when
 * it waits. At most max_blocking of them run (runtime.h), as many again wait for a thread; then rn_spawn says
 * RN_EAGAIN. The thread is used again: what a task changes about it, thread-locals, rounding mode or signal mask, the
 * next one finds. No stack_size, no flags. One that runs for ever would keep a thread from others: RN_PLACE_THREAD is
 * right for it. Tasks of the pool that wait for others of the pool to start may wait for ever when it is full. */

enum {
    RN_TASK_FLOAT_CONTROL = 1u << 0 /* keep the floating-point rounding mode and flags per task (a few ns a switch) */
};

#define RN_TASK_NAME_MAX 31                   /* bytes of a name that are kept */
#define RN_SPAWN_COPY_MAX ((size_t)4096)      /* largest argument that spawn copies */
#define RN_STACK_SIZE_MIN ((size_t)16 * 1024) /* smallest and largest stack that can be asked for */
#define RN_STACK_SIZE_MAX ((size_t)1024 * 1024 * 1024)

/* All zero: the defaults. */
typedef struct rn_spawn_opts {
    const char *name;           /* copied, RN_TASK_NAME_MAX bytes; NULL: the function, as the spawn spells it */
    size_t stack_size;          /* bounds above, rounded up to a power of two; 0: the runtime's default */
    struct rn_runtime *runtime; /* NULL: the caller's */
    uint32_t flags;             /* RN_TASK_* */
    enum rn_place place;
    uint32_t worker; /* for RN_PLACE_WORKER: < rn_runtime_workers(); else 0 */
    uint32_t reserved0;
    uint64_t reserved[4];
} rn_spawn_opts;

/* One per place in the source that spawns: where tasks were born, and what the scheduler learned about them. */
typedef struct rn_site {
    const char *file;
    uint32_t line;
    uint32_t reserved;
    const char
        *function; /* the one that is spawned: the name of a task without one, its first RN_TASK_NAME_MAX bytes */
    void *record;  /* the library's */
    uint64_t reserved1[2];
} rn_site;

/* Only the record is made inside the statement expression: a compound literal in the arguments lives on. */
#define RN__SITE(function)                                                                                           \
    (__extension__({                                                                                                 \
        static rn_site rn__site_ = {__FILE__, __LINE__, 0, function, NULL, {0, 0}};                                  \
        &rn__site_;                                                                                                  \
    }))

/**
 * rn_spawn, rn_spawn_with, rn_spawn_copy, rn__spawn, rn__spawn_copy - start a task
 * @out:  its handle; NULL if nobody will join it
 * @fn:   the function. What is written here is the task's name, in rn_dump() and elsewhere, unless @opts has one
 * @arg:  handed to @fn. For rn_spawn_copy: @size bytes that are copied now, @fn gets the address of the copy (aligned
 *        as max_align_t, valid until @fn returns)
 * @size: 0 .. RN_SPAWN_COPY_MAX
 * @opts: NULL for the defaults
 *
 *     rn_spawn(out, fn, arg)
 *     rn_spawn_with(out, fn, arg, opts)
 *     rn_spawn_copy(out, fn, arg, size, opts)
 *
 * The three are macros (each use is a spawn site with a record of its own) over the functions declared here, which
 * bindings of other languages call with sites of static storage duration. Not in C++ default arguments or constant
 * expressions, nor in an inline function with external linkage in C.
 *
 * Context:  any task; a plain thread if @opts names a runtime; never waits
 * Owner:    on 0 @arg belongs to the task, which runs exactly once; on anything else it is still yours
 * Cancel:   uncancellable: a cancelled task can still spawn
 * Order:    the call happens-before the first statement of @fn
 * Memory:   a task's block, from a pool; address space for its stack; a buffer for a copy of more than 64 bytes
 * Returns:  0 | RN_ENOMEM memory, address space or (RN_PLACE_THREAD, RN_PLACE_POOL) threads | RN_EAGAIN
 *           (RN_PLACE_POOL) the blocking pool is full | RN_NO_RUNTIME | RN_SHUTDOWN | RN_EINVAL no @fn, bad options,
 *           @size too large | RN_FORKED the runtime is the parent process's
 */
RN_MUST_USE RN_API int rn__spawn(rn_site *site, rn_task *out, rn_fn *fn, void *arg, const rn_spawn_opts *opts);
RN_MUST_USE RN_API int rn__spawn_copy(rn_site *site, rn_task *out, rn_fn *fn, const void *arg, size_t size,
                                      const rn_spawn_opts *opts);
#define rn_spawn(out, fn, ...) rn__spawn(RN__SITE(#fn), out, fn, __VA_ARGS__, NULL)
#define rn_spawn_with(out, fn, ...) rn__spawn(RN__SITE(#fn), out, fn, __VA_ARGS__)
#define rn_spawn_copy(out, fn, ...) rn__spawn_copy(RN__SITE(#fn), out, fn, __VA_ARGS__)

/**
 * rn_join, rn_join_until - wait until a task has ended, and take its result
 * @task:   by its owner
 * @result: what the task's function returned; NULL if you do not want it. Written on 0 only
 *
 * The code tells of the wait, @result of the task. A task that was cancelled has a result like any other: whatever
 * its function returned.
 *
 * Context:  any task or thread; waits; one joiner per task
 * Owner:    on 0 the handle is gone; on anything else it is still yours
 * Cancel:   atomic: RN_ECANCELED means that you were cancelled; the task goes on
 * Order:    everything that the task did happens-before the return
 * Memory:   none
 * Returns:  0 | RN_ECANCELED | RN_ETIMEDOUT (_until) | RN_EDEADLK it is you | RN_EBUSY somebody else is joining it |
 *           RN_EINVAL no task, already joined, or dropped | RN_FORKED it is the parent process's
 */
RN_API int rn_join(rn_task task, int *result);
RN_API int rn_join_until(rn_task task, int *result, rn_deadline deadline);

/**
 * rn_join_case - for a select (select.h)
 * @result: is written only if the case happens with rc 0; NULL if you do not want it
 *
 * While a select waits it is the joiner of the task. It takes one case of a task, a second one says RN_EBUSY.
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of RN_NO_TASK one that never happens
 */
RN_MUST_USE RN_API rn_case rn_join_case(rn_task task, int *result);

/**
 * rn_task_drop - nobody will join it; it goes on by itself
 *
 * Context:  any task or thread; never waits
 * Owner:    the handle is gone. No task, a stale one, or one that somebody is joining just now: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_task_drop(rn_task task);

/**
 * rn_task_cancel - ask a task to stop
 * @cause: what the task finds in rn_cancelled(); 0 means RN_ECANCELED. The first cause stays
 *
 * A request: cancel.h says what it does. Asking again, or asking a task that has ended, does nothing.
 *
 * Context:  any task or thread, also the task itself; never waits
 * Owner:    the handle is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before this call happens-before the RN_ECANCELED that it causes
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_task_cancel(rn_task task, int cause);

/**
 * rn_task_ended - whether it has ended (true as well for no task, one that was joined, and the parent process's)
 *
 * Context:  any task or thread; never waits
 * Owner:    the handle is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything that the task did happens-before true
 * Memory:   none
 * Returns:  true or false
 */
RN_API bool rn_task_ended(rn_task task);

/**
 * rn_task_id, rn_task_self_id, rn_task_self - the number that a task has in rn_dump(), and who is calling
 *
 * The handle from rn_task_self() is good for cancel, id, name and ended; joining belongs to the one that spawned.
 *
 * Context:  any task or thread; never waits
 * Owner:    values
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  never the same number twice in a process; 0 and {0} on a plain thread
 */
RN_API uint64_t rn_task_id(rn_task task);
RN_API uint64_t rn_task_self_id(void);
RN_API rn_task rn_task_self(void);

/**
 * rn_task_name - a task's name, copied out
 * @buffer: at least @size bytes; gets what fits, always ended by a zero byte; "" if the call fails
 * @size:   > 0; RN_TASK_NAME_MAX + 1 holds every name
 *
 * Context:  any task or thread; never waits
 * Owner:    @buffer is yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL no task, a stale one, or no buffer | RN_FORKED it is the parent process's
 */
RN_API int rn_task_name(rn_task task, char *buffer, size_t size);

/**
 * rn_yield - let the other ready tasks of this worker run first
 *
 * On a plain thread it yields the processor.
 *
 * Context:  any task or thread; comes back as soon as the others had their turn
 * Owner:    nothing
 * Cancel:   uncancellable: ask rn_cancelled() in loops that only yield
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_yield(void);

RN__END_DECLS

#endif
