/* SPDX-License-Identifier: MIT */
/* api_broadcast_borrow.c - messages that are read in place: what a borrow promises to its receiver, and that nobody
 * else notices it. In every order of calls: api_broadcast_oracle.c. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <stdint.h>
#include <string.h>

#include "api/events.h"
#include "api/owned.h"
#include "api/selected.h"

static struct pair make_borrowable(size_t capacity)
{
    return make_with(capacity, RN_BROADCAST_BORROW);
}

static void check_borrowed(rn_broadcast_rx *rx, int message, uint64_t lost)
{
    const void *place = NULL;
    uint64_t missed = 77;
    if (!CHECK_RC(rn_broadcast_try_borrow(rx, &place, &missed), 0))
        return;
    CHECK_EQ(*(const int *)place, message);
    CHECK_EQ(missed, lost);
}

/* -- what is promised -------------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_borrow_needs_a_channel_that_lends)
{
    struct pair pair = make(2);
    const void *place = &pair;
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, NULL), RN_EINVAL);
    CHECK(place == NULL);
    CHECK_RC(rn_broadcast_try_borrow(pair.rx, &place, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_borrow_until(pair.rx, &place, NULL, rn_at_ns(1)), RN_EINVAL);
    CHECK_RC(rn_broadcast_borrow(NULL, &place, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_borrow(pair.rx, NULL, NULL), RN_EINVAL);
    rn_broadcast_release(pair.rx);
    rn_broadcast_release(NULL);
    expect(pair.rx, 1, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_borrowed_message_stays_while_the_ring_goes_round)
{
    struct pair pair = make_borrowable(2);
    rn_broadcast_rx *other = subscribe(pair.tx);
    const void *place;
    uint64_t missed = 77;
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, &missed), 0);
    CHECK_EQ(missed, 0);
    send_range(pair.tx, 2, 100);
    CHECK_EQ(*(const int *)place, 1);
    expect(other, 99, 98); /* nobody waited for the borrower */
    rn_broadcast_release(pair.rx);
    check_borrowed(pair.rx, 99, 97);
    rn_broadcast_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(broadcast_receiver_borrows_one_at_a_time)
{
    struct pair pair = make_borrowable(2);
    const void *place;
    send_range(pair.tx, 1, 2);
    check_borrowed(pair.rx, 1, 0);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, NULL), RN_EBUSY);
    CHECK_RC(rn_broadcast_try_borrow(pair.rx, &place, NULL), RN_EBUSY);
    rn_case cases[] = {rn_broadcast_borrow_case(pair.rx, &place, NULL)};
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, RN_EBUSY);
    expect(pair.rx, 2, 0); /* a copy may be had meanwhile */
    rn_broadcast_release(pair.rx);
    expect_none(pair.rx, RN_EMPTY);
    CHECK_RC(rn_broadcast_try_borrow(pair.rx, &place, NULL), RN_EMPTY);
    drop(&pair);
}

EVERYWHERE(broadcast_receivers_borrow_the_same_message)
{
    struct pair pair = make_borrowable(1);
    rn_broadcast_rx *other = subscribe(pair.tx);
    const void *place, *same;
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, NULL), 0);
    CHECK_RC(rn_broadcast_borrow(other, &same, NULL), 0);
    CHECK(place == same);
    rn_broadcast_rx_drop(other); /* releases */
    send_range(pair.tx, 2, 3);
    CHECK_EQ(*(const int *)place, 1);
    drop(&pair);
}

EVERYWHERE(broadcast_borrow_tells_loss_and_close_like_a_receive)
{
    struct pair pair = make_borrowable(1);
    const void *place;
    uint64_t missed = 77;
    send_range(pair.tx, 1, 3);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, NULL), RN_LAGGED);
    CHECK(place == NULL);
    check_borrowed(pair.rx, 3, 0);
    send_range(pair.tx, 4, 5);
    rn_broadcast_release(pair.rx);
    rn_broadcast_tx_drop(pair.tx);
    check_borrowed(pair.rx, 5, 1);
    rn_broadcast_release(pair.rx);
    CHECK_RC(rn_broadcast_borrow(pair.rx, &place, &missed), RN_CLOSED);
    CHECK_EQ(missed, 77);
    rn_broadcast_rx_drop(pair.rx);
}

struct borrower {
    rn_broadcast_rx *rx;
    rn_deadline deadline;
    int got;
};

static int borrow_one(void *arg)
{
    struct borrower *borrower = arg;
    const void *place;
    uint64_t missed;
    const int rc = rn_broadcast_borrow_until(borrower->rx, &place, &missed, borrower->deadline);
    if (rc == 0)
        borrower->got = *(const int *)place;
    rn_broadcast_release(borrower->rx);
    return rc;
}

EVERYWHERE(broadcast_borrower_that_sleeps_gets_the_message_of_its_time)
{
    struct pair pair = make_borrowable(1);
    struct borrower borrower = {.rx = pair.rx};
    struct actor *actor = actor_start(borrow_one, &borrower);
    WAIT_UNTIL_PARKED(1, events_name);
    send_range(pair.tx, 1, 5);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(borrower.got, 1);
    borrower.deadline = rn_in_ms(1);
    CHECK_RC(borrow_one(&borrower), 0);
    CHECK_EQ(borrower.got, 5);
    CHECK_RC(borrow_one(&borrower), RN_ETIMEDOUT);
    drop(&pair);
}

