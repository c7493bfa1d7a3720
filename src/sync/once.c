/* SPDX-License-Identifier: MIT */
/* once.c - not done, being done, done; and those who wait for that (<runnel/once.h>).
 *
 *                   run                       its function says 0
 *          NEW ------------> RUNNING --------------------------------> DONE
 *           ^ \                 |                                       ^
 *           |  \                | it fails: the first of the runners    |
 *           |   \               | in line has it now; there is none:    |
 *           +----\--------------+                                       |
 *                 +-----------------------------------------------------+
 *                                  set
 *
 * Under the lock, counting only waiters that can still be won: a runner is in line only while it is RUNNING, a
 * watcher until it is DONE. A runner that gives up leaves nothing behind: somebody else is at it.
 *
 * Edges
 *  ONCE-1 finish() release -> ONCE-2 is_done() acquire: what the function has written
 */
#include <runnel/once.h>

#include "sync/holder.h"

enum once_state { NEW, RUNNING, DONE };

/* The answer to a runner whose turn it is; no code of error.h. */
enum { TURN = 2 };

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) once {
    struct rn__lock lock; /* protects everything here but the name */
    uint32_t state;       /* written under the lock, read by anybody */
    struct rn__waitq runners;
    struct rn__waitq watchers;
    uint64_t runner; /* while it is RUNNING: rn__caller() */
    const char *name;
};

_Static_assert(sizeof(struct once) <= sizeof(rn_once), "the public struct has room");
_Static_assert(offsetof(struct once, state) == offsetof(rn_once, state), "same layout");
_Static_assert(offsetof(struct once, runners) == offsetof(rn_once, runners), "same layout");
_Static_assert(offsetof(struct once, watchers) == offsetof(rn_once, watchers), "same layout");
_Static_assert(offsetof(struct once, name) == offsetof(rn_once, name), "same layout");

static struct once *inside(const rn_once *once)
{
    return (struct once *)(void *)(uintptr_t)once;
}

static bool is_done(const struct once *once)
{
    return rn__load_acquire(&once->state) == DONE; /* ONCE-2 */
}

static void finish(struct once *once, struct rn__wakes *wakes)
{
    rn__store_release(&once->state, DONE); /* ONCE-1 */
    rn__wakes_add_all(wakes, &once->runners, 0);
    rn__wakes_add_all(wakes, &once->watchers, 0);
}

static void begin(struct once *once, const struct rn__operation *by)
{
    rn__store_relaxed(&once->state, RUNNING); /* rlx: it says nothing of what the function writes */
    once->runner = (uintptr_t)by->data;
}

static void fail(struct once *once, struct rn__wakes *wakes)
{
    struct rn__waiter *next = rn__waitq_claim(&once->runners);
    if (next == NULL) {
        rn__store_relaxed(&once->state, NEW); /* rlx: as above */
        return;
    }
    begin(once, rn__operation_of(next));
    rn__wakes_add(wakes, next, TURN);
}

/* -------------------------------------------------------------------------------------------------- waiting -- */

/* Nobody waits for itself. */
static int pending(const struct once *once, const struct rn__operation *operation)
{
    return once->state == RUNNING && once->runner == (uintptr_t)operation->data ? RN_EDEADLK : RN__PENDING;
}

static int attempt_run(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct once *once = operation->object;
    (void)wakes;
    if (once->state == DONE)
        return 0;
    if (once->state == RUNNING)
        return pending(once, operation);
    begin(once, operation);
    return TURN;
}

static int attempt_wait(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct once *once = operation->object;
    (void)wakes;
    return once->state == DONE ? 0 : pending(once, operation);
}

static const struct rn__operation_kind kind_run = {.verb = "once run", .attempt = attempt_run};
static const struct rn__operation_kind kind_wait = {.verb = "once wait", .attempt = attempt_wait};

static int await_once(struct once *once, const struct rn__operation_kind *kind, struct rn__waitq *queue,
                      rn_deadline deadline)
{
    if (is_done(once))
        return rn__await_entry(RN__CANCELLABLE);
    struct rn__operation operation = {
        .kind = kind,
        .lock = &once->lock,
        .queue = queue,
        .object = once,
        .name = once->name,
        .data = (void *)(uintptr_t)rn__caller(),
    };
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

/* ------------------------------------------------------------------------------------------ the public calls -- */

int rn_once_run_until(rn_once *public_once, int (*fn)(void *), void *arg, rn_deadline deadline)
{
    struct once *once = inside(public_once);
    struct rn__wakes wakes = {0};
    if (once == NULL || fn == NULL)
        return RN_EINVAL;
    int rc = await_once(once, &kind_run, &once->runners, deadline);
    if (rc != TURN)
        return rc;
    rc = fn(arg);
    rn__lock_acquire(&once->lock);
    if (rc == 0)
        finish(once, &wakes);
    else
        fail(once, &wakes);
    rn__lock_release(&once->lock);
    rn__wakes_run(&wakes);
    return rc;
}

int rn_once_run(rn_once *once, int (*fn)(void *), void *arg)
{
    return rn_once_run_until(once, fn, arg, RN_FOREVER);
}

int rn_once_wait_until(rn_once *public_once, rn_deadline deadline)
{
    struct once *once = inside(public_once);
    return once == NULL ? RN_EINVAL : await_once(once, &kind_wait, &once->watchers, deadline);
}

int rn_once_wait(rn_once *once)
{
    return rn_once_wait_until(once, RN_FOREVER);
}

int rn_once_set(rn_once *public_once)
{
    struct once *once = inside(public_once);
    struct rn__wakes wakes = {0};
    int rc = RN_EBUSY;
    if (once == NULL)
        return RN_EINVAL;
    rn__lock_acquire(&once->lock);
    if (once->state == NEW) {
        finish(once, &wakes);
        rc = 0;
    }
    rn__lock_release(&once->lock);
    rn__wakes_run(&wakes);
    return rc;
}

bool rn_once_done(const rn_once *once)
{
    return once != NULL && is_done(inside(once));
}
