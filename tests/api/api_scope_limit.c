/* SPDX-License-Identifier: MIT */
/* api_scope_limit.c - scopes with a deadline, or with a token (contract: <runnel/scope.h>). */
#include "api/scoped.h"

enum { CAUSE = -20016, SOON_MS = 5 };

/* -- deadlines --------------------------------------------------------------------------------------------------- */

SCOPED(scope_deadline_ends_the_waits_of_its_opener)
{
    SCOPE_WITH(s, .deadline = rn_in_ms(SOON_MS));
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), RN_ETIMEDOUT);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED); /* and again, at entry */
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_RC(rn_sleep_ms(1), 0);
}

SCOPED(scope_deadline_ends_the_waits_of_its_tasks_and_of_theirs)
{
    struct sleeper sleepers[2] = {{0}, {0}};
    SCOPE_WITH(s, .deadline = rn_in_ms(SOON_MS));
    for (int i = 0; i < 2; i++)
        CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &sleepers[i]), 0);
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
    CHECK_EQ(sleepers[0].cause, RN_ETIMEDOUT);
    CHECK_EQ(sleepers[1].cause, RN_ETIMEDOUT);
}

SCOPED(scope_deadline_is_no_deadline_of_a_call)
{
    rn_notify notify = {0};
    SCOPE_WITH(s, .deadline = rn_in_s(3600));
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_RC(rn_scope_close(&s), 0);
    SCOPE_WITH(past, .deadline = rn_in_ms(1));
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_s(3600)), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&past), RN_ETIMEDOUT);
}

SCOPED(scope_deadline_ends_a_select)
{
    rn_notify notify = {0};
    SCOPE_WITH(s, .deadline = rn_in_ms(SOON_MS));
    rn_case cases[] = {rn_notify_wait_case(&notify), rn_deadline_case(rn_in_s(3600))};
    CHECK_RC(rn_select(cases, 2), RN_ECANCELED);
    CHECK_RC(rn_select_until(cases, 2, rn_in_s(3600)), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
}

SCOPED(scope_deadline_does_not_reach_shields_and_uncancellable_waits)
{
    rn_mutex mutex = {0};
    SCOPE_WITH(s, .deadline = rn_in_ms(0));
    rn_shield_enter();
    CHECK_RC(rn_sleep_ms(1), 0);
    rn_shield_leave();
    rn_mutex_lock(&mutex);
    rn_mutex_unlock(&mutex);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
}

SCOPED(scope_inside_of_another_has_the_sooner_deadline)
{
    SCOPE_WITH(outer, .deadline = rn_in_ms(SOON_MS));
    {
        SCOPE_WITH(inner, .deadline = rn_in_s(3600));
        CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
        CHECK_RC(rn_scope_close(&inner), RN_ECANCELED); /* what is around it */
    }
    CHECK_RC(rn_scope_close(&outer), RN_ETIMEDOUT);
    SCOPE_WITH(patient, .deadline = rn_in_s(3600));
    {
        SCOPE_WITH(inner, .deadline = rn_in_ms(1));
        CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
        CHECK_RC(rn_scope_close(&inner), RN_ETIMEDOUT);
    }
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_RC(rn_scope_close(&patient), 0);
}

static int open_inside(void *arg)
{
    RN_SCOPE(s);
    RN_TRY(rn_scope_spawn(&s, sleep_till_cancelled, arg));
    return rn_scope_close(&s);
}

SCOPED(scope_deadline_holds_in_the_scopes_of_its_tasks)
{
    struct sleeper sleeper = {0};
    SCOPE_WITH(s, .deadline = rn_in_ms(SOON_MS));
    CHECK_RC(rn_scope_spawn(&s, open_inside, &sleeper), 0);
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
    CHECK_EQ(sleeper.cause, RN_ETIMEDOUT);
}

SCOPED(scope_deadline_counts_though_nobody_noticed)
{
    SCOPE_WITH(s, .deadline = rn_in_ms(0));
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
}

/* -- tokens ------------------------------------------------------------------------------------------------------ */

struct press {
    rn_cancel *button;
    struct sleeper *when;
};

static int press_when_begun(void *arg)
{
    const struct press *press = arg;
    WAIT_UNTIL(is_set(&press->when->began));
    rn_cancel_request(press->button, CAUSE);
    return 0;
}

SCOPED(scope_with_a_token_is_cancelled_by_it)
{
    struct sleeper sleeper = {0};
    RN_AUTO(rn_cancel) button = NULL;
    RN_MUST(rn_cancel_new(&button));
    struct press press = {button, &sleeper};
    struct actor *actor = actor_start(press_when_begun, &press);
    SCOPE_WITH(s, .cancel = button);
    CHECK_RC(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper), 0);
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), CAUSE);
    CHECK_RC(rn_scope_close(&s), CAUSE);
    CHECK_EQ(sleeper.cause, CAUSE);
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(rn_sleep_ms(0), 0);
}

