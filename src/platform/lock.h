/* SPDX-License-Identifier: MIT */
/* lock.h - the short lock: one word, a bounded look, then sleep.
 *
 * For sections of a few dozen instructions that never wait and never call user code. It knows nothing of tasks: a
 * holder that switched to another task could be waited for by its own thread. Zeroed memory is a free lock, and a
 * lock needs no end. The loser of a race looks a bounded number of times (none at all where this process has a
 * single CPU: the holder could not run meanwhile) and then sleeps in the kernel, so that a holder that lost its CPU
 * or has a lower priority gets on.
 *
 * A lock that is held says in which process: the word has the process's number in its upper bits. A thread of the
 * parent that held one at the moment of a fork does not exist in the child, so nobody would ever open the child's
 * copy, and what it protects is half changed. Whoever comes to such a lock finds that out instead of waiting.
 *
 *                  try                              mark_contended
 *        FREE ------------> HELD        FREE, HELD ----------------> CONTENDED (held, somebody may sleep)
 *          ^                 |  release                                  |
 *          +-----------------+-------------------------------------------+  wakes one sleeper
 *
 * Edges
 *   LOCK-1 rn__lock_release() release -> LOCK-2 rn__lock_try() acquire: what the last holder wrote
 *   LOCK-1 rn__lock_release() release -> LOCK-3 rn__lock_mark_contended() acquire: the same, after a look or a sleep
 */
#ifndef RN__PLATFORM_LOCK_H
#define RN__PLATFORM_LOCK_H

#include "base/atomic.h"
#include "platform/platform.h"

struct rn__lock {
    uint32_t word;
};

enum { RN__LOCK_FREE, RN__LOCK_HELD, RN__LOCK_CONTENDED, RN__LOCK_STATE = 3 };

/* How many forks lie between this process and the first one that counted, times four: room for the state of a lock.
 * Written in the child of a fork only, by the one thread that there is. */
extern uint32_t rn__process;

#define RN__LOCK_INIT                                                                                                \
    {                                                                                                                \
        RN__LOCK_FREE                                                                                                \
    }

/* lock.c: everything after a first try that failed. */
bool rn__lock_enter_slow(struct rn__lock *lock);
RN__COLD RN__NORETURN void rn__lock_is_lost(void);

/* true: the caller holds it now. */
static inline bool rn__lock_try(struct rn__lock *lock)
{
    uint32_t expected = RN__LOCK_FREE;
    return rn__cas_acquire(&lock->word, &expected, rn__process | RN__LOCK_HELD); /* LOCK-2 */
}

/* false: it is lost, a thread of a parent process held it at the fork. */
static inline bool rn__lock_enter(struct rn__lock *lock)
{
    return RN__LIKELY(rn__lock_try(lock)) || rn__lock_enter_slow(lock);
}

/* For callers without an answer: a lock that is lost ends the process. */
static inline void rn__lock_acquire(struct rn__lock *lock)
{
    if (RN__UNLIKELY(!rn__lock_enter(lock)))
        rn__lock_is_lost();
}

/* Once the word is free another thread may take the lock, finish with the object that holds it and free that; so
 * the wake-up uses the address only. Where memory is unmapped, or used for another futex, it wakes nobody or
 * somebody who looks again: every waiter of ours does. */
static inline void rn__lock_release(struct rn__lock *lock)
{
    uint32_t before = rn__exchange_release(&lock->word, RN__LOCK_FREE); /* LOCK-1 */
    if (RN__UNLIKELY((before & RN__LOCK_CONTENDED) != 0))
        rn__platform_futex_wake(&lock->word, 1);
}

/* For the slow path: takes the lock if it was free (true), and says in any case that somebody may sleep on it. */
static inline bool rn__lock_mark_contended(struct rn__lock *lock)
{
    return rn__exchange_acquire(&lock->word, rn__process | RN__LOCK_CONTENDED) == RN__LOCK_FREE; /* LOCK-3 */
}

/* Only a hint: true again or not true any more by the time the caller acts on it. */
static inline bool rn__lock_looks_free(const struct rn__lock *lock)
{
    return rn__load_relaxed(&lock->word) == RN__LOCK_FREE; /* rlx: the CAS that follows decides */
}

/* For assertions. */
static inline bool rn__lock_is_held(const struct rn__lock *lock)
{
    return !rn__lock_looks_free(lock);
}

#endif
