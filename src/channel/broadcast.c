/* SPDX-License-Identifier: MIT */
/* broadcast.c - every receiver sees each message, or learns how many it missed: one short lock, a history of the last
 * messages with their numbers, a place among the numbers for each receiver.
 *
 *     number       oldest             next
 *                     v                  v
 *      ...  x  x  x  [m  m  m  m  m  m]           at most `capacity` are kept
 *              ^             ^           ^
 *              A             B           C
 *
 * The next receive of A tells of 2 that it missed, that of B gives the fourth of those kept; C has read everything.
 * Only a receiver for which nothing is kept can be parked: one like C, or like A while nothing is kept at all.
 *
 * Each send and each receive is one section under the lock, so there is one order of all of them, and what a receiver
 * missed is exactly oldest - cursor at the moment of its receive. A sender gives its message to every receiver that
 * is parked: it moves the cursor of those whose wake-up it won, and of no others. So a receive that timed out or was
 * cancelled has consumed nothing, and one that was woken has its message already, however fast the ring goes round
 * before it runs.
 *
 * Messages with a clone function are cloned outside the lock, one at a time, from a node that the receive holds. A
 * sender that overwrites the message meanwhile lets go of the node; the last holder drops the value, outside the
 * lock. A clone that fails puts the cursor back: nothing was consumed, and if that message was overwritten meanwhile
 * it counts as missed. Until the receive has come back its end is busy, so that nobody reads at a place that may
 * still be put back.
 *
 * A borrow is a receive that leaves the message in its node, which the receiver holds until the release. The sender
 * overwrites the ring's cell and not the node, so nobody waits for a borrower.
 *
 * A receiver that was cut off for falling behind (broadcast_lag.c) finds the channel over at the number where that
 * happened, and what it had not read is its last loss.
 *
 * This core stays as the oracle for faster ones.
 */
#include "channel/broadcast.h"

#include "base/log.h"

/* A receive. The sender that wins its wake-up does the same to it as its own attempt would. */
struct receive {
    struct rn__operation operation; /* data: the place for the messages; count: for what was missed */
    rn_broadcast_rx *rx;
    size_t limit;
    size_t taken;
    struct rn__node *node; /* counted kinds: what is to be cloned next */
    bool is_holding_end;   /* rx->busy is its to clear */
    bool borrows;          /* data: the place for the pointer */
    uint64_t lost;         /* before the last message it took, or the one at `node` */
    uint64_t missed;       /* before those that it took */
};

/* ----------------------------------------------------------------------------------------------------- sending -- */

static void account(struct receive *receive, size_t count)
{
    struct rn__counts *counts = &receive->rx->channel->counts;
    receive->taken += count;
    receive->missed += receive->lost;
    counts->received += count;
    counts->missed += receive->lost;
}

static void borrow(struct receive *receive)
{
    rn_broadcast_rx *rx = receive->rx;
    const struct rn__history *history = &rx->channel->history;
    rx->borrowed = rn__history_hold(history, rx->cursor++);
    const void *message = rn__node_value(&history->nodes, rx->borrowed);
    memcpy(receive->operation.data, &message, sizeof message); /* the pointer there may have another type */
    account(receive, 1);
}

/* Under the lock: messages from the cursor on, or from the oldest if that one is lost, as many as there are and are
 * wanted; of a counted kind one, which is still to be cloned. */
static void take(struct receive *receive)
{
    rn_broadcast_rx *rx = receive->rx;
    struct rn__history *history = &rx->channel->history;
    receive->lost = rn__broadcast_lost(rx);
    rx->cursor += receive->lost;
    rn__assert(rx->cursor < history->next);
    if (receive->borrows) {
        borrow(receive);
        return;
    }
    if (history->is_counted) {
        receive->node = rn__history_hold(history, rx->cursor++);
        receive->is_holding_end = true;
        rx->is_cloning = true;
        rx->busy = RN__HELD;
        return;
    }
    const uint64_t there = history->next - rx->cursor;
    const size_t wanted = receive->limit - receive->taken;
    const size_t count = there < wanted ? (size_t)there : wanted;
    char *out = receive->operation.data;
    rn__history_copy(history, rx->cursor, count, out + receive->taken * history->element->size);
    rx->cursor += count;
    account(receive, count);
}

