/* SPDX-License-Identifier: MIT */
/* api_watch_look.c - the contract of <runnel/watch.h> for the side of the receivers, beyond recv: wait_for, marks,
 * clones of receivers; and what a channel tells of itself. */
#include <runnel/cancel.h>
#include <runnel/runtime.h>
#include <runnel/task.h>

#include "api/watched.h"
#include "base/atomic.h"

/* -- wait_for --------------------------------------------------------------------------------------------------- */

/* Passes from `least` on; notes what it was called with. */
struct test {
    int least;
    int calls;
    int last;
};

static bool is_at_least(const void *value, void *ctx)
{
    struct test *test = ctx;
    test->calls++;
    test->last = *(const int *)value;
    return test->last >= test->least;
}

EVERYWHERE(watch_wait_for_tests_the_current_value_first)
{
    struct pair pair = make(5);
    struct test test = {.least = 5};
    int got = -1;
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0); /* though it is seen */
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, &got), 0);
    CHECK_EQ(got, 5);
    CHECK_EQ(test.calls, 1);
    set(pair.tx, 6);
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, NULL), 0); /* without a copy */
    CHECK_EQ(test.last, 6);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0); /* what passed is seen */
    drop(&pair);
}

EVERYWHERE(watch_wait_for_with_a_past_deadline_tests_once)
{
    struct pair pair = make(1);
    struct test test = {.least = 2};
    int got = -1;
    set(pair.tx, 1);
    CHECK_RC(rn_watch_wait_for_until(pair.rx, is_at_least, &test, &got, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(test.calls, 1);
    CHECK_EQ(got, -1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0); /* what did not pass is seen */
    drop(&pair);
}

struct waiter {
    rn_watch_rx *rx;
    struct test test;
    rn_deadline deadline;
    int got;
};

static int wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    waiter->got = -1;
    return rn_watch_wait_for_until(waiter->rx, is_at_least, &waiter->test, &waiter->got, waiter->deadline);
}

EVERYWHERE(watch_wait_for_sleeps_until_a_value_passes)
{
    struct pair pair = make(0);
    struct waiter waiter = {.rx = pair.rx, .test = {.least = 3}};
    struct actor *actor = actor_start(wait_for_it, &waiter);
    for (int i = 1; i < 3; i++) {
        WAIT_UNTIL_PARKED(1, name); /* the one before did not pass */
        set(pair.tx, i);
    }
    WAIT_UNTIL_PARKED(1, name);
    set(pair.tx, 7);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(waiter.got, 7);
    CHECK(waiter.test.calls >= 2);
    CHECK(waiter.test.calls <= 4);
    drop(&pair);
}

/* A test during which other values are set. */
struct intruder {
    rn_watch_tx *tx;
    int passed;
};

static bool set_more_and_pass(const void *value, void *ctx)
{
    struct intruder *intruder = ctx;
    intruder->passed = *(const int *)value;
    set(intruder->tx, intruder->passed + 1);
    set(intruder->tx, intruder->passed + 2);
    CHECK_EQ(*(const int *)value, intruder->passed); /* what is tested does not change */
    return true;
}

EVERYWHERE(watch_wait_for_gives_the_very_value_that_passed)
{
    struct pair pair = make(10);
    struct intruder intruder = {.tx = pair.tx};
    int got = -1;
    CHECK_RC(rn_watch_wait_for(pair.rx, set_more_and_pass, &intruder, &got), 0);
    CHECK_EQ(got, 10);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* what came later is unseen */
    expect(pair.rx, 12);
    drop(&pair);
}

static bool set_more_and_fail(const void *value, void *ctx)
{
    const struct intruder *intruder = ctx;
    if (*(const int *)value < 5)
        set(intruder->tx, *(const int *)value + 1);
    return *(const int *)value == 5;
}

EVERYWHERE(watch_wait_for_tests_what_was_set_during_a_test)
{
    struct pair pair = make(0);
    struct intruder intruder = {.tx = pair.tx};
    int got = -1;
    CHECK_RC(rn_watch_wait_for(pair.rx, set_more_and_fail, &intruder, &got), 0);
    CHECK_EQ(got, 5);
    drop(&pair);
}

EVERYWHERE(watch_wait_for_tests_nothing_new_after_its_deadline)
{
    struct pair pair = make(0);
    struct intruder intruder = {.tx = pair.tx};
    CHECK_RC(rn_watch_wait_for_until(pair.rx, set_more_and_fail, &intruder, NULL, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1); /* what was set during the first test */
    CHECK_EQ(peek(pair.rx), 1);
    drop(&pair);
}

EVERYWHERE(watch_wait_for_works_beside_a_borrow)
{
    struct pair pair = make(1);
    const void *borrowed;
    struct test test = {.least = 2};
    int got = -1;
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    set(pair.tx, 2);
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, &got), 0);
    CHECK_EQ(got, 2);
    CHECK_EQ(*(const int *)borrowed, 1);
    drop(&pair);
}

