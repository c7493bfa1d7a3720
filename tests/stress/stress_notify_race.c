/* SPDX-License-Identifier: MIT */
/* notify at the moment that decides: a notification against the deadline, or the cancellation, of the one it would
 * reach; notify_all against those who look at their tickets. The cases go on until both outcomes were seen, and what
 * must hold holds for both. A permit that got lost leaves somebody asleep: the case does not end. */
#include <runnel/notify.h>
#include <runnel/runtime.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "api/parked.h"
#include "base/atomic.h"
#include "base/random.h"

static const char name[] = "notify, raced";

enum { EACH_OUTCOME = 5, TICKETS = 33 };

static void check_nothing_stored(rn_notify *notify)
{
    CHECK_RC(rn_notify_wait_until(notify, rn_at_ns(1)), RN_ETIMEDOUT);
}

/* -- giving up --------------------------------------------------------------------------------------------------- */

struct leaver {
    rn_notify *notify;
    rn_deadline deadline;
    bool by_ticket;
    uint32_t is_gone;
};

static int wait_somehow(const struct leaver *leaver)
{
    rn_notify_ticket ticket;
    if (!leaver->by_ticket)
        return rn_notify_wait_until(leaver->notify, leaver->deadline);
    rn_notify_enable(leaver->notify, &ticket);
    return rn_notify_ticket_wait_until(&ticket, leaver->deadline);
}

static int leave(void *arg)
{
    struct leaver *leaver = arg;
    const int rc = wait_somehow(leaver);
    rn__store_release(&leaver->is_gone, 1); /* read by who waits for it to sleep */
    return rc;
}

static int stay(void *arg)
{
    return rn_notify_wait(arg);
}

/* The notification would be the leaver's. Either it is, or the one who stays gets it. */
static void check_outcome(rn_notify *notify, int rc, struct actor *stays, int *kept, int *passed_on)
{
    if (rc == 0) {
        rn_notify_one(notify); /* the other one had nothing yet */
        ++*kept;
    } else {
        ++*passed_on;
    }
    CHECK_RC(actor_join(stays), 0);
    check_nothing_stored(notify);
}

static void wait_until_ns(int64_t at)
{
    while (rn_now_ns() < at)
        rn_yield();
}

/* One notification after the other, each near the deadline of the one it would reach. Where that is depends on the
 * machine and on what else it does, so each outcome moves the next attempt towards the other. */
struct aim {
    bool by_ticket;
    void (*wake)(rn_notify *notify);
    uint64_t random;
    int64_t lead;   /* ns until the deadline: enough for all to stand in line */
    int64_t offset; /* of the notification from the deadline */
    int kept;
    int passed_on;
};

enum { NEAR_NS = 100 * 1000, MS = 1000 * 1000 };

static void race_deadline(struct aim *aim)
{
    rn_notify notify = {.name = name};
    const int64_t at = rn_now_ns() + aim->lead;
    struct leaver leaver = {.notify = &notify, .by_ticket = aim->by_ticket, .deadline = rn_at_ns(at)};
    struct actor *stays = NULL, *leaves;
    if (aim->wake == rn_notify_last) {
        stays = actor_start(stay, &notify);
        WAIT_UNTIL_PARKED(1, name);
    }
    leaves = actor_start(leave, &leaver);
    WAIT_UNTIL(parked_on(name) == 1 + (stays != NULL) || rn__load_acquire(&leaver.is_gone)); /* of leave */
    if (stays == NULL)
        stays = actor_start(stay, &notify);
    if (rn_now_ns() > at - MS)
        aim->lead += MS;
    wait_until_ns(at + aim->offset + (int64_t)(rn__random_next(&aim->random) % NEAR_NS));
    aim->wake(&notify);
    const int rc = actor_join(leaves);
    if (rc != 0)
        CHECK_RC(rc, RN_ETIMEDOUT);
    aim->offset += rc == 0 ? NEAR_NS : -NEAR_NS;
    check_outcome(&notify, rc, stays, &aim->kept, &aim->passed_on);
}

static void race_until_both(bool by_ticket, void (*wake)(rn_notify *))
{
    struct aim aim = {.by_ticket = by_ticket, .wake = wake, .random = test_seed(), .lead = 3 * MS};
    while (aim.kept < EACH_OUTCOME || aim.passed_on < EACH_OUTCOME)
        race_deadline(&aim);
}

EVERYWHERE(stress_notify_passes_on_what_came_at_the_deadline)
{
    race_until_both(false, rn_notify_one);
}

EVERYWHERE(stress_notify_last_passes_on_what_came_at_the_deadline)
{
    race_until_both(false, rn_notify_last);
}

EVERYWHERE(stress_notify_ticket_passes_on_what_came_at_the_deadline)
{
    race_until_both(true, rn_notify_one);
    race_until_both(true, rn_notify_last);
}

/* -- being cancelled --------------------------------------------------------------------------------------------- */

static int notify_one(void *arg)
{
    rn_notify_one(arg);
    return 0;
}

static void race_cancel(bool by_ticket, uint64_t *random, int *kept, int *passed_on)
{
    rn_notify notify = {.name = name};
    struct leaver leaver = {.notify = &notify, .by_ticket = by_ticket};
    rn_task leaves, wakes;
    int rc = 0;
    RN_MUST(rn_spawn(&leaves, leave, &leaver));
    WAIT_UNTIL_PARKED(1, name);
    struct actor *stays = actor_start(stay, &notify);
    WAIT_UNTIL_PARKED(2, name);
    RN_MUST(rn_spawn(&wakes, notify_one, &notify));
    for (uint64_t i = rn__random_next(random) % 4; i > 0; i--)
        rn_yield();
    rn_task_cancel(leaves, 0);
    CHECK_RC(rn_join(wakes, NULL), 0);
    CHECK_RC(rn_join(leaves, &rc), 0);
    if (rc != 0)
        CHECK_RC(rc, RN_ECANCELED);
    check_outcome(&notify, rc, stays, kept, passed_on);
}

