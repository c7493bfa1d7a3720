/* SPDX-License-Identifier: MIT */
/* watched.h - a watch of ints, and what can be said about one in a word: for the cases about watch. */
#ifndef TESTS_API_WATCHED_H
#define TESTS_API_WATCHED_H

#include <runnel/watch.h>

#include "api/parked.h"

#define WATCHED __attribute__((unused)) static

static const char name[] = "watch under test";

__attribute__((unused)) static const rn_elem int_elem = {.size = sizeof(int), .align = _Alignof(int), .name = name};

struct pair {
    rn_watch_tx *tx;
    rn_watch_rx *rx;
};

WATCHED struct pair make(int initial)
{
    struct pair pair;
    REQUIRE(rn_watch_channel(&pair.tx, &pair.rx, &initial, &int_elem) == 0);
    return pair;
}

WATCHED void drop(struct pair *pair)
{
    rn_watch_tx_drop(pair->tx);
    rn_watch_rx_drop(pair->rx);
}

WATCHED rn_watch_rx *subscribe(rn_watch_tx *tx)
{
    rn_watch_rx *rx;
    REQUIRE(rn_watch_subscribe(&rx, tx) == 0);
    return rx;
}

WATCHED void set(rn_watch_tx *tx, int value)
{
    CHECK_RC(rn_watch_set(tx, &value), 0);
}

WATCHED int peek(rn_watch_rx *rx)
{
    int value = -1;
    CHECK_RC(rn_watch_peek(rx, &value), 0);
    return value;
}

WATCHED int get(rn_watch_rx *rx)
{
    int value = -1;
    CHECK_RC(rn_watch_get(rx, &value), 0);
    return value;
}

/* A receive that may not wait. */
WATCHED void expect(rn_watch_rx *rx, int value)
{
    int got = -1;
    CHECK_RC(rn_watch_recv_until(rx, &got, rn_at_ns(1)), 0);
    CHECK_EQ(got, value);
}

WATCHED void expect_none(rn_watch_rx *rx, int code)
{
    int got = -1;
    CHECK_RC(rn_watch_recv_until(rx, &got, rn_at_ns(1)), code);
    CHECK_EQ(got, -1);
    CHECK_RC(rn_watch_changed_until(rx, rn_at_ns(1)), code);
}

#endif
