/* SPDX-License-Identifier: MIT */
/* blocking.h - the pool of threads on which blocking jobs run: functions that a task waits for (public face:
 * <runnel/blocking.h>) and whole tasks (RN_PLACE_POOL).
 *
 * Grows by a thread when a job finds none idle, up to `max`; as many jobs again may wait. A thread that has had
 * nothing to do for some seconds ends. The pool is an object of its own with a count of references, because an
 * abandoned job may still run when its runtime is gone.
 */
#ifndef RN__RUNTIME_BLOCKING_H
#define RN__RUNTIME_BLOCKING_H

#include "base/compiler.h"

struct rn__blocking_pool;

struct rn__blocking_job {
    struct rn__blocking_job *next;
    /* Once, by a thread of the pool; afterwards the job may be gone. Under the pool's lock, given up meanwhile. */
    void (*run)(struct rn__blocking_pool *pool, struct rn__blocking_job *job);
};

struct rn__blocking {
    struct rn__blocking_pool *pool;
};

/* `name` begins the names of the threads. RN_ENOMEM. */
int rn__blocking_init(struct rn__blocking *blocking, uint32_t max, const char *name);

/* No new jobs; waits for the threads, for those with a job until the deadline. One that is still busy then is left
 * behind and ends, with what is left of the pool, when its job does. Tasks have all ended when this is called: a
 * thread that still leaves one may look at the runtime, and is waited for in any case. */
void rn__blocking_stop(struct rn__blocking *blocking, int64_t deadline);

#endif
