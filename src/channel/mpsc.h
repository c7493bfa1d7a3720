/* SPDX-License-Identifier: MIT */
/* mpsc.h - the inside of an mpsc and of an mpmc: one short lock, a store of messages, places, and three queues of
 * waiters.
 *
 * Messages are handed over, not places. A sender that finds a receiver parked puts its message into the receiver's
 * hands; whoever makes a place free gives it to the head of the line, under the same lock, and that call has then
 * happened.
 *
 *     capacity = unread in the store + promised to permits + free
 *
 *     line      sends and reserves that found too few free places; the head alone is served, so nobody overtakes
 *     receivers those who found the store empty, of an mpsc at most one: a call that is to be handed a message, or an
 *               idle handler (wait/handler.h), which is told that there is one
 *     watchers  in tx_closed
 *
 * So under the lock these hold, counting only waiters that can still be won:
 *
 *     somebody is in the line  its head wants more places than are free: a send is there only if none is
 *     a receiver is parked     the store is empty; with promised places the line need not be
 *
 * Whoever adds to the free places, and whoever leaves the line unserved, calls rn__mpsc_serve(). A newcomer that sees
 * somebody in the line joins it: one who has given up and not yet left is no reason to overtake, he serves the line
 * when he leaves.
 *
 * With a capacity of 0 there is no place, and a message moves only when both are there: whoever comes looks for
 * somebody in the other queue, and takes out those who have given up. So there are never some to be won in both
 * queues, but for the cases of one and the same select.
 *
 * A send of many stands in the line with what is left of it. Its messages are taken one by one while it sleeps, and
 * only the last one has to be won, for only that one ends the call. If a timer or a canceller wins it before, what
 * was taken until it has the lock to leave is sent, and `left` says exactly how much that is.
 *
 * The two shapes differ in one word, `shared`: may several receivers wait? An rn_mpmc_tx is an rn_mpsc_tx that only
 * the compiler tells from one, and so are the other ends: mpmc.c.
 *
 * This core stays as the oracle for faster ones.
 */
#ifndef RN__CHANNEL_MPSC_H
#define RN__CHANNEL_MPSC_H

#include "base/log.h"
#include "channel/end.h"
#include "channel/record.h"
#include "channel/store.h"
#include "wait/select.h"

#include <runnel/mpsc.h>

struct rn__mpsc;

struct rn_mpsc_tx {
    struct rn__end end;
    struct rn__mpsc *channel;
};

struct rn_mpsc_rx {
    struct rn__end end;
    struct rn__mpsc *channel;
};

struct rn_mpsc_weak {
    struct rn__end end;
    struct rn__mpsc *channel;
};

/* The first receiver and the first sender live in the channel's own memory, the other ends in theirs. */
struct rn__mpsc {
    struct rn__lock lock; /* protects what is between here and `element`; user code never runs under it */
    bool closed;          /* nothing goes in any more but what was promised: by rx_close or rx_drop */
    bool deserted;        /* rx_drop has begun: what permits bring is dropped */
    bool shared;          /* an mpmc */
    size_t tx_count;
    size_t rx_count; /* the last one counts until it has dropped what was unread */
    size_t weak_count;
    size_t promised; /* places that permits hold; while there are some, messages may come */
    struct rn__waitq line;
    struct rn__waitq receivers;
    struct rn__waitq watchers;
    struct rn__store store;
    struct rn__record record;
    struct rn__counts counts;
    struct rn__element element; /* from here on: set once */
    rn_budget *budget;          /* NULL: messages are not weighed */
    size_t (*weigh)(const void *message, void *ctx);
    void *weigh_ctx;
    struct rn_mpsc_rx first_rx;
    struct rn_mpsc_tx first_tx;
};

/* A call that sends, reserves or receives. While it stands in a queue others move it on, under the lock. */
struct rn__transfer {
    struct rn__operation operation; /* data: the next message to send, or the place of the next one; NULL: reserve */
    size_t left;                    /* messages, or places, that it still wants */
    void *memory; /* of the store, brought in or taken out: it changes under the lock, and allocates outside */
    bool tries;   /* does not wait, whatever comes */
    bool more;    /* receiving: there may be another one to take right now */
};

static inline struct rn__mpsc *rn__mpsc_of(const struct rn__operation *operation)
{
    return operation->object;
}

static inline struct rn__transfer *rn__transfer_of(struct rn__operation *operation)
{
    return rn__container_of(operation, struct rn__transfer, operation);
}

/* The constructor of both shapes; the ends are NULL if it fails. */
int rn__mpsc_make(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts,
                  bool shared, const void *birthplace);

/* Happens when the channel is closed for senders. */
rn_case rn__mpsc_closed_case(struct rn__mpsc *channel);

/* Under the lock, all below. */

/* Free places: RN_UNBOUNDED where nobody counts them. */
static inline size_t rn__mpsc_room(const struct rn__mpsc *channel)
{
    return rn__store_room(&channel->store) - channel->promised;
}

/* Capacity 0: sender and receiver meet. */
static inline bool rn__mpsc_is_rendezvous(const struct rn__mpsc *channel)
{
    return channel->store.capacity == 0;
}

/* Can no message come any more? There may be unread ones. */
static inline bool rn__mpsc_is_over(const struct rn__mpsc *channel)
{
    return channel->promised == 0 && (channel->closed || channel->tx_count == 0);
}

/* Into the hands of a receiver, or into the store, where there is a place for it: 0 | RN__STORE_NEEDS_MEMORY. */
int rn__mpsc_put(struct rn__mpsc *channel, const void *message, void **memory, struct rn__wakes *wakes);

/* Gives the free places to those in the line, as far as they reach. */
void rn__mpsc_serve(struct rn__mpsc *channel, struct rn__wakes *wakes);

/* A send or a reserve stands in the line. */
void rn__mpsc_stand_in_line(struct rn__operation *operation);

/* The `leave` of those in the line: for those behind, it may be their turn. */
void rn__mpsc_leave_line(struct rn__operation *operation, struct rn__wakes *wakes);

/* After a sender or a promise has gone: receivers that wait in vain hear it. */
void rn__mpsc_end_if_over(struct rn__mpsc *channel, struct rn__wakes *wakes);

/* The last step of a call that gives something back: unlocks, wakes, and frees the channel if it is nobody's now. */
void rn__mpsc_unlock(struct rn__mpsc *channel, struct rn__wakes *wakes);

#endif
