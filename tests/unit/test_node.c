/* SPDX-License-Identifier: MIT */
/* test_node.c - the pool of counted nodes. */
#include "base/fault.h"
#include "channel/node.h"
#include "harness/harness.h"
#include "wait/await.h"

#include <runnel/base.h>

struct pool {
    struct rn__lock lock;
    struct rn__element element;
    struct rn__nodes nodes;
};

static void begin(struct pool *pool, size_t size, size_t align, size_t count)
{
    *pool = (struct pool){0};
    REQUIRE(rn__element_init(&pool->element, &(rn_elem){.size = size, .align = align}) == 0);
    REQUIRE(rn__nodes_init(&pool->nodes, &pool->element, count));
}

static struct rn__node *take(struct pool *pool)
{
    rn__lock_acquire(&pool->lock);
    struct rn__node *node = rn__nodes_take(&pool->nodes, &pool->lock);
    CHECK(rn__lock_is_held(&pool->lock));
    rn__lock_release(&pool->lock);
    return node;
}

static void put(struct pool *pool, struct rn__node *node)
{
    CHECK(rn__node_let_go(node));
    rn__nodes_put(&pool->nodes, node);
}

/* Takes `count` nodes, all different, writes all over them, gives them back. */
static void take_all(struct pool *pool, size_t count, size_t size)
{
    struct rn__node *taken[16];
    REQUIRE(count <= RN_COUNT(taken));
    for (size_t i = 0; i < count; i++) {
        taken[i] = take(pool);
        REQUIRE(taken[i] != NULL);
        for (size_t k = 0; k < i; k++)
            CHECK(taken[k] != taken[i]);
        memset(rn__node_value(&pool->nodes, taken[i]), (int)i, size);
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *bytes = rn__node_value(&pool->nodes, taken[i]);
        CHECK(bytes[0] == i && bytes[size - 1] == i);
        put(pool, taken[i]);
    }
}

TEST(node_pool_has_what_was_promised_without_allocating)
{
    struct pool pool;
    begin(&pool, 24, 8, 5);
    const uint64_t before = test_memory().calls;
    for (int round = 0; round < 3; round++)
        take_all(&pool, 5, 24);
    CHECK_EQ(test_memory().calls, before);
    rn__nodes_fini(&pool.nodes);
}

TEST(node_values_are_aligned_and_apart)
{
    const size_t sizes[] = {1, 7, 8, 63, 64, 65, 65536};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        for (size_t align = 1; align <= 64; align *= 2) {
            struct pool pool;
            begin(&pool, sizes[i], align, 3);
            take_all(&pool, 4, sizes[i]); /* the last one is not of the block */
            struct rn__node *node = take(&pool);
            CHECK_EQ((uintptr_t)rn__node_value(&pool.nodes, node) % align, 0);
            put(&pool, node);
            rn__nodes_fini(&pool.nodes);
        }
    }
}

TEST(node_is_free_when_the_last_holder_lets_go)
{
    struct pool pool;
    begin(&pool, 8, 8, 1);
    struct rn__node *node = take(&pool);
    rn__node_hold(node);
    rn__node_hold(node);
    CHECK(!rn__node_let_go(node));
    CHECK(!rn__node_let_go(node));
    CHECK(rn__node_let_go(node));
    rn__nodes_put(&pool.nodes, node);
    CHECK(take(&pool) == node);
    put(&pool, node);
    rn__nodes_fini(&pool.nodes);
}

TEST(node_pool_grows_when_more_is_taken_than_was_promised)
{
    struct pool pool;
    begin(&pool, 8, 8, 2);
    take_all(&pool, 7, 8);
    CHECK_EQ(pool.nodes.made, 7);
    const uint64_t before = test_memory().calls;
    take_all(&pool, 7, 8);
    CHECK_EQ(test_memory().calls, before); /* what was made once is kept */
    rn__nodes_fini(&pool.nodes);
}

TEST(node_promise_makes_what_is_missing_and_no_more)
{
    struct pool pool;
    begin(&pool, 8, 8, 2);
    rn__lock_acquire(&pool.lock);
    CHECK(rn__nodes_promise(&pool.nodes, 3, &pool.lock));
    CHECK(rn__lock_is_held(&pool.lock));
    CHECK_EQ(pool.nodes.made, 5);
    rn__nodes_take_back_promise(&pool.nodes, 3);
    CHECK(rn__nodes_promise(&pool.nodes, 2, &pool.lock));
    CHECK_EQ(pool.nodes.made, 5);
    CHECK(rn__nodes_promise(&pool.nodes, 0, &pool.lock));
    rn__lock_release(&pool.lock);
    take_all(&pool, 5, 8);
    CHECK_EQ(pool.nodes.made, 5);
    rn__nodes_fini(&pool.nodes);
}

