/* SPDX-License-Identifier: MIT */
/* options.h - the command line. */
#ifndef TALLY_OPTIONS_H
#define TALLY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    uint64_t field;     /* -k: which field of each line to count; 0: words */
    uint64_t top;       /* --top: how many lines to print at most */
    const char *events; /* --events: a log of files and errors; NULL: none */
    bool stats;         /* --stats: one line of figures at the end */
    char *const *names; /* files and directories, at least one */
    size_t name_count;
};

/* The status to exit with at once (after --help, or a mistake), or -1: go on. */
int options_parse(struct options *options, int argc, char **argv);

#endif
