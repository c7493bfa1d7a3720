/* SPDX-License-Identifier: MIT */
/* test_overflow.c - a stack that is too small is named before the program dies of it. */
#include "harness/harness.h"

#include "fiber/stack.h"
#include "fiber/switch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rn__fiber thread_fiber;
static struct rn__fiber fiber;

static size_t describe(void *owner, char *text, size_t size)
{
    const char *name = owner;
    const size_t length = strlen(name) < size ? strlen(name) : size;
    memcpy(text, name, length);
    return length;
}

static char parser[] = "task 7 \"parser\" born at x.c:12";

/* Runs entry on a stack of 64 KiB with that guard, owned by "task 7". */
static void run_owned(enum rn__guard guard, void (*entry)(void *arg), void *arg)
{
    rn__stack_set_guard(guard);
    struct rn__stack_class *size_class = rn__stack_class_of(64 * 1024);
    REQUIRE(rn__stacks_reserve(size_class, 2));
    (void)rn__stack_attach(size_class); /* that at the slab's edge always has a guard */
    struct rn__stack *stack = rn__stack_attach(size_class);
    stack->owner = parser;
    (void)rn__platform_fault_stack();
    rn__stack_report_overflows(describe);
    rn__fiber_adopt_thread(&thread_fiber);
    rn__fiber_prepare(&fiber, stack, entry, arg);
    rn__fiber_switch(&thread_fiber, &fiber);
    rn__stack_detach(stack);
}

/* Each frame points at the one above, so that none can be left out. */
static RN__NOINLINE int go_deeper(int depth, volatile char *above)
{
    volatile char frame[64];
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (char)(above[i] + 1);
    return depth == 0 ? frame[0] : go_deeper(depth - 1, frame) + above[depth % 64];
}

static void overflow_in_small_steps(void *arg)
{
    volatile char first[64] = {0};
    (void)arg;
    (void)go_deeper(100000, first);
    rn__fiber_leave(&fiber, &thread_fiber);
}

static RN__NOINLINE int go_deep_fast(int depth, volatile char *above)
{
    volatile char frame[8192];
    for (size_t i = sizeof(frame); i > 0; i -= 512)
        frame[i - 1] = (char)(above[i - 1] + 1);
    return depth == 0 ? frame[511] : go_deep_fast(depth - 1, frame) + above[511];
}

static void overflow_in_large_steps(void *arg)
{
    static volatile char first[8192];
    (void)arg;
    (void)go_deep_fast(100, first);
    rn__fiber_leave(&fiber, &thread_fiber);
}

#define SAYS "runnel: stack overflow in task 7 \"parser\" born at x.c:12: its 64 KiB of stack are used up.*stack_size"

TEST(overflow_names_the_task_and_the_size)
{
    const enum rn__guard guards[] = {RN__GUARD_INSTALL, RN__GUARD_PROTECT};
    for (size_t i = 0; i < RN__COUNT(guards); i++) {
        EXPECT_DEATH(SIGSEGV, SAYS)
        {
            run_owned(guards[i], overflow_in_small_steps, NULL);
        }
    }
}

TEST(overflow_by_large_frames_does_not_jump_the_guard)
{
    const enum rn__guard guards[] = {RN__GUARD_INSTALL, RN__GUARD_PROTECT};
    for (size_t i = 0; i < RN__COUNT(guards); i++) {
        EXPECT_DEATH(SIGSEGV, SAYS)
        {
            run_owned(guards[i], overflow_in_large_steps, NULL);
        }
    }
}

static void overrun_a_little(void *arg)
{
    (void)arg;
    memset(fiber.stack->low - 200, 1, 300); /* what a frame at the very end would do */
    rn__fiber_leave(&fiber, &thread_fiber);
}

TEST(overflow_without_a_guard_is_found_when_the_stack_goes_back)
{
    EXPECT_DEATH(SIGABRT, "stack overflow in task 7 .* had no guard page")
    {
        run_owned(RN__GUARD_NONE, overrun_a_little, NULL);
    }
}

