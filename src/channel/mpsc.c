/* SPDX-License-Identifier: MIT */
/* mpsc.c - making an mpsc, sending and receiving (what it is made of and what holds under its lock: mpsc.h).
 *
 * This is mpmc as well, word for word. One message and many take the same way: a call wants so many, an attempt moves
 * as many as it can now. Permits are in permit.c, weak senders, closing and questions in mpsc_end.c.
 */
#include "channel/mpsc.h"

#include "base/alloc.h"
#include "channel/weight.h"
#include "wait/handler.h"

/* So many messages move while the lock is held once: others are not kept out for longer by a call for many. */
enum { BATCH = 64 };

/* -------------------------------------------------------------------------------------- making and freeing -- */

static bool are_valid(const rn_mpsc_opts *opts, size_t capacity)
{
    if (opts == NULL)
        return true;
    const bool weighs = opts->budget != NULL;
    return (opts->weigh != NULL) == weighs && (!weighs || capacity == RN_UNBOUNDED) &&
           rn__options_are_valid(opts->flags, opts->reserved0, opts->reserved, RN__COUNT(opts->reserved));
}

static bool is_valid_capacity(size_t capacity)
{
    return capacity == RN_UNBOUNDED || capacity <= RN_MPSC_CAPACITY_MAX;
}

static void set_up_ends(struct rn__mpsc *channel)
{
    channel->rx_count = 1;
    channel->tx_count = 1;
    channel->first_rx.channel = channel;
    channel->first_tx.channel = channel;
    rn__end_init(&channel->first_rx.end, RN__MPSC_RX, channel->record.name);
    rn__end_init(&channel->first_tx.end, RN__MPSC_TX, channel->record.name);
}

static int make(struct rn__mpsc **out, size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts,
                const void *birthplace)
{
    struct rn__element element;
    int rc = rn__element_init(&element, elem);
    if (rc != 0 || !is_valid_capacity(capacity) || !are_valid(opts, capacity))
        return RN_EINVAL;
    struct rn__mpsc *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return RN_ENOMEM;
    channel->element = element;
    channel->record.name = opts != NULL && opts->name != NULL ? opts->name : element.name;
    channel->record.birthplace = birthplace;
    if (opts != NULL) {
        channel->budget = opts->budget;
        channel->weigh = opts->weigh;
        channel->weigh_ctx = opts->weigh_ctx;
    }
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

int rn__mpsc_make(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts,
                  bool shared, const void *birthplace)
{
    struct rn__mpsc *channel;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || rx == NULL)
        return RN_EINVAL;
    const int rc = make(&channel, capacity, elem, opts, birthplace);
    if (rc != 0)
        return rc;
    channel->shared = shared;
    *tx = &channel->first_tx;
    *rx = &channel->first_rx;
    return 0;
}

int rn_mpsc_channel(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem)
{
    return rn__mpsc_make(tx, rx, capacity, elem, NULL, false, __builtin_return_address(0));
}

int rn_mpsc_channel_with(rn_mpsc_tx **tx, rn_mpsc_rx **rx, size_t capacity, const rn_elem *elem,
                         const rn_mpsc_opts *opts)
{
    return rn__mpsc_make(tx, rx, capacity, elem, opts, false, __builtin_return_address(0));
}

static bool is_abandoned(const struct rn__mpsc *channel)
{
    return channel->tx_count == 0 && channel->weak_count == 0 && channel->promised == 0 && channel->rx_count == 0;
}

/* The last receiver took what was in the store with it when it was dropped. */
void rn__mpsc_unlock(struct rn__mpsc *channel, struct rn__wakes *wakes)
{
    const bool is_last = is_abandoned(channel);
    rn__lock_release(&channel->lock);
    rn__wakes_run(wakes);
    if (!is_last)
        return;
    rn__assert(channel->store.content.length == 0);
    rn__free(channel, sizeof *channel);
}

/* ------------------------------------------------------------------------------------- moving, under the lock -- */

/* One message has gone, or one has come. */
static void step(struct rn__transfer *transfer, const struct rn__element *element)
{
    transfer->operation.data = (char *)transfer->operation.data + element->size;
    transfer->left--;
}

/* To the receiver that has slept longest: once it is won its place may be written to until it is scheduled. false:
 * all have given up. */
