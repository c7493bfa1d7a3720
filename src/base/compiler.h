/* SPDX-License-Identifier: MIT */
/* compiler.h - the few things we ask of gcc (>= 11) and clang (>= 14) beyond C11. */
#ifndef RN__BASE_COMPILER_H
#define RN__BASE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN__NOINLINE __attribute__((noinline))
#define RN__COLD __attribute__((cold, noinline))
#define RN__NORETURN __attribute__((noreturn))
#define RN__PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define RN__LIKELY(x) __builtin_expect(!!(x), 1)
#define RN__UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Two objects that different threads write live on different lines; 128 because adjacent lines are fetched in
 * pairs on x86-64 (Intel optimization manual, "spatial prefetcher"). */
#define RN__CACHE_LINE 128
#define RN__LINE_ALIGNED __attribute__((aligned(RN__CACHE_LINE)))

/* From a member's address back to the object that holds it. */
/* clang-format off */
#define rn__container_of(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))
/* clang-format on */

#define RN__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A thread-local that is read on every wait: one instruction also in the shared library (initial-exec). */
#define RN__THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

#endif
