/* SPDX-License-Identifier: MIT */
/* mpsc_end.c - the ends of an mpsc or mpmc: cloning, weak senders, closing, dropping, questions (what holds under the
 * lock: mpsc.h). */
#include "base/alloc.h"
#include "channel/weight.h"

/* --------------------------------------------------------------------------------------- cloning, weak senders -- */

/* A sender that does not count yet. */
static rn_mpsc_tx *make_tx(struct rn__mpsc *channel)
{
    rn_mpsc_tx *tx = rn__alloc(sizeof *tx);
    if (tx == NULL)
        return NULL;
    tx->channel = channel;
    rn__end_init(&tx->end, RN__MPSC_TX, channel->record.name);
    return tx;
}

int rn_mpsc_tx_clone(rn_mpsc_tx **out, rn_mpsc_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct rn__mpsc *channel = tx->channel;
    rn_mpsc_tx *clone = make_tx(channel);
    if (clone == NULL)
        return RN_ENOMEM;
    rn__lock_acquire(&channel->lock);
    channel->tx_count++;
    rn__lock_release(&channel->lock);
    *out = clone;
    return 0;
}

static int make_weak(rn_mpsc_weak **out, struct rn__mpsc *channel)
{
    rn_mpsc_weak *weak = rn__alloc(sizeof *weak);
    if (weak == NULL)
        return RN_ENOMEM;
    weak->channel = channel;
    rn__end_init(&weak->end, RN__MPSC_WEAK, channel->record.name);
    rn__lock_acquire(&channel->lock);
    channel->weak_count++;
    rn__lock_release(&channel->lock);
    *out = weak;
    return 0;
}

int rn_mpsc_tx_downgrade(rn_mpsc_weak **out, rn_mpsc_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    return make_weak(out, tx->channel);
}

int rn_mpsc_weak_clone(rn_mpsc_weak **out, rn_mpsc_weak *weak)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || weak == NULL)
        return RN_EINVAL;
    rn__end_check(&weak->end, RN__MPSC_WEAK);
    return make_weak(out, weak->channel);
}

int rn_mpsc_weak_upgrade(rn_mpsc_tx **out, rn_mpsc_weak *weak)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || weak == NULL)
        return RN_EINVAL;
    rn__end_check(&weak->end, RN__MPSC_WEAK);
    struct rn__mpsc *channel = weak->channel;
    rn_mpsc_tx *tx = make_tx(channel);
    if (tx == NULL)
        return RN_ENOMEM;
    rn__lock_acquire(&channel->lock);
    const bool is_sent_to = channel->tx_count > 0 || channel->promised > 0;
    channel->tx_count += is_sent_to;
    rn__lock_release(&channel->lock);
    if (!is_sent_to) {
        rn__free(tx, sizeof *tx);
        return RN_CLOSED;
    }
    *out = tx;
    return 0;
}

void rn_mpsc_weak_drop(rn_mpsc_weak *weak)
{
    if (weak == NULL)
        return;
    rn__end_check(&weak->end, RN__MPSC_WEAK);
    struct rn__mpsc *channel = weak->channel;
    struct rn__wakes wakes = {0};
    rn__end_fini(&weak->end);
    rn__free(weak, sizeof *weak);
    rn__lock_acquire(&channel->lock);
    channel->weak_count--;
    rn__mpsc_unlock(channel, &wakes);
}

/* ---------------------------------------------------------------------------------------- closing, dropping -- */

void rn_mpsc_tx_drop(rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct rn__mpsc *channel = tx->channel;
    struct rn__wakes wakes = {0};
    rn__end_fini(&tx->end);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    rn__lock_acquire(&channel->lock);
    channel->tx_count--;
    rn__mpsc_end_if_over(channel, &wakes);
    rn__mpsc_unlock(channel, &wakes);
}

/* Under the lock. */
static void close_channel(struct rn__mpsc *channel, enum rn_why why, struct rn__wakes *wakes)
{
    channel->closed = true;
    rn__record_closed(&channel->record, why);
    rn__wakes_add_all(wakes, &channel->line, RN_CLOSED);
    rn__wakes_add_all(wakes, &channel->watchers, 0);
    rn__mpsc_end_if_over(channel, wakes);
}

