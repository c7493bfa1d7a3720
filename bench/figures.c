/* SPDX-License-Identifier: MIT */
/* figures.c - measures what runnel costs and prints it, one line per figure: name/workers, value, unit.
 *
 * Each round has a process of its own, in which a warm-up comes first and does not count. What is printed is the
 * median of the rounds, with the least and the most behind it. `make bench` builds and runs it, docs/figures.md says
 * what each figure is.
 */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figures.h"

enum { ROUNDS = 7, QUICK_ROUNDS = 3, QUICK_DIVIDES = 10, LIMIT_SECONDS = 300 };

static const struct figure *const tables[] = {task_figures, channel_figures,  lock_figures,  scope_figures,
                                              time_figures, parallel_figures, memory_figures};

struct options {
    bool list;
    bool quick;
    uint32_t workers; /* 0: with 1 and with 2 */
    char **names;     /* ends with NULL; the first is NULL: all */
};

/* Shared with the processes that measure. */
struct results {
    int rounds;
    double value[ROUNDS][FIGURE_LINES];
};

struct job {
    const struct figure *figure;
    struct results *results;
    uint32_t workers;
    long operations;
};

void give_up(const char *why)
{
    fprintf(stderr, "figures: %s\n", why);
    exit(1);
}

/* -- in the process that measures ---------------------------------------------------------------------------- */

static void measure_once(const struct job *job, double *value)
{
    struct round round = {.workers = job->workers, .operations = job->operations};
    job->figure->measure(&round);
    memcpy(value, round.value, sizeof round.value);
}

static int take_round(void *arg)
{
    const struct job *job = arg;
    double *value = job->results->value[job->results->rounds];
    if ((job->figure->flags & COLD) == 0)
        measure_once(job, value);
    measure_once(job, value);
    job->results->rounds++;
    return 0;
}

static int measure(struct job *job)
{
    if ((job->figure->flags & IN_THREAD) != 0)
        return take_round(job);
    return rn_run_with(take_round, job, &(rn_runtime_opts){.workers = job->workers});
}

/* false: it failed, and has said why. It ends with its parent, and after LIMIT_SECONDS in any case. */
static bool measure_apart(struct job *job)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child < 0)
        give_up("fork failed");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(LIMIT_SECONDS);
        exit(measure(job) == 0 ? 0 : 1);
    }
    int status = 0;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        fprintf(stderr, "figures: %s: signal %d\n", job->figure->name, WTERMSIG(status));
    return false;
}

/* -- the rounds of one figure --------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_number(double value, int width)
{
    const bool whole = value >= 1000 || value == (double)(long)value;
    printf("%*.*f", width, whole ? 0 : value < 10 ? 2 : 1, value);
}

static void print_line(const char *name, const char *unit, const struct results *results, int line)
{
    double sorted[ROUNDS];
    for (int i = 0; i < results->rounds; i++)
        sorted[i] = results->value[i][line];
    qsort(sorted, (size_t)results->rounds, sizeof sorted[0], by_value);
    printf("%-38s", name);
    print_number(sorted[results->rounds / 2], 10);
    printf(" %-12s", unit);
    if (results->rounds > 1) {
        print_number(sorted[0], 0);
        printf(" .. ");
        print_number(sorted[results->rounds - 1], 0);
    }
    printf("\n");
}

static void print_results(const struct job *job)
{
    const struct figure *figure = job->figure;
    const struct figure_line alone[] = {{"", figure->unit}, {NULL, NULL}};
    const struct figure_line *lines = figure->lines != NULL ? figure->lines : alone;
    for (int i = 0; lines[i].name != NULL; i++) {
        char name[128];
        char workers[16] = "";
        if ((figure->flags & ONCE) == 0)
            snprintf(workers, sizeof workers, "/%u", (unsigned)job->workers);
        snprintf(name, sizeof name, "%s%s%s%s", figure->name, lines[i].name[0] == 0 ? "" : ".", lines[i].name,
                 workers);
        print_line(name, lines[i].unit, job->results, i);
    }
}

static bool show(struct job *job, int rounds)
{
    job->results->rounds = 0;
    while (job->results->rounds < rounds)
        if (!measure_apart(job)) {
            printf("%s/%u failed\n", job->figure->name, (unsigned)job->workers);
            return false;
        }
    print_results(job);
    return true;
}

static bool show_figure(const struct figure *figure, const struct options *options, struct results *results)
{
    const bool shrinks = options->quick && (figure->flags & FIXED) == 0 && figure->operations >= QUICK_DIVIDES;
    const uint32_t first = options->workers != 0 ? options->workers : (figure->flags & ACROSS) != 0 ? 2 : 1;
    const uint32_t last = options->workers != 0 ? first : (figure->flags & ONCE) != 0 ? 1 : 2;
    bool fine = true;
    for (uint32_t workers = first; workers <= last; workers++) {
        if ((figure->flags & ACROSS) != 0 && workers < 2)
            continue;
        struct job job = {.figure = figure, .results = results, .workers = workers};
        job.operations = shrinks ? figure->operations / QUICK_DIVIDES : figure->operations;
        const bool slow = (figure->flags & (COLD | FIXED)) == (COLD | FIXED);
        fine = show(&job, !options->quick ? ROUNDS : slow ? 1 : QUICK_ROUNDS) && fine;
    }
    return fine;
}

/* -- the command ---------------------------------------------------------------------------------------------- */

