/* SPDX-License-Identifier: MIT */
/* api_scope.c - the contract of <runnel/scope.h>: tasks, failures, cancellations, closing. */
#include "api/scoped.h"

#include <signal.h>

enum { CAUSE = -20013, FAILURE = -20014, MANY = 50 };

/* -- tasks and their results ------------------------------------------------------------------------------------- */

static int count_one(void *arg)
{
    rn_yield();
    count_up(arg);
    return 0;
}

SCOPED(scope_close_waits_for_all_tasks)
{
    uint32_t count = 0;
    SCOPE_IN(s);
    for (int i = 0; i < MANY; i++)
        CHECK_RC(rn_scope_spawn(&s, count_one, &count), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_EQ(count, MANY);
    CHECK_EQ(rn_cancelled(), 0);
}

SCOPED(scope_without_tasks_closes_at_once)
{
    SCOPE_IN(s);
    CHECK_EQ(rn_scope_running(&s), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_RC(rn_scope_close(&s), 0); /* says the same again */
}

struct tree {
    rn_scope *scope;
    uint32_t left;
    uint32_t count;
};

static int grow(void *arg)
{
    struct tree *tree = arg;
    count_up(&tree->count);
    if (rn__sub_acq_rel(&tree->left, 1) > 1)
        CHECK_RC(rn_scope_spawn(tree->scope, grow, tree), 0);
    return 0;
}

SCOPED(scope_tasks_may_spawn_into_it)
{
    SCOPE_IN(s);
    struct tree tree = {.scope = &s, .left = MANY};
    CHECK_RC(rn_scope_spawn(&s, grow, &tree), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_EQ(tree.count, MANY);
}

static int take_copy(void *arg)
{
    const int *numbers = arg;
    return numbers[0] + numbers[63] == 7 ? 0 : FAILURE;
}

static uint32_t typed_sum;
struct addend {
    uint32_t number;
};
RN_TASK(add_up, struct addend);
static int add_up(struct addend addend)
{
    rn__add_acq_rel(&typed_sum, addend.number);
    return 0;
}

SCOPED(scope_spawns_with_copied_arguments_and_typed)
{
    int numbers[64] = {3}, one = 7;
    numbers[63] = 4;
    typed_sum = 0;
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn_copy(&s, NULL, take_copy, numbers, sizeof numbers, NULL), 0);
    CHECK_RC(rn_scope_spawn_copy(&s, NULL, take_copy, &one, sizeof numbers + 5000, NULL), RN_EINVAL);
    CHECK_RC(add_up_spawn_in(&s, (struct addend){3}), 0);
    CHECK_RC(add_up_spawn_in(&s, (struct addend){4}), 0);
    numbers[0] = 0;
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_EQ(typed_sum, 7);
}

SCOPED(scope_spawn_with_gives_a_handle_that_cannot_be_joined)
{
    struct sleeper sleeper = {0};
    rn_task task;
    SCOPE_WITH(s, .flags = RN_SCOPE_KEEP_GOING);
    CHECK_RC(rn_scope_spawn_with(&s, &task, sleep_till_cancelled, &sleeper, &(rn_spawn_opts){.name = "one"}), 0);
    char name[8];
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, "one");
    CHECK_RC(rn_join(task, NULL), RN_EINVAL);
    rn_task_drop(task);
    CHECK(!rn_task_ended(task));
    CHECK_EQ(rn_scope_running(&s), 1);
    rn_task_cancel(task, CAUSE);
    WAIT_UNTIL(rn_scope_running(&s) == 0);
    CHECK(rn_task_ended(task));
    CHECK_EQ(sleeper.cause, CAUSE);
    CHECK_RC(rn_scope_close(&s), RN_ECANCELED); /* it failed with that: the scope was not cancelled */
}

/* -- failures ---------------------------------------------------------------------------------------------------- */

SCOPED(scope_first_failure_cancels_the_others_and_the_opener)
{
    struct sleeper others[3] = {{0}, {0}, {0}};
    SCOPE_IN(s);
    for (size_t i = 0; i < RN_COUNT(others); i++)
        CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &others[i]), 0);
    CHECK_RC(rn_scope_spawn(&s, fail_with, AS_ARG(FAILURE)), 0);
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), FAILURE);
    CHECK_RC(rn_scope_close(&s), FAILURE);
    for (size_t i = 0; i < RN_COUNT(others); i++)
        CHECK_EQ(others[i].cause, FAILURE);
    CHECK_EQ(rn_cancelled(), 0); /* taken back */
    CHECK_RC(rn_sleep_ms(0), 0);
}

SCOPED(scope_failure_may_be_a_positive_number)
{
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn(&s, fail_with, AS_ARG(3)), 0);
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), 3);
}

