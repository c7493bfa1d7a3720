/* SPDX-License-Identifier: MIT */
/* api_task.c - names, numbers, handles, yields, and what a task may do (contract: <runnel/task.h>). */
#include "api/tasks.h"

#include <fenv.h>
#include <setjmp.h>
#include <stdlib.h>

static int set_flag(void *arg)
{
    set(arg);
    return 0;
}

static int count_one(void *arg)
{
    count_up(arg);
    return 0;
}

/* -- names ------------------------------------------------------------------------------------------------------- */

static int wait_for_flag(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return 0;
}

static void check_name(const rn_spawn_opts *opts, const char *expected)
{
    char name[RN_TASK_NAME_MAX + 1];
    uint32_t leave = 0;
    rn_task task;
    memset(name, 'x', sizeof name);
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, opts) == 0);
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, expected);
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT_ON(2, task_has_the_name_that_it_was_given)
{
    check_name(&(rn_spawn_opts){.name = "ticker"}, "ticker");
    check_name(&(rn_spawn_opts){.name = ""}, "");
    check_name(&(rn_spawn_opts){.name = "own", .place = RN_PLACE_THREAD}, "own");
}

ROOT_ON(2, task_without_a_name_has_that_of_its_function)
{
    check_name(NULL, "wait_for_flag");
    check_name(&(rn_spawn_opts){.place = RN_PLACE_THREAD}, "wait_for_flag");
}

static int function_whose_name_is_longer_than_a_task_s(void *arg)
{
    return wait_for_flag(arg);
}

static void check_unnamed(rn_task task, uint32_t *leave, const char *expected)
{
    char name[100];
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, expected);
    set(leave);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT_ON(2, task_without_a_name_has_its_function_as_it_was_spelled)
{
    static int (*const table[])(void *) = {wait_for_flag};
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, table[0], &leave) == 0);
    check_unnamed(task, &leave, "table[0]");
}

ROOT_ON(2, task_whose_function_has_a_long_name_is_cut_after_31_bytes)
{
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, function_whose_name_is_longer_than_a_task_s, &leave) == 0);
    check_unnamed(task, &leave, "function_whose_name_is_longer_t");
}

ROOT_ON(2, task_name_is_cut_after_31_bytes)
{
    check_name(&(rn_spawn_opts){.name = "0123456789012345678901234567890"}, "0123456789012345678901234567890");
    check_name(&(rn_spawn_opts){.name = "01234567890123456789012345678901"}, "0123456789012345678901234567890");
    check_name(&(rn_spawn_opts){.name = "01234567890123456789012345678901234567890123456789012345678901234567"},
               "0123456789012345678901234567890");
}

ROOT_ON(2, task_name_is_a_copy)
{
    char text[] = "before";
    char name[RN_TASK_NAME_MAX + 1];
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &(rn_spawn_opts){.name = text}) == 0);
    memcpy(text, "after!", sizeof text);
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, "before");
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT_ON(2, task_name_is_cut_to_the_buffer)
{
    char name[8] = "zzzzzzz";
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &(rn_spawn_opts){.name = "ticker"}) == 0);
    CHECK_RC(rn_task_name(task, name, 4), 0);
    CHECK_STR_EQ(name, "tic");
    CHECK_EQ(name[4], 'z');
    CHECK_RC(rn_task_name(task, name, 1), 0);
    CHECK_STR_EQ(name, "");
    CHECK_RC(rn_task_name(task, name, 0), RN_EINVAL);
    CHECK_RC(rn_task_name(task, NULL, 8), RN_EINVAL);
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT_ON(2, task_name_of_no_task_is_empty)
{
    char name[8] = "zzzzzzz";
    CHECK_RC(rn_task_name(RN_NO_TASK, name, sizeof name), RN_EINVAL);
    CHECK_STR_EQ(name, "");
}

/* -- handles and numbers ----------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Slots of the table are used many times meanwhile. */
ROOT_ON(2, task_number_is_never_used_again)
{
    enum { TASKS = 20000 };
    static uint64_t ids[TASKS];
    uint32_t ran = 0;
    for (int i = 0; i < TASKS; i += 10) {
        rn_task tasks[10];
        for (int t = 0; t < 10; t++) {
            REQUIRE(rn_spawn(&tasks[t], count_one, &ran) == 0);
            ids[i + t] = rn_task_id(tasks[t]);
        }
        for (int t = 0; t < 10; t++)
            CHECK_RC(rn_join(tasks[t], NULL), 0);
    }
    qsort(ids, TASKS, sizeof ids[0], compare_ids);
    CHECK(ids[0] != 0);
    for (int i = 1; i < TASKS; i++)
        REQUIRE(ids[i - 1] < ids[i]);
}

