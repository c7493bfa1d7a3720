/* SPDX-License-Identifier: MIT */
/* fresh.c - the deque of tasks that have not started (rules in fresh.h). */
#include "runtime/fresh.h"

static void set_count(struct rn__fresh *fresh, uint32_t count)
{
    rn__store_seq_cst(&fresh->count, count); /* IDLE-3: the pusher then looks whether the worker sleeps */
}

/* The sentinel compares it without the lock. */
static void set_oldest(struct rn__fresh *fresh, struct rn__task *task)
{
    rn__store_relaxed(&fresh->oldest, task); /* rlx: read as a name, never looked into */
}

/* Neighbours: party.next leads to the newer one, previous to the older one. */
static struct rn__task *newer(struct rn__task *task)
{
    return task->party.next == NULL ? NULL : rn__task_of(task->party.next);
}

static void link_newest(struct rn__fresh *fresh, struct rn__task *task)
{
    task->party.next = NULL;
    task->previous = fresh->newest;
    if (fresh->newest != NULL)
        fresh->newest->party.next = &task->party;
    else
        set_oldest(fresh, task);
    fresh->newest = task;
}

static void link_oldest(struct rn__fresh *fresh, struct rn__task *task)
{
    task->previous = NULL;
    task->party.next = fresh->oldest == NULL ? NULL : &fresh->oldest->party;
    if (fresh->oldest != NULL)
        fresh->oldest->previous = task;
    else
        fresh->newest = task;
    set_oldest(fresh, task);
}

static void unlink_oldest(struct rn__fresh *fresh, struct rn__task *task)
{
    set_oldest(fresh, newer(task));
    if (fresh->oldest != NULL)
        fresh->oldest->previous = NULL;
    else
        fresh->newest = NULL;
}

static void unlink_newest(struct rn__fresh *fresh, struct rn__task *task)
{
    fresh->newest = task->previous;
    if (fresh->newest != NULL)
        fresh->newest->party.next = NULL;
    else
        set_oldest(fresh, NULL);
}

void rn__fresh_push(struct rn__fresh *fresh, struct rn__task *task)
{
    rn__lock_acquire(&fresh->lock);
    link_newest(fresh, task);
    set_count(fresh, fresh->count + 1);
    rn__lock_release(&fresh->lock);
}

void rn__fresh_push_behind(struct rn__fresh *fresh, struct rn__task *task)
{
    rn__lock_acquire(&fresh->lock);
    link_oldest(fresh, task);
    set_count(fresh, fresh->count + 1);
    rn__lock_release(&fresh->lock);
}

static struct rn__task *pop(struct rn__fresh *fresh, bool oldest)
{
    if (rn__fresh_count(fresh) == 0)
        return NULL;
    rn__lock_acquire(&fresh->lock);
    struct rn__task *task = oldest ? fresh->oldest : fresh->newest;
    if (task != NULL) {
        if (oldest)
            unlink_oldest(fresh, task);
        else
            unlink_newest(fresh, task);
        set_count(fresh, fresh->count - 1);
    }
    rn__lock_release(&fresh->lock);
    return task;
}

struct rn__task *rn__fresh_pop_newest(struct rn__fresh *fresh)
{
    return pop(fresh, false);
}

struct rn__task *rn__fresh_pop_oldest(struct rn__fresh *fresh)
{
    return pop(fresh, true);
}

uint32_t rn__fresh_steal(struct rn__fresh *from, struct rn__fresh *to, bool (*may)(struct rn__task *, void *),
                         void (*moved)(struct rn__task *, void *), void *ctx)
{
    struct rn__task *loot = NULL; /* oldest first, linked by next */
    struct rn__party **end = NULL;
    uint32_t taken = 0;
    rn__lock_acquire(&from->lock);
    const uint32_t wanted = from->count / 2 + from->count % 2;
    while (taken < wanted && may(from->oldest, ctx)) {
        struct rn__task *task = from->oldest;
        unlink_oldest(from, task);
        if (loot == NULL)
            loot = task;
        else
            *end = &task->party;
        end = &task->party.next;
        *end = NULL;
        taken++;
    }
    set_count(from, from->count - taken);
    rn__lock_release(&from->lock);
    while (loot != NULL) {
        struct rn__task *task = loot;
        loot = newer(task);
        moved(task, ctx);
        rn__fresh_push(to, task);
    }
    return taken;
}
