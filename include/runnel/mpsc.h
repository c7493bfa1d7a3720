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
 *     send_many, reserve, tx_closed, upgrade likewise   yes
 *     recv* on one rx                                   one at a time: a second that would have to wait beside the
 *                                                       first says RN_EBUSY
 *     calls on one permit                               one at a time: it is a struct in your own frame
 *     rx_close beside a recv                            yes
 *     drop of an end beside another call on that end    no
 *
 * Closing: when the last sender is dropped, or after rx_close, recv gives all that was sent and then RN_CLOSED. After
 * rx_close or rx_drop every send says RN_CLOSED, the parked ones too, and the message stays with its sender. rx_drop
 * also drops what is unread, in order. The trap of every channel: the sender that you kept yourself keeps it open;
 * drop your own tx before you wait for the receiver to end. A call that begins cancelled says RN_ECANCELED, also on a
 * channel that is closed; one that waits says what came first.
 *
 * Permits: reserve() takes places before there is a message to put there, permit_send() then cannot fail. For work
 * that must not be begun if its result cannot be handed on, and for senders that may not wait later: a callback, a
 * section under a lock. A permit counts as a sender while places are left in it: recv does not say RN_CLOSED before
 * they have been used or given back, also after rx_close. Do not wait for room while you hold one: you may wait for
 * yourself.
 *     rn_mpsc_permit permit;
 *     RN_TRY(rn_mpsc_reserve(tx, 1, &permit));
 *     if (take_job(&job))
 *         rn_mpsc_permit_send(&permit, &job);           never waits, never fails
 *     rn_mpsc_permit_drop(&permit);                     what was not used; nothing if nothing is left
 * A permit is a struct and no end, so RN_AUTO does not know it. This one is given back however its block is left:
 *     __attribute__((cleanup(rn_mpsc_permit_drop))) rn_mpsc_permit permit = {0};
 *
 * Weak senders: a party that only sometimes sends, such as the receiver's own task or a cache of senders, keeps an
 * rn_mpsc_weak. It does not keep the channel open; upgrade() makes a sender of it while there still is one.
 *
 * Order: messages of one sender arrive in the order sent; a send that begins after another has returned, or has begun
 * to wait, arrives after it. Sends and reserves that wait are in one line: nobody overtakes, also not a try_send that
 * would fit while a large reserve does not. A permit's message arrives where it is sent, not where it was reserved: a
 * send that stood behind a reserve may arrive before the first of its messages.
 *
 * Capacity 0, a rendezvous: nothing is kept. A send has happened when a receiver has the message, and not before;
 * one that gives up leaves nothing behind. try_send succeeds only if a receiver waits, try_recv only if a sender
 * does; two selects meet. No places, so no permits.
 *
 * Budgets: where messages differ in size, let each have a weight, such as its bytes, and let one or several channels
 * share what may be unread. The channel is unbounded, and send waits for its weight: first come, first served over
 * all of them, so a heavy message for one channel holds up the light ones behind it for another. The weight is given
 * back when the message is received, or dropped unread.
 *     static rn_budget memory = RN_BUDGET_INIT(64 << 20);
 *     static size_t size_of(const void *message, void *ctx);
 *     const rn_mpsc_opts opts = {.budget = &memory, .weigh = size_of};
 *     RN_MUST(rn_mpsc_channel_with(&tx, &rx, RN_UNBOUNDED, RN_ELEM(struct text), &opts));
 * weigh is called before the message goes in and after it came out, by whoever makes the call, so it must say the
 * same both times, and may not wait. The calls then are those of a channel with room for so much: they wait, are
 * cancelled, try_send says RN_FULL. A message that weighs more than the whole budget is RN_EINVAL, one that weighs
 * nothing goes at once. Two that were let in together may arrive in either order; those of one sender arrive in its
 * own. There are no permits, and no send cases (RN_EINVAL).
 *
 * Costs: allocates in the constructor, for clones and weak senders only, never for a permit; unbounded channels also
 * a block per so many messages, and give memory back down to one block. The memory of a large capacity is not touched
 * before it is used. A send wakes the receiver only if it sleeps; a receive wakes one sender for each free place.
 *
 * Another shape: several receivers share the work: mpmc. One answer: oneshot. Every subscriber sees each message:
 * broadcast. Only the newest value matters: watch. No data: notify.
 */
