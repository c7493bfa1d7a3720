/* SPDX-License-Identifier: MIT */
/* api_notify.c - the contract of <runnel/notify.h>, sentence by sentence. */
#include <runnel/cancel.h>
#include <runnel/notify.h>
#include <runnel/runtime.h>
#include <runnel/task.h>

#include "api/parked.h"
#include "base/atomic.h"

static const char name[] = "notify under test";

#define NOTIFY_INIT                                                                                                  \
    {                                                                                                                \
        .name = name                                                                                                 \
    }

/* One who waits once; the order in which they come back is written down. */
struct waiter {
    rn_notify *notify;
    rn_deadline deadline;
    uint32_t *order;
    uint32_t place; /* 1, 2, ... */
    int rc;
};

/* The place stands before the count goes up: who sees the count may look at the place. */
static void note_place(struct waiter *waiter)
{
    uint32_t before = rn__load_relaxed(waiter->order); /* rlx: the CAS decides */
    do
        waiter->place = before + 1;
    while (!rn__cas_release(waiter->order, &before, before + 1)); /* read by came_back */
}

static int wait_once(void *arg)
{
    struct waiter *waiter = arg;
    waiter->rc = rn_notify_wait_until(waiter->notify, waiter->deadline);
    note_place(waiter);
    return waiter->rc;
}

enum { WAITERS = 4 };

struct crowd {
    rn_notify notify;
    uint32_t order;
    struct waiter waiters[WAITERS];
    struct actor *actors[WAITERS];
};

/* They stand in line in the order of their numbers, behind a ticket if there is one. */
static void crowd_start_behind(struct crowd *crowd, rn_notify_ticket *ticket)
{
    *crowd = (struct crowd){.notify = NOTIFY_INIT};
    rn_notify_enable(&crowd->notify, ticket);
    for (unsigned i = 0; i < WAITERS; i++) {
        crowd->waiters[i] = (struct waiter){.notify = &crowd->notify, .order = &crowd->order};
        crowd->actors[i] = actor_start(wait_once, &crowd->waiters[i]);
        WAIT_UNTIL_PARKED(i + 1, name);
    }
}

static void crowd_start(struct crowd *crowd)
{
    crowd_start_behind(crowd, NULL);
}

static void crowd_join(struct crowd *crowd)
{
    for (unsigned i = 0; i < WAITERS; i++)
        CHECK_RC(actor_join(crowd->actors[i]), 0);
}

static uint32_t came_back(struct crowd *crowd)
{
    return rn__load_acquire(&crowd->order); /* pairs with wait_once */
}

/* Nothing is stored: a wait that may not wait finds nothing. */
static void check_nothing_stored(rn_notify *notify)
{
    CHECK_RC(rn_notify_wait_until(notify, rn_in_ms(0)), RN_ETIMEDOUT);
}

/* Exactly one permit is stored; afterwards none. */
static void check_one_stored(rn_notify *notify)
{
    CHECK_RC(rn_notify_wait_until(notify, rn_in_ms(0)), 0);
    check_nothing_stored(notify);
}

