/* SPDX-License-Identifier: MIT */
/* table.c - open addressing with linear probing. Words are copied into large blocks, which are freed together.
 *
 * The place of a word is given by the top bits of its hash, so that a table lists its words in the order of their
 * hashes: merging walks through both tables from front to back, which is kind to the caches. The price is that a
 * table must have its final size before a merge begins: else all the words would crowd together in its first part.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <runnel.h>

enum { HASH_BITS = 32, WORDS_AT_FIRST = 2500, BLOCK_SIZE = 256 << 10 };

struct block {
    struct block *next;
    size_t used, size;
    char text[];
};

struct table {
    struct entry *entries; /* 2 to the power of bits */
    unsigned bits;
    uint64_t seed;
    uint64_t total, distinct;
    uint64_t limit; /* of distinct words before it has to grow */
    size_t text;
    struct block *blocks;
};

static size_t places(const struct table *table)
{
    return (size_t)1 << table->bits;
}

/* -- hash: eight bytes at a time, multiplied to twice the width and folded --------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load_8(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* 1 to 8 bytes, each of them at least once: no call of memcpy with a size that the compiler does not know. */
static uint64_t load_few(const char *at, size_t length)
{
    if (length < 4) {
        const unsigned char first = (unsigned char)at[0], middle = (unsigned char)at[length / 2];
        const unsigned char last = (unsigned char)at[length - 1];
        return (uint64_t)first << 16 | (uint64_t)middle << 8 | last;
    }
    uint32_t head, tail;
    memcpy(&head, at, sizeof head);
    memcpy(&tail, at + length - sizeof tail, sizeof tail);
    return (uint64_t)head << 32 | tail;
}

static uint32_t hash_of(uint64_t seed, const char *word, size_t length)
{
    uint64_t hash = seed ^ length;
    for (; length > 8; word += 8, length -= 8)
        hash = mix(hash ^ load_8(word), UINT64_C(0x8b7d5f3a96e1c24d));
    return (uint32_t)(mix(hash ^ load_few(word, length), UINT64_C(0xc3a5e92f71d64b8d)) >> 32);
}

/* -- places ------------------------------------------------------------------------------------------------------ */

static size_t home_of(const struct table *table, uint32_t hash)
{
    return hash >> (HASH_BITS - table->bits);
}

/* The entry of the word, or the free place where it belongs. There is always a free one. */
static struct entry *find(const struct table *table, const char *word, uint32_t length, uint32_t hash)
{
    const size_t mask = places(table) - 1;
    size_t at = home_of(table, hash);
    for (;; at = (at + 1) & mask) {
        struct entry *entry = &table->entries[at];
        if (entry->word == NULL)
            return entry;
        if (entry->hash == hash && entry->length == length && memcmp(entry->word, word, length) == 0)
            return entry;
    }
}

static void move_entries(struct table *to, const struct entry *entries, size_t count)
{
    const size_t mask = places(to) - 1;
    for (const struct entry *entry = entries; entry < entries + count; entry++) {
        if (entry->word == NULL)
            continue;
        size_t at = home_of(to, entry->hash);
        while (to->entries[at].word != NULL)
            at = (at + 1) & mask;
        to->entries[at] = *entry;
    }
}

/* Straight from the system, all zero, with its memory at once: page by page it would come twice, for the first look
 * at an entry and for the first word. */
static struct entry *map_entries(size_t count)
{
    void *const memory = mmap(NULL, count * sizeof(struct entry), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static void unmap_entries(const struct table *table)
{
    if (table->entries != NULL)
        munmap(table->entries, places(table) * sizeof *table->entries);
}

/* Puts the entries into an array that is large enough for so many words: at most two thirds of its places are taken.
 * 0 | RN_ENOMEM */
static int resize(struct table *table, uint64_t words)
{
    struct table larger = *table;
    while (words > ((uint64_t)1 << larger.bits) / 3 * 2)
        larger.bits++;
    larger.limit = ((uint64_t)1 << larger.bits) / 3 * 2;
    larger.entries = larger.bits <= HASH_BITS ? map_entries(places(&larger)) : NULL;
    if (larger.entries == NULL)
        return RN_ENOMEM;
    if (table->entries != NULL)
        move_entries(&larger, table->entries, places(table));
    unmap_entries(table);
    *table = larger;
    return 0;
}

/* -- words ------------------------------------------------------------------------------------------------------- */

static char *copy_word(struct table *table, const char *word, size_t length)
{
    struct block *block = table->blocks;
    if (block == NULL || block->size - block->used < length) {
        const size_t size = length > BLOCK_SIZE ? length : BLOCK_SIZE;
        block = malloc(sizeof *block + size);
        if (block == NULL)
            return NULL;
        *block = (struct block){.next = table->blocks, .size = size};
        table->blocks = block;
    }
    char *const copy = memcpy(block->text + block->used, word, length);
    block->used += length;
    table->text += length;
    return copy;
}

static int add(struct table *table, const char *word, uint32_t length, uint32_t hash, uint64_t count)
{
    struct entry *entry = find(table, word, length, hash);
    if (entry->word == NULL) {
        const char *const copy = copy_word(table, word, length);
        if (copy == NULL)
            return RN_ENOMEM;
        *entry = (struct entry){.word = copy, .length = length, .hash = hash};
        table->distinct++;
    }
    entry->count += count;
    table->total += count;
    return 0;
}

/* -- what others call -------------------------------------------------------------------------------------------- */

struct table *table_new(uint64_t seed)
{
    struct table *const table = malloc(sizeof *table);
    if (table == NULL)
        return NULL;
    *table = (struct table){.seed = seed};
    if (resize(table, WORDS_AT_FIRST) == 0)
        return table;
    free(table);
    return NULL;
}

static void free_blocks(struct table *table)
{
    while (table->blocks != NULL) {
        struct block *const next = table->blocks->next;
        free(table->blocks);
        table->blocks = next;
    }
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    free_blocks(table);
    unmap_entries(table);
    free(table);
}

void table_clear(struct table *table)
{
    free_blocks(table);
    memset(table->entries, 0, places(table) * sizeof *table->entries);
    table->total = table->distinct = table->text = 0;
}

int table_add(struct table *table, const char *word, size_t length)
{
    if (table->distinct == table->limit)
        RN_TRY(resize(table, table->distinct + 1));
    return add(table, word, (uint32_t)length, hash_of(table->seed, word, length), 1);
}

int table_merge(struct table *into, const struct table *from)
{
    if (into->distinct + from->distinct > into->limit)
        RN_TRY(resize(into, into->distinct + from->distinct));
    for (size_t i = 0; i < places(from); i++) {
        const struct entry *const entry = &from->entries[i];
        if (entry->word != NULL)
            RN_TRY(add(into, entry->word, entry->length, entry->hash, entry->count));
    }
    return 0;
}

uint64_t table_total(const struct table *table)
{
    return table->total;
}

uint64_t table_distinct(const struct table *table)
{
    return table->distinct;
}

size_t table_text(const struct table *table)
{
    return table->text;
}

struct entry *table_list(struct table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < places(table); i++)
        if (table->entries[i].word != NULL)
            table->entries[count++] = table->entries[i];
    return table->entries;
}
