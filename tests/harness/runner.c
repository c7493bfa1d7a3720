/* SPDX-License-Identifier: MIT */
/* runner.c - the test program: picks cases, runs each in a process of its own, several at a time, and judges. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "harness/inside.h"

#include <runnel/inspect.h>

/* Reports of the sanitizers end the case at once: a case ends by _exit, where they would not speak any more. The
 * functions must be seen by sanitizers that are shared libraries. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0:allocator_may_return_null=1";
}
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "halt_on_error=1:die_after_fork=0:report_signal_unsafe=0:atexit_sleep_ms=0:allocator_may_return_null=1";
}

/* -- which cases ------------------------------------------------------------------------------------------------ */

static struct test_case *first_case;
static struct test_case **last_case = &first_case;

void test_add(struct test_case *test)
{
    *last_case = test;
    last_case = &test->next;
}

struct chosen {
    const struct test_case *test;
    enum test_place place;
    uint64_t seed;
    char name[128];
};

static struct {
    char **patterns; /* up to NULL */
    long jobs;
    long repeat;
    uint64_t seed;
    bool list;
    bool verbose;
    bool here;
} options = {.repeat = 1};

static struct chosen *chosen;
static size_t chosen_count;

static bool is_wanted(const char *name)
{
    if (*options.patterns == NULL)
        return true;
    for (char **pattern = options.patterns; *pattern != NULL; pattern++) {
        size_t length = strlen(*pattern);
        if (fnmatch(*pattern, name, 0) == 0 || (strncmp(name, *pattern, length) == 0 && name[length] == '/'))
            return true;
    }
    return false;
}

static void choose(const struct test_case *test, enum test_place place, uint64_t seed)
{
    struct chosen next = {.test = test, .place = place, .seed = seed};
    snprintf(next.name, sizeof next.name, "%s%s", test->name, test_place_suffix(place));
    if (!is_wanted(next.name))
        return;
    if ((chosen_count & (chosen_count + 1)) == 0) /* full at 1, 3, 7, ...: room for twice as many */
        chosen = realloc(chosen, (2 * chosen_count + 1) * sizeof *chosen);
    if (chosen == NULL)
        abort();
    chosen[chosen_count++] = next;
}

static void choose_all(void)
{
    for (long round = 0; round < options.repeat; round++) {
        for (const struct test_case *test = first_case; test != NULL; test = test->next) {
            enum test_place first = test->everywhere ? PLACE_THREAD : PLACE_HERE;
            enum test_place last = test->everywhere ? PLACE_MIXED : PLACE_HERE;
            for (enum test_place place = first; place <= last; place++)
                choose(test, place, options.seed + (uint64_t)round);
        }
    }
}

/* A name that two files use would hide one of the two behind the other's reruns. */
static bool names_are_unique(void)
{
    for (const struct test_case *a = first_case; a != NULL; a = a->next) {
        for (const struct test_case *b = a->next; b != NULL; b = b->next) {
            if (strcmp(a->name, b->name) != 0)
                continue;
            fprintf(stderr, "%s:%d: the name %s is taken by %s:%d\n", b->file, b->line, b->name, a->file, a->line);
            return false;
        }
    }
    return true;
}

/* -- in the case's process -------------------------------------------------------------------------------------- */

static void on_dump_request(int signal_number)
{
    int saved = errno;
    (void)signal_number;
    rn_dump(STDERR_FILENO); /* not meant for handlers: it may hang, and then the second limit ends it all */
    errno = saved;
}

/* ThreadSanitizer keeps a signal back until the thread makes a call that it knows, which none does that sleeps in the
 * library. So a thread waits for it. */
static void *answer_dump_requests(void *arg)
{
    const sigset_t *requests = arg;
    for (int number;;) {
        if (sigwait(requests, &number) == 0)
            rn_dump(STDERR_FILENO);
    }
    return NULL;
}

