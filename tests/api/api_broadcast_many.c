/* SPDX-License-Identifier: MIT */
/* api_broadcast_many.c - receiving several messages in one call. */
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <string.h>

#include "api/events.h"
#include "api/owned.h"

enum { ROOM = 16 };

/* The next ones are these, one after the other, behind so many that were lost. */
static void expect_many(rn_broadcast_rx *rx, size_t limit, int first, int last, uint64_t lost)
{
    int got[ROOM];
    size_t count = 77;
    uint64_t missed = 77;
    memset(got, -1, sizeof got);
    CHECK_RC(rn_broadcast_try_recv_many(rx, got, limit, &count, &missed), 0);
    CHECK_EQ(count, last - first + 1);
    CHECK_EQ(missed, lost);
    for (int i = 0; i < ROOM; i++)
        CHECK_EQ(got[i], first + i <= last ? first + i : -1);
}

static void expect_no_many(rn_broadcast_rx *rx, int code)
{
    int got[ROOM] = {-1};
    size_t count = 77;
    uint64_t missed = 77;
    CHECK_RC(rn_broadcast_try_recv_many(rx, got, ROOM, &count, &missed), code);
    CHECK_EQ(got[0], -1);
    CHECK_EQ(count, 0);
    CHECK_EQ(missed, 77);
}

EVERYWHERE(broadcast_many_takes_what_is_there_up_to_the_limit)
{
    struct pair pair = make(8);
    expect_no_many(pair.rx, RN_EMPTY);
    send_range(pair.tx, 1, 5);
    expect_many(pair.rx, 3, 1, 3, 0);
    expect_many(pair.rx, ROOM, 4, 5, 0);
    expect_no_many(pair.rx, RN_EMPTY);
    send_range(pair.tx, 6, 7);
    rn_broadcast_tx_drop(pair.tx);
    expect_many(pair.rx, 2, 6, 7, 0);
    expect_no_many(pair.rx, RN_CLOSED);
    rn_broadcast_rx_drop(pair.rx);
}

EVERYWHERE(broadcast_many_tells_the_loss_before_the_first)
{
    for (int capacity = 1; capacity <= 7; capacity++) {
        struct pair pair = make((size_t)capacity);
        send_range(pair.tx, 1, 10);
        expect_many(pair.rx, ROOM, 11 - capacity, 10, (uint64_t)(10 - capacity));
        expect_no_many(pair.rx, RN_EMPTY);
        send_range(pair.tx, 11, 11);
        expect_many(pair.rx, ROOM, 11, 11, 0);
        drop(&pair);
    }
}

EVERYWHERE(broadcast_many_without_a_place_for_the_count_says_lagged)
{
    struct pair pair = make(3);
    int got[ROOM] = {-1};
    size_t count = 77;
    send_range(pair.tx, 1, 5);
    CHECK_RC(rn_broadcast_recv_many(pair.rx, got, ROOM, &count, NULL), RN_LAGGED);
    CHECK_EQ(count, 0);
    CHECK_EQ(got[0], -1);
    CHECK_RC(rn_broadcast_recv_many_until(pair.rx, got, ROOM, &count, NULL, rn_at_ns(1)), 0);
    CHECK_EQ(count, 3);
    CHECK_EQ(got[0], 3);
    CHECK_EQ(got[2], 5);
    drop(&pair);
}

struct reader_of_many {
    rn_broadcast_rx *rx;
    rn_deadline deadline;
    int got[ROOM];
    size_t count;
    uint64_t missed;
};

static int read_many(void *arg)
{
    struct reader_of_many *reader = arg;
    return rn_broadcast_recv_many_until(reader->rx, reader->got, ROOM, &reader->count, &reader->missed,
                                        reader->deadline);
}

/* It has the first of them when it is woken; what came after that it finds. */
EVERYWHERE(broadcast_many_waits_for_one)
{
    struct pair pair = make(8);
    struct reader_of_many reader = {.rx = pair.rx};
    struct actor *actor = actor_start(read_many, &reader);
    WAIT_UNTIL_PARKED(1, events_name);
    send_range(pair.tx, 1, 3);
    CHECK_RC(actor_join(actor), 0);
    CHECK(reader.count >= 1 && reader.count <= 3);
    CHECK_EQ(reader.missed, 0);
    for (size_t i = 0; i < reader.count; i++)
        CHECK_EQ(reader.got[i], i + 1);
    if (reader.count < 3)
        expect_many(pair.rx, ROOM, (int)reader.count + 1, 3, 0);
    expect_no_many(pair.rx, RN_EMPTY);
    drop(&pair);
}

