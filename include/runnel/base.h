/* SPDX-License-Identifier: MIT */
/* base.h - the words that every other page uses.
 *
 * It describes messages to the library (rn_elem), and gives the few macros that all pages share. There is nothing
 * here to call but rn_version(). Needs gcc >= 11 or clang >= 14, C11 or C++17, on 64-bit Linux.
 *
 * Use:
 *     rn_mpsc_channel(&tx, &rx, 32, RN_ELEM(double));       the untyped layer: an element by its type's name
 *     RN_AUTO(jobs_rx) rx = NULL;                           a handle that is dropped when the block is left
 *     if (rn_version_number() != RN_VERSION) ...            header and library of different builds
 *
 * At the same time:  everything here, by anybody.
 * Closing:           nothing to close.
 * Costs:             nothing.
 * Another shape:     messages of a size that varies are sent as a pointer, with a drop function (typed.h, OWNED).
 */
#ifndef RUNNEL_BASE_H
#define RUNNEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RN_VERSION 0x000100 /* major, minor, patch: one byte each */

#ifdef __cplusplus
#define RN__BEGIN_DECLS extern "C" {
#define RN__END_DECLS }
#define RN__LIT(type, ...) (type{__VA_ARGS__}) /* a literal in both languages */
#define RN__ALIGNOF(type) alignof(type)
#define RN__STATIC_ASSERT static_assert
#define RN__TRIVIAL(type) __is_trivially_copyable(type)
#else
#define RN__BEGIN_DECLS
#define RN__END_DECLS
#define RN__LIT(type, ...) ((type){__VA_ARGS__})
#define RN__ALIGNOF(type) _Alignof(type)
#define RN__STATIC_ASSERT _Static_assert
#define RN__TRIVIAL(type) 1
#endif

#define RN_API __attribute__((visibility("default")))
#define RN_MUST_USE __attribute__((warn_unused_result))

/* Generated functions: no warning when unused (clang warns about static inline in a .c file), and debuggers and
 * backtraces show the caller's line. */
#define RN__UNUSED __attribute__((unused))
#define RN__GEN __attribute__((unused, always_inline, artificial)) static inline
#define RN__GEN_MUST __attribute__((unused, always_inline, artificial, warn_unused_result)) static inline

/* A pointer to the wrong end or to another channel, or a task function of the wrong type, is an error and not a
 * warning, as it is by default in gcc >= 14, clang >= 16 and C++. Define RN_LAX_POINTERS before the include to keep
 * your compiler's setting. */
#if !defined(__cplusplus) && !defined(RN_LAX_POINTERS)
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#pragma GCC diagnostic error "-Wint-conversion"
#endif

RN__BEGIN_DECLS

/**
 * struct rn_elem - what a message is
 *
 * The typed layer makes one per RN_*_PLAIN and RN_*_OWNED. A constructor copies the struct; @name, if not NULL, must
 * live as long as the channel (a literal does).
 *
 * Messages are moved as bytes. @drop is called exactly once for each message that a channel took and nobody
 * received; NULL means that messages own nothing. @clone makes an independent copy for shapes where several
 * receivers read one value; it returns 0, or a negative code that the reading call then returns (a positive number is
 * no code: the reading call says RN_EINVAL). Unless it returns 0 it has made nothing.
 *
 * Both run in whoever causes them (a task, a plain thread), never under a lock of the library, and may not wait:
 * try_ calls, sends that never wait, and drops only. A waiting call says RN_EDEADLK.
 */
typedef struct rn_elem {
    size_t size;                                         /* 1 .. RN_ELEM_SIZE_MAX */
    size_t align;                                        /* power of two <= RN_ELEM_ALIGN_MAX; 0: max_align_t's */
    void (*drop)(void *elem, void *ctx);                 /* NULL: plain bytes */
    int (*clone)(void *to, const void *from, void *ctx); /* NULL: cannot be cloned */
    void *ctx;                                           /* handed to both */
    const char *name;                                    /* shown by rn_dump; may be NULL */
    uint64_t reserved[2];                                /* 0 */
} rn_elem;

#define RN_ELEM_SIZE_MAX ((size_t)65536) /* larger: send a pointer */
#define RN_ELEM_ALIGN_MAX ((size_t)64)

/* For the untyped layer in C: a plain element. */
#ifndef __cplusplus
#define RN_ELEM(...)                                                                                                 \
    (&(const rn_elem){.size = sizeof(__VA_ARGS__), .align = _Alignof(__VA_ARGS__), .name = #__VA_ARGS__})
#endif

#define RN_UNBOUNDED SIZE_MAX /* as a capacity: send never waits, memory grows */
#define RN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RN_AUTO(jobs_tx) tx = NULL;   declares   jobs_tx *tx   and drops it when the block is left, by any path. Works for
 * every type that has a TYPE_auto function: all ends, generated and built in. After handing the end over say
 * tx = NULL. Never goto past one: clang refuses, gcc tells only with -Wjump-misses-init. */
#define RN_AUTO(type) __attribute__((cleanup(type##_auto), unused)) type *

/**
 * rn_version, rn_version_number - the library's version, as text and as a number like RN_VERSION
 *
 * For programs linked to the shared library: RN_VERSION is what they were compiled with, this is what runs.
 *
 * Context:  anywhere, also a signal handler; never waits
 * Owner:    static text
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  "0.1.0"; 0x000100
 */
RN_API const char *rn_version(void);
RN_API uint32_t rn_version_number(void);

RN__END_DECLS

#endif
