/* SPDX-License-Identifier: MIT */
/* api_spawn.c - spawning: refusals, arguments and stacks (contract: <runnel/task.h>). */
#include "api/tasks.h"

#include <signal.h>
#include <stdlib.h>

/* -- spawning ---------------------------------------------------------------------------------------------------- */

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

static int give_number(void *arg)
{
    return *(const int *)arg;
}

ROOT(task_gets_its_argument_and_gives_its_result)
{
    int number = 4711;
    rn_task task;
    REQUIRE(rn_spawn(&task, give_number, &number) == 0);
    CHECK_EQ(result_of(task), 4711);
}

/* On one worker nobody else could have started it. */
ROOT_ON(1, task_starts_after_spawn_has_returned)
{
    enum { TASKS = 100 };
    rn_task tasks[TASKS];
    uint32_t ran = 0;
    for (int i = 0; i < TASKS; i++) {
        REQUIRE(rn_spawn(&tasks[i], count_one, &ran) == 0);
        CHECK_EQ(ran, 0);
    }
    for (int i = 0; i < TASKS; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    CHECK_EQ(ran, TASKS);
}

struct whereabouts {
    pthread_t thread;
    char *frame;
};

static int tell_whereabouts(void *arg)
{
    struct whereabouts *here = arg;
    char local;
    here->frame = &local;
    here->thread = pthread_self();
    return 0;
}

ROOT(task_runs_on_a_stack_of_its_own)
{
    char local;
    struct whereabouts there = {.frame = NULL};
    rn_task task;
    REQUIRE(rn_spawn(&task, tell_whereabouts, &there) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    const uintptr_t apart = there.frame > &local ? (uintptr_t)(there.frame - &local)
                                                 : (uintptr_t)(&local - there.frame);
    CHECK(apart >= RN_STACK_SIZE_MIN);
}

ROOT(task_without_handle_runs_too)
{
    uint32_t ran = 0;
    REQUIRE(rn_spawn(NULL, set_flag, &ran) == 0);
    WAIT_UNTIL(is_set(&ran));
}

ROOT(task_of_which_there_are_many_runs_once_each)
{
    enum { ROUNDS = 20, TASKS = 1000 };
    static rn_task tasks[TASKS];
    static uint32_t ran[TASKS];
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < TASKS; i++)
            REQUIRE(rn_spawn(&tasks[i], count_one, &ran[i]) == 0);
        for (int i = 0; i < TASKS; i++)
            CHECK_RC(rn_join(tasks[i], NULL), 0);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQ(ran[i], round);
    }
}

static int grow_tree(void *arg)
{
    const int depth = *(const int *)arg;
    int below = depth - 1;
    int leaves = 0;
    rn_task branches[3];
    if (depth == 0)
        return 1;
    for (int i = 0; i < 3; i++)
        REQUIRE(rn_spawn(&branches[i], grow_tree, &below) == 0);
    for (int i = 0; i < 3; i++)
        leaves += result_of(branches[i]);
    return leaves;
}

ROOT(task_spawns_tasks_that_spawn_tasks)
{
    int depth = 7;
    CHECK_EQ(grow_tree(&depth), 2187);
}

/* -- refusals ---------------------------------------------------------------------------------------------------- */

static const rn_task nonsense = {UINT64_C(0x123456789abcdef)};

static int must_not_run(void *arg)
{
    (void)arg;
    FAIL("a task ran whose spawn had failed");
    return 0;
}

/* Refused, the handle is that of no task, and nothing ever runs. */
#define CHECK_REFUSED(options, code)                                                                                 \
    do {                                                                                                             \
        rn_task refused_ = nonsense;                                                                                 \
        CHECK_RC(rn_spawn_with(&refused_, must_not_run, NULL, (options)), (code));                                   \
        CHECK_EQ(refused_.id, 0);                                                                                    \
    } while (0)

