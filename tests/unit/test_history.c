/* SPDX-License-Identifier: MIT */
/* The ring with its numbers, above all what the ends of a broadcast can hardly time: messages that are given up and
 * not swept yet, while others are sent. */
#include "channel/history.h"
#include "harness/harness.h"
#include "platform/lock.h"

enum { CAPACITY = 3 };

struct setting {
    struct rn__lock lock;
    struct rn__element element;
    struct rn__history history;
};

static int copy_int(void *to, const void *from, void *ctx)
{
    (void)ctx;
    *(int *)to = *(const int *)from;
    return 0;
}

static void drop_int(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
}

static void begin(struct setting *s, bool is_counted)
{
    const rn_elem elem = {
        .size = sizeof(int), .drop = is_counted ? drop_int : NULL, .clone = is_counted ? copy_int : NULL};
    *s = (struct setting){0};
    REQUIRE(rn__element_init(&s->element, &elem) == 0);
    REQUIRE(rn__history_init(&s->history, &s->element, CAPACITY, RN__WHERE_CLONED, 2));
    rn__lock_acquire(&s->lock);
}

static void end(struct setting *s)
{
    rn__lock_release(&s->lock);
    rn__history_fini(&s->history);
}

static int value_of(const struct setting *s, struct rn__node *node)
{
    return *(int *)rn__node_value(&s->history.nodes, node);
}

/* Gives what was overwritten and nobody holds, or -1. */
static int append(struct setting *s, int value)
{
    const int message[4] = {value}; /* the compiler sees a move of 16 bytes that never happens */
    struct rn__node *node = NULL;
    if (s->history.is_counted)
        REQUIRE((node = rn__history_wrap(&s->history, message, &s->lock)) != NULL);
    struct rn__node *overwritten = rn__history_append(&s->history, message, node);
    if (overwritten == NULL)
        return -1;
    const int was = value_of(s, overwritten);
    rn__nodes_put(&s->history.nodes, overwritten);
    return was;
}

static int sweep(struct setting *s, uint64_t until)
{
    struct rn__node *node = rn__history_sweep(&s->history, until);
    if (node == NULL)
        return -1;
    const int was = value_of(s, node);
    rn__nodes_put(&s->history.nodes, node);
    return was;
}

TEST(history_overwrites_the_oldest_and_counts_what_is_lost)
{
    struct setting s;
    begin(&s, true);
    for (int i = 0; i < CAPACITY; i++)
        CHECK_EQ(append(&s, i), -1);
    CHECK_EQ(rn__history_lost(&s.history, 0), 0);
    CHECK_EQ(append(&s, 3), 0);
    CHECK_EQ(append(&s, 4), 1);
    CHECK_EQ(rn__history_lost(&s.history, 0), 2);
    CHECK_EQ(rn__history_lost(&s.history, 1), 1);
    CHECK_EQ(rn__history_lost(&s.history, 2), 0);
    rn__history_abandon(&s.history);
    for (int i = 2; i <= 4; i++)
        CHECK_EQ(sweep(&s, 5), i);
    CHECK_EQ(sweep(&s, 5), -1);
    end(&s);
}

TEST(history_that_is_held_is_not_given_back)
{
    struct setting s;
    begin(&s, true);
    append(&s, 7);
    struct rn__node *node = rn__history_hold(&s.history, 0);
    for (int i = 1; i <= CAPACITY; i++)
        CHECK_EQ(append(&s, i), -1); /* 7 is out of the ring, and alive */
    CHECK_EQ(value_of(&s, node), 7);
    CHECK(rn__node_let_go(node));
    rn__nodes_put(&s.history.nodes, node);
    rn__history_abandon(&s.history);
    while (sweep(&s, s.history.next) != -1)
        ;
    end(&s);
}

TEST(history_given_up_is_gone_at_once_and_swept_up_to_there)
{
    struct setting s;
    begin(&s, true);
    append(&s, 0);
    append(&s, 1);
    rn__history_abandon(&s.history);
    CHECK_EQ(rn__history_lost(&s.history, 0), 2);
    CHECK_EQ(append(&s, 2), -1); /* there is room beside those that wait for the broom */
    CHECK_EQ(append(&s, 3), 0);  /* and here one goes first */
    CHECK_EQ(rn__history_lost(&s.history, 0), 2);
    CHECK_EQ(sweep(&s, 2), 1);
    CHECK_EQ(sweep(&s, 2), -1); /* what came later stays */
    CHECK_EQ(append(&s, 4), -1);
    CHECK_EQ(append(&s, 5), 2);
    CHECK_EQ(sweep(&s, 2), -1); /* nothing of that is left */
    rn__history_abandon(&s.history);
    for (int i = 3; i <= 5; i++)
        CHECK_EQ(sweep(&s, 6), i);
    end(&s);
}

TEST(history_of_plain_messages_is_swept_in_one_step)
{
    struct setting s;
    int out[CAPACITY] = {0};
    begin(&s, false);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(append(&s, i), -1);
    rn__history_copy(&s.history, 5, CAPACITY, out);
    for (int i = 0; i < CAPACITY; i++)
        CHECK_EQ(out[i], 5 + i); /* across the seam of the ring */
    rn__history_abandon(&s.history);
    CHECK_EQ(sweep(&s, 8), -1);
    CHECK_EQ(s.history.begin, 8);
    end(&s);
}

TEST(history_too_large_for_any_memory_is_refused)
{
    struct rn__element element;
    struct rn__history history;
    REQUIRE(rn__element_init(&element, &(rn_elem){.size = RN_ELEM_SIZE_MAX}) == 0);
    CHECK(!rn__history_init(&history, &element, SIZE_MAX / 2, RN__WHERE_CLONED, 2));
}
