/* SPDX-License-Identifier: MIT */
/* mpsc under everything at once, the other half of it (stress_mpsc.c: single messages): permits, sends and receives
 * of many, weak senders, watchers, while the receiver closes or leaves, deadlines pass and tasks are cancelled. Every
 * message that was ever made has exactly one fate: received, dropped by the library, or still its sender's. What the
 * channel counted is what happened, and all places come back. */
#include <string.h>

#include <runnel/mpsc.h>

#include "stress/fates.h"

enum { AT_ONCE = 9, ROUND_MS = 400 };

struct producer {
    struct round *round;
    rn_mpsc_tx *tx;
    rn_mpsc_weak *weak;
    rn_mpsc_permit permit;
    int number;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_mpsc_rx *rx;
    size_t capacity;
    uint64_t random; /* the receiver's */
    uint64_t task;
    uint32_t received;
    struct producer producers[PRODUCERS];
    struct fates fates;
};

/* -- senders ----------------------------------------------------------------------------------------------------- */

static size_t make_messages(struct producer *producer, struct message *messages, size_t limit)
{
    size_t count = 0;
    while (count < limit && has_more_to_make(&producer->round->fates, producer->number))
        messages[count++] = next_message(&producer->round->fates, producer->number);
    return count;
}

static int send_many(struct producer *producer)
{
    struct message messages[AT_ONCE];
    const size_t count = make_messages(producer, messages, below(&producer->random, AT_ONCE + 1));
    size_t sent = 77;
    int rc;
    switch (below(&producer->random, 3)) {
    case 0:
        rc = rn_mpsc_try_send_many(producer->tx, messages, count, &sent);
        break;
    case 1:
        rc = rn_mpsc_send_many_until(producer->tx, messages, count, &sent, soon(&producer->random));
        break;
    default:
        rc = rn_mpsc_send_many(producer->tx, messages, count, &sent);
    }
    expect_one_of("send_many", rc);
    CHECK(sent <= count);
    CHECK(rc != 0 || sent == count);
    for (size_t i = sent; i < count; i++)
        seal(&producer->round->fates, &messages[i]);
    return rc;
}

static int reserve(struct producer *producer, size_t count)
{
    switch (below(&producer->random, 3)) {
    case 0:
        return rn_mpsc_try_reserve(producer->tx, count, &producer->permit);
    case 1:
        return rn_mpsc_reserve_until(producer->tx, count, &producer->permit, soon(&producer->random));
    default:
        return rn_mpsc_reserve(producer->tx, count, &producer->permit);
    }
}

/* Takes places and uses some; keeps the rest now and then, to be used when its sender has gone. (Not for longer: who
 * waits for places while he holds some may wait for himself.) */
static int send_by_permit(struct producer *producer)
{
    const size_t most = producer->round->capacity < AT_ONCE ? producer->round->capacity : AT_ONCE;
    const int rc = reserve(producer, 1 + below(&producer->random, most));
    expect_one_of("reserve", rc);
    CHECK((rc == 0) == (producer->permit.left > 0));
    while (producer->permit.left > 0 && has_more_to_make(&producer->round->fates, producer->number) &&
           below(&producer->random, 4) != 0) {
        struct message message = next_message(&producer->round->fates, producer->number);
        CHECK_EQ(rn_mpsc_permit_send(&producer->permit, &message), 0);
    }
    if (below(&producer->random, 16) != 0)
        rn_mpsc_permit_drop(&producer->permit);
    return rc;
}

static int send_one(struct producer *producer)
{
    struct message message = next_message(&producer->round->fates, producer->number);
    const int rc = rn_mpsc_send_until(producer->tx, &message, soon(&producer->random));
    expect_one_of("send", rc);
    if (rc != 0)
        seal(&producer->round->fates, &message);
    return rc;
}

/* Gives the sender up for a weak one and back: it may be the last one, then that is that. */
static bool weaken_and_come_back(struct producer *producer)
{
    rn_mpsc_weak *weak;
    REQUIRE(rn_mpsc_tx_downgrade(&weak, producer->tx) == 0);
    rn_mpsc_tx_drop(producer->tx);
    producer->tx = NULL;
    const int rc = rn_mpsc_weak_upgrade(&producer->tx, weak);
    CHECK(rc == 0 || rc == RN_CLOSED);
    rn_mpsc_weak_drop(weak);
    return rc == 0;
}

static int send_somehow(struct producer *producer)
{
    const bool can_reserve = producer->round->capacity != RN_UNBOUNDED;
    switch (below(&producer->random, 8)) {
    case 0:
        return send_one(producer);
    case 1:
        return rn_mpsc_tx_closed_until(producer->tx, soon(&producer->random)) == 0 ? RN_CLOSED : 0;
    case 2:
    case 3:
    case 4:
        return can_reserve ? send_by_permit(producer) : send_many(producer);
    default:
        return send_many(producer);
    }
}

/* With the places that are left, after the sender has gone. */
static void use_up(struct producer *producer)
{
    while (producer->permit.left > 0 && has_more_to_make(&producer->round->fates, producer->number)) {
        struct message message = next_message(&producer->round->fates, producer->number);
        CHECK_EQ(rn_mpsc_permit_send(&producer->permit, &message), 0);
    }
    rn_mpsc_permit_drop(&producer->permit);
}

