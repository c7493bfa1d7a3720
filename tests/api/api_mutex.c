/* SPDX-License-Identifier: MIT */
/* api_mutex.c - the contract of <runnel/mutex.h>, sentence by sentence. */
#include "api/line.h"

#include <signal.h>

static const char name[] = "mutex under test";

#define MUTEX                                                                                                        \
    {                                                                                                                \
        .name = name                                                                                                 \
    }

/* Whoever gets it notes that, and gives it up when it is told, or at once. */
static int hold_until_told(struct waiting *waiting)
{
    rn_mutex_lock(waiting->object);
    note_place(waiting);
    WAIT_UNTIL(is_set(&waiting->go));
    rn_mutex_unlock(waiting->object);
    return 0;
}

static int hold_briefly(struct waiting *waiting)
{
    const int rc = rn_mutex_lock_until(waiting->object, waiting->deadline);
    if (rc != 0)
        return rc;
    note_place(waiting);
    rn_mutex_unlock(waiting->object);
    return 0;
}

static struct waiting by(int (*call)(struct waiting *), rn_mutex *mutex, uint32_t *order)
{
    return (struct waiting){.call = call, .object = mutex, .order = order};
}

/* -- holding ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(mutex_initialisers_are_ready_for_use)
{
    static rn_mutex initialised = RN_MUTEX_INIT;
    rn_mutex zero = {0};
    rn_mutex_lock(&initialised);
    rn_mutex_lock(&zero);
    rn_mutex_unlock(&initialised);
    rn_mutex_unlock(&zero);
    CHECK(sizeof zero <= 64);
}

EVERYWHERE(mutex_free_is_had_at_once_again_and_again)
{
    rn_mutex mutex = MUTEX;
    for (int i = 0; i < 1000; i++) {
        rn_mutex_lock(&mutex);
        rn_mutex_unlock(&mutex);
    }
    CHECK_RC(rn_mutex_lock_until(&mutex, rn_in_ms(0)), 0);
    rn_mutex_unlock(&mutex);
}

EVERYWHERE(mutex_try_lock_tells_whether_it_is_held)
{
    rn_mutex mutex = MUTEX;
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    rn_mutex_unlock(&mutex);
}

EVERYWHERE(mutex_try_lock_fails_while_somebody_else_holds_it)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting holder = by(hold_until_told, &mutex, &order);
    start(&holder);
    WAIT_UNTIL(place_of(&holder) == 1);
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    set(&holder.go);
    CHECK_RC(end(&holder), 0);
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    rn_mutex_unlock(&mutex);
}

EVERYWHERE(mutex_null_is_answered)
{
    CHECK_RC(rn_mutex_try_lock(NULL), RN_EINVAL);
    CHECK_RC(rn_mutex_lock_until(NULL, RN_FOREVER), RN_EINVAL);
    rn_mutex_unlock(NULL);
}

/* -- the line --------------------------------------------------------------------------------------------------- */

EVERYWHERE(mutex_lock_waits_for_the_unlock)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting second = by(hold_until_told, &mutex, &order);
    rn_mutex_lock(&mutex);
    line_up(&second, 1, name);
    CHECK_EQ(place_of(&second), 0);
    rn_mutex_unlock(&mutex);
    WAIT_UNTIL(place_of(&second) == 1);
    set(&second.go);
    CHECK_RC(end(&second), 0);
}

enum { WAITERS = 4 };

EVERYWHERE(mutex_is_had_in_the_order_of_the_line)
{
    rn_mutex mutex = MUTEX;
    struct waiting waiting[WAITERS];
    uint32_t order = 0;
    rn_mutex_lock(&mutex);
    for (unsigned i = 0; i < WAITERS; i++) {
        waiting[i] = by(hold_briefly, &mutex, &order);
        line_up(&waiting[i], i + 1, name);
    }
    rn_mutex_unlock(&mutex);
    for (uint32_t i = 0; i < WAITERS; i++) {
        CHECK_RC(end(&waiting[i]), 0);
        CHECK_EQ(place_of(&waiting[i]), i + 1);
    }
}

/* At the moment of the unlock it is the other one's, before that has run. */
EVERYWHERE(mutex_unlock_hands_it_over)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting next = by(hold_until_told, &mutex, &order);
    rn_mutex_lock(&mutex);
    line_up(&next, 1, name);
    rn_mutex_unlock(&mutex);
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    set(&next.go);
    rn_mutex_lock(&mutex);
    CHECK_EQ(place_of(&next), 1);
    rn_mutex_unlock(&mutex);
    CHECK_RC(end(&next), 0);
}

