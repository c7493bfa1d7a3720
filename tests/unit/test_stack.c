/* SPDX-License-Identifier: MIT */
/* test_stack.c - sizes, reservations, guards, caches and finding of stacks. */
#include "harness/harness.h"

#include "base/annotate.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "fiber/stack.h"

#include <runnel/hooks.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool can_read(const void *address)
{
    const int fd = eventfd(0, EFD_NONBLOCK);
    const ssize_t written = write(fd, address, 8);
    const int code = errno;
    close(fd);
    return !(written == -1 && code == EFAULT);
}

static struct rn__stack_class *class_with(size_t size, uint32_t reserved)
{
    struct rn__stack_class *size_class = rn__stack_class_of(size);
    REQUIRE(size_class != NULL);
    REQUIRE(rn__stacks_reserve(size_class, reserved));
    return size_class;
}

static void detach_all(struct rn__stack **stacks, uint32_t count)
{
    struct rn__stack_class *size_class = stacks[0]->size_class;
    for (uint32_t i = 0; i < count; i++)
        rn__stack_detach(stacks[i]);
    rn__stacks_unreserve(size_class, count);
}

/* -- sizes ------------------------------------------------------------------------------------------------------ */

TEST(stack_sizes_are_rounded_to_powers_of_two)
{
    const size_t smallest = rn__stack_round(1);
    CHECK(smallest >= RN__STACK_MIN && smallest >= 4 * rn__platform_page_size());
    CHECK_EQ(rn__stack_round(RN__STACK_MIN), smallest);
    CHECK_EQ(rn__stack_round(1 << 20), 1 << 20);
    CHECK_EQ(rn__stack_round((1 << 20) + 1), 2 << 20);
    CHECK_EQ(rn__stack_round(RN__STACK_MAX), RN__STACK_MAX);
    CHECK_EQ(rn__stack_round(RN__STACK_MAX + 1), 0);
    CHECK_EQ(rn__stack_round(SIZE_MAX), 0);
    CHECK_EQ(rn__stack_round(0), 0);
}

TEST(stack_class_is_the_same_for_all_sizes_it_serves)
{
    for (size_t size = RN__STACK_MIN; size <= RN__STACK_MAX; size *= 2) {
        struct rn__stack_class *size_class = rn__stack_class_of(size);
        REQUIRE(size_class != NULL);
        CHECK_EQ(rn__stack_class_size(size_class), rn__stack_round(size));
        CHECK(rn__stack_class_of(size - 1) == size_class || rn__stack_round(size - 1) != rn__stack_round(size));
    }
    CHECK(rn__stack_class_of(RN__STACK_MAX + 1) == NULL);
    CHECK(rn__stack_class_of(0) == NULL);
}

static void use_both_ends(size_t size)
{
    struct rn__stack_class *size_class = rn__stack_class_of(size);
    if (!rn__stacks_reserve(size_class, 1))
        SKIP("no address space for a stack of this size");
    struct rn__stack *stack = rn__stack_attach(size_class);
    stack->low[0] = 1;
    stack->top[-1] = 2;
    CHECK(!can_read(stack->low - 8) || stack->guard == RN__GUARD_NONE);
    CHECK(rn__stack_find(stack->low) == stack);
    CHECK(rn__stack_find(stack->top - 1) == stack);
    CHECK(rn__stack_high_water(stack) == rn__stack_class_size(size_class) || TEST_SANITIZED);
    detach_all(&stack, 1);
}

TEST(stack_may_be_as_large_as_a_slab)
{
    use_both_ends((size_t)16 << 20);
    use_both_ends((size_t)64 << 20);
}

TEST(stack_may_have_a_gibibyte)
{
    use_both_ends(RN__STACK_MAX);
}

/* -- reserving --------------------------------------------------------------------------------------------------- */

static uint32_t maps_left;

static bool refuse_maps(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_MAP && (maps_left == 0 || maps_left-- == 0);
}

TEST(stacks_reserve_that_is_refused_reserves_nothing)
{
    struct rn__stack *stacks[3];
    struct rn__stack_class *size_class = class_with(1 << 20, 3);
    maps_left = 2;
    rn__fault_set(refuse_maps, NULL);
    CHECK(!rn__stacks_reserve(size_class, 1000));
    CHECK(!rn__stacks_reserve(size_class, 1000));
    rn__fault_set(NULL, NULL);
    for (int i = 0; i < 3; i++)
        stacks[i] = rn__stack_attach(size_class);
    CHECK(stacks[0] != stacks[1] && stacks[1] != stacks[2] && stacks[0] != stacks[2]);
    detach_all(stacks, 3);
    REQUIRE(rn__stacks_reserve(size_class, 1000));
    rn__stacks_unreserve(size_class, 1000);
}

