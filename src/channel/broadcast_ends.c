/* SPDX-License-Identifier: MIT */
/* broadcast_ends.c - who is at a broadcast channel: its making, more and fewer senders, receivers and weak senders,
 * and what can be asked about them.
 *
 * Messages are kept for those who may still read them: while a receiver is there, or, if the channel was made with
 * RN_BROADCAST_KEEP, while there may be one again. When the last such end is dropped the history is given up under
 * the lock, at once and for everybody; the values are dropped after that, one by one outside the lock, while others
 * may send and subscribe already.
 *
 * Of a counted kind each end brings the nodes that it can hold at once: a sender one, for what it sends and then for
 * what it overwrote, while that is dropped; a receiver one, for what it clones, and where it may borrow one for that.
 */
#include "channel/broadcast.h"

#include "base/alloc.h"

/* ----------------------------------------------------------------------------------------------- letting go -- */

static void destroy(struct rn__broadcast *channel)
{
    rn__history_fini(&channel->history);
    rn__free(channel, sizeof *channel);
}

/* Under the lock. */
static void give_room_back(struct rn__broadcast *channel, size_t nodes)
{
    if (channel->history.is_counted)
        rn__nodes_take_back_promise(&channel->history.nodes, nodes);
}

void rn__broadcast_leave(struct rn__broadcast *channel, size_t nodes)
{
    rn__lock_acquire(&channel->lock);
    give_room_back(channel, nodes);
    const bool last = --channel->history.nodes.users == 0;
    rn__lock_release(&channel->lock);
    if (last)
        destroy(channel);
}

void rn__broadcast_retire(struct rn__broadcast *channel, struct rn__node *node)
{
    if (node != NULL && rn__nodes_retire(&channel->history.nodes, node, &channel->lock))
        destroy(channel);
}

/* What was given up before is swept by whoever did that: maybe by a caller of ours, whose drop function dropped this
 * end. */
uint64_t rn__broadcast_give_up(struct rn__broadcast *channel)
{
    struct rn__history *history = &channel->history;
    if (channel->rx_count > 0 || (channel->keeps && channel->tx_count > 0) || history->oldest == history->next)
        return 0;
    rn__history_abandon(history);
    return history->next;
}

void rn__broadcast_sweep(struct rn__broadcast *channel, uint64_t until)
{
    struct rn__node *doomed;
    if (until == 0)
        return;
    do {
        rn__lock_acquire(&channel->lock);
        doomed = rn__history_sweep(&channel->history, until);
        rn__lock_release(&channel->lock);
        rn__broadcast_retire(channel, doomed);
    } while (doomed != NULL);
}

/* ----------------------------------------------------------------------------------------- making and freeing -- */

/* Of messages that own something and cannot be cloned: those can only be borrowed. */
static int refuse_clone(void *to, const void *from, void *ctx)
{
    (void)to, (void)from, (void)ctx;
    return RN_EINVAL;
}

/* How many nodes a receiver can hold at once. */
static size_t nodes_of_receiver(const struct rn__broadcast *channel)
{
    return channel->may_borrow ? 2 : 1;
}

