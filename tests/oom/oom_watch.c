/* SPDX-License-Identifier: MIT */
/* watch when memory runs out: each request for memory is refused once, and the call has then done nothing. */
#include <runnel/watch.h>

#include "api/owned.h"
#include "oom/refuse_here.h"

static const rn_elem plain = {.size = sizeof(int), .align = _Alignof(int)};

static void *somewhere(void)
{
    static int place;
    return &place;
}

static int make_watch(void *arg)
{
    const rn_elem *elem = arg;
    rn_watch_tx *tx = somewhere();
    rn_watch_rx *rx = somewhere();
    const int initial = 1;
    const int rc = rn_watch_channel(&tx, &rx, &initial, elem);
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
    return rc;
}

TEST(oom_watch_channel_leaves_nothing_behind)
{
    rn_elem copy = plain;
    CHECK_EQ(refuse_each(make_watch, &copy), 2); /* the channel, the nodes */
}

static int make_unwatched(void *arg)
{
    const rn_elem *elem = arg;
    rn_watch_tx *tx = somewhere();
    const int initial = 1;
    const int rc = rn_watch_channel(&tx, NULL, &initial, elem);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_watch_tx_drop(tx);
    return rc;
}

TEST(oom_watch_channel_without_a_receiver_leaves_nothing_behind)
{
    rn_elem copy = plain;
    CHECK_EQ(refuse_each(make_unwatched, &copy), 2);
}

TEST(oom_watch_channel_leaves_the_first_value_with_the_caller)
{
    struct owners owners = {0};
    struct owned initial = owned_make(&owners, 1);
    struct refusal refusal = {.point = RN__FAULT_ALLOC};
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(rn_watch_channel(&tx, &rx, &initial, OWNED_ELEM(&owners)), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(owners.drops, 0);
    owned_destroy(&owners, &initial);
}

static int watch_subscribe(void *arg)
{
    rn_watch_rx *rx = somewhere();
    const int rc = rn_watch_subscribe(&rx, arg);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_watch_rx_drop(rx);
    return rc;
}

static int watch_clone_receiver(void *arg)
{
    rn_watch_rx *rx = somewhere();
    const int rc = rn_watch_rx_clone(&rx, arg);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_watch_rx_drop(rx);
    return rc;
}

static int watch_clone_sender(void *arg)
{
    rn_watch_tx *tx = somewhere();
    const int rc = rn_watch_tx_clone(&tx, arg);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_watch_tx_drop(tx);
    return rc;
}

TEST(oom_watch_subscribe_and_clone_change_nothing)
{
    const int initial = 1;
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    REQUIRE(rn_watch_channel(&tx, &rx, &initial, &plain) == 0);
    CHECK_EQ(refuse_each(watch_subscribe, tx), 3); /* the receiver, two nodes */
    CHECK_EQ(rn_watch_tx_receivers(tx), 1);
    CHECK_EQ(refuse_each(watch_clone_sender, tx), 1); /* the nodes of the receiver that was there are free */
    CHECK_EQ(refuse_each(watch_clone_receiver, rx), 1);
    CHECK_EQ(rn_watch_tx_receivers(tx), 1);
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
}

TEST(oom_watch_receiver_clone_changes_nothing)
{
    struct owners owners = {0};
    struct owned initial = owned_make(&owners, 1);
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    REQUIRE(rn_watch_channel(&tx, &rx, &initial, OWNED_ELEM(&owners)) == 0);
    CHECK_EQ(refuse_each(watch_clone_receiver, rx), 3); /* the receiver, two nodes */
    CHECK_EQ(refuse_each(watch_clone_sender, tx), 1);
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
}

/* Changes inside changes, all on one sender: more copies at a time than it was promised room for. */
struct depth {
    struct owners owners;
    rn_watch_tx *tx;
    int levels;
    int code; /* of the one that failed */
};

static bool modify_deeper(void *value, void *ctx)
{
    struct depth *depth = ctx;
    (void)value;
    if (--depth->levels == 0)
        return false;
    const int rc = rn_watch_modify(depth->tx, modify_deeper, depth);
    if (rc != 0)
        depth->code = rc;
    return false;
}

static int modify_in_depth(void *arg)
{
    struct depth *depth = arg;
    depth->levels = 6;
    depth->code = 0;
    CHECK_RC(rn_watch_modify(depth->tx, modify_deeper, depth), 0);
    return depth->code;
}

TEST(oom_watch_modify_without_room_for_the_copy_sets_nothing)
{
    struct depth depth = {0};
    struct refusal refusal = {.point = RN__FAULT_ALLOC};
    struct owned initial = owned_make(&depth.owners, 1);
    rn_watch_rx *rx;
    REQUIRE(rn_watch_channel(&depth.tx, &rx, &initial, OWNED_ELEM(&depth.owners)) == 0);
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(modify_in_depth(&depth), RN_ENOMEM); /* current, two for each end: the fifth copy finds none */
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal.refused, 1);
    CHECK_EQ(depth.levels, 2);
    CHECK_EQ(depth.owners.live, 1); /* every copy was dropped */
    CHECK_EQ(rn_watch_has_changed(rx), 0);
    CHECK_RC(modify_in_depth(&depth), 0);
    CHECK_EQ(depth.levels, 0);
    rn_watch_tx_drop(depth.tx);
    rn_watch_rx_drop(rx);
    CHECK_EQ(depth.owners.live, 0);
}

/* What the clone function could not get is its answer. */
TEST(oom_watch_clone_without_memory_is_the_answer)
{
    struct owners owners = {0};
    struct owned initial = owned_make(&owners, 1), value = owned_make(&owners, 2), got = {NULL};
    struct depth depth = {.levels = 1};
    const void *borrowed;
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    REQUIRE(rn_watch_channel(&tx, &rx, &initial, OWNED_ELEM(&owners)) == 0);
    CHECK_RC(rn_watch_borrow(rx, &borrowed), 0);
    owners.clone_code = RN_ENOMEM;
    CHECK_RC(rn_watch_replace(tx, &value, &got), RN_ENOMEM);
    CHECK_RC(rn_watch_modify(tx, modify_deeper, &depth), RN_ENOMEM);
    CHECK_RC(rn_watch_tx_peek(tx, &got), RN_ENOMEM);
    CHECK_EQ(depth.levels, 1);
    CHECK_EQ(rn_watch_has_changed(rx), 0);
    owned_destroy(&owners, &value);
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
    CHECK_EQ(owners.drops, 1);
}
