/* SPDX-License-Identifier: MIT */
/* thread.h - parking and scheduling of a party that has a thread of its own; also what a task placed on its own
 * thread (RN_PLACE_THREAD) uses. Both are members of rn__party_kind: contract there. */
#ifndef RN__WAIT_THREAD_H
#define RN__WAIT_THREAD_H

#include "platform/lock.h"
#include "wait/party.h"

void rn__thread_park(struct rn__party *party, int64_t deadline);
void rn__thread_schedule(struct rn__party *party);

/* Of a plain thread: the lock of what others may look at while it goes on, its open scopes. */
struct rn__lock *rn__thread_lock(struct rn__party *party);

/* The clock was paused: all that wait by way of rn__thread_park() go on waiting in the clock's list. */
void rn__threads_rouse(void);

#endif
