/* SPDX-License-Identifier: MIT */
/* oneshot.c - one value, once: channel, both ends and the value's place are one piece of memory.
 *
 *              send                            recv, rx_drop (which drops the value)
 *     EMPTY ------------------------> SENT ---------------------------------------------+
 *       |                                                                               v
 *       +-------------------------------------------------------------------------->  OVER
 *              send to a parked receiver; tx_drop, rx_close, rx_drop
 *
 * In EMPTY both ends are alive. The value is moved under the lock, into the hands of a receiver that was won or into
 * its place: it is with one side at any time. In SENT the sender is gone, so whoever takes the receiver's end away
 * has the channel to itself.
 *
 * This core stays as the oracle for faster ones.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/element.h"
#include "channel/end.h"
#include "channel/record.h"
#include "wait/select.h"

#include <runnel/oneshot.h>

struct rn_oneshot_tx {
    struct rn__end end;
    struct oneshot *channel;
};

struct rn_oneshot_rx {
    struct rn__end end;
    struct oneshot *channel;
};

enum state { EMPTY, SENT, OVER };

struct oneshot {
    struct rn__lock lock; /* protects what is between here and `element`; user code never runs under it */
    enum state state;
    bool has_sender;
    bool has_receiver;
    struct rn__waitq receivers; /* at most one; data: the place for the value */
    struct rn__waitq closers;   /* at most one: tx_closed */
    struct rn__record record;
    struct rn__element element; /* from here on: set once */
    struct rn_oneshot_tx tx;
    struct rn_oneshot_rx rx;
    /* the value, at its alignment */
};

/* -------------------------------------------------------------------------------------- making and freeing -- */

static size_t value_offset(const struct rn__element *element)
{
    return (sizeof(struct oneshot) + element->align - 1) & ~(element->align - 1);
}

static void *value_of(struct oneshot *channel)
{
    return (char *)channel + value_offset(&channel->element);
}

static size_t size_with_value(const struct rn__element *element)
{
    return value_offset(element) + element->size;
}

static struct oneshot *make(const struct rn__element *element, const void *birthplace)
{
    const size_t own = _Alignof(struct oneshot);
    const size_t align = element->align > own ? element->align : own;
    struct oneshot *channel = rn__alloc_aligned(size_with_value(element), align);
    if (channel == NULL)
        return NULL;
    *channel = (struct oneshot){
        .state = EMPTY,
        .has_sender = true,
        .has_receiver = true,
        .record = {.name = element->name, .birthplace = birthplace},
        .element = *element,
        .tx.channel = channel,
        .rx.channel = channel,
    };
    rn__end_init(&channel->tx.end, RN__ONESHOT_TX, element->name);
    rn__end_init(&channel->rx.end, RN__ONESHOT_RX, element->name);
    return channel;
}

int rn_oneshot_channel(rn_oneshot_tx **tx, rn_oneshot_rx **rx, const rn_elem *elem)
{
    struct rn__element element;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || rx == NULL || rn__element_init(&element, elem) != 0)
        return RN_EINVAL;
    struct oneshot *channel = make(&element, __builtin_return_address(0));
    if (channel == NULL)
        return RN_ENOMEM;
    *tx = &channel->tx;
    *rx = &channel->rx;
    return 0;
}

/* Under the lock: was that the last end? Then it is the caller's to free. */
static bool is_abandoned(const struct oneshot *channel)
{
    return !channel->has_sender && !channel->has_receiver;
}

static void free_channel(struct oneshot *channel)
{
    rn__free(channel, size_with_value(&channel->element));
}

/* -------------------------------------------------------------------------------------------- the sender's -- */

/* Under the lock. */
static int hand_over(struct oneshot *channel, const void *value, struct rn__wakes *wakes)
{
    if (channel->state == OVER)
        return RN_CLOSED;
    struct rn__waiter *receiver = rn__waitq_claim(&channel->receivers);
    if (receiver == NULL) {
        rn__element_move(&channel->element, value_of(channel), value);
        channel->state = SENT;
        return 0;
    }
    rn__element_move(&channel->element, rn__container_of(receiver, struct rn__operation, waiter)->data, value);
    channel->state = OVER;
    rn__wakes_add(wakes, receiver, 0);
    return 0;
}

