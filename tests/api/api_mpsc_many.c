/* SPDX-License-Identifier: MIT */
/* mpsc: sending and receiving several messages with one call; what exactly has gone when such a call ends early. */
#include "api/mpsc_ints.h"

#include <stdlib.h>

enum { CAUSE = 42, MANY = 1000 };

static int numbers[MANY];

static int *numbers_from(int first)
{
    for (int i = 0; i < MANY; i++)
        numbers[i] = first + i;
    return numbers;
}

static void check_numbers(const int *found, size_t count, int first)
{
    for (size_t i = 0; i < count; i++)
        CHECK_EQ(found[i], first + (int)i);
}

/* -- sending ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_send_many_goes_on_as_room_appears)
{
    static const size_t capacities[] = {1, 3, 64, 100, MANY, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct call sender = {.channel = channel, .messages = numbers_from(0), .count = MANY};
        sender.actor = actor_start(call_send_many, &sender);
        for (int expected = 0; expected < MANY; expected++)
            CHECK_EQ(recv_int(channel.rx), expected);
        CHECK_RC(actor_join(sender.actor), 0);
        CHECK_EQ(sender.moved, MANY);
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        drop_both(channel);
    }
}

TEST(mpsc_try_send_many_sends_what_fits)
{
    static const size_t capacities[] = {1, 2, 63, 64, 65, 128, 200, MANY - 1, MANY, MANY + 1};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        const size_t fits = capacities[i] < MANY ? capacities[i] : MANY;
        struct channel channel = channel_of_ints(capacities[i]);
        size_t sent = 77;
        CHECK_RC(rn_mpsc_try_send_many(channel.tx, numbers_from(0), MANY, &sent), fits < MANY ? RN_FULL : 0);
        CHECK_EQ(sent, fits);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), fits);
        for (size_t expected = 0; expected < fits; expected++)
            CHECK_EQ(recv_int(channel.rx), expected);
        rn_mpsc_rx_close(channel.rx);
        CHECK_RC(rn_mpsc_try_send_many(channel.tx, numbers, MANY, &sent), RN_CLOSED);
        CHECK_EQ(sent, 0);
        drop_both(channel);
    }
}

TEST(mpsc_send_many_of_nothing_only_asks)
{
    static const size_t capacities[] = {1, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        size_t sent = 77;
        CHECK_RC(send_int(channel.tx, 1), 0);
        CHECK_RC(rn_mpsc_send_many(channel.tx, NULL, 0, &sent), 0); /* full or not */
        CHECK_EQ(sent, 0);
        CHECK_RC(rn_mpsc_try_send_many(channel.tx, NULL, 0, &sent), 0);
        rn_mpsc_rx_close(channel.rx);
        CHECK_RC(rn_mpsc_send_many(channel.tx, NULL, 0, &sent), RN_CLOSED);
        CHECK_RC(rn_mpsc_try_send_many(channel.tx, NULL, 0, &sent), RN_CLOSED);
        CHECK_RC(rn_mpsc_send_many_until(channel.tx, NULL, 0, &sent, rn_in_ms(1)), RN_CLOSED);
        drop_both(channel);
    }
}

TEST(mpsc_calls_of_many_refuse_null)
{
    struct channel channel = channel_of_ints(1);
    int message = 5;
    size_t count = 77;
    CHECK_RC(rn_mpsc_send_many(NULL, &message, 1, &count), RN_EINVAL);
    CHECK_EQ(count, 0);
    CHECK_RC(rn_mpsc_send_many(channel.tx, NULL, 1, &count), RN_EINVAL);
    CHECK_RC(rn_mpsc_send_many(channel.tx, &message, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_send_many(channel.tx, &message, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_send_many(NULL, &message, 1, &count), RN_EINVAL);
    CHECK_RC(rn_mpsc_send_many_until(NULL, &message, 1, &count, rn_in_ms(1)), RN_EINVAL);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
    count = 77;
    CHECK_RC(rn_mpsc_recv_many(NULL, &message, 1, &count), RN_EINVAL);
    CHECK_EQ(count, 0);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, NULL, 1, &count), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, &message, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_recv_many(NULL, &message, 1, &count), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv_many_until(NULL, &message, 1, &count, rn_in_ms(1)), RN_EINVAL);
    drop_both(channel);
}

