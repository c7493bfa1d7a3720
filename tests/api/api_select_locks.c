/* SPDX-License-Identifier: MIT */
/* api_select_locks.c - locks as cases of a select: they stand in the line like the calls, exactly one is held in the
 * end, by whoever selected, and those behind one that was not taken go on. */
#include <signal.h>

#include "api/line.h"
#include "api/selected.h"

static const char name[] = "lock under test";

enum { PERMITS, MUTEX, READ, WRITE, LOCKS };

/* One of each. */
struct locks {
    rn_semaphore semaphore;
    rn_mutex mutex;
    rn_rwlock read, write;
    rn_case cases[LOCKS];
};

static void make(struct locks *locks, size_t permits)
{
    *locks = (struct locks){.semaphore = RN_SEMAPHORE_INIT(permits)};
    locks->cases[PERMITS] = rn_semaphore_acquire_case(&locks->semaphore, 2);
    locks->cases[MUTEX] = rn_mutex_lock_case(&locks->mutex);
    locks->cases[READ] = rn_rwlock_read_case(&locks->read);
    locks->cases[WRITE] = rn_rwlock_write_case(&locks->write);
}

static void take_all(struct locks *locks)
{
    CHECK_EQ(rn_semaphore_forget(&locks->semaphore, SIZE_MAX), 2);
    rn_mutex_lock(&locks->mutex);
    rn_rwlock_write(&locks->read);
    rn_rwlock_read(&locks->write);
}

/* By whoever holds it. */
static void give_back(struct locks *locks, int which)
{
    if (which == PERMITS)
        CHECK_RC(rn_semaphore_release(&locks->semaphore, 2), 0);
    if (which == MUTEX)
        rn_mutex_unlock(&locks->mutex);
    if (which == READ)
        rn_rwlock_unlock_read(&locks->read);
    if (which == WRITE)
        rn_rwlock_unlock_write(&locks->write);
}

/* The one that take_all() took. */
static void let_go(struct locks *locks, int which)
{
    if (which == READ)
        rn_rwlock_unlock_write(&locks->read);
    else if (which == WRITE)
        rn_rwlock_unlock_read(&locks->write);
    else
        give_back(locks, which);
}

/* Nobody holds or waits for any. */
static void check_all_free(struct locks *locks)
{
    CHECK_EQ(rn_semaphore_available(&locks->semaphore), 2);
    CHECK_RC(rn_mutex_try_lock(&locks->mutex), 0);
    CHECK_RC(rn_rwlock_try_write(&locks->read), 0);
    CHECK_RC(rn_rwlock_try_write(&locks->write), 0);
    rn_mutex_unlock(&locks->mutex);
    rn_rwlock_unlock_write(&locks->read);
    rn_rwlock_unlock_write(&locks->write);
}

/* -- at once ----------------------------------------------------------------------------------------------------- */

EVERYWHERE(select_lock_cases_happen_at_once)
{
    struct locks locks;
    make(&locks, 2);
    for (int which = 0; which < LOCKS; which++) {
        for (int again = 0; again < 2; again++) {
            CHECK_EQ(rn_select(&locks.cases[which], 1), 0);
            CHECK_RC(locks.cases[which].rc, 0);
            CHECK_EQ(rn_semaphore_available(&locks.semaphore), which == PERMITS ? 0 : 2);
            give_back(&locks, which);
        }
    }
    check_all_free(&locks);
}

EVERYWHERE(select_lock_cases_of_what_is_held_cannot_happen)
{
    struct locks locks;
    make(&locks, 2);
    take_all(&locks);
    CHECK_RC(rn_try_select(locks.cases, LOCKS), RN_EAGAIN); /* also of what the caller holds itself */
    for (int which = 0; which < LOCKS; which++)
        let_go(&locks, which);
    check_all_free(&locks);
}