#ifndef RUNNEL_MPSC_H
#define RUNNEL_MPSC_H

#include <runnel/base.h>
#include <runnel/channel.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/semaphore.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

typedef struct rn_mpsc_tx rn_mpsc_tx;
typedef struct rn_mpsc_rx rn_mpsc_rx;
typedef struct rn_mpsc_weak rn_mpsc_weak;

/* Places that were reserved: a plain struct in your frame, to be moved but not used twice. All zero: none. */
typedef struct rn_mpsc_permit {
    struct rn__mpsc *channel; /* private */
    size_t left;              /* messages that it can still send */
} rn_mpsc_permit;

#define RN_MPSC_CAPACITY_MAX ((size_t)1 << 30)

/* What all channels that share it may keep unread, in whatever unit. It must outlive their ends. `free` is what is
 * left: rn_semaphore_available(&budget.free). */
typedef struct rn_budget {
    rn_semaphore free;
    size_t size;
} rn_budget;

/* clang-format off */
#define RN_BUDGET_INIT(size) {RN_SEMAPHORE_INIT(size), (size)} /* 0 .. RN_SEMAPHORE_MAX */
/* clang-format on */

/* All zero: the defaults. */
typedef struct rn_mpsc_opts {
    const char *name; /* static text: the pointer is kept; NULL: the element's name */
    uint32_t flags;   /* 0 */
    uint32_t reserved0;
    rn_budget *budget;                               /* NULL: messages are not weighed. Else unbounded, and weigh */
    size_t (*weigh)(const void *message, void *ctx); /* the same whenever it is asked; may not wait */
    void *weigh_ctx;
    uint64_t reserved[3];
} rn_mpsc_opts;

/**
 * rn_mpsc_channel, rn_mpsc_channel_with - a new channel and its first sender
 * @tx, @rx:  the ends, or NULL both
 * @capacity: messages that wait unread: 0 (from hand to hand) .. RN_MPSC_CAPACITY_MAX, or RN_UNBOUNDED
 * @elem:     what a message is; copied
 * @opts:     NULL for the defaults
 *
 * Context:  any task or thread; never waits
 * Owner:    both ends are yours: drop each once
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the channel and its ends; the ring for @capacity messages, touched as it is used
 * Returns:  0 | RN_ENOMEM | RN_EINVAL capacity or element out of range, bad options, a budget without weigh or with a
 *           capacity
 */
RN_MUST_USE RN_API int rn_mpsc_channel(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem);
RN_MUST_USE RN_API int rn_mpsc_channel_with(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem,
                                            const rn_mpsc_opts *opts);

