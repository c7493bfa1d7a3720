/* SPDX-License-Identifier: MIT */
/* api_typed.c - what the generated layer does beyond handing through (contract: <runnel/typed.h>). */
#include <runnel.h>

#include "harness/harness.h"

RN_MPSC_PLAIN(numbers, int);
RN_ONESHOT_PLAIN(answer, int);
RN_BROADCAST_PLAIN(events, int);
RN_WATCH_PLAIN(mode, int);

TEST(typed_constructors_refuse_a_missing_place_for_an_end)
{
    numbers_tx *tx;
    numbers_rx *rx;
    answer_tx *reply;
    answer_rx *asker;
    mode_rx *getter;
    CHECK_RC(numbers_channel(NULL, &rx, 1), RN_EINVAL);
    CHECK_RC(numbers_channel(&tx, NULL, 1), RN_EINVAL);
    CHECK_RC(answer_channel(NULL, &asker), RN_EINVAL);
    CHECK_RC(answer_channel(&reply, NULL), RN_EINVAL);
    CHECK_RC(events_channel(NULL, NULL, 1), RN_EINVAL);
    CHECK_RC(mode_channel(NULL, &getter, 0), RN_EINVAL);
    CHECK(rx == NULL && tx == NULL && asker == NULL && reply == NULL && getter == NULL);
}

TEST(typed_clone_and_subscribe_refuse_a_missing_place)
{
    events_tx *publisher;
    mode_tx *setter;
    mode_rx *getter;
    const int *seen;
    REQUIRE(events_channel(&publisher, NULL, 4) == 0);
    REQUIRE(mode_channel(&setter, &getter, 3) == 0);
    CHECK_RC(events_tx_clone(NULL, publisher), RN_EINVAL);
    CHECK_RC(events_subscribe(NULL, publisher), RN_EINVAL);
    CHECK_RC(events_subscribe_with(NULL, publisher, NULL), RN_EINVAL);
    CHECK_RC(mode_subscribe(NULL, setter), RN_EINVAL);
    CHECK_RC(mode_rx_clone(NULL, getter), RN_EINVAL);
    CHECK_RC(mode_borrow(getter, NULL), RN_EINVAL);
    CHECK_RC(mode_borrow(getter, &seen), 0); /* the refused one holds nothing */
    CHECK_EQ(*seen, 3);
    mode_release(getter);
    events_tx_drop(publisher);
    mode_tx_drop(setter);
    mode_rx_drop(getter);
}

EVERYWHERE(typed_broadcast_hands_through_policies_and_sends_that_wait)
{
    events_tx *tx;
    events_rx *rx;
    const int three = 3;
    int got = 0;
    uint64_t missed;
    REQUIRE(events_channel_with(&tx, NULL, 1, &(rn_broadcast_opts){.flags = RN_BROADCAST_MAY_BLOCK}) == 0);
    REQUIRE(events_subscribe_with(&rx, tx, &(rn_subscribe_opts){.on_lag = RN_ON_LAG_BLOCK}) == 0);
    CHECK_RC(events_try_send(tx, 1), 0);
    CHECK_RC(events_try_send(tx, 2), RN_FULL);
    CHECK_RC(events_send_until(tx, 2, rn_at_ns(1)), RN_ETIMEDOUT);
    rn_case cases[] = {events_send_case(tx, &three)};
    CHECK_RC(rn_try_select(cases, 1), RN_EAGAIN);
    CHECK_RC(events_recv(rx, &got, &missed), 0);
    CHECK_EQ(got, 1);
    CHECK_EQ(rn_try_select(cases, 1), 0);
    CHECK_RC(events_recv(rx, &got, &missed), 0);
    CHECK_EQ(got, 3);
    events_tx_drop(tx);
    events_rx_drop(rx);
}

