/* SPDX-License-Identifier: MIT */
/* table.h - how often each word came: a table that grows, keeps copies of its words, and can take another one in. */
#ifndef TALLY_TABLE_H
#define TALLY_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct entry {
    const char *word; /* not ended by a zero byte; NULL: a free place */
    uint32_t length;
    uint32_t hash;
    uint64_t count;
};

struct table;

/* Tables that are to be merged need the same seed. NULL: out of memory. */
struct table *table_new(uint64_t seed);
void table_free(struct table *table);
void table_clear(struct table *table); /* empty again, but as large as before */

/* Both: 0 | RN_ENOMEM. */
int table_add(struct table *table, const char *word, size_t length);
int table_merge(struct table *into, const struct table *from);

uint64_t table_total(const struct table *table);    /* all that was added */
uint64_t table_distinct(const struct table *table); /* different words */
size_t table_text(const struct table *table);       /* bytes of the different words */

/* The entries side by side, in no order; table_distinct of them. The table can only be freed afterwards. */
struct entry *table_list(struct table *table);

#endif
