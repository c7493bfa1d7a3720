/* SPDX-License-Identifier: MIT */
/* fates.h - the bookkeeping of stress cases: every message that was ever made has exactly one fate: received, dropped
 * by the library, or still its sender's. And parties that can be cancelled while they run. */
#ifndef TESTS_STRESS_FATES_H
#define TESTS_STRESS_FATES_H

#include <runnel/cancel.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PRODUCERS = 5, MADE_MAX = 120 };

struct message {
    int producer;
    int number;
};

struct fates {
    uint32_t sealed[PRODUCERS][MADE_MAX];
    int made[PRODUCERS]; /* messages 0 .. made - 1 came into being; written by the producer */
};

HELPER bool has_more_to_make(const struct fates *fates, int producer)
{
    return fates->made[producer] < MADE_MAX;
}

HELPER struct message next_message(struct fates *fates, int producer)
{
    return (struct message){producer, fates->made[producer]++};
}

HELPER void seal(struct fates *fates, const struct message *message)
{
    rn__add_relaxed(&fates->sealed[message->producer][message->number], 1); /* rlx: counted after all have ended */
}

/* The drop function of such messages; ctx is the struct fates. */
HELPER void seal_dropped(void *message, void *ctx)
{
    seal(ctx, message);
}

HELPER void check_fates(const struct fates *fates)
{
    for (int producer = 0; producer < PRODUCERS; producer++) {
        for (int number = 0; number < MADE_MAX; number++) {
            if (!CHECK_EQ(fates->sealed[producer][number], number < fates->made[producer]))
                FAIL("message %d of producer %d", number, producer);
        }
    }
}

/* So that the caller can be cancelled while it runs, if it is a task. */
HELPER void sign_in(uint64_t *slot)
{
    if (on_task())
        rn__store_relaxed(slot, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
}

HELPER void cancel_whoever_signed(const uint64_t *slot)
{
    const rn_task task = {rn__load_relaxed(slot)}; /* rlx: 0 is no task */
    rn_task_cancel(task, 0);
}

HELPER uint64_t below(uint64_t *random, uint64_t limit)
{
    return rn__random_next(random) % limit;
}

/* A deadline that has passed, or one that may pass or not. */
HELPER rn_deadline soon(uint64_t *random)
{
    return below(random, 4) == 0 ? rn_at_ns(1) : rn_in_us((int64_t)below(random, 200));
}

HELPER void expect_one_of(const char *call, int rc)
{
    if (rc != 0 && rc != RN_CLOSED && rc != RN_FULL && rc != RN_EMPTY && rc != RN_ETIMEDOUT && rc != RN_ECANCELED)
        FAIL("%s says %d", call, rc);
}

#endif