EVERYWHERE(mpsc_send_many_counts_what_went_in_time)
{
    struct channel channel = channel_of_ints(2);
    size_t sent = 77;
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_send_many_until(channel.tx, numbers_from(0), 5, &sent, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(sent, 2);
    CHECK_RC(rn_mpsc_send_many_until(channel.tx, numbers, 5, &sent, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(sent, 0);
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_RC(rn_mpsc_send_many_until(channel.tx, numbers + 2, 5, &sent, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(sent, 1);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    drop_both(channel);
}

EVERYWHERE(mpsc_send_many_counts_what_went_before_the_close)
{
    struct ledger ledger = {0};
    const rn_elem elem = owned_by(&ledger);
    struct channel channel = channel_of(2, &elem);
    struct call sender = {.channel = channel, .messages = numbers_from(0), .count = 5};
    park(&sender, call_send_many, "mpsc send_many");
    CHECK_EQ(recv_int(channel.rx), 0);
    CHECK_EQ(parked_in("mpsc send_many"), 1); /* taken one by one, while it sleeps */
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(actor_join(sender.actor), RN_CLOSED);
    CHECK_EQ(sender.moved, 3);
    CHECK_EQ(recv_int(channel.rx), 1);
    rn_mpsc_rx_drop(channel.rx);
    CHECK_EQ(ledger.drops[2], 1);
    CHECK_EQ(ledger.count, 1); /* the last two stayed with the sender */
    rn_mpsc_tx_drop(channel.tx);
}

static struct call cancelled;

static int send_many_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(call_send_many(&cancelled), RN_ECANCELED);
    CHECK_EQ(cancelled.moved, 3);
    CHECK_RC(call_send_many(&cancelled), RN_ECANCELED);
    CHECK_EQ(cancelled.moved, 0);
    return 0;
}

ROOT(mpsc_send_many_counts_what_went_before_the_cancel)
{
    struct channel channel = channel_of_ints(2);
    struct call behind = {.channel = channel, .message = 50};
    rn_task task;
    cancelled = (struct call){.channel = channel, .messages = numbers_from(0), .count = 5};
    REQUIRE(rn_spawn(&task, send_many_in_vain, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc send_many") == 1);
    park(&behind, call_send, "mpsc send");
    CHECK_EQ(recv_int(channel.rx), 0);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(behind.actor), 0);
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_EQ(recv_int(channel.rx), 50);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    drop_both(channel);
}

EVERYWHERE(mpsc_send_many_keeps_its_place_in_the_line)
{
    struct channel channel = channel_of_ints(1);
    struct call first = {.channel = channel, .messages = numbers_from(0), .count = 4};
    struct call second = {.channel = channel, .message = 50};
    park(&first, call_send_many, "mpsc send_many");
    park(&second, call_send, "mpsc send");
    for (int expected = 0; expected < 4; expected++) {
        CHECK_RC(try_send_int(channel.tx, 99), RN_FULL);
        CHECK_EQ(recv_int(channel.rx), expected);
    }
    CHECK_EQ(recv_int(channel.rx), 50);
    CHECK_RC(actor_join(first.actor), 0);
    CHECK_RC(actor_join(second.actor), 0);
    CHECK_EQ(first.moved, 4);
    drop_both(channel);
}

EVERYWHERE(mpsc_send_many_into_waiting_hands_and_the_store)
{
    struct channel channel = channel_of_ints(2);
    struct call receiver = {.channel = channel, .message = -1};
    size_t sent = 0;
    park(&receiver, call_recv, "mpsc recv");
    CHECK_RC(rn_mpsc_try_send_many(channel.tx, numbers_from(0), 4, &sent), RN_FULL);
    CHECK_EQ(sent, 3); /* one by hand, two places */
    CHECK_RC(actor_join(receiver.actor), 0);
    CHECK_EQ(receiver.message, 0);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

/* -- receiving --------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_recv_many_takes_what_is_there)
{
    static const size_t capacities[] = {MANY, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        int out[MANY];
        size_t count = 77;
        CHECK_RC(rn_mpsc_send_many(channel.tx, numbers_from(0), MANY, &count), 0);
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 1, &count), 0);
        CHECK_EQ(count, 1);
        CHECK_EQ(out[0], 0);
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 99, &count), 0); /* the limit, no less */
        CHECK_EQ(count, 99);
        check_numbers(out, count, 1);
        CHECK_RC(rn_mpsc_try_recv_many(channel.rx, out, MANY, &count), 0);
        CHECK_EQ(count, MANY - 100); /* and all there is */
        check_numbers(out, count, 100);
        out[0] = -5;
        CHECK_RC(rn_mpsc_try_recv_many(channel.rx, out, MANY, &count), RN_EMPTY);
        CHECK_EQ(count, 0);
        CHECK_EQ(out[0], -5);
        drop_both(channel);
    }
}

EVERYWHERE(mpsc_recv_many_waits_for_the_first)
{
    static const size_t capacities[] = {4, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        int out[8] = {-1, -1};
        struct call receiver = {.channel = channel, .messages = out, .count = 8};
        park(&receiver, call_recv_many, "mpsc recv_many");
        CHECK_RC(send_int(channel.tx, 3), 0);
        CHECK_RC(actor_join(receiver.actor), 0);
        CHECK_EQ(receiver.moved, 1);
        CHECK_EQ(out[0], 3);
        CHECK_EQ(out[1], -1);
        park(&receiver, call_recv_many, "mpsc recv_many");
        rn_mpsc_tx_drop(channel.tx);
        CHECK_RC(actor_join(receiver.actor), RN_CLOSED);
        CHECK_EQ(receiver.moved, 0);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_recv_many_needs_a_limit)
{
    struct channel channel = channel_of_ints(2);
    int out = -5;
    size_t count = 77;
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, &out, 0, &count), RN_EINVAL);
    CHECK_EQ(count, 0);
    CHECK_RC(rn_mpsc_try_recv_many(channel.rx, &out, 0, &count), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv_many_until(channel.rx, &out, 0, &count, rn_in_ms(1)), RN_EINVAL);
    CHECK_EQ(out, -5);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
    drop_both(channel);
}

EVERYWHERE(mpsc_recv_many_serves_senders_that_wait)
{
    struct channel channel = channel_of_ints(2);
    int out[4 + 3];
    size_t received = 0;
    struct call sender = {.channel = channel, .messages = numbers_from(0), .count = 4};
    sender.actor = actor_start(call_send_many, &sender);
    while (received < 4) {
        size_t count = 77;
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out + received, 3, &count), 0);
        CHECK(count >= 1 && count <= 3);
        received += count;
    }
    CHECK_EQ(received, 4);
    check_numbers(out, 4, 0);
    CHECK_RC(actor_join(sender.actor), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 3, &received), RN_CLOSED);
    CHECK_EQ(received, 0);
    rn_mpsc_rx_drop(channel.rx);
}

