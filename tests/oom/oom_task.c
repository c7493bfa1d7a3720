/* SPDX-License-Identifier: MIT */
/* oom_task.c - spawning when memory, address space or threads are refused: no task, or one that runs. */
#include "oom/refuse.h"

static uint32_t ran;

static int run_once(void *arg)
{
    (void)arg;
    count_up(&ran);
    return 5;
}

/* What is spawned, and from where, by the attempt at hand. */
static struct {
    rn_spawn_opts opts;
    size_t copy;
    bool many; /* more than the pockets of a worker hold */
} order;

static int spawn_ordered(rn_task *task)
{
    static const char bytes[RN_SPAWN_COPY_MAX];
    if (order.copy > 0)
        return rn_spawn_copy(task, run_once, bytes, order.copy, &order.opts);
    return rn_spawn_with(task, run_once, NULL, &order.opts);
}

enum { MANY = 300 };
static rn_task tasks[MANY];

static void spawn_under_refusal(void)
{
    const int count = order.many ? MANY : 1;
    uint32_t made = 0;
    refuse_begin();
    for (int i = 0; i < count; i++) {
        const uint64_t before = test_memory().live;
        tasks[i].id = 4711;
        const int code = spawn_ordered(&tasks[i]);
        CHECK(code == 0 || code == RN_ENOMEM);
        if (code != 0) {
            CHECK_EQ(tasks[i].id, 0);
            CHECK(test_memory().live <= before); /* a thread that has just started gives its record back */
        }
        made += code == 0;
    }
    refuse_end();
    for (int i = 0; i < count; i++) {
        if (tasks[i].id != 0)
            CHECK_EQ(result_of(tasks[i]), 5);
    }
    CHECK_EQ(value_of(&ran), made);
    CHECK(made + 1 >= (uint32_t)count);
    for (int i = 0; i < 3; i++) { /* whatever was refused, the next ones can be had */
        REQUIRE(spawn_ordered(&tasks[0]) == 0);
        CHECK_EQ(result_of(tasks[0]), 5);
    }
}

static void attempt(void)
{
    on_workers(1, spawn_under_refusal);
}

static void attempt_from_outside(void)
{
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1}) == 0);
    order.opts.runtime = runtime;
    spawn_under_refusal();
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static void attempt_named(void)
{
    order.opts.name = "expensive";
    attempt();
}

static void attempt_copied(void)
{
    order.copy = 65;
    attempt();
}

static void attempt_many(void)
{
    order.many = true;
    attempt();
}

static void attempt_large_stack(void)
{
    order.opts.stack_size = 4 << 20;
    attempt();
}

static void attempt_large_stack_copied_and_named(void)
{
    order.copy = RN_SPAWN_COPY_MAX;
    order.opts.name = "expensive";
    attempt_large_stack();
}

static void attempt_thread(void)
{
    order.opts.place = RN_PLACE_THREAD;
    order.opts.name = "expensive";
    order.copy = RN_SPAWN_COPY_MAX;
    attempt();
}

REFUSED(spawn_with_a_name_without_memory, RN__FAULT_ALLOC, 1, attempt_named)
REFUSED(spawn_with_a_copy_without_memory, RN__FAULT_ALLOC, 1, attempt_copied)
REFUSED(spawn_with_a_copy_and_a_name_without_memory, RN__FAULT_ALLOC, 2, attempt_large_stack_copied_and_named)
REFUSED(spawn_on_a_thread_without_memory, RN__FAULT_ALLOC, 3, attempt_thread)
REFUSED(spawn_on_a_thread_without_a_thread, RN__FAULT_THREAD, 1, attempt_thread)
REFUSED(spawn_without_address_space, RN__FAULT_MAP, 1, attempt)
REFUSED(spawn_of_many_without_address_space, RN__FAULT_MAP, 1, attempt_many)
REFUSED(spawn_with_a_large_stack_without_address_space, RN__FAULT_MAP, 2, attempt_large_stack)
REFUSED(spawn_from_outside_without_address_space, RN__FAULT_MAP, 1, attempt_from_outside)

/* Stacks, and their guards, are made when a task starts. */
static void run_without_guard(void)
{
    rn_task task;
    refuse_begin();
    REQUIRE(rn_spawn_with(&task, run_once, NULL, &(rn_spawn_opts){.stack_size = 4 << 20}) == 0);
    CHECK_EQ(result_of(task), 5);
    refuse_end();
}

static void attempt_guard(void)
{
    on_workers(1, run_without_guard);
}

REFUSED(start_on_a_large_stack_without_its_guard, RN__FAULT_GUARD, 1, attempt_guard)

/* The everyday spawn asks for nothing once its worker's pockets are filled. */
static void spawn_again_and_again(void)
{
    rn_task task;
    for (int i = 0; i < 100; i++) {
        if (i == 10) {
            refusal.point = RN__FAULT_ALLOC;
            refusal.number = 1;
            refuse_begin();
        }
        REQUIRE(rn_spawn_copy(&task, run_once, "sixty-four bytes or less", 25, NULL) == 0);
        CHECK_EQ(result_of(task), 5);
    }
    refuse_end();
    CHECK_EQ(refusal.asked, 0);
}

TEST(spawn_and_join_take_no_heap)
{
    on_workers(1, spawn_again_and_again);
}
