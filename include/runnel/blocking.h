/* SPDX-License-Identifier: MIT */
/* blocking.h - calls that block their thread, on a pool of threads, so that the worker's other tasks go on.
 *
 * getaddrinfo, fsync, reading a large file, a database client: inside a task they would stop every task of the
 * worker. Here the calling task waits while a thread of the runtime's pool makes the call. The pool grows on demand
 * up to max_blocking threads (runtime.h) and refuses rather than queues without end.
 *
 * Use:
 *     static int look_up(void *arg) { struct query *q = arg; return getaddrinfo(q->host, NULL, NULL, &q->found); }
 *     ...
 *     struct query q = {.host = "localhost"};
 *     RN_TRY(rn_blocking(look_up, &q, &result));                  q may live in this frame: we wait for the end
 *
 * At the same time:  any number of calls; up to max_blocking run, as many again wait for a thread.
 * Closing:           a job that somebody waits for ends before its caller does, so a runtime that goes down waits for
 *                    it within the grace time. One that was given up is waited for too, and if it takes longer than
 *                    that it outlives the runtime, with its thread.
 * Costs:             rn_blocking: two wake-ups, no allocation once the pool's threads exist. rn_blocking_until: the
 *                    job and the copy of its argument as well.
 * Another shape:     to go on meanwhile, to wait for several, to cancel: a task with RN_PLACE_POOL, which runs on the
 *                    same threads. Code that blocks all the time: a task with RN_PLACE_THREAD.
 */
#ifndef RUNNEL_BLOCKING_H
#define RUNNEL_BLOCKING_H

#include <runnel/base.h>
#include <runnel/task.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/**
 * rn_blocking - run @fn(@arg) on a thread of the pool, and wait until it has returned
 * @result: what @fn returned; NULL if you do not want it. Written on 0 only
 *
 * @fn runs on a plain thread, not in the calling task: rn_cancelled() is 0 there, waits block the thread. Whoever has
 * its thread to itself, a plain thread or a task with RN_PLACE_THREAD or RN_PLACE_POOL, calls @fn itself instead,
 * there and then: so code that is used by both need not ask who runs it.
 *
 * Context:  any task or thread; waits
 * Owner:    @arg is lent until the call returns, whatever it returns
 * Cancel:   uncancellable once @fn runs, since @fn uses @arg, which is in your frame; before that atomic:
 *           RN_ECANCELED means that @fn never ran
 * Order:    the call happens-before @fn; all that @fn did happens-before the return
 * Memory:   a thread, when the pool grows
 * Returns:  0 | RN_ECANCELED | RN_EAGAIN the pool is full | RN_ENOMEM not a single thread | RN_EDEADLK called by a
 *           callback that may not wait | RN_EINVAL. On all but 0 @fn never ran
 */
RN_API int rn_blocking(rn_fn *fn, void *arg, int *result);

/**
 * rn_blocking_until - the same, for at most so long
 * @arg:       @arg_size bytes; @fn works on a copy of them, which is copied back here on 0. NULL if @arg_size is 0
 * @abandoned: gets the copy when you have stopped waiting and nobody uses it any more; NULL: nothing to clean up
 * @result:    what @fn returned; NULL if you do not want it. Written on 0 only
 *
 * RN_ETIMEDOUT and RN_ECANCELED give the job up: if @fn runs already it goes on to its end on its thread, else it
 * never starts. In both cases @abandoned is called exactly once with the copy, now or later, on whichever thread.
 *
 * A plain thread cannot stop waiting for a call that it makes itself, and it has no pool: there, spawn a task with
 * RN_PLACE_POOL into a runtime that you name, and rn_join_until it.
 *
 * Context:  a task; waits
 * Owner:    on RN_ETIMEDOUT and RN_ECANCELED what @arg holds belongs to @abandoned, and *@arg is as it was; on
 *           anything else it is yours
 * Cancel:   counted: @fn may have run, or still run, on its copy
 * Order:    the call happens-before @fn; all that @fn did happens-before the 0, and before @abandoned
 * Memory:   the job with the copy; a thread, when the pool grows
 * Returns:  0 | RN_ETIMEDOUT | RN_ECANCELED | RN_EAGAIN the pool is full | RN_ENOMEM | RN_EDEADLK called by a
 *           callback that may not wait | RN_NO_RUNTIME on a plain thread | RN_EINVAL
 */
RN_API int rn_blocking_until(rn_fn *fn, void *arg, size_t arg_size, void (*abandoned)(void *arg), int *result,
                             rn_deadline deadline);

RN__END_DECLS

#endif