static int produce(void *arg)
{
    struct producer *producer = arg;
    int rc = 0;
    sign_in(&producer->task);
    while (has_more_to_make(&producer->round->fates, producer->number) && rc != RN_CLOSED) {
        rc = send_somehow(producer);
        if (producer->permit.left > 0 || below(&producer->random, 100) == 0)
            break;
        if (below(&producer->random, 16) == 0 && !weaken_and_come_back(producer))
            break;
    }
    rn_mpsc_tx_drop(producer->tx);
    use_up(producer);
    rn_mpsc_weak_drop(producer->weak);
    return 0;
}

/* -- the receiver ------------------------------------------------------------------------------------------------ */

static int recv_somehow(struct round *round, struct message *messages, size_t *count)
{
    const size_t limit = 1 + below(&round->random, AT_ONCE);
    switch (below(&round->random, 4)) {
    case 0:
        return rn_mpsc_try_recv_many(round->rx, messages, limit, count);
    case 1:
        return rn_mpsc_recv_many_until(round->rx, messages, limit, count, soon(&round->random));
    case 2:
        *count = 1;
        const int rc = rn_mpsc_recv(round->rx, messages);
        *count = rc == 0;
        return rc;
    default:
        return rn_mpsc_recv_many(round->rx, messages, limit, count);
    }
}

static void check_counters(const struct round *round, int rc)
{
    rn_channel_info info;
    REQUIRE(rn_mpsc_rx_info(round->rx, &info) == 0);
    CHECK_EQ(info.received, round->received);
    CHECK_EQ(info.sent, info.received + info.depth);
    CHECK(round->capacity == RN_UNBOUNDED || info.depth + info.promised <= round->capacity);
    if (rc != RN_CLOSED)
        return;
    CHECK_EQ(info.depth, 0);
    CHECK_EQ(info.promised, 0);
    CHECK(rn_mpsc_rx_is_closed(round->rx));
}

static int consume(void *arg)
{
    struct round *round = arg;
    const uint64_t patience = below(&round->random, PRODUCERS * MADE_MAX / 2);
    const bool closes = below(&round->random, 2) == 0;
    int next[PRODUCERS] = {0};
    int rc = 0;
    sign_in(&round->task);
    for (uint64_t calls = 0; rc != RN_CLOSED && rc != RN_ECANCELED; calls++) {
        struct message messages[AT_ONCE];
        size_t count = 77;
        if (calls == patience && !closes)
            break;
        if (calls == patience)
            rn_mpsc_rx_close(round->rx);
        rc = recv_somehow(round, messages, &count);
        expect_one_of("recv", rc);
        CHECK_EQ(count > 0, rc == 0);
        round->received += (uint32_t)count;
        for (size_t i = 0; i < count; i++) {
            CHECK(messages[i].number >= next[messages[i].producer]); /* a sender's messages come in order */
            next[messages[i].producer] = messages[i].number + 1;
            seal(&round->fates, &messages[i]);
        }
    }
    check_counters(round, rc);
    rn_mpsc_rx_drop(round->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void cancel_somebody(struct round *round, uint64_t choice)
{
    cancel_whoever_signed(choice < PRODUCERS ? &round->producers[choice].task : &round->task);
}

static struct actor *start_producer(struct round *round, int number, rn_mpsc_tx *tx, uint64_t seed)
{
    struct producer *producer = &round->producers[number];
    producer->round = round;
    producer->number = number;
    producer->random = seed;
    REQUIRE(rn_mpsc_tx_clone(&producer->tx, tx) == 0);
    REQUIRE(rn_mpsc_tx_downgrade(&producer->weak, tx) == 0);
    return actor_start(produce, producer);
}

static void run_round(struct round *round, uint64_t seed)
{
    static const size_t capacities[] = {1, 2, 3, 8, 64, RN_UNBOUNDED};
    const rn_elem elem = {.size = sizeof(struct message),
                          .align = _Alignof(struct message),
                          .drop = seal_dropped,
                          .ctx = &round->fates};
    struct actor *actors[PRODUCERS];
    rn_mpsc_tx *tx;
    uint64_t random = seed;
    memset(round, 0, sizeof *round);
    round->capacity = capacities[below(&random, RN_COUNT(capacities))];
    REQUIRE(rn_mpsc_channel(&tx, &round->rx, round->capacity, &elem) == 0);
    round->random = rn__random_next(&random);
    struct actor *receiver = actor_start(consume, round);
    for (int i = 0; i < PRODUCERS; i++)
        actors[i] = start_producer(round, i, tx, rn__random_next(&random));
    rn_mpsc_tx_drop(tx);
    for (uint64_t yields = below(&random, 16); yields > 0; yields--)
        rn_yield();
    if (below(&random, 2) == 0)
        cancel_somebody(round, below(&random, PRODUCERS + 1));
    for (int i = 0; i < PRODUCERS; i++)
        actor_join(actors[i]);
    actor_join(receiver);
    check_fates(&round->fates);
}

EVERYWHERE(stress_permit_gives_every_message_one_fate)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
