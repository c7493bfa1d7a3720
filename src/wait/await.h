/* SPDX-License-Identifier: MIT */
/* await.h - the one primitive under every call that can wait.
 *
 * An operation is something that may be possible now or later: take a message, join a task. It knows how to try
 * (under its object's lock) and where to stand if that is not possible. Everything else is the same for all: may
 * the caller wait, was it cancelled, has the deadline passed, arm, stand in the queue, park, leave.
 *
 *     public call            rn__await() / rn__attempt()                       the peer
 *     ----------------       -------------------------------------------       -----------------------------------
 *     fill an operation ---> lock; attempt(): done ------> unlock; wake others
 *                            pending -> arm; push; unlock
 *                            cancelled meanwhile? -> leave
 *                            park ............................................> lock; rn__waitq_claim() wins the word
 *                            settle <----------------------------------------- moves the value; unlock; schedule
 *                            peer's: give its result
 *                            timer's, canceller's: lock; remove; unlock
 */
#ifndef RN__WAIT_AWAIT_H
#define RN__WAIT_AWAIT_H

#include "platform/lock.h"
#include "wait/clock.h"
#include "wait/waiter.h"

#include <runnel/error.h>

/* attempt()'s answer for "not now"; no code of error.h. */
#define RN__PENDING 1

struct rn__operation;

struct rn__operation_kind {
    const char *verb; /* for the dump: "mpsc recv" */
    /* Under the object's lock. RN__PENDING, or the operation has happened and this is its code; peers that it
     * served are in *wakes, also if only a part of it has happened and it is pending. */
    int (*attempt)(struct rn__operation *operation, struct rn__wakes *wakes);
    /* Under the object's lock, after a timer, a canceller or a withdrawal has taken it out of the queue: whoever
     * stood behind it may be able to go on now. NULL where that cannot be. */
    void (*leave)(struct rn__operation *operation, struct rn__wakes *wakes);

    /* For kinds that are cases of a select (select.h); the calls that wait for one do the same on their way. NULL
     * where there is nothing to do, but for ready. The token is 0 until the select is armed.
     *
     * Outside every lock, in the caller, before the first attempt. */
    void (*begin)(struct rn__operation *operation);
    /* Under the object's lock, without any effect: would attempt() not be pending? */
    bool (*ready)(const struct rn__operation *operation);
    /* Under the object's lock: it stands in the queue now. */
    void (*stand)(struct rn__operation *operation);
    /* Outside every lock, in the caller, after it is out of the queue: it has happened with this code, and gives what
     * the code is in the end; or RN__PENDING, it has not. Leaves the operation as it was made. */
    int (*finish)(struct rn__operation *operation, int rc);
    /* When it will have happened, with 0, though nobody does anything. NULL: never. */
    int64_t (*due)(const struct rn__operation *operation);
};

struct rn__operation {
    const struct rn__operation_kind *kind;
    struct rn__lock *lock;   /* the object's */
    struct rn__waitq *queue; /* where to stand while it is not possible */
    void *object;
    const char *name; /* of the object, static text; NULL: it has none */
    void *data;       /* the value to give, or the place for the one to get */
    uint64_t *count;  /* a second result, such as how many messages were missed */
    struct rn__waiter waiter;
};

/* The operation of a waiter that is in a queue, or was won and not yet scheduled. */
static inline struct rn__operation *rn__operation_of(struct rn__waiter *waiter)
{
    return rn__container_of(waiter, struct rn__operation, waiter);
}

enum rn__cancelling { RN__UNCANCELLABLE, RN__CANCELLABLE };

/* Waits until the operation has happened and gives its code; or RN_ECANCELED (at entry too), RN_ETIMEDOUT,
 * RN_EDEADLK (called by a callback that may not wait), RN_ENOMEM (a plain thread's first wait), RN_FORKED (in the
 * child of a fork: the object is lost, or nobody is there to end the wait): then it has not. */
int rn__await(struct rn__operation *operation, rn_deadline deadline, enum rn__cancelling cancelling);

/* The checks with which each waiting call begins, for those that must do something before they can wait:
 * 0 | RN_EDEADLK | RN_ECANCELED. */
int rn__await_entry(enum rn__cancelling cancelling);

/* The try_ form: the operation's code, or `pending` if it would have to wait. */
int rn__attempt(struct rn__operation *operation, int pending);

/* Takes an operation that has not happened out of its queue: its party was won by somebody else than a peer. */
void rn__operation_leave(struct rn__operation *operation);

/* Waits for the deadline alone: RN_ETIMEDOUT, RN_ECANCELED, RN_EDEADLK. */
int rn__await_deadline(rn_deadline deadline, enum rn__cancelling cancelling);

/* The steps of a wait, for those who stand in several queues at once. Each as rn__await() uses it. */

uint64_t rn__await_arm(struct rn__party *self, enum rn__cancelling cancelling);
void rn__await_describe(struct rn__party *self, const char *verb, const char *name, const void *object,
                        int64_t deadline);
/* From here on, until it is said again with NULL, the operations (those of an array of cases, or one) may be in
 * queues. Before arming: whoever is fired may be in a list at once. */
void rn__await_stand(struct rn__party *self, struct rn__operation *first, uint32_t count);
/* Armed, and standing in every queue: until somebody fires. Gives which case it was. */
uint32_t rn__await_park(struct rn__party *self, int64_t deadline, enum rn__cancelling cancelling);

/* What every operation pays that completed without parking. After RN__BUDGET of them others get a turn before the
 * next one: not behind the last, for its caller may hold what they wait for, such as a lock. */
void rn__budget_renew(struct rn__party *self);
void rn__budget_spend(struct rn__party *self);

#endif
