/* SPDX-License-Identifier: MIT */
/* stress_task.c - many tasks from everywhere, beside dumps, drops and shutdowns: each runs exactly once. About a
 * second a case. */
#include "api/tasks.h"
#include "base/random.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MS = 1000 * 1000 };

static uint32_t spawned, ran, stop;

/* Everything about one task comes from its number and the seed. */
static uint64_t dice_of(uint64_t number)
{
    uint64_t state = test_seed() + number * UINT64_C(0x9e3779b97f4a7c15);
    return rn__random_next(&state);
}

struct errand {
    uint64_t dice;
    unsigned depth;
    char padding[100]; /* copies of some do not fit the slot */
};

/* One of `sides`, from another part of the dice for each question. */
static unsigned roll(uint64_t dice, unsigned question, unsigned sides)
{
    return (unsigned)(dice >> 5 * question) % sides;
}

static rn_spawn_opts options_of(uint64_t dice, uint32_t workers, rn_runtime *runtime)
{
    rn_spawn_opts opts = {.runtime = runtime};
    const unsigned place = roll(dice, 0, 8);
    if (place <= RN_PLACE_WORKER)
        opts.place = (enum rn_place)place;
    if (opts.place == RN_PLACE_WORKER)
        opts.worker = roll(dice, 1, workers);
    if (roll(dice, 2, 8) == 0)
        opts.stack_size = (size_t)16 * 1024 << roll(dice, 3, 5);
    if (roll(dice, 4, 8) == 0)
        opts.name = "stress";
    if (roll(dice, 5, 16) == 0)
        opts.flags = RN_TASK_FLOAT_CONTROL;
    return opts;
}

static int do_errand(void *arg);

/* One more task, joined by its spawner, dropped, or without a handle. */
static void spawn_one(uint64_t dice, unsigned depth, uint32_t workers, rn_runtime *runtime)
{
    struct errand errand = {.dice = dice, .depth = depth};
    const rn_spawn_opts opts = options_of(dice, workers, runtime);
    const bool with_handle = roll(dice, 6, 3) != 0;
    const size_t size = roll(dice, 7, 2) == 0 ? sizeof errand : offsetof(struct errand, padding);
    rn_task task = RN_NO_TASK;
    REQUIRE(rn_spawn_copy(with_handle ? &task : NULL, do_errand, &errand, size, &opts) == 0);
    count_up(&spawned);
    if (!with_handle)
        return;
    if (roll(dice, 8, 3) == 0) {
        rn_task_drop(task);
        return;
    }
    CHECK_EQ(result_of(task), dice % 1000);
}

static int do_errand(void *arg)
{
    struct errand errand = {.dice = 0};
    memcpy(&errand, arg, offsetof(struct errand, padding)); /* the rest is not there in all of them */
    for (unsigned i = roll(errand.dice, 9, 4); i > 0; i--) {
        if (i == 2)
            rn_ignore(rn_sleep_until(rn_in_us((int64_t)(errand.dice % 300))));
        else
            rn_yield();
    }
    if (errand.depth > 0 && roll(errand.dice, 10, 2) == 0 && rn_cancelled() == 0)
        spawn_one(dice_of(errand.dice), errand.depth - 1, rn_runtime_workers(NULL), NULL);
    count_up(&ran);
    return (int)(errand.dice % 1000);
}

static uint64_t next_number;

static int spawn_for_a_while(void *arg)
{
    const rn_deadline end = rn_in_ms(600);
    (void)arg;
    while ((!rn_passed(end) || value_of(&spawned) <= 100) && !is_set(&stop)) {
        spawn_one(dice_of(rn__add_relaxed(&next_number, 1)), 3, rn_runtime_workers(NULL), NULL); /* rlx: a number */
        if (value_of(&spawned) - value_of(&ran) > 5000)
            rn_yield();
    }
    return 0;
}

static void spawn_everywhere(void)
{
    rn_task spawners[6];
    for (int i = 0; i < 6; i++)
        REQUIRE(rn_spawn_with(&spawners[i], spawn_for_a_while, NULL, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) ==
                0);
    for (int i = 0; i < 6; i++)
        CHECK_RC(rn_join(spawners[i], NULL), 0);
    WAIT_UNTIL(value_of(&ran) == value_of(&spawned));
}

static void check_spawning(uint32_t workers)
{
    on_workers(workers, spawn_everywhere);
    CHECK(spawned > 100);
    CHECK_EQ(ran, spawned);
}

