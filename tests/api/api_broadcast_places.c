/* SPDX-License-Identifier: MIT */
/* api_broadcast_places.c - where a receiver begins: at the end, at a number, beside another one; and what is kept for
 * nobody yet. */
#include "api/events.h"
#include "api/owned.h"

static rn_broadcast_rx *subscribe_from(rn_broadcast_tx *tx, uint64_t sequence)
{
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_subscribe_from(&rx, tx, sequence) == 0);
    return rx;
}

static rn_broadcast_rx *resubscribe(const rn_broadcast_rx *rx)
{
    rn_broadcast_rx *made;
    REQUIRE(rn_broadcast_resubscribe(&made, rx) == 0);
    return made;
}

static rn_broadcast_rx *rx_clone(const rn_broadcast_rx *rx)
{
    rn_broadcast_rx *made;
    REQUIRE(rn_broadcast_rx_clone(&made, rx) == 0);
    return made;
}

/* -- numbers ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_sequence_is_that_of_the_next_message)
{
    struct pair pair = make(2);
    int got;
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 0);
    send_range(pair.tx, 0, 4); /* each is its own number */
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 0);
    expect(pair.rx, 3, 3);
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 4);
    send_range(pair.tx, 5, 7);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &got, NULL), RN_LAGGED);
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 6);
    rn_broadcast_rx *later = subscribe(pair.tx);
    CHECK_EQ(rn_broadcast_rx_sequence(later), 8);
    expect_none(later, RN_EMPTY);
    CHECK_EQ(rn_broadcast_rx_sequence(later), 8);
    rn_broadcast_rx_drop(later);
    drop(&pair);
}

