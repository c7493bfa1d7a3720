/* SPDX-License-Identifier: MIT */
/* mpsc: constructing, sending, receiving, waiting. What happens at the end of a channel is in api_mpsc_end.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <runnel/mpsc.h>

#include "api/mpsc_ints.h"

/* An actor that makes one call. */
struct one_call {
    struct channel channel;
    int message;
    rn_deadline deadline;
};

static int send_once(void *arg)
{
    struct one_call *call = arg;
    return rn_mpsc_send_until(call->channel.tx, &call->message, call->deadline);
}

static int recv_once(void *arg)
{
    struct one_call *call = arg;
    return rn_mpsc_recv_until(call->channel.rx, &call->message, call->deadline);
}

/* -- constructors ------------------------------------------------------------------------------------------------ */

static int construct(size_t capacity, const rn_elem *elem, const rn_mpsc_opts *opts)
{
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    rn_mpsc_rx *rx = (rn_mpsc_rx *)(uintptr_t)1;
    const int rc = rn_mpsc_channel_with(&tx, &rx, capacity, elem, opts);
    CHECK_EQ(tx != NULL, rc == 0);
    CHECK_EQ(rx != NULL, rc == 0);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    return rc;
}

TEST(mpsc_constructor_refuses_a_capacity_out_of_range)
{
    CHECK_RC(construct(0, RN_ELEM(int), NULL), 0); /* api_rendezvous.c */
    CHECK_RC(construct(RN_MPSC_CAPACITY_MAX + 1, RN_ELEM(char), NULL), RN_EINVAL);
    CHECK_RC(construct(RN_UNBOUNDED - 1, RN_ELEM(char), NULL), RN_EINVAL);
    CHECK_RC(construct(1, RN_ELEM(int), NULL), 0);
    CHECK_RC(construct(RN_UNBOUNDED, RN_ELEM(int), NULL), 0);
}

TEST(mpsc_constructor_refuses_an_element_out_of_range)
{
    CHECK_RC(construct(1, NULL, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = 0}, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = RN_ELEM_SIZE_MAX + 1}, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = 8, .align = 24}, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = 8, .align = 128}, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = 8, .reserved = {0, 9}}, NULL), RN_EINVAL);
    CHECK_RC(construct(1, &(rn_elem){.size = RN_ELEM_SIZE_MAX, .align = RN_ELEM_ALIGN_MAX}, NULL), 0);
}

TEST(mpsc_constructor_refuses_options_that_it_does_not_know)
{
    CHECK_RC(construct(1, RN_ELEM(int), &(rn_mpsc_opts){.flags = 1}), RN_EINVAL);
    CHECK_RC(construct(1, RN_ELEM(int), &(rn_mpsc_opts){.flags = 1u << 31}), RN_EINVAL);
    CHECK_RC(construct(1, RN_ELEM(int), &(rn_mpsc_opts){.reserved0 = 1}), RN_EINVAL);
    for (size_t i = 0; i < RN_COUNT(((rn_mpsc_opts *)NULL)->reserved); i++) {
        rn_mpsc_opts opts = {.name = "jobs"};
        opts.reserved[i] = UINT64_C(1) << 40;
        CHECK_RC(construct(1, RN_ELEM(int), &opts), RN_EINVAL);
    }
    CHECK_RC(construct(1, RN_ELEM(int), &(rn_mpsc_opts){.name = "jobs"}), 0);
}

TEST(mpsc_constructor_needs_a_place_for_both_ends)
{
    rn_mpsc_tx *tx = (rn_mpsc_tx *)(uintptr_t)1;
    rn_mpsc_rx *rx = (rn_mpsc_rx *)(uintptr_t)1;
    CHECK_RC(rn_mpsc_channel(&tx, NULL, 1, RN_ELEM(int)), RN_EINVAL);
    CHECK_RC(rn_mpsc_channel(NULL, &rx, 1, RN_ELEM(int)), RN_EINVAL);
    CHECK_RC(rn_mpsc_channel(NULL, NULL, 1, RN_ELEM(int)), RN_EINVAL);
    CHECK(tx == NULL);
    CHECK(rx == NULL);
}