SCOPED(scope_with_a_token_hears_a_request_to_its_parent)
{
    rn_cancel *root, *child;
    RN_MUST(rn_cancel_new(&root));
    RN_MUST(rn_cancel_child(&child, root));
    SCOPE_WITH(s, .cancel = child);
    rn_cancel_drop(child); /* the scope has its own handle */
    CHECK_RC(rn_sleep_ms(0), 0);
    rn_cancel_request(root, CAUSE);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), CAUSE);
    rn_cancel_drop(root);
}

SCOPED(scope_with_a_cancelled_token_is_cancelled_from_the_beginning)
{
    RN_AUTO(rn_cancel) button = NULL;
    RN_MUST(rn_cancel_new(&button));
    rn_cancel_request(button, CAUSE);
    SCOPE_WITH(s, .cancel = button);
    CHECK_EQ(rn_cancelled(), CAUSE);
    CHECK_RC(rn_sleep_ms(0), RN_ECANCELED);
    CHECK_RC(rn_scope_close(&s), CAUSE);
}

SCOPED(scope_that_is_closed_does_not_hear_its_token)
{
    RN_AUTO(rn_cancel) button = NULL;
    RN_MUST(rn_cancel_new(&button));
    SCOPE_WITH(s, .cancel = button);
    CHECK_RC(rn_scope_close(&s), 0);
    rn_cancel_request(button, CAUSE);
    CHECK_RC(rn_sleep_ms(0), 0);
    CHECK_RC(rn_scope_close(&s), 0);
}

SCOPED(scope_with_a_token_has_its_deadline_too)
{
    RN_AUTO(rn_cancel) button = NULL;
    RN_MUST(rn_cancel_child_until(&button, NULL, rn_in_ms(SOON_MS)));
    SCOPE_WITH(s, .cancel = button, .deadline = rn_in_s(3600));
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), RN_ETIMEDOUT);
    CHECK_RC(rn_scope_close(&s), RN_ETIMEDOUT);
}

/* -- shutdown ---------------------------------------------------------------------------------------------------- */

static int hold_a_scope(void *arg)
{
    RN_SCOPE(s);
    RN_TRY(rn_scope_spawn(&s, sleep_till_cancelled, arg));
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), RN_SHUTDOWN);
    CHECK_RC(rn_scope_spawn(&s, fail_with, NULL), RN_SHUTDOWN);
    CHECK_RC(rn_scope_close(&s), RN_ECANCELED);
    return 0;
}

TEST(scope_ends_with_the_runtime)
{
    struct sleeper sleeper = {0};
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2, .on_stuck = RN_STUCK_WAIT}) == 0);
    REQUIRE(rn_spawn_with(NULL, hold_a_scope, &sleeper, &(rn_spawn_opts){.runtime = runtime}) == 0);
    WAIT_UNTIL(is_set(&sleeper.began) && parked_in("sleep") == 2);
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK_EQ(sleeper.cause, RN_SHUTDOWN);
}

TEST(scope_of_a_thread_ends_when_the_runtime_does)
{
    struct sleeper sleeper = {0};
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    RN_SCOPE_WITH(s, &(rn_scope_opts){.runtime = runtime});
    REQUIRE(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper) == 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK_EQ(sleeper.cause, RN_SHUTDOWN);
    CHECK_RC(rn_scope_close(&s), RN_ECANCELED);
}

TEST(scope_tasks_are_tasks_of_the_runtime_that_waits_for_all)
{
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    struct sleeper sleeper = {0};
    RN_SCOPE_WITH(s, &(rn_scope_opts){.runtime = runtime});
    REQUIRE(rn_scope_spawn(&s, sleep_till_cancelled, &sleeper) == 0);
    CHECK_RC(rn_runtime_wait(runtime, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_scope_cancel(&s, 0);
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
}
