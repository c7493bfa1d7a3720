/* SPDX-License-Identifier: MIT */
/* node.h - values that several parties hold at the same time: counted, and whoever lets go last drops.
 *
 * Nodes come from a pool, so that publishing a value takes no memory. A pool belongs to a channel and has no lock of
 * its own: everything here happens under the channel's lock, but for the making of a node and the drop of a value,
 * which is the user's code.
 *
 *             take            hold             let_go            let_go says true
 *      FREE --------> 1 holder ----> n holders ------> 1 holder ------------------> 0 holders
 *        ^                                                                           |
 *        +-------------------------- put <------ drop, outside the lock -------------+
 *
 * A value is dropped by whoever lets go last, and the drop function may drop any end of the channel: so the pool
 * counts the channel's users, which are its ends and the calls that are inside a drop function and come back. The
 * last one frees the channel.
 *
 * How many nodes there must be follows from how many parties can hold one at once. Each party promises itself some
 * when it is made; from then on the pool has a free one for it. Where a party holds more than was promised, such as
 * by a sender that is used by two threads, the pool may be empty and grows by one; it does not shrink before its end.
 */
#ifndef RN__CHANNEL_NODE_H
#define RN__CHANNEL_NODE_H

#include "channel/element.h"

struct rn__lock;

struct rn__node {
    struct rn__node *next; /* in the list of free ones */
    size_t holders;
};

struct rn__nodes {
    const struct rn__element *element; /* the channel's */
    size_t users;                      /* of the channel */
    size_t node_size;
    size_t node_align;
    size_t value_offset; /* of the value in its node */
    char *block;         /* the first nodes: one piece of memory, touched as they are used */
    size_t block_count;
    size_t block_used;
    struct rn__node *free;
    size_t made; /* nodes in the pool, free or not */
    size_t promised;
};

/* A pool with `count` nodes, all of them promised, and no users. The element must stay. false: no memory. */
bool rn__nodes_init(struct rn__nodes *nodes, const struct rn__element *element, size_t count);
/* Nobody holds one any more. */
void rn__nodes_fini(struct rn__nodes *nodes);

/* Under the lock, which these two leave while they allocate. */
bool rn__nodes_promise(struct rn__nodes *nodes, size_t count, struct rn__lock *lock);
/* A node with one holder; NULL: no memory. */
struct rn__node *rn__nodes_take(struct rn__nodes *nodes, struct rn__lock *lock);

/* Takes the lock and keeps it, unless this says false: no memory for what one more end needs. */
bool rn__nodes_lock_promised(struct rn__nodes *nodes, size_t count, struct rn__lock *lock);

/* Under the lock. Gives the node back if its value is to be dropped: then the caller, once outside the lock, must
 * retire it, and is a user of the channel until then. */
struct rn__node *rn__nodes_let_go(struct rn__nodes *nodes, struct rn__node *node);

/* These two outside the lock. true: the caller was the last user of the channel, and frees it. */
bool rn__nodes_retire(struct rn__nodes *nodes, struct rn__node *node, struct rn__lock *lock);
bool rn__nodes_leave(struct rn__nodes *nodes, struct rn__lock *lock);

/* Under the lock. */
static inline void rn__nodes_enter(struct rn__nodes *nodes)
{
    nodes->users++;
}

static inline void rn__nodes_take_back_promise(struct rn__nodes *nodes, size_t count)
{
    nodes->promised -= count;
}

static inline void rn__node_hold(struct rn__node *node)
{
    node->holders++;
}

/* true: the caller was the last. It drops the value and puts the node back. */
static inline bool rn__node_let_go(struct rn__node *node)
{
    return --node->holders == 0;
}

static inline void rn__nodes_put(struct rn__nodes *nodes, struct rn__node *node)
{
    node->next = nodes->free;
    nodes->free = node;
}

/* By any holder, without the lock. */
static inline void *rn__node_value(const struct rn__nodes *nodes, struct rn__node *node)
{
    return (char *)node + nodes->value_offset;
}

#endif
