/* SPDX-License-Identifier: MIT */
/* select.h - several operations of which one is to happen, and what lies inside a case of <runnel/select.h>.
 *
 *     begin each, attempt each ---------------------------> one was possible: that one
 *        |         none was
 *        |     <-----------------------------------------------------------------+
 *     arm, once                                                                  |
 *     for each, under its object's lock:                                         |
 *        not ready: stand in its queue, with the token and the case's number     |
 *        ready: win the own word first ---> attempt ----> done: that one         |
 *                  | lost                      | pending: it met another select, |
 *                  |                           |   which had won itself as well  |
 *        |         v                           +---------> leave all queues -----+
 *     park until somebody has won: a peer one of the cases, a timer, a canceller
 *     leave all other queues; finish each that was begun
 *
 * Between arming and the end of the wait the word has one winner, the caller included, so one case happens. A select
 * that has won itself is nobody's prey: a peer that meets it then takes it for one who gave up and goes on to the
 * next. It must not arm again in place: somebody may have passed it over meanwhile and stand in a queue where it has
 * looked already. So it looks at everything again.
 *
 * Who stood in a queue and did not happen leaves it by rn__operation_leave(), like one that was cancelled: whoever
 * stood behind it goes on.
 */
#ifndef RN__WAIT_SELECT_H
#define RN__WAIT_SELECT_H

#include "wait/await.h"

#include <runnel/select.h>

/* The inside of a case begins with its operation, whose kind is NULL if it never happens; behind it is what the kind
 * needs besides. The public struct has it as characters, which may alias everything. */
_Static_assert(offsetof(rn_case, inside) % _Alignof(struct rn__operation) == 0, "an operation can lie there");

#define RN__FITS_A_CASE(type) _Static_assert(sizeof(type) <= sizeof(((rn_case *)NULL)->inside), "a case has the room")

static inline struct rn__operation *rn__case_operation(rn_case *one)
{
    return (struct rn__operation *)(void *)one->inside;
}

/* An operation that nobody else can make happen has lock and queue to itself; set where the case lies for good. */
struct rn__alone {
    struct rn__lock lock;
    struct rn__waitq queue;
};

static inline void rn__alone_begin(struct rn__alone *alone, struct rn__operation *operation)
{
    *alone = (struct rn__alone){0};
    operation->lock = &alone->lock;
    operation->queue = &alone->queue;
}

/* A case that happens at once, with RN_EINVAL. */
rn_case rn__case_refused(void);

/* No token: slot 0 of the table is nobody's. For ends that say who waits on them. */
#define RN__HELD UINT64_C(1)

/* Is somebody else than this operation's own select in the queue? For objects that take one waiter. */
static inline bool rn__is_taken(const struct rn__operation *operation)
{
    const struct rn__waiter *first = operation->queue->first;
    return first != NULL && first->token != operation->waiter.token;
}

/* The index of the case that happened, its rc written; or a code, and none has. */
enum rn__choice { RN__AT_RANDOM, RN__IN_ORDER };
int rn__select(rn_case *cases, size_t count, rn_deadline deadline, enum rn__choice choice);

#endif