static struct rn__broadcast *make(size_t capacity, const struct rn__element *element, const rn_broadcast_opts *opts)
{
    struct rn__broadcast *channel = rn__alloc_zeroed(sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->element = *element;
    channel->record.name = opts != NULL && opts->name != NULL ? opts->name : element->name;
    channel->keeps = opts != NULL && (opts->flags & RN_BROADCAST_KEEP) != 0;
    channel->may_block = opts != NULL && (opts->flags & RN_BROADCAST_MAY_BLOCK) != 0;
    channel->may_borrow = opts != NULL && (opts->flags & RN_BROADCAST_BORROW) != 0;
    channel->slowest = UINT64_MAX;
    rn__list_init(&channel->receivers);
    if (!rn__element_can_clone(element))
        channel->element.clone = refuse_clone;
    if (rn__history_init(&channel->history, &channel->element, capacity,
                         channel->may_borrow ? RN__ALL_IN_NODES : RN__WHERE_CLONED, 1 + nodes_of_receiver(channel)))
        return channel;
    rn__free(channel, sizeof *channel);
    return NULL;
}

static void set_up_sender(rn_broadcast_tx *tx, struct rn__broadcast *channel)
{
    rn__end_init(&tx->end, RN__BROADCAST_TX, channel->record.name);
    tx->channel = channel;
    channel->tx_count++;
    rn__nodes_enter(&channel->history.nodes);
}

static void set_up_receiver(rn_broadcast_rx *rx, struct rn__broadcast *channel, uint64_t cursor,
                            enum rn_on_lag on_lag)
{
    *rx = (rn_broadcast_rx){.channel = channel, .cursor = cursor, .on_lag = on_lag};
    rn__end_init(&rx->end, RN__BROADCAST_RX, channel->record.name);
    rn__broadcast_mind(rx);
    rn__list_push_back(&channel->receivers, &rx->link);
    channel->rx_count++;
    rn__nodes_enter(&channel->history.nodes);
}

static bool are_valid(const rn_broadcast_opts *opts)
{
    if (opts == NULL)
        return true;
    const uint32_t unknown = opts->flags &
                             ~(uint32_t)(RN_BROADCAST_KEEP | RN_BROADCAST_MAY_BLOCK | RN_BROADCAST_BORROW);
    return rn__options_are_valid(unknown, opts->reserved0, opts->reserved, RN__COUNT(opts->reserved));
}

static bool can_be_read(const struct rn__element *element, const rn_broadcast_opts *opts)
{
    return rn__element_can_clone(element) || (opts != NULL && (opts->flags & RN_BROADCAST_BORROW) != 0);
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
    if (rn__element_init(&element, elem) != 0 || !can_be_read(&element, opts))
        return RN_EINVAL;
    struct rn__broadcast *channel = make(capacity, &element, opts);
    if (channel == NULL)
        return RN_ENOMEM;
    channel->record.birthplace = birthplace;
    set_up_sender(&channel->first_tx, channel);
    *tx = &channel->first_tx;
    if (rx == NULL)
        return 0;
    set_up_receiver(&channel->first_rx, channel, 0, RN_ON_LAG_REPORT);
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

/* ------------------------------------------------------------------------------------------------ one more end -- */

/* Takes the lock and keeps it, unless this says RN_ENOMEM: there is none for the nodes that one more end brings. */
static int lock_with_room(struct rn__broadcast *channel, size_t nodes)
{
    rn__lock_acquire(&channel->lock);
    if (!channel->history.is_counted || rn__nodes_promise(&channel->history.nodes, nodes, &channel->lock))
        return 0;
    rn__lock_release(&channel->lock);
    return RN_ENOMEM;
}

/* is_upgrade: the caller is none of the senders, of which one must be left. */
static int one_more_sender(rn_broadcast_tx **out, struct rn__broadcast *channel, bool is_upgrade)
{
    rn_broadcast_tx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    int rc = lock_with_room(channel, 1);
    if (rc != 0)
        goto free_end;
    rc = RN_CLOSED;
    if (is_upgrade && channel->tx_count == 0)
        goto give_room_back;
    set_up_sender(made, channel);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
give_room_back:
    give_room_back(channel, 1);
    rn__lock_release(&channel->lock);
free_end:
    rn__free(made, sizeof *made);
    return rc;
}

int rn_broadcast_tx_clone(rn_broadcast_tx **out, rn_broadcast_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    return one_more_sender(out, tx->channel, false);
}

int rn_broadcast_weak_upgrade(rn_broadcast_tx **out, rn_broadcast_weak *weak)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || weak == NULL)
        return RN_EINVAL;
    rn__end_check(&weak->end, RN__BROADCAST_WEAK);
    return one_more_sender(out, weak->channel, true);
}

