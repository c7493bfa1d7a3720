/* SPDX-License-Identifier: MIT */
/* waiter.c - queues of waiters: plain lists; what is atomic about waking is in party.c. */
#include "wait/waiter.h"

#include "base/log.h"

void rn__waitq_push(struct rn__waitq *queue, struct rn__waiter *waiter)
{
    waiter->queue = queue;
    waiter->next = NULL;
    waiter->previous = queue->last;
    if (queue->last != NULL)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
}

void rn__waiter_remove(struct rn__waiter *waiter)
{
    struct rn__waitq *queue = waiter->queue;
    if (queue == NULL)
        return;
    if (waiter->previous != NULL)
        waiter->previous->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    else
        queue->last = waiter->previous;
    waiter->queue = NULL;
    waiter->next = waiter->previous = NULL;
}

/* Whoever cannot be won has been woken by something else and takes itself out later; doing it here spares the next
 * peer the same look. The token is read first: the frame of a waiter that is still linked is alive, because its
 * owner needs the object's lock, which we hold, to leave. */
bool rn__waiter_claim(struct rn__waiter *waiter)
{
    const uint64_t token = waiter->token;
    const uint16_t which = waiter->which;
    rn__waiter_remove(waiter);
    return rn__party_fire(token, which);
}

struct rn__waiter *rn__waitq_claim(struct rn__waitq *queue)
{
    while (queue->first != NULL) {
        struct rn__waiter *waiter = queue->first;
        if (rn__waiter_claim(waiter))
            return waiter;
    }
    return NULL;
}

struct rn__waiter *rn__waitq_claim_last(struct rn__waitq *queue)
{
    while (queue->last != NULL) {
        struct rn__waiter *waiter = queue->last;
        if (rn__waiter_claim(waiter))
            return waiter;
    }
    return NULL;
}

void rn__wakes_add(struct rn__wakes *wakes, struct rn__waiter *waiter, int32_t result)
{
    waiter->result = result;
    waiter->next = NULL;
    if (wakes->last != NULL)
        wakes->last->next = waiter;
    else
        wakes->first = waiter;
    wakes->last = waiter;
}

void rn__wakes_add_all(struct rn__wakes *wakes, struct rn__waitq *queue, int32_t result)
{
    struct rn__waiter *waiter;
    while ((waiter = rn__waitq_claim(queue)) != NULL)
        rn__wakes_add(wakes, waiter, result);
}

void rn__wakes_run(struct rn__wakes *wakes)
{
    struct rn__waiter *waiter = wakes->first;
    wakes->first = wakes->last = NULL;
    while (waiter != NULL) {
        struct rn__waiter *next = waiter->next; /* after schedule the frame may be gone */
        rn__party_schedule(waiter->token);
        waiter = next;
    }
}
