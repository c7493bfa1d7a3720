/* SPDX-License-Identifier: MIT */
/* test_fresh.c - the deque of tasks that have not started. */
#include "harness/harness.h"
#include "runtime/fresh.h"

#include <pthread.h>

enum { TASKS = 64 };
static struct rn__task tasks[TASKS];
static struct rn__fresh ours, theirs;

static int number_of(const struct rn__task *task)
{
    return task == NULL ? -1 : (int)(task - tasks);
}

static void push_all(struct rn__fresh *fresh, int count)
{
    for (int i = 0; i < count; i++)
        rn__fresh_push(fresh, &tasks[i]);
}

TEST(fresh_deque_begins_empty)
{
    CHECK_EQ(rn__fresh_count(&ours), 0);
    CHECK(!rn__fresh_has_some(&ours));
    CHECK(rn__fresh_pop_newest(&ours) == NULL);
    CHECK(rn__fresh_pop_oldest(&ours) == NULL);
}

TEST(fresh_deque_gives_its_owner_the_newest)
{
    push_all(&ours, 5);
    CHECK_EQ(rn__fresh_count(&ours), 5);
    CHECK(rn__fresh_has_some(&ours));
    for (int i = 5; i-- > 0;)
        CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), i);
    CHECK(rn__fresh_pop_newest(&ours) == NULL);
    CHECK_EQ(rn__fresh_count(&ours), 0);
}

TEST(fresh_deque_gives_the_oldest_if_asked)
{
    push_all(&ours, 5);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), i);
    CHECK(rn__fresh_pop_oldest(&ours) == NULL);
    CHECK(!rn__fresh_has_some(&ours));
}

TEST(fresh_deque_takes_one_behind_all_others)
{
    rn__fresh_push_behind(&ours, &tasks[2]);
    push_all(&ours, 2);
    rn__fresh_push_behind(&ours, &tasks[3]);
    CHECK_EQ(rn__fresh_count(&ours), 4);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 1);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 3);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 0);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 2);
    CHECK(!rn__fresh_has_some(&ours));
    rn__fresh_push_behind(&ours, &tasks[0]);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 0);
    CHECK(rn__fresh_pop_newest(&ours) == NULL);
}

TEST(fresh_deque_works_at_both_ends)
{
    push_all(&ours, 4);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 0);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 3);
    rn__fresh_push(&ours, &tasks[0]);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 0);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 2);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 1);
    CHECK(rn__fresh_pop_newest(&ours) == NULL);
    rn__fresh_push(&ours, &tasks[7]);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 7);
    CHECK_EQ(rn__fresh_count(&ours), 0);
}

/* -- stealing ---------------------------------------------------------------------------------------------------- */

static int moves;
static int allowed = TASKS; /* tasks of a lower number may be taken */

static bool may(struct rn__task *task, void *ctx)
{
    CHECK(ctx == &moves);
    return number_of(task) < allowed;
}

static void moved(struct rn__task *task, void *ctx)
{
    CHECK(ctx == &moves);
    CHECK_EQ(number_of(task), moves);
    moves++;
}

static uint32_t steal(void)
{
    return rn__fresh_steal(&ours, &theirs, may, moved, &moves);
}

TEST(fresh_deque_loses_the_older_half_to_a_thief)
{
    push_all(&ours, 9);
    CHECK_EQ(steal(), 5);
    CHECK_EQ(moves, 5);
    CHECK_EQ(rn__fresh_count(&ours), 4);
    CHECK_EQ(rn__fresh_count(&theirs), 5);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(number_of(rn__fresh_pop_oldest(&theirs)), i);
    for (int i = 5; i < 9; i++)
        CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), i);
}

TEST(fresh_deque_loses_its_only_task_to_a_thief)
{
    push_all(&ours, 1);
    CHECK_EQ(steal(), 1);
    CHECK(!rn__fresh_has_some(&ours));
    CHECK(rn__fresh_pop_newest(&ours) == NULL);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&theirs)), 0);
}

TEST(fresh_deque_that_is_empty_loses_nothing)
{
    CHECK_EQ(steal(), 0);
    CHECK_EQ(moves, 0);
    CHECK(!rn__fresh_has_some(&theirs));
}

TEST(fresh_deque_keeps_what_may_not_be_taken)
{
    push_all(&ours, 8);
    allowed = 0;
    CHECK_EQ(steal(), 0);
    CHECK_EQ(rn__fresh_count(&ours), 8);
    allowed = 2;
    CHECK_EQ(steal(), 2);
    CHECK_EQ(rn__fresh_count(&ours), 6);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&ours)), 2);
    CHECK_EQ(number_of(rn__fresh_pop_newest(&ours)), 7);
}

/* What comes to a thief that has some of its own stands behind them. */
TEST(fresh_deque_of_a_thief_keeps_its_own_first)
{
    rn__fresh_push(&theirs, &tasks[40]);
    push_all(&ours, 2);
    CHECK_EQ(steal(), 1);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&theirs)), 40);
    CHECK_EQ(number_of(rn__fresh_pop_oldest(&theirs)), 0);
}

/* -- together ---------------------------------------------------------------------------------------------------- */

enum { ROUNDS = TEST_SANITIZED ? 2000 : 20000 };
static uint32_t taken[TASKS];
static uint32_t popped, stop;

static bool any(struct rn__task *task, void *ctx)
{
    (void)task, (void)ctx;
    return true;
}

static void nothing(struct rn__task *task, void *ctx)
{
    (void)task, (void)ctx;
}

static void take(struct rn__fresh *fresh, bool newest)
{
    struct rn__task *task = newest ? rn__fresh_pop_newest(fresh) : rn__fresh_pop_oldest(fresh);
    if (task == NULL)
        return;
    rn__add_acq_rel(&taken[number_of(task)], 1);
    rn__add_acq_rel(&popped, 1);
}

static void *be_a_thief(void *arg)
{
    while (rn__load_acquire(&stop) == 0) {
        rn__fresh_steal(&ours, arg, any, nothing, NULL);
        take(arg, false);
    }
    return NULL;
}

/* One pushes and pops, two steal: each push is popped once, by somebody. */
TEST(fresh_deque_loses_no_task_among_several_threads)
{
    static struct rn__fresh loot[2];
    pthread_t thieves[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&thieves[i], NULL, be_a_thief, &loot[i]) == 0);
    for (uint32_t round = 1; round <= ROUNDS / TASKS; round++) {
        for (int i = 0; i < TASKS; i++) {
            rn__fresh_push(&ours, &tasks[i]);
            if (i % 3 == 0)
                take(&ours, true);
        }
        while (rn__load_acquire(&popped) < round * TASKS)
            take(&ours, true);
        for (int i = 0; i < TASKS; i++)
            REQUIRE(rn__load_acquire(&taken[i]) == round);
    }
    rn__store_release(&stop, 1);
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_join(thieves[i], NULL) == 0);
}
