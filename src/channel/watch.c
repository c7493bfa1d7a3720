/* SPDX-License-Identifier: MIT */
/* watch.c - the newest value and its version: one short lock, values in counted nodes (drawn in watch.h). This file
 * has the ends, from making to closing, and what both sides do to a value.
 *
 * This core stays as the oracle for faster ones.
 */
#include "channel/watch.h"

#include "base/alloc.h"
#include "base/log.h"

/* --------------------------------------------------------------------------------------------------- the value -- */

void rn__copy_begin(struct rn__copy *copy, struct rn__watch *channel)
{
    copy->original = NULL;
    if (channel->element.clone == NULL) {
        rn__element_move(&channel->element, copy->to, rn__node_value(&channel->nodes, channel->current));
        return;
    }
    copy->original = channel->current;
    rn__node_hold(copy->original);
}

int rn__copy_clone(const struct rn__copy *copy, const struct rn__watch *channel)
{
    if (copy->original == NULL || copy->to == NULL)
        return 0;
    return rn__element_clone(&channel->element, copy->to, rn__node_value(&channel->nodes, copy->original));
}

int rn__copy_end(struct rn__copy *copy, struct rn__watch *channel)
{
    const int rc = rn__copy_clone(copy, channel);
    if (copy->original != NULL)
        rn__watch_let_go(channel, copy->original);
    return rc;
}

int rn__watch_copy_current(struct rn__watch *channel, void *out)
{
    struct rn__copy copy = {.to = out};
    if (!rn__element_can_clone(&channel->element))
        return RN_EINVAL;
    rn__lock_acquire(&channel->lock);
    rn__copy_begin(&copy, channel);
    rn__lock_release(&channel->lock);
    return rn__copy_end(&copy, channel);
}

static void destroy(struct rn__watch *channel)
{
    rn__assert(channel->current->holders == 1);
    rn__element_drop(&channel->element, rn__node_value(&channel->nodes, channel->current));
    rn__nodes_put(&channel->nodes, channel->current);
    rn__nodes_fini(&channel->nodes);
    rn__free(channel, sizeof *channel);
}

static void leave(struct rn__watch *channel)
{
    if (rn__nodes_leave(&channel->nodes, &channel->lock))
        destroy(channel);
}

void rn__watch_retire(struct rn__watch *channel, struct rn__node *node)
{
    if (node != NULL && rn__nodes_retire(&channel->nodes, node, &channel->lock))
        destroy(channel);
}

void rn__watch_let_go(struct rn__watch *channel, struct rn__node *node)
{
    rn__lock_acquire(&channel->lock);
    struct rn__node *old = rn__nodes_let_go(&channel->nodes, node);
    rn__lock_release(&channel->lock);
    rn__watch_retire(channel, old);
}

/* --------------------------------------------------------------------------------------------------- the first -- */

enum { NODES_OF_RECEIVER = 2 };

static size_t nodes_of_sender(const struct rn__watch *channel)
{
    return channel->element.clone != NULL ? 2 : 1;
}

static void set_up_sender(rn_watch_tx *tx, struct rn__watch *channel)
{
    rn__end_init(&tx->end, RN__WATCH_TX, channel->record.name);
    tx->channel = channel;
    channel->tx_count++;
    rn__nodes_enter(&channel->nodes);
}

static void set_up_receiver(rn_watch_rx *rx, struct rn__watch *channel, uint64_t seen)
{
    rn__end_init(&rx->end, RN__WATCH_RX, channel->record.name);
    rx->busy = 0;
    rx->channel = channel;
    rx->seen = seen;
    rx->borrowed = NULL;
    channel->rx_count++;
    rn__nodes_enter(&channel->nodes);
}

static struct rn__watch *make(const void *initial, const struct rn__element *element, bool has_receiver)
{
    struct rn__watch *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->element = *element;
    const size_t count = 1 + nodes_of_sender(channel) + (has_receiver ? NODES_OF_RECEIVER : 0);
    if (!rn__nodes_init(&channel->nodes, &channel->element, count))
        goto free_channel;
    channel->current = rn__nodes_take(&channel->nodes, &channel->lock); /* there is one: no allocation, no lock */
    rn__element_move(element, rn__node_value(&channel->nodes, channel->current), initial);
    channel->version = 1;
    return channel;
free_channel:
    rn__free(channel, sizeof *channel);
    return NULL;
}

static bool are_valid(const rn_watch_opts *opts)
{
    return opts == NULL ||
           rn__options_are_valid(opts->flags, opts->reserved0, opts->reserved, RN__COUNT(opts->reserved));
}

static int make_ends(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem,
                     const rn_watch_opts *opts, const void *birthplace)
{
    struct rn__element element;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || initial == NULL || !are_valid(opts) || rn__element_init(&element, elem) != 0)
        return RN_EINVAL;
    struct rn__watch *channel = make(initial, &element, rx != NULL);
    if (channel == NULL)
        return RN_ENOMEM;
    channel->record.name = opts != NULL && opts->name != NULL ? opts->name : element.name;
    channel->record.birthplace = birthplace;
    channel->counts.high_water = 1;
    set_up_sender(&channel->first_tx, channel);
    *tx = &channel->first_tx;
    if (rx == NULL)
        return 0;
    set_up_receiver(&channel->first_rx, channel, channel->version);
    *rx = &channel->first_rx;
    return 0;
}

