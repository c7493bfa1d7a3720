/* SPDX-License-Identifier: MIT */
/* interval.h - something that is due again and again, each time a period after the last.
 *
 * An interval is a plain struct that knows when its next tick is due, and a tick is a wait until then. Ticks are due
 * by a schedule, not by when the last one was waited for: what is done between two of them does not add up. What
 * happens to those that were missed, because that took too long, is said at the beginning:
 *
 *     due               0    1    2    3    4    5    6     the work after tick 1 takes 2.5 periods
 *     RN_MISSED_BURST   |    |           || |    |    |     made up for at once, none is lost
 *     RN_MISSED_DELAY   |    |           |    |    |        a period from the one that came late
 *     RN_MISSED_SKIP    |    |           |  |    |    |     left out, then in step as before
 *
 * Use:
 *     rn_interval every;
 *     RN_MUST(rn_interval_init(&every, 100 * 1000 * 1000, RN_MISSED_SKIP));  the first at once, then each 100 ms
 *     while (rn_interval_tick(&every, NULL) == 0)                             until the task is cancelled
 *         sample();
 *
 * At the same time:  an interval is for one party at a time; nothing here locks.
 * Closing:           nothing to close; forget it.
 * Costs:             no allocation: 32 bytes. A tick is a sleep. One that is due already costs a clock read.
 * Another shape:     once: rn_sleep_until. To notice that nothing comes for so long: an _until call, with a new
 *                    deadline each time.
 */
#ifndef RUNNEL_INTERVAL_H
#define RUNNEL_INTERVAL_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

enum rn_missed {
    RN_MISSED_BURST = 0, /* all at once, until it has caught up */
    RN_MISSED_DELAY = 1, /* the next is due a whole period after this one was taken: never two within a period */
    RN_MISSED_SKIP = 2   /* the next is due at the next point of the schedule that is still to come */
};

/* Private. */
typedef struct rn_interval {
    rn_deadline next; /* none: never */
    int64_t period;
    uint32_t missed;
    uint32_t reserved[3];
} rn_interval;
RN__STATIC_ASSERT(sizeof(rn_interval) == 32, "part of the ABI");

/**
 * rn_interval_init, rn_interval_init_at - make one; its first tick is due at once, or at a time
 * @period_ns: > 0. If it is so long that there is no next tick, there is none
 * @first: RN_FOREVER: not before rn_interval_reset
 *
 * Context:  anywhere; never waits
 * Owner:    the struct is the caller's; it may be copied
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL
 */
RN_API int rn_interval_init(rn_interval *interval, int64_t period_ns, enum rn_missed missed);
RN_API int rn_interval_init_at(rn_interval *interval, rn_deadline first, int64_t period_ns, enum rn_missed missed);

/**
 * rn_interval_tick, rn_interval_try_tick, rn_interval_tick_until - wait for the next tick and take it
 * @due_ns: if not NULL, set to when this tick was due, on the scale of rn_now_ns(). How late it is: rn_now_ns() less
 *          that; how many were skipped: its distance from the last one
 *
 * A tick that is due is taken at once; others get their turn all the same, as after any call that need not wait.
 *
 * Context:  any task or thread; waits. try_: never waits
 * Owner:    nothing
 * Cancel:   atomic: RN_ECANCELED means that no tick was taken; try_ is never cancelled
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_EAGAIN (try_) none is due | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_interval_tick(rn_interval *interval, int64_t *due_ns);
RN_API int rn_interval_try_tick(rn_interval *interval, int64_t *due_ns);
RN_API int rn_interval_tick_until(rn_interval *interval, int64_t *due_ns, rn_deadline deadline);

/**
 * rn_interval_tick_case - for a select (select.h): the interval must stay until the select has returned
 *
 * Only the case that happens takes a tick; one that did not happen is due at the next select.
 *
 * Context:  anywhere; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits); the select that it goes into is atomic
 * Order:    none
 * Memory:   none
 * Returns:  the case
 */
RN_MUST_USE RN_API rn_case rn_interval_tick_case(rn_interval *interval, int64_t *due_ns);

/**
 * rn_interval_reset, rn_interval_reset_at - the next tick is due a period from now, or at a time; then on from there
 * @next: rn_in_ns(0): at once. RN_FOREVER: not before another reset
 *
 * Context:  anywhere; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_interval_reset(rn_interval *interval);
RN_API void rn_interval_reset_at(rn_interval *interval, rn_deadline next);

/**
 * rn_interval_next, rn_interval_period - when the next tick is due; the period
 *
 * Context:  anywhere; never waits
 * Owner:    values
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  a deadline, RN_FOREVER if there is none; nanoseconds
 */
RN_API rn_deadline rn_interval_next(const rn_interval *interval);
RN_API int64_t rn_interval_period(const rn_interval *interval);

RN__END_DECLS

#endif
