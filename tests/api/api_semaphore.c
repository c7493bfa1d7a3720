/* SPDX-License-Identifier: MIT */
/* api_semaphore.c - the contract of <runnel/semaphore.h>, sentence by sentence. */
#include "api/line.h"

static const char name[] = "semaphore under test";

static rn_semaphore with(size_t permits)
{
    return (rn_semaphore){.permits = permits, .name = name};
}

static int acquire(struct waiting *waiting)
{
    const int rc = rn_semaphore_acquire_until(waiting->object, waiting->count, waiting->deadline);
    if (rc == 0)
        note_place(waiting);
    return rc;
}

static struct waiting wants(rn_semaphore *semaphore, size_t count, uint32_t *order)
{
    return (struct waiting){.call = acquire, .object = semaphore, .count = count, .order = order};
}

/* -- permits ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(semaphore_initialisers_are_ready_for_use)
{
    static rn_semaphore two = RN_SEMAPHORE_INIT(2);
    rn_semaphore zero = {0}, made;
    CHECK_RC(rn_semaphore_init(&made, 3), 0);
    CHECK_EQ(rn_semaphore_available(&two), 2);
    CHECK_EQ(rn_semaphore_available(&made), 3);
    CHECK_EQ(rn_semaphore_available(&zero), 0);
    CHECK_RC(rn_semaphore_acquire(&two, 2), 0);
    CHECK_RC(rn_semaphore_release(&two, 2), 0);
    CHECK(sizeof two <= 64);
}

EVERYWHERE(semaphore_of_no_permits_gives_none)
{
    rn_semaphore semaphore = {0};
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_EAGAIN);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 1, rn_in_ms(0)), RN_ETIMEDOUT);
}

EVERYWHERE(semaphore_acquire_takes_one_of_many)
{
    rn_semaphore semaphore = with(100);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 99);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 100);
}

EVERYWHERE(semaphore_acquire_takes_many_at_once)
{
    rn_semaphore semaphore = with(100);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 5), 0);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 5, RN_FOREVER), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 90);
    CHECK_RC(rn_semaphore_release(&semaphore, 10), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 100);
}

EVERYWHERE(semaphore_try_acquire_takes_one_if_there_is_one)
{
    rn_semaphore semaphore = with(1);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_EAGAIN);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), 0);
}

EVERYWHERE(semaphore_try_acquire_takes_all_or_none)
{
    rn_semaphore semaphore = with(5);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 6), RN_EAGAIN);
    CHECK_EQ(rn_semaphore_available(&semaphore), 5);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 2), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 4), RN_EAGAIN);
    CHECK_EQ(rn_semaphore_available(&semaphore), 3);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 3), 0);
}

static int release(struct waiting *waiting)
{
    return rn_semaphore_release(waiting->object, waiting->count);
}

/* Five are taken in two steps and given back in two other ones, by somebody else. */
EVERYWHERE(semaphore_permits_belong_to_nobody)
{
    rn_semaphore semaphore = with(5);
    struct waiting one = {.call = release, .object = &semaphore, .count = 1};
    struct waiting four = {.call = release, .object = &semaphore, .count = 4};
    CHECK_RC(rn_semaphore_acquire(&semaphore, 2), 0);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 3), 0);
    start(&one);
    CHECK_RC(end(&one), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
    start(&four);
    CHECK_RC(end(&four), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 5);
}

EVERYWHERE(semaphore_release_adds_new_permits)
{
    rn_semaphore semaphore = with(0);
    CHECK_RC(rn_semaphore_release(&semaphore, 3), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 3);
    CHECK_RC(rn_semaphore_release(&semaphore, 0), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 3);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 3), 0);
}

EVERYWHERE(semaphore_permits_that_are_not_released_are_gone)
{
    rn_semaphore semaphore = with(2);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_EAGAIN);
}

EVERYWHERE(semaphore_forget_takes_free_permits_away)
{
    rn_semaphore semaphore = with(10);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 4), 4);
    CHECK_EQ(rn_semaphore_available(&semaphore), 6);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 10), 6);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 1), 0);
}

/* Three are kept for one who wants four. */
EVERYWHERE(semaphore_forget_takes_what_is_kept_for_somebody)
{
    rn_semaphore semaphore = with(3);
    uint32_t order = 0;
    struct waiting large = wants(&semaphore, 4, &order);
    line_up(&large, 1, name);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 9), 3);
    CHECK_RC(rn_semaphore_release(&semaphore, 3), 0);
    CHECK_EQ(parked_on(name), 1);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(end(&large), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
}

/* -- the most --------------------------------------------------------------------------------------------------- */

