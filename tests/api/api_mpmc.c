/* SPDX-License-Identifier: MIT */
/* mpmc: what is different with several receivers. All else it shares with mpsc: api_mpmc_like_mpsc.c and its
 * neighbours. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/as_mpmc.h"

#include "api/selected.h"

enum { RECEIVERS = 4 };

static int texts_dropped;

static void drop_text(char **text)
{
    free(*text);
    texts_dropped++;
}

RN_MPMC_PLAIN(numbers, int);
RN_MPMC_OWNED(texts, char *, drop_text);

HELPER rn_mpmc_rx *clone_of(const rn_mpmc_rx *rx)
{
    rn_mpmc_rx *clone;
    REQUIRE(rn_mpmc_rx_clone(&clone, rx) == 0);
    return clone;
}

/* -- who gets what ----------------------------------------------------------------------------------------------- */

/* Parks receivers with ends of their own, in order. */
static void park_all(struct call calls[RECEIVERS], struct channel channel)
{
    for (int i = 0; i < RECEIVERS; i++) {
        calls[i] = (struct call){.channel = {channel.tx, clone_of(channel.rx)}, .message = -1};
        park(&calls[i], call_recv, "mpsc recv");
    }
}

static void end_all(struct call calls[RECEIVERS], int rc)
{
    for (int i = 0; i < RECEIVERS; i++) {
        CHECK_RC(actor_join(calls[i].actor), rc);
        rn_mpmc_rx_drop(calls[i].channel.rx);
    }
}

EVERYWHERE(mpmc_serves_waiting_receivers_in_the_order_they_came)
{
    struct channel channel = channel_of_ints(1);
    struct call calls[RECEIVERS];
    park_all(calls, channel);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_RC(try_send_int(channel.tx, i), 0); /* into their hands: there is room for one */
    CHECK_EQ(rn_mpmc_rx_len(channel.rx), 0);
    end_all(calls, 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_EQ(calls[i].message, i);
    drop_both(channel);
}

EVERYWHERE(mpmc_send_of_many_wakes_one_receiver_for_each_message)
{
    struct channel channel = channel_of_ints(1);
    const int messages[RECEIVERS + 1] = {0, 1, 2, 3, 4};
    struct call calls[RECEIVERS];
    size_t sent;
    park_all(calls, channel);
    CHECK_RC(rn_mpmc_try_send_many(channel.tx, messages, RN_COUNT(messages), &sent), 0);
    CHECK_EQ(sent, RECEIVERS + 1);
    end_all(calls, 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_EQ(calls[i].message, i);
    CHECK_EQ(try_recv_int(channel.rx), RECEIVERS);
    drop_both(channel);
}

EVERYWHERE(mpmc_permits_serve_waiting_receivers)
{
    struct channel channel = channel_of_ints(RECEIVERS);
    struct call calls[RECEIVERS];
    rn_mpmc_permit permit = permit_for(channel.tx, RECEIVERS);
    park_all(calls, channel);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_RC(permit_send_int(&permit, i), 0);
    end_all(calls, 0);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_EQ(calls[i].message, i);
    CHECK_EQ(rn_mpmc_tx_room(channel.tx), RECEIVERS);
    drop_both(channel);
}

EVERYWHERE(mpmc_message_that_was_handed_over_is_not_for_a_newcomer)
{
    struct channel channel = channel_of_ints(4);
    struct call call = {.channel = channel, .message = -1};
    park(&call, call_recv, "mpsc recv");
    CHECK_RC(send_int(channel.tx, 7), 0);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.message, 7);
    drop_both(channel);
}

EVERYWHERE(mpmc_receiver_that_gave_up_is_passed_over)
{
    struct channel channel = channel_of_ints(1);
    struct call hasty = {.channel = channel, .message = -1}, patient = {.channel = channel, .message = -1};
    park_for_a_while(&hasty, call_recv, "mpsc recv");
    patient.actor = actor_start(call_recv, &patient);
    CHECK_RC(actor_join(hasty.actor), RN_ETIMEDOUT);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    CHECK_EQ(hasty.message, -1);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_RC(actor_join(patient.actor), 0);
    CHECK_EQ(patient.message, 5);
    drop_both(channel);
}

EVERYWHERE(mpmc_receivers_may_share_one_end)
{
    struct channel channel = channel_of_ints(1);
    struct call calls[2] = {{.channel = channel, .message = -1}, {.channel = channel, .message = -1}};
    for (int i = 0; i < 2; i++)
        park(&calls[i], call_recv, "mpsc recv");
    for (int i = 0; i < 2; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_RC(actor_join(calls[i].actor), 0);
        CHECK_EQ(calls[i].message, i);
    }
    drop_both(channel);
}

EVERYWHERE(mpmc_receive_of_many_beside_others_takes_what_they_left)
{
    struct channel channel = channel_of_ints(8);
    rn_mpmc_rx *other = clone_of(channel.rx);
    int out[8];
    size_t count;
    for (int i = 0; i < 6; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    CHECK_EQ(recv_int(other), 0);
    CHECK_RC(rn_mpmc_try_recv_many(channel.rx, out, 3, &count), 0);
    CHECK_EQ(count, 3);
    CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3);
    CHECK_RC(rn_mpmc_recv_many(other, out, 8, &count), 0);
    CHECK_EQ(count, 2);
    CHECK(out[0] == 4 && out[1] == 5);
    CHECK_RC(rn_mpmc_try_recv_many(channel.rx, out, 8, &count), RN_EMPTY);
    rn_mpmc_rx_drop(other);
    drop_both(channel);
}

/* -- ends -------------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpmc_tells_all_waiting_receivers_that_it_closed)
{
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        struct channel channel = channel_of_ints(1);
        struct call calls[RECEIVERS];
        park_all(calls, channel);
        if (by_hand)
            rn_mpmc_rx_close(channel.rx);
        else
            rn_mpmc_tx_drop(channel.tx);
        end_all(calls, RN_CLOSED);
        if (by_hand)
            rn_mpmc_tx_drop(channel.tx);
        rn_mpmc_rx_drop(channel.rx);
    }
}

EVERYWHERE(mpmc_close_by_one_receiver_leaves_what_is_there_to_all)
{
    struct channel channel = channel_of_ints(4);
    rn_mpmc_rx *other = clone_of(channel.rx);
    for (int i = 0; i < 2; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpmc_rx_close(other);
    CHECK_RC(send_int(channel.tx, 9), RN_CLOSED);
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_EQ(recv_int(other), 1);
    CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
    rn_mpmc_rx *late = clone_of(other);
    CHECK_EQ(recv_int(late), RN_CLOSED);
    rn_mpmc_rx_drop(late);
    rn_mpmc_rx_drop(other);
    drop_both(channel);
}

EVERYWHERE(mpmc_drops_what_is_unread_with_the_last_receiver)
{
    static struct ledger ledger;
    const rn_elem elem = owned_by(&ledger);
    struct channel channel = channel_of(4, &elem);
    rn_mpmc_rx *second = clone_of(channel.rx), *third = clone_of(second);
    for (int i = 0; i < 4; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    CHECK_EQ(info_of(third).receivers, 3);
    rn_mpmc_rx_drop(channel.rx); /* the first, which lies in the channel */
    rn_mpmc_rx_drop(second);
    CHECK_EQ(ledger.count, 0);
    CHECK(!rn_mpmc_tx_is_closed(channel.tx));
    CHECK_EQ(info_of(third).receivers, 1);
    CHECK_EQ(recv_int(third), 0);
    rn_mpmc_rx_drop(third);
    CHECK_EQ(ledger.count, 3);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(ledger.order[i], i + 1);
    rn_channel_info info;
    CHECK_RC(rn_mpmc_tx_info(channel.tx, &info), 0);
    CHECK_EQ(info.receivers, 0);
    CHECK_EQ(info.dropped, 3);
    CHECK_EQ(info.why, RN_WHY_RECEIVERS_GONE);
    CHECK_STR_EQ(info.shape, "mpmc");
    CHECK_RC(send_int(channel.tx, 9), RN_CLOSED);
    rn_mpmc_tx_drop(channel.tx);
}