/* -- permits ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(notify_all_zero_is_ready_for_use)
{
    rn_notify notify = {0};
    rn_notify initialised = RN_NOTIFY_INIT;
    rn_notify_one(&notify);
    rn_notify_one(&initialised);
    CHECK_RC(rn_notify_wait(&notify), 0);
    CHECK_RC(rn_notify_wait(&initialised), 0);
}

EVERYWHERE(notify_one_without_a_waiter_stores_a_permit)
{
    rn_notify notify = NOTIFY_INIT;
    check_nothing_stored(&notify);
    rn_notify_one(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_last_without_a_waiter_stores_a_permit)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_last(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_a_second_stored_permit_changes_nothing)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_one(&notify);
    rn_notify_one(&notify);
    rn_notify_last(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_all_stores_nothing_and_leaves_what_is_stored)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_all(&notify);
    check_nothing_stored(&notify);
    rn_notify_one(&notify);
    rn_notify_all(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_null_is_answered)
{
    CHECK_RC(rn_notify_wait(NULL), RN_EINVAL);
    CHECK_RC(rn_notify_wait_until(NULL, rn_in_ms(0)), RN_EINVAL);
    rn_notify_one(NULL);
    rn_notify_last(NULL);
    rn_notify_all(NULL);
}

/* -- waiters ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(notify_one_wakes_the_longest_waiting)
{
    struct crowd crowd;
    crowd_start(&crowd);
    for (uint32_t i = 0; i < WAITERS; i++) {
        rn_notify_one(&crowd.notify);
        WAIT_UNTIL(came_back(&crowd) == i + 1);
        CHECK_EQ(crowd.waiters[i].place, i + 1);
    }
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_last_wakes_the_latest)
{
    struct crowd crowd;
    crowd_start(&crowd);
    for (uint32_t i = 0; i < WAITERS; i++) {
        rn_notify_last(&crowd.notify);
        WAIT_UNTIL(came_back(&crowd) == i + 1);
        CHECK_EQ(crowd.waiters[WAITERS - 1 - i].place, i + 1);
    }
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_all_wakes_all_who_wait)
{
    struct crowd crowd;
    crowd_start(&crowd);
    rn_notify_all(&crowd.notify);
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_one_and_last_and_all_mix)
{
    struct crowd crowd;
    crowd_start(&crowd);
    rn_notify_one(&crowd.notify);
    rn_notify_last(&crowd.notify);
    WAIT_UNTIL(came_back(&crowd) == 2);
    CHECK(crowd.waiters[0].place > 0);
    CHECK(crowd.waiters[WAITERS - 1].place > 0);
    WAIT_UNTIL_PARKED(2, name);
    rn_notify_all(&crowd.notify);
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_stored_permit_is_for_the_first_who_comes)
{
    rn_notify notify = NOTIFY_INIT;
    uint32_t order = 0;
    struct waiter second = {.notify = &notify, .order = &order};
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait(&notify), 0);
    struct actor *actor = actor_start(wait_once, &second);
    WAIT_UNTIL_PARKED(1, name);
    CHECK_EQ(rn__load_acquire(&order), 0); /* of wait_once */
    rn_notify_one(&notify);
    CHECK_RC(actor_join(actor), 0);
    check_nothing_stored(&notify);
}

struct twice {
    rn_notify notify;
    uint32_t rounds;
};

static int wait_twice(void *arg)
{
    struct twice *twice = arg;
    for (int i = 0; i < 2; i++) {
        CHECK_RC(rn_notify_wait(&twice->notify), 0);
        rn__add_acq_rel(&twice->rounds, 1); /* read by the body */
    }
    return 0;
}

EVERYWHERE(notify_all_satisfies_who_waits_again_only_once)
{
    struct twice twice = {.notify = NOTIFY_INIT};
    struct actor *actor = actor_start(wait_twice, &twice);
    WAIT_UNTIL_PARKED(1, name);
    rn_notify_all(&twice.notify);
    WAIT_UNTIL(rn__load_acquire(&twice.rounds) == 1); /* of wait_twice */
    WAIT_UNTIL_PARKED(1, name);
    CHECK_EQ(rn__load_acquire(&twice.rounds), 1); /* of wait_twice */
    rn_notify_all(&twice.notify);
    CHECK_RC(actor_join(actor), 0);
}

EVERYWHERE(notify_wait_ends_at_its_deadline)
{
    rn_notify notify = NOTIFY_INIT;
    const int64_t before = rn_now_ns();
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - before >= 5 * 1000 * 1000);
}

EVERYWHERE(notify_who_gave_up_takes_no_permit)
{
    rn_notify notify = NOTIFY_INIT;
    uint32_t order = 0;
    struct waiter early = {.notify = &notify, .order = &order, .deadline = rn_in_ms(5)};
    struct actor *actor = actor_start(wait_once, &early);
    CHECK_RC(actor_join(actor), RN_ETIMEDOUT);
    rn_notify_one(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_who_gave_up_is_passed_over_in_the_line)
{
    rn_notify notify = NOTIFY_INIT;
    uint32_t order = 0;
    struct waiter first = {.notify = &notify, .order = &order, .deadline = rn_in_ms(20)};
    struct waiter second = {.notify = &notify, .order = &order};
    struct actor *a = actor_start(wait_once, &first);
    WAIT_UNTIL(parked_on(name) == 1 || rn__load_acquire(&order) == 1); /* of wait_once */
    struct actor *b = actor_start(wait_once, &second);
    CHECK_RC(actor_join(a), RN_ETIMEDOUT);
    WAIT_UNTIL_PARKED(1, name);
    rn_notify_one(&notify);
    CHECK_RC(actor_join(b), 0);
    check_nothing_stored(&notify);
}

struct message {
    rn_notify filled;
    int content; /* plain memory: the notification alone orders it */
};

static int fill(void *arg)
{
    struct message *message = arg;
    message->content = 42;
    rn_notify_one(&message->filled);
    return 0;
}

EVERYWHERE(notify_orders_what_was_written_before_it)
{
    for (int i = 0; i < 100; i++) {
        struct message message = {.filled = NOTIFY_INIT};
        struct actor *actor = actor_start(fill, &message);
        CHECK_RC(rn_notify_wait(&message.filled), 0);
        CHECK_EQ(message.content, 42);
        actor_join(actor);
    }
}

EVERYWHERE(notify_may_not_be_waited_for_in_a_callback)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn__callback_enter();
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait(&notify), RN_EDEADLK);
    rn_notify_enable(&notify, &ticket);
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EDEADLK);
    rn__callback_leave();
    check_one_stored(&notify);
}

