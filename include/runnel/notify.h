/* SPDX-License-Identifier: MIT */
/* notify.h - wake somebody, without data.
 *
 * A notify holds at most one permit. rn_notify_one gives it to the longest waiting party, or stores it for the next
 * one that comes; rn_notify_all wakes all that wait now and stores nothing. It is a plain struct: embed it in yours,
 * all zero is ready for use, and there is nothing to free.
 *
 * Use:
 *     struct queue { rn_notify filled; ... };            all zero, or .filled = RN_NOTIFY_INIT
 *     producer:   put(q, item);     rn_notify_one(&q->filled);
 *     consumer:   while (!take(q, &item))
 *                     RN_TRY(rn_notify_wait(&q->filled));
 * and to miss no rn_notify_all between the look and the wait, a ticket:
 *     rn_notify_enable(&n, &ticket);
 *     rc = ready(state) ? (rn_notify_ticket_cancel(&ticket), 0) : rn_notify_ticket_wait(&ticket);
 *
 * At the same time:  all calls on one notify, by any number of tasks and threads. A ticket belongs to one party.
 * Closing:           nothing to close; but it must not go away while anybody waits on it or holds a ticket. Who comes
 *                    back last may free it, though the call that woke it has not returned yet.
 * Costs:             no allocation. One wake-up per party woken. It is small because it counts nothing: rn_dump()
 *                    shows its name and who waits, and there is no rn_channel_info.
 * Another shape:     with a value: watch (state) or mpsc (events). The end of a task: rn_join.
 */
#ifndef RUNNEL_NOTIFY_H
#define RUNNEL_NOTIFY_H

#include <runnel/base.h>
#include <runnel/error.h>
#include <runnel/select.h>
#include <runnel/time.h>

RN__BEGIN_DECLS

/* Private, but for name: static text for rn_dump(), or NULL. */
typedef struct rn_notify {
    uint32_t lock;
    uint32_t permit;
    void *first;
    void *last;
    uint64_t generation;
    const char *name;
    uint64_t reserved[2];
} rn_notify;

/* clang-format off */
#define RN_NOTIFY_INIT {0, 0, NULL, NULL, 0, NULL, {0, 0}}
/* clang-format on */

/* A place in the line, in the waiter's frame. All zero is a ticket that is not enabled. */
typedef struct rn_notify_ticket {
    struct rn_notify *notify;
    uint64_t node[15];
} rn_notify_ticket;

/**
 * rn_notify_wait, rn_notify_wait_until - take the permit, waiting for one; or be woken with all the others
 *
 * Context:  any task or thread; waits
 * Owner:    nothing
 * Cancel:   atomic: RN_ECANCELED means that no permit was used up: one that was already on its way to you goes to the
 *           next who waits, or is stored
 * Order:    everything before the rn_notify_* happens-before the 0 that it causes
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL
 */
RN_API int rn_notify_wait(rn_notify *notify);
RN_API int rn_notify_wait_until(rn_notify *notify, rn_deadline deadline);

/**
 * rn_notify_wait_case - for a select (select.h)
 *
 * While it waits it stands in the line. A permit goes to the select only if this case is the one that happens.
 *
 * Context:  anywhere; never waits
 * Owner:    a value; the notify must stay until the select has returned
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the case; of NULL one that never happens
 */
RN_MUST_USE RN_API rn_case rn_notify_wait_case(rn_notify *notify);

/**
 * rn_notify_one, rn_notify_last, rn_notify_all - wake the longest waiting party; the latest; all
 *
 * one and last store a permit if nobody waits (a second stored one changes nothing). all reaches every party that
 * waits or has enabled a ticket, at one moment, and stores nothing.
 *
 * Context:  any task or thread; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    everything before the call happens-before the return of the waits that it ends
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_notify_one(rn_notify *notify);
RN_API void rn_notify_last(rn_notify *notify);
RN_API void rn_notify_all(rn_notify *notify);

/**
 * rn_notify_enable - stand in line without waiting yet
 * @ticket: must stay where it is until it was waited for or cancelled, in the same task or thread
 *
 * From here on every rn_notify_all reaches the ticket, and an rn_notify_one may. A stored permit is taken at once.
 * What was enabled must be waited for or cancelled, once, before its frame is left.
 *
 * Context:  any task or thread; never waits
 * Owner:    @ticket is yours, and lent until then
 * Cancel:   uncancellable (never waits)
 * Order:    a notification that begins after the return is not missed
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_notify_enable(rn_notify *notify, rn_notify_ticket *ticket);

/**
 * rn_notify_ticket_wait, rn_notify_ticket_wait_until - wait for the ticket's notification; ends the ticket
 *
 * Context:  the task or thread that enabled it; waits
 * Owner:    whatever the code, the ticket is out of the line and yours to enable again
 * Cancel:   atomic: RN_ECANCELED means that no permit was used up: one that the ticket had goes to the next who
 *           waits, or is stored
 * Order:    everything before the rn_notify_* happens-before the 0 that it causes
 * Memory:   none
 * Returns:  0 | RN_ETIMEDOUT (_until) | RN_ECANCELED | RN_EINVAL it is not enabled
 */
RN_API int rn_notify_ticket_wait(rn_notify_ticket *ticket);
RN_API int rn_notify_ticket_wait_until(rn_notify_ticket *ticket, rn_deadline deadline);

/**
 * rn_notify_ticket_cancel - leave the line
 *
 * A permit that the ticket had goes to the next who waits, or is stored. Not enabled: nothing happens.
 *
 * Context:  the task or thread that enabled it; never waits
 * Owner:    the ticket is yours to enable again
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_notify_ticket_cancel(rn_notify_ticket *ticket);

RN__END_DECLS

#endif
