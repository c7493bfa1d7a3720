/* SPDX-License-Identifier: MIT */
/* mpmc.h - many senders, many receivers; every message once, to one of the receivers.
 *
 * A queue of jobs for a pool: each worker has a receiver of its own and takes the next job when it is free, so that a
 * slow job holds up one worker and not those behind it. It is mpsc with receivers that can be cloned; all that mpsc.h
 * says of order, closing, permits, weak senders and unbounded channels holds here. What is different stands below.
 *
 * Use (typed.h: RN_MPMC_PLAIN(jobs, struct job) gives jobs_send(tx, job), jobs_rx_clone(&out, rx) and so on):
 *     rn_mpmc_tx *tx;
 *     rn_mpmc_rx *rx;
 *     rn_mpmc_rx *mine;
 *     RN_MUST(rn_mpmc_channel(&tx, &rx, 32, RN_ELEM(struct job)));
 *     RN_MUST(rn_mpmc_rx_clone(&mine, rx));             one for each worker
 *     while (rn_mpmc_recv(mine, &job) == 0)             in each worker
 *         run(&job);
 *     rn_mpmc_rx_drop(mine);
 *
 * At the same time:  all calls on one channel, also on one end, by any number of tasks and threads. Not: a drop of an
 *     end beside another call on that end, calls on one permit.
 *
 * Order: messages leave in the order in which they came in. Receivers that wait are served first come, first served;
 * a newcomer takes nothing while one waits. What several receivers do with what they took has no order.
 *
 * Closing: rx_close on any receiver closes the channel for all; each of them gets what is left and then RN_CLOSED. A
 * receiver that is dropped takes nothing with it while there are others: what is unread is theirs. With the last one
 * the channel closes and what is unread is dropped, in order. The receiver that you kept to clone from keeps senders
 * waiting for room that nobody will make: drop it when the workers have theirs.
 *
 * Costs: as mpsc, and an allocation for each cloned receiver. One lock for all, so it does not get faster with more
 * receivers than the work needs; many tiny jobs go better by recv_many.
 *
 * Another shape: one party handles everything, in order: mpsc. Every receiver sees each message: broadcast.
 */
#ifndef RUNNEL_MPMC_H
#define RUNNEL_MPMC_H

#include <runnel/base.h>
#include <runnel/channel.h>
#include <runnel/error.h>
#include <runnel/mpsc.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_mpmc_tx rn_mpmc_tx;
typedef struct rn_mpmc_rx rn_mpmc_rx;
typedef struct rn_mpmc_weak rn_mpmc_weak;

/* The same structs as mpsc's. */
typedef rn_mpsc_permit rn_mpmc_permit;
typedef rn_mpsc_opts rn_mpmc_opts;

/**
 * rn_mpmc_channel, rn_mpmc_channel_with - a new channel, its first sender and its first receiver
 * @tx, @rx:  the ends, or NULL both
 * @capacity: messages that wait unread, as rn_mpsc_channel
 * @elem:     what a message is; copied
 * @opts:     NULL for the defaults
 *
 * Context:  any task or thread; never waits
 * Owner:    both ends are yours: drop each once
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel and its ends; the ring for @capacity messages, touched as it is used
 * Returns:  0 | RN_ENOMEM | RN_EINVAL capacity or element out of range, bad options
 */
RN_MUST_USE RN_API int rn_mpmc_channel(rn_mpmc_tx **tx, rn_mpmc_rx **rx, size_t capacity, const rn_elem *elem);
RN_MUST_USE RN_API int rn_mpmc_channel_with(rn_mpmc_tx **tx, rn_mpmc_rx **rx, size_t capacity, const rn_elem *elem,
                                            const rn_mpmc_opts *opts);