static void serve_parked(struct rn__broadcast *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter;
    while ((waiter = rn__waitq_claim(&channel->parked)) != NULL) {
        struct receive *receive = rn__container_of(waiter, struct receive, operation.waiter);
        take(receive);
        receive->rx->busy = RN__HELD; /* until it has come back; a select's other cases do not end that */
        rn__assert(receive->rx->cursor == channel->history.next);
        rn__wakes_add(wakes, waiter, 0);
    }
}

/* Inlined into the send that never waits, which is the fast one. */
__attribute__((always_inline)) static inline void publish(struct rn__broadcast *channel, const void *message,
                                                          struct rn__node *node, struct rn__residue *residue,
                                                          struct rn__wakes *wakes)
{
    struct rn__history *history = &channel->history;
    const bool laps = RN__UNLIKELY(channel->slowest <= history->begin) &&
                      rn__broadcast_look_for_lag(channel) == RN_ON_LAG_DISCONNECT;
    residue->overwritten = rn__history_append(history, message, node);
    rn__counts_sent(&channel->counts, 1, (size_t)(history->next - history->oldest));
    if (laps)
        residue->given_up = rn__broadcast_cut_off(channel, wakes);
    serve_parked(channel, wakes);
}

void rn__broadcast_publish(struct rn__broadcast *channel, const void *message, struct rn__node *node,
                           struct rn__residue *residue, struct rn__wakes *wakes)
{
    publish(channel, message, node, residue, wakes);
}

/* Under the lock, which it may leave before anything has happened. */
static int send_now(struct rn__broadcast *channel, const void *message, struct rn__residue *residue,
                    struct rn__wakes *wakes)
{
    struct rn__history *history = &channel->history;
    struct rn__node *node = NULL;
    if (rn__broadcast_is_for_nobody(channel))
        return RN_NOBODY;
    if (history->is_counted && (node = rn__history_wrap(history, message, &channel->lock)) == NULL)
        return RN_ENOMEM;
    if (rn__broadcast_is_for_nobody(channel)) { /* the last one went while the lock was left */
        rn__nodes_put(&history->nodes, node);
        return RN_NOBODY;
    }
    publish(channel, message, node, residue, wakes);
    return 0;
}

void rn__broadcast_clear(struct rn__broadcast *channel, struct rn__residue residue)
{
    rn__broadcast_retire(channel, residue.overwritten);
    if (RN__LIKELY(residue.given_up == 0))
        return;
    rn__broadcast_sweep(channel, residue.given_up);
    rn__broadcast_leave(channel, 0);
}

