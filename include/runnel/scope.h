/* SPDX-License-Identifier: MIT */
/* scope.h - tasks that end before the block that started them does, so they may use its variables.
 *
 * A scope is open from rn_scope_open to rn_scope_close, which waits for all its tasks, always. The first task that
 * fails, by a result that is not 0, cancels the others and the waits of the opener, and close gives that failure.
 *
 * Use:
 *     RN_SCOPE(s);                                          closed by whatever path leaves the block
 *     for (size_t i = 0; i < n; i++)
 *         RN_TRY(rn_scope_spawn(&s, fetch, &parts[i]));     an early return cancels them and waits
 *     return rn_scope_close(&s);                            0, or the first failure
 * or with the results one by one, in the order in which the tasks end, and the failures not stopping the others:
 *     RN_SCOPE_WITH(s, &(rn_scope_opts){.flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING});
 *     ... spawn ...
 *     while ((rc = rn_scope_next(&s, &ended)) == 0)
 *         use(ended.arg, ended.result);
 * or without tasks, as a time limit for everything that the caller does meanwhile:
 *     RN_SCOPE_WITH(s, &(rn_scope_opts){.deadline = rn_in_ms(900)});
 *
 * A scope is cancelled, once, by the first of these: a task that fails, unless RN_SCOPE_KEEP_GOING;
 * rn_scope_cancel(); its deadline; its token (cancel.h); whatever cancels its opener from outside, rn_task_cancel(),
 * a shutdown, a scope in which this one is open. Then its tasks are cancelled, and those of the scopes that they have
 * open, and so on; and so are the waits of its opener, until it is closed. That takes back what the scope had
 * cancelled of its opener, and no more.
 *
 * A deadline is a limit for every wait of class atomic or counted in the scope, and of its tasks, and of theirs:
 * when it passes the wait says RN_ECANCELED, and rn_cancelled() RN_ETIMEDOUT. No timer runs for it, so a task that
 * only computes has to ask.
 *
 * A task inherits nothing else from the scope: no names, no options.
 *
 * At the same time:  the opener's calls are open, close and next; spawn, cancel and running may also be called by
 *                    the tasks of the scope, and by all that ends before they do.
 * Closing:           once, by the opener, the last opened first. Closing in another order, ending a task or a thread
 *                    that has one open, and closing one of somebody else end the program, with the place where the
 *                    scope was opened.
 * Costs:             no allocation for the scope; a task as rn_spawn. The struct has 256 bytes, aligned to 64. With
 *                    a deadline each wait reads the clock once more.
 * Another shape:     a task that outlives the block: rn_spawn. "Cancel request 7": a token (cancel.h).
 */
#ifndef RUNNEL_SCOPE_H
#define RUNNEL_SCOPE_H

#include <runnel/base.h>
#include <runnel/cancel.h>
#include <runnel/select.h>
#include <runnel/task.h>

RN__BEGIN_DECLS

struct rn_runtime;

/* In the opener's frame; private. */
typedef struct rn_scope {
    __attribute__((aligned(64))) char inside[256];
} rn_scope;
RN__STATIC_ASSERT(sizeof(rn_scope) == 256, "part of the ABI");

enum {
    RN_SCOPE_KEEP_GOING = 1u << 0, /* a failure cancels nobody */
    RN_SCOPE_COLLECT = 1u << 1     /* results are kept for rn_scope_next, each in its task's slot */
};

/* All zero: the defaults. */
typedef struct rn_scope_opts {
    const char *name;           /* static text, for rn_dump() and reports; NULL: none */
    rn_deadline deadline;       /* RN_FOREVER: that of the scope around it, if any */
    rn_cancel *cancel;          /* a token that cancels it; its deadline holds too. Stays yours, may be dropped */
    struct rn_runtime *runtime; /* where its tasks run; NULL: the caller's */
    uint32_t flags;             /* RN_SCOPE_* */
    uint32_t max_running;       /* spawn waits while so many tasks run; 0: no limit */
    uint64_t reserved[4];
} rn_scope_opts;

/**
 * rn_scope_open, rn_scope_open_with, rn__scope_open - open a scope
 * @scope: any memory that stays until it is closed; what was in it does not matter
 * @opts:  NULL for the defaults
 *
 *     rn_scope_open(scope)
 *     rn_scope_open_with(scope, opts)
 *
 * Macros over the function declared here, which wants the place in the source as static text. It cannot fail: for
 * options that make no sense, and on a plain thread that gets no memory to wait with, every spawn says why, and close
 * does. On a plain thread the scope cancels the thread's waits as it does a task's.
 *
 * Context:  any task or thread; never waits
 * Owner:    @scope is lent until it is closed
 * Cancel:   uncancellable (never waits); opened by a cancelled task it is cancelled from the beginning
 * Order:    none
 * Memory:   none for the scope; on a plain thread what its first wait would take
 * Returns:  nothing
 */
RN_API void rn__scope_open(rn_scope *scope, const rn_scope_opts *opts, const char *where);
#define RN__LINE_TEXT(line) #line
#define RN__WHERE(line) __FILE__ ":" RN__LINE_TEXT(line)
#define rn_scope_open(scope) rn__scope_open(scope, NULL, RN__WHERE(__LINE__))
#define rn_scope_open_with(scope, ...) rn__scope_open(scope, __VA_ARGS__, RN__WHERE(__LINE__))