TEST(stacks_that_are_reserved_can_all_be_attached)
{
    enum { MANY = 700 };
    static struct rn__stack *stacks[MANY];
    struct rn__stack_class *size_class = class_with(64 * 1024, MANY);
    maps_left = 0;
    rn__fault_set(refuse_maps, NULL); /* nothing more may be needed */
    for (int i = 0; i < MANY; i++) {
        stacks[i] = rn__stack_attach(size_class);
        REQUIRE(stacks[i] != NULL);
        CHECK(stacks[i]->size_class == size_class);
        CHECK(stacks[i]->owner == NULL);
        stacks[i]->owner = stacks; /* in use: must not be handed out again */
    }
    detach_all(stacks, MANY);
    CHECK_EQ(test_memory().live, 0);
}

TEST(stacks_that_were_given_back_serve_again)
{
    struct rn__stack_totals before;
    struct rn__stack_totals after;
    for (int round = 0; round < 50; round++) {
        struct rn__stack *stacks[10];
        struct rn__stack_class *size_class = class_with(64 * 1024, 10);
        if (round == 1)
            rn__stack_totals(&before);
        for (int i = 0; i < 10; i++)
            stacks[i] = rn__stack_attach(size_class);
        detach_all(stacks, 10);
    }
    rn__stack_totals(&after);
    CHECK_EQ(after.slabs, before.slabs);
    CHECK_EQ(after.reserved_bytes, before.reserved_bytes);
    CHECK_EQ(after.stacks, before.stacks);
}

TEST(stack_attach_gives_the_one_that_was_detached_last)
{
    struct rn__stack *stacks[4];
    struct rn__stack_class *size_class = class_with(64 * 1024, 4);
    for (int i = 0; i < 4; i++)
        stacks[i] = rn__stack_attach(size_class);
    rn__stack_detach(stacks[1]);
    rn__stack_detach(stacks[2]);
    CHECK(rn__stack_attach(size_class) == stacks[2]);
    CHECK(rn__stack_attach(size_class) == stacks[1]);
    detach_all(stacks, 4);
}

/* -- places ------------------------------------------------------------------------------------------------------ */

TEST(stack_find_knows_every_byte_of_its_piece)
{
    struct rn__stack *stacks[3];
    struct rn__stack_class *size_class = class_with(32 * 1024, 3);
    for (int i = 0; i < 3; i++)
        stacks[i] = rn__stack_attach(size_class);
    for (int i = 0; i < 3; i++) {
        const char *end = stacks[i]->low + rn__stack_class_size(size_class);
        CHECK(rn__stack_find(stacks[i]->low) == stacks[i]);
        CHECK(rn__stack_find(stacks[i]->low - 1) == stacks[i]);
        CHECK(rn__stack_find(stacks[i]->low - RN__STACK_GUARD) == stacks[i]);
        CHECK(rn__stack_find(end - 1) == stacks[i]);
        CHECK(rn__stack_find(end) != stacks[i]);
        CHECK(rn__stack_find(stacks[i]->low - RN__STACK_GUARD - 1) != stacks[i]);
    }
    detach_all(stacks, 3);
}

TEST(stack_find_claims_nothing_of_others)
{
    int here = 0;
    void *heap = malloc(100);
    struct rn__stack *stack = rn__stack_attach(class_with(64 * 1024, 1));
    CHECK(rn__stack_find(&here) == NULL);
    CHECK(rn__stack_find(heap) == NULL);
    CHECK(rn__stack_find(NULL) == NULL);
    CHECK(rn__stack_find((void *)UINTPTR_MAX) == NULL);
    CHECK(rn__stack_find(stack) == NULL);                                      /* its descriptor lives apart */
    CHECK(rn__stack_find(stack->low + 5 * (stack->top - stack->low)) == NULL); /* a piece that no stack was made of */
    detach_all(&stack, 1);
    free(heap);
}

