/* SPDX-License-Identifier: MIT */
/* worker.h - a thread that runs tasks.
 *
 * Where a ready task stands:
 *
 *     others' threads --> inbox --+                       (woken elsewhere: one CAS, a system call only if asleep)
 *                                 v
 *     this thread ------> next, ready ----> runs ----> parks, ends, yields
 *                                 ^
 *     spawners ---------> fresh --+  <---- idle workers take from here, and only from here
 *
 * Everything but the first block of fields belongs to the worker's own thread and needs no order. Worker objects are
 * process-wide slots: a runtime borrows them, they are never unmapped, so the last waker of a task may still look at
 * the worker while the runtime is already gone.
 */
#ifndef RN__RUNTIME_WORKER_H
#define RN__RUNTIME_WORKER_H

#include "runtime/fresh.h"
#include "runtime/ready.h"

enum {
    RN__ATTENTION_TICK = 1u << 0,  /* a millisecond has passed: look at the timers */
    RN__ATTENTION_RETURN = 1u << 1 /* go back to the scheduler's frame: it has something to decide */
};

struct rn__worker {
    /* Anybody's. */
    RN__LINE_ALIGNED struct rn__party *inbox; /* newest first */
    uint32_t asleep;                          /* 1: whoever posts must wake it; the futex it sleeps on */
    uint32_t attention;                       /* RN__ATTENTION_* */
    uint32_t called_to_help;                  /* whoever woke it passed on the role of the sentinel */
    RN__LINE_ALIGNED struct rn__fresh fresh;
    /* Written by the owner, read by the monitor and the sentinel. */
    RN__LINE_ALIGNED uint64_t switches;
    uint64_t spawned; /* tasks that were spawned on this thread, and ended on it, since the runtime began */
    uint64_t ended;
    struct rn__task *running;
    uint64_t sleeps;     /* how often it went to sleep */
    uint32_t overloaded; /* written by the monitor: busy for a whole tick while another slept */
    /* What the sentinel saw when it last looked here; the sentinel's. */
    struct {
        int64_t at;
        uint64_t switches;
        struct rn__task *oldest;
        int64_t oldest_since;
    } seen;
    /* The monitor's. */
    uint64_t switches_at_tick;
    uint64_t sleeps_at_tick;
    /* The owner's. */
    RN__LINE_ALIGNED struct rn_runtime *runtime;
    uint32_t number; /* in its runtime */
    uint32_t slot;   /* in the process */
    struct rn__ready ready;
    struct rn__task *next; /* woken a moment ago: its data is still in the cache */
    uint32_t next_in_a_row;
    uint32_t picks;
    struct rn__fiber scheduler; /* the thread's own stack, where idling is done */
    struct rn__fiber dying;     /* where a task that ended is saved to, never to be resumed */
    struct rn__stack *left;     /* the stack of a task that ended: free as soon as somebody else runs */
    bool left_by_idle;          /* ... or of a handler that rests, and keeps its reservation */
    struct rn__stack_cache stacks;
    uint32_t spare_reservations; /* stacks of the default class, reserved ahead */
    uint32_t block_count;
    struct rn__party *blocks; /* free slots of the party table */
    char argument[RN__ARGUMENT_INLINE];
    struct rn__thread thread;
    void *fault_stack;
    struct rn__timers timers;
};

/* The worker whose thread this is; NULL on any other. */
struct rn__worker *rn__worker_current(void);

/* The worker that has, or had, this slot of the process; NULL: nobody ever had. */
struct rn__worker *rn__worker_in_slot(uint32_t slot);

/* Around a fork: nobody takes or gives back a slot meanwhile. In the child, under that lock, there are no workers,
 * and the slots of the parent's are not used again. */
void rn__workers_lock(void);
void rn__workers_unlock(void);
void rn__workers_disown(void);

/* A free slot; NULL: none, or out of memory. */
struct rn__worker *rn__worker_take(struct rn_runtime *runtime, uint32_t number);
void rn__worker_give_back(struct rn__worker *worker);

/* Runs tasks on the calling thread until *stop is not 0 or the deadline has passed. Whoever sets *stop calls
 * rn__worker_interrupt afterwards. */
void rn__worker_run(struct rn__worker *worker, const uint32_t *stop, int64_t deadline);
void rn__worker_interrupt(struct rn__worker *worker, uint32_t attention);

/* Wakes it if it sleeps: something was put where it looks before it sleeps. true if it slept. */
bool rn__worker_kick(struct rn__worker *worker);

/* Wakes all of the process that sleep, for nothing. */
void rn__workers_rouse(void);

/* A started task of this worker can go on. On the worker's thread: */
void rn__worker_ready(struct rn__worker *worker, struct rn__task *task);
/* and from anywhere: */
void rn__worker_post(struct rn__worker *worker, struct rn__task *task);

/* The calling task gives its thread away; comes back when it was scheduled. */
void rn__worker_leave(struct rn__worker *worker, struct rn__task *from);
void rn__worker_yield(struct rn__worker *worker, struct rn__task *from);

/* idle.c: nothing is ready. Comes back when there may be something, or at the deadline. */
void rn__worker_idle(struct rn__worker *worker, int64_t deadline);
bool rn__worker_has_work(struct rn__worker *worker);

/* Slots and stacks in the worker's pockets, so that spawn and end are local. NULL, false: out of memory. */
struct rn__party *rn__worker_take_block(struct rn__worker *worker);
void rn__worker_put_block(struct rn__worker *worker, struct rn__party *party);
bool rn__worker_reserve_stack(struct rn__worker *worker);
void rn__worker_unreserve_stack(struct rn__worker *worker);

#endif
