/* SPDX-License-Identifier: MIT */
/* test_await.c - the one primitive under every call that can wait: what it asks before it waits, in which order,
 * and what it answers. The caller is a party made here, or this thread. */
#include "harness/harness.h"

#include <string.h>

#include "base/fault.h"
#include "wait/await.h"

#include <runnel/cancel.h>
#include <runnel/time.h>

static struct rn__lock lock;
static struct rn__waitq queue;
static int value; /* to be taken; 0: none */
static int attempts;

static int attempt_take(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    CHECK(rn__lock_is_held(operation->lock));
    attempts++;
    if (value == 0)
        return RN__PENDING;
    *(int *)operation->data = value;
    value = 0;
    return 0;
}

static const struct rn__operation_kind take_kind = {.verb = "box take", .attempt = attempt_take};

static struct rn__operation take_into(int *place)
{
    return (struct rn__operation){
        .kind = &take_kind, .lock = &lock, .queue = &queue, .object = &value, .name = "box", .data = place};
}

static void give(int what)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&lock);
    struct rn__waiter *waiter = rn__waitq_claim(&queue);
    if (waiter != NULL) {
        *(int *)rn__container_of(waiter, struct rn__operation, waiter)->data = what;
        rn__wakes_add(&wakes, waiter, 0);
    } else {
        value = what;
    }
    rn__lock_release(&lock);
    rn__wakes_run(&wakes);
}

/* -- a party whose parking is a function of the case ------------------------------------------------------------ */

static void (*when_parked)(struct rn__party *party, int64_t deadline);
static uint32_t parks, schedules, yields;

static void test_park(struct rn__party *party, int64_t deadline)
{
    parks++;
    REQUIRE(when_parked != NULL);
    CHECK(!rn__lock_is_held(&lock));
    when_parked(party, deadline);
}

static void test_schedule(struct rn__party *party)
{
    CHECK_EQ(rn__word_state(party->word), RN__PARTY_FIRED);
    CHECK(!rn__lock_is_held(&lock));
    schedules++;
}

static void test_yield(struct rn__party *party)
{
    (void)party;
    yields++;
}

static const struct rn__party_kind kind = {
    .name = "test", .cancellable = true, .park = test_park, .schedule = test_schedule, .yield = test_yield};

static struct rn__party *become(const struct rn__party_kind *its_kind)
{
    struct rn__party *party = rn__party_take(its_kind);
    REQUIRE(party != NULL);
    rn__party_set_current(party);
    return party;
}

static uint64_t token_of(const struct rn__party *party)
{
    return rn__token(party->index, rn__word_epoch(party->word));
}

static void by_peer(struct rn__party *party, int64_t deadline)
{
    (void)party, (void)deadline;
    give(42);
}

static void by_timer(struct rn__party *party, int64_t deadline)
{
    CHECK(deadline != RN__NEVER);
    CHECK(rn__party_fire(token_of(party), RN__BY_TIMER));
}

static void by_canceller(struct rn__party *party, int64_t deadline)
{
    (void)deadline;
    rn__party_cancel(party, 7);
    CHECK_EQ(schedules, 1);
}

/* -- before it waits -------------------------------------------------------------------------------------------- */

TEST(await_of_what_is_possible_does_it_and_does_not_wait)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    become(&kind);
    value = 5;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
    CHECK_EQ(got, 5);
    CHECK_EQ(parks, 0);
    CHECK(!rn__lock_is_held(&lock));
}

TEST(await_tries_even_if_the_deadline_has_passed)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    value = 5;
    CHECK_RC(rn__await(&take, rn_at_ns(1), RN__CANCELLABLE), 0);
    CHECK_EQ(got, 5);
    CHECK_RC(rn__await(&take, rn_at_ns(1), RN__CANCELLABLE), RN_ETIMEDOUT);
    CHECK_EQ(attempts, 2);
    CHECK(rn__party_current() == NULL); /* nor did this thread need a party */
}

