/* SPDX-License-Identifier: MIT */
/* test_life.c - slots of the party table as tasks: handles, pins, generations (drawing in runtime/task.h). */
#include "harness/harness.h"
#include "runtime/runtime.h"

static rn_site here = {"here.c", 1, 0, "here", NULL, {0, 0}};
static struct rn_runtime nowhere; /* nothing of it is used before a task is placed */

static int never(void *arg)
{
    (void)arg;
    return 0;
}

static struct rn__task *make(const void *arg, size_t size)
{
    static const rn_spawn_opts opts = {.name = NULL};
    struct rn__task *task = NULL;
    struct rn__task_order order = {.fn = never,
                                   .arg = (void *)(uintptr_t)arg,
                                   .copy = size > 0,
                                   .copy_size = size,
                                   .handle = true,
                                   .opts = &opts,
                                   .site = rn__site_of(&here),
                                   .runtime = &nowhere};
    REQUIRE(rn__task_new(&task, &order) == 0);
    return task;
}

TEST(life_of_a_slot_begins_with_a_task_that_can_be_pinned)
{
    struct rn__task *task = make(NULL, 0);
    const rn_task handle = rn__task_handle(task);
    CHECK(handle.id != 0);
    CHECK_EQ(handle.id >> 40, task->party.index);
    CHECK(rn__party_is_task(&task->party));
    CHECK_EQ(rn__task_state(task), RN__TASK_FRESH);
    for (int i = 0; i < 3; i++)
        CHECK(rn__task_pin(handle) == task);
    for (int i = 0; i < 3; i++)
        rn__task_unpin(task);
    CHECK(rn__task_pin(handle) == task);
    rn__task_unpin(task);
    rn__task_discard(task);
}

TEST(life_that_is_over_leaves_its_handle_stale)
{
    struct rn__task *task = make(NULL, 0);
    const rn_task handle = rn__task_handle(task);
    rn__task_discard(task);
    CHECK(rn__task_pin(handle) == NULL);
    CHECK(!rn__party_is_task(&task->party));
}

TEST(life_of_the_next_in_the_slot_has_another_number)
{
    enum { LIVES = 1000 };
    static uint64_t seen[LIVES];
    for (int i = 0; i < LIVES; i++) {
        struct rn__task *task = make(NULL, 0);
        seen[i] = rn__task_handle(task).id;
        CHECK(i == 0 || seen[i] >> 40 == seen[0] >> 40); /* the slot given back last is taken first */
        for (int k = 0; k < i; k++)
            REQUIRE(seen[k] != seen[i]);
        if (i > 0)
            CHECK(rn__task_pin((rn_task){seen[i - 1]}) == NULL);
        rn__task_discard(task);
    }
}

/* Somebody still looks at it: the slot is nobody else's before they have done. */
TEST(life_of_a_discarded_task_lasts_while_it_is_pinned)
{
    struct rn__task *task = make(NULL, 0);
    const rn_task handle = rn__task_handle(task);
    CHECK(rn__task_pin(handle) == task);
    CHECK(rn__task_pin(handle) == task);
    rn__task_discard(task);
    struct rn__task *next = make(NULL, 0);
    CHECK(next != task);
    rn__task_unpin(task);
    struct rn__task *third = make(NULL, 0);
    CHECK(third != task);
    rn__task_unpin(task);
    struct rn__task *fourth = make(NULL, 0);
    CHECK(fourth == task);
    CHECK(rn__task_handle(fourth).id != handle.id);
    CHECK(rn__task_pin(handle) == NULL);
    rn__task_discard(next);
    rn__task_discard(third);
    rn__task_discard(fourth);
}

TEST(life_holds_many_pins)
{
    struct rn__task *task = make(NULL, 0);
    const rn_task handle = rn__task_handle(task);
    for (int i = 0; i < 4000; i++)
        CHECK(rn__task_pin(handle) == task);
    CHECK_EQ(rn__task_handle(task).id, handle.id);
    for (int i = 0; i < 4000; i++)
        rn__task_unpin(task);
    rn__task_discard(task);
    CHECK(rn__task_pin(handle) == NULL);
}

TEST(life_of_a_task_that_is_discarded_gives_its_copy_back)
{
    static const char bytes[RN_SPAWN_COPY_MAX];
    rn__task_discard(make(bytes, 1));
    rn__task_discard(make(bytes, RN__ARGUMENT_INLINE));
    CHECK_EQ(test_memory().live, 0);
    struct rn__task *task = make(bytes, RN__ARGUMENT_INLINE + 1);
    CHECK_EQ(test_memory().live_bytes, RN__ARGUMENT_INLINE + 1);
    rn__task_discard(task);
    CHECK_EQ(test_memory().live, 0);
}

TEST(life_of_no_slot_cannot_be_pinned)
{
    static const uint64_t ids[] = {0, 1, UINT64_C(1) << 40, UINT64_C(77) << 40, UINT64_MAX};
    for (size_t i = 0; i < RN__COUNT(ids); i++)
        CHECK(rn__task_pin((rn_task){ids[i]}) == NULL);
    struct rn__task *task = make(NULL, 0);
    const rn_task handle = rn__task_handle(task);
    CHECK(rn__task_pin((rn_task){handle.id + 1}) == NULL);
    CHECK(rn__task_pin((rn_task){handle.id - 1}) == NULL);
    CHECK(rn__task_pin((rn_task){handle.id + (UINT64_C(1) << 40)}) == NULL);
    rn__task_discard(task);
}