static int cancel_until_both(void *arg)
{
    const bool *by_ticket = arg;
    uint64_t random = test_seed();
    int kept = 0, passed_on = 0;
    while (kept < EACH_OUTCOME || passed_on < EACH_OUTCOME)
        race_cancel(*by_ticket, &random, &kept, &passed_on);
    return 0;
}

static void cancel_on_all(bool by_ticket)
{
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        CHECK_RC(rn_run_with(cancel_until_both, &by_ticket, &(rn_runtime_opts){.workers = workers}), 0);
}

TEST(stress_notify_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(false);
}

TEST(stress_notify_ticket_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(true);
}

/* -- all at one moment ------------------------------------------------------------------------------------------- */

static int notify_all(void *arg)
{
    rn_notify_all(arg);
    return 0;
}

/* Gives whether the first ticket was reached when we looked: then all were. */
static bool look_at_tickets(int count, uint64_t *random)
{
    rn_notify notify = {.name = name};
    rn_notify_ticket tickets[TICKETS];
    for (int i = 0; i < count; i++)
        rn_notify_enable(&notify, &tickets[i]);
    struct actor *actor = actor_start(notify_all, &notify);
    for (uint64_t i = rn__random_next(random) % 64; i > 0; i--)
        rn_yield();
    const int first = (int)(rn__random_next(random) % (uint64_t)count);
    const bool reached = rn_notify_ticket_wait_until(&tickets[first], rn_at_ns(1)) == 0;
    for (int i = 0; i < count; i++) {
        if (i == first)
            continue;
        const int rc = rn_notify_ticket_wait_until(&tickets[i], rn_at_ns(1));
        if (reached)
            CHECK_RC(rc, 0);
    }
    actor_join(actor);
    check_nothing_stored(&notify);
    return reached;
}

static void look_until_both(int count)
{
    uint64_t random = test_seed();
    int before = 0, after = 0;
    while (before < EACH_OUTCOME || after < EACH_OUTCOME) {
        if (look_at_tickets(count, &random))
            after++;
        else
            before++;
    }
}

EVERYWHERE(stress_notify_all_reaches_two_at_one_moment)
{
    look_until_both(2);
}

EVERYWHERE(stress_notify_all_reaches_many_at_one_moment)
{
    look_until_both(TICKETS);
}

/* Whoever was reached by notify_all may rely on it that the others were: a later notify_one is for newcomers. */
EVERYWHERE(stress_notify_all_is_over_for_all_when_it_is_for_one)
{
    for (int round = 0; round < 100; round++) {
        const int woken = round % 2 == 0 ? 0 : TICKETS - 1;
        rn_notify notify = {.name = name};
        rn_notify_ticket tickets[TICKETS], newcomer;
        for (int i = 0; i < TICKETS; i++)
            rn_notify_enable(&notify, &tickets[i]);
        struct actor *actor = actor_start(notify_all, &notify);
        CHECK_RC(rn_notify_ticket_wait(&tickets[woken]), 0);
        rn_notify_enable(&notify, &newcomer);
        rn_notify_one(&notify);
        CHECK_RC(rn_notify_ticket_wait_until(&newcomer, rn_at_ns(1)), 0);
        for (int i = 0; i < TICKETS; i++) {
            if (i != woken)
                CHECK_RC(rn_notify_ticket_wait_until(&tickets[i], rn_at_ns(1)), 0);
        }
        actor_join(actor);
        check_nothing_stored(&notify);
    }
}

/* -- notifications that change nothing --------------------------------------------------------------------------- */

enum { COUNTERS = 4 };

struct tally {
    rn_notify notify;
    uint32_t count;
};

static int count_and_notify(void *arg)
{
    struct tally *tally = arg;
    rn__add_relaxed(&tally->count, 1); /* rlx: the notification orders it, also one that finds a permit */
    rn_notify_one(&tally->notify);
    return 0;
}

EVERYWHERE(stress_notify_orders_also_what_finds_a_permit)
{
    for (int round = 0; round < 300; round++) {
        struct tally tally = {.notify = {.name = name}};
        struct actor *actors[COUNTERS];
        for (int i = 0; i < COUNTERS; i++)
            actors[i] = actor_start(count_and_notify, &tally);
        while (rn__load_relaxed(&tally.count) < COUNTERS) /* rlx: as above; a count that was missed would not end */
            CHECK_RC(rn_notify_wait(&tally.notify), 0);
        for (int i = 0; i < COUNTERS; i++)
            actor_join(actors[i]);
    }
}

/* A waiter that one and all may reach in any order: one of them does, or has left a permit. */
EVERYWHERE(stress_notify_one_beside_all_wakes_who_comes)
{
    for (int round = 0; round < 200; round++) {
        rn_notify notify = {.name = name};
        struct actor *all = actor_start(notify_all, &notify);
        struct actor *waits = actor_start(stay, &notify);
        struct actor *one = actor_start(notify_one, &notify);
        CHECK_RC(actor_join(waits), 0);
        actor_join(one);
        actor_join(all);
    }
}
