/* SPDX-License-Identifier: MIT */
/* broadcast_lag.c - receivers that fall behind and mind it. One that reports or skips finds out by itself, at its
 * next receive; a strict one makes the sender look, before a message that it needs is overwritten:
 *
 *     number         begin == oldest              next
 *                      v                           v
 *      ...  x  x  x  [ m  m  m  m  m  m  m  m  m  m ]    the ring is full: the next message takes the place of the
 *                      ^           ^                     first
 *                      A           B                     A is strict: it blocks the sender, or is cut off
 *
 * `slowest` is a lower bound of the places of all strict receivers, so that a sender walks over them only when it has
 * come to the bound, and where there are none it compares two numbers. The place of a receiver that blocks is the
 * message that it clones, until it has the clone: one that fails is read again.
 *
 * On a channel that may block a send is an operation: it brings its node, if the kind needs one, and stands in one
 * line while a receiver blocks it. Whoever moves such a receiver on, or drops it, publishes for the head of the line
 * under the same lock, so nobody overtakes; what that overwrote is dropped by the sender itself, when it has come
 * back.
 */
#include "channel/broadcast.h"

/* ------------------------------------------------------------------------------------------- who falls behind -- */

static bool is_strict(const rn_broadcast_rx *rx)
{
    return rx->on_lag == RN_ON_LAG_BLOCK || rx->on_lag == RN_ON_LAG_DISCONNECT;
}

/* The first message that it still needs. */
static uint64_t place_of(const rn_broadcast_rx *rx)
{
    return rx->cursor - (rx->on_lag == RN_ON_LAG_BLOCK && rx->is_cloning);
}

void rn__broadcast_mind(rn_broadcast_rx *rx)
{
    struct rn__broadcast *channel = rx->channel;
    if (is_strict(rx) && rx->cursor < channel->slowest)
        channel->slowest = rx->cursor;
}

enum rn_on_lag rn__broadcast_look_for_lag(struct rn__broadcast *channel)
{
    const struct rn__history *history = &channel->history;
    const struct rn__link *head = &channel->receivers;
    enum rn_on_lag worst = RN_ON_LAG_REPORT;
    const bool is_full = history->next - history->begin == history->capacity;
    if (!is_full || history->oldest > history->begin)
        return RN_ON_LAG_REPORT;
    channel->slowest = UINT64_MAX;
    for (struct rn__link *link = head->next; link != head; link = link->next) {
        const rn_broadcast_rx *rx = rn__container_of(link, rn_broadcast_rx, link);
        if (!is_strict(rx))
            continue;
        if (place_of(rx) <= history->begin && worst != RN_ON_LAG_BLOCK)
            worst = rx->on_lag;
        if (place_of(rx) < channel->slowest)
            channel->slowest = place_of(rx);
    }
    return worst;
}

/* ------------------------------------------------------------------------------------------------- cutting off -- */

static void cut(rn_broadcast_rx *rx)
{
    rn__list_remove(&rx->link);
    rx->is_cut = true;
    rx->cut_at = rx->channel->history.next;
    rx->channel->rx_count--;
}

uint64_t rn__broadcast_cut_off(struct rn__broadcast *channel, struct rn__wakes *wakes)
{
    const struct rn__link *head = &channel->receivers;
    struct rn__link *next;
    for (struct rn__link *link = head->next; link != head; link = next) {
        rn_broadcast_rx *rx = rn__container_of(link, rn_broadcast_rx, link);
        next = link->next;
        if (rx->on_lag == RN_ON_LAG_DISCONNECT && rn__history_lost(&channel->history, rx->cursor) > 0)
            cut(rx);
    }
    if (channel->rx_count > 0)
        return 0;
    rn__wakes_add_all(wakes, &channel->closers, 0);
    const uint64_t until = rn__broadcast_give_up(channel);
    if (until != 0)
        rn__nodes_enter(&channel->history.nodes);
    return until;
}

/* --------------------------------------------------------------------------------------------- sends that wait -- */

struct send {
    struct rn__operation operation; /* data: the message */
    struct rn__node *node;          /* of a counted kind: the message in it, until it is published */
    struct rn__residue residue;
    bool tries; /* does not wait */
};

RN__FITS_A_CASE(struct send);

static struct send *send_of(const struct rn__operation *operation)
{
    return rn__container_of(operation, struct send, operation);
}

static bool is_blocked(struct rn__broadcast *channel)
{
    return channel->slowest <= channel->history.begin && rn__broadcast_look_for_lag(channel) == RN_ON_LAG_BLOCK;
}

static int publish(struct send *send, struct rn__wakes *wakes)
{
    struct rn__broadcast *channel = send->operation.object;
    if (rn__broadcast_is_for_nobody(channel))
        return RN_NOBODY;
    rn__broadcast_publish(channel, send->operation.data, send->node, &send->residue, wakes);
    send->node = NULL;
    return 0;
}