static bool hand_over(struct rn__mpsc *channel, const void *message, struct rn__wakes *wakes)
{
    struct rn__waiter *receiver = rn__waitq_claim(&channel->receivers);
    if (receiver == NULL)
        return false;
    struct rn__transfer *to = rn__transfer_of(rn__operation_of(receiver));
    rn__assert(channel->store.content.length == 0);
    rn__element_move(&channel->element, to->operation.data, message);
    step(to, &channel->element);
    channel->counts.received++;
    rn__wakes_add(wakes, receiver, 0);
    return true;
}

/* Somebody stands there. A receiver is handed the message; an idle handler has no place for it, and is told. */
static int put_where_somebody_waits(struct rn__mpsc *channel, const void *message, void **memory,
                                    struct rn__wakes *wakes)
{
    const bool serves = channel->receivers.first->which == RN__TO_BE_TOLD;
    if (!serves && hand_over(channel, message, wakes))
        return 0;
    const int rc = channel->store.kind->push(&channel->store, message, memory);
    if (rc == 0 && serves)
        rn__wakes_add_all(wakes, &channel->receivers, 0);
    return rc;
}

static inline int put(struct rn__mpsc *channel, const void *message, void **memory, struct rn__wakes *wakes)
{
    const int rc = channel->receivers.first == NULL ? channel->store.kind->push(&channel->store, message, memory)
                                                    : put_where_somebody_waits(channel, message, memory, wakes);
    if (rc == 0)
        rn__counts_sent(&channel->counts, 1, channel->store.content.length);
    return rc;
}

int rn__mpsc_put(struct rn__mpsc *channel, const void *message, void **memory, struct rn__wakes *wakes)
{
    return put(channel, message, memory, wakes);
}

/* To a place that is free in a store that does not grow. */
static void put_next(struct rn__mpsc *channel, struct rn__transfer *sender, struct rn__wakes *wakes)
{
    void *none = NULL;
    const int rc = put(channel, sender->operation.data, &none, wakes);
    rn__assert(rc == 0);
    (void)rc;
    step(sender, &channel->element);
}

/* Gives the head of the line what it can have; false: it wants more than is free. If it has given up it is out of the
 * line now, and that is an answer too. */
static bool serve_head(struct rn__mpsc *channel, struct rn__wakes *wakes)
{
    struct rn__transfer *head = rn__transfer_of(rn__operation_of(channel->line.first));
    const bool reserves = head->operation.data == NULL;
    while (!reserves && head->left > 1 && rn__mpsc_room(channel) > 0)
        put_next(channel, head, wakes);
    if (rn__mpsc_room(channel) < head->left)
        return false;
    if (!rn__waiter_claim(&head->operation.waiter))
        return true;
    if (reserves)
        channel->promised += head->left;
    else
        put_next(channel, head, wakes);
    rn__wakes_add(wakes, &head->operation.waiter, 0);
    return true;
}

void rn__mpsc_serve(struct rn__mpsc *channel, struct rn__wakes *wakes)
{
    while (channel->line.first != NULL && serve_head(channel, wakes))
        ;
}

void rn__mpsc_leave_line(struct rn__operation *operation, struct rn__wakes *wakes)
{
    rn__mpsc_serve(rn__mpsc_of(operation), wakes);
}

void rn__mpsc_end_if_over(struct rn__mpsc *channel, struct rn__wakes *wakes)
{
    if (!rn__mpsc_is_over(channel))
        return;
    if (!channel->closed)
        rn__record_closed(&channel->record, RN_WHY_SENDERS_GONE);
    rn__wakes_add_all(wakes, &channel->receivers, RN_CLOSED);
}

static void release_memory(struct rn__transfer *transfer)
{
    const struct rn__store *store = &rn__mpsc_of(&transfer->operation)->store;
    if (transfer->memory != NULL)
        store->kind->release(store, transfer->memory);
    transfer->memory = NULL;
}

void rn__mpsc_stand_in_line(struct rn__operation *operation)
{
    rn__mpsc_of(operation)->counts.waited++;
}

RN__FITS_A_CASE(struct rn__transfer);