TEST(mpsc_constructor_says_when_memory_does_not_suffice)
{
    if (TEST_SANITIZED)
        SKIP("a sanitizer's allocator stops the program instead");
    const int rc = construct(RN_MPSC_CAPACITY_MAX, &(rn_elem){.size = RN_ELEM_SIZE_MAX}, NULL);
    CHECK(rc == RN_ENOMEM || rc == 0); /* 64 TiB; a system may promise even that */
}

TEST(mpsc_does_not_touch_the_memory_of_a_large_capacity)
{
    enum { CAPACITY = 1 << 24, SIZE = 64 };
    unsigned char message[SIZE] = {1, 2, 3};
    unsigned char out[SIZE];
    if (TEST_SANITIZED)
        SKIP("a sanitizer touches memory of its own for each allocation");
    const size_t before = resident_bytes();
    struct channel channel = channel_of(CAPACITY, RN_ELEM(unsigned char[SIZE]));
    CHECK_RC(rn_mpsc_send(channel.tx, message), 0);
    CHECK_RC(rn_mpsc_recv(channel.rx, out), 0);
    CHECK_MEM_EQ(out, message, SIZE);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), CAPACITY);
    CHECK(resident_bytes() < before + ((size_t)16 << 20)); /* of 1 GiB */
    drop_both(channel);
}

