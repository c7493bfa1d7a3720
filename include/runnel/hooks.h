/* SPDX-License-Identifier: MIT */
/* hooks.h - where runnel gets its memory, and where its warnings go.
 *
 * Every heap allocation of the library goes through one hook, malloc by default; stacks and the task table are
 * mapped from the system and do not. Warnings (tasks that do not end, a stack that was nearly full) are single
 * lines, by default on stderr. Nothing else is written anywhere unasked.
 *
 * Use:
 *     static void to_syslog(const char *line, void *ctx) { (void)ctx; syslog(LOG_WARNING, "%s", line); }
 *     rn_set_log(to_syslog, NULL);
 *     RN_MUST(rn_set_allocator(&(rn_allocator){.alloc = arena_alloc, .free = arena_free, .ctx = arena}));
 *
 * At the same time:  setting a hook: no other call of the library, on any thread. The hooks themselves are called
 *                    by any thread, several at once.
 * Closing:           a runtime or channel that is gone has given all its memory back, but for blocking jobs that were
 *                    given up (blocking.h) and abandoned tasks (runtime.h).
 * Costs:             one indirect call per allocation.
 * Another shape:     memory inside messages is yours: the hook never sees it.
 */
#ifndef RUNNEL_HOOKS_H
#define RUNNEL_HOOKS_H

#include <runnel/base.h>

RN__BEGIN_DECLS

/**
 * struct rn_allocator - a pair of functions that may be called by any thread at any time
 *
 * @alloc: @size bytes (> 0) aligned to @align (a power of two, at least max_align_t's), or NULL. It may run on a
 *         task's stack: do not use much of it. It may not call runnel.
 * @free:  takes back what @alloc gave, with the same size; never NULL
 */
typedef struct rn_allocator {
    void *(*alloc)(size_t size, size_t align, void *ctx);
    void (*free)(void *memory, size_t size, void *ctx);
    void *ctx;
    uint64_t reserved[2]; /* 0 */
} rn_allocator;

/**
 * rn_set_allocator - all heap memory from now on comes from @allocator
 * @allocator: copied; NULL restores malloc
 *
 * Only while nothing that the library allocated is alive: so before the first channel or runtime, or after the last.
 *
 * Context:  one thread, while no other uses the library; never waits
 * Owner:    the struct stays yours, what ctx points to must live as long as the hook is set
 * Cancel:   uncancellable (never waits)
 * Order:    the caller sees to it that this happens-before other threads' use of the library
 * Memory:   none
 * Returns:  0 | RN_EBUSY memory of the library is alive | RN_EINVAL a function is missing
 */
RN_API int rn_set_allocator(const rn_allocator *allocator);

/* One line of text without its newline. May run on a task's stack; may not call runnel. */
typedef void rn_log_fn(const char *line, void *ctx);

/**
 * rn_set_log - warnings from now on go to @log
 * @log: NULL restores the default: stderr, each line behind "runnel: "
 *
 * Context:  one thread, while no other uses the library; never waits
 * Owner:    what @ctx points to must live as long as the hook is set
 * Cancel:   uncancellable (never waits)
 * Order:    the caller sees to it that this happens-before other threads' use of the library
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_set_log(rn_log_fn *log, void *ctx);

RN__END_DECLS

#endif