#ifndef NDEBUG
static void overrun_and_yield(void *arg)
{
    (void)arg;
    memset(fiber.stack->low - 200, 1, 300);
    rn__fiber_switch(&fiber, &thread_fiber);
}

TEST(overflow_without_a_guard_is_found_at_the_next_switch)
{
    EXPECT_DEATH(SIGABRT, "stack overflow in task 7 .* had no guard page")
    {
        run_owned(RN__GUARD_NONE, overrun_and_yield, NULL);
        fprintf(stderr, "too late\n");
        _exit(1);
    }
}
#endif

/* -- what is not ours -------------------------------------------------------------------------------------------- */

static void fault_in_a_guard_of_another(void *arg)
{
    struct rn__stack *other = rn__stack_attach(rn__stack_class_of(64 * 1024));
    (void)arg;
    other->owner = parser;
    *(volatile char *)(other->low - 100) = 1;
    rn__fiber_leave(&fiber, &thread_fiber);
}

TEST(overflow_is_not_what_a_wild_pointer_is_called)
{
    EXPECT_DEATH(SIGSEGV, "an access by somebody else to the guard of the stack of task 7 \"parser\"")
    {
        REQUIRE(rn__stacks_reserve(rn__stack_class_of(64 * 1024), 1));
        run_owned(RN__GUARD_PROTECT, fault_in_a_guard_of_another, NULL);
    }
}

static sigjmp_buf way_out;
static volatile int handler_calls;
static char *volatile nowhere = (char *)16; /* so that no compiler thinks about it */

static void handler_before_ours(int signal_number)
{
    (void)signal_number;
    handler_calls++;
    siglongjmp(way_out, 1);
}

static int redirected;

static void fault_elsewhere(void *arg)
{
    (void)arg;
    if (sigsetjmp(way_out, 1) == 0)
        *nowhere = 1;
    rn__fiber_leave(&fiber, &thread_fiber);
}

TEST(overflow_report_says_nothing_of_other_faults)
{
    FILE *output = tmpfile();
    REQUIRE(output != NULL);
    signal(SIGSEGV, handler_before_ours);
    redirected = dup(STDERR_FILENO);
    dup2(fileno(output), STDERR_FILENO);
    run_owned(RN__GUARD_PROTECT, fault_elsewhere, NULL);
    dup2(redirected, STDERR_FILENO);
    close(redirected);
    CHECK_EQ(handler_calls, 1);
    CHECK_EQ(lseek(fileno(output), 0, SEEK_END), 0);
    fclose(output);
    rn__stacks_unreserve(rn__stack_class_of(64 * 1024), 1);
}

static void overflow_and_recover(void *arg)
{
    volatile char first[64] = {0};
    (void)arg;
    if (sigsetjmp(way_out, 1) == 0)
        (void)go_deeper(100000, first);
    rn__fiber_leave(&fiber, &thread_fiber);
}

TEST(overflow_is_reported_before_the_previous_handler_runs)
{
    EXPECT_DEATH(SIGABRT, SAYS)
    {
        signal(SIGSEGV, handler_before_ours);
        run_owned(RN__GUARD_INSTALL, overflow_and_recover, NULL);
        if (handler_calls == 1)
            abort();
        _exit(1);
    }
}

TEST(overflow_of_a_nameless_fiber_is_reported_too)
{
    EXPECT_DEATH(SIGSEGV, "stack overflow in a fiber: its 64 KiB")
    {
        rn__stack_report_overflows(NULL);
        rn__stack_set_guard(RN__GUARD_INSTALL);
        struct rn__stack_class *size_class = rn__stack_class_of(64 * 1024);
        REQUIRE(rn__stacks_reserve(size_class, 1));
        struct rn__stack *stack = rn__stack_attach(size_class);
        stack->owner = &fiber;
        (void)rn__platform_fault_stack();
        rn__fiber_adopt_thread(&thread_fiber);
        rn__fiber_prepare(&fiber, stack, overflow_in_small_steps, NULL);
        rn__fiber_switch(&thread_fiber, &fiber);
    }
}
