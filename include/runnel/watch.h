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
 *     rc = rn_watch_wait_for(rx, is_at_least, &wanted, &now);       or: until one passes a test
 *     rc = rn_watch_modify(tx, add_one, NULL);                      a change that depends on the value before
 *
 * At the same time, on one channel:
 *     any calls on different ends                       yes
 *     all calls but the drop on one tx                  yes, by any number of tasks and threads
 *     all calls on one rx                               one at a time: a second waiter says RN_EBUSY
 *     drop of an end beside another call on that end    no
 *
 * Closing: when the last sender is dropped, each receiver can still see the last value, once if it waits, and always
 * with get, peek and borrow; then recv and changed say RN_CLOSED. That there is no receiver closes nothing for good:
 * set stores all the same, and the next subscriber finds the value. Senders can ask for it, and wait for it.
 *
 * Plain values are copied out. Owned values (with a drop function) are read by borrowing them, or by wait_for's test;
 * whatever copies a value out needs a clone function for them. A borrowed value cannot change and blocks nobody; a
 * receiver holds one at a time.
 *
 * Costs: allocates in the constructor, and where an end is made: places for what that end can hold, so that set never
 * has to. A set wakes the receivers that sleep.
 *
 * Another shape: every event matters: broadcast or mpsc. No value at all: notify.
 */
#ifndef RUNNEL_WATCH_H
#define RUNNEL_WATCH_H

#include <runnel/base.h>
#include <runnel/channel.h>
#include <runnel/error.h>
#include <runnel/select.h>
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
 * @tx, @rx:  the ends, or NULL both; rx NULL begins without a receiver: rn_watch_subscribe() makes them
 * @initial:  one element; @rx has seen it
 * @elem:     what a value is; copied
 * @opts:     NULL for the defaults
 *
 * Context:  any task or thread; never waits
 * Owner:    both ends are yours: drop each once. On 0 the channel owns the value, on anything else it is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel, its ends, and room for four values (of a kind with a clone function: five); two
 *           fewer without a receiver
 * Returns:  0 | RN_ENOMEM | RN_EINVAL element out of range, bad options
 */
RN_MUST_USE RN_API int rn_watch_channel(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem);
RN_MUST_USE RN_API int rn_watch_channel_with(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial,
                                             const rn_elem *elem, const rn_watch_opts *opts);

/**
 * rn_watch_set, rn_watch_send - a new value; set stores it in any case, send only if there is a receiver
 * @value: one element; copied before the call returns
 *
 * Context:  any task or thread; never waits; many callers on one @tx are fine. The drop function of the old value may
 *           run in here
 * Owner:    on 0 the channel owns the value; on anything else it is still yours, and nothing was set
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before each read of the value
 * Memory:   none; if several calls on one @tx hold owned values at the same time, room for one value
 * Returns:  0 | RN_NOBODY (send) there is no receiver now | RN_ENOMEM (that room) | RN_EINVAL
 */
RN_API int rn_watch_set(rn_watch_tx *tx, const void *value);
RN_API int rn_watch_send(rn_watch_tx *tx, const void *value);

/**
 * rn_watch_replace - a new value, and the old one back
 * @value: one element; always stored, as with set
 * @old:   room for one element, not that of @value; means something on 0 only
 *
 * Context:  any task or thread; never waits; many callers on one @tx are fine
 * Owner:    on 0 the channel owns the new value and you the old one: itself, or a clone of it if somebody still looks
 *           at it. On anything else @value is still yours, and nothing was set
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the set of the old value happens-before the return, everything before the call
 *           happens-before each read of the new one
 * Memory:   as set; and what the clone function takes
 * Returns:  0 | RN_EBUSY somebody looks at the old value, which owns something and cannot be cloned | RN_ENOMEM |
 *           RN_EINVAL | the code of the clone function
 */
RN_API int rn_watch_replace(rn_watch_tx *tx, const void *value, void *old);

/**
 * rn_watch_modify - a new value that is made of the current one; no update of another sender is lost
 * @change: works on a copy that nobody else sees. true: the copy becomes the new value; false: it is dropped, and
 *          nothing was set. Called again, on a new copy, if somebody else has set a value meanwhile: so its result
 *          must follow from the copy and @ctx alone. It may not wait. If it sets a value of this channel itself, its
 *          own copy is out of date, and it is called again, for ever if it always does; a clone function likewise
 * @ctx:    handed to @change
 *
 * Context:  any task or thread; never waits; many callers on one @tx are fine. Drop functions may run in here
 * Owner:    the channel owns the copy
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the set of the value that was copied happens-before @change; everything before the
 *           return of @change happens-before each read of the new value
 * Memory:   as set; and what the clone function takes
 * Returns:  0, also if @change says false | RN_ENOMEM | RN_EINVAL, also for an owned kind without clone | the code of
 *           the clone function
 */
RN_API int rn_watch_modify(rn_watch_tx *tx, bool (*change)(void *value, void *ctx), void *ctx);

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
 * rn_watch_recv_case, rn_watch_changed_case - for a select (select.h)
 * @out: is written only if the case happens with rc 0
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of a NULL end one that never happens; of other bad arguments one that happens with RN_EINVAL
 */
RN_MUST_USE RN_API rn_case rn_watch_recv_case(rn_watch_rx *rx, void *out);
RN_MUST_USE RN_API rn_case rn_watch_changed_case(rn_watch_rx *rx);