/**
 * rn_mpsc_send, rn_mpsc_try_send, rn_mpsc_send_until - give one message to the receiver, waiting for room
 * @msg: one element; copied before the call returns
 *
 * try_send says RN_FULL also while other senders wait: it never overtakes them. With capacity 0 it says so unless a
 * receiver waits. On an unbounded channel none of the three waits, so none looks at a cancellation, and callbacks may
 * use all of them.
 *
 * Context:  any task or thread; waits (try_send: never); many callers on one @tx are fine
 * Owner:    on 0 the channel owns the message; on anything else it is still yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was sent; try_send does not look
 * Order:    everything before the call happens-before the receive that returns the message
 * Memory:   none; unbounded: a block per so many messages
 * Returns:  0 | RN_CLOSED nobody can receive it any more | RN_FULL (try_send) | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_ENOMEM (unbounded) | RN_EINVAL (with a budget: also too heavy). Closed wins over full
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
 * rn_mpsc_send_many, rn_mpsc_try_send_many, rn_mpsc_send_many_until - give several messages, as room appears
 * @msgs:  an array of @count elements, each at a multiple of the element's size
 * @count: how many; 0 asks only whether the channel is closed, and never waits
 * @sent:  how many have gone, always written: the first *sent are the channel's, whatever the code is
 *
 * The same as that many sends, for less: up to 64 messages go under one lock. Room is used as it appears, nobody has
 * to free @count places at once. Messages of other senders may come between. try_send_many sends as many as fit now.
 *
 * Context:  any task or thread; waits (try_send_many: never; unbounded: never); many callers on one @tx are fine
 * Owner:    the first *sent messages are the channel's, the others are still yours
 * Cancel:   counted: RN_ECANCELED means that *sent messages were sent and no more will be
 * Order:    everything before the call happens-before the receive of each message
 * Memory:   none; unbounded: a block per so many messages
 * Returns:  0 all were sent | RN_CLOSED | RN_FULL (try_send_many) | RN_ETIMEDOUT (_until) | RN_ECANCELED |
 *           RN_ENOMEM (unbounded) | RN_EINVAL; with each of them *sent counts
 */
RN_API int rn_mpsc_send_many(rn_mpsc_tx *tx, const void *msgs, size_t count, size_t *sent);
RN_API int rn_mpsc_try_send_many(rn_mpsc_tx *tx, const void *msgs, size_t count, size_t *sent);
RN_API int rn_mpsc_send_many_until(rn_mpsc_tx *tx, const void *msgs, size_t count, size_t *sent,
                                   rn_deadline deadline);

/**
 * rn_mpsc_reserve, rn_mpsc_try_reserve, rn_mpsc_reserve_until - take places now, for messages that come later
 * @count: how many, all or none: 1 .. capacity
 * @out:   the permit, or all zero; what was in it before is overwritten, so drop that first
 *
 * The permit needs no @tx any more: it counts as a sender itself. A reserve that waits for many places holds up the
 * sends behind it until it has them or gives up.
 *
 * Context:  any task or thread; waits (try_reserve: never); many callers on one @tx are fine
 * Owner:    the permit is yours: send with it or drop it until nothing is left
 * Cancel:   atomic: RN_ECANCELED means that no place was taken; try_reserve does not look
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_CLOSED | RN_FULL (try_reserve) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL @count is 0 or
 *           more than the capacity, or the channel is unbounded: there send never waits
 */
RN_MUST_USE RN_API int rn_mpsc_reserve(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out);
RN_MUST_USE RN_API int rn_mpsc_try_reserve(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out);
RN_MUST_USE RN_API int rn_mpsc_reserve_until(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out, rn_deadline deadline);

/**
 * rn_mpsc_permit_send - send into one of the places
 * @msg: one element; moved in every case but RN_EINVAL
 *
 * Works after rx_close and after all senders have gone: the message arrives. When the receiver has been dropped the
 * message is dropped.
 *
 * Context:  any task or thread, callbacks too; never waits; one caller at a time on one @permit
 * Owner:    the message is not yours any more; the permit is all zero after its last place
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the receive that returns the message
 * Memory:   none; may free the channel's, if nobody else holds it
 * Returns:  0 | RN_EINVAL nothing is left in the permit, or NULL
 */
RN_API int rn_mpsc_permit_send(rn_mpsc_permit *permit, void *msg);

/**
 * rn_mpsc_permit_drop - give back the places that are left; may be what ends the channel
 *
 * Context:  any task or thread, callbacks too; never waits; one caller at a time on one @permit
 * Owner:    the permit is all zero. NULL, or nothing left in it: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the RN_CLOSED that it causes
 * Memory:   none; may free the channel's, if nobody else holds it
 * Returns:  nothing
 */
