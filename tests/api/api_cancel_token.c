/* SPDX-License-Identifier: MIT */
/* api_cancel_token.c - tokens: the tree, the cause, the deadline, waiting (contract: <runnel/cancel.h>). */
#include "api/parked.h"
#include "api/tasks.h"

enum { CAUSE = -20007, DEEP = 100000 };

static rn_cancel *token_below(rn_cancel *parent)
{
    rn_cancel *token;
    RN_MUST(rn_cancel_child(&token, parent));
    return token;
}

static rn_cancel *token_until(rn_cancel *parent, rn_deadline deadline)
{
    rn_cancel *token;
    RN_MUST(rn_cancel_child_until(&token, parent, deadline));
    return token;
}

/* -- cause ------------------------------------------------------------------------------------------------------- */

EVERYWHERE(cancel_token_has_no_cause_at_first)
{
    RN_AUTO(rn_cancel) token = NULL;
    CHECK_RC(rn_cancel_new(&token), 0);
    CHECK_EQ(rn_cancel_cause(token), 0);
    CHECK_EQ(rn_cancelled(), 0);
}

EVERYWHERE(cancel_token_keeps_the_first_cause)
{
    RN_AUTO(rn_cancel) token = token_below(NULL);
    rn_cancel_request(token, CAUSE);
    rn_cancel_request(token, CAUSE - 1);
    CHECK_EQ(rn_cancel_cause(token), CAUSE);
}

EVERYWHERE(cancel_token_cause_0_means_ecanceled)
{
    RN_AUTO(rn_cancel) token = token_below(NULL);
    rn_cancel_request(token, 0);
    CHECK_EQ(rn_cancel_cause(token), RN_ECANCELED);
}

EVERYWHERE(cancel_token_cancels_nobody_by_itself)
{
    RN_AUTO(rn_cancel) token = token_below(NULL);
    rn_cancel_request(token, CAUSE);
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_RC(rn_sleep_ms(0), 0);
}

EVERYWHERE(cancel_token_of_null_says_no)
{
    CHECK_RC(rn_cancel_new(NULL), RN_EINVAL);
    CHECK_RC(rn_cancel_child(NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_cancel_wait(NULL), RN_EINVAL);
    CHECK_EQ(rn_cancel_cause(NULL), 0);
    CHECK(rn_cancel_clone(NULL) == NULL);
    rn_cancel_request(NULL, 0);
    rn_cancel_drop(NULL);
    rn_case never = rn_cancel_case(NULL);
    CHECK_RC(rn_try_select(&never, 1), RN_EAGAIN);
    CHECK_RC(rn_select(&never, 1), RN_EDEADLK);
}

EVERYWHERE(cancel_token_clone_is_the_same_token)
{
    rn_cancel *token = token_below(NULL);
    RN_AUTO(rn_cancel) clone = rn_cancel_clone(token);
    rn_cancel_request(token, CAUSE);
    rn_cancel_drop(token);
    CHECK_EQ(rn_cancel_cause(clone), CAUSE);
}

/* -- the tree ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(cancel_token_request_reaches_all_below_and_none_above)
{
    rn_cancel *root = token_below(NULL), *middle = token_below(root), *beside = token_below(root);
    rn_cancel *leaves[] = {token_below(middle), token_below(middle), token_below(beside)};
    rn_cancel_request(middle, CAUSE);
    CHECK_EQ(rn_cancel_cause(middle), CAUSE);
    CHECK_EQ(rn_cancel_cause(leaves[0]), CAUSE);
    CHECK_EQ(rn_cancel_cause(leaves[1]), CAUSE);
    CHECK_EQ(rn_cancel_cause(root), 0);
    CHECK_EQ(rn_cancel_cause(beside), 0);
    rn_cancel_request(root, CAUSE - 1);
    CHECK_EQ(rn_cancel_cause(leaves[0]), CAUSE);
    CHECK_EQ(rn_cancel_cause(leaves[2]), CAUSE - 1);
    for (size_t i = 0; i < RN_COUNT(leaves); i++)
        rn_cancel_drop(leaves[i]);
    rn_cancel_drop(beside);
    rn_cancel_drop(middle);
    rn_cancel_drop(root);
}

EVERYWHERE(cancel_token_child_of_a_cancelled_one_is_born_cancelled)
{
    RN_AUTO(rn_cancel) parent = token_below(NULL);
    rn_cancel_request(parent, CAUSE);
    RN_AUTO(rn_cancel) child = token_below(parent);
    RN_AUTO(rn_cancel) grandchild = token_below(child);
    CHECK_EQ(rn_cancel_cause(child), CAUSE);
    CHECK_EQ(rn_cancel_cause(grandchild), CAUSE);
}

EVERYWHERE(cancel_token_outlives_its_dropped_parent)
{
    rn_cancel *root = token_below(NULL), *middle = token_below(root);
    RN_AUTO(rn_cancel) leaf = token_below(middle);
    rn_cancel_drop(middle);
    CHECK_EQ(rn_cancel_cause(leaf), 0);
    rn_cancel_request(root, CAUSE); /* reaches it through the one that nobody has any more */
    CHECK_EQ(rn_cancel_cause(leaf), CAUSE);
    rn_cancel_drop(root);
    CHECK_EQ(rn_cancel_cause(leaf), CAUSE);
}

