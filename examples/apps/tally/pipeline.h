/* SPDX-License-Identifier: MIT */
/* pipeline.h - the root task: starts all others, ends them stage by stage, and puts the result in order. */
#ifndef TALLY_PIPELINE_H
#define TALLY_PIPELINE_H

#include "options.h"
#include "order.h"
#include "tally.h"

struct job {
    const struct options *options;
    mode_tx *mode;
    int interrupt; /* becomes readable at Ctrl-C */
    FILE *log;     /* NULL: none, or handed over to its task */
    bool progress;

    /* what came of it */
    struct result result; /* the table: free it */
    struct order order;
    bool log_failed;
};

/* The root function, of a struct job. 0 | RN_ENOMEM and other codes: there is no result. */
int pipeline(void *job);

#endif