/* On one worker it runs when all has been sent. */
static int wake_late(void *arg)
{
    const int sent = *(int *)arg;
    struct pair pair = make(3);
    struct reader_of_many reader = {.rx = pair.rx};
    rn_task task;
    int result = -1;
    RN_MUST(rn_spawn(&task, read_many, &reader));
    WAIT_UNTIL_PARKED(1, events_name);
    send_range(pair.tx, 1, sent);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, 0);
    CHECK_EQ(reader.missed, 0);
    CHECK_EQ(reader.count, sent <= 4 ? sent : 1); /* 1 in its hands, the last three in the ring: or a gap between */
    for (size_t i = 0; i < reader.count; i++)
        CHECK_EQ(reader.got[i], i + 1);
    if (sent > 4)
        expect_many(pair.rx, ROOM, sent - 2, sent, (uint64_t)sent - 4);
    expect_no_many(pair.rx, RN_EMPTY);
    drop(&pair);
    return 0;
}

TEST(broadcast_many_that_slept_takes_more_unless_there_is_a_gap)
{
    for (int sent = 1; sent <= 9; sent++)
        CHECK_RC(rn_run_with(wake_late, &sent, &(rn_runtime_opts){.workers = 1}), 0);
}

EVERYWHERE(broadcast_many_that_timed_out_has_taken_nothing)
{
    struct pair pair = make(8);
    struct reader_of_many reader = {.rx = pair.rx, .deadline = rn_in_ms(2), .count = 77, .missed = 77};
    CHECK_RC(actor_join(actor_start(read_many, &reader)), RN_ETIMEDOUT);
    CHECK_EQ(reader.count, 0);
    CHECK_EQ(reader.missed, 77);
    send_range(pair.tx, 1, 2);
    expect_many(pair.rx, ROOM, 1, 2, 0);
    drop(&pair);
}

EVERYWHERE(broadcast_many_beside_a_sleeper_is_told_busy)
{
    struct pair pair = make(8);
    struct reader reader = {.rx = pair.rx};
    struct actor *actor = actor_start(read_one, &reader);
    int got[ROOM];
    size_t count = 77;
    uint64_t missed;
    WAIT_UNTIL_PARKED(1, events_name);
    CHECK_RC(rn_broadcast_recv_many(pair.rx, got, ROOM, &count, &missed), RN_EBUSY);
    CHECK_EQ(count, 0);
    expect_no_many(pair.rx, RN_EMPTY);
    send_range(pair.tx, 1, 1);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(reader.got, 1);
    drop(&pair);
}

TEST(broadcast_many_puts_messages_one_behind_the_other)
{
    struct {
        char bytes[3];
    } got[4];
    struct pair pair;
    size_t count;
    REQUIRE(rn_broadcast_channel(&pair.tx, &pair.rx, 4, &(rn_elem){.size = 3, .align = 16}) == 0);
    CHECK_RC(rn_broadcast_send(pair.tx, "abc"), 0);
    CHECK_RC(rn_broadcast_send(pair.tx, "def"), 0);
    CHECK_RC(rn_broadcast_send(pair.tx, "ghi"), 0);
    CHECK_RC(rn_broadcast_try_recv_many(pair.rx, got, 4, &count, NULL), 0);
    CHECK_EQ(count, 3);
    CHECK_MEM_EQ(got, "abcdefghi", 9);
    drop(&pair);
}

