/* SPDX-License-Identifier: MIT */
/* leak.c - what a case must not leave over: descriptors, threads, allocations of the library. */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "harness/inside.h"

#include <runnel/hooks.h>

/* Only with AddressSanitizer. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

/* -- /proc/self/fd and /proc/self/task -------------------------------------------------------------------------- */

enum { MAX_ENTRIES = 1024 };

struct entries {
    int numbers[MAX_ENTRIES];
    int count;
};

static struct entries descriptors_before;
static struct entries threads_before;

/* The numbers in a directory of /proc, without the descriptor that reads it. */
static void read_entries(const char *path, struct entries *out)
{
    out->count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int number = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && number != dirfd(directory) && out->count < MAX_ENTRIES)
            out->numbers[out->count++] = number;
    }
    closedir(directory);
}

static bool contains(const struct entries *entries, int number)
{
    for (int i = 0; i < entries->count; i++) {
        if (entries->numbers[i] == number)
            return true;
    }
    return false;
}

static void check_descriptors(void)
{
    struct entries now;
    read_entries("/proc/self/fd", &now);
    for (int i = 0; i < now.count; i++) {
        if (contains(&descriptors_before, now.numbers[i]))
            continue;
        char path[64];
        char target[256] = "?";
        snprintf(path, sizeof path, "/proc/self/fd/%d", now.numbers[i]);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        FAIL("leak: descriptor %d is still open: %s", now.numbers[i], target);
    }
}

static int new_threads(struct entries *now)
{
    read_entries("/proc/self/task", now);
    int count = 0;
    for (int i = 0; i < now->count; i++)
        count += !contains(&threads_before, now->numbers[i]);
    return count;
}

/* A thread that was joined may stay listed for a moment: the kernel wakes the joiner first. */
static void check_threads(void)
{
    struct entries now;
    for (int attempt = 0; attempt < 1000 && new_threads(&now) > 0; attempt++)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    for (int i = 0; i < now.count; i++) {
        if (contains(&threads_before, now.numbers[i]))
            continue;
        char path[64];
        char name[32] = "?";
        snprintf(path, sizeof path, "/proc/self/task/%d/comm", now.numbers[i]);
        FILE *file = fopen(path, "r");
        if (file != NULL && fgets(name, sizeof name, file) != NULL)
            name[strcspn(name, "\n")] = '\0';
        if (file != NULL)
            fclose(file);
        FAIL("leak: thread %d is still alive: %s", now.numbers[i], name);
    }
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

static struct test_memory memory;

struct test_memory test_memory(void)
{
    return (struct test_memory){
        .calls = rn__load_relaxed(&memory.calls), /* rlx: a count; the caller knows who is at work meanwhile */
        .live = rn__load_relaxed(&memory.live),   /* rlx: as above */
        .live_bytes = rn__load_relaxed(&memory.live_bytes), /* rlx: as above */
    };
}

/* Stands in front of each block, so that a wrong size at free is seen. */
struct block {
    size_t size;
    size_t offset;
};

static void *count_alloc(size_t size, size_t align, void *ctx)
{
    (void)ctx;
    size_t offset = align > sizeof(struct block) ? align : sizeof(struct block);
    void *start;
    if (posix_memalign(&start, offset, offset + size) != 0)
        return NULL;
    char *result = (char *)start + offset;
    ((struct block *)(void *)result)[-1] = (struct block){size, offset};
    rn__add_relaxed(&memory.calls, 1);         /* rlx: a count */
    rn__add_relaxed(&memory.live, 1);          /* rlx: a count */
    rn__add_relaxed(&memory.live_bytes, size); /* rlx: a count */
    return result;
}

static void count_free(void *pointer, size_t size, void *ctx)
{
    (void)ctx;
    if (pointer == NULL)
        return;
    struct block *block = (struct block *)pointer - 1;
    if (block->size != size)
        FAIL("memory of %zu bytes was freed as %zu bytes", block->size, size);
    rn__sub_relaxed(&memory.live, 1);                 /* rlx: a count */
    rn__sub_relaxed(&memory.live_bytes, block->size); /* rlx: a count */
    free((char *)pointer - block->offset);
}

static void count_begin(void)
{
    static const rn_allocator counting = {.alloc = count_alloc, .free = count_free};
    REQUIRE(rn_set_allocator(&counting) == 0);
}

static void check_memory(void)
{
    struct test_memory now = test_memory();
    if (now.live != 0)
        FAIL("leak: %" PRIu64 " allocations of the library, %" PRIu64 " bytes", now.live, now.live_bytes);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        FAIL("leak: see the report above");
}

/* --------------------------------------------------------------------------------------------------------------- */

static void *do_nothing(void *arg)
{
    return arg;
}

/* ThreadSanitizer starts a thread of its own together with the first one of the process: not a leak of the case. */
static void start_sanitizer_thread(void)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

void test_leaks_begin(void)
{
    count_begin();
    if (TEST_SANITIZED)
        start_sanitizer_thread();
    read_entries("/proc/self/fd", &descriptors_before);
    read_entries("/proc/self/task", &threads_before);
}

void test_leaks_end(void)
{
    if (test_report->leaky)
        return;
    check_threads();
    check_descriptors();
    check_memory();
}
