/* SPDX-License-Identifier: MIT */
/* stress_budget.c - senders of two channels, one of them an mpmc, that share a budget; they lose patience, receivers
 * leave: what is unread never weighs more than the budget, and in the end all of it is back. */
#include <runnel.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { SENDERS = 4, RECEIVERS = 2, EACH = 200, SIZE = 20 };

struct round {
    rn_budget budget;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_mpmc_tx *shared_tx;
    rn_mpmc_rx *shared_rx;
    int64_t sent;
    int64_t received;
    int64_t dropped;
};

struct member {
    struct round *round;
    uint64_t random;
    rn_mpmc_rx *shared_rx;
};

static size_t weigh(const void *message, void *ctx)
{
    (void)ctx;
    return *(const uint32_t *)message % (SIZE + 1);
}

static void count_drop(void *message, void *ctx)
{
    struct round *round = ctx;
    (void)message;
    rn__add_relaxed(&round->dropped, 1); /* rlx: a count */
}

static int send_all(void *arg)
{
    struct member *member = arg;
    struct round *round = member->round;
    int rc = 0;
    for (int i = 0; i < EACH && rc != RN_CLOSED; i++) {
        const uint32_t message = (uint32_t)rn__random_next(&member->random);
        const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&member->random) % 300));
        rc = i % 2 == 0 ? rn_mpsc_send_until(round->tx, &message, soon)
                        : rn_mpmc_send_until(round->shared_tx, &message, soon);
        CHECK(rc == 0 || rc == RN_ETIMEDOUT || rc == RN_CLOSED);
        rn__add_relaxed(&round->sent, rc == 0); /* rlx: a count */
    }
    return 0;
}

/* Leaves before the end, so that there is something to drop. */
static int receive_some(void *arg)
{
    struct member *member = arg;
    struct round *round = member->round;
    uint32_t message;
    for (int i = 0; i < EACH; i++) {
        const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&member->random) % 300));
        const int rc = member->shared_rx != NULL ? rn_mpmc_recv_until(member->shared_rx, &message, soon)
                                                 : rn_mpsc_recv_until(round->rx, &message, soon);
        rn__add_relaxed(&round->received, rc == 0); /* rlx: a count */
    }
    if (member->shared_rx == NULL)
        rn_mpsc_rx_drop(round->rx);
    rn_mpmc_rx_drop(member->shared_rx);
    return 0;
}

EVERYWHERE(stress_budget_is_whole_in_the_end)
{
    struct round round = {.budget = RN_BUDGET_INIT(SIZE)};
    const rn_mpsc_opts opts = {.budget = &round.budget, .weigh = weigh};
    const rn_elem elem = {.size = sizeof(uint32_t), .align = _Alignof(uint32_t), .drop = count_drop, .ctx = &round};
    struct member members[SENDERS + RECEIVERS + 1];
    struct actor *actors[SENDERS + RECEIVERS + 1];
    REQUIRE(rn_mpsc_channel_with(&round.tx, &round.rx, RN_UNBOUNDED, &elem, &opts) == 0);
    REQUIRE(rn_mpmc_channel_with(&round.shared_tx, &round.shared_rx, RN_UNBOUNDED, &elem, &opts) == 0);
    for (int i = 0; i <= SENDERS + RECEIVERS; i++) {
        members[i] = (struct member){.round = &round, .random = test_seed() + (uint64_t)i};
        if (i > SENDERS)
            REQUIRE(rn_mpmc_rx_clone(&members[i].shared_rx, round.shared_rx) == 0);
    }
    rn_mpmc_rx_drop(round.shared_rx);
    for (int i = 0; i <= SENDERS + RECEIVERS; i++)
        actors[i] = actor_start(i < SENDERS ? send_all : receive_some, &members[i]);
    for (int i = 0; i <= SENDERS + RECEIVERS; i++)
        actor_join(actors[i]);
    CHECK_EQ(round.received + round.dropped, round.sent);
    CHECK_EQ(rn_semaphore_available(&round.budget.free), SIZE);
    rn_mpsc_tx_drop(round.tx);
    rn_mpmc_tx_drop(round.shared_tx);
}
