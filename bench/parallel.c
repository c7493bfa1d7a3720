/* SPDX-License-Identifier: MIT */
/* parallel.c - figures of work that could use all workers: fork and join, a pool, where long-lived tasks go.
 *
 * Work is CPU time of the thread, not time on the clock: two workers that share one CPU get no faster.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"

enum { MICROSECOND = 1000, MILLISECOND = 1000 * 1000 };

static int64_t cpu_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000 * MILLISECOND + time.tv_nsec;
}

static void work(int64_t ns)
{
    const int64_t end = cpu_now_ns() + ns;
    while (cpu_now_ns() < end)
        continue;
}

/* -- what the machine gives: the yardstick of this page, without runnel --------------------------------------- */

static void *work_200ms(void *arg)
{
    work(200 * MILLISECOND);
    return arg;
}

static void two_threads(struct round *round)
{
    pthread_t other;
    const int64_t start = rn_now_ns();
    if (pthread_create(&other, NULL, work_200ms, NULL) != 0)
        give_up("no thread");
    work_200ms(NULL);
    pthread_join(other, NULL);
    round->value[0] = ms_since(start);
}

/* -- fork and join -------------------------------------------------------------------------------------------- */

enum { FORKS_MAX = 100 };

static int work_once(void *arg)
{
    work(*(const int64_t *)arg);
    return 0;
}

/* ns for so many tasks of `ns` of work each: the mean of the round's repetitions. The warm-up has taught the runtime
 * what these tasks are like. */
static double fork_join(const struct round *round, int count, int64_t ns)
{
    rn_task tasks[FORKS_MAX];
    const int64_t start = rn_now_ns();
    for (long k = 0; k < round->operations; k++) {
        for (int i = 0; i < count; i++)
            RN_MUST(rn_spawn(&tasks[i], work_once, &ns));
        for (int i = 0; i < count; i++)
            RN_MUST(rn_join(tasks[i], NULL));
    }
    return ns_each(round, start);
}

static void fork_8_10ms(struct round *round)
{
    round->value[0] = fork_join(round, 8, 10 * MILLISECOND) / 1e6;
}

static void fork_100_10us(struct round *round)
{
    round->value[0] = fork_join(round, 100, 10 * MICROSECOND) / 1e3;
}

static void fork_8_50us(struct round *round)
{
    round->value[0] = fork_join(round, 8, 50 * MICROSECOND) / 1e3;
}

/* -- a pool --------------------------------------------------------------------------------------------------- */

enum { POOL = 8, POOL_QUEUE = 16, POOL_WORK_NS = 20 * MICROSECOND };

RN_MPSC_PLAIN(jobs, uint64_t);
RN_TASK(work_off, jobs_rx *);

static int work_off(jobs_rx *rx)
{
    uint64_t job;
    while (jobs_recv(rx, &job) == 0)
        work(POOL_WORK_NS);
    jobs_rx_drop(rx);
    return 0;
}

/* Gives the jobs out in turn. */
static void feed(struct round *round, jobs_tx *const *queues, const rn_task *tasks)
{
    RN_MUST(rn_sleep_ms(50)); /* they wait, nothing happens: placement has nothing to go by */
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        RN_MUST(jobs_send(queues[i % POOL], (uint64_t)i));
    for (int i = 0; i < POOL; i++)
        jobs_tx_drop(queues[i]);
    for (int i = 0; i < POOL; i++)
        RN_MUST(rn_join(tasks[i], NULL));
    round->value[0] = ms_since(start);
}

static int work_off_one(uint64_t *job, void *ctx)
{
    (void)job;
    (void)ctx;
    work(POOL_WORK_NS);
    return 0;
}

static void pool_handlers(struct round *round, const rn_spawn_opts *where)
{
    jobs_tx *queues[POOL];
    rn_task tasks[POOL];
    for (int i = 0; i < POOL; i++) {
        jobs_rx *rx;
        RN_MUST(jobs_channel(&queues[i], &rx, POOL_QUEUE));
        RN_MUST(jobs_serve_with(&tasks[i], rx, work_off_one, NULL, where));
    }
    feed(round, queues, tasks);
}

