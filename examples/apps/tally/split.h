/* SPDX-License-Identifier: MIT */
/* split.h - where words begin and end: runs of letters and digits, or the N-th field of each line. */
#ifndef TALLY_SPLIT_H
#define TALLY_SPLIT_H

#include "tally.h"

/* A word or field is a longest run of bytes that are part of one. */
struct split {
    bool part[256];
    uint64_t field; /* which one of each line to count; 0: all */
};

void split_init(struct split *split, uint64_t field);

/* Of a text whose first @before bytes are known to be parts of one word. split_first: the number of bytes before the
 * first one that is not part of a word. split_complete: the number up to the last such byte, which is included; 0 if
 * there is none. */
size_t split_first(const struct split *split, const char *text, size_t length, size_t before);
size_t split_complete(const struct split *split, const char *text, size_t length, size_t before);

/* How many fields of the chunk's last line lie before its end; 0 where words are counted. */
uint64_t split_fields(const struct split *split, const struct chunk *chunk);

/* Count the words of a chunk. 0 | RN_ENOMEM */
int split_count(const struct split *split, const struct chunk *chunk, struct table *table);

#endif
