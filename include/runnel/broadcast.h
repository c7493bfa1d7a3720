/* SPDX-License-Identifier: MIT */
/* broadcast.h - every subscriber sees each message, or learns exactly how many it missed.
 *
 * The channel keeps the last `capacity` messages; each receiver has a place of its own among them. A sender never
 * waits: when it laps a slow receiver, that one loses the oldest messages and is told the number. Loss is data, not
 * an error, so it does not end a receive loop by accident. A receiver may choose otherwise when it subscribes
 * (rn_broadcast_subscribe_with): go on with the newest message, be disconnected, or, only on channels that were made
 * for it, make the senders wait.
 *
 * Use (typed.h: RN_BROADCAST_PLAIN(events, struct event) gives events_send(tx, event) and so on):
 *     RN_MUST(rn_broadcast_channel(&tx, &rx_a, 16, RN_ELEM(struct event)));
 *     RN_MUST(rn_broadcast_subscribe(&rx_b, tx));
 *     rn_broadcast_send(tx, &event);
 *     while (rn_broadcast_recv(rx_b, &event, &missed) == 0) {
 *         if (missed > 0) ...                           so many were overwritten just before this one
 *     }
 *
 * Each message has a number, from 0 on in the order of the channel. A receiver that goes away and comes back hands
 * the number at which it stood to rn_broadcast_subscribe_from() and learns what it missed meanwhile.
 *
 * At the same time, on one channel:
 *     any calls on different ends                       yes
 *     all but drop on one tx or one weak sender         yes, by any number of tasks and threads
 *     recv* and borrow* on one rx                       one at a time: beside another one that has not returned a
 *                                                       waiting form says RN_EBUSY, a try form RN_EMPTY
 *     rx_clone, resubscribe, questions on one rx        yes, beside a recv too
 *     drop of an end beside another call on that end    no
 *
 * A task that sends on a channel where it is itself the receiver that blocks waits for itself: let another one send,
 * or use try_send. Nobody finds that out for you.
 *
 * Closing: when the last sender is dropped, each receiver gets what is kept for it and then RN_CLOSED. Weak senders
 * keep no channel open. Without receivers send says RN_NOBODY, which may change at the next subscribe.
 *
 * Order: one total order over all senders; each receiver sees a subsequence of it, from its place on.
 *
 * Costs: allocates in the constructor and for each further end. A send wakes the receivers that sleep, each with its
 * message. recv_many of plain messages takes the channel's short lock once, of an owned kind once a message. Where
 * somebody blocks or disconnects, a send that has caught up with the slowest of those looks at all receivers. borrow
 * and release take the lock once each, and copy nothing.
 *
 * Another shape: no message may be lost: RN_ON_LAG_BLOCK, or one mpsc per receiver. Only the newest value matters:
 * watch.
 */
#ifndef RUNNEL_BROADCAST_H
#define RUNNEL_BROADCAST_H

#include <runnel/base.h>
#include <runnel/channel.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_broadcast_tx rn_broadcast_tx;
typedef struct rn_broadcast_rx rn_broadcast_rx;
typedef struct rn_broadcast_weak rn_broadcast_weak; /* a sender that keeps no channel open, and cannot send */

#define RN_BROADCAST_CAPACITY_MAX ((size_t)1 << 30)
#define RN_OLDEST UINT64_MAX /* for rn_broadcast_subscribe_from */

/* For the options. */
enum rn_broadcast_flags {
    RN_BROADCAST_KEEP =
        1u << 0, /* messages are kept also while nobody is subscribed: for those who subscribe later */
    RN_BROADCAST_MAY_BLOCK = 1u << 1, /* receivers may make senders wait: RN_ON_LAG_BLOCK */
    RN_BROADCAST_BORROW = 1u << 2     /* receivers may look at messages in place: rn_broadcast_borrow */
};

/* All zero: the defaults. */
typedef struct rn_broadcast_opts {
    const char *name; /* static text: the pointer is kept; NULL: the element's name */
    uint32_t flags;   /* of enum rn_broadcast_flags */
    uint32_t reserved0;
    uint64_t reserved[6];
} rn_broadcast_opts;

