/* SPDX-License-Identifier: MIT */
/* api_scope_collect.c - results in the order in which tasks end (contract: <runnel/scope.h>). */
#include "api/scoped.h"

enum { FAILURE = -20015, MANY = 40 };

struct runner {
    uint32_t go;
    int result;
};

static int run_when_told(void *arg)
{
    struct runner *runner = arg;
    WAIT_UNTIL(is_set(&runner->go));
    return runner->result;
}

SCOPED(scope_next_gives_the_tasks_in_the_order_in_which_they_end)
{
    struct runner runners[4] = {{0, 1}, {0, 2}, {0, 3}, {0, 4}};
    static const size_t order[] = {2, 0, 3, 1};
    rn_ended ended;
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING);
    for (size_t i = 0; i < RN_COUNT(runners); i++)
        REQUIRE(rn_scope_spawn(&s, run_when_told, &runners[i]) == 0);
    CHECK_RC(rn_scope_try_next(&s, &ended), RN_EAGAIN);
    CHECK_RC(rn_scope_next_until(&s, &ended, rn_in_ms(1)), RN_ETIMEDOUT);
    for (size_t i = 0; i < RN_COUNT(order); i++) {
        set(&runners[order[i]].go);
        WAIT_UNTIL(rn_scope_running(&s) == RN_COUNT(order) - i - 1);
    }
    for (size_t i = 0; i < RN_COUNT(order); i++) {
        CHECK_RC(rn_scope_next(&s, &ended), 0);
        CHECK(ended.arg == &runners[order[i]]);
        CHECK_EQ(ended.result, runners[order[i]].result);
    }
    CHECK_RC(rn_scope_next(&s, &ended), RN_EMPTY);
    CHECK_RC(rn_scope_try_next(&s, &ended), RN_EMPTY);
    CHECK_RC(rn_scope_close(&s), 3); /* the first failure */
}

SCOPED(scope_next_waits_for_the_next_to_end)
{
    rn_ended ended;
    uint64_t sum = 0;
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING);
    for (intptr_t i = 1; i <= MANY; i++)
        REQUIRE(rn_scope_spawn(&s, fail_with, AS_ARG(i)) == 0);
    int rc;
    while ((rc = rn_scope_next(&s, &ended)) == 0) {
        CHECK(ended.arg == AS_ARG(ended.result));
        sum += (uint64_t)ended.result;
    }
    CHECK_RC(rc, RN_EMPTY);
    CHECK_EQ(sum, MANY * (MANY + 1) / 2);
    CHECK(rn_scope_close(&s) > 0);
}

static int hand_over(void *arg)
{
    const int *number = arg;
    return *number;
}

SCOPED(scope_next_tells_tasks_apart_by_their_id)
{
    rn_task tasks[2];
    rn_ended ended;
    int numbers[] = {5, 6};
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING);
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_scope_spawn_copy(&s, &tasks[i], hand_over, &numbers[i], sizeof numbers[i], NULL) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK_RC(rn_scope_next(&s, &ended), 0);
        CHECK(ended.arg == NULL);
        CHECK_EQ(ended.id, rn_task_id(tasks[ended.result - 5]));
        CHECK(rn_task_ended(tasks[ended.result - 5]));
    }
    CHECK_RC(rn_join(tasks[0], NULL), RN_EINVAL);
    CHECK(rn_scope_close(&s) != 0);
}

SCOPED(scope_next_of_a_task_that_nobody_may_join)
{
    struct runner runner = {0, 7};
    rn_task task;
    rn_ended ended;
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING);
    REQUIRE(rn_scope_spawn_with(&s, &task, run_when_told, &runner, NULL) == 0);
    CHECK_RC(rn_join(task, NULL), RN_EBUSY);
    rn_task_drop(task); /* nothing */
    set(&runner.go);
    CHECK_RC(rn_scope_next(&s, &ended), 0);
    CHECK_EQ(ended.result, 7);
    CHECK_RC(rn_scope_close(&s), 7);
}

SCOPED(scope_next_is_a_case_of_a_select)
{
    struct runner runner = {0, 0};
    rn_notify never = {0};
    rn_ended ended = {.id = 1};
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT);
    REQUIRE(rn_scope_spawn(&s, run_when_told, &runner) == 0);
    rn_case cases[] = {rn_notify_wait_case(&never), rn_scope_next_case(&s, &ended), rn_scope_next_case(NULL, NULL)};
    CHECK_RC(rn_try_select(cases, 3), RN_EAGAIN);
    CHECK_RC(rn_select_until(cases, 3, rn_in_ms(1)), RN_ETIMEDOUT);
    set(&runner.go);
    CHECK_EQ(rn_select(cases, 3), 1);
    CHECK_RC(cases[1].rc, 0);
    CHECK(ended.arg == &runner);
    CHECK_EQ(rn_select(cases, 3), 1);
    CHECK_RC(cases[1].rc, RN_EMPTY);
    REQUIRE(rn_scope_spawn(&s, run_when_told, &runner) == 0);
    WAIT_UNTIL(rn_scope_running(&s) == 0);
    CHECK_EQ(rn_try_select(cases, 3), 1);
    CHECK_RC(cases[1].rc, 0);
    CHECK_RC(rn_scope_close(&s), 0);
}