TEST(await_of_a_cancelled_caller_does_not_even_try)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    rn__party_cancel(become(&kind), 7);
    value = 5;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_ECANCELED);
    CHECK_RC(rn__await(&take, rn_at_ns(1), RN__CANCELLABLE), RN_ECANCELED);
    CHECK_EQ(attempts, 0);
    CHECK_EQ(value, 5);
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__UNCANCELLABLE), 0);
    CHECK_EQ(got, 5);
}

TEST(await_in_a_shield_does_not_see_the_cancellation)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    rn__party_cancel(become(&kind), 7);
    rn_shield_enter();
    value = 5;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
    rn_shield_leave();
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_ECANCELED);
}

TEST(await_in_a_callback_is_refused)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    value = 5;
    rn__callback_enter();
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_EDEADLK);
    CHECK_RC(rn__await_deadline(rn_at_ns(1), RN__CANCELLABLE), RN_EDEADLK);
    CHECK_EQ(attempts, 0);
    rn__callback_leave();
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
}

TEST(await_by_a_party_that_cannot_park_is_refused)
{
    static const struct rn__party_kind stackless = {.name = "stackless", .schedule = test_schedule};
    int got = 0;
    struct rn__operation take = take_into(&got);
    become(&stackless);
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_EDEADLK);
    CHECK(queue.first == NULL);
    CHECK(!rn__lock_is_held(&lock));
    value = 5;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
    CHECK_RC(rn__await_deadline(rn_in_s(100), RN__CANCELLABLE), RN_EDEADLK);
}

static bool refuse_maps(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_MAP;
}

TEST(await_of_a_thread_that_gets_no_party_is_refused)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    struct rn__party *list;
    rn__fault_set(refuse_maps, NULL);
    while (rn__party_take_many(&list, 1024) > 0) {
    }
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_ENOMEM);
    CHECK_EQ(rn_sleep_ms(0), 0); /* who only sleeps needs none */
    CHECK_EQ(rn_sleep_ms(1), 0);
    CHECK(queue.first == NULL);
    CHECK(!rn__lock_is_held(&lock));
    rn__fault_set(NULL, NULL);
}

TEST(await_attempt_alone_gives_the_callers_word_for_not_now)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    CHECK_RC(rn__attempt(&take, RN_EMPTY), RN_EMPTY);
    value = 5;
    CHECK_RC(rn__attempt(&take, RN_EMPTY), 0);
    CHECK_EQ(got, 5);
    rn__callback_enter();
    CHECK_RC(rn__attempt(&take, RN_EMPTY), RN_EMPTY); /* never waits, so callbacks may */
    rn__callback_leave();
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

TEST(await_gives_what_the_peer_left_and_stands_nowhere)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    struct rn__party *self = become(&kind);
    when_parked = by_peer;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
    CHECK_EQ(got, 42);
    CHECK_EQ(parks, 1);
    CHECK_EQ(schedules, 1);
    CHECK(queue.first == NULL);
    CHECK_EQ(rn__word_state(self->word), RN__PARTY_IDLE);
}

TEST(await_gives_the_code_that_the_peer_left)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    struct rn__wakes wakes = {0};
    become(&kind);
    rn__waitq_push(&queue, &take.waiter);
    take.waiter.token = rn__party_arm(rn__party_current());
    rn__wakes_add_all(&wakes, &queue, RN_CLOSED);
    CHECK_EQ(take.waiter.result, RN_CLOSED);
    rn__wakes_run(&wakes);
    CHECK_EQ(rn__party_settle(rn__party_current()), 0);
}

TEST(await_that_times_out_has_left_the_queue_and_taken_nothing)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    become(&kind);
    when_parked = by_timer;
    CHECK_RC(rn__await(&take, rn_in_s(1000), RN__CANCELLABLE), RN_ETIMEDOUT);
    CHECK(queue.first == NULL);
    give(9);
    CHECK_EQ(got, 0);
    CHECK_EQ(value, 9);
}

