/* SPDX-License-Identifier: MIT */
/* mutex.h - one at a time, and it may be held across waits.
 *
 * A party that waits for the mutex parks; its thread runs other tasks. rn_mutex_lock cannot fail and is not
 * cancelled, as pthread_mutex_lock cannot: nobody checks the result of a lock, and an unlock without a lock is worse
 * than a late cancellation. It is a plain struct: embed it in yours, all zero is free, and there is nothing to
 * destroy.
 *
 * Use:
 *     struct account { rn_mutex lock; long balance; };    all zero, or .lock = RN_MUTEX_INIT
 *     rn_mutex_lock(&a->lock);
 *     a->balance += amount;
 *     rn_mutex_unlock(&a->lock);
 * or, unlocked on every way out of the block, a return too (break leaves this block only):
 *     RN_MUTEX_HOLD(&a->lock) {
 *         RN_TRY(check(a));
 *         a->balance += amount;
 *     }
 *
 * At the same time:  all calls on one mutex, by any number of tasks and threads. Who locked it unlocks it: debug
 *                    builds of the library stop the program at an unlock by anybody else, and where the owner locks
 *                    again, with a deadline too. Release builds: locking what you hold waits for ever, or for the
 *                    deadline. To try is RN_EAGAIN for the owner as for anybody.
 * Closing:           nothing to close; but it must not go away while anybody waits for it. The holder who knows that
 *                    nobody else will come may free it after its unlock.
 * Costs:             no allocation, 56 bytes. One wake-up per hand-over.
 * Another shape:     state with an owner: a task and an mpsc. Many read, few write: rwlock, or watch. Never more than
 *                    n: semaphore, which another party may release.
 */
#ifndef RUNNEL_MUTEX_H
#define RUNNEL_MUTEX_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL. */
typedef struct rn_mutex {
    uint32_t lock;
    uint32_t held;
    void *first;
    void *last;
    uint64_t holder;
    const char *name;
    uint64_t reserved[2];
} rn_mutex;

/* clang-format off */
#define RN_MUTEX_INIT {0, 0, NULL, NULL, 0, NULL, {0, 0}}
/* clang-format on */

/**
 * rn_mutex_lock, rn_mutex_try_lock, rn_mutex_lock_until - hold the mutex
 *
 * An unlock hands the mutex to the one that has waited longest: nobody who comes later gets in between, by try_
 * neither. Inside a drop or clone function, and with NULL, rn_mutex_lock stops the program, because it has no other
 * way to say that it did not lock.
 *
 * Context:  any task or thread; lock and lock_until wait, try_lock never does
 * Owner:    whoever got it (lock, or 0) holds it until its rn_mutex_unlock
 * Cancel:   lock, try_lock: uncancellable. lock_until: atomic: RN_ECANCELED means that you do not hold it
 * Order:    everything before an unlock happens-before the return of the lock that follows
 * Memory:   none. A plain thread that must wait, and for which there is no memory to wait with, stands in no line in
 *           rn_mutex_lock: it looks every millisecond
 * Returns:  nothing (lock) | 0 | RN_EAGAIN somebody holds it (try_) | RN_ETIMEDOUT (_until) | RN_ECANCELED (_until) |
 *           RN_EINVAL
 */
RN_API void rn_mutex_lock(rn_mutex *mutex);
RN_API RN_MUST_USE int rn_mutex_try_lock(rn_mutex *mutex);
RN_API RN_MUST_USE int rn_mutex_lock_until(rn_mutex *mutex, rn_deadline deadline);

/**
 * rn_mutex_lock_case - for a select (select.h)
 *
 * While it waits it stands in the line like the call.
 *
 * Context:  anywhere; never waits
 * Owner:    a value; the mutex must stay until the select has returned. Whoever selected holds it if this case is the
 *           one that happens
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_mutex_lock_case(rn_mutex *mutex);

/**
 * rn_mutex_unlock - give it up, to the one that has waited longest
 *
 * NULL: nothing happens. A mutex that nobody holds: a debug build of the library stops the program, in a release
 * build nothing happens.
 *
 * Context:  the task or thread that holds it; never waits
 * Owner:    what it protects is not yours any more
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the return of the lock that follows
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_mutex_unlock(rn_mutex *mutex);

/* RN_MUTEX_HOLD(mutex) { ... }   locks, runs the block once, unlocks when the block is left, by any path: its end,
 * break, return, RN_TRY, goto out of it. */
#define RN_MUTEX_HOLD(...) RN__MUTEX_HOLD(__LINE__, __VA_ARGS__)
#define RN__MUTEX_HOLD(line, ...) RN__MUTEX_HOLD_AS(line, __VA_ARGS__)
#define RN__MUTEX_HOLD_AS(line, ...)                                                                                 \
    for (rn_mutex * rn__held_##line __attribute__((cleanup(rn__mutex_leave))) = rn__mutex_enter(__VA_ARGS__),        \
                                    *rn__todo_##line = rn__held_##line;                                              \
         rn__todo_##line != NULL; rn__todo_##line = NULL)

RN__UNUSED static inline rn_mutex *rn__mutex_enter(rn_mutex *mutex)
{
    rn_mutex_lock(mutex);
    return mutex;
}

RN__UNUSED static inline void rn__mutex_leave(rn_mutex **mutex)
{
    rn_mutex_unlock(*mutex);
}

RN__END_DECLS

#endif
