/* SPDX-License-Identifier: MIT */
/* mpmc.c - an mpsc with several receivers (what it is made of and what holds under its lock: mpsc.h).
 *
 * The core has a queue of receivers anyway; here are a constructor that says that several may stand in it, and one
 * more receiver. All other calls are those of mpsc under a name and with types of their own, one line each.
 */
#include <runnel/mpmc.h>

#include "base/alloc.h"
#include "channel/mpsc.h"

/* ----------------------------------------------------------------------------------- what only an mpmc does -- */

static int make(rn_mpmc_tx **tx, rn_mpmc_rx **rx, size_t capacity, const rn_elem *elem, const rn_mpmc_opts *opts,
                const void *birthplace)
{
    rn_mpsc_tx *made_tx = NULL;
    rn_mpsc_rx *made_rx = NULL;
    const int rc = rn__mpsc_make(tx == NULL ? NULL : &made_tx, rx == NULL ? NULL : &made_rx, capacity, elem, opts,
                                 true, birthplace);
    if (tx != NULL)
        *tx = (rn_mpmc_tx *)made_tx;
    if (rx != NULL)
        *rx = (rn_mpmc_rx *)made_rx;
    return rc;
}

int rn_mpmc_channel(rn_mpmc_tx **tx, rn_mpmc_rx **rx, size_t capacity, const rn_elem *elem)
{
    return make(tx, rx, capacity, elem, NULL, __builtin_return_address(0));
}

int rn_mpmc_channel_with(rn_mpmc_tx **tx, rn_mpmc_rx **rx, size_t capacity, const rn_elem *elem,
                         const rn_mpmc_opts *opts)
{
    return make(tx, rx, capacity, elem, opts, __builtin_return_address(0));
}

static inline rn_mpsc_tx *tx_of(const rn_mpmc_tx *tx)
{
    return (rn_mpsc_tx *)(uintptr_t)tx;
}

static inline rn_mpsc_rx *rx_of(const rn_mpmc_rx *rx)
{
    return (rn_mpsc_rx *)(uintptr_t)rx;
}

static inline rn_mpsc_weak *weak_of(const rn_mpmc_weak *weak)
{
    return (rn_mpsc_weak *)(uintptr_t)weak;
}

int rn_mpmc_rx_clone(rn_mpmc_rx **out, const rn_mpmc_rx *rx)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || rx == NULL)
        return RN_EINVAL;
    rn__end_check(&rx_of(rx)->end, RN__MPSC_RX);
    struct rn__mpsc *channel = rx_of(rx)->channel;
    rn_mpsc_rx *clone = rn__alloc(sizeof *clone);
    if (clone == NULL)
        return RN_ENOMEM;
    clone->channel = channel;
    rn__end_init(&clone->end, RN__MPSC_RX, channel->record.name);
    rn__lock_acquire(&channel->lock);
    channel->rx_count++;
    rn__lock_release(&channel->lock);
    *out = (rn_mpmc_rx *)clone;
    return 0;
}

/* ------------------------------------------------------------------------------- new ends, through a local -- */

int rn_mpmc_tx_clone(rn_mpmc_tx **out, rn_mpmc_tx *tx)
{
    rn_mpsc_tx *made = NULL;
    const int rc = rn_mpsc_tx_clone(out == NULL ? NULL : &made, tx_of(tx));
    if (out != NULL)
        *out = (rn_mpmc_tx *)made;
    return rc;
}

int rn_mpmc_tx_downgrade(rn_mpmc_weak **out, rn_mpmc_tx *tx)
{
    rn_mpsc_weak *made = NULL;
    const int rc = rn_mpsc_tx_downgrade(out == NULL ? NULL : &made, tx_of(tx));
    if (out != NULL)
        *out = (rn_mpmc_weak *)made;
    return rc;
}

int rn_mpmc_weak_clone(rn_mpmc_weak **out, rn_mpmc_weak *weak)
{
    rn_mpsc_weak *made = NULL;
    const int rc = rn_mpsc_weak_clone(out == NULL ? NULL : &made, weak_of(weak));
    if (out != NULL)
        *out = (rn_mpmc_weak *)made;
    return rc;
}

int rn_mpmc_weak_upgrade(rn_mpmc_tx **out, rn_mpmc_weak *weak)
{
    rn_mpsc_tx *made = NULL;
    const int rc = rn_mpsc_weak_upgrade(out == NULL ? NULL : &made, weak_of(weak));
    if (out != NULL)
        *out = (rn_mpmc_tx *)made;
    return rc;
}

/* ---------------------------------------------------------------------------------- the same, word for word -- */

/* clang-format off */
int rn_mpmc_send(rn_mpmc_tx *tx, const void *message) { return rn_mpsc_send(tx_of(tx), message); }
int rn_mpmc_try_send(rn_mpmc_tx *tx, const void *message) { return rn_mpsc_try_send(tx_of(tx), message); }
int rn_mpmc_send_until(rn_mpmc_tx *tx, const void *message, rn_deadline deadline)
    { return rn_mpsc_send_until(tx_of(tx), message, deadline); }
