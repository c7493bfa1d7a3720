/* SPDX-License-Identifier: MIT */
/* broadcast.h - a broadcast channel and its ends, as its three files see them: broadcast.c (messages),
 * broadcast_lag.c (those who fall behind and mind it) and broadcast_ends.c (who is there). */
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
    struct rn__link link; /* among the channel's receivers, until it is cut off */
    uint64_t cursor;      /* the number of the message that it reads next */
    struct rn__node *borrowed;
    uint64_t cut_at; /* if it is cut off: the first message that is not for it any more */
    enum rn_on_lag on_lag;
    bool is_cloning; /* the message before the cursor, which may be put back */
    bool is_cut;     /* it fell behind and is no receiver any more; on_lag is RN_ON_LAG_DISCONNECT */
};

struct rn_broadcast_weak {
    struct rn__end end;
    struct rn__broadcast *channel;
};

/* The first ends live in the channel's own memory, later ones in theirs. */
struct rn__broadcast {
    struct rn__lock lock; /* protects what is between here and `element`, and the receivers' state */
    struct rn__history history;
    uint64_t slowest; /* no strict receiver, one that blocks or disconnects, needs a message below; UINT64_MAX: none
                       * is there */
    size_t tx_count;
    size_t rx_count;
    size_t weak_count;
    struct rn__link receivers; /* all that count */
    struct rn__waitq parked;   /* receives for which nothing is kept */
    struct rn__waitq closers;  /* those who wait until nobody is subscribed */
    struct rn__waitq line;     /* sends that wait for a receiver that blocks */
    struct rn__record record;
    struct rn__counts counts;
    struct rn__element element; /* from here on: set once */
    bool keeps;                 /* messages are kept also while nobody is subscribed */
    bool may_block;             /* receivers that block may subscribe */
    bool may_borrow;            /* all messages lie in nodes */
    struct rn_broadcast_tx first_tx;
    struct rn_broadcast_rx first_rx;
};

/* What a send leaves to be done outside the lock. */
struct rn__residue {
    struct rn__node *overwritten; /* to be retired */
    uint64_t given_up; /* to be swept up to here; the send is a user of the channel until then. 0: nothing */
};

static inline bool rn__broadcast_is_for_nobody(const struct rn__broadcast *channel)
{
    return channel->rx_count == 0 && !channel->keeps;
}

/* How many messages the next receive of this one tells as missed. */
static inline uint64_t rn__broadcast_lost(const rn_broadcast_rx *rx)
{
    const struct rn__history *history = &rx->channel->history;
    const uint64_t lost = rn__history_lost(history, rx->cursor);
    if (RN__LIKELY(lost == 0))
        return 0;
    if (rx->is_cut)
        return rx->cut_at - rx->cursor;
    if (rx->on_lag == RN_ON_LAG_SKIP_TO_LATEST && history->oldest < history->next)
        return history->next - 1 - rx->cursor;
    return lost;
}

/* Under the lock: puts a message into the history, for somebody; the node is for a counted kind. */
void rn__broadcast_publish(struct rn__broadcast *channel, const void *message, struct rn__node *node,
                           struct rn__residue *residue, struct rn__wakes *wakes);
/* Outside the lock. */
void rn__broadcast_clear(struct rn__broadcast *channel, struct rn__residue residue);

/* Under the lock: the next message would overwrite one that a strict receiver needs. What is to be done about that:
 * BLOCK before DISCONNECT; REPORT, nothing: there is no such receiver, and `slowest` is exact now. */
enum rn_on_lag rn__broadcast_look_for_lag(struct rn__broadcast *channel);
/* Under the lock, after the oldest was overwritten: those who needed it and disconnect are no receivers any more.
 * Gives what rn__broadcast_give_up() gave if they were the last. */
uint64_t rn__broadcast_cut_off(struct rn__broadcast *channel, struct rn__wakes *wakes);
/* Under the lock: this receiver came, or put a message back. */
void rn__broadcast_mind(rn_broadcast_rx *rx);

/* On a channel that may block. */
int rn__broadcast_send_waiting(rn_broadcast_tx *tx, const void *message, rn_deadline deadline);
/* Under the lock, after a receiver that blocks has read something or gone. */
void rn__broadcast_serve_line(struct rn__broadcast *channel, struct rn__wakes *wakes);

/* Under the lock: what it has borrowed, if anything. Gives what rn__nodes_let_go() gave. */
static inline struct rn__node *rn__broadcast_give_back(rn_broadcast_rx *rx)
{
    struct rn__node *borrowed = rx->borrowed;
    rx->borrowed = NULL;
    return borrowed == NULL ? NULL : rn__nodes_let_go(&rx->channel->history.nodes, borrowed);
}

/* Outside the lock, for what rn__nodes_let_go() gave: drops the message. May be the end of the channel. */
void rn__broadcast_retire(struct rn__broadcast *channel, struct rn__node *node);
/* Under the lock, when a receiver or a sender has gone: gives where to sweep to, 0 if nothing is given up. */
uint64_t rn__broadcast_give_up(struct rn__broadcast *channel);
/* Outside the lock, by a user of the channel. */
void rn__broadcast_sweep(struct rn__broadcast *channel, uint64_t until);
/* Outside the lock: one user less, and so many nodes that it brought. */
void rn__broadcast_leave(struct rn__broadcast *channel, size_t nodes);

#endif
