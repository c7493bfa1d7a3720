/* SPDX-License-Identifier: MIT */
/* Channels with a budget when memory runs out: a message that did not go in weighs nothing. */
#include <runnel/mpsc.h>

#include "oom/refuse_here.h"

enum { SIZE = 100, MESSAGES = 40 };

static size_t weigh(const void *message, void *ctx)
{
    (void)message, (void)ctx;
    return 1;
}

static int fill(void *unused)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    const rn_mpsc_opts opts = {.budget = &budget, .weigh = weigh};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    size_t sent = 0;
    (void)unused;
    int rc = rn_mpsc_channel_with(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int), &opts);
    for (int message = 0; rc == 0 && message < MESSAGES; message++) {
        rc = message % 2 == 0 ? rn_mpsc_send(tx, &message) : rn_mpsc_try_send(tx, &message);
        sent += rc == 0;
    }
    CHECK_EQ(rn_semaphore_available(&budget.free), SIZE - sent);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    CHECK_EQ(rn_semaphore_available(&budget.free), SIZE);
    return rc;
}

TEST(oom_budget_send_that_failed_gives_its_weight_back)
{
    CHECK_EQ(refuse_each(fill, NULL), 3); /* the channel, two blocks */
}