TEST(mpsc_refuses_null)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_tx *clone = (rn_mpsc_tx *)(uintptr_t)1;
    int message = 5;
    CHECK_RC(rn_mpsc_send(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_send(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_mpsc_send_until(NULL, &message, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_mpsc_give(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_recv(NULL, &message), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv_until(NULL, &message, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_mpsc_send(channel.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_send(channel.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_send_until(channel.tx, NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_mpsc_give(channel.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv(channel.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_try_recv(channel.rx, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_recv_until(channel.rx, NULL, rn_in_ms(1)), RN_EINVAL);
    CHECK_RC(rn_mpsc_tx_clone(&clone, NULL), RN_EINVAL);
    CHECK(clone == NULL);
    CHECK_RC(rn_mpsc_tx_clone(NULL, channel.tx), RN_EINVAL);
    CHECK(!rn_mpsc_tx_is_closed(NULL));
    CHECK_EQ(rn_mpsc_tx_room(NULL), 0);
    CHECK_EQ(rn_mpsc_rx_len(NULL), 0);
    rn_mpsc_rx_close(NULL);
    rn_mpsc_tx_drop(NULL);
    rn_mpsc_rx_drop(NULL);
    CHECK_EQ(message, 5);
    drop_both(channel);
}

/* -- order and capacity ------------------------------------------------------------------------------------------ */

enum { MANY = 2000 };

static int send_many_ints(void *arg)
{
    rn_mpsc_tx *tx = arg;
    for (int i = 0; i < MANY; i++)
        CHECK_RC(send_int(tx, i), 0);
    rn_mpsc_tx_drop(tx);
    return 0;
}

EVERYWHERE(mpsc_delivers_in_order)
{
    static const size_t capacities[] = {1, 2, 7, 100, MANY, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct actor *producer = actor_start(send_many_ints, channel.tx);
        for (int expected = 0; expected < MANY; expected++)
            CHECK_EQ(recv_int(channel.rx), expected);
        CHECK_EQ(recv_int(channel.rx), RN_CLOSED);
        actor_join(producer);
        rn_mpsc_rx_drop(channel.rx);
    }
}

TEST(mpsc_holds_exactly_its_capacity)
{
    static const size_t capacities[] = {1, 2, 3, 7, 8, 31, 32, 33, 100};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        const int capacity = (int)capacities[i];
        struct channel channel = channel_of_ints(capacities[i]);
        for (int sent = 0; sent < capacity; sent++) {
            CHECK_EQ(rn_mpsc_tx_room(channel.tx), capacity - sent);
            CHECK_EQ(rn_mpsc_rx_len(channel.rx), sent);
            CHECK_RC(try_send_int(channel.tx, sent), 0);
        }
        CHECK_RC(try_send_int(channel.tx, capacity), RN_FULL);
        CHECK_EQ(rn_mpsc_tx_room(channel.tx), 0);
        CHECK_EQ(try_recv_int(channel.rx), 0);
        CHECK_RC(try_send_int(channel.tx, capacity), 0);
        CHECK_RC(try_send_int(channel.tx, capacity + 1), RN_FULL);
        for (int expected = 1; expected <= capacity; expected++)
            CHECK_EQ(try_recv_int(channel.rx), expected);
        CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
        drop_both(channel);
    }
}

TEST(mpsc_copies_the_message_before_send_returns)
{
    struct channel channel = channel_of_ints(2);
    int message = 1;
    CHECK_RC(rn_mpsc_send(channel.tx, &message), 0);
    message = 2;
    CHECK_RC(rn_mpsc_send(channel.tx, &message), 0);
    message = 3;
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

TEST(mpsc_writes_out_only_with_a_message)
{
    struct channel channel = channel_of_ints(1);
    int out = 77;
    CHECK_RC(rn_mpsc_try_recv(channel.rx, &out), RN_EMPTY);
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &out, rn_in_ms(0)), RN_ETIMEDOUT);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_RC(rn_mpsc_recv(channel.rx, &out), RN_CLOSED);
    CHECK_EQ(out, 77);
    rn_mpsc_rx_drop(channel.rx);
}

/* -- waiting ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_send_waits_for_room)
{
    struct channel channel = channel_of_ints(1);
    CHECK_RC(send_int(channel.tx, 1), 0);
    struct one_call call = {.channel = channel, .message = 2};
    struct actor *sender = actor_start(send_once, &call);
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1); /* a message that waits is not in yet */
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(actor_join(sender), 0);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

EVERYWHERE(mpsc_recv_waits_for_a_message)
{
    static const size_t capacities[] = {1, 4, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        struct one_call call = {.channel = channel, .message = -1};
        struct actor *receiver = actor_start(recv_once, &call);
        WAIT_UNTIL(parked_in("mpsc recv") == 1);
        CHECK_RC(send_int(channel.tx, 9), 0);
        CHECK_RC(actor_join(receiver), 0);
        CHECK_EQ(call.message, 9);
        CHECK_EQ(rn_mpsc_rx_len(channel.rx), 0);
        drop_both(channel);
    }
}

EVERYWHERE(mpsc_try_send_wakes_the_receiver_too)
{
    struct channel channel = channel_of_ints(1);
    struct one_call call = {.channel = channel, .message = -1};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    CHECK_RC(try_send_int(channel.tx, 9), 0);
    CHECK_RC(actor_join(receiver), 0);
    CHECK_EQ(call.message, 9);
    drop_both(channel);
}

enum { SENDERS = 5 };

EVERYWHERE(mpsc_serves_waiting_senders_in_their_order)
{
    struct channel channel = channel_of_ints(1);
    struct one_call calls[SENDERS];
    struct actor *senders[SENDERS];
    CHECK_RC(send_int(channel.tx, 0), 0);
    for (int i = 0; i < SENDERS; i++) {
        calls[i] = (struct one_call){.channel = channel, .message = i + 1};
        senders[i] = actor_start(send_once, &calls[i]);
        WAIT_UNTIL(parked_in("mpsc send") == (unsigned)i + 1);
    }
    for (int i = 0; i <= SENDERS; i++)
        CHECK_EQ(recv_int(channel.rx), i);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(senders[i]), 0);
    drop_both(channel);
}

EVERYWHERE(mpsc_try_send_never_overtakes_a_sender_that_waits)
{
    struct channel channel = channel_of_ints(1);
    struct one_call call = {.channel = channel, .message = 2};
    CHECK_RC(send_int(channel.tx, 1), 0);
    struct actor *sender = actor_start(send_once, &call);
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_RC(try_send_int(channel.tx, 3), RN_FULL); /* the place went to the one that waited */
    CHECK_EQ(recv_int(channel.rx), 2);
    CHECK_RC(try_send_int(channel.tx, 3), 0);
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_RC(actor_join(sender), 0);
    drop_both(channel);
}

EVERYWHERE(mpsc_one_receive_frees_one_place)
{
    struct channel channel = channel_of_ints(2);
    struct one_call calls[2] = {{.channel = channel, .message = 2}, {.channel = channel, .message = 3}};
    struct actor *senders[2];
    CHECK_RC(send_int(channel.tx, 0), 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    for (int i = 0; i < 2; i++) {
        senders[i] = actor_start(send_once, &calls[i]);
        WAIT_UNTIL(parked_in("mpsc send") == (unsigned)i + 1);
    }
    CHECK_EQ(try_recv_int(channel.rx), 0);
    CHECK_RC(actor_join(senders[0]), 0);
    CHECK_EQ(parked_in("mpsc send"), 1);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 2);
    for (int i = 1; i <= 3; i++)
        CHECK_EQ(recv_int(channel.rx), i);
    CHECK_RC(actor_join(senders[1]), 0);
    drop_both(channel);
}

/* -- deadlines --------------------------------------------------------------------------------------------------- */

EVERYWHERE(mpsc_recv_until_ends_at_its_deadline)
{
    struct channel channel = channel_of_ints(1);
    int out = 77;
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &out, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(out, 77);
    CHECK_RC(send_int(channel.tx, 1), 0); /* nobody takes it for the one that gave up */
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 1);
    drop_both(channel);
}

EVERYWHERE(mpsc_send_until_ends_at_its_deadline)
{
    struct channel channel = channel_of_ints(1);
    const int late = 2;
    CHECK_RC(send_int(channel.tx, 1), 0);
    const int64_t start = rn_now_ns();
    CHECK_RC(rn_mpsc_send_until(channel.tx, &late, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - start >= 20 * 1000 * 1000);
    CHECK_EQ(try_recv_int(channel.rx), 1);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY); /* what timed out was not sent */
    drop_both(channel);
}

EVERYWHERE(mpsc_deadline_in_the_past_does_what_can_be_done_at_once)
{
    struct channel channel = channel_of_ints(1);
    const rn_deadline past = rn_at_ns(1);
    int message = 1;
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &message, past), RN_ETIMEDOUT);
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, past), 0);
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, past), RN_ETIMEDOUT);
    message = 0;
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &message, past), 0);
    CHECK_EQ(message, 1);
    rn_mpsc_rx_close(channel.rx);
    CHECK_RC(rn_mpsc_recv_until(channel.rx, &message, past), RN_CLOSED);
    CHECK_RC(rn_mpsc_send_until(channel.tx, &message, past), RN_CLOSED);
    drop_both(channel);
}

