/* SPDX-License-Identifier: MIT */
/* api_blocking_job.c - what a job on the pool may do, and whom it does not hold up (see <runnel/blocking.h>). */
#include "api/tasks.h"

static uint32_t turns;
static uint64_t asker;

/* -- in the job -------------------------------------------------------------------------------------------------- */

static int give_5(void *arg)
{
    (void)arg;
    return 5;
}

static int ask_the_pool(void *arg)
{
    int result = -1;
    CHECK_RC(rn_blocking(give_5, arg, &result), 0);
    return result;
}

static int tell_number_and_ask(void *arg)
{
    asker = rn_task_self_id();
    return ask_the_pool(arg);
}

struct order {
    rn_runtime *runtime;
    rn_task task;
};

static int spawn_from_job(void *arg)
{
    struct order *order = arg;
    rn_task nobody;
    CHECK_RC(rn_spawn(&nobody, ask_the_pool, NULL), RN_NO_RUNTIME);
    REQUIRE(rn_spawn_with(&order->task, tell_number_and_ask, NULL, &(rn_spawn_opts){.runtime = order->runtime}) == 0);
    return 0;
}

/* And the task that it spawned has another job done. */
ROOT(blocking_job_may_spawn_into_the_runtime_of_its_caller)
{
    struct order order = {.runtime = rn_runtime_current()};
    CHECK_RC(rn_blocking(spawn_from_job, &order, NULL), 0);
    const uint64_t spawned = rn_task_id(order.task);
    CHECK(spawned != rn_task_self_id());
    CHECK_EQ(result_of(order.task), 5);
    CHECK_EQ(asker, spawned);
}

static int sleep_and_yield(void *arg)
{
    const rn_deadline until = rn_in_ms(10);
    (void)arg;
    CHECK_RC(rn_sleep_until(until), 0);
    CHECK(rn_passed(until));
    rn_yield();
    return rn_task_self_id() == 0 ? 6 : -1;
}

ROOT(blocking_job_may_sleep_and_yield)
{
    int result = -1;
    CHECK_RC(rn_blocking(sleep_and_yield, NULL, &result), 0);
    CHECK_EQ(result, 6);
}

static int run_a_runtime(void *arg)
{
    return rn_run_with(give_5, arg, &(rn_runtime_opts){.workers = 1});
}

static int yield_after_a_runtime(void *arg)
{
    int result = -1;
    CHECK_RC(rn_blocking(run_a_runtime, arg, &result), 0);
    rn_yield();
    CHECK(rn_runtime_current() != NULL);
    return result;
}

ROOT(blocking_job_that_ran_a_runtime_leaves_its_caller_a_task)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, yield_after_a_runtime, NULL) == 0);
    CHECK_EQ(result_of(task), 5);
}

/* -- beside the job ---------------------------------------------------------------------------------------------- */

static int yield_and_count(void *arg)
{
    while (!is_set(arg)) {
        count_up(&turns);
        rn_yield();
    }
    return 0;
}

static int wait_for_turns(void *arg)
{
    const uint32_t *before = arg;
    WAIT_UNTIL(value_of(&turns) >= *before + 10);
    return 0;
}

/* Who has yielded when the caller goes to wait is not held up: else the job would not end. */
ROOT(blocking_does_not_hold_up_who_has_yielded)
{
    uint32_t leave = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, yield_and_count, &leave, &(rn_spawn_opts){.place = RN_PLACE_NEAR}) == 0);
    rn_yield();
    uint32_t before = value_of(&turns);
    CHECK_RC(rn_blocking(wait_for_turns, &before, NULL), 0);
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
}

/* The job ends only when a task that sleeps has let it. */
static int release_after_a_sleep(void *arg)
{
    CHECK_RC(rn_sleep_ms(20), 0);
    set(arg);
    return 0;
}

static int wait_for_release(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return 0;
}

static int block_until_released(void *arg)
{
    return rn_blocking(wait_for_release, arg, NULL);
}

ROOT(blocking_ends_when_a_task_that_slept_lets_it)
{
    uint32_t released = 0;
    rn_task blocked, sleeper;
    REQUIRE(rn_spawn(&blocked, block_until_released, &released) == 0);
    REQUIRE(rn_spawn(&sleeper, release_after_a_sleep, &released) == 0);
    CHECK_RC(rn_join(blocked, NULL), 0);
    CHECK_RC(rn_join(sleeper, NULL), 0);
}

/* -- one that stays and others that come ------------------------------------------------------------------------- */

struct writer {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
};

static int write_all(void *arg)
{
    const struct writer *writer = arg;
    int value;
    while (rn_mpsc_recv(writer->rx, &value) == 0)
        ;
    rn_mpsc_rx_drop(writer->rx);
    return 0;
}

static int have_all_written(void *arg)
{
    return rn_blocking(write_all, arg, NULL);
}

static void writers_start(struct writer writers[2])
{
    for (int i = 0; i < 2; i++) {
        REQUIRE(rn_mpsc_channel(&writers[i].tx, &writers[i].rx, 1, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn(&writers[i].task, have_all_written, &writers[i]) == 0);
    }
}

/* The second message must wait for its thread to have taken the first. */
static void writers_end(struct writer writers[2])
{
    for (int i = 0; i < 2; i++)
        for (int message = 0; message < 2; message++)
            CHECK_RC(rn_mpsc_send(writers[i].tx, &message), 0);
    for (int i = 0; i < 2; i++)
        rn_mpsc_tx_drop(writers[i].tx);
    for (int i = 0; i < 2; i++)
        CHECK_RC(result_of(writers[i].task), 0);
}

static int have_five(void *arg)
{
    return ask_the_pool(arg) == 5 ? 0 : -1;
}

/* A thread that is about to take a job is not there for the next one, which needs a thread of its own. */
ROOT(blocking_pool_strands_no_job_behind_one_that_stays)
{
    struct writer staying[2], coming[2];
    for (int round = 0; round < 50; round++) {
        rn_task quick[2];
        for (int i = 0; i < 2; i++)
            REQUIRE(rn_spawn(&quick[i], have_five, NULL) == 0);
        for (int i = 0; i < 2; i++)
            CHECK_RC(result_of(quick[i]), 0);
        writers_start(staying);
        writers_start(coming);
        writers_end(coming);
        writers_end(staying);
    }
}
