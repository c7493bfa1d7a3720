/* SPDX-License-Identifier: MIT */
/* mpsc: weak senders, which do not keep a channel open and can be made senders again while there is one. */
#include <signal.h>

#include "api/mpsc_ints.h"

static const size_t capacities[] = {16, RN_UNBOUNDED};

static rn_mpsc_weak *weak_of(rn_mpsc_tx *tx)
{
    rn_mpsc_weak *weak;
    REQUIRE(rn_mpsc_tx_downgrade(&weak, tx) == 0);
    return weak;
}

static int upgrade_code(rn_mpsc_weak *weak)
{
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    const int rc = rn_mpsc_weak_upgrade(&tx, weak);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_mpsc_tx_drop(tx);
    return rc;
}

/* Sends ten, then one more through a sender that was weak for a while; drops its sender and keeps the weak one. */
struct sometimes {
    rn_mpsc_tx *tx;
    rn_mpsc_weak *weak;
};

static int send_sometimes(void *arg)
{
    struct sometimes *self = arg;
    rn_mpsc_tx *again;
    self->weak = weak_of(self->tx);
    for (int i = 0; i < 10; i++)
        CHECK_RC(send_int(self->tx, i), 0);
    CHECK_RC(rn_mpsc_weak_upgrade(&again, self->weak), 0);
    rn_mpsc_tx_drop(self->tx);
    CHECK_RC(send_int(again, 20), 0);
    rn_mpsc_tx_drop(again);
    return 0;
}

EVERYWHERE(mpsc_weak_sender_becomes_a_sender_while_there_is_one)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct sometimes sender = {.tx = channel.tx};
        struct actor *actor = actor_start(send_sometimes, &sender);
        for (int expected = 0; expected < 10; expected++)
            CHECK_EQ(recv_int(channel.rx), expected);
        CHECK_EQ(recv_int(channel.rx), 20);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        CHECK_RC(actor_join(actor), 0);
        CHECK_RC(upgrade_code(sender.weak), RN_CLOSED);
        rn_mpsc_weak_drop(sender.weak);
        rn_mpsc_rx_drop(channel.rx);
    }
}

/* A task that owns a receiver and now and then sends to itself, without keeping itself alive. */
struct handler {
    rn_mpsc_rx *rx;
    rn_mpsc_weak *self;
    int requests;
    int reminders;
};

static int handle(void *arg)
{
    struct handler *handler = arg;
    int message;
    while ((message = recv_int(handler->rx)) >= 0) {
        rn_mpsc_tx *tx;
        handler->requests += message == 1;
        handler->reminders += message == 2;
        if (message == 1 && rn_mpsc_weak_upgrade(&tx, handler->self) == 0) {
            CHECK_RC(send_int(tx, 2), 0);
            rn_mpsc_tx_drop(tx);
        }
    }
    rn_mpsc_weak_drop(handler->self);
    rn_mpsc_rx_drop(handler->rx);
    return message;
}

static uint64_t received_by(rn_mpsc_tx *tx)
{
    rn_channel_info info = {0};
    CHECK_RC(rn_mpsc_tx_info(tx, &info), 0);
    return info.received;
}

EVERYWHERE(mpsc_weak_sender_lets_a_handler_send_to_itself)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct handler handler = {.rx = channel.rx, .self = weak_of(channel.tx)};
        struct actor *actor = actor_start(handle, &handler);
        CHECK_RC(send_int(channel.tx, 1), 0);
        WAIT_UNTIL(received_by(channel.tx) == 2);
        rn_mpsc_tx_drop(channel.tx); /* it ends, although it has a way to send to itself */
        CHECK_RC(actor_join(actor), RN_CLOSED);
        CHECK_EQ(handler.requests, 1);
        CHECK_EQ(handler.reminders, 1);
    }
}

