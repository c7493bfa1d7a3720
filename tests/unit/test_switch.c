/* SPDX-License-Identifier: MIT */
/* test_switch.c - what a fiber keeps across a switch, and what it finds when it starts. */
#include "harness/harness.h"

#include "base/annotate.h"
#include "fiber/switch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

static struct rn__fiber thread_fiber;
static int counter;

static struct rn__stack *new_stack(size_t size)
{
    struct rn__stack_class *size_class = rn__stack_class_of(size);
    REQUIRE(size_class != NULL);
    REQUIRE(rn__stacks_reserve(size_class, 1));
    return rn__stack_attach(size_class);
}

static void give_back(struct rn__stack *stack)
{
    struct rn__stack_class *size_class = stack->size_class;
    rn__stack_detach(stack);
    rn__stacks_unreserve(size_class, 1);
}

/* A fiber of these tests: runs body(self) and leaves. */
struct routine {
    struct rn__fiber fiber;
    void (*body)(struct routine *self);
    struct rn__fiber *next; /* where it goes at its end */
    int number;
    int steps;
    double sum;
};

static void run_routine(void *arg)
{
    struct routine *self = arg;
    self->body(self);
    rn__fiber_leave(&self->fiber, self->next);
}

static void pause_to(struct routine *self, struct rn__fiber *other)
{
    rn__fiber_switch(&self->fiber, other);
}

static void prepare(struct routine *self, struct rn__stack *stack, void (*body)(struct routine *self))
{
    self->body = body;
    self->next = &thread_fiber;
    rn__fiber_prepare(&self->fiber, stack, run_routine, self);
}

static void resume(struct routine *routine)
{
    rn__fiber_switch(&thread_fiber, &routine->fiber);
}

/* Runs one routine from its start to its end. */
static void run_alone(void (*body)(struct routine *self))
{
    struct routine routine = {.number = 17};
    struct rn__stack *stack = new_stack(64 * 1024);
    rn__fiber_adopt_thread(&thread_fiber);
    prepare(&routine, stack, body);
    resume(&routine);
    rn__fiber_release_thread(&thread_fiber);
    give_back(stack);
}

/* -- starting --------------------------------------------------------------------------------------------------- */

static void note_start(struct routine *self)
{
    const char *here = __builtin_frame_address(0);
    CHECK_EQ(self->number, 17);
    CHECK(here >= self->fiber.stack->low && here < self->fiber.stack->top);
    counter++;
}

TEST(fiber_starts_in_its_entry_on_its_stack)
{
    run_alone(note_start);
    CHECK_EQ(counter, 1);
}

static void note_alignment(struct routine *self)
{
    _Alignas(16) volatile char block[64];
    block[0] = 1;
    (void)self;
    CHECK_EQ((uintptr_t)block % 16, 0);
    CHECK_EQ((uintptr_t)__builtin_frame_address(0) % 16, 0);
    char text[64]; /* printf of a double uses aligned vector stores */
    CHECK(snprintf(text, sizeof(text), "%.3f", 2.5) == 5);
    CHECK_STR_EQ(text, "2.500");
}

TEST(fiber_starts_with_an_aligned_stack)
{
    run_alone(note_alignment);
}

static void note_errno(struct routine *self)
{
    (void)self;
    CHECK_EQ(errno, 0);
    errno = 99;
}

TEST(fiber_starts_with_errno_zero_and_leaves_ours_alone)
{
    errno = 4;
    run_alone(note_errno);
    CHECK_EQ(errno, 4);
}

static void entry_that_returns(void *arg)
{
    (void)arg;
}

TEST(fiber_entry_that_returns_ends_the_program)
{
    EXPECT_DEATH(SIGABRT, "entry of a fiber returned")
    {
        struct rn__fiber fiber;
        rn__fiber_adopt_thread(&thread_fiber);
        rn__fiber_prepare(&fiber, new_stack(65536), entry_that_returns, NULL);
        rn__fiber_switch(&thread_fiber, &fiber);
    }
}