EVERYWHERE(semaphore_holds_the_most_permits)
{
    rn_semaphore semaphore, zero = {0};
    CHECK_RC(rn_semaphore_init(&semaphore, RN_SEMAPHORE_MAX), 0);
    CHECK(rn_semaphore_available(&semaphore) == RN_SEMAPHORE_MAX);
    CHECK_RC(rn_semaphore_release(&zero, RN_SEMAPHORE_MAX), 0);
    CHECK_RC(rn_semaphore_acquire(&zero, RN_SEMAPHORE_MAX), 0);
    CHECK_EQ(rn_semaphore_available(&zero), 0);
}

EVERYWHERE(semaphore_init_refuses_more_than_the_most)
{
    rn_semaphore semaphore = with(7);
    CHECK_RC(rn_semaphore_init(&semaphore, RN_SEMAPHORE_MAX + 1), RN_EINVAL);
    CHECK_RC(rn_semaphore_init(&semaphore, SIZE_MAX), RN_EINVAL);
    CHECK_EQ(rn_semaphore_available(&semaphore), 7);
}

EVERYWHERE(semaphore_release_of_too_many_changes_nothing)
{
    rn_semaphore semaphore = with(1);
    CHECK_RC(rn_semaphore_release(&semaphore, RN_SEMAPHORE_MAX), RN_EOVERFLOW);
    CHECK_RC(rn_semaphore_release(&semaphore, SIZE_MAX), RN_EOVERFLOW);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
    CHECK_RC(rn_semaphore_release(&semaphore, RN_SEMAPHORE_MAX - 1), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), RN_EOVERFLOW);
}

EVERYWHERE(semaphore_null_and_bad_counts_are_answered)
{
    rn_semaphore semaphore = with(1);
    CHECK_RC(rn_semaphore_init(NULL, 1), RN_EINVAL);
    CHECK_RC(rn_semaphore_acquire(NULL, 1), RN_EINVAL);
    CHECK_RC(rn_semaphore_try_acquire(NULL, 1), RN_EINVAL);
    CHECK_RC(rn_semaphore_acquire_until(NULL, 1, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_semaphore_release(NULL, 1), RN_EINVAL);
    CHECK_EQ(rn_semaphore_forget(NULL, 1), 0);
    CHECK_EQ(rn_semaphore_available(NULL), 0);
    CHECK(!rn_semaphore_is_closed(NULL));
    rn_semaphore_close(NULL);
    CHECK_RC(rn_semaphore_acquire(&semaphore, RN_SEMAPHORE_MAX + 1), RN_EINVAL);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, SIZE_MAX), RN_EINVAL);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
}

/* -- the line --------------------------------------------------------------------------------------------------- */

EVERYWHERE(semaphore_acquire_waits_for_a_release)
{
    rn_semaphore semaphore = with(0);
    uint32_t order = 0;
    struct waiting one = wants(&semaphore, 1, &order);
    line_up(&one, 1, name);
    CHECK_EQ(value_of(&order), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    CHECK_RC(end(&one), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
}

enum { WAITERS = 4 };

EVERYWHERE(semaphore_serves_who_came_first)
{
    rn_semaphore semaphore = with(0);
    struct waiting waiting[WAITERS];
    uint32_t order = 0;
    for (unsigned i = 0; i < WAITERS; i++) {
        waiting[i] = wants(&semaphore, 1, &order);
        line_up(&waiting[i], i + 1, name);
    }
    for (uint32_t i = 0; i < WAITERS; i++) {
        CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
        WAIT_UNTIL(value_of(&order) == i + 1 && place_of(&waiting[i]) != 0);
        CHECK_EQ(place_of(&waiting[i]), i + 1);
    }
    for (unsigned i = 0; i < WAITERS; i++)
        CHECK_RC(end(&waiting[i]), 0);
}

EVERYWHERE(semaphore_one_release_serves_several)
{
    rn_semaphore semaphore = with(0);
    uint32_t order = 0;
    struct waiting two = wants(&semaphore, 2, &order), three = wants(&semaphore, 3, &order);
    struct waiting four = wants(&semaphore, 4, &order);
    line_up(&two, 1, name);
    line_up(&three, 2, name);
    line_up(&four, 3, name);
    CHECK_RC(rn_semaphore_release(&semaphore, 6), 0);
    CHECK_RC(end(&two), 0);
    CHECK_RC(end(&three), 0);
    WAIT_UNTIL_PARKED(1, name);
    CHECK_EQ(place_of(&four), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 3), 0);
    CHECK_RC(end(&four), 0);
}

/* Somebody wants five of which four are there, and behind it somebody three. */
EVERYWHERE(semaphore_keeps_what_is_free_for_a_large_request)
{
    rn_semaphore semaphore = with(4);
    uint32_t order = 0;
    struct waiting large = wants(&semaphore, 5, &order), small = wants(&semaphore, 3, &order);
    line_up(&large, 1, name);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    line_up(&small, 2, name);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(end(&large), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 2), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    CHECK_EQ(place_of(&small), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(end(&small), 0);
}

EVERYWHERE(semaphore_try_acquire_does_not_overtake)
{
    rn_semaphore semaphore = with(4);
    uint32_t order = 0;
    struct waiting large = wants(&semaphore, 5, &order);
    line_up(&large, 1, name);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_EAGAIN);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 1, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(end(&large), 0);
}

EVERYWHERE(semaphore_no_permits_are_had_at_once)
{
    rn_semaphore semaphore = with(0);
    uint32_t order = 0;
    struct waiting one = wants(&semaphore, 1, &order);
    line_up(&one, 1, name);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 0), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 0), 0);
    rn_semaphore_close(&semaphore);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 0), RN_CLOSED);
    CHECK_RC(end(&one), RN_CLOSED);
}

