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
        .element = element,
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

/* All or none. */
static struct rn__node *make_chain(const struct rn__nodes *nodes, size_t count)
{
    struct rn__node *chain = NULL, *node;
    for (size_t i = 0; i < count; i++) {
        node = rn__alloc_aligned(nodes->node_size, nodes->node_align);
        if (node == NULL)
            goto free_chain;
        node->next = chain;
        chain = node;
    }
    return chain;
free_chain:
    while ((node = chain) != NULL) {
        chain = node->next;
        rn__free(node, nodes->node_size);
    }
    return NULL;
}

/* count > 0. */
static bool grow(struct rn__nodes *nodes, size_t count, struct rn__lock *lock)
{
    struct rn__node *next;
    rn__lock_release(lock);
    struct rn__node *chain = make_chain(nodes, count);
    rn__lock_acquire(lock);
    if (chain == NULL)
        return false;
    for (; chain != NULL; chain = next) {
        next = chain->next;
        rn__nodes_put(nodes, chain);
    }
    nodes->made += count;
    return true;
}

bool rn__nodes_promise(struct rn__nodes *nodes, size_t count, struct rn__lock *lock)
{
    nodes->promised += count;
    while (nodes->made < nodes->promised) {
        if (!grow(nodes, nodes->promised - nodes->made, lock)) {
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
        if (!grow(nodes, 1, lock))
            return NULL;
    }
    node->next = NULL;
    node->holders = 1;
    return node;
}

bool rn__nodes_lock_promised(struct rn__nodes *nodes, size_t count, struct rn__lock *lock)
{
    rn__lock_acquire(lock);
    if (rn__nodes_promise(nodes, count, lock))
        return true;
    rn__lock_release(lock);
    return false;
}

struct rn__node *rn__nodes_let_go(struct rn__nodes *nodes, struct rn__node *node)
{
    if (!rn__node_let_go(node))
        return NULL;
    if (nodes->element->drop != NULL) {
        rn__nodes_enter(nodes);
        return node;
    }
    rn__nodes_put(nodes, node);
    return NULL;
}

bool rn__nodes_leave(struct rn__nodes *nodes, struct rn__lock *lock)
{
    rn__lock_acquire(lock);
    const bool is_last = --nodes->users == 0;
    rn__lock_release(lock);
    return is_last;
}

bool rn__nodes_retire(struct rn__nodes *nodes, struct rn__node *node, struct rn__lock *lock)
{
    rn__element_drop(nodes->element, rn__node_value(nodes, node));
    rn__lock_acquire(lock);
    rn__nodes_put(nodes, node);
    const bool is_last = --nodes->users == 0;
    rn__lock_release(lock);
    return is_last;
}
