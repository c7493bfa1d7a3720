/* SPDX-License-Identifier: MIT */
/* test_thread_party.c - plain threads as parties: their slots come and go with them, and their sleep ends for the
 * right reason only. */
#include "harness/harness.h"

#include <sched.h>

#include "base/random.h"
#include "platform/platform.h"
#include "wait/await.h"

static struct rn__lock lock;
static struct rn__waitq queue;
static int value; /* to be taken; 0: none */

static int attempt_take(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    if (value == 0)
        return RN__PENDING;
    *(int *)operation->data = value;
    value = 0;
    return 0;
}

static const struct rn__operation_kind take_kind = {.verb = "box take", .attempt = attempt_take};

static int take(int *place, rn_deadline deadline)
{
    struct rn__operation operation = {
        .kind = &take_kind, .lock = &lock, .queue = &queue, .object = &value, .data = place};
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

/* false: nobody waits for it. */
static bool give(int what)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&lock);
    struct rn__waiter *waiter = rn__waitq_claim(&queue);
    if (waiter != NULL) {
        *(int *)rn__container_of(waiter, struct rn__operation, waiter)->data = what;
        rn__wakes_add(&wakes, waiter, 0);
    }
    rn__lock_release(&lock);
    rn__wakes_run(&wakes);
    return waiter != NULL;
}

static enum rn__party_state state_of(struct rn__party *const *party)
{
    struct rn__party *it = rn__load_acquire(party); /* the slot, as its owner published it */
    return it == NULL ? RN__PARTY_IDLE : rn__word_state(rn__load_acquire(&it->word)); /* only looked at */
}

/* -- the slot --------------------------------------------------------------------------------------------------- */

static struct rn__party *seen[3];

static int remember(void *where)
{
    struct rn__party *mine = rn__party_of_caller();
    CHECK(mine != NULL);
    CHECK(rn__party_of_caller() == mine);
    CHECK(rn__party_current() == mine);
    CHECK_STR_EQ(mine->kind->name, "thread");
    *(struct rn__party **)where = mine;
    return 0;
}

static int give_to_one_that_waits(void *what)
{
    WAIT_UNTIL(give(*(int *)what));
    return 0;
}