/* -- what is kept ----------------------------------------------------------------------------------------------- */

static int opaque(int value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

/* More values than there are registers, of both kinds, alive across each switch. */
static void juggle(struct routine *self)
{
    int a = opaque(self->number + 1), b = opaque(self->number + 2), c = opaque(self->number + 3);
    int d = opaque(self->number + 4), e = opaque(self->number + 5), f = opaque(self->number + 6);
    int g = opaque(self->number + 7), h = opaque(self->number + 8), i = opaque(self->number + 9);
    double p = opaque(self->number) * 0.5, q = p + 1, r = p + 2, s = p + 3, t = p + 4, u = p + 5, v = p + 6;
    for (int step = 0; step < 100; step++) {
        pause_to(self, &thread_fiber);
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i, i += step;
        p += q, q += r, r += s, s += t, t += u, u += v, v += step;
        a &= 0xffff, b &= 0xffff, c &= 0xffff, d &= 0xffff, e &= 0xffff, f &= 0xffff, g &= 0xffff, h &= 0xffff;
    }
    self->steps = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i;
    self->sum = p + q + r + s + t + u + v;
}

TEST(fiber_keeps_all_live_values)
{
    enum { ROUTINES = 10 };
    static struct routine alone[ROUTINES], together[ROUTINES];
    struct rn__stack *stacks[ROUTINES];
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < ROUTINES; i++)
        stacks[i] = new_stack(16 * 1024);
    for (int i = 0; i < ROUTINES; i++) { /* one after the other: only itself could disturb it */
        alone[i].number = together[i].number = i * 1000;
        prepare(&alone[i], stacks[i], juggle);
        for (int step = 0; step <= 100; step++)
            resume(&alone[i]);
    }
    for (int i = 0; i < ROUTINES; i++)
        prepare(&together[i], stacks[i], juggle);
    for (int step = 0; step <= 100; step++)
        for (int i = 0; i < ROUTINES; i++)
            resume(&together[i]);
    for (int i = 0; i < ROUTINES; i++) {
        CHECK_EQ(together[i].steps, alone[i].steps);
        CHECK(memcmp(&together[i].sum, &alone[i].sum, sizeof(double)) == 0);
        give_back(stacks[i]);
    }
}

#if defined(__x86_64__)
enum { KEPT = 6 };
/* keep_registers(from, to, seen, mark): each register that a callee must keep has a mark of its own, then comes the
 * switch, then they are written to seen. */
__asm__(".text\n"
        ".type keep_registers, %function\n"
        "keep_registers:\n"
        "    push %rbx\n    push %rbp\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    push %rdx\n"
        "    lea 0(%rcx), %rbx\n    lea 1(%rcx), %rbp\n    lea 2(%rcx), %r12\n"
        "    lea 3(%rcx), %r13\n    lea 4(%rcx), %r14\n    lea 5(%rcx), %r15\n"
        "    call rn__fiber_switch\n"
        "    pop %rdx\n"
        "    mov %rbx, 0(%rdx)\n    mov %rbp, 8(%rdx)\n    mov %r12, 16(%rdx)\n"
        "    mov %r13, 24(%rdx)\n    mov %r14, 32(%rdx)\n    mov %r15, 40(%rdx)\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbp\n    pop %rbx\n"
        "    ret\n");