void rn_mpsc_rx_close(rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx->channel;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    close_channel(channel, RN_WHY_BY_HAND, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
}

/* Under the lock, which it gives back. Gives what is unread to the caller, who drops it: what permits still bring is
 * not put in. */
static struct rn__store close_and_empty(struct rn__mpsc *channel)
{
    struct rn__wakes wakes = {0};
    channel->deserted = true;
    close_channel(channel, RN_WHY_RECEIVERS_GONE, &wakes);
    channel->counts.dropped += channel->store.content.length;
    const struct rn__store unread = rn__store_take(&channel->store);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    return unread;
}

/* A message may hold a sender of this very channel, so the last receiver counts until all messages have gone. */
void rn_mpsc_rx_drop(rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx->channel;
    struct rn__wakes wakes = {0};
    rn__end_fini(&rx->end);
    if (rx != &channel->first_rx)
        rn__free(rx, sizeof *rx);
    rn__lock_acquire(&channel->lock);
    if (channel->rx_count == 1) {
        struct rn__store unread = close_and_empty(channel);
        if (channel->budget != NULL)
            rn__weight_clear(channel, &unread);
        rn__store_clear(&unread);
        rn__lock_acquire(&channel->lock);
    }
    channel->rx_count--;
    rn__mpsc_unlock(channel, &wakes);
}

static int closed_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return rn__mpsc_of(operation)->closed ? 0 : RN__PENDING;
}

static bool closed_ready(const struct rn__operation *operation)
{
    return rn__mpsc_of(operation)->closed;
}

static const struct rn__operation_kind closed_kind = {
    .verb = "mpsc tx_closed", .attempt = closed_attempt, .ready = closed_ready};

static void closed_init(struct rn__operation *operation, struct rn__mpsc *channel)
{
    *operation = (struct rn__operation){
        .kind = &closed_kind,
        .lock = &channel->lock,
        .queue = &channel->watchers,
        .object = channel,
        .name = channel->record.name,
    };
}

rn_case rn__mpsc_closed_case(struct rn__mpsc *channel)
{
    rn_case made = {0};
    closed_init(rn__case_operation(&made), channel);
    return made;
}

rn_case rn_mpsc_tx_closed_case(rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return RN_NEVER;
    rn__end_check(&tx->end, RN__MPSC_TX);
    return rn__mpsc_closed_case(tx->channel);
}

int rn_mpsc_tx_closed_until(rn_mpsc_tx *tx, rn_deadline deadline)
{
    struct rn__operation operation;
    if (tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    closed_init(&operation, tx->channel);
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

int rn_mpsc_tx_closed(rn_mpsc_tx *tx)
{
    return rn_mpsc_tx_closed_until(tx, RN_FOREVER);
}

/* ----------------------------------------------------------------------------------------------- questions -- */

bool rn_mpsc_tx_is_closed(const rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return false;
    rn__end_check(&tx->end, RN__MPSC_TX);
    rn__lock_acquire(&tx->channel->lock);
    const bool closed = tx->channel->closed;
    rn__lock_release(&tx->channel->lock);
    return closed;
}

bool rn_mpsc_rx_is_closed(const rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return false;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    const bool closed = channel->closed || rn__mpsc_is_over(channel);
    rn__lock_release(&channel->lock);
    return closed;
}

size_t rn_mpsc_tx_room(const rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__MPSC_TX);
    rn__lock_acquire(&tx->channel->lock);
    const size_t room = tx->channel->closed ? 0 : rn__mpsc_room(tx->channel);
    rn__lock_release(&tx->channel->lock);
    return room;
}

size_t rn_mpsc_rx_len(const rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return 0;
    rn__end_check(&rx->end, RN__MPSC_RX);
    rn__lock_acquire(&rx->channel->lock);
    const size_t length = rx->channel->store.content.length;
    rn__lock_release(&rx->channel->lock);
    return length;
}

bool rn_mpsc_tx_same_channel(const rn_mpsc_tx *a, const rn_mpsc_tx *b)
{
    if (a == NULL || b == NULL)
        return false;
    rn__end_check(&a->end, RN__MPSC_TX);
    rn__end_check(&b->end, RN__MPSC_TX);
    return a->channel == b->channel;
}

static int tell(struct rn__mpsc *channel, rn_channel_info *out)
{
    rn__lock_acquire(&channel->lock);
    rn__record_tell(&channel->record, &channel->counts, channel->shared ? "mpmc" : "mpsc", out);
    out->senders = channel->tx_count;
    out->receivers = channel->deserted ? 0 : channel->rx_count;
    out->weak = channel->weak_count;
    out->capacity = channel->store.kind->grows ? RN_UNBOUNDED : channel->store.capacity;
    out->depth = channel->store.content.length;
    out->promised = channel->promised;
    rn__lock_release(&channel->lock);
    return 0;
}

int rn_mpsc_tx_info(const rn_mpsc_tx *tx, rn_channel_info *out)
{
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    return tell(tx->channel, out);
}

int rn_mpsc_rx_info(const rn_mpsc_rx *rx, rn_channel_info *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__MPSC_RX);
    return tell(rx->channel, out);
}
