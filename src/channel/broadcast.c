/* SPDX-License-Identifier: MIT */
/* broadcast.c - every receiver sees each message, or learns how many it missed: one short lock, a ring, a place in
 * the sequence for each receiver.
 *
 *     sequence     oldest             next
 *                     v                  v
 *      ...  x  x  x  [m  m  m  m  m  m]           at most `capacity` are kept
 *              ^             ^           ^
 *              A             B           C
 *
 * The next receive of A tells of 2 that it missed, that of B gives the fourth of those kept; C has read everything:
 * only such a receiver can be parked.
 *
 * Each send and each receive is one section under the lock, so there is one order of all of them, and what a receiver
 * missed is exactly oldest - cursor at the moment of its receive. A sender gives its message to every receiver that
 * is parked: it moves the cursor of those whose wake-up it won, and of no others. So a receive that timed out or was
 * cancelled has consumed nothing, and one that was woken has its message already, however fast the ring goes round
 * before it runs.
 *
 * Plain messages lie in the ring and are copied under the lock. Messages with a clone function are user code's to
 * copy, which must not run there: each lies in a counted node, the ring holds the nodes, and a receiver takes hold of
 * its node under the lock and clones afterwards. A sender that overwrites it meanwhile lets go of it; the last holder
 * drops the value, outside the lock. A clone that fails puts the cursor back: nothing was consumed, and if that
 * message was overwritten meanwhile it counts as missed.
 *
 * This core stays as the oracle for faster ones.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "channel/end.h"
#include "channel/node.h"
#include "wait/await.h"

#include <runnel/broadcast.h>

struct rn_broadcast_tx {
    struct rn__end end;
    struct broadcast *channel;
};

struct rn_broadcast_rx {
    struct rn__end end;
    bool is_parked; /* a receive of this end waits, or has not come back yet: no second one */
    struct broadcast *channel;
    uint64_t cursor; /* the sequence number of the message that it reads next */
};

/* The first ends live in the channel's own memory, later ones in theirs. */
struct broadcast {
    struct rn__lock lock; /* protects what is between here and `element`, and the receivers' state */
    uint64_t oldest;      /* [oldest, next) are kept: oldest <= next <= oldest + capacity */
    uint64_t next;
    size_t tx_count;
    size_t rx_count;
    size_t users;            /* ends, and calls that are inside a drop function and come back: the last one frees */
    struct rn__waitq parked; /* receivers whose cursor == next */
    struct rn__nodes nodes;  /* for kinds that are counted */
    struct rn__element element; /* from here on: set once */
    bool is_counted;
    size_t capacity;
    size_t cell_size; /* of the ring's cells: a message, or the pointer to its node */
    char *ring;
    const char *name;
    const void *birthplace; /* where the constructor was called, for the dump */
    struct rn_broadcast_tx first_tx;
    struct rn_broadcast_rx first_rx;
};

/* A receive. The sender that wins its wake-up does the same to it as its own attempt would. */
struct receive {
    struct rn__operation operation; /* data: the place for the message */
    rn_broadcast_rx *rx;
    bool is_parked;         /* it was: rx->is_parked is its to clear */
    struct rn__node *node;  /* counted kinds: what is to be cloned */
    uint64_t cursor_before; /* for the case that it cannot be */
    uint64_t missed;
};

/* ----------------------------------------------------------------------------------------------- letting go -- */

static void destroy(struct broadcast *channel)
{
    rn__assert(channel->oldest == channel->next); /* the last receiver saw to that */
    if (channel->is_counted)
        rn__nodes_fini(&channel->nodes);
    rn__free(channel->ring, channel->capacity * channel->cell_size);
    rn__free(channel, sizeof *channel);
}

static void leave(struct broadcast *channel)
{
    rn__lock_acquire(&channel->lock);
    const bool last = --channel->users == 0;
    rn__lock_release(&channel->lock);
    if (last)
        destroy(channel);
}