static int tell_id(void *arg)
{
    *(uint64_t *)arg = rn_task_self_id();
    CHECK_EQ(rn_task_id(rn_task_self()), rn_task_self_id());
    rn_yield();
    CHECK_EQ(*(uint64_t *)arg, rn_task_self_id());
    return 0;
}

static void check_own_id(enum rn_place place)
{
    uint64_t id = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, tell_id, &id, &(rn_spawn_opts){.place = place}) == 0);
    const uint64_t expected = rn_task_id(task);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_EQ(id, expected);
    CHECK(id != rn_task_self_id());
}

ROOT(task_knows_its_number)
{
    CHECK(rn_task_self_id() != 0);
    check_own_id(RN_PLACE_AUTO);
    check_own_id(RN_PLACE_SPREAD);
    check_own_id(RN_PLACE_THREAD);
}

TEST(task_number_on_a_plain_thread_is_0)
{
    CHECK_EQ(rn_task_self_id(), 0);
    CHECK_EQ(rn_task_self().id, 0);
    CHECK_EQ(rn_task_id(RN_NO_TASK), 0);
}

static int ask_about_self(void *arg)
{
    char name[RN_TASK_NAME_MAX + 1];
    const rn_task self = rn_task_self();
    (void)arg;
    CHECK(!rn_task_ended(self));
    CHECK_RC(rn_task_name(self, name, sizeof name), 0);
    CHECK_STR_EQ(name, "narcissus");
    rn_task_cancel(self, -20001);
    CHECK_EQ(rn_cancelled(), -20001);
    return 0;
}

