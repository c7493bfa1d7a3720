/* SPDX-License-Identifier: MIT */
/* read.c - a reader: from paths to chunks of text that end behind a word.
 *
 * What it read of a word that goes on is carried over into the next chunk, so text is copied once more only there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "split.h"
#include "tally.h"

RN_TASK(reader, struct reader_args);

struct reader {
    const struct reader_args *args;
    struct chunk *chunk; /* being filled */
    size_t made;         /* chunks that exist */
    spares_tx *home;
    spares_rx *spares;
    size_t turn; /* the counter to ask first */
};

struct source {
    const char *path;
    const char *problem; /* why it was not read to its end */
    int fd;
    bool may_wait; /* for somebody to write or type */
    uint64_t bytes;
};

static chunks_tx *next_counter(struct reader *reader)
{
    return reader->args->counters[reader->turn++ % reader->args->counter_count];
}

/* To the first counter that has room. If none has, wait at the next one, but not for long: another may be ready
 * before. RN_CLOSED: the counters have stopped. */
static int hand_on(struct reader *reader, struct chunk *chunk)
{
    int rc;
    do {
        for (size_t i = 0; i < reader->args->counter_count; i++)
            if (chunks_try_send(next_counter(reader), chunk) == 0)
                return 0;
        rc = chunks_send_until(next_counter(reader), chunk, rn_in_ms(1));
    } while (rc == RN_ETIMEDOUT);
    if (rc != 0)
        chunk_send_home(&chunk);
    return rc;
}

static int take_spare(struct reader *reader, struct chunk **out)
{
    if (spares_try_recv(reader->spares, out) == 0)
        return 0;
    if (reader->made == SPARES)
        return spares_recv(reader->spares, out);
    RN_TRY(chunk_new(out, reader->home));
    reader->made++;
    return 0;
}

/* The first @length bytes of the chunk go to a counter, the rest is carried over. */
static int cut(struct reader *reader, size_t length)
{
    struct chunk *const full = reader->chunk, *next;
    RN_TRY(take_spare(reader, &next));
    next->length = full->length - length;
    memcpy(next->text, full->text + length, next->length);
    full->length = length;
    next->fields_before = split_fields(reader->args->split, full);
    next->ends_file = false;
    reader->chunk = next;
    return hand_on(reader, full);
}

/* false: interrupted. A read that has begun to wait could not be ended, so wait for both before. */
static bool wait_for_text(const struct reader *reader, const struct source *source)
{
    struct pollfd wanted[] = {{.fd = source->fd, .events = POLLIN},
                              {.fd = reader->args->interrupt, .events = POLLIN}};
    while (source->may_wait && poll(wanted, RN_COUNT(wanted), -1) < 0 && errno == EINTR)
        ;
    return mode_peek(reader->args->mode) == RUNNING;
}

/* 0 | RN_CLOSED and other codes of the pipeline. A problem of the source is noted there. */
static int take_in(struct reader *reader, struct source *source, size_t count)
{
    const struct split *const split = reader->args->split;
    struct chunk *const chunk = reader->chunk;
    const size_t before = chunk->length;
    chunk->length += count;
    source->bytes += count;
    if (split_first(split, chunk->text, chunk->length, before) > WORD_MAX) {
        source->problem = "word longer than 1 MiB";
        return 0;
    }
    const size_t complete = split_complete(split, chunk->text, chunk->length, before);
    return complete > 0 ? cut(reader, complete) : 0;
}

static int finish(struct reader *reader)
{
    reader->chunk->ends_file = true;
    return cut(reader, reader->chunk->length);
}

/* Reads until the end, or a problem, or Ctrl-C. */
static int read_all(struct reader *reader, struct source *source)
{
    int rc = 0;
    while (rc == 0 && source->problem == NULL && wait_for_text(reader, source)) {
        struct chunk *const chunk = reader->chunk;
        const ssize_t count = read(source->fd, chunk->text + chunk->length, READ_SIZE);
        if (count > 0)
            rc = take_in(reader, source, (size_t)count);
        else if (count == 0)
            return finish(reader);
        else if (errno != EINTR && errno != EAGAIN)
            source->problem = strerror(errno);
    }
    return rc;
}

static void open_source(struct source *source)
{
    struct stat status;
    if (strcmp(source->path, "-") == 0)
        source->fd = STDIN_FILENO;
    else /* a named pipe opens at once, and waits in poll */
        source->fd = open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (source->fd < 0 || fstat(source->fd, &status) != 0)
        source->problem = strerror(errno);
    else
        source->may_wait = !S_ISREG(status.st_mode);
}

static int read_path(struct reader *reader, const char *path)
{
    struct source source = {.path = path};
    int rc = 0;
    reader->chunk->length = 0;
    reader->chunk->fields_before = 0;
    reader->chunk->ends_file = false;
    open_source(&source);
    if (source.problem == NULL)
        rc = read_all(reader, &source);
    if (source.fd > STDIN_FILENO)
        close(source.fd);
    if (source.problem != NULL)
        report_failure(&reader->args->reporter, path, source.problem);
    else if (rc == 0 && mode_peek(reader->args->mode) == RUNNING)
        report_done(&reader->args->reporter, path, source.bytes);
    return rc;
}

static int read_paths(struct reader *reader)
{
    char *path;
    RN_TRY(spares_channel(&reader->home, &reader->spares, SPARES));
    RN_TRY(take_spare(reader, &reader->chunk));
    int rc = 0;
    while (rc == 0 && mode_peek(reader->args->mode) == RUNNING && paths_recv(reader->args->paths, &path) == 0) {
        rc = read_path(reader, path);
        free(path);
    }
    return rc == RN_CLOSED ? 0 : rc;
}

static int reader(struct reader_args args)
{
    struct reader self = {.args = &args};
    const int rc = read_paths(&self);
    chunk_free(&self.chunk);
    spares_tx_drop(self.home);
    spares_rx_drop(self.spares);
    mode_rx_drop(args.mode);
    paths_rx_drop(args.paths);
    return rc;
}

/* A thread of its own: it spends its life in system calls that may wait. With rn_blocking around each read, which is
 * two wake-ups, it took a fifth longer for large files and four times as long for small ones. */
int reader_start(rn_task *out, struct reader_args args)
{
    const int rc = reader_spawn_with(out, args, &(rn_spawn_opts){.place = RN_PLACE_THREAD});
    if (rc != 0) {
        mode_rx_drop(args.mode);
        paths_rx_drop(args.paths);
    }
    return rc;
}
