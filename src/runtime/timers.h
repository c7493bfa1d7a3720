/* SPDX-License-Identifier: MIT */
/* timers.h - a hierarchical timer wheel: a pure structure, without clock and without lock.
 *
 * Times are nanoseconds; the wheel counts in ticks of 2^18 ns (0.26 ms). Level n has 64 slots of 64^n ticks each; a
 * timer stands in the lowest level whose span holds it and moves down as its time comes near. Arm and cancel are
 * O(1), finding the next one is a look at one word of bits per level (Varghese and Lauck, SOSP 1987).
 *
 * No timer fires early: times are rounded up to a tick, and a tick fires when it has passed whole.
 */
#ifndef RN__RUNTIME_TIMERS_H
#define RN__RUNTIME_TIMERS_H

#include "base/list.h"

enum { RN__TIMER_LEVELS = 8, RN__TIMER_SLOTS = 64, RN__TIMER_TICK_BITS = 18 };

struct rn__timer {
    struct rn__link link; /* out of every list: not armed */
    int64_t at;           /* ns; it fires at the tick behind it */
};

struct rn__timers {
    uint64_t now;                      /* ticks that have passed */
    uint64_t count;                    /* armed */
    uint64_t filled[RN__TIMER_LEVELS]; /* a bit for each slot that is not empty */
    struct rn__link slots[RN__TIMER_LEVELS][RN__TIMER_SLOTS];
};

void rn__timers_init(struct rn__timers *timers, int64_t now_ns);

/* The timer is not armed. A time that has passed fires with the next tick. */
void rn__timer_arm(struct rn__timers *timers, struct rn__timer *timer, int64_t at_ns);
/* Armed or not, or due: then it leaves the list into which rn__timers_advance() put it. */
void rn__timer_cancel(struct rn__timers *timers, struct rn__timer *timer);
/* Also while it is due and stands in that list. */
static inline bool rn__timer_is_armed(const struct rn__timer *timer)
{
    return rn__link_is_in(&timer->link);
}

/* Moves the wheel to now_ns and puts everything that is due into *due, in the order of ticks. */
void rn__timers_advance(struct rn__timers *timers, int64_t now_ns, struct rn__link *due);

/* For a clock that stands, after the above: those that are due within the tick that has not passed whole; and the
 * time of the first timer, exactly (INT64_MAX: none is armed). Both look at all timers of a slot. */
void rn__timers_take_due(struct rn__timers *timers, int64_t now_ns, struct rn__link *due);
int64_t rn__timers_first(const struct rn__timers *timers);

/* A time at which the wheel wants to be advanced again: not later than the first timer. INT64_MAX: none is armed. */
int64_t rn__timers_next(const struct rn__timers *timers);

#endif