SCOPED(scope_that_keeps_going_cancels_nobody_and_tells_the_first_failure)
{
    uint32_t count = 0;
    SCOPE_WITH(s, .flags = RN_SCOPE_KEEP_GOING);
    CHECK_RC(rn_scope_spawn(&s, fail_with, AS_ARG(FAILURE)), 0);
    WAIT_UNTIL(rn_scope_running(&s) == 0);
    CHECK_RC(rn_scope_spawn(&s, fail_with, AS_ARG(FAILURE - 1)), 0);
    CHECK_RC(rn_scope_spawn(&s, count_one, &count), 0);
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_RC(rn_scope_close(&s), FAILURE);
    CHECK_EQ(count, 1);
}

static int fail_when_cancelled(void *arg)
{
    (void)rn_sleep_until(RN_FOREVER);
    return (int)(intptr_t)arg;
}

SCOPED(scope_verdict_is_what_came_first)
{
    SCOPE_IN(failed);
    CHECK_RC(rn_scope_spawn(&failed, fail_when_cancelled, AS_ARG(FAILURE - 1)), 0);
    CHECK_RC(rn_scope_spawn(&failed, fail_with, AS_ARG(FAILURE)), 0);
    CHECK_RC(rn_scope_close(&failed), FAILURE);
    SCOPE_IN(cancelled);
    CHECK_RC(rn_scope_spawn(&cancelled, fail_when_cancelled, AS_ARG(FAILURE)), 0);
    rn_scope_cancel(&cancelled, CAUSE);
    rn_scope_cancel(&cancelled, CAUSE - 1);
    CHECK_RC(rn_scope_close(&cancelled), CAUSE);
    SCOPE_IN(orderly);
    CHECK_RC(rn_scope_spawn(&orderly, fail_when_cancelled, AS_ARG(FAILURE)), 0);
    rn_scope_cancel(&orderly, 0);
    CHECK_RC(rn_scope_close(&orderly), FAILURE);
}

/* -- cancelling -------------------------------------------------------------------------------------------------- */

SCOPED(scope_cancel_with_0_is_an_orderly_end)
{
    struct sleeper sleeper = {0};
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper), 0);
    WAIT_UNTIL(is_set(&sleeper.began));
    rn_scope_cancel(&s, 0);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_EQ(sleeper.cause, RN_ECANCELED);
    rn_scope_cancel(&s, 0); /* closed: nothing */
    CHECK_RC(rn_sleep_ms(0), 0);
}

static int cancel_it(void *arg)
{
    rn_scope_cancel(arg, CAUSE);
    return 0;
}

SCOPED(scope_is_cancelled_by_one_of_its_tasks)
{
    struct sleeper sleeper = {0};
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper), 0);
    CHECK_RC(rn_scope_spawn(&s, cancel_it, &s), 0);
    CHECK_RC(rn_scope_close(&s), CAUSE);
    CHECK_EQ(sleeper.cause, CAUSE);
}

static int note_cause(void *arg)
{
    *(int *)arg = rn_cancelled();
    return 0;
}

SCOPED(scope_that_is_cancelled_still_runs_what_is_spawned_into_it)
{
    int cause = 0;
    SCOPE_IN(s);
    rn_scope_cancel(&s, CAUSE);
    CHECK_RC(rn_scope_spawn(&s, note_cause, &cause), 0);
    CHECK_RC(rn_scope_close(&s), CAUSE);
    CHECK_EQ(cause, CAUSE);
}

static int leave_early(rn_runtime *runtime, struct sleeper *sleeper)
{
    SCOPE_IN(s);
    RN_TRY(rn_scope_spawn(&s, sleep_till_cancelled, sleeper));
    WAIT_UNTIL(is_set(&sleeper->began));
    return FAILURE;
}

SCOPED(scope_is_cancelled_and_awaited_when_its_block_is_left)
{
    struct sleeper sleeper = {0};
    CHECK_RC(leave_early(runtime, &sleeper), FAILURE);
    CHECK(is_set(&sleeper.ended));
    CHECK_EQ(sleeper.cause, RN_ECANCELED);
    CHECK_RC(rn_sleep_ms(0), 0);
}

SCOPED(scope_of_a_shield_lets_clean_up_wait)
{
    SCOPE_IN(s);
    rn_scope_cancel(&s, CAUSE);
    rn_shield_enter();
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_EQ(rn_cancelled(), CAUSE);
    rn_shield_leave();
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), CAUSE);
}

/* -- nested ------------------------------------------------------------------------------------------------------ */

