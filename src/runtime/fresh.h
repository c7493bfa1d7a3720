/* SPDX-License-Identifier: MIT */
/* fresh.h - a worker's tasks that have not started: the only ones that another worker may take.
 *
 * Under a short lock, so that anybody may push into anybody's: a task that is spread to a worker that is stuck can
 * still be taken from there. The owner takes the newest (depth first: few live stacks), with the oldest now and
 * then so that none starves; thieves take from the old end.
 */
#ifndef RN__RUNTIME_FRESH_H
#define RN__RUNTIME_FRESH_H

#include "runtime/task.h"

struct rn__fresh {
    struct rn__lock lock; /* protects the list; leaf */
    uint32_t count;       /* written under the lock, read by anybody */
    struct rn__task *newest;
    struct rn__task *oldest;
};

void rn__fresh_push(struct rn__fresh *fresh, struct rn__task *task);
/* As the oldest: for one that has had its turn. */
void rn__fresh_push_behind(struct rn__fresh *fresh, struct rn__task *task);
struct rn__task *rn__fresh_pop_newest(struct rn__fresh *fresh);
struct rn__task *rn__fresh_pop_oldest(struct rn__fresh *fresh);

/* Moves the oldest tasks for which may(task, ctx) holds, at most half of all (rounded up), from one deque to another;
 * stops at the first for which it does not. Gives the number. moved(task, ctx) is called for each, under no lock. */
uint32_t rn__fresh_steal(struct rn__fresh *from, struct rn__fresh *to, bool (*may)(struct rn__task *, void *),
                         void (*moved)(struct rn__task *, void *), void *ctx);

/* A guess, for the decision whether to look closer. */
static inline uint32_t rn__fresh_count(const struct rn__fresh *fresh)
{
    return rn__load_relaxed(&fresh->count); /* rlx: a hint; the list itself is under the lock */
}

/* For the check before sleep: comes after the announcement in the one order of all seq_cst operations. */
static inline bool rn__fresh_has_some(const struct rn__fresh *fresh)
{
    return rn__load_seq_cst(&fresh->count) != 0; /* IDLE-4 */
}

#endif
