/* SPDX-License-Identifier: MIT */
/* weight.c - channels whose messages are weighed: their senders wait for a share of a budget (contract in weight.h).
 *
 * Such a channel is an unbounded one behind a semaphore. One object does the waiting, so there is one line, over all
 * channels that share the budget; a sender that stands in it also hears that its channel closes, by a select of both.
 */
#include "channel/weight.h"

#include <runnel/semaphore.h>

static size_t weight_of(const struct rn__mpsc *channel, const void *message)
{
    rn__callback_enter();
    const size_t weight = channel->weigh(message, channel->weigh_ctx);
    rn__callback_leave();
    return weight;
}

static bool is_closed(struct rn__mpsc *channel, bool waits)
{
    rn__lock_acquire(&channel->lock);
    const bool closed = channel->closed;
    channel->counts.waited += waits && !closed;
    rn__lock_release(&channel->lock);
    return closed;
}

int rn__weight_take(struct rn__mpsc *channel, const void *message, bool tries, rn_deadline deadline)
{
    const size_t weight = weight_of(channel, message);
    if (weight > channel->budget->size)
        return RN_EINVAL;
    if (is_closed(channel, false))
        return RN_CLOSED;
    const int rc = rn_semaphore_try_acquire(&channel->budget->free, weight);
    if (rc != RN_EAGAIN || tries)
        return rc == RN_EAGAIN ? RN_FULL : rc;
    if (is_closed(channel, true))
        return RN_CLOSED;
    rn_case cases[] = {rn__mpsc_closed_case(channel), rn_semaphore_acquire_case(&channel->budget->free, weight)};
    const int which = rn__select(cases, RN__COUNT(cases), deadline, RN__IN_ORDER);
    if (which < 0)
        return which;
    return which == 0 ? RN_CLOSED : cases[1].rc;
}

void rn__weight_give_back(struct rn__mpsc *channel, const void *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const void *message = (const char *)messages + i * channel->element.size;
        const int rc = rn_semaphore_release(&channel->budget->free, weight_of(channel, message));
        rn__assert(rc == 0);
        (void)rc;
    }
}

void rn__weight_clear(struct rn__mpsc *channel, struct rn__store *unread)
{
    void *memory;
    while (unread->content.length > 0) {
        void *message = unread->kind->first(unread);
        const size_t weight = weight_of(channel, message);
        rn__element_drop(&channel->element, message);
        unread->kind->pop(unread, NULL, &memory);
        if (memory != NULL)
            unread->kind->release(unread, memory);
        rn_ignore(rn_semaphore_release(&channel->budget->free, weight));
    }
}