TEST(stress_tasks_run_once_each_on_1)
{
    check_spawning(1);
}

TEST(stress_tasks_run_once_each_on_2)
{
    check_spawning(2);
}

TEST(stress_tasks_run_once_each_on_16)
{
    check_spawning(16);
}

/* -- from plain threads ------------------------------------------------------------------------------------------ */

static rn_runtime *shared;

static void *spawn_from_outside(void *arg)
{
    (void)arg;
    const rn_deadline end = rn_in_ms(600);
    while (!rn_passed(end))
        spawn_one(dice_of(rn__add_relaxed(&next_number, 1)), 2, rn_runtime_workers(shared),
                  shared); /* rlx: a number */
    return NULL;
}

TEST(stress_tasks_of_plain_threads_run_once_each)
{
    pthread_t threads[4];
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 3}) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, spawn_from_outside, NULL) == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    CHECK_RC(rn_runtime_wait(shared, RN_FOREVER), 0);
    CHECK_EQ(ran, spawned);
    CHECK_RC(rn_runtime_free(shared), 0);
}

/* -- shutdown in the middle of it -------------------------------------------------------------------------------- */

static void *dump_all_the_time(void *arg)
{
    const int null = open("/dev/null", O_WRONLY);
    while (!is_set(arg))
        CHECK_RC(rn_dump(null), 0);
    close(null);
    return NULL;
}

/* The runtime ends no sooner than this thread has been refused: one of its tasks waits for that. */
static void *spawn_until_refused(void *arg)
{
    int code = 0;
    for (uint64_t i = 0; code == 0; i++) {
        struct errand errand = {.dice = dice_of(i)};
        const rn_spawn_opts opts = options_of(errand.dice, rn_runtime_workers(shared), shared);
        code = rn_spawn_copy(NULL, do_errand, &errand, sizeof errand, &opts);
        if (code == 0)
            count_up(&spawned);
        if (value_of(&spawned) - value_of(&ran) > 5000)
            rn_yield();
    }
    CHECK_RC(code, RN_SHUTDOWN);
    set(arg);
    return NULL;
}

static int wait_for_flag(void *arg)
{
    rn_shield_enter();
    WAIT_UNTIL(is_set(arg));
    rn_shield_leave();
    return 0;
}

/* Makes and discards slots, while others look at all of them. */
static int spawn_in_vain(void *arg)
{
    rn_shield_enter();
    while (rn_cancelled() == 0)
        rn_ignore(rn_sleep_ms(1));
    for (int i = 0; i < 2000; i++) {
        rn_task task = {1};
        CHECK_RC(rn_spawn_with(&task, do_errand, arg, &(rn_spawn_opts){.name = i % 2 == 0 ? "in vain" : NULL}),
                 RN_SHUTDOWN);
        CHECK_EQ(task.id, 0);
    }
    rn_shield_leave();
    return 0;
}

static void shut_down_in_the_middle(uint32_t workers)
{
    pthread_t thread;
    uint32_t refused = 0;
    spawned = ran = 0;
    const rn_runtime_opts opts = {.workers = workers, .grace_ns = INT64_C(100000) * MS};
    REQUIRE(rn_runtime_new(&shared, &opts) == 0);
    REQUIRE(rn_spawn_with(NULL, wait_for_flag, &refused, &(rn_spawn_opts){.runtime = shared}) == 0);
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_spawn_with(NULL, spawn_in_vain, NULL, &(rn_spawn_opts){.runtime = shared}) == 0);
    REQUIRE(pthread_create(&thread, NULL, spawn_until_refused, &refused) == 0);
    usleep((unsigned)(dice_of((uint64_t)rn_now_ns()) % 3000));
    CHECK_RC(rn_runtime_free(shared), 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_EQ(value_of(&ran), value_of(&spawned));
}

TEST(stress_shutdown_runs_what_was_spawned_and_refuses_the_rest)
{
    pthread_t dumper;
    const rn_deadline end = rn_in_ms(1000);
    REQUIRE(pthread_create(&dumper, NULL, dump_all_the_time, &stop) == 0);
    for (uint32_t round = 0; round < 4 || !rn_passed(end); round++)
        shut_down_in_the_middle(1 + round % 4);
    set(&stop);
    REQUIRE(pthread_join(dumper, NULL) == 0);
}
