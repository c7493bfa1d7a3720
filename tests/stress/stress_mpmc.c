/* SPDX-License-Identifier: MIT */
/* mpmc under everything at once: short-lived channels whose ends close, leave, time out, are cloned and are cancelled
 * at random. Every message that was ever made has exactly one fate: received by one, dropped by the library, or still
 * its sender's. */
#include <string.h>

#include <runnel/cancel.h>
#include <runnel/mpmc.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 60, BATCH = 4, ROUND_MS = 300 };

struct message {
    int producer;
    int number;
};

struct producer {
    struct round *round;
    rn_mpmc_tx *tx;
    int number;
    int made; /* messages 0 .. made - 1 came into being */
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct consumer {
    struct round *round;
    rn_mpmc_rx *rx;
    uint64_t random;
    uint64_t task;
    int next[PRODUCERS];
};

struct round {
    struct consumer consumers[CONSUMERS];
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
        return rn_mpmc_try_send(producer->tx, message);
    case 1:
        return rn_mpmc_send_until(producer->tx, message, rn_at_ns(1));
    case 2:
    case 3:
        return rn_mpmc_send_until(producer->tx, message,
                                  rn_in_us((int64_t)(rn__random_next(&producer->random) % 200)));
    case 4:
        rn_ignore(rn_mpmc_give(producer->tx, message)); /* if that fails it is dropped: it has its fate anyway */
        return 0;
    default:
        return rn_mpmc_send(producer->tx, message);
    }
}

static void exchange_end(struct producer *producer)
{
    rn_mpmc_tx *clone;
    REQUIRE(rn_mpmc_tx_clone(&clone, producer->tx) == 0);
    rn_mpmc_tx_drop(producer->tx);
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
    rn_mpmc_tx_drop(producer->tx);
    return 0;
}

/* -- receivers -------------------------------------------------------------------------------------------------- */

static int recv_one(struct consumer *consumer, struct message *message)
{
    switch (rn__random_next(&consumer->random) % 4) {
    case 0:
        return rn_mpmc_try_recv(consumer->rx, message);
    case 1:
        return rn_mpmc_recv_until(consumer->rx, message,
                                  rn_in_us((int64_t)(rn__random_next(&consumer->random) % 200)));
    default:
        return rn_mpmc_recv(consumer->rx, message);
    }
}

static int recv_by_select(struct consumer *consumer, struct message *message)
{
    rn_case cases[] = {rn_mpmc_recv_case(consumer->rx, message)};
    const int which = rn_select_until(cases, 1, rn_in_us((int64_t)(rn__random_next(&consumer->random) % 200)));
    return which < 0 ? which : cases[0].rc;
}

static int recv_somehow(struct consumer *consumer, struct message *messages, size_t *count)
{
    *count = 0;
    const uint64_t way = rn__random_next(&consumer->random) % 4;
    if (way == 0)
        return rn_mpmc_recv_many(consumer->rx, messages, BATCH, count);
    const int rc = way == 1 ? recv_by_select(consumer, messages) : recv_one(consumer, messages);
    *count = rc == 0;
    return rc;
}

static void exchange_receiver(struct consumer *consumer)
{
    rn_mpmc_rx *clone;
    REQUIRE(rn_mpmc_rx_clone(&clone, consumer->rx) == 0);
    rn_mpmc_rx_drop(consumer->rx);
    consumer->rx = clone;
}

/* Of each sender, what comes to one receiver comes in order. */
static void take(struct consumer *consumer, const struct message *message)
{
    CHECK(message->number >= consumer->next[message->producer]);
    consumer->next[message->producer] = message->number + 1;
    seal(consumer->round, message);
}

static int consume(void *arg)
{
    struct consumer *consumer = arg;
    const uint64_t patience = rn__random_next(&consumer->random) % (2 * PRODUCERS * EACH);
    const bool closes = rn__random_next(&consumer->random) % 4 == 0;
    int rc = 0;
    sign_in(&consumer->task);
    for (uint64_t calls = 0; rc != RN_CLOSED && rc != RN_ECANCELED; calls++) {
        struct message messages[BATCH];
        size_t count;
        if (calls == patience && !closes)
            break;
        if (calls == patience)
            rn_mpmc_rx_close(consumer->rx);
        rc = recv_somehow(consumer, messages, &count);
        for (size_t i = 0; i < count; i++)
            take(consumer, &messages[i]);
        if (rc != 0 && rc != RN_CLOSED && rc != RN_EMPTY && rc != RN_ETIMEDOUT && rc != RN_ECANCELED)
            FAIL("recv says %d", rc);
        if (rn__random_next(&consumer->random) % 16 == 0)
            exchange_receiver(consumer);
    }
    rn_mpmc_rx_drop(consumer->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void cancel_somebody(struct round *round, uint64_t choice)
{
    uint64_t *slot = choice < PRODUCERS ? &round->producers[choice].task : &round->consumers[choice - PRODUCERS].task;
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
    static const size_t capacities[] = {0, 1, 2, 3, 8, 64, RN_UNBOUNDED};
    const rn_elem elem = {
        .size = sizeof(struct message), .align = _Alignof(struct message), .drop = seal_dropped, .ctx = round};
    struct actor *actors[PRODUCERS];
    struct actor *receivers[CONSUMERS];
    rn_mpmc_tx *tx;
    rn_mpmc_rx *rx;
    uint64_t random = seed;
    memset(round, 0, sizeof *round);
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    REQUIRE(rn_mpmc_channel(&tx, &rx, capacity, &elem) == 0);
    for (int i = 0; i < CONSUMERS; i++) {
        struct consumer *consumer = &round->consumers[i];
        consumer->round = round;
        consumer->random = rn__random_next(&random);
        REQUIRE(rn_mpmc_rx_clone(&consumer->rx, rx) == 0);
        receivers[i] = actor_start(consume, consumer);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        struct producer *producer = &round->producers[i];
        producer->round = round;
        producer->number = i;
        producer->random = rn__random_next(&random);
        REQUIRE(rn_mpmc_tx_clone(&producer->tx, tx) == 0);
        actors[i] = actor_start(produce, producer);
    }
    rn_mpmc_tx_drop(tx);
    rn_mpmc_rx_drop(rx);
    for (uint64_t yields = rn__random_next(&random) % 16; yields > 0; yields--)
        rn_yield();
    if (rn__random_next(&random) % 2 == 0)
        cancel_somebody(round, rn__random_next(&random) % (PRODUCERS + CONSUMERS));
    for (int i = 0; i < PRODUCERS; i++)
        actor_join(actors[i]);
    for (int i = 0; i < CONSUMERS; i++)
        actor_join(receivers[i]);
    check_fates(round);
}

EVERYWHERE(stress_mpmc_gives_every_message_one_fate)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    int rounds = 0;
    for (; !rn_passed(end); rounds++)
        run_round(&round, rn__random_next(&random));
    CHECK(rounds > 0);
}
