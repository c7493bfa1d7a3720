/* SPDX-License-Identifier: MIT */
/* permit.c - places of an mpsc that are promised to one sender (what holds under the channel's lock: mpsc.h).
 *
 * A permit is nothing but a number of places that the channel counts as taken; it is not known to the channel and
 * needs no memory. As long as places are promised, messages may come: that keeps the drain going and the channel
 * alive, also when all ends have gone.
 */
#include "channel/mpsc.h"

/* ------------------------------------------------------------------------------------------------ reserving -- */

static int reserve_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rn__mpsc *channel = rn__mpsc_of(operation);
    const struct rn__transfer *transfer = rn__transfer_of(operation);
    (void)wakes;
    if (channel->closed)
        return RN_CLOSED;
    if (channel->line.first != NULL || rn__mpsc_room(channel) < transfer->left) {
        channel->counts.waited += !transfer->tries;
        return RN__PENDING;
    }
    channel->promised += transfer->left;
    return 0;
}

static const struct rn__operation_kind reserve_kind = {
    .verb = "mpsc reserve", .attempt = reserve_attempt, .leave = rn__mpsc_leave_line};

static int reserve_init(struct rn__transfer *transfer, rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out)
{
    if (out != NULL)
        *out = (rn_mpsc_permit){0};
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct rn__mpsc *channel = tx->channel;
    if (channel->store.kind->grows || count == 0 || count > channel->store.capacity)
        return RN_EINVAL;
    *transfer = (struct rn__transfer){.operation =
                                          {
                                              .kind = &reserve_kind,
                                              .lock = &channel->lock,
                                              .queue = &channel->line,
                                              .object = channel,
                                              .name = channel->record.name,
                                          },
                                      .left = count};
    return 0;
}

int rn_mpsc_try_reserve(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out)
{
    struct rn__transfer transfer;
    int rc = reserve_init(&transfer, tx, count, out);
    if (rc != 0)
        return rc;
    transfer.tries = true;
    rc = rn__attempt(&transfer.operation, RN_FULL);
    if (rc == 0)
        *out = (rn_mpsc_permit){.channel = rn__mpsc_of(&transfer.operation), .left = count};
    return rc;
}

int rn_mpsc_reserve_until(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out, rn_deadline deadline)
{
    struct rn__transfer transfer;
    int rc = reserve_init(&transfer, tx, count, out);
    if (rc != 0)
        return rc;
    rc = rn__await(&transfer.operation, deadline, RN__CANCELLABLE);
    if (rc == 0)
        *out = (rn_mpsc_permit){.channel = rn__mpsc_of(&transfer.operation), .left = count};
    return rc;
}

int rn_mpsc_reserve(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out)
{
    return rn_mpsc_reserve_until(tx, count, out, RN_FOREVER);
}

/* A case has one place more to remember. */
struct reserve_case {
    struct rn__transfer transfer;
    rn_mpsc_permit *out;
};
RN__FITS_A_CASE(struct reserve_case);

static bool reserve_ready(const struct rn__operation *operation)
{
    const struct rn__mpsc *channel = rn__mpsc_of(operation);
    const struct rn__transfer *transfer = rn__container_of(operation, struct rn__transfer, operation);
    return channel->closed || (channel->line.first == NULL && rn__mpsc_room(channel) >= transfer->left);
}

static int reserve_finish(struct rn__operation *operation, int rc)
{
    const struct reserve_case *reserve = rn__container_of(operation, struct reserve_case, transfer.operation);
    if (rc == 0)
        *reserve->out = (rn_mpsc_permit){.channel = rn__mpsc_of(operation), .left = reserve->transfer.left};
    return rc;
}

static const struct rn__operation_kind reserve_case_kind = {
    .verb = "mpsc reserve",
    .attempt = reserve_attempt,
    .leave = rn__mpsc_leave_line,
    .ready = reserve_ready,
    .stand = rn__mpsc_stand_in_line,
    .finish = reserve_finish,
};

rn_case rn_mpsc_reserve_case(rn_mpsc_tx *tx, size_t count, rn_mpsc_permit *out)
{
    rn_case made = {0};
    struct reserve_case *reserve = rn__container_of(rn__case_operation(&made), struct reserve_case,
                                                    transfer.operation);
    if (out != NULL)
        *out = (rn_mpsc_permit){0};
    if (tx == NULL)
        return made;
    if (reserve_init(&reserve->transfer, tx, count, out) != 0)
        return rn__case_refused();
    reserve->transfer.operation.kind = &reserve_case_kind;
    reserve->transfer.tries = true; /* whether it waited is seen when it stands in the line */
    reserve->out = out;
    return made;
}

/* ---------------------------------------------------------------------------------------------------- using -- */

/* So many places are not promised any more: free, or a message has just gone there. */
static void end_promise(struct rn__mpsc *channel, size_t count, struct rn__wakes *wakes)
{
    rn__assert(channel->promised >= count);
    channel->promised -= count;
    rn__mpsc_serve(channel, wakes);
    rn__mpsc_end_if_over(channel, wakes);
}

/* Nobody will read it. The promise stands while the drop function runs, so the channel is there. */
static void drop_message(struct rn__mpsc *channel, void *message)
{
    rn__counts_sent(&channel->counts, 1, 0);
    channel->counts.dropped++;
    rn__lock_release(&channel->lock);
    rn__element_drop(&channel->element, message);
    rn__lock_acquire(&channel->lock);
}

int rn_mpsc_permit_send(rn_mpsc_permit *permit, void *message)
{
    struct rn__wakes wakes = {0};
    void *none = NULL;
    if (permit == NULL || permit->left == 0 || message == NULL)
        return RN_EINVAL;
    struct rn__mpsc *channel = permit->channel;
    if (--permit->left == 0)
        *permit = (rn_mpsc_permit){0};
    rn__lock_acquire(&channel->lock);
    int rc = 0;
    if (channel->deserted)
        drop_message(channel, message);
    else
        rc = rn__mpsc_put(channel, message, &none, &wakes);
    rn__assert(rc == 0);
    end_promise(channel, 1, &wakes);
    rn__mpsc_unlock(channel, &wakes);
    return rc;
}

void rn_mpsc_permit_drop(rn_mpsc_permit *permit)
{
    struct rn__wakes wakes = {0};
    if (permit == NULL || permit->left == 0)
        return;
    struct rn__mpsc *channel = permit->channel;
    rn__lock_acquire(&channel->lock);
    end_promise(channel, permit->left, &wakes);
    *permit = (rn_mpsc_permit){0};
    rn__mpsc_unlock(channel, &wakes);
}
