/* SPDX-License-Identifier: MIT */
/* inside.h - what the harness's own files share. */
#ifndef TESTS_HARNESS_INSIDE_H
#define TESTS_HARNESS_INSIDE_H

#include "harness/harness.h"

/* Where a body runs; the order is that of the list of cases. */
enum test_place {
    PLACE_HERE, /* a plain TEST: on the first thread of its process */
    PLACE_THREAD,
    PLACE_TASK_1,
    PLACE_TASK_2,
    PLACE_TASK_16,
    PLACE_MIXED,
    PLACES
};

/* On a page that the runner and the case's process share: so a case that leaves by exit(0) has not passed. */
struct test_report {
    uint32_t failures;
    bool finished;
    bool skipped;
    bool leaky;
    uint64_t seed;
};

extern struct test_report *test_report;

/* Runs the case in the calling process, up to and with the leak checks. */
void test_run(const struct test_case *test, enum test_place place);

/* The body at its place. */
void test_run_at(const struct test_case *test, enum test_place place);
const char *test_place_suffix(enum test_place place);

/* The state before the body, and the complaint about what is there after it and was not before. */
void test_leaks_begin(void);
void test_leaks_end(void);

/* jitter.c: draws anew, for this process. */
void test_jitter_begin(uint64_t seed);

/* One line to the case's output, in one write, so that lines of several threads stay whole. */
__attribute__((format(printf, 1, 2))) void test_print(const char *format, ...);

#endif
