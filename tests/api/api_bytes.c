/* SPDX-License-Identifier: MIT */
/* api_bytes.c - the contract of <runnel/bytes.h>: who owns what, to the allocation, and that nothing is copied. */
#include <runnel.h>
#include <string.h>

#include "base/atomic.h"
#include "harness/harness.h"

RN_MPSC_OWNED(lines, rn_bytes, rn_bytes_drop);
RN_BROADCAST_OWNED(frames, rn_bytes, rn_bytes_drop, rn_bytes_clone_to);

static rn_bytes make(const char *text)
{
    rn_bytes made;
    REQUIRE(rn_bytes_copy(&made, text, strlen(text)) == 0);
    return made;
}

static void check_bytes(const rn_bytes *bytes, const char *text)
{
    if (CHECK_EQ(bytes->length, strlen(text)))
        CHECK_MEM_EQ(bytes->data, text, bytes->length);
}

static void check_empty(const rn_bytes *bytes)
{
    CHECK(bytes->data == NULL && bytes->length == 0 && bytes->owner == NULL);
}

/* -- making ------------------------------------------------------------------------------------------------------ */

EVERYWHERE(bytes_copy_is_independent_of_its_source)
{
    char source[] = "hello";
    rn_bytes bytes = make(source);
    memset(source, 'x', 5);
    check_bytes(&bytes, "hello");
    rn_bytes_drop(&bytes);
    check_empty(&bytes);
    rn_bytes_drop(&bytes);
    rn_bytes_drop(NULL);
}

EVERYWHERE(bytes_printf_makes_as_much_room_as_it_takes)
{
    rn_bytes bytes;
    CHECK_RC(rn_bytes_printf(&bytes, "%d %s", 17, "trees"), 0);
    check_bytes(&bytes, "17 trees");
    rn_bytes_drop(&bytes);
    CHECK_RC(rn_bytes_printf(&bytes, "%*d", 100000, 5), 0);
    CHECK_EQ(bytes.length, 100000);
    CHECK_EQ(bytes.data[99999], '5');
    rn_bytes_drop(&bytes);
    CHECK_RC(rn_bytes_printf(&bytes, "%s", ""), 0);
    check_empty(&bytes);
}

EVERYWHERE(bytes_new_is_filled_by_the_caller)
{
    rn_bytes bytes;
    char *room = NULL;
    CHECK_RC(rn_bytes_new(&bytes, 3, &room), 0);
    memcpy(room, "abc", 3);
    check_bytes(&bytes, "abc");
    rn_bytes_drop(&bytes);
    CHECK_RC(rn_bytes_new(&bytes, 0, &room), 0);
    CHECK(room == NULL);
    check_empty(&bytes);
}