/* -- tickets ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(notify_ticket_takes_a_stored_permit_when_enabled)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_one(&notify);
    rn_notify_enable(&notify, &ticket);
    check_nothing_stored(&notify);
    CHECK_RC(rn_notify_ticket_wait(&ticket), 0);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_ticket_misses_no_one_before_its_wait)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_one(&notify);
    check_nothing_stored(&notify);
    CHECK_RC(rn_notify_ticket_wait(&ticket), 0);
}

EVERYWHERE(notify_ticket_misses_no_all_before_its_wait)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_all(&notify);
    CHECK_RC(rn_notify_ticket_wait(&ticket), 0);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_ticket_given_by_all_leaves_a_later_permit)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_all(&notify);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_ticket_wait(&ticket), 0);
    check_one_stored(&notify);
}

EVERYWHERE(notify_ticket_without_a_notification_times_out)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    CHECK_RC(rn_notify_ticket_wait_until(&ticket, rn_in_ms(2)), RN_ETIMEDOUT);
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EINVAL); /* it has ended */
    rn_notify_one(&notify);
    check_one_stored(&notify); /* out of the line */
}

EVERYWHERE(notify_ticket_with_a_past_deadline_still_gets_what_it_has)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_ticket_wait_until(&ticket, rn_at_ns(1)), 0);
    rn_notify_enable(&notify, &ticket);
    CHECK_RC(rn_notify_ticket_wait_until(&ticket, rn_at_ns(1)), RN_ETIMEDOUT);
}

EVERYWHERE(notify_ticket_ends_with_its_wait)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket = {0};
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EINVAL);
    CHECK_RC(rn_notify_ticket_wait(NULL), RN_EINVAL);
    for (int i = 0; i < 3; i++) {
        rn_notify_enable(&notify, &ticket);
        rn_notify_one(&notify);
        CHECK_RC(rn_notify_ticket_wait(&ticket), 0);
        CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EINVAL);
    }
}

EVERYWHERE(notify_ticket_cancel_leaves_the_line)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket = {0};
    rn_notify_ticket_cancel(NULL);
    rn_notify_ticket_cancel(&ticket); /* not enabled */
    rn_notify_enable(&notify, &ticket);
    rn_notify_ticket_cancel(&ticket);
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EINVAL);
    rn_notify_one(&notify);
    check_one_stored(&notify);
    rn_notify_ticket_cancel(&ticket);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_ticket_enabled_with_nothing_is_not_enabled)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(NULL, &ticket);
    CHECK_RC(rn_notify_ticket_wait(&ticket), RN_EINVAL);
    rn_notify_enable(&notify, NULL);
    rn_notify_one(&notify);
    check_one_stored(&notify);
}

EVERYWHERE(notify_ticket_cancelled_stores_the_permit_that_it_had)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_one(&notify);
    rn_notify_ticket_cancel(&ticket);
    check_one_stored(&notify);
    rn_notify_one(&notify);
    rn_notify_enable(&notify, &ticket); /* takes the stored one */
    rn_notify_ticket_cancel(&ticket);
    check_one_stored(&notify);
}

EVERYWHERE(notify_ticket_cancelled_after_all_passes_nothing_on)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    rn_notify_enable(&notify, &ticket);
    rn_notify_all(&notify);
    rn_notify_ticket_cancel(&ticket);
    check_nothing_stored(&notify);
    rn_notify_enable(&notify, &ticket);
    rn_notify_all(&notify);
    rn_notify_one(&notify); /* the ticket is out of the line: this one is stored */
    rn_notify_ticket_cancel(&ticket);
    check_one_stored(&notify);
}

