/* SPDX-License-Identifier: MIT */
/* condvar.h - wait until what a mutex protects has changed.
 *
 * A wait gives the mutex up and sleeps in one step: a signal by anybody who holds the mutex meanwhile is not missed.
 * On every return the mutex is held again, whatever the code. It is a plain struct: embed it in yours, all zero is
 * ready for use, and there is nothing to free.
 *
 * Use:
 *     RN_MUTEX_HOLD(&q->lock) {
 *         while (q->length == 0)
 *             RN_TRY(rn_condvar_wait(&q->filled, &q->lock));         RN_ECANCELED: held, and HOLD unlocks
 *         item = take(q);
 *     }
 *     RN_MUTEX_HOLD(&q->lock) {
 *         put(q, item);
 *         rn_condvar_signal(&q->filled);
 *     }
 *
 * At the same time:  all calls on one condvar, by any number of tasks and threads; with one mutex at a time.
 * Closing:           nothing to close; but it must not go away while anybody waits on it.
 * Costs:             no allocation, 56 bytes. One wake-up per party woken, and one more where it waits for the mutex.
 * Another shape:     a queue: mpsc. Without a mutex: notify, which stores what came too early. A value: watch.
 */
#ifndef RUNNEL_CONDVAR_H
#define RUNNEL_CONDVAR_H

#include <runnel/mutex.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL. */
typedef struct rn_condvar {
    uint32_t lock;
    uint32_t unused;
    void *first;
    void *last;
    uint64_t unused2;
    const char *name;
    uint64_t reserved[2];
} rn_condvar;

/* clang-format off */
#define RN_CONDVAR_INIT {0, 0, NULL, NULL, 0, NULL, {0, 0}}
/* clang-format on */

/**
 * rn_condvar_wait, rn_condvar_wait_until - unlock, sleep until a signal, lock again
 *
 * A 0 says that there was a signal, not that what you wait for is true: others may have come first. Look again, in a
 * loop.
 *
 * Context:  the task or thread that holds @mutex; waits. Taking the mutex again has no deadline
 * Owner:    @mutex is yours before and after, whatever the code; in between it is others'
 * Cancel:   atomic: RN_ECANCELED means that no signal was used up: one that was for you goes to the next who waits.
 *           The mutex is held then too
 * Order:    everything before an unlock of @mutex happens-before the return of the wait that takes it next
 * Memory:   none. A plain thread for which there is no memory to wait with does not sleep: RN_ENOMEM
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL one of them is NULL
 */
RN_API int rn_condvar_wait(rn_condvar *condvar, rn_mutex *mutex);
RN_API int rn_condvar_wait_until(rn_condvar *condvar, rn_mutex *mutex, rn_deadline deadline);

/**
 * rn_condvar_signal, rn_condvar_broadcast - wake the one that has waited longest; wake all who wait
 *
 * Nothing is stored: a signal that nobody waits for is gone. Change what they look at under the mutex; whether you
 * still hold it when you signal does not matter.
 *
 * Context:  any task or thread, with the mutex or without; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the 0 of the waits that it ends
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_condvar_signal(rn_condvar *condvar);
RN_API void rn_condvar_broadcast(rn_condvar *condvar);

RN__END_DECLS

#endif
