/* SPDX-License-Identifier: MIT */
/* api_watch.c - the contract of <runnel/watch.h>, sentence by sentence, for values that own nothing; and those about
 * the ends. Owned values: api_watch_owned.c. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <runnel/watch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/watched.h"
#include "base/atomic.h"

/* -- construction ----------------------------------------------------------------------------------------------- */

static void check_refused(const void *initial, const rn_elem *elem, const rn_watch_opts *opts)
{
    rn_watch_tx *tx = (rn_watch_tx *)&tx;
    rn_watch_rx *rx = (rn_watch_rx *)&rx;
    CHECK_RC(rn_watch_channel_with(&tx, &rx, initial, elem, opts), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK(rx == NULL);
}

TEST(watch_constructor_refuses_what_is_out_of_range)
{
    const int initial = 1;
    check_refused(NULL, &int_elem, NULL);
    check_refused(&initial, NULL, NULL);
    check_refused(&initial, &(rn_elem){.size = 0}, NULL);
    check_refused(&initial, &(rn_elem){.size = RN_ELEM_SIZE_MAX + 1}, NULL);
    check_refused(&initial, &(rn_elem){.size = 4, .align = 6}, NULL);
    check_refused(&initial, &(rn_elem){.size = 4, .align = 128}, NULL);
    check_refused(&initial, &(rn_elem){.size = 4, .reserved = {1, 0}}, NULL);
}

TEST(watch_constructor_refuses_options_of_the_future)
{
    const int initial = 1;
    check_refused(&initial, &int_elem, &(rn_watch_opts){.flags = 1});
    check_refused(&initial, &int_elem, &(rn_watch_opts){.reserved0 = 1});
    check_refused(&initial, &int_elem, &(rn_watch_opts){.reserved = {1}});
}

TEST(watch_constructor_wants_a_place_for_the_sender)
{
    const int initial = 1;
    rn_watch_rx *rx = (rn_watch_rx *)&rx;
    CHECK_RC(rn_watch_channel(NULL, &rx, &initial, &int_elem), RN_EINVAL);
    CHECK(rx == NULL);
}

EVERYWHERE(watch_begins_without_a_receiver)
{
    struct pair pair;
    const int initial = 1;
    CHECK_RC(rn_watch_channel(&pair.tx, NULL, &initial, &int_elem), 0);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 0);
    set(pair.tx, 2);
    pair.rx = subscribe(pair.tx);
    CHECK_EQ(peek(pair.rx), 2);
    expect_none(pair.rx, RN_ETIMEDOUT);
    set(pair.tx, 3);
    expect(pair.rx, 3);
    drop(&pair);
    CHECK_RC(rn_watch_channel(&pair.tx, NULL, &initial, &int_elem), 0);
    rn_watch_tx_drop(pair.tx); /* nobody ever looked */
}

TEST(watch_channel_takes_zero_options)
{
    struct pair pair;
    const int initial = 6;
    CHECK_RC(rn_watch_channel_with(&pair.tx, &pair.rx, &initial, &int_elem, &(rn_watch_opts){0}), 0);
    CHECK_EQ(peek(pair.rx), 6);
    drop(&pair);
}

EVERYWHERE(watch_initial_value_is_there_and_counts_as_seen)
{
    struct pair pair = make(7);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    expect_none(pair.rx, RN_ETIMEDOUT);
    CHECK_EQ(peek(pair.rx), 7);
    CHECK_EQ(get(pair.rx), 7);
    drop(&pair);
}

/* -- values and versions ---------------------------------------------------------------------------------------- */

EVERYWHERE(watch_receiver_gets_each_newest_value_once)
{
    struct pair pair = make(0);
    set(pair.tx, 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* asking marks nothing */
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_ETIMEDOUT);
    set(pair.tx, 2);
    set(pair.tx, 3);
    set(pair.tx, 4); /* those between are skipped, the last one is not */
    expect(pair.rx, 4);
    expect_none(pair.rx, RN_ETIMEDOUT);
    drop(&pair);
}