int rn_watch_channel(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem)
{
    return make_ends(tx, rx, initial, elem, NULL, __builtin_return_address(0));
}

int rn_watch_channel_with(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem,
                          const rn_watch_opts *opts)
{
    return make_ends(tx, rx, initial, elem, opts, __builtin_return_address(0));
}

/* ---------------------------------------------------------------------------------------------- more and fewer -- */

int rn_watch_tx_clone(rn_watch_tx **out, rn_watch_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    rn_watch_tx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!rn__nodes_lock_promised(&channel->nodes, nodes_of_sender(channel), &channel->lock))
        goto free_end;
    set_up_sender(made, channel);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
free_end:
    rn__free(made, sizeof *made);
    return RN_ENOMEM;
}

/* like: has seen the same; NULL: what is current. */
static int add_receiver(rn_watch_rx **out, struct rn__watch *channel, const rn_watch_rx *like)
{
    rn_watch_rx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!rn__nodes_lock_promised(&channel->nodes, NODES_OF_RECEIVER, &channel->lock))
        goto free_end;
    set_up_receiver(made, channel, like != NULL ? like->seen : channel->version);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
free_end:
    rn__free(made, sizeof *made);
    return RN_ENOMEM;
}

int rn_watch_subscribe(rn_watch_rx **rx, rn_watch_tx *tx)
{
    if (rx != NULL)
        *rx = NULL;
    if (rx == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    return add_receiver(rx, tx->channel, NULL);
}

int rn_watch_rx_clone(rn_watch_rx **out, const rn_watch_rx *rx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    return add_receiver(out, rx->channel, rx);
}

void rn_watch_tx_drop(rn_watch_tx *tx)
{
    struct rn__wakes wakes = {0};
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__WATCH_TX);
    rn__end_fini(&tx->end);
    struct rn__watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    rn__nodes_take_back_promise(&channel->nodes, nodes_of_sender(channel));
    if (--channel->tx_count == 0) {
        rn__record_closed(&channel->record, RN_WHY_SENDERS_GONE);
        rn__wakes_add_all(&wakes, &channel->parked, RN_CLOSED);
    }
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    leave(channel);
}

void rn_watch_rx_drop(rn_watch_rx *rx)
{
    struct rn__wakes wakes = {0};
    struct rn__node *old = NULL;
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__WATCH_RX);
    rn__end_fini(&rx->end);
    struct rn__watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    rn__nodes_take_back_promise(&channel->nodes, NODES_OF_RECEIVER);
    if (--channel->rx_count == 0)
        rn__wakes_add_all(&wakes, &channel->closing, 0);
    if (rx->borrowed != NULL)
        old = rn__nodes_let_go(&channel->nodes, rx->borrowed);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (rx != &channel->first_rx)
        rn__free(rx, sizeof *rx);
    rn__watch_retire(channel, old);
    leave(channel);
}

/* ---------------------------------------------------------------------------------- waiting for nobody to look -- */

static int attempt_closed(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct rn__watch *channel = operation->object;
    (void)wakes;
    return channel->rx_count == 0 ? 0 : RN__PENDING;
}

static const struct rn__operation_kind closed_kind = {.verb = "watch tx_closed", .attempt = attempt_closed};

int rn_watch_tx_closed_until(rn_watch_tx *tx, rn_deadline deadline)
{
    if (tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    struct rn__operation operation = {
        .kind = &closed_kind,
        .lock = &channel->lock,
        .queue = &channel->closing,
        .object = channel,
        .name = channel->record.name,
    };
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

int rn_watch_tx_closed(rn_watch_tx *tx)
{
    return rn_watch_tx_closed_until(tx, RN_FOREVER);
}

/* --------------------------------------------------------------------------------------------------- questions -- */

size_t rn_watch_tx_receivers(const rn_watch_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const size_t count = channel->rx_count;
    rn__lock_release(&channel->lock);
    return count;
}

bool rn_watch_tx_is_closed(const rn_watch_tx *tx)
{
    return tx != NULL && rn_watch_tx_receivers(tx) == 0;
}

bool rn_watch_tx_same_channel(const rn_watch_tx *a, const rn_watch_tx *b)
{
    if (a == NULL || b == NULL)
        return false;
    rn__end_check(&a->end, RN__WATCH_TX);
    rn__end_check(&b->end, RN__WATCH_TX);
    return a->channel == b->channel;
}

bool rn_watch_rx_same_channel(const rn_watch_rx *a, const rn_watch_rx *b)
{
    if (a == NULL || b == NULL)
        return false;
    rn__end_check(&a->end, RN__WATCH_RX);
    rn__end_check(&b->end, RN__WATCH_RX);
    return a->channel == b->channel;
}

static void tell(struct rn__watch *channel, rn_channel_info *out)
{
    rn__lock_acquire(&channel->lock);
    rn__record_tell(&channel->record, &channel->counts, "watch", out);
    out->senders = channel->tx_count;
    out->receivers = channel->rx_count;
    out->capacity = 1;
    out->depth = 1;
    rn__lock_release(&channel->lock);
}

int rn_watch_tx_info(const rn_watch_tx *tx, rn_channel_info *out)
{
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    tell(tx->channel, out);
    return 0;
}

int rn_watch_rx_info(const rn_watch_rx *rx, rn_channel_info *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    tell(rx->channel, out);
    return 0;
}
