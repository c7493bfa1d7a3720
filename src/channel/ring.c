/* SPDX-License-Identifier: MIT */
/* ring.c - the store of a channel with a capacity: that many slots, used in turn (contract in store.h). One of no
 * slots is always full, and always empty. */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/store.h"

#include <runnel/error.h>

static void *slot(const struct rn__store *store, size_t place)
{
    return store->content.in.slots + place * store->element->stride;
}

/* head + offset on a ring of any size, without a division. */
static size_t after_head(const struct rn__store *store, size_t offset)
{
    const size_t to_end = store->capacity - store->content.head;
    return offset < to_end ? store->content.head + offset : offset - to_end;
}

static int ring_push(struct rn__store *store, const void *message, void **memory)
{
    (void)memory;
    rn__assert(store->content.length < store->capacity);
    rn__element_move(store->element, slot(store, after_head(store, store->content.length)), message);
    store->content.length++;
    return 0;
}

static void *ring_first(const struct rn__store *store)
{
    rn__assert(store->content.length > 0);
    return slot(store, store->content.head);
}

static void ring_pop(struct rn__store *store, void *to, void **memory)
{
    if (to != NULL)
        rn__element_move(store->element, to, ring_first(store));
    *memory = NULL;
    store->content.head = after_head(store, 1);
    store->content.length--;
}

static void ring_fini(struct rn__store *store)
{
    if (store->content.in.slots != NULL)
        rn__free(store->content.in.slots, store->capacity * store->element->stride);
    store->content = (struct rn__store_content){0};
}

static const struct rn__store_kind ring_kind = {
    .push = ring_push,
    .first = ring_first,
    .pop = ring_pop,
    .fini = ring_fini,
};

int rn__ring_init(struct rn__store *store, const struct rn__element *element, size_t capacity)
{
    size_t size;
    if (!rn__multiply(capacity, element->stride, &size))
        return RN_ENOMEM;
    char *slots = size == 0 ? NULL : rn__alloc_aligned(size, element->align);
    if (slots == NULL && size > 0)
        return RN_ENOMEM;
    *store = (struct rn__store){
        .kind = &ring_kind, .element = element, .capacity = capacity, .content = {.in = {.slots = slots}}};
    return 0;
}
