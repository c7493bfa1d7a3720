/* SPDX-License-Identifier: MIT */
/* watch.h - the newest value, for everybody who cares: configuration, mode, readiness, leadership.
 *
 * The channel holds one value and a version that grows with each set. A receiver remembers the version it has seen
 * and can wait for a newer one; values in between are skipped by design, the last one is never missed. Setting never
 * waits for a reader, reading never for a writer.
 *
 * Use (typed.h: RN_WATCH_PLAIN(mode, enum state) gives mode_set(tx, DRAINING) and so on):
 *     enum state now = RUNNING;
 *     RN_MUST(rn_watch_channel(&tx, &rx, &now, RN_ELEM(enum state)));
 *     rn_watch_set(tx, &draining);
 *     while (rn_watch_recv(rx, &now) == 0 && now != DRAINING)       each newest value once
 *         ;
 *
 * At the same time, on one channel:
 *     any calls on different ends                       yes
 *     set, subscribe, questions on one tx               yes, by any number of tasks and threads
 *     recv*, changed*, get, peek, borrow on one rx      one at a time: a second waiter says RN_EBUSY
 *     drop of an end beside another call on that end    no
 *
 * Closing: when the last sender is dropped, each receiver can still see the last value, once if it waits, and always
 * with get, peek and borrow; then recv and changed say RN_CLOSED. Without receivers set stores all the same: the next
 * subscriber finds the value.
 *
 * Plain values are copied out. Owned values (with a drop function) are read by borrowing them; recv, get and peek
 * need a clone function for them. A borrowed value cannot change and blocks nobody; a receiver holds one at a time.
 *
 * Costs: allocates in the constructor, subscribe (a place for one value, so that set never has to) and tx_clone. A
 * set wakes the receivers that sleep.
 *
 * Another shape: every event matters: broadcast or mpsc. No value at all: notify.
 */
#ifndef RUNNEL_WATCH_H
#define RUNNEL_WATCH_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_watch_tx rn_watch_tx;
typedef struct rn_watch_rx rn_watch_rx;

/* All zero: the defaults. */
typedef struct rn_watch_opts {
    const char *name; /* static text: the pointer is kept; NULL: the element's name */
    uint32_t flags;   /* 0 */
    uint32_t reserved0;
    uint64_t reserved[6];
} rn_watch_opts;

/**
 * rn_watch_channel, rn_watch_channel_with - a new channel with its first value, sender and receiver
 * @tx, @rx:  the ends, or NULL both
 * @initial:  one element; @rx has seen it
 * @elem:     what a value is; copied
 * @opts:     NULL for the defaults
 *
 * Context:  any task or thread; never waits
 * Owner:    both ends are yours: drop each once. On 0 the channel owns the value, on anything else it is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel, its ends, and room for three values
 * Returns:  0 | RN_ENOMEM | RN_EINVAL element out of range, bad options
 */
RN_MUST_USE RN_API int rn_watch_channel(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem);
RN_MUST_USE RN_API int rn_watch_channel_with(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial,
                                             const rn_elem *elem, const rn_watch_opts *opts);

/**
 * rn_watch_set - a new value; always stored, whether or not anybody listens
 * @value: one element; copied before the call returns
 *
 * Context:  any task or thread; never waits; many callers on one @tx are fine. The drop function of the old value may
 *           run in here
 * Owner:    on 0 the channel owns the value; on anything else it is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before each read of the value
 * Memory:   none; if several calls on one @tx replace owned values at the same time, room for one value
 * Returns:  0 | RN_ENOMEM (that room) | RN_EINVAL
 */
RN_API int rn_watch_set(rn_watch_tx *tx, const void *value);

/**
 * rn_watch_recv, rn_watch_recv_until - wait for a value that this receiver has not seen, copy it, mark it seen
 * @out: room for one element; written on 0 only
 *
 * Context:  any task or thread; waits; one caller at a time on one @rx
 * Owner:    on 0 the copy is yours (of an owned kind: your clone)
 * Cancel:   atomic: RN_ECANCELED means that nothing was marked as seen
 * Order:    everything before the set happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  0 | RN_CLOSED no sender is left, and the last value was seen | RN_ETIMEDOUT (_until) | RN_ECANCELED |
 *           RN_EBUSY another one waits here | RN_EINVAL, also for an owned kind without clone | the code of the clone
 *           function: not marked as seen
 */
