/* SPDX-License-Identifier: MIT */
/* broadcast when memory runs out: each request for memory is refused once, and the call has then done nothing. Beside
 * it what broadcast, watch and notify share: sends without room, waits that cannot begin. */
#include <runnel/broadcast.h>
#include <runnel/notify.h>
#include <runnel/watch.h>

#include "api/owned.h"
#include "oom/refuse_here.h"

static const rn_elem plain = {.size = sizeof(int), .align = _Alignof(int)};

static void *somewhere(void)
{
    static int place;
    return &place;
}

/* -- broadcast --------------------------------------------------------------------------------------------------- */

static int make_broadcast(void *arg)
{
    const rn_elem *elem = arg;
    rn_broadcast_tx *tx = somewhere();
    rn_broadcast_rx *rx = somewhere();
    const int rc = rn_broadcast_channel(&tx, &rx, 100, elem);
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    return rc;
}

static int make_broadcast_sender_only(void *arg)
{
    const rn_elem *elem = arg;
    rn_broadcast_tx *tx = somewhere();
    const int rc = rn_broadcast_channel_with(&tx, NULL, 1, elem, &(rn_broadcast_opts){.name = "events"});
    CHECK_EQ(tx != NULL, rc == 0);
    rn_broadcast_tx_drop(tx);
    return rc;
}

TEST(oom_broadcast_channel_leaves_nothing_behind)
{
    struct owners owners = {0};
    rn_elem owned = *OWNED_ELEM(&owners);
    rn_elem copy = plain;
    CHECK_EQ(refuse_each(make_broadcast, &copy), 2);  /* the channel, the ring */
    CHECK_EQ(refuse_each(make_broadcast, &owned), 3); /* and the nodes */
    CHECK_EQ(refuse_each(make_broadcast_sender_only, &copy), 2);
    CHECK_EQ(refuse_each(make_broadcast_sender_only, &owned), 3);
}

static int subscribe(void *arg)
{
    rn_broadcast_rx *rx = somewhere();
    const int rc = rn_broadcast_subscribe(&rx, arg);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_broadcast_rx_drop(rx);
    return rc;
}

static int clone_sender(void *arg)
{
    rn_broadcast_tx *tx = somewhere();
    const int rc = rn_broadcast_tx_clone(&tx, arg);
    CHECK_EQ(tx != NULL, rc == 0);
    rn_broadcast_tx_drop(tx);
    return rc;
}

static void check_more_broadcast_ends(const rn_elem *elem, int first_requests, int later_requests)
{
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 2, elem) == 0);
    CHECK_EQ(refuse_each(subscribe, tx), first_requests);
    CHECK_EQ(rn_broadcast_tx_receivers(tx), 1);
    CHECK_EQ(refuse_each(clone_sender, tx), later_requests); /* the node of the receiver that was there is free */
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
}

TEST(oom_broadcast_subscribe_and_clone_change_nothing)
{
    struct owners owners = {0};
    check_more_broadcast_ends(&plain, 1, 1);
    check_more_broadcast_ends(OWNED_ELEM(&owners), 2, 1);
}

static int subscribe_with(void *arg)
{
    rn_broadcast_rx *rx = somewhere();
    const rn_subscribe_opts opts = {.on_lag = RN_ON_LAG_BLOCK};
    const int rc = rn_broadcast_subscribe_with(&rx, arg, &opts);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_broadcast_rx_drop(rx);
    return rc;
}

/* One that did not come blocks nobody. */
TEST(oom_broadcast_receiver_that_blocks_is_there_or_not)
{
    struct owners owners = {0};
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    struct owned message;
    const rn_broadcast_opts opts = {.flags = RN_BROADCAST_MAY_BLOCK};
    REQUIRE(rn_broadcast_channel_with(&tx, &rx, 1, OWNED_ELEM(&owners), &opts) == 0);
    CHECK_EQ(refuse_each(subscribe_with, tx), 2);
    for (int i = 0; i < 3; i++) {
        message = owned_make(&owners, i);
        CHECK_RC(rn_broadcast_try_send(tx, &message), 0);
    }
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
}

/* Its two places come with it or not at all. */
TEST(oom_broadcast_receiver_that_may_borrow_is_there_or_not)
{
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    const rn_broadcast_opts opts = {.flags = RN_BROADCAST_BORROW};
    REQUIRE(rn_broadcast_channel_with(&tx, &rx, 1, &plain, &opts) == 0);
    CHECK_EQ(refuse_each(subscribe, tx), 3);
    CHECK_EQ(rn_broadcast_tx_receivers(tx), 1);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
}

/* -- sends and sets that were promised no room ------------------------------------------------------------------- */

/* A send while the drop function of the one before runs takes the room of whoever might have wanted it; the second
 * one in such a chain finds none. */
struct chain {
    struct owners owners;
    rn_broadcast_tx *broadcast;
    rn_watch_tx *watch;
    bool tries; /* a send of the channel may wait */
};

static int publish(struct chain *chain, struct owned *message)
{
    if (chain->tries)
        return rn_broadcast_try_send(chain->broadcast, message);
    return chain->watch != NULL ? rn_watch_set(chain->watch, message) : rn_broadcast_send(chain->broadcast, message);
}

static void publish_number(struct chain *chain, int number)
{
    struct owned message = owned_make(&chain->owners, number);
    CHECK_RC(publish(chain, &message), 0);
}

static void publish_without_memory(struct chain *chain)
{
    struct refusal refusal = {.point = RN__FAULT_ALLOC};
    struct owned message = owned_make(&chain->owners, 50);
    const int64_t drops = chain->owners.drops;
    rn__fault_set(refuse_one, &refusal);
    CHECK_RC(publish(chain, &message), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal.refused, 1);
    CHECK_EQ(chain->owners.drops, drops);
    CHECK_EQ(*message.number, 50); /* still ours */
    CHECK_RC(publish(chain, &message), 0);
}

