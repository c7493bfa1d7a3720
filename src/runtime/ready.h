/* SPDX-License-Identifier: MIT */
/* ready.h - a worker's own started tasks that can go on: first in, first out; the owner's alone, so no atomics. */
#ifndef RN__RUNTIME_READY_H
#define RN__RUNTIME_READY_H

#include "runtime/task.h"

struct rn__ready {
    struct rn__party *first;
    struct rn__party *last;
};

static inline void rn__ready_push(struct rn__ready *ready, struct rn__task *task)
{
    task->party.next = NULL;
    if (ready->last != NULL)
        ready->last->next = &task->party;
    else
        ready->first = &task->party;
    ready->last = &task->party;
}

static inline struct rn__task *rn__ready_pop(struct rn__ready *ready)
{
    struct rn__party *party = ready->first;
    if (party == NULL)
        return NULL;
    ready->first = party->next;
    if (ready->first == NULL)
        ready->last = NULL;
    return rn__task_of(party);
}

#endif
