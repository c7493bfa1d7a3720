/* SPDX-License-Identifier: MIT */
/* thread.h - parking and scheduling of a party that has a thread of its own; also what a task placed on its own
 * thread (RN_PLACE_THREAD) uses. Both are members of rn__party_kind: contract there. */
#ifndef RN__WAIT_THREAD_H
#define RN__WAIT_THREAD_H

#include "wait/party.h"

void rn__thread_park(struct rn__party *party, int64_t deadline);
void rn__thread_schedule(struct rn__party *party);

#endif