EVERYWHERE(watch_wait_for_tests_the_last_value_before_it_says_closed)
{
    struct pair pair = make(0);
    struct test test = {.least = 9};
    int got = -1;
    set(pair.tx, 3);
    rn_watch_tx_drop(pair.tx);
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, &got), RN_CLOSED);
    CHECK_EQ(test.calls, 1);
    CHECK_EQ(test.last, 3);
    CHECK_EQ(got, -1);
    CHECK_RC(rn_watch_wait_for_until(pair.rx, is_at_least, &test, &got, rn_at_ns(1)), RN_CLOSED);
    CHECK_EQ(test.calls, 2); /* each call tests what is current */
    test.least = 3;
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, &got), 0);
    CHECK_EQ(got, 3);
    rn_watch_rx_drop(pair.rx);
}

EVERYWHERE(watch_wait_for_sees_the_value_that_was_set_before_the_close)
{
    struct pair pair = make(0);
    for (int passes = 0; passes < 2; passes++) {
        struct waiter waiter = {.rx = pair.rx, .test = {.least = passes ? 8 : 9}};
        struct actor *actor = actor_start(wait_for_it, &waiter);
        WAIT_UNTIL_PARKED(1, name);
        set(pair.tx, 8);
        rn_watch_tx_drop(pair.tx);
        CHECK_RC(actor_join(actor), passes ? 0 : RN_CLOSED);
        CHECK_EQ(waiter.test.last, 8);
        CHECK_EQ(waiter.got, passes ? 8 : -1);
        rn_watch_rx_drop(pair.rx);
        pair = make(0);
    }
    drop(&pair);
}

EVERYWHERE(watch_wait_for_that_timed_out_can_be_repeated)
{
    struct pair pair = make(0);
    struct waiter waiter = {.rx = pair.rx, .test = {.least = 1}, .deadline = rn_in_ms(3)};
    CHECK_RC(actor_join(actor_start(wait_for_it, &waiter)), RN_ETIMEDOUT);
    CHECK_EQ(waiter.got, -1);
    set(pair.tx, 1);
    CHECK_RC(actor_join(actor_start(wait_for_it, &waiter)), 0); /* the value is there, the deadline is past */
    CHECK_EQ(waiter.got, 1);
    drop(&pair);
}

EVERYWHERE(watch_wait_for_is_told_busy_and_tells_so)
{
    struct pair pair = make(0);
    struct waiter waiter = {.rx = pair.rx, .test = {.least = 1}};
    struct test test = {.least = 0};
    struct actor *actor = actor_start(wait_for_it, &waiter);
    WAIT_UNTIL_PARKED(1, name);
    CHECK_RC(rn_watch_changed(pair.rx), RN_EBUSY);
    CHECK_RC(rn_watch_wait_for(pair.rx, is_at_least, &test, NULL), RN_EBUSY);
    CHECK_EQ(test.calls, 0);
    set(pair.tx, 1);
    CHECK_RC(actor_join(actor), 0);
    drop(&pair);
}

static bool wait_anyway(const void *value, void *ctx)
{
    const struct pair *other = ctx;
    int got;
    CHECK_RC(rn_watch_recv(other->rx, &got), RN_EDEADLK);
    return *(const int *)value == 0;
}

EVERYWHERE(watch_test_may_not_wait)
{
    struct pair pair = make(0), other = make(0);
    CHECK_RC(rn_watch_wait_for(pair.rx, wait_anyway, &other, NULL), 0);
    CHECK(!rn__callback_running());
    drop(&other);
    drop(&pair);
}

