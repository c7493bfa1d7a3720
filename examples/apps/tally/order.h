/* SPDX-License-Identifier: MIT */
/* order.h - the words in the order of the output: by count, the largest first, then by their bytes. */
#ifndef TALLY_ORDER_H
#define TALLY_ORDER_H

#include "table.h"

enum { RUNS_MAX = 8 };

/* The entries in so many sorted runs, each taken from its front. */
struct order {
    struct run {
        struct entry *next, *end;
    } runs[RUNS_MAX];
    size_t run_count;
};

/* In a task: sorts on all workers. What it cannot spread over tasks it sorts itself. */
void order_begin(struct order *order, struct entry *entries, size_t count);

/* NULL: that was all. */
const struct entry *order_next(struct order *order);

#endif
