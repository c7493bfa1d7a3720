/* SPDX-License-Identifier: MIT */
/* log.c - the --events file: a line for each file that was read, each error, and each gap where the log was too slow.
 *
 *     done   BYTES  PATH
 *     failed PATH   REASON
 *     lost   COUNT
 *
 * parted by tabs; a tab, a newline or a backslash in a path is written as \t, \n, \\. */
#include <stdio.h>

#include "tally.h"

RN_TASK(logger, struct log_args);

static void write_path(FILE *file, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path == '\t')
            fputs("\\t", file);
        else if (*path == '\n')
            fputs("\\n", file);
        else if (*path == '\\')
            fputs("\\\\", file);
        else
            putc(*path, file);
    }
}

static void write_event(FILE *file, const struct event *event)
{
    if (event->reason == NULL)
        fprintf(file, "done\t%ju\t", (uintmax_t)event->bytes);
    else
        fputs("failed\t", file);
    write_path(file, event->path);
    if (event->reason != NULL)
        fprintf(file, "\t%s", event->reason);
    putc('\n', file);
}

/* RN_CLOSED: that was all */
static int write_all(FILE *file, events_rx *events)
{
    struct event event;
    uint64_t missed;
    int rc;
    while ((rc = events_recv(events, &event, &missed)) == 0) {
        if (missed > 0)
            fprintf(file, "lost\t%ju\n", (uintmax_t)missed);
        write_event(file, &event);
        event_drop(&event);
    }
    return rc;
}

/* The result: 0, or 1 if not all could be written. */
static int logger(struct log_args args)
{
    RN_AUTO(events_rx) events = args.events;
    setvbuf(args.file, NULL, _IOLBF, BUFSIZ);
    bool good = write_all(args.file, events) == RN_CLOSED;
    good &= ferror(args.file) == 0;
    good &= fclose(args.file) == 0;
    return good ? 0 : 1;
}

/* A thread of its own: files, and what else may stand in their place, may be slow. */
int log_start(rn_task *out, struct log_args args)
{
    const int rc = logger_spawn_with(out, args, &(rn_spawn_opts){.name = "log", .place = RN_PLACE_THREAD});
    if (rc != 0) {
        events_rx_drop(args.events);
        fclose(args.file);
    }
    return rc;
}
