/* SPDX-License-Identifier: MIT */
/* watch_set.c - the side of the senders: a new value takes the place of the current one, in one short section.
 *
 * Whatever needs the value before (replace: to give it back; modify: to change a copy) may have to clone it, which
 * does not happen under the lock. So the copy is made first, and the new value takes the place only if the current
 * one is still the one that was copied; else the copy is dropped and made again. Somebody else has set a value then:
 * senders hold each other up for one more try, never for good.
 */
#include "channel/watch.h"

/* Under the lock: the node's value is the current one from now on. Gives the node before, which the channel held. */
static struct rn__node *publish(struct rn__watch *channel, struct rn__node *node, struct rn__wakes *wakes)
{
    struct rn__node *old = channel->current;
    channel->current = node;
    channel->version++;
    rn__counts_sent(&channel->counts, 1, 1);
    rn__watch_serve_parked(channel, wakes);
    return old;
}

/* ----------------------------------------------------------------------------------------------------- setting -- */

static int store(rn_watch_tx *tx, const void *value, bool needs_receiver)
{
    struct rn__wakes wakes = {0};
    int rc = RN_ENOMEM;
    if (tx == NULL || value == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    struct rn__node *node = rn__nodes_take(&channel->nodes, &channel->lock);
    if (node == NULL)
        goto unlock;
    rc = RN_NOBODY;
    if (needs_receiver && channel->rx_count == 0)
        goto put_node;
    rn__element_move(&channel->element, rn__node_value(&channel->nodes, node), value);
    struct rn__node *old = rn__nodes_let_go(&channel->nodes, publish(channel, node, &wakes));
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    rn__watch_retire(channel, old);
    return 0;
put_node:
    rn__nodes_put(&channel->nodes, node);
unlock:
    rn__lock_release(&channel->lock);
    return rc;
}

int rn_watch_set(rn_watch_tx *tx, const void *value)
{
    return store(tx, value, false);
}

int rn_watch_send(rn_watch_tx *tx, const void *value)
{
    return store(tx, value, true);
}

/* --------------------------------------------------------------------------------------------------- replacing -- */

/* Under the lock, which this leaves while it clones. RN__PENDING: there is another value meanwhile. */
static int clone_current(struct rn__watch *channel, void *to)
{
    struct rn__copy copy = {.to = to};
    const uint64_t version = channel->version;
    rn__copy_begin(&copy, channel);
    rn__lock_release(&channel->lock);
    int rc = rn__copy_end(&copy, channel);
    rn__lock_acquire(&channel->lock);
    if (rc != 0 || version == channel->version)
        return rc;
    rn__lock_release(&channel->lock);
    rn__element_drop(&channel->element, to);
    rn__lock_acquire(&channel->lock);
    return RN__PENDING;
}

/* Under the lock, which this may leave. 0: what is current belongs to the caller too, as a clone, or was moved out
 * of its node because nobody else looks at it. */
static int part_with_current(struct rn__watch *channel, void *old, bool *is_moved)
{
    int rc = RN__PENDING;
    while (rc == RN__PENDING) {
        *is_moved = channel->current->holders == 1;
        if (*is_moved) {
            rn__element_move(&channel->element, old, rn__node_value(&channel->nodes, channel->current));
            return 0;
        }
        if (!rn__element_can_clone(&channel->element))
            return RN_EBUSY;
        rc = clone_current(channel, old);
    }
    return rc;
}

int rn_watch_replace(rn_watch_tx *tx, const void *value, void *old)
{
    struct rn__wakes wakes = {0};
    bool is_moved;
    int rc = RN_ENOMEM;
    if (tx == NULL || value == NULL || old == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    struct rn__node *node = rn__nodes_take(&channel->nodes, &channel->lock);
    if (node == NULL)
        goto unlock;
    rn__element_move(&channel->element, rn__node_value(&channel->nodes, node), value);
    rc = part_with_current(channel, old, &is_moved);
    if (rc != 0)
        goto put_node;
    struct rn__node *before = publish(channel, node, &wakes);
    struct rn__node *dead = NULL;
    if (is_moved)
        rn__nodes_put(&channel->nodes, before);
    else
        dead = rn__nodes_let_go(&channel->nodes, before);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    rn__watch_retire(channel, dead);
    return 0;
put_node:
    rn__nodes_put(&channel->nodes, node);
unlock:
    rn__lock_release(&channel->lock);
    return rc;
}

/* --------------------------------------------------------------------------------------------------- modifying -- */

/* A copy of the value of this version, which nobody else sees. */
struct draft {
    struct rn__node *node;
    uint64_t version;
};

static int draft_begin(struct draft *draft, struct rn__watch *channel)
{
    rn__lock_acquire(&channel->lock);
    draft->node = rn__nodes_take(&channel->nodes, &channel->lock);
    if (draft->node == NULL)
        goto unlock;
    draft->version = channel->version;
    struct rn__copy copy = {.to = rn__node_value(&channel->nodes, draft->node)};
    rn__copy_begin(&copy, channel);
    rn__lock_release(&channel->lock);
    const int rc = rn__copy_end(&copy, channel);
    if (rc == 0)
        return 0;
    rn__lock_acquire(&channel->lock);
    rn__nodes_put(&channel->nodes, draft->node); /* there is nothing in it */
    rn__lock_release(&channel->lock);
    return rc;
unlock:
    rn__lock_release(&channel->lock);
    return RN_ENOMEM;
}

/* false: somebody else has set a value meanwhile, and the draft was dropped. */
static bool draft_publish(const struct draft *draft, struct rn__watch *channel)
{
    struct rn__wakes wakes = {0};
    struct rn__node *old = draft->node;
    rn__lock_acquire(&channel->lock);
    const bool is_current = draft->version == channel->version;
    if (is_current)
        old = publish(channel, draft->node, &wakes);
    old = rn__nodes_let_go(&channel->nodes, old);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    rn__watch_retire(channel, old);
    return is_current;
}

int rn_watch_modify(rn_watch_tx *tx, bool (*change)(void *value, void *ctx), void *ctx)
{
    struct draft draft;
    if (tx == NULL || change == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    struct rn__watch *channel = tx->channel;
    if (!rn__element_can_clone(&channel->element))
        return RN_EINVAL;
    do {
        const int rc = draft_begin(&draft, channel);
        if (rc != 0)
            return rc;
        rn__callback_enter();
        const bool is_wanted = change(rn__node_value(&channel->nodes, draft.node), ctx);
        rn__callback_leave();
        if (!is_wanted) {
            rn__watch_let_go(channel, draft.node);
            return 0;
        }
    } while (!draft_publish(&draft, channel));
    return 0;
}

/* ----------------------------------------------------------------------------------------------------- looking -- */

int rn_watch_tx_peek(const rn_watch_tx *tx, void *out)
{
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__WATCH_TX);
    return rn__watch_copy_current(tx->channel, out);
}