EVERYWHERE(mpsc_deadline_far_away_does_not_end_the_wait)
{
    struct channel channel = channel_of_ints(1);
    struct one_call call = {.channel = channel, .message = -1, .deadline = rn_in_s(INT64_MAX)};
    struct actor *receiver = actor_start(recv_once, &call);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    CHECK_RC(send_int(channel.tx, 3), 0);
    CHECK_RC(actor_join(receiver), 0);
    CHECK_EQ(call.message, 3);
    drop_both(channel);
}

EVERYWHERE(mpsc_sender_that_gave_up_leaves_no_hole)
{
    struct channel channel = channel_of_ints(1);
    struct one_call impatient = {.channel = channel, .message = 2, .deadline = rn_in_ms(10)};
    struct one_call patient = {.channel = channel, .message = 3};
    CHECK_RC(send_int(channel.tx, 1), 0);
    struct actor *first = actor_start(send_once, &impatient);
    WAIT_UNTIL(parked_in("mpsc send") == 1 || rn_passed(impatient.deadline));
    struct actor *second = actor_start(send_once, &patient);
    CHECK_RC(actor_join(first), RN_ETIMEDOUT);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 3);
    CHECK_RC(actor_join(second), 0);
    CHECK_RC(try_send_int(channel.tx, 4), 0);
    drop_both(channel);
}

/* -- messages of every shape ------------------------------------------------------------------------------------- */

static void fill(unsigned char *message, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        message[i] = (unsigned char)((i + 1) * 31 + seed * 7);
}

struct bytes_call {
    rn_mpsc_rx *rx;
    rn_mpsc_tx *tx;
    unsigned char *message;
};

static int recv_bytes(void *arg)
{
    struct bytes_call *call = arg;
    return rn_mpsc_recv(call->rx, call->message);
}

static int send_bytes(void *arg)
{
    struct bytes_call *call = arg;
    return rn_mpsc_send(call->tx, call->message);
}

