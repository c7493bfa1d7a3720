/* SPDX-License-Identifier: MIT */
/* everywhere.c - the places where a body runs, and its actors. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/atomic.h"
#include "harness/inside.h"

#include <runnel/cancel.h>
#include <runnel/notify.h>
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <runnel/time.h>

const char *test_place_suffix(enum test_place place)
{
    static const char *const suffixes[PLACES] = {"", "/thread", "/task_1", "/task_2", "/task_16", "/mixed"};
    return suffixes[place];
}

static enum test_place current_place;
static rn_runtime *current_runtime; /* NULL: actors are threads */
static uint32_t actors_started;

struct actor {
    int (*fn)(void *arg);
    void *arg;
    int result;
    bool is_task;
    rn_task task;
    pthread_t thread;
    rn_notify ended; /* the thread has nothing left to do: a task may join it */
};

bool on_task(void)
{
    return rn_task_self_id() != 0;
}

/* A cancelled task still lets others run. A callback may not wait, so there its worker sleeps. */
void test_pause(void)
{
    rn_shield_enter();
    const bool slept = on_task() && rn_sleep_ms(1) == 0;
    rn_shield_leave();
    if (!slept)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

static void *thread_main(void *arg)
{
    struct actor *actor = arg;
    actor->result = actor->fn(actor->arg);
    rn_notify_one(&actor->ended);
    return NULL;
}

static bool next_is_task(void)
{
    if (current_runtime == NULL)
        return false;
    return current_place != PLACE_MIXED || rn__add_relaxed(&actors_started, 1) % 2 == 1; /* rlx: only takes turns */
}

/* In turn on all workers, the root's being the last: so that parties meet on one worker and across two. */
static void start_task(struct actor *actor, rn_site *site)
{
    static uint32_t tasks_started;
    const uint32_t turn = 1 + rn__add_relaxed(&tasks_started, 1); /* rlx: only takes turns */
    rn_spawn_opts opts = {.runtime = current_runtime, .place = RN_PLACE_WORKER};
    opts.worker = turn % rn_runtime_workers(current_runtime);
    REQUIRE(rn__spawn(site, &actor->task, actor->fn, actor->arg, &opts) == 0);
}

struct actor *test_actor_start(rn_site *site, int (*fn)(void *arg), void *arg)
{
    struct actor *actor = calloc(1, sizeof *actor);
    REQUIRE(actor != NULL);
    actor->fn = fn;
    actor->arg = arg;
    actor->ended = (rn_notify)RN_NOTIFY_INIT;
    actor->is_task = next_is_task();
    if (actor->is_task) {
        start_task(actor, site);
    } else {
        REQUIRE(pthread_create(&actor->thread, NULL, thread_main, actor) == 0);
    }
    return actor;
}

/* A task may not block its worker in pthread_join: it waits for the thread's last word first. */
int actor_join(struct actor *actor)
{
    bool shield = on_task();
    if (shield)
        rn_shield_enter();
    if (actor->is_task) {
        REQUIRE(rn_join(actor->task, &actor->result) == 0);
    } else {
        if (on_task())
            REQUIRE(rn_notify_wait(&actor->ended) == 0);
        REQUIRE(pthread_join(actor->thread, NULL) == 0);
    }
    if (shield)
        rn_shield_leave();
    int result = actor->result;
    free(actor);
    return result;
}

static int root(void *arg)
{
    const struct test_case *test = arg;
    current_runtime = rn_runtime_current();
    test->body();
    return 0;
}

static void run_in_runtime(const struct test_case *test, uint32_t workers)
{
    CHECK_RC(rn_run_with(root, (void *)(uintptr_t)test, &(rn_runtime_opts){.workers = workers}), 0);
}

void test_run_at(const struct test_case *test, enum test_place place)
{
    static const uint32_t workers[PLACES] = {
        [PLACE_TASK_1] = 1, [PLACE_TASK_2] = 2, [PLACE_TASK_16] = 16, [PLACE_MIXED] = 2};
    current_place = place;
    if (workers[place] == 0)
        test->body();
    else
        run_in_runtime(test, workers[place]);
}