static int one_more_weak(rn_broadcast_weak **out, struct rn__broadcast *channel)
{
    rn_broadcast_weak *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    rn__end_init(&made->end, RN__BROADCAST_WEAK, channel->record.name);
    made->channel = channel;
    rn__lock_acquire(&channel->lock);
    channel->weak_count++;
    rn__nodes_enter(&channel->history.nodes);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
}

int rn_broadcast_tx_downgrade(rn_broadcast_weak **out, rn_broadcast_tx *tx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    return one_more_weak(out, tx->channel);
}

int rn_broadcast_weak_clone(rn_broadcast_weak **out, rn_broadcast_weak *weak)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || weak == NULL)
        return RN_EINVAL;
    rn__end_check(&weak->end, RN__BROADCAST_WEAK);
    return one_more_weak(out, weak->channel);
}

/* Where a new receiver begins, and how it minds falling behind. */
enum place { AT_THE_END, AT_NUMBER, AT_RECEIVER };

struct beginning {
    enum place place;
    enum rn_on_lag on_lag;
    uint64_t number;
    const rn_broadcast_rx *rx;
};

/* Under the lock. */
static uint64_t number_of(const struct rn__history *history, const struct beginning *beginning)
{
    if (beginning->place == AT_THE_END)
        return history->next;
    if (beginning->place == AT_RECEIVER)
        return beginning->rx->cursor;
    return beginning->number == RN_OLDEST ? history->oldest : beginning->number;
}

static int one_more_receiver(rn_broadcast_rx **out, struct rn__broadcast *channel, const struct beginning *beginning)
{
    rn_broadcast_rx *made = rn__alloc(sizeof *made);
    if (made == NULL)
        return RN_ENOMEM;
    int rc = lock_with_room(channel, nodes_of_receiver(channel));
    if (rc != 0)
        goto free_end;
    rc = RN_EINVAL;
    const uint64_t cursor = number_of(&channel->history, beginning);
    if (cursor > channel->history.next)
        goto give_room_back;
    set_up_receiver(made, channel, cursor, beginning->on_lag);
    rn__lock_release(&channel->lock);
    *out = made;
    return 0;
give_room_back:
    give_room_back(channel, nodes_of_receiver(channel));
    rn__lock_release(&channel->lock);
free_end:
    rn__free(made, sizeof *made);
    return rc;
}

static bool can_subscribe(const struct rn__broadcast *channel, const rn_subscribe_opts *opts)
{
    const uint32_t unknown = opts->flags & ~(uint32_t)RN_SUBSCRIBE_FROM;
    if (!rn__options_are_valid(unknown, 0, opts->reserved, RN__COUNT(opts->reserved)))
        return false;
    if (opts->flags == 0 && opts->sequence != 0)
        return false;
    switch (opts->on_lag) {
    case RN_ON_LAG_REPORT:
    case RN_ON_LAG_SKIP_TO_LATEST:
    case RN_ON_LAG_DISCONNECT:
        return true;
    case RN_ON_LAG_BLOCK:
        return channel->may_block;
    }
    return false;
}

int rn_broadcast_subscribe_with(rn_broadcast_rx **rx, rn_broadcast_tx *tx, const rn_subscribe_opts *opts)
{
    static const rn_subscribe_opts defaults = {.on_lag = RN_ON_LAG_REPORT};
    if (rx != NULL)
        *rx = NULL;
    if (rx == NULL || tx == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    if (opts == NULL)
        opts = &defaults;
    if (!can_subscribe(tx->channel, opts))
        return RN_EINVAL;
    return one_more_receiver(rx, tx->channel,
                             &(struct beginning){
                                 .place = opts->flags == RN_SUBSCRIBE_FROM ? AT_NUMBER : AT_THE_END,
                                 .on_lag = opts->on_lag,
                                 .number = opts->sequence,
                             });
}

int rn_broadcast_subscribe(rn_broadcast_rx **rx, rn_broadcast_tx *tx)
{
    return rn_broadcast_subscribe_with(rx, tx, NULL);
}

int rn_broadcast_subscribe_from(rn_broadcast_rx **rx, rn_broadcast_tx *tx, uint64_t sequence)
{
    return rn_broadcast_subscribe_with(rx, tx,
                                       &(rn_subscribe_opts){.flags = RN_SUBSCRIBE_FROM, .sequence = sequence});
}

static int copy_receiver(rn_broadcast_rx **out, const rn_broadcast_rx *rx, enum place place)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    return one_more_receiver(out, rx->channel, &(struct beginning){.place = place, .on_lag = rx->on_lag, .rx = rx});
}

