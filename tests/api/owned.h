/* SPDX-License-Identifier: MIT */
/* owned.h - a message that owns something, for cases about drop and clone: each value has memory of its own, so that
 * one which is dropped twice, or used after its drop, is an error that tools see, and one which is never dropped is
 * counted. */
#ifndef TESTS_API_OWNED_H
#define TESTS_API_OWNED_H

#include <runnel/base.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "harness/harness.h"

struct owned {
    int *number;
};

/* The ctx of the element. What callbacks do besides their work is up to the case. */
struct owners {
    int64_t live;    /* values that nobody has dropped yet, clones included */
    int64_t drops;   /* by the drop function */
    int64_t clones;  /* that succeeded */
    int clone_code;  /* not 0: what the clone function answers instead of doing it */
    int dropped[16]; /* the first numbers that were dropped, in order: while one party drops only */
    void (*on_drop)(struct owners *owners, int number);
    void (*on_clone)(struct owners *owners, int number);
};

__attribute__((unused)) static struct owned owned_make(struct owners *owners, int number)
{
    struct owned made = {malloc(sizeof *made.number)};
    REQUIRE(made.number != NULL);
    *made.number = number;
    rn__add_relaxed(&owners->live, 1); /* rlx: a count */
    return made;
}

/* By the case, for what it was given back or received. */
__attribute__((unused)) static void owned_destroy(struct owners *owners, struct owned *owned)
{
    *owned->number = -1;
    free(owned->number);
    owned->number = NULL;
    rn__sub_relaxed(&owners->live, 1); /* rlx: a count */
}

__attribute__((unused)) static void owned_drop(void *elem, void *ctx)
{
    struct owners *owners = ctx;
    struct owned *owned = elem;
    const int number = *owned->number;
    const int64_t drops = rn__add_relaxed(&owners->drops, 1); /* rlx: a count */
    if (drops < (int64_t)RN_COUNT(owners->dropped))
        owners->dropped[drops] = number;
    owned_destroy(owners, owned);
    if (owners->on_drop != NULL)
        owners->on_drop(owners, number);
}

__attribute__((unused)) static int owned_clone(void *to, const void *from, void *ctx)
{
    struct owners *owners = ctx;
    const struct owned *original = from;
    const int number = *original->number;
    if (owners->on_clone != NULL)
        owners->on_clone(owners, number);
    if (owners->clone_code != 0)
        return owners->clone_code;
    rn__add_relaxed(&owners->clones, 1); /* rlx: a count */
    *(struct owned *)to = owned_make(owners, *original->number);
    CHECK_EQ(*original->number, number); /* whatever on_clone did, the original is still there */
    return 0;
}

#define OWNED_ELEM(owners)                                                                                           \
    (&(const rn_elem){.size = sizeof(struct owned),                                                                  \
                      .align = _Alignof(struct owned),                                                               \
                      .drop = owned_drop,                                                                            \
                      .clone = owned_clone,                                                                          \
                      .ctx = (owners),                                                                               \
                      .name = "owned"})

#endif