TEST(stack_tops_have_different_colours)
{
    enum { SOME = 32 };
    struct rn__stack *stacks[SOME];
    struct rn__stack_class *size_class = class_with(64 * 1024, SOME);
    uint64_t colours = 0;
    for (int i = 0; i < SOME; i++) {
        stacks[i] = rn__stack_attach(size_class);
        const size_t colour = (size_t)(stacks[i]->low + rn__stack_class_size(size_class) - stacks[i]->top);
        CHECK_EQ(colour % 64, 0);
        CHECK(colour < RN__STACK_COLOURS);
        colours |= UINT64_C(1) << colour / 64;
    }
    CHECK_EQ(colours, UINT32_MAX);
    detach_all(stacks, SOME);
}

/* -- memory ------------------------------------------------------------------------------------------------------ */

TEST(stack_high_water_counts_touched_pages)
{
    const size_t page = rn__platform_page_size();
    struct rn__stack *stack = rn__stack_attach(class_with(256 * 1024, 1));
    char *end = stack->low + rn__stack_class_size(stack->size_class);
    CHECK_EQ(rn__stack_high_water(stack), 0);
    stack->top[-1] = 1;
    CHECK_EQ(rn__stack_high_water(stack), page);
    *(end - 7 * page) = 1;
    CHECK_EQ(rn__stack_high_water(stack), 7 * page);
    detach_all(&stack, 1);
}

TEST(stack_detach_gives_deep_pages_back)
{
    const size_t page = rn__platform_page_size();
    struct rn__stack *stack = rn__stack_attach(class_with(256 * 1024, 1));
    const size_t size = rn__stack_class_size(stack->size_class);
    memset(stack->low, 1, (size_t)(stack->top - stack->low));
    CHECK_EQ(rn__stack_high_water(stack), size);
    rn__stack_detach(stack);
    CHECK(rn__stack_high_water(stack) <= 4 * page);
    CHECK(rn__stack_high_water(stack) > 0); /* the next task finds warm pages */
    rn__stacks_unreserve(stack->size_class, 1);
}

TEST(stack_depot_keeps_a_bounded_number_warm)
{
    enum { MANY = 3000 };
    static struct rn__stack *stacks[MANY];
    struct rn__stack_class *size_class = class_with(16 * 1024, MANY);
    if (rn__annotate_on_valgrind())
        SKIP("too many mappings for it");
    for (int i = 0; i < MANY; i++) {
        stacks[i] = rn__stack_attach(size_class);
        stacks[i]->top[-1] = 1;
    }
    detach_all(stacks, MANY);
    int warm = 0;
    for (int i = 0; i < MANY; i++)
        warm += rn__stack_high_water(stacks[i]) > 0;
    CHECK(warm >= 100);
    CHECK(warm <= 1024);
}

/* -- guards ------------------------------------------------------------------------------------------------------ */

/* One stack in the middle of its slab, and the one below, which is at the slab's edge. */
static struct rn__stack *two_stacks(struct rn__stack **edge)
{
    struct rn__stack_class *size_class = class_with(64 * 1024, 2);
    *edge = rn__stack_attach(size_class);
    return rn__stack_attach(size_class);
}

static void check_guard(const struct rn__stack *stack)
{
    CHECK(!can_read(stack->low - 8));
    CHECK(!can_read(stack->low - RN__STACK_GUARD));
    CHECK(can_read(stack->low));
    CHECK(can_read(stack->top - 8));
}

TEST(stack_has_a_guard_below_it)
{
    struct rn__stack *edge = NULL;
    struct rn__stack *stack = two_stacks(&edge);
    if (stack->guard != RN__GUARD_NONE)
        check_guard(stack);
    check_guard(edge);
    rn__platform_discard(stack->low, (size_t)(stack->top - stack->low) & ~(rn__platform_page_size() - 1));
    if (stack->guard != RN__GUARD_NONE)
        check_guard(stack); /* it survives that its pages are given back */
    detach_all((struct rn__stack *[]){stack, edge}, 2);
}

TEST(stack_guard_follows_the_environment)
{
    const struct {
        const char *value;
        enum rn__guard middle;
    } settings[] = {{"mprotect", RN__GUARD_PROTECT}, {"edge", RN__GUARD_NONE}};
    for (size_t i = 0; i < RN__COUNT(settings); i++) {
        EXPECT_DEATH(SIGTERM, "as it should be") /* a process of its own: the setting is read once */
        {
            struct rn__stack *edge = NULL;
            setenv("RN_STACK_GUARD", settings[i].value, 1);
            struct rn__stack *stack = two_stacks(&edge);
            if (stack->guard == settings[i].middle && edge->guard == RN__GUARD_PROTECT)
                fprintf(stderr, "as it should be\n");
            raise(SIGTERM);
        }
    }
}

