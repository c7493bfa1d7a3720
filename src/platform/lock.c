/* SPDX-License-Identifier: MIT */
/* lock.c - the slow path of the short lock: look, then sleep. */
#include "platform/lock.h"

/* A look costs a pause, 10 to 40 ns by processor: 100 of them cover a section that runs right now on another CPU,
 * and are less than a sleep and a wake-up cost. */
enum { LOOKS = 100 };

static bool look(struct rn__lock *lock)
{
#ifndef RN__MODEL /* the explorer would try every length of this loop; asleep at once is one of them */
    if (!rn__platform_has_many_cpus())
        return false;
    for (int i = 0; i < LOOKS; i++) {
        if (rn__lock_looks_free(lock) && rn__lock_try(lock))
            return true;
        rn__pause();
    }
#endif
    (void)lock;
    return false;
}

RN__COLD void rn__lock_acquire_slow(struct rn__lock *lock)
{
    if (look(lock))
        return;
    /* From here on the word says CONTENDED while we hold the lock, although we may have been the last sleeper: at
     * worst one wake-up that nobody needs. */
    while (!rn__lock_mark_contended(lock))
        (void)rn__platform_futex_wait(&lock->word, RN__LOCK_CONTENDED, INT64_MAX);
}