static void pool_handlers_auto(struct round *round)
{
    pool_handlers(round, NULL);
}

/* All start on the worker of the one who feeds them. */
static void pool_handlers_near(struct round *round)
{
    pool_handlers(round, &(rn_spawn_opts){.place = RN_PLACE_NEAR});
}

static void pool_quiet(struct round *round)
{
    jobs_tx *queues[POOL];
    rn_task tasks[POOL];
    for (int i = 0; i < POOL; i++) {
        jobs_rx *rx;
        RN_MUST(jobs_channel(&queues[i], &rx, POOL_QUEUE));
        RN_MUST(work_off_spawn(&tasks[i], rx));
    }
    feed(round, queues, tasks);
}

/* -- where long-lived tasks go -------------------------------------------------------------------------------- */

enum { LONG_LIVED = 500 };

RN_MPSC_PLAIN(threads, pid_t);
RN_TASK(reside, threads_tx *);

/* Says where it is, and stays until it is cancelled. */
static int reside(threads_tx *tx)
{
    RN_MUST(threads_send(tx, gettid()));
    return rn_sleep_until(RN_FOREVER) == RN_ECANCELED ? 0 : 1;
}

struct census {
    pid_t thread[RN_WORKERS_MAX];
    int count[RN_WORKERS_MAX];
};

static void census_add(struct census *census, pid_t thread)
{
    int i = 0;
    while (census->thread[i] != 0 && census->thread[i] != thread)
        i++;
    census->thread[i] = thread;
    census->count[i]++;
}

static void census_report(const struct census *census, struct round *round)
{
    int most = 0;
    int fewest = LONG_LIVED;
    for (uint32_t i = 0; i < round->workers; i++) {
        most = census->count[i] > most ? census->count[i] : most;
        fewest = census->count[i] < fewest ? census->count[i] : fewest;
    }
    round->value[0] = most;
    round->value[1] = fewest;
}

static void long_lived(struct round *round)
{
    rn_task tasks[LONG_LIVED];
    struct census census = {0};
    threads_tx *tx;
    threads_rx *rx;
    RN_MUST(threads_channel(&tx, &rx, LONG_LIVED));
    for (int i = 0; i < LONG_LIVED; i++)
        RN_MUST(reside_spawn(&tasks[i], tx));
    for (int i = 0; i < LONG_LIVED; i++) {
        pid_t thread;
        RN_MUST(threads_recv(rx, &thread));
        census_add(&census, thread);
    }
    census_report(&census, round);
    for (int i = 0; i < LONG_LIVED; i++) {
        rn_task_cancel(tasks[i], 0);
        RN_MUST(rn_join(tasks[i], NULL));
    }
    threads_tx_drop(tx);
    threads_rx_drop(rx);
}

static const struct figure_line census_lines[] = {{"most", "tasks"}, {"fewest", "tasks"}, {NULL, NULL}};

const struct figure parallel_figures[] = {
    {"two_threads", "ms", two_threads, 1, IN_THREAD | ONCE,
     "two plain threads of 200 ms of work each: 200 if nobody else wants the machine", 0},
    {"fork_8_10ms", "ms", fork_8_10ms, 1, 0, "spawn and join 8 tasks of 10 ms of work", 0},
    {"fork_100_10us", "us", fork_100_10us, 100, 0, "spawn and join 100 tasks of 10 us of work", 0},
    {"fork_8_50us", "us", fork_8_50us, 100, 0, "spawn and join 8 tasks of 50 us of work", 0},
    {"pool_quiet", "ms", pool_quiet, 20000, COLD, "20,000 jobs of 20 us for 8 tasks that were started while quiet",
     0},
    {"pool_handlers", "ms", pool_handlers_auto, 20000, COLD, "the same for 8 handlers", 0},
    {"pool_handlers_near", "ms", pool_handlers_near, 20000, COLD, "... that all began on one worker", 0},
    {"long_lived", NULL, long_lived, 1, COLD, "500 long-lived tasks that one task spawns: how many on a worker",
     census_lines},
    {0},
};
