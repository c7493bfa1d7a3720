/* SPDX-License-Identifier: MIT */
/* node.c - the pool of counted nodes (contract in node.h). */
#include "channel/node.h"

#include "base/alloc.h"
#include "base/log.h"
#include "wait/await.h"

static size_t round_up(size_t size, size_t align)
{
    return (size + align - 1) & ~(align - 1);
}

bool rn__nodes_init(struct rn__nodes *nodes, const struct rn__element *element, size_t count)
{
    const size_t own_align = _Alignof(struct rn__node);
    const size_t align = element->align > own_align ? element->align : own_align;
    const size_t offset = round_up(sizeof(struct rn__node), element->align);
    const size_t node_size = round_up(offset + element->size, align);
    size_t block_size;
    if (!rn__multiply(count, node_size, &block_size))
        return false;
    *nodes = (struct rn__nodes){
        .node_size = node_size,
        .node_align = align,
        .value_offset = offset,
        .block = rn__alloc_aligned(block_size, align),
        .block_count = count,
        .made = count,
        .promised = count,
    };
    return nodes->block != NULL;
}

static bool is_in_block(const struct rn__nodes *nodes, const struct rn__node *node)
{
    return (uintptr_t)node - (uintptr_t)nodes->block < nodes->block_count * nodes->node_size;
}

void rn__nodes_fini(struct rn__nodes *nodes)
{
    size_t seen = nodes->block_count - nodes->block_used;
    for (struct rn__node *node = nodes->free; node != NULL; seen++) {
        struct rn__node *next = node->next;
        if (!is_in_block(nodes, node))
            rn__free(node, nodes->node_size);
        node = next;
    }
    rn__assert(seen == nodes->made);
    (void)seen;
    rn__free(nodes->block, nodes->block_count * nodes->node_size);
    nodes->block = NULL;
}

static bool grow(struct rn__nodes *nodes, struct rn__lock *lock)
{
    rn__lock_release(lock);
    struct rn__node *node = rn__alloc_aligned(nodes->node_size, nodes->node_align);
    rn__lock_acquire(lock);
    if (node == NULL)
        return false;
    rn__nodes_put(nodes, node);
    nodes->made++;
    return true;
}

bool rn__nodes_promise(struct rn__nodes *nodes, size_t count, struct rn__lock *lock)
{
    nodes->promised += count;
    while (nodes->made < nodes->promised) {
        if (!grow(nodes, lock)) {
            nodes->promised -= count;
            return false;
        }
    }
    return true;
}

static struct rn__node *take_free(struct rn__nodes *nodes)
{
    struct rn__node *node = nodes->free;
    if (node != NULL)
        nodes->free = node->next;
    else if (nodes->block_used < nodes->block_count)
        node = (struct rn__node *)(void *)(nodes->block + nodes->block_used++ * nodes->node_size);
    return node;
}

struct rn__node *rn__nodes_take(struct rn__nodes *nodes, struct rn__lock *lock)
{
    struct rn__node *node;
    while ((node = take_free(nodes)) == NULL) {
        if (!grow(nodes, lock))
            return NULL;
    }
    node->next = NULL;
    node->holders = 1;
    return node;
}