ROOT_ON(2, task_needs_a_function)
{
    rn_task task = nonsense;
    CHECK_RC(rn_spawn(&task, NULL, NULL), RN_EINVAL);
    CHECK_EQ(task.id, 0);
    task = nonsense;
    CHECK_RC(rn_spawn_copy(&task, NULL, &task, sizeof task, NULL), RN_EINVAL);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_spawn(NULL, NULL, NULL), RN_EINVAL);
}

ROOT_ON(2, task_options_have_no_unknown_flags)
{
    for (unsigned bit = 1; bit < 32; bit++)
        CHECK_REFUSED((&(rn_spawn_opts){.flags = 1u << bit}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.flags = RN_TASK_FLOAT_CONTROL | 1u << 31}), RN_EINVAL);
}

ROOT_ON(2, task_options_that_are_reserved_are_zero)
{
    CHECK_REFUSED((&(rn_spawn_opts){.reserved0 = 1}), RN_EINVAL);
    for (size_t i = 0; i < RN_COUNT(((rn_spawn_opts *)NULL)->reserved); i++) {
        rn_spawn_opts opts = {.name = "?"};
        opts.reserved[i] = UINT64_C(1) << 63;
        CHECK_REFUSED(&opts, RN_EINVAL);
    }
}

ROOT_ON(2, task_options_have_no_unknown_place)
{
    CHECK_REFUSED((&(rn_spawn_opts){.place = (enum rn_place)(RN_PLACE_POOL + 1)}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.place = (enum rn_place)INT32_MAX}), RN_EINVAL);
}

ROOT_ON(2, task_options_name_a_worker_that_exists)
{
    CHECK_REFUSED((&(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 2}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = UINT32_MAX}), RN_EINVAL);
    rn_task task;
    REQUIRE(rn_spawn_with(&task, count_one, &(uint32_t){0},
                          &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT_ON(2, task_options_have_a_stack_size_within_its_bounds)
{
    CHECK_REFUSED((&(rn_spawn_opts){.stack_size = RN_STACK_SIZE_MAX + 1}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.stack_size = SIZE_MAX}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.stack_size = RN_STACK_SIZE_MAX + 1, .place = RN_PLACE_THREAD}), RN_EINVAL);
}

/* "smallest and largest stack that can be asked for" */
ROOT_ON(2, task_options_have_no_stack_size_below_the_smallest)
{
    CHECK_REFUSED((&(rn_spawn_opts){.stack_size = 1}), RN_EINVAL);
    CHECK_REFUSED((&(rn_spawn_opts){.stack_size = RN_STACK_SIZE_MIN - 1}), RN_EINVAL);
}

TEST(task_on_a_plain_thread_needs_a_runtime)
{
    rn_task task = nonsense;
    CHECK_RC(rn_spawn(&task, must_not_run, NULL), RN_NO_RUNTIME);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_spawn_copy(&task, must_not_run, &task, sizeof task, &(rn_spawn_opts){.name = "x"}), RN_NO_RUNTIME);
}

