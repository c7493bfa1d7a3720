/* SPDX-License-Identifier: MIT */
/* messages.c - what becomes of messages that own something: how they are made, copied, dropped and reported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally.h"

/* -- chunks ------------------------------------------------------------------------------------------------------ */

int chunk_new(struct chunk **out, spares_tx *home)
{
    spares_tx *mine;
    struct chunk *const chunk = *out = malloc(sizeof *chunk);
    if (chunk == NULL)
        return RN_ENOMEM;
    const int rc = spares_tx_clone(&mine, home); /* the chunk may outlive its reader */
    if (rc != 0) {
        free(chunk);
        *out = NULL;
        return rc;
    }
    chunk->home = mine;
    return 0;
}

void chunk_free(struct chunk **chunk)
{
    if (*chunk == NULL)
        return;
    spares_tx_drop((*chunk)->home);
    free(*chunk);
}

void chunk_send_home(struct chunk **chunk)
{
    if (spares_try_send((*chunk)->home, *chunk) != 0) /* its reader has ended */
        chunk_free(chunk);
}

/* -- paths, news, events ----------------------------------------------------------------------------------------- */

void path_drop(char **path)
{
    free(*path);
}

void table_drop(struct table **table)
{
    table_free(*table);
}

void news_drop(struct news *news)
{
    if (news->kind == NEWS_COUNTED)
        table_free(news->of.counted.table);
    else if (news->kind == NEWS_QUESTION)
        answer_tx_drop(news->of.reply);
}

void event_drop(struct event *event)
{
    free(event->path);
}

int event_clone(struct event *to, const struct event *from)
{
    *to = *from;
    to->path = strdup(from->path);
    return to->path != NULL ? 0 : RN_ENOMEM;
}

/* -- reports: an event to those who look on, which may be lost; a failure surely to the owner as well ------------ */

static void publish(const struct reporter *to, const char *path, struct event event)
{
    event.path = strdup(path);
    if (event.path != NULL)
        rn_ignore(events_give(to->events, event));
}

void say(bool progress, const char *what, const char *why)
{
    fprintf(stderr, "%stally: %s: %s\n", progress ? "\r\033[K" : "", what, why);
}

void report_done(const struct reporter *to, const char *path, uint64_t bytes)
{
    publish(to, path, (struct event){.bytes = bytes});
}

void report_failure(const struct reporter *to, const char *path, const char *reason)
{
    say(to->progress, path, reason);
    rn_ignore(news_give(to->news, (struct news){.kind = NEWS_FAILURE}));
    publish(to, path, (struct event){.reason = reason});
}