/**
 * rn_mpmc_rx_clone - one more receiver for the same channel
 * @out: the new end, or NULL
 *
 * It takes its turns with the others from now on. Works on a closed channel too: there it gets what is left.
 *
 * Context:  any task or thread; never waits; many callers on one @rx are fine
 * Owner:    the new end is yours: drop it; @rx stays yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_mpmc_rx_clone(rn_mpmc_rx **out, const rn_mpmc_rx *rx);

/**
 * rn_mpmc_send, rn_mpmc_try_send, rn_mpmc_send_until, rn_mpmc_give - give one message to one of the receivers
 * @msg: one element; copied before the call returns
 *
 * As rn_mpsc_send and rn_mpsc_give. The receiver that has waited longest gets it.
 *
 * Context:  any task or thread; waits for room (try_send: never); many callers on one @tx are fine
 * Owner:    on 0 the channel owns the message; on anything else it is still yours, and give has dropped it
 * Cancel:   atomic: RN_ECANCELED means that nothing was sent; try_send does not look
 * Order:    everything before the call happens-before the receive that returns the message
 * Memory:   none; unbounded: a block per so many messages
 * Returns:  0 | RN_CLOSED nobody can receive it any more | RN_FULL (try_send) | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_ENOMEM (unbounded) | RN_EINVAL. Closed wins over full
 */
RN_API int rn_mpmc_send(rn_mpmc_tx *tx, const void *msg);
RN_API int rn_mpmc_try_send(rn_mpmc_tx *tx, const void *msg);
RN_API int rn_mpmc_send_until(rn_mpmc_tx *tx, const void *msg, rn_deadline deadline);
RN_API int rn_mpmc_give(rn_mpmc_tx *tx, void *msg);

/**
 * rn_mpmc_send_many, rn_mpmc_try_send_many, rn_mpmc_send_many_until - give several messages, as room appears
 * @msgs:  an array of @count elements, each at a multiple of the element's size
 * @count: how many; 0 asks only whether the channel is closed, and never waits
 * @sent:  how many have gone, always written: the first *sent are the channel's, whatever the code is
 *
 * As rn_mpsc_send_many. Each message wakes one receiver that waits.
 *
 * Context:  any task or thread; waits (try_send_many: never; unbounded: never); many callers on one @tx are fine
 * Owner:    the first *sent messages are the channel's, the others are still yours
 * Cancel:   counted: RN_ECANCELED means that *sent messages were sent and no more will be
 * Order:    everything before the call happens-before the receive of each message
 * Memory:   none; unbounded: a block per so many messages
 * Returns:  0 all were sent | RN_CLOSED | RN_FULL (try_send_many) | RN_ETIMEDOUT (_until) | RN_ECANCELED |
 *           RN_ENOMEM (unbounded) | RN_EINVAL; with each of them *sent counts
 */
RN_API int rn_mpmc_send_many(rn_mpmc_tx *tx, const void *msgs, size_t count, size_t *sent);
RN_API int rn_mpmc_try_send_many(rn_mpmc_tx *tx, const void *msgs, size_t count, size_t *sent);
RN_API int rn_mpmc_send_many_until(rn_mpmc_tx *tx, const void *msgs, size_t count, size_t *sent,
                                   rn_deadline deadline);

/**
 * rn_mpmc_reserve, rn_mpmc_try_reserve, rn_mpmc_reserve_until - take places now, for messages that come later
 * @count: how many, all or none: 1 .. capacity
 * @out:   the permit, or all zero; what was in it before is overwritten, so drop that first
 *
 * As rn_mpsc_reserve.
 *
 * Context:  any task or thread; waits (try_reserve: never); many callers on one @tx are fine
 * Owner:    the permit is yours: send with it or drop it until nothing is left
 * Cancel:   atomic: RN_ECANCELED means that no place was taken; try_reserve does not look
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_CLOSED | RN_FULL (try_reserve) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL @count is 0 or
 *           more than the capacity, or the channel is unbounded
 */
RN_MUST_USE RN_API int rn_mpmc_reserve(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out);
RN_MUST_USE RN_API int rn_mpmc_try_reserve(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out);
RN_MUST_USE RN_API int rn_mpmc_reserve_until(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out, rn_deadline deadline);