TEST(mpsc_weak_sender_does_not_keep_the_channel_open)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_weak *weak = weak_of(channel.tx);
        CHECK(!rn_mpsc_rx_is_closed(channel.rx));
        rn_mpsc_tx_drop(channel.tx);
        CHECK(rn_mpsc_rx_is_closed(channel.rx));
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_weak_drop(weak);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_weak_upgrade_succeeds_beside_a_sender)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_weak *weak = weak_of(channel.tx);
        rn_mpsc_tx *tx;
        CHECK_RC(rn_mpsc_weak_upgrade(&tx, weak), 0);
        CHECK(rn_mpsc_tx_same_channel(tx, channel.tx));
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(send_int(tx, 4), 0);
        CHECK_EQ(recv_int(channel.rx), 4);
        rn_mpsc_tx_drop(tx);
        rn_mpsc_weak_drop(weak);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_weak_upgrade_fails_when_the_senders_left)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_weak *first = weak_of(channel.tx);
        rn_mpsc_weak *second = weak_of(channel.tx);
        CHECK_RC(upgrade_code(first), 0);
        rn_mpsc_tx_drop(channel.tx); /* two weak ones count nothing */
        CHECK_RC(upgrade_code(first), RN_CLOSED);
        CHECK_RC(upgrade_code(second), RN_CLOSED);
        rn_mpsc_weak_drop(first);
        rn_mpsc_weak_drop(second);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_weak_upgrade_needs_any_sender_and_not_its_own)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_tx *clone;
        rn_mpsc_weak *again;
        REQUIRE(rn_mpsc_tx_clone(&clone, channel.tx) == 0);
        rn_mpsc_weak *weak = weak_of(clone);
        rn_mpsc_tx_drop(clone);
        CHECK_RC(upgrade_code(weak), 0);
        CHECK_RC(rn_mpsc_weak_clone(&again, weak), 0);
        rn_mpsc_weak_drop(weak);
        CHECK_RC(upgrade_code(again), 0);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(upgrade_code(again), RN_CLOSED);
        rn_mpsc_weak_drop(again);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_weak_upgrade_succeeds_while_a_permit_is_out)
{
    for (int first = 0; first < 2; first++) { /* which of the two was made first */
        struct channel channel = channel_of_ints(2);
        rn_mpsc_weak *weak = first == 0 ? weak_of(channel.tx) : NULL;
        rn_mpsc_permit permit = permit_for(channel.tx, 1);
        rn_mpsc_tx *tx;
        if (weak == NULL)
            weak = weak_of(channel.tx);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(rn_mpsc_weak_upgrade(&tx, weak), 0);
        rn_mpsc_permit_drop(&permit);
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        CHECK_RC(send_int(tx, 3), 0);
        rn_mpsc_tx_drop(tx);
        CHECK_RC(upgrade_code(weak), RN_CLOSED);
        CHECK_EQ(recv_int(channel.rx), 3);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        rn_mpsc_weak_drop(weak);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_weak_upgrade_does_not_ask_for_the_receiver)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_weak *weak = weak_of(channel.tx);
    rn_mpsc_tx *tx;
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(rn_mpsc_weak_upgrade(&tx, weak), 0);
    CHECK_RC(send_int(tx, 1), RN_CLOSED);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_RC(upgrade_code(weak), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_RC(upgrade_code(weak), RN_CLOSED);
    rn_mpsc_weak_drop(weak);
}

/* The harness counts what is left over. */
TEST(mpsc_weak_sender_may_outlive_every_end)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct ledger ledger = {0};
        const rn_elem elem = owned_by(&ledger);
        struct channel channel = channel_of(capacities[i], &elem);
        rn_mpsc_weak *weak = weak_of(channel.tx);
        rn_mpsc_weak *clone;
        CHECK_RC(send_int(channel.tx, 1), 0);
        CHECK_RC(send_int(channel.tx, 2), 0);
        rn_mpsc_rx_drop(channel.rx);
        CHECK_EQ(ledger.count, 2); /* it keeps no messages */
        CHECK_RC(send_int(channel.tx, 3), RN_CLOSED);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(rn_mpsc_weak_clone(&clone, weak), 0);
        rn_mpsc_weak_drop(weak);
        CHECK_RC(upgrade_code(clone), RN_CLOSED);
        rn_mpsc_weak_drop(clone);
        CHECK_EQ(ledger.count, 2);
    }
}

