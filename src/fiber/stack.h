/* SPDX-License-Identifier: MIT */
/* stack.h - stacks for fibers: reserved in slabs, committed as touched, guarded at the low end, pooled.
 *
 * A slab is 16 MiB of address space (more for stacks larger than that) cut into equal pieces
 *
 *     low                                                            high
 *     | guard 16 KiB | usable, committed page by page, grows down <- | next piece's guard ...
 *
 * and is never unmapped, so that a late reader (the dump, the overflow handler) can look at any stack that ever
 * was. Its descriptors (struct rn__stack) live apart: a free stack touches no page of its own.
 *
 * Sizes are powers of two, from 16 KiB (or four pages) to 1 GiB: 17 classes at most, so a free stack always fits the
 * next task of its class, and no mix of odd sizes can use up the address space in pieces that nobody else wants.
 * Rounding up costs address space only.
 *
 * Reserving is apart from attaching. rn__stacks_reserve() makes sure, and can fail, that a stack of the class will
 * be there; rn__stack_attach() hands one out and cannot fail. A task is spawned with a reservation and gets its
 * stack when it first runs (design: lazily attached stacks).
 *
 * RN_STACK_GUARD in the environment says how guards are made: `install` (the default; falls back by itself),
 * `mprotect`, or `edge`: only the lowest stack of each slab has one, and the others are looked after by a check that
 * nothing was written below them.
 */
#ifndef RN__FIBER_STACK_H
#define RN__FIBER_STACK_H

#include "base/compiler.h"
#include "platform/platform.h"

struct rn__stack_class;

struct rn__stack {
    char *low; /* first usable byte, above the guard */
    char *top; /* one past the last usable byte, moved down by the colour */
    struct rn__stack_class *size_class;
    struct rn__stack *next_free;
    void *owner;           /* whoever runs on it; NULL while free. For the overflow report */
    void *sanitizer_fiber; /* TSan's idea of it */
    uint32_t valgrind_id;
    enum rn__guard guard;
};

/* Smallest and largest usable size that can be asked for. */
#define RN__STACK_MIN ((size_t)16 * 1024)
#define RN__STACK_MAX ((size_t)1024 * 1024 * 1024)
#define RN__STACK_GUARD ((size_t)16 * 1024)

/* `top` is moved down by up to this much less 64 bytes, in turn: frames at the same depth of many stacks would
 * otherwise all want the same few lines of the cache. Within half a page, so that a parked task still has one. */
#define RN__STACK_COLOURS ((size_t)2 * 1024)

/* Usable bytes (>= size, before the colour) of the class that serves `size`; 0 if out of range. */
size_t rn__stack_round(size_t size);

/* The class for a size. NULL where rn__stack_round says 0. */
struct rn__stack_class *rn__stack_class_of(size_t size);
size_t rn__stack_class_size(const struct rn__stack_class *size_class);

/* A class as a number < RN__STACK_CLASSES, for those who are short of room. */
#define RN__STACK_CLASSES 17
uint32_t rn__stack_class_number(const struct rn__stack_class *size_class);
struct rn__stack_class *rn__stack_class_at(uint32_t number);

/* Makes sure that `count` more stacks can be attached at the same time. false: out of address space, nothing is
 * reserved. Takes a lock that all workers share: reserve for many at once where spawns are many. */
bool rn__stacks_reserve(struct rn__stack_class *size_class, uint32_t count);
/* After the stack went back, if one was attached. */
void rn__stacks_unreserve(struct rn__stack_class *size_class, uint32_t count);

/* One reservation's stack. Never NULL while the number attached stays within the number reserved. Thread-safe. */
struct rn__stack *rn__stack_attach(struct rn__stack_class *size_class);
/* Gives it back. Nobody runs on it any more: said by whoever runs after rn__fiber_leave, not before it. */
void rn__stack_detach(struct rn__stack *stack);

/* A worker's own free stacks of one class, LIFO so that the pages are hot: no lock but once for many. At most `room`
 * stacks sit in it, which rn__stack_cache_init books.
 *
 * Unlike detach, put may be said by the fiber that is about to leave this very stack for good, if the cache is not
 * used again before it has left: what is put stays in the cache, untouched, until the next call. */
struct rn__stack_cache {
    struct rn__stack_class *size_class;
    struct rn__stack *free;
    uint32_t count;
    uint32_t room;
};
/* room >= 1. false as for rn__stacks_reserve; then the cache is all zero and needs no fini. */
bool rn__stack_cache_init(struct rn__stack_cache *cache, struct rn__stack_class *size_class, uint32_t room);
void rn__stack_cache_fini(struct rn__stack_cache *cache);
struct rn__stack *rn__stack_cache_take(struct rn__stack_cache *cache);
void rn__stack_cache_put(struct rn__stack_cache *cache, struct rn__stack *stack);

/* Wanted kind of guard for stacks made from now on, in place of RN_STACK_GUARD; RN__GUARD_NONE means slab edges
 * only. */
void rn__stack_set_guard(enum rn__guard wanted);

/* false: the fiber wrote below its stack, where no guard could stop it. Always true for a guarded stack. */
bool rn__stack_is_intact(const struct rn__stack *stack);

/* overflow.c: the report for a stack that is not intact, and the end of the program: a neighbour's memory is not
 * what it was. */
RN__COLD RN__NORETURN void rn__stack_overflow_found(const struct rn__stack *stack);

/* Bytes from the top of the stack that were touched since its pages were last given back, to a page. A page that
 * was swapped out counts as untouched if all below it are. */
size_t rn__stack_high_water(const struct rn__stack *stack);

/* The stack whose piece (guard included) holds `address`, NULL if it is none of ours. Async-signal-safe. */
struct rn__stack *rn__stack_find(const void *address);

/* Installs the overflow report: on a fault in a guard, describe(owner, text, size) writes who it was into text
 * (async-signal-safe, returns the length), which goes to stderr with the stack's size and the advice to raise it.
 * The handler needs a stack of its own: each thread that runs fibers calls rn__platform_fault_stack first. */
void rn__stack_report_overflows(size_t (*describe)(void *owner, char *text, size_t size));

/* The same for the calling thread, on the stack that the system gave it and for as long as `owner` runs there; NULL:
 * nobody any more. */
void rn__stack_of_thread_is(void *owner);

/* For the figures: since the start of the process. */
struct rn__stack_totals {
    size_t slabs;
    size_t reserved_bytes; /* address space */
    size_t stacks;         /* ever made */
    size_t unguarded;
};
void rn__stack_totals(struct rn__stack_totals *out);

#endif
