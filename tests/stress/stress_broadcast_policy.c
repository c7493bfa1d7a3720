/* SPDX-License-Identifier: MIT */
/* receivers of every policy on one small ring, senders that wait, time out and are cancelled. What must hold:
 *   - a receiver that blocks gets every message from its first one on, in order, whatever the others do;
 *   - a message whose send did not say 0 is seen by nobody;
 *   - a borrowed message does not change until it is given back;
 *   - one that is disconnected hears it, and what it got and missed is what was sent until then;
 *   - nobody hangs. */
#include <string.h>

#include <runnel/broadcast.h>
#include <runnel/select.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { SENDERS = 3, EACH = 60, RECEIVERS = 6, ROUND_MS = 300 };

struct message {
    int sender;
    int number; /* of those that this sender has sent: a gap is a loss */
};

struct sender {
    struct round *round;
    int number;
    int sent;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct receiver {
    rn_broadcast_rx *rx;
    enum rn_on_lag on_lag;
    bool borrows;
    uint64_t got;
    uint64_t missed;
    uint64_t random;
};

struct round {
    rn_broadcast_tx *tx;
    struct sender senders[SENDERS];
    struct receiver receivers[RECEIVERS];
};

static int as_select(rn_broadcast_tx *tx, const struct message *message)
{
    rn_case one[] = {rn_broadcast_send_case(tx, message)};
    const int rc = rn_select_until(one, 1, rn_in_us(100));
    return rc == 0 ? one[0].rc : rc;
}

static int send_somehow(struct sender *sender, const struct message *message)
{
    rn_broadcast_tx *tx = sender->round->tx;
    switch (rn__random_next(&sender->random) % 4) {
    case 0:
        return rn_broadcast_try_send(tx, message);
    case 1:
        return rn_broadcast_send_until(tx, message, rn_in_us((int64_t)(rn__random_next(&sender->random) % 200)));
    case 2:
        return as_select(tx, message);
    default:
        return rn_broadcast_send(tx, message);
    }
}

static int send_all(void *arg)
{
    struct sender *sender = arg;
    if (on_task())
        rn__store_relaxed(&sender->task, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
    while (sender->sent < EACH) {
        const struct message message = {sender->number, sender->sent};
        const int rc = send_somehow(sender, &message);
        if (rc == RN_ECANCELED)
            break;
        if (rc == 0)
            sender->sent++;
        else if (rc != RN_FULL && rc != RN_ETIMEDOUT)
            FAIL("send says %d", rc);
        if (rc == RN_FULL)
            rn_yield();
    }
    return 0;
}

static int borrow(struct receiver *receiver, struct message *message, uint64_t *missed)
{
    const void *place;
    const int rc = rn_broadcast_borrow(receiver->rx, &place, missed);
    if (rc != 0)
        return rc;
    memcpy(message, place, sizeof *message);
    rn_yield(); /* let the ring go round */
    CHECK_MEM_EQ(message, place, sizeof *message);
    rn_broadcast_release(receiver->rx);
    return 0;
}

static int receive_somehow(struct receiver *receiver, struct message *message, uint64_t *missed)
{
    if (receiver->borrows && rn__random_next(&receiver->random) % 2 == 0)
        return borrow(receiver, message, missed);
    if (rn__random_next(&receiver->random) % 4 == 0)
        return rn_broadcast_recv_until(receiver->rx, message, missed,
                                       rn_in_us((int64_t)(rn__random_next(&receiver->random) % 100)));
    if (rn__random_next(&receiver->random) % 16 == 0)
        rn_yield();
    return rn_broadcast_recv(receiver->rx, message, missed);
}

static int receive_all(void *arg)
{
    struct receiver *receiver = arg;
    const bool blocks = receiver->on_lag == RN_ON_LAG_BLOCK;
    int next[SENDERS] = {0};
    int rc;
    do {
        struct message message;
        uint64_t missed = 0;
        rc = receive_somehow(receiver, &message, &missed);
        receiver->missed += missed;
        if (rc == RN_LAGGED)
            CHECK_EQ(receiver->on_lag, RN_ON_LAG_DISCONNECT);
        if (rc != 0)
            continue;
        CHECK(blocks ? message.number == next[message.sender] : message.number >= next[message.sender]);
        CHECK(missed == 0 || !blocks);
        next[message.sender] = message.number + 1;
        receiver->got++;
    } while (rc == 0 || rc == RN_ETIMEDOUT || rc == RN_LAGGED);
    CHECK_RC(rc, RN_CLOSED);
    if (receiver->on_lag == RN_ON_LAG_DISCONNECT)
        CHECK(rn_broadcast_rx_is_closed(receiver->rx));
    return 0;
}

static void subscribe(struct round *round, int number, bool borrows, uint64_t random)
{
    static const enum rn_on_lag policies[RECEIVERS] = {RN_ON_LAG_BLOCK,      RN_ON_LAG_REPORT,
                                                       RN_ON_LAG_DISCONNECT, RN_ON_LAG_SKIP_TO_LATEST,
                                                       RN_ON_LAG_BLOCK,      RN_ON_LAG_DISCONNECT};
    struct receiver *receiver = &round->receivers[number];
    *receiver = (struct receiver){.on_lag = policies[number], .borrows = borrows, .random = random};
    const rn_subscribe_opts opts = {.on_lag = receiver->on_lag};
    REQUIRE(rn_broadcast_subscribe_with(&receiver->rx, round->tx, &opts) == 0);
}

static void check_counts(struct round *round)
{
    uint64_t sent = 0;
    for (int i = 0; i < SENDERS; i++)
        sent += (uint64_t)round->senders[i].sent;
    for (int i = 0; i < RECEIVERS; i++) {
        const struct receiver *receiver = &round->receivers[i];
        if (receiver->on_lag == RN_ON_LAG_BLOCK)
            CHECK_EQ(receiver->got, sent);
        else if (receiver->on_lag == RN_ON_LAG_DISCONNECT)
            CHECK(receiver->got + receiver->missed <= sent);
        else
            CHECK_EQ(receiver->got + receiver->missed, sent);
        rn_broadcast_rx_drop(round->receivers[i].rx);
    }
}

static int copy(void *to, const void *from, void *ctx)
{
    (void)ctx;
    memcpy(to, from, sizeof(struct message));
    return 0;
}

static void run_round(struct round *round, uint64_t random)
{
    static const size_t capacities[] = {1, 2, 3, 16};
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    const rn_elem elem = {.size = sizeof(struct message),
                          .align = _Alignof(struct message),
                          .clone = rn__random_next(&random) % 2 == 0 ? copy : NULL};
    const bool borrows = rn__random_next(&random) % 2 == 0;
    const rn_broadcast_opts opts = {.flags = RN_BROADCAST_MAY_BLOCK | (borrows ? RN_BROADCAST_BORROW : 0u)};
    struct actor *receivers[RECEIVERS], *senders[SENDERS];
    memset(round, 0, sizeof *round);
    REQUIRE(rn_broadcast_channel_with(&round->tx, NULL, capacity, &elem, &opts) == 0);
    for (int i = 0; i < RECEIVERS; i++) {
        subscribe(round, i, borrows, rn__random_next(&random));
        receivers[i] = actor_start(receive_all, &round->receivers[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        round->senders[i] = (struct sender){.round = round, .number = i, .random = rn__random_next(&random)};
        senders[i] = actor_start(send_all, &round->senders[i]);
    }
    const rn_task victim = {rn__load_relaxed(&round->senders[0].task)}; /* rlx: 0 is no task */
    if (victim.id != 0)
        rn_task_cancel(victim, 0);
    for (int i = 0; i < SENDERS; i++)
        actor_join(senders[i]);
    rn_broadcast_tx_drop(round->tx);
    for (int i = 0; i < RECEIVERS; i++)
        actor_join(receivers[i]);
    check_counts(round);
}

EVERYWHERE(stress_broadcast_that_blocks_loses_nothing)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    int rounds = 0;
    for (; !rn_passed(end); rounds++)
        run_round(&round, rn__random_next(&random));
    CHECK(rounds > 0);
}
