/* SPDX-License-Identifier: MIT */
/* serve.h - a handler: a task that calls a function for each message of an mpsc channel, one after the other.
 *
 * For what many would write as  while (recv(rx, &message) == 0) handle(&message, ctx);  in a task. Here the loop is
 * runnel's, so between two messages nothing of yours is on a stack: an idle handler has none. It costs its 256 bytes,
 * wherever it was when it last worked, and works next on whatever worker has time. Hence the shape for very many
 * things that are seldom busy (a connection, a session, a game object, a device: one handler each, who alone touches
 * it), and for the stages of a pool or a pipeline that are to balance themselves.
 *
 * Use (typed.h: RN_MPSC_PLAIN(jobs, struct job) gives jobs_serve(&task, rx, fn, ctx), with int fn(struct job *,
 * void *)):
 *     static int deposit(void *message, void *ctx)
 *     {
 *         struct account *account = ctx;                  nobody else touches it: no lock
 *         account->balance += *(const long *)message;
 *         return 0;                                       go on; anything else ends the handler
 *     }
 *     ...
 *     rn_task task;
 *     RN_MUST(rn_serve(&task, rx, deposit, &account));    rx is the handler's from now on
 *     ...
 *     rn_mpsc_tx_drop(tx);                                the last one: what was sent is handled, then it ends
 *     RN_MUST(rn_join(task, &result));
 *
 * One message at a time: the next call begins when the last one has returned, and sees all that it did. The function
 * may wait like any task (it then keeps its stack, and its worker, until it returns), may spawn, send, and serve. It
 * may close the receiver, ask it, and take more messages from it; it must not drop it. Addresses of thread-local
 * variables are good within one call only: the next one may be on another thread.
 *
 * Ends: when the channel is closed and all that was in it has been handled (result 0); when the function returned
 * something else than 0 (that is the result); when the task is cancelled, at the latest before the next message
 * (result RN_ECANCELED). Then the receiver is dropped, and what is unread with it.
 *
 * At the same time:  any number of senders; the handle as any task's (task.h). Nobody else uses the receiver.
 * Closing:           as above. A runtime that ends cancels its handlers, as all its tasks. Join or drop the handle.
 * Costs:             256 bytes for an idle handler, beside its channel, and address space for a stack. A message to
 *                    an idle one: about half as much again as to a task that waits. To one that is busy: a send and
 *                    a receive. After 128 messages in a row it lets others go first.
 * Another shape:     a loop of your own, for two channels (select.h), timeouts, or state on the stack: task.h.
 */
#ifndef RUNNEL_SERVE_H
#define RUNNEL_SERVE_H

#include <runnel/base.h>
#include <runnel/mpsc.h>
#include <runnel/task.h>

RN__BEGIN_DECLS

/* 0: go on with the next message. */
typedef int rn_handler_fn(void *message, void *ctx);

/* How a function of a more precise type is called; for typed.h. */
typedef int rn__handler_call(rn_handler_fn *fn, void *message, void *ctx);

/**
 * rn_serve, rn_serve_with, rn__serve - start a handler
 * @out:  its handle; NULL if nobody will join it
 * @rx:   whose messages it handles
 * @fn:   called as a task for each message, in order, at an address that is good until @fn returns. What is written
 *        here is the task's name, unless @opts has one
 * @ctx:  handed to @fn
 * @call: NULL
 * @opts: NULL for the defaults. RN_PLACE_WORKER and RN_PLACE_THREAD are not for handlers; the other places say where
 *        it is at first. A message of more than 1 KiB is kept on the stack besides .stack_size
 *
 *     rn_serve(out, rx, fn, ctx)
 *     rn_serve_with(out, rx, fn, ctx, opts)
 *
 * The two are macros over the function declared here, as rn_spawn is.
 *
 * Context:  any task; a plain thread if @opts names a runtime; never waits
 * Owner:    on 0 @rx belongs to the handler, which drops it at its end; on anything else it is still yours. @fn owns
 *           each message that it is called with; @ctx must live until the handler has ended
 * Cancel:   uncancellable: a cancelled task can still start handlers
 * Order:    the call happens-before the first call of @fn; everything before a send happens-before the call of @fn
 *           for that message; each call of @fn happens-before the next
 * Memory:   a task's block, from a pool; address space for its stack. Afterwards none
 * Returns:  0 | RN_ENOMEM memory or address space | RN_NO_RUNTIME | RN_SHUTDOWN | RN_EBUSY somebody waits for a
 *           message of @rx | RN_EINVAL no @rx, no @fn, a channel of capacity 0, bad options
 */
RN_MUST_USE RN_API int rn__serve(rn_site *site, rn_task *out, rn_mpsc_rx *rx, rn__handler_call *call,
                                 rn_handler_fn *fn, void *ctx, const rn_spawn_opts *opts);
#define rn_serve(out, rx, fn, ...) rn__serve(RN__SITE(#fn), out, rx, NULL, fn, __VA_ARGS__, NULL)
#define rn_serve_with(out, rx, fn, ...) rn__serve(RN__SITE(#fn), out, rx, NULL, fn, __VA_ARGS__)

RN__END_DECLS

#endif
