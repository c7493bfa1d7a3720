/* SPDX-License-Identifier: MIT */
/* runtime.h - a runtime as the inside knows it: some workers, the monitor, the blocking pool, and its end. */
#ifndef RN__RUNTIME_RUNTIME_H
#define RN__RUNTIME_RUNTIME_H

#include "base/random.h"
#include "runtime/blocking.h"
#include "runtime/monitor.h"
#include "runtime/site.h"
#include "runtime/worker.h"

#include <runnel/runtime.h>

/* The thread of a task placed with RN_PLACE_THREAD; outlives the task until somebody joins it. */
struct rn__own_thread {
    struct rn__own_thread *next;
    struct rn__thread thread;
    struct rn__task *task;
    struct rn_runtime *runtime;
};

struct rn_runtime {
    struct rn__worker **workers;
    uint32_t worker_count;
    uint32_t wanted;   /* length of the array */
    uint32_t threads;  /* workers that have a thread of ours: all, or all but 0 under rn_run */
    uint32_t spinning; /* idle workers may look again for a moment: more than one CPU */
    uint32_t process;  /* rn__process of the one that made it */
    struct rn__stack_class *stack_class;
    int64_t grace_ns;
    enum rn_on_stuck on_stuck;
    char name[RN_TASK_NAME_MAX + 1];

    RN__LINE_ALIGNED uint32_t sleepers; /* workers that sleep for good */
    uint32_t sentinel;                  /* 1: somebody looks after fresh tasks that nobody starts */
    uint32_t stopping;                  /* no new tasks */
    uint32_t watchers;                  /* somebody wants to know when the last task has ended */
    uint32_t go;                        /* the number of workers is settled; what new threads wait for */
    uint32_t quit;                      /* workers leave their loop */
    int64_t overdue_at;                 /* the grace time ends then; 0: nobody waits for that, or it was reported */
    uint32_t reported;                  /* 1 + how many tasks the monitor has named in place of worker 0 */
    uint32_t quiet;                     /* worker 0 under rn_run leaves its loop */

    RN__LINE_ALIGNED struct rn__lock lock; /* protects what follows */
    uint64_t spawned_outside;              /* tasks spawned by other threads, and ended on threads of their own */
    uint64_t ended_outside;
    struct rn__waitq quiet_waiters;
    struct rn__own_thread *ended_threads; /* to be joined */
    uint32_t own_threads;

    struct rn__monitor monitor;
    struct rn__blocking blocking;
};

/* In the child of a fork: it is the parent's, and nothing of it runs here. */
static inline bool rn__runtime_is_inherited(const struct rn_runtime *runtime)
{
    return RN__UNLIKELY(runtime->process != rn__process);
}

/* runnel.c: wires the layers; called once, before the first runtime is made. */
void rn__compose(void);

/* One more task, before it is placed. false: the runtime is stopping. */
bool rn__runtime_enter(struct rn_runtime *runtime, struct rn__worker *worker);
/* One less, on this worker's thread (NULL: a thread of its own). */
void rn__runtime_leave(struct rn_runtime *runtime, struct rn__worker *worker);

/* The grace time is over: names the tasks that are left and, if that was asked for, aborts. Gives their number. */
uint32_t rn__runtime_report_stuck(struct rn_runtime *runtime);

/* Fresh tasks are waiting behind one that was just taken: has one sleeping worker look after them. */
void rn__runtime_call_help(struct rn_runtime *runtime);

/* Places a fresh task on a thread of its own; stack_size 0: as large as the system makes them. RN_ENOMEM. */
int rn__own_thread_start(struct rn__task *task, size_t stack_size);
void rn__own_threads_join(struct rn_runtime *runtime);

/* Hands a fresh task to the blocking pool of its runtime. RN_EAGAIN it is full, RN_ENOMEM not a single thread. */
int rn__pool_start(struct rn__task *task);
/* On a thread that is the task's until its end: from its first statement to that. */
void rn__task_run_here(struct rn__task *task);

#endif