int rn_broadcast_resubscribe(rn_broadcast_rx **out, const rn_broadcast_rx *rx)
{
    return copy_receiver(out, rx, AT_THE_END);
}

int rn_broadcast_rx_clone(rn_broadcast_rx **out, const rn_broadcast_rx *rx)
{
    return copy_receiver(out, rx, AT_RECEIVER);
}

/* ------------------------------------------------------------------------------------------------ one end less -- */

void rn_broadcast_tx_drop(rn_broadcast_tx *tx)
{
    struct rn__wakes wakes = {0};
    uint64_t until = 0;
    if (tx == NULL)
        return;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    rn__end_fini(&tx->end);
    struct rn__broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    if (--channel->tx_count == 0) {
        rn__record_closed(&channel->record, RN_WHY_SENDERS_GONE);
        rn__wakes_add_all(&wakes, &channel->parked, RN_CLOSED);
        until = rn__broadcast_give_up(channel);
    }
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (tx != &channel->first_tx)
        rn__free(tx, sizeof *tx);
    rn__broadcast_sweep(channel, until);
    rn__broadcast_leave(channel, 1);
}

static uint64_t unread(const rn_broadcast_rx *rx)
{
    return (rx->is_cut ? rx->cut_at : rx->channel->history.next) - rx->cursor;
}

/* Under the lock: it counts no longer. */
static uint64_t unsubscribe(rn_broadcast_rx *rx, struct rn__wakes *wakes)
{
    struct rn__broadcast *channel = rx->channel;
    uint64_t until = 0;
    if (rx->is_cut)
        return 0;
    rn__list_remove(&rx->link);
    if (--channel->rx_count == 0) {
        rn__wakes_add_all(wakes, &channel->closers, 0);
        until = rn__broadcast_give_up(channel);
    }
    if (channel->line.first != NULL)
        rn__broadcast_serve_line(channel, wakes);
    return until;
}

void rn_broadcast_rx_drop(rn_broadcast_rx *rx)
{
    struct rn__wakes wakes = {0};
    if (rx == NULL)
        return;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    rn__end_fini(&rx->end);
    struct rn__broadcast *channel = rx->channel;
    rn__lock_acquire(&channel->lock);
    channel->counts.dropped += unread(rx);
    struct rn__node *borrowed = rn__broadcast_give_back(rx);
    const uint64_t until = unsubscribe(rx, &wakes);
    rn__lock_release(&channel->lock);
    rn__wakes_run(&wakes);
    if (rx != &channel->first_rx)
        rn__free(rx, sizeof *rx);
    rn__broadcast_retire(channel, borrowed);
    rn__broadcast_sweep(channel, until);
    rn__broadcast_leave(channel, nodes_of_receiver(channel));
}

void rn_broadcast_weak_drop(rn_broadcast_weak *weak)
{
    if (weak == NULL)
        return;
    rn__end_check(&weak->end, RN__BROADCAST_WEAK);
    rn__end_fini(&weak->end);
    struct rn__broadcast *channel = weak->channel;
    rn__lock_acquire(&channel->lock);
    channel->weak_count--;
    rn__lock_release(&channel->lock);
    rn__free(weak, sizeof *weak);
    rn__broadcast_leave(channel, 0);
}

