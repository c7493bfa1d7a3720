/* SPDX-License-Identifier: MIT */
/* pipeline.c - the root task. Every task shares the ends that stand in struct pipeline, which outlives them all, and
 * owns its receiver. So each stage ends when the senders into it are dropped here, after the stage before it. */
#include "pipeline.h"

#include <sys/random.h>
#include <time.h>

#include "split.h"

struct pipeline {
    struct job *job;
    struct split split;
    uint64_t seed;

    size_t counter_count;
    paths_tx *paths[READERS];
    chunks_tx *chunks[COUNTERS_MAX];
    tables_tx *tables[COUNTERS_MAX];
    news_tx *news;
    events_tx *events;

    rn_task walker, readers[READERS], counters[COUNTERS_MAX], owner;
    rn_task progress, log;
};

/* Differs from run to run, so that nobody can write a text whose words all meet in one place of the table. */
static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)rn_now_ns() ^ (uint64_t)time(NULL) << 32;
    return seed;
}

static struct reporter reporter(const struct pipeline *line)
{
    return (struct reporter){.news = line->news, .events = line->events, .progress = line->job->progress};
}

/* -- start: from the back, so that every stage has one to send to ------------------------------------------------ */

static int start_owner(struct pipeline *line)
{
    news_rx *news;
    RN_TRY(news_channel(&line->news, &news, NEWS_QUEUED));
    return owner_start(&line->owner, (struct owner_args){news, line->seed, &line->job->result});
}

static int start_progress(struct pipeline *line)
{
    struct progress_args args = {.news = line->news};
    if (!line->job->progress)
        return 0;
    RN_TRY(events_subscribe(&args.events, line->events));
    const int rc = mode_subscribe(&args.mode, line->job->mode);
    if (rc == 0)
        return progress_start(&line->progress, args);
    events_rx_drop(args.events);
    return rc;
}

static int start_log(struct pipeline *line)
{
    struct log_args args = {.file = line->job->log};
    if (args.file == NULL)
        return 0;
    RN_TRY(events_subscribe(&args.events, line->events));
    line->job->log = NULL;
    return log_start(&line->log, args);
}

static int start_counter(struct pipeline *line, size_t i)
{
    struct counter_args args = {.split = &line->split, .seed = line->seed, .news = line->news};
    RN_TRY(tables_channel(&line->tables[i], &args.tables, TABLES));
    args.home = line->tables[i];
    const int rc = chunks_channel(&line->chunks[i], &args.chunks, CHUNKS_QUEUED);
    if (rc == 0)
        return counter_start(&line->counters[i], args);
    tables_rx_drop(args.tables);
    return rc;
}

static int start_reader(struct pipeline *line, size_t i)
{
    struct reader_args args = {
        .split = &line->split,
        .counters = line->chunks,
        .counter_count = line->counter_count,
        .reporter = reporter(line),
        .interrupt = line->job->interrupt,
    };
    RN_TRY(mode_subscribe(&args.mode, line->job->mode));
    const int rc = paths_channel(&line->paths[i], &args.paths, PATHS_QUEUED);
    if (rc == 0)
        return reader_start(&line->readers[i], args);
    mode_rx_drop(args.mode);
    return rc;
}

static int start_walker(struct pipeline *line)
{
    struct walker_args args = {
        .names = line->job->options->names,
        .name_count = line->job->options->name_count,
        .readers = line->paths,
        .reporter = reporter(line),
    };
    RN_TRY(mode_subscribe(&args.mode, line->job->mode));
    return walker_start(&line->walker, args);
}

static int start(struct pipeline *line)
{
    RN_TRY(start_owner(line));
    RN_TRY(events_channel(&line->events, NULL, EVENTS_KEPT));
    RN_TRY(start_progress(line));
    RN_TRY(start_log(line));
    for (size_t i = 0; i < line->counter_count; i++)
        RN_TRY(start_counter(line, i));
    for (size_t i = 0; i < READERS; i++)
        RN_TRY(start_reader(line, i));
    return start_walker(line);
}

/* -- finish: stage by stage from the front, whatever was started ------------------------------------------------- */

/* The first failure stays. A task that was not started is no task to join. */
static void join(rn_task task, int *failure)
{
    int result = 0;
    if (rn_join(task, &result) == 0 && *failure == 0)
        *failure = result;
}

static void finish(struct pipeline *line, int *failure)
{
    int log_failure = 0;
    join(line->walker, failure);
    for (size_t i = 0; i < READERS; i++)
        paths_tx_drop(line->paths[i]);
    for (size_t i = 0; i < READERS; i++)
        join(line->readers[i], failure);
    for (size_t i = 0; i < line->counter_count; i++)
        chunks_tx_drop(line->chunks[i]);
    for (size_t i = 0; i < line->counter_count; i++)
        join(line->counters[i], failure);

    events_tx_drop(line->events);
    rn_task_cancel(line->progress, 0); /* it would go on asking */
    join(line->progress, failure);
    join(line->log, &log_failure);
    line->job->log_failed = log_failure != 0;

    news_tx_drop(line->news);
    join(line->owner, failure);
    for (size_t i = 0; i < line->counter_count; i++)
        tables_tx_drop(line->tables[i]);
}

int pipeline(void *arg)
{
    struct job *const job = arg;
    const uint32_t workers = rn_runtime_workers(NULL);
    struct pipeline line = {
        .job = job,
        .seed = random_seed(),
        .counter_count = workers < COUNTERS_MAX ? workers : COUNTERS_MAX,
    };
    split_init(&line.split, job->options->field);
    int rc = start(&line);
    finish(&line, &rc);
    if (rc == 0)
        order_begin(&job->order, table_list(job->result.table), job->result.totals.distinct);
    return rc;
}
