/* SPDX-License-Identifier: MIT */
/* api_broadcast.c - the contract of <runnel/broadcast.h>, sentence by sentence, for messages that own nothing; and
 * those about the ends. Owned messages: api_broadcast_owned.c. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/events.h"
#include "base/atomic.h"

/* -- construction ----------------------------------------------------------------------------------------------- */

static void check_refused(size_t capacity, const rn_elem *elem, const rn_broadcast_opts *opts)
{
    rn_broadcast_tx *tx = (rn_broadcast_tx *)&capacity;
    rn_broadcast_rx *rx = (rn_broadcast_rx *)&capacity;
    CHECK_RC(rn_broadcast_channel_with(&tx, &rx, capacity, elem, opts), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK(rx == NULL);
}

static void drop_nothing(void *elem, void *ctx)
{
    (void)elem;
    (void)ctx;
}

TEST(broadcast_constructor_refuses_what_is_out_of_range)
{
    check_refused(0, &events_elem, NULL);
    check_refused(RN_BROADCAST_CAPACITY_MAX + 1, &events_elem, NULL);
    check_refused(SIZE_MAX, &events_elem, NULL);
    check_refused(1, NULL, NULL);
    check_refused(1, &(rn_elem){.size = 0}, NULL);
    check_refused(1, &(rn_elem){.size = RN_ELEM_SIZE_MAX + 1}, NULL);
    check_refused(1, &(rn_elem){.size = 8, .align = 3}, NULL);
    check_refused(1, &(rn_elem){.size = 8, .align = 128}, NULL);
    check_refused(1, &(rn_elem){.size = 8, .reserved = {0, 1}}, NULL);
}

TEST(broadcast_constructor_refuses_drop_without_clone)
{
    check_refused(1, &(rn_elem){.size = 8, .drop = drop_nothing}, NULL);
}

TEST(broadcast_constructor_refuses_options_of_the_future)
{
    check_refused(1, &events_elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW << 1});
    check_refused(1, &events_elem, &(rn_broadcast_opts){.flags = RN_BROADCAST_KEEP | 1u << 31});
    check_refused(1, &events_elem, &(rn_broadcast_opts){.reserved0 = 1});
    check_refused(1, &events_elem, &(rn_broadcast_opts){.reserved = {0, 0, 0, 0, 0, 1}});
}

TEST(broadcast_constructor_wants_a_place_for_the_sender)
{
    rn_broadcast_rx *rx = (rn_broadcast_rx *)&rx;
    CHECK_RC(rn_broadcast_channel(NULL, &rx, 1, &events_elem), RN_EINVAL);
    CHECK(rx == NULL);
}

