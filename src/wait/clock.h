/* SPDX-License-Identifier: MIT */
/* clock.h - the one function that reads the time, and deadlines as the inside knows them. */
#ifndef RN__WAIT_CLOCK_H
#define RN__WAIT_CLOCK_H

#include "base/compiler.h"

#include <runnel/time.h>

#define RN__NEVER INT64_MAX

/* Monotonic nanoseconds, > 0. Every clock read of the library goes through here: the seam for virtual time. */
int64_t rn__now(void);

/* Replaces the clock; NULL restores it. */
typedef int64_t rn__clock_fn(void *ctx);
void rn__clock_set(rn__clock_fn *fn, void *ctx);

/* The point on the scale of rn__now; RN__NEVER for RN_FOREVER. */
static inline int64_t rn__deadline_ns(rn_deadline deadline)
{
    return deadline.at == 0 ? RN__NEVER : deadline.at;
}

static inline bool rn__deadline_passed(rn_deadline deadline)
{
    return deadline.at != 0 && deadline.at <= rn__now();
}

#endif