#elif defined(__aarch64__)
enum { KEPT = 19 };
__asm__(".text\n"
        ".type keep_registers, %function\n"
        "keep_registers:\n"
        "    sub sp, sp, #176\n"
        "    stp x29, x30, [sp, #0]\n    stp x19, x20, [sp, #16]\n    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n    stp x25, x26, [sp, #64]\n    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n    str x2, [sp, #160]\n"
        "    add x19, x3, #0\n    add x20, x3, #1\n    add x21, x3, #2\n    add x22, x3, #3\n"
        "    add x23, x3, #4\n    add x24, x3, #5\n    add x25, x3, #6\n    add x26, x3, #7\n"
        "    add x27, x3, #8\n    add x28, x3, #9\n    add x29, x3, #10\n"
        "    add x9, x3, #11\n    fmov d8, x9\n    add x9, x3, #12\n    fmov d9, x9\n"
        "    add x9, x3, #13\n    fmov d10, x9\n    add x9, x3, #14\n    fmov d11, x9\n"
        "    add x9, x3, #15\n    fmov d12, x9\n    add x9, x3, #16\n    fmov d13, x9\n"
        "    add x9, x3, #17\n    fmov d14, x9\n    add x9, x3, #18\n    fmov d15, x9\n"
        "    bl rn__fiber_switch\n"
        "    ldr x2, [sp, #160]\n"
        "    stp x19, x20, [x2, #0]\n    stp x21, x22, [x2, #16]\n    stp x23, x24, [x2, #32]\n"
        "    stp x25, x26, [x2, #48]\n    stp x27, x28, [x2, #64]\n    str x29, [x2, #80]\n"
        "    str d8, [x2, #88]\n    str d9, [x2, #96]\n    str d10, [x2, #104]\n    str d11, [x2, #112]\n"
        "    str d12, [x2, #120]\n    str d13, [x2, #128]\n    str d14, [x2, #136]\n    str d15, [x2, #144]\n"
        "    ldp x29, x30, [sp, #0]\n    ldp x19, x20, [sp, #16]\n    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n    ldp x25, x26, [sp, #64]\n    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #176\n"
        "    ret\n");
#endif

#if defined(__x86_64__) || defined(__aarch64__)
void keep_registers(struct rn__fiber *from, struct rn__fiber *to, uint64_t *seen, uint64_t mark);

static void check_registers(struct routine *self)
{
    for (int step = 0; step < 3; step++) {
        uint64_t seen[KEPT] = {0};
        const uint64_t mark = (uint64_t)self->number << 32 | (uint64_t)step << 8;
        keep_registers(&self->fiber, &thread_fiber, seen, mark);
        for (uint64_t i = 0; i < KEPT; i++)
            CHECK_EQ(seen[i], mark + i);
    }
    counter++;
}

TEST(fiber_keeps_each_register_that_a_callee_must_keep)
{
    struct routine routines[2] = {{.number = 100}, {.number = 200}};
    struct rn__stack *stacks[2] = {new_stack(65536), new_stack(65536)};
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < 2; i++)
        prepare(&routines[i], stacks[i], check_registers);
    for (int step = 0; step <= 3; step++)
        for (int i = 0; i < 2; i++)
            resume(&routines[i]);
    CHECK_EQ(counter, 2);
    give_back(stacks[0]);
    give_back(stacks[1]);
}
#endif

static void set_errno(struct routine *self)
{
    for (int step = 0; step < 10; step++) {
        errno = self->number + step;
        pause_to(self, &thread_fiber);
        CHECK_EQ(errno, self->number + step);
    }
}

TEST(fiber_keeps_its_errno)
{
    struct routine routines[2] = {{.number = 100}, {.number = 200}};
    struct rn__stack *stacks[2] = {new_stack(65536), new_stack(65536)};
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < 2; i++)
        prepare(&routines[i], stacks[i], set_errno);
    for (int step = 0; step <= 10; step++)
        for (int i = 0; i < 2; i++) {
            errno = 5;
            resume(&routines[i]);
            CHECK_EQ(errno, 5);
        }
    give_back(stacks[0]);
    give_back(stacks[1]);
}

/* -- order ------------------------------------------------------------------------------------------------------ */

enum { RING = 100 };
static struct routine ring[RING];

static void pass_round(struct routine *self)
{
    for (int lap = 0; lap < 50; lap++) {
        CHECK_EQ(counter % RING, self->number);
        counter++;
        pause_to(self, &ring[(self->number + 1) % RING].fiber);
    }
    self->next = self->number + 1 < RING ? &ring[self->number + 1].fiber : &thread_fiber;
}

