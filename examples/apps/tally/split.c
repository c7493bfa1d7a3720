/* SPDX-License-Identifier: MIT */
/* split.c - where words begin and end. It looks at bytes, whatever the locale. */
#include "split.h"

#include <string.h>

void split_init(struct split *split, uint64_t field)
{
    *split = (struct split){.field = field};
    for (int byte = 0; byte < 256; byte++) {
        if (field == 0)
            split->part[byte] = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                                (byte >= 'a' && byte <= 'z');
        else
            split->part[byte] = byte != ' ' && byte != '\t' && byte != '\n';
    }
}

static bool is_part(const struct split *split, char byte)
{
    return split->part[(unsigned char)byte];
}

static const char *skip_parts(const struct split *split, const char *at, const char *end)
{
    while (at < end && is_part(split, *at))
        at++;
    return at;
}

size_t split_first(const struct split *split, const char *text, size_t length, size_t before)
{
    return (size_t)(skip_parts(split, text + before, text + length) - text);
}

size_t split_complete(const struct split *split, const char *text, size_t length, size_t before)
{
    while (length > before && is_part(split, text[length - 1]))
        length--;
    return length > before ? length : 0;
}

uint64_t split_fields(const struct split *split, const struct chunk *chunk)
{
    const char *const end = chunk->text + chunk->length;
    const char *const newline = memrchr(chunk->text, '\n', chunk->length);
    const char *at = newline != NULL ? newline : chunk->text;
    uint64_t fields = newline != NULL ? 0 : chunk->fields_before;
    bool inside = false;
    if (split->field == 0)
        return 0;
    for (; at < end; at++) {
        fields += is_part(split, *at) && !inside;
        inside = is_part(split, *at);
    }
    return fields;
}

static int count_words(const struct split *split, const char *at, const char *end, struct table *table)
{
    for (;;) {
        while (at < end && !is_part(split, *at))
            at++;
        if (at == end)
            return 0;
        const char *const word = at;
        at = skip_parts(split, at, end);
        RN_TRY(table_add(table, word, (size_t)(at - word)));
    }
}

/* @seen: fields of the line that came before @at. */
static int count_field(const struct split *split, const char *at, const char *end, uint64_t seen, struct table *table)
{
    for (;;) {
        while (at < end && !is_part(split, *at))
            at++;
        if (at == end)
            return 0;
        const char *const field = at;
        at = skip_parts(split, at, end);
        if (++seen == split->field)
            return table_add(table, field, (size_t)(at - field));
    }
}

static int count_lines(const struct split *split, const struct chunk *chunk, struct table *table)
{
    const char *const end = chunk->text + chunk->length;
    uint64_t seen = chunk->fields_before;
    for (const char *line = chunk->text; line < end; seen = 0) {
        const char *const newline = memchr(line, '\n', (size_t)(end - line));
        const char *const stop = newline != NULL ? newline : end;
        if (seen < split->field)
            RN_TRY(count_field(split, line, stop, seen, table));
        line = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

int split_count(const struct split *split, const struct chunk *chunk, struct table *table)
{
    if (split->field != 0)
        return count_lines(split, chunk, table);
    return count_words(split, chunk->text, chunk->text + chunk->length, table);
}
