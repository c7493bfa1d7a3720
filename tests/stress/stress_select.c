/* SPDX-License-Identifier: MIT */
/* stress_select.c - selects under everything at once: receivers of two channels of their own that lose patience, are
 * cancelled, or try only; senders that offer each message to two of them at once. Every message arrives exactly once,
 * and where its sender was told. */
#include <string.h>

#include <runnel.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { RECEIVERS = 4, SENDERS = 4, EACH = 300 };

struct message {
    int sender;
    int number;
};

struct round {
    struct {
        rn_mpsc_tx *tx[2];
        rn_mpsc_rx *rx[2];
        uint64_t random;
    } receivers[RECEIVERS];
    struct sender {
        struct round *round;
        int number;
        uint64_t random;
        uint32_t told[EACH]; /* 1 + the receiver's number, as the sender knows it */
    } senders[SENDERS];
    uint32_t heard[SENDERS][EACH];
    uint32_t at_work;
    uint32_t next;
};

static uint32_t below(uint64_t *random, uint32_t n)
{
    return (uint32_t)(rn__random_next(random) % n);
}

/* To one of two places, whichever is free first. */
static int offer(struct sender *sender, struct message *message)
{
    struct round *round = sender->round;
    const uint32_t a = below(&sender->random, RECEIVERS), b = below(&sender->random, RECEIVERS);
    rn_case cases[] = {
        rn_mpsc_send_case(round->receivers[a].tx[below(&sender->random, 2)], message),
        rn_mpsc_send_case(round->receivers[b].tx[below(&sender->random, 2)], message),
    };
    const int which = below(&sender->random, 4) == 0
                          ? rn_try_select(cases, 2)
                          : rn_select_until(cases, 2, rn_in_us(below(&sender->random, 300)));
    if (which < 0)
        return which;
    CHECK_RC(cases[which].rc, 0);
    sender->told[message->number] = 1 + (which == 0 ? a : b);
    return 0;
}

static int send_all(void *arg)
{
    struct sender *sender = arg;
    struct message message = {.sender = sender->number};
    while (message.number < EACH) {
        const int rc = offer(sender, &message);
        CHECK(rc == 0 || rc == RN_ETIMEDOUT || rc == RN_EAGAIN);
        message.number += rc == 0;
        if (rc != 0)
            rn_yield();
    }
    rn__sub_acq_rel(&sender->round->at_work, 1);
    return 0;
}

static int receive_all(void *arg)
{
    struct round *round = arg;
    const uint32_t number = rn__add_acq_rel(&round->next, 1);
    uint64_t *random = &round->receivers[number].random;
    struct message got[2];
    rn_case cases[] = {rn_mpsc_recv_case(round->receivers[number].rx[0], &got[0]),
                       rn_mpsc_recv_case(round->receivers[number].rx[1], &got[1])};
    for (;;) {
        const bool over = rn__load_acquire(&round->at_work) == 0; /* then what is not there now will never be */
        const int which = over ? rn_try_select(cases, 2) : rn_select_until(cases, 2, rn_in_us(below(random, 300)));
        if (which < 0 && over)
            return 0;
        if (which < 0) {
            CHECK_RC(which, RN_ETIMEDOUT);
            continue;
        }
        CHECK_RC(cases[which].rc, 0);
        struct sender *sender = &round->senders[got[which].sender];
        rn__add_relaxed(&round->heard[sender->number][got[which].number], 1 + number); /* rlx: read after all ended */
    }
}

EVERYWHERE_TIMEOUT(select_stress_delivers_exactly_once_where_it_says, 60)
{
    static struct round round;
    struct actor *actors[SENDERS + RECEIVERS];
    memset(&round, 0, sizeof round);
    round.at_work = SENDERS;
    for (int i = 0; i < RECEIVERS; i++) {
        round.receivers[i].random = test_seed() + (uint64_t)i;
        for (int n = 0; n < 2; n++)
            REQUIRE(rn_mpsc_channel(&round.receivers[i].tx[n], &round.receivers[i].rx[n], 1 + (size_t)n,
                                    RN_ELEM(struct message)) == 0);
    }
    for (int i = 0; i < RECEIVERS; i++)
        actors[SENDERS + i] = actor_start(receive_all, &round);
    for (int i = 0; i < SENDERS; i++) {
        round.senders[i].round = &round;
        round.senders[i].number = i;
        round.senders[i].random = test_seed() + 100 + (uint64_t)i;
        actors[i] = actor_start(send_all, &round.senders[i]);
    }
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        CHECK_RC(actor_join(actors[i]), 0);
    for (int i = 0; i < SENDERS; i++)
        for (int n = 0; n < EACH; n++)
            CHECK_EQ(round.heard[i][n], round.senders[i].told[n]);
    for (int i = 0; i < RECEIVERS; i++) {
        for (int n = 0; n < 2; n++) {
            rn_mpsc_tx_drop(round.receivers[i].tx[n]);
            rn_mpsc_rx_drop(round.receivers[i].rx[n]);
        }
    }
}