TEST(fiber_may_switch_to_another_directly)
{
    struct rn__stack *stacks[RING];
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < RING; i++) {
        stacks[i] = new_stack(65536);
        ring[i].number = i;
        prepare(&ring[i], stacks[i], pass_round);
    }
    resume(&ring[0]);
    CHECK_EQ(counter, 50 * RING);
    for (int i = 0; i < RING; i++)
        give_back(stacks[i]);
}

static void count_up(struct routine *self)
{
    (void)self;
    counter++;
}

TEST(fiber_that_left_gives_its_stack_to_the_next)
{
    enum { ROUNDS = TEST_SANITIZED ? 30000 : 100000 };
    struct routine routine = {.number = 0};
    struct rn__stack *stack = new_stack(65536);
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < ROUNDS; i++) {
        prepare(&routine, stack, count_up);
        resume(&routine);
    }
    CHECK_EQ(counter, ROUNDS);
    give_back(stack);
}

static void leave_from_a_copy(struct routine *self)
{
    struct rn__fiber copy = self->fiber;
    memset(self, 0x5a, sizeof(*self)); /* its owner is gone */
    counter++;
    rn__fiber_leave(&copy, &thread_fiber);
}

TEST(fiber_may_leave_when_its_owner_is_gone)
{
    run_alone(leave_from_a_copy);
    run_alone(leave_from_a_copy);
    CHECK_EQ(counter, 2);
}

static void note_depth(struct routine *self)
{
    volatile char deep[8192];
    memset((char *)(uintptr_t)deep, self->number, sizeof(deep));
    pause_to(self, &thread_fiber);
    for (size_t i = 0; i < sizeof(deep); i++)
        self->steps += deep[i];
}

TEST(fiber_stacks_do_not_overlap)
{
    enum { ROUTINES = 50 };
    static struct routine routines[ROUTINES];
    struct rn__stack *stacks[ROUTINES];
    rn__fiber_adopt_thread(&thread_fiber);
    for (int i = 0; i < ROUTINES; i++) {
        stacks[i] = new_stack(32 * 1024);
        routines[i].number = i;
        prepare(&routines[i], stacks[i], note_depth);
        resume(&routines[i]);
    }
    for (int i = 0; i < ROUTINES; i++) {
        resume(&routines[i]);
        CHECK_EQ(routines[i].steps, 8192 * i);
        give_back(stacks[i]);
    }
}

#ifndef NDEBUG
static void resume_the_running(struct routine *self)
{
    struct rn__fiber other = {.stack_pointer = NULL};
    rn__fiber_switch(&other, &self->fiber);
}

TEST(fiber_that_runs_cannot_be_resumed)
{
    EXPECT_DEATH(SIGABRT, "assertion failed: to->stack_pointer")
    {
        run_alone(resume_the_running);
    }
}
#endif

/* -- what goes along -------------------------------------------------------------------------------------------- */

/* swapcontext() keeps the modes by itself. */
#ifndef RN_FIBER_UCONTEXT
/* fesetround() and fegetround() without libm, and of both units where there are two. */
#if defined(__x86_64__)
enum { NEAREST, DOWNWARD, UPWARD };

static void set_rounding(uint32_t mode)
{
    uint32_t sse = 0;
    uint16_t x87 = 0;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
    sse = (sse & ~(3u << 13)) | mode << 13;
    x87 = (uint16_t)((x87 & ~(3u << 10)) | mode << 10);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
}

static uint32_t get_rounding(void)
{
    uint32_t sse = 0;
    uint16_t x87 = 0;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
    CHECK_EQ(sse >> 13 & 3, x87 >> 10 & 3);
    return sse >> 13 & 3;
}
#elif defined(__aarch64__)
enum { NEAREST, UPWARD, DOWNWARD };

