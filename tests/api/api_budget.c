/* SPDX-License-Identifier: MIT */
/* Channels whose messages are weighed against a budget. A message of these cases is a number: so much it weighs. */
#include <runnel/mpmc.h>

#include "api/mpsc_ints.h"
#include "api/selected.h"

enum { SIZE = 10 };

static size_t weigh(const void *message, void *ctx)
{
    (void)ctx;
    return (size_t) * (const int *)message;
}

HELPER rn_mpsc_opts weighed(rn_budget *budget)
{
    return (rn_mpsc_opts){.budget = budget, .weigh = weigh};
}

HELPER struct channel channel_on(rn_budget *budget, const rn_elem *elem)
{
    struct channel channel;
    const rn_mpsc_opts opts = weighed(budget);
    REQUIRE(rn_mpsc_channel_with(&channel.tx, &channel.rx, RN_UNBOUNDED, elem, &opts) == 0);
    return channel;
}

HELPER struct channel ints_on(rn_budget *budget)
{
    return channel_on(budget, RN_ELEM(int));
}

HELPER size_t left_of(const rn_budget *budget)
{
    return rn_semaphore_available(&budget->free);
}

/* A sender that waits for its share. */
HELPER void park_sender(struct call *call)
{
    park(call, call_send, "select");
}

/* -- one channel ------------------------------------------------------------------------------------------------- */

static size_t weigh_and_wait(const void *message, void *ctx)
{
    CHECK_RC(rn_sleep_ms(1), RN_EDEADLK);
    return weigh(message, ctx);
}

EVERYWHERE(budget_is_weighed_by_a_function_that_may_not_wait)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel;
    const rn_mpsc_opts opts = {.budget = &budget, .weigh = weigh_and_wait};
    REQUIRE(rn_mpsc_channel_with(&channel.tx, &channel.rx, RN_UNBOUNDED, RN_ELEM(int), &opts) == 0);
    CHECK_RC(send_int(channel.tx, 3), 0);
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_EQ(left_of(&budget), SIZE);
    drop_both(channel);
}

TEST(budget_needs_an_unbounded_channel_and_a_way_to_weigh)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    rn_mpsc_opts opts = weighed(&budget);
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    CHECK_RC(rn_mpsc_channel_with(&tx, &rx, 4, RN_ELEM(int), &opts), RN_EINVAL);
    CHECK_RC(rn_mpsc_channel_with(&tx, &rx, 0, RN_ELEM(int), &opts), RN_EINVAL);
    opts.weigh = NULL;
    CHECK_RC(rn_mpsc_channel_with(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int), &opts), RN_EINVAL);
    opts = (rn_mpsc_opts){.weigh = weigh};
    CHECK_RC(rn_mpsc_channel_with(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int), &opts), RN_EINVAL);
    CHECK(tx == NULL && rx == NULL);
}

EVERYWHERE(budget_lends_a_message_its_weight_until_it_is_received)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    CHECK_RC(send_int(channel.tx, 6), 0);
    CHECK_RC(try_send_int(channel.tx, 3), 0);
    CHECK_EQ(left_of(&budget), 1);
    CHECK_RC(try_send_int(channel.tx, 2), RN_FULL);
    CHECK_RC(try_send_int(channel.tx, 1), 0);
    CHECK_RC(send_int(channel.tx, 0), 0); /* what weighs nothing waits for nothing */
    CHECK_EQ(recv_int(channel.rx), 6);
    CHECK_EQ(left_of(&budget), 6);
    CHECK_EQ(try_recv_int(channel.rx), 3);
    CHECK_EQ(left_of(&budget), 9);
    int out[4];
    size_t count;
    CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 4, &count), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(left_of(&budget), SIZE);
    drop_both(channel);
}

