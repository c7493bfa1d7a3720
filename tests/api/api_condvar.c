/* SPDX-License-Identifier: MIT */
/* api_condvar.c - the contract of <runnel/condvar.h>, sentence by sentence. */
#include "api/line.h"

#include <signal.h>

static const char name[] = "condvar under test";

struct shared {
    rn_mutex mutex;
    rn_condvar condvar;
};

#define SHARED                                                                                                       \
    {                                                                                                                \
        .condvar = {.name = name }                                                                                   \
    }

static bool is_held(rn_mutex *mutex)
{
    const int rc = rn_mutex_try_lock(mutex);
    if (rc == 0)
        rn_mutex_unlock(mutex);
    return rc == RN_EAGAIN;
}

/* Whatever the code, the mutex is held: nobody else could have it now. */
static int wait_once(struct waiting *waiting)
{
    struct shared *shared = waiting->object;
    rn_mutex_lock(&shared->mutex);
    const int rc = rn_condvar_wait_until(&shared->condvar, &shared->mutex, waiting->deadline);
    CHECK(is_held(&shared->mutex));
    if (rc == 0)
        note_place(waiting);
    rn_mutex_unlock(&shared->mutex);
    return rc;
}

static struct waiting waiter(struct shared *shared, uint32_t *order)
{
    return (struct waiting){.call = wait_once, .object = shared, .order = order};
}

enum { WAITERS = 4 };

static void crowd_up(struct waiting *waiting, struct shared *shared, uint32_t *order)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        waiting[i] = waiter(shared, order);
        line_up(&waiting[i], i + 1, name);
    }
}

/* -- signals ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(condvar_initialisers_are_ready_for_use)
{
    static struct {
        rn_mutex mutex;
        rn_condvar condvar;
    } initialised = {RN_MUTEX_INIT, RN_CONDVAR_INIT};
    rn_condvar zero = {0};
    rn_mutex_lock(&initialised.mutex);
    CHECK_RC(rn_condvar_wait_until(&initialised.condvar, &initialised.mutex, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_condvar_wait_until(&zero, &initialised.mutex, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_mutex_unlock(&initialised.mutex);
    CHECK(sizeof zero <= 64);
}

EVERYWHERE(condvar_signal_wakes_the_longest_waiting)
{
    struct shared shared = SHARED;
    struct waiting waiting[WAITERS];
    uint32_t order = 0;
    crowd_up(waiting, &shared, &order);
    for (uint32_t i = 0; i < WAITERS; i++) {
        rn_condvar_signal(&shared.condvar);
        CHECK_RC(end(&waiting[i]), 0);
        CHECK_EQ(place_of(&waiting[i]), i + 1);
        CHECK_EQ(parked_on(name), WAITERS - 1 - i);
    }
}

EVERYWHERE(condvar_broadcast_wakes_all)
{
    struct shared shared = SHARED;
    struct waiting waiting[WAITERS];
    uint32_t order = 0;
    crowd_up(waiting, &shared, &order);
    RN_MUTEX_HOLD(&shared.mutex)
    rn_condvar_broadcast(&shared.condvar);
    for (unsigned i = 0; i < WAITERS; i++)
        CHECK_RC(end(&waiting[i]), 0);
}

EVERYWHERE(condvar_signal_without_a_waiter_is_gone)
{
    struct shared shared = SHARED;
    rn_condvar_signal(&shared.condvar);
    rn_condvar_broadcast(&shared.condvar);
    rn_mutex_lock(&shared.mutex);
    CHECK_RC(rn_condvar_wait_until(&shared.condvar, &shared.mutex, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_mutex_unlock(&shared.mutex);
}

/* The mutex was free while it slept; then it is the waiter's again before the call comes back. */
EVERYWHERE(condvar_wait_gives_the_mutex_up_and_takes_it_again)
{
    struct shared shared = SHARED;
    uint32_t order = 0;
    struct waiting one = waiter(&shared, &order);
    line_up(&one, 1, name);
    rn_mutex_lock(&shared.mutex);
    rn_condvar_signal(&shared.condvar);
    WAIT_UNTIL_PARKED(0, name);
    WAIT_UNTIL(parked_in("mutex lock") == 1);
    CHECK_EQ(place_of(&one), 0);
    rn_mutex_unlock(&shared.mutex);
    CHECK_RC(end(&one), 0);
}

/* Who waits for the mutex gets it from the one that begins to wait. */
EVERYWHERE(condvar_wait_hands_the_mutex_over)
{
    struct shared shared = SHARED;
    uint32_t order = 0;
    struct waiting one = waiter(&shared, &order);
    rn_mutex_lock(&shared.mutex);
    start(&one);
    WAIT_UNTIL(parked_in("mutex lock") == 1);
    CHECK_RC(rn_condvar_wait_until(&shared.condvar, &shared.mutex, rn_in_ms(20)), RN_ETIMEDOUT);
    rn_mutex_unlock(&shared.mutex);
    WAIT_UNTIL_PARKED(1, name);
    rn_condvar_signal(&shared.condvar);
    CHECK_RC(end(&one), 0);
}

