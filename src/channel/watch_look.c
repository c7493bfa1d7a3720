/* SPDX-License-Identifier: MIT */
/* watch_look.c - the side of the receivers: what each has seen, and waiting for what it has not.
 *
 * A receiver that is parked has seen the current version. The set that wins its wake-up hands the value over as its
 * own attempt would have taken it; a receiver that gave up has seen, and marked, nothing.
 *
 * wait_for is such a look in a loop, with the user's test between: each round holds the value that it tests, so that
 * the one that passed is the one that is copied, whatever was set meanwhile.
 */
#include "channel/watch.h"

/* A look at the current value, which may wait for one that is unseen. */
struct look {
    struct rn__operation operation;
    struct rn__copy copy; /* to NULL: nobody wants one */
    rn_watch_rx *rx;
    uint64_t seen_before; /* for the case that it cannot be copied */
    bool is_parked;       /* it was: rx->busy is its to clear */
    bool is_test;         /* wait_for: holds the value of every kind */
    bool has_tested;      /* at least one: what is seen need not be tested */
    bool is_late;         /* after the deadline nothing more is tested */
};

/* ------------------------------------------------------------------------------------------------------ seeing -- */

/* Under the lock. */
static void see_current(rn_watch_rx *rx)
{
    struct rn__watch *channel = rx->channel;
    channel->counts.received += rx->seen != channel->version;
    rx->seen = channel->version;
}

/* Under the lock: as if that look had not been. */
static void unsee(rn_watch_rx *rx, uint64_t seen_before)
{
    rx->channel->counts.received -= rx->seen != seen_before;
    rx->seen = seen_before;
}

/* Under the lock: the look gets the current value, which its receiver has seen from now on. */
static void take(struct look *look)
{
    struct rn__watch *channel = look->rx->channel;
    look->seen_before = look->rx->seen;
    see_current(look->rx);
    if (look->is_test) {
        look->copy.original = channel->current;
        rn__node_hold(channel->current);
    } else if (look->copy.to != NULL) {
        rn__copy_begin(&look->copy, channel);
    }
}

/* Outside the lock: the other half of take. Marks before it lets go: the drop function may drop any end. */
static int finish(struct look *look)
{
    struct rn__watch *channel = look->rx->channel;
    const int rc = rn__copy_clone(&look->copy, channel);
    if (rc != 0) {
        rn__lock_acquire(&channel->lock);
        unsee(look->rx, look->seen_before);
        rn__lock_release(&channel->lock);
    }
    if (look->copy.original != NULL)
        rn__watch_let_go(channel, look->copy.original);
    return rc;
}

void rn__watch_serve_parked(struct rn__watch *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter;
    while ((waiter = rn__waitq_claim(&channel->parked)) != NULL) {
        struct look *look = rn__container_of(waiter, struct look, operation.waiter);
        take(look);
        look->rx->busy = RN__HELD; /* until it has come back; a select's other cases do not end that */
        rn__wakes_add(wakes, waiter, 0);
    }
}

/* ----------------------------------------------------------------------------------------------------- waiting -- */

/* For another one than this operation, or its own select. */
static bool is_busy(const struct look *look)
{
    const uint64_t busy = look->rx->busy;
    return busy != 0 && busy != look->operation.waiter.token;
}

static int attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    const struct rn__watch *channel = look->rx->channel;
    const bool tests_what_is_seen = look->is_test && !look->has_tested;
    (void)wakes;
    if (is_busy(look))
        return RN_EBUSY;
    if (tests_what_is_seen || look->rx->seen != channel->version) {
        if (look->is_late)
            return RN_ETIMEDOUT;
        take(look);
        return 0;
    }
    return channel->tx_count == 0 ? RN_CLOSED : RN__PENDING;
}

static int attempt_or_park(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    const int rc = attempt(operation, wakes);
    if (rc == RN__PENDING) {
        look->is_parked = true;
        look->rx->busy = RN__HELD;
    }
    return rc;
}