EVERYWHERE(watch_setting_the_same_value_is_a_change)
{
    struct pair pair = make(5);
    set(pair.tx, 5);
    expect(pair.rx, 5);
    drop(&pair);
}

EVERYWHERE(watch_each_receiver_has_seen_what_it_has_seen)
{
    struct pair pair = make(0);
    rn_watch_rx *other = subscribe(pair.tx);
    set(pair.tx, 1);
    expect(pair.rx, 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    CHECK_EQ(rn_watch_has_changed(other), 1);
    expect(other, 1);
    rn_watch_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(watch_get_marks_as_seen_and_peek_does_not)
{
    struct pair pair = make(0);
    set(pair.tx, 1);
    CHECK_EQ(peek(pair.rx), 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    CHECK_EQ(get(pair.rx), 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    expect_none(pair.rx, RN_ETIMEDOUT);
    drop(&pair);
}

EVERYWHERE(watch_changed_marks_as_seen_and_copies_nothing)
{
    struct pair pair = make(0);
    set(pair.tx, 1);
    CHECK_RC(rn_watch_changed(pair.rx), 0);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    CHECK_RC(rn_watch_changed_until(pair.rx, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(get(pair.rx), 1);
    drop(&pair);
}

EVERYWHERE(watch_subscriber_has_seen_what_is_current)
{
    struct pair pair = make(0);
    set(pair.tx, 1);
    rn_watch_rx *other = subscribe(pair.tx);
    CHECK_EQ(rn_watch_has_changed(other), 0);
    CHECK_EQ(peek(other), 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* of its own */
    set(pair.tx, 2);
    expect(other, 2);
    rn_watch_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(watch_set_stores_without_receivers)
{
    struct pair pair = make(0);
    rn_watch_rx_drop(pair.rx);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 0);
    set(pair.tx, 1);
    set(pair.tx, 2);
    pair.rx = subscribe(pair.tx);
    CHECK_EQ(peek(pair.rx), 2);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    set(pair.tx, 3);
    expect(pair.rx, 3);
    drop(&pair);
}

EVERYWHERE(watch_closes_with_the_last_of_all_senders)
{
    struct pair pair = make(0);
    rn_watch_tx *second;
    CHECK_RC(rn_watch_tx_clone(&second, pair.tx), 0);
    rn_watch_tx_drop(pair.tx);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    set(second, 1);
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_ETIMEDOUT);
    rn_watch_tx_drop(second);
    expect_none(pair.rx, RN_CLOSED);
    rn_watch_rx_drop(pair.rx);
}

EVERYWHERE(watch_last_value_is_not_missed_after_the_close)
{
    struct pair pair = make(0);
    rn_watch_rx *other = subscribe(pair.tx);
    set(pair.tx, 1);
    rn_watch_tx_drop(pair.tx);
    CHECK_RC(rn_watch_has_changed(pair.rx), RN_CLOSED); /* though it is unseen */
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_CLOSED);
    CHECK_RC(rn_watch_has_changed(pair.rx), RN_CLOSED);
    CHECK_RC(rn_watch_changed(other), 0);
    CHECK_RC(rn_watch_changed(other), RN_CLOSED);
    CHECK_EQ(get(pair.rx), 1);
    CHECK_EQ(peek(other), 1); /* always */
    rn_watch_rx_drop(other);
    rn_watch_rx_drop(pair.rx);
}

EVERYWHERE(watch_null_is_answered)
{
    struct pair pair = make(0);
    rn_watch_tx *tx = pair.tx;
    rn_watch_rx *rx = pair.rx;
    const void *borrowed = &rx;
    int value = 1;
    CHECK_RC(rn_watch_set(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_set(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_recv(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_recv(pair.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_recv_until(NULL, &value, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_watch_changed(NULL), RN_EINVAL);
    CHECK_RC(rn_watch_changed_until(NULL, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_watch_get(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_get(pair.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_peek(NULL, &value), RN_EINVAL);
    CHECK_RC(rn_watch_peek(pair.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_borrow(NULL, &borrowed), RN_EINVAL);
    CHECK(borrowed == NULL);
    CHECK_RC(rn_watch_borrow(pair.rx, NULL), RN_EINVAL);
    rn_watch_release(NULL);
    CHECK_RC(rn_watch_has_changed(NULL), RN_EINVAL);
    CHECK_RC(rn_watch_subscribe(NULL, pair.tx), RN_EINVAL);
    CHECK_RC(rn_watch_subscribe(&rx, NULL), RN_EINVAL);
    CHECK(rx == NULL);
    CHECK_RC(rn_watch_tx_clone(NULL, pair.tx), RN_EINVAL);
    CHECK_RC(rn_watch_tx_clone(&tx, NULL), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK_EQ(rn_watch_tx_receivers(NULL), 0);
    rn_watch_tx_drop(NULL);
    rn_watch_rx_drop(NULL);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 1);
    drop(&pair);
}

EVERYWHERE(watch_counts_its_receivers)
{
    struct pair pair = make(0);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 1);
    rn_watch_rx *other = subscribe(pair.tx);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 2);
    rn_watch_rx_drop(other);
    rn_watch_rx_drop(pair.rx);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 0);
    rn_watch_tx_drop(pair.tx);
}

/* -- borrowing -------------------------------------------------------------------------------------------------- */

EVERYWHERE(watch_borrowed_value_does_not_change)
{
    struct pair pair = make(1);
    const void *borrowed = NULL;
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    for (int i = 2; i < 100; i++)
        set(pair.tx, i);
    CHECK_EQ(*(const int *)borrowed, 1);
    CHECK_EQ(peek(pair.rx), 99); /* beside the borrow */
    rn_watch_release(pair.rx);
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    CHECK_EQ(*(const int *)borrowed, 99);
    rn_watch_release(pair.rx);
    drop(&pair);
}

EVERYWHERE(watch_borrow_marks_as_seen)
{
    struct pair pair = make(1);
    const void *borrowed;
    set(pair.tx, 2);
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    set(pair.tx, 3);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    rn_watch_release(pair.rx);
    expect(pair.rx, 3);
    drop(&pair);
}

EVERYWHERE(watch_receiver_holds_one_borrow_at_a_time)
{
    struct pair pair = make(1);
    rn_watch_rx *other = subscribe(pair.tx);
    const void *first, *second, *third;
    CHECK_RC(rn_watch_borrow(pair.rx, &first), 0);
    set(pair.tx, 2);
    CHECK_RC(rn_watch_borrow(pair.rx, &second), RN_EBUSY);
    CHECK(second == NULL);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* the call had no effect */
    CHECK_RC(rn_watch_borrow(other, &third), 0);
    CHECK_EQ(*(const int *)first, 1);
    CHECK_EQ(*(const int *)third, 2);
    rn_watch_release(other);
    rn_watch_release(pair.rx);
    rn_watch_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(watch_release_without_a_borrow_is_ignored)
{
    struct pair pair = make(1);
    const void *borrowed;
    rn_watch_release(pair.rx);
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    rn_watch_release(pair.rx);
    rn_watch_release(pair.rx);
    CHECK_EQ(peek(pair.rx), 1);
    drop(&pair);
}

EVERYWHERE(watch_borrow_works_after_the_close_and_ends_with_the_receiver)
{
    struct pair pair = make(1);
    const void *borrowed;
    set(pair.tx, 2);
    rn_watch_tx_drop(pair.tx);
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    CHECK_EQ(*(const int *)borrowed, 2);
    rn_watch_rx_drop(pair.rx);
}

TEST(watch_set_never_allocates_whatever_is_borrowed)
{
    enum { RECEIVERS = 5 };
    struct pair pair = make(0);
    rn_watch_rx *rx[RECEIVERS];
    const void *borrowed[RECEIVERS];
    for (int i = 0; i < RECEIVERS; i++)
        rx[i] = subscribe(pair.tx);
    const uint64_t before = test_memory().calls;
    for (int i = 0; i < RECEIVERS; i++) {
        set(pair.tx, i + 1);
        CHECK_RC(rn_watch_borrow(rx[i], &borrowed[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        set(pair.tx, 1000 + i);
    CHECK_EQ(test_memory().calls, before);
    for (int i = 0; i < RECEIVERS; i++) {
        CHECK_EQ(*(const int *)borrowed[i], i + 1);
        rn_watch_rx_drop(rx[i]);
    }
    drop(&pair);
}

TEST(watch_subscribing_again_and_again_takes_no_more_room)
{
    struct pair pair = make(0);
    uint64_t before = 0;
    for (int round = 0; round < 50; round++) {
        rn_watch_tx *tx;
        rn_watch_rx *rx = subscribe(pair.tx);
        REQUIRE(rn_watch_tx_clone(&tx, pair.tx) == 0);
        rn_watch_rx_drop(rx);
        rn_watch_tx_drop(tx);
        if (round == 0)
            before = test_memory().live_bytes;
    }
    CHECK_EQ(test_memory().live_bytes, before);
    drop(&pair);
}

static void check_size(size_t size, size_t align)
{
    struct pair pair;
    const void *borrowed;
    unsigned char *value = malloc(size), *got = malloc(size);
    REQUIRE(value != NULL && got != NULL);
    memset(value, 'a', size);
    REQUIRE(rn_watch_channel(&pair.tx, &pair.rx, value, &(rn_elem){.size = size, .align = align}) == 0);
    for (int i = 1; i < 4; i++) {
        CHECK_RC(rn_watch_get(pair.rx, got), 0);
        CHECK_MEM_EQ(value, got, size);
        CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
        CHECK_EQ((uintptr_t)borrowed % (align != 0 ? align : _Alignof(max_align_t)), 0);
        CHECK_MEM_EQ(value, borrowed, size);
        rn_watch_release(pair.rx);
        memset(value, 'a' + i, size);
        CHECK_RC(rn_watch_set(pair.tx, value), 0);
    }
    CHECK_RC(rn_watch_recv(pair.rx, got), 0);
    CHECK_MEM_EQ(value, got, size);
    drop(&pair);
    free(got);
    free(value);
}

TEST(watch_takes_values_of_any_size)
{
    const size_t sizes[] = {1, 2, 3, 4, 5, 8, 16, 17, 64, 100, 4096, 65535, 65536};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        for (size_t align = 1; align <= 64; align *= 2)
            check_size(sizes[i], align);
        check_size(sizes[i], 0);
    }
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

struct reader {
    rn_watch_rx *rx;
    rn_deadline deadline;
    bool copies;
    int got;
};

static int read_one(void *arg)
{
    struct reader *reader = arg;
    reader->got = -1;
    if (reader->copies)
        return rn_watch_recv_until(reader->rx, &reader->got, reader->deadline);
    return rn_watch_changed_until(reader->rx, reader->deadline);
}

enum { READERS = 4 };

static void readers_start(const struct pair *pair, struct reader *readers, struct actor **actors)
{
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.rx = i == 0 ? pair->rx : subscribe(pair->tx), .copies = i % 2 == 0};
        actors[i] = actor_start(read_one, &readers[i]);
    }
    WAIT_UNTIL_PARKED(READERS, name);
}

static void readers_end(struct reader *readers)
{
    for (unsigned i = 1; i < READERS; i++)
        rn_watch_rx_drop(readers[i].rx);
}

EVERYWHERE(watch_set_reaches_all_who_sleep)
{
    struct pair pair = make(0);
    struct reader readers[READERS];
    struct actor *actors[READERS];
    readers_start(&pair, readers, actors);
    set(pair.tx, 1);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_RC(actor_join(actors[i]), 0);
        CHECK_EQ(readers[i].got, readers[i].copies ? 1 : -1);
        CHECK_EQ(rn_watch_has_changed(readers[i].rx), 0);
    }
    readers_end(readers);
    drop(&pair);
}

EVERYWHERE(watch_close_reaches_all_who_sleep)
{
    struct pair pair = make(0);
    struct reader readers[READERS];
    struct actor *actors[READERS];
    rn_watch_tx *second;
    readers_start(&pair, readers, actors);
    CHECK_RC(rn_watch_tx_clone(&second, pair.tx), 0);
    rn_watch_tx_drop(pair.tx);
    CHECK_EQ(parked_on(name), READERS); /* it was not the last */
    rn_watch_tx_drop(second);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_RC(actor_join(actors[i]), RN_CLOSED);
        CHECK_EQ(readers[i].got, -1);
        expect_none(readers[i].rx, RN_CLOSED);
    }
    readers_end(readers);
    rn_watch_rx_drop(pair.rx);
}

EVERYWHERE(watch_wait_that_timed_out_has_marked_nothing)
{
    struct pair pair = make(0);
    for (int copies = 0; copies < 2; copies++) {
        struct reader reader = {.rx = pair.rx, .copies = copies, .deadline = rn_in_ms(3)};
        CHECK_RC(actor_join(actor_start(read_one, &reader)), RN_ETIMEDOUT);
        CHECK_EQ(reader.got, -1);
        set(pair.tx, copies + 1);
        expect(pair.rx, copies + 1);
    }
    drop(&pair);
}

EVERYWHERE(watch_wait_ends_no_sooner_than_its_deadline)
{
    struct pair pair = make(0);
    const int64_t before = rn_now_ns();
    CHECK_RC(rn_watch_changed_until(pair.rx, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - before >= 5 * 1000 * 1000);
    drop(&pair);
}

EVERYWHERE(watch_second_waiter_on_one_receiver_is_told_busy)
{
    struct pair pair = make(0);
    struct reader reader = {.rx = pair.rx, .copies = true};
    struct actor *actor = actor_start(read_one, &reader);
    int got = -1;
    WAIT_UNTIL_PARKED(1, name);
    CHECK_RC(rn_watch_recv(pair.rx, &got), RN_EBUSY);
    CHECK_RC(rn_watch_changed(pair.rx), RN_EBUSY);
    CHECK_RC(rn_watch_changed_until(pair.rx, rn_in_ms(1)), RN_EBUSY);
    CHECK_EQ(got, -1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0); /* a question is no waiter */
    set(pair.tx, 4);
    CHECK_RC(actor_join(actor), 0); /* the first one was not disturbed */
    CHECK_EQ(reader.got, 4);
    set(pair.tx, 5);
    expect(pair.rx, 5);
    drop(&pair);
}

EVERYWHERE(watch_may_not_be_waited_for_in_a_callback)
{
    struct pair pair = make(0);
    int got = -1;
    rn__callback_enter();
    CHECK_RC(rn_watch_recv(pair.rx, &got), RN_EDEADLK);
    CHECK_RC(rn_watch_changed(pair.rx), RN_EDEADLK);
    set(pair.tx, 1);
    CHECK_EQ(get(pair.rx), 1);
    rn__callback_leave();
    set(pair.tx, 2);
    expect(pair.rx, 2);
    drop(&pair);
}

/* Values that must be whole: all words alike. Small and large, plain. */
struct block {
    uint64_t words[32];
};

static const rn_elem block_elem = {.size = sizeof(struct block), .align = _Alignof(struct block), .name = "block"};

static struct block block_of(uint64_t word)
{
    struct block block;
    for (size_t i = 0; i < RN_COUNT(block.words); i++)
        block.words[i] = word;
    return block;
}

static void check_whole(const struct block *block)
{
    for (size_t i = 1; i < RN_COUNT(block->words); i++) {
        if (block->words[i] != block->words[0])
            FAIL("torn: %llu, %llu", (unsigned long long)block->words[0], (unsigned long long)block->words[i]);
    }
}

enum { SETS = 3000 };

static int set_all(void *arg)
{
    rn_watch_tx *tx = arg;
    for (uint64_t i = 1; i <= SETS; i++) {
        const struct block block = block_of(i);
        CHECK_RC(rn_watch_set(tx, &block), 0);
    }
    rn_watch_tx_drop(tx);
    return 0;
}

static int follow(void *arg)
{
    rn_watch_rx *rx = arg;
    struct block block = block_of(0);
    uint64_t last = 0;
    while (rn_watch_recv(rx, &block) == 0) {
        check_whole(&block);
        CHECK(block.words[0] > last); /* each newest value once */
        last = block.words[0];
    }
    CHECK_EQ(last, SETS); /* the last one is never missed */
    return 0;
}

static int follow_by_borrowing(void *arg)
{
    rn_watch_rx *rx = arg;
    uint64_t last = 0;
    while (rn_watch_changed(rx) == 0) {
        const void *borrowed;
        REQUIRE(rn_watch_borrow(rx, &borrowed) == 0);
        const struct block before = *(const struct block *)borrowed;
        check_whole(&before);
        rn_yield();
        CHECK_MEM_EQ(&before, borrowed, sizeof before);
        CHECK(before.words[0] >= last);
        last = before.words[0];
        rn_watch_release(rx);
    }
    CHECK_EQ(last, SETS);
    return 0;
}

EVERYWHERE(watch_readers_see_whole_values_and_the_last_one)
{
    struct pair pair;
    struct actor *actors[4];
    rn_watch_rx *rx[4];
    const struct block initial = block_of(0);
    REQUIRE(rn_watch_channel(&pair.tx, &rx[0], &initial, &block_elem) == 0);
    for (int i = 1; i < 4; i++)
        rx[i] = subscribe(pair.tx);
    for (int i = 0; i < 4; i++)
        actors[i] = actor_start(i % 2 == 0 ? follow : follow_by_borrowing, rx[i]);
    actor_join(actor_start(set_all, pair.tx));
    for (int i = 0; i < 4; i++) {
        actor_join(actors[i]);
        rn_watch_rx_drop(rx[i]);
    }
}

struct holder {
    rn_watch_rx *rx;
    rn_watch_rx *gate; /* of another channel: when to release */
    uint32_t holds;
};

static int hold_asleep(void *arg)
{
    struct holder *holder = arg;
    const void *borrowed;
    CHECK_RC(rn_watch_borrow(holder->rx, &borrowed), 0);
    rn__store_release(&holder->holds, 1); /* read by the body */
    CHECK_RC(rn_watch_changed(holder->gate), 0);
    CHECK_EQ(*(const int *)borrowed, 1);
    rn_watch_release(holder->rx);
    return 0;
}

EVERYWHERE(watch_borrow_held_by_a_sleeper_holds_nobody_up)
{
    struct pair pair = make(1), gate = make(0);
    rn_watch_rx *other = subscribe(pair.tx);
    struct holder holder = {.rx = pair.rx, .gate = gate.rx};
    struct actor *actor = actor_start(hold_asleep, &holder);
    WAIT_UNTIL(rn__load_acquire(&holder.holds)); /* of hold_asleep */
    for (int i = 2; i <= 100 * 1000; i++)
        REQUIRE(rn_watch_set(pair.tx, &i) == 0);
    expect(other, 100 * 1000);
    set(gate.tx, 1);
    CHECK_RC(actor_join(actor), 0);
    rn_watch_rx_drop(other);
    drop(&gate);
    drop(&pair);
}

struct setter {
    rn_watch_tx *tx;
    int first;
};

static int set_some(void *arg)
{
    const struct setter *setter = arg;
    for (int i = 0; i < 1000; i++)
        set(setter->tx, setter->first + i);
    rn_watch_tx_drop(setter->tx);
    return 0;
}

EVERYWHERE(watch_takes_several_senders)
{
    struct pair pair = make(0);
    struct setter setters[3];
    struct actor *actors[3];
    int last[3] = {0}, got = 0;
    for (int i = 0; i < 3; i++) {
        setters[i].first = (i + 1) * 10000;
        REQUIRE(rn_watch_tx_clone(&setters[i].tx, pair.tx) == 0);
        actors[i] = actor_start(set_some, &setters[i]);
    }
    rn_watch_tx_drop(pair.tx);
    while (rn_watch_recv(pair.rx, &got) == 0) {
        const int sender = got / 10000 - 1;
        REQUIRE(sender >= 0 && sender < 3);
        CHECK(got > last[sender]); /* no value of a sender comes after a later one of its own */
        last[sender] = got;
    }
    CHECK_EQ(got % 10000, 999); /* the last one of some sender */
    for (int i = 0; i < 3; i++)
        actor_join(actors[i]);
    rn_watch_rx_drop(pair.rx);
}

/* -- cancellation ----------------------------------------------------------------------------------------------- */

static int cancel_sleeping_wait(void *arg)
{
    struct pair pair = make(0);
    struct reader reader = {.rx = pair.rx, .copies = arg != NULL};
    rn_task task;
    int result = 0;
    RN_MUST(rn_spawn(&task, read_one, &reader));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(reader.got, -1);
    set(pair.tx, 1);
    expect(pair.rx, 1); /* nothing was marked, and the receiver can be used again */
    drop(&pair);
    return result;
}

TEST(watch_wait_is_cancelled_without_marking_anything)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        const rn_runtime_opts opts = {.workers = workers};
        CHECK_RC(rn_run_with(cancel_sleeping_wait, NULL, &opts), RN_ECANCELED);
        CHECK_RC(rn_run_with(cancel_sleeping_wait, &workers, &opts), RN_ECANCELED);
    }
}

static int wait_while_cancelled(void *arg)
{
    struct pair *pair = arg;
    int got = -1;
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_watch_recv(pair->rx, &got), RN_ECANCELED); /* also where it need not wait */
    CHECK_RC(rn_watch_changed(pair->rx), RN_ECANCELED);
    CHECK_EQ(rn_watch_has_changed(pair->rx), 1);
    CHECK_EQ(get(pair->rx), 1); /* calls that never wait do not look */
    set(pair->tx, 2);
    return 0;
}

TEST(watch_calls_that_never_wait_work_in_a_cancelled_task)
{
    struct pair pair = make(0);
    set(pair.tx, 1);
    CHECK_RC(rn_run_with(wait_while_cancelled, &pair, &(rn_runtime_opts){.workers = 1}), 0);
    expect(pair.rx, 2);
    drop(&pair);
}

/* -- misuse ----------------------------------------------------------------------------------------------------- */

TEST(watch_dropped_end_is_told_apart)
{
    NEEDS_CHECKS;
    struct pair pair = make(0);
    const int value = 1;
    EXPECT_DEATH(SIGABRT, "watch receiver expected, this is a watch sender")
    {
        rn_ignore(rn_watch_changed((rn_watch_rx *)(void *)pair.tx));
    }
    rn_watch_rx_drop(pair.rx);
    EXPECT_DEATH(SIGABRT, "watch receiver \"watch under test\" is used after it was dropped")
    {
        rn_ignore(rn_watch_changed(pair.rx));
    }
    rn_watch_tx *clone;
    REQUIRE(rn_watch_tx_clone(&clone, pair.tx) == 0);
    rn_watch_tx_drop(pair.tx);
    EXPECT_DEATH(SIGABRT, "watch sender \"watch under test\" is used after it was dropped")
    {
        rn_ignore(rn_watch_set(pair.tx, &value));
    }
    rn_watch_tx_drop(clone);
}
