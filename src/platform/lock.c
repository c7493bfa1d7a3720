/* SPDX-License-Identifier: MIT */
/* lock.c - the slow path of the short lock: look, then sleep. */
#include "platform/lock.h"

#include "base/log.h"

uint32_t rn__process;

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

/* Nobody changes a lost lock: every acquirer looks here before it writes. */
static bool is_lost(const struct rn__lock *lock)
{
    const uint32_t word = rn__load_relaxed(&lock->word); /* rlx: written before the fork, or by who holds it now */
    return word != RN__LOCK_FREE && (word & ~(uint32_t)RN__LOCK_STATE) != rn__process;
}

RN__COLD bool rn__lock_enter_slow(struct rn__lock *lock)
{
    if (RN__UNLIKELY(is_lost(lock)))
        return false;
    if (look(lock))
        return true;
    /* From here on the word says CONTENDED while we hold the lock, although we may have been the last sleeper: at
     * worst one wake-up that nobody needs. */
    while (!rn__lock_mark_contended(lock))
        (void)rn__platform_futex_wait(&lock->word, rn__process | RN__LOCK_CONTENDED, INT64_MAX);
    return true;
}

void rn__lock_is_lost(void)
{
    rn__die(
        __FILE__, __LINE__,
        "a thread of the parent process was inside a call for this object when it forked: the child's copy cannot "
        "be used");
}