/* A case may be used again: back to the one message that it was made for. */
static void rewind_case(struct rn__transfer *transfer)
{
    if (transfer->left == 1)
        return;
    transfer->left = 1;
    transfer->operation.data = (char *)transfer->operation.data - rn__mpsc_of(&transfer->operation)->element.size;
}

/* ------------------------------------------------------------------------ capacity 0: meeting, under the lock -- */

/* A sender has come. */
static bool meet_receiver(struct rn__mpsc *channel, struct rn__transfer *sender, struct rn__wakes *wakes)
{
    if (!rn__mpsc_is_rendezvous(channel) || !hand_over(channel, sender->operation.data, wakes))
        return false;
    rn__counts_sent(&channel->counts, 1, 0);
    step(sender, &channel->element);
    return true;
}

/* A receiver has come: the next message of the head of the line. That of a send of many need not be won before its
 * last one. */
static bool meet_sender(struct rn__mpsc *channel, struct rn__transfer *receiver, struct rn__wakes *wakes)
{
    while (channel->line.first != NULL) {
        struct rn__transfer *head = rn__transfer_of(rn__operation_of(channel->line.first));
        const bool is_last = head->left == 1;
        if (is_last && !rn__waiter_claim(&head->operation.waiter))
            continue;
        rn__element_move(&channel->element, receiver->operation.data, head->operation.data);
        step(receiver, &channel->element);
        step(head, &channel->element);
        if (is_last)
            rn__wakes_add(wakes, &head->operation.waiter, 0);
        return true;
    }
    return false;
}

/* As many as wait there, up to a batch. false: nobody. */
static bool meet_senders(struct rn__mpsc *channel, struct rn__transfer *receiver, struct rn__wakes *wakes)
{
    uint64_t met = 0;
    while (receiver->left > 0 && met < BATCH && meet_sender(channel, receiver, wakes))
        met++;
    rn__counts_sent(&channel->counts, met, 0);
    channel->counts.received += met;
    receiver->more = channel->line.first != NULL;
    return met > 0;
}

/* For a select: is somebody in the queue of the other side, besides the other cases of this very select? */
static bool may_meet(const struct rn__operation *operation, const struct rn__waitq *others)
{
    const struct rn__waiter *waiter = others->first;
    if (!rn__mpsc_is_rendezvous(rn__mpsc_of(operation)))
        return false;
    while (waiter != NULL && waiter->token == operation->waiter.token)
        waiter = waiter->next;
    return waiter != NULL;
}

/* ------------------------------------------------------------------------------------------------- sending -- */

/* 0 also when a batch has gone and there is more to send. */
static int send_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rn__mpsc *channel = rn__mpsc_of(operation);
    struct rn__transfer *transfer = rn__transfer_of(operation);
    if (channel->closed)
        return RN_CLOSED;
    for (int sent = 0; transfer->left > 0 && sent < BATCH; sent++) {
        if (channel->line.first != NULL || rn__mpsc_room(channel) == 0) {
            if (meet_receiver(channel, transfer, wakes))
                continue;
            channel->counts.waited += !transfer->tries;
            return RN__PENDING;
        }
        const int rc = put(channel, operation->data, &transfer->memory, wakes);
        if (rc != 0)
            return rc;
        step(transfer, &channel->element);
    }
    return 0;
}

static const struct rn__operation_kind send_kind = {
    .verb = "mpsc send", .attempt = send_attempt, .leave = rn__mpsc_leave_line};
static const struct rn__operation_kind send_many_kind = {
    .verb = "mpsc send_many", .attempt = send_attempt, .leave = rn__mpsc_leave_line};

static int send_init(struct rn__transfer *transfer, rn_mpsc_tx *tx, const void *messages, size_t count,
                     const struct rn__operation_kind *kind)
{
    if (tx == NULL || (messages == NULL && count > 0))
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__MPSC_TX);
    struct rn__mpsc *channel = tx->channel;
    *transfer = (struct rn__transfer){.operation =
                                          {
                                              .kind = kind,
                                              .lock = &channel->lock,
                                              .queue = &channel->line,
                                              .object = channel,
                                              .name = channel->record.name,
                                              .data = (void *)(uintptr_t)messages, /* only read */
                                          },
                                      .left = count};
    return 0;
}

/* To a store that is never full. It says when it needs a block; several senders may hear that at the same time and
 * each allocate one: those that come too late free theirs. */
