/* SPDX-License-Identifier: MIT */
/* api_placement.c - where tasks run: by wish, by spawn site, and taken from a worker that is stuck (contract: task.h;
 * rules: src/runtime/site.h). */
#include "api/tasks.h"
#include "runtime/site.h"
#include "runtime/worker.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A task that says on which thread it is, and stays. */
struct resident {
    pthread_t thread;
    uint32_t arrived;
};

enum { MANY = 500 };
static struct resident residents[MANY];
static rn_task tasks[MANY];
static rn_notify gate; /* what they wait at */

static int reside(void *arg)
{
    struct resident *resident = arg;
    resident->thread = pthread_self();
    set(&resident->arrived);
    return rn_notify_wait(&gate);
}

/* It has arrived, and waits: from now on it stays where it is. */
static bool has_settled(int i)
{
    return is_set(&residents[i].arrived) && waits_in(tasks[i], NULL);
}

static void await_residents(int count)
{
    for (int i = 0; i < count; i++)
        WAIT_UNTIL(has_settled(i));
}

static int residents_with(int count, pthread_t thread)
{
    int with = 0;
    for (int i = 0; i < count; i++)
        with += pthread_equal(residents[i].thread, thread) != 0;
    return with;
}

static void release_residents(int count)
{
    rn_notify_all(&gate);
    for (int i = 0; i < count; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

static void spawn_resident(int i, const rn_spawn_opts *opts)
{
    REQUIRE(rn_spawn_with(&tasks[i], reside, &residents[i], opts) == 0);
}

/* -- by wish ----------------------------------------------------------------------------------------------------- */

static void place_on_workers(void)
{
    const int workers = (int)rn_runtime_workers(NULL);
    for (int i = 0; i < 10 * workers; i++)
        spawn_resident(i, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = (uint32_t)(i % workers)});
    await_residents(10 * workers);
    for (int i = 0; i < 10 * workers; i++)
        CHECK(pthread_equal(residents[i].thread, residents[i % workers].thread));
    for (int i = 0; i < workers; i++)
        CHECK_EQ(residents_with(10 * workers, residents[i].thread), 10);
    CHECK(pthread_equal(residents[0].thread, pthread_self())); /* the root of rn_run is on worker 0 */
    release_residents(10 * workers);
}

ROOT(place_on_a_worker_is_that_worker_s_thread)
{
    place_on_workers();
}

/* Not even an idle worker takes them, while theirs is busy for long. */
ROOT_ON(4, place_on_a_worker_is_not_changed_by_idle_ones)
{
    for (int i = 0; i < 100; i++)
        spawn_resident(i, &(rn_spawn_opts){.place = RN_PLACE_WORKER});
    const rn_deadline busy = rn_in_ms(20);
    while (!rn_passed(busy))
        rn__pause();
    await_residents(100);
    CHECK_EQ(residents_with(100, pthread_self()), 100);
    release_residents(100);
}

ROOT(place_near_is_the_spawner_s_thread)
{
    for (int i = 0; i < 50; i++) {
        spawn_resident(i, &(rn_spawn_opts){.place = RN_PLACE_NEAR});
        await_residents(i + 1);
    }
    CHECK(residents_with(50, pthread_self()) >= 40); /* until it starts it can be taken, if this machine pauses */
    release_residents(50);
}

/* Until it has arrived: so that it waits in no deque for so long that an idle worker would take it. */
static void settle(int i)
{
    while (!has_settled(i))
        rn_yield();
}

static void check_even(int count, enum rn_place place)
{
    const int workers = (int)rn_runtime_workers(NULL);
    for (int i = 0; i < count; i++) {
        spawn_resident(i, &(rn_spawn_opts){.place = place});
        settle(i);
    }
    int fewest = count, most = 0;
    for (int i = 0; i < count; i++) {
        const int with = residents_with(count, residents[i].thread);
        fewest = with < fewest ? with : fewest;
        most = with > most ? with : most;
    }
    if (fewest < count / workers - 1 || most > (count + workers - 1) / workers + 1)
        FAIL("%d tasks on %d workers: %d to %d", count, workers, fewest, most);
    release_residents(count);
}

/* With more workers than CPUs some wait so long for theirs that others take from them: then all have a part. */
static void check_all_used(int count, enum rn_place place)
{
    const int workers = (int)rn_runtime_workers(NULL);
    int used = 0;
    for (int i = 0; i < count; i++) {
        spawn_resident(i, &(rn_spawn_opts){.place = place});
        settle(i);
        bool known = false;
        for (int k = 0; k < i && !known; k++)
            known = pthread_equal(residents[k].thread, residents[i].thread) != 0;
        used += !known;
    }
    CHECK_EQ(used, workers);
    release_residents(count);
}

ROOT_ON(1, place_spread_is_even_on_1)
{
    check_even(400, RN_PLACE_SPREAD);
}

ROOT_ON(2, place_spread_is_even_on_2)
{
    check_even(400, RN_PLACE_SPREAD);
}

ROOT_ON(16, place_spread_leaves_no_worker_out)
{
    check_all_used(400, RN_PLACE_SPREAD);
}

/* The wish is for the whole site, whoever spawns. */
static int spread_100(void *arg)
{
    const int first = *(const int *)arg;
    for (int i = first; i < first + 100; i++) {
        spawn_resident(i, &(rn_spawn_opts){.place = RN_PLACE_SPREAD});
        settle(i);
    }
    return 0;
}

ROOT_ON(2, place_spread_is_even_over_several_spawners)
{
    static const int firsts[] = {0, 100, 200, 300};
    rn_task spawners[4];
    for (size_t i = 0; i < 4; i++)
        REQUIRE(rn_spawn(&spawners[i], spread_100, (void *)(uintptr_t)&firsts[i]) == 0);
    for (size_t i = 0; i < 4; i++)
        CHECK_RC(rn_join(spawners[i], NULL), 0);
    await_residents(400);
    const int here = residents_with(400, pthread_self());
    if (abs(here - 200) > 4) /* two may count at the same time */
        FAIL("%d of 400 on worker 0", here);
    release_residents(400);
}

static int run_on_thread(void *arg)
{
    struct resident *resident = arg;
    char name[16] = "";
    resident->thread = pthread_self();
    pthread_getname_np(pthread_self(), name, sizeof name);
    CHECK_STR_EQ(name, "solitary");
    int value = 0;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    CHECK_RC(rn_mpsc_recv_until(rx, &value, rn_in_ms(2)), RN_ETIMEDOUT);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK(on_task());
    CHECK(rn_runtime_current() != NULL);
    set(&resident->arrived);
    return rn_sleep_until(RN_FOREVER);
}

ROOT(place_on_a_thread_is_nobody_else_s)
{
    enum { THREADS = 6 };
    for (int i = 0; i < THREADS; i++)
        REQUIRE(rn_spawn_with(&tasks[i], run_on_thread, &residents[i],
                              &(rn_spawn_opts){.place = RN_PLACE_THREAD, .name = "solitary"}) == 0);
    for (int i = 0; i < THREADS; i++)
        WAIT_UNTIL(is_set(&residents[i].arrived));
    CHECK_EQ(residents_with(THREADS, pthread_self()), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(residents_with(THREADS, residents[i].thread), 1);
        rn_task_cancel(tasks[i], 0);
        CHECK_RC(result_of(tasks[i]), RN_ECANCELED);
    }
}

static int block_the_thread(void *arg)
{
    while (!is_set(arg))
        usleep(100);
    return 0;
}

/* Its thread is blocked all the time; nobody else notices. */
ROOT_ON(1, place_on_a_thread_is_for_tasks_that_block)
{
    uint32_t leave = 0;
    rn_task blocked;
    REQUIRE(rn_spawn_with(&blocked, block_the_thread, &leave, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    spawn_resident(0, NULL);
    await_residents(1);
    release_residents(1);
    CHECK(!rn_task_ended(blocked));
    set(&leave);
    CHECK_RC(rn_join(blocked, NULL), 0);
}

/* A task with a thread of its own is on no worker, so "near" is somewhere. */
static int spawn_near(void *arg)
{
    (void)arg;
    spawn_resident(0, &(rn_spawn_opts){.place = RN_PLACE_NEAR});
    await_residents(1);
    CHECK(!pthread_equal(residents[0].thread, pthread_self()));
    release_residents(1);
    return 0;
}

ROOT(place_near_a_task_with_a_thread_of_its_own_is_a_worker)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, spawn_near, NULL, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

/* -- by spawn site ----------------------------------------------------------------------------------------------- */

/* One task spawns many from one place, and they live long: a population. */
ROOT_ON(1, place_of_a_population_is_even_on_1)
{
    check_even(MANY, RN_PLACE_AUTO);
}

ROOT_ON(2, place_of_a_population_is_even_on_2)
{
    check_even(MANY, RN_PLACE_AUTO);
}

ROOT_ON(16, place_of_a_population_leaves_no_worker_out)
{
    check_all_used(MANY, RN_PLACE_AUTO);
}

static void *spawn_from_thread(void *arg)
{
    for (int i = 0; i < MANY; i++) {
        spawn_resident(i, &(rn_spawn_opts){.runtime = arg});
        settle(i);
    }
    return NULL;
}

TEST(place_of_what_a_plain_thread_spawns_is_even)
{
    rn_runtime *runtime;
    pthread_t thread;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(pthread_create(&thread, NULL, spawn_from_thread, runtime) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    const int with_first = residents_with(MANY, residents[0].thread);
    CHECK(abs(with_first - MANY / 2) <= 1);
    release_residents(MANY);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* Each task spawns one partner from the same place, as servers do for their connections: pairs stay together. */
struct host {
    int number;
    pthread_t thread;
};

static int spawn_partner(void *arg)
{
    struct host *host = arg;
    host->thread = pthread_self();
    spawn_resident(host->number, NULL);
    return rn_notify_wait(&gate);
}

ROOT(place_of_the_first_from_a_site_is_near_its_spawner)
{
    enum { PAIRS = 60 };
    static struct host hosts[PAIRS];
    rn_task hosting[PAIRS];
    int together = 0;
    for (int i = 0; i < PAIRS; i++) {
        hosts[i].number = i;
        REQUIRE(rn_spawn_with(&hosting[i], spawn_partner, &hosts[i], &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) ==
                0);
        WAIT_UNTIL(waits_in(hosting[i], NULL));
        await_residents(i + 1);
        together += pthread_equal(hosts[i].thread, residents[i].thread) != 0;
    }
    CHECK(together >= PAIRS * 3 / 4);
    release_residents(PAIRS);
    for (int i = 0; i < PAIRS; i++)
        CHECK_RC(rn_join(hosting[i], NULL), 0);
}

static pthread_t last_seen;

static int end_at_once(void *arg)
{
    (void)arg;
    last_seen = pthread_self();
    return 0;
}

/* Fork and join: what always ends soon is cheapest where it was born. */
ROOT_ON(2, place_of_what_ends_soon_is_near)
{
    enum { ROUNDS = 200 };
    int near = 0;
    for (int i = 0; i < ROUNDS; i++) {
        rn_task task;
        REQUIRE(rn_spawn(&task, end_at_once, NULL) == 0);
        CHECK_RC(rn_join(task, NULL), 0);
        near += pthread_equal(last_seen, pthread_self()) != 0;
    }
    CHECK(near >= ROUNDS * 3 / 4);
}

/* For each a task of its own: none spawns there again, so by rule b all would be near, were it not for rule d. */
static int spawn_the_next(void *arg)
{
    const uint32_t *overloaded = &rn__worker_current()->overloaded;
    while (rn__load_relaxed(overloaded) == 0) /* rlx: a hint; until the monitor has seen it, however late */
        rn_yield();
    spawn_resident((int)((struct resident *)arg - residents), NULL);
    return 0;
}

/* A worker that never sleeps while another does nothing gives away even what it would keep. */
static int keep_busy(void *arg)
{
    const rn_spawn_opts here = {.place = RN_PLACE_WORKER, .worker = 1};
    (void)arg;
    for (int i = 0; i < 8; i++) {
        REQUIRE(rn_spawn_with(NULL, spawn_the_next, &residents[i], &here) == 0);
        while (!is_set(&residents[i].arrived))
            rn_yield();
    }
    return 0;
}

ROOT_ON(2, place_of_what_a_busy_worker_spawns_is_with_an_idle_one)
{
    rn_task busy;
    REQUIRE(rn_spawn_with(&busy, keep_busy, NULL, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    CHECK_RC(rn_join(busy, NULL), 0);
    await_residents(8);
    CHECK(residents_with(8, pthread_self()) >= 1); /* half of them, but for ticks between the look and the spawn */
    release_residents(8);
}

/* -- taken from a worker that is stuck --------------------------------------------------------------------------- */

static int arrive(void *arg)
{
    count_up(arg);
    return 0;
}

/* The spawner never gives its worker back before all of them have run, so only another can have run them. */
static void check_rescue(uint32_t count, enum rn_place place)
{
    uint32_t arrived = 0;
    for (uint32_t i = 0; i < count; i++)
        REQUIRE(rn_spawn_with(&tasks[i], arrive, &arrived, &(rn_spawn_opts){.place = place}) == 0);
    while (value_of(&arrived) < count)
        rn__pause();
    for (uint32_t i = 0; i < count; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

ROOT_ON(2, fresh_task_is_taken_from_a_worker_that_is_stuck)
{
    for (int i = 0; i < 5; i++)
        check_rescue(1, RN_PLACE_AUTO);
}

ROOT_ON(2, fresh_task_is_taken_also_if_it_was_placed_near)
{
    for (int i = 0; i < 5; i++)
        check_rescue(1, RN_PLACE_NEAR);
}

ROOT_ON(2, fresh_tasks_are_all_taken_from_a_worker_that_is_stuck)
{
    check_rescue(300, RN_PLACE_AUTO);
    check_rescue(300, RN_PLACE_NEAR);
    check_rescue(300, RN_PLACE_SPREAD);
}

ROOT_ON(16, fresh_tasks_are_taken_by_one_of_many_workers)
{
    check_rescue(300, RN_PLACE_AUTO);
    check_rescue(300, RN_PLACE_NEAR);
}

static int rescue_within(void *arg)
{
    (void)arg;
    check_rescue(100, RN_PLACE_NEAR);
    return 0;
}

/* The stuck worker is not the one that rn_run has lent. */
ROOT_ON(2, fresh_tasks_are_taken_by_the_first_worker_too)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, rescue_within, NULL, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

/* What was spread to a worker that is stuck can be taken from there. */
static int get_stuck(void *arg)
{
    uint32_t *flags = arg;
    set(&flags[0]);
    spin_until(&flags[1]);
    return 0;
}

ROOT_ON(3, fresh_tasks_spread_to_a_worker_that_is_stuck_are_taken)
{
    uint32_t flags[2] = {0, 0};
    rn_task stuck;
    REQUIRE(rn_spawn_with(&stuck, get_stuck, flags, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    WAIT_UNTIL(is_set(&flags[0]));
    check_rescue(100, RN_PLACE_SPREAD);
    set(&flags[1]);
    CHECK_RC(rn_join(stuck, NULL), 0);
}

/* -- idle -------------------------------------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* All threads sleep, though tasks wait with and without deadlines: counted in CPU time, which a loaded machine does
 * not change. */
static void check_idle(void)
{
    if (TEST_SANITIZED)
        SKIP("a sanitizer's own threads use CPU time");
    for (int i = 0; i < 100; i++)
        spawn_resident(i, NULL);
    await_residents(100);
    CHECK_RC(rn_sleep_ms(50), 0); /* the monitor goes to sleep some ticks after the workers */
    const int64_t before = cpu_ns();
    CHECK_RC(rn_sleep_ms(2000), 0);
    const int64_t used = cpu_ns() - before;
    if (used >= 20 * 1000 * 1000)
        FAIL("%lld us of CPU time in 2 s of sleep", (long long)used / 1000);
    release_residents(100);
}

ROOT(runtime_that_is_idle_uses_no_cpu)
{
    check_idle();
}