int rn_broadcast_send(rn_broadcast_tx *tx, const void *msg)
{
    struct rn__residue residue = {0};
    struct rn__wakes wakes = {0};
    if (tx == NULL || msg == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct rn__broadcast *channel = tx->channel;
    if (RN__UNLIKELY(channel->may_block))
        return rn__broadcast_send_waiting(tx, msg, RN_FOREVER);
    rn__lock_acquire(&channel->lock);
    const int rc = send_now(channel, msg, &residue, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (residue.overwritten != NULL || RN__UNLIKELY(residue.given_up != 0))
        rn__broadcast_clear(channel, residue);
    return rc;
}

int rn_broadcast_give(rn_broadcast_tx *tx, void *msg)
{
    const int rc = rn_broadcast_send(tx, msg);
    if (rc != 0 && tx != NULL && msg != NULL)
        rn__element_drop(&tx->channel->element, msg);
    return rc;
}

/* --------------------------------------------------------------------------------------- until nobody is there -- */

static int closed_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct rn__broadcast *channel = operation->object;
    (void)wakes;
    return channel->rx_count == 0 ? 0 : RN__PENDING;
}

static const struct rn__operation_kind closed_kind = {.verb = "broadcast tx_closed", .attempt = closed_attempt};

/* Looks again after it was woken: somebody may have subscribed before it ran. */
int rn_broadcast_tx_closed_until(rn_broadcast_tx *tx, rn_deadline deadline)
{
    if (tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct rn__broadcast *channel = tx->channel;
    int rc;
    do {
        struct rn__operation operation = {
            .kind = &closed_kind,
            .lock = &channel->lock,
            .queue = &channel->closers,
            .object = channel,
            .name = channel->record.name,
        };
        rc = rn__await(&operation, deadline, RN__CANCELLABLE);
    } while (rc == 0 && rn_broadcast_tx_receivers(tx) > 0);
    return rc;
}

int rn_broadcast_tx_closed(rn_broadcast_tx *tx)
{
    return rn_broadcast_tx_closed_until(tx, RN_FOREVER);
}

/* --------------------------------------------------------------------------------------------------- receiving -- */

/* For another one than this operation, or its own select. */
static bool is_busy(const struct receive *receive)
{
    const uint64_t busy = receive->rx->busy;
    if (receive->borrows && receive->rx->borrowed != NULL)
        return true;
    return busy != 0 && busy != receive->operation.waiter.token;
}

static bool has_message(const rn_broadcast_rx *rx, uint64_t lost)
{
    return rx->cursor + lost < rx->channel->history.next && !rx->is_cut;
}

static bool is_over(const rn_broadcast_rx *rx)
{
    return rx->channel->tx_count == 0 || rx->is_cut;
}

/* Something was read: a send may have waited for that. */
static void let_senders_on(struct rn__broadcast *channel, struct rn__wakes *wakes)
{
    if (RN__UNLIKELY(channel->line.first != NULL))
        rn__broadcast_serve_line(channel, wakes);
}

/* Inlined into the receive of one, and a function of its own for the cases. */
__attribute__((always_inline)) static inline int attempt_now(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    rn_broadcast_rx *rx = receive->rx;
    struct rn__broadcast *channel = rx->channel;
    const uint64_t lost = rn__broadcast_lost(rx);
    if (is_busy(receive))
        return RN_EBUSY;
    if (lost > 0 && operation->count == NULL) {
        rx->cursor += lost;
        channel->counts.missed += lost;
        return RN_LAGGED;
    }
    if (has_message(rx, lost)) {
        take(receive);
        let_senders_on(channel, wakes);
        return 0;
    }
    return is_over(rx) ? RN_CLOSED : RN__PENDING;
}

static int attempt_or_park(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    const int rc = attempt_now(operation, wakes);
    if (rc == RN__PENDING) {
        receive->is_holding_end = true;
        receive->rx->busy = RN__HELD;
    }
    return rc;
}

/* What comes next is the other one's: there is nothing for this one now. */
static int attempt_to_try(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct receive *receive = rn__container_of(operation, struct receive, operation);
    const bool is_others = receive->rx->busy != 0;
    const int rc = attempt_now(operation, wakes);
    return rc == RN_EBUSY && is_others ? RN__PENDING : rc;
}

static const struct rn__operation_kind recv_kind = {.verb = "broadcast recv", .attempt = attempt_or_park};
static const struct rn__operation_kind try_recv_kind = {.verb = "broadcast try_recv", .attempt = attempt_to_try};

static int receive_init(struct receive *receive, const struct rn__operation_kind *kind, rn_broadcast_rx *rx,
                        void *out, size_t limit, uint64_t *missed)
{
    if (rx == NULL || out == NULL || limit == 0)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    struct rn__broadcast *channel = rx->channel;
    *receive = (struct receive){.rx = rx,
                                .limit = limit,
                                .operation = {
                                    .kind = kind,
                                    .lock = &channel->lock,
                                    .queue = &channel->parked,
                                    .object = channel,
                                    .name = channel->record.name,
                                    .data = out,
                                    .count = missed,
                                }};
    return 0;
}

/* Outside the lock. */
static int clone_out(const struct receive *receive)
{
    const struct rn__history *history = &receive->rx->channel->history;
    char *out = receive->operation.data;
    return rn__element_clone(history->element, out + receive->taken * history->element->size,
                             rn__node_value(&history->nodes, receive->node));
}

/* Under the lock, after that: the message was received, or nothing has happened. Gives what is to be retired. */
static struct rn__node *put_down(struct receive *receive, int rc)
{
    struct rn__node *node = receive->node;
    if (node == NULL)
        return NULL;
    receive->node = NULL;
    receive->rx->is_cloning = false;
    if (rc == 0) {
        account(receive, 1);
    } else {
        receive->rx->cursor -= 1 + receive->lost;
        rn__broadcast_mind(receive->rx);
    }
    return rn__nodes_let_go(&receive->rx->channel->history.nodes, node);
}

/* Under the lock: more, if more is wanted and follows without a gap. */
static void take_more(struct receive *receive)
{
    const struct rn__history *history = &receive->rx->channel->history;
    const uint64_t cursor = receive->rx->cursor;
    if (receive->taken > 0 && receive->taken < receive->limit && cursor >= history->oldest && cursor < history->next)
        take(receive);
}

/* For a receive that was parked, or has something to clone. */
static int come_back(struct receive *receive, int rc)
{
    struct rn__broadcast *channel = receive->rx->channel;
    do {
        struct rn__wakes wakes = {0};
        if (receive->node != NULL)
            rc = clone_out(receive);
        rn__lock_acquire(&channel->lock);
        struct rn__node *doomed = put_down(receive, rc);
        if (rc == 0)
            take_more(receive);
        receive->rx->busy = receive->node != NULL ? RN__HELD : 0;
        let_senders_on(channel, &wakes);
        rn__lock_release(&channel->lock);
        rn__wakes_run(&wakes);
        rn__broadcast_retire(channel, doomed);
    } while (receive->node != NULL);
    return receive->taken > 0 ? 0 : rc;
}

/* Nothing will come, so a loss that a message would have told is told alone. */
static int tell_last_loss(struct receive *receive)
{
    struct rn__broadcast *channel = receive->rx->channel;
    rn__lock_acquire(&channel->lock);
    receive->missed = rn__broadcast_lost(receive->rx);
    receive->rx->cursor += receive->missed;
    channel->counts.missed += receive->missed;
    rn__lock_release(&channel->lock);
    return receive->missed > 0 ? RN_LAGGED : RN_CLOSED;
}

/* After the operation, however it ended. */
static int finish(struct receive *receive, int rc)
{
    uint64_t *missed = receive->operation.count;
    if (receive->is_holding_end)
        rc = come_back(receive, rc);
    if (rc == RN_CLOSED && missed != NULL)
        rc = tell_last_loss(receive);
    if ((rc == 0 || rc == RN_LAGGED) && missed != NULL)
        *missed = receive->missed;
    return rc;
}

int rn_broadcast_recv_until(rn_broadcast_rx *rx, void *out, uint64_t *missed, rn_deadline deadline)
{
    struct receive receive;
    const int rc = receive_init(&receive, &recv_kind, rx, out, 1, missed);
    return rc != 0 ? rc : finish(&receive, rn__await(&receive.operation, deadline, RN__CANCELLABLE));
}

int rn_broadcast_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    return rn_broadcast_recv_until(rx, out, missed, RN_FOREVER);
}

int rn_broadcast_try_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    struct receive receive;
    const int rc = receive_init(&receive, &try_recv_kind, rx, out, 1, missed);
    return rc != 0 ? rc : finish(&receive, rn__attempt(&receive.operation, RN_EMPTY));
}