int rn_mpmc_give(rn_mpmc_tx *tx, void *message) { return rn_mpsc_give(tx_of(tx), message); }
int rn_mpmc_send_many(rn_mpmc_tx *tx, const void *messages, size_t count, size_t *sent)
    { return rn_mpsc_send_many(tx_of(tx), messages, count, sent); }
int rn_mpmc_try_send_many(rn_mpmc_tx *tx, const void *messages, size_t count, size_t *sent)
    { return rn_mpsc_try_send_many(tx_of(tx), messages, count, sent); }
int rn_mpmc_send_many_until(rn_mpmc_tx *tx, const void *messages, size_t count, size_t *sent, rn_deadline deadline)
    { return rn_mpsc_send_many_until(tx_of(tx), messages, count, sent, deadline); }

int rn_mpmc_reserve(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out)
    { return rn_mpsc_reserve(tx_of(tx), count, out); }
int rn_mpmc_try_reserve(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out)
    { return rn_mpsc_try_reserve(tx_of(tx), count, out); }
int rn_mpmc_reserve_until(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out, rn_deadline deadline)
    { return rn_mpsc_reserve_until(tx_of(tx), count, out, deadline); }
int rn_mpmc_permit_send(rn_mpmc_permit *permit, void *message) { return rn_mpsc_permit_send(permit, message); }
void rn_mpmc_permit_drop(rn_mpmc_permit *permit) { rn_mpsc_permit_drop(permit); }

int rn_mpmc_recv(rn_mpmc_rx *rx, void *out) { return rn_mpsc_recv(rx_of(rx), out); }
int rn_mpmc_try_recv(rn_mpmc_rx *rx, void *out) { return rn_mpsc_try_recv(rx_of(rx), out); }
int rn_mpmc_recv_until(rn_mpmc_rx *rx, void *out, rn_deadline deadline)
    { return rn_mpsc_recv_until(rx_of(rx), out, deadline); }
int rn_mpmc_recv_many(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count)
    { return rn_mpsc_recv_many(rx_of(rx), out, limit, count); }
int rn_mpmc_try_recv_many(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count)
    { return rn_mpsc_try_recv_many(rx_of(rx), out, limit, count); }
int rn_mpmc_recv_many_until(rn_mpmc_rx *rx, void *out, size_t limit, size_t *count, rn_deadline deadline)
    { return rn_mpsc_recv_many_until(rx_of(rx), out, limit, count, deadline); }

rn_case rn_mpmc_send_case(rn_mpmc_tx *tx, const void *message) { return rn_mpsc_send_case(tx_of(tx), message); }
rn_case rn_mpmc_recv_case(rn_mpmc_rx *rx, void *out) { return rn_mpsc_recv_case(rx_of(rx), out); }
rn_case rn_mpmc_reserve_case(rn_mpmc_tx *tx, size_t count, rn_mpmc_permit *out)
    { return rn_mpsc_reserve_case(tx_of(tx), count, out); }
rn_case rn_mpmc_tx_closed_case(rn_mpmc_tx *tx) { return rn_mpsc_tx_closed_case(tx_of(tx)); }

int rn_mpmc_tx_closed(rn_mpmc_tx *tx) { return rn_mpsc_tx_closed(tx_of(tx)); }
int rn_mpmc_tx_closed_until(rn_mpmc_tx *tx, rn_deadline deadline)
    { return rn_mpsc_tx_closed_until(tx_of(tx), deadline); }
void rn_mpmc_tx_drop(rn_mpmc_tx *tx) { rn_mpsc_tx_drop(tx_of(tx)); }
void rn_mpmc_rx_drop(rn_mpmc_rx *rx) { rn_mpsc_rx_drop(rx_of(rx)); }
void rn_mpmc_rx_close(rn_mpmc_rx *rx) { rn_mpsc_rx_close(rx_of(rx)); }
void rn_mpmc_weak_drop(rn_mpmc_weak *weak) { rn_mpsc_weak_drop(weak_of(weak)); }

bool rn_mpmc_tx_is_closed(const rn_mpmc_tx *tx) { return rn_mpsc_tx_is_closed(tx_of(tx)); }
bool rn_mpmc_rx_is_closed(const rn_mpmc_rx *rx) { return rn_mpsc_rx_is_closed(rx_of(rx)); }
size_t rn_mpmc_tx_room(const rn_mpmc_tx *tx) { return rn_mpsc_tx_room(tx_of(tx)); }
size_t rn_mpmc_rx_len(const rn_mpmc_rx *rx) { return rn_mpsc_rx_len(rx_of(rx)); }
bool rn_mpmc_tx_same_channel(const rn_mpmc_tx *a, const rn_mpmc_tx *b)
    { return rn_mpsc_tx_same_channel(tx_of(a), tx_of(b)); }
int rn_mpmc_tx_info(const rn_mpmc_tx *tx, rn_channel_info *out) { return rn_mpsc_tx_info(tx_of(tx), out); }
int rn_mpmc_rx_info(const rn_mpmc_rx *rx, rn_channel_info *out) { return rn_mpsc_rx_info(rx_of(rx), out); }
/* clang-format on */
