/* SPDX-License-Identifier: MIT */
/* barrier.c - a line of those who have come, until they are enough (<runnel/barrier.h>).
 *
 * The last one ends the round in one section under the lock: everybody in the line has passed then, also one whose
 * time has just run out but who has not left yet. That one finds it noted in its place and goes on with 0: it was
 * counted, and the others have gone on because of it.
 *
 * An attempt may fail after it has said "not now", so nobody counts itself: whoever comes counts those who have lined
 * up since the one before. Each is counted once.
 */
#include <runnel/barrier.h>

#include "wait/await.h"

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) barrier {
    struct rn__lock lock; /* protects everything here but the name, and the places in the line */
    uint32_t parties;
    struct rn__waitq line;
    uint64_t arrived; /* of those in the line, as far as they are counted */
    const char *name;
};

_Static_assert(sizeof(struct barrier) <= sizeof(rn_barrier), "the public struct has room");
_Static_assert(offsetof(struct barrier, parties) == offsetof(rn_barrier, parties), "same layout");
_Static_assert(offsetof(struct barrier, line) == offsetof(rn_barrier, first), "same layout");
_Static_assert(offsetof(struct barrier, name) == offsetof(rn_barrier, name), "same layout");

/* What an operation's data is: in the frame of the one that waits. */
struct place {
    bool is_last;
    bool is_counted;
    bool has_passed;
};

static struct place *place_of(struct rn__waiter *waiter)
{
    return rn__operation_of(waiter)->data;
}

int rn_barrier_init(rn_barrier *barrier, uint32_t parties)
{
    if (barrier == NULL)
        return RN_EINVAL;
    *barrier = (rn_barrier)RN_BARRIER_INIT(parties);
    return 0;
}

static void count_new(struct barrier *barrier)
{
    struct rn__waiter *waiter = barrier->line.last;
    for (; waiter != NULL && !place_of(waiter)->is_counted; waiter = waiter->previous) {
        place_of(waiter)->is_counted = true;
        barrier->arrived++;
    }
}

static void end_round(struct barrier *barrier, struct rn__wakes *wakes)
{
    while (barrier->line.first != NULL) {
        struct rn__waiter *waiter = barrier->line.first;
        place_of(waiter)->has_passed = true;
        if (rn__waiter_claim(waiter))
            rn__wakes_add(wakes, waiter, 0);
    }
    barrier->arrived = 0;
}

static int attempt_pass(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct barrier *barrier = operation->object;
    struct place *place = operation->data;
    count_new(barrier);
    if (barrier->arrived + 1 < barrier->parties)
        return RN__PENDING;
    end_round(barrier, wakes);
    place->is_last = true;
    return 0;
}

static void leave_uncounted(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct barrier *barrier = operation->object;
    const struct place *place = operation->data;
    (void)wakes;
    if (place->is_counted && !place->has_passed)
        barrier->arrived--;
}

static const struct rn__operation_kind kind_wait = {
    .verb = "barrier wait", .attempt = attempt_pass, .leave = leave_uncounted};

int rn_barrier_wait_until(rn_barrier *public_barrier, bool *last, rn_deadline deadline)
{
    struct barrier *barrier = (struct barrier *)(void *)public_barrier;
    struct place place = {0};
    if (barrier == NULL)
        return RN_EINVAL;
    struct rn__operation operation = {
        .kind = &kind_wait,
        .lock = &barrier->lock,
        .queue = &barrier->line,
        .object = barrier,
        .name = barrier->name,
        .data = &place,
    };
    int rc = rn__await(&operation, deadline, RN__CANCELLABLE);
    if (place.has_passed)
        rc = 0;
    if (rc == 0 && last != NULL)
        *last = place.is_last;
    return rc;
}

int rn_barrier_wait(rn_barrier *barrier, bool *last)
{
    return rn_barrier_wait_until(barrier, last, RN_FOREVER);
}
