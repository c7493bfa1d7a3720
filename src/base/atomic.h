/* SPDX-License-Identifier: MIT */
/* atomic.h - the one door to atomic operations.
 *
 * The order is part of the name and there is no default, so that nobody gets an order by accident. The operations
 * stand on the compilers' __atomic builtins and work on plain integers and pointers: public structs can hold
 * their words without <stdatomic.h>, in C++ too. Nobody includes <stdatomic.h>.
 *
 * Each use carries the tag of an edge, or `rlx:` and the reason (tools/check-atomics holds that):
 *     rn__store_release(&slot->full, 1);   // MPSC-1
 * and the file that owns the edge opens with a table that names both sides:
 *     Edges
 *       MPSC-1 slot_publish() release -> MPSC-2 slot_take() acquire: the message's bytes before the mark
 *
 * With RN__MODEL defined every operation first calls rn__model_step(): the explorer in tests/model decides there
 * which thread goes on, and so runs this code through every interleaving.
 */
#ifndef RN__BASE_ATOMIC_H
#define RN__BASE_ATOMIC_H

#include "base/compiler.h"

#ifdef RN__MODEL
void rn__model_step(const volatile void *address, const char *operation);
#define RN__STEP(pointer, operation) rn__model_step((pointer), (operation))
#else
#define RN__STEP(pointer, operation) ((void)0)
#endif

#define rn__load_relaxed(p) (RN__STEP(p, "load"), __atomic_load_n((p), __ATOMIC_RELAXED))
#define rn__load_acquire(p) (RN__STEP(p, "load"), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define rn__load_seq_cst(p) (RN__STEP(p, "load"), __atomic_load_n((p), __ATOMIC_SEQ_CST))

#define rn__store_relaxed(p, v) (RN__STEP(p, "store"), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define rn__store_release(p, v) (RN__STEP(p, "store"), __atomic_store_n((p), (v), __ATOMIC_RELEASE))
#define rn__store_seq_cst(p, v) (RN__STEP(p, "store"), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))

#define rn__exchange_acquire(p, v) (RN__STEP(p, "exchange"), __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE))
#define rn__exchange_release(p, v) (RN__STEP(p, "exchange"), __atomic_exchange_n((p), (v), __ATOMIC_RELEASE))
#define rn__exchange_acq_rel(p, v) (RN__STEP(p, "exchange"), __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL))
#define rn__exchange_seq_cst(p, v) (RN__STEP(p, "exchange"), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))

/* Strong compare-and-swap: true if *p was *expected and is now v; else *expected is what was found. The order on
 * failure is the strongest that the success order allows. */
#define RN__CAS(p, expected, v, success, failure)                                                                    \
    (RN__STEP(p, "cas"), __atomic_compare_exchange_n((p), (expected), (v), false, (success), (failure)))
#define rn__cas_relaxed(p, expected, v) RN__CAS(p, expected, v, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define rn__cas_acquire(p, expected, v) RN__CAS(p, expected, v, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define rn__cas_release(p, expected, v) RN__CAS(p, expected, v, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define rn__cas_acq_rel(p, expected, v) RN__CAS(p, expected, v, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define rn__cas_seq_cst(p, expected, v) RN__CAS(p, expected, v, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* These give the value before the change. */
#define rn__add_relaxed(p, v) (RN__STEP(p, "add"), __atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define rn__add_acq_rel(p, v) (RN__STEP(p, "add"), __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL))
#define rn__add_seq_cst(p, v) (RN__STEP(p, "add"), __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define rn__sub_relaxed(p, v) (RN__STEP(p, "sub"), __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED))
#define rn__sub_release(p, v) (RN__STEP(p, "sub"), __atomic_fetch_sub((p), (v), __ATOMIC_RELEASE))
#define rn__sub_acq_rel(p, v) (RN__STEP(p, "sub"), __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL))
#define rn__sub_seq_cst(p, v) (RN__STEP(p, "sub"), __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST))

#define rn__fence_seq_cst() (RN__STEP(NULL, "fence"), __atomic_thread_fence(__ATOMIC_SEQ_CST))

/* Tells the processor that this is a loop that looks again; never the only thing a loop does (3-house: no spin
 * without bound). */
static inline void rn__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` is a no-op on most cores; isb waits about as long as pause */
#endif
}

#endif
