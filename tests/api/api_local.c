/* SPDX-License-Identifier: MIT */
/* api_local.c - the contract of <runnel/local.h>: whose a value is, when it is dropped, what a child inherits. */
#include "api/parked.h"
#include "api/tasks.h"

#include <stdlib.h>

/* A value that counts how often it is held, and when it went. */
struct counted {
    uint32_t held;
    uint32_t dropped;
    uint32_t refuses; /* to be inherited */
    uint64_t dropped_by;
};

static void let_go(void *value)
{
    struct counted *counted = value;
    counted->dropped_by = rn_task_self_id();
    rn__sub_acq_rel(&counted->held, 1); /* read by the body */
    count_up(&counted->dropped);
}

static int share(void *value, void **child)
{
    struct counted *counted = value;
    if (is_set(&counted->refuses))
        return -1;
    count_up(&counted->held);
    *child = counted;
    return 0;
}

static const rn_local plain = RN_LOCAL_INIT(NULL, NULL);
static const rn_local owned = RN_LOCAL_INIT(let_go, NULL);
static const rn_local shared = RN_LOCAL_INIT(let_go, share);

static struct counted *take_one(struct counted *counted)
{
    count_up(&counted->held);
    return counted;
}

/* -- set, get, take ---------------------------------------------------------------------------------------------- */

EVERYWHERE(local_value_is_kept_replaced_and_taken)
{
    int a = 1, b = 2;
    CHECK(rn_local_get(&plain) == NULL);
    CHECK(rn_local_take(&plain) == NULL);
    CHECK_RC(rn_local_set(&plain, &a), 0);
    CHECK(rn_local_get(&plain) == &a);
    CHECK_RC(rn_local_set(&plain, &b), 0);
    CHECK(rn_local_get(&plain) == &b);
    CHECK(rn_local_get(&owned) == NULL);
    CHECK(rn_local_take(&plain) == &b);
    CHECK(rn_local_get(&plain) == NULL);
    CHECK_RC(rn_local_set(&plain, NULL), 0);
    CHECK_RC(rn_local_set(NULL, &a), RN_EINVAL);
    CHECK(rn_local_get(NULL) == NULL);
    CHECK(rn_local_take(NULL) == NULL);
}

EVERYWHERE(local_value_that_is_replaced_is_dropped)
{
    static struct counted first = {0}, second = {0};
    CHECK_RC(rn_local_set(&owned, take_one(&first)), 0);
    CHECK_RC(rn_local_set(&owned, take_one(&second)), 0);
    CHECK_EQ(first.dropped, 1);
    CHECK_EQ(second.dropped, 0);
    CHECK_RC(rn_local_set(&owned, NULL), 0);
    CHECK_EQ(second.dropped, 1);
    CHECK_RC(rn_local_set(&owned, take_one(&first)), 0);
    CHECK(rn_local_take(&owned) == &first); /* ours again: not dropped */
    CHECK_EQ(first.dropped, 1);
}

EVERYWHERE(local_keys_are_told_apart)
{
    enum { KEYS = 40 };
    rn_local keys[KEYS] = {RN_LOCAL_INIT(NULL, NULL)};
    int values[KEYS];
    for (int i = 0; i < KEYS; i++)
        CHECK_RC(rn_local_set(&keys[i], &values[i]), 0);
    for (int i = 0; i < KEYS; i += 2)
        CHECK(rn_local_take(&keys[i]) == &values[i]);
    for (int i = 0; i < KEYS; i++)
        CHECK(rn_local_get(&keys[i]) == (i % 2 == 0 ? NULL : &values[i]));
    for (int i = 1; i < KEYS; i += 2)
        CHECK(rn_local_take(&keys[i]) == &values[i]);
}

/* -- whose it is ------------------------------------------------------------------------------------------------- */

struct own {
    struct counted counted;
    uint32_t *ready;
    uint32_t go;
};

static int keep_over_a_wait(void *arg)
{
    struct own *own = arg;
    CHECK(rn_local_get(&owned) == NULL);
    CHECK_RC(rn_local_set(&owned, take_one(&own->counted)), 0);
    count_up(own->ready);
    WAIT_UNTIL(is_set(&own->go));
    CHECK(rn_local_get(&owned) == &own->counted);
    return 0;
}

/* Also on one worker, where they share the thread. */
EVERYWHERE(local_value_is_each_party_s_own)
{
    enum { PARTIES = 5 };
    static struct own owns[PARTIES];
    struct actor *actors[PARTIES];
    uint32_t ready = 0;
    memset(owns, 0, sizeof owns);
    for (int i = 0; i < PARTIES; i++) {
        owns[i].ready = &ready;
        actors[i] = actor_start(keep_over_a_wait, &owns[i]);
    }
    WAIT_UNTIL(value_of(&ready) == PARTIES);
    for (int i = 0; i < PARTIES; i++) {
        CHECK_EQ(value_of(&owns[i].counted.dropped), 0);
        set(&owns[i].go);
    }
    for (int i = 0; i < PARTIES; i++)
        CHECK_RC(actor_join(actors[i]), 0);
    CHECK(rn_local_get(&owned) == NULL);
    for (int i = 0; i < PARTIES; i++)
        WAIT_UNTIL(value_of(&owns[i].counted.dropped) == 1); /* a thread drops it at its very end */
}

