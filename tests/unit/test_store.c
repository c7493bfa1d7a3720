/* SPDX-License-Identifier: MIT */
/* The two stores of an mpsc, alone: order, exact capacity, and how memory goes through the caller's hands. */
#include <string.h>

#include <runnel/error.h>

#include "base/random.h"
#include "channel/store.h"
#include "harness/harness.h"

enum { PER_BLOCK = 32 }; /* of ints */

static struct rn__element ints;

static struct rn__store ring_of_ints(size_t capacity)
{
    struct rn__store store;
    REQUIRE(rn__element_init(&ints, RN_ELEM(int)) == 0);
    REQUIRE(rn__ring_init(&store, &ints, capacity) == 0);
    return store;
}

static struct rn__store blocks_of(const rn_elem *elem)
{
    struct rn__store store;
    REQUIRE(rn__element_init(&ints, elem) == 0);
    rn__blocks_init(&store, &ints);
    return store;
}

/* Puts in, with memory if that is asked for. */
static int push(struct rn__store *store, int message)
{
    void *memory = NULL;
    int rc = store->kind->push(store, &message, &memory);
    if (rc == RN__STORE_NEEDS_MEMORY) {
        memory = store->kind->allocate(store);
        REQUIRE(memory != NULL);
        rc = store->kind->push(store, &message, &memory);
        CHECK(memory == NULL);
    }
    return rc;
}

static int pop(struct rn__store *store)
{
    void *memory = (void *)(uintptr_t)1; /* pop must overwrite it */
    int message[4] = {-1};               /* the inlined move has room for every size that it knows */
    store->kind->pop(store, message, &memory);
    if (memory != NULL)
        store->kind->release(store, memory);
    return message[0];
}

/* -- the ring ---------------------------------------------------------------------------------------------------- */

TEST(ring_holds_exactly_its_capacity)
{
    for (size_t capacity = 1; capacity <= 9; capacity++) {
        struct rn__store store = ring_of_ints(capacity);
        for (size_t i = 0; i < capacity; i++) {
            CHECK_EQ(rn__store_room(&store), capacity - i);
            CHECK_EQ(push(&store, (int)i), 0);
        }
        CHECK_EQ(rn__store_room(&store), 0);
        CHECK_EQ(store.content.length, capacity);
        for (size_t i = 0; i < capacity; i++)
            CHECK_EQ(pop(&store), i);
        CHECK_EQ(store.content.length, 0);
        rn__store_clear(&store);
    }
}

TEST(ring_keeps_the_order_from_every_start)
{
    enum { CAPACITY = 5 };
    struct rn__store store = ring_of_ints(CAPACITY);
    for (int start = 0; start < CAPACITY; start++) {
        for (int i = 0; i < CAPACITY; i++)
            CHECK_EQ(push(&store, i), 0);
        for (int i = 0; i < CAPACITY; i++)
            CHECK_EQ(pop(&store), i);
        CHECK_EQ(push(&store, 7), 0); /* the next round starts one place further */
        CHECK_EQ(pop(&store), 7);
    }
    rn__store_clear(&store);
}

TEST(ring_too_large_for_any_memory_is_refused)
{
    struct rn__store store;
    CHECK_RC(rn__element_init(&ints, &(rn_elem){.size = RN_ELEM_SIZE_MAX}), 0);
    const size_t capacity = SIZE_MAX / RN_ELEM_SIZE_MAX + 2; /* 65,536 bytes, modulo 2^64 */
    CHECK_RC(rn__ring_init(&store, &ints, capacity), RN_ENOMEM);
}

/* -- the blocks -------------------------------------------------------------------------------------------------- */

TEST(blocks_hold_no_memory_before_the_first_message)
{
    const struct test_memory before = test_memory();
    struct rn__store store = blocks_of(RN_ELEM(int));
    void *memory = NULL;
    const int message = 1;
    CHECK_EQ(store.kind->push(&store, &message, &memory), RN__STORE_NEEDS_MEMORY);
    CHECK_EQ(store.content.length, 0);
    CHECK_EQ(test_memory().calls, before.calls);
    rn__store_clear(&store);
}

TEST(blocks_leave_memory_that_they_do_not_need_to_the_caller)
{
    struct rn__store store = blocks_of(RN_ELEM(int));
    const int message = 1;
    CHECK_EQ(push(&store, 0), 0);
    void *memory = store.kind->allocate(&store);
    void *const same = memory;
    CHECK_EQ(store.kind->push(&store, &message, &memory), 0);
    CHECK(memory == same);
    store.kind->release(&store, memory);
    rn__store_clear(&store);
}

TEST(blocks_shrink_to_one_when_all_messages_have_gone)
{
    enum { BURST = 1000 };
    struct rn__store store = blocks_of(RN_ELEM(int));
    CHECK_EQ(push(&store, 0), 0);
    const struct test_memory one_block = test_memory();
    for (int i = 1; i < BURST; i++)
        CHECK_EQ(push(&store, i), 0);
    CHECK_EQ(test_memory().live, one_block.live + (BURST - 1) / PER_BLOCK);
    for (int i = 0; i < BURST; i++)
        CHECK_EQ(pop(&store), i);
    CHECK_EQ(test_memory().live, one_block.live);
    CHECK_EQ(test_memory().live_bytes, one_block.live_bytes);
    rn__store_clear(&store);
}

TEST(blocks_keep_at_most_one_spare)
{
    enum { MESSAGES = 10 * PER_BLOCK };
    struct rn__store store = blocks_of(RN_ELEM(int));
    const uint64_t before = test_memory().live;
    for (int i = 0; i < MESSAGES; i++)
        CHECK_EQ(push(&store, i), 0);
    for (int left = MESSAGES - 1; left > 0; left--) {
        pop(&store);
        const uint64_t in_use = ((uint64_t)left + PER_BLOCK - 1) / PER_BLOCK;
        CHECK(test_memory().live - before <= in_use + 1);
    }
    rn__store_clear(&store);
    CHECK_EQ(test_memory().live, before);
}

