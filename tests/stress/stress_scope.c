/* SPDX-License-Identifier: MIT */
/* stress_scope.c - a cancellation that meets everything else of a scope: spawns, ends, the close, inner scopes. Each
 * case goes on until every outcome was seen. A wake that is lost, or a scope that is visited after it is gone, shows
 * as a case that does not end, or to a sanitizer. */
#include "api/scoped.h"
#include "base/random.h"

enum { CAUSE = -20021, EACH_OUTCOME = 20, TASKS = 6, ROUNDS = 300 };

static int sleep_a_moment(void *arg)
{
    (void)arg;
    return rn_sleep_until(rn_in_us(50));
}

static int sleep_inside(void *arg)
{
    RN_SCOPE(s);
    for (int i = 0; i < 2; i++)
        RN_TRY(rn_scope_spawn(&s, sleep_a_moment, arg));
    return rn_scope_close(&s);
}

/* -- a token against spawns, ends and the close ------------------------------------------------------------------ */

struct button {
    rn_cancel *token;
    uint32_t wait_us;
};

static int press(void *arg)
{
    const struct button *button = arg;
    CHECK_RC(rn_sleep_until(rn_in_us(button->wait_us)), 0);
    rn_cancel_request(button->token, CAUSE);
    return 0;
}

static int scope_under_button(rn_runtime *runtime, rn_cancel *token)
{
    SCOPE_WITH(s, .cancel = token);
    for (int i = 0; i < TASKS; i++)
        RN_MUST(rn_scope_spawn(&s, i % 2 == 0 ? sleep_a_moment : sleep_inside, NULL));
    return rn_scope_close(&s);
}

SCOPED(stress_scope_is_cancelled_by_its_token_or_done_before)
{
    uint64_t state = test_seed();
    uint32_t done = 0, cancelled = 0;
    while (done < EACH_OUTCOME || cancelled < EACH_OUTCOME) {
        struct button button = {.wait_us = (uint32_t)(rn__random_next(&state) % 1500)};
        RN_MUST(rn_cancel_new(&button.token));
        struct actor *actor = actor_start(press, &button);
        const int rc = scope_under_button(runtime, button.token);
        CHECK(rc == 0 || rc == CAUSE);
        CHECK_RC(rn_sleep_ms(0), 0); /* whatever was cancelled is taken back */
        CHECK_RC(actor_join(actor), 0);
        rn_cancel_drop(button.token);
        done += rc == 0;
        cancelled += rc == CAUSE;
    }
}

/* -- rn_task_cancel against open, close and take back ------------------------------------------------------------ */

static int open_and_close(void *arg)
{
    (void)arg;
    for (;;) {
        int rc;
        {
            RN_SCOPE(s);
            RN_MUST(rn_scope_spawn(&s, sleep_inside, NULL));
            rn_scope_cancel(&s, CAUSE - 1); /* so that each close has something to take back */
            rc = rn_scope_close(&s);
        }
        CHECK(rc == CAUSE - 1 || rc == RN_ECANCELED);
        if (rn_cancelled() == 0 && rn_sleep_ms(0) == 0)
            continue;
        return rn_cancelled();
    }
}

static void cancel_openers(void)
{
    uint64_t state = test_seed();
    for (int round = 0; round < ROUNDS; round++) {
        rn_task task;
        RN_MUST(rn_spawn_with(&task, open_and_close, NULL, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}));
        (void)rn_sleep_until(rn_in_us((int64_t)(rn__random_next(&state) % 300)));
        rn_task_cancel(task, CAUSE);
        CHECK_EQ(result_of(task), CAUSE); /* it would never end if a close had taken that back too */
    }
}

TEST(stress_scope_close_never_takes_back_what_came_from_above_on_1)
{
    on_workers(1, cancel_openers);
}

TEST(stress_scope_close_never_takes_back_what_came_from_above_on_2)
{
    on_workers(2, cancel_openers);
}

TEST(stress_scope_close_never_takes_back_what_came_from_above_on_16)
{
    on_workers(16, cancel_openers);
}

/* -- failures against each other, the collector and a deadline --------------------------------------------------- */

static int fail_soon(void *arg)
{
    const int rc = rn_sleep_until(rn_in_us((int64_t)(intptr_t)arg % 200));
    return rc != 0 ? rc : (intptr_t)arg % 3 == 0 ? CAUSE : 0;
}

SCOPED(stress_scope_collects_every_task_once_whatever_ends_it)
{
    uint64_t state = test_seed();
    uint32_t failed = 0, timed_out = 0, all_well = 0;
    while (failed < EACH_OUTCOME || timed_out < EACH_OUTCOME || all_well < EACH_OUTCOME) {
        int taken = 0, rc;
        rn_ended ended;
        SCOPE_WITH(s, .flags = RN_SCOPE_COLLECT, .deadline = rn_in_us((int64_t)(rn__random_next(&state) % 1000)));
        for (int i = 0; i < TASKS; i++) {
            const intptr_t number = (intptr_t)(rn__random_next(&state) % 1000) * 3 +
                                    (rn__random_next(&state) % 8 != 0);
            RN_MUST(rn_scope_spawn(&s, fail_soon, AS_ARG(number)));
        }
        while ((rc = rn_scope_next(&s, &ended)) == 0)
            taken++;
        CHECK(rc == RN_EMPTY || rc == RN_ECANCELED);
        rn_shield_enter();
        while ((rc = rn_scope_next(&s, &ended)) == 0)
            taken++;
        rn_shield_leave();
        CHECK_RC(rc, RN_EMPTY);
        CHECK_EQ(taken, TASKS);
        rc = rn_scope_close(&s);
        CHECK(rc == 0 || rc == CAUSE || rc == RN_ETIMEDOUT);
        failed += rc == CAUSE;
        timed_out += rc == RN_ETIMEDOUT;
        all_well += rc == 0;
    }
}

/* -- places ------------------------------------------------------------------------------------------------------ */

SCOPED(stress_scope_places_are_all_given_back)
{
    uint64_t state = test_seed();
    for (int round = 0; round < 60; round++) {
        uint32_t spawned = 0;
        SCOPE_WITH(s, .max_running = 2, .deadline = rn_in_us((int64_t)(rn__random_next(&state) % 1000)));
        while (spawned < 4 * TASKS && rn_scope_spawn(&s, sleep_inside, NULL) == 0)
            spawned++;
        const int rc = rn_scope_close(&s);
        CHECK(rc == RN_ETIMEDOUT || (rc == 0 && spawned == 4 * TASKS));
    }
}
