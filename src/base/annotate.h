/* SPDX-License-Identifier: MIT */
/* annotate.h - what sanitizers and Valgrind must be told about fibers; nothing at all in ordinary builds.
 *
 * These tools know threads and one stack for each. All that they must hear of switches, stacks and slabs is said
 * here, so that the rest of the library has no #if for them.
 *
 * AddressSanitizer: each switch names the bounds of the stack that will be current, so that its reports, its fake
 *   frames (detect_stack_use_after_return) and the leak checker look at the right memory. The one who leaves says
 *   whether for good: then its fake frames are freed. A reused stack is unpoisoned: frames that were abandoned
 *   never cleaned up. Slabs are roots of the leak checker, as parked tasks hold pointers. The leak checker dies of
 *   guards by MADV_GUARD_INSTALL, so these builds use mprotect (stack.c).
 *
 * ThreadSanitizer (clang's; gcc 12's needs 0.8 MB for a fiber and dies at 8,128): each fiber is a thread of its
 *   own, and a switch orders what was done before it with what is done after it (flag 0). That hides races between
 *   two tasks of one worker which another placement would have shown; so tests run with 1, 2 and 16 workers. The
 *   other way (flag 1, a switch orders nothing) was tried: then every thread-local that two tasks of a worker
 *   touch, errno first of all, is a race in the tool's eyes, in the user's code as well as in ours, and a report
 *   that is wrong is worse than one that comes with another seed.
 *   The function that switches must not be instrumented (RN__UNINSTRUMENTED), or the tool's shadow stack goes wrong.
 *
 * Valgrind: stacks are registered, or it takes a switch for one enormous frame and forgets what is defined. Its
 *   requests are five instructions that do nothing outside it, once for each stack that is ever made.
 */
#ifndef RN__BASE_ANNOTATE_H
#define RN__BASE_ANNOTATE_H

#include "base/compiler.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define RN__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RN__TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define RN__ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define RN__TSAN 1
#endif
#ifndef RN__ASAN
#define RN__ASAN 0
#endif
#ifndef RN__TSAN
#define RN__TSAN 0
#endif

#ifndef RN_VALGRIND
#if defined(NVALGRIND) || RN__ASAN || RN__TSAN
#define RN_VALGRIND 0
#elif __has_include(<valgrind/valgrind.h>)
#define RN_VALGRIND 1
#else
#define RN_VALGRIND 0
#endif
#endif

#if RN__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if RN__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if RN_VALGRIND
#include <valgrind/valgrind.h>
#endif

/* For the functions that switch. */
#if RN__ASAN
#define RN__UNINSTRUMENTED __attribute__((no_sanitize("address")))
#elif RN__TSAN
#define RN__UNINSTRUMENTED __attribute__((no_sanitize("thread")))
#else
#define RN__UNINSTRUMENTED
#endif

#define RN__ALWAYS_INLINE static inline __attribute__((always_inline))

/* -- stacks ---------------------------------------------------------------------------------------------------- */

/* A new slab of stacks. It is never unmapped. */
RN__ALWAYS_INLINE void rn__annotate_slab(const void *memory, size_t size)
{
#if RN__ASAN
    __lsan_register_root_region(memory, size);
#endif
    (void)memory, (void)size;
}

/* A new stack, [low, high), which will never go away. Valgrind's name for it. */
RN__ALWAYS_INLINE uint32_t rn__annotate_stack(const char *low, const char *high)
{
#if RN_VALGRIND
    return (uint32_t)VALGRIND_STACK_REGISTER(low, high - 1);
#else
    (void)low, (void)high;
    return 0;
#endif
}

RN__ALWAYS_INLINE bool rn__annotate_on_valgrind(void)
{
#if RN_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* -- fibers ---------------------------------------------------------------------------------------------------- */

/* What is kept for a fiber or for a thread that switches. */
#define RN__ANNOTATES_FIBERS (RN__ASAN || RN__TSAN)
struct rn__annotated {
    const char *low; /* ASan: its stack */
    size_t size;
    void *fake_frames; /* ASan: while it is switched out */
    void *thread;      /* TSan: the thread that it takes this fiber for */
};

/* A fiber that has not run begins on the stack [low, low + size). *thread_of_stack lives as long as the stack, and
 * says which thread TSan saw there last. That one ended: its shadow call stack is never unwound, so a new one. */
RN__ALWAYS_INLINE void rn__annotate_prepare(struct rn__annotated *fiber, char *low, size_t size,
                                            void **thread_of_stack)
{
#if RN__ASAN
    __asan_unpoison_memory_region(low, size);
#endif
#if RN__TSAN
    if (*thread_of_stack != NULL)
        __tsan_destroy_fiber(*thread_of_stack);
    *thread_of_stack = __tsan_create_fiber(0);
#endif
    *fiber = (struct rn__annotated){low, size, NULL, *thread_of_stack};
}

/* The calling thread, on the stack [low, low + size) that the system gave it. */
RN__ALWAYS_INLINE void rn__annotate_thread(struct rn__annotated *fiber, const char *low, size_t size)
{
    *fiber = (struct rn__annotated){low, size, NULL, NULL};
#if RN__TSAN
    fiber->thread = __tsan_get_current_fiber();
#endif
}

/* The last thing before the switch, in a function that is not instrumented. */
RN__ALWAYS_INLINE void rn__annotate_leave(struct rn__annotated *from, const struct rn__annotated *to, bool for_good)
{
#if RN__ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_frames, to->low, to->size);
#endif
#if RN__TSAN
    __tsan_switch_to_fiber(to->thread, 0);
#endif
    (void)from, (void)to, (void)for_good;
}

/* The first thing after it, said by the one who runs now. */
RN__ALWAYS_INLINE void rn__annotate_arrive(struct rn__annotated *self)
{
#if RN__ASAN
    __sanitizer_finish_switch_fiber(self->fake_frames, NULL, NULL);
#endif
    (void)self;
}

#endif
