/* SPDX-License-Identifier: MIT */
/* mpsc.c - many senders, one receiver: one short lock, a store of messages, two queues of waiters.
 *
 * Messages are handed over, not places. A sender that finds the receiver parked puts its message into the receiver's
 * hands; a receiver that takes a message out of a full store puts the first parked sender's into the place that came
 * free, and that sender's call has then happened. So under the lock one of these holds at any time, counting only
 * waiters that can still be won:
 *
 *     the receiver is parked   the store is empty, nobody is parked as a sender
 *     senders are parked       the store is full
 *     nobody is parked
 *
 * That is why an attempt to send looks only for a place: where there is one nobody waits for it, and a newcomer
 * cannot overtake. It is also why a parked sender that gives up leaves nothing behind: it held no place.
 *
 * This core stays as the oracle for faster ones.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/end.h"
#include "channel/store.h"
#include "wait/await.h"

#include <runnel/mpsc.h>

struct rn_mpsc_tx {
    struct rn__end end;
    struct mpsc *channel;
};

struct rn_mpsc_rx {
    struct rn__end end;
    struct mpsc *channel;
};

/* The receiver and the first sender live in the channel's own memory, clones in theirs. */
struct mpsc {
    struct rn__lock lock; /* protects what is between here and `element`; user code never runs under it */
    bool closed;          /* nothing more goes in: by rx_close or rx_drop */
    bool has_receiver;
    size_t tx_count;
    struct rn__waitq senders;   /* parked because the store is full; data: the message */
    struct rn__waitq receivers; /* at most one, parked because the store is empty; data: the place for it */
    struct rn__store store;
    struct rn__element element; /* from here on: set once */
    const char *name;
    const void *birthplace; /* where the constructor was called, for the dump */
    struct rn_mpsc_rx rx;
    struct rn_mpsc_tx first_tx;
};

/* A send or a receive, with a piece of the store's memory that it brings in or takes out: the store changes under the
 * lock, memory is allocated and freed outside it. */
struct transfer {
    struct rn__operation operation;
    void *memory;
};

/* -------------------------------------------------------------------------------------- making and freeing -- */

static bool are_valid(const rn_mpsc_opts *opts)
{
    if (opts == NULL)
        return true;
    uint64_t used = opts->flags | opts->reserved0;
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        used |= opts->reserved[i];
    return used == 0;
}

static bool is_valid_capacity(size_t capacity)
{
    return capacity == RN_UNBOUNDED || (capacity >= 1 && capacity <= RN_MPSC_CAPACITY_MAX);
}

static void set_up_ends(struct mpsc *channel)
{
    channel->has_receiver = true;
    channel->tx_count = 1;
    channel->rx.channel = channel;
    channel->first_tx.channel = channel;
    rn__end_init(&channel->rx.end, RN__MPSC_RX, channel->name);
    rn__end_init(&channel->first_tx.end, RN__MPSC_TX, channel->name);
}

static int make(struct mpsc **out, size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts,
                const void *birthplace)
{
    struct rn__element element;
    int rc = rn__element_init(&element, elem);
    if (rc != 0 || !is_valid_capacity(capacity) || !are_valid(opts))
        return RN_EINVAL;
    struct mpsc *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return RN_ENOMEM;
    channel->element = element;
    channel->name = opts != NULL && opts->name != NULL ? opts->name : element.name;
    channel->birthplace = birthplace;
    if (capacity == RN_UNBOUNDED)
        rn__blocks_init(&channel->store, &channel->element);
    else
        rc = rn__ring_init(&channel->store, &channel->element, capacity);
    if (rc != 0)
        goto free_channel;
    set_up_ends(channel);
    *out = channel;
    return 0;
free_channel:
    rn__free(channel, sizeof *channel);
    return rc;
}

static int make_ends(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts,
                     const void *birthplace)
{
    struct mpsc *channel;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || rx == NULL)
        return RN_EINVAL;
    const int rc = make(&channel, capacity, elem, opts, birthplace);
    if (rc != 0)
        return rc;
    *tx = &channel->first_tx;
    *rx = &channel->rx;
    return 0;
}

int rn_mpsc_channel(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem)
{
    return make_ends(tx, rx, capacity, elem, NULL, __builtin_return_address(0));
}

int rn_mpsc_channel_with(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem,
                         const rn_mpsc_opts *opts)
{
    return make_ends(tx, rx, capacity, elem, opts, __builtin_return_address(0));
}

/* Under the lock: was that the last end? Then it is the caller's to free. */
static bool is_abandoned(const struct mpsc *channel)
{
    return channel->tx_count == 0 && !channel->has_receiver;
}

/* The receiver took the store with it when it was dropped. */
static void free_channel(struct mpsc *channel)
{
    rn__assert(channel->store.content.length == 0);
    rn__free(channel, sizeof *channel);
}