/* So that an allocator can give the system back what a burst has left free above it. */
TEST(blocks_keep_the_lowest_of_the_last_two)
{
    struct rn__store store = blocks_of(RN_ELEM(int));
    for (int round = 0; round < 20; round++) {
        int in = 0;
        int out = 0;
        while (in < 3 * PER_BLOCK)
            CHECK_EQ(push(&store, in++), 0);
        while (out < in - 1)
            CHECK_EQ(pop(&store), out++);
        const uintptr_t spare = (uintptr_t)store.content.in.blocks.spare;
        const uintptr_t last = (uintptr_t)store.content.in.blocks.last;
        CHECK_EQ(pop(&store), out);
        CHECK((uintptr_t)store.content.in.blocks.first == (spare < last ? spare : last));
        CHECK(store.content.in.blocks.first == store.content.in.blocks.last);
        CHECK(store.content.in.blocks.spare == NULL);
    }
    rn__store_clear(&store);
}

TEST(blocks_of_a_steady_backlog_allocate_nothing)
{
    struct rn__store store = blocks_of(RN_ELEM(int));
    int in = 0;
    int out = 0;
    while (in < 3 * PER_BLOCK)
        CHECK_EQ(push(&store, in++), 0);
    while (out < PER_BLOCK)
        CHECK_EQ(pop(&store), out++); /* from here on there is a spare */
    const uint64_t calls = test_memory().calls;
    while (in < 100 * PER_BLOCK) {
        CHECK_EQ(push(&store, in++), 0);
        CHECK_EQ(pop(&store), out++);
    }
    CHECK_EQ(test_memory().calls, calls);
    rn__store_clear(&store);
}

TEST(blocks_of_a_receiver_that_keeps_up_allocate_once)
{
    struct rn__store store = blocks_of(RN_ELEM(int));
    CHECK_EQ(push(&store, 0), 0);
    CHECK_EQ(pop(&store), 0);
    const uint64_t calls = test_memory().calls;
    for (int i = 0; i < 10000; i++) {
        CHECK_EQ(push(&store, i), 0);
        CHECK_EQ(pop(&store), i);
    }
    CHECK_EQ(test_memory().calls, calls);
    rn__store_clear(&store);
}

TEST(blocks_of_large_messages_hold_few)
{
    struct rn__store store = blocks_of(&(rn_elem){.size = RN_ELEM_SIZE_MAX, .align = 64});
    CHECK_EQ(store.capacity, 1);
    rn__store_clear(&store);
    store = blocks_of(&(rn_elem){.size = 4096, .align = 64});
    CHECK_EQ(store.capacity, 4);
    rn__store_clear(&store);
}

/* -- both -------------------------------------------------------------------------------------------------------- */

/* Random pushes and pops against a count of what went in and came out: numbers leave in the order of entry. */
static void push_and_pop_at_random(struct rn__store *store, uint64_t seed)
{
    uint64_t state = seed;
    int in = 0;
    int out = 0;
    for (int step = 0; step < 20000; step++) {
        const bool growing = rn__random_next(&state) % 1000 < 500 + (uint64_t)(step / 1000 % 2) * 100;
        if (growing) {
            const size_t room = store->kind->grows ? RN_UNBOUNDED : store->capacity - (size_t)(in - out);
            CHECK_EQ(rn__store_room(store), room);
            if (room > 0)
                CHECK_EQ(push(store, in++), 0);
        } else if (out < in) {
            CHECK_EQ(pop(store), out++);
        }
        CHECK_EQ(store->content.length, in - out);
    }
}

TEST(stores_keep_the_order_of_any_sequence)
{
    static const size_t capacities[] = {1, 2, 3, 31, 32, 33, 100};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct rn__store store = ring_of_ints(capacities[i]);
        push_and_pop_at_random(&store, test_seed() + i);
        rn__store_clear(&store);
    }
    struct rn__store store = blocks_of(RN_ELEM(int));
    push_and_pop_at_random(&store, test_seed());
    rn__store_clear(&store);
}

static int dropped;
static int disorder;

static void expect_next(void *message, void *ctx)
{
    (void)ctx;
    if (*(int *)message != dropped || (uintptr_t)message % 64 != 0)
        disorder++;
    dropped++;
}

TEST(stores_drop_what_is_left_in_order)
{
    static const rn_elem elem = {.size = sizeof(int), .align = 64, .drop = expect_next};
    for (int kind = 0; kind < 2; kind++) {
        struct rn__store store = blocks_of(&elem);
        if (kind == 1)
            REQUIRE(rn__ring_init(&store, &ints, 100) == 0);
        CHECK_EQ(push(&store, -1), 0); /* so that the ring's head is not at its start */
        CHECK_EQ(pop(&store), -1);
        dropped = disorder = 0;
        for (int i = 0; i < 100; i++)
            CHECK_EQ(push(&store, i), 0);
        rn__store_clear(&store);
        CHECK_EQ(dropped, 100);
        CHECK_EQ(disorder, 0);
        CHECK_EQ(store.content.length, 0);
    }
}

TEST(stores_can_be_emptied_at_once)
{
    struct rn__store store = blocks_of(RN_ELEM(int));
    for (int i = 0; i < 100; i++)
        CHECK_EQ(push(&store, i), 0);
    struct rn__store taken = rn__store_take(&store);
    CHECK_EQ(store.content.length, 0);
    CHECK_EQ(taken.content.length, 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(pop(&taken), i);
    rn__store_clear(&taken);
    rn__store_clear(&store);
}