EVERYWHERE(select_acquire_case_says_what_the_call_would_say)
{
    rn_semaphore semaphore = RN_SEMAPHORE_INIT(1);
    rn_case none = rn_semaphore_acquire_case(&semaphore, 0), one = rn_semaphore_acquire_case(&semaphore, 1);
    rn_case wide = rn_semaphore_acquire_case(&semaphore, (size_t)RN_SEMAPHORE_MAX + 1);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_EQ(rn_select(&none, 1), 0);
    CHECK_RC(none.rc, 0);
    CHECK_RC(rn_try_select(&one, 1), RN_EAGAIN);
    CHECK_EQ(rn_select(&wide, 1), 0);
    CHECK_RC(wide.rc, RN_EINVAL);
    rn_semaphore_close(&semaphore);
    CHECK_EQ(rn_select(&none, 1), 0);
    CHECK_RC(none.rc, RN_CLOSED);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(one.rc, RN_CLOSED);
}

/* -- after a wait ------------------------------------------------------------------------------------------------ */

struct locker {
    struct selector selector;
    struct locks *locks;
};

/* Whoever selected is the holder: debug builds would not let anybody else unlock. */
static int select_and_give_back(void *arg)
{
    struct locker *locker = arg;
    select_once(&locker->selector);
    give_back(locker->locks, locker->selector.which);
    return 0;
}

EVERYWHERE(select_that_waits_is_served_by_each_lock)
{
    struct locks locks;
    make(&locks, 2);
    for (int which = 0; which < LOCKS; which++) {
        take_all(&locks);
        struct locker locker = {SELECTOR(locks.cases), &locks};
        struct actor *actor = actor_start(select_and_give_back, &locker);
        WAIT_UNTIL_SELECTING(1);
        let_go(&locks, which);
        CHECK_RC(actor_join(actor), 0);
        CHECK_RC(locker.selector.which, which);
        CHECK_RC(locks.cases[which].rc, 0);
        for (int other = 0; other < LOCKS; other++)
            if (other != which)
                let_go(&locks, other);
        check_all_free(&locks);
    }
}

