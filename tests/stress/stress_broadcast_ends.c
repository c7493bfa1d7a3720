/* SPDX-License-Identifier: MIT */
/* The ends of a broadcast come and go while messages fly: receivers copy themselves, leave and come back at the
 * number where they stood or at the oldest, senders go through weak ones. What must hold:
 *   - at each moment what a receiver got and missed is, to the message, how far its number has moved;
 *   - whoever sees a number sees the same message there: one order for all;
 *   - the channel's own counts are the sums of what all parties counted;
 *   - each original is dropped once, or stays its sender's; each clone is its receiver's. */
#include <string.h>

#include <runnel/broadcast.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "api/owned.h"
#include "base/random.h"

enum { SENDERS = 3, EACH = 150, ALL = SENDERS * EACH, RECEIVERS = 4, MANY = 5, ROUND_MS = 400 };

struct sender {
    struct round *round;
    rn_broadcast_tx *tx;
    int number;
    uint64_t sent;
    uint64_t random;
};

struct receiver {
    struct round *round;
    rn_broadcast_rx *rx;
    rn_broadcast_weak *weak;
    bool stays;
    uint64_t began; /* the number where it stood first */
    uint64_t place; /* where it must stand now */
    uint64_t got;
    uint64_t missed;
    uint64_t random;
};

struct round {
    struct owners owners;
    rn_broadcast_tx *tx;
    struct sender senders[SENDERS];
    struct receiver receivers[RECEIVERS];
    uint32_t order[ALL]; /* the mark of the message with this number, once somebody has seen it; 0: nobody has */
};

/* -- senders ----------------------------------------------------------------------------------------------------- */

static void send_one(struct sender *sender, int mark)
{
    struct owned message = owned_make(&sender->round->owners, mark);
    const int rc = rn_broadcast_send(sender->tx, &message);
    if (rc == 0) {
        sender->sent++;
        return;
    }
    CHECK_RC(rc, RN_NOBODY);
    owned_destroy(&sender->round->owners, &message);
}

static void exchange_sender(struct sender *sender)
{
    rn_broadcast_weak *weak;
    rn_broadcast_tx *other;
    if (rn__random_next(&sender->random) % 2 == 0) {
        REQUIRE(rn_broadcast_tx_clone(&other, sender->tx) == 0);
        rn_broadcast_tx_drop(sender->tx);
    } else {
        REQUIRE(rn_broadcast_tx_downgrade(&weak, sender->tx) == 0);
        rn_broadcast_tx_drop(sender->tx);
        REQUIRE(rn_broadcast_weak_upgrade(&other, weak) == 0); /* the round has one to the end of the senders */
        rn_broadcast_weak_drop(weak);
    }
    sender->tx = other;
}

static int send_all(void *arg)
{
    struct sender *sender = arg;
    for (int i = 0; i < EACH; i++) {
        send_one(sender, sender->number * EACH + i + 1);
        if (rn__random_next(&sender->random) % 16 == 0)
            exchange_sender(sender);
        if (rn__random_next(&sender->random) % 8 == 0)
            rn_yield();
    }
    rn_broadcast_tx_drop(sender->tx);
    return 0;
}

/* -- receivers --------------------------------------------------------------------------------------------------- */

/* The first one who sees a number says what is there. */
static void check_order(struct round *round, uint64_t number, int mark)
{
    uint32_t seen = 0;
    REQUIRE(number < ALL);
    if (!rn__cas_relaxed(&round->order[number], &seen, (uint32_t)mark)) /* rlx: the word alone is compared */
        CHECK_EQ(seen, mark);
}

static int recv_somehow(struct receiver *r, struct owned *got, size_t *count, uint64_t *missed)
{
    const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&r->random) % 200));
    *count = 1;
    switch (rn__random_next(&r->random) % 5) {
    case 0:
        return rn_broadcast_try_recv(r->rx, got, missed);
    case 1:
        return rn_broadcast_recv_until(r->rx, got, missed, soon);
    case 2:
        return rn_broadcast_try_recv_many(r->rx, got, MANY, count, missed);
    case 3:
        return rn_broadcast_recv_many_until(r->rx, got, MANY, count, missed, soon);
    default:
        return rn_broadcast_recv_many(r->rx, got, MANY, count, missed);
    }
}

static void take(struct receiver *r, struct owned *got, size_t count, uint64_t missed)
{
    r->place += missed + count;
    r->got += count;
    r->missed += missed;
    for (size_t i = 0; i < count; i++) {
        check_order(r->round, r->place - count + i, *got[i].number);
        owned_destroy(&r->round->owners, &got[i]);
    }
}

/* Without a place for the count the receiver's number tells how many were lost. */
static void take_loss(struct receiver *r)
{
    const uint64_t stands = rn_broadcast_rx_sequence(r->rx);
    CHECK(stands > r->place);
    r->missed += stands - r->place;
    r->place = stands;
}

/* Gives false when it is over. */
static bool receive_once(struct receiver *r)
{
    struct owned got[MANY];
    uint64_t missed = 0;
    size_t count;
    const bool counts = rn__random_next(&r->random) % 4 != 0;
    const int rc = recv_somehow(r, got, &count, counts ? &missed : NULL);
    if (rc == 0)
        take(r, got, count, missed);
    else if (rc == RN_LAGGED)
        take_loss(r);
    else if (rc == RN_EMPTY)
        rn_yield();
    else if (rc != RN_CLOSED && rc != RN_ETIMEDOUT)
        FAIL("recv says %d", rc);
    CHECK_EQ(rn_broadcast_rx_sequence(r->rx), r->place);
    return rc != RN_CLOSED;
}

