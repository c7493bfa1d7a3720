/* SPDX-License-Identifier: MIT */
/* once.h - something is done once, by whoever comes first; the others wait for it.
 *
 * What is done may wait and may fail: then the next in line tries. The value that comes of it is yours, a variable
 * beside the once: written by the function, read by everybody whose call said 0. It is a plain struct, and mostly
 * static: all zero is not done, and there is nothing to free.
 *
 * Use:
 *     static struct { rn_once made; struct pool *pool; } db;
 *     static int connect_pool(void *arg) { return pool_open(&db.pool, arg); }      0 or why not
 *     RN_TRY(rn_once_run(&db.made, connect_pool, url));
 *     use(db.pool);
 * and for a value that one party sets and others wait for:
 *     settings = load();  rn_ignore(rn_once_set(&loaded));           there: RN_TRY(rn_once_wait(&loaded));
 *
 * At the same time:  all calls on one once, by any number of tasks and threads.
 * Closing:           nothing to close; but it must not go away before every call on it has returned, the one that did
 *                    it too. There is no way back from done. A cancelled caller hears RN_ECANCELED then as well.
 * Costs:             no allocation, 64 bytes. Done: one load, and none of its lines in memory is written any more.
 * Another shape:     a value that changes: watch. A value for one reader, or nobody will ever come: oneshot.
 */
#ifndef RUNNEL_ONCE_H
#define RUNNEL_ONCE_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL. */
typedef struct rn_once {
    uint32_t lock;
    uint32_t state;
    void *runners[2];
    void *watchers[2];
    uint64_t runner;
    const char *name;
    uint64_t reserved;
} rn_once;

/* clang-format off */
#define RN_ONCE_INIT {0, 0, {NULL, NULL}, {NULL, NULL}, 0, NULL, 0}
/* clang-format on */

/**
 * rn_once_run, rn_once_run_until - it is done, or I do it
 * @fn: runs in the caller, outside every lock of the library, and may wait. 0: it is done
 *
 * If somebody runs its function at this moment, waits for the end of that. If that fails, the one that has waited
 * longest runs its own. The deadline is for the wait, not for @fn.
 *
 * Context:  any task or thread; waits
 * Owner:    @arg as @fn says
 * Cancel:   atomic, as long as @fn has not begun: RN_ECANCELED means that it did not run. Then it is @fn's own
 *           affair: its waits are cancelled as all others are
 * Order:    everything in the @fn that succeeded happens-before every 0
 * Memory:   none
 * Returns:  0 done, by whom does not matter | what @fn returned, if it ran here and failed | RN_ETIMEDOUT (_until) |
 *           RN_ECANCELED | RN_EDEADLK called by @fn itself, for the same once | RN_EINVAL
 */
RN_API int rn_once_run(rn_once *once, int (*fn)(void *arg), void *arg);
RN_API int rn_once_run_until(rn_once *once, int (*fn)(void *arg), void *arg, rn_deadline deadline);

/**
 * rn_once_wait, rn_once_wait_until - until it is done, by somebody else
 *
 * A function that fails ends no wait.
 *
 * Context:  any task or thread; waits
 * Owner:    nothing
 * Cancel:   atomic: RN_ECANCELED means that you have not waited long enough
 * Order:    everything in the fn that succeeded, or before the rn_once_set, happens-before the 0
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EDEADLK called by the function that does it | RN_EINVAL
 */
RN_API int rn_once_wait(rn_once *once);
RN_API int rn_once_wait_until(rn_once *once, rn_deadline deadline);

/**
 * rn_once_set - it is done: I have
 *
 * For the one that sets a value: write it, then set. Where several might, let the function of rn_once_run write it.
 *
 * Context:  any task or thread; never waits
 * Owner:    what was written before is everybody's to read
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before every 0 that it causes
 * Memory:   none
 * Returns:  0 | RN_EBUSY it was done before, or somebody is doing it now | RN_EINVAL
 */
RN_API int rn_once_set(rn_once *once);

/**
 * rn_once_done - whether it is done
 *
 * Context:  any task or thread; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    everything in the fn that succeeded, or before the rn_once_set, happens-before a true
 * Memory:   none
 * Returns:  true or false
 */
RN_API bool rn_once_done(const rn_once *once);

RN__END_DECLS

#endif