EVERYWHERE(typed_broadcast_hands_through_borrows)
{
    events_tx *tx;
    events_rx *rx;
    const int *place;
    uint64_t missed = 77;
    REQUIRE(events_channel_with(&tx, &rx, 4, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW}) == 0);
    for (int i = 1; i <= 4; i++)
        CHECK_RC(events_send(tx, i), 0);
    CHECK_RC(events_borrow(rx, NULL, &missed), RN_EINVAL);
    CHECK_RC(events_borrow(rx, &place, &missed), 0);
    CHECK_EQ(*place, 1);
    CHECK_RC(events_try_borrow(rx, &place, &missed), RN_EBUSY);
    events_release(rx);
    CHECK_RC(events_try_borrow(rx, &place, &missed), 0);
    CHECK_EQ(*place, 2);
    events_release(rx);
    CHECK_RC(events_borrow_until(rx, &place, &missed, rn_at_ns(1)), 0);
    CHECK_EQ(*place, 3);
    events_release(rx);
    rn_case cases[] = {events_borrow_case(rx, &place, &missed)};
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, 0);
    CHECK_EQ(*place, 4);
    events_tx_drop(tx);
    events_rx_drop(rx);
}

EVERYWHERE(typed_mpsc_hands_through_permits_weak_senders_and_arrays)
{
    const int three[3] = {1, 2, 3};
    int out[4] = {0};
    size_t moved = 77;
    numbers_tx *tx;
    numbers_tx *again;
    numbers_rx *rx;
    numbers_weak *first;
    numbers_weak *weak;
    numbers_permit permit;
    REQUIRE(numbers_channel(&tx, &rx, 4) == 0);
    CHECK_RC(numbers_send_many(tx, three, 3, &moved), 0);
    CHECK_EQ(moved, 3);
    CHECK_RC(numbers_reserve(tx, 1, &permit), 0);
    CHECK_RC(numbers_try_send(tx, 9), RN_FULL);
    CHECK_RC(numbers_permit_send(&permit, 4), 0);
    CHECK_RC(numbers_permit_send(&permit, 5), RN_EINVAL);
    CHECK_RC(numbers_recv_many(rx, out, 4, &moved), 0);
    CHECK_EQ(moved, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(out[i], i + 1);
    CHECK_RC(numbers_try_reserve(tx, 2, &permit), 0);
    CHECK_EQ(permit.raw.left, 2);
    CHECK_RC(numbers_try_reserve(tx, 3, &(numbers_permit){{0}}), RN_FULL);
    numbers_permit_drop(&permit);
    CHECK_EQ(rn_mpsc_tx_room(numbers_tx_raw(tx)), 4);
    CHECK_RC(numbers_tx_downgrade(&first, tx), 0);
    CHECK_RC(numbers_weak_clone(&weak, first), 0);
    numbers_weak_drop(first);
    CHECK_RC(numbers_weak_upgrade(&again, weak), 0);
    numbers_tx_drop(tx);
    numbers_rx_close(rx);
    CHECK_RC(numbers_tx_closed(again), 0);
    numbers_tx_drop(again);
    CHECK_RC(numbers_weak_upgrade(&again, weak), RN_CLOSED);
    CHECK(again == NULL);
    numbers_weak_drop(weak);
    numbers_rx_drop(rx);
}

TEST(typed_mpsc_refuses_null_for_permits_and_weak_senders)
{
    numbers_tx *tx = (numbers_tx *)(uintptr_t)1;
    numbers_weak *weak = (numbers_weak *)(uintptr_t)1;
    size_t moved;
    int out;
    CHECK_RC(numbers_reserve(NULL, 1, NULL), RN_EINVAL);
    CHECK_RC(numbers_permit_send(NULL, 1), RN_EINVAL);
    numbers_permit_drop(NULL);
    CHECK_RC(numbers_tx_downgrade(&weak, NULL), RN_EINVAL);
    CHECK_RC(numbers_weak_upgrade(&tx, NULL), RN_EINVAL);
    CHECK_RC(numbers_weak_clone(&weak, NULL), RN_EINVAL);
    CHECK_RC(numbers_try_reserve(NULL, 1, NULL), RN_EINVAL);
    CHECK(tx == NULL && weak == NULL);
    CHECK_RC(numbers_tx_downgrade(NULL, NULL), RN_EINVAL);
    CHECK_RC(numbers_weak_upgrade(NULL, NULL), RN_EINVAL);
    numbers_weak_drop(NULL);
    CHECK_RC(numbers_tx_closed(NULL), RN_EINVAL);
    CHECK_RC(numbers_send_many(NULL, NULL, 0, &moved), RN_EINVAL);
    CHECK_RC(numbers_recv_many(NULL, &out, 1, &moved), RN_EINVAL);
}