/* -- closing ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(semaphore_close_ends_all_waits)
{
    rn_semaphore semaphore = with(1);
    uint32_t order = 0;
    struct waiting two = wants(&semaphore, 2, &order), one = wants(&semaphore, 1, &order);
    line_up(&two, 1, name);
    line_up(&one, 2, name);
    CHECK(!rn_semaphore_is_closed(&semaphore));
    rn_semaphore_close(&semaphore);
    CHECK(rn_semaphore_is_closed(&semaphore));
    CHECK_RC(end(&two), RN_CLOSED);
    CHECK_RC(end(&one), RN_CLOSED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
}

EVERYWHERE(semaphore_closed_gives_nothing)
{
    rn_semaphore semaphore = with(5);
    rn_semaphore_close(&semaphore);
    rn_semaphore_close(&semaphore);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), RN_CLOSED);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 9), RN_CLOSED);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_CLOSED);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 1, rn_in_ms(0)), RN_CLOSED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 5);
}

EVERYWHERE(semaphore_closed_takes_permits_back)
{
    rn_semaphore semaphore = with(2);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 2), 0);
    rn_semaphore_close(&semaphore);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_CLOSED);
    CHECK(rn_semaphore_is_closed(&semaphore));
}

EVERYWHERE(semaphore_closed_forgets_permits)
{
    rn_semaphore semaphore = with(3);
    rn_semaphore_close(&semaphore);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 2), 2);
    CHECK_EQ(rn_semaphore_forget(&semaphore, 2), 1);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
}

/* -- giving up -------------------------------------------------------------------------------------------------- */

EVERYWHERE(semaphore_acquire_ends_at_its_deadline)
{
    rn_semaphore semaphore = with(6);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 8, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_EQ(rn_semaphore_available(&semaphore), 6);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 6), 0);
}

EVERYWHERE(semaphore_one_that_gives_up_lets_those_behind_go_on)
{
    rn_semaphore semaphore = with(3);
    uint32_t order = 0;
    struct waiting large = wants(&semaphore, 4, &order), small = wants(&semaphore, 3, &order);
    struct waiting last = wants(&semaphore, 1, &order);
    large.deadline = rn_in_ms(300);
    start(&large);
    WAIT_UNTIL(parked_on(name) == 1 || rn_passed(large.deadline));
    start(&small);
    CHECK_RC(end(&large), RN_ETIMEDOUT);
    CHECK_RC(end(&small), 0);
    line_up(&last, 1, name);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(end(&last), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
}

ROOT(semaphore_acquire_is_cancelled_asleep)
{
    rn_semaphore semaphore = with(6);
    uint32_t order = 0;
    struct waiting large = wants(&semaphore, 8, &order);
    CHECK_RC(cancelled_asleep(&large, 1, name), RN_ECANCELED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 6);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 6), 0);
}

ROOT(semaphore_cancelled_head_lets_those_behind_go_on)
{
    rn_semaphore semaphore = with(6);
    uint32_t order = 0;
    rn_task task;
    struct waiting large = wants(&semaphore, 8, &order), small = wants(&semaphore, 5, &order);
    RN_MUST(rn_spawn(&task, waiting_run, &large));
    WAIT_UNTIL_PARKED(1, name);
    line_up(&small, 2, name);
    rn_task_cancel(task, 0);
    CHECK_RC(end(&small), 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
}

ROOT(semaphore_acquire_by_a_cancelled_task_takes_nothing)
{
    rn_semaphore semaphore = with(6);
    uint32_t order = 0;
    struct waiting one = wants(&semaphore, 1, &order);
    CHECK_RC(cancelled_before(&one), RN_ECANCELED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 6);
}

EVERYWHERE(semaphore_acquire_may_not_wait_in_a_drop_function)
{
    rn_semaphore semaphore = with(1);
    rn__callback_enter();
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), RN_EDEADLK);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    rn__callback_leave();
}