EVERYWHERE(notify_ticket_passes_its_permit_to_the_next_and_to_nobody_else)
{
    struct crowd crowd;
    rn_notify_ticket ticket;
    crowd_start_behind(&crowd, &ticket);
    rn_notify_one(&crowd.notify);
    rn_notify_ticket_cancel(&ticket);
    WAIT_UNTIL(came_back(&crowd) == 1);
    CHECK_EQ(crowd.waiters[0].place, 1);
    CHECK_EQ(parked_on(name), WAITERS - 1);
    rn_notify_all(&crowd.notify);
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_ticket_cancelled_passes_one_to_the_longest_waiting)
{
    struct crowd crowd;
    rn_notify_ticket ticket;
    crowd_start(&crowd);
    rn_notify_enable(&crowd.notify, &ticket);
    rn_notify_last(&crowd.notify); /* the ticket is the latest */
    rn_notify_ticket_cancel(&ticket);
    WAIT_UNTIL(came_back(&crowd) == 1);
    CHECK_EQ(crowd.waiters[WAITERS - 1].place, 1); /* as given by last: to the latest */
    rn_notify_one(&crowd.notify);
    WAIT_UNTIL(came_back(&crowd) == 2);
    CHECK_EQ(crowd.waiters[0].place, 2);
    rn_notify_all(&crowd.notify);
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_ticket_first_in_line_passes_its_permit_on_when_cancelled)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket ticket;
    uint32_t order = 0;
    struct waiter behind = {.notify = &notify, .order = &order};
    rn_notify_enable(&notify, &ticket);
    struct actor *actor = actor_start(wait_once, &behind);
    WAIT_UNTIL_PARKED(1, name);
    rn_notify_one(&notify);
    CHECK_EQ(rn__load_acquire(&order), 0); /* of wait_once; it was the ticket's */
    CHECK_EQ(parked_on(name), 1);
    rn_notify_ticket_cancel(&ticket);
    CHECK_RC(actor_join(actor), 0);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_tickets_are_served_in_the_order_of_their_enabling)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket tickets[3];
    for (int i = 0; i < 3; i++)
        rn_notify_enable(&notify, &tickets[i]);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_ticket_wait_until(&tickets[1], rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_notify_ticket_wait_until(&tickets[0], rn_at_ns(1)), 0);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_ticket_wait_until(&tickets[2], rn_at_ns(1)), 0);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_one_reaches_as_many_tickets_as_there_are_calls)
{
    rn_notify notify = NOTIFY_INIT;
    rn_notify_ticket tickets[2];
    rn_notify_enable(&notify, &tickets[0]);
    rn_notify_enable(&notify, &tickets[1]);
    rn_notify_one(&notify);
    rn_notify_one(&notify); /* without tickets these two would have been one stored permit */
    CHECK_RC(rn_notify_ticket_wait(&tickets[0]), 0);
    CHECK_RC(rn_notify_ticket_wait(&tickets[1]), 0);
    check_nothing_stored(&notify);
}

struct sleeper {
    rn_notify *notify;
    rn_notify_ticket ticket;
    rn_deadline deadline;
    uint32_t *order;
    uint32_t place;
    uint32_t enabled;
    uint32_t may_sleep;
};

static int sleep_on_ticket(void *arg)
{
    struct sleeper *sleeper = arg;
    rn_notify_enable(sleeper->notify, &sleeper->ticket);
    rn__store_release(&sleeper->enabled, 1);           /* read by the body */
    WAIT_UNTIL(rn__load_acquire(&sleeper->may_sleep)); /* written by the body */
    const int rc = rn_notify_ticket_wait_until(&sleeper->ticket, sleeper->deadline);
    sleeper->place = rn__add_acq_rel(sleeper->order, 1) + 1; /* as in wait_once */
    return rc;
}

EVERYWHERE(notify_ticket_keeps_its_place_in_line_when_its_owner_sleeps)
{
    rn_notify notify = NOTIFY_INIT;
    uint32_t order = 0;
    struct sleeper sleeper = {.notify = &notify, .order = &order};
    struct waiter later = {.notify = &notify, .order = &order};
    struct actor *a = actor_start(sleep_on_ticket, &sleeper);
    WAIT_UNTIL(rn__load_acquire(&sleeper.enabled)); /* of sleep_on_ticket */
    struct actor *b = actor_start(wait_once, &later);
    WAIT_UNTIL_PARKED(1, name);
    rn__store_release(&sleeper.may_sleep, 1); /* to sleep_on_ticket */
    WAIT_UNTIL_PARKED(2, name);
    rn_notify_one(&notify);
    CHECK_RC(actor_join(a), 0);
    CHECK_EQ(sleeper.place, 1);
    rn_notify_one(&notify);
    CHECK_RC(actor_join(b), 0);
    check_nothing_stored(&notify);
}

