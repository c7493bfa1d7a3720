/* SPDX-License-Identifier: MIT */
/* test_notify.c - the moment between the end of somebody's time and its leave from the line: it still stands there,
 * and nothing may be given to it. The case makes that moment long, by holding the lock that the leaver needs. */
#include <runnel/notify.h>

#include "api/parked.h"
#include "base/atomic.h"
#include "platform/lock.h"

static const char name[] = "notify, late";

enum { ROUNDS = 20 };

static struct rn__lock *lock_of(rn_notify *notify)
{
    return (struct rn__lock *)(void *)&notify->lock;
}

struct leaver {
    rn_notify *notify;
    bool by_ticket;
    uint32_t has_left;
};

static int wait_in_vain(struct leaver *leaver)
{
    rn_notify_ticket ticket;
    if (!leaver->by_ticket)
        return rn_notify_wait_until(leaver->notify, rn_in_ms(5));
    rn_notify_enable(leaver->notify, &ticket);
    return rn_notify_ticket_wait_until(&ticket, rn_in_ms(5));
}

/* Sleeps for a moment, in which nothing comes. */
static int leave_late(void *arg)
{
    struct leaver *leaver = arg;
    const int rc = wait_in_vain(leaver);
    rn__store_release(&leaver->has_left, 1); /* read by start_leaver */
    return rc;
}

/* Comes back holding the lock, while the leaver, whose time is up, wants it. On a machine that is busy it may have
 * left before anybody looked: that round then shows less. */
static struct actor *start_leaver(struct leaver *leaver)
{
    struct actor *actor = actor_start(leave_late, leaver);
    WAIT_UNTIL(parked_on(name) == 1 || rn__load_acquire(&leaver->has_left)); /* of leave_late */
    rn__lock_acquire(lock_of(leaver->notify));
    WAIT_UNTIL_PARKED(0, name);
    return actor;
}

static void check_permit_survives(bool by_ticket, void (*give)(rn_notify *))
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_notify notify = {.name = name};
        struct leaver leaver = {.notify = &notify, .by_ticket = by_ticket};
        struct actor *actor = start_leaver(&leaver);
        rn__lock_release(lock_of(&notify));
        give(&notify); /* nearly always before the leaver gets the lock */
        CHECK_RC(actor_join(actor), RN_ETIMEDOUT);
        CHECK_RC(rn_notify_wait_until(&notify, rn_at_ns(1)), 0);
        CHECK_RC(rn_notify_wait_until(&notify, rn_at_ns(1)), RN_ETIMEDOUT);
    }
}

TEST(notify_one_passes_over_a_waiter_whose_time_is_up)
{
    check_permit_survives(false, rn_notify_one);
    check_permit_survives(false, rn_notify_last);
}

TEST(notify_one_to_a_ticket_whose_time_is_up_is_passed_on)
{
    check_permit_survives(true, rn_notify_one);
    check_permit_survives(true, rn_notify_last);
}

TEST(notify_all_stores_nothing_for_those_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_notify notify = {.name = name};
        struct leaver leaver = {.notify = &notify, .by_ticket = i % 2 == 0};
        struct actor *actor = start_leaver(&leaver);
        rn__lock_release(lock_of(&notify));
        rn_notify_all(&notify);
        CHECK_RC(actor_join(actor), RN_ETIMEDOUT);
        CHECK_RC(rn_notify_wait_until(&notify, rn_at_ns(1)), RN_ETIMEDOUT);
    }
}
