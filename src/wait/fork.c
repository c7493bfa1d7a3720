/* SPDX-License-Identifier: MIT */
/* fork.c - what becomes of parties and their waits in the child of a fork.
 *
 * The child has the one thread that forked. Tasks and other threads of the parent are gone, but the copies of objects
 * still have them in their queues. Nobody would ever be won there, but a newcomer must not stand in line behind the
 * dead, and the frames of threads, unlike those of tasks, may be unmapped or written over as soon as the child starts
 * threads. So before anything else happens in the child the queues are emptied, and then the table is disowned.
 *
 * What is read is much, two lines for each party that waits; what is written, and hence copied by the system, is the
 * head of each queue in which somebody stood. Frames and slots stay shared with the parent.
 *
 * Not found is a task that was won and has not run again yet, for then it is in a list and has forgotten where else
 * it stood: its places stay, on a stack of ours, which nobody unmaps, and whoever serves such a queue takes them out.
 * Not looked at are objects whose lock was held at the moment of the fork: they are lost (platform/lock.h), and the
 * links of their queues may be half made. A place with token 0 belongs to nobody who waits: it stays.
 */
#include "wait/fork.h"

#include "platform/platform.h"

#include <runnel/select.h>

static void clear(struct rn__waitq *queue)
{
    struct rn__waiter *at = queue->first;
    if (at == NULL)
        return;
    queue->first = queue->last = NULL;
    while (at != NULL) {
        struct rn__waiter *next = at->next;
        if (at->token == 0)
            rn__waitq_push(queue, at);
        at = next;
    }
}

/* Whoever was fired may be in a list of those who are to be scheduled, and what can yield is in one from then until
 * it runs; a thread that was scheduled is not. A slot that nobody uses has no kind. */
static bool is_standing(const struct rn__party *party)
{
    const enum rn__party_state state = rn__word_state(rn__load_relaxed(&party->word)); /* rlx: the only thread */
    const bool is_armed = state == RN__PARTY_ARMED || state == RN__PARTY_SHIELDED;
    return party->kind != NULL && (is_armed || (party->kind->yield == NULL && state != RN__PARTY_FIRED));
}

static void leave_queues(const struct rn__party *party)
{
    char *at = (char *)party->standing;
    for (uint32_t i = 0; at != NULL && i < party->standing_count; i++, at += sizeof(rn_case)) {
        const struct rn__waiter *waiter = (void *)at;
        const struct rn__operation *operation = rn__container_of(waiter, struct rn__operation, waiter);
        if (waiter->queue != NULL && rn__lock_looks_free(operation->lock))
            clear(waiter->queue);
    }
}

static void before_fork(void)
{
    rn__party_table_lock();
}

static void after_fork(bool in_child)
{
    if (in_child) {
        for (uint32_t i = 1; i < rn__party_count(); i++)
            if (!rn__party_is_inherited(i) && is_standing(rn__party_at(i)))
                leave_queues(rn__party_at(i));
        rn__party_table_disown();
        rn__party_forget_caller();
        rn__clock_forget_all();
    }
    rn__party_table_unlock();
}

void rn__wait_at_fork(void)
{
    static struct rn__at_fork part = {.before = before_fork, .after = after_fork};
    rn__platform_at_fork(&part);
}

bool rn__wait_is_hopeless(const struct rn__party *self, rn_deadline deadline)
{
    return rn__process != 0 && !self->kind->cancellable && rn__deadline_ns(deadline) == RN__NEVER &&
           rn__platform_thread_count() == 1;
}
