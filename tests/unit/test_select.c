/* SPDX-License-Identifier: MIT */
/* test_select.c - what a select asks of a kind of operation, how often, and in which order. */
#include <string.h>

#include "base/fault.h"
#include "base/random.h"
#include "harness/harness.h"
#include "wait/callback.h"
#include "wait/select.h"

enum { CASES = 5 };

/* A thing that can be had once it is open. */
struct thing {
    struct rn__lock lock;
    struct rn__waitq queue;
    bool open;
    uint32_t begun, attempts, asked, stood, left, finished;
    int told; /* the code in the last finish */
};

static struct thing things[CASES];
static uint32_t order[2 * CASES], ordered; /* of the attempts */

static struct thing *thing_of(const struct rn__operation *operation)
{
    return operation->object;
}

static void begin(struct rn__operation *operation)
{
    CHECK(!rn__lock_is_held(operation->lock));
    CHECK_EQ(operation->waiter.token, 0);
    thing_of(operation)->begun++;
}

static int attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct thing *thing = thing_of(operation);
    (void)wakes;
    CHECK(rn__lock_is_held(operation->lock));
    thing->attempts++;
    if (ordered < RN__COUNT(order))
        order[ordered++] = (uint32_t)(thing - things);
    return thing->open ? 0 : RN__PENDING;
}

static bool ready(const struct rn__operation *operation)
{
    CHECK(rn__lock_is_held(operation->lock));
    thing_of(operation)->asked++;
    return thing_of(operation)->open;
}

static void stand(struct rn__operation *operation)
{
    CHECK(rn__lock_is_held(operation->lock));
    CHECK(operation->waiter.queue == operation->queue);
    thing_of(operation)->stood++;
}

static void leave(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    CHECK(rn__lock_is_held(operation->lock));
    thing_of(operation)->left++;
}

static int finish(struct rn__operation *operation, int rc)
{
    struct thing *thing = thing_of(operation);
    CHECK(!rn__lock_is_held(operation->lock));
    CHECK(operation->waiter.queue == NULL);
    thing->finished++;
    thing->told = rc;
    return rc == RN__PENDING ? rc : -77;
}

static const struct rn__operation_kind thing_kind = {
    .verb = "thing",
    .attempt = attempt,
    .leave = leave,
    .begin = begin,
    .ready = ready,
    .stand = stand,
    .finish = finish,
};

static void make(rn_case *cases)
{
    memset(things, 0, sizeof things);
    ordered = 0;
    for (int i = 0; i < CASES; i++) {
        cases[i] = RN_NEVER;
        *rn__case_operation(&cases[i]) = (struct rn__operation){
            .kind = &thing_kind, .lock = &things[i].lock, .queue = &things[i].queue, .object = &things[i]};
    }
}

TEST(select_finishes_each_case_that_it_began_and_no_other)
{
    rn_case cases[CASES];
    make(cases);
    things[2].open = true;
    cases[2].rc = cases[0].rc = 99;
    CHECK_EQ(rn_select_in_order(cases, CASES, RN_FOREVER), 2);
    CHECK_RC(cases[2].rc, -77); /* what finish made of it */
    CHECK_EQ(cases[0].rc, 99);
    for (int i = 0; i < CASES; i++) {
        CHECK_EQ(things[i].begun, i <= 2);
        CHECK_EQ(things[i].attempts, i <= 2);
        CHECK_EQ(things[i].finished, i <= 2);
        CHECK_EQ(things[i].asked + things[i].stood + things[i].left, 0);
    }
    CHECK_EQ(things[2].told, 0);
    CHECK_EQ(things[0].told, RN__PENDING);
}

TEST(select_that_waits_stands_in_each_queue_once_and_leaves_it)
{
    rn_case cases[CASES];
    do { /* until it stood there before its time was over */
        make(cases);
        cases[3] = RN_NEVER;
        CHECK_RC(rn_select_until(cases, CASES, rn_in_ms(1)), RN_ETIMEDOUT);
    } while (things[0].stood == 0);
    for (int i = 0; i < CASES; i++) {
        const uint32_t once = i != 3;
        CHECK_EQ(things[i].begun, once);
        CHECK_EQ(things[i].attempts, once);
        CHECK_EQ(things[i].asked, once);
        CHECK_EQ(things[i].stood, once);
        CHECK_EQ(things[i].left, once);
        CHECK_EQ(things[i].finished, once);
        CHECK(things[i].queue.first == NULL);
    }
}

static uint32_t choose_given(uint32_t n, void *ctx)
{
    CHECK_EQ(n, 2 * CASES);
    return *(uint32_t *)ctx;
}

/* From everywhere, in both directions, each case once. */
TEST(select_looks_at_every_case_wherever_it_begins)
{
    rn_case cases[CASES];
    for (uint32_t chosen = 0; chosen < 2 * CASES; chosen++) {
        make(cases);
        rn__choose_set(choose_given, &chosen);
        CHECK_RC(rn_try_select(cases, CASES), RN_EAGAIN);
        rn__choose_set(NULL, NULL);
        CHECK_EQ(ordered, CASES);
        for (uint32_t n = 0; n < CASES; n++) {
            const uint32_t start = chosen / 2;
            CHECK_EQ(order[n], (chosen % 2 == 0 ? start + n : start + CASES - n) % CASES);
            CHECK_EQ(things[n].finished, 1);
        }
    }
}

static bool refuse_maps(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_MAP;
}

TEST(select_of_a_thread_that_gets_no_party_is_refused)
{
    rn_case cases[CASES];
    struct rn__party *list;
    make(cases);
    rn__fault_set(refuse_maps, NULL);
    while (rn__party_take_many(&list, 1024) > 0) {
    }
    CHECK_RC(rn_select(cases, CASES), RN_ENOMEM);
    CHECK_EQ(things[0].finished, 1);
    CHECK_EQ(things[0].stood, 0);
    things[1].open = true;
    CHECK_EQ(rn_select(cases, CASES), 1); /* one that does not wait needs none */
    rn__fault_set(NULL, NULL);
}

static void never_called(struct rn__callback *callback, int result)
{
    (void)callback, (void)result;
    FAIL("called");
}

TEST(select_of_a_party_that_cannot_park_is_refused)
{
    rn_case cases[CASES];
    struct rn__callback callback;
    make(cases);
    REQUIRE(rn__callback_init(&callback, never_called, NULL) == 0);
    rn__party_set_current(callback.party);
    CHECK_RC(rn_select(cases, CASES), RN_EDEADLK);
    CHECK_EQ(things[0].finished, 1);
    rn__party_set_current(NULL);
    rn__callback_fini(&callback);
}

static int refused(const rn_case *one)
{
    rn_case copy = *one;
    REQUIRE(rn_try_select(&copy, 1) == 0);
    return copy.rc;
}

TEST(select_case_that_is_refused_may_be_copied)
{
    const rn_case one = rn__case_refused();
    CHECK_RC(refused(&one), RN_EINVAL);
    CHECK_RC(refused(&one), RN_EINVAL);
}