RN_API int rn_watch_recv(rn_watch_rx *rx, void *out);
RN_API int rn_watch_recv_until(rn_watch_rx *rx, void *out, rn_deadline deadline);

/**
 * rn_watch_changed, rn_watch_changed_until - wait for a value that this receiver has not seen, and mark it seen
 *
 * As recv, but copies nothing: look with get, peek or borrow.
 *
 * Context:  any task or thread; waits; one caller at a time on one @rx
 * Owner:    nothing changes hands
 * Cancel:   atomic: RN_ECANCELED means that nothing was marked as seen
 * Order:    everything before the set happens-before the return
 * Memory:   none
 * Returns:  0, also after the close if the last value is unseen | RN_CLOSED | RN_ETIMEDOUT (_until) | RN_ECANCELED |
 *           RN_EBUSY another one waits here | RN_EINVAL
 */
RN_API int rn_watch_changed(rn_watch_rx *rx);
RN_API int rn_watch_changed_until(rn_watch_rx *rx, rn_deadline deadline);

/**
 * rn_watch_get, rn_watch_peek - copy the current value; get marks it seen, peek does not
 * @out: room for one element; written on 0 only
 *
 * Context:  any task or thread; never waits; one caller at a time on one @rx
 * Owner:    on 0 the copy is yours (of an owned kind: your clone)
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the set happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  0, also after the close | RN_EINVAL, also for an owned kind without clone | the clone function's code
 */
RN_API int rn_watch_get(rn_watch_rx *rx, void *out);
RN_API int rn_watch_peek(const rn_watch_rx *rx, void *out);

/**
 * rn_watch_borrow, rn_watch_release - look at the current value in place, and give it back
 * @out: the value, which will not change and stays where it is until the release; or NULL
 *
 * borrow marks the value as seen. It blocks neither senders nor other receivers. Release without a borrow is ignored;
 * rx_drop releases too.
 *
 * Context:  any task or thread; never waits; one caller at a time on one @rx. The drop function of a value that was
 *           replaced meanwhile may run in release
 * Owner:    the value stays the channel's
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the set happens-before the return of borrow
 * Memory:   none
 * Returns:  0, also after the close | RN_EBUSY this receiver holds one already | RN_EINVAL
 */
RN_API int rn_watch_borrow(rn_watch_rx *rx, const void **out);
RN_API void rn_watch_release(rn_watch_rx *rx);

/**
 * rn_watch_has_changed - whether there is a value that this receiver has not seen; marks nothing
 *
 * Context:  any task or thread; never waits
 * Owner:    nothing changes hands
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 no | 1 yes | RN_CLOSED no sender is left, whether seen or not | RN_EINVAL
 */
RN_API int rn_watch_has_changed(const rn_watch_rx *rx);

/**
 * rn_watch_subscribe - a new receiver; it has seen what is current
 * @rx: the receiver, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the receiver is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    a set that begins after the return is unseen
 * Memory:   the receiver, and room for one value (two of a kind with a clone function)
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_watch_subscribe(rn_watch_rx **rx, rn_watch_tx *tx);

/**
 * rn_watch_tx_clone - one more sender for the same channel
 * @out: the new end, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the new end is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end, and room for one value
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_watch_tx_clone(rn_watch_tx **out, rn_watch_tx *tx);

/**
 * rn_watch_tx_drop, rn_watch_rx_drop - give an end back; the last sender closes the channel
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile. Drop functions may run in here
 * Owner:    the end is gone, and with a receiver what it had borrowed. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last tx_drop happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's, with its value, is freed with the last of all ends
 * Returns:  nothing
 */
RN_API void rn_watch_tx_drop(rn_watch_tx *tx);
RN_API void rn_watch_rx_drop(rn_watch_rx *rx);

/**
 * rn_watch_tx_receivers - how many receivers there are, at some moment during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the number
 */
RN_API size_t rn_watch_tx_receivers(const rn_watch_tx *tx);

/* for RN_AUTO */
RN__UNUSED static inline void rn_watch_tx_auto(rn_watch_tx **tx)
{
    rn_watch_tx_drop(*tx);
}
RN__UNUSED static inline void rn_watch_rx_auto(rn_watch_rx **rx)
{
    rn_watch_rx_drop(*rx);
}

RN__END_DECLS

#endif
