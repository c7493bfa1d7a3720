/* SPDX-License-Identifier: MIT */
/* test_site.c - what a spawn site learns, and where its tasks are placed: the rules of site.h one by one, on a
 * runtime of paper under a clock of paper. */
#include "harness/harness.h"
#include "runtime/runtime.h"
#include "wait/clock.h"

#include <pthread.h>
#include <string.h>

enum { WORKERS = 4, MS = 1000 * 1000 };

static struct rn__worker workers[WORKERS];
static struct rn__worker *worker_list[WORKERS];
static struct rn_runtime runtime;
static struct rn__task spawner, task_pool[1000];
static int64_t time_now = 1000 * MS;

static int64_t read_paper_clock(void *ctx)
{
    (void)ctx;
    return time_now;
}

static void begin(uint32_t count)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].slot = 10 + i;
        worker_list[i] = &workers[i];
    }
    runtime.workers = worker_list;
    runtime.worker_count = count;
    spawner.home = &workers[0];
    rn__clock_set(read_paper_clock, NULL);
}

#define SITE()                                                                                                       \
    (__extension__({                                                                                                 \
        static rn_site public_ = {__FILE__, __LINE__, 0, __func__, NULL, {0, 0}};                                    \
        rn__site_of(&public_);                                                                                       \
    }))

static int placed(struct rn__site *site, struct rn__task *by, enum rn_place place)
{
    return (int)(rn__site_place(site, &runtime, by, place) - workers);
}

static void enter(struct rn__task *task, struct rn__site *site, int worker)
{
    memset(task, 0, sizeof *task);
    task->site = site;
    rn__site_enter(task, &workers[worker]);
}

/* A task of the site lives for so long. */
static void live_for(struct rn__site *site, int64_t ns)
{
    struct rn__task task;
    enter(&task, site, 0);
    time_now += ns;
    rn__site_leave(&task);
}

/* -- records ----------------------------------------------------------------------------------------------------- */

TEST(site_has_one_record)
{
    static rn_site here = {"here.c", 7, 0, "do_it", NULL, {0, 0}};
    static rn_site there = {"there.c", 8, 0, "undo_it", NULL, {0, 0}};
    struct rn__site *record = rn__site_of(&here);
    REQUIRE(record != NULL);
    CHECK(rn__site_of(&here) == record);
    CHECK(rn__site_of(&there) != record);
    CHECK_STR_EQ(record->file, "here.c");
    CHECK_STR_EQ(record->function, "do_it");
    CHECK_EQ(record->line, 7);
    CHECK(record->number != 0);
    CHECK(rn__site_of(&there)->number != record->number);
}

TEST(site_that_nobody_names_is_somewhere)
{
    struct rn__site *record = rn__site_of(NULL);
    REQUIRE(record != NULL);
    CHECK_STR_EQ(record->file, "?");
    CHECK_STR_EQ(record->function, "?");
    CHECK(rn__site_of(NULL) == record);
}

enum { SITES = 20, THREADS = 4 };
static rn_site shared[SITES];
static struct rn__site *found[THREADS][SITES];
static uint32_t ready;

static void *find_all(void *arg)
{
    struct rn__site **out = arg;
    rn__add_acq_rel(&ready, 1);
    while (rn__load_acquire(&ready) < THREADS)
        rn__pause();
    for (int i = 0; i < SITES; i++)
        out[i] = rn__site_of(&shared[i]);
    return NULL;
}

TEST(site_has_one_record_for_all_threads)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, find_all, found[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < SITES; i++)
        for (int t = 0; t < THREADS; t++)
            CHECK(found[t][i] != NULL && found[t][i] == found[0][i]);
}

/* -- rules ------------------------------------------------------------------------------------------------------- */

TEST(site_places_the_first_task_of_a_spawner_near)
{
    begin(WORKERS);
    spawner.home = &workers[2];
    CHECK_EQ(placed(SITE(), &spawner, RN_PLACE_AUTO), 2);
    CHECK_EQ(placed(SITE(), &spawner, RN_PLACE_AUTO), 2);
}

static void populate(struct rn__site *site, struct rn__task *by, int count, enum rn_place place)
{
    for (int i = 0; i < count; i++)
        enter(&task_pool[i], site, placed(site, by, place));
}

static void check_shares(const struct rn__site *site, uint32_t share)
{
    for (uint32_t i = 0; i < runtime.worker_count; i++)
        CHECK_EQ(site->live[workers[i].slot], share);
}

TEST(site_spreads_a_population_evenly)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    populate(site, &spawner, 1000, RN_PLACE_AUTO);
    check_shares(site, 250);
    begin(2);
    site = SITE();
    populate(site, &spawner, 500, RN_PLACE_AUTO);
    check_shares(site, 250);
}

TEST(site_spreads_what_plain_threads_spawn)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    populate(site, NULL, 400, RN_PLACE_AUTO);
    check_shares(site, 100);
}