/* Under the lock, with nothing sent. */
static int hand_over_nothing(struct oneshot *channel, struct rn__wakes *wakes)
{
    channel->state = OVER;
    rn__wakes_add_all(wakes, &channel->receivers, RN_CLOSED);
    return 0;
}

/* The sender's last act, with a value or without. */
static int leave(rn_oneshot_tx *tx, const void *value)
{
    rn__end_check(&tx->end, RN__ONESHOT_TX);
    rn__end_fini(&tx->end);
    struct oneshot *channel = tx->channel;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    rn__assert(channel->has_sender && channel->closers.first == NULL);
    const int rc = value != NULL ? hand_over(channel, value, &wakes) : hand_over_nothing(channel, &wakes);
    rn__record_closed(&channel->record, value != NULL ? RN_WHY_SENT : RN_WHY_SENDERS_GONE);
    channel->has_sender = false;
    const bool is_last = is_abandoned(channel);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (is_last)
        free_channel(channel);
    return rc;
}

int rn_oneshot_send(rn_oneshot_tx *tx, const void *value)
{
    if (tx == NULL || value == NULL)
        return RN_EINVAL;
    return leave(tx, value);
}

int rn_oneshot_give(rn_oneshot_tx *tx, void *value)
{
    if (tx == NULL || value == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__ONESHOT_TX);
    const struct rn__element element = tx->channel->element; /* the channel may be gone when its drop is called */
    const int rc = leave(tx, value);
    if (rc != 0)
        rn__element_drop(&element, value);
    return rc;
}

void rn_oneshot_tx_drop(rn_oneshot_tx *tx)
{
    if (tx != NULL)
        rn_ignore(leave(tx, NULL));
}

static int closed_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct oneshot *channel = operation->object;
    (void)wakes;
    if (channel->state == OVER)
        return 0;
    return rn__is_taken(operation) ? RN_EBUSY : RN__PENDING;
}

static bool closed_ready(const struct rn__operation *operation)
{
    const struct oneshot *channel = operation->object;
    return channel->state == OVER || rn__is_taken(operation);
}

static const struct rn__operation_kind closed_kind = {
    .verb = "oneshot tx_closed", .attempt = closed_attempt, .ready = closed_ready};

static void closed_init(struct rn__operation *operation, rn_oneshot_tx *tx)
{
    rn__end_check(&tx->end, RN__ONESHOT_TX);
    struct oneshot *channel = tx->channel;
    *operation = (struct rn__operation){
        .kind = &closed_kind,
        .lock = &channel->lock,
        .queue = &channel->closers,
        .object = channel,
        .name = channel->element.name,
    };
}

rn_case rn_oneshot_tx_closed_case(rn_oneshot_tx *tx)
{
    rn_case made = {0};
    if (tx != NULL)
        closed_init(rn__case_operation(&made), tx);
    return made;
}

int rn_oneshot_tx_closed_until(rn_oneshot_tx *tx, rn_deadline deadline)
{
    struct rn__operation operation;
    if (tx == NULL)
        return RN_EINVAL;
    closed_init(&operation, tx);
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

int rn_oneshot_tx_closed(rn_oneshot_tx *tx)
{
    return rn_oneshot_tx_closed_until(tx, RN_FOREVER);
}

/* ------------------------------------------------------------------------------------------ the receiver's -- */

static int try_recv_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct oneshot *channel = operation->object;
    (void)wakes;
    if (channel->state == EMPTY)
        return RN__PENDING;
    if (channel->state == OVER)
        return RN_CLOSED;
    rn__element_move(&channel->element, operation->data, value_of(channel));
    channel->state = OVER;
    return 0;
}

static int recv_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = try_recv_attempt(operation, wakes);
    return rc == RN__PENDING && rn__is_taken(operation) ? RN_EBUSY : rc;
}

static bool recv_ready(const struct rn__operation *operation)
{
    const struct oneshot *channel = operation->object;
    return channel->state != EMPTY || rn__is_taken(operation);
}

static const struct rn__operation_kind recv_kind = {
    .verb = "oneshot recv", .attempt = recv_attempt, .ready = recv_ready};
static const struct rn__operation_kind try_recv_kind = {.verb = "oneshot try_recv", .attempt = try_recv_attempt};