EVERYWHERE(budget_refuses_what_is_heavier_than_all_of_it)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    CHECK_RC(send_int(channel.tx, SIZE + 1), RN_EINVAL);
    CHECK_RC(try_send_int(channel.tx, SIZE + 1), RN_EINVAL);
    CHECK_RC(send_int(channel.tx, SIZE), 0);
    CHECK_EQ(recv_int(channel.rx), SIZE);
    CHECK_EQ(left_of(&budget), SIZE);
    drop_both(channel);
}

EVERYWHERE(budget_makes_senders_wait_in_line)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    struct call heavy = {.channel = channel, .message = 9}, light = {.channel = channel, .message = 1};
    CHECK_RC(send_int(channel.tx, 4), 0);
    park_sender(&heavy);
    park_sender(&light); /* would fit, and waits behind the heavy one */
    CHECK_RC(try_send_int(channel.tx, 1), RN_FULL);
    CHECK_EQ(recv_int(channel.rx), 4);
    CHECK_RC(actor_join(heavy.actor), 0);
    CHECK_RC(actor_join(light.actor), 0);
    CHECK_EQ(left_of(&budget), 0);
    CHECK_EQ(info_of(channel.rx).waited, 2);
    CHECK_EQ(recv_int(channel.rx) + recv_int(channel.rx), 10);
    CHECK_EQ(left_of(&budget), SIZE);
    drop_both(channel);
}

EVERYWHERE(budget_send_that_gave_up_takes_nothing)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    int message = 8;
    CHECK_RC(send_int(channel.tx, 4), 0);
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_EQ(left_of(&budget), 6);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
    drop_both(channel);
    CHECK_EQ(left_of(&budget), SIZE);
}

ROOT(budget_send_that_is_cancelled_takes_nothing)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    struct call call = {.channel = channel, .message = 8};
    rn_task task;
    CHECK_RC(send_int(channel.tx, 4), 0);
    RN_MUST(rn_spawn(&task, call_send, &call));
    WAIT_UNTIL(parked_in("select") == 1);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(left_of(&budget), 6);
    drop_both(channel);
}

EVERYWHERE(budget_send_of_many_goes_as_far_as_it_can)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    int messages[4] = {3, 4, 5, 1};
    size_t sent;
    CHECK_RC(rn_mpsc_try_send_many(channel.tx, messages, 4, &sent), RN_FULL);
    CHECK_EQ(sent, 2);
    CHECK_EQ(left_of(&budget), 3);
    struct call call = {.channel = channel, .messages = messages + 2, .count = 2};
    park(&call, call_send_many, "select");
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_EQ(call.moved, 2);
    CHECK_EQ(left_of(&budget), 0);
    for (int i = 1; i < 4; i++)
        CHECK_EQ(recv_int(channel.rx), messages[i]);
    CHECK_RC(rn_mpsc_send_many(channel.tx, NULL, 0, &sent), 0);
    drop_both(channel);
}

/* -- select ------------------------------------------------------------------------------------------------------ */

EVERYWHERE(budget_gives_back_what_a_select_received)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    int value = 0;
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &value)};
    struct selector selector = SELECTOR(cases);
    for (int round = 0; round < 2; round++) {
        CHECK_RC(send_int(channel.tx, 7), 0);
        CHECK_EQ(rn_try_select(cases, 1), 0);
        CHECK_EQ(left_of(&budget), SIZE);
        struct actor *actor = actor_start(select_once, &selector);
        WAIT_UNTIL_SELECTING(1);
        CHECK_RC(send_int(channel.tx, 5), 0);
        actor_join(actor);
        CHECK_EQ(value, 5);
        CHECK_EQ(left_of(&budget), SIZE);
    }
    drop_both(channel);
}

TEST(budget_refuses_places_and_send_cases)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel channel = ints_on(&budget);
    const int message = 1;
    rn_mpsc_permit permit;
    rn_case cases[] = {rn_mpsc_send_case(channel.tx, &message)};
    CHECK_EQ(rn_try_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_EINVAL);
    CHECK_RC(rn_mpsc_try_reserve(channel.tx, 1, &permit), RN_EINVAL);
    CHECK_EQ(left_of(&budget), SIZE);
    drop_both(channel);
}