SCOPED(scope_takes_back_only_what_it_had_cancelled_itself)
{
    SCOPE_IN(outer);
    {
        SCOPE_IN(inner);
        rn_scope_cancel(&inner, CAUSE);
        CHECK_EQ(rn_cancelled(), CAUSE);
        CHECK_RC(rn_scope_close(&inner), CAUSE);
        CHECK_EQ(rn_cancelled(), 0);
    }
    {
        SCOPE_IN(inner);
        rn_scope_cancel(&inner, CAUSE);
        rn_scope_cancel(&outer, CAUSE - 1);
        CHECK_EQ(rn_cancelled(), CAUSE); /* the first */
        CHECK_RC(rn_scope_close(&inner), CAUSE);
        CHECK_EQ(rn_cancelled(), CAUSE - 1);
        CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    }
    CHECK_RC(rn_scope_close(&outer), CAUSE - 1);
    CHECK_RC(rn_sleep_ms(0), 0);
}

SCOPED(scope_that_is_cancelled_cancels_those_inside_of_it)
{
    struct sleeper sleeper = {0};
    SCOPE_IN(outer);
    SCOPE_IN(inner);
    CHECK_RC(rn_scope_spawn(&inner, sleep_till_cancelled, &sleeper), 0);
    WAIT_UNTIL(is_set(&sleeper.began));
    rn_scope_cancel(&outer, CAUSE);
    WAIT_UNTIL(is_set(&sleeper.ended)); /* at once, not when it is closed */
    CHECK_EQ(sleeper.cause, CAUSE);
    CHECK_RC(rn_scope_close(&inner), RN_ECANCELED);
    SCOPE_IN(born_cancelled);
    CHECK_RC(rn_scope_close(&born_cancelled), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&outer), CAUSE);
}

static int open_and_wait(void *arg)
{
    RN_SCOPE(s);
    RN_TRY(rn_scope_spawn(&s, sleep_till_cancelled, arg));
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), RN_ECANCELED);
    return rn_cancelled(); /* its own stays */
}

ROOT(scope_of_a_cancelled_task_cancels_its_tasks)
{
    struct sleeper sleeper = {0};
    rn_task task;
    REQUIRE(rn_spawn(&task, open_and_wait, &sleeper) == 0);
    WAIT_UNTIL(is_set(&sleeper.began) && waits_in(task, "sleep"));
    rn_task_cancel(task, CAUSE);
    CHECK_EQ(result_of(task), CAUSE);
    CHECK_EQ(sleeper.cause, CAUSE);
}

static int fail_and_look(void *arg)
{
    struct sleeper *told = arg;
    RN_SCOPE(s);
    RN_TRY(rn_scope_spawn(&s, fail_with, AS_ARG(FAILURE)));
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    set(&told->began);
    spin_until(&told->ended);
    CHECK_EQ(rn_cancelled(), FAILURE);
    CHECK_RC(rn_scope_close(&s), FAILURE);
    return rn_cancelled();
}

ROOT_ON(2, scope_close_keeps_what_cancelled_its_opener_meanwhile)
{
    struct sleeper told = {0};
    rn_task task;
    REQUIRE(rn_spawn_with(&task, fail_and_look, &told, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    WAIT_UNTIL(is_set(&told.began));
    rn_task_cancel(task, CAUSE);
    set(&told.ended);
    CHECK_EQ(result_of(task), CAUSE);
}

enum { DEEP = 300 };
static uint32_t depth;

static int go_deeper(void *arg)
{
    RN_SCOPE(s);
    if (count_up(&depth) + 1 < DEEP)
        RN_TRY(rn_scope_spawn(&s, go_deeper, arg));
    const int rc = rn_sleep_until(RN_FOREVER);
    const int closed = rn_scope_close(&s);
    CHECK_RC(closed, RN_ECANCELED);
    return rc;
}

SCOPED(scope_cancels_a_deep_tree_of_them)
{
    depth = 0;
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn(&s, go_deeper, NULL), 0);
    WAIT_UNTIL(value_of(&depth) == DEEP);
    rn_scope_cancel(&s, CAUSE);
    CHECK_RC(rn_scope_close(&s), CAUSE);
}

/* -- no more than so many ---------------------------------------------------------------------------------------- */

static struct {
    uint32_t now, most, all;
} crowd;

static int be_one_of(void *arg)
{
    (void)arg;
    const uint32_t now = count_up(&crowd.now) + 1;
    if (now > value_of(&crowd.most))
        rn__store_release(&crowd.most, now); /* a check, not a count */
    rn_yield();
    rn__sub_acq_rel(&crowd.now, 1);
    count_up(&crowd.all);
    return 0;
}

SCOPED(scope_with_max_running_runs_no_more_at_once)
{
    crowd.now = crowd.most = crowd.all = 0;
    SCOPE_WITH(s, .max_running = 3);
    for (int i = 0; i < 4 * MANY; i++)
        CHECK_RC(rn_scope_spawn(&s, be_one_of, NULL), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK(crowd.most <= 3);
    CHECK_EQ(crowd.all, 4 * MANY);
}

SCOPED(scope_with_max_running_is_left_by_a_spawn_that_is_cancelled)
{
    struct sleeper sleeper = {0};
    SCOPE_WITH(s, .max_running = 1);
    CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper), 0);
    SCOPE_WITH(limit, .deadline = rn_in_ms(5));
    CHECK_RC(rn_scope_spawn(&s, count_one, NULL), RN_ECANCELED); /* count_one would crash */
    CHECK_RC(rn_scope_close(&limit), RN_ETIMEDOUT);
    CHECK_EQ(rn_scope_running(&s), 1);
    rn_scope_cancel(&s, CAUSE);
    CHECK_RC(rn_scope_close(&s), CAUSE);
}