void rn__broadcast_serve_line(struct rn__broadcast *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter;
    while (channel->line.first != NULL && !is_blocked(channel)) {
        if ((waiter = rn__waitq_claim(&channel->line)) != NULL)
            rn__wakes_add(wakes, waiter, publish(send_of(rn__operation_of(waiter)), wakes));
    }
}

/* Brings the node: under the lock of an attempt there could be no memory for it. */
static void send_begin(struct rn__operation *operation)
{
    struct rn__broadcast *channel = operation->object;
    if (!channel->history.is_counted)
        return;
    rn__lock_acquire(&channel->lock);
    send_of(operation)->node = rn__history_wrap(&channel->history, operation->data, &channel->lock);
    rn__lock_release(&channel->lock);
}

static int send_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rn__broadcast *channel = operation->object;
    struct send *send = send_of(operation);
    if (channel->history.is_counted && send->node == NULL)
        return rn__broadcast_is_for_nobody(channel) ? RN_NOBODY : RN_ENOMEM;
    if (channel->line.first == NULL && !is_blocked(channel))
        return publish(send, wakes);
    channel->counts.waited += !send->tries;
    return RN__PENDING;
}

static void send_leave(struct rn__operation *operation, struct rn__wakes *wakes)
{
    rn__broadcast_serve_line(operation->object, wakes);
}

/* However it ended. */
static int send_finish(struct rn__operation *operation, int rc)
{
    struct rn__broadcast *channel = operation->object;
    struct send *send = send_of(operation);
    const struct rn__residue residue = send->residue;
    if (send->node != NULL) {
        rn__lock_acquire(&channel->lock);
        rn__nodes_put(&channel->history.nodes, send->node);
        rn__lock_release(&channel->lock);
    }
    send->node = NULL;
    send->residue = (struct rn__residue){0};
    rn__broadcast_clear(channel, residue);
    return rc;
}

/* A case sees that it waits when it stands in the line. */
static void send_stand(struct rn__operation *operation)
{
    struct rn__broadcast *channel = operation->object;
    channel->counts.waited++;
}

static bool send_ready(const struct rn__operation *operation)
{
    struct rn__broadcast *channel = operation->object;
    return (channel->history.is_counted && send_of(operation)->node == NULL) ||
           (channel->line.first == NULL && !is_blocked(channel));
}

static const struct rn__operation_kind send_kind = {
    .verb = "broadcast send",
    .begin = send_begin,
    .attempt = send_attempt,
    .leave = send_leave,
    .ready = send_ready,
    .stand = send_stand,
    .finish = send_finish,
};

static int send_init(struct send *send, rn_broadcast_tx *tx, const void *message)
{
    if (tx == NULL || message == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct rn__broadcast *channel = tx->channel;
    *send = (struct send){.tries = true,
                          .operation = {
                              .kind = &send_kind,
                              .lock = &channel->lock,
                              .queue = &channel->line,
                              .object = channel,
                              .name = channel->record.name,
                              .data = (void *)(uintptr_t)message, /* only read */
                          }};
    return 0;
}

int rn__broadcast_send_waiting(rn_broadcast_tx *tx, const void *message, rn_deadline deadline)
{
    struct send send;
    const int rc = send_init(&send, tx, message);
    if (rc != 0)
        return rc;
    send.tries = false;
    send_begin(&send.operation);
    return send_finish(&send.operation, rn__await(&send.operation, deadline, RN__CANCELLABLE));
}

/* Or has nothing to wait for. */
static bool never_waits(const rn_broadcast_tx *tx)
{
    if (tx == NULL)
        return true;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    return !tx->channel->may_block;
}

int rn_broadcast_send_until(rn_broadcast_tx *tx, const void *message, rn_deadline deadline)
{
    if (never_waits(tx))
        return rn_broadcast_send(tx, message);
    return rn__broadcast_send_waiting(tx, message, deadline);
}

int rn_broadcast_try_send(rn_broadcast_tx *tx, const void *message)
{
    struct send send;
    if (never_waits(tx))
        return rn_broadcast_send(tx, message);
    const int rc = send_init(&send, tx, message);
    if (rc != 0)
        return rc;
    send_begin(&send.operation);
    return send_finish(&send.operation, rn__attempt(&send.operation, RN_FULL));
}

rn_case rn_broadcast_send_case(rn_broadcast_tx *tx, const void *message)
{
    rn_case made = {0};
    if (tx == NULL)
        return made;
    return send_init(send_of(rn__case_operation(&made)), tx, message) == 0 ? made : rn__case_refused();
}
