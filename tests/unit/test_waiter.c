/* SPDX-License-Identifier: MIT */
/* test_waiter.c - queues of waiters, claiming from them, and batches of those to be woken. */
#include "harness/harness.h"

#include <string.h>

#include "base/random.h"
#include "wait/waiter.h"

enum { COUNT = 5 };

static struct rn__waitq queue;
static struct rn__waiter waiters[COUNT];
static struct rn__party *parties[COUNT];
static int scheduled[COUNT + 1]; /* numbers of waiters, in order */
static int schedules;

/* Who was scheduled is gone: nothing of its frame may be used any more. */
static void schedule(struct rn__party *party)
{
    for (int i = 0; i < COUNT; i++) {
        if (parties[i] != party)
            continue;
        REQUIRE(schedules < COUNT);
        scheduled[schedules++] = i;
        memset(&waiters[i], 0xdd, sizeof waiters[i]);
    }
}

static const struct rn__party_kind kind = {.name = "test", .schedule = schedule};

static void enqueue_all(void)
{
    for (int i = 0; i < COUNT; i++) {
        parties[i] = rn__party_take(&kind);
        REQUIRE(parties[i] != NULL);
        waiters[i] = (struct rn__waiter){.token = rn__party_arm(parties[i])};
        rn__waitq_push(&queue, &waiters[i]);
    }
}

/* The queue as a decimal number, from the front; and it must be the same from behind. */
static int standing(void)
{
    int forward = 0, backward = 0, weight = 1;
    for (const struct rn__waiter *waiter = queue.first; waiter != NULL; waiter = waiter->next) {
        CHECK(waiter->queue == &queue);
        forward = forward * 10 + (int)(waiter - waiters) + 1;
    }
    for (const struct rn__waiter *waiter = queue.last; waiter != NULL; waiter = waiter->previous, weight *= 10)
        backward += ((int)(waiter - waiters) + 1) * weight;
    CHECK_EQ(forward, backward);
    return forward;
}

TEST(waitq_keeps_the_order_of_coming)
{
    CHECK_EQ(standing(), 0);
    enqueue_all();
    CHECK_EQ(standing(), 12345);
}

TEST(waitq_lets_anybody_leave)
{
    enqueue_all();
    rn__waiter_remove(&waiters[2]);
    CHECK_EQ(standing(), 1245);
    rn__waiter_remove(&waiters[0]);
    CHECK_EQ(standing(), 245);
    rn__waiter_remove(&waiters[4]);
    CHECK_EQ(standing(), 24);
    rn__waiter_remove(&waiters[4]); /* stands nowhere */
    CHECK_EQ(standing(), 24);
    rn__waiter_remove(&waiters[1]);
    rn__waiter_remove(&waiters[3]);
    CHECK_EQ(standing(), 0);
    CHECK(queue.first == NULL && queue.last == NULL);
    rn__waitq_push(&queue, &waiters[3]);
    CHECK_EQ(standing(), 4);
}

TEST(waitq_claims_who_came_first)
{
    enqueue_all();
    CHECK(rn__waitq_claim(&queue) == &waiters[0]);
    CHECK(waiters[0].queue == NULL);
    CHECK_EQ(rn__word_state(parties[0]->word), RN__PARTY_FIRED);
    CHECK_EQ(standing(), 2345);
}

TEST(waitq_claims_who_came_last_on_request)
{
    enqueue_all();
    CHECK(rn__waitq_claim_last(&queue) == &waiters[4]);
    CHECK_EQ(rn__word_state(parties[4]->word), RN__PARTY_FIRED);
    CHECK_EQ(standing(), 1234);
}