/* ------------------------------------------------------------------------------------------------- sending -- */

static struct mpsc *channel_of(const struct rn__operation *operation)
{
    return operation->object;
}

/* The waiter's operation, whose call sleeps: its data may be read and written until it is scheduled. */
static struct rn__operation *operation_of(struct rn__waiter *waiter)
{
    return rn__container_of(waiter, struct rn__operation, waiter);
}

static int send_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct mpsc *channel = channel_of(operation);
    if (channel->closed)
        return RN_CLOSED;
    struct rn__waiter *receiver = rn__waitq_claim(&channel->receivers);
    if (receiver != NULL) {
        rn__assert(channel->store.content.length == 0);
        rn__element_move(&channel->element, operation_of(receiver)->data, operation->data);
        rn__wakes_add(wakes, receiver, 0);
        return 0;
    }
    struct transfer *transfer = rn__container_of(operation, struct transfer, operation);
    return channel->store.kind->push(&channel->store, operation->data, &transfer->memory);
}

_Static_assert((int)RN__STORE_FULL == RN__PENDING, "a full store is a reason to wait");

static const struct rn__operation_kind send_kind = {.verb = "mpsc send", .attempt = send_attempt};

static int send_init(struct transfer *transfer, rn_mpsc_tx *tx, const void *message)
{
    if (tx == NULL || message == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct mpsc *channel = tx->channel;
    *transfer = (struct transfer){.operation = {
                                      .kind = &send_kind,
                                      .lock = &channel->lock,
                                      .queue = &channel->senders,
                                      .object = channel,
                                      .name = channel->name,
                                      .data = (void *)(uintptr_t)message, /* only read */
                                  }};
    return 0;
}

/* To a store that is never full. It says when it needs a block; several senders may hear that at the same time and
 * each allocate one: those that come too late free theirs. */
static int send_growing(struct transfer *transfer)
{
    const struct rn__store *store = &channel_of(&transfer->operation)->store;
    int rc = rn__attempt(&transfer->operation, RN_FULL);
    if (rc != RN__STORE_NEEDS_MEMORY)
        return rc;
    transfer->memory = store->kind->allocate(store);
    if (transfer->memory == NULL)
        return RN_ENOMEM;
    rc = rn__attempt(&transfer->operation, RN_FULL);
    if (transfer->memory != NULL)
        store->kind->release(store, transfer->memory);
    return rc;
}

int rn_mpsc_try_send(rn_mpsc_tx *tx, const void *message)
{
    struct transfer transfer;
    const int rc = send_init(&transfer, tx, message);
    if (rc != 0)
        return rc;
    if (tx->channel->store.kind->grows)
        return send_growing(&transfer);
    return rn__attempt(&transfer.operation, RN_FULL);
}

/* A send that never has to wait is no waiting call: it is not cancelled, and callbacks may make it. */
int rn_mpsc_send_until(rn_mpsc_tx *tx, const void *message, rn_deadline deadline)
{
    struct transfer transfer;
    int rc = send_init(&transfer, tx, message);
    if (rc != 0)
        return rc;
    if (!tx->channel->store.kind->grows)
        return rn__await(&transfer.operation, deadline, RN__CANCELLABLE);
    rc = send_growing(&transfer);
    rn__budget_spend(rn__party_current());
    return rc;
}

int rn_mpsc_send(rn_mpsc_tx *tx, const void *message)
{
    return rn_mpsc_send_until(tx, message, RN_FOREVER);
}

int rn_mpsc_give(rn_mpsc_tx *tx, void *message)
{
    const int rc = rn_mpsc_send(tx, message);
    if (rc != 0 && tx != NULL && message != NULL)
        rn__element_drop(&tx->channel->element, message);
    return rc;
}

/* ----------------------------------------------------------------------------------------------- receiving -- */

/* The place that a message left goes to the sender that has waited longest: its message moves there now. */
static void serve_sender(struct mpsc *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *sender = rn__waitq_claim(&channel->senders);
    if (sender == NULL)
        return;
    void *none = NULL;
    const int rc = channel->store.kind->push(&channel->store, operation_of(sender)->data, &none);
    rn__assert(rc == 0);
    (void)rc;
    rn__wakes_add(wakes, sender, 0);
}

static int try_recv_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct mpsc *channel = channel_of(operation);
    if (channel->store.content.length > 0) {
        struct transfer *transfer = rn__container_of(operation, struct transfer, operation);
        rn__store_pop(&channel->store, operation->data, &transfer->memory);
        serve_sender(channel, wakes);
        return 0;
    }
    return channel->closed || channel->tx_count == 0 ? RN_CLOSED : RN__PENDING;
}

