/* SPDX-License-Identifier: MIT */
/* monitor.h - a thread that ticks once a millisecond while workers are busy, and sleeps with them.
 *
 * A worker that never parks would look at its timers only every 61 picks, which can be long; the tick makes it look
 * at the next pick. The monitor also sees what no worker can see of itself: that one has run the same task for a
 * whole tick with fresh tasks behind it, or was busy all the time while another slept.
 *
 * It also keeps the signal mask of whoever made the runtime: workers block every asynchronous signal, so that a
 * handler never runs on a task's small stack, and this thread is the one that takes them.
 */
#ifndef RN__RUNTIME_MONITOR_H
#define RN__RUNTIME_MONITOR_H

#include "platform/platform.h"

struct rn__monitor {
    struct rn__thread thread;
    bool runs;
    uint32_t asleep; /* 1: a worker that wakes up must wake it; the futex it sleeps on */
    uint32_t quit;
};

struct rn_runtime;

/* false: no thread could be had; timers are then as late as the longest 61 picks. */
bool rn__monitor_start(struct rn_runtime *runtime);
void rn__monitor_stop(struct rn_runtime *runtime);

/* A worker of the runtime has stopped sleeping. */
void rn__monitor_rouse(struct rn_runtime *runtime);

#endif