EVERYWHERE(broadcast_messages_that_nobody_was_there_for_have_no_number)
{
    struct pair pair = make(4);
    const int refused = 50;
    send_range(pair.tx, 0, 1);
    rn_broadcast_rx_drop(pair.rx);
    CHECK_RC(rn_broadcast_send(pair.tx, &refused), RN_NOBODY);
    pair.rx = subscribe(pair.tx);
    CHECK_EQ(rn_broadcast_rx_sequence(pair.rx), 2);
    send_range(pair.tx, 2, 2);
    expect(pair.rx, 2, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_from_begins_with_that_message)
{
    struct pair pair = make(4);
    send_range(pair.tx, 0, 9); /* 6 to 9 are kept */
    for (int number = 6; number <= 9; number++) {
        rn_broadcast_rx *rx = subscribe_from(pair.tx, (uint64_t)number);
        CHECK_EQ(rn_broadcast_rx_sequence(rx), number);
        CHECK_EQ(rn_broadcast_rx_len(rx), 10 - number);
        for (int i = number; i <= 9; i++)
            expect(rx, i, 0);
        expect_none(rx, RN_EMPTY);
        rn_broadcast_rx_drop(rx);
    }
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_from_what_is_gone_tells_how_many)
{
    struct pair pair = make(4);
    int got = -1;
    send_range(pair.tx, 0, 9);
    for (int number = 0; number < 6; number++) {
        rn_broadcast_rx *rx = subscribe_from(pair.tx, (uint64_t)number);
        rn_broadcast_rx *other = subscribe_from(pair.tx, (uint64_t)number);
        expect(rx, 6, (uint64_t)(6 - number));
        CHECK_RC(rn_broadcast_try_recv(other, &got, NULL), RN_LAGGED);
        expect(other, 6, 0);
        rn_broadcast_rx_drop(rx);
        rn_broadcast_rx_drop(other);
    }
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_from_the_oldest_misses_nothing)
{
    struct pair pair = make(3);
    rn_broadcast_rx *rx = subscribe_from(pair.tx, RN_OLDEST); /* nothing is kept yet */
    expect_none(rx, RN_EMPTY);
    send_range(pair.tx, 0, 0);
    expect(rx, 0, 0);
    rn_broadcast_rx_drop(rx);
    send_range(pair.tx, 1, 7);
    rx = subscribe_from(pair.tx, RN_OLDEST);
    CHECK_EQ(rn_broadcast_rx_sequence(rx), 5);
    for (int i = 5; i <= 7; i++)
        expect(rx, i, 0);
    rn_broadcast_rx_drop(rx);
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_from_the_next_number_is_subscribe)
{
    struct pair pair = make(3);
    send_range(pair.tx, 0, 4);
    rn_broadcast_rx *rx = subscribe_from(pair.tx, 5);
    expect_none(rx, RN_EMPTY);
    send_range(pair.tx, 5, 5);
    expect(rx, 5, 0);
    rn_broadcast_rx_drop(rx);
    drop(&pair);
}

EVERYWHERE(broadcast_subscribe_from_the_future_is_refused)
{
    struct pair pair = make(3);
    const uint64_t wrong[] = {4, 5, UINT64_MAX / 2, UINT64_MAX - 1};
    send_range(pair.tx, 0, 2);
    for (size_t i = 0; i < RN_COUNT(wrong); i++) {
        rn_broadcast_rx *rx = pair.rx;
        CHECK_RC(rn_broadcast_subscribe_from(&rx, pair.tx, wrong[i]), RN_EINVAL);
        CHECK(rx == NULL);
    }
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    drop(&pair);
}

EVERYWHERE(broadcast_receiver_that_comes_back_learns_what_it_missed)
{
    struct pair pair = make(4);
    rn_broadcast_rx *stays = subscribe(pair.tx);
    send_range(pair.tx, 0, 2);
    expect(pair.rx, 0, 0);
    const uint64_t place = rn_broadcast_rx_sequence(pair.rx);
    rn_broadcast_rx_drop(pair.rx);
    send_range(pair.tx, 3, 8);
    pair.rx = subscribe_from(pair.tx, place);
    expect(pair.rx, 5, 4); /* 1 to 4: two of before, two of meanwhile */
    rn_broadcast_rx_drop(stays);
    drop(&pair);
}

EVERYWHERE(broadcast_receiver_may_miss_what_was_given_up_without_it)
{
    struct pair pair = make(4);
    send_range(pair.tx, 0, 2);
    rn_broadcast_rx_drop(pair.rx); /* nobody is left: 0 to 2 are gone */
    pair.rx = subscribe_from(pair.tx, 1);
    rn_broadcast_rx *oldest = subscribe_from(pair.tx, RN_OLDEST);
    expect_none(pair.rx, RN_EMPTY);
    expect_none(oldest, RN_EMPTY);
    send_range(pair.tx, 3, 3);
    expect(pair.rx, 3, 2);
    expect(oldest, 3, 0);
    rn_broadcast_rx_drop(oldest);
    drop(&pair);
}

static int drop_sender_once_parked(void *arg)
{
    WAIT_UNTIL(parked_in("broadcast recv") == 1);
    rn_broadcast_tx_drop(arg);
    return 0;
}

EVERYWHERE(broadcast_loss_that_no_message_follows_is_told_alone)
{
    struct pair pair = make(4);
    uint64_t missed = 77;
    int got = -1;
    send_range(pair.tx, 0, 2);
    rn_broadcast_rx_drop(pair.rx);
    pair.rx = subscribe_from(pair.tx, 1);
    rn_broadcast_rx *other = subscribe_from(pair.tx, 0);
    expect_none(pair.rx, RN_EMPTY); /* one may still follow */
    struct actor *last = actor_start(drop_sender_once_parked, pair.tx);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), RN_LAGGED);
    CHECK_EQ(missed, 2);
    CHECK_EQ(got, -1);
    actor_join(last);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 0);
    expect_none(pair.rx, RN_CLOSED);
    CHECK_RC(rn_broadcast_recv(other, &got, NULL), RN_LAGGED);
    CHECK_RC(rn_broadcast_recv(other, &got, NULL), RN_CLOSED);
    CHECK_EQ(rn_broadcast_rx_len(other), 0);
    rn_broadcast_rx_drop(other);
    rn_broadcast_rx_drop(pair.rx);
}

