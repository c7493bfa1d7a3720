/* SPDX-License-Identifier: MIT */
/* events.h - a broadcast of numbers, for cases about who sees what and who missed how many. */
#ifndef TESTS_API_EVENTS_H
#define TESTS_API_EVENTS_H

#include <runnel/broadcast.h>

#include "api/parked.h"
#include "harness/harness.h"

#define EVENTS_HELPER __attribute__((unused)) static

static const char events_name[] = "broadcast under test";

static const rn_elem events_elem = {.size = sizeof(int), .align = _Alignof(int), .name = events_name};

struct pair {
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
};

EVENTS_HELPER struct pair make_with(size_t capacity, uint32_t flags)
{
    struct pair pair;
    const rn_broadcast_opts opts = {.flags = flags};
    REQUIRE(rn_broadcast_channel_with(&pair.tx, &pair.rx, capacity, &events_elem, &opts) == 0);
    return pair;
}

EVENTS_HELPER struct pair make(size_t capacity)
{
    return make_with(capacity, 0);
}

EVENTS_HELPER void drop(struct pair *pair)
{
    rn_broadcast_tx_drop(pair->tx);
    rn_broadcast_rx_drop(pair->rx);
}

EVENTS_HELPER rn_broadcast_rx *subscribe(rn_broadcast_tx *tx)
{
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_subscribe(&rx, tx) == 0);
    return rx;
}

EVENTS_HELPER void send_range(rn_broadcast_tx *tx, int first, int last)
{
    for (int i = first; i <= last; i++)
        CHECK_RC(rn_broadcast_send(tx, &i), 0);
}

/* The next message is this one, behind so many that were lost. */
EVENTS_HELPER void expect(rn_broadcast_rx *rx, int message, uint64_t lost)
{
    int got = -1;
    uint64_t missed = 77;
    CHECK_RC(rn_broadcast_try_recv(rx, &got, &missed), 0);
    CHECK_EQ(got, message);
    CHECK_EQ(missed, lost);
}

/* No message now, for this reason, and the places for one are left alone. */
EVENTS_HELPER void expect_none(rn_broadcast_rx *rx, int code)
{
    int got = -1;
    uint64_t missed = 77;
    CHECK_RC(rn_broadcast_try_recv(rx, &got, &missed), code);
    CHECK_EQ(got, -1);
    CHECK_EQ(missed, 77);
}

/* One receive, by an actor. */
struct reader {
    rn_broadcast_rx *rx;
    rn_deadline deadline;
    bool without_count;
    int got;
    uint64_t missed;
};

EVENTS_HELPER int read_one(void *arg)
{
    struct reader *reader = arg;
    reader->got = -1;
    reader->missed = 77;
    return rn_broadcast_recv_until(reader->rx, &reader->got, reader->without_count ? NULL : &reader->missed,
                                   reader->deadline);
}

#endif