/* Under the lock. Gives the node back if its message is to be dropped: then the caller, once outside the lock, must
 * retire it, and is a user of the channel until then, for the drop function may drop any end. */
static struct rn__node *let_go(struct broadcast *channel, struct rn__node *node)
{
    if (!rn__node_let_go(node))
        return NULL;
    channel->users++;
    return node;
}

static void retire(struct broadcast *channel, struct rn__node *node)
{
    if (node == NULL)
        return;
    rn__element_drop(&channel->element, rn__node_value(&channel->nodes, node));
    rn__lock_acquire(&channel->lock);
    rn__nodes_put(&channel->nodes, node);
    rn__lock_release(&channel->lock);
    leave(channel);
}

/* ---------------------------------------------------------------------------------------------------- the ring -- */

static void *cell(const struct broadcast *channel, uint64_t sequence)
{
    return channel->ring + (size_t)(sequence % channel->capacity) * channel->cell_size;
}

static struct rn__node *node_in(const struct broadcast *channel, uint64_t sequence)
{
    struct rn__node *node;
    memcpy(&node, cell(channel, sequence), sizeof node);
    return node;
}

/* The oldest message leaves the ring. Gives what let_go gave. */
static struct rn__node *forget_oldest(struct broadcast *channel)
{
    rn__assert(channel->oldest < channel->next);
    const uint64_t sequence = channel->oldest++;
    return channel->is_counted ? let_go(channel, node_in(channel, sequence)) : NULL;
}

/* node: for counted kinds, where the message already is. Gives what let_go gave for the one that is overwritten. */
static struct rn__node *append(struct broadcast *channel, const void *message, struct rn__node *node)
{
    struct rn__node *forgotten = NULL;
    if (channel->next - channel->oldest == channel->capacity)
        forgotten = forget_oldest(channel);
    void *place = cell(channel, channel->next++);
    if (node != NULL)
        memcpy(place, &node, sizeof node);
    else
        rn__element_move(&channel->element, place, message);
    return forgotten;
}

/* ----------------------------------------------------------------------------------------- making and freeing -- */

static bool are_valid(const rn_broadcast_opts *opts)
{
    if (opts == NULL)
        return true;
    uint64_t used = opts->flags | opts->reserved0;
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        used |= opts->reserved[i];
    return used == 0;
}

/* Nodes: one for each cell; one for each sender, for what it sends and then for what it overwrote, while that is
 * dropped; one for each receiver, for what it clones. */
static bool make_room(struct broadcast *channel)
{
    const size_t align = channel->is_counted ? _Alignof(struct rn__node *) : channel->element.align;
    size_t size;
    channel->cell_size = channel->is_counted ? sizeof(struct rn__node *) : channel->element.stride;
    if (!rn__multiply(channel->capacity, channel->cell_size, &size))
        return false;
    channel->ring = rn__alloc_aligned(size, align);
    if (channel->ring == NULL)
        return false;
    if (!channel->is_counted || rn__nodes_init(&channel->nodes, &channel->element, channel->capacity + 2))
        return true;
    rn__free(channel->ring, size);
    return false;
}

static struct broadcast *make(size_t capacity, const struct rn__element *element, const char *name,
                              const void *birthplace)
{
    struct broadcast *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->element = *element;
    channel->is_counted = element->clone != NULL;
    channel->capacity = capacity;
    channel->name = name;
    channel->birthplace = birthplace;
    if (make_room(channel))
        return channel;
    rn__free(channel, sizeof *channel);
    return NULL;
}

static void set_up_sender(rn_broadcast_tx *tx, struct broadcast *channel)
{
    rn__end_init(&tx->end, RN__BROADCAST_TX, channel->name);
    tx->channel = channel;
    channel->tx_count++;
    channel->users++;
}

