/* SPDX-License-Identifier: MIT */
/* watch.c - the newest value and its version: one short lock, values in counted nodes.
 *
 * The channel holds the current value's node; a set puts another in its place and lets go of the old one. Whoever
 * looks at a value without the lock holds its node meanwhile: a borrow, and a clone, which is user code and does not
 * run under the lock. The last to let go drops the value, outside the lock. So a borrowed value cannot change, a set
 * never waits for a borrower, and a borrow is a count that goes up. Values without a clone function are copied under
 * the lock.
 *
 * How many nodes: the current one; one for each sender, for what it sets and then for what that replaced, while its
 * drop function runs; one for each receiver, for its borrow, and for kinds that are cloned one more, for the clone.
 *
 * A receiver that is parked has seen the current version. The set that wins its wake-up hands the value over as its
 * own attempt would have taken it; a receiver that gave up has seen, and marked, nothing.
 *
 * This core stays as the oracle for faster ones.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/end.h"
#include "channel/node.h"
#include "wait/await.h"

#include <runnel/watch.h>

struct rn_watch_tx {
    struct rn__end end;
    struct watch *channel;
};

struct rn_watch_rx {
    struct rn__end end;
    bool is_parked; /* a wait of this end goes on, or has not come back yet: no second one */
    struct watch *channel;
    uint64_t seen; /* the version; <= the channel's */
    struct rn__node *borrowed;
};

/* The first ends live in the channel's own memory, later ones in theirs. */
struct watch {
    struct rn__lock lock; /* protects what is between here and `element`, and the receivers' state */
    uint64_t version;     /* of the current value */
    struct rn__node *current;
    size_t tx_count;
    size_t rx_count;
    size_t users;            /* ends, and calls that are inside a drop function and come back: the last one frees */
    struct rn__waitq parked; /* receivers that have seen the current version */
    struct rn__nodes nodes;
    struct rn__element element; /* from here on: set once */
    const char *name;
    const void *birthplace; /* where the constructor was called, for the dump */
    struct rn_watch_tx first_tx;
    struct rn_watch_rx first_rx;
};

/* A look at the current value: it waits for one that is unseen, or not; copies it, or not. */
struct look {
    struct rn__operation operation; /* data: the place for a copy, or NULL */
    rn_watch_rx *rx;
    bool is_parked;        /* it was: rx->is_parked is its to clear */
    struct rn__node *node; /* what is to be cloned */
    uint64_t seen_before;  /* for the case that it cannot be */
};

/* ----------------------------------------------------------------------------------------- making and freeing -- */

static bool are_valid(const rn_watch_opts *opts)
{
    if (opts == NULL)
        return true;
    uint64_t used = opts->flags | opts->reserved0;
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        used |= opts->reserved[i];
    return used == 0;
}

enum { NODES_OF_SENDER = 1 };

static size_t nodes_of_receiver(const struct watch *channel)
{
    return channel->element.clone != NULL ? 2 : 1;
}

static void set_up_sender(rn_watch_tx *tx, struct watch *channel)
{
    rn__end_init(&tx->end, RN__WATCH_TX, channel->name);
    tx->channel = channel;
    channel->tx_count++;
    channel->users++;
}

/* It has seen what is current. */
static void set_up_receiver(rn_watch_rx *rx, struct watch *channel)
{
    rn__end_init(&rx->end, RN__WATCH_RX, channel->name);
    rx->is_parked = false;
    rx->channel = channel;
    rx->seen = channel->version;
    rx->borrowed = NULL;
    channel->rx_count++;
    channel->users++;
}

static struct watch *make(const void *initial, const struct rn__element *element, const char *name,
                          const void *birthplace)
{
    struct watch *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->element = *element;
    channel->name = name;
    channel->birthplace = birthplace;
    if (!rn__nodes_init(&channel->nodes, element, 1 + NODES_OF_SENDER + nodes_of_receiver(channel)))
        goto free_channel;
    channel->current = rn__nodes_take(&channel->nodes, &channel->lock); /* there is one: no allocation, no lock */
    rn__element_move(element, rn__node_value(&channel->nodes, channel->current), initial);
    set_up_sender(&channel->first_tx, channel);
    set_up_receiver(&channel->first_rx, channel);
    return channel;
free_channel:
    rn__free(channel, sizeof *channel);
    return NULL;
}

static int make_ends(rn_watch_tx **tx, rn_watch_rx **rx, const void *initial, const rn_elem *elem,
                     const rn_watch_opts *opts, const void *birthplace)
{
    struct rn__element element;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || rx == NULL || initial == NULL || !are_valid(opts) || rn__element_init(&element, elem) != 0)
        return RN_EINVAL;
    const char *name = opts != NULL && opts->name != NULL ? opts->name : element.name;
    struct watch *channel = make(initial, &element, name, birthplace);
    if (channel == NULL)
        return RN_ENOMEM;
    *tx = &channel->first_tx;
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

