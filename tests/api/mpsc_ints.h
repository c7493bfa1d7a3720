/* SPDX-License-Identifier: MIT */
/* mpsc_ints.h - what cases about mpsc channels share: one of ints, its calls by value, and actors that make one call
 * each. Messages of these cases are not negative, so a receive gives the message or the code. */
#ifndef TESTS_API_MPSC_INTS_H
#define TESTS_API_MPSC_INTS_H

#include "api/parked.h"
#include "api/tasks.h"

#include <stdio.h>
#include <unistd.h>

struct channel {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
};

HELPER struct channel channel_of(size_t capacity, const rn_elem *elem)
{
    struct channel channel;
    REQUIRE(rn_mpsc_channel(&channel.tx, &channel.rx, capacity, elem) == 0);
    return channel;
}

HELPER struct channel channel_of_ints(size_t capacity)
{
    return channel_of(capacity, RN_ELEM(int));
}

HELPER void drop_both(struct channel channel)
{
    rn_mpsc_tx_drop(channel.tx);
    rn_mpsc_rx_drop(channel.rx);
}

HELPER int send_int(rn_mpsc_tx *tx, int message)
{
    return rn_mpsc_send(tx, &message);
}

HELPER int try_send_int(rn_mpsc_tx *tx, int message)
{
    return rn_mpsc_try_send(tx, &message);
}

HELPER int permit_send_int(rn_mpsc_permit *permit, int message)
{
    return rn_mpsc_permit_send(permit, &message);
}

HELPER int recv_int(rn_mpsc_rx *rx)
{
    int message = -1;
    const int rc = rn_mpsc_recv(rx, &message);
    return rc == 0 ? message : rc;
}

HELPER int try_recv_int(rn_mpsc_rx *rx)
{
    int message = -1;
    const int rc = rn_mpsc_try_recv(rx, &message);
    return rc == 0 ? message : rc;
}

HELPER rn_mpsc_permit permit_for(rn_mpsc_tx *tx, size_t count)
{
    rn_mpsc_permit permit;
    REQUIRE(rn_mpsc_try_reserve(tx, count, &permit) == 0);
    CHECK_EQ(permit.left, count);
    return permit;
}

HELPER rn_channel_info info_of(rn_mpsc_rx *rx)
{
    rn_channel_info info;
    REQUIRE(rn_mpsc_rx_info(rx, &info) == 0);
    return info;
}

/* Of the whole process. */
HELPER size_t resident_bytes(void)
{
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    REQUIRE(file != NULL);
    CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* -- actors that make one call, and what came of it -------------------------------------------------------------- */

struct call {
    struct channel channel;
    rn_deadline deadline;
    int message;
    int *messages;         /* for calls of many */
    size_t count;          /* places or messages wanted */
    size_t moved;          /* messages that went */
    rn_mpsc_permit permit; /* what was reserved */
    struct actor *actor;
};

HELPER int call_send(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_send_until(call->channel.tx, &call->message, call->deadline);
}

HELPER int call_recv(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_recv_until(call->channel.rx, &call->message, call->deadline);
}

HELPER int call_send_many(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_send_many_until(call->channel.tx, call->messages, call->count, &call->moved, call->deadline);
}

HELPER int call_recv_many(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_recv_many_until(call->channel.rx, call->messages, call->count, &call->moved, call->deadline);
}

HELPER int call_reserve(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_reserve_until(call->channel.tx, call->count, &call->permit, call->deadline);
}

HELPER int call_closed(void *arg)
{
    struct call *call = arg;
    return rn_mpsc_tx_closed_until(call->channel.tx, call->deadline);
}

/* Starts an actor and comes back when it waits in that call, beside those who did so before. */
HELPER void park(struct call *call, int (*fn)(void *), const char *verb)
{
    const unsigned before = parked_in(verb);
    call->actor = actor_start(fn, call);
    WAIT_UNTIL(parked_in(verb) == before + 1);
}

/* The same for one that may give up before anybody looks. */
HELPER void park_for_a_while(struct call *call, int (*fn)(void *), const char *verb)
{
    const unsigned before = parked_in(verb);
    call->deadline = rn_in_ms(20);
    call->actor = actor_start(fn, call);
    WAIT_UNTIL(parked_in(verb) == before + 1 || rn_passed(call->deadline));
}

/* -- messages that own something: how often each number was dropped, and in which order -------------------------- */

enum { LEDGER = 1024 };

struct ledger {
    int drops[LEDGER];
    int order[LEDGER];
    int count;
};

HELPER void enter_drop(void *message, void *ctx)
{
    struct ledger *ledger = ctx;
    const int number = *(int *)message;
    REQUIRE(number >= 0 && number < LEDGER && ledger->count < LEDGER);
    ledger->drops[number]++;
    ledger->order[ledger->count++] = number;
}

HELPER rn_elem owned_by(struct ledger *ledger)
{
    return (rn_elem){.size = sizeof(int), .align = _Alignof(int), .drop = enter_drop, .ctx = ledger};
}

#endif
