/* SPDX-License-Identifier: MIT */
/* broadcast under everything at once: small rings, senders that share ends, receivers that leave, come back, time
 * out, are cancelled, and whose clones fail. What must hold:
 *   - each original has one fate: dropped by the library, or still its sender's; each clone is its receiver's alone;
 *   - a receiver that stays from the first message to the close got and missed exactly what was sent;
 *   - every receiver sees the messages of one sender in order. */
#include <stdlib.h>
#include <string.h>

#include <runnel/broadcast.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { SENDERS = 4, EACH = 60, RECEIVERS = 5, ROUND_MS = 400, CLONE_FAILED = -20000 };

/* The memory is what the library could lose or free twice. */
struct message {
    int sender;
    int number;
    uint32_t *memory;
};

struct sender {
    struct round *round;
    rn_broadcast_tx *tx;
    int number;
    int made; /* messages 0 .. made - 1 came into being */
    uint64_t sent;
    uint64_t random;
};

struct receiver {
    struct round *round;
    rn_broadcast_rx *rx;
    bool stays;
    uint64_t got;
    uint64_t missed;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_broadcast_tx *tx; /* for those who subscribe again; lives to the end of the senders */
    int64_t clones;      /* that are alive */
    uint64_t clone_calls;
    struct sender senders[SENDERS];
    struct receiver receivers[RECEIVERS];
    uint32_t fates[SENDERS][EACH];
};

static struct message message_make(int sender, int number)
{
    const struct message message = {sender, number, malloc(sizeof *message.memory)};
    REQUIRE(message.memory != NULL);
    *message.memory = (uint32_t)(sender * EACH + number);
    return message;
}

static void check_memory(const struct message *message)
{
    CHECK_EQ(*message->memory, message->sender * EACH + message->number);
}

static void seal(struct round *round, struct message *message)
{
    check_memory(message);
    *message->memory = UINT32_MAX;
    free(message->memory);
    rn__add_relaxed(&round->fates[message->sender][message->number], 1); /* rlx: counted after all have ended */
}

static void message_drop(void *message, void *ctx)
{
    seal(ctx, message);
}

static int message_clone(void *to, const void *from, void *ctx)
{
    struct round *round = ctx;
    const struct message *original = from;
    check_memory(original);
    if (rn__add_relaxed(&round->clone_calls, 1) % 37 == 0) /* rlx: only takes turns */
        return CLONE_FAILED;
    if (rn__load_relaxed(&round->clone_calls) % 5 == 0) /* rlx: only takes turns */
        rn_yield();                                     /* let the ring go round: the original must stay */
    rn__add_relaxed(&round->clones, 1);                 /* rlx: a count */
    *(struct message *)to = message_make(original->sender, original->number);
    check_memory(original);
    return 0;
}

/* -- senders ----------------------------------------------------------------------------------------------------- */

static void send_one(struct sender *sender)
{
    struct message message = message_make(sender->number, sender->made++);
    const bool gives = rn__random_next(&sender->random) % 4 == 0;
    const int rc = gives ? rn_broadcast_give(sender->tx, &message) : rn_broadcast_send(sender->tx, &message);
    if (rc == 0)
        sender->sent++;
    else if (rc != RN_NOBODY)
        FAIL("send says %d", rc);
    if (rc != 0 && !gives)
        seal(sender->round, &message);
}

static void exchange_end(struct sender *sender)
{
    rn_broadcast_tx *clone;
    REQUIRE(rn_broadcast_tx_clone(&clone, sender->tx) == 0);
    rn_broadcast_tx_drop(sender->tx);
    sender->tx = clone;
}

/* Odd ones share the end of the round, so that more sends go on than room was promised for. */
static int send_all(void *arg)
{
    struct sender *sender = arg;
    const bool shares = sender->number % 2 == 1;
    if (shares)
        sender->tx = sender->round->tx;
    while (sender->made < EACH) {
        send_one(sender);
        if (!shares && rn__random_next(&sender->random) % 16 == 0)
            exchange_end(sender);
        if (rn__random_next(&sender->random) % 8 == 0)
            rn_yield();
    }
    if (!shares)
        rn_broadcast_tx_drop(sender->tx);
    return 0;
}

/* -- receivers --------------------------------------------------------------------------------------------------- */

static int recv_somehow(struct receiver *receiver, struct message *message, uint64_t *missed)
{
    switch (rn__random_next(&receiver->random) % 4) {
    case 0:
        return rn_broadcast_try_recv(receiver->rx, message, missed);
    case 1:
        return rn_broadcast_recv_until(receiver->rx, message, missed,
                                       rn_in_us((int64_t)(rn__random_next(&receiver->random) % 200)));
    default:
        return rn_broadcast_recv(receiver->rx, message, missed);
    }
}

