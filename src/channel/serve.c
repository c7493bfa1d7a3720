/* SPDX-License-Identifier: MIT */
/* serve.c - the loop of a handler of an mpsc, and how it stands in the channel's queue while there is nothing to do
 * (drawing in wait/handler.h).
 */
#include "base/log.h"
#include "channel/mpsc.h"
#include "wait/handler.h"

/* A larger message is counted as a part of the stack that was asked for. */
enum { SMALL_MESSAGE = 1024, ALIGN_BITS = 64 * 8 };

static int take(struct rn__mpsc *channel, void *message)
{
    const int rc = rn__await_entry(RN__CANCELLABLE);
    return rc != 0 ? rc : rn_mpsc_try_recv(&channel->first_rx, message);
}

static bool run(struct rn__handler *handler, rn_handler_fn *fn, void *ctx, int *result)
{
    struct rn__mpsc *channel = handler->object;
    struct rn__party *self = rn__party_current();
    void *message = __builtin_alloca_with_align(channel->element.size, ALIGN_BITS);
    for (;;) {
        const int rc = take(channel, message);
        if (rc == RN_EMPTY)
            return false;
        *result = rc == RN_CLOSED ? 0 : rc;
        if (rc != 0)
            break;
        const uint32_t process = rn__process;
        *result = rn__handler_call_user(handler, fn, message, ctx);
        if (RN__UNLIKELY(process != rn__process)) /* it has forked, and this is the child, which serves nobody */
            return true;
        if (RN__UNLIKELY(self->scope != NULL))
            rn__die(__FILE__, __LINE__, "a handler's function has returned and left a scope open");
        if (*result != 0)
            break;
        rn__budget_spend(self);
        if (self->budget == 0)
            return false;
    }
    rn_mpsc_rx_drop(&channel->first_rx);
    return true;
}

/* The look at the cancellation comes after the waiter stands there, and under the lock: a canceller that wins it goes
 * through leave(), so up to the unlock the handler is ours. */
static bool stand(struct rn__handler *handler, struct rn__party *party)
{
    struct rn__mpsc *channel = handler->object;
    bool stands = false;
    rn__lock_acquire(&channel->lock);
    if (channel->store.content.length == 0 && !rn__mpsc_is_over(channel)) {
        rn__assert(channel->receivers.first == NULL);
        rn__await_describe(party, "mpsc serve", channel->record.name, channel, RN__NEVER);
        handler->waiter.token = rn__party_arm(party);
        handler->waiter.which = RN__TO_BE_TOLD;
        rn__waitq_push(&channel->receivers, &handler->waiter);
        stands = !rn__party_is_cancelled(party) || !rn__party_disarm(party);
        if (!stands)
            rn__waiter_remove(&handler->waiter);
    }
    rn__lock_release(&channel->lock);
    return stands;
}

static void leave(struct rn__handler *handler)
{
    struct rn__mpsc *channel = handler->object;
    rn__lock_acquire(&channel->lock);
    rn__waiter_remove(&handler->waiter);
    rn__lock_release(&channel->lock);
}

static const struct rn__handler_kind mpsc_handler = {.run = run, .stand = stand, .leave = leave};

static bool is_received_from(struct rn__mpsc *channel)
{
    rn__lock_acquire(&channel->lock);
    const bool waits = channel->receivers.first != NULL;
    rn__lock_release(&channel->lock);
    return waits;
}

int rn__serve(rn_site *site, rn_task *out, rn_mpsc_rx *rx, rn__handler_call *call, rn_handler_fn *fn, void *ctx,
              const rn_spawn_opts *opts)
{
    if (out != NULL)
        *out = RN_NO_TASK;
    if (rx == NULL || fn == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx->channel;
    if (rn__mpsc_is_rendezvous(channel)) /* the message could not stay there until the handler runs */
        return RN_EINVAL;
    if (is_received_from(channel))
        return RN_EBUSY;
    const size_t size = channel->element.size;
    const struct rn__handler_order order = {
        .handler = {.kind = &mpsc_handler, .object = channel, .call = call},
        .fn = fn,
        .ctx = ctx,
        .stack_needs = size > SMALL_MESSAGE ? size : 0,
    };
    return rn__handler_spawn(site, out, &order, opts);
}
