/* SPDX-License-Identifier: MIT */
/* figures.h - what a figure is.
 *
 * A figure is a row in one of the tables at the ends of the files beside this one: a name, a unit and the function
 * that measures it once. figures.c repeats that, each time in a process of its own, so that no round sees the memory,
 * the placement or the threads that another one has left behind, and prints the median.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdint.h>

#include <runnel.h>

enum { FIGURE_LINES = 8 };

/* One measurement: what it is asked, and what it found, one value for each line of the figure. */
struct round {
    uint32_t workers;
    long operations;
    double value[FIGURE_LINES];
};

enum {
    IN_THREAD = 1u << 0, /* called by a plain thread; else by the root task of a runtime with so many workers */
    ONCE = 1u << 1,      /* the number of workers does not matter */
    COLD = 1u << 2,      /* without warm-up */
    FIXED = 1u << 3,     /* --quick leaves the number of operations alone */
    ACROSS = 1u << 4     /* needs two workers */
};

struct figure_line {
    const char *name; /* behind the figure's, with a dot; NULL ends the list */
    const char *unit;
};

struct figure {
    const char *name;
    const char *unit;
    void (*measure)(struct round *round);
    long operations;
    unsigned flags;
    const char *what;
    const struct figure_line *lines; /* of a figure with several values; NULL: value[0] is all */
};

/* Each ends with a row of zeros. */
extern const struct figure task_figures[];
extern const struct figure channel_figures[];
extern const struct figure lock_figures[];
extern const struct figure scope_figures[];
extern const struct figure time_figures[];
extern const struct figure parallel_figures[];
extern const struct figure memory_figures[];

/* Nanoseconds for each of the round's operations since `start`, which rn_now_ns() gave. */
static inline double ns_each(const struct round *round, int64_t start)
{
    return (double)(rn_now_ns() - start) / (double)round->operations;
}

static inline double ms_since(int64_t start)
{
    return (double)(rn_now_ns() - start) / 1e6;
}

/* A measurement that went wrong is no figure: says so and ends its process. */
void give_up(const char *why) __attribute__((noreturn));

#endif