/* By the three ways that a message can take: into the hands of a parked receiver, through the store, out of the
 * hands of a parked sender. */
static void pass_bytes(size_t capacity, const rn_elem *elem)
{
    struct channel channel = channel_of(capacity, elem);
    unsigned char *in = malloc(elem->size);
    unsigned char *waiting = malloc(elem->size);
    unsigned char *out = malloc(elem->size);
    REQUIRE(in != NULL && waiting != NULL && out != NULL);
    fill(in, elem->size, 1);
    struct bytes_call recv_call = {.rx = channel.rx, .message = out};
    struct actor *receiver = actor_start(recv_bytes, &recv_call);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    CHECK_RC(rn_mpsc_send(channel.tx, in), 0);
    CHECK_RC(actor_join(receiver), 0);
    CHECK_MEM_EQ(out, in, elem->size);

    CHECK_RC(rn_mpsc_send(channel.tx, in), 0);
    fill(waiting, elem->size, 2);
    struct bytes_call send_call = {.tx = channel.tx, .message = waiting};
    struct actor *sender = actor_start(send_bytes, &send_call);
    WAIT_UNTIL(parked_in("mpsc send") == 1 || rn_mpsc_rx_len(channel.rx) == 2);
    CHECK_RC(rn_mpsc_recv(channel.rx, out), 0);
    CHECK_MEM_EQ(out, in, elem->size);
    CHECK_RC(actor_join(sender), 0);
    CHECK_RC(rn_mpsc_recv(channel.rx, out), 0);
    CHECK_MEM_EQ(out, waiting, elem->size);
    free(in);
    free(waiting);
    free(out);
    drop_both(channel);
}

EVERYWHERE(mpsc_moves_messages_of_every_size)
{
    static const size_t sizes[] = {1, 2, 3, 4, 8, 12, 16, 24, 64, 4096, RN_ELEM_SIZE_MAX};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        pass_bytes(1, &(rn_elem){.size = sizes[i], .align = 1});
        pass_bytes(RN_UNBOUNDED, &(rn_elem){.size = sizes[i], .align = 1});
    }
}

static int misplaced;

static void check_alignment(void *message, void *ctx)
{
    misplaced += (uintptr_t)message % *(size_t *)ctx != 0;
}

TEST(mpsc_keeps_messages_at_their_alignment)
{
    for (size_t align = 1; align <= RN_ELEM_ALIGN_MAX; align *= 2) {
        const size_t sizes[] = {1, align, align + 1, 3 * align};
        for (size_t i = 0; i < RN_COUNT(sizes); i++) {
            const rn_elem elem = {.size = sizes[i], .align = align, .drop = check_alignment, .ctx = &align};
            const unsigned char message[3 * RN_ELEM_ALIGN_MAX] = {0};
            struct channel bounded = channel_of(50, &elem);
            struct channel unbounded = channel_of(RN_UNBOUNDED, &elem);
            for (int sent = 0; sent < 50; sent++) {
                CHECK_RC(rn_mpsc_send(bounded.tx, message), 0);
                CHECK_RC(rn_mpsc_send(unbounded.tx, message), 0);
            }
            drop_both(bounded);
            drop_both(unbounded);
        }
    }
    CHECK_EQ(misplaced, 0);
}

/* -- many producers ---------------------------------------------------------------------------------------------- */

enum { PRODUCERS = 8, EACH = 1000 };

struct numbered {
    int producer;
    int number;
    int *payload; /* written before the send, read after the receive */
};

struct producer {
    rn_mpsc_tx *tx;
    int number;
    int payloads[EACH];
};

static int produce(void *arg)
{
    struct producer *producer = arg;
    for (int i = 0; i < EACH; i++) {
        producer->payloads[i] = producer->number * EACH + i;
        struct numbered message = {producer->number, i, &producer->payloads[i]};
        CHECK_RC(rn_mpsc_send(producer->tx, &message), 0);
    }
    rn_mpsc_tx_drop(producer->tx);
    return 0;
}

