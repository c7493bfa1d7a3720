/* SPDX-License-Identifier: MIT */
/* test_locks.c - the moment between the end of somebody's time and its leave from the line: it still stands there,
 * and nothing may be given to it. The cases make that moment long, by holding the short lock that the leaver needs;
 * and what is about to be given comes in between. */
#include "api/line.h"
#include "platform/lock.h"
#include "sync/holder.h"

#include <pthread.h>

static const char name[] = "lock, late";

enum { ROUNDS = 20 };

/* Every one of the public structs begins with it. */
static struct rn__lock *lock_of(void *object)
{
    return object;
}

/* go: it has left */
static int leave_late(void *arg)
{
    struct waiting *leaver = arg;
    const int rc = leaver->call(leaver);
    set(&leaver->go);
    return rc;
}

/* Comes back holding the short lock, while the leaver, whose time is up, wants it. On a machine that is busy it may
 * have left before anybody looked: that round then shows less. */
static void start_leaver(struct waiting *leaver)
{
    leaver->deadline = rn_in_ms(5);
    leaver->actor = actor_start(leave_late, leaver);
    WAIT_UNTIL(parked_on(name) == 1 || is_set(&leaver->go));
    rn__lock_acquire(lock_of(leaver->object));
    WAIT_UNTIL_PARKED(0, name);
}

static void release_lock(struct waiting *leaver)
{
    rn__lock_release(lock_of(leaver->object));
}

static int acquire(struct waiting *waiting)
{
    return rn_semaphore_acquire_until(waiting->object, waiting->count, waiting->deadline);
}

TEST(semaphore_permits_pass_over_a_waiter_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_semaphore semaphore = {.name = name};
        struct waiting leaver = {.call = acquire, .object = &semaphore, .count = 1};
        struct waiting stays = leaver;
        start_leaver(&leaver);
        release_lock(&leaver);
        CHECK_RC(rn_semaphore_release(&semaphore, 1), 0); /* nearly always before the leaver gets the lock */
        CHECK_RC(end(&leaver), RN_ETIMEDOUT);
        start(&stays);
        CHECK_RC(end(&stays), 0);
        CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    }
}

static int lock_mutex(struct waiting *waiting)
{
    const int rc = rn_mutex_lock_until(waiting->object, waiting->deadline);
    if (rc == 0)
        rn_mutex_unlock(waiting->object);
    return rc;
}

TEST(mutex_passes_over_a_waiter_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_mutex mutex = {.name = name};
        struct waiting leaver = {.call = lock_mutex, .object = &mutex};
        rn_mutex_lock(&mutex);
        start_leaver(&leaver);
        release_lock(&leaver);
        rn_mutex_unlock(&mutex);
        CHECK_RC(end(&leaver), RN_ETIMEDOUT);
        CHECK_RC(rn_mutex_try_lock(&mutex), 0);
        rn_mutex_unlock(&mutex);
    }
}

static int write_lock(struct waiting *waiting)
{
    const int rc = rn_rwlock_write_until(waiting->object, waiting->deadline);
    if (rc == 0)
        rn_rwlock_unlock_write(waiting->object);
    return rc;
}

TEST(rwlock_passes_over_a_waiter_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_rwlock lock = {.name = name};
        struct waiting leaver = {.call = write_lock, .object = &lock};
        rn_rwlock_read(&lock);
        start_leaver(&leaver);
        release_lock(&leaver);
        rn_rwlock_unlock_read(&lock);
        CHECK_RC(end(&leaver), RN_ETIMEDOUT);
        CHECK_RC(rn_rwlock_try_write(&lock), 0);
        rn_rwlock_unlock_write(&lock);
    }
}

static int come(struct waiting *waiting)
{
    return rn_barrier_wait_until(waiting->object, NULL, waiting->deadline);
}

/* Either it was there when the last one came, and both go on; or it was not, and the last one is alone. */
TEST(barrier_agrees_on_a_party_whose_time_is_up)
{
    int met = 0, missed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        rn_barrier barrier = {.parties = 2, .name = name};
        struct waiting leaver = {.call = come, .object = &barrier};
        start_leaver(&leaver);
        release_lock(&leaver);
        const int mine = rn_barrier_wait_until(&barrier, NULL, rn_in_ms(20));
        CHECK_RC(end(&leaver), mine);
        met += mine == 0;
        missed += mine == RN_ETIMEDOUT;
    }
    CHECK_EQ(met + missed, ROUNDS);
}

