/* SPDX-License-Identifier: MIT */
/* as_mpmc.h - what is included behind this, and written about mpsc, is about mpmc: its calls in place of those. */
#ifndef TESTS_API_AS_MPMC_H
#define TESTS_API_AS_MPMC_H

#include <runnel.h>

#include "api/tasks.h"

/* clang-format off */
#define rn_mpsc_channel rn_mpmc_channel
#define rn_mpsc_channel_with rn_mpmc_channel_with
#define rn_mpsc_give rn_mpmc_give
#define rn_mpsc_opts rn_mpmc_opts
#define rn_mpsc_permit rn_mpmc_permit
#define rn_mpsc_permit_drop rn_mpmc_permit_drop
#define rn_mpsc_permit_send rn_mpmc_permit_send
#define rn_mpsc_recv rn_mpmc_recv
#define rn_mpsc_recv_case rn_mpmc_recv_case
#define rn_mpsc_recv_many rn_mpmc_recv_many
#define rn_mpsc_recv_many_until rn_mpmc_recv_many_until
#define rn_mpsc_recv_until rn_mpmc_recv_until
#define rn_mpsc_reserve rn_mpmc_reserve
#define rn_mpsc_reserve_case rn_mpmc_reserve_case
#define rn_mpsc_reserve_until rn_mpmc_reserve_until
#define rn_mpsc_rx rn_mpmc_rx
#define rn_mpsc_rx_close rn_mpmc_rx_close
#define rn_mpsc_rx_drop rn_mpmc_rx_drop
#define rn_mpsc_rx_info rn_mpmc_rx_info
#define rn_mpsc_rx_is_closed rn_mpmc_rx_is_closed
#define rn_mpsc_rx_len rn_mpmc_rx_len
#define rn_mpsc_send rn_mpmc_send
#define rn_mpsc_send_case rn_mpmc_send_case
#define rn_mpsc_send_many rn_mpmc_send_many
#define rn_mpsc_send_many_until rn_mpmc_send_many_until
#define rn_mpsc_send_until rn_mpmc_send_until
#define rn_mpsc_try_recv rn_mpmc_try_recv
#define rn_mpsc_try_recv_many rn_mpmc_try_recv_many
#define rn_mpsc_try_reserve rn_mpmc_try_reserve
#define rn_mpsc_try_send rn_mpmc_try_send
#define rn_mpsc_try_send_many rn_mpmc_try_send_many
#define rn_mpsc_tx rn_mpmc_tx
#define rn_mpsc_tx_clone rn_mpmc_tx_clone
#define rn_mpsc_tx_closed rn_mpmc_tx_closed
#define rn_mpsc_tx_closed_case rn_mpmc_tx_closed_case
#define rn_mpsc_tx_closed_until rn_mpmc_tx_closed_until
#define rn_mpsc_tx_downgrade rn_mpmc_tx_downgrade
#define rn_mpsc_tx_drop rn_mpmc_tx_drop
#define rn_mpsc_tx_info rn_mpmc_tx_info
#define rn_mpsc_tx_is_closed rn_mpmc_tx_is_closed
#define rn_mpsc_tx_room rn_mpmc_tx_room
#define rn_mpsc_tx_same_channel rn_mpmc_tx_same_channel
#define rn_mpsc_weak rn_mpmc_weak
#define rn_mpsc_weak_clone rn_mpmc_weak_clone
#define rn_mpsc_weak_drop rn_mpmc_weak_drop
#define rn_mpsc_weak_upgrade rn_mpmc_weak_upgrade
/* clang-format on */

#endif