TEST(broadcast_many_refuses_bad_input)
{
    struct pair pair = make(2);
    int got;
    size_t count = 77;
    uint64_t missed;
    send_range(pair.tx, 1, 1);
    CHECK_RC(rn_broadcast_recv_many(NULL, &got, 1, &count, &missed), RN_EINVAL);
    CHECK_EQ(count, 0);
    CHECK_RC(rn_broadcast_recv_many(pair.rx, NULL, 1, &count, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv_many(pair.rx, &got, 0, &count, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv_many(pair.rx, &got, 1, NULL, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv_many_until(pair.rx, &got, 0, &count, &missed, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_broadcast_try_recv_many(pair.rx, &got, 0, &count, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_try_recv_many(NULL, &got, 1, &count, &missed), RN_EINVAL);
    expect(pair.rx, 1, 0);
    drop(&pair);
}

/* -- owned ------------------------------------------------------------------------------------------------------- */

struct setting {
    struct owners owners;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    int fail_at; /* the clone of this message fails */
};

static void begin(struct setting *s, size_t capacity)
{
    *s = (struct setting){0};
    REQUIRE(rn_broadcast_channel(&s->tx, &s->rx, capacity, OWNED_ELEM(&s->owners)) == 0);
}

static void end(struct setting *s)
{
    rn_broadcast_tx_drop(s->tx);
    rn_broadcast_rx_drop(s->rx);
    CHECK_EQ(s->owners.live, 0);
}

static void send(struct setting *s, int first, int last)
{
    for (int i = first; i <= last; i++) {
        struct owned message = owned_make(&s->owners, i);
        CHECK_RC(rn_broadcast_send(s->tx, &message), 0);
    }
}

static void expect_owned(struct setting *s, int first, int last, uint64_t lost)
{
    struct owned got[ROOM];
    size_t count = 77;
    uint64_t missed = 77;
    CHECK_RC(rn_broadcast_recv_many_until(s->rx, got, ROOM, &count, &missed, rn_at_ns(1)), 0);
    CHECK_EQ(count, last - first + 1);
    CHECK_EQ(missed, lost);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(*got[i].number, first + (int)i);
        owned_destroy(&s->owners, &got[i]);
    }
}

EVERYWHERE(broadcast_many_owned_gives_a_clone_of_each)
{
    struct setting s;
    begin(&s, 5);
    send(&s, 1, 8);
    expect_owned(&s, 4, 8, 3);
    CHECK_EQ(s.owners.clones, 5);
    CHECK_EQ(s.owners.drops, 3);
    end(&s);
}

static void fail_at(struct owners *owners, int number)
{
    const struct setting *s = (struct setting *)owners;
    owners->clone_code = number == s->fail_at ? RN_ENOMEM : 0;
}

EVERYWHERE(broadcast_many_ends_before_a_clone_that_fails)
{
    struct setting s;
    struct owned got[ROOM];
    size_t count = 77;
    uint64_t missed = 77;
    begin(&s, 4);
    s.owners.on_clone = fail_at;
    s.fail_at = 4;
    send(&s, 1, 6);
    expect_owned(&s, 3, 3, 2);
    CHECK_RC(rn_broadcast_recv_many(s.rx, got, ROOM, &count, &missed), RN_ENOMEM);
    CHECK_EQ(count, 0);
    CHECK_EQ(missed, 77);
    s.fail_at = 0;
    expect_owned(&s, 4, 6, 0);
    end(&s);
}

static void overtake(struct owners *owners, int number)
{
    struct setting *s = (struct setting *)owners;
    owners->on_clone = NULL;
    CHECK_EQ(number, 1);
    send(s, 4, 5);
}

EVERYWHERE(broadcast_many_owned_ends_before_a_gap)
{
    struct setting s;
    begin(&s, 3);
    send(&s, 1, 3);
    s.owners.on_clone = overtake; /* while 1 is cloned 2 is overwritten */
    expect_owned(&s, 1, 1, 0);
    expect_owned(&s, 3, 5, 1);
    end(&s);
}

/* The clone function finds its own receiver busy: what comes next depends on what it says itself. */
static void receive_in_clone(struct owners *owners, int number)
{
    struct setting *s = (struct setting *)owners;
    struct owned got;
    uint64_t missed;
    (void)number;
    CHECK_RC(rn_broadcast_try_recv(s->rx, &got, &missed), RN_EMPTY);
}

EVERYWHERE(broadcast_receiver_is_busy_while_it_clones)
{
    struct setting s;
    begin(&s, 3);
    send(&s, 1, 3);
    s.owners.on_clone = receive_in_clone;
    expect_owned(&s, 1, 3, 0);
    s.owners.on_clone = NULL;
    send(&s, 4, 4);
    expect_owned(&s, 4, 4, 0); /* and free again */
    end(&s);
}

EVERYWHERE(broadcast_clone_that_answers_a_positive_number_has_failed)
{
    struct setting s;
    struct owned got;
    uint64_t missed;
    begin(&s, 3);
    send(&s, 1, 1);
    s.owners.clone_code = 1;
    CHECK_RC(rn_broadcast_try_recv(s.rx, &got, &missed), RN_EINVAL);
    CHECK_RC(rn_broadcast_recv(s.rx, &got, &missed), RN_EINVAL);
    s.owners.clone_code = 0;
    expect_owned(&s, 1, 1, 0);
    end(&s);
}