TEST(bytes_refuse_bad_arguments_and_leave_no_bytes)
{
    char *room = (char *)&room, *const before = room;
    rn_bytes bytes = RN_BYTES_LITERAL("old");
    CHECK_RC(rn_bytes_copy(&bytes, NULL, 1), RN_EINVAL);
    check_empty(&bytes);
    CHECK_RC(rn_bytes_copy(NULL, "a", 1), RN_EINVAL);
    CHECK_RC(rn_bytes_copy(&bytes, NULL, 0), 0);
    check_empty(&bytes);
    CHECK_RC(rn_bytes_new(&bytes, 1, NULL), RN_EINVAL);
    CHECK_RC(rn_bytes_new(NULL, 1, &room), RN_EINVAL);
    CHECK(room == NULL && before != NULL);
    CHECK_RC(rn_bytes_printf(NULL, "a"), RN_EINVAL);
    CHECK_RC(rn_bytes_adopt(&bytes, NULL, 1, NULL, NULL), RN_EINVAL);
    check_empty(&bytes);
    CHECK_RC(rn_bytes_adopt(NULL, &bytes, 1, NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_bytes_clone_to(NULL, &bytes), RN_EINVAL);
    CHECK_RC(rn_bytes_clone_to(&bytes, NULL), RN_EINVAL);
    CHECK_RC(rn_bytes_copy(&bytes, "a", SIZE_MAX), RN_ENOMEM);
    CHECK_RC(rn_bytes_new(&bytes, SIZE_MAX - 8, &room), RN_ENOMEM);
    check_empty(&bytes);
}

EVERYWHERE(bytes_that_are_static_are_nobodys)
{
    const uint64_t calls = test_memory().calls;
    rn_bytes bytes = RN_BYTES_LITERAL("static"), clone = rn_bytes_clone(&bytes), part = rn_bytes_slice(&bytes, 2, 2);
    CHECK(bytes.owner == NULL && clone.owner == NULL && part.owner == NULL);
    CHECK(clone.data == bytes.data);
    check_bytes(&part, "at");
    rn_bytes_drop(&bytes);
    check_bytes(&clone, "static");
    bytes = rn_bytes_static(NULL, 7);
    check_empty(&bytes);
    CHECK_EQ(test_memory().calls, calls);
}

/* -- adopted memory ---------------------------------------------------------------------------------------------- */

static int releases;

static void release(void *data, void *ctx)
{
    CHECK(data == ctx);
    releases++;
}

EVERYWHERE(bytes_that_were_adopted_go_back_once_with_the_last_value)
{
    static char memory[] = "memory of mine";
    rn_bytes bytes, part;
    releases = 0;
    CHECK_RC(rn_bytes_adopt(&bytes, memory, 6, release, memory), 0);
    CHECK(bytes.data == memory);
    part = rn_bytes_slice(&bytes, 3, 3);
    rn_bytes_drop(&bytes);
    CHECK_EQ(releases, 0);
    check_bytes(&part, "ory");
    rn_bytes_drop(&part);
    CHECK_EQ(releases, 1);
    CHECK_RC(rn_bytes_adopt(&bytes, memory, 6, NULL, NULL), 0);
    rn_bytes_drop(&bytes);
    CHECK_EQ(releases, 1);
}

/* -- sharing ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(bytes_are_freed_with_the_last_of_clones_and_slices)
{
    const uint64_t live = test_memory().live;
    rn_bytes bytes = make("hello world");
    rn_bytes clone = rn_bytes_clone(&bytes), world = rn_bytes_slice(&clone, 6, SIZE_MAX);
    rn_bytes part = rn_bytes_slice(&world, 1, 2);
    CHECK(clone.data == bytes.data && world.data == bytes.data + 6);
    CHECK_EQ(test_memory().live, live + 1);
    rn_bytes_drop(&bytes);
    rn_bytes_drop(&clone);
    check_bytes(&world, "world");
    rn_bytes_drop(&world);
    check_bytes(&part, "or");
    CHECK_EQ(test_memory().live, live + 1);
    rn_bytes_drop(&part);
    CHECK_EQ(test_memory().live, live);
}

EVERYWHERE(bytes_slice_takes_what_is_there)
{
    rn_bytes bytes = make("abc");
    static const struct {
        size_t from, length;
        const char *expected;
    } rows[] = {{0, 3, "abc"}, {0, 9, "abc"}, {1, 1, "b"},       {2, SIZE_MAX, "c"}, {3, 1, ""},
                {9, 1, ""},    {0, 0, ""},    {SIZE_MAX, 1, ""}, {1, SIZE_MAX, "bc"}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        rn_bytes part = rn_bytes_slice(&bytes, rows[i].from, rows[i].length);
        check_bytes(&part, rows[i].expected);
        CHECK_EQ(part.owner == NULL, part.length == 0); /* an empty one keeps nothing alive */
        rn_bytes_drop(&part);
    }
    rn_bytes none = rn_bytes_slice(NULL, 0, 1);
    check_empty(&none);
    none = rn_bytes_clone(NULL);
    check_empty(&none);
    rn_bytes_drop(&bytes);
}