EVERYWHERE(mpsc_recv_many_of_a_closed_channel_writes_nothing)
{
    static const size_t capacities[] = {1, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        int out[2] = {-5, -6};
        size_t count = 77;
        CHECK_RC(send_int(channel.tx, 1), 0);
        rn_mpsc_rx_close(channel.rx);
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 2, &count), 0);
        CHECK_EQ(count, 1);
        CHECK_RC(rn_mpsc_recv_many(channel.rx, out, 1, &count), RN_CLOSED);
        CHECK_RC(rn_mpsc_recv_many_until(channel.rx, out, 1, &count, rn_in_ms(1)), RN_CLOSED);
        CHECK_RC(rn_mpsc_try_recv_many(channel.rx, out, 1, &count), RN_CLOSED);
        CHECK_EQ(count, 0);
        CHECK_EQ(out[0], 1);
        CHECK_EQ(out[1], -6);
        drop_both(channel);
    }
}

EVERYWHERE(mpsc_recv_many_ends_at_its_deadline)
{
    struct channel channel = channel_of_ints(1);
    int out = -5;
    size_t count = 77;
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_recv_many_until(channel.rx, &out, 1, &count, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(count, 0);
    CHECK_EQ(out, -5);
    drop_both(channel);
}

static int recv_many_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(call_recv_many(&cancelled), RN_ECANCELED);
    CHECK_EQ(cancelled.moved, 0);
    return 0;
}

