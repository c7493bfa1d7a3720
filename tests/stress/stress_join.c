/* SPDX-License-Identifier: MIT */
/* stress_join.c - ends, joins, drops, deadlines and looks at one handle at the same time. About a second a case. */
#include "api/tasks.h"
#include "base/random.h"

#include <stdlib.h>

static int give_number(void *arg)
{
    return (int)(intptr_t)arg;
}

/* -- one joiner -------------------------------------------------------------------------------------------------- */

static rn_runtime *shared;

/* Another thread ends the task: whoever has joined finds it ended, and its handle stale. */
TEST(stress_join_is_followed_by_ended)
{
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 2}) == 0);
    const rn_deadline end = rn_in_ms(1000);
    for (intptr_t i = 0; !rn_passed(end); i++) {
        rn_task task;
        int result = -1;
        char name[4];
        REQUIRE(rn_spawn_with(&task, give_number, (void *)i, &(rn_spawn_opts){.runtime = shared}) == 0);
        int code;
        while ((code = rn_join_until(task, &result, rn_in_us(i % 50))) == RN_ETIMEDOUT)
            ;
        REQUIRE(code == 0);
        REQUIRE(result == (int)i);
        REQUIRE(rn_task_ended(task));
        REQUIRE(rn_task_name(task, name, sizeof name) == RN_EINVAL);
        REQUIRE(rn_join(task, NULL) == RN_EINVAL);
    }
    CHECK_RC(rn_runtime_free(shared), 0);
}

/* Ended means that a join does not wait. */
TEST(stress_ended_is_followed_by_a_join_that_does_not_wait)
{
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 2}) == 0);
    const rn_deadline end = rn_in_ms(500);
    for (intptr_t i = 0; !rn_passed(end); i++) {
        rn_task task;
        int result = -1;
        REQUIRE(rn_spawn_with(&task, give_number, (void *)i, &(rn_spawn_opts){.runtime = shared}) == 0);
        while (!rn_task_ended(task))
            rn__pause();
        REQUIRE(rn_join_until(task, &result, rn_in_ms(0)) == 0);
        REQUIRE(result == (int)i);
    }
    CHECK_RC(rn_runtime_free(shared), 0);
}

/* -- several that want the same ---------------------------------------------------------------------------------- */

enum { RIVALS = 4 };

struct contest {
    rn_task task;
    uint32_t joined;
    uint32_t wrong;
    uint64_t dice;
};

static int compete(void *arg)
{
    struct contest *contest = arg;
    uint64_t state = contest->dice + rn_task_self_id();
    for (;;) {
        int result = -1;
        char name[8];
        const rn_deadline deadline = rn_in_us((int64_t)(rn__random_next(&state) % 40));
        const int code = rn_join_until(contest->task, &result, deadline);
        if (code == 0) {
            count_up(&contest->joined);
            if (result != 77)
                count_up(&contest->wrong);
        }
        if (code == 0 || code == RN_EINVAL)
            return 0;
        if (code != RN_EBUSY && code != RN_ETIMEDOUT)
            count_up(&contest->wrong);
        rn_ignore(rn_task_name(contest->task, name, sizeof name));
        rn_ignore(rn_task_ended(contest->task));
        rn_yield();
    }
}

static int end_sometime(void *arg)
{
    rn_ignore(rn_sleep_until(rn_in_us((int64_t)(intptr_t)arg)));
    return 77;
}

/* Exactly one of them gets the result. */
static void contest_for_a_while(void)
{
    uint64_t state = test_seed();
    const rn_deadline end = rn_in_ms(1000);
    while (!rn_passed(end)) {
        struct contest contest = {.dice = rn__random_next(&state)};
        rn_task rivals[RIVALS];
        REQUIRE(rn_spawn_with(&contest.task, end_sometime, (void *)(intptr_t)(contest.dice % 300),
                              &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        for (int i = 0; i < RIVALS; i++)
            REQUIRE(rn_spawn_with(&rivals[i], compete, &contest, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        for (int i = 0; i < RIVALS; i++)
            REQUIRE(rn_join(rivals[i], NULL) == 0);
        REQUIRE(contest.joined == 1);
        REQUIRE(contest.wrong == 0);
    }
}

TEST(stress_join_is_won_by_one_of_several_on_1)
{
    on_workers(1, contest_for_a_while);
}

TEST(stress_join_is_won_by_one_of_several_on_2)
{
    on_workers(2, contest_for_a_while);
}

TEST(stress_join_is_won_by_one_of_several_on_16)
{
    on_workers(16, contest_for_a_while);
}

/* -- handles that go, and slots that come again ------------------------------------------------------------------ */

/* Threads play with handles of tasks that may be gone: none of them ever means somebody else. */
enum { HANDLES = 64 };
static uint64_t handles[HANDLES];
static uint32_t stop_playing;

static void *play_with_stale_handles(void *arg)
{
    uint64_t state = test_seed() + (uintptr_t)arg;
    while (!is_set(&stop_playing)) {
        const rn_task task = {rn__load_acquire(&handles[rn__random_next(&state) % HANDLES])};
        char name[40];
        switch (rn__random_next(&state) % 4) {
        case 0:
            rn_task_cancel(task, -20009);
            break;
        case 1:
            rn_ignore(rn_task_name(task, name, sizeof name));
            break;
        default:
            rn_ignore(rn_task_ended(task));
        }
    }
    return NULL;
}

/* Is cancelled only after its own handle was published; the one in the slot before it was another's. */
static int must_not_be_cancelled(void *arg)
{
    (void)arg;
    rn_yield();
    return rn_cancelled();
}

static void come_and_go(void)
{
    uint64_t state = test_seed();
    const rn_deadline end = rn_in_ms(1000);
    while (!rn_passed(end)) {
        rn_task published, secret;
        REQUIRE(rn_spawn_with(&published, must_not_be_cancelled, NULL, &(rn_spawn_opts){.name = "public"}) == 0);
        rn__store_release(&handles[rn__random_next(&state) % HANDLES], published.id);
        REQUIRE(rn_spawn_with(&secret, must_not_be_cancelled, NULL, &(rn_spawn_opts){.name = "secret"}) == 0);
        const int cause = result_of(published);
        REQUIRE(cause == 0 || cause == -20009);
        REQUIRE(result_of(secret) == 0);
    }
}

TEST(stress_stale_handles_never_mean_another_task)
{
    static char names[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, play_with_stale_handles, &names[i]) == 0);
    on_workers(2, come_and_go);
    set(&stop_playing);
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}
