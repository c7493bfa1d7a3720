/* SPDX-License-Identifier: MIT */
/* select.h - wait for several operations at once: exactly one happens, the others have no effect.
 *
 * A case is an operation that has not begun: a receive, a send, a lock, the end of a task. Put some into an array and
 * select makes one of them happen, whichever can happen first, and says which. Each page has the cases of its own
 * calls: the name is that of the call, with _case behind it, and the arguments are the same. A send case takes the
 * address of its message.
 *
 * Use:
 *     enum { JOB, OUT, STOP, N };
 *     rn_case cases[N] = {
 *         [JOB]  = jobs_recv_case(jobs, &job),                            jobs == NULL: never happens
 *         [OUT]  = have ? results_send_case(results, &result) : RN_NEVER,
 *         [STOP] = mode_recv_case(mode, &state),
 *     };
 *     int which = rn_select_until(cases, N, rn_in_ms(250));
 *     if (which < 0)
 *         return which;                                                   none of them happened
 *     if (which == JOB && cases[JOB].rc == RN_CLOSED) { jobs_rx_drop(jobs); jobs = NULL; }
 *
 * A closed channel happens, with rc RN_CLOSED, each time: take the case out, as above, or the loop spins. The same
 * array may be used again as it is. A deadline in a case is a point in time and stays past: for "so long without
 * anything" give rn_select_until a new one each time.
 *
 * At the same time:  an array of cases belongs to one call. One channel may stand in several cases; two cases of one
 *                    select never meet each other, those of two selects do. Its ends count as in use meanwhile, as by
 *                    the call that the case is named after, which is where a case may say RN_EBUSY. One task can be
 *                    joined by one case.
 * Closing:           nothing to close; a case holds nothing, and may be thrown away unused.
 * Costs:             no allocation; a case has 192 bytes. Takes each object's lock until a case is ready; if none is,
 *                    once more to stand in its line, and once more to leave that: for many cases this adds up.
 * Another shape:     for one operation its own call, with _until for a deadline. Many producers of the same thing
 *                    rather share one mpsc than have one each.
 */
#ifndef RUNNEL_SELECT_H
#define RUNNEL_SELECT_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* rc is what the call that the case is named after would have returned: written for the case that happened, and for
 * no other. The rest is private. What its arguments point to must stay until the select has returned. */
typedef struct rn_case {
    int rc;
    uint32_t reserved;
    __attribute__((aligned(8))) char inside[184];
} rn_case;
RN__STATIC_ASSERT(sizeof(rn_case) == 192, "part of the ABI");

/* A case that never happens: to take one out of an array, or to leave one open. Cases of a NULL end are the same. */
#ifdef __cplusplus
#define RN_NEVER (rn_case())
#else
#define RN_NEVER ((rn_case){0})
#endif

/* The most cases that one select takes. */
#define RN_SELECT_MAX 65533

/**
 * rn_select, rn_select_until, rn_try_select, rn_select_in_order - make one of some operations happen
 * @cases: @count of them; the one that happened has its rc set
 *
 * If several can happen at once one of them is chosen at random, each of two as likely as the other; by
 * rn_select_in_order the first in the array. If none can the caller waits for all of them, and gets the one that a
 * peer served first.
 *
 * They are looked at one after the other, so a try_ while others send and receive is no picture of one moment: it may
 * say RN_EAGAIN though at each moment one of them could have happened. Waiting misses none.
 *
 * Whatever the code, a case that did not happen has had no effect: nothing was received or sent, no permit is held.
 * What it may have kept from others while it waited was passed on.
 *
 * Context:  any task or thread; waits. try_: never waits, callbacks may call it
 * Owner:    as after the one call that happened; nothing else changes hands
 * Cancel:   atomic: RN_ECANCELED means that none of the cases has happened; try_ is never cancelled
 * Order:    as the one call that happened
 * Memory:   none, but for a send to an unbounded channel, which may be the case that happened with rc RN_ENOMEM
 * Returns:  the index of the case that happened | RN_ETIMEDOUT (_until, in_order) | RN_EAGAIN (try_) none can happen
 *           now | RN_ECANCELED | RN_EDEADLK no case can ever happen, and there is no deadline; or called by a
 *           callback that may not wait, whatever is ready | RN_EINVAL no array for a @count that is not 0, or more
 *           than RN_SELECT_MAX
 */
RN_MUST_USE RN_API int rn_select(rn_case *cases, size_t count);
RN_MUST_USE RN_API int rn_select_until(rn_case *cases, size_t count, rn_deadline deadline);
RN_MUST_USE RN_API int rn_try_select(rn_case *cases, size_t count);
RN_MUST_USE RN_API int rn_select_in_order(rn_case *cases, size_t count, rn_deadline deadline);

/**
 * rn_deadline_case - happens when the deadline has passed, with rc 0
 * @deadline: RN_FOREVER: never happens
 *
 * Context:  anywhere; never waits
 * Owner:    a value
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case
 */
RN_MUST_USE RN_API rn_case rn_deadline_case(rn_deadline deadline);

RN__END_DECLS

#endif