static void replace_with(struct receiver *r, rn_broadcast_rx *other, bool is_same_place)
{
    const uint64_t place = rn_broadcast_rx_sequence(other);
    if (is_same_place)
        CHECK_EQ(place, r->place);
    rn_broadcast_rx_drop(r->rx);
    r->rx = other;
    r->place = place;
}

static void leave_and_come_back(struct receiver *r)
{
    rn_broadcast_tx *tx;
    const int rc = rn_broadcast_weak_upgrade(&tx, r->weak);
    if (rc != 0) {
        CHECK_RC(rc, RN_CLOSED);
        return;
    }
    rn_broadcast_rx_drop(r->rx);
    if (rn__random_next(&r->random) % 2 == 0)
        rn_yield();
    const bool from_oldest = rn__random_next(&r->random) % 2 == 0;
    REQUIRE(rn_broadcast_subscribe_from(&r->rx, tx, from_oldest ? RN_OLDEST : r->place) == 0);
    const uint64_t stands = rn_broadcast_rx_sequence(r->rx);
    if (!from_oldest)
        CHECK_EQ(stands, r->place);
    r->place = stands;
    rn_broadcast_tx_drop(tx);
}

static void replace_somehow(struct receiver *r)
{
    rn_broadcast_rx *other;
    switch (rn__random_next(&r->random) % 3) {
    case 0:
        REQUIRE(rn_broadcast_rx_clone(&other, r->rx) == 0);
        replace_with(r, other, true);
        break;
    case 1:
        REQUIRE(rn_broadcast_resubscribe(&other, r->rx) == 0);
        replace_with(r, other, false);
        break;
    default:
        leave_and_come_back(r);
    }
}

static int receive_all(void *arg)
{
    struct receiver *r = arg;
    r->began = r->place = rn_broadcast_rx_sequence(r->rx);
    while (receive_once(r)) {
        if (!r->stays && rn__random_next(&r->random) % 8 == 0)
            replace_somehow(r);
    }
    if (r->stays)
        CHECK_EQ(r->got + r->missed, r->place - r->began);
    rn_broadcast_rx_drop(r->rx);
    rn_broadcast_weak_drop(r->weak);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void check_sums(const struct round *round, const rn_channel_info *info)
{
    uint64_t sent = 0, got = 0, missed = 0;
    for (int i = 0; i < SENDERS; i++)
        sent += round->senders[i].sent;
    for (int i = 0; i < RECEIVERS; i++) {
        got += round->receivers[i].got;
        missed += round->receivers[i].missed;
        if (round->receivers[i].stays)
            CHECK_EQ(round->receivers[i].got + round->receivers[i].missed, sent);
    }
    CHECK_EQ(info->sent, sent);
    CHECK_EQ(info->received, got);
    CHECK_EQ(info->missed, missed);
    CHECK_EQ(info->senders, 0);
    CHECK_EQ(info->weak, 0);
    CHECK_EQ(info->receivers, 1);
    CHECK_EQ(round->owners.live, info->depth);
}

static void run_round(struct round *round, uint64_t random)
{
    static const size_t capacities[] = {1, 2, 3, 7, 64};
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    const bool one_stays = rn__random_next(&random) % 2 == 0;
    const rn_broadcast_opts opts = {.flags = rn__random_next(&random) % 2 == 0 ? RN_BROADCAST_KEEP : 0};
    struct actor *receivers[RECEIVERS], *senders[SENDERS];
    rn_broadcast_rx *last;
    rn_channel_info info;
    memset(round, 0, sizeof *round);
    REQUIRE(rn_broadcast_channel_with(&round->tx, NULL, capacity, OWNED_ELEM(&round->owners), &opts) == 0);
    for (int i = 0; i < RECEIVERS; i++) {
        struct receiver *r = &round->receivers[i];
        *r = (struct receiver){.round = round, .stays = one_stays && i == 0, .random = rn__random_next(&random)};
        REQUIRE(rn_broadcast_subscribe(&r->rx, round->tx) == 0);
        REQUIRE(rn_broadcast_tx_downgrade(&r->weak, round->tx) == 0);
        receivers[i] = actor_start(receive_all, r);
    }
    for (int i = 0; i < SENDERS; i++) {
        struct sender *sender = &round->senders[i];
        *sender = (struct sender){.round = round, .number = i, .random = rn__random_next(&random)};
        REQUIRE(rn_broadcast_tx_clone(&sender->tx, round->tx) == 0);
        senders[i] = actor_start(send_all, sender);
    }
    for (int i = 0; i < SENDERS; i++)
        actor_join(senders[i]);
    REQUIRE(rn_broadcast_subscribe(&last, round->tx) == 0);
    rn_broadcast_tx_drop(round->tx);
    for (int i = 0; i < RECEIVERS; i++)
        actor_join(receivers[i]);
    CHECK_RC(rn_broadcast_rx_info(last, &info), 0);
    check_sums(round, &info);
    rn_broadcast_rx_drop(last);
    CHECK_EQ(round->owners.live, 0);
    CHECK_EQ(round->owners.drops, info.sent);
}

EVERYWHERE(stress_broadcast_ends_come_and_go_and_every_number_is_right)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
