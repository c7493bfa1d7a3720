/* SPDX-License-Identifier: MIT */
/* broadcast.h - a broadcast channel and its ends, as broadcast.c (messages) and broadcast_ends.c (who is there) see
 * them. */
#ifndef RN__CHANNEL_BROADCAST_H
#define RN__CHANNEL_BROADCAST_H

#include "base/list.h"
#include "channel/end.h"
#include "channel/history.h"
#include "channel/record.h"
#include "wait/select.h"

#include <runnel/broadcast.h>

struct rn_broadcast_tx {
    struct rn__end end;
    struct rn__broadcast *channel;
};

struct rn_broadcast_rx {
    struct rn__end end;
    uint64_t busy; /* RN__HELD: a receive of this end waits, clones, or has not come back yet: no second one. Or the
                    * token of a select that waits for it. 0: neither */
    struct rn__broadcast *channel;
    struct rn__link link; /* among the channel's receivers */
    uint64_t cursor;      /* the number of the message that it reads next */
};

struct rn_broadcast_weak {
    struct rn__end end;
    struct rn__broadcast *channel;
};

/* The first ends live in the channel's own memory, later ones in theirs. */
struct rn__broadcast {
    struct rn__lock lock; /* protects what is between here and `element`, and the receivers' state */
    struct rn__history history;
    size_t tx_count;
    size_t rx_count;
    size_t weak_count;
    struct rn__link receivers; /* all of them */
    struct rn__waitq parked;   /* receives for which nothing is kept */
    struct rn__waitq closers;  /* those who wait until nobody is subscribed */
    struct rn__record record;
    struct rn__counts counts;
    struct rn__element element; /* from here on: set once */
    bool keeps;                 /* messages are kept also while nobody is subscribed */
    struct rn_broadcast_tx first_tx;
    struct rn_broadcast_rx first_rx;
};

/* Outside the lock, for what rn__nodes_let_go() gave: drops the message. May be the end of the channel. */
void rn__broadcast_retire(struct rn__broadcast *channel, struct rn__node *node);

#endif