static int cancel_wait_for(void *arg)
{
    struct pair pair = make(0);
    struct waiter waiter = {.rx = pair.rx, .test = {.least = 1}};
    rn_task task;
    int result = 0;
    (void)arg;
    RN_MUST(rn_spawn(&task, wait_for_it, &waiter));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(waiter.got, -1);
    set(pair.tx, 1);
    expect(pair.rx, 1); /* nothing was marked, and the receiver can be used again */
    drop(&pair);
    return result;
}

static int wait_for_while_cancelled(void *arg)
{
    struct pair *pair = arg;
    struct test test = {.least = 0};
    rn_task_cancel(rn_task_self(), 0);
    CHECK_RC(rn_watch_wait_for(pair->rx, is_at_least, &test, NULL), RN_ECANCELED); /* though it need not wait */
    CHECK_EQ(test.calls, 0);
    return 0;
}

TEST(watch_wait_for_is_cancelled)
{
    struct pair pair = make(0);
    for (uint32_t workers = 1; workers <= 2; workers++) {
        const rn_runtime_opts opts = {.workers = workers};
        CHECK_RC(rn_run_with(cancel_wait_for, NULL, &opts), RN_ECANCELED);
        CHECK_RC(rn_run_with(wait_for_while_cancelled, &pair, &opts), 0);
    }
    drop(&pair);
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

enum { RECEIVERS = 4 };

/* Sleeps inside its test, on a thread of its own. */
struct tester {
    rn_watch_rx *rx;
    uint32_t is_testing;
    uint32_t may_pass;
};

static bool pass_later(const void *value, void *ctx)
{
    struct tester *tester = ctx;
    const int before = *(const int *)value;
    rn__store_release(&tester->is_testing, 1);       /* read by the body */
    WAIT_UNTIL(rn__load_acquire(&tester->may_pass)); /* written by the body */
    CHECK_EQ(*(const int *)value, before);
    return true;
}

static int test_for_long(void *arg)
{
    struct tester *tester = arg;
    return rn_watch_wait_for(tester->rx, pass_later, tester, NULL);
}

static void set_without_memory(rn_watch_tx *tx, int value)
{
    const uint64_t before = test_memory().calls;
    set(tx, value);
    CHECK_EQ(test_memory().calls, before);
}

TEST(watch_set_never_allocates_whatever_is_borrowed_and_tested)
{
    struct pair pair = make(0);
    struct tester testers[RECEIVERS];
    struct actor *actors[RECEIVERS];
    const void *borrowed[RECEIVERS];
    for (int i = 0; i < RECEIVERS; i++)
        testers[i] = (struct tester){.rx = subscribe(pair.tx)};
    for (int i = 0; i < RECEIVERS; i++) {
        set_without_memory(pair.tx, 2 * i + 1);
        CHECK_RC(rn_watch_borrow(testers[i].rx, &borrowed[i]), 0);
        set_without_memory(pair.tx, 2 * i + 2);
        actors[i] = actor_start(test_for_long, &testers[i]);
        WAIT_UNTIL(rn__load_acquire(&testers[i].is_testing)); /* of pass_later */
    }
    for (int i = 0; i < 100; i++)
        set_without_memory(pair.tx, 1000 + i);
    for (int i = 0; i < RECEIVERS; i++) {
        rn__store_release(&testers[i].may_pass, 1); /* to pass_later */
        CHECK_RC(actor_join(actors[i]), 0);
        CHECK_EQ(*(const int *)borrowed[i], 2 * i + 1);
        rn_watch_rx_drop(testers[i].rx);
    }
    drop(&pair);
}

/* -- giving others a turn --------------------------------------------------------------------------------------- */

/* Waits that never have to wait: on one worker the other task would never run if they did not give way. */
struct turns {
    struct pair pair;
    int (*look)(rn_watch_rx *rx);
    int code;
    uint32_t is_over;
};

static int end_turns(void *arg)
{
    struct turns *turns = arg;
    rn__store_release(&turns->is_over, 1); /* read by take_turns */
    return 0;
}

static int take_turns(void *arg)
{
    struct turns *turns = arg;
    rn_task task;
    RN_MUST(rn_spawn(&task, end_turns, turns));
    while (!rn__load_acquire(&turns->is_over)) { /* of end_turns */
        if (turns->code == 0)
            set(turns->pair.tx, 1);
        CHECK_RC(turns->look(turns->pair.rx), turns->code);
    }
    return rn_join(task, NULL);
}

static int wait_for_one(rn_watch_rx *rx)
{
    struct test test = {.least = 1};
    return rn_watch_wait_for(rx, is_at_least, &test, NULL);
}

static void check_turns(int (*look)(rn_watch_rx *), int code)
{
    struct turns turns = {.pair = make(0), .look = look, .code = code};
    if (code == RN_CLOSED) {
        rn_watch_tx_drop(turns.pair.tx);
        turns.pair.tx = NULL;
    }
    CHECK_RC(rn_run_with(take_turns, &turns, &(rn_runtime_opts){.workers = 1}), 0);
    drop(&turns.pair);
}

TEST(watch_changed_lets_others_run)
{
    check_turns(rn_watch_changed, 0);
}

TEST(watch_changed_that_says_closed_lets_others_run)
{
    check_turns(rn_watch_changed, RN_CLOSED);
}

TEST(watch_wait_for_lets_others_run)
{
    check_turns(wait_for_one, 0);
}

TEST(watch_wait_for_that_says_closed_lets_others_run)
{
    check_turns(wait_for_one, RN_CLOSED);
}

/* -- marks ------------------------------------------------------------------------------------------------------ */

EVERYWHERE(watch_marked_changed_is_unseen_again)
{
    struct pair pair = make(1);
    rn_watch_rx *other = subscribe(pair.tx);
    const void *borrowed;
    rn_watch_mark_changed(pair.rx);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    CHECK_EQ(rn_watch_has_changed(other), 0); /* the mark is this receiver's */
    CHECK_EQ(peek(pair.rx), 1);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    CHECK_RC(rn_watch_changed(pair.rx), 0);
    expect_none(pair.rx, RN_ETIMEDOUT); /* once */
    rn_watch_mark_changed(pair.rx);
    CHECK_RC(rn_watch_borrow(pair.rx, &borrowed), 0);
    rn_watch_release(pair.rx);
    expect_none(pair.rx, RN_ETIMEDOUT);
    set(pair.tx, 2);
    expect(pair.rx, 2);
    rn_watch_mark_changed(pair.rx);
    expect(pair.rx, 2);
    rn_watch_rx_drop(other);
    drop(&pair);
}

EVERYWHERE(watch_marks_can_be_set_again_and_again)
{
    struct pair pair = make(1);
    for (int i = 0; i < 5; i++)
        rn_watch_mark_changed(pair.rx); /* also of the first value, which has none before it */
    CHECK_EQ(rn_watch_has_changed(pair.rx), 1);
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_ETIMEDOUT);
    rn_watch_mark_changed(NULL);
    rn_watch_mark_unchanged(NULL);
    drop(&pair);
}