/**
 * rn_mpmc_permit_send, rn_mpmc_permit_drop - send into one of the places; give back those that are left
 * @msg: one element; moved in every case but RN_EINVAL
 *
 * As rn_mpsc_permit_send and rn_mpsc_permit_drop, which may be used as well.
 *
 * Context:  any task or thread, callbacks too; never waits; one caller at a time on one @permit
 * Owner:    the message is not yours any more; the permit is all zero when nothing is left in it
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the receive that returns the message, or the RN_CLOSED that
 *           the drop causes
 * Memory:   none; may free the channel's, if nobody else holds it
 * Returns:  0 | RN_EINVAL nothing is left in the permit, or NULL; drop: nothing
 */
RN_API int rn_mpmc_permit_send(rn_mpmc_permit *permit, void *msg);
RN_API void rn_mpmc_permit_drop(rn_mpmc_permit *permit);

/**
 * rn_mpmc_recv, rn_mpmc_try_recv, rn_mpmc_recv_until - take the oldest message
 * @out: room for one element; written on 0 only
 *
 * Receivers that wait stand in one line, whichever ends they use: one @rx may be shared.
 *
 * Context:  any task or thread; waits (try_recv: never); many callers on one @rx are fine
 * Owner:    on 0 the message is yours, and no other receiver gets it
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_recv does not look
 * Order:    everything before the send happens-before the return
 * Memory:   none
 * Returns:  0 | RN_CLOSED nothing will ever come, no permit is out, and all that was sent has been taken |
 *           RN_EMPTY (try_recv) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_mpmc_recv(rn_mpmc_rx *rx, void *out);
RN_API int rn_mpmc_try_recv(rn_mpmc_rx *rx, void *out);
RN_API int rn_mpmc_recv_until(rn_mpmc_rx *rx, void *out, rn_deadline deadline);

/**
 * rn_mpmc_recv_many, rn_mpmc_try_recv_many, rn_mpmc_recv_many_until - wait for one message, take what is there
 * @out:   room for @limit elements, each at a multiple of the element's size; the first *count are written
 * @limit: at most so many, at least 1: what one worker takes the others do not get
 * @count: how many came, always written: > 0 with code 0, else 0
 *
 * It waits for the first message only. Other receivers may take some between: the messages are in order, but need not
 * be neighbours.
 *
 * Context:  any task or thread; waits (try_recv_many: never); many callers on one @rx are fine
 * Owner:    the *count messages are yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_recv_many does not look
 * Order:    everything before the send of each message happens-before the return
 * Memory:   none
 * Returns:  as recv; RN_EMPTY (try_recv_many); RN_EINVAL also for a @limit of 0
 */
RN_API int rn_mpmc_recv_many(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count);
RN_API int rn_mpmc_try_recv_many(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count);
RN_API int rn_mpmc_recv_many_until(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count, rn_deadline deadline);

/**
 * rn_mpmc_tx_clone, rn_mpmc_tx_downgrade, rn_mpmc_weak_clone, rn_mpmc_weak_upgrade - more senders, weak senders
 * @out: the new end, or NULL
 *
 * As the calls of mpsc: a weak sender does not keep the channel open, upgrade makes a sender of it while there still
 * is one, or a permit.
 *
 * Context:  any task or thread; never waits; many callers on one @tx or @weak are fine
 * Owner:    the new end is yours: drop it; @tx or @weak stays yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end
 * Returns:  0 (also when the channel is closed) | RN_CLOSED (upgrade) no sender and no permit is left, nor ever will
 *           be | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_mpmc_tx_clone(rn_mpmc_tx **out, rn_mpmc_tx *tx);
RN_MUST_USE RN_API int rn_mpmc_tx_downgrade(rn_mpmc_weak **out, rn_mpmc_tx *tx);
RN_MUST_USE RN_API int rn_mpmc_weak_clone(rn_mpmc_weak **out, rn_mpmc_weak *weak);
RN_MUST_USE RN_API int rn_mpmc_weak_upgrade(rn_mpmc_tx **out, rn_mpmc_weak *weak);

/**
 * rn_mpmc_tx_closed, rn_mpmc_tx_closed_until - wait until nobody can receive any more
 *
 * That is when rx_close is called, or the last receiver dropped: from then on every send says RN_CLOSED.
 *
 * Context:  any task or thread; waits; any number of callers on one @tx
 * Owner:    the end is still yours, and keeps the channel open for the receivers meanwhile
 * Cancel:   atomic (nothing is taken or given)
 * Order:    everything before the close happens-before the return
 * Memory:   none
 * Returns:  0 closed, at once if it already was | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_mpmc_tx_closed(rn_mpmc_tx *tx);
RN_API int rn_mpmc_tx_closed_until(rn_mpmc_tx *tx, rn_deadline deadline);

/**
 * rn_mpmc_send_case, rn_mpmc_recv_case, rn_mpmc_reserve_case, rn_mpmc_tx_closed_case - for a select (select.h)
 * @message: is sent by the select in which the case happens, with rc 0; else it stays yours
 * @out: is written only if the case happens with rc 0; for a permit it is all zero from now on
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of a NULL end one that never happens; of other bad arguments one that happens with RN_EINVAL
 */