EVERYWHERE(notify_all_reaches_tickets_and_waiters_at_one_moment)
{
    struct crowd crowd;
    struct sleeper sleeper = {.notify = &crowd.notify, .order = &crowd.order, .may_sleep = 1};
    rn_notify_ticket ticket;
    crowd_start(&crowd);
    struct actor *actor = actor_start(sleep_on_ticket, &sleeper);
    WAIT_UNTIL_PARKED(WAITERS + 1, name);
    rn_notify_enable(&crowd.notify, &ticket);
    rn_notify_all(&crowd.notify);
    CHECK_RC(rn_notify_ticket_wait_until(&ticket, rn_at_ns(1)), 0);
    CHECK_RC(actor_join(actor), 0);
    crowd_join(&crowd);
    check_nothing_stored(&crowd.notify);
}

EVERYWHERE(notify_ticket_whose_owner_times_out_asleep_leaves_the_line)
{
    rn_notify notify = NOTIFY_INIT;
    uint32_t order = 0;
    struct sleeper sleeper = {.notify = &notify, .order = &order, .may_sleep = 1, .deadline = rn_in_ms(3)};
    struct actor *actor = actor_start(sleep_on_ticket, &sleeper);
    CHECK_RC(actor_join(actor), RN_ETIMEDOUT);
    rn_notify_one(&notify);
    check_one_stored(&notify);
}

/* -- cancellation ----------------------------------------------------------------------------------------------- */

struct cancelled {
    rn_notify notify;
    rn_notify_ticket ticket;
    uint32_t enabled;
};

static int wait_cancelled(void *arg)
{
    struct cancelled *cancelled = arg;
    return rn_notify_wait(&cancelled->notify);
}

static int wait_ticket_cancelled(void *arg)
{
    struct cancelled *cancelled = arg;
    rn_notify_enable(&cancelled->notify, &cancelled->ticket);
    rn__store_release(&cancelled->enabled, 1); /* read by the one who cancels */
    return rn_notify_ticket_wait(&cancelled->ticket);
}

struct canceller {
    rn_fn *waiting;
};

static int cancel_asleep(void *arg)
{
    struct cancelled cancelled = {.notify = NOTIFY_INIT};
    const struct canceller *canceller = arg;
    rn_task task;
    int result = 0;
    RN_MUST(rn_spawn(&task, canceller->waiting, &cancelled));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, RN_ECANCELED);
    rn_notify_one(&cancelled.notify); /* nobody is in line any more */
    check_one_stored(&cancelled.notify);
    return 0;
}

/* The task starts cancelled, and there is a permit: it is not used up. */
static int cancel_before(void *arg)
{
    struct cancelled cancelled = {.notify = NOTIFY_INIT};
    const struct canceller *canceller = arg;
    rn_task task;
    int result = 0;
    rn_notify_one(&cancelled.notify);
    RN_MUST(rn_spawn(&task, canceller->waiting, &cancelled));
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, &result), 0);
    if (result == RN_ECANCELED)
        check_one_stored(&cancelled.notify);
    return result;
}

static void check_cancelling(rn_fn *waiting)
{
    struct canceller canceller = {waiting};
    for (uint32_t workers = 1; workers <= 2; workers++)
        CHECK_RC(rn_run_with(cancel_asleep, &canceller, &(rn_runtime_opts){.workers = workers}), 0);
    CHECK_RC(rn_run_with(cancel_before, &canceller, &(rn_runtime_opts){.workers = 1}), RN_ECANCELED);
}

TEST(notify_wait_is_cancelled_without_using_a_permit)
{
    check_cancelling(wait_cancelled);
}

TEST(notify_ticket_wait_is_cancelled_without_using_a_permit)
{
    check_cancelling(wait_ticket_cancelled);
}

static int shielded(void *arg)
{
    struct cancelled *cancelled = arg;
    rn_shield_enter();
    const int rc = rn_notify_wait(&cancelled->notify);
    rn_shield_leave();
    return rc;
}

static int cancel_shielded(void *arg)
{
    struct cancelled cancelled = {.notify = NOTIFY_INIT};
    rn_task task;
    int result = 0;
    (void)arg;
    RN_MUST(rn_spawn(&task, shielded, &cancelled));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 0);
    CHECK_EQ(parked_on(name), 1);
    rn_notify_one(&cancelled.notify);
    CHECK_RC(rn_join(task, &result), 0);
    return result;
}

TEST(notify_wait_under_a_shield_is_not_cancelled)
{
    CHECK_RC(rn_run_with(cancel_shielded, NULL, &(rn_runtime_opts){.workers = 1}), 0);
}