TEST(stack_guard_setting_that_makes_no_sense_is_told)
{
    EXPECT_DEATH(SIGTERM, "RN_STACK_GUARD=nonsense")
    {
        setenv("RN_STACK_GUARD", "nonsense", 1);
        (void)rn__stack_attach(class_with(64 * 1024, 1));
        raise(SIGTERM);
    }
}

TEST(stack_without_guard_is_told_from_one_that_was_overrun)
{
    struct rn__stack *edge = NULL;
    rn__stack_set_guard(RN__GUARD_NONE);
    struct rn__stack *stack = two_stacks(&edge);
    struct rn__stack_totals totals;
    rn__stack_totals(&totals);
    CHECK_EQ(totals.unguarded, 1);
    CHECK_EQ(stack->guard, RN__GUARD_NONE);
    check_guard(edge);
    memset(stack->low, 1, (size_t)(stack->top - stack->low));
    CHECK(rn__stack_is_intact(stack));
    CHECK_EQ(rn__stack_high_water(stack), rn__stack_class_size(stack->size_class));
    stack->low[-20] = 1;
    CHECK(!rn__stack_is_intact(stack));
    EXPECT_DEATH(SIGABRT, "stack overflow in nobody: its 64 KiB .* no guard page")
    {
        rn__stack_detach(stack);
    }
    stack->low[-20] = 0;
    detach_all((struct rn__stack *[]){stack, edge}, 2);
}

static int warnings;

static void count_warning(const char *line, void *ctx)
{
    (void)ctx;
    warnings += strstr(line, "no more guard pages") != NULL;
}

static bool refuse_guards(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_GUARD;
}

TEST(stack_that_gets_no_guard_is_warned_of_once)
{
    struct rn__stack *stacks[5];
    struct rn__stack_totals totals;
    rn__stack_set_guard(RN__GUARD_INSTALL);
    rn_set_log(count_warning, NULL);
    rn__fault_set(refuse_guards, NULL);
    struct rn__stack_class *size_class = class_with(64 * 1024, 5);
    for (int i = 0; i < 5; i++)
        stacks[i] = rn__stack_attach(size_class);
    rn__fault_set(NULL, NULL);
    rn_set_log(NULL, NULL);
    rn__stack_totals(&totals);
    CHECK_EQ(totals.unguarded, 5);
    CHECK_EQ(warnings, 1);
    detach_all(stacks, 5);
}

TEST(stack_guards_by_mprotect_leave_mappings_for_others)
{
    if (TEST_SANITIZED || rn__annotate_on_valgrind() || rn__platform_map_limit() > 100000)
        SKIP("they would take too long, or the limit is too high to be reached");
    const uint32_t many = (uint32_t)rn__platform_map_limit() / 2;
    struct rn__stack_totals totals;
    rn__stack_set_guard(RN__GUARD_PROTECT);
    rn_set_log(count_warning, NULL);
    struct rn__stack_class *size_class = class_with(16 * 1024, many);
    for (uint32_t i = 0; i < many; i++)
        (void)rn__stack_attach(size_class);
    rn_set_log(NULL, NULL);
    rn__stack_totals(&totals);
    CHECK_EQ(warnings, 1);
    CHECK(totals.unguarded > many / 8);
    CHECK(totals.unguarded < many / 2);
    void *other = rn__platform_map(rn__platform_page_size() * 3);
    CHECK(other != NULL);
    CHECK_EQ(rn__platform_guard(other, rn__platform_page_size(), RN__GUARD_PROTECT), RN__GUARD_PROTECT);
}

/* -- caches ------------------------------------------------------------------------------------------------------ */

TEST(stack_cache_gives_the_hottest_first)
{
    struct rn__stack_cache cache;
    struct rn__stack *stacks[3];
    struct rn__stack_class *size_class = class_with(64 * 1024, 3);
    REQUIRE(rn__stack_cache_init(&cache, size_class, 4));
    for (int i = 0; i < 3; i++)
        stacks[i] = rn__stack_cache_take(&cache);
    rn__stack_cache_put(&cache, stacks[0]);
    rn__stack_cache_put(&cache, stacks[2]);
    CHECK_EQ(cache.count, 2);
    CHECK(rn__stack_cache_take(&cache) == stacks[2]);
    CHECK(rn__stack_cache_take(&cache) == stacks[0]);
    for (int i = 0; i < 3; i++)
        rn__stack_cache_put(&cache, stacks[i]);
    rn__stack_cache_fini(&cache);
    rn__stacks_unreserve(size_class, 3);
}

