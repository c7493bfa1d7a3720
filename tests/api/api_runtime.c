/* SPDX-License-Identifier: MIT */
/* api_runtime.c - making, asking, waiting for and ending runtimes (contract: <runnel/runtime.h>). */
#include "api/tasks.h"
#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fiber/stack.h"

enum { UNTOUCHED = -4242 };

/* -- what the process has ---------------------------------------------------------------------------------------- */

static int entries_of(const char *path)
{
    int count = 0;
    DIR *directory = opendir(path);
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Threads whose name begins so. */
static int threads_named(const char *begin)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/task");
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[300];
        char name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof name, file) != NULL)
            count += strncmp(name, begin, strlen(begin)) == 0;
        fclose(file);
    }
    closedir(directory);
    return count;
}

static int mappings(void)
{
    int lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    REQUIRE(file != NULL);
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* -- run --------------------------------------------------------------------------------------------------------- */

static int give_number(void *arg)
{
    return *(const int *)arg;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

TEST(run_gives_what_its_root_returned)
{
    static const int numbers[] = {0, 1, -1, 255, RN_ECANCELED, RN_ENOMEM, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < RN_COUNT(numbers); i++)
        CHECK_EQ(rn_run_with(give_number, (void *)(uintptr_t)&numbers[i],
                             &(rn_runtime_opts){.workers = 1 + (uint32_t)i % 3}),
                 numbers[i]);
    CHECK_EQ(rn_run(give_number, &(int){17}), 17);
    CHECK_EQ(rn_run_with(give_number, &(int){18}, NULL), 18);
}

static pthread_t root_thread;

static int note_thread(void *arg)
{
    root_thread = pthread_self();
    CHECK(on_task());
    CHECK_EQ(rn_runtime_workers(NULL), *(uint32_t *)arg);
    return 0;
}

TEST(run_lends_the_calling_thread_to_the_root)
{
    for (uint32_t workers = 1; workers <= 16; workers *= 4) {
        CHECK_RC(rn_run_with(note_thread, &workers, &(rn_runtime_opts){.workers = workers}), 0);
        CHECK(pthread_equal(root_thread, pthread_self()));
        CHECK(!on_task());
        CHECK(rn_runtime_current() == NULL);
        CHECK_EQ(rn_runtime_workers(NULL), 0);
    }
}

TEST(run_needs_a_function)
{
    CHECK_RC(rn_run(NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_run_with(NULL, NULL, &(rn_runtime_opts){.workers = 1}), RN_EINVAL);
}

static int run_again(void *arg)
{
    CHECK_RC(rn_run(do_nothing, arg), RN_EDEADLK);
    CHECK_RC(rn_run_with(do_nothing, arg, &(rn_runtime_opts){.workers = 1}), RN_EDEADLK);
    return 21;
}

ROOT(run_within_a_task_is_refused)
{
    rn_task task;
    CHECK_EQ(run_again(NULL), 21);
    REQUIRE(rn_spawn_with(&task, run_again, NULL, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_EQ(result_of(task), 21);
}

static void *run_in_thread(void *arg)
{
    CHECK_EQ(rn_run_with(give_number, arg, &(rn_runtime_opts){.workers = 2}), *(int *)arg);
    return NULL;
}

TEST(run_on_several_threads_at_once)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i * 3;
        REQUIRE(pthread_create(&threads[i], NULL, run_in_thread, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

/* -- options ----------------------------------------------------------------------------------------------------- */

static void check_refused(const rn_runtime_opts *opts)
{
    rn_runtime *runtime = (rn_runtime *)&runtime;
    CHECK_RC(rn_runtime_new(&runtime, opts), RN_EINVAL);
    CHECK(runtime == NULL);
    CHECK_RC(rn_run_with(do_nothing, NULL, opts), RN_EINVAL);
}

TEST(runtime_options_have_at_most_256_workers)
{
    check_refused(&(rn_runtime_opts){.workers = RN_WORKERS_MAX + 1});
    check_refused(&(rn_runtime_opts){.workers = UINT32_MAX});
}

TEST(runtime_options_have_no_negative_grace)
{
    check_refused(&(rn_runtime_opts){.grace_ns = -1});
    check_refused(&(rn_runtime_opts){.grace_ns = INT64_MIN});
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 1, .grace_ns = INT64_MAX}), 1);
}

TEST(runtime_options_have_no_unknown_flags)
{
    for (unsigned bit = 0; bit < 32; bit++)
        check_refused(&(rn_runtime_opts){.flags = 1u << bit});
}

TEST(runtime_options_that_are_reserved_are_zero)
{
    check_refused(&(rn_runtime_opts){.reserved0 = 1});
    check_refused(&(rn_runtime_opts){.reserved1 = 1});
    for (size_t i = 0; i < RN_COUNT(((rn_runtime_opts *)NULL)->reserved); i++) {
        rn_runtime_opts opts = {.workers = 1};
        opts.reserved[i] = UINT64_C(1) << 40;
        check_refused(&opts);
    }
}

TEST(runtime_options_know_three_ways_to_treat_stuck_tasks)
{
    check_refused(&(rn_runtime_opts){.on_stuck = (enum rn_on_stuck)(RN_STUCK_ABORT + 1)});
    for (int way = RN_STUCK_ABANDON; way <= RN_STUCK_ABORT; way++)
        CHECK_RC(rn_run_with(do_nothing, NULL, &(rn_runtime_opts){.workers = 1, .on_stuck = (enum rn_on_stuck)way}),
                 0);
}

TEST(runtime_options_have_a_stack_size_within_its_bounds)
{
    check_refused(&(rn_runtime_opts){.stack_size = RN_STACK_SIZE_MAX + 1});
    check_refused(&(rn_runtime_opts){.stack_size = SIZE_MAX});
    check_refused(&(rn_runtime_opts){.stack_size = RN_STACK_SIZE_MIN - 1});
    CHECK_RC(rn_run_with(do_nothing, NULL, &(rn_runtime_opts){.workers = 1, .stack_size = RN_STACK_SIZE_MIN}), 0);
    CHECK_RC(rn_run_with(do_nothing, NULL, &(rn_runtime_opts){.workers = 1, .stack_size = 100001}), 0);
}

TEST(runtime_options_have_at_most_2147483647_blocking_threads)
{
    check_refused(&(rn_runtime_opts){.max_blocking = UINT32_C(1) << 31});
    check_refused(&(rn_runtime_opts){.max_blocking = UINT32_MAX});
    CHECK_RC(rn_run_with(do_nothing, NULL, &(rn_runtime_opts){.workers = 1, .max_blocking = INT32_MAX}), 0);
}

TEST(runtime_needs_a_place_for_its_handle)
{
    CHECK_RC(rn_runtime_new(NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_runtime_new(NULL, &(rn_runtime_opts){.workers = 1}), RN_EINVAL);
}

TEST(runtime_names_its_threads)
{
    rn_runtime *runtime;
    char name[] = "weaver";
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 5, .name = name}) == 0);
    memcpy(name, "worker", 6);
    WAIT_UNTIL(threads_named("weaver") >= 5);
    CHECK_RC(rn_runtime_free(runtime), 0);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2,
                                                        .name = "a name of more than the thirty-one bytes kept"}) ==
            0);
    WAIT_UNTIL(threads_named("a name of more ") >= 2 || threads_named("a name of more") >= 2);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