/* What happens when a sender has come round to a message that this receiver has not read. */
enum rn_on_lag {
    RN_ON_LAG_REPORT = 0, /* the message is lost, and the next receive tells how many were */
    RN_ON_LAG_SKIP_TO_LATEST =
        1,                    /* so is all that is left, but for the newest message: the next receive gives that */
    RN_ON_LAG_DISCONNECT = 2, /* it is no receiver any more: its next receive says so */
    RN_ON_LAG_BLOCK = 3       /* the sender waits until it has read it: nothing is lost */
};

/* For rn_broadcast_subscribe_with. */
enum rn_subscribe_flags {
    RN_SUBSCRIBE_FROM = 1u << 0 /* begin with the message of number `sequence`, as rn_broadcast_subscribe_from */
};

/* All zero: the defaults, which are those of rn_broadcast_subscribe. */
typedef struct rn_subscribe_opts {
    enum rn_on_lag on_lag;
    uint32_t flags;    /* of enum rn_subscribe_flags */
    uint64_t sequence; /* 0 without the flag */
    uint64_t reserved[6];
} rn_subscribe_opts;

/**
 * rn_broadcast_channel, rn_broadcast_channel_with - a new channel, its first sender and, if wanted, first receiver
 * @tx:       the sender, or NULL
 * @rx:       the receiver, or NULL; give NULL to begin without one
 * @capacity: messages that are kept, exactly so many: 1 .. RN_BROADCAST_CAPACITY_MAX
 * @elem:     what a message is; copied. One with a drop function needs a clone function too, since each receiver gets
 *            a copy of its own; or, with RN_BROADCAST_BORROW, can only be borrowed
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
 * rn_broadcast_send, rn_broadcast_give, rn_broadcast_try_send, rn_broadcast_send_until - one message to all who are
 * subscribed at this moment
 * @msg: one element; copied before the call returns
 *
 * give drops the message if it cannot be sent: it is gone from you in every case. With RN_BROADCAST_KEEP there need
 * be nobody. All four are the same, and never wait, unless the channel was made with RN_BROADCAST_MAY_BLOCK: there
 * all but try_send wait for receivers that block, first come, first served, and a drop or clone function may use
 * try_send only.
 *
 * Context:  any task or thread; never waits (with RN_BROADCAST_MAY_BLOCK: all but try_send wait); many callers on one
 *           @tx are fine. The drop function of an overwritten message may run in here
 * Owner:    on 0 the channel owns the message; on anything else it is still yours (give: dropped) and is not kept
 * Cancel:   uncancellable (never waits). With RN_BROADCAST_MAY_BLOCK atomic: RN_ECANCELED means that nothing was
 *           sent; try_send does not look
 * Order:    everything before the call happens-before each receive that returns the message
 * Memory:   none; if several calls on one @tx replace owned messages at the same time, room for one message
 * Returns:  0 | RN_NOBODY nobody is subscribed just now (not with RN_BROADCAST_KEEP) | RN_ENOMEM (that room) |
 *           RN_EINVAL: @msg stays yours, also with give; and with RN_BROADCAST_MAY_BLOCK RN_FULL (try_send) it would
 *           have to wait | RN_ETIMEDOUT (_until) | RN_ECANCELED
 */
RN_API int rn_broadcast_send(rn_broadcast_tx *tx, const void *msg);
RN_API int rn_broadcast_give(rn_broadcast_tx *tx, void *msg);
RN_API int rn_broadcast_try_send(rn_broadcast_tx *tx, const void *msg);
RN_API int rn_broadcast_send_until(rn_broadcast_tx *tx, const void *msg, rn_deadline deadline);