RN_API void rn_mpsc_permit_drop(rn_mpsc_permit *permit);

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
 * Returns:  0 | RN_CLOSED nothing will ever come, no permit is out, and all that was sent has been taken |
 *           RN_EMPTY (try_recv) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EBUSY another receiver waits here |
 *           RN_EINVAL
 */
RN_API int rn_mpsc_recv(rn_mpsc_rx *rx, void *out);
RN_API int rn_mpsc_try_recv(rn_mpsc_rx *rx, void *out);
RN_API int rn_mpsc_recv_until(rn_mpsc_rx *rx, void *out, rn_deadline deadline);

/**
 * rn_mpsc_recv_many, rn_mpsc_try_recv_many, rn_mpsc_recv_many_until - wait for one message, take what is there
 * @out:   room for @limit elements, each at a multiple of the element's size; the first *count are written
 * @limit: at most so many, at least 1
 * @count: how many came, always written: > 0 with code 0, else 0
 *
 * It waits for the first message only. Up to 64 are taken under one lock; those that senders waited with, or that
 * come meanwhile, may be among them.
 *
 * Context:  any task or thread; waits (try_recv_many: never); one caller at a time on one @rx
 * Owner:    the *count messages are yours
 * Cancel:   atomic: RN_ECANCELED means that nothing was taken; try_recv_many does not look
 * Order:    everything before the send of each message happens-before the return
 * Memory:   none
 * Returns:  as recv; RN_EMPTY (try_recv_many); RN_EINVAL also for a @limit of 0
 */
RN_API int rn_mpsc_recv_many(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count);
RN_API int rn_mpsc_try_recv_many(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count);
RN_API int rn_mpsc_recv_many_until(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count, rn_deadline deadline);

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
 * rn_mpsc_tx_downgrade, rn_mpsc_weak_clone - a weak sender: one that does not keep the channel open
 * @out: the weak sender, or NULL
 *
 * Context:  any task or thread; never waits; many callers on one @tx or @weak are fine
 * Owner:    the weak sender is yours: drop it; @tx or @weak stays yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the weak sender; it keeps the channel's memory, but no messages, beyond the last end
 * Returns:  0 (also when the channel is closed) | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_mpsc_tx_downgrade(rn_mpsc_weak **out, rn_mpsc_tx *tx);
RN_MUST_USE RN_API int rn_mpsc_weak_clone(rn_mpsc_weak **out, rn_mpsc_weak *weak);

/**
 * rn_mpsc_weak_upgrade - a sender again, if the channel still has one
 * @out: the new sender, or NULL
 *
 * A permit counts: while one is out senders can be made. rx_close and rx_drop do not matter here: while there is a
 * sender there can be another, and its sends say RN_CLOSED.
 *
 * Context:  any task or thread; never waits; many callers on one @weak are fine
 * Owner:    the new end is yours: drop it; @weak stays yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the end
 * Returns:  0 | RN_CLOSED no sender and no permit is left, nor ever will be | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_mpsc_weak_upgrade(rn_mpsc_tx **out, rn_mpsc_weak *weak);

/**
 * rn_mpsc_weak_drop - give a weak sender back
 *
 * Context:  any task or thread; never waits; no other call may use it meanwhile
 * Owner:    the weak sender is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none; the channel's is freed with the last of all ends, weak ones and permits
 * Returns:  nothing
 */
RN_API void rn_mpsc_weak_drop(rn_mpsc_weak *weak);