static int drop_receiver(void *arg)
{
    rn_mpmc_rx_drop(arg);
    return 0;
}

EVERYWHERE(mpmc_receivers_dropped_at_the_same_time_close_it_once)
{
    for (int round = 0; round < 20; round++) {
        static struct ledger ledger;
        rn_mpmc_rx *ends[RECEIVERS];
        struct actor *actors[RECEIVERS];
        ledger = (struct ledger){.count = 0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(1, &elem);
        CHECK_RC(send_int(channel.tx, 3), 0);
        for (int i = 0; i < RECEIVERS; i++)
            ends[i] = i == 0 ? channel.rx : clone_of(channel.rx);
        for (int i = 0; i < RECEIVERS; i++)
            actors[i] = actor_start(drop_receiver, ends[i]);
        CHECK_RC(rn_mpmc_tx_closed(channel.tx), 0);
        for (int i = 0; i < RECEIVERS; i++)
            actor_join(actors[i]);
        CHECK_EQ(ledger.drops[3], 1);
        rn_mpmc_tx_drop(channel.tx);
    }
}

TEST(mpmc_clone_of_a_receiver_needs_both_places)
{
    struct channel channel = channel_of_ints(1);
    rn_mpmc_rx *clone = (rn_mpmc_rx *)(uintptr_t)1;
    CHECK_RC(rn_mpmc_rx_clone(NULL, channel.rx), RN_EINVAL);
    CHECK_RC(rn_mpmc_rx_clone(&clone, NULL), RN_EINVAL);
    CHECK(clone == NULL);
    drop_both(channel);
}

#ifndef NDEBUG
TEST(mpmc_receiver_used_after_its_drop_is_named)
{
    rn_mpmc_tx *tx;
    rn_mpmc_rx *rx;
    REQUIRE(rn_mpmc_channel_with(&tx, &rx, 1, RN_ELEM(int), &(rn_mpmc_opts){.name = "orders"}) == 0);
    rn_mpmc_rx *other = clone_of(rx);
    rn_mpmc_rx_drop(rx);
    EXPECT_DEATH(SIGABRT, "mpmc receiver \"orders\" is used after it was dropped")
    {
        recv_int(rx);
    }
    EXPECT_DEATH(SIGABRT, "mpmc receiver \"orders\" is used after it was dropped")
    {
        rn_ignore(rn_mpmc_rx_clone(&other, rx));
    }
    rn_mpmc_rx_drop(other);
    rn_mpmc_tx_drop(tx);
}
#endif

/* -- select ------------------------------------------------------------------------------------------------------ */

EVERYWHERE(mpmc_selects_that_wait_are_served_in_order_like_receivers)
{
    struct channel channel = channel_of_ints(1);
    struct call call = {.channel = channel, .message = -1};
    int values[2] = {-1, -1};
    rn_case cases[2][1] = {{rn_mpmc_recv_case(channel.rx, &values[0])}, {rn_mpmc_recv_case(channel.rx, &values[1])}};
    struct selector selectors[2] = {SELECTOR(cases[0]), SELECTOR(cases[1])};
    struct actor *actors[2];
    actors[0] = actor_start(select_once, &selectors[0]);
    WAIT_UNTIL_SELECTING(1);
    park(&call, call_recv, "mpsc recv");
    actors[1] = actor_start(select_once, &selectors[1]);
    WAIT_UNTIL_SELECTING(2);
    for (int i = 0; i < 3; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    for (int i = 0; i < 2; i++) {
        actor_join(actors[i]);
        CHECK_EQ(selectors[i].which, 0);
        CHECK_RC(cases[i][0].rc, 0);
        CHECK_EQ(values[i], 2 * i);
    }
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.message, 1);
    drop_both(channel);
}

EVERYWHERE(mpmc_select_twice_on_one_channel_takes_one_message)
{
    struct channel channel = channel_of_ints(1);
    rn_mpmc_rx *other = clone_of(channel.rx);
    int values[2] = {-1, -1};
    rn_case cases[] = {rn_mpmc_recv_case(channel.rx, &values[0]), rn_mpmc_recv_case(other, &values[1])};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    for (int i = 0; i < 2; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    actor_join(actor);
    REQUIRE(selector.which >= 0);
    CHECK_EQ(values[selector.which], 0);
    CHECK_EQ(values[1 - selector.which], -1);
    CHECK_EQ(recv_int(other), 1);
    rn_mpmc_rx_drop(other);
    drop_both(channel);
}

/* -- typed ------------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpmc_typed_gives_each_worker_an_end_of_its_own)
{
    numbers_tx *tx;
    numbers_rx *rx, *other;
    int number = 0;
    REQUIRE(numbers_channel(&tx, &rx, 4) == 0);
    CHECK_RC(numbers_rx_clone(NULL, rx), RN_EINVAL);
    REQUIRE(numbers_rx_clone(&other, rx) == 0);
    for (int i = 0; i < 3; i++)
        CHECK_RC(numbers_send(tx, i), 0);
    CHECK_RC(numbers_recv(rx, &number), 0);
    CHECK_EQ(number, 0);
    CHECK_RC(numbers_try_recv(other, &number), 0);
    CHECK_EQ(number, 1);
    numbers_rx_drop(rx);
    rn_case cases[] = {numbers_recv_case(other, &number)};
    CHECK_EQ(rn_try_select(cases, 1), 0);
    CHECK_EQ(number, 2);
    numbers_tx_drop(tx);
    CHECK_RC(numbers_recv_until(other, &number, RN_FOREVER), RN_CLOSED);
    numbers_rx_drop(other);
}

TEST(mpmc_typed_drops_what_nobody_received)
{
    texts_tx *tx;
    texts_rx *rx, *other;
    REQUIRE(texts_channel_with(&tx, &rx, 4, &(rn_mpmc_opts){.name = "texts"}) == 0);
    REQUIRE(texts_rx_clone(&other, rx) == 0);
    texts_permit permit;
    REQUIRE(texts_reserve(tx, 1, &permit) == 0);
    CHECK_RC(texts_permit_send(&permit, strdup("one")), 0);
    CHECK_RC(texts_give(tx, strdup("two")), 0);
    texts_rx_drop(rx);
    texts_rx_drop(other);
    CHECK_RC(texts_give(tx, strdup("three")), RN_CLOSED);
    texts_tx_drop(tx);
    CHECK_EQ(texts_dropped, 3);
}