EVERYWHERE(watch_marked_unchanged_is_seen)
{
    struct pair pair = make(1);
    rn_watch_mark_changed(pair.rx);
    rn_watch_mark_unchanged(pair.rx);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    expect_none(pair.rx, RN_ETIMEDOUT);
    set(pair.tx, 2);
    set(pair.tx, 3);
    rn_watch_mark_unchanged(pair.rx);
    CHECK_EQ(rn_watch_has_changed(pair.rx), 0);
    expect_none(pair.rx, RN_ETIMEDOUT);
    CHECK_EQ(get(pair.rx), 3);
    drop(&pair);
}

EVERYWHERE(watch_marks_work_after_the_close)
{
    struct pair pair = make(1);
    rn_watch_tx_drop(pair.tx);
    rn_watch_mark_changed(pair.rx);
    expect(pair.rx, 1);
    expect_none(pair.rx, RN_CLOSED);
    rn_watch_rx_drop(pair.rx);
}

/* -- clones of receivers ---------------------------------------------------------------------------------------- */

EVERYWHERE(watch_cloned_receiver_has_seen_the_same)
{
    struct pair pair = make(0);
    rn_watch_rx *seen, *unseen;
    set(pair.tx, 1);
    CHECK_RC(rn_watch_rx_clone(&unseen, pair.rx), 0);
    expect(pair.rx, 1);
    CHECK_RC(rn_watch_rx_clone(&seen, pair.rx), 0);
    CHECK_EQ(rn_watch_tx_receivers(pair.tx), 3);
    CHECK_EQ(rn_watch_has_changed(seen), 0);
    expect(unseen, 1);
    set(pair.tx, 2);
    expect(seen, 2);
    expect(unseen, 2);
    expect(pair.rx, 2);
    rn_watch_rx_drop(seen);
    rn_watch_rx_drop(unseen);
    drop(&pair);
}