TEST(broadcast_channel_takes_zero_options)
{
    struct pair pair;
    CHECK_RC(rn_broadcast_channel_with(&pair.tx, &pair.rx, 1, &events_elem, &(rn_broadcast_opts){0}), 0);
    send_range(pair.tx, 1, 1);
    expect(pair.rx, 1, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_may_begin_without_a_receiver)
{
    rn_broadcast_tx *tx;
    const int message = 1;
    CHECK_RC(rn_broadcast_channel(&tx, NULL, 4, &events_elem), 0);
    CHECK_EQ(rn_broadcast_tx_receivers(tx), 0);
    CHECK_RC(rn_broadcast_send(tx, &message), RN_NOBODY);
    rn_broadcast_rx *rx = subscribe(tx);
    expect_none(rx, RN_EMPTY); /* what nobody was there for is not kept */
    send_range(tx, 2, 3);
    expect(rx, 2, 0);
    expect(rx, 3, 0);
    rn_broadcast_rx_drop(rx);
    rn_broadcast_tx_drop(tx);
}

static size_t resident_pages(void)
{
    size_t all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    REQUIRE(file != NULL && fscanf(file, "%zu %zu", &all, &resident) == 2);
    fclose(file);
    return resident;
}

TEST(broadcast_large_capacity_is_touched_as_it_is_used)
{
    struct pair pair;
    if (TEST_SANITIZED)
        SKIP("sanitizers keep books of their own");
    const size_t before = resident_pages();
    REQUIRE(rn_broadcast_channel(&pair.tx, &pair.rx, (size_t)1 << 26, &events_elem) == 0);
    send_range(pair.tx, 1, 100);
    CHECK((resident_pages() - before) * (size_t)sysconf(_SC_PAGESIZE) < (size_t)1 << 22);
    expect(pair.rx, 1, 0);
    drop(&pair);
}

/* -- sending and receiving -------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_every_receiver_sees_every_message_in_order)
{
    struct pair pair = make(8);
    rn_broadcast_rx *other = subscribe(pair.tx);
    send_range(pair.tx, 1, 8);
    for (int i = 1; i <= 8; i++)
        expect(pair.rx, i, 0);
    for (int i = 1; i <= 8; i++)
        expect(other, i, 0);
    expect_none(pair.rx, RN_EMPTY);
    expect_none(other, RN_EMPTY);
    rn_broadcast_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(broadcast_subscriber_sees_only_what_comes_later)
{
    struct pair pair = make(8);
    send_range(pair.tx, 1, 3);
    rn_broadcast_rx *later = subscribe(pair.tx);
    expect_none(later, RN_EMPTY);
    CHECK_EQ(rn_broadcast_rx_len(later), 0);
    send_range(pair.tx, 4, 4);
    expect(later, 4, 0);
    expect(pair.rx, 1, 0);
    rn_broadcast_rx_drop(later);
    drop(&pair);
}

EVERYWHERE(broadcast_send_without_receivers_says_nobody_and_that_may_change)
{
    struct pair pair = make(4);
    const int message = 5;
    rn_broadcast_rx_drop(pair.rx);
    CHECK_RC(rn_broadcast_send(pair.tx, &message), RN_NOBODY);
    pair.rx = subscribe(pair.tx);
    expect_none(pair.rx, RN_EMPTY);
    CHECK_RC(rn_broadcast_send(pair.tx, &message), 0);
    expect(pair.rx, 5, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_last_receiver_leaves_nothing_for_the_next)
{
    struct pair pair = make(4);
    send_range(pair.tx, 1, 3);
    rn_broadcast_rx_drop(pair.rx);
    pair.rx = subscribe(pair.tx);
    expect_none(pair.rx, RN_EMPTY);
    send_range(pair.tx, 4, 9);
    expect(pair.rx, 6, 2); /* its own count of what it lost, not that of the one before */
    drop(&pair);
}

EVERYWHERE(broadcast_keeps_exactly_its_capacity)
{
    const size_t capacities[] = {1, 2, 3, 5, 8, 100};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        const int capacity = (int)capacities[i];
        struct pair pair = make(capacities[i]);
        send_range(pair.tx, 1, capacity);
        expect(pair.rx, 1, 0); /* all of them are there */
        send_range(pair.tx, capacity + 1, 2 * capacity + 2);
        CHECK_EQ(rn_broadcast_rx_len(pair.rx), 2 * capacity + 1);
        expect(pair.rx, capacity + 3, (uint64_t)capacity + 1);
        for (int k = capacity + 4; k <= 2 * capacity + 2; k++)
            expect(pair.rx, k, 0);
        expect_none(pair.rx, RN_EMPTY);
        drop(&pair);
    }
}

EVERYWHERE(broadcast_loss_is_each_receiver_s_own)
{
    struct pair pair = make(4);
    rn_broadcast_rx *fast = subscribe(pair.tx);
    for (int i = 1; i <= 10; i++) {
        send_range(pair.tx, i, i);
        expect(fast, i, 0);
    }
    expect(pair.rx, 7, 6);
    rn_broadcast_rx_drop(fast);
    drop(&pair);
}

EVERYWHERE(broadcast_loss_without_a_place_for_the_count_is_lagged_once)
{
    struct pair pair = make(2);
    int got = -1;
    send_range(pair.tx, 1, 5);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &got, NULL), RN_LAGGED);
    CHECK_EQ(got, -1);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 2); /* it stands on the oldest that is kept */
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, NULL), 0);
    CHECK_EQ(got, 4);
    send_range(pair.tx, 6, 8); /* overtaken again: a loss of its own */
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, NULL), RN_LAGGED);
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, NULL, rn_at_ns(1)), 0);
    CHECK_EQ(got, 7);
    drop(&pair);
}