TEST(runtime_without_a_name_names_its_threads_rn)
{
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 3}) == 0);
    WAIT_UNTIL(threads_named("rn") >= 3);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- workers ----------------------------------------------------------------------------------------------------- */

static int count_workers(void *arg)
{
    (void)arg;
    CHECK_EQ(rn_runtime_workers(rn_runtime_current()), rn_runtime_workers(NULL));
    return (int)rn_runtime_workers(NULL);
}

static int workers_with(const char *text)
{
    setenv("RN_WORKERS", text, 1);
    return rn_run(count_workers, NULL);
}

TEST(workers_are_as_many_as_the_environment_says)
{
    CHECK_EQ(workers_with("1"), 1);
    CHECK_EQ(workers_with("3"), 3);
    CHECK_EQ(workers_with("256"), 256);
}

TEST(workers_are_as_many_as_the_options_say_first_of_all)
{
    setenv("RN_WORKERS", "3", 1);
    CHECK_EQ(rn_run_with(count_workers, NULL, &(rn_runtime_opts){.workers = 2}), 2);
    CHECK_EQ(rn_run_with(count_workers, NULL, &(rn_runtime_opts){.max_blocking = 2}), 3);
}

TEST(workers_of_a_nonsensical_environment_are_the_usual_ones)
{
    static const char *const texts[] = {"0", "", "abc", "-1", "257", "3x", "99999999999999999999999", "1.5", "2 2"};
    unsetenv("RN_WORKERS");
    const int usual = rn_run(count_workers, NULL);
    log_begin();
    for (size_t i = 0; i < RN_COUNT(texts); i++) {
        const uint32_t lines = logged.lines;
        CHECK_EQ(workers_with(texts[i]), usual);
        CHECK(texts[i][0] == '\0' || logged.lines > lines);
    }
    CHECK(log_says("RN_WORKERS"));
}