EVERYWHERE(mpsc_delivers_what_many_senders_send_exactly_once)
{
    static const size_t capacities[] = {1, 16, RN_UNBOUNDED};
    static struct producer producers[PRODUCERS];
    struct actor *actors[PRODUCERS];
    for (size_t c = 0; c < RN_COUNT(capacities); c++) {
        struct channel channel = channel_of(capacities[c], RN_ELEM(struct numbered));
        int next[PRODUCERS] = {0};
        struct numbered message;
        for (int i = 0; i < PRODUCERS; i++) {
            producers[i].number = i;
            REQUIRE(rn_mpsc_tx_clone(&producers[i].tx, channel.tx) == 0);
            actors[i] = actor_start(produce, &producers[i]);
        }
        rn_mpsc_tx_drop(channel.tx);
        while (rn_mpsc_recv(channel.rx, &message) == 0) {
            CHECK_EQ(message.number, next[message.producer]++); /* nothing lost, doubled or out of order */
            CHECK_EQ(*message.payload, message.producer * EACH + message.number);
        }
        for (int i = 0; i < PRODUCERS; i++) {
            CHECK_EQ(next[i], EACH);
            actor_join(actors[i]);
        }
        rn_mpsc_rx_drop(channel.rx);
    }
}

EVERYWHERE(mpsc_sender_can_be_shared_without_a_clone)
{
    struct channel channel = channel_of_ints(4);
    struct one_call calls[SENDERS];
    struct actor *senders[SENDERS];
    bool seen[SENDERS] = {false};
    for (int i = 0; i < SENDERS; i++) {
        calls[i] = (struct one_call){.channel = channel, .message = i};
        senders[i] = actor_start(send_once, &calls[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        const int message = recv_int(channel.rx);
        REQUIRE(message >= 0 && message < SENDERS);
        CHECK(!seen[message]);
        seen[message] = true;
    }
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(senders[i]), 0);
    drop_both(channel);
}

/* -- unbounded --------------------------------------------------------------------------------------------------- */

TEST(mpsc_unbounded_send_never_waits)
{
    enum { BURST = 100000 };
    struct channel channel = channel_of_ints(RN_UNBOUNDED);
    for (int i = 0; i < BURST; i++)
        CHECK_RC(i % 2 == 0 ? send_int(channel.tx, i) : try_send_int(channel.tx, i), 0);
    CHECK_EQ(rn_mpsc_rx_len(channel.rx), BURST);
    CHECK_EQ(rn_mpsc_tx_room(channel.tx), RN_UNBOUNDED);
    for (int i = 0; i < BURST; i++)
        CHECK_EQ(try_recv_int(channel.rx), i);
    CHECK_EQ(try_recv_int(channel.rx), RN_EMPTY);
    drop_both(channel);
}

TEST(mpsc_unbounded_gives_the_memory_of_a_burst_back)
{
    enum { BURST = 100000, SIZE = 256 };
    unsigned char message[SIZE] = {0};
    struct channel channel = channel_of(RN_UNBOUNDED, RN_ELEM(unsigned char[SIZE]));
    CHECK_RC(rn_mpsc_send(channel.tx, message), 0);
    const struct test_memory one_block = test_memory();
    for (int i = 1; i < BURST; i++)
        CHECK_RC(rn_mpsc_send(channel.tx, message), 0);
    CHECK(test_memory().live_bytes > (uint64_t)BURST * SIZE);
    for (int i = 0; i < BURST; i++)
        CHECK_RC(rn_mpsc_recv(channel.rx, message), 0);
    CHECK_EQ(test_memory().live_bytes, one_block.live_bytes);
    drop_both(channel);
}

TEST(mpsc_allocates_nothing_once_it_runs)
{
    static const size_t capacities[] = {1, 100, RN_UNBOUNDED};
    for (size_t i = 0; i < RN_COUNT(capacities); i++) {
        struct channel channel = channel_of_ints(capacities[i]);
        CHECK_RC(send_int(channel.tx, 0), 0);
        CHECK_EQ(recv_int(channel.rx), 0);
        const uint64_t calls = test_memory().calls;
        for (int sent = 0; sent < 10000; sent++) {
            CHECK_RC(send_int(channel.tx, sent), 0);
            CHECK_EQ(recv_int(channel.rx), sent);
        }
        CHECK_EQ(test_memory().calls, calls);
        drop_both(channel);
    }
}