static int keep(void *arg)
{
    CHECK_RC(rn_local_set(&owned, take_one(arg)), 0);
    CHECK_RC(rn_local_set(&shared, take_one(arg)), 0);
    return 0;
}

/* By the task itself, which can still be asked who it is, before anybody has joined it. */
ROOT(local_values_are_dropped_when_the_task_ends)
{
    static const enum rn_place places[] = {RN_PLACE_NEAR, RN_PLACE_SPREAD, RN_PLACE_THREAD, RN_PLACE_POOL};
    for (size_t i = 0; i < RN_COUNT(places); i++) {
        struct counted counted = {0};
        rn_task task;
        REQUIRE(rn_spawn_with(&task, keep, &counted, &(rn_spawn_opts){.place = places[i]}) == 0);
        CHECK_RC(result_of(task), 0);
        CHECK_EQ(counted.dropped, 2);
        CHECK_EQ(counted.held, 0);
        CHECK_EQ(counted.dropped_by, rn_task_id(task));
    }
}

static int keep_and_be_cancelled(void *arg)
{
    CHECK_RC(rn_local_set(&owned, take_one(arg)), 0);
    return rn_sleep_until(RN_FOREVER);
}

ROOT(local_values_of_a_cancelled_task_are_dropped)
{
    static struct counted counted = {0};
    rn_task task;
    REQUIRE(rn_spawn(&task, keep_and_be_cancelled, &counted) == 0);
    WAIT_UNTIL(waits_in(task, "sleep"));
    CHECK_EQ(value_of(&counted.dropped), 0);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(counted.dropped, 1);
}

static int keep_and_run(void *arg)
{
    CHECK_RC(rn_local_set(&owned, take_one(arg)), 0);
    return 0;
}

/* A name and values lie in the same place. */
ROOT_ON(2, local_value_leaves_the_name_alone)
{
    char name[RN_TASK_NAME_MAX + 1];
    CHECK_RC(rn_task_name(rn_task_self(), name, sizeof name), 0);
    CHECK_RC(rn_local_set(&plain, name), 0);
    char again[RN_TASK_NAME_MAX + 1];
    CHECK_RC(rn_task_name(rn_task_self(), again, sizeof again), 0);
    CHECK_STR_EQ(again, name);
}

/* A thread of the pool is somebody else's next. */
ROOT_ON(1, local_values_of_a_blocking_job_are_dropped_with_it)
{
    static struct counted counted = {0};
    CHECK_RC(rn_blocking(keep_and_run, &counted, NULL), 0);
    CHECK_EQ(counted.dropped, 1);
    CHECK_EQ(counted.dropped_by, 0);
}

/* -- inheriting -------------------------------------------------------------------------------------------------- */

static int has_shared(void *arg)
{
    CHECK(rn_local_get(&shared) == arg);
    CHECK(rn_local_get(&owned) == NULL);
    CHECK(rn_local_get(&plain) == NULL);
    return 0;
}

static int inherits_twice(void *arg)
{
    rn_task task;
    CHECK(rn_local_get(&shared) == arg);
    REQUIRE(rn_spawn_with(&task, has_shared, arg, &(rn_spawn_opts){.name = "grandchild"}) == 0);
    return result_of(task);
}

ROOT(local_value_is_inherited_where_the_key_says_so)
{
    static struct counted counted = {0}, other = {0};
    rn_task task;
    CHECK_RC(rn_local_set(&shared, take_one(&counted)), 0);
    CHECK_RC(rn_local_set(&owned, take_one(&other)), 0);
    CHECK_RC(rn_local_set(&plain, &task), 0);
    REQUIRE(rn_spawn(&task, inherits_twice, &counted) == 0);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(counted.held, 1);
    CHECK_EQ(counted.dropped, 2);
    CHECK_EQ(other.dropped, 0);
    CHECK_RC(rn_local_set(&shared, NULL), 0);
    CHECK_RC(rn_local_set(&owned, NULL), 0);
    REQUIRE(rn_spawn(&task, has_shared, NULL) == 0);
    CHECK_RC(result_of(task), 0);
}

static int run_as_child(void *arg)
{
    CHECK_RC(rn_local_set(&shared, take_one(arg)), 0);
    return rn_run_with(has_shared, arg, &(rn_runtime_opts){.workers = 1});
}

static void *run_on_thread(void *arg)
{
    CHECK_RC(run_as_child(arg), 0);
    return NULL;
}