static bool refuse(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_ALLOC;
}

TEST(node_pool_survives_refused_memory)
{
    struct pool pool;
    struct rn__element element;
    begin(&pool, 8, 8, 1);
    REQUIRE(rn__element_init(&element, &(rn_elem){.size = 8}) == 0);
    struct rn__node *node = take(&pool);
    rn__fault_set(refuse, NULL);
    struct rn__nodes other;
    CHECK(!rn__nodes_init(&other, &element, 4));
    CHECK(take(&pool) == NULL);
    rn__lock_acquire(&pool.lock);
    CHECK(!rn__nodes_promise(&pool.nodes, 1, &pool.lock));
    CHECK(rn__lock_is_held(&pool.lock));
    rn__lock_release(&pool.lock);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(pool.nodes.promised, 1);
    CHECK_EQ(pool.nodes.made, 1);
    put(&pool, node);
    rn__nodes_fini(&pool.nodes);
}

TEST(node_count_that_does_not_fit_is_refused)
{
    struct rn__element element;
    struct rn__nodes nodes;
    REQUIRE(rn__element_init(&element, &(rn_elem){.size = 4096}) == 0);
    CHECK(!rn__nodes_init(&nodes, &element, SIZE_MAX / 1000));
}

/* -- users ------------------------------------------------------------------------------------------------------ */

static void count_drop(void *value, void *ctx)
{
    (void)value;
    ++*(int *)ctx;
}

/* An end and a call inside a drop function: the last of the two is told, whichever that is. */
TEST(node_last_user_is_told_also_if_a_drop_function_runs_meanwhile)
{
    for (int end_first = 0; end_first < 2; end_first++) {
        struct pool pool;
        int drops = 0;
        begin(&pool, 8, 8, 1);
        pool.element.drop = count_drop;
        pool.element.ctx = &drops;
        struct rn__node *node = take(&pool);
        rn__nodes_enter(&pool.nodes);
        rn__node_hold(node);
        CHECK(rn__nodes_let_go(&pool.nodes, node) == NULL); /* there is another holder */
        struct rn__node *last = rn__nodes_let_go(&pool.nodes, node);
        CHECK(last == node);
        if (end_first)
            CHECK(!rn__nodes_leave(&pool.nodes, &pool.lock));
        CHECK_EQ(drops, 0);
        CHECK_EQ(rn__nodes_retire(&pool.nodes, last, &pool.lock), end_first);
        CHECK_EQ(drops, 1);
        if (!end_first)
            CHECK(rn__nodes_leave(&pool.nodes, &pool.lock));
        rn__nodes_fini(&pool.nodes);
    }
}

TEST(node_value_that_owns_nothing_needs_no_retiring)
{
    struct pool pool;
    begin(&pool, 8, 8, 1);
    rn__nodes_enter(&pool.nodes);
    struct rn__node *node = take(&pool);
    CHECK(rn__nodes_let_go(&pool.nodes, node) == NULL);
    CHECK(pool.nodes.free == node);
    CHECK(rn__nodes_leave(&pool.nodes, &pool.lock));
    rn__nodes_fini(&pool.nodes);
}

/* The second of two nodes is refused: the first goes too, and the lock is not kept. */
static bool refuse_second(enum rn__fault_point point, void *ctx)
{
    int *countdown = ctx;
    return point == RN__FAULT_ALLOC && --*countdown == 0;
}

TEST(node_promise_is_kept_as_a_whole_or_not_at_all)
{
    struct pool pool;
    int countdown = 2;
    begin(&pool, 8, 8, 1);
    const uint64_t live = test_memory().live;
    rn__fault_set(refuse_second, &countdown);
    CHECK(!rn__nodes_lock_promised(&pool.nodes, 2, &pool.lock));
    rn__fault_set(NULL, NULL);
    CHECK(!rn__lock_is_held(&pool.lock));
    CHECK_EQ(test_memory().live, live);
    CHECK_EQ(pool.nodes.promised, 1);
    CHECK(rn__nodes_lock_promised(&pool.nodes, 2, &pool.lock));
    CHECK(rn__lock_is_held(&pool.lock));
    CHECK_EQ(pool.nodes.made, 3);
    rn__lock_release(&pool.lock);
    rn__nodes_fini(&pool.nodes);
}
