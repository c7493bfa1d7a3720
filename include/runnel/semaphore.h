/* SPDX-License-Identifier: MIT */
/* semaphore.h - a number of permits, first come, first served.
 *
 * A semaphore says how many may do something at a time, or how much of something there is: take permits before, give
 * them back afterwards. A permit belongs to nobody: one party may acquire it and another release it. It is a plain
 * struct: embed it in yours. All zero holds no permit, and there is nothing to free.
 *
 * Use:
 *     static rn_semaphore slots = RN_SEMAPHORE_INIT(8);
 *     RN_TRY(rn_semaphore_acquire(&slots, 1));           at most eight of them from here ...
 *     rc = download(url);
 *     rn_ignore(rn_semaphore_release(&slots, 1));        ... to here
 * and for bytes instead of pieces:
 *     RN_TRY(rn_semaphore_acquire(&budget, size));
 *
 * At the same time:  all calls on one semaphore, by any number of tasks and threads.
 * Closing:           rn_semaphore_close ends all waits, now and later. It must not go away while anybody waits.
 * Costs:             no allocation, 56 bytes. One wake-up per party woken.
 * Another shape:     one at a time, with an owner: mutex. "Something has happened": notify. A queue with a bound:
 *                    mpsc.
 */
#ifndef RUNNEL_SEMAPHORE_H
#define RUNNEL_SEMAPHORE_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

#define RN_SEMAPHORE_MAX (SIZE_MAX >> 3)

/* Private, but for name: static text for rn_dump(), or NULL; and permits before the first use. */
typedef struct rn_semaphore {
    uint32_t lock;
    uint32_t closed;
    size_t permits;
    void *first;
    void *last;
    const char *name;
    uint64_t reserved[2];
} rn_semaphore;

/* clang-format off */
#define RN_SEMAPHORE_INIT(permits) {0, 0, (permits), NULL, NULL, NULL, {0, 0}} /* 0 .. RN_SEMAPHORE_MAX */
/* clang-format on */

/**
 * rn_semaphore_init - an open semaphore with so many permits, without a name
 * @permits: 0 .. RN_SEMAPHORE_MAX
 *
 * Where the number is known, RN_SEMAPHORE_INIT does the same.
 *
 * Context:  anywhere, before anybody uses it; never waits
 * Owner:    *@semaphore is yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API RN_MUST_USE int rn_semaphore_init(rn_semaphore *semaphore, size_t permits);

/**
 * rn_semaphore_acquire, rn_semaphore_try_acquire, rn_semaphore_acquire_until - take so many permits, all or none
 * @count: up to RN_SEMAPHORE_MAX. 0: nothing is taken, but a close is noticed
 *
 * Who came first is served first: while somebody waits for many permits, what is released is kept for it, and nobody
 * else takes any, by try_ neither. One that gives up lets those behind it go on.
 *
 * Context:  any task or thread; acquire and acquire_until wait, try_acquire never does
 * Owner:    on 0 @count permits are yours to release
 * Cancel:   atomic: RN_ECANCELED means that no permit was taken. try_acquire: uncancellable
 * Order:    everything before a release happens-before the 0 of those who take its permits
 * Memory:   none
 * Returns:  0 | RN_CLOSED | RN_EAGAIN not so many now (try_) | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API RN_MUST_USE int rn_semaphore_acquire(rn_semaphore *semaphore, size_t count);
RN_API RN_MUST_USE int rn_semaphore_try_acquire(rn_semaphore *semaphore, size_t count);
RN_API RN_MUST_USE int rn_semaphore_acquire_until(rn_semaphore *semaphore, size_t count, rn_deadline deadline);

/**
 * rn_semaphore_acquire_case - for a select (select.h)
 *
 * While it waits it stands in the line like the call: those who come later wait behind it, also another case of the
 * same select.
 *
 * Context:  anywhere; never waits
 * Owner:    a value; the semaphore must stay until the select has returned. The permits are yours if this case is the
 *           one that happens, with rc 0
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_semaphore_acquire_case(rn_semaphore *semaphore, size_t count);

/**
 * rn_semaphore_release - give permits back, or add new ones
 *
 * Works on a closed semaphore too: nobody will take them, but rn_semaphore_forget counts them.
 *
 * Context:  any task or thread; never waits
 * Owner:    the permits are the semaphore's
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the 0 of those who take the permits
 * Memory:   none
 * Returns:  0 | RN_EOVERFLOW there would be more than RN_SEMAPHORE_MAX free ones: nothing was changed | RN_EINVAL
 */
RN_API int rn_semaphore_release(rn_semaphore *semaphore, size_t count);

/**
 * rn_semaphore_forget - take free permits away for good
 * @count: at most so many
 *
 * Also those that are kept for somebody who waits for more. Permits that were acquired are forgotten by not releasing
 * them.
 *
 * Context:  any task or thread; never waits
 * Owner:    the permits are nobody's
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  how many were taken away: all, if fewer than @count were free
 */
RN_API size_t rn_semaphore_forget(rn_semaphore *semaphore, size_t count);

/**
 * rn_semaphore_available - how many permits rn_semaphore_try_acquire could take at this moment
 *
 * 0 while somebody waits. A snapshot: by the time you look at it it may be wrong.
 *
 * Context:  any task or thread; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the number; of a closed semaphore what is free, though nobody can take it
 */
RN_API size_t rn_semaphore_available(const rn_semaphore *semaphore);

/**
 * rn_semaphore_close, rn_semaphore_is_closed - nobody gets a permit any more; whether that is so
 *
 * Those who wait get RN_CLOSED, and so does everybody who comes later. There is no way back. A second close changes
 * nothing.
 *
 * Context:  any task or thread; never waits
 * Owner:    permits that were acquired stay yours, and can be released
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the close happens-before the RN_CLOSED that it causes
 * Memory:   none
 * Returns:  nothing; true or false
 */
RN_API void rn_semaphore_close(rn_semaphore *semaphore);
RN_API bool rn_semaphore_is_closed(const rn_semaphore *semaphore);

RN__END_DECLS

#endif