ROOT(mpsc_recv_many_that_is_cancelled_takes_nothing)
{
    int out[2] = {-5};
    rn_task task;
    cancelled = (struct call){.channel = channel_of_ints(2), .messages = out, .count = 2};
    REQUIRE(rn_spawn(&task, recv_many_in_vain, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc recv_many") == 1);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), 0);
    CHECK_RC(send_int(cancelled.channel.tx, 4), 0);
    CHECK_EQ(out[0], -5);
    CHECK_EQ(recv_int(cancelled.channel.rx), 4);
    drop_both(cancelled.channel);
}

/* -- arrays of messages of every size ---------------------------------------------------------------------------- */

static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 251);
}

static void pass_array(size_t capacity, const rn_elem *elem, size_t count)
{
    struct channel channel = channel_of(capacity, elem);
    unsigned char *in = malloc(count * elem->size);
    unsigned char *out = calloc(count, elem->size);
    size_t moved = 0;
    REQUIRE(in != NULL && out != NULL);
    fill(in, count * elem->size);
    CHECK_RC(rn_mpsc_send_many(channel.tx, in, count, &moved), 0);
    CHECK_EQ(moved, count);
    CHECK_RC(rn_mpsc_recv_many(channel.rx, out, count, &moved), 0);
    CHECK_EQ(moved, count);
    CHECK_MEM_EQ(out, in, count * elem->size);
    free(in);
    free(out);
    drop_both(channel);
}

TEST(mpsc_moves_arrays_of_every_size_and_alignment)
{
    enum { COUNT = 70 };
    static const size_t sizes[] = {1, 2, 3, 5, 8, 12, 17, 64, 100, 4096, 16384, RN_ELEM_SIZE_MAX};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        for (size_t align = 0; align <= RN_ELEM_ALIGN_MAX; align = align == 0 ? 1 : 2 * align) {
            const rn_elem elem = {.size = sizes[i], .align = align};
            pass_array(COUNT, &elem, COUNT);
            pass_array(RN_UNBOUNDED, &elem, COUNT);
        }
    }
}

/* -- memory ------------------------------------------------------------------------------------------------------ */

TEST(mpsc_burst_sent_and_taken_by_the_array_leaves_one_block)
{
    enum { BURST = 100000, SIZE = 256, AT_ONCE = 500 };
    static unsigned char messages[AT_ONCE][SIZE];
    struct channel channel = channel_of(RN_UNBOUNDED, RN_ELEM(unsigned char[SIZE]));
    size_t moved = 0;
    CHECK_RC(rn_mpsc_send_many(channel.tx, messages, 1, &moved), 0);
    const struct test_memory one_block = test_memory();
    for (int i = 0; i < BURST / AT_ONCE; i++)
        CHECK_RC(rn_mpsc_send_many(channel.tx, messages, AT_ONCE, &moved), 0);
    CHECK(test_memory().live_bytes > (uint64_t)BURST * SIZE);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), BURST + 1);
    while (rn_mpsc_try_recv_many(channel.rx, messages, AT_ONCE - 1, &moved) == 0)
        ;
    CHECK_EQ(test_memory().live, one_block.live);
    CHECK_EQ(test_memory().live_bytes, one_block.live_bytes);
    CHECK(test_memory().live_bytes < (uint64_t)40 * SIZE);
    drop_both(channel);
}