/**
 * rn_broadcast_subscribe, rn_broadcast_subscribe_from, rn_broadcast_subscribe_with - a new receiver
 * @rx:       the receiver, or NULL
 * @sequence: the number of the first message that it wants
 * @opts:     NULL for the defaults
 *
 * subscribe: it sees what is sent from now on. subscribe_from: it begins with that message; if some from there on are
 * no longer kept, its first message comes with their number as missed; rx_len counts them until then. RN_OLDEST: with
 * the oldest that is kept, nothing is missed. The number of the next message that will be sent: like subscribe.
 *
 * subscribe_with also says what happens when it falls behind. A receiver that was disconnected is counted no longer
 * and gets nothing more: its next receive says RN_LAGGED and how many it missed, the one that cut it off included,
 * each later one RN_CLOSED. Before that next receive rx_sequence still tells where it stood, for a subscribe_from.
 * What it is missing already when it subscribes disconnects nobody.
 *
 * Context:  any task or thread; never waits
 * Owner:    the receiver is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    a send that begins after the return is seen
 * Memory:   the receiver; of an owned kind, room for one message; with RN_BROADCAST_BORROW for two
 * Returns:  0 | RN_ENOMEM | RN_EINVAL also for a number that no message has and the next one will not get, and for
 *           RN_ON_LAG_BLOCK on a channel without RN_BROADCAST_MAY_BLOCK
 */
RN_MUST_USE RN_API int rn_broadcast_subscribe(rn_broadcast_rx **rx, rn_broadcast_tx *tx);
RN_MUST_USE RN_API int rn_broadcast_subscribe_from(rn_broadcast_rx **rx, rn_broadcast_tx *tx, uint64_t sequence);
RN_MUST_USE RN_API int rn_broadcast_subscribe_with(rn_broadcast_rx **rx, rn_broadcast_tx *tx,
                                                   const rn_subscribe_opts *opts);

/**
 * rn_broadcast_resubscribe, rn_broadcast_rx_clone - a new receiver of the channel of another one
 * @out: the new receiver, or NULL
 *
 * resubscribe: it sees what is sent from now on; of a closed channel, nothing. rx_clone: it stands where @rx stands,
 * and will see, and miss, the same as that. Both do the same as @rx when they fall behind; if @rx was disconnected,
 * they are not.
 *
 * Context:  any task or thread, beside a recv on @rx as well (a message that this is receiving counts as received);
 *           never waits
 * Owner:    the new receiver is yours: drop it
 * Cancel:   uncancellable (never waits)
 * Order:    a send that begins after the return is seen
 * Memory:   the receiver; of an owned kind, room for one message; with RN_BROADCAST_BORROW for two
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_broadcast_resubscribe(rn_broadcast_rx **out, const rn_broadcast_rx *rx);
RN_MUST_USE RN_API int rn_broadcast_rx_clone(rn_broadcast_rx **out, const rn_broadcast_rx *rx);

/**
 * rn_broadcast_recv, rn_broadcast_try_recv, rn_broadcast_recv_until - the next message of this receiver
 * @out:    room for one element; written on 0 only
 * @missed: gets the number of messages that were overwritten just before this one (0: none), or skipped; written on
 *          0, and on RN_LAGGED: then the channel closed and no message came behind them, or this receiver was
 *          disconnected for its lag. With NULL there is no place for it:
 *          then a loss is RN_LAGGED and no message, once, and the next call gives the oldest one that is kept
 *
 * Context:  any task or thread; waits (try_recv: never); one caller at a time on one @rx. Clone functions run in here
 * Owner:    on 0 the message (of an owned kind: your clone of it) is yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; it comes before RN_CLOSED if both hold. try_recv does
 *           not look
 * Order:    everything before the send happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  0 | RN_LAGGED a loss and no message | RN_CLOSED no sender is left and all that was kept was read, or
 *           this receiver was disconnected, which RN_LAGGED has told |
 *           RN_EMPTY (try_recv) nothing now, or another one receives here | RN_ETIMEDOUT (_until) | RN_ECANCELED |
 *           RN_EBUSY another one receives here | RN_EINVAL, also for messages that can only be borrowed | the code of
 *           the clone function: the message is not used up. Loss is told before the close
 */
RN_API int rn_broadcast_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed);
RN_API int rn_broadcast_try_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed);
RN_API int rn_broadcast_recv_until(rn_broadcast_rx *rx, void *out, uint64_t *missed, rn_deadline deadline);