/**
 * rn_watch_wait_for, rn_watch_wait_for_until - wait for a value that passes a test
 * @test: the current value is tested first, seen or not, and then each newest one. Runs outside every lock, may take
 *        its time, may not wait, and must not use this receiver
 * @ctx:  handed to @test
 * @out:  room for one element, or NULL; on 0 the very value that passed, whatever was set meanwhile
 *
 * The value that passed is marked seen, and so are those before it that did not pass. After the deadline nothing more
 * is tested; a deadline that has passed at the call makes it one test of the current value.
 *
 * Context:  any task or thread; waits; one caller at a time on one @rx
 * Owner:    on 0 the copy in @out is yours (of an owned kind: your clone)
 * Cancel:   atomic: RN_ECANCELED means that no value passed; what was tested is marked
 * Order:    everything before the set of a value happens-before its test
 * Memory:   none of its own; what the clone function takes
 * Returns:  0 | RN_CLOSED no sender is left, and the last value was tested and did not pass | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_EBUSY another one waits here | RN_EINVAL, also if @out is wanted for an owned kind
 *           without clone | the code of the clone function: the value that passed is not marked as seen
 */
RN_API int rn_watch_wait_for(rn_watch_rx *rx, bool (*test)(const void *value, void *ctx), void *ctx, void *out);
RN_API int rn_watch_wait_for_until(rn_watch_rx *rx, bool (*test)(const void *value, void *ctx), void *ctx, void *out,
                                   rn_deadline deadline);

/**
 * rn_watch_get, rn_watch_peek, rn_watch_tx_peek - copy the current value; get marks it seen, peek does not
 * @out: room for one element; written on 0 only
 *
 * Context:  any task or thread; never waits; one caller at a time on one @rx, many on one @tx
 * Owner:    on 0 the copy is yours (of an owned kind: your clone)
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the set happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  0, also after the close | RN_EINVAL, also for an owned kind without clone | the clone function's code
 */
RN_API int rn_watch_get(rn_watch_rx *rx, void *out);
RN_API int rn_watch_peek(const rn_watch_rx *rx, void *out);
RN_API int rn_watch_tx_peek(const rn_watch_tx *tx, void *out);

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
 * rn_watch_mark_changed, rn_watch_mark_unchanged - as if the current value had not been seen, or had been
 *
 * After mark_changed the next recv or changed comes back at once. A change and its undoing are no new value: other
 * receivers notice nothing.
 *
 * Context:  any task or thread; never waits; one caller at a time on one @rx
 * Owner:    nothing changes hands
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_watch_mark_changed(rn_watch_rx *rx);
RN_API void rn_watch_mark_unchanged(rn_watch_rx *rx);

/**
 * rn_watch_subscribe, rn_watch_rx_clone - a new receiver; it has seen what is current, or what @rx has seen
 * @rx, @out: the new receiver, or NULL
 *
 * rx_clone works after the close too. What @rx has borrowed its clone has not.
 *
 * Context:  any task or thread; never waits; rx_clone: one caller at a time on one @rx
 * Owner:    the receiver is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    a set that begins after the return is unseen
 * Memory:   the receiver, and room for two values
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_watch_subscribe(rn_watch_rx **rx, rn_watch_tx *tx);
RN_MUST_USE RN_API int rn_watch_rx_clone(rn_watch_rx **out, const rn_watch_rx *rx);

/**
 * rn_watch_tx_clone - one more sender for the same channel
 * @out: the new end, or NULL
 *
 * Context:  any task or thread; never waits
 * Owner:    the new end is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end, and room for one value (two of a kind with a clone function)
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
 * rn_watch_tx_closed, rn_watch_tx_closed_until - wait until there is no receiver
 *
 * Any number of callers. That nobody looks is true at some moment of the call, and may change with the next
 * subscribe: whoever can still subscribe, or clone a receiver, is not waited for.
 *
 * Context:  any task or thread; waits; many callers on one @tx are fine
 * Owner:    the end is still yours
 * Cancel:   atomic: nothing happens in any case
 * Order:    everything before the last rx_drop happens-before the return
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_watch_tx_closed(rn_watch_tx *tx);
RN_API int rn_watch_tx_closed_until(rn_watch_tx *tx, rn_deadline deadline);

/**
 * rn_watch_tx_receivers, rn_watch_tx_is_closed - how many receivers there are, and whether none; at some moment
 * during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the number; true: it is 0. Of NULL: 0, false
 */
RN_API size_t rn_watch_tx_receivers(const rn_watch_tx *tx);
RN_API bool rn_watch_tx_is_closed(const rn_watch_tx *tx);

/**
 * rn_watch_tx_same_channel, rn_watch_rx_same_channel - whether two ends belong to one channel
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  true | false, also if one of them is NULL
 */
RN_API bool rn_watch_tx_same_channel(const rn_watch_tx *a, const rn_watch_tx *b);
RN_API bool rn_watch_rx_same_channel(const rn_watch_rx *a, const rn_watch_rx *b);

/**
 * rn_watch_tx_info, rn_watch_rx_info - what the channel knows of itself
 * @out: written on 0 only
 *
 * Sent is how many values were set, without the first one. Received is how often a receiver came to see
 * a value that was unseen to it, by whatever call but peek; a value that it marked as changed counts again.
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none; all words of the answer are of one moment
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_watch_tx_info(const rn_watch_tx *tx, rn_channel_info *out);
RN_API int rn_watch_rx_info(const rn_watch_rx *rx, rn_channel_info *out);

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