static int recv_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = try_recv_attempt(operation, wakes);
    return rc == RN__PENDING && operation->queue->first != NULL ? RN_EBUSY : rc;
}

static const struct rn__operation_kind recv_kind = {.verb = "mpsc recv", .attempt = recv_attempt};
static const struct rn__operation_kind try_recv_kind = {.verb = "mpsc try_recv", .attempt = try_recv_attempt};

static int recv_init(struct transfer *transfer, rn_mpsc_rx *rx, void *out, const struct rn__operation_kind *kind)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct mpsc *channel = rx->channel;
    *transfer = (struct transfer){.operation = {
                                      .kind = kind,
                                      .lock = &channel->lock,
                                      .queue = &channel->receivers,
                                      .object = channel,
                                      .name = channel->name,
                                      .data = out,
                                  }};
    return 0;
}

static void release_memory(const struct transfer *transfer)
{
    const struct rn__store *store = &channel_of(&transfer->operation)->store;
    if (transfer->memory != NULL)
        store->kind->release(store, transfer->memory);
}

int rn_mpsc_try_recv(rn_mpsc_rx *rx, void *out)
{
    struct transfer transfer;
    int rc = recv_init(&transfer, rx, out, &try_recv_kind);
    if (rc != 0)
        return rc;
    rc = rn__attempt(&transfer.operation, RN_EMPTY);
    release_memory(&transfer);
    return rc;
}

int rn_mpsc_recv_until(rn_mpsc_rx *rx, void *out, rn_deadline deadline)
{
    struct transfer transfer;
    int rc = recv_init(&transfer, rx, out, &recv_kind);
    if (rc != 0)
        return rc;
    rc = rn__await(&transfer.operation, deadline, RN__CANCELLABLE);
    release_memory(&transfer);
    return rc;
}

int rn_mpsc_recv(rn_mpsc_rx *rx, void *out)
{
    return rn_mpsc_recv_until(rx, out, RN_FOREVER);
}

/* ---------------------------------------------------------------------------------- cloning, closing, dropping -- */

int rn_mpsc_tx_clone(rn_mpsc_tx **out, rn_mpsc_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct mpsc *channel = tx->channel;
    rn_mpsc_tx *clone = rn__alloc(sizeof *clone);
    if (clone == NULL)
        return RN_ENOMEM;
    clone->channel = channel;
    rn__end_init(&clone->end, RN__MPSC_TX, channel->name);
    rn__lock_acquire(&channel->lock);
    channel->tx_count++;
    rn__lock_release(&channel->lock);
    *out = clone;
    return 0;
}

void rn_mpsc_tx_drop(rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct mpsc *channel = tx->channel;
    struct rn__wakes wakes = {0};
    rn__end_fini(&tx->end);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    rn__lock_acquire(&channel->lock);
    if (--channel->tx_count == 0)
        rn__wakes_add_all(&wakes, &channel->receivers, RN_CLOSED);
    const bool is_last = is_abandoned(channel);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (is_last)
        free_channel(channel);
}

/* Under the lock. A parked receiver means an empty store: nothing more will come for it. */
static void close_channel(struct mpsc *channel, struct rn__wakes *wakes)
{
    channel->closed = true;
    rn__wakes_add_all(wakes, &channel->senders, RN_CLOSED);
    rn__wakes_add_all(wakes, &channel->receivers, RN_CLOSED);
}

void rn_mpsc_rx_close(rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct mpsc *channel = rx->channel;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    close_channel(channel, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
}

/* Gives what is unread to the caller, who drops it outside the lock: closed, so nothing comes after it. */
static struct rn__store close_and_empty(struct mpsc *channel)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&channel->lock);
    close_channel(channel, &wakes);
    const struct rn__store unread = rn__store_take(&channel->store);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    return unread;
}

/* A message may hold a sender of this very channel, so the receiver counts until all messages have gone. */
void rn_mpsc_rx_drop(rn_mpsc_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__MPSC_RX);
    rn__end_fini(&rx->end);
    struct mpsc *channel = rx->channel;
    struct rn__store unread = close_and_empty(channel);
    rn__store_clear(&unread);
    rn__lock_acquire(&channel->lock);
    channel->has_receiver = false;
    const bool is_last = is_abandoned(channel);
    rn__lock_release(&channel->lock);
    if (is_last)
        free_channel(channel);
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

size_t rn_mpsc_tx_room(const rn_mpsc_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__MPSC_TX);
    const struct rn__store *store = &tx->channel->store;
    rn__lock_acquire(&tx->channel->lock);
    const size_t room = store->kind->grows ? RN_UNBOUNDED : store->capacity - store->content.length;
    const bool closed = tx->channel->closed;
    rn__lock_release(&tx->channel->lock);
    return closed ? 0 : room;
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
