/* SPDX-License-Identifier: MIT */
/* tally.h - the map of the program: its tasks, the channels between them, and what travels there.
 *
 *            paths            chunks             news
 *    walker ------> readers ---------> counters ------> owner
 *                      ^                   |             ^ |
 *                      +------ spares -----+             | | answer
 *                                                        | v
 *    walker, readers ------- events -----------------> progress, log
 *    Ctrl-C ---------------- mode -------------------> walker, readers, progress
 *
 * The first row and the spares are bounded mpsc: whoever is ahead waits, so memory stays bounded whatever the input
 * is. A receiver has one owner; where several tasks share the work (readers, counters) each has a channel of its
 * own, and senders deal messages out to the first that has room. An answer is a oneshot, events are a broadcast,
 * mode is a watch.
 *
 * The tasks end as they began, from the front: each stage ends when the senders into it are dropped (pipeline.c).
 * A stage that fails drops its receiver, which ends the stages before it. No task shares memory with another one
 * but what was settled before all of them started, so there is nothing to lock.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdio.h>

#include <runnel.h>

#include "table.h"

enum {
    READERS = 2,           /* one could keep several counters busy; a second has the next file open already */
    COUNTERS_MAX = 8,      /* else one for each worker */
    PATHS_QUEUED = 16,     /* for each reader */
    CHUNKS_QUEUED = 6,     /* for each counter */
    SPARES = 12,           /* chunks that a reader may have on the way */
    NEWS_QUEUED = 2,       /* tables of a few MiB */
    TABLES = 1,            /* that a counter may have at home, empty */
    EVENTS_KEPT = 4096,    /* for a log that cannot keep up */
    READ_SIZE = 128 << 10, /* what is read, and usually counted, at once: half of a small second-level cache */
    WORD_MAX = 1 << 20     /* a file with a longer word, or field, is read no further */
};

/* -- chunks: text from a reader to a counter, which sends the empty chunk home when it is done ------------------- */

/* It ends behind a word, so that no word lies in two of them. A line may: hence fields_before. */
struct chunk {
    struct spares_tx *home;
    size_t length;
    uint64_t fields_before; /* those of its first line that lie in the chunks before it */
    bool ends_file;
    char text[WORD_MAX + READ_SIZE];
};

void chunk_free(struct chunk **chunk);
void chunk_send_home(struct chunk **chunk);

RN_MPSC_OWNED(spares, struct chunk *, chunk_free);
RN_MPSC_OWNED(chunks, struct chunk *, chunk_send_home);

int chunk_new(struct chunk **out, spares_tx *home);

/* -- paths: from the walker to a reader -------------------------------------------------------------------------- */

void path_drop(char **path);
RN_MPSC_OWNED(paths, char *, path_drop);

/* -- news: to the owner of the result ---------------------------------------------------------------------------- */

struct totals {
    uint64_t files;  /* counted to their end */
    uint64_t failed; /* files and directories with an error */
    uint64_t bytes;
    uint64_t words;
    uint64_t distinct;
};

RN_ONESHOT_PLAIN(answer, struct totals);

void table_drop(struct table **table);
RN_MPSC_OWNED(tables, struct table *, table_drop);

struct news {
    enum news_kind {
        NEWS_COUNTED,
        NEWS_FAILURE,
        NEWS_QUESTION /* how far are we? */
    } kind;
    union {
        struct counted {
            struct table *table;
            uint64_t files, bytes;
            tables_tx *home; /* where the table goes, empty, when it has been added up */
        } counted;
        answer_tx *reply;
    } of;
};

void news_drop(struct news *news);
RN_MPSC_OWNED(news, struct news, news_drop);

/* -- events: to everybody who looks on --------------------------------------------------------------------------- */

struct event {
    char *path;
    const char *reason; /* why it failed, a text that stays; NULL: it was read to its end */
    uint64_t bytes;
};

void event_drop(struct event *event);
int event_clone(struct event *to, const struct event *from);
RN_BROADCAST_OWNED(events, struct event, event_drop, event_clone);

/* -- mode: from Ctrl-C to those that bring new work in ----------------------------------------------------------- */

enum mode { RUNNING, DRAINING };
RN_WATCH_PLAIN(mode, enum mode);

/* -- what all stages know ---------------------------------------------------------------------------------------- */

/* The pipeline outlives its tasks: they share its senders. */
struct reporter {
    news_tx *news;
    events_tx *events;
    bool progress; /* there is a progress line on the terminal, which a message first has to wipe out */
};

/* tally: WHAT: WHY, on stderr */
void say(bool progress, const char *what, const char *why);

void report_done(const struct reporter *to, const char *path, uint64_t bytes);
void report_failure(const struct reporter *to, const char *path, const char *reason);

struct result {
    struct table *table;
    struct totals totals;
};

/* -- the tasks. X_start takes over the receivers in its arguments, also when it fails ---------------------------- */

struct walker_args {
    char *const *names;
    size_t name_count;
    paths_tx *const *readers; /* READERS of them */
    struct reporter reporter;
    mode_rx *mode;
};
int walker_start(rn_task *out, struct walker_args args);

struct reader_args {
    paths_rx *paths;
    const struct split *split;
    chunks_tx *const *counters;
    size_t counter_count;
    struct reporter reporter;
    mode_rx *mode;
    int interrupt; /* a descriptor that becomes readable, for reads that would wait */
};
int reader_start(rn_task *out, struct reader_args args);

struct counter_args {
    chunks_rx *chunks;
    tables_rx *tables;
    tables_tx *home; /* of those tables */
    const struct split *split;
    uint64_t seed;
    news_tx *news;
};
int counter_start(rn_task *out, struct counter_args args);

struct owner_args {
    news_rx *news;
    uint64_t seed;
    struct result *result; /* written when the news end */
};
int owner_start(rn_task *out, struct owner_args args);

struct progress_args {
    events_rx *events;
    mode_rx *mode;
    news_tx *news;
};
int progress_start(rn_task *out, struct progress_args args);

struct log_args {
    events_rx *events;
    FILE *file; /* taken over as well */
};
int log_start(rn_task *out, struct log_args args);

#endif