/**
 * rn_broadcast_borrow, rn_broadcast_try_borrow, rn_broadcast_borrow_until, rn_broadcast_release - the next message of
 * this receiver, in place, and give it back
 * @out:    the message, which stays where it is and does not change until the release; or NULL
 * @missed: as in recv
 *
 * A receive without a copy, for large messages and for those that cannot be cloned. The message counts as received;
 * senders and other receivers go on as if it had been copied. A receiver borrows one at a time, and may receive
 * others meanwhile. Release without a borrow is ignored; rx_drop releases too. Only on channels that were made with
 * RN_BROADCAST_BORROW, which keep each message in a place of its own, also plain ones; recv then copies it from
 * there, outside the channel's lock.
 *
 * Context:  as recv; release never waits. The drop function of a message that was overwritten meanwhile may run in
 *           release
 * Owner:    the message stays the channel's
 * Cancel:   atomic: RN_ECANCELED means that nothing was borrowed; it comes before RN_CLOSED if both hold. try_borrow
 *           does not look
 * Order:    everything before the send happens-before the return; release happens-before the drop function
 * Memory:   none
 * Returns:  as recv; RN_EBUSY also if this receiver has one borrowed, and RN_EINVAL without RN_BROADCAST_BORROW
 */
RN_API int rn_broadcast_borrow(rn_broadcast_rx *rx, const void **out, uint64_t *missed);
RN_API int rn_broadcast_try_borrow(rn_broadcast_rx *rx, const void **out, uint64_t *missed);
RN_API int rn_broadcast_borrow_until(rn_broadcast_rx *rx, const void **out, uint64_t *missed, rn_deadline deadline);
RN_API void rn_broadcast_release(rn_broadcast_rx *rx);

/**
 * rn_broadcast_recv_case, rn_broadcast_borrow_case, rn_broadcast_send_case - for a select (select.h)
 * @msg:    is sent by the select in which the case happens, with rc 0; else it stays yours
 * @out:    is written, like @missed, only if the case happens with rc 0
 * @missed: as in recv
 *
 * Context:  anywhere; never waits
 * Owner:    a value; what it points to is lent until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of a NULL end one that never happens; of other bad arguments one that happens with RN_EINVAL
 */
RN_MUST_USE RN_API rn_case rn_broadcast_recv_case(rn_broadcast_rx *rx, void *out, uint64_t *missed);
RN_MUST_USE RN_API rn_case rn_broadcast_borrow_case(rn_broadcast_rx *rx, const void **out, uint64_t *missed);
RN_MUST_USE RN_API rn_case rn_broadcast_send_case(rn_broadcast_tx *tx, const void *msg);

/**
 * rn_broadcast_recv_many, rn_broadcast_recv_many_until, rn_broadcast_try_recv_many - several messages at once
 * @out:    room for @limit elements, one behind the other
 * @limit:  how many at most
 * @count:  gets how many they are; always written, 0 unless the call returns 0
 * @missed: as in recv: what was overwritten before the first of them. The others follow on it without a gap
 *
 * Waits for one message and then takes what is there. It gives fewer where messages were overwritten meanwhile, or
 * where a clone function fails behind the first: what is left, and the loss, is for the next call.
 *
 * Context:  as recv
 * Owner:    on 0 the first @count of @out are yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; it comes before RN_CLOSED if both hold.
 *           try_recv_many does not look
 * Order:    everything before the sends happens-before the return
 * Memory:   none of its own; what the clone function takes
 * Returns:  as recv; RN_EINVAL also for a @limit of 0
 */
RN_API int rn_broadcast_recv_many(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed);
RN_API int rn_broadcast_recv_many_until(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed,
                                        rn_deadline deadline);
RN_API int rn_broadcast_try_recv_many(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed);

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
 * rn_broadcast_tx_downgrade, rn_broadcast_weak_clone, rn_broadcast_weak_upgrade - senders that keep no channel open
 * @out: the new end, or NULL
 *
 * For who should be able to send as long as others do, such as a registry. upgrade makes a sender, if one is left.
 *
 * Context:  any task or thread; never waits
 * Owner:    the new end is yours: drop it; @tx and @weak are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last tx_drop happens-before the RN_CLOSED of upgrade
 * Memory:   the end; a sender of an owned kind, room for one message
 * Returns:  0 | RN_CLOSED (upgrade) no sender is left, and never will be again | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_broadcast_tx_downgrade(rn_broadcast_weak **out, rn_broadcast_tx *tx);