TEST(workers_are_as_many_as_the_affinity_leaves)
{
    cpu_set_t all, one;
    unsetenv("RN_WORKERS");
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    }
    CHECK(rn_run(count_workers, NULL) <= CPU_COUNT(&all));
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK_EQ(rn_run(count_workers, NULL), 1);
    REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
}

static int count_threads(void *arg)
{
    const int expected = *(const int *)arg;
    WAIT_UNTIL(threads_named("loom") == expected);
    return threads_named("loom");
}

/* Without one for the caller, who is worker 0: with one worker there is no other. */
TEST(workers_of_run_have_a_thread_each_but_the_first)
{
    for (int workers = 1; workers <= 64; workers *= 2) {
        int threads = workers - 1;
        CHECK_EQ(
            rn_run_with(count_threads, &threads, &(rn_runtime_opts){.workers = (uint32_t)workers, .name = "loom"}),
            threads);
    }
}

struct sighting {
    pthread_t thread;
    uint32_t seen;
};

static int see_thread(void *arg)
{
    struct sighting *sighting = arg;
    sighting->thread = pthread_self();
    set(&sighting->seen);
    return 0;
}

static void see_each_worker(void)
{
    static struct sighting sightings[RN_WORKERS_MAX];
    const uint32_t workers = rn_runtime_workers(NULL);
    memset(sightings, 0, sizeof sightings);
    for (uint32_t i = 0; i < workers; i++)
        REQUIRE(rn_spawn_with(NULL, see_thread, &sightings[i],
                              &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = i}) == 0);
    for (uint32_t i = 0; i < workers; i++)
        WAIT_UNTIL(is_set(&sightings[i].seen));
    for (uint32_t i = 0; i < workers; i++)
        for (uint32_t k = 0; k < i; k++)
            CHECK(!pthread_equal(sightings[i].thread, sightings[k].thread));
}

TEST(workers_are_threads_of_their_own)
{
    on_workers(1, see_each_worker);
    on_workers(2, see_each_worker);
    on_workers(16, see_each_worker);
    on_workers(RN_WORKERS_MAX, see_each_worker);
}

/* All slots of the process are taken: there is no 257th. */
TEST(workers_of_all_runtimes_together_are_limited)
{
    rn_runtime *first, *second = (rn_runtime *)&first;
    REQUIRE(rn_runtime_new(&first, &(rn_runtime_opts){.workers = RN_WORKERS_MAX}) == 0);
    CHECK_RC(rn_runtime_new(&second, &(rn_runtime_opts){.workers = 1}), RN_ENOMEM);
    CHECK(second == NULL);
    CHECK_RC(rn_run_with(do_nothing, NULL, &(rn_runtime_opts){.workers = 2}), RN_ENOMEM);
    CHECK_RC(rn_runtime_free(first), 0);
    on_workers(RN_WORKERS_MAX, see_each_worker);
}

/* -- threads that cannot be had ---------------------------------------------------------------------------------- */

static struct {
    uint32_t asked;
    uint32_t refuse_from; /* the n-th and all after it */
    uint32_t refuse_once; /* the n-th only */
} threads;

static bool refuse_threads(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    if (point != RN__FAULT_THREAD)
        return false;
    const uint32_t number = count_up(&threads.asked) + 1;
    return (threads.refuse_from != 0 && number >= threads.refuse_from) || number == threads.refuse_once;
}

static void refuse_from(uint32_t number)
{
    threads.asked = threads.refuse_once = 0;
    threads.refuse_from = number;
    rn__fault_set(refuse_threads, NULL);
}

static void refuse_once(uint32_t number)
{
    threads.asked = threads.refuse_from = 0;
    threads.refuse_once = number;
    rn__fault_set(refuse_threads, NULL);
}

static int count_and_see(void *arg)
{
    see_each_worker();
    return count_workers(arg);
}