static int watch(struct waiting *waiting)
{
    return rn_once_wait_until(waiting->object, waiting->deadline);
}

TEST(once_set_passes_over_a_watcher_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_once once = {.name = name};
        struct waiting leaver = {.call = watch, .object = &once};
        start_leaver(&leaver);
        release_lock(&leaver);
        CHECK_RC(rn_once_set(&once), 0);
        CHECK_RC(end(&leaver), RN_ETIMEDOUT);
    }
}

static rn_mutex held = RN_MUTEX_INIT;

static int wait_for_a_signal(struct waiting *waiting)
{
    rn_mutex_lock(&held);
    const int rc = rn_condvar_wait_until(waiting->object, &held, waiting->deadline);
    rn_mutex_unlock(&held);
    return rc;
}

TEST(condvar_signal_passes_over_a_waiter_whose_time_is_up)
{
    for (int i = 0; i < ROUNDS; i++) {
        rn_condvar condvar = {.name = name};
        struct waiting leaver = {.call = wait_for_a_signal, .object = &condvar}, stays = leaver;
        leaver.deadline = rn_in_ms(20);
        leaver.actor = actor_start(leave_late, &leaver);
        WAIT_UNTIL(in_line_or_gone(&leaver, name) == 1);
        start(&stays);
        WAIT_UNTIL(in_line_or_gone(&leaver, name) == 2);
        rn__lock_acquire(lock_of(&condvar));
        WAIT_UNTIL_PARKED(1, name);
        release_lock(&leaver);
        rn_condvar_signal(&condvar); /* nearly always before the leaver gets the lock */
        CHECK_RC(end(&leaver), RN_ETIMEDOUT);
        CHECK_RC(end(&stays), 0);
    }
}

/* -- who holds --------------------------------------------------------------------------------------------------- */

static int store_caller(void *arg)
{
    *(uint64_t *)arg = rn__caller();
    return 0;
}

static void *store_caller_of_thread(void *arg)
{
    (void)store_caller(arg);
    return NULL;
}

ROOT(caller_is_a_number_for_each_party)
{
    uint64_t of_task = 0, of_thread = 0;
    rn_task task;
    pthread_t thread;
    const uint64_t mine = rn__caller();
    RN_MUST(rn_spawn(&task, store_caller, &of_task));
    CHECK_RC(result_of(task), 0);
    REQUIRE(pthread_create(&thread, NULL, store_caller_of_thread, &of_thread) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK(mine != 0 && of_task != 0 && of_thread != 0);
    CHECK(mine != of_task && mine != of_thread && of_task != of_thread);
    CHECK(mine == rn__caller());
}

/* -- cases of a select ------------------------------------------------------------------------------------------- */

/* What ready() says is what an attempt would: a select looks once more before it stands in a line. */
static void check_ready(rn_case one, bool ready)
{
    struct rn__operation *operation = rn__case_operation(&one);
    CHECK_EQ(operation->kind->ready(operation), ready);
    CHECK_EQ(rn__attempt(operation, RN__PENDING) != RN__PENDING, ready);
}

TEST(locks_ready_says_what_an_attempt_would)
{
    rn_semaphore semaphore = RN_SEMAPHORE_INIT(2);
    rn_mutex mutex = RN_MUTEX_INIT;
    rn_rwlock lock = RN_RWLOCK_INIT;
    check_ready(rn_semaphore_acquire_case(&semaphore, 3), false);
    check_ready(rn_semaphore_acquire_case(&semaphore, 2), true);
    check_ready(rn_semaphore_acquire_case(&semaphore, 1), false);
    check_ready(rn_semaphore_acquire_case(&semaphore, 0), true);
    rn_semaphore_close(&semaphore);
    check_ready(rn_semaphore_acquire_case(&semaphore, 1), true);
    check_ready(rn_mutex_lock_case(&mutex), true);
    check_ready(rn_mutex_lock_case(&mutex), false);
    check_ready(rn_rwlock_read_case(&lock), true);
    check_ready(rn_rwlock_write_case(&lock), false);
    check_ready(rn_rwlock_read_case(&lock), true);
    rn_rwlock_unlock_read(&lock);
    rn_rwlock_unlock_read(&lock);
    check_ready(rn_rwlock_write_case(&lock), true);
    check_ready(rn_rwlock_write_case(&lock), false);
    check_ready(rn_rwlock_read_case(&lock), false);
}