RN_MUST_USE RN_API rn_case rn_mpmc_send_case(rn_mpmc_tx *tx, const void *message);
RN_MUST_USE RN_API rn_case rn_mpmc_recv_case(rn_mpmc_rx *rx, void *out);
RN_MUST_USE RN_API rn_case rn_mpmc_reserve_case(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out);
RN_MUST_USE RN_API rn_case rn_mpmc_tx_closed_case(rn_mpmc_tx *tx);

/**
 * rn_mpmc_rx_close - no more in; what is in, and what permits bring, still comes out, to whichever receivers
 *
 * Context:  any task or thread, beside receives as well; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED of the senders
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_mpmc_rx_close(rn_mpmc_rx *rx);

/**
 * rn_mpmc_tx_drop, rn_mpmc_rx_drop, rn_mpmc_weak_drop - give an end back
 *
 * The last sender closes the channel, unless a permit is out. The last receiver closes it and drops all that is
 * unread, in order; drop functions run in there.
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile
 * Owner:    the end is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last drop happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's is freed with the last of all ends, weak ones and permits
 * Returns:  nothing
 */
RN_API void rn_mpmc_tx_drop(rn_mpmc_tx *tx);
RN_API void rn_mpmc_rx_drop(rn_mpmc_rx *rx);
RN_API void rn_mpmc_weak_drop(rn_mpmc_weak *weak);

/**
 * rn_mpmc_tx_is_closed, rn_mpmc_rx_is_closed, rn_mpmc_tx_room, rn_mpmc_rx_len, rn_mpmc_tx_same_channel - questions;
 * true at some moment during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    what came before the close happens-before true
 * Memory:   none
 * Returns:  as the questions of mpsc. For NULL: false, 0
 */
RN_API bool rn_mpmc_tx_is_closed(const rn_mpmc_tx *tx);
RN_API bool rn_mpmc_rx_is_closed(const rn_mpmc_rx *rx);
RN_API size_t rn_mpmc_tx_room(const rn_mpmc_tx *tx);
RN_API size_t rn_mpmc_rx_len(const rn_mpmc_rx *rx);
RN_API bool rn_mpmc_tx_same_channel(const rn_mpmc_tx *a, const rn_mpmc_tx *b);

/**
 * rn_mpmc_tx_info, rn_mpmc_rx_info - all that the channel knows about itself (channel.h)
 * @out: the answer; untouched unless 0 is returned
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours; the answer is a copy, its texts are static
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_mpmc_tx_info(const rn_mpmc_tx *tx, rn_channel_info *out);
RN_API int rn_mpmc_rx_info(const rn_mpmc_rx *rx, rn_channel_info *out);

/* for RN_AUTO */
RN__UNUSED static inline void rn_mpmc_tx_auto(rn_mpmc_tx **tx)
{
    rn_mpmc_tx_drop(*tx);
}
RN__UNUSED static inline void rn_mpmc_rx_auto(rn_mpmc_rx **rx)
{
    rn_mpmc_rx_drop(*rx);
}
RN__UNUSED static inline void rn_mpmc_weak_auto(rn_mpmc_weak **weak)
{
    rn_mpmc_weak_drop(*weak);
}

RN__END_DECLS

#endif
