/* SPDX-License-Identifier: MIT */
/* order.c - each worker sorts its part; the parts are merged while they are taken out. */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include <runnel.h>

RN_TASK(sorter, struct run);

/* The hash has served. Its place takes the first four bytes of the word, which settle most comparisons: the word
 * itself lies elsewhere in memory. */
static void put_prefix(struct entry *entry)
{
    unsigned char first[4] = {0};
    memcpy(first, entry->word, entry->length < sizeof first ? entry->length : sizeof first);
    entry->hash = (uint32_t)first[0] << 24 | (uint32_t)first[1] << 16 | (uint32_t)first[2] << 8 | first[3];
}

static int compare(const void *a, const void *b)
{
    const struct entry *const left = a, *const right = b;
    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    const size_t common = left->length < right->length ? left->length : right->length;
    const int bytes = memcmp(left->word, right->word, common);
    if (bytes != 0)
        return bytes;
    return left->length < right->length ? -1 : left->length > right->length;
}

static int sorter(struct run run)
{
    for (struct entry *entry = run.next; entry < run.end; entry++)
        put_prefix(entry);
    qsort(run.next, (size_t)(run.end - run.next), sizeof *run.next, compare);
    return 0;
}

void order_begin(struct order *order, struct entry *entries, size_t count)
{
    const rn_spawn_opts spread = {.place = RN_PLACE_SPREAD};
    const uint32_t workers = rn_runtime_workers(NULL);
    rn_task sorters[RUNS_MAX] = {0};
    order->run_count = workers < RUNS_MAX ? workers : RUNS_MAX;
    for (size_t i = 0; i < order->run_count; i++) {
        struct run *const run = &order->runs[i];
        *run = (struct run){entries + count * i / order->run_count, entries + count * (i + 1) / order->run_count};
        if (sorter_spawn_with(&sorters[i], *run, &spread) != 0)
            sorter(*run);
    }
    for (size_t i = 0; i < order->run_count; i++)
        rn_ignore(rn_join(sorters[i], NULL)); /* {0}, where there is none, is no task */
}

const struct entry *order_next(struct order *order)
{
    struct run *first = NULL;
    for (struct run *run = order->runs; run < order->runs + order->run_count; run++)
        if (run->next < run->end && (first == NULL || compare(run->next, first->next) < 0))
            first = run;
    return first != NULL ? first->next++ : NULL;
}