/* Eight workers and the monitor were wanted, and so many threads could be had, in whatever order. */
static bool is_right(int workers, int had)
{
    if (workers < 8 && logged.lines == 0)
        return false;
    logged.lines = 0;
    return workers == had || workers == (had > 0 ? had - 1 : 0);
}

TEST(run_does_without_threads_that_cannot_be_had)
{
    log_begin();
    for (uint32_t number = 1; number <= 9; number++) {
        refuse_from(number);
        const int workers = rn_run_with(count_and_see, NULL, &(rn_runtime_opts){.workers = 8});
        CHECK(is_right(workers, (int)number) || (number == 1 && workers == 1));
    }
}

TEST(runtime_does_without_threads_that_cannot_be_had)
{
    log_begin();
    for (uint32_t number = 3; number <= 10; number++) {
        rn_runtime *runtime;
        rn_task task;
        refuse_from(number);
        REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 8}) == 0);
        REQUIRE(rn_spawn_with(&task, count_and_see, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
        const int workers = result_of(task);
        CHECK_EQ(workers, rn_runtime_workers(runtime));
        CHECK(is_right(workers, (int)number - 1));
        CHECK_RC(rn_runtime_free(runtime), 0);
    }
}

TEST(runtime_without_a_single_thread_is_none)
{
    rn_runtime *runtime = (rn_runtime *)&runtime;
    log_begin();
    refuse_from(1);
    CHECK_RC(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 4}), RN_ENOMEM);
    CHECK(runtime == NULL);
    CHECK_EQ(test_memory().live, 0);
    rn__fault_set(NULL, NULL);
    on_workers(4, see_each_worker);
}

static void sleep_a_little(void)
{
    const rn_deadline deadline = rn_in_ms(5);
    CHECK_RC(rn_sleep_until(deadline), 0);
    CHECK(rn_passed(deadline));
    see_each_worker();
}

/* One of the two is the monitor. */
TEST(runtime_without_a_monitor_works)
{
    log_begin();
    for (uint32_t number = 1; number <= 2; number++) {
        refuse_once(number);
        on_workers(2, sleep_a_little);
        CHECK_EQ(threads.asked, 2);
    }
}

static void spawn_with_thread(void)
{
    rn_task task = {4711};
    refuse_from(1);
    CHECK_RC(rn_spawn_with(&task, do_nothing, NULL, &(rn_spawn_opts){.place = RN_PLACE_THREAD}), RN_ENOMEM);
    CHECK_EQ(task.id, 0);
    CHECK_RC(rn_blocking(do_nothing, NULL, NULL), RN_ENOMEM);
    rn__fault_set(NULL, NULL);
    REQUIRE(rn_spawn_with(&task, do_nothing, NULL, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_blocking(do_nothing, NULL, NULL), 0);
}

TEST(task_whose_thread_cannot_be_had_is_refused)
{
    on_workers(1, spawn_with_thread);
}

/* -- several, and many ------------------------------------------------------------------------------------------- */

struct hop {
    rn_mpsc_rx *in;
    rn_mpsc_tx *out;
};

static int pass_on(void *arg)
{
    struct hop *hop = arg;
    int value;
    while (rn_mpsc_recv(hop->in, &value) == 0) {
        value++;
        CHECK_RC(rn_mpsc_send(hop->out, &value), 0);
    }
    rn_mpsc_rx_drop(hop->in);
    rn_mpsc_tx_drop(hop->out);
    return 0;
}

/* From this thread through a task of each, and back. */
TEST(runtimes_are_connected_by_channels)
{
    enum { RUNTIMES = 4, MESSAGES = 500 };
    rn_runtime *runtimes[RUNTIMES];
    struct hop hops[RUNTIMES];
    rn_mpsc_tx *first, *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&first, &rx, 2, RN_ELEM(int)) == 0);
    for (int i = 0; i < RUNTIMES; i++) {
        REQUIRE(rn_runtime_new(&runtimes[i], &(rn_runtime_opts){.workers = 1 + (uint32_t)i % 2}) == 0);
        hops[i].in = rx;
        REQUIRE(rn_mpsc_channel(&tx, &rx, 2, RN_ELEM(int)) == 0);
        hops[i].out = tx;
        REQUIRE(rn_spawn_with(NULL, pass_on, &hops[i], &(rn_spawn_opts){.runtime = runtimes[i]}) == 0);
    }
    for (int i = 0; i < MESSAGES; i++) {
        int value = -1;
        CHECK_RC(rn_mpsc_send(first, &i), 0);
        CHECK_RC(rn_mpsc_recv(rx, &value), 0);
        CHECK_EQ(value, i + RUNTIMES);
    }
    rn_mpsc_tx_drop(first);
    CHECK_RC(rn_mpsc_recv(rx, &(int){0}), RN_CLOSED);
    rn_mpsc_rx_drop(rx);
    for (int i = 0; i < RUNTIMES; i++)
        CHECK_RC(rn_runtime_free(runtimes[i]), 0);
}