EVERYWHERE(bytes_are_equal_wherever_they_lie)
{
    rn_bytes bytes = make("a\0b"), same = RN_BYTES_LITERAL("a"), empty = {0};
    rn_bytes long_one = RN_BYTES_LITERAL("a\0b"), other = RN_BYTES_LITERAL("a\0c");
    CHECK(rn_bytes_equal(&bytes, &same));
    CHECK(rn_bytes_equal(&same, &same));
    CHECK(!rn_bytes_equal(&bytes, &long_one));
    CHECK(!rn_bytes_equal(&long_one, &other));
    CHECK(!rn_bytes_equal(&bytes, &empty));
    CHECK(rn_bytes_equal(&empty, NULL));
    CHECK(rn_bytes_equal(NULL, NULL));
    CHECK(!rn_bytes_equal(NULL, &bytes));
    rn_bytes_drop(&bytes);
}

/* -- as messages ------------------------------------------------------------------------------------------------- */

EVERYWHERE(bytes_travel_through_a_channel_and_are_dropped_with_it)
{
    lines_tx *tx;
    lines_rx *rx;
    rn_bytes line;
    REQUIRE(lines_channel(&tx, &rx, 4) == 0);
    CHECK_RC(lines_send(tx, make("first")), 0);
    CHECK_RC(lines_send(tx, make("nobody reads this")), 0);
    CHECK_RC(lines_recv(rx, &line), 0);
    check_bytes(&line, "first");
    rn_bytes_drop(&line);
    lines_rx_drop(rx);
    CHECK_RC(lines_give(tx, make("too late")), RN_CLOSED);
    lines_tx_drop(tx);
}

EVERYWHERE(bytes_are_shared_by_a_thousand_receivers)
{
    enum { RECEIVERS = 1000 };
    static frames_rx *rx[RECEIVERS];
    static rn_bytes got[RECEIVERS];
    frames_tx *tx;
    uint64_t missed;
    REQUIRE(frames_channel(&tx, NULL, 1) == 0);
    for (int i = 0; i < RECEIVERS; i++)
        REQUIRE(frames_subscribe(&rx[i], tx) == 0);
    rn_bytes frame = make("payload");
    const char *place = frame.data;
    const uint64_t calls = test_memory().calls;
    CHECK_RC(frames_send(tx, frame), 0);
    for (int i = 0; i < RECEIVERS; i++) {
        CHECK_RC(frames_recv(rx[i], &got[i], &missed), 0);
        CHECK(got[i].data == place);
        frames_rx_drop(rx[i]);
    }
    CHECK_EQ(test_memory().calls, calls); /* nothing was copied */
    frames_tx_drop(tx);
    for (int i = 0; i < RECEIVERS; i++) {
        check_bytes(&got[i], "payload");
        rn_bytes_drop(&got[i]);
    }
}

/* -- by many at once --------------------------------------------------------------------------------------------- */

static int share_and_drop(void *arg)
{
    rn_bytes *mine = arg;
    for (int i = 0; i < 2000; i++) {
        rn_bytes clone = rn_bytes_clone(mine), part = rn_bytes_slice(&clone, 1, 3);
        CHECK_EQ(clone.data[0], 'p');
        rn_bytes_drop(&clone);
        CHECK_EQ(part.data[0], 'a');
        rn_bytes_drop(&part);
    }
    rn_bytes_drop(mine);
    return 0;
}

/* One that is freed twice, or never, is found by the harness and the sanitizers. */
EVERYWHERE(bytes_are_freed_once_by_whoever_is_last)
{
    enum { PARTIES = 4 };
    for (int round = 0; round < 10; round++) {
        rn_bytes bytes = make("payload"), each[PARTIES];
        struct actor *actors[PARTIES];
        for (int i = 0; i < PARTIES; i++) {
            each[i] = rn_bytes_clone(&bytes);
            actors[i] = actor_start(share_and_drop, &each[i]);
        }
        rn_bytes_drop(&bytes);
        for (int i = 0; i < PARTIES; i++)
            CHECK_RC(actor_join(actors[i]), 0);
    }
}