/* It begins behind everything that was sent. */
static void set_up_receiver(rn_broadcast_rx *rx, struct broadcast *channel)
{
    rn__end_init(&rx->end, RN__BROADCAST_RX, channel->name);
    rx->channel = channel;
    rx->cursor = channel->next;
    rx->is_parked = false;
    channel->rx_count++;
    channel->users++;
}

static int make_ends(rn_broadcast_tx **tx, rn_broadcast_rx **rx, size_t capacity, const rn_elem *elem,
                     const rn_broadcast_opts *opts, const void *birthplace)
{
    struct rn__element element;
    if (tx != NULL)
        *tx = NULL;
    if (rx != NULL)
        *rx = NULL;
    if (tx == NULL || capacity < 1 || capacity > RN_BROADCAST_CAPACITY_MAX || !are_valid(opts))
        return RN_EINVAL;
    if (rn__element_init(&element, elem) != 0 || !rn__element_can_clone(&element))
        return RN_EINVAL;
    const char *name = opts != NULL && opts->name != NULL ? opts->name : element.name;
    struct broadcast *channel = make(capacity, &element, name, birthplace);
    if (channel == NULL)
        return RN_ENOMEM;
    set_up_sender(&channel->first_tx, channel);
    *tx = &channel->first_tx;
    if (rx == NULL)
        return 0;
    set_up_receiver(&channel->first_rx, channel);
    *rx = &channel->first_rx;
    return 0;
}

int rn_broadcast_channel(rn_broadcast_tx **tx, rn_broadcast_rx **rx, size_t capacity, const rn_elem *elem)
{
    return make_ends(tx, rx, capacity, elem, NULL, __builtin_return_address(0));
}

int rn_broadcast_channel_with(rn_broadcast_tx **tx, rn_broadcast_rx **rx, size_t capacity, const rn_elem *elem,
                              const rn_broadcast_opts *opts)
{
    return make_ends(tx, rx, capacity, elem, opts, __builtin_return_address(0));
}

/* ---------------------------------------------------------------------------------------------- more and fewer -- */

/* Takes the lock and keeps it, unless this says false: no memory for the node that one more end needs. */
static bool lock_with_room(struct broadcast *channel)
{
    rn__lock_acquire(&channel->lock);
    if (!channel->is_counted || rn__nodes_promise(&channel->nodes, 1, &channel->lock))
        return true;
    rn__lock_release(&channel->lock);
    return false;
}

int rn_broadcast_tx_clone(rn_broadcast_tx **out, rn_broadcast_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct broadcast *channel = tx->channel;
    rn_broadcast_tx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!lock_with_room(channel))
        goto free_end;
    set_up_sender(made, channel);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
free_end:
    rn__free(made, sizeof *made);
    return RN_ENOMEM;
}

