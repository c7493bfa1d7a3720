/* SPDX-License-Identifier: MIT */
/* mpmc when memory runs out: each request for memory is refused once, and the call has then done nothing. */
#include <runnel/mpmc.h>

#include "oom/refuse_here.h"

static rn_mpmc_tx *kept_tx;
static rn_mpmc_rx *kept_rx;
static rn_mpmc_weak *kept_weak;

static int construct(size_t capacity, const rn_mpmc_opts *opts)
{
    rn_mpmc_tx *tx = (rn_mpmc_tx *)(uintptr_t)1;
    rn_mpmc_rx *rx = (rn_mpmc_rx *)(uintptr_t)1;
    const int rc = opts == NULL ? rn_mpmc_channel(&tx, &rx, capacity, RN_ELEM(int))
                                : rn_mpmc_channel_with(&tx, &rx, capacity, RN_ELEM(int), opts);
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_mpmc_tx_drop(tx);
    rn_mpmc_rx_drop(rx);
    return rc;
}

static int construct_bounded(void *unused)
{
    (void)unused;
    return construct(100, NULL);
}

static int construct_unbounded(void *unused)
{
    (void)unused;
    return construct(RN_UNBOUNDED, &(rn_mpmc_opts){.name = "jobs"});
}

TEST(oom_mpmc_channel_leaves_nothing_behind)
{
    CHECK_EQ(refuse_each(construct_bounded, NULL), 2); /* the channel, the ring */
    CHECK_EQ(refuse_each(construct_unbounded, NULL), 1);
}

/* One more end of every kind, and gives back those that it could make. */
static int multiply(void *unused)
{
    (void)unused;
    rn_mpmc_rx *rx = (rn_mpmc_rx *)(uintptr_t)1;
    rn_mpmc_tx *tx = NULL, *upgraded = NULL;
    rn_mpmc_weak *weak = NULL, *other = NULL;
    int rc = rn_mpmc_rx_clone(&rx, kept_rx);
    CHECK_EQ(rx != NULL, rc == 0);
    if (rc == 0)
        rc = rn_mpmc_tx_clone(&tx, kept_tx);
    if (rc == 0)
        rc = rn_mpmc_tx_downgrade(&weak, tx);
    if (rc == 0)
        rc = rn_mpmc_weak_clone(&other, weak);
    if (rc == 0)
        rc = rn_mpmc_weak_upgrade(&upgraded, kept_weak);
    rn_mpmc_rx_drop(rx);
    rn_mpmc_tx_drop(tx);
    rn_mpmc_tx_drop(upgraded);
    rn_mpmc_weak_drop(weak);
    rn_mpmc_weak_drop(other);
    return rc;
}

TEST(oom_mpmc_end_that_was_not_made_does_not_count)
{
    rn_channel_info info;
    REQUIRE(rn_mpmc_channel(&kept_tx, &kept_rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_mpmc_tx_downgrade(&kept_weak, kept_tx) == 0);
    CHECK_EQ(refuse_each(multiply, NULL), 5);
    CHECK_RC(rn_mpmc_rx_info(kept_rx, &info), 0);
    CHECK_EQ(info.receivers, 1);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.weak, 1);
    rn_mpmc_rx_drop(kept_rx); /* this was the last one */
    CHECK(rn_mpmc_tx_is_closed(kept_tx));
    rn_mpmc_weak_drop(kept_weak);
    rn_mpmc_tx_drop(kept_tx);
}