static void destroy(struct watch *channel)
{
    rn__assert(channel->current->holders == 1);
    rn__element_drop(&channel->element, rn__node_value(&channel->nodes, channel->current));
    rn__nodes_put(&channel->nodes, channel->current);
    rn__nodes_fini(&channel->nodes);
    rn__free(channel, sizeof *channel);
}

static void leave(struct watch *channel)
{
    rn__lock_acquire(&channel->lock);
    const bool last = --channel->users == 0;
    rn__lock_release(&channel->lock);
    if (last)
        destroy(channel);
}

/* Under the lock. Gives the node back if its value is to be dropped: then the caller, once outside the lock, must
 * retire it, and is a user of the channel until then, for the drop function may drop any end. */
static struct rn__node *let_go(struct watch *channel, struct rn__node *node)
{
    if (!rn__node_let_go(node))
        return NULL;
    if (channel->element.drop != NULL) {
        channel->users++;
        return node;
    }
    rn__nodes_put(&channel->nodes, node);
    return NULL;
}

static void retire(struct watch *channel, struct rn__node *node)
{
    if (node == NULL)
        return;
    rn__element_drop(&channel->element, rn__node_value(&channel->nodes, node));
    rn__lock_acquire(&channel->lock);
    rn__nodes_put(&channel->nodes, node);
    rn__lock_release(&channel->lock);
    leave(channel);
}

/* ---------------------------------------------------------------------------------------------- more and fewer -- */

/* Takes the lock and keeps it, unless this says false: no memory for the nodes that one more end needs. */
static bool lock_with_room(struct watch *channel, size_t count)
{
    rn__lock_acquire(&channel->lock);
    if (rn__nodes_promise(&channel->nodes, count, &channel->lock))
        return true;
    rn__lock_release(&channel->lock);
    return false;
}

int rn_watch_tx_clone(rn_watch_tx **out, rn_watch_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct watch *channel = tx->channel;
    rn_watch_tx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!lock_with_room(channel, NODES_OF_SENDER))
        goto free_end;
    set_up_sender(made, channel);
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
    struct watch *channel = tx->channel;
    rn_watch_rx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!lock_with_room(channel, nodes_of_receiver(channel)))
        goto free_end;
    set_up_receiver(made, channel);
    rn__lock_release(&channel->lock);
    *rx = made;
    return 0;
free_end:
    rn__free(made, sizeof *made);
    return RN_ENOMEM;
}

void rn_watch_tx_drop(rn_watch_tx *tx)
{
    struct rn__wakes wakes = {0};
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__WATCH_TX);
    rn__end_fini(&tx->end);
    struct watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    rn__nodes_take_back_promise(&channel->nodes, NODES_OF_SENDER);
    if (--channel->tx_count == 0)
        rn__wakes_add_all(&wakes, &channel->parked, RN_CLOSED);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    leave(channel);
}

void rn_watch_rx_drop(rn_watch_rx *rx)
{
    struct rn__node *old = NULL;
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__WATCH_RX);
    rn__end_fini(&rx->end);
    struct watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    rn__nodes_take_back_promise(&channel->nodes, nodes_of_receiver(channel));
    channel->rx_count--;
    if (rx->borrowed != NULL)
        old = let_go(channel, rx->borrowed);
    rn__lock_release(&channel->lock);
    if (rx != &channel->first_rx)
        rn__free(rx, sizeof *rx);
    retire(channel, old);
    leave(channel);
}

/* ----------------------------------------------------------------------------------------------------- setting -- */

/* Under the lock: the look gets the current value, which its receiver has seen from now on. */
static void take(struct watch *channel, struct look *look)
{
    look->seen_before = look->rx->seen;
    look->rx->seen = channel->version;
    if (look->operation.data == NULL)
        return;
    if (channel->element.clone == NULL) {
        const void *value = rn__node_value(&channel->nodes, channel->current);
        rn__element_move(&channel->element, look->operation.data, value);
        return;
    }
    look->node = channel->current;
    rn__node_hold(look->node);
}

static void serve_parked(struct watch *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter;
    while ((waiter = rn__waitq_claim(&channel->parked)) != NULL) {
        struct look *look = rn__container_of(waiter, struct look, operation.waiter);
        rn__assert(look->rx->seen != channel->version);
        take(channel, look);
        rn__wakes_add(wakes, waiter, 0);
    }
}

