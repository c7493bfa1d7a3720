/* SPDX-License-Identifier: MIT */
/* oneshot.h - one value, once: the place for an answer.
 *
 * The asker makes the channel, sends the sender end along with its question, and waits at the receiver. send uses up
 * its end, whatever it returns. The hand-over is atomic: the value is with the receiver or still with the sender,
 * never both and never neither.
 *
 * Use (typed.h: RN_ONESHOT_PLAIN(status, int) gives status_send(tx, 1) and so on):
 *     RN_AUTO(rn_oneshot_rx) answer = NULL;
 *     rn_oneshot_tx *reply;
 *     RN_TRY(rn_oneshot_channel(&reply, &answer, RN_ELEM(int)));
 *     RN_TRY(ask(worker, reply));                       the worker does: rn_oneshot_send(reply, &status)
 *     return rn_oneshot_recv_until(answer, &status, rn_in_ms(500));
 *
 * At the same time, on one channel:
 *     calls on the sender beside calls on the receiver  yes
 *     recv*, rx_close, questions on one rx              one recv at a time: beside one that waits another waiting
 *                                                       form says RN_EBUSY, try_recv RN_EMPTY; the others yes
 *     tx_closed on one tx                               one at a time, and not beside send or drop
 *     drop or send beside another call on that end      no
 *
 * Closing: a sender dropped unsent makes recv say RN_CLOSED, and so does a value already taken. rx_close and rx_drop
 * make send say RN_CLOSED; a value that was sent before rx_close can still be received, rx_drop drops it. A message
 * that holds a sender must have a drop function that drops it (typed.h, OWNED), or its asker waits for ever when the
 * worker leaves.
 *
 * Costs: one allocation in the constructor, for the channel, its ends and the value. Waiting allocates nothing. One
 * wake-up if somebody waits.
 *
 * Another shape: a task's last word: rn_join. More than one value: mpsc.
 */
#ifndef RUNNEL_ONESHOT_H
#define RUNNEL_ONESHOT_H

#include <runnel/base.h>
#include <runnel/channel.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_oneshot_tx rn_oneshot_tx;
typedef struct rn_oneshot_rx rn_oneshot_rx;

/**
 * rn_oneshot_channel - a new channel
 * @tx, @rx: the ends, or NULL both
 * @elem:    what the value is; copied
 *
 * Context:  any task or thread; never waits
 * Owner:    both ends are yours: send or drop the first, drop the second
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel
 * Returns:  0 | RN_ENOMEM | RN_EINVAL element out of range
 */
RN_MUST_USE RN_API int rn_oneshot_channel(rn_oneshot_tx **tx, rn_oneshot_rx **rx, const rn_elem *elem);

/**
 * rn_oneshot_send, rn_oneshot_give - hand the value over; the sender end is used up
 * @value: one element; copied before the call returns
 *
 * give drops the value if nobody can receive it any more: it is gone from you in every case.
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile
 * Owner:    @tx is gone, also on RN_CLOSED. The value: on 0 the receiver's, on RN_CLOSED still yours (give: dropped).
 *           On RN_EINVAL both are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the receive that returns the value
 * Memory:   none
 * Returns:  0 | RN_CLOSED nobody can receive it any more | RN_EINVAL @tx or @value is NULL
 */
RN_API int rn_oneshot_send(rn_oneshot_tx *tx, const void *value);
RN_API int rn_oneshot_give(rn_oneshot_tx *tx, void *value);

/**
 * rn_oneshot_recv, rn_oneshot_try_recv, rn_oneshot_recv_until - take the value
 * @out: room for one element; written on 0 only
 *
 * Context:  any task or thread; waits (try_recv: never); one caller at a time
 * Owner:    on 0 the value is yours. The receiver end is still yours in every case: drop it
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; it comes before RN_CLOSED if both hold. try_recv does
 *           not look
 * Order:    everything before the send happens-before the return
 * Memory:   none
 * Returns:  0 | RN_CLOSED the sender was dropped unsent, or the value was taken before, or the channel was closed
 *           before it was sent | RN_EMPTY (try_recv) nothing now, also where another one waits for it |
 *           RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EBUSY another one waits here | RN_EINVAL
 */
