/* SPDX-License-Identifier: MIT */
/* stress_rendezvous.c - parties that offer to send and to receive on two channels of capacity 0 at once, and lose
 * patience: whatever a sender was told, exactly one other party has, and nothing else. */
#include <string.h>

#include <runnel.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PARTIES = 6, EACH = 250, CASES = 4 };

struct message {
    int party;
    int number;
};

struct party {
    struct round *round;
    int number;
    uint64_t random;
    uint32_t told[EACH]; /* by its selects: went */
};

struct round {
    rn_mpmc_tx *tx[2];
    rn_mpmc_rx *rx[2];
    struct party parties[PARTIES];
    uint32_t heard[PARTIES][EACH];
};

static uint32_t below(uint64_t *random, uint32_t n)
{
    return (uint32_t)(rn__random_next(random) % n);
}

static int select_somehow(struct party *party, rn_case *cases)
{
    switch (below(&party->random, 4)) {
    case 0:
        return rn_try_select(cases, CASES);
    case 1:
        return rn_select_in_order(cases, CASES, rn_in_us(below(&party->random, 200)));
    default:
        return rn_select_until(cases, CASES, rn_in_us(below(&party->random, 200)));
    }
}

/* Offers the message, and takes what comes, until it has gone or the party has lost patience. */
static void offer(struct party *party, struct message *message)
{
    struct round *round = party->round;
    struct message got[2];
    rn_case cases[CASES] = {rn_mpmc_send_case(round->tx[0], message), rn_mpmc_recv_case(round->rx[1], &got[1]),
                            rn_mpmc_send_case(round->tx[1], message), rn_mpmc_recv_case(round->rx[0], &got[0])};
    cases[below(&party->random, CASES)] = RN_NEVER;
    const int which = select_somehow(party, cases);
    if (which < 0) {
        CHECK(which == RN_ETIMEDOUT || which == RN_EAGAIN);
        return;
    }
    CHECK_RC(cases[which].rc, 0);
    if (which % 2 == 0) {
        party->told[message->number] = 1;
        return;
    }
    const struct message *taken = &got[which == 1];
    CHECK(taken->party != party->number);                           /* nobody meets itself */
    rn__add_relaxed(&round->heard[taken->party][taken->number], 1); /* rlx: read after all have ended */
}

static int talk(void *arg)
{
    struct party *party = arg;
    struct message message = {.party = party->number};
    for (; message.number < EACH; message.number++)
        offer(party, &message);
    return 0;
}

EVERYWHERE(stress_rendezvous_moves_each_message_from_one_to_one)
{
    static struct round round;
    struct actor *actors[PARTIES];
    memset(&round, 0, sizeof round);
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_mpmc_channel(&round.tx[i], &round.rx[i], 0, RN_ELEM(struct message)) == 0);
    for (int i = 0; i < PARTIES; i++) {
        struct party *party = &round.parties[i];
        party->round = &round;
        party->number = i;
        party->random = test_seed() + (uint64_t)i;
        actors[i] = actor_start(talk, party);
    }
    int moved = 0;
    for (int i = 0; i < PARTIES; i++)
        actor_join(actors[i]);
    for (int i = 0; i < PARTIES; i++) {
        for (int n = 0; n < EACH; n++) {
            CHECK_EQ(round.heard[i][n], round.parties[i].told[n]);
            moved += round.parties[i].told[n] != 0;
        }
    }
    CHECK(moved > 0);
    for (int i = 0; i < 2; i++) {
        rn_mpmc_tx_drop(round.tx[i]);
        rn_mpmc_rx_drop(round.rx[i]);
    }
}

/* -- without patience: whoever misses the other waits for ever --------------------------------------------------- */

enum { MEETINGS = 3000 };

static int send_each(void *arg)
{
    struct round *round = arg;
    for (struct message message = {0}; message.number < MEETINGS; message.number++) {
        rn_case cases[] = {rn_mpmc_send_case(round->tx[message.number % 2], &message)};
        CHECK_EQ(rn_select(cases, 1), 0);
        CHECK_RC(cases[0].rc, 0);
    }
    return 0;
}

EVERYWHERE(stress_rendezvous_of_selects_is_never_missed)
{
    static struct round round;
    struct message got[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_mpmc_channel(&round.tx[i], &round.rx[i], 0, RN_ELEM(struct message)) == 0);
    struct actor *sender = actor_start(send_each, &round);
    rn_case cases[] = {rn_mpmc_recv_case(round.rx[0], &got[0]), rn_mpmc_recv_case(round.rx[1], &got[1])};
    for (int n = 0; n < MEETINGS; n++) {
        CHECK_EQ(rn_select(cases, 2), n % 2);
        CHECK_EQ(got[n % 2].number, n);
    }
    actor_join(sender);
    for (int i = 0; i < 2; i++) {
        rn_mpmc_tx_drop(round.tx[i]);
        rn_mpmc_rx_drop(round.rx[i]);
    }
}