/**
 * rn_mpsc_tx_closed, rn_mpsc_tx_closed_until - wait until nobody can receive any more
 *
 * That is when rx_close or rx_drop is called: from then on every send says RN_CLOSED. For producers that should stop
 * working before they have something to send.
 *
 * Context:  any task or thread; waits; any number of callers on one @tx
 * Owner:    the end is still yours, and keeps the channel open for the receiver meanwhile
 * Cancel:   atomic (nothing is taken or given)
 * Order:    everything before the close happens-before the return
 * Memory:   none
 * Returns:  0 closed, at once if it already was | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_mpsc_tx_closed(rn_mpsc_tx *tx);
RN_API int rn_mpsc_tx_closed_until(rn_mpsc_tx *tx, rn_deadline deadline);

/**
 * rn_mpsc_send_case, rn_mpsc_recv_case, rn_mpsc_reserve_case, rn_mpsc_tx_closed_case - for a select (select.h)
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
RN_MUST_USE RN_API rn_case rn_mpsc_send_case(rn_mpsc_tx *tx, const void *message);
RN_MUST_USE RN_API rn_case rn_mpsc_recv_case(rn_mpsc_rx *rx, void *out);
RN_MUST_USE RN_API rn_case rn_mpsc_reserve_case(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out);
RN_MUST_USE RN_API rn_case rn_mpsc_tx_closed_case(rn_mpsc_tx *tx);

/**
 * rn_mpsc_tx_drop - give a sender back; the last one closes the channel, unless a permit is out
 *
 * Context:  any task or thread; never waits; no other call may use this end meanwhile
 * Owner:    the end is gone. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the last drop happens-before the RN_CLOSED that it causes
 * Memory:   none; the channel's is freed with the last of all ends, weak ones and permits
 * Returns:  nothing
 */
RN_API void rn_mpsc_tx_drop(rn_mpsc_tx *tx);

/**
 * rn_mpsc_rx_close - no more in; what is in, and what permits bring, still comes out
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
 * Memory:   none; the channel's is freed with the last of all ends, weak ones and permits
 * Returns:  nothing
 */
RN_API void rn_mpsc_rx_drop(rn_mpsc_rx *rx);

/**
 * rn_mpsc_tx_is_closed, rn_mpsc_rx_is_closed, rn_mpsc_tx_room, rn_mpsc_rx_len, rn_mpsc_tx_same_channel - questions;
 * true at some moment during the call
 *
 * Context:  any task or thread; never waits
 * Owner:    the ends are still yours
 * Cancel:   uncancellable (never waits)
 * Order:    what came before the close happens-before true
 * Memory:   none
 * Returns:  whether send would say RN_CLOSED, which it then does for ever | whether it was closed by hand or no
 *           sender and no permit is left, unread messages or not | free places, which those who wait may get first
 *           (unbounded: RN_UNBOUNDED; closed: 0) | unread messages | whether both are senders of one channel. For
 *           NULL: false, 0
 */
RN_API bool rn_mpsc_tx_is_closed(const rn_mpsc_tx *tx);
RN_API bool rn_mpsc_rx_is_closed(const rn_mpsc_rx *rx);
RN_API size_t rn_mpsc_tx_room(const rn_mpsc_tx *tx);
RN_API size_t rn_mpsc_rx_len(const rn_mpsc_rx *rx);
RN_API bool rn_mpsc_tx_same_channel(const rn_mpsc_tx *a, const rn_mpsc_tx *b);

/**
 * rn_mpsc_tx_info, rn_mpsc_rx_info - all that the channel knows about itself (channel.h)
 * @out: the answer; untouched unless 0 is returned
 *
 * Context:  any task or thread; never waits
 * Owner:    the end is still yours; the answer is a copy, its texts are static
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_mpsc_tx_info(const rn_mpsc_tx *tx, rn_channel_info *out);
RN_API int rn_mpsc_rx_info(const rn_mpsc_rx *rx, rn_channel_info *out);

/* for RN_AUTO */
RN__UNUSED static inline void rn_mpsc_tx_auto(rn_mpsc_tx **tx)
{
    rn_mpsc_tx_drop(*tx);
}
RN__UNUSED static inline void rn_mpsc_rx_auto(rn_mpsc_rx **rx)
{
    rn_mpsc_rx_drop(*rx);
}
RN__UNUSED static inline void rn_mpsc_weak_auto(rn_mpsc_weak **weak)
{
    rn_mpsc_weak_drop(*weak);
}

RN__END_DECLS

#endif