TEST(stack_cache_never_holds_more_than_its_room)
{
    enum { MANY = 50 };
    struct rn__stack_cache cache;
    struct rn__stack *stacks[MANY];
    struct rn__stack_class *size_class = class_with(64 * 1024, MANY);
    for (uint32_t room = 1; room <= 9; room += 4) {
        REQUIRE(rn__stack_cache_init(&cache, size_class, room));
        for (int i = 0; i < MANY; i++) {
            stacks[i] = rn__stack_cache_take(&cache);
            REQUIRE(stacks[i] != NULL);
            CHECK(cache.count <= room);
        }
        for (int i = 0; i < MANY; i++) {
            rn__stack_cache_put(&cache, stacks[i]);
            CHECK(cache.count >= 1 && cache.count <= room);
            CHECK(cache.free == stacks[i]); /* it stays: the caller may still run on it */
        }
        rn__stack_cache_fini(&cache);
    }
    rn__stacks_unreserve(size_class, MANY);
}

TEST(stack_cache_fini_gives_its_room_back)
{
    struct rn__stack_cache cache;
    struct rn__stack_totals before;
    struct rn__stack_totals after;
    struct rn__stack_class *size_class = class_with(64 * 1024, 1);
    rn__stack_totals(&before);
    for (int i = 0; i < 1000; i++) { /* five slabs full, if each round kept one */
        REQUIRE(rn__stack_cache_init(&cache, size_class, 1));
        rn__stack_cache_put(&cache, rn__stack_cache_take(&cache));
        rn__stack_cache_fini(&cache);
    }
    rn__stack_totals(&after);
    CHECK_EQ(after.slabs, before.slabs);
    CHECK_EQ(after.stacks, 1);
}

TEST(stack_cache_init_that_is_refused_reserves_nothing)
{
    struct rn__stack_cache cache;
    struct rn__stack_class *size_class = rn__stack_class_of(2 << 20);
    maps_left = 0;
    rn__fault_set(refuse_maps, NULL);
    CHECK(!rn__stack_cache_init(&cache, size_class, 8));
    rn__fault_set(NULL, NULL);
    REQUIRE(rn__stack_cache_init(&cache, size_class, 8));
    rn__stack_cache_fini(&cache);
}

enum { CHURNERS = 4, HELD = 40 };

static void churn(void *arg)
{
    struct rn__stack_class *size_class = arg;
    struct rn__stack_cache cache;
    struct rn__stack *held[HELD];
    uint64_t random = (uint64_t)(uintptr_t)&cache;
    REQUIRE(rn__stack_cache_init(&cache, size_class, 8));
    for (int round = 0; round < 300; round++) {
        const uint32_t wanted = 1 + (uint32_t)((random = random * 6364136223846793005u + 1) >> 33) % HELD;
        REQUIRE(rn__stacks_reserve(size_class, wanted));
        for (uint32_t i = 0; i < wanted; i++) {
            held[i] = i % 2 == 0 ? rn__stack_cache_take(&cache) : rn__stack_attach(size_class);
            REQUIRE(held[i] != NULL);
            CHECK(rn__exchange_acq_rel(&held[i]->owner, &cache) == NULL);
            held[i]->top[-1]++;
        }
        for (uint32_t i = 0; i < wanted; i++) {
            CHECK(rn__load_relaxed(&held[i]->owner) == &cache);
            if (i % 3 == 0)
                rn__stack_cache_put(&cache, held[i]);
            else
                rn__stack_detach(held[i]);
        }
        rn__stacks_unreserve(size_class, wanted);
    }
    rn__stack_cache_fini(&cache);
}

TEST(stack_caches_of_many_threads_share_one_depot)
{
    struct rn__stack_class *size_class = class_with(64 * 1024, 1);
    struct rn__stack *outsider = rn__stack_attach(size_class);
    struct rn__thread threads[CHURNERS];
    for (int i = 0; i < CHURNERS; i++)
        REQUIRE(rn__platform_thread_create(&threads[i], churn, size_class, "churn", true, 0));
    for (int i = 0; i < 2000; i++) {
        CHECK(rn__stack_find(outsider->low) == outsider);
        CHECK(rn__stack_find(&threads) == NULL);
    }
    for (int i = 0; i < CHURNERS; i++)
        rn__platform_thread_join(threads[i]);
    detach_all(&outsider, 1);
}