/* -- ends -------------------------------------------------------------------------------------------------------- */

EVERYWHERE(budget_that_is_used_up_does_not_hide_a_close)
{
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        rn_budget budget = RN_BUDGET_INIT(SIZE);
        struct channel channel = ints_on(&budget);
        struct call calls[2] = {{.channel = channel, .message = 9}, {.channel = channel, .message = 1}};
        CHECK_RC(send_int(channel.tx, 8), 0);
        for (int i = 0; i < 2; i++)
            park_sender(&calls[i]);
        if (by_hand)
            rn_mpsc_rx_close(channel.rx);
        else
            rn_mpsc_rx_drop(channel.rx);
        for (int i = 0; i < 2; i++)
            CHECK_RC(actor_join(calls[i].actor), RN_CLOSED);
        CHECK_RC(try_send_int(channel.tx, 9), RN_CLOSED); /* closed wins over full */
        CHECK_EQ(left_of(&budget), by_hand ? 2 : SIZE);
        if (by_hand)
            rn_mpsc_rx_drop(channel.rx);
        CHECK_EQ(left_of(&budget), SIZE);
        rn_mpsc_tx_drop(channel.tx);
    }
}

EVERYWHERE(budget_gets_back_what_is_dropped_unread)
{
    static struct ledger ledger;
    const rn_elem elem = owned_by(&ledger);
    rn_budget budget = RN_BUDGET_INIT(500);
    struct channel channel = channel_on(&budget, &elem);
    for (int i = 0; i < 30; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    CHECK_EQ(left_of(&budget), 500 - 435);
    CHECK_EQ(recv_int(channel.rx), 0);
    drop_both(channel);
    CHECK_EQ(ledger.count, 29);
    CHECK_EQ(left_of(&budget), 500);
}

/* -- one budget, several channels -------------------------------------------------------------------------------- */

EVERYWHERE(budget_of_several_channels_is_one)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    struct channel a = ints_on(&budget), b = ints_on(&budget);
    struct call call = {.channel = b, .message = 5};
    CHECK_RC(send_int(a.tx, 6), 0);
    park_sender(&call); /* for what lies in the other channel */
    CHECK_EQ(recv_int(a.rx), 6);
    CHECK_RC(actor_join(call.actor), 0);
    CHECK_RC(try_send_int(a.tx, 6), RN_FULL);
    drop_both(b); /* unread */
    CHECK_RC(try_send_int(a.tx, 6), 0);
    drop_both(a);
    CHECK_EQ(left_of(&budget), SIZE);
}

EVERYWHERE(budget_of_an_mpmc_is_shared_with_the_others)
{
    rn_budget budget = RN_BUDGET_INIT(SIZE);
    const rn_mpmc_opts opts = weighed(&budget);
    struct channel other = ints_on(&budget);
    rn_mpmc_tx *tx;
    rn_mpmc_rx *rx, *second;
    int message = 7;
    REQUIRE(rn_mpmc_channel_with(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int), &opts) == 0);
    REQUIRE(rn_mpmc_rx_clone(&second, rx) == 0);
    CHECK_RC(rn_mpmc_send(tx, &message), 0);
    CHECK_RC(try_send_int(other.tx, 4), RN_FULL);
    CHECK_RC(rn_mpmc_recv(second, &message), 0);
    CHECK_RC(try_send_int(other.tx, 4), 0);
    CHECK_RC(rn_mpmc_send(tx, &(int){5}), 0);
    rn_mpmc_rx_drop(rx);
    CHECK_EQ(left_of(&budget), 1);
    rn_mpmc_rx_drop(second);
    CHECK_EQ(left_of(&budget), 6);
    rn_mpmc_tx_drop(tx);
    drop_both(other);
}