static int send_growing(struct rn__transfer *transfer)
{
    const struct rn__store *store = &rn__mpsc_of(&transfer->operation)->store;
    int rc;
    do {
        rc = rn__attempt(&transfer->operation, RN_FULL);
        if (rc != RN__STORE_NEEDS_MEMORY)
            continue;
        transfer->memory = store->kind->allocate(store);
        rc = transfer->memory == NULL ? RN_ENOMEM : 0;
    } while (rc == 0 && transfer->left > 0);
    release_memory(transfer);
    return rc;
}

/* To a store that is never full, each message when the budget has room for it. */
static int send_weighed(struct rn__transfer *transfer, rn_deadline deadline)
{
    struct rn__mpsc *channel = rn__mpsc_of(&transfer->operation);
    size_t rest = transfer->left;
    int rc = rest == 0 ? send_growing(transfer) : 0;
    while (rc == 0 && rest > 0) {
        const void *message = transfer->operation.data;
        rc = rn__weight_take(channel, message, transfer->tries, deadline);
        if (rc != 0)
            break;
        transfer->left = 1;
        rc = send_growing(transfer);
        if (rc != 0)
            rn__weight_give_back(channel, message, 1);
        rest -= rc == 0;
    }
    transfer->left = rest;
    return rc;
}

static int send_now(struct rn__transfer *transfer)
{
    const struct rn__mpsc *channel = rn__mpsc_of(&transfer->operation);
    transfer->tries = true;
    if (!channel->store.kind->grows)
        return rn__attempt(&transfer->operation, RN_FULL);
    return channel->budget != NULL ? send_weighed(transfer, RN_FOREVER) : send_growing(transfer);
}

/* A send that never has to wait is no waiting call: it is not cancelled, and callbacks may make it. */
static int send_waiting(struct rn__transfer *transfer, rn_deadline deadline)
{
    const struct rn__mpsc *channel = rn__mpsc_of(&transfer->operation);
    struct rn__party *self;
    int rc;
    if (!channel->store.kind->grows)
        return rn__await(&transfer->operation, deadline, RN__CANCELLABLE);
    self = rn__party_current();
    if (channel->budget == NULL) {
        rn__budget_renew(self);
        rc = send_growing(transfer);
    } else {
        rc = rn__await_entry(RN__CANCELLABLE);
        if (rc == 0)
            rc = send_weighed(transfer, deadline);
    }
    rn__budget_spend(self);
    return rc;
}

static bool send_ready(const struct rn__operation *operation)
{
    const struct rn__mpsc *channel = rn__mpsc_of(operation);
    return channel->closed || (channel->line.first == NULL && rn__mpsc_room(channel) > 0) ||
           may_meet(operation, &channel->receivers);
}

/* A store that wants memory for it gets it here: such a send never waits, so it can still be done. */
static int send_finish(struct rn__operation *operation, int rc)
{
    struct rn__transfer *transfer = rn__transfer_of(operation);
    if (rc == RN__STORE_NEEDS_MEMORY)
        rc = send_growing(transfer);
    rewind_case(transfer);
    return rc;
}

static const struct rn__operation_kind send_case_kind = {
    .verb = "mpsc send",
    .attempt = send_attempt,
    .leave = rn__mpsc_leave_line,
    .ready = send_ready,
    .stand = rn__mpsc_stand_in_line,
    .finish = send_finish,
};

rn_case rn_mpsc_send_case(rn_mpsc_tx *tx, const void *message)
{
    rn_case made = {0};
    struct rn__transfer *transfer = rn__transfer_of(rn__case_operation(&made));
    if (tx == NULL)
        return made;
    if (send_init(transfer, tx, message, 1, &send_case_kind) != 0 || tx->channel->budget != NULL)
        return rn__case_refused();
    transfer->tries = true; /* whether it waited is seen when it stands in the line */
    return made;
}

int rn_mpsc_try_send(rn_mpsc_tx *tx, const void *message)
{
    struct rn__transfer transfer;
    const int rc = send_init(&transfer, tx, message, 1, &send_kind);
    return rc != 0 ? rc : send_now(&transfer);
}

