/* SPDX-License-Identifier: MIT */
/* holder.c - who holds a lock, and waits that cannot fail (contract in holder.h). */
#include "sync/holder.h"

#include <runnel/time.h>

/* Its address tells plain threads apart. */
static RN__THREAD_LOCAL char here;

/* A task's party is its own; a plain thread has one only from its first wait on. */
RN__NOINLINE uint64_t rn__caller(void)
{
    const struct rn__party *self = rn__party_current();
    if (self != NULL && self->kind->cancellable)
        return (uintptr_t)self;
    const void *before_fork = rn__party_before_fork(); /* what it locked as a task it may unlock in the child */
    return before_fork != NULL ? (uintptr_t)before_fork : (uintptr_t)&here;
}

void rn__begin_as_caller(struct rn__operation *operation)
{
    operation->data = rn__caller_as_data();
}

/* A plain thread that gets no party has nothing to stand in line with. It looks again and again, because the other
 * way out would be to go on without the lock. */
void rn__await_surely(struct rn__operation *operation)
{
    int rc;
    while ((rc = rn__await(operation, RN_FOREVER, RN__UNCANCELLABLE)) == RN_ENOMEM)
        (void)rn__await_deadline(rn_in_ms(1), RN__UNCANCELLABLE);
    if (rc == RN_FORKED)
        rn__misused(operation->kind->verb, operation->name,
                    "it was held when the parent process forked, and nobody is here to give it back");
    if (rc != 0)
        rn__misused(operation->kind->verb, operation->name, "nobody may wait inside a drop or clone function");
}
