/* SPDX-License-Identifier: MIT */
/* count.c - a counter: from chunks to tables, which it sends to the owner when they are large, when there is nothing
 * to do for a while, and at the end. */
#include "split.h"
#include "tally.h"

RN_TASK(counter, struct counter_args);

/* A report is due when the table no longer fits a second-level cache, or after so many bytes, since the progress line
 * would stand still where different words are few. */
enum { TABLE_WORDS = 40000, TABLE_TEXT = 512 << 10, REPORT_BYTES = 16 << 20, REPORT_WHEN_IDLE_FOR_MS = 100 };

struct counter {
    const struct counter_args *args;
    struct counted counted; /* since the last report */
};

static bool has_news(const struct counted *counted)
{
    return counted->files > 0 || counted->bytes > 0;
}

static bool report_is_due(const struct counted *counted)
{
    return table_distinct(counted->table) >= TABLE_WORDS || table_text(counted->table) >= TABLE_TEXT ||
           counted->bytes >= REPORT_BYTES;
}

static int begin(struct counter *counter)
{
    struct counted fresh = {.home = counter->args->home};
    if (tables_try_recv(counter->args->tables, &fresh.table) != 0)
        fresh.table = table_new(counter->args->seed);
    if (fresh.table == NULL)
        return RN_ENOMEM;
    counter->counted = fresh;
    return 0;
}

static int report(struct counter *counter)
{
    const struct news news = {.kind = NEWS_COUNTED, .of.counted = counter->counted};
    if (!has_news(&counter->counted))
        return 0;
    RN_TRY(begin(counter));
    return news_give(counter->args->news, news);
}

static int count(struct counter *counter, struct chunk *chunk)
{
    struct counted *const counted = &counter->counted;
    const int rc = split_count(counter->args->split, chunk, counted->table);
    counted->bytes += chunk->length;
    counted->files += chunk->ends_file;
    chunk_send_home(&chunk);
    if (rc != 0)
        return rc;
    if (report_is_due(counted))
        return report(counter);
    rn_yield(); /* the owner may wait for this worker */
    return 0;
}

static int count_all(struct counter *counter)
{
    struct chunk *chunk;
    for (;;) {
        const rn_deadline patience = has_news(&counter->counted) ? rn_in_ms(REPORT_WHEN_IDLE_FOR_MS) : RN_FOREVER;
        const int rc = chunks_recv_until(counter->args->chunks, &chunk, patience);
        if (rc == 0)
            RN_TRY(count(counter, chunk));
        else if (rc == RN_ETIMEDOUT)
            RN_TRY(report(counter));
        else
            return rc == RN_CLOSED ? report(counter) : rc;
    }
}

static void drop_receivers(const struct counter_args *args)
{
    chunks_rx_drop(args->chunks);
    tables_rx_drop(args->tables);
}

static int counter(struct counter_args args)
{
    struct counter self = {.args = &args};
    int rc = begin(&self);
    if (rc == 0)
        rc = count_all(&self);
    table_free(self.counted.table);
    drop_receivers(&args);
    return rc == RN_CLOSED ? 0 : rc; /* closed: the owner has failed, and says so itself */
}

int counter_start(rn_task *out, struct counter_args args)
{
    const int rc = counter_spawn_with(out, args, &(rn_spawn_opts){.place = RN_PLACE_SPREAD});
    if (rc != 0)
        drop_receivers(&args);
    return rc;
}