int rn_broadcast_subscribe(rn_broadcast_rx **rx, rn_broadcast_tx *tx)
{
    if (rx != NULL)
        *rx = NULL;
    if (rx == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct broadcast *channel = tx->channel;
    rn_broadcast_rx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    if (!lock_with_room(channel))
        goto free_end;
    set_up_receiver(made, channel);
    rn__lock_release(&channel->lock);
    *rx = made;
    return 0;
free_end:
    rn__free(made, sizeof *made);
    return RN_ENOMEM;
}

static void take_back_promise(struct broadcast *channel)
{
    if (channel->is_counted)
        rn__nodes_take_back_promise(&channel->nodes, 1);
}

void rn_broadcast_tx_drop(rn_broadcast_tx *tx)
{
    struct rn__wakes wakes = {0};
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    rn__end_fini(&tx->end);
    struct broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    take_back_promise(channel);
    if (--channel->tx_count == 0)
        rn__wakes_add_all(&wakes, &channel->parked, RN_CLOSED);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    leave(channel);
}

/* What was sent before `until` and is still kept is for nobody: whoever subscribes now begins behind it. */
static struct rn__node *forget_until(struct broadcast *channel, uint64_t until)
{
    struct rn__node *forgotten = NULL;
    rn__lock_acquire(&channel->lock);
    if (!channel->is_counted && channel->oldest < until)
        channel->oldest = until;
    while (forgotten == NULL && channel->oldest < until)
        forgotten = forget_oldest(channel);
    rn__lock_release(&channel->lock);
    return forgotten;
}

void rn_broadcast_rx_drop(rn_broadcast_rx *rx)
{
    struct rn__node *forgotten;
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    rn__end_fini(&rx->end);
    struct broadcast *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    take_back_promise(channel);
    const uint64_t until = --channel->rx_count == 0 ? channel->next : 0;
    rn__lock_release(&channel->lock);
    if (rx != &channel->first_rx)
        rn__free(rx, sizeof *rx);
    while ((forgotten = forget_until(channel, until)) != NULL)
        retire(channel, forgotten);
    leave(channel);
}

/* ----------------------------------------------------------------------------------------------------- sending -- */

/* Under the lock: the receive gets the message at its cursor, or the oldest if that one is lost. */
static void take(struct broadcast *channel, struct receive *receive)
{
    rn_broadcast_rx *rx = receive->rx;
    receive->cursor_before = rx->cursor;
    receive->missed = rx->cursor < channel->oldest ? channel->oldest - rx->cursor : 0;
    const uint64_t sequence = rx->cursor + receive->missed;
    rn__assert(sequence < channel->next);
    rx->cursor = sequence + 1;
    if (!channel->is_counted) {
        rn__element_move(&channel->element, receive->operation.data, cell(channel, sequence));
        return;
    }
    receive->node = node_in(channel, sequence);
    rn__node_hold(receive->node);
}

static void serve_parked(struct broadcast *channel, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter;
    while ((waiter = rn__waitq_claim(&channel->parked)) != NULL) {
        struct receive *receive = rn__container_of(waiter, struct receive, operation.waiter);
        rn__assert(receive->rx->cursor == channel->next - 1);
        take(channel, receive);
        rn__wakes_add(wakes, waiter, 0);
    }
}

/* Under the lock, which it may leave: the message into a node of its own, if its kind needs one. */
static int wrap(struct broadcast *channel, const void *message, struct rn__node **node)
{
    *node = NULL;
    if (!channel->is_counted)
        return 0;
    *node = rn__nodes_take(&channel->nodes, &channel->lock);
    if (*node == NULL)
        return RN_ENOMEM;
    rn__element_move(&channel->element, rn__node_value(&channel->nodes, *node), message);
    return 0;
}

/* Under the lock, which it may leave before anything has happened. On 0 the caller retires what was forgotten. */
static int publish(struct broadcast *channel, const void *message, struct rn__node **forgotten,
                   struct rn__wakes *wakes)
{
    struct rn__node *node;
    if (channel->rx_count == 0)
        return RN_NOBODY;
    const int rc = wrap(channel, message, &node);
    if (rc != 0)
        return rc;
    if (channel->rx_count == 0) { /* the last one went while the lock was left */
        rn__nodes_put(&channel->nodes, node);
        return RN_NOBODY;
    }
    *forgotten = append(channel, message, node);
    serve_parked(channel, wakes);
    return 0;
}

int rn_broadcast_send(rn_broadcast_tx *tx, const void *msg)
{
    struct rn__node *forgotten = NULL;
    struct rn__wakes wakes = {0};
    if (tx == NULL || msg == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const int rc = publish(channel, msg, &forgotten, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    retire(channel, forgotten);
    return rc;
}

int rn_broadcast_give(rn_broadcast_tx *tx, void *msg)
{
    const int rc = rn_broadcast_send(tx, msg);
    if (rc != 0 && tx != NULL && msg != NULL)
        rn__element_drop(&tx->channel->element, msg);
    return rc;
}

/* --------------------------------------------------------------------------------------------------- receiving -- */

static int attempt_now(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    rn_broadcast_rx *rx = receive->rx;
    struct broadcast *channel = rx->channel;
    (void)wakes;
    if (rx->is_parked)
        return RN_EBUSY;
    if (rx->cursor < channel->oldest && operation->count == NULL) {
        rx->cursor = channel->oldest;
        return RN_LAGGED;
    }
    if (rx->cursor < channel->next) {
        take(channel, receive);
        return 0;
    }
    return channel->tx_count == 0 ? RN_CLOSED : RN__PENDING;
}

static int attempt_or_park(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct receive *receive = rn__container_of(operation, struct receive, operation);
    const int rc = attempt_now(operation, wakes);
    if (rc == RN__PENDING)
        receive->rx->is_parked = receive->is_parked = true;
    return rc;
}

static const struct rn__operation_kind recv_kind = {.verb = "broadcast recv", .attempt = attempt_or_park};
static const struct rn__operation_kind try_recv_kind = {.verb = "broadcast try_recv", .attempt = attempt_now};

static int receive_init(struct receive *receive, const struct rn__operation_kind *kind, rn_broadcast_rx *rx,
                        void *out, uint64_t *missed)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    struct broadcast *channel = rx->channel;
    *receive = (struct receive){.rx = rx,
                                .operation = {
                                    .kind = kind,
                                    .lock = &channel->lock,
                                    .queue = &channel->parked,
                                    .object = channel,
                                    .name = channel->name,
                                    .data = out,
                                    .count = missed,
                                }};
    return 0;
}

/* Outside the lock, for the node that the receive holds. */
static int clone_out(struct receive *receive)
{
    struct broadcast *channel = receive->rx->channel;
    struct rn__node *node = receive->node;
    const int rc = rn__element_clone(&channel->element, receive->operation.data,
                                     rn__node_value(&channel->nodes, node));
    rn__lock_acquire(&channel->lock);
    if (rc != 0)
        receive->rx->cursor = receive->cursor_before;
    struct rn__node *forgotten = let_go(channel, node);
    rn__lock_release(&channel->lock);
    retire(channel, forgotten);
    return rc;
}

/* After the operation, however it ended. */
static int finish(struct receive *receive, int rc)
{
    if (receive->is_parked) {
        rn__lock_acquire(receive->operation.lock);
        receive->rx->is_parked = false;
        rn__lock_release(receive->operation.lock);
    }
    if (receive->node != NULL)
        rc = clone_out(receive);
    if (rc == 0 && receive->operation.count != NULL)
        *receive->operation.count = receive->missed;
    return rc;
}

int rn_broadcast_recv_until(rn_broadcast_rx *rx, void *out, uint64_t *missed, rn_deadline deadline)
{
    struct receive receive;
    const int rc = receive_init(&receive, &recv_kind, rx, out, missed);
    return rc != 0 ? rc : finish(&receive, rn__await(&receive.operation, deadline, RN__CANCELLABLE));
}

int rn_broadcast_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    return rn_broadcast_recv_until(rx, out, missed, RN_FOREVER);
}

int rn_broadcast_try_recv(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    struct receive receive;
    const int rc = receive_init(&receive, &try_recv_kind, rx, out, missed);
    return rc != 0 ? rc : finish(&receive, rn__attempt(&receive.operation, RN_EMPTY));
}

/* --------------------------------------------------------------------------------------------------- questions -- */

size_t rn_broadcast_tx_receivers(const rn_broadcast_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const size_t count = channel->rx_count;
    rn__lock_release(&channel->lock);
    return count;
}

size_t rn_broadcast_rx_len(const rn_broadcast_rx *rx)
{
    if (rx == NULL)
        return 0;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    struct broadcast *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    const uint64_t length = channel->next - rx->cursor;
    rn__lock_release(&channel->lock);
    return (size_t)length;
}
