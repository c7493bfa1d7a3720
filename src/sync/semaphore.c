/* SPDX-License-Identifier: MIT */
/* semaphore.c - a number of permits and a line of those who want some (<runnel/semaphore.h>).
 *
 * Permits are in one place only, the counter; those in the line own none yet. What is free while somebody stands
 * there is kept for the head, because nobody else may take it: that is all there is to a large request that is not
 * starved, and nothing has to be given back by one who gives up. Under the lock, counting only waiters that can still
 * be won:
 *
 *     somebody is in the line   its head wants more than there are, and the semaphore is open
 *
 * Whoever adds permits, and whoever leaves the line unserved, serves it.
 */
#include <runnel/semaphore.h>

#include "wait/select.h"

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) semaphore {
    struct rn__lock lock; /* protects everything here but the name */
    uint32_t closed;
    size_t permits;
    struct rn__waitq line;
    const char *name;
};

_Static_assert(sizeof(struct semaphore) <= sizeof(rn_semaphore), "the public struct has room");
_Static_assert(offsetof(struct semaphore, permits) == offsetof(rn_semaphore, permits), "same layout");
_Static_assert(offsetof(struct semaphore, line) == offsetof(rn_semaphore, first), "same layout");
_Static_assert(offsetof(struct semaphore, name) == offsetof(rn_semaphore, name), "same layout");

static struct semaphore *inside(const rn_semaphore *semaphore)
{
    return (struct semaphore *)(void *)(uintptr_t)semaphore;
}

int rn_semaphore_init(rn_semaphore *semaphore, size_t permits)
{
    if (semaphore == NULL || permits > RN_SEMAPHORE_MAX)
        return RN_EINVAL;
    *semaphore = (rn_semaphore)RN_SEMAPHORE_INIT(permits);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ acquiring -- */

/* An operation carries the number in place of an address. */
static size_t wanted(const struct rn__operation *operation)
{
    return (size_t)(uintptr_t)operation->data;
}

static bool acquire_ready(const struct rn__operation *operation)
{
    const struct semaphore *semaphore = operation->object;
    const size_t count = wanted(operation);
    return semaphore->closed || count == 0 || (semaphore->line.first == NULL && semaphore->permits >= count);
}

static int attempt_acquire(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct semaphore *semaphore = operation->object;
    (void)wakes;
    if (semaphore->closed)
        return RN_CLOSED;
    if (!acquire_ready(operation))
        return RN__PENDING;
    semaphore->permits -= wanted(operation);
    return 0;
}

/* Gives the head of the line what it wants; false: that is more than there are. If it has given up it is out of the
 * line now, and that is an answer too. */
static bool serve_head(struct semaphore *semaphore, struct rn__wakes *wakes)
{
    struct rn__operation *head = rn__operation_of(semaphore->line.first);
    if (semaphore->permits < wanted(head))
        return false;
    if (!rn__waiter_claim(&head->waiter))
        return true;
    semaphore->permits -= wanted(head);
    rn__wakes_add(wakes, &head->waiter, 0);
    return true;
}

static void serve(struct semaphore *semaphore, struct rn__wakes *wakes)
{
    while (semaphore->line.first != NULL && serve_head(semaphore, wakes))
        ;
}

static void leave_line(struct rn__operation *operation, struct rn__wakes *wakes)
{
    serve(operation->object, wakes);
}

static const struct rn__operation_kind kind_acquire = {
    .verb = "semaphore acquire", .attempt = attempt_acquire, .leave = leave_line, .ready = acquire_ready};

static int acquire_init(struct rn__operation *operation, rn_semaphore *public_semaphore, size_t count)
{
    struct semaphore *semaphore = inside(public_semaphore);
    if (semaphore == NULL || count > RN_SEMAPHORE_MAX)
        return RN_EINVAL;
    *operation = (struct rn__operation){
        .kind = &kind_acquire,
        .lock = &semaphore->lock,
        .queue = &semaphore->line,
        .object = semaphore,
        .name = semaphore->name,
        .data = (void *)(uintptr_t)count,
    };
    return 0;
}

int rn_semaphore_acquire_until(rn_semaphore *semaphore, size_t count, rn_deadline deadline)
{
    struct rn__operation operation;
    const int rc = acquire_init(&operation, semaphore, count);
    return rc == 0 ? rn__await(&operation, deadline, RN__CANCELLABLE) : rc;
}

int rn_semaphore_acquire(rn_semaphore *semaphore, size_t count)
{
    return rn_semaphore_acquire_until(semaphore, count, RN_FOREVER);
}

int rn_semaphore_try_acquire(rn_semaphore *semaphore, size_t count)
{
    struct rn__operation operation;
    const int rc = acquire_init(&operation, semaphore, count);
    return rc == 0 ? rn__attempt(&operation, RN_EAGAIN) : rc;
}

rn_case rn_semaphore_acquire_case(rn_semaphore *semaphore, size_t count)
{
    rn_case made = {0};
    if (semaphore == NULL)
        return made;
    return acquire_init(rn__case_operation(&made), semaphore, count) == 0 ? made : rn__case_refused();
}

/* ------------------------------------------------------------------------------------------ all other calls -- */

int rn_semaphore_release(rn_semaphore *public_semaphore, size_t count)
{
    struct semaphore *semaphore = inside(public_semaphore);
    struct rn__wakes wakes = {0};
    int rc = RN_EOVERFLOW;
    if (semaphore == NULL)
        return RN_EINVAL;
    rn__lock_acquire(&semaphore->lock);
    if (count <= RN_SEMAPHORE_MAX - semaphore->permits) {
        semaphore->permits += count;
        serve(semaphore, &wakes);
        rc = 0;
    }
    rn__lock_release(&semaphore->lock);
    rn__wakes_run(&wakes);
    return rc;
}

size_t rn_semaphore_forget(rn_semaphore *public_semaphore, size_t count)
{
    struct semaphore *semaphore = inside(public_semaphore);
    if (semaphore == NULL)
        return 0;
    rn__lock_acquire(&semaphore->lock);
    if (count > semaphore->permits)
        count = semaphore->permits;
    semaphore->permits -= count;
    rn__lock_release(&semaphore->lock);
    return count;
}

size_t rn_semaphore_available(const rn_semaphore *public_semaphore)
{
    struct semaphore *semaphore = inside(public_semaphore);
    if (semaphore == NULL)
        return 0;
    rn__lock_acquire(&semaphore->lock);
    const size_t permits = semaphore->line.first == NULL ? semaphore->permits : 0;
    rn__lock_release(&semaphore->lock);
    return permits;
}

void rn_semaphore_close(rn_semaphore *public_semaphore)
{
    struct semaphore *semaphore = inside(public_semaphore);
    struct rn__wakes wakes = {0};
    if (semaphore == NULL)
        return;
    rn__lock_acquire(&semaphore->lock);
    semaphore->closed = true;
    rn__wakes_add_all(&wakes, &semaphore->line, RN_CLOSED);
    rn__lock_release(&semaphore->lock);
    rn__wakes_run(&wakes);
}

bool rn_semaphore_is_closed(const rn_semaphore *public_semaphore)
{
    struct semaphore *semaphore = inside(public_semaphore);
    if (semaphore == NULL)
        return false;
    rn__lock_acquire(&semaphore->lock);
    const bool is_closed = semaphore->closed;
    rn__lock_release(&semaphore->lock);
    return is_closed;
}
