/* SPDX-License-Identifier: MIT */
/* cancel.h - what it means that a task is cancelled, and tokens: a request to stop as a thing to hand around.
 *
 * Cancellation is one fact per task: "somebody wants me to stop, because of this cause". Nothing is stopped from
 * outside; the task's waits say RN_ECANCELED, and it returns through its own clean-up. It comes from
 * rn_task_cancel(), from the scope that the task is in (scope.h), and from a runtime that goes down.
 *
 *   - Every waiting call of class atomic or counted says RN_ECANCELED, also when it would not have had to wait, so a
 *     busy loop over a full channel stops too. It says so again at the next wait: the fact stays. And it says so
 *     rather than anything else: that a channel is closed, that a deadline has passed. Only of those that come while
 *     it waits already does the first win.
 *   - try_ calls, drop, clone, give of a channel that never waits, and everything marked uncancellable go on as ever,
 *     so clean-up can drain and drop.
 *   - What was delivered wins: if the message was already handed to the waiting task, the call returns 0 and the next
 *     wait is cancelled. Nothing is ever received and lost, or half sent.
 *   - A task that has not started yet still starts, once, cancelled: so that it can clean up what it was given.
 *   - Clean-up that has to wait does so inside a shield, with a deadline.
 *   - A plain thread is cancelled by a scope that it has opened, and by nothing else.
 *
 * Use:
 *     while ((rc = jobs_recv(rx, &job)) == 0)                    ends on RN_CLOSED and on RN_ECANCELED
 *         for (size_t i = 0; i < job.parts && !rn_cancelled(); i++)
 *             compute(&job, i);                                  a loop that never waits asks for itself
 *     rn_shield_enter();
 *     rn_ignore(log_send_until(log, bye, rn_in_ms(100)));
 *     rn_shield_leave();
 *
 * A token stands for "stop this": request 7, everything that belongs to a connection. Tokens form a tree: a request
 * reaches the token and all that were made below it, never its parent. It cancels a scope that was opened with it
 * (scope.h), and nobody else by itself: whoever works for it asks for its cause, waits for it, or has it as a case of
 * a select beside its channels.
 *
 *     RN_AUTO(rn_cancel) request = NULL;
 *     RN_TRY(rn_cancel_child_until(&request, server, rn_in_s(5)));
 *     rn_case cases[] = {jobs_recv_case(rx, &job), rn_cancel_case(request)};
 *     elsewhere:  rn_cancel_request(request, 0);
 *
 * At the same time:  everything. A task asks about itself only; a token may be used by all who have a handle to it,
 *                    and by those to whom it was lent, while that handle is not dropped.
 * Closing:           every rn_shield_enter has its rn_shield_leave in the same task. Every token that was made or
 *                    cloned is dropped once; dropping requests nothing, and a child outlives its parent.
 * Costs:             one load a wait. A token has 96 bytes, and takes its parent's lock when it is made and dropped.
 *                    A request visits each token below, with one lock at a time. No timer runs for a deadline.
 * Another shape:     "please finish what you have, then stop" is state: a watch (watch.h).
 */
#ifndef RUNNEL_CANCEL_H
#define RUNNEL_CANCEL_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/**
 * rn_cancelled - whether the calling task was asked to stop, and why
 *
 * A shield does not hide it. Where a scope has a deadline (scope.h) it is the clock that is asked, and the cause
 * RN_ETIMEDOUT. What a scope has cancelled of its opener is no longer so when it is closed.
 *
 * Context:  any task or thread; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the rn_task_cancel() happens-before the cause that it gives
 * Memory:   none
 * Returns:  0 no, else the cause: never 0
 */
RN_API int rn_cancelled(void);

/**
 * rn_shield_enter, rn_shield_leave - waits in between are not cancelled
 *
 * They nest. A cancellation that arrives meanwhile is seen by the first wait after the outermost leave. Shield short
 * stretches, give the waits deadlines: a shutdown waits for you no longer than its grace time. Leave without enter is
 * ignored. On a plain thread they count inside of a scope that it has opened, and do nothing elsewhere.
 *
 * Context:  any task or thread; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_shield_enter(void);
RN_API void rn_shield_leave(void);

typedef struct rn_cancel rn_cancel;

/**
 * rn_cancel_new, rn_cancel_child, rn_cancel_child_until - make a token
 * @out:      the token, or NULL
 * @parent:   a request to it is one to this token too; NULL: it has none
 * @deadline: from then on its cause is RN_ETIMEDOUT, unless it has one before. The sooner one of this and the
 *            parent's holds, for good: to have another, make another child
 *
 * The child of a token that has a cause has the same from the beginning.
 *
 * Context:  any task or thread; never waits
 * Owner:    yours, to drop; @parent stays yours, and may be dropped before
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the token
 * Returns:  0 | RN_ENOMEM | RN_EINVAL no @out
 */
RN_MUST_USE RN_API int rn_cancel_new(rn_cancel **out);
RN_MUST_USE RN_API int rn_cancel_child(rn_cancel **out, rn_cancel *parent);
RN_MUST_USE RN_API int rn_cancel_child_until(rn_cancel **out, rn_cancel *parent, rn_deadline deadline);

/**
 * rn_cancel_clone, rn_cancel_drop - one more handle to the same token; one less
 *
 * The last drop frees the token. It requests nothing: what works for the token goes on.
 *
 * Context:  any task or thread; never waits
 * Owner:    a clone is yours, to drop; what was dropped is gone
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the same pointer, as one more handle; NULL of NULL
 */
RN_API rn_cancel *rn_cancel_clone(rn_cancel *token);
RN_API void rn_cancel_drop(rn_cancel *token);
RN__UNUSED static inline void rn_cancel_auto(rn_cancel **token)
{
    rn_cancel_drop(*token);
}

/**
 * rn_cancel_request - ask everything that belongs to the token and to those below it to stop
 * @cause: what rn_cancel_cause() says from now on; 0 means RN_ECANCELED. The first cause stays, of each token
 *
 * When it returns, each token that was below this one at the call has a cause.
 *
 * Context:  any task or thread; never waits
 * Owner:    the token is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before this call happens-before the cause that others see, and the waits that it ends
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_cancel_request(rn_cancel *token, int cause);

/**
 * rn_cancel_cause - whether it was requested, or its deadline has passed
 *
 * One load; a token that has a deadline reads the clock as well, until it has a cause.
 *
 * Context:  anywhere; never waits
 * Owner:    the token is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the rn_cancel_request() happens-before the cause that it gave
 * Memory:   none
 * Returns:  0 no, else the cause, always the same from then on; of NULL 0
 */
RN_API int rn_cancel_cause(rn_cancel *token);

/**
 * rn_cancel_wait, rn_cancel_wait_until - wait until the token has a cause
 *
 * Context:  any task or thread; waits
 * Owner:    the token is still yours, and must not be dropped meanwhile
 * Cancel:   atomic: RN_ECANCELED means that the caller was cancelled, whatever the token says
 * Order:    everything before the rn_cancel_request() happens-before the 0 that it causes
 * Memory:   none
 * Returns:  0 it has one | RN_ETIMEDOUT (_until) it has none yet | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_cancel_wait(rn_cancel *token);
RN_API int rn_cancel_wait_until(rn_cancel *token, rn_deadline deadline);

/**
 * rn_cancel_case - for a select (select.h): happens, with rc 0, when the token has a cause
 *
 * Context:  anywhere; never waits
 * Owner:    a value; the token must stay until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_cancel_case(rn_cancel *token);

RN__END_DECLS

#endif