static void take(struct receiver *receiver, struct message *message, uint64_t missed, int *next)
{
    check_memory(message);
    CHECK(message->number >= next[message->sender]);
    next[message->sender] = message->number + 1;
    receiver->got++;
    receiver->missed += missed;
    free(message->memory);
    rn__sub_relaxed(&receiver->round->clones, 1); /* rlx: a count */
}

static int receive_all(void *arg)
{
    struct receiver *receiver = arg;
    int next[SENDERS] = {0};
    if (on_task())
        rn__store_relaxed(&receiver->task, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
    for (;;) {
        struct message message;
        uint64_t missed;
        const int rc = recv_somehow(receiver, &message, &missed);
        if (rc == 0)
            take(receiver, &message, missed, next);
        else if (rc == RN_CLOSED || rc == RN_ECANCELED)
            break;
        else if (rc != RN_EMPTY && rc != RN_ETIMEDOUT && rc != CLONE_FAILED)
            FAIL("recv says %d", rc);
        if (rc == RN_EMPTY)
            rn_yield();
        if (!receiver->stays && rn__random_next(&receiver->random) % 64 == 0)
            break;
    }
    rn_broadcast_rx_drop(receiver->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void check_fates(const struct round *round)
{
    for (int i = 0; i < SENDERS; i++) {
        for (int number = 0; number < EACH; number++) {
            if (!CHECK_EQ(round->fates[i][number], 1))
                FAIL("message %d of sender %d", number, i);
        }
    }
    CHECK_EQ(round->clones, 0);
}

static uint64_t sent_by_all(const struct round *round)
{
    uint64_t sent = 0;
    for (int i = 0; i < SENDERS; i++)
        sent += round->senders[i].sent;
    return sent;
}

static struct actor *start_receiver(struct round *round, int number, uint64_t *random)
{
    struct receiver *receiver = &round->receivers[number];
    *receiver = (struct receiver){.round = round, .stays = number == 0, .random = rn__random_next(random)};
    REQUIRE(rn_broadcast_subscribe(&receiver->rx, round->tx) == 0);
    return actor_start(receive_all, receiver);
}

static struct actor *start_sender(struct round *round, int number, uint64_t *random)
{
    struct sender *sender = &round->senders[number];
    *sender = (struct sender){.round = round, .number = number, .random = rn__random_next(random)};
    REQUIRE(rn_broadcast_tx_clone(&sender->tx, round->tx) == 0);
    if (number % 2 == 1)
        rn_broadcast_tx_drop(sender->tx); /* it takes the shared one */
    return actor_start(send_all, sender);
}

/* Somebody but the one who stays is cancelled, or leaves, and comes back as new. */
static void disturb(struct round *round, struct actor **receivers, uint64_t *random)
{
    const int victim = 1 + (int)(rn__random_next(random) % (RECEIVERS - 1));
    const rn_task task = {rn__load_relaxed(&round->receivers[victim].task)}; /* rlx: 0 is no task */
    if (rn_task_id(task) == 0)
        return; /* a thread: it leaves when it likes */
    rn_task_cancel(task, 0);
    actor_join(receivers[victim]);
    receivers[victim] = start_receiver(round, victim, random);
}

static void run_round(struct round *round, uint64_t random)
{
    static const size_t capacities[] = {1, 2, 3, 8, 64};
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    const rn_elem elem = {.size = sizeof(struct message),
                          .align = _Alignof(struct message),
                          .drop = message_drop,
                          .clone = message_clone,
                          .ctx = round};
    struct actor *receivers[RECEIVERS], *senders[SENDERS];
    memset(round, 0, sizeof *round);
    REQUIRE(rn_broadcast_channel(&round->tx, NULL, capacity, &elem) == 0);
    for (int i = 0; i < RECEIVERS; i++)
        receivers[i] = start_receiver(round, i, &random);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = start_sender(round, i, &random);
    for (uint64_t i = rn__random_next(&random) % 4; i > 0; i--)
        disturb(round, receivers, &random);
    for (int i = 0; i < SENDERS; i++)
        actor_join(senders[i]);
    rn_broadcast_tx_drop(round->tx);
    for (int i = 0; i < RECEIVERS; i++)
        actor_join(receivers[i]);
    CHECK_EQ(round->receivers[0].got + round->receivers[0].missed, sent_by_all(round));
    check_fates(round);
}

EVERYWHERE(stress_broadcast_counts_every_message)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