TEST(await_that_is_cancelled_has_left_the_queue_and_taken_nothing)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    become(&kind);
    when_parked = by_canceller;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_ECANCELED);
    CHECK(queue.first == NULL);
    give(9);
    CHECK_EQ(value, 9);
    CHECK_EQ(rn_cancelled(), 7);
}

static void cancel_and_give(struct rn__party *party, int64_t deadline)
{
    (void)deadline;
    rn__party_cancel(party, 7);
    CHECK_EQ(schedules, 0); /* the canceller cannot see this wait */
    give(42);
}

TEST(await_that_is_uncancellable_waits_on)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    struct rn__party *self = become(&kind);
    when_parked = cancel_and_give;
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__UNCANCELLABLE), 0);
    CHECK_EQ(got, 42);
    CHECK_EQ(self->shield, 0);
    CHECK(rn__party_is_cancelled(self));
}

/* The wake is for those whom the attempt served; they run when the lock is free: test_schedule() looks. */
static int attempt_close(struct rn__operation *operation, struct rn__wakes *wakes)
{
    rn__wakes_add_all(wakes, operation->queue, RN_CLOSED);
    return 0;
}

TEST(await_wakes_whom_its_attempt_has_served)
{
    static const struct rn__operation_kind close_kind = {.verb = "box close", .attempt = attempt_close};
    int got = 0;
    struct rn__operation take = take_into(&got), close = take_into(&got);
    struct rn__party *waiting = rn__party_take(&kind);
    close.kind = &close_kind;
    become(&kind);
    for (int round = 0; round < 2; round++) {
        take.waiter.token = rn__party_arm(waiting);
        rn__waitq_push(&queue, &take.waiter);
        CHECK_RC(round == 0 ? rn__await(&close, RN_FOREVER, RN__CANCELLABLE) : rn__attempt(&close, RN_FULL), 0);
        CHECK_EQ(schedules, round + 1);
        CHECK_EQ(rn__party_settle(waiting), 0);
    }
}

/* A part of it has happened: somebody was served, and yet the caller has to wait. */
static int attempt_half(struct rn__operation *operation, struct rn__wakes *wakes)
{
    rn__wakes_add_all(wakes, operation->queue, 0);
    return RN__PENDING;
}

static void look_for_the_wake(struct rn__party *party, int64_t deadline)
{
    CHECK_EQ(schedules, 2);
    by_timer(party, deadline);
}

TEST(await_wakes_whom_its_attempt_has_served_before_it_waits_itself)
{
    static const struct rn__operation_kind half_kind = {.verb = "box half", .attempt = attempt_half};
    int got = 0;
    struct rn__operation take = take_into(&got), half = take_into(&got);
    struct rn__party *waiting = rn__party_take(&kind);
    half.kind = &half_kind;
    become(&kind);
    when_parked = look_for_the_wake;
    for (int round = 0; round < 2; round++) {
        const rn_deadline deadline = round == 0 ? rn_at_ns(1) : rn_in_s(100);
        take.waiter.token = rn__party_arm(waiting);
        rn__waitq_push(&queue, &take.waiter);
        CHECK_RC(rn__await(&half, deadline, RN__CANCELLABLE), RN_ETIMEDOUT);
        CHECK_EQ(schedules, round + 1);
        CHECK_EQ(parks, round);
        CHECK_EQ(rn__party_settle(waiting), 0);
    }
}

/* -- what the dump sees ----------------------------------------------------------------------------------------- */

static void look_and_give(struct rn__party *party, int64_t deadline)
{
    CHECK_STR_EQ(party->wait_verb, "box take");
    CHECK_STR_EQ(party->wait_name, "box");
    CHECK(party->wait_object == &value);
    CHECK_EQ(party->wait_deadline, deadline);
    give(42);
}

TEST(await_says_what_it_waits_for_while_it_waits)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    struct rn__party *self = become(&kind);
    when_parked = look_and_give;
    CHECK_RC(rn__await(&take, rn_at_ns(INT64_MAX - 1), RN__CANCELLABLE), 0);
    CHECK(self->wait_verb == NULL);
}

static struct rn__party *cancelled_by_attempt;