EVERYWHERE(mutex_may_be_held_across_a_wait)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting next = by(hold_briefly, &mutex, &order);
    rn_mutex_lock(&mutex);
    line_up(&next, 1, name);
    CHECK_RC(rn_sleep_ms(5), 0);
    CHECK_EQ(place_of(&next), 0);
    rn_mutex_unlock(&mutex);
    CHECK_RC(end(&next), 0);
}

/* -- giving up -------------------------------------------------------------------------------------------------- */

EVERYWHERE(mutex_lock_until_ends_at_its_deadline)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting holder = by(hold_until_told, &mutex, &order);
    start(&holder);
    WAIT_UNTIL(place_of(&holder) == 1);
    CHECK_RC(rn_mutex_lock_until(&mutex, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_mutex_lock_until(&mutex, rn_in_ms(5)), RN_ETIMEDOUT);
    set(&holder.go);
    rn_mutex_lock(&mutex);
    rn_mutex_unlock(&mutex);
    CHECK_RC(end(&holder), 0);
}

ROOT(mutex_lock_until_is_cancelled_and_leaves_the_line)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    rn_task task;
    struct waiting first = by(hold_briefly, &mutex, &order), second = by(hold_briefly, &mutex, &order);
    rn_mutex_lock(&mutex);
    RN_MUST(rn_spawn(&task, waiting_run, &first));
    WAIT_UNTIL_PARKED(1, name);
    line_up(&second, 2, name);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    rn_mutex_unlock(&mutex);
    CHECK_RC(end(&second), 0);
    CHECK_EQ(place_of(&second), 1);
}

ROOT(mutex_lock_until_by_a_cancelled_task_does_not_lock)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting one = by(hold_briefly, &mutex, &order);
    CHECK_RC(cancelled_before(&one), RN_ECANCELED);
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    rn_mutex_unlock(&mutex);
}

static int lock_and_tell(struct waiting *waiting)
{
    rn_mutex_lock(waiting->object);
    note_place(waiting);
    rn_mutex_unlock(waiting->object);
    return rn_cancelled();
}

ROOT(mutex_lock_is_not_cancelled)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    rn_task task;
    struct waiting one = by(lock_and_tell, &mutex, &order);
    rn_mutex_lock(&mutex);
    RN_MUST(rn_spawn(&task, waiting_run, &one));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 77);
    CHECK_RC(rn_sleep_ms(5), 0);
    CHECK_EQ(parked_on(name), 1);
    rn_mutex_unlock(&mutex);
    CHECK_EQ(result_of(task), 77);
    CHECK_EQ(place_of(&one), 1);
    CHECK_EQ(cancelled_before(&one) != 0, 1);
    CHECK_EQ(place_of(&one), 2);
}

/* -- a block that holds it -------------------------------------------------------------------------------------- */

static int leave_by_return(rn_mutex *mutex)
{
    RN_MUTEX_HOLD(mutex)
    {
        return rn_mutex_try_lock(mutex);
    }
    return 1;
}

static int leave_by_try(rn_mutex *mutex)
{
    RN_MUTEX_HOLD(mutex) RN_TRY(RN_CLOSED);
    return 0;
}

static bool is_free(rn_mutex *mutex)
{
    if (rn_mutex_try_lock(mutex) != 0)
        return false;
    rn_mutex_unlock(mutex);
    return true;
}

EVERYWHERE(mutex_hold_unlocks_on_every_way_out)
{
    rn_mutex mutex = MUTEX, inner = MUTEX;
    int rounds = 0;
    RN_MUTEX_HOLD(&mutex)
    {
        CHECK(!is_free(&mutex));
        RN_MUTEX_HOLD(&inner)
        rounds++;
        CHECK(is_free(&inner));
    }
    CHECK_EQ(rounds, 1);
    CHECK(is_free(&mutex));
    RN_MUTEX_HOLD(&mutex)
    {
        if (rounds == 1)
            break;
        rounds++;
    }
    CHECK_EQ(rounds, 1);
    CHECK(is_free(&mutex));
    CHECK_RC(leave_by_return(&mutex), RN_EAGAIN);
    CHECK(is_free(&mutex));
    CHECK_RC(leave_by_try(&mutex), RN_CLOSED);
    CHECK(is_free(&mutex));
}