/* --------------------------------------------------------------------------------------------------- borrowing -- */

static const struct rn__operation_kind borrow_kind = {.verb = "broadcast borrow", .attempt = attempt_or_park};

static int borrow_init(struct receive *receive, const struct rn__operation_kind *kind, rn_broadcast_rx *rx,
                       const void **out, uint64_t *missed)
{
    const int rc = receive_init(receive, kind, rx, out, 1, missed);
    if (rc == 0 && !rx->channel->may_borrow)
        return RN_EINVAL;
    receive->borrows = true;
    return rc;
}

int rn_broadcast_borrow_until(rn_broadcast_rx *rx, const void **out, uint64_t *missed, rn_deadline deadline)
{
    struct receive receive;
    if (out != NULL)
        *out = NULL;
    const int rc = borrow_init(&receive, &borrow_kind, rx, out, missed);
    return rc != 0 ? rc : finish(&receive, rn__await(&receive.operation, deadline, RN__CANCELLABLE));
}

int rn_broadcast_borrow(rn_broadcast_rx *rx, const void **out, uint64_t *missed)
{
    return rn_broadcast_borrow_until(rx, out, missed, RN_FOREVER);
}

int rn_broadcast_try_borrow(rn_broadcast_rx *rx, const void **out, uint64_t *missed)
{
    struct receive receive;
    if (out != NULL)
        *out = NULL;
    const int rc = borrow_init(&receive, &try_recv_kind, rx, out, missed);
    return rc != 0 ? rc : finish(&receive, rn__attempt(&receive.operation, RN_EMPTY));
}

