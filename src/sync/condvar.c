/* SPDX-License-Identifier: MIT */
/* condvar.c - a line of those who wait for a change (<runnel/condvar.h>).
 *
 * The mutex is given up under the condvar's lock, by the attempt that is then pending: between that and standing in
 * the line no signal can come. So the order of locks is: condvar, then mutex.
 *
 * No signal is lost: one is a waiter's only if its wake-up was won, else the next in line is asked.
 */
#include <runnel/condvar.h>

#include "sync/mutex.h"

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) condvar {
    struct rn__lock lock; /* protects the line */
    uint32_t unused;
    struct rn__waitq line;
    uint64_t unused2;
    const char *name;
};

_Static_assert(sizeof(struct condvar) <= sizeof(rn_condvar), "the public struct has room");
_Static_assert(offsetof(struct condvar, line) == offsetof(rn_condvar, first), "same layout");
_Static_assert(offsetof(struct condvar, name) == offsetof(rn_condvar, name), "same layout");

static struct condvar *inside(rn_condvar *condvar)
{
    return (struct condvar *)(void *)condvar;
}

/* What an operation's data is. */
struct held {
    rn_mutex *mutex; /* NULL once it was given up */
};

static int attempt_let_go(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct held *held = operation->data;
    rn__mutex_unlock(held->mutex, wakes);
    held->mutex = NULL;
    return RN__PENDING;
}

static const struct rn__operation_kind kind_wait = {.verb = "condvar wait", .attempt = attempt_let_go};

int rn_condvar_wait_until(rn_condvar *public_condvar, rn_mutex *mutex, rn_deadline deadline)
{
    struct condvar *condvar = inside(public_condvar);
    struct held held = {.mutex = mutex};
    if (condvar == NULL || mutex == NULL)
        return RN_EINVAL;
    struct rn__operation operation = {
        .kind = &kind_wait,
        .lock = &condvar->lock,
        .queue = &condvar->line,
        .object = condvar,
        .name = condvar->name,
        .data = &held,
    };
    const int rc = rn__await(&operation, deadline, RN__CANCELLABLE);
    if (held.mutex == NULL)
        rn_mutex_lock(mutex);
    return rc;
}

int rn_condvar_wait(rn_condvar *condvar, rn_mutex *mutex)
{
    return rn_condvar_wait_until(condvar, mutex, RN_FOREVER);
}

void rn_condvar_signal(rn_condvar *public_condvar)
{
    struct condvar *condvar = inside(public_condvar);
    struct rn__wakes wakes = {0};
    if (condvar == NULL)
        return;
    rn__lock_acquire(&condvar->lock);
    struct rn__waiter *first = rn__waitq_claim(&condvar->line);
    if (first != NULL)
        rn__wakes_add(&wakes, first, 0);
    rn__lock_release(&condvar->lock);
    rn__wakes_run(&wakes);
}

void rn_condvar_broadcast(rn_condvar *public_condvar)
{
    struct condvar *condvar = inside(public_condvar);
    struct rn__wakes wakes = {0};
    if (condvar == NULL)
        return;
    rn__lock_acquire(&condvar->lock);
    rn__wakes_add_all(&wakes, &condvar->line, 0);
    rn__lock_release(&condvar->lock);
    rn__wakes_run(&wakes);
}