static const struct rn__operation_kind recv_kind = {.verb = "watch recv", .attempt = attempt_or_park};
static const struct rn__operation_kind changed_kind = {.verb = "watch changed", .attempt = attempt_or_park};
static const struct rn__operation_kind wait_for_kind = {.verb = "watch wait_for", .attempt = attempt_or_park};

static void look_init(struct look *look, const struct rn__operation_kind *kind, rn_watch_rx *rx, void *out)
{
    struct rn__watch *channel = rx->channel;
    *look = (struct look){.rx = rx,
                          .copy = {.to = out},
                          .is_test = kind == &wait_for_kind,
                          .operation = {
                              .kind = kind,
                              .lock = &channel->lock,
                              .queue = &channel->parked,
                              .object = channel,
                              .name = channel->record.name,
                          }};
}

static void come_back(struct look *look)
{
    if (!look->is_parked)
        return;
    rn__lock_acquire(look->operation.lock);
    look->is_parked = false;
    look->rx->busy = 0;
    rn__lock_release(look->operation.lock);
}

/* 0: the look has the value, and must be finished. */
static int wait_and_take(struct look *look, rn_deadline deadline)
{
    const int rc = rn__await(&look->operation, deadline, RN__CANCELLABLE);
    come_back(look);
    return rc;
}

static int recv_init(struct look *look, const struct rn__operation_kind *kind, rn_watch_rx *rx, void *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    if (!rn__element_can_clone(&rx->channel->element))
        return RN_EINVAL;
    look_init(look, kind, rx, out);
    return 0;
}

int rn_watch_recv_until(rn_watch_rx *rx, void *out, rn_deadline deadline)
{
    struct look look;
    int rc = recv_init(&look, &recv_kind, rx, out);
    if (rc != 0)
        return rc;
    rc = wait_and_take(&look, deadline);
    return rc == 0 ? finish(&look) : rc;
}

int rn_watch_recv(rn_watch_rx *rx, void *out)
{
    return rn_watch_recv_until(rx, out, RN_FOREVER);
}

int rn_watch_changed_until(rn_watch_rx *rx, rn_deadline deadline)
{
    struct look look;
    if (rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    look_init(&look, &changed_kind, rx, NULL);
    return wait_and_take(&look, deadline);
}

int rn_watch_changed(rn_watch_rx *rx)
{
    return rn_watch_changed_until(rx, RN_FOREVER);
}

static bool passes(const struct look *look, bool (*test)(const void *value, void *ctx), void *ctx)
{
    const struct rn__nodes *nodes = &look->rx->channel->nodes;
    rn__callback_enter();
    const bool passed = test(rn__node_value(nodes, look->copy.original), ctx);
    rn__callback_leave();
    return passed;
}

int rn_watch_wait_for_until(rn_watch_rx *rx, bool (*test)(const void *value, void *ctx), void *ctx, void *out,
                            rn_deadline deadline)
{
    struct look look;
    if (rx == NULL || test == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    if (out != NULL && !rn__element_can_clone(&rx->channel->element))
        return RN_EINVAL;
    look_init(&look, &wait_for_kind, rx, out);
    for (;;) {
        const int rc = wait_and_take(&look, deadline);
        if (rc != 0)
            return rc;
        if (passes(&look, test, ctx))
            return finish(&look);
        rn__watch_let_go(rx->channel, look.copy.original);
        look.has_tested = true;
        look.is_late = rn__deadline_passed(deadline);
    }
}

int rn_watch_wait_for(rn_watch_rx *rx, bool (*test)(const void *value, void *ctx), void *ctx, void *out)
{
    return rn_watch_wait_for_until(rx, test, ctx, out, RN_FOREVER);
}

/* --------------------------------------------------------------------------------------------- waiting as a case  */

RN__FITS_A_CASE(struct look);

static bool case_ready(const struct rn__operation *operation)
{
    const struct look *look = rn__container_of(operation, struct look, operation);
    const struct rn__watch *channel = look->rx->channel;
    return is_busy(look) || look->rx->seen != channel->version || channel->tx_count == 0;
}

static void case_stand(struct rn__operation *operation)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    look->is_parked = true;
    look->rx->busy = operation->waiter.token;
}

/* It did not happen. Another case of the same select may have, and hold the end: then that one lets go. */
static void case_leave(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    (void)wakes;
    look->is_parked = false;
    if (look->rx->busy == operation->waiter.token)
        look->rx->busy = 0;
}

static int case_finish(struct rn__operation *operation, int rc)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    come_back(look);
    if (rc == 0)
        rc = finish(look);
    look->copy.original = NULL;
    return rc;
}

