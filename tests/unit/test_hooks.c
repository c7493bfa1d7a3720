/* SPDX-License-Identifier: MIT */
/* test_hooks.c - the allocator and the log of the program, and the places where a test lets an allocation fail. */
#include "harness/harness.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/log.h"

#include <runnel.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the hook was asked for last. */
static struct {
    size_t size, align, freed;
    int allocs, frees;
    void *ctx;
} seen;

static void *hook_alloc(size_t size, size_t align, void *ctx)
{
    seen.size = size;
    seen.align = align;
    seen.ctx = ctx;
    seen.allocs++;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void hook_free(void *memory, size_t size, void *ctx)
{
    seen.freed = size;
    seen.ctx = ctx;
    seen.frees++;
    free(memory);
}

static int word;
static const rn_allocator hook = {.alloc = hook_alloc, .free = hook_free, .ctx = &word};

TEST(allocator_hook_sees_sizes_alignments_and_its_context)
{
    CHECK_RC(rn_set_allocator(&hook), 0);
    void *memory = rn__alloc(24);
    CHECK_EQ(seen.size, 24);
    CHECK_EQ(seen.align, _Alignof(max_align_t));
    CHECK(seen.ctx == &word);
    rn__free(memory, 24);
    CHECK_EQ(seen.freed, 24);
    CHECK_EQ(seen.frees, 1);
    CHECK_RC(rn_set_allocator(NULL), 0);
}

TEST(allocator_gives_the_alignment_that_was_asked_for)
{
    for (int hooked = 0; hooked < 2; hooked++) {
        CHECK_RC(rn_set_allocator(hooked ? &hook : NULL), 0);
        for (size_t align = 1; align <= 4096; align *= 2) {
            char *memory = rn__alloc_aligned(100, align);
            REQUIRE(memory != NULL);
            CHECK_EQ((uintptr_t)memory % align, 0);
            memset(memory, 1, 100);
            rn__free(memory, 100);
        }
    }
}

TEST(allocator_zeroes_what_was_used_before)
{
    CHECK_RC(rn_set_allocator(NULL), 0);
    for (int round = 0; round < 8; round++) {
        unsigned char *memory = rn__alloc_zeroed(300);
        REQUIRE(memory != NULL);
        for (size_t i = 0; i < 300; i++)
            CHECK_EQ(memory[i], 0);
        memset(memory, 0xff, 300);
        rn__free(memory, 300);
    }
}

TEST(allocator_may_not_change_while_memory_is_alive)
{
    CHECK_RC(rn_set_allocator(&hook), 0);
    void *memory = rn__alloc(1);
    CHECK_RC(rn_set_allocator(NULL), RN_EBUSY);
    CHECK_RC(rn_set_allocator(&hook), RN_EBUSY);
    rn__free(memory, 1);
    CHECK_EQ(seen.frees, 1);
    CHECK_RC(rn_set_allocator(NULL), 0);
}

static void *free_it(void *memory)
{
    rn__free(memory, 8);
    return NULL;
}

TEST(allocator_counts_what_another_thread_gives_back)
{
    CHECK_RC(rn_set_allocator(&hook), 0);
    void *memory = rn__alloc(8);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, free_it, memory) == 0);
    pthread_join(thread, NULL);
    CHECK_RC(rn_set_allocator(NULL), 0);
}

TEST(allocator_refuses_half_a_hook_and_set_reserved_words)
{
    rn_allocator broken = hook;
    broken.alloc = NULL;
    CHECK_RC(rn_set_allocator(&broken), RN_EINVAL);
    broken = hook;
    broken.free = NULL;
    CHECK_RC(rn_set_allocator(&broken), RN_EINVAL);
    for (int i = 0; i < 2; i++) {
        broken = hook;
        broken.reserved[i] = 1;
        CHECK_RC(rn_set_allocator(&broken), RN_EINVAL);
    }
    rn__free(rn__alloc(1), 1);
    CHECK_EQ(seen.allocs, 0); /* the refused ones changed nothing */
}

static void *hook_refuse(size_t size, size_t align, void *ctx)
{
    (void)size;
    (void)align;
    (void)ctx;
    return NULL;
}

TEST(allocator_that_has_nothing_is_no_allocation)
{
    const rn_allocator empty = {.alloc = hook_refuse, .free = hook_free};
    CHECK_RC(rn_set_allocator(&empty), 0);
    CHECK(rn__alloc(8) == NULL);
    CHECK(rn__alloc_aligned(8, 64) == NULL);
    CHECK(rn__alloc_zeroed(8) == NULL);
    rn__free(NULL, 8);
    CHECK_EQ(seen.frees, 0);
    CHECK_RC(rn_set_allocator(NULL), 0); /* nothing counts as alive */
    CHECK(rn__alloc_aligned(SIZE_MAX - 8, 64) == NULL);
}

TEST(allocator_size_that_does_not_fit_is_noticed)
{
    size_t product;
    CHECK(rn__multiply(3, 5, &product));
    CHECK_EQ(product, 15);
    CHECK(rn__multiply(SIZE_MAX, 1, &product));
    CHECK(!rn__multiply(SIZE_MAX, 2, &product));
    CHECK(!rn__multiply(SIZE_MAX / 2 + 1, 2, &product));
}

/* ---------------------------------------------------------------------------------------------------- fault -- */

static bool every_second_allocation(enum rn__fault_point point, void *ctx)
{
    return point == RN__FAULT_ALLOC && ++*(int *)ctx % 2 == 0;
}

TEST(fault_injector_decides_until_it_is_taken_away)
{
    int asked = 0;
    CHECK_RC(rn_set_allocator(NULL), 0);
    rn__fault_set(every_second_allocation, &asked);
    void *first = rn__alloc(8);
    CHECK(first != NULL);
    CHECK(rn__alloc(8) == NULL);
    CHECK(!rn__fault(RN__FAULT_MAP));
    CHECK_EQ(asked, 2);
    rn__fault_set(NULL, NULL);
    CHECK(!rn__fault(RN__FAULT_ALLOC));
    CHECK_EQ(asked, 2);
    rn__free(first, 8);
}

/* ------------------------------------------------------------------------------------------------------ log -- */

static char logged[1024];
static int lines;

static void keep(const char *line, void *ctx)
{
    CHECK(ctx == &lines);
    lines++;
    snprintf(logged, sizeof logged, "%s", line);
    errno = EXDEV;
}

TEST(log_hook_gets_lines_and_leaves_errno_alone)
{
    rn_set_log(keep, &lines);
    errno = EPIPE;
    rn__warn("%d tasks of %s", 3, "one");
    CHECK_EQ(errno, EPIPE);
    CHECK_EQ(lines, 1);
    CHECK_STR_EQ(logged, "3 tasks of one");
    rn_set_log(NULL, NULL);
}

TEST(log_line_that_is_too_long_is_cut)
{
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rn_set_log(keep, &lines);
    rn__warn("%s", text);
    CHECK(strlen(logged) > 400);
    CHECK(strspn(logged, "x") == strlen(logged));
    rn_set_log(NULL, NULL);
}

TEST(log_goes_to_stderr_by_default)
{
    EXPECT_DEATH(SIGABRT, "^runnel: one line$")
    {
        rn_set_log(keep, &lines);
        rn_set_log(NULL, NULL);
        rn__warn("one line");
        abort();
    }
}

TEST(log_has_the_last_words_of_a_program_that_dies)
{
    EXPECT_DEATH(SIGABRT, "^runnel: file\\.c:12: broken by 3$")
    {
        rn__die("file.c", 12, "broken by %d", 3);
    }
}
