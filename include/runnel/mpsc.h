/* SPDX-License-Identifier: MIT */
/* mpsc.h - many senders, one receiver; every message once, in order.
 *
 * A queue for jobs, commands and events that one task owns the handling of. With a capacity, a sender that is ahead
 * waits: overload slows producers down instead of filling memory. Each end is an object of its own; clone the sender
 * for a party that outlives you, share the pointer with one that does not.
 *
 * Use (typed.h: RN_MPSC_PLAIN(jobs, struct job) gives jobs_send(tx, job) and so on, checked by the compiler):
 *     rn_mpsc_tx *tx;
 *     rn_mpsc_rx *rx;
 *     RN_MUST(rn_mpsc_channel(&tx, &rx, 32, RN_ELEM(struct job)));
 *     RN_MUST(rn_mpsc_send(tx, &job));                  in producers; waits while 32 messages are unread
 *     while (rn_mpsc_recv(rx, &job) == 0)               in the one consumer; RN_CLOSED and RN_ECANCELED end it
 *         run(&job);
 *
 * At the same time, on one channel:
 *     any calls on different ends                       yes
 *     send*, give, tx_clone, questions on one tx        yes, by any number of tasks and threads
 *     recv* on one rx                                   one at a time: a second that would have to wait beside the
 *                                                       first says RN_EBUSY
 *     rx_close beside a recv                            yes
 *     drop of an end beside another call on that end    no
 *
 * Closing: when the last sender is dropped, or after rx_close, recv gives all that was sent and then RN_CLOSED. After
 * rx_close or rx_drop every send says RN_CLOSED, the parked ones too, and the message stays with its sender. rx_drop
 * also drops what is unread, in order. The trap of every channel: the sender that you kept yourself keeps it open;
 * drop your own tx before you wait for the receiver to end.
 *
 * Order: messages of one sender arrive in the order sent; a send that begins after another has returned, or has begun
 * to wait, arrives after it. Nobody overtakes a sender that waits.
 *
 * Costs: allocates in the constructor and in tx_clone only; unbounded channels also a block per so many messages,
 * and give memory back down to one block. The memory of a large capacity is not touched before it is used. A send
 * wakes the receiver only if it sleeps; a receive wakes one sender per place that came free.
 *
 * Another shape: one answer: oneshot. Every subscriber sees each message: broadcast. Only the newest value matters:
 * watch. No data: notify.
 */
#ifndef RUNNEL_MPSC_H
#define RUNNEL_MPSC_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_mpsc_tx rn_mpsc_tx;
typedef struct rn_mpsc_rx rn_mpsc_rx;

#define RN_MPSC_CAPACITY_MAX ((size_t)1 << 30)

/* All zero: the defaults. */
typedef struct rn_mpsc_opts {
    const char *name; /* static text: the pointer is kept; NULL: the element's name */
    uint32_t flags;   /* 0 */
    uint32_t reserved0;
    uint64_t reserved[6];
} rn_mpsc_opts;

/**
 * rn_mpsc_channel, rn_mpsc_channel_with - a new channel and its first sender
 * @tx, @rx:  the ends, or NULL both
 * @capacity: messages that wait unread: 1 .. RN_MPSC_CAPACITY_MAX, or RN_UNBOUNDED
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
RN_MUST_USE RN_API int rn_mpsc_channel(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem);
RN_MUST_USE RN_API int rn_mpsc_channel_with(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem,
                                            const rn_mpsc_opts *opts);

/**
 * rn_mpsc_send, rn_mpsc_try_send, rn_mpsc_send_until - give one message to the receiver, waiting for room
 * @msg: one element; copied before the call returns
 *
 * try_send says RN_FULL also while other senders wait: it never overtakes them. On an unbounded channel none of the
 * three waits, so none looks at a cancellation, and callbacks may use all of them.
 *
 * Context:  any task or thread; waits (try_send: never); many callers on one @tx are fine
 * Owner:    on 0 the channel owns the message; on anything else it is still yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was sent; try_send does not look
 * Order:    everything before the call happens-before the receive that returns the message
 * Memory:   none; unbounded: a block per so many messages
 * Returns:  0 | RN_CLOSED nobody can receive it any more | RN_FULL (try_send) | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_ENOMEM (unbounded) | RN_EINVAL. Closed wins over full
 */