EVERYWHERE(watch_receiver_can_be_cloned_after_the_close)
{
    struct pair pair = make(0);
    rn_watch_rx *clone;
    set(pair.tx, 1);
    rn_watch_tx_drop(pair.tx);
    CHECK_RC(rn_watch_rx_clone(&clone, pair.rx), 0);
    rn_watch_rx_drop(pair.rx);
    expect(clone, 1);
    expect_none(clone, RN_CLOSED);
    rn_watch_rx_drop(clone);
}

EVERYWHERE(watch_cloned_receiver_borrows_for_itself)
{
    struct pair pair = make(1);
    rn_watch_rx *clone;
    const void *first, *second;
    CHECK_RC(rn_watch_borrow(pair.rx, &first), 0);
    CHECK_RC(rn_watch_rx_clone(&clone, pair.rx), 0);
    set(pair.tx, 2);
    CHECK_RC(rn_watch_borrow(clone, &second), 0);
    rn_watch_release(pair.rx);
    CHECK_EQ(*(const int *)second, 2);
    rn_watch_rx_drop(clone);
    CHECK_RC(rn_watch_rx_clone(NULL, pair.rx), RN_EINVAL);
    CHECK_RC(rn_watch_rx_clone(&clone, NULL), RN_EINVAL);
    CHECK(clone == NULL);
    drop(&pair);
}

/* -- what a channel tells ---------------------------------------------------------------------------------------- */

static rn_channel_info info_of(const rn_watch_rx *rx)
{
    rn_channel_info info;
    REQUIRE(rn_watch_rx_info(rx, &info) == 0);
    return info;
}

EVERYWHERE(watch_tells_who_is_there_and_what_it_counted)
{
    struct pair pair = make(0);
    rn_watch_rx *other = subscribe(pair.tx);
    rn_channel_info info;
    struct test test = {.least = 3};
    CHECK_RC(rn_watch_tx_info(pair.tx, &info), 0);
    CHECK_STR_EQ(info.shape, "watch");
    CHECK(info.name == name);
    CHECK(info.birthplace != NULL);
    CHECK_EQ(info.why, RN_WHY_OPEN);
    CHECK_EQ(info.senders, 1);
    CHECK_EQ(info.receivers, 2);
    CHECK_EQ(info.capacity, 1);
    CHECK_EQ(info.depth, 1);
    CHECK_EQ(info.high_water, 1);
    CHECK_EQ(info.sent + info.received, 0);
    for (int i = 1; i <= 3; i++)
        set(pair.tx, i);
    CHECK_EQ(peek(pair.rx), 3); /* counts as nothing */
    expect(pair.rx, 3);
    CHECK_EQ(get(pair.rx), 3); /* it has seen that already */
    CHECK_RC(rn_watch_wait_for(other, is_at_least, &test, NULL), 0);
    info = info_of(other);
    CHECK_EQ(info.sent, 3);
    CHECK_EQ(info.received, 2);
    rn_watch_rx_drop(other);
    CHECK_EQ(info_of(pair.rx).receivers, 1);
    CHECK_RC(rn_watch_tx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_watch_tx_info(pair.tx, NULL), RN_EINVAL);
    CHECK_RC(rn_watch_rx_info(NULL, &info), RN_EINVAL);
    CHECK_RC(rn_watch_rx_info(pair.rx, NULL), RN_EINVAL);
    drop(&pair);
}

static int drop_cancelled(void *arg)
{
    rn_task_cancel(rn_task_self(), -4711);
    rn_watch_tx_drop(arg);
    return 0;
}

TEST(watch_tells_why_it_closed)
{
    struct pair pair = make(0);
    rn_watch_tx_drop(pair.tx);
    CHECK_EQ(info_of(pair.rx).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(pair.rx).cause, 0);
    CHECK_EQ(info_of(pair.rx).senders, 0);
    rn_watch_rx_drop(pair.rx);
    pair = make(0);
    rn_ignore(rn_run_with(drop_cancelled, pair.tx, &(rn_runtime_opts){.workers = 1}));
    CHECK_EQ(info_of(pair.rx).why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(info_of(pair.rx).cause, -4711);
    rn_watch_rx_drop(pair.rx);
}
