/* SPDX-License-Identifier: MIT */
/* mpsc under everything at once: short-lived channels whose ends close, leave, time out and are cancelled at random.
 * Every message that was ever made has exactly one fate: received, dropped by the library, or still its sender's. */
#include <string.h>

#include <runnel/mpsc.h>

#include "stress/fates.h"

enum { ROUND_MS = 400 };

struct producer {
    struct round *round;
    rn_mpsc_tx *tx;
    int number;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_mpsc_rx *rx;
    uint64_t random; /* the receiver's */
    uint64_t task;
    struct producer producers[PRODUCERS];
    struct fates fates;
};

/* -- senders ----------------------------------------------------------------------------------------------------- */

static int send_somehow(struct producer *producer, struct message *message)
{
    switch (rn__random_next(&producer->random) % 8) {
    case 0:
        return rn_mpsc_try_send(producer->tx, message);
    case 1:
        return rn_mpsc_send_until(producer->tx, message, rn_at_ns(1));
    case 2:
    case 3:
        return rn_mpsc_send_until(producer->tx, message,
                                  rn_in_us((int64_t)(rn__random_next(&producer->random) % 200)));
    case 4:
        rn_ignore(rn_mpsc_give(producer->tx, message)); /* if that fails it is dropped: it has its fate anyway */
        return 0;
    default:
        return rn_mpsc_send(producer->tx, message);
    }
}

static void exchange_end(struct producer *producer)
{
    rn_mpsc_tx *clone;
    REQUIRE(rn_mpsc_tx_clone(&clone, producer->tx) == 0);
    rn_mpsc_tx_drop(producer->tx);
    producer->tx = clone;
}

static int produce(void *arg)
{
    struct producer *producer = arg;
    int rc = 0;
    sign_in(&producer->task);
    while (has_more_to_make(&producer->round->fates, producer->number) && rc != RN_CLOSED) {
        struct message message = next_message(&producer->round->fates, producer->number);
        rc = send_somehow(producer, &message);
        if (rc != 0)
            seal(&producer->round->fates, &message);
        if (rc != 0 && rc != RN_CLOSED && rc != RN_FULL && rc != RN_ETIMEDOUT && rc != RN_ECANCELED)
            FAIL("send says %d", rc);
        if (rn__random_next(&producer->random) % 16 == 0)
            exchange_end(producer);
        if (rn__random_next(&producer->random) % 200 == 0)
            break;
    }
    rn_mpsc_tx_drop(producer->tx);
    return 0;
}

/* -- the receiver ------------------------------------------------------------------------------------------------ */

static int recv_somehow(struct round *round, struct message *message)
{
    switch (rn__random_next(&round->random) % 4) {
    case 0:
        return rn_mpsc_try_recv(round->rx, message);
    case 1:
        return rn_mpsc_recv_until(round->rx, message, rn_in_us((int64_t)(rn__random_next(&round->random) % 200)));
    default:
        return rn_mpsc_recv(round->rx, message);
    }
}

static int consume(void *arg)
{
    struct round *round = arg;
    int next[PRODUCERS] = {0};
    const uint64_t patience = rn__random_next(&round->random) % (2 * PRODUCERS * MADE_MAX);
    const bool closes = rn__random_next(&round->random) % 2 == 0;
    int rc = 0;
    sign_in(&round->task);
    for (uint64_t calls = 0; rc != RN_CLOSED && rc != RN_ECANCELED; calls++) {
        struct message message;
        if (calls == patience && !closes)
            break;
        if (calls == patience)
            rn_mpsc_rx_close(round->rx);
        rc = recv_somehow(round, &message);
        if (rc == 0) {
            CHECK(message.number >= next[message.producer]); /* a sender's messages come in order */
            next[message.producer] = message.number + 1;
            seal(&round->fates, &message);
        } else if (rc != RN_CLOSED && rc != RN_EMPTY && rc != RN_ETIMEDOUT && rc != RN_ECANCELED) {
            FAIL("recv says %d", rc);
        }
    }
    rn_mpsc_rx_drop(round->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void cancel_somebody(struct round *round, uint64_t choice)
{
    cancel_whoever_signed(choice < PRODUCERS ? &round->producers[choice].task : &round->task);
}

static void run_round(struct round *round, uint64_t seed)
{
    static const size_t capacities[] = {0, 1, 2, 3, 8, 64, RN_UNBOUNDED};
    const rn_elem elem = {.size = sizeof(struct message),
                          .align = _Alignof(struct message),
                          .drop = seal_dropped,
                          .ctx = &round->fates};
    struct actor *actors[PRODUCERS];
    rn_mpsc_tx *tx;
    uint64_t random = seed;
    memset(round, 0, sizeof *round);
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    REQUIRE(rn_mpsc_channel(&tx, &round->rx, capacity, &elem) == 0);
    round->random = rn__random_next(&random);
    struct actor *receiver = actor_start(consume, round);
    for (int i = 0; i < PRODUCERS; i++) {
        struct producer *producer = &round->producers[i];
        producer->round = round;
        producer->number = i;
        producer->random = rn__random_next(&random);
        REQUIRE(rn_mpsc_tx_clone(&producer->tx, tx) == 0);
        actors[i] = actor_start(produce, producer);
    }
    rn_mpsc_tx_drop(tx);
    for (uint64_t yields = rn__random_next(&random) % 16; yields > 0; yields--)
        rn_yield();
    if (rn__random_next(&random) % 2 == 0)
        cancel_somebody(round, rn__random_next(&random) % (PRODUCERS + 1));
    for (int i = 0; i < PRODUCERS; i++)
        actor_join(actors[i]);
    actor_join(receiver);
    check_fates(&round->fates);
}

EVERYWHERE(stress_mpsc_gives_every_message_one_fate)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
