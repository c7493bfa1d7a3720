/* SPDX-License-Identifier: MIT */
/* cancel.h - what it means that a task is cancelled.
 *
 * Cancellation is one fact per task: "somebody wants me to stop, because of this cause". Nothing is stopped from
 * outside; the task's waits say RN_ECANCELED, and it returns through its own clean-up. It comes from rn_task_cancel()
 * and from a runtime that goes down.
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
 *   - A plain thread cannot be cancelled.
 *
 * Use:
 *     while ((rc = jobs_recv(rx, &job)) == 0)                    ends on RN_CLOSED and on RN_ECANCELED
 *         for (size_t i = 0; i < job.parts && !rn_cancelled(); i++)
 *             compute(&job, i);                                  a loop that never waits asks for itself
 *     rn_shield_enter();
 *     rn_ignore(log_send_until(log, bye, rn_in_ms(100)));
 *     rn_shield_leave();
 *
 * At the same time:  everything; each task asks about itself only.
 * Closing:           every rn_shield_enter has its rn_shield_leave in the same task.
 * Costs:             one load a wait. No allocation.
 * Another shape:     "please finish what you have, then stop" is state: a watch (watch.h).
 */
#ifndef RUNNEL_CANCEL_H
#define RUNNEL_CANCEL_H

#include <runnel/base.h>
#include <runnel/error.h>

RN__BEGIN_DECLS

/**
 * rn_cancelled - whether the calling task was asked to stop, and why
 *
 * A shield does not hide it.
 *
 * Context:  any task or thread; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the rn_task_cancel() happens-before the cause that it gives
 * Memory:   none
 * Returns:  0 no (and on a plain thread), else the cause: never 0
 */
RN_API int rn_cancelled(void);

/**
 * rn_shield_enter, rn_shield_leave - waits in between are not cancelled
 *
 * They nest. A cancellation that arrives meanwhile is seen by the first wait after the outermost leave. Shield short
 * stretches, give the waits deadlines: a shutdown waits for you no longer than its grace time. Leave without enter is
 * ignored. On a plain thread both do nothing.
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

RN__END_DECLS

#endif