TEST(site_spreads_from_the_first_task_on_if_wished)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    enter(&task_pool[0], site, 0);
    CHECK(placed(site, &spawner, RN_PLACE_SPREAD) != 0);
    enter(&task_pool[1], site, 1);
    enter(&task_pool[2], site, 2);
    CHECK_EQ(placed(site, &spawner, RN_PLACE_SPREAD), 3);
}

TEST(site_prefers_the_spawner_s_worker_among_equals)
{
    begin(WORKERS);
    spawner.home = &workers[3];
    struct rn__site *site = SITE();
    CHECK_EQ(placed(site, &spawner, RN_PLACE_AUTO), 3);
    CHECK_EQ(placed(site, &spawner, RN_PLACE_AUTO), 3);
    CHECK_EQ(placed(site, &spawner, RN_PLACE_SPREAD), 3);
}

TEST(site_places_near_if_wished)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(placed(site, &spawner, RN_PLACE_NEAR), 0);
        enter(&task_pool[i], site, 0);
    }
}

TEST(site_on_one_worker_has_no_choice)
{
    begin(1);
    struct rn__site *site = SITE();
    for (int place = RN_PLACE_AUTO; place <= RN_PLACE_SPREAD; place++) {
        CHECK_EQ(placed(site, &spawner, (enum rn_place)place), 0);
        CHECK_EQ(placed(site, NULL, (enum rn_place)place), 0);
    }
}

/* Each spawner has its own first. */
TEST(site_places_pairs_together)
{
    static struct rn__task hosts[100];
    begin(WORKERS);
    struct rn__site *site = SITE();
    for (int i = 0; i < 100; i++) {
        hosts[i].home = &workers[i % WORKERS];
        CHECK_EQ(placed(site, &hosts[i], RN_PLACE_AUTO), i % WORKERS);
        enter(&task_pool[i], site, 0); /* wherever they are: the rule does not count */
    }
}

TEST(site_is_remembered_by_its_spawner_beside_a_few_others)
{
    begin(WORKERS);
    struct rn__site *sites[3] = {SITE(), SITE(), SITE()};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(placed(sites[i], &spawner, RN_PLACE_AUTO), 0);
        enter(&task_pool[i], sites[i], 0);
    }
    for (int i = 0; i < 3; i++)
        CHECK(placed(sites[i], &spawner, RN_PLACE_AUTO) != 0);
}

TEST(site_of_short_lived_tasks_is_known_after_one_of_them)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    CHECK(!rn__site_is_short_lived(site));
    live_for(site, MS / 10);
    CHECK(rn__site_is_short_lived(site));
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(placed(site, &spawner, RN_PLACE_AUTO), 0);
        enter(&task_pool[i], site, 0);
    }
    CHECK(placed(site, &spawner, RN_PLACE_SPREAD) != 0);
}

TEST(site_of_long_lived_tasks_is_not_short_lived)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    live_for(site, 2 * MS);
    CHECK(!rn__site_is_short_lived(site));
    live_for(site, 2 * MS);
    CHECK(!rn__site_is_short_lived(site));
}

/* Only some are measured, so it takes more tasks than the mean alone would say. */
TEST(site_believes_in_a_change)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    for (int i = 0; i < 20; i++)
        live_for(site, MS / 100);
    CHECK(rn__site_is_short_lived(site));
    for (int i = 0; i < 500; i++)
        live_for(site, 5 * MS);
    CHECK(!rn__site_is_short_lived(site));
    for (int i = 0; i < 1000; i++)
        live_for(site, MS / 100);
    CHECK(rn__site_is_short_lived(site));
}

/* Hours are not taken for moments when the small clock wraps. */
TEST(site_of_tasks_that_live_for_an_hour_is_not_short_lived)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    live_for(site, INT64_C(3600) * 1000 * MS);
    CHECK(!rn__site_is_short_lived(site));
}

TEST(site_spreads_what_an_overloaded_worker_spawns)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    enter(&task_pool[0], site, 0);
    workers[0].overloaded = 1;
    CHECK(placed(site, &spawner, RN_PLACE_AUTO) != 0);
    workers[0].overloaded = 0;
    struct rn__task another = {.home = &workers[0]};
    CHECK_EQ(placed(site, &another, RN_PLACE_AUTO), 0);
}

/* -- counts ------------------------------------------------------------------------------------------------------ */

TEST(site_counts_tasks_where_they_are)
{
    begin(WORKERS);
    struct rn__site *site = SITE();
    for (int i = 0; i < 6; i++)
        enter(&task_pool[i], site, 0);
    rn__site_move(&task_pool[0], &workers[1]);
    rn__site_move(&task_pool[1], &workers[1]);
    rn__site_move(&task_pool[1], &workers[2]);
    CHECK_EQ(site->live[workers[0].slot], 4);
    CHECK_EQ(site->live[workers[1].slot], 1);
    CHECK_EQ(site->live[workers[2].slot], 1);
    CHECK_EQ(placed(site, NULL, RN_PLACE_AUTO), 3);
    for (int i = 0; i < 6; i++)
        rn__site_leave(&task_pool[i]);
    check_shares(site, 0);
}
