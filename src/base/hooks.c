/* SPDX-License-Identifier: MIT */
/* hooks.c - the library's way out to the program around it: memory and warnings, both replaceable.
 *
 * The hooks are plain words: they are set while no other thread uses the library (see <runnel/hooks.h>), so whatever
 * starts the others orders the two.
 *
 * An allocator may only change while nothing of the old one is alive, so the live allocations are counted; in shards,
 * because one word that every thread writes at every allocation would cost more than the allocation.
 */
#include <runnel/hooks.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/log.h"

#include <errno.h>
#include <runnel/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE_SHARDS = 16, LINE_MAX_BYTES = 512 };

/* ------------------------------------------------------------------------------------------------- counting -- */

/* What one shard counted may be negative (taken here, given back there); the sum is right. */
static struct {
    RN__LINE_ALIGNED uint64_t count;
} live[LIVE_SHARDS];

static uint32_t threads_seen;
static RN__THREAD_LOCAL uint32_t shard; /* 1 + its number; 0: not chosen yet */

static void live_add(uint64_t change)
{
    if (RN__UNLIKELY(shard == 0))
        shard = 1 + rn__add_relaxed(&threads_seen, 1) % LIVE_SHARDS; /* rlx: any number will do */
    rn__add_relaxed(&live[shard - 1].count, change);                 /* rlx: a count, read when all is quiet */
}

static bool anything_lives(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LIVE_SHARDS; i++)
        sum += rn__load_relaxed(&live[i].count); /* rlx: the caller sees to it that nobody counts meanwhile */
    return sum != 0;
}

/* --------------------------------------------------------------------------------------------------- memory -- */

static void *system_alloc(size_t size, size_t align, void *ctx)
{
    (void)ctx;
    if (align <= _Alignof(max_align_t))
        return malloc(size);
    if (size > SIZE_MAX - (align - 1))
        return NULL;
    return aligned_alloc(align, (size + align - 1) & ~(align - 1)); /* C11 wants a multiple */
}

static void system_free(void *memory, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    free(memory);
}

static const rn_allocator system_allocator = {.alloc = system_alloc, .free = system_free};
static rn_allocator allocator = {.alloc = system_alloc, .free = system_free};

int rn_set_allocator(const rn_allocator *wanted)
{
    if (wanted == NULL)
        wanted = &system_allocator;
    if (wanted->alloc == NULL || wanted->free == NULL || wanted->reserved[0] != 0 || wanted->reserved[1] != 0)
        return RN_EINVAL;
    if (anything_lives())
        return RN_EBUSY;
    allocator = *wanted;
    return 0;
}

void *rn__alloc_aligned(size_t size, size_t alignment)
{
    rn__assert(size > 0 && (alignment & (alignment - 1)) == 0);
    if (rn__fault(RN__FAULT_ALLOC))
        return NULL;
    if (alignment < _Alignof(max_align_t))
        alignment = _Alignof(max_align_t);
    const int saved = errno;
    void *memory = allocator.alloc(size, alignment, allocator.ctx);
    if (memory != NULL)
        live_add(1);
    else
        errno = saved; /* our callers answer by code */
    return memory;
}

void *rn__alloc(size_t size)
{
    return rn__alloc_aligned(size, 0);
}

void *rn__alloc_zeroed(size_t size)
{
    void *memory = rn__alloc_aligned(size, 0);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void rn__free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    live_add(UINT64_MAX);
    allocator.free(memory, size, allocator.ctx);
}

/* ----------------------------------------------------------------------------------------------------- lines -- */

static void log_to_stderr(const char *line, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "runnel: %s\n", line);
}

static struct {
    rn_log_fn *fn;
    void *ctx;
} logger = {log_to_stderr, NULL};

void rn_set_log(rn_log_fn *log, void *ctx)
{
    logger.fn = log != NULL ? log : log_to_stderr;
    logger.ctx = log != NULL ? ctx : NULL;
}

/* A warning happens in the middle of somebody's call: errno stays what it was. */
static void log_line(const char *line)
{
    const int saved = errno;
    logger.fn(line, logger.ctx);
    errno = saved;
}

void rn__warn(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log_line(line);
}

void rn__die(const char *file, int line, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    int length = snprintf(text, sizeof text, "%s:%d: ", file, line);
    if (length < 0 || length >= LINE_MAX_BYTES)
        length = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    log_line(text);
    abort();
}