TEST(mpsc_weak_sender_refuses_null)
{
    struct channel channel = channel_of_ints(2);
    rn_mpsc_weak *weak = (rn_mpsc_weak *)(uintptr_t)1;
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    CHECK_RC(rn_mpsc_tx_downgrade(&weak, NULL), RN_EINVAL);
    CHECK(weak == NULL);
    CHECK_RC(rn_mpsc_tx_downgrade(NULL, channel.tx), RN_EINVAL);
    CHECK_RC(rn_mpsc_weak_clone(&weak, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_weak_upgrade(&tx, NULL), RN_EINVAL);
    CHECK(tx == NULL);
    weak = weak_of(channel.tx);
    CHECK_RC(rn_mpsc_weak_clone(NULL, weak), RN_EINVAL);
    CHECK_RC(rn_mpsc_weak_upgrade(NULL, weak), RN_EINVAL);
    rn_mpsc_weak_drop(weak);
    rn_mpsc_weak_drop(NULL);
    drop_both(channel);
}

#ifndef NDEBUG
TEST(mpsc_weak_sender_used_after_its_drop_is_named)
{
    struct channel channel = channel_of_ints(2);
    EXPECT_DEATH(SIGABRT, "weak mpsc/mpmc sender expected, this is a mpsc/mpmc sender")
    {
        upgrade_code((rn_mpsc_weak *)(void *)channel.tx);
    }
    drop_both(channel);
}
#endif

/* -- counted ----------------------------------------------------------------------------------------------------- */

TEST(mpsc_info_counts_senders)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_tx *clone;
        CHECK_EQ(info_of(channel.rx).senders, 1);
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        CHECK_EQ(info_of(channel.rx).senders, 2);
        rn_mpsc_tx_drop(channel.tx);
        CHECK_EQ(info_of(channel.rx).senders, 1);
        rn_mpsc_tx_drop(clone);
        CHECK_EQ(info_of(channel.rx).senders, 0);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_info_counts_weak_senders)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        CHECK_EQ(info_of(channel.rx).weak, 0);
        rn_mpsc_weak *weak = weak_of(channel.tx);
        CHECK_EQ(info_of(channel.rx).weak, 1);
        rn_mpsc_weak *second = weak_of(channel.tx);
        CHECK_EQ(info_of(channel.rx).weak, 2);
        CHECK_EQ(info_of(channel.rx).senders, 1);
        rn_mpsc_weak_drop(weak);
        CHECK_EQ(info_of(channel.rx).weak, 1);
        rn_mpsc_weak_drop(second);
        CHECK_EQ(info_of(channel.rx).weak, 0);
        drop_both(channel);
    }
}

TEST(mpsc_info_counts_both_kinds_of_senders)
{
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        rn_mpsc_tx *clone;
        rn_mpsc_tx *upgraded;
        rn_mpsc_weak *weak = weak_of(channel.tx);
        rn_mpsc_weak *second;
        CHECK_RC(rn_mpsc_tx_clone(&clone, channel.tx), 0);
        CHECK_RC(rn_mpsc_weak_clone(&second, weak), 0);
        CHECK_RC(rn_mpsc_weak_upgrade(&upgraded, weak), 0);
        CHECK_EQ(info_of(channel.rx).senders, 3);
        CHECK_EQ(info_of(channel.rx).weak, 2);
        rn_mpsc_tx_drop(clone);
        rn_mpsc_weak_drop(weak);
        CHECK_EQ(info_of(channel.rx).senders, 2);
        CHECK_EQ(info_of(channel.rx).weak, 1);
        rn_mpsc_tx_drop(upgraded);
        rn_mpsc_weak_drop(second);
        CHECK_EQ(info_of(channel.rx).senders, 1);
        CHECK_EQ(info_of(channel.rx).weak, 0);
        drop_both(channel);
    }
}
