/* SPDX-License-Identifier: MIT */
/* history.c - the ring with its numbers (contract in history.h). */
#include "channel/history.h"

#include "base/alloc.h"
#include "base/log.h"

bool rn__history_init(struct rn__history *history, const struct rn__element *element, size_t capacity,
                      enum rn__in_nodes in_nodes, size_t more_nodes)
{
    const bool is_counted = element->clone != NULL || in_nodes == RN__ALL_IN_NODES;
    const size_t cell_size = is_counted ? sizeof(struct rn__node *) : element->stride;
    const size_t align = is_counted ? _Alignof(struct rn__node *) : element->align;
    size_t size;
    if (!rn__multiply(capacity, cell_size, &size))
        return false;
    *history = (struct rn__history){
        .element = element,
        .is_counted = is_counted,
        .capacity = capacity,
        .cell_size = cell_size,
        .ring = rn__alloc_aligned(size, align),
    };
    if (history->ring == NULL)
        return false;
    if (!is_counted || rn__nodes_init(&history->nodes, element, capacity + more_nodes))
        return true;
    rn__free(history->ring, size);
    return false;
}

void rn__history_fini(struct rn__history *history)
{
    rn__assert(history->begin == history->next);
    if (history->is_counted)
        rn__nodes_fini(&history->nodes);
    rn__free(history->ring, history->capacity * history->cell_size);
}

struct rn__node *rn__history_wrap(struct rn__history *history, const void *message, struct rn__lock *lock)
{
    struct rn__node *node = rn__nodes_take(&history->nodes, lock);
    if (node != NULL)
        rn__element_move(history->element, rn__node_value(&history->nodes, node), message);
    return node;
}

void rn__history_abandon(struct rn__history *history)
{
    history->oldest = history->next;
}

struct rn__node *rn__history_sweep(struct rn__history *history, uint64_t until)
{
    struct rn__node *node = NULL;
    rn__assert(until <= history->oldest);
    if (!history->is_counted && history->begin < until)
        history->begin = until; /* nothing to drop, however many there are */
    while (node == NULL && history->begin < until)
        node = rn__history_take_out(history);
    return node;
}
