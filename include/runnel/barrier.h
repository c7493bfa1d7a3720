/* SPDX-License-Identifier: MIT */
/* barrier.h - so many parties meet, again and again.
 *
 * Everybody waits until the last one has come, then all go on, and the barrier is ready for the next round. Exactly
 * one in each round is told that it was the last. It is a plain struct: embed it in yours; there is nothing to free.
 * All zero is a barrier for one: nobody waits.
 *
 * Use:
 *     static rn_barrier round_over = RN_BARRIER_INIT(4);
 *     compute(part);
 *     RN_TRY(rn_barrier_wait(&round_over, &last));        all four parts are there
 *     if (last)
 *         print_progress();
 *
 * At the same time:  all calls on one barrier, by any number of tasks and threads.
 * Closing:           nothing to close; but it must not go away while anybody waits.
 * Costs:             no allocation, 56 bytes. The last one wakes all others.
 * Another shape:     the end of tasks: rn_join. One opens for all: notify. A first time only: once.
 */
#ifndef RUNNEL_BARRIER_H
#define RUNNEL_BARRIER_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL; and parties before the first use. */
typedef struct rn_barrier {
    uint32_t lock;
    uint32_t parties;
    void *first;
    void *last;
    uint64_t arrived;
    const char *name;
    uint64_t reserved[2];
} rn_barrier;

/* clang-format off */
#define RN_BARRIER_INIT(parties) {0, (parties), NULL, NULL, 0, NULL, {0, 0}} /* 0 is as good as 1: nobody waits */
/* clang-format on */

/**
 * rn_barrier_init - a barrier for so many parties, without a name
 * @parties: 0 is as good as 1: nobody waits
 *
 * Where the number is known, RN_BARRIER_INIT does the same.
 *
 * Context:  anywhere, before anybody uses it; never waits
 * Owner:    *@barrier is yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_barrier_init(rn_barrier *barrier, uint32_t parties);

/**
 * rn_barrier_wait, rn_barrier_wait_until - until all have come
 * @last: true for the one that came last; may be NULL. Untouched unless the call says 0
 *
 * Context:  any task or thread; waits
 * Owner:    nothing
 * Cancel:   atomic: RN_ECANCELED means that you do not count as one who has come; others still wait for one in your
 *           place. Who was there when the last one came goes on with 0, whatever happens at that moment
 * Order:    everything before the waits of a round happens-before each 0 of it
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_barrier_wait(rn_barrier *barrier, bool *last);
RN_API int rn_barrier_wait_until(rn_barrier *barrier, bool *last, rn_deadline deadline);

RN__END_DECLS

#endif
