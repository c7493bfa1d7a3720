/* SPDX-License-Identifier: MIT */
/* options.c - the command line. A mistake in it is told on stderr and exits with 2. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <runnel.h>

static const char usage[] =
    "usage: tally [-k N] [--top N] [--events FILE] [--stats] [--help] [--version] [PATH...]\n";

static const char help[] =
    "Counts the words in files and directories, and prints them, the most frequent first.\n"
    "A word is a run of ASCII letters and digits. No PATH, or -: the standard input.\n"
    "\n"
    "  -k N           count the N-th field of each line instead; blanks and tabs part the fields\n"
    "  --top N        print the first N lines only\n"
    "  --events FILE  write a line to FILE for each file that was read, and for each error\n"
    "  --stats        print one line of figures on the standard error at the end\n"
    "  --help         this text\n"
    "  --version      the version\n"
    "\n"
    "Symbolic links are followed where they are named, not where they are found in a directory.\n"
    "Ctrl-C stops reading and prints what was counted so far; a second one stops at once.\n"
    "Exit status: 0 all was counted, 1 something was not, 2 wrong usage, 130 interrupted.\n";

enum { OPTION_TOP = 256, OPTION_EVENTS, OPTION_STATS, OPTION_HELP, OPTION_VERSION };

static const struct option long_options[] = {
    {"top", required_argument, NULL, OPTION_TOP},   {"events", required_argument, NULL, OPTION_EVENTS},
    {"stats", no_argument, NULL, OPTION_STATS},     {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION}, {NULL, 0, NULL, 0},
};

static int wrong_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

static bool parse_number(uint64_t *out, const char *text, uint64_t least)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out >= least;
}

static int wrong_number(const char *option, const char *text)
{
    fprintf(stderr, "tally: %s: not a number that makes sense: %s\n", option, text);
    return wrong_usage();
}

int options_parse(struct options *options, int argc, char **argv)
{
    static char *const standard_input[] = {"-"};
    *options = (struct options){.top = UINT64_MAX};
    int option;
    while ((option = getopt_long(argc, argv, "k:", long_options, NULL)) != -1) {
        switch (option) {
        case 'k':
            if (!parse_number(&options->field, optarg, 1))
                return wrong_number("-k", optarg);
            break;
        case OPTION_TOP:
            if (!parse_number(&options->top, optarg, 0))
                return wrong_number("--top", optarg);
            break;
        case OPTION_EVENTS:
            options->events = optarg;
            break;
        case OPTION_STATS:
            options->stats = true;
            break;
        case OPTION_HELP:
            printf("%s\n%s", usage, help);
            return fflush(stdout) != 0;
        case OPTION_VERSION:
            printf("tally, an example of runnel %s\n", rn_version());
            return fflush(stdout) != 0;
        default:
            return wrong_usage();
        }
    }
    options->names = argv + optind;
    options->name_count = (size_t)(argc - optind);
    if (options->name_count == 0) {
        options->names = standard_input;
        options->name_count = 1;
    }
    return -1;
}