SCOPED(scope_next_without_collect_says_no)
{
    rn_ended ended;
    SCOPE_IN(s);
    CHECK_RC(rn_scope_next(&s, &ended), RN_EINVAL);
    rn_case one = rn_scope_next_case(&s, &ended);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(one.rc, RN_EINVAL);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_RC(rn_scope_try_next(&s, &ended), RN_EINVAL);
}

SCOPED(scope_next_is_cancelled_by_the_first_failure)
{
    struct sleeper sleeper = {0};
    rn_ended ended;
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT);
    REQUIRE(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper) == 0);
    REQUIRE(rn_scope_spawn(&s, fail_with, AS_ARG(FAILURE)) == 0);
    int rc, taken = 0;
    while ((rc = rn_scope_next(&s, &ended)) == 0)
        taken++; /* the failure itself may be delivered first */
    CHECK_RC(rc, RN_ECANCELED);
    WAIT_UNTIL(rn_scope_running(&s) == 0);
    while ((rc = rn_scope_try_next(&s, &ended)) == 0)
        taken++;
    CHECK_RC(rc, RN_EMPTY);
    CHECK_EQ(taken, 2);
    CHECK_RC(rn_scope_close(&s), FAILURE);
}

/* Nothing is left over when results are dropped: thousands of slots would be. */
SCOPED(scope_close_drops_what_nobody_took)
{
    for (int round = 0; round < 20; round++) {
        rn_task last = RN_NO_TASK;
        SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT);
        for (int i = 0; i < MANY; i++)
            REQUIRE(rn_scope_spawn_with(&s, &last, fail_with, NULL, NULL) == 0);
        CHECK_RC(rn_scope_close(&s), 0);
        char name[4];
        CHECK_RC(rn_task_name(last, name, sizeof name), RN_EINVAL); /* gone */
    }
}

/* -- as many come as go ------------------------------------------------------------------------------------------ */

SCOPED(scope_next_may_alternate_with_spawn)
{
    rn_ended ended;
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT);
    REQUIRE(rn_scope_spawn(&s, fail_with, NULL) == 0);
    REQUIRE(rn_scope_spawn(&s, fail_with, NULL) == 0);
    for (int i = 0; i < MANY; i++) {
        CHECK_RC(rn_scope_next(&s, &ended), 0);
        REQUIRE(rn_scope_spawn(&s, fail_with, NULL) == 0);
    }
    CHECK_RC(rn_scope_next(&s, &ended), 0);
    CHECK_RC(rn_scope_next(&s, &ended), 0);
    CHECK_RC(rn_scope_next(&s, &ended), RN_EMPTY);
    CHECK_RC(rn_scope_close(&s), 0);
}

SCOPED(scope_next_gives_those_that_were_cancelled_too)
{
    struct sleeper sleepers[MANY];
    rn_task tasks[MANY];
    rn_ended ended;
    int cancelled = 0, done = 0, rc;
    memset(sleepers, 0, sizeof sleepers);
    SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING);
    for (int i = 0; i < MANY; i++) {
        rn_fn *fn = i % 2 == 0 ? fail_with : sleep_till_cancelled;
        REQUIRE(rn_scope_spawn_with(&s, &tasks[i], fn, i % 2 == 0 ? NULL : &sleepers[i], NULL) == 0);
        if (i % 4 == 1)
            rn_task_cancel(tasks[i], 0); /* half of those that sleep, one by one */
    }
    while (done < MANY / 2 || cancelled < MANY / 4) {
        CHECK_RC(rn_scope_next(&s, &ended), 0);
        CHECK(ended.result == 0 || ended.result == RN_ECANCELED);
        done += ended.result == 0;
        cancelled += ended.result != 0;
    }
    CHECK_RC(rn_scope_try_next(&s, &ended), RN_EAGAIN);
    rn_scope_cancel(&s, 0); /* and the others at once */
    rn_shield_enter();
    while ((rc = rn_scope_next(&s, &ended)) == 0) {
        CHECK_RC(ended.result, RN_ECANCELED);
        cancelled++;
    }
    rn_shield_leave();
    CHECK_RC(rc, RN_EMPTY);
    CHECK_EQ(cancelled, MANY / 2);
    CHECK_RC(rn_scope_close(&s), RN_ECANCELED); /* the first of them failed with that */
}