static void set_rounding(uint32_t mode)
{
    uint64_t control = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    control = (control & ~(UINT64_C(3) << 22)) | (uint64_t)mode << 22;
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

static uint32_t get_rounding(void)
{
    uint64_t control = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return (uint32_t)(control >> 22 & 3);
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
static void round_upward(struct routine *self)
{
    CHECK_EQ(get_rounding(), DOWNWARD); /* that of the one who resumed it first */
    set_rounding(UPWARD);
    pause_to(self, &thread_fiber);
    CHECK_EQ(get_rounding(), UPWARD);
}

static void expect_downward(struct routine *self)
{
    CHECK_EQ(get_rounding(), DOWNWARD);
    pause_to(self, self->next);
    CHECK_EQ(get_rounding(), DOWNWARD);
    self->next = &thread_fiber;
}

TEST(fiber_with_float_control_has_its_own_rounding_mode)
{
    struct routine with = {.number = 0};
    struct routine without = {.number = 1};
    struct rn__stack *stacks[2] = {new_stack(65536), new_stack(65536)};
    rn__fiber_adopt_thread(&thread_fiber);
    prepare(&with, stacks[0], round_upward);
    with.fiber.flags = RN__FIBER_FLOAT_CONTROL;
    prepare(&without, stacks[1], expect_downward);
    set_rounding(DOWNWARD);
    resume(&with);
    CHECK_EQ(get_rounding(), DOWNWARD);
    without.next = &with.fiber; /* directly from one to the other, and the other leaves to us */
    resume(&without);
    CHECK_EQ(get_rounding(), DOWNWARD);
    resume(&without);
    CHECK_EQ(get_rounding(), DOWNWARD);
    set_rounding(NEAREST);
    give_back(stacks[0]);
    give_back(stacks[1]);
}

static void round_for_all(struct routine *self)
{
    (void)self;
    set_rounding(UPWARD);
}

TEST(fiber_without_float_control_shares_the_threads)
{
    set_rounding(NEAREST);
    run_alone(round_for_all);
    CHECK_EQ(get_rounding(), UPWARD);
    set_rounding(NEAREST);
}
#endif
#endif

/* Stands in for the C++ runtime's: the test programs have none. */
static __thread struct {
    void *caught;
    size_t uncaught;
} exceptions;
void *__cxa_get_globals(void);
void *__cxa_get_globals(void)
{
    return &exceptions;
}

static void handle_exception(struct routine *self)
{
    CHECK(exceptions.caught == NULL);
    CHECK_EQ(exceptions.uncaught, 0);
    exceptions.caught = self;
    exceptions.uncaught = (size_t)self->number;
    pause_to(self, &thread_fiber);
    CHECK(exceptions.caught == self);
    CHECK_EQ(exceptions.uncaught, self->number);
}

TEST(fiber_keeps_its_cxx_exceptions)
{
    struct routine routines[2] = {{.number = 1}, {.number = 2}};
    struct rn__stack *stacks[2] = {new_stack(65536), new_stack(65536)};
    rn__fiber_adopt_thread(&thread_fiber);
    exceptions.caught = &counter;
    for (int i = 0; i < 2; i++) {
        prepare(&routines[i], stacks[i], handle_exception);
        resume(&routines[i]);
        CHECK(exceptions.caught == &counter);
    }
    for (int i = 1; i >= 0; i--) {
        resume(&routines[i]);
        CHECK(exceptions.caught == &counter);
        give_back(stacks[i]);
    }
}

/* -- backtraces ------------------------------------------------------------------------------------------------- */

#ifdef __GLIBC__
static void trace(struct routine *self)
{
    void *frames[64];
    counter = backtrace(frames, 64);
    self->steps = counter;
}

TEST(fiber_backtrace_ends_at_its_start)
{
    run_alone(trace);
    CHECK(counter >= 2);
    CHECK(counter <= 8);
}
#endif

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(RN_FIBER_UCONTEXT)
static void walk_frames(struct routine *self)
{
    struct rn__saved_frame *frame = __builtin_frame_address(0);
    const char *below = self->fiber.stack->low;
    for (counter = 0; frame != NULL && counter < 20; counter++) {
        const char *at = (char *)frame;
        if (!CHECK(at >= below && at < self->fiber.stack->top))
            return;
        below = at + 1;
        frame = frame->frame_pointer;
    }
}

TEST(fiber_chain_of_frame_pointers_ends_in_its_stack)
{
    run_alone(walk_frames);
    CHECK(counter >= 1);
    CHECK(counter < 20);
}
#endif

/* -- the price -------------------------------------------------------------------------------------------------- */

#if !TEST_SANITIZED && !defined(RN_FIBER_UCONTEXT)
static void park(struct routine *self)
{
    pause_to(self, &thread_fiber);
}

/* Pages of this process that are not backed by files. */
static long anonymous_pages(void)
{
    long all = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    REQUIRE(file != NULL);
    REQUIRE(fscanf(file, "%ld %ld %ld", &all, &resident, &shared) == 3);
    fclose(file);
    return resident - shared;
}

TEST(fiber_that_is_parked_costs_one_page)
{
    enum { PARKED = 1000 };
    if (rn__annotate_on_valgrind())
        SKIP("it uses memory of its own");
    struct rn__stack_class *size_class = rn__stack_class_of(65536);
    struct routine *routines = calloc(PARKED, sizeof(*routines));
    struct rn__stack *stacks[PARKED];
    REQUIRE(routines != NULL);
    memset(routines, 1, PARKED * sizeof(*routines)); /* its pages are not what we count */
    REQUIRE(rn__stacks_reserve(size_class, PARKED));
    rn__fiber_adopt_thread(&thread_fiber);
    memset(stacks, 0, sizeof(stacks));
    const long before = anonymous_pages();
    size_t own_pages = 0;
    for (int i = 0; i < PARKED; i++) {
        stacks[i] = rn__stack_attach(size_class);
        prepare(&routines[i], stacks[i], park);
        resume(&routines[i]);
        own_pages += rn__stack_high_water(stacks[i]) / rn__platform_page_size();
    }
    const long used = anonymous_pages() - before;
    CHECK_EQ(own_pages, PARKED);
    if (!CHECK(used <= PARKED + PARKED / 10))
        FAIL("%ld pages for %d parked fibers", used, PARKED);
    for (int i = 0; i < PARKED; i++) {
        resume(&routines[i]);
        rn__stack_detach(stacks[i]);
    }
    rn__stacks_unreserve(size_class, PARKED);
    free(routines);
}
#endif

/* -- one stack, several threads ---------------------------------------------------------------------------------- */

static void use_stack(struct routine *self)
{
    volatile char local[2000];
    memset((char *)(uintptr_t)local, self->number, sizeof(local));
    self->steps = local[100];
}

static void run_some(void *arg)
{
    struct rn__stack_class *size_class = arg;
    struct rn__fiber own;
    rn__fiber_adopt_thread(&own);
    for (int i = 0; i < 500; i++) {
        struct routine routine = {.number = i % 100};
        struct rn__stack *stack = rn__stack_attach(size_class);
        prepare(&routine, stack, use_stack);
        routine.next = &own;
        rn__fiber_switch(&own, &routine.fiber);
        rn__stack_detach(stack);
        CHECK_EQ(routine.steps, i % 100);
    }
    rn__fiber_release_thread(&own);
}

TEST(fiber_stacks_go_from_thread_to_thread)
{
    struct rn__stack_class *size_class = rn__stack_class_of(65536);
    struct rn__thread threads[4];
    REQUIRE(rn__stacks_reserve(size_class, RN__COUNT(threads)));
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(rn__platform_thread_create(&threads[i], run_some, size_class, "fibers", true, 0));
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        rn__platform_thread_join(threads[i]);
    rn__stacks_unreserve(size_class, RN__COUNT(threads));
}