ROOT_ON(2, task_asks_about_itself)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, ask_about_self, NULL, &(rn_spawn_opts){.name = "narcissus"}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    REQUIRE(rn_spawn_with(&task, ask_about_self, NULL,
                          &(rn_spawn_opts){.name = "narcissus", .place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT(task_has_ended_when_its_function_has_returned)
{
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    CHECK(!rn_task_ended(task));
    rn_yield();
    CHECK(!rn_task_ended(task));
    set(&leave);
    WAIT_UNTIL(rn_task_ended(task));
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK(rn_task_ended(task));
    CHECK(rn_task_ended(RN_NO_TASK));
}

static void check_stale(rn_task stale)
{
    char name[4] = "zzz";
    CHECK(rn_task_ended(stale));
    CHECK_RC(rn_task_name(stale, name, sizeof name), RN_EINVAL);
    CHECK_STR_EQ(name, "");
    CHECK_RC(rn_join(stale, NULL), RN_EINVAL);
    rn_task_cancel(stale, -20002);
    rn_task_drop(stale);
}

static int give_cause(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return rn_cancelled();
}

/* On one worker the next task gets the slot that the last one had. */
ROOT_ON(1, task_handle_that_is_stale_names_nobody_else)
{
    uint32_t leave = 0;
    rn_task first, second;
    REQUIRE(rn_spawn(&first, set_flag, &(uint32_t){0}) == 0);
    CHECK_RC(rn_join(first, NULL), 0);
    REQUIRE(rn_spawn(&second, give_cause, &leave) == 0);
    CHECK_EQ(second.id >> 40, first.id >> 40); /* else this case shows nothing */
    CHECK(second.id != first.id);
    check_stale(first);
    CHECK(!rn_task_ended(second));
    set(&leave);
    CHECK_EQ(result_of(second), 0);
}

ROOT_ON(2, task_handle_that_is_nonsense_names_nobody)
{
    static const uint64_t ids[] = {
        0,         1, UINT64_C(1) << 39, UINT64_C(7), UINT64_C(0xfff) << 40, UINT64_C(0xffffff) << 40, UINT64_MAX - 1,
        UINT64_MAX};
    for (size_t i = 0; i < RN_COUNT(ids); i++)
        check_stale((rn_task){ids[i]});
}

/* -- yields ------------------------------------------------------------------------------------------------------ */

static char trace[64];
static uint32_t trace_length;

static void trace_add(char letter)
{
    trace[trace_length++] = letter;
}

static int yield_4_times(void *arg)
{
    for (int i = 0; i < 4; i++) {
        trace_add(*(const char *)arg);
        rn_yield();
    }
    return 0;
}

/* All have started, and each knows the others when they begin. */
ROOT_ON(1, task_that_yields_lets_each_of_the_others_run_once)
{
    static char letters[] = "abc";
    const rn_spawn_opts here = {.place = RN_PLACE_WORKER};
    rn_task tasks[3];
    for (uint32_t i = 0; i < 3; i++)
        REQUIRE(rn_spawn_with(&tasks[i], yield_4_times, &letters[i], &here) == 0);
    for (int i = 0; i < 3; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    CHECK_STR_EQ(trace, "abcabcabcabc");
}

ROOT_ON(1, task_that_yields_with_nobody_ready_goes_on)
{
    for (int i = 0; i < 1000; i++)
        rn_yield();
}

/* A task that was spawned but has not started is ready as well. */
ROOT_ON(1, task_that_yields_lets_new_ones_start)
{
    uint32_t ran = 0, turns = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, set_flag, &ran) == 0);
    while (!is_set(&ran) && turns < 64) {
        rn_yield();
        turns++;
    }
    CHECK(is_set(&ran));
    CHECK_RC(rn_join(task, NULL), 0);
}

/* Two that yield to each other for ever, and one that comes new. */
static int yield_until(void *arg)
{
    while (!is_set(arg))
        rn_yield();
    return 0;
}

ROOT_ON(1, task_that_is_new_starts_beside_others_that_only_yield)
{
    uint32_t stop = 0;
    rn_task yielding[2], task;
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_spawn(&yielding[i], yield_until, &stop) == 0);
    rn_yield();
    REQUIRE(rn_spawn(&task, set_flag, &stop) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    for (int i = 0; i < 2; i++)
        CHECK_RC(rn_join(yielding[i], NULL), 0);
}

TEST(thread_that_yields_comes_back)
{
    for (int i = 0; i < 1000; i++)
        rn_yield();
    CHECK(!on_task());
}

ROOT_ON(2, task_on_its_own_thread_yields)
{
    uint32_t stop = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, yield_until, &stop, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    set(&stop);
    CHECK_RC(rn_join(task, NULL), 0);
}

/* -- what a task may do ------------------------------------------------------------------------------------------ */

static int jump(void *arg)
{
    jmp_buf back;
    volatile int jumps = 0;
    (void)arg;
    if (setjmp(back) < 5) {
        rn_yield();
        longjmp(back, ++jumps);
    }
    return jumps;
}

ROOT(task_may_jump_within_itself)
{
    rn_task tasks[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(rn_spawn(&tasks[i], jump, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(result_of(tasks[i]), 5);
}

static int rounds_otherwise(void *arg)
{
    const int mode = *(const int *)arg;
    CHECK_EQ(fegetround(), FE_TONEAREST);
    CHECK_EQ(fesetround(mode), 0);
    for (int i = 0; i < 10; i++) {
        rn_yield();
        CHECK_EQ(fegetround(), mode);
    }
    return 0;
}

static int rounds_to_nearest(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(fegetround(), FE_TONEAREST);
        rn_yield();
    }
    return 0;
}

/* The others, with the flag and without, and whoever starts on the same stack afterwards. */
ROOT(task_with_float_control_has_a_rounding_mode_of_its_own)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    rn_task tasks[8];
#ifdef RN_FIBER_UCONTEXT
    SKIP("swapcontext() keeps a rounding mode for each fiber, whatever was asked for");
#endif
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < RN_COUNT(tasks); i++) {
            const bool own = i % 2 == 0;
            REQUIRE(rn_spawn_with(&tasks[i], own ? rounds_otherwise : rounds_to_nearest,
                                  (void *)(uintptr_t)&modes[i % 3],
                                  &(rn_spawn_opts){.flags = own ? RN_TASK_FLOAT_CONTROL : 0}) == 0);
        }
        for (size_t i = 0; i < RN_COUNT(tasks); i++)
            CHECK_RC(rn_join(tasks[i], NULL), 0);
        CHECK_EQ(fegetround(), FE_TONEAREST);
    }
}

/* Bindings of other languages may have no site to offer. */
ROOT_ON(2, task_is_born_somewhere_if_nobody_says_where)
{
    char name[RN_TASK_NAME_MAX + 1];
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn__spawn(NULL, &task, wait_for_flag, &leave, NULL) == 0);
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, "?");
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}