EVERYWHERE(select_that_waits_for_permits_hears_the_close)
{
    rn_semaphore semaphore = RN_SEMAPHORE_INIT(1);
    rn_case cases[] = {rn_semaphore_acquire_case(&semaphore, 3), rn_semaphore_acquire_case(&semaphore, 2)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    rn_semaphore_close(&semaphore);
    CHECK_RC(actor_join(actor), 0);
    CHECK(selector.which >= 0);
    CHECK_RC(cases[selector.which].rc, RN_CLOSED);
    CHECK_EQ(rn_semaphore_available(&semaphore), 1);
}

/* The mutex twice, to read and to write: it gets one, once, and what it gave back is free. */
EVERYWHERE(select_with_one_lock_in_two_cases_takes_it_once)
{
    rn_mutex mutex = RN_MUTEX_INIT;
    rn_rwlock lock = RN_RWLOCK_INIT;
    rn_case both[] = {rn_mutex_lock_case(&mutex), rn_mutex_lock_case(&mutex)};
    rn_case either[] = {rn_rwlock_read_case(&lock), rn_rwlock_write_case(&lock)};
    struct selector locker = SELECTOR(both), reader = SELECTOR(either);
    rn_mutex_lock(&mutex);
    rn_rwlock_write(&lock);
    struct actor *actors[] = {actor_start(select_once, &locker), actor_start(select_once, &reader)};
    WAIT_UNTIL_SELECTING(2);
    rn_mutex_unlock(&mutex);
    rn_rwlock_unlock_write(&lock);
    CHECK_RC(actor_join(actors[0]), 0);
    CHECK_RC(actor_join(actors[1]), 0);
    CHECK(locker.which >= 0 && reader.which >= 0);
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    CHECK_RC(rn_rwlock_try_read(&lock), reader.which == 0 ? 0 : RN_EAGAIN);
}

/* -- those behind ------------------------------------------------------------------------------------------------ */

static int take_permit(struct waiting *waiting)
{
    RN_TRY(rn_semaphore_acquire(waiting->object, 1));
    note_place(waiting);
    return 0;
}

static int read_briefly(struct waiting *waiting)
{
    rn_rwlock_read(waiting->object);
    note_place(waiting);
    rn_rwlock_unlock_read(waiting->object);
    return 0;
}

static int lock_briefly(struct waiting *waiting)
{
    rn_mutex_lock(waiting->object);
    note_place(waiting);
    rn_mutex_unlock(waiting->object);
    return 0;
}

/* A request for five keeps one permit from others, a writer keeps readers waiting: until the select goes. */
EVERYWHERE(select_that_leaves_a_lock_lets_those_behind_go_on)
{
    rn_semaphore semaphore = {.permits = 1, .name = name};
    rn_rwlock lock = {.name = name};
    rn_notify notify = RN_NOTIFY_INIT;
    uint32_t order = 0;
    rn_case cases[] = {rn_semaphore_acquire_case(&semaphore, 5), rn_rwlock_write_case(&lock),
                       rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    rn_rwlock_read(&lock);
    struct actor *actor = actor_start(select_once, &selector);
    WAIT_UNTIL_SELECTING(1);
    struct waiting taker = {.call = take_permit, .object = &semaphore, .order = &order};
    struct waiting reader = {.call = read_briefly, .object = &lock, .order = &order};
    start(&taker);
    WAIT_UNTIL(parked_in("semaphore acquire") == 1);
    start(&reader);
    WAIT_UNTIL(parked_in("rwlock read") == 1);
    CHECK_EQ(value_of(&order), 0);
    rn_notify_one(&notify);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(selector.which, 2);
    CHECK_RC(end(&taker), 0);
    CHECK_RC(end(&reader), 0);
    rn_rwlock_unlock_read(&lock);
}

/* Selects over two mutexes, holds what it got until it is told. */
struct holder {
    rn_mutex mutex[2];
    uint32_t which; /* 1, 2 */
    uint32_t go;
};

static int select_and_hold(void *arg)
{
    struct holder *holder = arg;
    rn_case cases[] = {rn_mutex_lock_case(&holder->mutex[0]), rn_mutex_lock_case(&holder->mutex[1])};
    const int which = rn_select(cases, 2);
    CHECK(which >= 0);
    rn__store_release(&holder->which, 1 + (uint32_t)which); /* read by the body */
    WAIT_UNTIL(is_set(&holder->go));
    rn_mutex_unlock(&holder->mutex[which]);
    return 0;
}

/* One that another lock has already served may stand at the head still: the second unlock passes it over, and the
 * mutex goes to those behind while the select holds the first. */
EVERYWHERE(select_that_was_served_is_passed_over_by_an_unlock)
{
    for (uint32_t round = 0; round < 20; round++) {
        const uint32_t served = round % 2, other = 1 - served;
        struct holder holder = {0};
        uint32_t order = 0;
        struct waiting behind[] = {{.call = lock_briefly, .object = &holder.mutex[0], .order = &order},
                                   {.call = lock_briefly, .object = &holder.mutex[1], .order = &order}};
        rn_mutex_lock(&holder.mutex[0]);
        rn_mutex_lock(&holder.mutex[1]);
        struct actor *actor = actor_start(select_and_hold, &holder);
        WAIT_UNTIL_SELECTING(1);
        for (unsigned i = 0; i < 2; i++) {
            start(&behind[i]);
            WAIT_UNTIL(parked_in("mutex lock") == 1 + i);
        }
        rn_mutex_unlock(&holder.mutex[served]);
        rn_mutex_unlock(&holder.mutex[other]);
        CHECK_RC(end(&behind[other]), 0);
        CHECK_EQ(place_of(&behind[other]), 1);
        WAIT_UNTIL(value_of(&holder.which) == 1 + served);
        CHECK_EQ(place_of(&behind[served]), 0);
        set(&holder.go);
        CHECK_RC(actor_join(actor), 0);
        CHECK_RC(end(&behind[served]), 0);
    }
}

static int select_briefly(struct waiting *waiting)
{
    rn_case one = rn_mutex_lock_case(waiting->object);
    CHECK_EQ(rn_select(&one, 1), 0);
    note_place(waiting);
    rn_mutex_unlock(waiting->object);
    return 0;
}

EVERYWHERE(select_stands_in_the_line_of_a_lock_like_a_call)
{
    enum { PARTIES = 6 };
    rn_mutex mutex = {.name = name};
    uint32_t order = 0;
    struct waiting parties[PARTIES];
    rn_mutex_lock(&mutex);
    for (unsigned i = 0; i < PARTIES; i++) {
        parties[i] = (struct waiting){
            .call = i % 2 == 0 ? select_briefly : lock_briefly, .object = &mutex, .order = &order};
        line_up(&parties[i], 1 + i, name);
    }
    rn_mutex_unlock(&mutex);
    for (unsigned i = 0; i < PARTIES; i++) {
        CHECK_RC(end(&parties[i]), 0);
        CHECK_EQ(place_of(&parties[i]), 1 + i);
    }
}

/* -- the end of a wait ------------------------------------------------------------------------------------------- */

EVERYWHERE(select_over_locks_that_timed_out_holds_none)
{
    struct locks locks;
    make(&locks, 2);
    struct holder holder = {0};
    rn_case cases[] = {rn_mutex_lock_case(&holder.mutex[0]), rn_semaphore_acquire_case(&locks.semaphore, 3),
                       rn_notify_wait_case(&(rn_notify){0})};
    struct selector selector = SELECTOR(cases);
    selector.deadline = rn_in_ms(1);
    rn_mutex_lock(&holder.mutex[0]);
    CHECK_RC(actor_join(actor_start(select_once, &selector)), 0);
    CHECK_RC(selector.which, RN_ETIMEDOUT);
    rn_mutex_unlock(&holder.mutex[0]);
    CHECK_RC(rn_mutex_try_lock(&holder.mutex[0]), 0);
    check_all_free(&locks);
}

/* Unlock against cancellation: whatever comes first, the mutex is held by the select or by nobody. Both are seen. */
ROOT(select_over_a_lock_races_cancellation)
{
    rn_mutex mutex = RN_MUTEX_INIT;
    bool was_served = false, was_cancelled = false;
    for (int round = 0; !was_served || !was_cancelled || round < 100; round++) {
        rn_case cases[] = {rn_mutex_lock_case(&mutex), rn_mutex_lock_case(&mutex)};
        struct selector selector = SELECTOR(cases);
        rn_task task;
        rn_mutex_lock(&mutex);
        RN_MUST(rn_spawn(&task, select_once, &selector));
        if (round % 4 != 0)
            WAIT_UNTIL_SELECTING(1);
        if (round % 2 == 0) {
            rn_mutex_unlock(&mutex);
            rn_task_cancel(task, 0);
        } else {
            rn_task_cancel(task, 0);
            rn_mutex_unlock(&mutex);
        }
        RN_MUST(rn_join(task, NULL));
        was_served |= selector.which >= 0;
        was_cancelled |= selector.which == RN_ECANCELED;
        CHECK(selector.which >= 0 || selector.which == RN_ECANCELED);
        CHECK_RC(rn_mutex_try_lock(&mutex), selector.which >= 0 ? RN_EAGAIN : 0);
        mutex = (rn_mutex)RN_MUTEX_INIT; /* its holder has ended */
    }
}

#ifndef NDEBUG

TEST(select_that_would_wait_for_itself_stops_a_debug_build)
{
    rn_mutex mutex = {.name = name};
    rn_rwlock lock = {.name = name};
    rn_case lock_case = rn_mutex_lock_case(&mutex), read_case = rn_rwlock_read_case(&lock);
    rn_mutex_lock(&mutex);
    rn_rwlock_write(&lock);
    EXPECT_DEATH(SIGABRT, "mutex lock under test: locked again by the one that holds it")
    rn_ignore(rn_select(&lock_case, 1));
    EXPECT_DEATH(SIGABRT, "rwlock lock under test: locked again by one that holds it")
    rn_ignore(rn_select(&read_case, 1));
    CHECK_RC(rn_try_select(&lock_case, 1), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
}

#endif