/* -- mistakes ---------------------------------------------------------------------------------------------------- */

SCOPED(scope_options_that_make_no_sense_are_told_by_spawn_and_close)
{
    uint32_t count = 0;
    SCOPE_WITH(flags, .flags = 1u << 7);
    CHECK_RC(rn_scope_spawn(&flags, count_one, &count), RN_EINVAL);
    CHECK_RC(rn_scope_close(&flags), RN_EINVAL);
    SCOPE_WITH(reserved, .reserved = {0, 1});
    CHECK_RC(rn_scope_spawn(&reserved, count_one, &count), RN_EINVAL);
    CHECK_RC(rn_scope_close(&reserved), RN_EINVAL);
    SCOPE_IN(s);
    CHECK_RC(rn_scope_spawn(&s, NULL, NULL), RN_EINVAL);
    CHECK_EQ(rn_scope_running(&s), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_RC(rn_scope_spawn(&s, count_one, &count), RN_EINVAL);
    CHECK_EQ(count, 0);
}

TEST(scope_of_null_says_no)
{
    rn_ended ended;
    CHECK_RC(rn_scope_spawn(NULL, fail_with, NULL), RN_EINVAL);
    CHECK_RC(rn_scope_close(NULL), RN_EINVAL);
    CHECK_RC(rn_scope_next(NULL, &ended), RN_EINVAL);
    CHECK_RC(rn_scope_try_next(NULL, &ended), RN_EINVAL);
    CHECK_EQ(rn_scope_running(NULL), 0);
    rn_scope_cancel(NULL, 0);
}

TEST(scope_on_a_thread_without_runtime_spawns_nothing)
{
    RN_SCOPE(s);
    CHECK_RC(rn_scope_spawn(&s, fail_with, NULL), RN_NO_RUNTIME);
    CHECK_RC(rn_scope_close(&s), 0);
}

static void close_in_wrong_order(void)
{
    RN_SCOPE_WITH(first, &(rn_scope_opts){.name = "first"});
    RN_SCOPE(second);
    (void)rn_scope_close(&first);
}

static rn_scope left_open;

static int leave_open(void *arg)
{
    (void)arg;
    rn_scope_open_with(&left_open, &(rn_scope_opts){.name = "mine"});
    return 0;
}

static void leave_open_in_task(void)
{
    rn_task task;
    RN_MUST(rn_spawn(&task, leave_open, NULL));
    (void)rn_join(task, NULL);
}

static void *leave_open_in_thread(void *arg)
{
    return AS_ARG(leave_open(arg));
}

static int close_mine(void *arg)
{
    return rn_scope_close(arg);
}

static void let_a_task_close(void)
{
    RN_SCOPE(s);
    RN_MUST(rn_scope_spawn(&s, close_mine, &s));
    (void)rn_sleep_ms(1000);
}

TEST(scope_misuse_ends_the_program_with_its_birthplace)
{
    EXPECT_DEATH(SIGABRT, "scope first .*api_scope.c:[0-9]+.*before one that was opened after it")
    close_in_wrong_order();
    EXPECT_DEATH(SIGABRT, "scope mine .*api_scope.c:[0-9]+.*has ended and left it open")
    on_workers(1, leave_open_in_task);
    EXPECT_DEATH(SIGABRT, "scope .*api_scope.c:[0-9]+.*not closed by whoever has opened it")
    on_workers(1, let_a_task_close);
    EXPECT_DEATH(SIGABRT, "a thread ended in a scope")
    {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, leave_open_in_thread, NULL) == 0);
        pthread_join(thread, NULL);
    }
}
