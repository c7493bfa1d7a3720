/* SPDX-License-Identifier: MIT */
/* mpsc under everything at once: short-lived channels whose ends close, leave, time out and are cancelled at random.
 * Every message that was ever made has exactly one fate: received, dropped by the library, or still its sender's. */
#include <string.h>

#include <runnel/cancel.h>
#include <runnel/mpsc.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PRODUCERS = 5, EACH = 80, ROUND_MS = 400 };

struct message {
    int producer;
    int number;
};

struct producer {
    struct round *round;
    rn_mpsc_tx *tx;
    int number;
    int made; /* messages 0 .. made - 1 came into being */
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_mpsc_rx *rx;
    uint64_t random; /* the receiver's */
    uint64_t task;
    struct producer producers[PRODUCERS];
    uint32_t fates[PRODUCERS][EACH];
};

static void seal(struct round *round, const struct message *message)
{
    rn__add_relaxed(&round->fates[message->producer][message->number], 1); /* rlx: counted after all have ended */
}

static void seal_dropped(void *message, void *ctx)
{
    seal(ctx, message);
}

/* So that it can be cancelled while it runs. */
static void sign_in(uint64_t *slot)
{
    if (on_task())
        rn__store_relaxed(slot, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
}

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
    while (producer->made < EACH && rc != RN_CLOSED) {
        struct message message = {producer->number, producer->made++};
        rc = send_somehow(producer, &message);
        if (rc != 0)
            seal(producer->round, &message);
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
    const uint64_t patience = rn__random_next(&round->random) % (2 * PRODUCERS * EACH);
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
            seal(round, &message);
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
    uint64_t *slot = choice < PRODUCERS ? &round->producers[choice].task : &round->task;
    const rn_task task = {rn__load_relaxed(slot)}; /* rlx: 0 is no task */
    rn_task_cancel(task, 0);
}

static void check_fates(const struct round *round)
{
    for (int i = 0; i < PRODUCERS; i++) {
        for (int number = 0; number < EACH; number++) {
            if (!CHECK_EQ(round->fates[i][number], number < round->producers[i].made))
                FAIL("message %d of producer %d", number, i);
        }
    }
}

static void run_round(struct round *round, uint64_t seed)
{
    static const size_t capacities[] = {1, 2, 3, 8, 64, RN_UNBOUNDED};
    const rn_elem elem = {
        .size = sizeof(struct message), .align = _Alignof(struct message), .drop = seal_dropped, .ctx = round};
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
    check_fates(round);
}

EVERYWHERE(stress_mpsc_gives_every_message_one_fate)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    int rounds = 0;
    for (; !rn_passed(end); rounds++)
        run_round(&round, rn__random_next(&random));
    CHECK(rounds > 0);
}