/* A plain thread spawns, into a runtime that it names or as the root of its own, and ends. */
TEST(local_value_of_a_thread_is_inherited_and_dropped)
{
    static struct counted counted = {0};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, run_on_thread, &counted) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_EQ(counted.held, 0);
    CHECK_EQ(counted.dropped, 2);
}

static int must_not_run(void *arg)
{
    (void)arg;
    FAIL("a task ran whose spawn had failed");
    return 0;
}

ROOT_ON(2, local_value_that_refuses_to_be_inherited_fails_the_spawn)
{
    static struct counted counted = {0}, willing = {0};
    static const rn_local another = RN_LOCAL_INIT(let_go, share);
    rn_task task = rn_task_self();
    CHECK_RC(rn_local_set(&shared, take_one(&counted)), 0);
    CHECK_RC(rn_local_set(&another, take_one(&willing)), 0); /* is asked first */
    set(&counted.refuses);
    CHECK_RC(rn_spawn(&task, must_not_run, NULL), RN_ENOMEM);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_spawn_with(NULL, must_not_run, NULL, &(rn_spawn_opts){.name = "never"}), RN_ENOMEM);
    CHECK_EQ(counted.held, 1);
    CHECK_EQ(willing.held, 1);
    CHECK_EQ(willing.dropped, 2);
}

static int nothing_for_children(void *value, void **child)
{
    (void)value, (void)child;
    return 0;
}

ROOT_ON(2, local_value_may_leave_nothing_to_children)
{
    static const rn_local key = RN_LOCAL_INIT(let_go, nothing_for_children);
    static struct counted counted = {0};
    rn_task task;
    CHECK_RC(rn_local_set(&key, take_one(&counted)), 0);
    REQUIRE(rn_spawn(&task, has_shared, NULL) == 0);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(counted.dropped, 0);
}

static int ask_for_runtime(void *arg)
{
    (void)arg;
    return rn_spawn_with(NULL, must_not_run, NULL, NULL);
}

static void *spawn_without_runtime(void *arg)
{
    CHECK_RC(rn_local_set(&shared, take_one(arg)), 0);
    CHECK_RC(ask_for_runtime(NULL), RN_NO_RUNTIME);
    return NULL;
}

TEST(local_value_is_not_asked_by_a_spawn_that_is_refused)
{
    static struct counted counted = {0};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, spawn_without_runtime, &counted) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_EQ(counted.dropped, 1);
}

static uint32_t has_begun, may_leave;

static int hold_thread(void *arg)
{
    set(&has_begun);
    while (!is_set(&may_leave))
        rn__pause();
    return arg == NULL;
}

/* The pool refuses when the task is complete already, with what it has inherited. */
static void refuse_with_inheritance(void)
{
    static struct counted counted = {0};
    const rn_spawn_opts opts = {.place = RN_PLACE_POOL};
    rn_task tasks[2];
    REQUIRE(rn_spawn_with(&tasks[0], hold_thread, NULL, &opts) == 0);
    WAIT_UNTIL(is_set(&has_begun));
    REQUIRE(rn_spawn_with(&tasks[1], hold_thread, NULL, &opts) == 0);
    CHECK_RC(rn_local_set(&shared, take_one(&counted)), 0);
    CHECK_RC(rn_spawn_with(NULL, must_not_run, NULL, &opts), RN_EAGAIN);
    CHECK_EQ(counted.dropped, 1);
    CHECK_EQ(counted.held, 1);
    set(&may_leave);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(result_of(tasks[i]), 1);
    CHECK_RC(rn_local_set(&shared, NULL), 0);
}

TEST(local_value_of_a_task_that_was_refused_late_is_dropped)
{
    CHECK_RC(rn_run_with(tasks_call, &(void (*)(void)){refuse_with_inheritance},
                         &(rn_runtime_opts){.workers = 1, .max_blocking = 1}),
             0);
}

/* -- in its functions -------------------------------------------------------------------------------------------- */

static void set_in_drop(void *value)
{
    int number = 1;
    struct counted *counted = value;
    CHECK_RC(rn_local_set(&plain, &number), RN_EDEADLK);
    CHECK(rn_local_take(&plain) == NULL);
    CHECK(rn_local_get(&plain) == counted);
    CHECK_RC(rn_sleep_ms(1), RN_EDEADLK);
    count_up(&counted->dropped);
}

EVERYWHERE(local_drop_function_may_only_look)
{
    static const rn_local key = RN_LOCAL_INIT(set_in_drop, NULL);
    static struct counted counted = {0};
    CHECK_RC(rn_local_set(&plain, &counted), 0);
    CHECK_RC(rn_local_set(&key, &counted), 0);
    CHECK_RC(rn_local_set(&key, NULL), 0);
    CHECK_EQ(counted.dropped, 1);
    CHECK(rn_local_take(&plain) == &counted);
}
