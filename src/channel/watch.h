/* SPDX-License-Identifier: MIT */
/* watch.h - what the two sides of a watch share: the channel, and copies of its value.
 *
 * The channel holds the current value's node; a set puts another in its place and lets go of the old one. Whoever
 * looks at a value without the lock holds its node meanwhile: a borrow, a test, and a clone, which is user code and
 * does not run under the lock. The last to let go drops the value, outside the lock. So a borrowed value cannot
 * change, a set never waits for a borrower, and a borrow is a count that goes up. Values that own nothing are copied
 * under the lock.
 *
 * How many nodes: the current one; two for each receiver, for its borrow and for what it clones or tests; one for
 * each sender, for what it sets and then for what that replaced, while its drop function runs; and for kinds that
 * are cloned one more for each sender, for the original of its copy.
 *
 *     watch.c         the ends: made, counted, dropped, asked
 *     watch_set.c     the side of the senders
 *     watch_look.c    the side of the receivers
 */
#ifndef RN__CHANNEL_WATCH_H
#define RN__CHANNEL_WATCH_H

#include "channel/end.h"
#include "channel/node.h"
#include "channel/record.h"
#include "wait/select.h"

#include <runnel/watch.h>

struct rn_watch_tx {
    struct rn__end end;
    struct rn__watch *channel;
};

struct rn_watch_rx {
    struct rn__end end;
    uint64_t busy; /* RN__HELD: a wait of this end goes on, or has not come back yet: no second one. Or the token of a
                    * select that waits for it. 0: neither */
    struct rn__watch *channel;
    uint64_t seen; /* the version; <= the channel's */
    struct rn__node *borrowed;
};

/* The first ends live in the channel's own memory, later ones in theirs. */
struct rn__watch {
    struct rn__lock lock; /* protects what is between here and `element`, and the receivers' state */
    uint64_t version;     /* of the current value; from 1, so that there is one before it */
    struct rn__node *current;
    struct rn__nodes nodes;
    size_t tx_count;
    size_t rx_count;
    struct rn__waitq parked;  /* receivers that have seen the current version */
    struct rn__waitq closing; /* senders who wait until there is no receiver */
    struct rn__record record;
    struct rn__counts counts;
    struct rn__element element; /* from here on: set once */
    struct rn_watch_tx first_tx;
    struct rn_watch_rx first_rx;
};

/* A copy of the current value, being made. */
struct rn__copy {
    void *to;                  /* NULL: none is wanted */
    struct rn__node *original; /* held until its clone is made; NULL: nothing is left to do */
};

/* Under the lock. What this begins must be ended outside. */
void rn__copy_begin(struct rn__copy *copy, struct rn__watch *channel);
/* 0, or the clone function's code. end: and lets go of the original. */
int rn__copy_clone(const struct rn__copy *copy, const struct rn__watch *channel);
int rn__copy_end(struct rn__copy *copy, struct rn__watch *channel);

/* Outside the lock, begin and end in one: 0, RN_EINVAL (this kind cannot be copied), or the clone function's code. */
int rn__watch_copy_current(struct rn__watch *channel, void *out);

/* Outside the lock. */
void rn__watch_let_go(struct rn__watch *channel, struct rn__node *node);
/* Outside the lock, for what rn__nodes_let_go() gave. */
void rn__watch_retire(struct rn__watch *channel, struct rn__node *node);

/* Under the lock: there is a new value. */
void rn__watch_serve_parked(struct rn__watch *channel, struct rn__wakes *wakes);

#endif
