/* SPDX-License-Identifier: MIT */
/* local.h - values that belong to the calling task: what thread-locals are to threads.
 *
 * A key is a static variable; under it each task, and each plain thread, keeps a pointer of its own. It goes along
 * where arguments do not reach: the id of the request for log lines deep inside, whose budget is being spent. With an
 * inherit function children have it too: each task that is spawned begins with what that function gives it.
 *
 * Use:
 *     static int share(void *value, void **child) { *child = request_ref(value); return 0; }
 *     static const rn_local request = RN_LOCAL_INIT(request_unref, share);
 *     ...
 *     RN_TRY(rn_local_set(&request, request_ref(r)));      unref'd when this task ends
 *     log("%s: begun", request_id(rn_local_get(&request)));
 *
 * At the same time:  each task and thread sees its own values only, so there is nothing to protect. A key may be
 *                    used by any number of them; it must be one variable, defined in one file, that stays.
 * Closing:           what a task still has when its function has returned is dropped by its own thread, before
 *                    anybody has joined it; what a thread has, when it ends; what a function has that rn_blocking
 *                    called on the pool, when it returns. The last values of a thread that ends by exit() stay.
 * Costs:             a small block per value, and one more with the first; a look is a walk over the values that
 *                    the caller has. A task without any: one comparison when it is spawned, one when it ends.
 * Another shape:     an argument, wherever one can be passed: it is seen, checked, and free. State that several
 *                    share: an owner of it (mpsc), a mutex, a watch.
 */
#ifndef RUNNEL_LOCAL_H
#define RUNNEL_LOCAL_H

#include <runnel/base.h>
#include <runnel/error.h>

RN__BEGIN_DECLS

/**
 * struct rn_local - a key, told from others by its address
 *
 * @drop:    gets a value that is not needed any more; NULL: there is nothing to do
 * @inherit: called in the one that spawns, with its @value: writes what the child begins with, NULL for nothing, and
 *           gives 0; anything else, and the spawn says RN_ENOMEM. NULL: children begin without
 *
 * Both may not wait, and not set or take a value: they may call rn_local_get.
 */
typedef struct rn_local {
    void (*drop)(void *value);
    int (*inherit)(void *value, void **child);
    uint64_t reserved[2];
} rn_local;

/* clang-format off */
#define RN_LOCAL_INIT(drop, inherit) {(drop), (inherit), {0, 0}}
/* clang-format on */

/**
 * rn_local_set - keep @value under the key, in place of what was there
 * @value: NULL: nothing is kept any more
 *
 * What was there is dropped, after the new one is in its place.
 *
 * Context:  any task or thread; never waits
 * Owner:    on 0 @value belongs to the task or thread, which drops it; on anything else it is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   a block, if there was nothing under the key; two with the first value of all
 * Returns:  0 | RN_ENOMEM | RN_EDEADLK called by a drop, clone or inherit function | RN_EINVAL no key
 */
RN_API RN_MUST_USE int rn_local_set(const rn_local *key, void *value);

/**
 * rn_local_get - what the caller keeps under the key
 *
 * Context:  any task or thread; never waits
 * Owner:    borrowed, until it is replaced or taken, or the task ends
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the value | NULL there is none
 */
RN_API void *rn_local_get(const rn_local *key);

/**
 * rn_local_take - the same, and it is kept no longer
 *
 * Context:  any task or thread; never waits
 * Owner:    yours
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the value | NULL there is none, or called by a drop, clone or inherit function
 */
RN_API RN_MUST_USE void *rn_local_take(const rn_local *key);

RN__END_DECLS

#endif
