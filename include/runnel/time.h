/* SPDX-License-Identifier: MIT */
/* time.h - deadlines and sleep.
 *
 * A deadline is a point on the monotonic clock, so a call that is repeated after a wake-up for nothing does not
 * start its patience afresh. It is a struct and not a number: a bare `500` where a deadline is wanted does not
 * compile. All zero means "none", so zeroed options wait for ever and not not at all.
 *
 * Use:
 *     rn_deadline soon = rn_in_ms(250);
 *     while ((rc = jobs_recv_until(rx, &job, soon)) == 0)
 *         run(&job);                                            250 ms for all of them together
 *     rn_sleep_ms(5);
 *
 * At the same time:  everything here, by anybody.
 * Closing:           nothing to close.
 * Costs:             rn_in_*() and rn_now_ns() read the clock. A waiting deadline allocates nothing. Wake-ups are
 *                    never early; late by up to a millisecond, more on a busy machine.
 * Another shape:     to wait for an event or a time, give the event's call an _until deadline; do not sleep and poll.
 */
#ifndef RUNNEL_TIME_H
#define RUNNEL_TIME_H

#include <runnel/base.h>

RN__BEGIN_DECLS

typedef struct rn_deadline {
    int64_t at; /* private: 0 none, else ns */
} rn_deadline;

#define RN_FOREVER RN__LIT(rn_deadline, 0)

/**
 * rn_in_ns, rn_in_us, rn_in_ms, rn_in_s, rn_at_ns - a deadline from a span, or from a point in time
 * @ns: a span from now; 0 and less: already past. Very long ones are cut to about 292 years
 * @now_ns: for rn_at_ns, a point on the scale of rn_now_ns()
 *
 * Context:  anywhere; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the deadline; never RN_FOREVER
 */
RN_API rn_deadline rn_in_ns(int64_t ns);
RN_API rn_deadline rn_in_us(int64_t us);
RN_API rn_deadline rn_in_ms(int64_t ms);
RN_API rn_deadline rn_in_s(int64_t s);
RN_API rn_deadline rn_at_ns(int64_t now_ns);

/**
 * rn_sooner, rn_left_ns, rn_passed - the earlier of two; the span that is left; whether none is
 *
 * Context:  anywhere; never waits
 * Owner:    values
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  a deadline; >= 0, INT64_MAX for RN_FOREVER; true or false, false for RN_FOREVER
 */
RN_API rn_deadline rn_sooner(rn_deadline a, rn_deadline b);
RN_API int64_t rn_left_ns(rn_deadline deadline);
RN_API bool rn_passed(rn_deadline deadline);

/**
 * rn_now_ns - the clock of all deadlines: monotonic, starts anywhere, goes on while the system is up
 *
 * Context:  anywhere; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nanoseconds, > 0
 */
RN_API int64_t rn_now_ns(void);

/**
 * rn_sleep_ms, rn_sleep_until - wait for a time; other tasks run meanwhile
 * @ms: 0 and less: does not wait, but does notice a cancellation
 * @deadline: RN_FOREVER: until the task is cancelled
 *
 * Context:  any task or thread; waits
 * Owner:    nothing
 * Cancel:   atomic: RN_ECANCELED before the time is up, and at once if the task was cancelled before
 * Order:    none
 * Memory:   none
 * Returns:  0 the time is up | RN_ECANCELED
 */
RN_API int rn_sleep_ms(int64_t ms);
RN_API int rn_sleep_until(rn_deadline deadline);

RN__END_DECLS

#endif
