/* SPDX-License-Identifier: MIT */
/* own.c - the owner of the result: it alone adds tables up, and answers how far it is. */
#include "tally.h"

RN_TASK(owner, struct owner_args);

static int add_up(struct result *result, const struct counted *counted)
{
    struct totals *const totals = &result->totals;
    const int rc = table_merge(result->table, counted->table);
    totals->files += counted->files;
    totals->bytes += counted->bytes;
    totals->words = table_total(result->table);
    totals->distinct = table_distinct(result->table);
    table_clear(counted->table);
    if (tables_try_send(counted->home, counted->table) != 0)
        table_free(counted->table);
    return rc;
}

static int take(struct result *result, const struct news *news)
{
    switch (news->kind) {
    case NEWS_COUNTED:
        return add_up(result, &news->of.counted);
    case NEWS_FAILURE:
        result->totals.failed++;
        return 0;
    case NEWS_QUESTION:
        rn_ignore(answer_send(news->of.reply, result->totals)); /* who asked may have left */
        return 0;
    }
    return RN_EINVAL;
}

static int owner(struct owner_args args)
{
    RN_AUTO(news_rx) news = args.news;
    struct result result = {.table = table_new(args.seed)};
    struct news latest;
    int rc = result.table != NULL ? 0 : RN_ENOMEM;
    while (rc == 0 && (rc = news_recv(news, &latest)) == 0)
        rc = take(&result, &latest);
    *args.result = result;
    return rc == RN_CLOSED ? 0 : rc;
}

int owner_start(rn_task *out, struct owner_args args)
{
    const int rc = owner_spawn_with(out, args, &(rn_spawn_opts){.place = RN_PLACE_SPREAD});
    if (rc != 0)
        news_rx_drop(args.news);
    return rc;
}