/* --------------------------------------------------------------------------------------------------- questions -- */

size_t rn_broadcast_tx_receivers(const rn_broadcast_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct rn__broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const size_t count = channel->rx_count;
    rn__lock_release(&channel->lock);
    return count;
}

/* Under the lock: the most that one receiver has still to read, overwritten ones included. */
static uint64_t farthest_behind(const struct rn__broadcast *channel)
{
    uint64_t most = 0;
    const struct rn__link *head = &channel->receivers;
    for (struct rn__link *link = head->next; link != head; link = link->next) {
        const uint64_t behind = unread(rn__container_of(link, rn_broadcast_rx, link));
        if (behind > most)
            most = behind;
    }
    return most;
}

size_t rn_broadcast_tx_len(const rn_broadcast_tx *tx)
{
    if (tx == NULL)
        return 0;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    struct rn__broadcast *channel = tx->channel;
    rn__lock_acquire(&channel->lock);
    const uint64_t kept = channel->history.next - channel->history.oldest;
    const uint64_t behind = farthest_behind(channel);
    rn__lock_release(&channel->lock);
    return (size_t)(behind < kept ? behind : kept);
}

size_t rn_broadcast_rx_len(const rn_broadcast_rx *rx)
{
    if (rx == NULL)
        return 0;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    rn__lock_acquire(&rx->channel->lock);
    const uint64_t length = unread(rx);
    rn__lock_release(&rx->channel->lock);
    return (size_t)length;
}

uint64_t rn_broadcast_rx_sequence(const rn_broadcast_rx *rx)
{
    if (rx == NULL)
        return 0;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    rn__lock_acquire(&rx->channel->lock);
    const uint64_t number = rx->cursor;
    rn__lock_release(&rx->channel->lock);
    return number;
}

bool rn_broadcast_rx_is_closed(const rn_broadcast_rx *rx)
{
    if (rx == NULL)
        return false;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    rn__lock_acquire(&rx->channel->lock);
    const bool is_closed = rx->is_cut || rx->channel->tx_count == 0;
    rn__lock_release(&rx->channel->lock);
    return is_closed;
}

bool rn_broadcast_tx_same_channel(const rn_broadcast_tx *a, const rn_broadcast_tx *b)
{
    if (a == NULL || b == NULL)
        return false;
    rn__end_check(&a->end, RN__BROADCAST_TX);
    rn__end_check(&b->end, RN__BROADCAST_TX);
    return a->channel == b->channel;
}

bool rn_broadcast_rx_same_channel(const rn_broadcast_rx *a, const rn_broadcast_rx *b)
{
    if (a == NULL || b == NULL)
        return false;
    rn__end_check(&a->end, RN__BROADCAST_RX);
    rn__end_check(&b->end, RN__BROADCAST_RX);
    return a->channel == b->channel;
}

static void tell(struct rn__broadcast *channel, rn_channel_info *info)
{
    rn__lock_acquire(&channel->lock);
    rn__record_tell(&channel->record, &channel->counts, "broadcast", info);
    info->senders = channel->tx_count;
    info->receivers = channel->rx_count;
    info->weak = channel->weak_count;
    info->capacity = channel->history.capacity;
    info->depth = (size_t)(channel->history.next - channel->history.oldest);
    rn__lock_release(&channel->lock);
}

int rn_broadcast_tx_info(const rn_broadcast_tx *tx, rn_channel_info *out)
{
    if (tx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&tx->end, RN__BROADCAST_TX);
    tell(tx->channel, out);
    return 0;
}

int rn_broadcast_rx_info(const rn_broadcast_rx *rx, rn_channel_info *out)
{
    if (rx == NULL || out == NULL)
        return RN_EINVAL;
    rn__end_check(&rx->end, RN__BROADCAST_RX);
    tell(rx->channel, out);
    return 0;
}