TEST(task_is_spawned_by_a_plain_thread_that_names_a_runtime)
{
    rn_runtime *runtime;
    rn_task task;
    int number = 12;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_EQ(result_of(task), 12);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static int is_in(void *arg)
{
    return rn_runtime_current() == arg;
}

static rn_runtime *other; /* not the caller's */

/* Whatever its place is called: "near" is in no other runtime. */
static void spawn_into_other(void)
{
    static const enum rn_place places[] = {RN_PLACE_AUTO, RN_PLACE_NEAR, RN_PLACE_SPREAD, RN_PLACE_WORKER,
                                           RN_PLACE_THREAD};
    for (size_t i = 0; i < RN_COUNT(places); i++) {
        rn_task task;
        REQUIRE(rn_spawn_with(&task, is_in, other, &(rn_spawn_opts){.runtime = other, .place = places[i]}) == 0);
        CHECK_EQ(result_of(task), 1);
    }
    rn_task task;
    REQUIRE(rn_spawn(&task, is_in, rn_runtime_current()) == 0);
    CHECK_EQ(result_of(task), 1);
}

TEST(task_is_spawned_into_another_runtime)
{
    REQUIRE(rn_runtime_new(&other, &(rn_runtime_opts){.workers = 3}) == 0);
    on_workers(2, spawn_into_other);
    CHECK_RC(rn_runtime_free(other), 0);
}

/* -- arguments that are copied ----------------------------------------------------------------------------------- */

enum { COPY_SIZES = 7 };
static const size_t copy_sizes[COPY_SIZES] = {0, 1, 63, 64, 65, 1000, RN_SPAWN_COPY_MAX};

static unsigned char pattern_at(size_t size, size_t i)
{
    return (unsigned char)(size * 7 + i * 13 + 1);
}

static size_t size_to_check; /* one at a time */

static int check_copy(void *arg)
{
    const unsigned char *copy = arg;
    const size_t size = size_to_check;
    CHECK_EQ((uintptr_t)copy % _Alignof(max_align_t), 0);
    for (int look = 0; look < 3; look++) {
        for (size_t i = 0; i < size; i++) {
            if (copy[i] != pattern_at(size, i)) {
                FAIL("byte %zu of %zu is wrong", i, size);
                return -1;
            }
        }
        rn_yield();
        CHECK_RC(rn_sleep_ms(look), 0);
    }
    return 5;
}

ROOT(task_gets_a_copy_of_its_argument)
{
    unsigned char *original = malloc(RN_SPAWN_COPY_MAX);
    for (int i = 0; i < COPY_SIZES; i++) {
        const size_t size = size_to_check = copy_sizes[i];
        rn_task task;
        for (size_t byte = 0; byte < size; byte++)
            original[byte] = pattern_at(size, byte);
        REQUIRE(rn_spawn_copy(&task, check_copy, original, size, NULL) == 0);
        memset(original, 0, RN_SPAWN_COPY_MAX);
        CHECK_EQ(result_of(task), 5);
    }
    free(original);
}

static int scribble(void *arg)
{
    memset(arg, 0xee, size_to_check);
    return 0;
}

ROOT(task_owns_the_copy_of_its_argument)
{
    unsigned char original[RN_SPAWN_COPY_MAX] = {7};
    for (int i = 0; i < COPY_SIZES; i++) {
        rn_task tasks[2];
        size_to_check = copy_sizes[i];
        for (int t = 0; t < 2; t++)
            REQUIRE(rn_spawn_copy(&tasks[t], scribble, original, size_to_check, NULL) == 0);
        for (int t = 0; t < 2; t++)
            CHECK_RC(rn_join(tasks[t], NULL), 0);
        CHECK_EQ(original[0], 7);
        CHECK_EQ(original[RN_SPAWN_COPY_MAX - 1], 0);
    }
}

/* Two that wait with their copies while others start and end on the same worker. */
ROOT(task_keeps_the_copy_of_its_argument_while_others_start)
{
    unsigned char original[65];
    rn_task tasks[6];
    for (size_t size = 64; size <= 65; size++) {
        size_to_check = size;
        for (size_t byte = 0; byte < size; byte++)
            original[byte] = pattern_at(size, byte);
        for (size_t i = 0; i < RN_COUNT(tasks); i++)
            REQUIRE(rn_spawn_copy(&tasks[i], check_copy, original, size, NULL) == 0);
        for (size_t i = 0; i < RN_COUNT(tasks); i++)
            CHECK_EQ(result_of(tasks[i]), 5);
    }
}

static int give_first(void *arg)
{
    return *(unsigned char *)arg;
}

ROOT(task_on_its_own_thread_gets_a_copy_too)
{
    unsigned char original[RN_SPAWN_COPY_MAX] = {99};
    for (int i = 1; i < COPY_SIZES; i++) {
        rn_task task;
        REQUIRE(rn_spawn_copy(&task, give_first, original, copy_sizes[i],
                              &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
        CHECK_EQ(result_of(task), 99);
    }
}

ROOT_ON(2, task_argument_that_is_too_large_is_refused)
{
    static char large[RN_SPAWN_COPY_MAX + 1];
    rn_task task = nonsense;
    CHECK_RC(rn_spawn_copy(&task, must_not_run, large, sizeof large, NULL), RN_EINVAL);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_spawn_copy(&task, must_not_run, large, SIZE_MAX, NULL), RN_EINVAL);
}

ROOT_ON(2, task_argument_that_is_nowhere_is_refused)
{
    rn_task task = nonsense;
    CHECK_RC(rn_spawn_copy(&task, must_not_run, NULL, 1, NULL), RN_EINVAL);
    CHECK_EQ(task.id, 0);
}

ROOT_ON(2, task_argument_of_no_bytes_may_be_nowhere)
{
    rn_task task;
    size_to_check = 0;
    REQUIRE(rn_spawn_copy(&task, scribble, NULL, 0, NULL) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

struct pair {
    long left;
    long right;
    long *sum;
};
RN_TASK(add_pair, struct pair);

static int add_pair(struct pair pair)
{
    *pair.sum = pair.left + pair.right;
    return (int)*pair.sum;
}

ROOT(task_takes_a_struct_by_value)
{
    long sum = 0;
    rn_task task;
    REQUIRE(add_pair_spawn(&task, (struct pair){40, 2, &sum}) == 0);
    CHECK_EQ(result_of(task), 42);
    CHECK_EQ(sum, 42);
    REQUIRE(add_pair_spawn_with(&task, (struct pair){1, 2, &sum}, &(rn_spawn_opts){.name = "adder"}) == 0);
    CHECK_EQ(result_of(task), 3);
}

/* -- stacks ------------------------------------------------------------------------------------------------------ */

static const volatile char topmost = 1;

/* Uses up about `bytes` of its stack. Each frame looks at the one above, or a compiler may make one of them all. */
static __attribute__((noinline)) size_t use_stack(size_t bytes, const volatile char *above)
{
    volatile char frame[512];
    memset((char *)(uintptr_t)frame, *above, sizeof frame);
    const size_t deeper = bytes <= sizeof frame ? 0 : use_stack(bytes - sizeof frame, frame);
    return deeper + (size_t)frame[sizeof frame - 1];
}

static int use_half(void *arg)
{
    const size_t size = *(const size_t *)arg;
    return use_stack(size / 2 - 1024, &topmost) > 0;
}

static void check_stack_sizes(enum rn_place place)
{
    static const size_t sizes[] = {RN_STACK_SIZE_MIN, RN_STACK_SIZE_MIN + 1, 100001, 1 << 20, 16 << 20};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        rn_task task;
        REQUIRE(rn_spawn_with(&task, use_half, (void *)(uintptr_t)&sizes[i],
                              &(rn_spawn_opts){.stack_size = sizes[i], .place = place}) == 0);
        CHECK_EQ(result_of(task), 1);
    }
}

ROOT(task_has_a_stack_of_the_size_it_asked_for)
{
    check_stack_sizes(RN_PLACE_AUTO);
}

/* "stack_size: rounded up" of a task is the stack of its thread, if it has one. */
ROOT_ON(2, task_on_its_own_thread_has_a_stack_of_the_size_it_asked_for)
{
    check_stack_sizes(RN_PLACE_THREAD);
}

ROOT_ON(2, task_has_the_largest_stack_there_is)
{
    const size_t used = 1 << 20;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, use_half, (void *)(uintptr_t)&used,
                          &(rn_spawn_opts){.stack_size = RN_STACK_SIZE_MAX}) == 0);
    CHECK_EQ(result_of(task), 1);
}

TEST(task_has_the_stack_size_of_its_runtime)
{
    static const size_t used = 4 << 20;
    rn_runtime *runtime;
    rn_task task;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1, .stack_size = used}) == 0);
    REQUIRE(rn_spawn_with(&task, use_half, (void *)(uintptr_t)&used, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_EQ(result_of(task), 1);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* Stacks of several sizes end and start in turn: no one begins on the stack of another size. */
ROOT(task_has_its_stack_size_also_behind_a_task_with_another)
{
    static const size_t sizes[] = {RN_STACK_SIZE_MIN, 1 << 20, 64 << 10};
    for (int round = 0; round < 100; round++) {
        rn_task tasks[9];
        for (size_t i = 0; i < RN_COUNT(tasks); i++)
            REQUIRE(rn_spawn_with(&tasks[i], use_half, (void *)(uintptr_t)&sizes[i % 3],
                                  &(rn_spawn_opts){.stack_size = sizes[i % 3]}) == 0);
        for (size_t i = 0; i < RN_COUNT(tasks); i++)
            CHECK_EQ(result_of(tasks[i]), 1);
    }
}

static int overflow(void *arg)
{
    return (int)use_stack(*(const size_t *)arg * 4, &topmost);
}

/* Frames that the compiler does not probe would step over a small guard. */
static __attribute__((noinline)) int go_down(size_t frames, const volatile char *above)
{
    volatile char frame[8 * 1024];
    frame[0] = frame[sizeof frame - 1] = *above;
    return frames == 0 ? 0 : go_down(frames - 1, frame) + frame[0];
}

static int overflow_by_large_frames(void *arg)
{
    return go_down(*(const size_t *)arg / 1024, &topmost);
}

struct overflow {
    rn_fn *fn;
    size_t stack_size;
    enum rn_place place;
};

static void overflow_in_task(struct overflow *overflow)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, overflow->fn, &overflow->stack_size,
                          &(rn_spawn_opts){.name = "deep thought",
                                           .stack_size = overflow->stack_size,
                                           .place = overflow->place}) == 0);
    rn_join(task, NULL);
}

