/* SPDX-License-Identifier: MIT */
/* mutex.h - what a condvar does with a mutex. */
#ifndef RN__SYNC_MUTEX_H
#define RN__SYNC_MUTEX_H

#include "wait/await.h"

#include <runnel/mutex.h>

/* rn_mutex_unlock under a lock of the caller's: who has it now, if anybody, is in *wakes. */
void rn__mutex_unlock(rn_mutex *mutex, struct rn__wakes *wakes);

#endif