EVERYWHERE(broadcast_lagged_receiver_may_lag_again_before_it_reads)
{
    struct pair pair = make(2);
    int got = -1;
    send_range(pair.tx, 1, 3);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, NULL), RN_LAGGED);
    send_range(pair.tx, 4, 4);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, NULL), RN_LAGGED);
    expect(pair.rx, 3, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_loss_is_told_before_the_close)
{
    struct pair pair = make(2);
    rn_broadcast_rx *other = subscribe(pair.tx);
    int got = -1;
    send_range(pair.tx, 1, 4);
    rn_broadcast_tx_drop(pair.tx);
    expect(pair.rx, 3, 2);
    expect(pair.rx, 4, 0);
    expect_none(pair.rx, RN_CLOSED);
    expect_none(pair.rx, RN_CLOSED);
    CHECK_RC(rn_broadcast_recv(other, &got, NULL), RN_LAGGED);
    CHECK_RC(rn_broadcast_recv(other, &got, NULL), 0);
    CHECK_EQ(got, 3);
    rn_broadcast_rx_drop(other);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_closes_with_the_last_of_all_senders)
{
    struct pair pair = make(4);
    rn_broadcast_tx *second, *third;
    CHECK_RC(rn_broadcast_tx_clone(&second, pair.tx), 0);
    CHECK_RC(rn_broadcast_tx_clone(&third, second), 0);
    rn_broadcast_tx_drop(pair.tx);
    rn_broadcast_tx_drop(second);
    expect_none(pair.rx, RN_EMPTY);
    send_range(third, 1, 1);
    rn_broadcast_tx_drop(third);
    expect(pair.rx, 1, 0);
    expect_none(pair.rx, RN_CLOSED);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_deadline_in_the_past_still_gets_what_is_there)
{
    struct pair pair = make(4);
    uint64_t missed;
    int got = -1;
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, &missed, rn_at_ns(1)), RN_ETIMEDOUT);
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, &missed, rn_at_ns(1)), 0);
    CHECK_EQ(got, 1);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, &missed, rn_at_ns(1)), RN_CLOSED);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_questions_are_answered)
{
    struct pair pair = make(2);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    rn_broadcast_rx *other = subscribe(pair.tx);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 2);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 0);
    send_range(pair.tx, 1, 5);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 5); /* what was overwritten counts */
    expect(pair.rx, 4, 3);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 1);
    CHECK_EQ(rn_broadcast_rx_len(other), 5);
    rn_broadcast_rx_drop(other);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_EQ(rn_broadcast_rx_len(pair.rx), 1);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_null_is_answered)
{
    struct pair pair = make(2);
    int message = 1;
    uint64_t missed;
    rn_broadcast_tx *tx = pair.tx;
    rn_broadcast_rx *rx = pair.rx;
    CHECK_RC(rn_broadcast_send(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_broadcast_send(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_give(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_broadcast_give(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv(NULL, &message, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv(pair.rx, NULL, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv_until(NULL, &message, &missed, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_broadcast_try_recv(NULL, &message, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, NULL, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_subscribe(NULL, pair.tx), RN_EINVAL);
    CHECK_RC(rn_broadcast_subscribe(&rx, NULL), RN_EINVAL);
    CHECK(rx == NULL);
    CHECK_RC(rn_broadcast_tx_clone(NULL, pair.tx), RN_EINVAL);
    CHECK_RC(rn_broadcast_tx_clone(&tx, NULL), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK_EQ(rn_broadcast_tx_receivers(NULL), 0);
    CHECK_EQ(rn_broadcast_rx_len(NULL), 0);
    rn_broadcast_tx_drop(NULL);
    rn_broadcast_rx_drop(NULL);
    CHECK_EQ(rn_broadcast_tx_receivers(pair.tx), 1);
    drop(&pair);
}

EVERYWHERE(broadcast_ends_are_dropped_in_any_order)
{
    for (unsigned order = 0; order < 6; order++) {
        struct pair pair = make(2);
        rn_broadcast_rx *other = subscribe(pair.tx);
        send_range(pair.tx, 1, 3);
        const unsigned first = order % 3, second = (first + 1 + order / 3) % 3;
        for (unsigned i = 0; i < 3; i++) {
            const unsigned which = i == 0 ? first : i == 1 ? second : 3 - first - second;
            if (which == 0)
                rn_broadcast_tx_drop(pair.tx);
            else
                rn_broadcast_rx_drop(which == 1 ? pair.rx : other);
        }
    }
}

TEST(broadcast_give_of_a_plain_message_is_send)
{
    struct pair pair = make(2);
    int message = 3;
    CHECK_RC(rn_broadcast_give(pair.tx, &message), 0);
    expect(pair.rx, 3, 0);
    drop(&pair);
}

static void check_size(size_t size, size_t align)
{
    struct pair pair;
    unsigned char *message = aligned_alloc(64, (size + 63) & ~(size_t)63);
    unsigned char *got = aligned_alloc(64, (size + 63) & ~(size_t)63);
    REQUIRE(message != NULL && got != NULL);
    REQUIRE(rn_broadcast_channel(&pair.tx, &pair.rx, 3, &(rn_elem){.size = size, .align = align}) == 0);
    for (int i = 0; i < 7; i++) {
        memset(message, 'a' + i, size);
        CHECK_RC(rn_broadcast_send(pair.tx, message), 0);
    }
    for (int i = 4; i < 7; i++) {
        uint64_t missed;
        memset(message, 'a' + i, size);
        CHECK_RC(rn_broadcast_recv(pair.rx, got, &missed), 0);
        CHECK_MEM_EQ(message, got, size);
    }
    drop(&pair);
    free(got);
    free(message);
}

TEST(broadcast_takes_messages_of_any_size)
{
    const size_t sizes[] = {1, 2, 3, 4, 5, 8, 16, 17, 64, 100, 4096, 65535, 65536};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        for (size_t align = 1; align <= 64; align *= 2)
            check_size(sizes[i], align);
        check_size(sizes[i], 0);
    }
}

TEST(broadcast_sends_and_receives_without_allocating)
{
    struct pair pair = make(4);
    const uint64_t before = test_memory().calls;
    for (int i = 0; i < 100; i++) {
        send_range(pair.tx, 1, 6);
        expect(pair.rx, 3, 2);
        expect(pair.rx, 4, 0);
        expect(pair.rx, 5, 0);
        expect(pair.rx, 6, 0);
    }
    CHECK_EQ(test_memory().calls, before);
    drop(&pair);
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

enum { READERS = 3 };

EVERYWHERE(broadcast_send_reaches_all_who_sleep)
{
    struct pair pair = make(1);
    struct reader readers[READERS];
    struct actor *actors[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.rx = i == 0 ? pair.rx : subscribe(pair.tx), .without_count = i == 1};
        actors[i] = actor_start(read_one, &readers[i]);
    }
    WAIT_UNTIL_PARKED(READERS, events_name);
    send_range(pair.tx, 9, 11); /* the ring has gone round before they run: they have their message all the same */
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_RC(actor_join(actors[i]), 0);
        CHECK_EQ(readers[i].got, 9);
        CHECK_EQ(readers[i].missed, i == 1 ? 77 : 0);
        expect(readers[i].rx, 11, 1);
        if (i > 0)
            rn_broadcast_rx_drop(readers[i].rx);
    }
    drop(&pair);
}

EVERYWHERE(broadcast_close_reaches_all_who_sleep)
{
    struct pair pair = make(2);
    rn_broadcast_tx *other;
    struct reader readers[READERS];
    struct actor *actors[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.rx = i == 0 ? pair.rx : subscribe(pair.tx)};
        actors[i] = actor_start(read_one, &readers[i]);
    }
    WAIT_UNTIL_PARKED(READERS, events_name);
    CHECK_RC(rn_broadcast_tx_clone(&other, pair.tx), 0);
    rn_broadcast_tx_drop(other);
    CHECK_EQ(parked_on(events_name), READERS); /* one of two senders: nothing has closed */
    rn_broadcast_tx_drop(pair.tx);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_RC(actor_join(actors[i]), RN_CLOSED);
        CHECK_EQ(readers[i].got, -1);
        CHECK_EQ(readers[i].missed, 77);
        expect_none(readers[i].rx, RN_CLOSED);
        rn_broadcast_rx_drop(readers[i].rx);
    }
}

EVERYWHERE(broadcast_receive_that_timed_out_has_taken_nothing)
{
    struct pair pair = make(2);
    struct reader reader = {.rx = pair.rx, .deadline = rn_in_ms(3)};
    CHECK_RC(actor_join(actor_start(read_one, &reader)), RN_ETIMEDOUT);
    CHECK_EQ(reader.got, -1);
    CHECK_EQ(reader.missed, 77);
    send_range(pair.tx, 1, 1);
    expect(pair.rx, 1, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_receive_ends_no_sooner_than_its_deadline)
{
    struct pair pair = make(2);
    uint64_t missed;
    int got;
    const int64_t before = rn_now_ns();
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, &missed, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - before >= 5 * 1000 * 1000);
    drop(&pair);
}

EVERYWHERE(broadcast_second_waiter_on_one_receiver_is_told_busy)
{
    struct pair pair = make(2);
    struct reader reader = {.rx = pair.rx};
    struct actor *actor = actor_start(read_one, &reader);
    uint64_t missed = 77;
    int got = -1;
    WAIT_UNTIL_PARKED(1, events_name);
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), RN_EBUSY);
    CHECK_RC(rn_broadcast_recv_until(pair.rx, &got, &missed, rn_in_ms(1)), RN_EBUSY);
    CHECK_RC(rn_broadcast_try_recv(pair.rx, &got, &missed), RN_EMPTY);
    CHECK_EQ(got, -1);
    send_range(pair.tx, 4, 5);
    CHECK_RC(actor_join(actor), 0); /* the first one was not disturbed */
    CHECK_EQ(reader.got, 4);
    expect(pair.rx, 5, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_may_not_be_waited_for_in_a_callback)
{
    struct pair pair = make(2);
    uint64_t missed;
    int got = -1;
    rn__callback_enter();
    CHECK_RC(rn_broadcast_recv(pair.rx, &got, &missed), RN_EDEADLK);
    send_range(pair.tx, 1, 1);
    expect(pair.rx, 1, 0);
    rn__callback_leave();
    send_range(pair.tx, 2, 2);
    expect(pair.rx, 2, 0);
    drop(&pair);
}

static int receive_all(void *arg)
{
    rn_broadcast_rx *rx = arg;
    uint64_t missed = 0;
    int got = 0, last = 0, rc, count = 0;
    while ((rc = rn_broadcast_recv(rx, &got, &missed)) == 0) {
        CHECK_EQ(missed, 0);
        CHECK_EQ(got, last + 1);
        last = got;
        count++;
    }
    CHECK_RC(rc, RN_CLOSED);
    return count;
}

EVERYWHERE(broadcast_streams_to_several_receivers)
{
    enum { MESSAGES = 1000 };
    struct pair pair = make(MESSAGES);
    rn_broadcast_rx *other = subscribe(pair.tx);
    struct actor *a = actor_start(receive_all, pair.rx);
    struct actor *b = actor_start(receive_all, other);
    send_range(pair.tx, 1, MESSAGES);
    rn_broadcast_tx_drop(pair.tx);
    CHECK_EQ(actor_join(a), MESSAGES);
    CHECK_EQ(actor_join(b), MESSAGES);
    rn_broadcast_rx_drop(pair.rx);
    rn_broadcast_rx_drop(other);
}

/* Several senders, receivers that are lapped: what each sees is in the one order of the channel, and what it got and
 * what it missed is together what was sent. */
enum { SENDERS = 3, EACH = 2000 };

struct numbered {
    uint32_t sender;
    uint32_t number;
};

static const rn_elem numbered_elem = {.size = sizeof(struct numbered), .align = _Alignof(struct numbered)};

struct source {
    rn_broadcast_tx *tx;
    uint32_t sender;
};

static int send_numbered(void *arg)
{
    const struct source *source = arg;
    for (uint32_t i = 1; i <= EACH; i++)
        CHECK_RC(rn_broadcast_send(source->tx, &(struct numbered){source->sender, i}), 0);
    rn_broadcast_tx_drop(source->tx);
    return 0;
}

struct sink {
    rn_broadcast_rx *rx;
    uint64_t got;
    uint64_t missed;
    struct numbered seen[SENDERS * EACH];
};

static int receive_numbered(void *arg)
{
    struct sink *sink = arg;
    uint64_t missed;
    while (rn_broadcast_recv(sink->rx, &sink->seen[sink->got], &missed) == 0) {
        sink->got++;
        sink->missed += missed;
    }
    rn_broadcast_rx_drop(sink->rx);
    return 0;
}

static void check_order_of_each_sender(const struct sink *sink)
{
    uint32_t last[SENDERS] = {0};
    for (uint64_t i = 0; i < sink->got; i++) {
        const struct numbered *message = &sink->seen[i];
        REQUIRE(message->sender < SENDERS);
        CHECK(message->number > last[message->sender]);
        last[message->sender] = message->number;
    }
}

static void run_sources(size_t capacity, struct sink *sinks, size_t count)
{
    rn_broadcast_tx *tx;
    struct actor *receivers[4], *senders[SENDERS];
    struct source sources[SENDERS];
    REQUIRE(rn_broadcast_channel(&tx, NULL, capacity, &numbered_elem) == 0);
    for (size_t i = 0; i < count; i++) {
        sinks[i].rx = subscribe(tx);
        receivers[i] = actor_start(receive_numbered, &sinks[i]);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        sources[i].sender = i;
        REQUIRE(rn_broadcast_tx_clone(&sources[i].tx, tx) == 0);
        senders[i] = actor_start(send_numbered, &sources[i]);
    }
    rn_broadcast_tx_drop(tx);
    for (size_t i = 0; i < SENDERS; i++)
        actor_join(senders[i]);
    for (size_t i = 0; i < count; i++)
        actor_join(receivers[i]);
}

EVERYWHERE(broadcast_got_and_missed_is_what_was_sent)
{
    struct sink *sinks = calloc(4, sizeof *sinks);
    REQUIRE(sinks != NULL);
    run_sources(7, sinks, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(sinks[i].got + sinks[i].missed, SENDERS * EACH);
        check_order_of_each_sender(&sinks[i]);
    }
    free(sinks);
}

EVERYWHERE(broadcast_all_receivers_see_one_order)
{
    struct sink *sinks = calloc(3, sizeof *sinks);
    REQUIRE(sinks != NULL);
    run_sources(SENDERS * EACH, sinks, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sinks[i].missed, 0);
        CHECK_EQ(sinks[i].got, SENDERS * EACH);
        CHECK_MEM_EQ(sinks[i].seen, sinks[0].seen, sizeof sinks[0].seen);
    }
    check_order_of_each_sender(&sinks[0]);
    free(sinks);
}

/* -- cancellation ----------------------------------------------------------------------------------------------- */

static int cancel_sleeping_receive(void *arg)
{
    struct pair pair = make(2);
    struct reader reader = {.rx = pair.rx};
    rn_task task;
    int result = 0;
    (void)arg;
    RN_MUST(rn_spawn(&task, read_one, &reader));
    WAIT_UNTIL_PARKED(1, events_name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(reader.got, -1);
    send_range(pair.tx, 1, 1);
    expect(pair.rx, 1, 0); /* nothing was taken, and the receiver can be used again */
    drop(&pair);
    return result;
}

TEST(broadcast_receive_is_cancelled_without_taking_a_message)
{
    for (uint32_t workers = 1; workers <= 2; workers++)
        CHECK_RC(rn_run_with(cancel_sleeping_receive, NULL, &(rn_runtime_opts){.workers = workers}), RN_ECANCELED);
}

static int receive_while_cancelled(void *arg)
{
    struct pair *pair = arg;
    uint64_t missed;
    int got = -1;
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_broadcast_recv(pair->rx, &got, &missed), RN_ECANCELED); /* also where it need not wait */
    expect(pair->rx, 1, 0);                                             /* try_recv does not look */
    send_range(pair->tx, 2, 2);                                         /* nor does send */
    expect(pair->rx, 2, 0);
    rn_shield_enter();
    CHECK_RC(rn_broadcast_recv_until(pair->rx, &got, &missed, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_shield_leave();
    return 0;
}

TEST(broadcast_try_recv_and_send_work_in_a_cancelled_task)
{
    struct pair pair = make(2);
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_run_with(receive_while_cancelled, &pair, &(rn_runtime_opts){.workers = 1}), 0);
    drop(&pair);
}

/* -- misuse ----------------------------------------------------------------------------------------------------- */

TEST(broadcast_dropped_end_is_told_apart)
{
    NEEDS_CHECKS;
    struct pair pair = make(2);
    const int message = 1;
    int got;
    rn_broadcast_tx *tx = pair.tx;
    EXPECT_DEATH(SIGABRT, "broadcast receiver expected, this is a broadcast sender")
    {
        rn_ignore(rn_broadcast_recv((rn_broadcast_rx *)(void *)tx, &got, NULL));
    }
    rn_broadcast_tx_drop(pair.tx);
    EXPECT_DEATH(SIGABRT, "broadcast sender \"broadcast under test\" is used after it was dropped")
    {
        rn_broadcast_send(tx, &message);
    }
    EXPECT_DEATH(SIGABRT, "broadcast sender \"broadcast under test\" is used after it was dropped")
    {
        rn_broadcast_tx_drop(tx);
    }
    rn_broadcast_rx_drop(pair.rx);
}
