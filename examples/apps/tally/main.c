/* SPDX-License-Identifier: MIT */
/* main.c - tally counts the words of files and directories on all cores, over the channels of runnel. See tally.h.
 *
 * The output is the same, byte for byte, as that of
 *     for f in FILES; do LC_ALL=C tr -cs '[:alnum:]' '\n' <"$f"; echo; done |
 *         grep -a . | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "options.h"
#include "pipeline.h"

enum { EXIT_ALL = 0, EXIT_NOT_ALL = 1, EXIT_INTERRUPTED = 130 };

static int fail(const char *what, const char *why)
{
    say(false, what, why);
    return EXIT_NOT_ALL;
}

/* A program that is started without one of them must not take a file that it opens later for it. Those here fail. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            rn_ignore(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

static bool print_line(const struct entry *entry)
{
    return printf("%7ju ", (uintmax_t)entry->count) > 0 &&
           fwrite(entry->word, 1, entry->length, stdout) == entry->length && putchar('\n') != EOF;
}

static int print(struct order *order, uint64_t lines)
{
    const struct entry *entry;
    bool good = true;
    setvbuf(stdout, NULL, _IOFBF, 64 << 10);
    while (good && lines-- > 0 && (entry = order_next(order)) != NULL)
        good = print_line(entry);
    if (good && fflush(stdout) == 0)
        return EXIT_ALL;
    return errno == EPIPE ? EXIT_NOT_ALL : fail("standard output", strerror(errno)); /* EPIPE: who reads has enough */
}

static void print_stats(const struct totals *totals, int64_t nanoseconds)
{
    fprintf(stderr, "tally: %ju files, %ju bytes, %ju words, %ju distinct, %.3f seconds\n", (uintmax_t)totals->files,
            (uintmax_t)totals->bytes, (uintmax_t)totals->words, (uintmax_t)totals->distinct,
            (double)nanoseconds / 1e9);
}

/* What the pipeline found, once Ctrl-C is again what it was: printing can be stopped as usual. */
static int conclude(struct job *job, bool interrupted, int64_t nanoseconds)
{
    const struct options *const options = job->options;
    int status = print(&job->order, options->top);
    if (options->stats)
        print_stats(&job->result.totals, nanoseconds);
    if (job->log_failed)
        status = fail(options->events, "could not be written");
    if (job->result.totals.failed > 0)
        status = EXIT_NOT_ALL;
    return interrupted ? EXIT_INTERRUPTED : status;
}

static int count(struct job *job)
{
    struct interrupt interrupt;
    RN_AUTO(mode_tx) mode = NULL;
    RN_AUTO(mode_rx) look = NULL;
    const int64_t begin = rn_now_ns();
    int rc = mode_channel(&mode, &look, RUNNING);
    if (rc != 0)
        return fail("cannot start", rn_strerror(rc));
    const int error = interrupt_begin(&interrupt, mode, job->progress);
    if (error != 0)
        return fail("cannot start", strerror(error));
    job->mode = mode;
    job->interrupt = interrupt.wake[0];
    rc = rn_run(pipeline, job);
    interrupt_end(&interrupt);
    if (rc != 0)
        return fail("cannot go on", rn_strerror(rc));
    return conclude(job, mode_peek(look) == DRAINING, rn_now_ns() - begin);
}

int main(int argc, char **argv)
{
    struct options options;
    fill_standard_descriptors();
    const int status = options_parse(&options, argc, argv);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN); /* a write says it as well */
    struct job job = {.options = &options, .progress = isatty(STDERR_FILENO) == 1};
    if (options.events != NULL && (job.log = fopen(options.events, "we")) == NULL)
        return fail(options.events, strerror(errno));
    const int result = count(&job);
    if (job.log != NULL)
        fclose(job.log);
    table_free(job.result.table);
    return result;
}
