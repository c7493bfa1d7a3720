/* SPDX-License-Identifier: MIT */
/* broadcast.h - every subscriber sees each message, or learns exactly how many it missed.
 *
 * The channel keeps the last `capacity` messages; each receiver has a place of its own among them. A sender never
 * waits: when it laps a slow receiver, that one loses the oldest messages and is told the number. Loss is data, not
 * an error, so it does not end a receive loop by accident.
 *
 * Use (typed.h: RN_BROADCAST_PLAIN(events, struct event) gives events_send(tx, event) and so on):
 *     RN_MUST(rn_broadcast_channel(&tx, &rx_a, 16, RN_ELEM(struct event)));
 *     RN_MUST(rn_broadcast_subscribe(&rx_b, tx));
 *     rn_broadcast_send(tx, &event);
 *     while (rn_broadcast_recv(rx_b, &event, &missed) == 0) {
 *         if (missed > 0) ...                           so many were overwritten just before this one
 *     }
 *
 * At the same time, on one channel:
 *     any calls on different ends                       yes
 *     send, give, subscribe, questions on one tx        yes, by any number of tasks and threads
 *     recv* on one rx                                   one at a time: a second waiter says RN_EBUSY
 *     drop of an end beside another call on that end    no
 *
 * Closing: when the last sender is dropped, each receiver gets what is kept for it and then RN_CLOSED. Without
 * receivers send says RN_NOBODY, which may change at the next subscribe.
 *
 * Order: one total order over all senders; each receiver sees a subsequence of it, beginning after its subscribe.
 *
 * Costs: allocates in the constructor, subscribe and tx_clone. A send wakes the receivers that sleep, each with its
 * message.
 *
 * Another shape: no message may be lost: one mpsc per receiver. Only the newest value matters: watch.
 */
#ifndef RUNNEL_BROADCAST_H
#define RUNNEL_BROADCAST_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_broadcast_tx rn_broadcast_tx;
typedef struct rn_broadcast_rx rn_broadcast_rx;

#define RN_BROADCAST_CAPACITY_MAX ((size_t)1 << 30)

/* All zero: the defaults. */
typedef struct rn_broadcast_opts {
    const char *name; /* static text: the pointer is kept; NULL: the element's name */
    uint32_t flags;   /* 0 */
    uint32_t reserved0;
    uint64_t reserved[6];
} rn_broadcast_opts;

/**
 * rn_broadcast_channel, rn_broadcast_channel_with - a new channel, its first sender and, if wanted, first receiver
 * @tx:       the sender, or NULL
 * @rx:       the receiver, or NULL; give NULL to begin without one
 * @capacity: messages that are kept, exactly so many: 1 .. RN_BROADCAST_CAPACITY_MAX
 * @elem:     what a message is; copied. One with a drop function needs a clone function too: each receiver gets a
 *            copy of its own
 * @opts:     NULL for the defaults
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are yours: drop each once
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel with its ring, and the ends
 * Returns:  0 | RN_ENOMEM | RN_EINVAL capacity or element out of range, drop without clone, bad options
 */
RN_MUST_USE RN_API int rn_broadcast_channel(rn_broadcast_tx **tx, rn_broadcast_rx **rx, size_t capacity,
                                            const rn_elem *elem);
RN_MUST_USE RN_API int rn_broadcast_channel_with(rn_broadcast_tx **tx, rn_broadcast_rx **rx, size_t capacity,
                                                 const rn_elem *elem, const rn_broadcast_opts *opts);

/**
 * rn_broadcast_send, rn_broadcast_give - one message to all who are subscribed at this moment
 * @msg: one element; copied before the call returns
 *
 * give drops the message if nobody is subscribed: it is gone from you in every case.
 *
 * Context:  any task or thread; never waits; many callers on one @tx are fine. The drop function of an overwritten
 *           message may run in here
 * Owner:    on 0 the channel owns the message; on anything else it is still yours (give: dropped) and is not kept
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before each receive that returns the message
 * Memory:   none; if several calls on one @tx replace owned messages at the same time, room for one message
 * Returns:  0 | RN_NOBODY nobody is subscribed just now | RN_ENOMEM (that room) | RN_EINVAL: @msg stays yours, also
 *           with give
 */
RN_API int rn_broadcast_send(rn_broadcast_tx *tx, const void *msg);
RN_API int rn_broadcast_give(rn_broadcast_tx *tx, void *msg);

/**
 * rn_broadcast_subscribe - a new receiver; it sees what is sent from now on
 * @rx: the receiver, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the receiver is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    a send that begins after the return is seen
 * Memory:   the receiver; of an owned kind, room for one message
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_broadcast_subscribe(rn_broadcast_rx **rx, rn_broadcast_tx *tx);

/**
 * rn_broadcast_recv, rn_broadcast_try_recv, rn_broadcast_recv_until - the next message of this receiver
 * @out:    room for one element; written on 0 only
 * @missed: gets the number of messages that were overwritten just before this one (0: none); written on 0 only. With
 *          NULL there is no place for it: then a loss is RN_LAGGED and no message, once, and the next call gives the
 *          oldest one that is kept
 *
 * Context:  any task or thread; waits (try_recv: never); one caller at a time on one @rx. Clone functions run in here
 * Owner:    on 0 the message (of an owned kind: your clone of it) is yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_recv does not look
 * Order:    everything before the send happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  0 | RN_LAGGED (@missed NULL) | RN_CLOSED no sender is left and all that was kept was read |
 *           RN_EMPTY (try_recv) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EBUSY another one waits here |
 *           RN_EINVAL | the code of the clone function: the message is not used up. Loss is told before the close
 */
RN_API int rn_broadcast_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed);
RN_API int rn_broadcast_try_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed);
RN_API int rn_broadcast_recv_until(rn_broadcast_rx *rx, void *out, uint64_t *missed, rn_deadline deadline);

/**
 * rn_broadcast_tx_clone - one more sender for the same channel
 * @out: the new end, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the new end is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end; of an owned kind, room for one message
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_broadcast_tx_clone(rn_broadcast_tx **out, rn_broadcast_tx *tx);

/**
 * rn_broadcast_tx_drop, rn_broadcast_rx_drop - give an end back; the last sender closes the channel
 *
 * A message is dropped when it is overwritten, also if all have read it; those that are kept are dropped, in order,
 * with the last receiver. Dropping that one is not final: the next subscribe begins behind what was sent.
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile. Drop functions may run in here
 * Owner:    the end is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last tx_drop happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's is freed with the last of all ends
 * Returns:  nothing
 */
RN_API void rn_broadcast_tx_drop(rn_broadcast_tx *tx);
RN_API void rn_broadcast_rx_drop(rn_broadcast_rx *rx);

/**
 * rn_broadcast_tx_receivers, rn_broadcast_rx_len - questions; true at some moment during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  how many are subscribed | messages sent that this receiver has not read, the overwritten ones included
 */
RN_API size_t rn_broadcast_tx_receivers(const rn_broadcast_tx *tx);
RN_API size_t rn_broadcast_rx_len(const rn_broadcast_rx *rx);

/* for RN_AUTO */
RN__UNUSED static inline void rn_broadcast_tx_auto(rn_broadcast_tx **tx)
{
    rn_broadcast_tx_drop(*tx);
}
RN__UNUSED static inline void rn_broadcast_rx_auto(rn_broadcast_rx **rx)
{
    rn_broadcast_rx_drop(*rx);
}

RN__END_DECLS

#endif