static void be_busy(void)
{
    rn_task tasks[20];
    for (int i = 0; i < 20; i++)
        REQUIRE(rn_spawn_with(&tasks[i], count_workers, NULL,
                              &(rn_spawn_opts){.place = i == 0 ? RN_PLACE_THREAD : RN_PLACE_SPREAD}) == 0);
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_RC(rn_blocking(do_nothing, NULL, NULL), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(result_of(tasks[i]), rn_runtime_workers(NULL));
}

static void make_and_free(void)
{
    rn_runtime *runtime;
    int number = 2;
    rn_task task;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 3}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_EQ(result_of(task), 2);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* The kernel takes threads off its list a moment after they were joined. */
TEST(runtimes_in_a_row_leave_nothing_behind)
{
    const int fds = entries_of("/proc/self/fd");
    const int tasks = entries_of("/proc/self/task");
    int maps = 0;
    for (int i = 0; i < 60; i++) {
        on_workers(1 + (uint32_t)i % 4, be_busy);
        make_and_free();
        CHECK_EQ(entries_of("/proc/self/fd"), fds);
        WAIT_UNTIL(entries_of("/proc/self/task") == tasks);
        CHECK_EQ(test_memory().live, 0);
        if (i == 9)
            maps = mappings();
    }
    const bool counts_ours = !TEST_SANITIZED && !test_is_emulated() && getenv("RN_STACK_GUARD") == NULL;
    CHECK(!counts_ours || mappings() <= maps + 20);
}

/* -- wait and free ----------------------------------------------------------------------------------------------- */

static int wait_for_flag(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return 0;
}

TEST(runtime_wait_lasts_until_no_task_is_left)
{
    rn_runtime *runtime;
    uint32_t leave = 0;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
    CHECK_RC(rn_runtime_wait(runtime, rn_in_ms(0)), 0);
    for (int place = RN_PLACE_AUTO; place <= RN_PLACE_THREAD; place++)
        REQUIRE(rn_spawn_with(NULL, wait_for_flag, &leave,
                              &(rn_spawn_opts){.runtime = runtime, .place = (enum rn_place)place}) == 0);
    CHECK_RC(rn_runtime_wait(runtime, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_RC(rn_runtime_wait(runtime, rn_in_ms(0)), RN_ETIMEDOUT);
    set(&leave);
    CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static int spawn_more(void *arg)
{
    uint32_t *left = arg;
    if (value_of(left) > 0 && rn__sub_acq_rel(left, 1) > 0)
        REQUIRE(rn_spawn(NULL, spawn_more, left) == 0);
    return 0;
}

TEST(runtime_wait_counts_tasks_that_tasks_spawn)
{
    rn_runtime *runtime;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 4}) == 0);
    for (int round = 0; round < 50; round++) {
        uint32_t left = 200;
        REQUIRE(rn_spawn_with(NULL, spawn_more, &left, &(rn_spawn_opts){.runtime = runtime}) == 0);
        CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
        CHECK_EQ(value_of(&left), 0);
    }
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static rn_runtime *shared;

static void *wait_for_shared(void *arg)
{
    (void)arg;
    CHECK_RC(rn_runtime_wait(shared, RN_FOREVER), 0);
    return NULL;
}

TEST(runtime_wait_by_several_threads)
{
    enum { THREADS = 5 };
    pthread_t waiting[THREADS];
    uint32_t leave = 0;
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(NULL, wait_for_flag, &leave, &(rn_spawn_opts){.runtime = shared}) == 0);
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&waiting[i], NULL, wait_for_shared, NULL) == 0);
    usleep(2000);
    set(&leave);
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(waiting[i], NULL) == 0);
    CHECK_RC(rn_runtime_free(shared), 0);
}

