/* SPDX-License-Identifier: MIT */
/* test_ready.c - the queue of started tasks that can go on. */
#include "harness/harness.h"
#include "runtime/ready.h"

static struct rn__task tasks[8];
static struct rn__ready ready;

TEST(ready_queue_begins_empty)
{
    CHECK(rn__ready_pop(&ready) == NULL);
    CHECK(rn__ready_pop(&ready) == NULL);
}

TEST(ready_queue_is_first_in_first_out)
{
    for (int i = 0; i < 8; i++)
        rn__ready_push(&ready, &tasks[i]);
    for (int i = 0; i < 8; i++)
        CHECK(rn__ready_pop(&ready) == &tasks[i]);
    CHECK(rn__ready_pop(&ready) == NULL);
}

TEST(ready_queue_can_be_emptied_and_filled_again)
{
    for (int round = 0; round < 3; round++) {
        rn__ready_push(&ready, &tasks[1]);
        CHECK(rn__ready_pop(&ready) == &tasks[1]);
        CHECK(rn__ready_pop(&ready) == NULL);
        rn__ready_push(&ready, &tasks[2]);
        rn__ready_push(&ready, &tasks[3]);
        CHECK(rn__ready_pop(&ready) == &tasks[2]);
        rn__ready_push(&ready, &tasks[4]);
        CHECK(rn__ready_pop(&ready) == &tasks[3]);
        CHECK(rn__ready_pop(&ready) == &tasks[4]);
        CHECK(rn__ready_pop(&ready) == NULL);
    }
}

/* A task keeps a stale link from the list where it stood before: an inbox, the free slots. */
TEST(ready_queue_minds_no_link_that_was_there_before)
{
    tasks[0].party.next = &tasks[5].party;
    rn__ready_push(&ready, &tasks[0]);
    CHECK(rn__ready_pop(&ready) == &tasks[0]);
    CHECK(rn__ready_pop(&ready) == NULL);
}
