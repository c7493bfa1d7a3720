/* SPDX-License-Identifier: MIT */
/* test_worker.c - a worker's slot, pockets and places for ready tasks, without running it. */
#include "harness/harness.h"
#include "runtime/runtime.h"

#include <pthread.h>

static struct rn_runtime paper;

static struct rn__worker *take(uint32_t number)
{
    paper.stack_class = rn__stack_class_of(64 << 10);
    return rn__worker_take(&paper, number);
}

/* -- slots ------------------------------------------------------------------------------------------------------- */

TEST(worker_slots_are_used_again)
{
    struct rn__worker *first = take(0);
    struct rn__worker *second = take(1);
    REQUIRE(first != NULL && second != NULL && first != second);
    CHECK_EQ(first->number, 0);
    CHECK_EQ(second->number, 1);
    CHECK(first->slot != second->slot);
    rn__worker_give_back(first);
    struct rn__worker *third = take(7);
    CHECK(third == first);
    CHECK_EQ(third->number, 7);
    rn__worker_give_back(second);
    rn__worker_give_back(third);
}

TEST(worker_slots_are_limited)
{
    static struct rn__worker *workers[RN_WORKERS_MAX];
    for (uint32_t i = 0; i < RN_WORKERS_MAX; i++)
        REQUIRE((workers[i] = take(i)) != NULL);
    CHECK(take(RN_WORKERS_MAX) == NULL);
    rn__worker_give_back(workers[100]);
    CHECK(take(3) == workers[100]);
    CHECK(take(4) == NULL);
    for (uint32_t i = 0; i < RN_WORKERS_MAX; i++)
        rn__worker_give_back(workers[i]);
}

/* -- pockets ----------------------------------------------------------------------------------------------------- */

TEST(worker_pocket_of_slots_gives_each_once)
{
    enum { BLOCKS = 200 };
    static struct rn__party *blocks[BLOCKS];
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            REQUIRE((blocks[i] = rn__worker_take_block(worker)) != NULL);
            for (int k = 0; k < i; k++)
                REQUIRE(blocks[k] != blocks[i]);
        }
        for (int i = 0; i < BLOCKS; i++)
            rn__worker_put_block(worker, blocks[i]);
        CHECK(worker->block_count <= 100); /* the rest went back to the table */
    }
    rn__worker_give_back(worker);
    const uint32_t slots = rn__party_count();
    for (int i = 0; i < BLOCKS; i++)
        REQUIRE((blocks[i] = rn__party_take(&rn__task_kind)) != NULL);
    CHECK_EQ(rn__party_count(), slots); /* the pocket was emptied, so the table did not grow */
    for (int i = 0; i < BLOCKS; i++)
        rn__party_give_back(blocks[i]);
}

TEST(worker_pocket_of_stacks_is_bounded)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    for (int i = 0; i < 1000; i++)
        REQUIRE(rn__worker_reserve_stack(worker));
    for (int i = 0; i < 1000; i++) {
        rn__worker_unreserve_stack(worker);
        CHECK(worker->spare_reservations < 100);
    }
    rn__worker_give_back(worker);
}

/* -- places of ready tasks --------------------------------------------------------------------------------------- */

static struct rn__task tasks[4];

TEST(worker_that_has_nothing_has_no_work)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    CHECK(!rn__worker_has_work(worker));
    CHECK(rn__worker_current() == NULL);
    rn__worker_give_back(worker);
}

TEST(worker_has_work_wherever_a_task_is_put)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    rn__worker_ready(worker, &tasks[0]);
    CHECK(rn__worker_has_work(worker));
    worker->next = NULL;
    rn__ready_push(&worker->ready, &tasks[1]);
    CHECK(rn__worker_has_work(worker));
    CHECK(rn__ready_pop(&worker->ready) == &tasks[1]);
    CHECK(!rn__worker_has_work(worker));
    rn__worker_post(worker, &tasks[2]);
    CHECK(rn__worker_has_work(worker));
    worker->inbox = NULL;
    rn__fresh_push(&worker->fresh, &tasks[3]);
    CHECK(rn__worker_has_work(worker));
    CHECK(rn__fresh_pop_newest(&worker->fresh) == &tasks[3]);
    CHECK(!rn__worker_has_work(worker));
    rn__worker_interrupt(worker, RN__ATTENTION_TICK);
    CHECK(rn__worker_has_work(worker));
    worker->attention = 0;
    rn__worker_give_back(worker);
}

