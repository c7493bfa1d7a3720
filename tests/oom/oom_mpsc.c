/* SPDX-License-Identifier: MIT */
/* mpsc and oneshot when memory runs out: each request for memory is refused once, and the call has then done
 * nothing. */
#include <runnel/mpsc.h>
#include <runnel/oneshot.h>

#include "oom/refuse_here.h"

static int construct(size_t capacity, const rn_mpsc_opts *opts)
{
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    rn_mpsc_rx *rx = (rn_mpsc_rx *)(uintptr_t)1;
    const int rc = opts == NULL ? rn_mpsc_channel(&tx, &rx, capacity, RN_ELEM(int))
                                : rn_mpsc_channel_with(&tx, &rx, capacity, RN_ELEM(int), opts);
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
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
    return construct(RN_UNBOUNDED, NULL);
}

static int construct_with(void *unused)
{
    (void)unused;
    return construct(1, &(rn_mpsc_opts){.name = "jobs"});
}

TEST(oom_mpsc_channel_leaves_nothing_behind)
{
    CHECK_EQ(refuse_each(construct_bounded, NULL), 2); /* the channel, the ring */
    CHECK_EQ(refuse_each(construct_unbounded, NULL), 1);
    CHECK_EQ(refuse_each(construct_with, NULL), 2);
}

static rn_mpsc_tx *cloned;

static int clone_once(void *unused)
{
    (void)unused;
    rn_mpsc_tx *clone = (rn_mpsc_tx *)(uintptr_t)1;
    const int rc = rn_mpsc_tx_clone(&clone, cloned);
    CHECK_EQ(clone != NULL, rc == 0);
    rn_mpsc_tx_drop(clone);
    return rc;
}

TEST(oom_mpsc_clone_that_failed_does_not_count)
{
    rn_mpsc_rx *rx;
    int message;
    REQUIRE(rn_mpsc_channel(&cloned, &rx, 1, RN_ELEM(int)) == 0);
    CHECK_EQ(refuse_each(clone_once, NULL), 1);
    rn_mpsc_tx_drop(cloned); /* this was the last one */
    CHECK_RC(rn_mpsc_recv(rx, &message), RN_CLOSED);
    rn_mpsc_rx_drop(rx);
}

static int downgrade_once(void *unused)
{
    (void)unused;
    rn_mpsc_weak *weak = (rn_mpsc_weak *)(uintptr_t)1;
    const int rc = rn_mpsc_tx_downgrade(&weak, cloned);
    CHECK_EQ(weak != NULL, rc == 0);
    rn_mpsc_weak_drop(weak);
    return rc;
}

static rn_mpsc_weak *kept;

static int clone_weak_once(void *unused)
{
    (void)unused;
    rn_mpsc_weak *weak = (rn_mpsc_weak *)(uintptr_t)1;
    const int rc = rn_mpsc_weak_clone(&weak, kept);
    CHECK_EQ(weak != NULL, rc == 0);
    rn_mpsc_weak_drop(weak);
    return rc;
}

static int upgrade_once(void *unused)
{
    (void)unused;
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    const int rc = rn_mpsc_weak_upgrade(&tx, kept);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_mpsc_tx_drop(tx);
    return rc;
}

TEST(oom_mpsc_weak_sender_that_was_not_made_does_not_count)
{
    rn_mpsc_rx *rx;
    rn_channel_info info;
    REQUIRE(rn_mpsc_channel(&cloned, &rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_mpsc_tx_downgrade(&kept, cloned) == 0);
    CHECK_EQ(refuse_each(downgrade_once, NULL), 1);
    CHECK_EQ(refuse_each(clone_weak_once, NULL), 1);
    CHECK_EQ(refuse_each(upgrade_once, NULL), 1);
    CHECK_RC(rn_mpsc_rx_info(rx, &info), 0);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.weak, 1);
    rn_mpsc_weak_drop(kept);
    rn_mpsc_tx_drop(cloned);
    rn_mpsc_rx_drop(rx);
}

/* A permit and all that is done with it. */
static int reserve_and_send(void *unused)
{
    (void)unused;
    rn_mpsc_permit permit;
    int message = 1;
    CHECK_RC(rn_mpsc_reserve(cloned, 3, &permit), 0);
    CHECK_RC(rn_mpsc_permit_send(&permit, &message), 0);
    rn_mpsc_permit_drop(&permit);
    return 0;
}

TEST(oom_mpsc_permit_asks_for_no_memory)
{
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&cloned, &rx, 3, RN_ELEM(int)) == 0);
    CHECK_EQ(refuse_each(reserve_and_send, NULL), 0);
    rn_mpsc_tx_drop(cloned);
    rn_mpsc_rx_drop(rx);
}

static int drops;

static void count_drop(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    drops++;
}

