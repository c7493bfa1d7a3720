/* SPDX-License-Identifier: MIT */
/* mutex.c - one holder and a line of those who want to be it (<runnel/mutex.h>).
 *
 * An unlock makes the first in line who can still be won the holder, under the same lock: a mutex that somebody waits
 * for is never free, so nobody can get in between. One that gives up leaves nothing behind: somebody else holds it.
 * Debug builds know the holder; an operation carries its caller in place of an address.
 */
#include "sync/mutex.h"

#include "sync/holder.h"
#include "wait/select.h"

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) mutex {
    struct rn__lock lock; /* protects everything here but the name */
    uint32_t held;
    struct rn__waitq line;
    uint64_t holder; /* in debug builds, while it is held: rn__caller() */
    const char *name;
};

_Static_assert(sizeof(struct mutex) <= sizeof(rn_mutex), "the public struct has room");
_Static_assert(offsetof(struct mutex, held) == offsetof(rn_mutex, held), "same layout");
_Static_assert(offsetof(struct mutex, line) == offsetof(rn_mutex, first), "same layout");
_Static_assert(offsetof(struct mutex, name) == offsetof(rn_mutex, name), "same layout");

static struct mutex *inside(rn_mutex *mutex)
{
    return (struct mutex *)(void *)mutex;
}

/* -------------------------------------------------------------------------------------------------- locking -- */

static void hold(struct mutex *mutex, const struct rn__operation *by)
{
    mutex->held = true;
    mutex->holder = (uintptr_t)by->data;
}

static int attempt_lock(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct mutex *mutex = operation->object;
    (void)wakes;
    if (mutex->held)
        return RN__PENDING;
    hold(mutex, operation);
    return 0;
}

/* The caller is about to wait: for itself? */
static void check_waiting(struct rn__operation *operation)
{
    const struct mutex *mutex = operation->object;
    if (RN__CHECKED && mutex->holder == (uintptr_t)operation->data)
        rn__misused("mutex", mutex->name, "locked again by the one that holds it");
}

static int attempt_lock_checked(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = attempt_lock(operation, wakes);
    if (rc != 0)
        check_waiting(operation);
    return rc;
}

static const struct rn__operation_kind kind_lock = {.verb = "mutex lock", .attempt = attempt_lock_checked};
static const struct rn__operation_kind kind_try_lock = {.verb = "mutex try_lock", .attempt = attempt_lock};

static struct rn__operation locking(struct mutex *mutex, const struct rn__operation_kind *kind)
{
    return (struct rn__operation){
        .kind = kind,
        .lock = &mutex->lock,
        .queue = &mutex->line,
        .object = mutex,
        .name = mutex->name,
        .data = rn__caller_as_data(),
    };
}

void rn_mutex_lock(rn_mutex *mutex)
{
    if (mutex == NULL)
        rn__misused("rn_mutex_lock", (const char *)NULL, "NULL is no mutex");
    struct rn__operation operation = locking(inside(mutex), &kind_lock);
    rn__await_surely(&operation);
}

int rn_mutex_lock_until(rn_mutex *mutex, rn_deadline deadline)
{
    if (mutex == NULL)
        return RN_EINVAL;
    struct rn__operation operation = locking(inside(mutex), &kind_lock);
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

int rn_mutex_try_lock(rn_mutex *mutex)
{
    if (mutex == NULL)
        return RN_EINVAL;
    struct rn__operation operation = locking(inside(mutex), &kind_try_lock);
    return rn__attempt(&operation, RN_EAGAIN);
}

static bool lock_ready(const struct rn__operation *operation)
{
    const struct mutex *mutex = operation->object;
    return !mutex->held;
}

/* A case may only try; that it will wait is known when it stands in the line. */
static const struct rn__operation_kind kind_lock_case = {
    .verb = "mutex lock",
    .attempt = attempt_lock,
    .begin = rn__begin_as_caller,
    .ready = lock_ready,
    .stand = check_waiting,
};

rn_case rn_mutex_lock_case(rn_mutex *mutex)
{
    rn_case made = {0};
    if (mutex != NULL)
        *rn__case_operation(&made) = locking(inside(mutex), &kind_lock_case);
    return made;
}

/* ------------------------------------------------------------------------------------------------ unlocking -- */

static void check_holder(const struct mutex *mutex)
{
    if (!RN__CHECKED)
        return;
    if (!mutex->held)
        rn__misused("mutex", mutex->name, "unlocked, but nobody holds it");
    if (mutex->holder != rn__caller())
        rn__misused("mutex", mutex->name, "unlocked by another one than who holds it");
}

void rn__mutex_unlock(rn_mutex *public_mutex, struct rn__wakes *wakes)
{
    struct mutex *mutex = inside(public_mutex);
    rn__lock_acquire(&mutex->lock);
    check_holder(mutex);
    struct rn__waiter *next = rn__waitq_claim(&mutex->line);
    mutex->held = false;
    if (next != NULL) {
        hold(mutex, rn__operation_of(next));
        rn__wakes_add(wakes, next, 0);
    }
    rn__lock_release(&mutex->lock);
}

void rn_mutex_unlock(rn_mutex *mutex)
{
    struct rn__wakes wakes = {0};
    if (mutex == NULL)
        return;
    rn__mutex_unlock(mutex, &wakes);
    rn__wakes_run(&wakes);
}
