/* SPDX-License-Identifier: MIT */
/* blocks.c - the store of an unbounded channel: a list of blocks of messages (contract in store.h).
 *
 *     head v                                      v tail
 *     [....xxxx] -> [xxxxxxxx] -> [xxxxxxxx] -> [xx......]        spare: [........] or none
 *     first                                      last
 *
 * Messages go in behind the last and come out of the first. A block that is used up becomes the spare, if there is
 * none, so that a backlog of steady length allocates nothing; else it is released. When the last message has gone the
 * spare is released too, and the one block that is left is used again from its start: a channel whose receiver keeps
 * up allocates one block in its life, and after a burst one block is what is left of it.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/store.h"

struct rn__block {
    struct rn__block *next;
};

/* 32 messages, but not much more than 16 KiB, and at least one message. */
enum { MESSAGES_MAX = 32, BYTES_AIM = 16384 };

static size_t messages_in_block(const struct rn__element *element)
{
    const size_t fitting = BYTES_AIM / element->stride;
    return fitting > MESSAGES_MAX ? MESSAGES_MAX : fitting == 0 ? 1 : fitting;
}

/* The messages begin behind the header, at their own alignment. */
static size_t offset_of_messages(const struct rn__element *element)
{
    return (sizeof(struct rn__block) + element->align - 1) & ~(element->align - 1);
}

static size_t block_size(const struct rn__store *store)
{
    return offset_of_messages(store->element) + store->capacity * store->element->stride;
}

static void *slot(const struct rn__store *store, struct rn__block *block, size_t place)
{
    return (char *)block + offset_of_messages(store->element) + place * store->element->stride;
}

static void *blocks_allocate(const struct rn__store *store)
{
    const size_t align = store->element->align;
    const size_t own = _Alignof(struct rn__block);
    return rn__alloc_aligned(block_size(store), align > own ? align : own);
}

static void blocks_release(const struct rn__store *store, void *memory)
{
    rn__free(memory, block_size(store));
}

/* The spare, or the caller's: whichever there is. */
static struct rn__block *take_block(struct rn__store_content *content, void **memory)
{
    struct rn__block *block = content->in.blocks.spare;
    if (block != NULL) {
        content->in.blocks.spare = NULL;
        return block;
    }
    block = *memory;
    *memory = NULL;
    return block;
}

static bool append_block(struct rn__store_content *content, void **memory)
{
    struct rn__block *block = take_block(content, memory);
    if (block == NULL)
        return false;
    block->next = NULL;
    if (content->in.blocks.last != NULL)
        content->in.blocks.last->next = block;
    else
        content->in.blocks.first = block;
    content->in.blocks.last = block;
    content->in.blocks.tail = 0;
    return true;
}

static int blocks_push(struct rn__store *store, const void *message, void **memory)
{
    struct rn__store_content *content = &store->content;
    const bool has_room = content->in.blocks.last != NULL && content->in.blocks.tail < store->capacity;
    if (!has_room && !append_block(content, memory))
        return RN__STORE_NEEDS_MEMORY;
    rn__element_move(store->element, slot(store, content->in.blocks.last, content->in.blocks.tail), message);
    content->in.blocks.tail++;
    content->length++;
    return 0;
}

static void *blocks_first(const struct rn__store *store)
{
    rn__assert(store->content.length > 0);
    return slot(store, store->content.in.blocks.first, store->content.head);
}

/* Nothing is left: one block starts again. Gives the other one, if there are two: the higher, because an allocator
 * whose heap ends with a block of ours cannot give the system back what a burst has left free below it. */
static struct rn__block *start_again(struct rn__store_content *content)
{
    struct rn__block *kept = content->in.blocks.first;
    struct rn__block *other = content->in.blocks.spare;
    rn__assert(kept == content->in.blocks.last);
    if (other != NULL && (uintptr_t)other < (uintptr_t)kept) {
        kept = other;
        other = content->in.blocks.first;
    }
    kept->next = NULL;
    content->in.blocks.first = content->in.blocks.last = kept;
    content->in.blocks.spare = NULL;
    content->in.blocks.tail = 0;
    content->head = 0;
    return other;
}

/* Every message of the first block has gone. Gives it, if it is not kept as the spare. */
static struct rn__block *leave_first(struct rn__store_content *content)
{
    struct rn__block *block = content->in.blocks.first;
    content->in.blocks.first = block->next;
    content->head = 0;
    if (content->in.blocks.spare != NULL)
        return block;
    content->in.blocks.spare = block;
    return NULL;
}

static void blocks_pop(struct rn__store *store, void *to, void **memory)
{
    struct rn__store_content *content = &store->content;
    if (to != NULL)
        rn__element_move(store->element, to, blocks_first(store));
    *memory = NULL;
    content->head++;
    content->length--;
    if (content->length == 0)
        *memory = start_again(content);
    else if (content->head == store->capacity)
        *memory = leave_first(content);
}

static void blocks_fini(struct rn__store *store)
{
    struct rn__block *block = store->content.in.blocks.first;
    while (block != NULL) {
        struct rn__block *next = block->next;
        blocks_release(store, block);
        block = next;
    }
    if (store->content.in.blocks.spare != NULL)
        blocks_release(store, store->content.in.blocks.spare);
    store->content = (struct rn__store_content){0};
}

static const struct rn__store_kind blocks_kind = {
    .grows = true,
    .push = blocks_push,
    .first = blocks_first,
    .pop = blocks_pop,
    .allocate = blocks_allocate,
    .release = blocks_release,
    .fini = blocks_fini,
};

void rn__blocks_init(struct rn__store *store, const struct rn__element *element)
{
    *store = (struct rn__store){.kind = &blocks_kind, .element = element, .capacity = messages_in_block(element)};
}