EVERYWHERE(broadcast_borrow_case_waits_and_may_lose)
{
    struct pair pair = make_borrowable(1), other = make(1);
    const void *place = NULL;
    uint64_t missed = 77;
    int got;
    rn_case cases[] = {rn_broadcast_borrow_case(pair.rx, &place, &missed),
                       rn_broadcast_recv_case(other.rx, &got, &missed)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    send_range(other.tx, 1, 1);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector.which, 1);
    CHECK(place == NULL);
    actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    send_range(pair.tx, 7, 8);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector.which, 0);
    CHECK_RC(cases[0].rc, 0);
    CHECK_EQ(*(const int *)place, 7);
    CHECK_EQ(missed, 0);
    drop(&pair);
    drop(&other);
}

static int borrow_while_cancelled(void *arg)
{
    struct pair *pair = arg;
    const void *place;
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_broadcast_borrow(pair->rx, &place, NULL), RN_ECANCELED);
    check_borrowed(pair->rx, 1, 0); /* try_borrow does not look */
    return 0;
}

TEST(broadcast_borrow_is_cancelled_without_taking_a_message)
{
    struct pair pair = make_borrowable(1);
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_run(borrow_while_cancelled, &pair), 0);
    drop(&pair);
}

/* -- messages that own something --------------------------------------------------------------------------------- */

static rn_elem without_clone(struct owners *owners)
{
    rn_elem elem = *OWNED_ELEM(owners);
    elem.clone = NULL;
    return elem;
}

static void send_owned(rn_broadcast_tx *tx, struct owners *owners, int number)
{
    struct owned message = owned_make(owners, number);
    CHECK_RC(rn_broadcast_send(tx, &message), 0);
}

EVERYWHERE(broadcast_messages_that_cannot_be_cloned_are_borrowed)
{
    struct owners owners = {0};
    const rn_elem elem = without_clone(&owners);
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    struct owned got;
    const void *place;
    REQUIRE(rn_broadcast_channel_with(&tx, &rx, 1, &elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW}) == 0);
    send_owned(tx, &owners, 1);
    CHECK_RC(rn_broadcast_recv(rx, &got, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_borrow(rx, &place, NULL), 0); /* that has not used it up */
    CHECK_EQ(*((const struct owned *)place)->number, 1);
    send_owned(tx, &owners, 2);
    send_owned(tx, &owners, 3);
    CHECK_EQ(owners.live, 2);
    CHECK_EQ(owners.dropped[0], 2);
    rn_broadcast_release(rx);
    CHECK_EQ(owners.live, 1);
    CHECK_EQ(owners.dropped[1], 1);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
}

static rn_broadcast_rx *rx_of_drop;

static void drop_receiver(struct owners *owners, int number)
{
    (void)owners;
    if (number == 1)
        rn_broadcast_rx_drop(rx_of_drop);
}

/* The last end goes while what the last borrower gave back is dropped. */
EVERYWHERE(broadcast_borrowed_message_may_outlive_all_other_ends)
{
    struct owners owners = {.on_drop = drop_receiver};
    const rn_elem elem = without_clone(&owners);
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    const void *place;
    REQUIRE(rn_broadcast_channel_with(&tx, &rx, 1, &elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW}) == 0);
    REQUIRE(rn_broadcast_subscribe(&rx_of_drop, tx) == 0);
    send_owned(tx, &owners, 1);
    CHECK_RC(rn_broadcast_borrow(rx, &place, NULL), 0);
    send_owned(tx, &owners, 2);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx); /* drops 1, which drops the other receiver, which drops 2 */
    CHECK_EQ(owners.live, 0);
}

/* -- places and memory ------------------------------------------------------------------------------------------- */

struct wide {
    _Alignas(64) char text[4096];
};

EVERYWHERE(broadcast_borrowed_message_is_aligned_as_its_type_wants)
{
    static struct wide message;
    const rn_elem elem = {.size = sizeof message, .align = _Alignof(struct wide)};
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    const void *place;
    REQUIRE(rn_broadcast_channel_with(&tx, &rx, 3, &elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW}) == 0);
    for (int i = 0; i < 10; i++) {
        memset(message.text, 'a' + i, sizeof message.text);
        CHECK_RC(rn_broadcast_send(tx, &message), 0);
        CHECK_RC(rn_broadcast_borrow(rx, &place, NULL), 0);
        CHECK_EQ((uintptr_t)place % 64, 0);
        CHECK_MEM_EQ(place, &message, sizeof message);
        rn_broadcast_release(rx);
    }
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
}

/* What ends bring is enough for all that they can hold, so sends take none. */
EVERYWHERE(broadcast_borrowing_takes_no_memory)
{
    struct pair pair = make_borrowable(2);
    rn_broadcast_rx *others[4];
    for (int i = 0; i < 4; i++)
        others[i] = subscribe(pair.tx);
    const uint64_t calls = test_memory().calls;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 4; i++) {
            send_range(pair.tx, round, round);
            rn_broadcast_release(others[i]);
            CHECK_RC(rn_broadcast_try_borrow(others[i], &(const void *){NULL}, &(uint64_t){0}), 0);
        }
    }
    CHECK_EQ(test_memory().calls, calls);
    for (int i = 0; i < 4; i++)
        rn_broadcast_rx_drop(others[i]);
    drop(&pair);
}