static int recv_init(struct rn__operation *operation, rn_oneshot_rx *rx, void *out,
                     const struct rn__operation_kind *kind)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    struct oneshot *channel = rx->channel;
    *operation = (struct rn__operation){
        .kind = kind,
        .lock = &channel->lock,
        .queue = &channel->receivers,
        .object = channel,
        .name = channel->element.name,
        .data = out,
    };
    return 0;
}

rn_case rn_oneshot_recv_case(rn_oneshot_rx *rx, void *out)
{
    rn_case made = {0};
    if (rx == NULL)
        return made;
    return recv_init(rn__case_operation(&made), rx, out, &recv_kind) == 0 ? made : rn__case_refused();
}

int rn_oneshot_try_recv(rn_oneshot_rx *rx, void *out)
{
    struct rn__operation operation;
    const int rc = recv_init(&operation, rx, out, &try_recv_kind);
    return rc == 0 ? rn__attempt(&operation, RN_EMPTY) : rc;
}

int rn_oneshot_recv_until(rn_oneshot_rx *rx, void *out, rn_deadline deadline)
{
    struct rn__operation operation;
    const int rc = recv_init(&operation, rx, out, &recv_kind);
    return rc == 0 ? rn__await(&operation, deadline, RN__CANCELLABLE) : rc;
}

int rn_oneshot_recv(rn_oneshot_rx *rx, void *out)
{
    return rn_oneshot_recv_until(rx, out, RN_FOREVER);
}

/* Under the lock: a value that was sent stays. */
static void close_channel(struct oneshot *channel, enum rn_why why, struct rn__wakes *wakes)
{
    if (channel->state != EMPTY)
        return;
    channel->state = OVER;
    rn__record_closed(&channel->record, why);
    rn__wakes_add_all(wakes, &channel->receivers, RN_CLOSED);
    rn__wakes_add_all(wakes, &channel->closers, 0);
}

void rn_oneshot_rx_close(rn_oneshot_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    struct oneshot *channel = rx->channel;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    close_channel(channel, RN_WHY_BY_HAND, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
}

void rn_oneshot_rx_drop(rn_oneshot_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    rn__end_fini(&rx->end);
    struct oneshot *channel = rx->channel;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    close_channel(channel, RN_WHY_RECEIVERS_GONE, &wakes);
    const bool is_unread = channel->state == SENT;
    channel->has_receiver = false;
    const bool is_last = is_abandoned(channel);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (is_unread)
        rn__element_drop(&channel->element, value_of(channel)); /* the sender is gone: nobody else is here */
    if (is_last)
        free_channel(channel);
}

/* -------------------------------------------------------------------------------------------- questions -- */

static enum state state_now(struct oneshot *channel)
{
    rn__lock_acquire(&channel->lock);
    const enum state state = channel->state;
    rn__lock_release(&channel->lock);
    return state;
}

bool rn_oneshot_tx_is_closed(const rn_oneshot_tx *tx)
{
    if (tx == NULL)
        return false;
    rn__end_check(&tx->end, RN__ONESHOT_TX);
    return state_now(tx->channel) == OVER;
}

bool rn_oneshot_rx_is_empty(const rn_oneshot_rx *rx)
{
    if (rx == NULL)
        return false;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    return state_now(rx->channel) != SENT;
}

bool rn_oneshot_rx_is_terminated(const rn_oneshot_rx *rx)
{
    if (rx == NULL)
        return false;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    return state_now(rx->channel) == OVER;
}

static void tell(struct oneshot *channel, rn_channel_info *info)
{
    rn__lock_acquire(&channel->lock);
    rn__record_tell(&channel->record, NULL, "oneshot", info);
    info->senders = channel->has_sender;
    info->receivers = channel->has_receiver;
    info->capacity = 1;
    info->depth = channel->state == SENT;
    info->sent = info->high_water = channel->record.why == RN_WHY_SENT;
    info->received = info->sent - info->depth; /* who could have dropped it can ask no more */
    rn__lock_release(&channel->lock);
}

int rn_oneshot_tx_info(const rn_oneshot_tx *tx, rn_channel_info *out)
{
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__ONESHOT_TX);
    tell(tx->channel, out);
    return 0;
}

int rn_oneshot_rx_info(const rn_oneshot_rx *rx, rn_channel_info *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__ONESHOT_RX);
    tell(rx->channel, out);
    return 0;
}
