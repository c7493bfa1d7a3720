/* SPDX-License-Identifier: MIT */
/* rwlock.h - many readers or one writer, first come, first served.
 *
 * Readers hold it together, a writer alone. Neither starves the other: who comes later waits behind who came earlier,
 * so a reader behind a waiting writer waits, although other readers hold the lock. It may be held across waits. It is
 * a plain struct: embed it in yours, all zero is free, and there is nothing to destroy.
 *
 * Never read-lock again what you have read-locked: if a writer has come in between, it waits for your first lock and
 * you for the writer.
 *
 * Use:
 *     struct routes { rn_rwlock lock; ... };              all zero, or .lock = RN_RWLOCK_INIT
 *     rn_rwlock_read(&r->lock);
 *     hop = look_up(r, to);
 *     rn_rwlock_unlock_read(&r->lock);
 * and to change it, then go on reading what you have written:
 *     rn_rwlock_write(&r->lock);
 *     add_route(r, to, hop);
 *     rn_rwlock_downgrade(&r->lock);
 *
 * At the same time:  all calls on one lock, by any number of tasks and threads. Who locked it unlocks it: debug
 *                    builds of the library stop the program at an unlock of what is not locked, at a write unlock by
 *                    anybody else, where a writer locks again, and where the last one that began to read reads again
 *                    behind a writer (a longer chain of readers they do not see). Release builds wait for ever.
 * Closing:           nothing to close; but it must not go away while anybody waits for it.
 * Costs:             no allocation, 56 bytes. Readers share a counter: with many cores it is the counter that they
 *                    wait for, not each other.
 * Another shape:     short sections: a mutex is as fast. State that many read and one writes: watch, without a lock.
 */
#ifndef RUNNEL_RWLOCK_H
#define RUNNEL_RWLOCK_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL. */
typedef struct rn_rwlock {
    uint32_t lock;
    uint32_t holders;
    void *first;
    void *last;
    uint64_t holder;
    const char *name;
    uint64_t reserved[2];
} rn_rwlock;

/* clang-format off */
#define RN_RWLOCK_INIT {0, 0, NULL, NULL, 0, NULL, {0, 0}}
/* clang-format on */

/**
 * rn_rwlock_read, rn_rwlock_try_read, rn_rwlock_read_until - hold it together with other readers
 *
 * Waits while a writer holds it and while anybody waits who came earlier. Inside a drop or clone function, and with
 * NULL, rn_rwlock_read stops the program, because it has no other way to say that it did not lock.
 *
 * Context:  any task or thread; read and read_until wait, try_read never does
 * Owner:    whoever got it (read, or 0) holds it until its rn_rwlock_unlock_read
 * Cancel:   read, try_read: uncancellable. read_until: atomic: RN_ECANCELED means that you do not hold it
 * Order:    everything before the unlock of a writer happens-before the return of the reads that follow
 * Memory:   none. A plain thread that must wait, and for which there is no memory to wait with, stands in no line in
 *           rn_rwlock_read: it looks every millisecond
 * Returns:  nothing (read) | 0 | RN_EAGAIN it would wait (try_) | RN_ETIMEDOUT (_until) | RN_ECANCELED (_until) |
 *           RN_EINVAL
 */
RN_API void rn_rwlock_read(rn_rwlock *lock);
RN_API RN_MUST_USE int rn_rwlock_try_read(rn_rwlock *lock);
RN_API RN_MUST_USE int rn_rwlock_read_until(rn_rwlock *lock, rn_deadline deadline);

/**
 * rn_rwlock_write, rn_rwlock_try_write, rn_rwlock_write_until - hold it alone
 *
 * Readers who come later do not get in between. Inside a drop or clone function, and with NULL, rn_rwlock_write stops
 * the program.
 *
 * Context:  any task or thread; write and write_until wait, try_write never does
 * Owner:    whoever got it (write, or 0) holds it until its rn_rwlock_unlock_write or rn_rwlock_downgrade
 * Cancel:   write, try_write: uncancellable. write_until: atomic: RN_ECANCELED means that you do not hold it, and
 *           those who waited behind you go on
 * Order:    everything before the unlocks of all earlier holders happens-before the return
 * Memory:   as rn_rwlock_read
 * Returns:  nothing (write) | 0 | RN_EAGAIN it would wait (try_) | RN_ETIMEDOUT (_until) | RN_ECANCELED (_until) |
 *           RN_EINVAL
 */
RN_API void rn_rwlock_write(rn_rwlock *lock);
RN_API RN_MUST_USE int rn_rwlock_try_write(rn_rwlock *lock);
RN_API RN_MUST_USE int rn_rwlock_write_until(rn_rwlock *lock, rn_deadline deadline);

/**
 * rn_rwlock_read_case, rn_rwlock_write_case - for a select (select.h)
 *
 * While it waits it stands in the line like the call: those who come later wait behind it, also another case of the
 * same select.
 *
 * Context:  anywhere; never waits
 * Owner:    a value; the lock must stay until the select has returned. Whoever selected holds it, so, if this case is
 *           the one that happens
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_rwlock_read_case(rn_rwlock *lock);
RN_MUST_USE RN_API rn_case rn_rwlock_write_case(rn_rwlock *lock);

/**
 * rn_rwlock_unlock_read, rn_rwlock_unlock_write - give it up
 *
 * NULL: nothing happens. What is not so locked: a debug build of the library stops the program, in a release build
 * nothing happens.
 *
 * Context:  the task or thread that holds it; never waits
 * Owner:    what it protects is not yours any more
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the return of the lock that it makes possible
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_rwlock_unlock_read(rn_rwlock *lock);
RN_API void rn_rwlock_unlock_write(rn_rwlock *lock);

/**
 * rn_rwlock_downgrade - the writer becomes a reader, with no writer in between
 *
 * Readers at the head of the line join it at once. There is no way up: two readers that both wanted it would wait for
 * each other.
 *
 * Context:  the task or thread that holds it as a writer; never waits
 * Owner:    yours still, until rn_rwlock_unlock_read
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the return of the reads that it makes possible
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_rwlock_downgrade(rn_rwlock *lock);

RN__END_DECLS

#endif