struct turns {
    struct shared shared;
    int turn;
};

static int ping(struct waiting *waiting)
{
    struct turns *turns = waiting->object;
    for (int i = 0; i < 100; i++) {
        RN_MUTEX_HOLD(&turns->shared.mutex)
        {
            while (turns->turn % 2 != (int)waiting->count)
                RN_TRY(rn_condvar_wait(&turns->shared.condvar, &turns->shared.mutex));
            turns->turn++;
            rn_condvar_signal(&turns->shared.condvar);
        }
    }
    return 0;
}

EVERYWHERE(condvar_two_take_turns)
{
    struct turns turns = {.shared = SHARED};
    struct waiting even = {.call = ping, .object = &turns, .count = 0};
    struct waiting odd = {.call = ping, .object = &turns, .count = 1};
    start(&even);
    start(&odd);
    CHECK_RC(end(&even), 0);
    CHECK_RC(end(&odd), 0);
    CHECK_EQ(turns.turn, 200);
}

EVERYWHERE(condvar_null_is_answered)
{
    struct shared shared = SHARED;
    rn_mutex_lock(&shared.mutex);
    CHECK_RC(rn_condvar_wait(NULL, &shared.mutex), RN_EINVAL);
    CHECK_RC(rn_condvar_wait(&shared.condvar, NULL), RN_EINVAL);
    CHECK_RC(rn_condvar_wait_until(NULL, &shared.mutex, RN_FOREVER), RN_EINVAL);
    CHECK(is_held(&shared.mutex));
    rn_mutex_unlock(&shared.mutex);
    rn_condvar_signal(NULL);
    rn_condvar_broadcast(NULL);
}

/* -- giving up -------------------------------------------------------------------------------------------------- */

EVERYWHERE(condvar_wait_ends_at_its_deadline_with_the_mutex)
{
    struct shared shared = SHARED;
    rn_mutex_lock(&shared.mutex);
    CHECK_RC(rn_condvar_wait_until(&shared.condvar, &shared.mutex, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK(is_held(&shared.mutex));
    CHECK_RC(rn_condvar_wait_until(&shared.condvar, &shared.mutex, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(is_held(&shared.mutex));
    rn_mutex_unlock(&shared.mutex);
}

EVERYWHERE(condvar_signal_is_for_those_who_still_wait)
{
    struct shared shared = SHARED;
    uint32_t order = 0;
    struct waiting leaves = waiter(&shared, &order), stays = waiter(&shared, &order);
    leaves.deadline = rn_in_ms(50);
    start(&leaves);
    WAIT_UNTIL(parked_on(name) == 1 || rn_passed(leaves.deadline));
    start(&stays);
    CHECK_RC(end(&leaves), RN_ETIMEDOUT);
    WAIT_UNTIL_PARKED(1, name);
    rn_condvar_signal(&shared.condvar);
    CHECK_RC(end(&stays), 0);
}

ROOT(condvar_wait_is_cancelled_with_the_mutex)
{
    struct shared shared = SHARED;
    uint32_t order = 0;
    struct waiting one = waiter(&shared, &order), other = waiter(&shared, &order);
    CHECK_RC(cancelled_before(&one), RN_ECANCELED);
    CHECK_RC(cancelled_asleep(&one, 1, name), RN_ECANCELED);
    CHECK(!is_held(&shared.mutex));
    line_up(&other, 1, name);
    rn_condvar_signal(&shared.condvar);
    CHECK_RC(end(&other), 0);
}

/* The cancelled one must wait for the mutex all the same. */
ROOT(condvar_cancelled_wait_takes_the_mutex_uncancelled)
{
    struct shared shared = SHARED;
    uint32_t order = 0;
    rn_task task;
    struct waiting one = waiter(&shared, &order);
    RN_MUST(rn_spawn(&task, waiting_run, &one));
    WAIT_UNTIL_PARKED(1, name);
    rn_mutex_lock(&shared.mutex);
    rn_task_cancel(task, 0);
    WAIT_UNTIL(parked_in("mutex lock") == 1);
    CHECK(!rn_task_ended(task));
    rn_mutex_unlock(&shared.mutex);
    CHECK_RC(result_of(task), RN_ECANCELED);
}

EVERYWHERE(condvar_nobody_may_wait_in_a_drop_function)
{
    struct shared shared = SHARED;
    rn_mutex_lock(&shared.mutex);
    rn__callback_enter();
    CHECK_RC(rn_condvar_wait(&shared.condvar, &shared.mutex), RN_EDEADLK);
    rn__callback_leave();
    CHECK(is_held(&shared.mutex));
    rn_mutex_unlock(&shared.mutex);
}

#ifndef NDEBUG

TEST(condvar_wait_without_the_mutex_stops_a_debug_build)
{
    struct shared shared = SHARED;
    EXPECT_DEATH(SIGABRT, "mutex: unlocked, but nobody holds it")
    rn_ignore(rn_condvar_wait(&shared.condvar, &shared.mutex));
}

#endif