static void publish_in_drop(struct owners *owners, int number)
{
    struct chain *chain = (struct chain *)owners;
    if (number == 1)
        publish_number(chain, 3);
    if (number == 2)
        publish_without_memory(chain);
}

static void send_without_room(uint32_t flags)
{
    struct chain chain = {.owners = {.on_drop = publish_in_drop}, .tries = flags != 0};
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_channel_with(&chain.broadcast, &rx, 1, OWNED_ELEM(&chain.owners),
                                      &(rn_broadcast_opts){.flags = flags}) == 0);
    publish_number(&chain, 1);
    publish_number(&chain, 2);
    CHECK_EQ(chain.owners.drops, 3);
    rn_broadcast_tx_drop(chain.broadcast);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(chain.owners.live, 0);
}

TEST(oom_broadcast_send_without_room_leaves_the_message_with_the_sender)
{
    send_without_room(0);
    send_without_room(RN_BROADCAST_MAY_BLOCK);
}

TEST(oom_watch_set_without_room_leaves_the_value_with_the_setter)
{
    struct chain chain = {.owners = {.on_drop = publish_in_drop}};
    struct owned initial = owned_make(&chain.owners, 0);
    const void *borrowed;
    rn_watch_rx *rx;
    rn_elem elem = *OWNED_ELEM(&chain.owners);
    elem.clone = NULL;
    REQUIRE(rn_watch_channel(&chain.watch, &rx, &initial, &elem) == 0);
    CHECK_RC(rn_watch_borrow(rx, &borrowed), 0);
    publish_number(&chain, 1);
    publish_number(&chain, 2);
    CHECK_EQ(chain.owners.drops, 3);
    rn_watch_tx_drop(chain.watch);
    rn_watch_rx_drop(rx);
    CHECK_EQ(chain.owners.live, 0);
}

static int give_without_memory(rn_broadcast_tx *tx, struct owned *message)
{
    struct refusal refusal = {.point = RN__FAULT_ALLOC};
    rn__fault_set(refuse_one, &refusal);
    const int rc = rn_broadcast_give(tx, message);
    rn__fault_set(NULL, NULL);
    return rc;
}

static void give_in_drop(struct owners *owners, int number)
{
    struct chain *chain = (struct chain *)owners;
    struct owned message;
    if (number == 1)
        publish_number(chain, 3);
    if (number != 2)
        return;
    message = owned_make(owners, 60);
    CHECK_RC(give_without_memory(chain->broadcast, &message), RN_ENOMEM);
}

TEST(oom_broadcast_give_without_room_drops_the_message)
{
    struct chain chain = {.owners = {.on_drop = give_in_drop}};
    rn_broadcast_rx *rx;
    REQUIRE(rn_broadcast_channel(&chain.broadcast, &rx, 1, OWNED_ELEM(&chain.owners)) == 0);
    publish_number(&chain, 1);
    publish_number(&chain, 2);
    CHECK_EQ(chain.owners.drops, 3); /* 1, 2 and 60 */
    rn_broadcast_tx_drop(chain.broadcast);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(chain.owners.live, 0);
}

/* -- a thread that cannot wait ----------------------------------------------------------------------------------- */

/* A plain thread's first wait takes a slot of the party table; none of this process's has waited yet. */
static void refuse_table(struct refusal *refusal)
{
    *refusal = (struct refusal){.point = RN__FAULT_MAP};
    rn__fault_set(refuse_one, refusal);
}

static void accept_table(const struct refusal *refusal)
{
    rn__fault_set(NULL, NULL);
    CHECK_EQ(refusal->refused, 1);
}

TEST(oom_broadcast_wait_that_cannot_begin_takes_nothing)
{
    struct refusal refusal;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    uint64_t missed;
    int got = 0;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 1, &plain) == 0);
    refuse_table(&refusal);
    CHECK_RC(rn_broadcast_recv(rx, &got, &missed), RN_ENOMEM);
    accept_table(&refusal);
    got = 5;
    CHECK_RC(rn_broadcast_send(tx, &got), 0);
    CHECK_RC(rn_broadcast_recv(rx, &got, &missed), 0);
    CHECK_EQ(got, 5);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
}

TEST(oom_watch_wait_that_cannot_begin_marks_nothing)
{
    struct refusal refusal;
    rn_watch_tx *tx;
    rn_watch_rx *rx;
    int value = 1;
    REQUIRE(rn_watch_channel(&tx, &rx, &value, &plain) == 0);
    refuse_table(&refusal);
    CHECK_RC(rn_watch_recv(rx, &value), RN_ENOMEM);
    accept_table(&refusal);
    CHECK_RC(rn_watch_set(tx, &value), 0);
    CHECK_RC(rn_watch_recv(rx, &value), 0);
    rn_watch_tx_drop(tx);
    rn_watch_rx_drop(rx);
}

TEST(oom_notify_wait_that_cannot_begin_is_out_of_the_line)
{
    struct refusal refusal;
    rn_notify notify = RN_NOTIFY_INIT;
    rn_notify_ticket ticket;
    refuse_table(&refusal);
    CHECK_RC(rn_notify_wait(&notify), RN_ENOMEM);
    accept_table(&refusal);
    rn_notify_enable(&notify, &ticket);
    refuse_table(&refusal);
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_ENOMEM);
    accept_table(&refusal);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait(&notify), 0); /* the permit was stored: nobody stood in line */
}