static const struct rn__operation_kind recv_case_kind = {
    .verb = "watch recv",
    .attempt = attempt,
    .leave = case_leave,
    .ready = case_ready,
    .stand = case_stand,
    .finish = case_finish,
};

static const struct rn__operation_kind changed_case_kind = {
    .verb = "watch changed",
    .attempt = attempt,
    .leave = case_leave,
    .ready = case_ready,
    .stand = case_stand,
    .finish = case_finish,
};

rn_case rn_watch_recv_case(rn_watch_rx *rx, void *out)
{
    rn_case made = {0};
    struct look *look = rn__container_of(rn__case_operation(&made), struct look, operation);
    if (rx == NULL)
        return made;
    return recv_init(look, &recv_case_kind, rx, out) == 0 ? made : rn__case_refused();
}

rn_case rn_watch_changed_case(rn_watch_rx *rx)
{
    rn_case made = {0};
    if (rx == NULL)
        return made;
    rn__end_check(&rx->end, RN__WATCH_RX);
    look_init(rn__container_of(rn__case_operation(&made), struct look, operation), &changed_case_kind, rx, NULL);
    return made;
}

/* --------------------------------------------------------------------------------------------- without waiting -- */

int rn_watch_get(rn_watch_rx *rx, void *out)
{
    struct look look;
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct rn__watch *channel = rx->channel;
    if (!rn__element_can_clone(&channel->element))
        return RN_EINVAL;
    look_init(&look, NULL, rx, out);
    rn__lock_acquire(&channel->lock);
    take(&look);
    rn__lock_release(&channel->lock);
    return finish(&look);
}

int rn_watch_peek(const rn_watch_rx *rx, void *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    return rn__watch_copy_current(rx->channel, out);
}

int rn_watch_borrow(rn_watch_rx *rx, const void **out)
{
    int rc = RN_EBUSY;
    if (out != NULL)
        *out = NULL;
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct rn__watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    if (rx->borrowed != NULL)
        goto unlock;
    rc = 0;
    rx->borrowed = channel->current;
    rn__node_hold(rx->borrowed);
    see_current(rx);
    *out = rn__node_value(&channel->nodes, rx->borrowed);
unlock:
    rn__lock_release(&channel->lock);
    return rc;
}

void rn_watch_release(rn_watch_rx *rx)
{
    struct rn__node *old = NULL;
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct rn__watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    if (rx->borrowed != NULL)
        old = rn__nodes_let_go(&channel->nodes, rx->borrowed);
    rx->borrowed = NULL;
    rn__lock_release(&channel->lock);
    rn__watch_retire(channel, old);
}

/* ----------------------------------------------------------------------------------------------- what was seen -- */

int rn_watch_has_changed(const rn_watch_rx *rx)
{
    if (rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct rn__watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    const int rc = channel->tx_count == 0 ? RN_CLOSED : rx->seen != channel->version;
    rn__lock_release(&channel->lock);
    return rc;
}

/* How many values before the current one it has seen. */
static void mark(rn_watch_rx *rx, uint64_t behind)
{
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct rn__watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    rx->seen = channel->version - behind;
    rn__lock_release(&channel->lock);
}

void rn_watch_mark_changed(rn_watch_rx *rx)
{
    mark(rx, 1);
}

void rn_watch_mark_unchanged(rn_watch_rx *rx)
{
    mark(rx, 0);
}