static int attempt_and_be_cancelled(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)operation, (void)wakes;
    rn__party_cancel(cancelled_by_attempt, 7);
    return RN__PENDING;
}

/* Cancelled after the look at the entry and before it is armed: it leaves without having parked. */
TEST(await_that_looks_and_leaves_says_no_more_that_it_waits)
{
    static const struct rn__operation_kind unlucky = {.verb = "unlucky", .attempt = attempt_and_be_cancelled};
    int got = 0;
    struct rn__operation take = take_into(&got);
    take.kind = &unlucky;
    cancelled_by_attempt = become(&kind);
    CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), RN_ECANCELED);
    CHECK_EQ(parks, 0);
    CHECK(queue.first == NULL);
    CHECK_EQ(rn__word_state(cancelled_by_attempt->word), RN__PARTY_IDLE);
    CHECK(cancelled_by_attempt->wait_verb == NULL);
}

/* -- the budget ------------------------------------------------------------------------------------------------- */

TEST(await_lets_others_run_after_so_many_operations)
{
    int got = 0;
    struct rn__operation take = take_into(&got);
    become(&kind);
    for (uint32_t i = 1; i <= 3 * RN__BUDGET; i++) {
        value = 5;
        CHECK_RC(rn__await(&take, RN_FOREVER, RN__CANCELLABLE), 0);
        CHECK_EQ(yields, (i - 1) / RN__BUDGET);
    }
}

TEST(await_deadline_that_has_passed_lets_others_run_too)
{
    become(&kind);
    for (uint32_t i = 1; i <= 2 * RN__BUDGET; i++) {
        CHECK_EQ(rn_sleep_ms(0), 0);
        CHECK_EQ(yields, (i - 1) / RN__BUDGET);
    }
}

TEST(await_budget_is_not_for_callers_without_one)
{
    rn__budget_spend(NULL);
    rn__budget_renew(NULL);
    struct rn__party *self = become(&kind);
    self->budget = 1;
    rn__budget_spend(self);
    CHECK_EQ(self->budget, 0);
    rn__callback_enter();
    rn__budget_renew(self); /* a callback may not be interrupted */
    rn__callback_leave();
    CHECK_EQ(yields, 0);
    CHECK_EQ(self->budget, 0);
    rn__budget_renew(self);
    CHECK_EQ(yields, 1);
    CHECK_EQ(self->budget, RN__BUDGET);
}

/* -- time alone ------------------------------------------------------------------------------------------------- */

TEST(await_deadline_of_a_thread_is_not_early)
{
    const int64_t spans[] = {0, 1, 1000, 300000, 2000000};
    for (size_t i = 0; i < RN__COUNT(spans); i++) {
        const rn_deadline until = rn_in_ns(spans[i]);
        CHECK_RC(rn__await_deadline(until, RN__CANCELLABLE), RN_ETIMEDOUT);
        CHECK(rn_passed(until));
    }
}

TEST(await_sleep_ends_when_it_is_cancelled)
{
    become(&kind);
    when_parked = by_canceller;
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_sleep_ms(-5), RN_ECANCELED);
    CHECK_EQ(parks, 1);
}

TEST(await_sleep_ends_when_its_time_is_up)
{
    become(&kind);
    when_parked = by_timer;
    CHECK_RC(rn_sleep_ms(1000), 0);
    CHECK_EQ(parks, 1);
    CHECK_RC(rn_sleep_ms(0), 0);
    CHECK_EQ(parks, 1);
}

TEST(await_shield_of_a_plain_thread_is_nothing)
{
    rn_shield_leave();
    rn_shield_enter();
    CHECK_EQ(rn_cancelled(), 0);
    rn_shield_leave();
    struct rn__party *self = become(&kind);
    rn_shield_leave(); /* without enter: ignored */
    CHECK_EQ(self->shield, 0);
    rn_shield_enter();
    rn_shield_enter();
    rn_shield_leave();
    CHECK_EQ(self->shield, 1);
    rn_shield_leave();
}