/* -- like another receiver -------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_resubscribe_begins_at_the_end)
{
    struct pair pair = make(3);
    send_range(pair.tx, 1, 1);
    rn_broadcast_rx *again = resubscribe(pair.rx);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 2);
    expect_none(again, RN_EMPTY);
    expect(pair.rx, 1, 0); /* which it did not move */
    send_range(pair.tx, 2, 3);
    expect(again, 2, 0);
    expect(pair.rx, 2, 0);
    expect(pair.rx, 3, 0);
    expect(again, 3, 0);
    expect_none(again, RN_EMPTY);
    rn_broadcast_rx_drop(again);
    drop(&pair);
}

EVERYWHERE(broadcast_resubscribe_leaves_the_loss_to_the_other)
{
    struct pair pair = make(1);
    send_range(pair.tx, 1, 2);
    rn_broadcast_rx *again = resubscribe(pair.rx);
    expect_none(again, RN_EMPTY);
    expect(pair.rx, 2, 1);
    expect_none(pair.rx, RN_EMPTY);
    rn_broadcast_rx_drop(again);
    drop(&pair);
}

EVERYWHERE(broadcast_resubscribe_to_a_closed_channel_is_closed)
{
    struct pair pair = make(2);
    send_range(pair.tx, 1, 1);
    rn_broadcast_tx_drop(pair.tx);
    rn_broadcast_rx *again = resubscribe(pair.rx);
    expect_none(again, RN_CLOSED);
    expect(pair.rx, 1, 0);
    expect_none(pair.rx, RN_CLOSED);
    rn_broadcast_rx_drop(pair.rx);
    rn_broadcast_rx_drop(again);
}

EVERYWHERE(broadcast_rx_clone_sees_and_misses_the_same)
{
    struct pair pair = make(2);
    send_range(pair.tx, 1, 2);
    expect(pair.rx, 1, 0);
    rn_broadcast_rx *same = rx_clone(pair.rx);
    expect(same, 2, 0);
    send_range(pair.tx, 3, 5);
    rn_broadcast_rx *lagging = rx_clone(pair.rx);
    CHECK_EQ(rn_broadcast_rx_len(lagging), 4);
    expect(pair.rx, 4, 2);
    expect(lagging, 4, 2);
    expect(same, 4, 1);
    rn_broadcast_tx_drop(pair.tx);
    rn_broadcast_rx *closed = rx_clone(pair.rx);
    expect(closed, 5, 0);
    expect_none(closed, RN_CLOSED);
    expect(pair.rx, 5, 0);
    rn_broadcast_rx_drop(same);
    rn_broadcast_rx_drop(lagging);
    rn_broadcast_rx_drop(closed);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_receiver_is_copied_while_it_sleeps)
{
    struct pair pair = make(2);
    struct reader reader = {.rx = pair.rx};
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL_PARKED(1, events_name);
    rn_broadcast_rx *same = rx_clone(pair.rx);
    rn_broadcast_rx *again = resubscribe(pair.rx);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 0);
    send_range(pair.tx, 6, 6);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(reader.got, 6);
    expect(same, 6, 0);
    expect(again, 6, 0);
    rn_broadcast_rx_drop(same);
    rn_broadcast_rx_drop(again);
    drop(&pair);
}

/* -- kept for nobody yet ---------------------------------------------------------------------------------------- */

static rn_broadcast_tx *make_keeping(size_t capacity, const rn_elem *elem)
{
    rn_broadcast_tx *tx;
    REQUIRE(rn_broadcast_channel_with(&tx, NULL, capacity, elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_KEEP}) ==
            0);
    return tx;
}

EVERYWHERE(broadcast_keep_accepts_without_receivers)
{
    rn_broadcast_tx *tx = make_keeping(3, &events_elem);
    send_range(tx, 0, 4);
    rn_broadcast_rx *rx = subscribe_from(tx, RN_OLDEST);
    rn_broadcast_rx *begin = subscribe_from(tx, 0);
    rn_broadcast_rx *end = subscribe(tx);
    for (int i = 2; i <= 4; i++)
        expect(rx, i, 0);
    expect(begin, 2, 2);
    expect_none(end, RN_EMPTY);
    rn_broadcast_rx_drop(rx);
    rn_broadcast_rx_drop(begin);
    rn_broadcast_rx_drop(end);
    rn_broadcast_tx_drop(tx);
}

