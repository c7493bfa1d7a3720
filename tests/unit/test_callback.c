/* SPDX-License-Identifier: MIT */
/* test_callback.c - parties without a stack: called once by whoever served them, or taken back. */
#include "harness/harness.h"

#include <sched.h>

#include "base/fault.h"
#include "wait/callback.h"

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

/* true: somebody waited for it. */
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

static struct rn__callback callback;
static int got, calls, last_result;
static void (*when_called)(struct rn__callback *);

static void called(struct rn__callback *self, int result)
{
    CHECK(self->ctx == &got);
    CHECK(rn__callback_running());
    CHECK(!rn__lock_is_held(&lock));
    calls++;
    last_result = result;
    if (when_called != NULL)
        when_called(self);
}

static void wait_for_value(struct rn__callback *self)
{
    self->operation = (struct rn__operation){
        .kind = &take_kind, .lock = &lock, .queue = &queue, .object = &value, .data = &got};
}

static void prepare(void)
{
    REQUIRE(rn__callback_init(&callback, called, &got) == 0);
    wait_for_value(&callback);
}

TEST(callback_is_not_called_for_what_can_be_had_now)
{
    prepare();
    value = 5;
    CHECK_RC(rn__callback_await(&callback), 0);
    CHECK_EQ(got, 5);
    CHECK_EQ(calls, 0);
    CHECK(queue.first == NULL);
    rn__callback_fini(&callback);
    CHECK(callback.party == NULL);
}

TEST(callback_is_called_by_who_serves_it)
{
    prepare();
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK_EQ(calls, 0);
    CHECK(give(42));
    CHECK_EQ(calls, 1);
    CHECK_EQ(last_result, 0);
    CHECK_EQ(got, 42);
    CHECK(!rn__callback_running());
    CHECK(!give(43));
    CHECK_EQ(calls, 1);
    rn__callback_fini(&callback);
}

TEST(callback_gets_the_code_that_the_peer_left)
{
    struct rn__wakes wakes = {0};
    prepare();
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    rn__lock_acquire(&lock);
    rn__wakes_add_all(&wakes, &queue, RN_CLOSED);
    rn__lock_release(&lock);
    rn__wakes_run(&wakes);
    CHECK_EQ(last_result, RN_CLOSED);
    rn__callback_fini(&callback);
}

TEST(callback_that_is_withdrawn_is_not_called)
{
    prepare();
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK(rn__callback_withdraw(&callback));
    CHECK(queue.first == NULL);
    CHECK(!give(42));
    CHECK_EQ(calls, 0);
    CHECK_RC(rn__callback_await(&callback), RN__PENDING); /* it can wait again */
    CHECK(give(43));
    CHECK_EQ(got, 43);
    rn__callback_fini(&callback);
}

TEST(callback_that_was_called_cannot_be_withdrawn)
{
    prepare();
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK(give(42));
    CHECK(!rn__callback_withdraw(&callback));
    rn__callback_fini(&callback);
}

static void wait_again(struct rn__callback *self)
{
    if (calls == 10)
        return;
    wait_for_value(self);
    CHECK_RC(rn__callback_await(self), RN__PENDING);
}

TEST(callback_can_wait_again_when_it_is_called)
{
    prepare();
    when_called = wait_again;
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    for (int i = 1; i <= 10; i++) {
        CHECK(give(i));
        CHECK_EQ(got, i);
        CHECK_EQ(calls, i);
    }
    CHECK(!give(11));
    rn__callback_fini(&callback);
}

static void try_to_wait(struct rn__callback *self)
{
    struct rn__operation operation = self->operation;
    CHECK_RC(rn__await(&operation, RN_FOREVER, RN__CANCELLABLE), RN_EDEADLK);
    CHECK_RC(rn__await_deadline(RN_FOREVER, RN__UNCANCELLABLE), RN_EDEADLK);
    CHECK_RC(rn__attempt(&operation, RN_EMPTY), RN_EMPTY);
}

TEST(callback_function_may_not_wait_but_try)
{
    prepare();
    when_called = try_to_wait;
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK(give(42));
    CHECK_EQ(calls, 1);
    rn__callback_fini(&callback);
}

static bool refuse_maps(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_MAP;
}

TEST(callback_without_memory_for_its_party_is_refused)
{
    struct rn__party *list;
    rn__fault_set(refuse_maps, NULL);
    while (rn__party_take_many(&list, 1024) > 0) {
    }
    CHECK_RC(rn__callback_init(&callback, called, &got), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    prepare();
    rn__callback_fini(&callback);
}

/* -- those behind one that leaves ------------------------------------------------------------------------------- */

static int left;

static void note_leaving(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    CHECK(rn__lock_is_held(operation->lock));
    CHECK(queue.first == NULL);
    left++;
}

TEST(callback_that_leaves_gives_way_under_the_lock)
{
    static const struct rn__operation_kind kind = {
        .verb = "box take", .attempt = attempt_take, .leave = note_leaving};
    prepare();
    callback.operation.kind = &kind;
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK(rn__callback_withdraw(&callback));
    CHECK_EQ(left, 1);
    do /* until it stood there before its time was over */
        CHECK_RC(rn__await(&callback.operation, rn_in_ms(1), RN__CANCELLABLE), RN_ETIMEDOUT);
    while (left == 1);
    CHECK_EQ(left, 2);
    CHECK_RC(rn__callback_await(&callback), RN__PENDING);
    CHECK(give(9));
    CHECK_EQ(left, 2);
    rn__callback_fini(&callback);
}

/* -- a race of real threads: called or withdrawn, never both, never neither ------------------------------------- */

enum { ROUNDS = 5000 };
static uint32_t waiting, given;
static bool was_given;

static int give_each_round(void *unused)
{
    (void)unused;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (rn__load_acquire(&waiting) != round) /* the wait that began */
            sched_yield();
        was_given = give((int)round);
        rn__store_release(&given, round); /* was_given, and what fn did */
    }
    return 0;
}

TEST(callback_is_called_or_withdrawn_when_both_are_tried)
{
    int served = 0, taken_back = 0;
    prepare();
    struct actor *giver = actor_start(give_each_round, NULL);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        CHECK_RC(rn__callback_await(&callback), RN__PENDING);
        rn__store_release(&waiting, round); /* it stands in the queue */
        if (round % 3 == 0)
            sched_yield();
        const bool withdrawn = rn__callback_withdraw(&callback);
        while (rn__load_acquire(&given) != round) /* was_given, and what fn did */
            sched_yield();
        served += was_given;
        taken_back += withdrawn;
        if (withdrawn == was_given || calls != served || (was_given && got != (int)round))
            FAIL("round %u: withdrawn %d, given %d, calls %d of %d", round, withdrawn, was_given, calls, served);
    }
    actor_join(giver);
    CHECK_EQ(served + taken_back, ROUNDS);
    rn__callback_fini(&callback);
}