RN_API int rn_oneshot_recv(rn_oneshot_rx *rx, void *out);
RN_API int rn_oneshot_try_recv(rn_oneshot_rx *rx, void *out);
RN_API int rn_oneshot_recv_until(rn_oneshot_rx *rx, void *out, rn_deadline deadline);

/**
 * rn_oneshot_rx_close - a send from now on says RN_CLOSED; a value that was sent before can still be received
 *
 * Context:  any task or thread, beside a recv as well (which then says RN_CLOSED); never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED of the sender
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_oneshot_rx_close(rn_oneshot_rx *rx);

/**
 * rn_oneshot_rx_drop, rn_oneshot_tx_drop - give an end back: closes; rx_drop drops a value that nobody took
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile
 * Owner:    the end is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's is freed with the second end
 * Returns:  nothing
 */
RN_API void rn_oneshot_rx_drop(rn_oneshot_rx *rx);
RN_API void rn_oneshot_tx_drop(rn_oneshot_tx *tx);

/**
 * rn_oneshot_tx_is_closed - whether send would say RN_CLOSED, which it then does for ever
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the close happens-before true
 * Memory:   none
 * Returns:  true or false
 */
RN_API bool rn_oneshot_tx_is_closed(const rn_oneshot_tx *tx);

/**
 * rn_oneshot_tx_closed, rn_oneshot_tx_closed_until - wait until nobody can receive the value any more
 *
 * For an answer that takes long to work out and is not worth it once the asker has left.
 *
 * Context:  any task or thread; waits; one caller at a time, not beside send or drop
 * Owner:    the end is still yours
 * Cancel:   atomic; RN_ECANCELED comes before the 0 if both hold
 * Order:    everything before the close happens-before the 0
 * Memory:   none
 * Returns:  0 it is closed | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EBUSY another one waits here | RN_EINVAL
 */
RN_API int rn_oneshot_tx_closed(rn_oneshot_tx *tx);
RN_API int rn_oneshot_tx_closed_until(rn_oneshot_tx *tx, rn_deadline deadline);

/**
 * rn_oneshot_recv_case, rn_oneshot_tx_closed_case - for a select (select.h)
 * @out: is written only if the case happens with rc 0
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of a NULL end one that never happens; of other bad arguments one that happens with RN_EINVAL
 */
RN_MUST_USE RN_API rn_case rn_oneshot_recv_case(rn_oneshot_rx *rx, void *out);
RN_MUST_USE RN_API rn_case rn_oneshot_tx_closed_case(rn_oneshot_tx *tx);

/**
 * rn_oneshot_rx_is_empty, rn_oneshot_rx_is_terminated - what a receive would find; true at some moment in the call
 *
 * Context:  any task or thread, beside a recv as well; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the tx_drop, or the receive by another party, happens-before the true of is_terminated
 * Memory:   none
 * Returns:  is_empty: whether there is no value to take now | is_terminated: whether recv will say RN_CLOSED for
 *           ever: the value was taken, the sender left unsent, or the channel was closed before. NULL: false
 */
RN_API bool rn_oneshot_rx_is_empty(const rn_oneshot_rx *rx);
RN_API bool rn_oneshot_rx_is_terminated(const rn_oneshot_rx *rx);

/**
 * rn_oneshot_tx_info, rn_oneshot_rx_info - who is there, what it counted, why it closed (channel.h)
 * @out: gets the answer
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_oneshot_tx_info(const rn_oneshot_tx *tx, rn_channel_info *out);
RN_API int rn_oneshot_rx_info(const rn_oneshot_rx *rx, rn_channel_info *out);

/* for RN_AUTO */
RN__UNUSED static inline void rn_oneshot_tx_auto(rn_oneshot_tx **tx)
{
    rn_oneshot_tx_drop(*tx);
}
RN__UNUSED static inline void rn_oneshot_rx_auto(rn_oneshot_rx **rx)
{
    rn_oneshot_rx_drop(*rx);
}

RN__END_DECLS

#endif