int rn_mpsc_send_until(rn_mpsc_tx *tx, const void *message, rn_deadline deadline)
{
    struct rn__transfer transfer;
    const int rc = send_init(&transfer, tx, message, 1, &send_kind);
    return rc != 0 ? rc : send_waiting(&transfer, deadline);
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

static int send_many_init(struct rn__transfer *transfer, rn_mpsc_tx *tx, const void *messages, size_t count,
                          size_t *sent)
{
    if (sent == NULL)
        return RN_EINVAL;
    *sent = 0;
    return send_init(transfer, tx, messages, count, &send_many_kind);
}

int rn_mpsc_try_send_many(rn_mpsc_tx *tx, const void *messages, size_t count, size_t *sent)
{
    struct rn__transfer transfer;
    int rc = send_many_init(&transfer, tx, messages, count, sent);
    if (rc != 0)
        return rc;
    do
        rc = send_now(&transfer);
    while (rc == 0 && transfer.left > 0);
    *sent = count - transfer.left;
    return rc;
}

int rn_mpsc_send_many_until(rn_mpsc_tx *tx, const void *messages, size_t count, size_t *sent, rn_deadline deadline)
{
    struct rn__transfer transfer;
    int rc = send_many_init(&transfer, tx, messages, count, sent);
    if (rc != 0)
        return rc;
    do
        rc = send_waiting(&transfer, deadline);
    while (rc == 0 && transfer.left > 0);
    *sent = count - transfer.left;
    return rc;
}

int rn_mpsc_send_many(rn_mpsc_tx *tx, const void *messages, size_t count, size_t *sent)
{
    return rn_mpsc_send_many_until(tx, messages, count, sent, RN_FOREVER);
}

/* ----------------------------------------------------------------------------------------------- receiving -- */

/* Outside the lock: the receiver has so many. */
static void give_back_weight(const struct rn__transfer *transfer, const void *messages, size_t count)
{
    struct rn__mpsc *channel = rn__mpsc_of(&transfer->operation);
    if (RN__UNLIKELY(channel->budget != NULL))
        rn__weight_give_back(channel, messages, count);
}

/* At least one, and no more than a batch; each block that comes free goes outside first. */
static void take_some(struct rn__mpsc *channel, struct rn__transfer *transfer, struct rn__wakes *wakes)
{
    int taken = 0;
    do {
        channel->store.kind->pop(&channel->store, transfer->operation.data, &transfer->memory);
        step(transfer, &channel->element);
        taken++;
    } while (transfer->left > 0 && channel->store.content.length > 0 && transfer->memory == NULL && taken < BATCH);
    channel->counts.received += (uint64_t)taken;
    if (channel->line.first != NULL)
        rn__mpsc_serve(channel, wakes);
    transfer->more = channel->store.content.length > 0;
}

static int recv_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rn__mpsc *channel = rn__mpsc_of(operation);
    struct rn__transfer *transfer = rn__transfer_of(operation);
    if (channel->store.content.length > 0) {
        take_some(channel, transfer, wakes);
        return 0;
    }
    if (rn__mpsc_is_rendezvous(channel) && meet_senders(channel, transfer, wakes))
        return 0;
    if (rn__mpsc_is_over(channel))
        return RN_CLOSED;
    return transfer->tries || channel->shared || channel->receivers.first == NULL ? RN__PENDING : RN_EBUSY;
}

static const struct rn__operation_kind recv_kind = {.verb = "mpsc recv", .attempt = recv_attempt};
static const struct rn__operation_kind recv_many_kind = {.verb = "mpsc recv_many", .attempt = recv_attempt};

static int recv_init(struct rn__transfer *transfer, rn_mpsc_rx *rx, void *out, size_t limit,
                     const struct rn__operation_kind *kind)
{
    if (rx == NULL || out == NULL || limit == 0)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx->channel;
    *transfer = (struct rn__transfer){.operation =
                                          {
                                              .kind = kind,
                                              .lock = &channel->lock,
                                              .queue = &channel->receivers,
                                              .object = channel,
                                              .name = channel->record.name,
                                              .data = out,
                                          },
                                      .left = limit,
                                      .more = true};
    return 0;
}