int rn_watch_set(rn_watch_tx *tx, const void *value)
{
    struct rn__wakes wakes = {0};
    if (tx == NULL || value == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    struct rn__node *node = rn__nodes_take(&channel->nodes, &channel->lock);
    if (node == NULL)
        goto unlock;
    rn__element_move(&channel->element, rn__node_value(&channel->nodes, node), value);
    struct rn__node *old = let_go(channel, channel->current);
    channel->current = node;
    channel->version++;
    serve_parked(channel, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    retire(channel, old);
    return 0;
unlock:
    rn__lock_release(&channel->lock);
    return RN_ENOMEM;
}

/* ----------------------------------------------------------------------------------------------------- looking -- */

static int attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct look *look = rn__container_of(operation, struct look, operation);
    struct watch *channel = look->rx->channel;
    (void)wakes;
    if (look->rx->is_parked)
        return RN_EBUSY;
    if (look->rx->seen != channel->version) {
        take(channel, look);
        return 0;
    }
    if (channel->tx_count == 0)
        return RN_CLOSED;
    look->rx->is_parked = look->is_parked = true;
    return RN__PENDING;
}

static const struct rn__operation_kind recv_kind = {.verb = "watch recv", .attempt = attempt};
static const struct rn__operation_kind changed_kind = {.verb = "watch changed", .attempt = attempt};

static void look_init(struct look *look, const struct rn__operation_kind *kind, rn_watch_rx *rx, void *out)
{
    struct watch *channel = rx->channel;
    *look = (struct look){.rx = rx,
                          .operation = {
                              .kind = kind,
                              .lock = &channel->lock,
                              .queue = &channel->parked,
                              .object = channel,
                              .name = channel->name,
                              .data = out,
                          }};
}

/* Outside the lock, for the node that the look holds. The last to let go retires it. */
static int clone_out(struct look *look)
{
    struct watch *channel = look->rx->channel;
    const int rc = rn__element_clone(&channel->element, look->operation.data,
                                     rn__node_value(&channel->nodes, look->node));
    rn__lock_acquire(&channel->lock);
    if (rc != 0)
        look->rx->seen = look->seen_before;
    struct rn__node *old = let_go(channel, look->node);
    rn__lock_release(&channel->lock);
    retire(channel, old);
    return rc;
}

/* Waits until the value is unseen. */
static int wait_and_look(struct look *look, rn_deadline deadline)
{
    const int rc = rn__await(&look->operation, deadline, RN__CANCELLABLE);
    if (look->is_parked) {
        rn__lock_acquire(look->operation.lock);
        look->rx->is_parked = false;
        rn__lock_release(look->operation.lock);
    }
    return look->node != NULL ? clone_out(look) : rc;
}

int rn_watch_recv_until(rn_watch_rx *rx, void *out, rn_deadline deadline)
{
    struct look look;
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    if (!rn__element_can_clone(&rx->channel->element))
        return RN_EINVAL;
    look_init(&look, &recv_kind, rx, out);
    return wait_and_look(&look, deadline);
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
    return wait_and_look(&look, deadline);
}

int rn_watch_changed(rn_watch_rx *rx)
{
    return rn_watch_changed_until(rx, RN_FOREVER);
}

static int copy_current(rn_watch_rx *rx, void *out, bool mark)
{
    struct look look;
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct watch *channel = rx->channel;
    if (!rn__element_can_clone(&channel->element))
        return RN_EINVAL;
    look_init(&look, NULL, rx, out);
    rn__lock_acquire(&channel->lock);
    take(channel, &look);
    if (!mark)
        rx->seen = look.seen_before;
    rn__lock_release(&channel->lock);
    return look.node != NULL ? clone_out(&look) : 0;
}

int rn_watch_get(rn_watch_rx *rx, void *out)
{
    return copy_current(rx, out, true);
}

int rn_watch_peek(const rn_watch_rx *rx, void *out)
{
    return copy_current((rn_watch_rx *)(uintptr_t)rx, out, false); /* leaves the receiver as it was */
}

int rn_watch_borrow(rn_watch_rx *rx, const void **out)
{
    int rc = RN_EBUSY;
    if (out != NULL)
        *out = NULL;
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    if (rx->borrowed != NULL)
        goto unlock;
    rc = 0;
    rx->borrowed = channel->current;
    rn__node_hold(rx->borrowed);
    rx->seen = channel->version;
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
    struct watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    if (rx->borrowed != NULL)
        old = let_go(channel, rx->borrowed);
    rx->borrowed = NULL;
    rn__lock_release(&channel->lock);
    retire(channel, old);
}

/* --------------------------------------------------------------------------------------------------- questions -- */

int rn_watch_has_changed(const rn_watch_rx *rx)
{
    if (rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__WATCH_RX);
    struct watch *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    const int rc = channel->tx_count == 0 ? RN_CLOSED : rx->seen != channel->version;
    rn__lock_release(&channel->lock);
    return rc;
}

size_t rn_watch_tx_receivers(const rn_watch_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const size_t count = channel->rx_count;
    rn__lock_release(&channel->lock);
    return count;
}