void rn_broadcast_release(rn_broadcast_rx *rx)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    struct rn__broadcast *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    struct rn__node *borrowed = rn__broadcast_give_back(rx);
    rn__lock_release(&channel->lock);
    rn__broadcast_retire(channel, borrowed);
}

/* ------------------------------------------------------------------------------------------- receiving as a case  */

RN__FITS_A_CASE(struct receive);

static bool case_ready(const struct rn__operation *operation)
{
    const struct receive *receive = rn__container_of(operation, struct receive, operation);
    const uint64_t lost = rn__broadcast_lost(receive->rx);
    return is_busy(receive) || (lost > 0 && operation->count == NULL) || has_message(receive->rx, lost) ||
           is_over(receive->rx);
}

static void case_stand(struct rn__operation *operation)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    receive->is_holding_end = true;
    receive->rx->busy = operation->waiter.token;
}

/* It did not happen. Another case of the same select may have, and hold the end: then that one lets go. */
static void case_leave(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    (void)wakes;
    receive->is_holding_end = false;
    if (receive->rx->busy == operation->waiter.token)
        receive->rx->busy = 0;
}

static int case_finish(struct rn__operation *operation, int rc)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    if (rc != RN__PENDING)
        rc = finish(receive, rc);
    receive->taken = 0;
    receive->missed = 0;
    receive->is_holding_end = false;
    return rc;
}

static const struct rn__operation_kind case_kind = {
    .verb = "broadcast recv",
    .attempt = attempt_now,
    .leave = case_leave,
    .ready = case_ready,
    .stand = case_stand,
    .finish = case_finish,
};

rn_case rn_broadcast_recv_case(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    rn_case made = {0};
    struct receive *receive = rn__container_of(rn__case_operation(&made), struct receive, operation);
    if (rx == NULL)
        return made;
    return receive_init(receive, &case_kind, rx, out, 1, missed) == 0 ? made : rn__case_refused();
}

static const struct rn__operation_kind borrow_case_kind = {
    .verb = "broadcast borrow",
    .attempt = attempt_now,
    .leave = case_leave,
    .ready = case_ready,
    .stand = case_stand,
    .finish = case_finish,
};

rn_case rn_broadcast_borrow_case(rn_broadcast_rx *rx, const void **out, uint64_t *missed)
{
    rn_case made = {0};
    struct receive *receive = rn__container_of(rn__case_operation(&made), struct receive, operation);
    if (rx == NULL)
        return made;
    return borrow_init(receive, &borrow_case_kind, rx, out, missed) == 0 ? made : rn__case_refused();
}

/* ------------------------------------------------------------------------------------------ receiving several -- */

static int many_init(struct receive *receive, const struct rn__operation_kind *kind, rn_broadcast_rx *rx, void *out,
                     size_t limit, size_t *count, uint64_t *missed)
{
    if (count == NULL)
        return RN_EINVAL;
    *count = 0;
    return receive_init(receive, kind, rx, out, limit, missed);
}

int rn_broadcast_recv_many_until(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed,
                                 rn_deadline deadline)
{
    struct receive receive;
    int rc = many_init(&receive, &recv_kind, rx, out, limit, count, missed);
    if (rc != 0)
        return rc;
    rc = finish(&receive, rn__await(&receive.operation, deadline, RN__CANCELLABLE));
    *count = receive.taken;
    return rc;
}

int rn_broadcast_recv_many(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed)
{
    return rn_broadcast_recv_many_until(rx, out, limit, count, missed, RN_FOREVER);
}

int rn_broadcast_try_recv_many(rn_broadcast_rx *rx, void *out, size_t limit, size_t *count, uint64_t *missed)
{
    struct receive receive;
    int rc = many_init(&receive, &try_recv_kind, rx, out, limit, count, missed);
    if (rc != 0)
        return rc;
    rc = finish(&receive, rn__attempt(&receive.operation, RN_EMPTY));
    *count = receive.taken;
    return rc;
}