EVERYWHERE(broadcast_keep_outlives_the_last_receiver)
{
    struct pair pair = make_with(3, RN_BROADCAST_KEEP);
    send_range(pair.tx, 0, 1);
    expect(pair.rx, 0, 0);
    rn_broadcast_rx_drop(pair.rx);
    send_range(pair.tx, 2, 3);
    pair.rx = subscribe_from(pair.tx, 0);
    expect(pair.rx, 1, 1);
    expect(pair.rx, 2, 0);
    expect(pair.rx, 3, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_keep_gives_owned_messages_to_who_comes_late)
{
    struct owners owners = {0};
    struct owned message, got;
    uint64_t missed;
    rn_broadcast_tx *tx = make_keeping(2, OWNED_ELEM(&owners));
    for (int i = 0; i < 3; i++) {
        message = owned_make(&owners, i);
        CHECK_RC(rn_broadcast_send(tx, &message), 0);
    }
    message = owned_make(&owners, 3);
    CHECK_RC(rn_broadcast_give(tx, &message), 0);
    CHECK_EQ(owners.drops, 2); /* overwritten */
    rn_broadcast_rx *rx = subscribe_from(tx, RN_OLDEST);
    CHECK_RC(rn_broadcast_recv(rx, &got, &missed), 0);
    CHECK_EQ(*got.number, 2);
    owned_destroy(&owners, &got);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(owners.drops, 2); /* the last receiver drops nothing */
    rn_broadcast_tx_drop(tx);
    CHECK_EQ(owners.drops, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(owners.dropped[i], i);
    CHECK_EQ(owners.live, 0);
}

/* Nobody can read them any more, though the channel lives on with its weak sender. */
EVERYWHERE(broadcast_keep_ends_with_the_last_of_senders_and_receivers)
{
    for (int receiver_first = 0; receiver_first <= 1; receiver_first++) {
        struct owners owners = {0};
        rn_broadcast_weak *weak;
        rn_broadcast_rx *rx;
        rn_broadcast_tx *tx = make_keeping(4, OWNED_ELEM(&owners));
        struct owned message = owned_make(&owners, 1);
        REQUIRE(rn_broadcast_tx_downgrade(&weak, tx) == 0);
        REQUIRE(rn_broadcast_subscribe(&rx, tx) == 0);
        CHECK_RC(rn_broadcast_send(tx, &message), 0);
        if (receiver_first)
            rn_broadcast_rx_drop(rx);
        else
            rn_broadcast_tx_drop(tx);
        CHECK_EQ(owners.drops, 0);
        if (receiver_first)
            rn_broadcast_tx_drop(tx);
        else
            rn_broadcast_rx_drop(rx);
        CHECK_EQ(owners.drops, 1);
        rn_broadcast_weak_drop(weak);
    }
}

/* -- bad input --------------------------------------------------------------------------------------------------- */

TEST(broadcast_places_refuse_null)
{
    struct pair pair = make(2);
    rn_broadcast_rx *rx = pair.rx;
    CHECK_RC(rn_broadcast_subscribe_from(NULL, pair.tx, 0), RN_EINVAL);
    CHECK_RC(rn_broadcast_subscribe_from(&rx, NULL, 0), RN_EINVAL);
    CHECK(rx == NULL);
    rx = pair.rx;
    CHECK_RC(rn_broadcast_resubscribe(NULL, pair.rx), RN_EINVAL);
    CHECK_RC(rn_broadcast_resubscribe(&rx, NULL), RN_EINVAL);
    CHECK(rx == NULL);
    rx = pair.rx;
    CHECK_RC(rn_broadcast_rx_clone(NULL, pair.rx), RN_EINVAL);
    CHECK_RC(rn_broadcast_rx_clone(&rx, NULL), RN_EINVAL);
    CHECK(rx == NULL);
    CHECK_EQ(rn_broadcast_rx_sequence(NULL), 0);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    drop(&pair);
}