RN_MUST_USE RN_API int rn_broadcast_weak_clone(rn_broadcast_weak **out, rn_broadcast_weak *weak);
RN_MUST_USE RN_API int rn_broadcast_weak_upgrade(rn_broadcast_tx **out, rn_broadcast_weak *weak);

/**
 * rn_broadcast_tx_drop, rn_broadcast_rx_drop, rn_broadcast_weak_drop - give an end back; the last sender closes
 *
 * A message is dropped when it is overwritten, also if all have read it; those that are kept are dropped, in order,
 * with the last receiver. Dropping that one is not final: the next subscribe begins behind what was sent. With
 * RN_BROADCAST_KEEP they stay as long as a receiver or a sender is there.
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
RN_API void rn_broadcast_weak_drop(rn_broadcast_weak *weak);

/**
 * rn_broadcast_tx_closed, rn_broadcast_tx_closed_until - wait until nobody is subscribed
 *
 * For a source that need not work while nobody listens. At once if nobody ever was. The next subscribe may change it,
 * also just before the return.
 *
 * Context:  any task or thread; waits; any number of callers
 * Owner:    the end is still yours
 * Cancel:   atomic
 * Order:    everything before the last rx_drop happens-before the 0
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_broadcast_tx_closed(rn_broadcast_tx *tx);
RN_API int rn_broadcast_tx_closed_until(rn_broadcast_tx *tx, rn_deadline deadline);

/**
 * rn_broadcast_tx_receivers, rn_broadcast_tx_len, rn_broadcast_rx_len - questions; true at some moment in the call
 *
 * tx_len looks at each receiver, under the channel's short lock.
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  how many are subscribed | messages kept that at least one of them has not read | messages sent that this
 *           receiver has not read, the overwritten ones included. NULL: 0
 */
RN_API size_t rn_broadcast_tx_receivers(const rn_broadcast_tx *tx);
RN_API size_t rn_broadcast_tx_len(const rn_broadcast_tx *tx);
RN_API size_t rn_broadcast_rx_len(const rn_broadcast_rx *rx);

/**
 * rn_broadcast_rx_sequence - the number of the message for which the next recv looks: what subscribe_from takes
 *
 * After a receive, one more than the number of the message that it gave.
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 for the first that was ever sent; also for NULL
 */
RN_API uint64_t rn_broadcast_rx_sequence(const rn_broadcast_rx *rx);

/**
 * rn_broadcast_rx_is_closed - whether no sender is left, which stays so; there may be messages to read yet
 *
 * Or whether this receiver was disconnected.
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last tx_drop happens-before true
 * Memory:   none
 * Returns:  true or false; NULL: false
 */
RN_API bool rn_broadcast_rx_is_closed(const rn_broadcast_rx *rx);

/**
 * rn_broadcast_tx_same_channel, rn_broadcast_rx_same_channel - whether two ends are of one channel
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  true or false; false if one is NULL
 */
RN_API bool rn_broadcast_tx_same_channel(const rn_broadcast_tx *a, const rn_broadcast_tx *b);
RN_API bool rn_broadcast_rx_same_channel(const rn_broadcast_rx *a, const rn_broadcast_rx *b);

/**
 * rn_broadcast_tx_info, rn_broadcast_rx_info - who is there, what it counted, why it closed (channel.h)
 * @out: gets the answer
 *
 * received, missed and dropped count once for each receiver: what it got, what it was told that it missed, and what
 * it had not read when it was dropped; a disconnected receiver's last count of missed ones is told by a receive like
 * the others. Together with rx_len of those that are there, that is all that was sent to
 * them.
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_broadcast_tx_info(const rn_broadcast_tx *tx, rn_channel_info *out);
RN_API int rn_broadcast_rx_info(const rn_broadcast_rx *rx, rn_channel_info *out);

/* for RN_AUTO */
RN__UNUSED static inline void rn_broadcast_tx_auto(rn_broadcast_tx **tx)
{
    rn_broadcast_tx_drop(*tx);
}
RN__UNUSED static inline void rn_broadcast_rx_auto(rn_broadcast_rx **rx)
{
    rn_broadcast_rx_drop(*rx);
}
RN__UNUSED static inline void rn_broadcast_weak_auto(rn_broadcast_weak **weak)
{
    rn_broadcast_weak_drop(*weak);
}

RN__END_DECLS

#endif
