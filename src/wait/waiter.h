/* SPDX-License-Identifier: MIT */
/* waiter.h - a place in the queue of an object, and the batch of those who are to be woken.
 *
 * A queue belongs to the lock of its object; all-zero is an empty queue, so that objects can be initialised
 * statically. A waiter lives in the frame of whoever waits.
 */
#ifndef RN__WAIT_WAITER_H
#define RN__WAIT_WAITER_H

#include "wait/party.h"

struct rn__waitq {
    struct rn__waiter *first; /* who came first is served first */
    struct rn__waiter *last;
};

struct rn__waiter {
    struct rn__waiter *next;
    struct rn__waiter *previous;
    struct rn__waitq *queue; /* where it stands; NULL: nowhere */
    uint64_t token;
    int32_t result; /* the operation's code, written by the peer that won */
    uint16_t which; /* the number of the case it stands for */
};

/* Those who were won under a lock and are scheduled after it. All-zero is empty. */
struct rn__wakes {
    struct rn__waiter *first;
    struct rn__waiter *last;
};

void rn__waitq_push(struct rn__waitq *queue, struct rn__waiter *waiter);
void rn__waiter_remove(struct rn__waiter *waiter); /* from where it stands, if anywhere */

/* Takes this one off its queue; true: it is won, and its frame is alive until it is scheduled. */
bool rn__waiter_claim(struct rn__waiter *waiter);

/* Takes waiters off the queue until one is won, and gives that one: it is out of the queue, its frame is alive
 * until it is scheduled. NULL: nobody (left) who still waits. */
struct rn__waiter *rn__waitq_claim(struct rn__waitq *queue);
struct rn__waiter *rn__waitq_claim_last(struct rn__waitq *queue);

/* The waiter's operation has happened with this code. */
void rn__wakes_add(struct rn__wakes *wakes, struct rn__waiter *waiter, int32_t result);
/* Everybody in the queue: the operation has happened with this code. */
void rn__wakes_add_all(struct rn__wakes *wakes, struct rn__waitq *queue, int32_t result);
/* Outside every lock. The waiters are gone afterwards. */
void rn__wakes_run(struct rn__wakes *wakes);

#endif