/* Sends 100 messages with every request refused once; each that was refused is sent again. */
TEST(oom_mpsc_unbounded_send_that_failed_sent_nothing)
{
    static const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .drop = count_drop};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int refused = 0;
    REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, &elem) == 0);
    for (int message = 0; message < 100; message++) {
        struct refusal refusal = {.point = RN__FAULT_ALLOC};
        rn__fault_set(refuse_one, &refusal);
        const int rc = message % 2 == 0 ? rn_mpsc_send(tx, &message) : rn_mpsc_try_send(tx, &message);
        rn__fault_set(NULL, NULL);
        CHECK_RC(rc, refusal.refused > 0 ? RN_ENOMEM : 0);
        if (rc != 0)
            CHECK_RC(rn_mpsc_send(tx, &message), 0);
        refused += refusal.refused;
    }
    CHECK_EQ(refused, 4); /* one block for 32 messages */
    CHECK_EQ(rn_mpsc_rx_len(rx), 100);
    for (int expected = 0; expected < 100; expected++) {
        int message = -1;
        CHECK_RC(rn_mpsc_recv(rx, &message), 0);
        CHECK_EQ(message, expected);
    }
    CHECK_EQ(drops, 0);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

/* 200 messages need seven blocks. What went before a block was refused has gone, the rest is sent again. */
TEST(oom_mpsc_send_many_counts_what_went_before_memory_ran_out)
{
    enum { COUNT = 200, BLOCK = 32 };
    int messages[COUNT];
    int out[COUNT];
    for (int i = 0; i < COUNT; i++)
        messages[i] = i;
    for (int n = 0; n <= COUNT / BLOCK + 1; n++) {
        struct refusal refusal = {.point = RN__FAULT_ALLOC, .countdown = n};
        rn_mpsc_tx *tx;
        rn_mpsc_rx *rx;
        size_t sent = 77;
        size_t rest = 0;
        REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int)) == 0);
        rn__fault_set(refuse_one, &refusal);
        const int rc = n % 2 == 0 ? rn_mpsc_send_many(tx, messages, COUNT, &sent)
                                  : rn_mpsc_try_send_many(tx, messages, COUNT, &sent);
        rn__fault_set(NULL, NULL);
        CHECK_RC(rc, refusal.refused > 0 ? RN_ENOMEM : 0);
        CHECK_EQ(refusal.refused, n <= COUNT / BLOCK);
        CHECK_EQ(sent, rc == 0 ? COUNT : n * BLOCK);
        CHECK_EQ(rn_mpsc_rx_len(rx), sent);
        CHECK_RC(rn_mpsc_send_many(tx, messages + sent, COUNT - sent, &rest), 0);
        CHECK_EQ(sent + rest, COUNT);
        CHECK_RC(rn_mpsc_recv_many(rx, out, COUNT, &rest), 0);
        CHECK_EQ(rest, COUNT);
        CHECK_MEM_EQ(out, messages, sizeof out);
        rn_mpsc_tx_drop(tx);
        rn_mpsc_rx_drop(rx);
    }
}

TEST(oom_mpsc_give_that_failed_drops)
{
    static const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .drop = count_drop};
    struct refusal refusal = {.point = RN__FAULT_ALLOC};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int message = 1;
    REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, &elem) == 0);
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(rn_mpsc_give(tx, &message), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal.refused, 1);
    CHECK_EQ(drops, 1);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    CHECK_EQ(drops, 1);
}

static int construct_oneshot(void *unused)
{
    (void)unused;
    rn_oneshot_tx *tx = (rn_oneshot_tx *)(uintptr_t)1;
    rn_oneshot_rx *rx = (rn_oneshot_rx *)(uintptr_t)1;
    const int rc = rn_oneshot_channel(&tx, &rx, RN_ELEM(int));
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_oneshot_tx_drop(tx);
    rn_oneshot_rx_drop(rx);
    return rc;
}

TEST(oom_oneshot_channel_leaves_nothing_behind)
{
    CHECK_EQ(refuse_each(construct_oneshot, NULL), 1);
}

/* A thread becomes a party when it first has to wait; the table of parties is mapped. */
TEST(oom_first_wait_of_a_thread_that_failed_changed_nothing)
{
    struct refusal refusal = {.point = RN__FAULT_MAP};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int message = 77;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(rn_mpsc_recv(rx, &message), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal.refused, 1);
    CHECK_EQ(message, 77);
    CHECK_RC(rn_mpsc_send(tx, &message), 0);
    refusal = (struct refusal){.point = RN__FAULT_MAP};
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(rn_mpsc_send(tx, &message), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal.refused, 1);
    CHECK_RC(rn_mpsc_recv_until(rx, &message, rn_in_ms(1)), 0);
    CHECK_RC(rn_mpsc_recv_until(rx, &message, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}
