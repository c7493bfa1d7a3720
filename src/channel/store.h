/* SPDX-License-Identifier: MIT */
/* store.h - where an mpsc keeps messages that nobody has received yet: a ring of fixed size, or a list of blocks that
 * grows and gives memory back. Behind the same verbs, so that the channel does not care.
 *
 * A store has no lock; its channel's protects it. It never allocates or frees while it changes: memory that it needs
 * or has done with goes through the caller's hands, who does that outside the lock.
 */
#ifndef RN__CHANNEL_STORE_H
#define RN__CHANNEL_STORE_H

#include "channel/element.h"

/* push's other answer than 0: come again with some from allocate. No code of error.h. */
#define RN__STORE_NEEDS_MEMORY 2

struct rn__store;
struct rn__block;

struct rn__store_kind {
    bool grows; /* there is always room, and push may say RN__STORE_NEEDS_MEMORY; false: it always says 0 */
    /* Puts a message behind the others, where there is room. *memory is from allocate or NULL; afterwards it is NULL
     * if it was used. */
    int (*push)(struct rn__store *store, const void *message, void **memory);
    /* The place of the oldest message; there is one. */
    void *(*first)(const struct rn__store *store);
    /* The oldest message moves to `to`; NULL: it is gone already. *memory becomes what can be released now. */
    void (*pop)(struct rn__store *store, void *to, void **memory);
    /* For a store that grows. They look only at what never changes, so they need no lock. */
    void *(*allocate)(const struct rn__store *store);
    void (*release)(const struct rn__store *store, void *memory);
    /* Gives all memory back; the messages in it are gone already, or own nothing. */
    void (*fini)(struct rn__store *store);
};

/* How many messages are in it, and where. All zero is empty. */
struct rn__store_content {
    size_t length;
    size_t head; /* of the oldest message: its place in the ring, or in the first block */
    union {
        char *slots;
        struct {
            struct rn__block *first;
            struct rn__block *last;
            struct rn__block *spare;
            size_t tail; /* place in the last block where the next message goes */
        } blocks;
    } in;
};

struct rn__store {
    const struct rn__store_kind *kind;
    const struct rn__element *element;
    size_t capacity; /* of the ring, or of one block */
    struct rn__store_content content;
};

/* Exactly `capacity` slots, allocated here and touched as they are used: RN_ENOMEM. Of 0 slots: no memory. */
int rn__ring_init(struct rn__store *store, const struct rn__element *element, size_t capacity);

/* Never full. Holds no memory before the first message, and one block when all have gone. */
void rn__blocks_init(struct rn__store *store, const struct rn__element *element);

/* How many more messages fit in: RN_UNBOUNDED if it grows. */
static inline size_t rn__store_room(const struct rn__store *store)
{
    return store->kind->grows ? RN_UNBOUNDED : store->capacity - store->content.length;
}

/* Everything that is in it, as a store of its own; this one is empty, and a ring without slots then. */
static inline struct rn__store rn__store_take(struct rn__store *store)
{
    const struct rn__store taken = *store;
    store->content = (struct rn__store_content){0};
    return taken;
}

/* Drops every message, in order, and gives the memory back. Outside the lock: drop functions run. */
void rn__store_clear(struct rn__store *store);

#endif