TEST(waitq_claims_past_those_who_were_woken_by_something_else)
{
    enqueue_all();
    CHECK(rn__party_fire(waiters[0].token, RN__BY_TIMER));
    CHECK(rn__party_disarm(parties[1]));
    CHECK(rn__party_fire(waiters[4].token, RN__BY_CANCEL));
    CHECK(rn__waitq_claim(&queue) == &waiters[2]);
    CHECK(rn__waitq_claim_last(&queue) == &waiters[3]);
    CHECK_EQ(standing(), 0);
    CHECK(waiters[0].queue == NULL && waiters[1].queue == NULL && waiters[4].queue == NULL);
    CHECK_EQ(rn__word_which(parties[0]->word), RN__BY_TIMER);
}

TEST(waitq_of_nobody_left_gives_nobody)
{
    CHECK(rn__waitq_claim(&queue) == NULL);
    CHECK(rn__waitq_claim_last(&queue) == NULL);
    enqueue_all();
    for (int i = 0; i < COUNT; i++)
        CHECK(rn__party_disarm(parties[i]));
    CHECK(rn__waitq_claim(&queue) == NULL);
    CHECK_EQ(standing(), 0);
}

TEST(waitq_claim_tells_the_party_which_case_it_was)
{
    enqueue_all();
    waiters[0].which = 300;
    CHECK(rn__waitq_claim(&queue) == &waiters[0]);
    CHECK_EQ(rn__party_settle(parties[0]), 300);
}

TEST(waitq_does_what_an_array_does)
{
    static struct rn__waiter many[64];
    int order[64], count = 0;
    uint64_t seed = test_seed();
    for (int round = 0; round < 100000; round++) {
        const int i = (int)(rn__random_next(&seed) % 64);
        if (many[i].queue == NULL) {
            rn__waitq_push(&queue, &many[i]);
            order[count++] = i;
            continue;
        }
        rn__waiter_remove(&many[i]);
        int at = 0;
        while (order[at] != i)
            at++;
        memmove(&order[at], &order[at + 1], (size_t)(--count - at) * sizeof order[0]);
        const struct rn__waiter *waiter = queue.first;
        for (at = 0; at < count && waiter == &many[order[at]]; at++)
            waiter = waiter->next;
        if (at != count || waiter != NULL)
            FAIL("the queue and the array differ at place %d of %d", at, count);
    }
}

TEST(wakes_are_run_in_the_order_in_which_they_were_added)
{
    struct rn__wakes wakes = {0};
    enqueue_all();
    rn__wakes_add(&wakes, rn__waitq_claim_last(&queue), 7);
    CHECK_EQ(waiters[4].result, 7);
    rn__wakes_add(&wakes, rn__waitq_claim(&queue), -3);
    CHECK_EQ(waiters[0].result, -3);
    rn__wakes_add(&wakes, rn__waitq_claim(&queue), 0);
    CHECK_EQ(schedules, 0);
    rn__wakes_run(&wakes);
    CHECK_EQ(schedules, 3);
    CHECK_EQ(scheduled[0], 4);
    CHECK_EQ(scheduled[1], 0);
    CHECK_EQ(scheduled[2], 1);
    CHECK_EQ(standing(), 34);
}

TEST(wakes_for_all_reach_all_who_still_wait)
{
    struct rn__wakes wakes = {0};
    enqueue_all();
    CHECK(rn__party_disarm(parties[3]));
    rn__wakes_add_all(&wakes, &queue, -42);
    CHECK_EQ(standing(), 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(waiters[i].result, i == 3 ? 0 : -42);
    rn__wakes_run(&wakes);
    CHECK_EQ(schedules, 4);
}

TEST(wakes_that_were_run_are_empty_and_empty_ones_do_nothing)
{
    struct rn__wakes wakes = {0};
    rn__wakes_run(&wakes);
    CHECK_EQ(schedules, 0);
    enqueue_all();
    rn__wakes_add_all(&wakes, &queue, 0);
    rn__wakes_run(&wakes);
    CHECK(wakes.first == NULL && wakes.last == NULL);
    rn__wakes_run(&wakes);
    CHECK_EQ(schedules, COUNT);
}