static int lock_beyond_a_budget(void *arg)
{
    struct waiting *waiting = arg;
    for (int i = 0; i < 300; i++) {
        rn_mutex_lock(waiting->object);
        note_place(waiting);
        rn_mutex_unlock(waiting->object);
    }
    return 0;
}

ROOT(mutex_is_locked_in_a_blocking_job_beyond_a_budget)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    int result = -1;
    struct waiting job = by(NULL, &mutex, &order);
    CHECK_RC(rn_blocking(lock_beyond_a_budget, &job, &result), 0);
    CHECK_RC(result, 0);
    CHECK_EQ(value_of(&order), 300);
    CHECK_RC(lock_beyond_a_budget(&job), 0);
}

static int sleep_holding(struct waiting *waiting)
{
    RN_MUTEX_HOLD(waiting->object)
    {
        note_place(waiting);
        RN_TRY(rn_sleep_until(RN_FOREVER));
    }
    return 0;
}

/* Being cancelled takes nothing away from the holder: its own way out unlocks. */
ROOT(mutex_holder_that_is_cancelled_unlocks_on_its_way_out)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    rn_task task;
    struct waiting holder = by(sleep_holding, &mutex, &order), next = by(hold_briefly, &mutex, &order);
    RN_MUST(rn_spawn(&task, waiting_run, &holder));
    WAIT_UNTIL(place_of(&holder) == 1);
    line_up(&next, 1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_RC(end(&next), 0);
    CHECK(is_free(&mutex));
}

/* -- mistakes --------------------------------------------------------------------------------------------------- */

TEST(mutex_lock_in_a_drop_function_stops_the_program)
{
    rn_mutex mutex = MUTEX;
    EXPECT_DEATH(SIGABRT, "mutex lock mutex under test: nobody may wait inside a drop")
    {
        rn__callback_enter();
        rn_mutex_lock(&mutex);
    }
    rn__callback_enter();
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    rn_mutex_unlock(&mutex);
    CHECK_RC(rn_mutex_lock_until(&mutex, RN_FOREVER), RN_EDEADLK);
    rn__callback_leave();
}

TEST(mutex_lock_of_null_stops_the_program)
{
    EXPECT_DEATH(SIGABRT, "rn_mutex_lock: NULL is no mutex") rn_mutex_lock(NULL);
}

#ifdef NDEBUG

TEST(mutex_unlock_of_a_free_one_changes_nothing)
{
    rn_mutex mutex = MUTEX;
    rn_mutex_unlock(&mutex);
    CHECK_RC(rn_mutex_try_lock(&mutex), 0);
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
}

#else

TEST(mutex_misused_stops_a_debug_build)
{
    rn_mutex mutex = MUTEX;
    uint32_t order = 0;
    struct waiting holder = by(hold_until_told, &mutex, &order);
    EXPECT_DEATH(SIGABRT, "mutex mutex under test: unlocked, but nobody holds it") rn_mutex_unlock(&mutex);
    EXPECT_DEATH(SIGABRT, "mutex mutex under test: locked again by the one that holds it")
    {
        rn_mutex_lock(&mutex);
        rn_mutex_lock(&mutex);
    }
    EXPECT_DEATH(SIGABRT, "mutex mutex under test: locked again by the one that holds it")
    {
        rn_mutex_lock(&mutex);
        rn_ignore(rn_mutex_lock_until(&mutex, RN_FOREVER));
    }
    start(&holder);
    WAIT_UNTIL(place_of(&holder) == 1);
    EXPECT_DEATH(SIGABRT, "mutex mutex under test: unlocked by another one") rn_mutex_unlock(&mutex);
    set(&holder.go);
    CHECK_RC(end(&holder), 0);
}

static int notify_one_that_waits(void *notify)
{
    WAIT_UNTIL(parked_in("notify wait") == 1);
    rn_notify_one(notify);
    return 0;
}

/* A plain thread is itself before its first wait and after it. */
TEST(mutex_locked_before_the_first_wait_is_unlocked_after_it)
{
    rn_mutex mutex = MUTEX;
    rn_notify notify = RN_NOTIFY_INIT;
    struct actor *notifier = actor_start(notify_one_that_waits, &notify);
    rn_mutex_lock(&mutex);
    CHECK_RC(rn_notify_wait(&notify), 0);
    CHECK(rn__party_current() != NULL);
    rn_mutex_unlock(&mutex);
    CHECK_RC(actor_join(notifier), 0);
}

#endif