int rn_mpsc_try_recv(rn_mpsc_rx *rx, void *out)
{
    struct rn__transfer transfer;
    int rc = recv_init(&transfer, rx, out, 1, &recv_kind);
    if (rc != 0)
        return rc;
    transfer.tries = true;
    rc = rn__attempt(&transfer.operation, RN_EMPTY);
    release_memory(&transfer);
    if (rc == 0)
        give_back_weight(&transfer, out, 1);
    return rc;
}

int rn_mpsc_recv_until(rn_mpsc_rx *rx, void *out, rn_deadline deadline)
{
    struct rn__transfer transfer;
    int rc = recv_init(&transfer, rx, out, 1, &recv_kind);
    if (rc != 0)
        return rc;
    rc = rn__await(&transfer.operation, deadline, RN__CANCELLABLE);
    release_memory(&transfer);
    if (rc == 0)
        give_back_weight(&transfer, out, 1);
    return rc;
}

int rn_mpsc_recv(rn_mpsc_rx *rx, void *out)
{
    return rn_mpsc_recv_until(rx, out, RN_FOREVER);
}

/* The first batch has come, or one message by hand: takes what else is there. */
static void take_rest(struct rn__transfer *transfer)
{
    release_memory(transfer);
    while (transfer->left > 0 && transfer->more && rn__attempt(&transfer->operation, RN_EMPTY) == 0)
        release_memory(transfer);
}

/* Does another receiver wait where only one may? */
static bool is_busy(const struct rn__operation *operation)
{
    return !rn__mpsc_of(operation)->shared && rn__is_taken(operation);
}

static int recv_case_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = recv_attempt(operation, wakes);
    return rc == RN__PENDING && is_busy(operation) ? RN_EBUSY : rc;
}

static bool recv_ready(const struct rn__operation *operation)
{
    const struct rn__mpsc *channel = rn__mpsc_of(operation);
    return channel->store.content.length > 0 || rn__mpsc_is_over(channel) || is_busy(operation) ||
           may_meet(operation, &channel->line);
}

static int recv_finish(struct rn__operation *operation, int rc)
{
    struct rn__transfer *transfer = rn__transfer_of(operation);
    release_memory(transfer);
    rewind_case(transfer);
    if (rc == 0)
        give_back_weight(transfer, operation->data, 1);
    return rc;
}

static const struct rn__operation_kind recv_case_kind = {
    .verb = "mpsc recv", .attempt = recv_case_attempt, .ready = recv_ready, .finish = recv_finish};

rn_case rn_mpsc_recv_case(rn_mpsc_rx *rx, void *out)
{
    rn_case made = {0};
    struct rn__transfer *transfer = rn__transfer_of(rn__case_operation(&made));
    if (rx == NULL)
        return made;
    if (recv_init(transfer, rx, out, 1, &recv_case_kind) != 0)
        return rn__case_refused();
    transfer->tries = true; /* recv_attempt need not look who else is there */
    return made;
}

static int recv_many_init(struct rn__transfer *transfer, rn_mpsc_rx *rx, void *out, size_t limit, size_t *count)
{
    if (count == NULL)
        return RN_EINVAL;
    *count = 0;
    return recv_init(transfer, rx, out, limit, &recv_many_kind);
}

int rn_mpsc_try_recv_many(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count)
{
    struct rn__transfer transfer;
    int rc = recv_many_init(&transfer, rx, out, limit, count);
    if (rc != 0)
        return rc;
    transfer.tries = true;
    rc = rn__attempt(&transfer.operation, RN_EMPTY);
    if (rc != 0)
        return rc;
    take_rest(&transfer);
    *count = limit - transfer.left;
    give_back_weight(&transfer, out, *count);
    return 0;
}

int rn_mpsc_recv_many_until(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count, rn_deadline deadline)
{
    struct rn__transfer transfer;
    int rc = recv_many_init(&transfer, rx, out, limit, count);
    if (rc != 0)
        return rc;
    rc = rn__await(&transfer.operation, deadline, RN__CANCELLABLE);
    if (rc != 0)
        return rc;
    take_rest(&transfer);
    *count = limit - transfer.left;
    give_back_weight(&transfer, out, *count);
    return 0;
}

int rn_mpsc_recv_many(rn_mpsc_rx *rx, void *out, size_t limit, size_t *count)
{
    return rn_mpsc_recv_many_until(rx, out, limit, count, RN_FOREVER);
}