static void wait_within(void)
{
    rn_task task;
    uint32_t leave = 0;
    CHECK_RC(rn_runtime_wait(rn_runtime_current(), RN_FOREVER), RN_EDEADLK);
    CHECK_RC(rn_runtime_wait(NULL, RN_FOREVER), RN_EINVAL);
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &(rn_spawn_opts){.runtime = shared}) == 0);
    CHECK_RC(rn_runtime_wait(shared, rn_in_ms(3)), RN_ETIMEDOUT);
    set(&leave);
    CHECK_RC(rn_runtime_wait(shared, RN_FOREVER), 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

TEST(runtime_wait_is_for_other_runtimes_tasks)
{
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 1}) == 0);
    on_workers(2, wait_within);
    CHECK_RC(rn_runtime_free(shared), 0);
    CHECK_RC(rn_runtime_wait(NULL, rn_in_ms(0)), RN_EINVAL);
}

static void free_within(void)
{
    CHECK_RC(rn_runtime_free(rn_runtime_current()), RN_EDEADLK);
    CHECK_RC(rn_runtime_free(shared), RN_EDEADLK);
    CHECK_RC(rn_runtime_free(NULL), 0);
}

TEST(runtime_is_not_freed_by_a_task)
{
    REQUIRE(rn_runtime_new(&shared, &(rn_runtime_opts){.workers = 1}) == 0);
    on_workers(2, free_within);
    make_and_free();
    CHECK_RC(rn_runtime_free(shared), 0);
    CHECK_RC(rn_runtime_free(NULL), 0);
}

static void *free_shared(void *arg)
{
    CHECK_RC(rn_runtime_free(shared), RN_EINVAL);
    set(arg);
    return NULL;
}

static int have_it_freed(void *arg)
{
    pthread_t thread;
    shared = rn_runtime_current();
    REQUIRE(pthread_create(&thread, NULL, free_shared, arg) == 0);
    WAIT_UNTIL(is_set(arg));
    REQUIRE(pthread_join(thread, NULL) == 0);
    return 0;
}

TEST(runtime_of_run_is_not_freed_by_others)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        uint32_t done = 0;
        CHECK_RC(rn_run_with(have_it_freed, &done, &(rn_runtime_opts){.workers = workers}), 0);
    }
}

static int make_within(void *arg)
{
    rn_runtime **out = arg;
    int number = 6;
    rn_task task;
    REQUIRE(rn_runtime_new(out, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = *out}) == 0);
    return result_of(task);
}

TEST(runtime_is_made_by_a_task)
{
    rn_runtime *runtime;
    CHECK_EQ(rn_run_with(make_within, &runtime, &(rn_runtime_opts){.workers = 1}), 6);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static int tell_runtime(void *arg)
{
    *(rn_runtime **)arg = rn_runtime_current();
    return 0;
}

static rn_runtime *runtime_of_a_task(rn_runtime *runtime)
{
    rn_runtime *told = NULL;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, tell_runtime, &told, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    return told;
}

TEST(runtime_is_the_same_for_its_tasks_and_another_for_others)
{
    rn_runtime *one, *two;
    REQUIRE(rn_runtime_new(&one, &(rn_runtime_opts){.workers = 2, .name = "same"}) == 0);
    REQUIRE(rn_runtime_new(&two, &(rn_runtime_opts){.workers = 1, .name = "same"}) == 0);
    CHECK(one != two);
    for (int i = 0; i < 10; i++) {
        CHECK(runtime_of_a_task(one) == one);
        CHECK(runtime_of_a_task(two) == two);
    }
    CHECK_RC(rn_runtime_free(one), 0);
    CHECK_RC(rn_runtime_free(two), 0);
}

static int tell_in_own_runtime(void *arg)
{
    (void)arg;
    return rn_runtime_current() != NULL && runtime_of_a_task(NULL) == rn_runtime_current() ? 0 : 1;
}

TEST(runtime_of_run_is_the_same_for_its_tasks)
{
    CHECK_RC(rn_run(tell_in_own_runtime, NULL), 0);
}

TEST(runtime_has_no_workers_where_there_is_none)
{
    rn_runtime *runtime;
    CHECK(rn_runtime_current() == NULL);
    CHECK_EQ(rn_runtime_workers(NULL), 0);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 7}) == 0);
    CHECK(rn_runtime_current() == NULL);
    CHECK_EQ(rn_runtime_workers(NULL), 0);
    CHECK_EQ(rn_runtime_workers(runtime), 7);
    CHECK_RC(rn_runtime_free(runtime), 0);
}
