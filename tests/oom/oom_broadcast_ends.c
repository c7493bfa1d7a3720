/* SPDX-License-Identifier: MIT */
/* More ends of a broadcast when memory runs out: each request is refused once, and the call has then done nothing. */
#include <runnel/broadcast.h>

#include "api/owned.h"
#include "base/fault.h"

struct refusal {
    int countdown; /* 0: this one */
    int refused;
};

static bool refuse_one(enum rn__fault_point point, void *ctx)
{
    struct refusal *refusal = ctx;
    if (point != RN__FAULT_ALLOC || refusal->countdown-- != 0)
        return false;
    refusal->refused++;
    return true;
}

struct setting {
    struct owners owners;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    rn_broadcast_weak *weak;
};

static rn_channel_info info_of(const struct setting *s)
{
    rn_channel_info info;
    REQUIRE(rn_broadcast_tx_info(s->tx, &info) == 0);
    return info;
}

static void begin(struct setting *s, bool is_owned, uint32_t flags)
{
    static const rn_elem plain = {.size = sizeof(int)};
    const rn_broadcast_opts opts = {.flags = flags};
    *s = (struct setting){0};
    REQUIRE(rn_broadcast_channel_with(&s->tx, &s->rx, 2, is_owned ? OWNED_ELEM(&s->owners) : &plain, &opts) == 0);
    REQUIRE(rn_broadcast_tx_downgrade(&s->weak, s->tx) == 0);
}

static void end(struct setting *s)
{
    rn_broadcast_tx_drop(s->tx);
    rn_broadcast_rx_drop(s->rx);
    rn_broadcast_weak_drop(s->weak);
    CHECK_EQ(s->owners.live, 0);
}

/* The call with the first request refused, then the second, until nothing is refused: then it must succeed. attempt()
 * drops what it made. Gives the number of requests. */
static int refuse_each(int (*attempt)(struct setting *), struct setting *s)
{
    for (int n = 0;; n++) {
        struct refusal refusal = {.countdown = n};
        const struct test_memory before = test_memory();
        const rn_channel_info was = info_of(s);
        rn__fault_set(refuse_one, &refusal);
        const int rc = attempt(s);
        rn__fault_set(NULL, NULL);
        const rn_channel_info is = info_of(s);
        CHECK_EQ(is.senders, was.senders);
        CHECK_EQ(is.receivers, was.receivers);
        CHECK_EQ(is.weak, was.weak);
        if (refusal.refused == 0) {
            CHECK_RC(rc, 0);
            return n;
        }
        CHECK_EQ(test_memory().live, before.live);
        if (!CHECK_RC(rc, RN_ENOMEM))
            return n;
    }
}

static int drop_receiver(int rc, rn_broadcast_rx *rx)
{
    CHECK_EQ(rx != NULL, rc == 0);
    rn_broadcast_rx_drop(rx);
    return rc;
}

static int subscribe_from(struct setting *s)
{
    rn_broadcast_rx *rx = s->rx;
    const int rc = rn_broadcast_subscribe_from(&rx, s->tx, RN_OLDEST);
    return drop_receiver(rc, rx);
}

static int resubscribe(struct setting *s)
{
    rn_broadcast_rx *rx = s->rx;
    const int rc = rn_broadcast_resubscribe(&rx, s->rx);
    return drop_receiver(rc, rx);
}

static int rx_clone(struct setting *s)
{
    rn_broadcast_rx *rx = s->rx;
    const int rc = rn_broadcast_rx_clone(&rx, s->rx);
    return drop_receiver(rc, rx);
}

static int upgrade(struct setting *s)
{
    rn_broadcast_tx *tx = s->tx;
    const int rc = rn_broadcast_weak_upgrade(&tx, s->weak);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_broadcast_tx_drop(tx);
    return rc;
}

static int drop_weak(int rc, rn_broadcast_weak *weak)
{
    CHECK_EQ(weak != NULL, rc == 0);
    rn_broadcast_weak_drop(weak);
    return rc;
}

static int downgrade(struct setting *s)
{
    rn_broadcast_weak *weak = s->weak;
    const int rc = rn_broadcast_tx_downgrade(&weak, s->tx);
    return drop_weak(rc, weak);
}

static int weak_clone(struct setting *s)
{
    rn_broadcast_weak *weak = s->weak;
    const int rc = rn_broadcast_weak_clone(&weak, s->weak);
    return drop_weak(rc, weak);
}

/* `requests` of the first call of this kind: the end, and for owned messages a node. */
static void check_refusals(int (*attempt)(struct setting *), int of_plain, int of_owned)
{
    struct setting s;
    begin(&s, false, RN_BROADCAST_KEEP);
    CHECK_EQ(refuse_each(attempt, &s), of_plain);
    end(&s);
    begin(&s, true, RN_BROADCAST_KEEP);
    CHECK_EQ(refuse_each(attempt, &s), of_owned);
    end(&s);
}

TEST(oom_broadcast_subscribe_from_changes_nothing)
{
    check_refusals(subscribe_from, 1, 2);
}

TEST(oom_broadcast_receiver_like_another_one_changes_nothing)
{
    check_refusals(resubscribe, 1, 2);
    check_refusals(rx_clone, 1, 2);
}

TEST(oom_broadcast_weak_senders_change_nothing)
{
    check_refusals(downgrade, 1, 1);
    check_refusals(weak_clone, 1, 1);
}

TEST(oom_broadcast_upgrade_changes_nothing)
{
    check_refusals(upgrade, 1, 2);
}

/* A node that was promised to an end that was then refused for another reason is free again. */
TEST(oom_broadcast_refused_ends_leave_their_room)
{
    struct setting s;
    begin(&s, true, 0);
    rn_broadcast_rx *rx = s.rx;
    CHECK_RC(rn_broadcast_subscribe_from(&rx, s.tx, 5), RN_EINVAL); /* a number of the future; makes a node */
    CHECK_EQ(refuse_each(subscribe_from, &s), 1);                   /* which this one finds */
    for (int i = 0; i < 10; i++)
        CHECK_RC(rn_broadcast_subscribe_from(&rx, s.tx, 5), RN_EINVAL);
    CHECK_EQ(refuse_each(upgrade, &s), 1);
    end(&s);
}

/* Sends and receives of many take nothing, whatever happens. */
TEST(oom_broadcast_many_needs_no_memory)
{
    struct setting s;
    struct owned got[2];
    struct refusal refusal = {.countdown = 0};
    size_t count;
    uint64_t missed;
    begin(&s, true, RN_BROADCAST_KEEP);
    rn__fault_set(refuse_one, &refusal);
    for (int i = 0; i < 5; i++) {
        struct owned message = owned_make(&s.owners, i);
        CHECK_RC(rn_broadcast_send(s.tx, &message), 0);
    }
    CHECK_RC(rn_broadcast_recv_many(s.rx, got, 2, &count, &missed), 0);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(count, 2);
    CHECK_EQ(missed, 3);
    CHECK_EQ(refusal.refused, 0);
    owned_destroy(&s.owners, &got[0]);
    owned_destroy(&s.owners, &got[1]);
    end(&s);
}