RN_API int rn_mpsc_send(rn_mpsc_tx *tx, const void *msg);
RN_API int rn_mpsc_try_send(rn_mpsc_tx *tx, const void *msg);
RN_API int rn_mpsc_send_until(rn_mpsc_tx *tx, const void *msg, rn_deadline deadline);

/**
 * rn_mpsc_give - send, and drop the message if that fails: it is gone from you in every case
 * @msg: one element; on failure the element's drop function is called on it
 *
 * For requests that carry the place for their answer: whoever waits for that learns of the failure there.
 *
 * Context:  any task or thread; waits like send
 * Owner:    never yours again (RN_EINVAL for @tx or @msg NULL excepted)
 * Cancel:   atomic: RN_ECANCELED means that nothing was sent, and the message was dropped
 * Order:    as send
 * Memory:   as send
 * Returns:  as send
 */
RN_API int rn_mpsc_give(rn_mpsc_tx *tx, void *msg);

/**
 * rn_mpsc_recv, rn_mpsc_try_recv, rn_mpsc_recv_until - take the oldest message
 * @out: room for one element; written on 0 only
 *
 * RN_EMPTY means that nothing can be taken now. A send that is still in progress may stand before completed ones;
 * recv would deliver them all.
 *
 * Context:  any task or thread; waits (try_recv: never); one caller at a time on one @rx
 * Owner:    on 0 the message is yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_recv does not look
 * Order:    everything before the send happens-before the return
 * Memory:   none
 * Returns:  0 | RN_CLOSED nothing will ever come, and all that was sent has been taken | RN_EMPTY (try_recv) |
 *           RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EBUSY another receiver waits here | RN_EINVAL
 */
RN_API int rn_mpsc_recv(rn_mpsc_rx *rx, void *out);
RN_API int rn_mpsc_try_recv(rn_mpsc_rx *rx, void *out);
RN_API int rn_mpsc_recv_until(rn_mpsc_rx *rx, void *out, rn_deadline deadline);

/**
 * rn_mpsc_tx_clone - one more sender for the same channel
 * @out: the new end, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the new end is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end
 * Returns:  0 (also when the channel is closed) | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_mpsc_tx_clone(rn_mpsc_tx **out, rn_mpsc_tx *tx);

/**
 * rn_mpsc_tx_drop - give a sender back; the last one closes the channel
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile
 * Owner:    the end is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last drop happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's is freed with the last of all ends
 * Returns:  nothing
 */
RN_API void rn_mpsc_tx_drop(rn_mpsc_tx *tx);

/**
 * rn_mpsc_rx_close - no more in; what is in still comes out
 *
 * For an orderly end: close, then receive until RN_CLOSED. Closing again does nothing.
 *
 * Context:  any task or thread, beside a recv as well; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED of the senders
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_mpsc_rx_close(rn_mpsc_rx *rx);

/**
 * rn_mpsc_rx_drop - give the receiver back: closes, and drops all that is unread, in order
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile. Drop functions run in here
 * Owner:    the end is gone, unread messages too. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED of the senders
 * Memory:   none; the channel's is freed with the last of all ends
 * Returns:  nothing
 */
RN_API void rn_mpsc_rx_drop(rn_mpsc_rx *rx);

/**
 * rn_mpsc_tx_is_closed, rn_mpsc_tx_room, rn_mpsc_rx_len - questions; true at some moment during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    what came before the close happens-before true
 * Memory:   none
 * Returns:  whether send would say RN_CLOSED, which it then does for ever | free places (unbounded: RN_UNBOUNDED;
 *           closed: 0) | unread messages
 */
RN_API bool rn_mpsc_tx_is_closed(const rn_mpsc_tx *tx);
RN_API size_t rn_mpsc_tx_room(const rn_mpsc_tx *tx);
RN_API size_t rn_mpsc_rx_len(const rn_mpsc_rx *rx);

/* for RN_AUTO */
RN__UNUSED static inline void rn_mpsc_tx_auto(rn_mpsc_tx **tx)
{
    rn_mpsc_tx_drop(*tx);
}
RN__UNUSED static inline void rn_mpsc_rx_auto(rn_mpsc_rx **rx)
{
    rn_mpsc_rx_drop(*rx);
}

RN__END_DECLS

#endif