TEST(thread_party_is_made_at_the_first_wait)
{
    CHECK(rn__party_current() == NULL);
    int got, seven = 7;
    CHECK_RC(take(&got, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK(rn__party_current() == NULL); /* it did not wait */
    struct actor *giver = actor_start(give_to_one_that_waits, &seven);
    CHECK_RC(take(&got, RN_FOREVER), 0);
    CHECK(rn__party_current() != NULL);
    CHECK_RC(actor_join(giver), 0);
}

TEST(thread_party_is_one_for_each_thread)
{
    remember(&seen[0]);
    actor_join(actor_start(remember, &seen[1]));
    CHECK(seen[0] != seen[1]);
    CHECK(rn__party_of_caller() == seen[0]);
}

TEST(thread_party_is_given_back_when_the_thread_ends)
{
    actor_join(actor_start(remember, &seen[0]));
    for (int i = 0; i < 5000; i++) /* more than the table has slots without growing */
        actor_join(actor_start(remember, &seen[1]));
    CHECK(seen[1] == seen[0]);
    CHECK_EQ(rn__party_count(), 1024);
}

/* -- sleeping and waking ---------------------------------------------------------------------------------------- */

static struct rn__party *waiting;
static int took, answer;
static uint32_t returned;

static int take_one(void *unused)
{
    (void)unused;
    struct rn__party *mine = rn__party_of_caller();
    rn__store_release(&waiting, mine); /* the slot is whole */
    answer = take(&took, RN_FOREVER);
    rn__store_release(&returned, 1); /* took, answer */
    return 0;
}

TEST(thread_party_sleeps_until_it_is_served)
{
    struct actor *actor = actor_start(take_one, NULL);
    WAIT_UNTIL(give(42));
    actor_join(actor);
    CHECK_RC(answer, 0);
    CHECK_EQ(took, 42);
}

TEST(thread_party_does_not_go_on_for_a_wake_without_reason)
{
    struct actor *actor = actor_start(take_one, NULL);
    WAIT_UNTIL(state_of(&waiting) == RN__PARTY_ARMED);
    for (int i = 0; i < 50; i++) {
        rn__platform_futex_wake(rn__word_low(&waiting->word), 1);
        test_pause();
        CHECK_EQ(rn__load_acquire(&returned), 0); /* took, answer */
    }
    CHECK(give(42));
    actor_join(actor);
    CHECK_EQ(took, 42);
}

/* Won is not yet served: the value may still be on its way. */
TEST(thread_party_that_was_fired_waits_for_its_schedule)
{
    struct actor *actor = actor_start(take_one, NULL);
    WAIT_UNTIL(state_of(&waiting) == RN__PARTY_ARMED);
    rn__lock_acquire(&lock);
    struct rn__waiter *waiter = rn__waitq_claim(&queue);
    rn__lock_release(&lock);
    REQUIRE(waiter != NULL);
    for (int i = 0; i < 20; i++) {
        rn__platform_futex_wake(rn__word_low(&waiting->word), 1);
        test_pause();
        CHECK_EQ(rn__load_acquire(&returned), 0); /* took, answer */
    }
    *(int *)rn__container_of(waiter, struct rn__operation, waiter)->data = 43;
    waiter->result = 0;
    rn__party_schedule(waiter->token);
    actor_join(actor);
    CHECK_EQ(took, 43);
}

static int time_out_while_fired(void *unused)
{
    (void)unused;
    rn__store_release(&waiting, rn__party_of_caller()); /* the slot is whole */
    answer = take(&took, rn_in_ms(20));
    rn__store_release(&returned, 1); /* took, answer */
    return 0;
}

/* The deadline passes between the peer's win and its schedule: what was won counts. */
TEST(thread_party_that_was_won_before_its_deadline_gets_the_value)
{
    struct actor *actor = actor_start(time_out_while_fired, NULL);
    struct rn__waiter *waiter = NULL;
    while (waiter == NULL && rn__load_acquire(&returned) == 0) { /* took, answer */
        rn__lock_acquire(&lock);
        waiter = rn__waitq_claim(&queue);
        rn__lock_release(&lock);
    }
    if (waiter == NULL) { /* this machine was too slow for it */
        actor_join(actor);
        CHECK_RC(answer, RN_ETIMEDOUT);
        return;
    }
    for (int i = 0; i < 40; i++)
        test_pause();
    CHECK_EQ(rn__load_acquire(&returned), 0); /* took, answer */
    *(int *)rn__container_of(waiter, struct rn__operation, waiter)->data = 44;
    waiter->result = 0;
    rn__party_schedule(waiter->token);
    actor_join(actor);
    CHECK_RC(answer, 0);
    CHECK_EQ(took, 44);
}

TEST(thread_party_times_out_and_not_before)
{
    int got = 0;
    for (int i = 0; i < 20; i++) {
        const rn_deadline until = rn_in_us(i * 50);
        CHECK_RC(take(&got, until), RN_ETIMEDOUT);
        CHECK(rn_passed(until));
        CHECK(queue.first == NULL);
    }
}

TEST(thread_party_that_is_cancelled_wakes_up)
{
    struct actor *actor = actor_start(take_one, NULL);
    WAIT_UNTIL(state_of(&waiting) == RN__PARTY_ARMED);
    rn__party_cancel(waiting, 7);
    actor_join(actor);
    CHECK_RC(answer, RN_ECANCELED);
    CHECK(queue.first == NULL);
}

/* -- races ------------------------------------------------------------------------------------------------------ */

enum { ROUNDS = 2000, THREADS = 8, EACH = 500 };

static uint32_t round_of_taker, round_of_giver;
static bool was_taken;

static int give_soon(void *unused)
{
    (void)unused;
    uint64_t seed = test_seed();
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (rn__load_acquire(&round_of_taker) != round) /* the round's beginning */
            sched_yield();
        const int64_t until = rn_now_ns() + (int64_t)(rn__random_next(&seed) % 200000);
        while (rn_now_ns() < until)
            rn__pause();
        was_taken = give((int)round);
        rn__store_release(&round_of_giver, round); /* was_taken */
    }
    return 0;
}

TEST(thread_party_gets_the_value_or_the_timeout_never_both)
{
    struct actor *giver = actor_start(give_soon, NULL);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        int got = 0;
        rn__store_release(&round_of_taker, round); /* the round's beginning */
        const int rc = take(&got, rn_in_us(100));
        while (rn__load_acquire(&round_of_giver) != round) /* was_taken */
            sched_yield();
        if ((rc != 0 && rc != RN_ETIMEDOUT) || (rc == 0) != was_taken || got != (was_taken ? (int)round : 0))
            FAIL("round %u: code %d, got %d, the giver says %d", round, rc, got, was_taken);
    }
    actor_join(giver);
    CHECK(queue.first == NULL);
}

static uint64_t sum_taken;

static int take_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < EACH; i++) {
        int got = 0;
        CHECK_RC(take(&got, RN_FOREVER), 0);
        rn__add_relaxed(&sum_taken, (uint64_t)got); /* rlx: read after the join */
    }
    return 0;
}

TEST(thread_party_of_many_threads_get_each_value_once)
{
    struct actor *actors[THREADS];
    for (int i = 0; i < THREADS; i++)
        actors[i] = actor_start(take_many, NULL);
    for (int i = 1; i <= THREADS * EACH; i++)
        while (!give(i))
            sched_yield();
    for (int i = 0; i < THREADS; i++)
        actor_join(actors[i]);
    CHECK_EQ(sum_taken, (uint64_t)(THREADS * EACH) * (THREADS * EACH + 1) / 2);
}
