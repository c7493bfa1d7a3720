/* SPDX-License-Identifier: MIT */
/* history.h - the last messages of a broadcast, each with its number: a ring that forgets the oldest.
 *
 *     number       begin     oldest              next
 *                    v         v                   v
 *      ...  x  x  x  [o  o  o  m  m  m  m  m  m  m]         at most `capacity` of them
 *
 *     m  kept        o  kept for nobody any more, and not swept yet        x  gone
 *
 * Plain messages lie in the ring and are copied under the lock. Messages with a clone function are user code's to
 * copy, which must not run there: each lies in a counted node, the ring holds the nodes, and a reader takes hold of
 * its node under the lock and clones afterwards. Who lets go of a node last drops the value, outside the lock. A
 * channel whose messages are borrowed has them all in nodes.
 *
 * A history belongs to a channel, whose lock protects it; every call here is made under that.
 */
#ifndef RN__CHANNEL_HISTORY_H
#define RN__CHANNEL_HISTORY_H

#include "base/log.h"
#include "channel/node.h"

struct rn__history {
    uint64_t begin;
    uint64_t oldest;
    uint64_t next;
    const struct rn__element *element;
    bool is_counted;
    size_t capacity;
    size_t cell_size; /* of the ring's cells: a message, or the pointer to its node */
    char *ring;
    struct rn__nodes nodes; /* of kinds that are counted; its users are the channel's, of every kind */
};

/* In nodes whatever the kind, or only what must be. more_nodes: how many may be held beside those in the ring, to
 * begin with. false: no memory. */
enum rn__in_nodes { RN__WHERE_CLONED, RN__ALL_IN_NODES };
bool rn__history_init(struct rn__history *history, const struct rn__element *element, size_t capacity,
                      enum rn__in_nodes in_nodes, size_t more_nodes);
/* Everything was swept, nobody holds anything. */
void rn__history_fini(struct rn__history *history);

/* A node with the message in it, for append. Of a counted kind. Leaves the lock to get memory: NULL, there is none.
 * What is not appended goes back with rn__nodes_put. */
struct rn__node *rn__history_wrap(struct rn__history *history, const void *message, struct rn__lock *lock);

/* What is kept is kept no longer. The messages are still to be swept. */
void rn__history_abandon(struct rn__history *history);

/* Takes out messages with numbers below `until` that are kept for nobody, up to one that is to be dropped: gives its
 * node. NULL: none is left. */
struct rn__node *rn__history_sweep(struct rn__history *history, uint64_t until);

/* How many messages from this number on are not kept any more. */
static inline uint64_t rn__history_lost(const struct rn__history *history, uint64_t number)
{
    return number < history->oldest ? history->oldest - number : 0;
}

/* Where the message with this number lies, or the pointer to its node. */
static inline void *rn__history_cell(const struct rn__history *history, uint64_t number)
{
    return history->ring + (size_t)(number % history->capacity) * history->cell_size;
}

static inline struct rn__node *rn__history_node(const struct rn__history *history, uint64_t number)
{
    struct rn__node *node;
    memcpy(&node, rn__history_cell(history, number), sizeof node);
    return node;
}

/* The first message leaves the ring. Gives what rn__nodes_let_go() gave for it. */
static inline struct rn__node *rn__history_take_out(struct rn__history *history)
{
    rn__assert(history->begin < history->next);
    const uint64_t number = history->begin++;
    if (history->oldest < history->begin)
        history->oldest = history->begin;
    if (!history->is_counted)
        return NULL;
    return rn__nodes_let_go(&history->nodes, rn__history_node(history, number));
}

/* The newest message; the node is for a counted kind. Gives what take_out gave for the one that it overwrote. */
static inline struct rn__node *rn__history_append(struct rn__history *history, const void *message,
                                                  struct rn__node *node)
{
    struct rn__node *overwritten = NULL;
    if (history->next - history->begin == history->capacity)
        overwritten = rn__history_take_out(history);
    void *place = rn__history_cell(history, history->next++);
    if (node != NULL)
        memcpy(place, &node, sizeof node);
    else
        rn__element_move(history->element, place, message);
    return overwritten;
}

/* count messages from this number on, one behind the other at `out`. Of a plain kind. */
static inline void rn__history_copy(const struct rn__history *history, uint64_t number, size_t count, void *out)
{
    char *place = out;
    rn__assert(history->oldest <= number && count <= history->next - number);
    for (size_t i = 0; i < count; i++, place += history->element->size)
        rn__element_move(history->element, place, rn__history_cell(history, number + i));
}

/* The caller is one more holder of the message. Of a counted kind. */
static inline struct rn__node *rn__history_hold(const struct rn__history *history, uint64_t number)
{
    rn__assert(history->oldest <= number && number < history->next);
    struct rn__node *node = rn__history_node(history, number);
    rn__node_hold(node);
    return node;
}

#endif