static int root_of_overflow(void *arg)
{
    overflow_in_task(arg);
    return 0;
}

static void check_overflow_of(struct overflow *overflow, const char *report)
{
    if (TEST_SANITIZED)
        SKIP("a sanitizer reports it in its own way");
    EXPECT_DEATH(SIGSEGV, report)
    {
        rn_run_with(root_of_overflow, overflow, &(rn_runtime_opts){.workers = 2});
    }
}

static void check_overflow(const char *guard, rn_fn *fn, size_t stack_size, const char *report)
{
    setenv("RN_STACK_GUARD", guard, 1);
    check_overflow_of(&(struct overflow){.fn = fn, .stack_size = stack_size}, report);
}

#define REPORT(size) "^runnel: stack overflow in deep thought \\(.*api_spawn\\.c:[0-9]+\\): its " size " KiB of stack"

TEST(task_that_overflows_its_stack_is_named_under_installed_guards)
{
    check_overflow("install", overflow, 64 << 10, REPORT("64"));
}

TEST(task_that_overflows_its_stack_is_named_under_mprotect)
{
    check_overflow("mprotect", overflow, 64 << 10, REPORT("64"));
}

TEST(task_that_overflows_by_frames_of_8_kib_is_named_under_installed_guards)
{
    check_overflow("install", overflow_by_large_frames, 64 << 10, REPORT("64"));
}

TEST(task_that_overflows_by_frames_of_8_kib_is_named_under_mprotect)
{
    check_overflow("mprotect", overflow_by_large_frames, 64 << 10, REPORT("64"));
}

TEST(task_that_overflows_the_smallest_stack_is_named)
{
    check_overflow("install", overflow, RN_STACK_SIZE_MIN, REPORT("16"));
}

/* Whether the C library counts the guard as a part is its own affair. */
TEST(task_that_overflows_the_stack_of_its_own_thread_is_named)
{
    struct overflow own = {.fn = overflow, .stack_size = 16 << 20, .place = RN_PLACE_THREAD};
    check_overflow_of(&own, REPORT("163[0-9]{2}"));
}

TEST(task_that_overflows_a_large_stack_is_named)
{
    check_overflow("install", overflow, 1 << 20, REPORT("1024"));
}