EVERYWHERE(cancel_token_drop_requests_nothing)
{
    rn_cancel *parent = token_below(NULL);
    RN_AUTO(rn_cancel) child = token_below(parent);
    rn_cancel_drop(parent);
    CHECK_EQ(rn_cancel_cause(child), 0);
    CHECK_RC(rn_cancel_wait_until(child, rn_in_ms(1)), RN_ETIMEDOUT);
}

TEST(cancel_token_tree_gives_all_memory_back) /* with no worker that allocates beside us */
{
    const uint64_t before = test_memory().live;
    rn_cancel *root = token_below(NULL);
    for (int i = 0; i < 100; i++) {
        rn_cancel *child = token_below(root), *grandchild = token_below(child);
        if (i % 3 == 0)
            rn_cancel_request(child, 0);
        rn_cancel_drop(child);
        rn_cancel_drop(grandchild);
        CHECK_EQ(test_memory().live, before + 1);
    }
    rn_cancel_drop(root);
    CHECK_EQ(test_memory().live, before);
}

/* Deeper than any stack of a task. */
ROOT_ON(1, cancel_token_request_and_drop_go_down_and_up_a_deep_tree)
{
    rn_cancel *root = token_below(NULL);
    rn_cancel *last = rn_cancel_clone(root);
    for (int i = 0; i < DEEP; i++) {
        rn_cancel *child = token_below(last);
        rn_cancel_drop(last);
        last = child;
    }
    rn_cancel_request(root, CAUSE);
    CHECK_EQ(rn_cancel_cause(last), CAUSE);
    rn_cancel_drop(root);
    rn_cancel_drop(last);
}

/* -- the deadline ------------------------------------------------------------------------------------------------ */

EVERYWHERE(cancel_token_deadline_that_has_passed_is_its_cause)
{
    RN_AUTO(rn_cancel) token = token_until(NULL, rn_in_ms(0));
    rn_cancel_request(token, CAUSE); /* came after it */
    CHECK_EQ(rn_cancel_cause(token), RN_ETIMEDOUT);
    CHECK_RC(rn_cancel_wait(token), 0);
}

EVERYWHERE(cancel_token_request_before_the_deadline_is_its_cause)
{
    RN_AUTO(rn_cancel) token = token_until(NULL, rn_in_s(3600));
    CHECK_EQ(rn_cancel_cause(token), 0);
    rn_cancel_request(token, CAUSE);
    CHECK_EQ(rn_cancel_cause(token), CAUSE);
}

EVERYWHERE(cancel_token_has_the_sooner_deadline_of_its_own_and_its_parents)
{
    RN_AUTO(rn_cancel) late = token_until(NULL, rn_in_s(3600));
    RN_AUTO(rn_cancel) past = token_until(late, rn_in_ms(0));
    RN_AUTO(rn_cancel) below = token_until(past, rn_in_s(3600));
    RN_AUTO(rn_cancel) without = token_below(past);
    CHECK_EQ(rn_cancel_cause(late), 0);
    CHECK_EQ(rn_cancel_cause(past), RN_ETIMEDOUT);
    CHECK_EQ(rn_cancel_cause(below), RN_ETIMEDOUT);
    CHECK_EQ(rn_cancel_cause(without), RN_ETIMEDOUT);
}

EVERYWHERE(cancel_token_wait_ends_at_the_tokens_deadline_with_0)
{
    const int64_t begin = rn_now_ns();
    RN_AUTO(rn_cancel) token = token_until(NULL, rn_in_ms(20));
    CHECK_RC(rn_cancel_wait(token), 0);
    CHECK(rn_now_ns() - begin >= 20 * 1000 * 1000);
    CHECK_EQ(rn_cancel_cause(token), RN_ETIMEDOUT);
}

