/* SPDX-License-Identifier: MIT */
/* refuse_here.h - refuses the n-th request for memory, for every n, in this process: for calls that keep nothing
 * mapped, so that the next attempt asks again. */
#ifndef TESTS_OOM_REFUSE_HERE_H
#define TESTS_OOM_REFUSE_HERE_H

#include "base/fault.h"
#include "harness/harness.h"

#include <runnel/error.h>

/* Refuses one request of one kind. */
struct refusal {
    enum rn__fault_point point;
    int countdown; /* 0: this one */
    int refused;
};

static bool refuse_one(enum rn__fault_point point, void *ctx)
{
    struct refusal *refusal = ctx;
    if (point != refusal->point || refusal->countdown-- != 0)
        return false;
    refusal->refused++;
    return true;
}

/* Calls attempt() with the first request refused, then the second, until nothing is refused any more: that call must
 * succeed. attempt() gives back what it made. Gives the number of requests. */
__attribute__((unused)) static int refuse_each(int (*attempt)(void *), void *arg)
{
    for (int n = 0;; n++) {
        struct refusal refusal = {.point = RN__FAULT_ALLOC, .countdown = n};
        const struct test_memory before = test_memory();
        rn__fault_set(refuse_one, &refusal);
        const int rc = attempt(arg);
        rn__fault_set(NULL, NULL);
        if (refusal.refused == 0) {
            CHECK_RC(rc, 0);
            return n;
        }
        CHECK_EQ(test_memory().live, before.live);
        CHECK_EQ(test_memory().live_bytes, before.live_bytes);
        if (!CHECK_RC(rc, RN_ENOMEM))
            return n;
    }
}

#endif
