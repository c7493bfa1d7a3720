/* SPDX-License-Identifier: MIT */
/* oom_locks.c - the first wait of a plain thread when there is no memory for it: a call with a code says RN_ENOMEM
 * and has taken nothing; a lock that has no code is had all the same, later. */
#include "oom/refuse.h"

#include "api/parked.h"

#include <pthread.h>

static rn_semaphore semaphore = RN_SEMAPHORE_INIT(1);
static rn_mutex mutex = RN_MUTEX_INIT;
static rn_rwlock rwlock = RN_RWLOCK_INIT;
static rn_barrier barrier = RN_BARRIER_INIT(2);
static rn_once once = RN_ONCE_INIT;
static rn_condvar condvar = RN_CONDVAR_INIT;

/* The first request is refused, however late it comes; if none is, the wait must end. */
static rn_deadline soon(void)
{
    return refusal.number == 1 ? RN_FOREVER : rn_in_ms(1);
}

/* Either there was no memory, or time is up. */
static bool gave_up(int rc)
{
    return rc == (was_refused() ? RN_ENOMEM : RN_ETIMEDOUT);
}

static void wait_for_a_permit(void)
{
    refuse_begin();
    const int rc = rn_semaphore_acquire_until(&semaphore, 2, soon());
    refuse_end();
    CHECK(gave_up(rc));
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), 0);
}

static void wait_for_a_barrier(void)
{
    refuse_begin();
    const int rc = rn_barrier_wait_until(&barrier, NULL, soon());
    refuse_end();
    CHECK(gave_up(rc));
    CHECK_RC(rn_barrier_wait_until(&barrier, NULL, rn_in_ms(1)), RN_ETIMEDOUT); /* the first one does not count */
}

static void wait_for_a_once(void)
{
    refuse_begin();
    const int rc = rn_once_wait_until(&once, soon());
    refuse_end();
    CHECK(gave_up(rc));
    CHECK_RC(rn_once_set(&once), 0);
}

static void wait_for_a_signal(void)
{
    rn_mutex_lock(&mutex);
    refuse_begin();
    const int rc = rn_condvar_wait_until(&condvar, &mutex, soon());
    refuse_end();
    CHECK(gave_up(rc));
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
}

/* A thread that holds the lock until the other one has met the refusal, or stands in the line. */
static uint32_t is_held, is_had;

static void *hold_mutex(void *arg)
{
    (void)arg;
    rn_mutex_lock(&mutex);
    set(&is_held);
    WAIT_UNTIL(was_refused() || parked_in("mutex lock") == 1);
    CHECK(!is_set(&is_had));
    rn_mutex_unlock(&mutex);
    return NULL;
}

static void *hold_rwlock(void *arg)
{
    (void)arg;
    rn_rwlock_write(&rwlock);
    set(&is_held);
    WAIT_UNTIL(was_refused() || parked_in("rwlock read") == 1);
    CHECK(!is_set(&is_had));
    rn_rwlock_unlock_write(&rwlock);
    return NULL;
}

static void wait_for_a_mutex(void)
{
    pthread_t holder;
    REQUIRE(pthread_create(&holder, NULL, hold_mutex, NULL) == 0);
    WAIT_UNTIL(is_set(&is_held));
    refuse_begin();
    rn_mutex_lock(&mutex);
    set(&is_had);
    refuse_end();
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
    REQUIRE(pthread_join(holder, NULL) == 0);
}

static void wait_for_a_rwlock(void)
{
    pthread_t holder;
    REQUIRE(pthread_create(&holder, NULL, hold_rwlock, NULL) == 0);
    WAIT_UNTIL(is_set(&is_held));
    refuse_begin();
    rn_rwlock_read(&rwlock);
    set(&is_had);
    refuse_end();
    CHECK_RC(rn_rwlock_try_write(&rwlock), RN_EAGAIN);
    rn_rwlock_unlock_read(&rwlock);
    REQUIRE(pthread_join(holder, NULL) == 0);
}

REFUSED(semaphore_first_wait_without_memory, RN__FAULT_MAP, 1, wait_for_a_permit)
REFUSED(barrier_first_wait_without_memory, RN__FAULT_MAP, 1, wait_for_a_barrier)
REFUSED(once_first_wait_without_memory, RN__FAULT_MAP, 1, wait_for_a_once)
REFUSED(condvar_first_wait_without_memory, RN__FAULT_MAP, 1, wait_for_a_signal)
REFUSED(mutex_is_locked_without_memory_to_wait_with, RN__FAULT_MAP, 1, wait_for_a_mutex)
REFUSED(rwlock_is_locked_without_memory_to_wait_with, RN__FAULT_MAP, 1, wait_for_a_rwlock)
