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
