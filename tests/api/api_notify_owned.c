/* SPDX-License-Identifier: MIT */
/* api_notify_owned.c - a notify that lives as long as somebody needs it: who comes back last frees it at once, though
 * the call that woke it may not have returned. Under a sanitizer a notifier that touched it again would show. */
#include <runnel/notify.h>
#include <stdlib.h>
#include <string.h>

#include "api/parked.h"
#include "base/atomic.h"

static const char name[] = "owned notify";

enum { ROUNDS = 50, WAITERS = 4 };

struct shared {
    rn_notify notify;
    int64_t holders;
};

static struct shared *share(int64_t holders)
{
    struct shared *shared = calloc(1, sizeof *shared);
    REQUIRE(shared != NULL);
    shared->notify.name = name;
    shared->holders = holders;
    return shared;
}

static void let_go(struct shared *shared)
{
    if (rn__sub_acq_rel(&shared->holders, 1) > 1) /* the last one frees what the others have used */
        return;
    memset(shared, 0x5a, sizeof *shared);
    free(shared);
}

static int wait_and_let_go(void *arg)
{
    struct shared *shared = arg;
    const int rc = rn_notify_wait(&shared->notify);
    let_go(shared);
    return rc;
}

static int wait_by_ticket_and_let_go(void *arg)
{
    struct shared *shared = arg;
    rn_notify_ticket ticket;
    rn_notify_enable(&shared->notify, &ticket);
    const int rc = rn_notify_ticket_wait(&ticket);
    let_go(shared);
    return rc;
}

static void check_woken_one_frees(void (*wake)(rn_notify *), rn_fn *waiting, bool waits_already)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct shared *shared = share(1); /* the waiter's; we are only allowed to wake it */
        struct actor *actor = actor_start(waiting, shared);
        if (waits_already)
            WAIT_UNTIL_PARKED(1, name);
        wake(&shared->notify);
        CHECK_RC(actor_join(actor), 0);
    }
}

EVERYWHERE(notify_may_be_freed_by_the_one_that_it_woke)
{
    check_woken_one_frees(rn_notify_one, wait_and_let_go, true);
}

EVERYWHERE(notify_may_be_freed_by_the_latest_that_it_woke)
{
    check_woken_one_frees(rn_notify_last, wait_and_let_go, true);
}

EVERYWHERE(notify_may_be_freed_by_who_takes_the_stored_permit)
{
    check_woken_one_frees(rn_notify_one, wait_and_let_go, false);
    check_woken_one_frees(rn_notify_last, wait_by_ticket_and_let_go, false);
}

EVERYWHERE(notify_may_be_freed_by_the_owner_of_a_ticket)
{
    check_woken_one_frees(rn_notify_one, wait_by_ticket_and_let_go, true);
    check_woken_one_frees(rn_notify_all, wait_by_ticket_and_let_go, true);
}

EVERYWHERE(notify_may_be_freed_by_the_last_of_all_that_it_woke)
{
    for (int i = 0; i < ROUNDS / 5; i++) {
        struct shared *shared = share(WAITERS);
        struct actor *actors[WAITERS];
        for (int k = 0; k < WAITERS; k++)
            actors[k] = actor_start(k % 2 == 0 ? wait_and_let_go : wait_by_ticket_and_let_go, shared);
        WAIT_UNTIL_PARKED(WAITERS, name);
        rn_notify_all(&shared->notify);
        for (int k = 0; k < WAITERS; k++)
            CHECK_RC(actor_join(actors[k]), 0);
    }
}

/* Each wakes the next, and goes: the last one frees. */
static int pass_on_and_let_go(void *arg)
{
    struct shared *shared = arg;
    const int rc = rn_notify_wait(&shared->notify);
    rn_notify_one(&shared->notify);
    let_go(shared);
    return rc;
}

EVERYWHERE(notify_permit_goes_round_until_the_last_one_frees_it)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct shared *shared = share(WAITERS + 1);
        struct actor *actors[WAITERS];
        for (int k = 0; k < WAITERS; k++)
            actors[k] = actor_start(pass_on_and_let_go, shared);
        rn_notify_one(&shared->notify);
        for (int k = 0; k < WAITERS; k++)
            CHECK_RC(actor_join(actors[k]), 0);
        CHECK_RC(rn_notify_wait_until(&shared->notify, rn_at_ns(1)), 0); /* the last of them stored it */
        CHECK_RC(rn_notify_wait_until(&shared->notify, rn_at_ns(1)), RN_ETIMEDOUT);
        let_go(shared);
    }
}
