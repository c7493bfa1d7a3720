/* SPDX-License-Identifier: MIT */
/* stress_locks_race.c - locks at the moment that decides: a grant against the deadline, or the cancellation, of the
 * one that it would reach. The cases go on until both outcomes were seen, and what must hold holds for both. A
 * permit, a lock or a signal that got lost leaves somebody asleep: the case does not end. */
#include "api/line.h"
#include "base/random.h"

static const char name[] = "lock, raced";

enum { EACH_OUTCOME = 5, NEAR_NS = 100 * 1000, MS = 1000 * 1000 };

/* What is raced: an object of which one party has, or will have, what the leaver and then the one who stays want. */
struct subject {
    int (*call)(struct waiting *waiting); /* by the leaver and by who stays: waits, and passes on what it got */
    void (*take)(void);                   /* before: so that they must wait; NULL: nothing to take */
    void (*grant)(void);
    void (*check)(void); /* after all: nothing is held, nothing is lost */
};

/* -- the subjects ------------------------------------------------------------------------------------------------ */

static struct {
    rn_semaphore semaphore;
    rn_mutex mutex;
    rn_rwlock rwlock;
    rn_mutex held;
    rn_condvar condvar;
} the;

static int semaphore_call(struct waiting *waiting)
{
    const int rc = rn_semaphore_acquire_until(&the.semaphore, 2, waiting->deadline);
    if (rc == 0)
        CHECK_RC(rn_semaphore_release(&the.semaphore, 2), 0);
    return rc;
}

static void semaphore_grant(void)
{
    CHECK_RC(rn_semaphore_release(&the.semaphore, 1), 0);
}

static void semaphore_check(void)
{
    CHECK_EQ(rn_semaphore_available(&the.semaphore), 2);
}

static int mutex_call(struct waiting *waiting)
{
    const int rc = rn_mutex_lock_until(&the.mutex, waiting->deadline);
    if (rc == 0)
        rn_mutex_unlock(&the.mutex);
    return rc;
}

static void mutex_take(void)
{
    rn_mutex_lock(&the.mutex);
}

static void mutex_grant(void)
{
    rn_mutex_unlock(&the.mutex);
}

static void mutex_check(void)
{
    CHECK_RC(rn_mutex_try_lock(&the.mutex), 0);
    rn_mutex_unlock(&the.mutex);
}

static int write_call(struct waiting *waiting)
{
    const int rc = rn_rwlock_write_until(&the.rwlock, waiting->deadline);
    if (rc == 0)
        rn_rwlock_unlock_write(&the.rwlock);
    return rc;
}

static int read_call(struct waiting *waiting)
{
    const int rc = rn_rwlock_read_until(&the.rwlock, waiting->deadline);
    if (rc == 0)
        rn_rwlock_unlock_read(&the.rwlock);
    return rc;
}

static void rwlock_take(void)
{
    rn_rwlock_write(&the.rwlock);
}

static void rwlock_grant(void)
{
    rn_rwlock_unlock_write(&the.rwlock);
}

static void rwlock_check(void)
{
    CHECK_RC(rn_rwlock_try_write(&the.rwlock), 0);
    rn_rwlock_unlock_write(&the.rwlock);
}

/* One signal, and whoever gets it gives the next: as long as there is none it waits. */
static int condvar_call(struct waiting *waiting)
{
    rn_mutex_lock(&the.held);
    const int rc = rn_condvar_wait_until(&the.condvar, &the.held, waiting->deadline);
    CHECK_RC(rn_mutex_try_lock(&the.held), RN_EAGAIN);
    if (rc == 0)
        rn_condvar_signal(&the.condvar);
    rn_mutex_unlock(&the.held);
    return rc;
}

static void condvar_grant(void)
{
    rn_condvar_signal(&the.condvar);
}

static const struct subject semaphores = {.call = semaphore_call, .grant = semaphore_grant, .check = semaphore_check};
static const struct subject mutexes = {
    .call = mutex_call, .take = mutex_take, .grant = mutex_grant, .check = mutex_check};
static const struct subject writers = {
    .call = write_call, .take = rwlock_take, .grant = rwlock_grant, .check = rwlock_check};
static const struct subject readers = {
    .call = read_call, .take = rwlock_take, .grant = rwlock_grant, .check = rwlock_check};
static const struct subject condvars = {.call = condvar_call, .grant = condvar_grant};

static void set_up(const struct subject *subject)
{
    the.semaphore = (rn_semaphore){.permits = 1, .name = name};
    the.mutex = (rn_mutex){.name = name};
    the.rwlock = (rn_rwlock){.name = name};
    the.held = (rn_mutex)RN_MUTEX_INIT;
    the.condvar = (rn_condvar){.name = name};
    if (subject->take != NULL)
        subject->take();
}

static void check(const struct subject *subject)
{
    if (subject->check != NULL)
        subject->check();
}

/* -- giving up --------------------------------------------------------------------------------------------------- */

struct aim {
    const struct subject *subject;
    uint64_t random;
    int64_t lead;   /* ns until the deadline: enough for both to stand in line */
    int64_t offset; /* of the grant from the deadline */
    int kept;
    int passed_on;
};

static void wait_until_ns(int64_t at)
{
    while (rn_now_ns() < at)
        rn_yield();
}

static void note(struct aim *aim, int rc, int otherwise)
{
    if (rc != 0)
        CHECK_RC(rc, otherwise);
    aim->kept += rc == 0;
    aim->passed_on += rc != 0;
    aim->offset += rc == 0 ? NEAR_NS : -NEAR_NS;
}

