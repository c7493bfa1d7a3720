/* SPDX-License-Identifier: MIT */
/* check.c - the checks. They run in tasks too: no lock, no allocation, little stack. */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "harness/inside.h"

#include <runnel/error.h>

struct test_report *test_report;

static void print_list(const char *format, va_list arguments)
{
    char line[1024];
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof line - 2 ? (size_t)length : sizeof line - 2;
    line[size++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
}

void test_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}

static void count_failure(void)
{
    rn__add_relaxed(&test_report->failures, 1); /* rlx: a count, read when the process has ended */
}

void test_fail(const char *file, int line, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    test_print("%s:%d: %s", file, line, text);
    count_failure();
}

bool test_check(bool held, const char *text, const char *file, int line)
{
    if (!held)
        test_fail(file, line, "check failed: %s", text);
    return held;
}

bool test_check_eq(int64_t a, int64_t b, const char *text, const char *file, int line)
{
    if (a != b)
        test_fail(file, line, "check failed: %s: %" PRId64 " and %" PRId64, text, a, b);
    return a == b;
}

bool test_check_str_eq(const char *a, const char *b, const char *text, const char *file, int line)
{
    bool held = a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
    if (!held)
        test_fail(file, line, "check failed: %s: \"%.200s\" and \"%.200s\"", text, a ? a : "(null)",
                  b ? b : "(null)");
    return held;
}

bool test_check_mem_eq(const void *a, const void *b, size_t size, const char *text, const char *file, int line)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < size; i++) {
        if (left[i] == right[i])
            continue;
        test_fail(file, line, "check failed: %s: byte %zu of %zu is 0x%02x and 0x%02x", text, i, size, left[i],
                  right[i]);
        return false;
    }
    return true;
}

static const char *code_name(int code)
{
    return code == 0 ? "0" : rn_err_name(code);
}

bool test_check_rc(int code, int expected, const char *text, const char *file, int line)
{
    if (code != expected)
        test_fail(file, line, "check failed: %s gave %s (%d), not %s (%d)", text, code_name(code), code,
                  code_name(expected), expected);
    return code == expected;
}

void test_require_failed(const char *text, const char *file, int line)
{
    test_fail(file, line, "cannot go on without: %s", text);
    fflush(NULL);
    _exit(1);
}

void test_skip(const char *file, int line, const char *why)
{
    test_print("%s:%d: skipped: %s", file, line, why);
    test_report->skipped = true;
    _exit(0);
}

void test_leaky(const char *why)
{
    (void)why;
    test_report->leaky = true;
}

bool test_is_emulated(void)
{
    return getenv("TEST_EMULATED") != NULL;
}

uint64_t test_seed(void)
{
    return test_report->seed;
}

/* -- deaths ----------------------------------------------------------------------------------------------------- */

struct test_death test_death_begin(void)
{
    FILE *output = tmpfile();
    REQUIRE(output != NULL);
    struct test_death death = {.output = dup(fileno(output))};
    fclose(output);
    REQUIRE(death.output >= 0);
    fflush(NULL);
    death.pid = fork();
    REQUIRE(death.pid >= 0);
    if (death.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(death.output, STDERR_FILENO);
        close(death.output);
    }
    return death;
}

static bool died_as_wanted(int status, int signal_number)
{
    if (TEST_SANITIZED) /* a sanitizer's own handler may exit instead */
        return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == signal_number;
}

static bool text_matches(const char *text, const char *pattern)
{
    regex_t expression;
    REQUIRE(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0);
    bool matches = regexec(&expression, text, 0, NULL, 0) == 0;
    regfree(&expression);
    return matches;
}

/* In the process that is to die: true once, for the block. In the case: waits, judges, false. */
bool test_death_is_running(struct test_death *death, int signal_number, const char *pattern, const char *file,
                           int line)
{
    if (death->pid == 0) {
        if (death->round++ == 0)
            return true;
        _exit(0);
    }
    int status;
    while (waitpid(death->pid, &status, 0) < 0)
        REQUIRE(errno == EINTR);
    static const size_t room = 64 * 1024;
    char *text = calloc(1, room); /* not on the stack: this may be a task */
    REQUIRE(text != NULL);
    ssize_t size = pread(death->output, text, room - 1, 0);
    close(death->output);
    REQUIRE(size >= 0);
    if (!died_as_wanted(status, signal_number))
        test_fail(file, line, "expected death by signal %d (%s), got %s %d; stderr: %.500s", signal_number,
                  strsignal(signal_number), WIFSIGNALED(status) ? "signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
    if (!text_matches(text, pattern))
        test_fail(file, line, "died without saying \"%s\"; stderr: %.500s", pattern, text);
    free(text);
    return false;
}
