/* SPDX-License-Identifier: MIT */
/* await.c - the one primitive under every call that can wait (walk-through in await.h). */
#include "wait/await.h"

#include "wait/fork.h"

/* Parks that end by themselves would be for a caller without a frame; those use callback.h. */
static bool may_park(const struct rn__party *self)
{
    return self->kind->park != NULL;
}

/* The deadline of a scope that it is in has passed. */
static bool is_over(const struct rn__party *self)
{
    const int64_t limit = rn__party_limit(self);
    return RN__UNLIKELY(limit != RN__NEVER) && limit <= rn__now();
}

/* The checks at the entry of every waiting call, also of one that would not have to wait: so that a loop over a
 * channel that is never empty lets others run, and notices a cancellation. */
static int entry(struct rn__party *self, enum rn__cancelling cancelling)
{
    if (RN__UNLIKELY(rn__callback_running()))
        return RN_EDEADLK;
    rn__budget_renew(self);
    if (self != NULL && cancelling == RN__CANCELLABLE && RN__UNLIKELY(rn__party_is_cancelled(self) || is_over(self)))
        return RN_ECANCELED;
    return 0;
}

int rn__await_entry(enum rn__cancelling cancelling)
{
    return entry(rn__party_current(), cancelling);
}

void rn__budget_renew(struct rn__party *self)
{
    if (RN__LIKELY(self == NULL || self->budget > 0) || rn__callback_running())
        return;
    self->budget = RN__BUDGET;
    if (self->kind->yield != NULL)
        self->kind->yield(self);
}

void rn__budget_spend(struct rn__party *self)
{
    if (self != NULL && self->budget > 0)
        self->budget--;
}

int rn__attempt(struct rn__operation *operation, int pending)
{
    struct rn__wakes wakes = {0};
    if (RN__UNLIKELY(!rn__lock_enter(operation->lock)))
        return RN_FORKED;
    const int rc = operation->kind->attempt(operation, &wakes);
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
    return rc == RN__PENDING ? pending : rc;
}

void rn__await_describe(struct rn__party *self, const char *verb, const char *name, const void *object,
                        int64_t deadline)
{
    rn__store_relaxed(&self->wait_name, name);         /* rlx: hints for the dump, each a word of its own */
    rn__store_relaxed(&self->wait_object, object);     /* rlx: as above */
    rn__store_relaxed(&self->wait_deadline, deadline); /* rlx: as above */
    rn__store_relaxed(&self->wait_verb, verb);         /* rlx: as above */
}

/* rlx, both: the child of a fork reads them, when there is only one thread. */
void rn__await_stand(struct rn__party *self, struct rn__operation *first, uint32_t count)
{
    rn__store_relaxed(&self->standing_count, (uint16_t)count);                 /* rlx: see above */
    rn__store_relaxed(&self->standing, first == NULL ? NULL : &first->waiter); /* rlx: see above */
}

/* A limit that is sooner than the deadline is to the caller what a canceller is. */
uint32_t rn__await_park(struct rn__party *self, int64_t deadline, enum rn__cancelling cancelling)
{
    const int64_t limit = cancelling == RN__CANCELLABLE ? rn__party_limit(self) : RN__NEVER;
    const bool is_limited = limit < deadline;
    uint32_t which = RN__BY_CANCEL;
    if (cancelling == RN__UNCANCELLABLE || !rn__party_is_cancelled(self) || !rn__party_disarm(self)) {
        self->kind->park(self, is_limited ? limit : deadline);
        which = rn__party_settle(self);
    }
    rn__store_relaxed(&self->wait_verb, NULL); /* rlx: a hint for the dump */
    return which == RN__BY_TIMER && is_limited ? RN__BY_CANCEL : which;
}

/* An uncancellable wait is one that the canceller cannot see. */
uint64_t rn__await_arm(struct rn__party *self, enum rn__cancelling cancelling)
{
    const uint32_t hidden = cancelling == RN__UNCANCELLABLE;
    self->shield += hidden;
    const uint64_t token = rn__party_arm(self);
    self->shield -= hidden;
    return token;
}

void rn__operation_leave(struct rn__operation *operation)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(operation->lock);
    rn__waiter_remove(&operation->waiter);
    if (operation->kind->leave != NULL)
        operation->kind->leave(operation, &wakes);
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
}

/* Under the lock, the attempt was pending: stands in the queue, unlocks, wakes those whom a part of the operation has
 * served, waits. */
static int enlist_and_park(struct rn__operation *operation, struct rn__party *self, rn_deadline deadline,
                           enum rn__cancelling cancelling, struct rn__wakes *wakes)
{
    const int64_t until = rn__deadline_ns(deadline);
    rn__await_stand(self, operation, 1);
    operation->waiter.token = rn__await_arm(self, cancelling);
    operation->waiter.which = 0;
    rn__waitq_push(operation->queue, &operation->waiter);
    rn__await_describe(self, operation->kind->verb, operation->name, operation->object, until);
    rn__lock_release(operation->lock);
    rn__wakes_run(wakes);
    const uint32_t which = rn__await_park(self, until, cancelling);
    if (which != 0)
        rn__operation_leave(operation);
    rn__await_stand(self, NULL, 0);
    if (which == 0)
        return operation->waiter.result;
    return which == RN__BY_TIMER ? RN_ETIMEDOUT : RN_ECANCELED;
}

int rn__await(struct rn__operation *operation, rn_deadline deadline, enum rn__cancelling cancelling)
{
    struct rn__party *self = rn__party_current();
    struct rn__wakes wakes = {0};
    int rc = entry(self, cancelling);
    if (rc != 0)
        return rc;
    if (RN__UNLIKELY(!rn__lock_enter(operation->lock)))
        return RN_FORKED;
    rc = operation->kind->attempt(operation, &wakes);
    if (RN__LIKELY(rc != RN__PENDING)) {
        rn__lock_release(operation->lock);
        rn__wakes_run(&wakes);
        rn__budget_spend(self);
        return rc;
    }
    rc = RN_ETIMEDOUT;
    if (rn__deadline_passed(deadline))
        goto unlock;
    rc = RN_ENOMEM;
    if (self == NULL && (self = rn__party_of_caller()) == NULL)
        goto unlock;
    rc = RN_EDEADLK;
    if (!may_park(self))
        goto unlock;
    rc = RN_FORKED;
    if (rn__wait_is_hopeless(self, deadline))
        goto unlock;
    return enlist_and_park(operation, self, deadline, cancelling, &wakes);
unlock:
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
    return rc;
}

int rn__await_deadline(rn_deadline deadline, enum rn__cancelling cancelling)
{
    struct rn__party *self = rn__party_current();
    const int rc = entry(self, cancelling);
    if (rc != 0)
        return rc;
    if (rn__deadline_passed(deadline)) {
        rn__budget_spend(self);
        return RN_ETIMEDOUT;
    }
    if (self == NULL) {
        rn__clock_sleep(rn__deadline_ns(deadline)); /* a plain thread that only sleeps need not be known to anybody */
        return RN_ETIMEDOUT;
    }
    if (!may_park(self))
        return RN_EDEADLK;
    rn__await_arm(self, cancelling);
    rn__await_describe(self, "sleep", NULL, NULL, rn__deadline_ns(deadline));
    return rn__await_park(self, rn__deadline_ns(deadline), cancelling) == RN__BY_CANCEL ? RN_ECANCELED : RN_ETIMEDOUT;
}