/**
 * rn_scope_spawn, rn_scope_spawn_with, rn_scope_spawn_copy, rn__scope_spawn, rn__scope_spawn_copy - start a task
 * @out:  for rn_task_cancel, id, name and ended; nobody can join it but the scope. NULL: not wanted
 * @fn, @arg, @size, @opts: as of rn_spawn, rn_spawn_with and rn_spawn_copy (task.h)
 *
 *     rn_scope_spawn(scope, fn, arg)
 *     rn_scope_spawn_with(scope, out, fn, arg, opts)
 *     rn_scope_spawn_copy(scope, out, fn, arg, size, opts)
 *
 * Into a cancelled scope it still succeeds, and the task starts cancelled: what is handed over in the arguments is
 * never lost. In a scope with max_running it waits for a place; a task that does so keeps its own meanwhile.
 *
 * Context:  the opener, and tasks of the scope; with max_running waits, else never
 * Owner:    on 0 @arg belongs to the task, which runs exactly once; on anything else it is still yours
 * Cancel:   with max_running atomic: RN_ECANCELED means that nothing was spawned; else uncancellable (never waits)
 * Order:    the call happens-before the first statement of @fn
 * Memory:   as of rn_spawn
 * Returns:  0 | as of rn_spawn | RN_ECANCELED (max_running) | RN_EINVAL also: it is closed, bad options
 */
RN_MUST_USE RN_API int rn__scope_spawn(rn_site *site, rn_scope *scope, rn_task *out, rn_fn *fn, void *arg,
                                       const rn_spawn_opts *opts);
RN_MUST_USE RN_API int rn__scope_spawn_copy(rn_site *site, rn_scope *scope, rn_task *out, rn_fn *fn, const void *arg,
                                            size_t size, const rn_spawn_opts *opts);
#define rn_scope_spawn(scope, fn, ...) rn__scope_spawn(RN__SITE(#fn), scope, NULL, fn, __VA_ARGS__, NULL)
#define rn_scope_spawn_with(scope, out, fn, ...) rn__scope_spawn(RN__SITE(#fn), scope, out, fn, __VA_ARGS__)
#define rn_scope_spawn_copy(scope, out, fn, ...) rn__scope_spawn_copy(RN__SITE(#fn), scope, out, fn, __VA_ARGS__)

/* A task that has ended. */
typedef struct rn_ended {
    uint64_t id; /* rn_task_id() of what spawn gave out */
    void *arg;   /* as it was spawned with; NULL for one that was copied */
    int result;
    uint32_t reserved;
} rn_ended;

/**
 * rn_scope_next, rn_scope_next_until, rn_scope_try_next - with RN_SCOPE_COLLECT: the next task to end
 * @out: written on 0 only
 *
 * In the order in which they end. What was not taken when the scope is closed is dropped. Without KEEP_GOING the
 * first failure cancels this wait too: the results that are there then come from try_next.
 *
 * Context:  the opener; waits. try_: never waits
 * Owner:    @out is yours; what its arg points to is what it was
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_ is never cancelled
 * Order:    everything that the task did happens-before the 0
 * Memory:   none
 * Returns:  0 | RN_EMPTY no task is left | RN_EAGAIN (try_) none has ended yet | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_EINVAL it does not collect, or is closed
 */
RN_API int rn_scope_next(rn_scope *scope, rn_ended *out);
RN_API int rn_scope_next_until(rn_scope *scope, rn_ended *out, rn_deadline deadline);
RN_API int rn_scope_try_next(rn_scope *scope, rn_ended *out);

/**
 * rn_scope_next_case - for a select (select.h)
 * @out: is written only if the case happens with rc 0
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_scope_next_case(rn_scope *scope, rn_ended *out);

/**
 * rn_scope_cancel - ask all its tasks to stop, and the opener's waits to end
 * @cause: what they find in rn_cancelled(), and what close says; 0: an orderly end, the tasks find RN_ECANCELED and
 *         close says 0 unless a task fails
 *
 * Once; a scope that is cancelled already stays as it is.
 *
 * Context:  the opener, and tasks of the scope; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    everything before this call happens-before the RN_ECANCELED that it causes
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_scope_cancel(rn_scope *scope, int cause);

/**
 * rn_scope_running - how many of its tasks have not ended
 *
 * Context:  the opener, and tasks of the scope; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the number; 0 if it is closed
 */
RN_API size_t rn_scope_running(rn_scope *scope);

/**
 * rn_scope_close - wait for all its tasks, then end it
 *
 * A failure is a result that is not 0, but for RN_ECANCELED from a task of a cancelled scope. What came first counts:
 * a failure, or what cancelled the scope. A deadline that has passed by now has cancelled it, though nobody had
 * noticed.
 *
 * Context:  the opener; waits, as long as it takes
 * Owner:    @scope is yours again
 * Cancel:   uncancellable: whatever cancels the opener reaches the tasks, and they are waited for
 * Order:    everything that its tasks did happens-before the return
 * Memory:   none
 * Returns:  0 | the first failure | RN_ETIMEDOUT its deadline | RN_ECANCELED what is around it was cancelled | the
 *           cause that it, or its token, was cancelled with | RN_EINVAL, RN_ENOMEM as rn_scope_open says. Again: the
 *           same
 */
RN_API int rn_scope_close(rn_scope *scope);

/* At the end of the block: nothing if it is closed. */
RN__UNUSED static inline void rn_scope_auto(rn_scope *scope)
{
    rn_scope_cancel(scope, 0);
    rn_ignore(rn_scope_close(scope));
}

/* RN_SCOPE(s);   declares and opens   rn_scope s   and, by whatever path the block is left, cancels it with 0 and
 * closes it, unless it is closed. Never goto past one. Behind the name in RN_SCOPE_WITH stands a const
 * rn_scope_opts *. */
#define RN_SCOPE(name) RN_SCOPE_WITH(name, NULL)
#define RN_SCOPE_WITH(name, ...)                                                                                     \
    __attribute__((cleanup(rn_scope_auto))) rn_scope name;                                                           \
    rn_scope_open_with(&name, __VA_ARGS__)

RN__END_DECLS

#endif