EVERYWHERE(cancel_token_wait_until_has_a_deadline_of_its_own)
{
    RN_AUTO(rn_cancel) token = token_until(NULL, rn_in_s(3600));
    CHECK_RC(rn_cancel_wait_until(token, rn_in_ms(2)), RN_ETIMEDOUT);
    CHECK_EQ(rn_cancel_cause(token), 0);
}

/* -- waiting ----------------------------------------------------------------------------------------------------- */

static int wait_for_token(void *arg)
{
    rn_cancel *token = arg;
    CHECK_RC(rn_cancel_wait(token), 0);
    const int cause = rn_cancel_cause(token);
    rn_cancel_drop(token);
    return cause;
}

EVERYWHERE(cancel_token_request_wakes_all_who_wait_below)
{
    rn_cancel *root = token_below(NULL), *child = token_below(root);
    struct actor *actors[4];
    for (size_t i = 0; i < RN_COUNT(actors); i++)
        actors[i] = actor_start(wait_for_token, i % 2 == 0 ? rn_cancel_clone(root) : token_below(child));
    WAIT_UNTIL(parked_in("cancel wait") == RN_COUNT(actors));
    rn_cancel_request(root, CAUSE);
    for (size_t i = 0; i < RN_COUNT(actors); i++)
        CHECK_EQ(actor_join(actors[i]), CAUSE);
    rn_cancel_drop(child);
    rn_cancel_drop(root);
}

static int request_and_drop(void *arg)
{
    rn_cancel_request(arg, CAUSE);
    rn_cancel_drop(arg);
    return 0;
}

EVERYWHERE(cancel_token_is_a_case_of_a_select)
{
    RN_AUTO(rn_cancel) first = token_below(NULL);
    RN_AUTO(rn_cancel) second = token_below(NULL);
    rn_case cases[] = {rn_cancel_case(first), rn_cancel_case(second)};
    CHECK_RC(rn_try_select(cases, 2), RN_EAGAIN);
    CHECK_RC(rn_select_until(cases, 2, rn_in_ms(1)), RN_ETIMEDOUT);
    struct actor *actor = actor_start(request_and_drop, rn_cancel_clone(second));
    CHECK_EQ(rn_select(cases, 2), 1);
    CHECK_RC(cases[1].rc, 0);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(rn_try_select(cases, 2), 1); /* and stays */
}

EVERYWHERE(cancel_token_case_happens_at_the_tokens_deadline)
{
    RN_AUTO(rn_cancel) never = token_below(NULL);
    RN_AUTO(rn_cancel) soon = token_until(NULL, rn_in_ms(5));
    rn_case cases[] = {rn_cancel_case(never), rn_cancel_case(soon), rn_deadline_case(rn_in_s(3600))};
    CHECK_EQ(rn_select_until(cases, 3, rn_in_s(3600)), 1);
    CHECK_RC(cases[1].rc, 0);
    CHECK_EQ(rn_cancel_cause(soon), RN_ETIMEDOUT);
}

static int wait_cancelled(void *arg)
{
    const int rc = rn_cancel_wait(arg);
    CHECK_RC(rn_cancel_wait(arg), RN_ECANCELED); /* at entry too */
    return rc;
}

ROOT(cancel_token_wait_of_a_cancelled_task_ends)
{
    RN_AUTO(rn_cancel) token = token_below(NULL);
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_cancelled, token) == 0);
    WAIT_UNTIL(waits_in(task, "cancel wait"));
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(rn_cancel_cause(token), 0);
}

/* The one who is woken may drop the last other handle at once. */
static int drop_when_asked(void *arg)
{
    rn_cancel *token = arg;
    CHECK_RC(rn_cancel_wait(token), 0);
    rn_cancel_drop(token);
    return 0;
}

EVERYWHERE(cancel_token_may_be_dropped_by_who_is_woken)
{
    for (int i = 0; i < 100; i++) {
        rn_cancel *token = token_below(NULL);
        struct actor *actor = actor_start(drop_when_asked, token); /* its only handle, lent to us */
        rn_cancel *parent = token_below(token);
        rn_cancel_request(parent, 0);
        CHECK_EQ(rn_cancel_cause(parent), RN_ECANCELED);
        rn_cancel_drop(parent);
        rn_cancel_request(token, 0);
        CHECK_RC(actor_join(actor), 0);
    }
}