static void listen_for_dump_requests(void)
{
    static sigset_t requests;
    sigset_t all, mask;
    pthread_t thread;
    sigfillset(&all); /* the case's own signals are for the case */
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    REQUIRE(pthread_create(&thread, NULL, answer_dump_requests, &requests) == 0);
    pthread_detach(thread);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

void test_run(const struct test_case *test, enum test_place place)
{
    test_leaks_begin();
    test_run_at(test, place);
    fflush(NULL);
    test_leaks_end();
    test_report->finished = true;
}

/* Cases of one run are not delayed alike. */
static uint64_t seed_of(const struct chosen *it)
{
    uint64_t seed = it->seed;
    for (const char *letter = it->name; *letter != '\0'; letter++) {
        seed ^= (unsigned char)*letter;
        seed = rn__random_next(&seed);
    }
    return seed;
}

static void become_case(const struct chosen *it, FILE *output, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    close(nothing);
    dup2(fileno(output), STDOUT_FILENO);
    dup2(fileno(output), STDERR_FILENO);
    fclose(output);
    struct sigaction action = {.sa_handler = on_dump_request, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (TEST_THREAD_SANITIZED)
        listen_for_dump_requests();
    if (TEST_JITTERED)
        test_jitter_begin(seed_of(it));
    test_run(it->test, it->place);
    _exit(test_report->failures == 0 ? 0 : 1);
}

/* -- in the runner ---------------------------------------------------------------------------------------------- */

enum { MAX_JOBS = 256 };

/* A case that runs. */
struct slot {
    const struct chosen *it; /* NULL: free */
    pid_t pid;
    bool asked; /* it is over its limit and was asked for a dump */
    int64_t started;
    int64_t deadline;
    FILE *output;
    struct test_report *report;
};

static struct slot slots[MAX_JOBS];
static size_t passed, failed, skipped;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t limit_ns(const struct test_case *test)
{
    const char *preload = getenv("LD_PRELOAD"); /* valgrind sets it */
    bool slow = TEST_SANITIZED || TEST_JITTERED || (preload != NULL && strstr(preload, "vgpreload") != NULL);
    return (int64_t)test->seconds * (slow ? 4 : 1) * 1000000000;
}

static void start(struct slot *slot, const struct chosen *it, const sigset_t *mask)
{
    if (slot->report == NULL)
        slot->report = mmap(NULL, sizeof *slot->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    slot->output = tmpfile();
    if (slot->report == MAP_FAILED || slot->output == NULL) {
        perror("run");
        exit(2);
    }
    *slot->report = (struct test_report){.seed = it->seed};
    test_report = slot->report;
    slot->it = it;
    slot->asked = false;
    slot->started = now_ns();
    slot->deadline = slot->started + limit_ns(it->test);
    fflush(NULL);
    slot->pid = fork();
    if (slot->pid == 0)
        become_case(it, slot->output, mask);
    if (slot->pid < 0) {
        perror("run: fork");
        exit(2);
    }
    setpgid(slot->pid, slot->pid); /* on both sides: whoever comes first */
}

/* For the case that is stuck with all signals blocked: which threads it has and where in the kernel they are. */
static void list_threads(FILE *output, pid_t pid)
{
    char path[400];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    fseek(output, 0, SEEK_END);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char line[160] = "";
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
        FILE *stat = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (stat == NULL)
            continue;
        if (fgets(line, sizeof line, stat) != NULL)
            fprintf(output, "thread %.40s\n", line); /* number, (name), state: R runs, S sleeps */
        fclose(stat);
    }
    closedir(directory);
    fflush(output);
}

static void watch_limit(struct slot *slot)
{
    if (slot->it == NULL || now_ns() < slot->deadline)
        return;
    if (slot->asked) {
        list_threads(slot->output, slot->pid);
        kill(-slot->pid, SIGKILL);
        slot->deadline = INT64_MAX;
        return;
    }
    slot->asked = true;
    slot->deadline = now_ns() + 1000000000;
    kill(slot->pid, SIGUSR1);
}

static void copy_output(FILE *output)
{
    char line[1024];
    rewind(output);
    while (fgets(line, sizeof line, output) != NULL)
        printf("    | %s%s", line, strchr(line, '\n') != NULL ? "" : "\n");
}

static void tell_failure(const struct slot *slot, const char *reason, double seconds)
{
    const struct chosen *it = slot->it;
    printf("FAILED %s (%s:%d): %s after %.3f s\n", it->name, it->test->file, it->test->line, reason, seconds);
    copy_output(slot->output);
    printf("    again: %s --seed %" PRIu64 " '%s'\n", program_invocation_name, it->seed, it->name);
}

static void describe_end(const struct slot *slot, int status, char *reason, size_t size)
{
    if (slot->asked)
        snprintf(reason, size, "over its time limit of %" PRId64 " s", limit_ns(slot->it->test) / 1000000000);
    else if (WIFSIGNALED(status))
        snprintf(reason, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (slot->report->failures > 0)
        snprintf(reason, size, "%" PRIu32 " checks", slot->report->failures);
    else
        snprintf(reason, size, "left by exit(%d) before its end", WEXITSTATUS(status));
}

static void finish(struct slot *slot, int status)
{
    const struct test_report *report = slot->report;
    double seconds = (double)(now_ns() - slot->started) / 1e9;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0 && report->failures == 0 && !slot->asked;
    if (clean && report->skipped) {
        skipped++;
        printf("skipped %s\n", slot->it->name);
        copy_output(slot->output);
    } else if (clean && report->finished) {
        passed++;
        if (options.verbose)
            printf("passed %s in %.3f s\n", slot->it->name, seconds);
    } else {
        char reason[160];
        failed++;
        describe_end(slot, status, reason, sizeof reason);
        tell_failure(slot, reason, seconds);
    }
    fclose(slot->output);
    slot->it = NULL;
}

static void reap(struct slot *slot)
{
    siginfo_t info = {0};
    if (slot->it == NULL || waitid(P_PID, (id_t)slot->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return;
    kill(-slot->pid, SIGKILL); /* what the case started; before the number is free again */
    int status = 0;
    waitpid(slot->pid, &status, 0);
    finish(slot, status);
}

static void sleep_until_something_ends(const sigset_t *child)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (slots[i].it != NULL && slots[i].deadline < next)
            next = slots[i].deadline;
    }
    int64_t left = next - now_ns();
    left = left < 0 ? 0 : left > 1000000000 ? 1000000000 : left;
    sigtimedwait(child, NULL, &(struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000});
}

static void run_all(void)
{
    sigset_t child, mask;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &mask);
    for (size_t next = 0, running = 0; next < chosen_count || running > 0;) {
        running = 0;
        for (long i = 0; i < options.jobs; i++) {
            struct slot *slot = &slots[i];
            watch_limit(slot);
            reap(slot);
            if (slot->it == NULL && next < chosen_count)
                start(slot, &chosen[next++], &mask);
            running += slot->it != NULL;
        }
        if (running > 0)
            sleep_until_something_ends(&child);
    }
}

/* For a debugger: no fork, no limit, output as it comes. */
static int run_here(const struct chosen *it)
{
    static struct test_report report;
    report.seed = it->seed;
    test_report = &report;
    test_run(it->test, it->place);
    return report.failures == 0 ? 0 : 1;
}

/* -- options ---------------------------------------------------------------------------------------------------- */

static void usage(FILE *to)
{
    fprintf(to, "usage: run [--list] [--jobs N] [--repeat N] [--seed N] [--here] [-v] [NAME or GLOB]...\n"
                "  NAME of a case, or of one that runs everywhere for all of its places\n"
                "  --here  the one case in this process, for a debugger\n");
}

static bool number_after(char **argument, uint64_t *out)
{
    char *end = NULL;
    if (argument[1] == NULL || *argument[1] == '\0')
        return false;
    *out = strtoull(argument[1], &end, 0);
    return *end == '\0';
}

/* How many arguments the option took; 0: not understood. */
static int take_option(char **argument)
{
    uint64_t number = 0;
    if (strcmp(*argument, "--list") == 0)
        return options.list = true;
    if (strcmp(*argument, "-v") == 0)
        return options.verbose = true;
    if (strcmp(*argument, "--here") == 0)
        return options.here = true;
    if (!number_after(argument, &number))
        return 0;
    if (strcmp(*argument, "--seed") == 0)
        options.seed = number;
    else if (strcmp(*argument, "--jobs") == 0 && number >= 1 && number <= MAX_JOBS)
        options.jobs = (long)number;
    else if (strcmp(*argument, "--repeat") == 0 && number >= 1 && number <= 1000000)
        options.repeat = (long)number;
    else
        return 0;
    return 2;
}

static bool take_options(char **argument)
{
    while (*argument != NULL && **argument == '-') {
        int taken = take_option(argument);
        if (taken == 0)
            return false;
        argument += taken;
    }
    options.patterns = argument;
    return true;
}

int main(int argc, char **argv)
{
    (void)argc;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    options.jobs = cpus < 1 ? 1 : 2 * cpus > MAX_JOBS ? MAX_JOBS : 2 * cpus; /* many cases wait for something */
    const char *seed = getenv("TEST_SEED");
    options.seed = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)now_ns();
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!take_options(argv + 1)) {
        usage(stderr);
        return 2;
    }
    if (!names_are_unique())
        return 2;
    choose_all();
    if (chosen_count == 0) {
        fprintf(stderr, "run: no such case\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.list) {
        for (size_t i = 0; i < chosen_count; i++)
            puts(chosen[i].name);
        return 0;
    }
    if (options.here)
        return run_here(&chosen[0]);
    if (TEST_JITTERED && chosen_count > 1) /* one alone tells it if it fails */
        printf("run: --seed %" PRIu64 "\n", options.seed);
    run_all();
    printf("%zu passed, %zu failed", passed, failed);
    if (skipped > 0)
        printf(", %zu skipped", skipped);
    putchar('\n');
    return failed == 0 ? 0 : 1;
}