/* object: the subject */
static int leave(struct waiting *waiting)
{
    const struct subject *subject = waiting->object;
    const int rc = subject->call(waiting);
    set(&waiting->go);
    return rc;
}

static void race_deadline(struct aim *aim)
{
    set_up(aim->subject);
    const int64_t at = rn_now_ns() + aim->lead;
    struct waiting leaves = {.call = leave, .object = (void *)(uintptr_t)aim->subject, .deadline = rn_at_ns(at)};
    struct waiting stays = {.call = aim->subject->call};
    start(&leaves);
    WAIT_UNTIL(in_line_or_gone(&leaves, name) == 1);
    start(&stays);
    WAIT_UNTIL(in_line_or_gone(&leaves, name) == 2);
    if (rn_now_ns() > at - MS)
        aim->lead += MS;
    wait_until_ns(at + aim->offset + (int64_t)(rn__random_next(&aim->random) % NEAR_NS));
    aim->subject->grant();
    const int rc = end(&leaves);
    CHECK_RC(end(&stays), 0);
    note(aim, rc, RN_ETIMEDOUT);
    check(aim->subject);
}

static void race_deadlines(const struct subject *subject)
{
    struct aim aim = {.subject = subject, .random = test_seed(), .lead = 3 * MS};
    while (aim.kept < EACH_OUTCOME || aim.passed_on < EACH_OUTCOME)
        race_deadline(&aim);
}

EVERYWHERE(stress_semaphore_passes_on_what_came_at_the_deadline)
{
    race_deadlines(&semaphores);
}

EVERYWHERE(stress_mutex_passes_on_what_came_at_the_deadline)
{
    race_deadlines(&mutexes);
}

EVERYWHERE(stress_rwlock_passes_on_what_came_at_the_deadline)
{
    race_deadlines(&writers);
    race_deadlines(&readers);
}

EVERYWHERE(stress_condvar_passes_on_what_came_at_the_deadline)
{
    race_deadlines(&condvars);
}

/* -- being cancelled --------------------------------------------------------------------------------------------- */

static int grant(void *arg)
{
    const struct subject *subject = arg;
    subject->grant();
    return 0;
}

/* Who takes is who grants: a lock has an owner. */
static int take_and_grant(void *arg)
{
    struct waiting *waiting = arg;
    const struct subject *subject = waiting->object;
    set_up(subject);
    set(&waiting->place);
    while (!is_set(&waiting->go))
        rn_yield();
    return grant(waiting->object);
}

static void race_cancel(struct aim *aim)
{
    struct waiting granter = {.object = (void *)(uintptr_t)aim->subject};
    struct waiting leaves = {.call = aim->subject->call}, stays = leaves;
    rn_task grants, left;
    int rc = 0;
    RN_MUST(rn_spawn(&grants, take_and_grant, &granter));
    WAIT_UNTIL(is_set(&granter.place));
    RN_MUST(rn_spawn(&left, waiting_run, &leaves));
    WAIT_UNTIL_PARKED(1, name);
    line_up(&stays, 2, name);
    set(&granter.go);
    for (uint64_t i = rn__random_next(&aim->random) % 4; i > 0; i--)
        rn_yield();
    rn_task_cancel(left, 0);
    CHECK_RC(rn_join(grants, NULL), 0);
    CHECK_RC(rn_join(left, &rc), 0);
    CHECK_RC(end(&stays), 0);
    note(aim, rc, RN_ECANCELED);
    check(aim->subject);
}

static int race_cancels(void *arg)
{
    struct aim aim = {.subject = arg, .random = test_seed()};
    while (aim.kept < EACH_OUTCOME || aim.passed_on < EACH_OUTCOME)
        race_cancel(&aim);
    return 0;
}

static void cancel_on_all(const struct subject *subject)
{
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        CHECK_RC(rn_run_with(race_cancels, (void *)(uintptr_t)subject, &(rn_runtime_opts){.workers = workers}), 0);
}

TEST(stress_semaphore_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(&semaphores);
}

TEST(stress_mutex_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(&mutexes);
}

TEST(stress_rwlock_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(&writers);
    cancel_on_all(&readers);
}

TEST(stress_condvar_passes_on_what_came_with_the_cancellation)
{
    cancel_on_all(&condvars);
}

/* -- barrier: all or none ---------------------------------------------------------------------------------------- */

static rn_barrier meeting;

static int come(struct waiting *waiting)
{
    return rn_barrier_wait_until(&meeting, NULL, waiting->deadline);
}

static void race_barrier(struct aim *aim)
{
    meeting = (rn_barrier){.parties = 2, .name = name};
    const int64_t at = rn_now_ns() + aim->lead;
    struct waiting leaves = {.call = come, .deadline = rn_at_ns(at)};
    start(&leaves);
    WAIT_UNTIL(parked_on(name) == 1 || rn_now_ns() >= at);
    if (rn_now_ns() > at - MS)
        aim->lead += MS;
    wait_until_ns(at + aim->offset + (int64_t)(rn__random_next(&aim->random) % NEAR_NS));
    const int mine = rn_barrier_wait_until(&meeting, NULL, rn_in_ms(20));
    const int rc = end(&leaves);
    CHECK_RC(mine, rc);
    note(aim, rc, RN_ETIMEDOUT);
}

EVERYWHERE(stress_barrier_all_go_on_or_none_at_the_deadline)
{
    struct aim aim = {.random = test_seed(), .lead = 3 * MS};
    while (aim.kept < EACH_OUTCOME || aim.passed_on < EACH_OUTCOME)
        race_barrier(&aim);
}