TEST(worker_runs_next_what_was_woken_first)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    for (int i = 0; i < 3; i++)
        rn__worker_ready(worker, &tasks[i]);
    CHECK(worker->next == &tasks[0]);
    CHECK(rn__ready_pop(&worker->ready) == &tasks[1]);
    CHECK(rn__ready_pop(&worker->ready) == &tasks[2]);
    worker->next = NULL;
    rn__worker_give_back(worker);
}

TEST(worker_inbox_keeps_all_of_them)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    for (int i = 0; i < 4; i++)
        rn__worker_post(worker, &tasks[i]);
    struct rn__party *party = worker->inbox; /* newest first */
    for (int i = 4; i-- > 0; party = party->next)
        CHECK(party == &tasks[i].party);
    CHECK(party == NULL);
    worker->inbox = NULL;
    rn__worker_give_back(worker);
}

TEST(worker_is_kicked_only_if_it_sleeps)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    CHECK(!rn__worker_kick(worker));
    worker->asleep = 1;
    CHECK(rn__worker_kick(worker));
    CHECK_EQ(worker->asleep, 0);
    CHECK(!rn__worker_kick(worker));
    rn__worker_give_back(worker);
}

/* Whoever finds the inbox empty wakes the worker; the next one need not. */
TEST(worker_that_sleeps_is_woken_by_the_first_post)
{
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    worker->asleep = 1;
    rn__worker_post(worker, &tasks[0]);
    CHECK_EQ(worker->asleep, 0);
    worker->asleep = 1;
    rn__worker_interrupt(worker, RN__ATTENTION_RETURN);
    CHECK_EQ(worker->asleep, 0);
    CHECK_EQ(worker->attention, RN__ATTENTION_RETURN);
    rn__worker_interrupt(worker, RN__ATTENTION_TICK);
    CHECK_EQ(worker->attention, RN__ATTENTION_RETURN | RN__ATTENTION_TICK);
    worker->inbox = NULL;
    worker->attention = 0;
    rn__worker_give_back(worker);
}

/* -- running it -------------------------------------------------------------------------------------------------- */

/* A worker that is told to stop before it begins comes back at once; so does one whose time is over. */
TEST(worker_that_is_told_to_stop_comes_back)
{
    uint32_t stop = 1;
    struct rn__worker *worker = take(0);
    REQUIRE(worker != NULL);
    rn__worker_run(worker, &stop, INT64_MAX);
    stop = 0;
    static struct rn__worker *list[1];
    list[0] = worker;
    paper.workers = list;
    paper.worker_count = 1;
    const int64_t deadline = rn_now_ns() + 2000000;
    rn__worker_run(worker, &stop, deadline);
    CHECK(rn_now_ns() >= deadline);
    CHECK(rn__worker_current() == NULL);
    rn__worker_give_back(worker);
}

static uint32_t stop_running;

static void *stop_soon(void *arg)
{
    rn__store_release(&stop_running, 1);
    rn__worker_interrupt(arg, RN__ATTENTION_RETURN);
    return NULL;
}

TEST(worker_that_sleeps_is_stopped_by_another_thread)
{
    static struct rn__worker *list[1];
    paper.workers = list;
    paper.worker_count = 1;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        struct rn__worker *worker = list[0] = take(0);
        REQUIRE(worker != NULL);
        rn__store_release(&stop_running, 0);
        REQUIRE(pthread_create(&thread, NULL, stop_soon, worker) == 0);
        rn__worker_run(worker, &stop_running, INT64_MAX);
        REQUIRE(pthread_join(thread, NULL) == 0);
        rn__worker_give_back(worker);
    }
}