static bool is_chosen(const struct figure *figure, const struct options *options)
{
    if (options->names[0] == NULL)
        return true;
    for (char **name = options->names; *name != NULL; name++)
        if (fnmatch(*name, figure->name, 0) == 0)
            return true;
    return false;
}

static void describe_build(void)
{
#ifdef NDEBUG
    const char *assertions = "off";
#else
    const char *assertions = "on";
#endif
    printf("# runnel %s, compiler %s, assertions %s, %ld CPUs\n", rn_version(), __VERSION__, assertions,
           sysconf(_SC_NPROCESSORS_ONLN));
}

static int usage(int status)
{
    fprintf(status == 0 ? stdout : stderr, "usage: figures [--list] [--quick] [--workers N] [NAME or 'GLOB']...\n"
                                           "  --list       what there is\n"
                                           "  --quick      fewer rounds of fewer operations: to see that it works\n"
                                           "  --workers N  with N workers; otherwise with 1 and with 2\n");
    return status;
}

/* 0, or -1 where the command line is wrong. */
static int take_options(struct options *options, char **words)
{
    for (; *words != NULL && strncmp(*words, "--", 2) == 0; words++) {
        if (strcmp(*words, "--list") == 0) {
            options->list = true;
        } else if (strcmp(*words, "--quick") == 0) {
            options->quick = true;
        } else if (strcmp(*words, "--workers") == 0 && words[1] != NULL) {
            options->workers = (uint32_t)strtoul(*++words, NULL, 10);
            if (options->workers == 0 || options->workers > RN_WORKERS_MAX)
                return -1;
        } else {
            return -1;
        }
    }
    options->names = words;
    return 0;
}

static int show_chosen(const struct options *options, struct results *results)
{
    int failed = 0;
    int chosen = 0;
    for (size_t i = 0; i < RN_COUNT(tables); i++)
        for (const struct figure *figure = tables[i]; figure->name != NULL; figure++) {
            if (!is_chosen(figure, options))
                continue;
            chosen++;
            if (options->list)
                printf("%-26s %s\n", figure->name, figure->what);
            else if (!show_figure(figure, options, results))
                failed++;
        }
    if (chosen == 0)
        fprintf(stderr, "figures: no such figure; --list shows them\n");
    return chosen == 0 ? 2 : failed != 0;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    (void)argc;
    if (argv[1] != NULL && strcmp(argv[1], "--help") == 0)
        return usage(0);
    if (take_options(&options, argv + 1) != 0)
        return usage(2);
    struct results *results = mmap(NULL, sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        give_up("out of memory");
    if (!options.list)
        describe_build();
    return show_chosen(&options, results);
}
