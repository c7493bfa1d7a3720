/* SPDX-License-Identifier: MIT */
/* api_rwlock.c - the contract of <runnel/rwlock.h>, sentence by sentence. */
#include "api/line.h"

#include <signal.h>

static const char name[] = "rwlock under test";

#define RWLOCK                                                                                                       \
    {                                                                                                                \
        .name = name                                                                                                 \
    }

/* Whoever gets it notes that and gives it up when it is told. */
static int read_until_told(struct waiting *waiting)
{
    const int rc = rn_rwlock_read_until(waiting->object, waiting->deadline);
    if (rc != 0)
        return rc;
    note_place(waiting);
    WAIT_UNTIL(is_set(&waiting->go));
    rn_rwlock_unlock_read(waiting->object);
    return 0;
}

static int write_until_told(struct waiting *waiting)
{
    const int rc = rn_rwlock_write_until(waiting->object, waiting->deadline);
    if (rc != 0)
        return rc;
    note_place(waiting);
    WAIT_UNTIL(is_set(&waiting->go));
    rn_rwlock_unlock_write(waiting->object);
    return 0;
}

static struct waiting reader(rn_rwlock *lock, uint32_t *order)
{
    return (struct waiting){.call = read_until_told, .object = lock, .order = order};
}

static struct waiting writer(rn_rwlock *lock, uint32_t *order)
{
    return (struct waiting){.call = write_until_told, .object = lock, .order = order};
}

static int let_go(struct waiting *waiting)
{
    set(&waiting->go);
    return end(waiting);
}

/* -- holding ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(rwlock_initialisers_are_ready_for_use)
{
    static rn_rwlock initialised = RN_RWLOCK_INIT;
    rn_rwlock zero = {0};
    rn_rwlock_read(&initialised);
    rn_rwlock_unlock_read(&initialised);
    rn_rwlock_write(&zero);
    rn_rwlock_unlock_write(&zero);
    CHECK(sizeof zero <= 64);
}

EVERYWHERE(rwlock_readers_hold_it_together)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting one = reader(&lock, &order), two = reader(&lock, &order);
    start(&one);
    start(&two);
    rn_rwlock_read(&lock);
    WAIT_UNTIL(value_of(&order) == 2);
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    rn_rwlock_unlock_read(&lock);
    rn_rwlock_unlock_read(&lock);
    CHECK_RC(let_go(&one), 0);
    CHECK_RC(let_go(&two), 0);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

EVERYWHERE(rwlock_uncontended_is_read_and_written)
{
    rn_rwlock lock = RWLOCK;
    for (int i = 0; i < 100; i++) {
        rn_rwlock_read(&lock);
        rn_rwlock_unlock_read(&lock);
        rn_rwlock_write(&lock);
        rn_rwlock_unlock_write(&lock);
    }
    CHECK_RC(rn_rwlock_read_until(&lock, rn_in_ms(0)), 0);
    rn_rwlock_unlock_read(&lock);
    CHECK_RC(rn_rwlock_write_until(&lock, rn_in_ms(0)), 0);
    rn_rwlock_unlock_write(&lock);
}

EVERYWHERE(rwlock_try_write_fails_while_it_is_read)
{
    rn_rwlock lock = RWLOCK;
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    rn_rwlock_unlock_read(&lock);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

EVERYWHERE(rwlock_try_fails_while_it_is_written)
{
    rn_rwlock lock = RWLOCK;
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    CHECK_RC(rn_rwlock_try_read(&lock), RN_EAGAIN);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    rn_rwlock_unlock_write(&lock);
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    rn_rwlock_unlock_read(&lock);
}

EVERYWHERE(rwlock_null_is_answered)
{
    CHECK_RC(rn_rwlock_try_read(NULL), RN_EINVAL);
    CHECK_RC(rn_rwlock_try_write(NULL), RN_EINVAL);
    CHECK_RC(rn_rwlock_read_until(NULL, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_rwlock_write_until(NULL, RN_FOREVER), RN_EINVAL);
    rn_rwlock_unlock_read(NULL);
    rn_rwlock_unlock_write(NULL);
    rn_rwlock_downgrade(NULL);
}

/* -- the line --------------------------------------------------------------------------------------------------- */

EVERYWHERE(rwlock_writer_waits_for_all_readers)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting one = reader(&lock, &order), two = reader(&lock, &order), writes = writer(&lock, &order);
    start(&one);
    start(&two);
    WAIT_UNTIL(value_of(&order) == 2);
    line_up(&writes, 1, name);
    CHECK_RC(let_go(&one), 0);
    CHECK_EQ(parked_on(name), 1);
    CHECK_EQ(place_of(&writes), 0);
    CHECK_RC(let_go(&two), 0);
    WAIT_UNTIL(place_of(&writes) == 3);
    CHECK_RC(let_go(&writes), 0);
}

EVERYWHERE(rwlock_reader_waits_for_the_writer)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting reads = reader(&lock, &order);
    rn_rwlock_write(&lock);
    line_up(&reads, 1, name);
    CHECK_EQ(place_of(&reads), 0);
    rn_rwlock_unlock_write(&lock);
    WAIT_UNTIL(place_of(&reads) == 1);
    CHECK_RC(let_go(&reads), 0);
}

EVERYWHERE(rwlock_writers_wait_for_each_other_in_order)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting one = writer(&lock, &order), two = writer(&lock, &order);
    rn_rwlock_write(&lock);
    line_up(&one, 1, name);
    line_up(&two, 2, name);
    rn_rwlock_unlock_write(&lock);
    WAIT_UNTIL(place_of(&one) == 1);
    CHECK_EQ(parked_on(name), 1);
    CHECK_RC(let_go(&one), 0);
    WAIT_UNTIL(place_of(&two) == 2);
    CHECK_RC(let_go(&two), 0);
}

EVERYWHERE(rwlock_reader_behind_a_waiting_writer_waits)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting first = reader(&lock, &order), writes = writer(&lock, &order), reads = reader(&lock, &order);
    start(&first);
    WAIT_UNTIL(place_of(&first) == 1);
    line_up(&writes, 1, name);
    CHECK_RC(rn_rwlock_try_read(&lock), RN_EAGAIN);
    line_up(&reads, 2, name);
    CHECK_RC(let_go(&first), 0);
    WAIT_UNTIL(place_of(&writes) == 2);
    CHECK_EQ(place_of(&reads), 0);
    CHECK_RC(let_go(&writes), 0);
    WAIT_UNTIL(place_of(&reads) == 3);
    CHECK_RC(let_go(&reads), 0);
}

EVERYWHERE(rwlock_readers_at_the_head_go_in_together)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting one = reader(&lock, &order), two = reader(&lock, &order), writes = writer(&lock, &order);
    struct waiting last = reader(&lock, &order);
    rn_rwlock_write(&lock);
    line_up(&one, 1, name);
    line_up(&two, 2, name);
    line_up(&writes, 3, name);
    line_up(&last, 4, name);
    rn_rwlock_unlock_write(&lock);
    WAIT_UNTIL(place_of(&one) != 0 && place_of(&two) != 0);
    CHECK_EQ(value_of(&order), 2);
    WAIT_UNTIL_PARKED(2, name);
    CHECK_RC(let_go(&two), 0);
    CHECK_RC(let_go(&one), 0);
    WAIT_UNTIL(place_of(&writes) == 3);
    CHECK_RC(let_go(&writes), 0);
    CHECK_RC(let_go(&last), 0);
    CHECK_EQ(place_of(&last), 4);
}

EVERYWHERE(rwlock_unlock_hands_it_over)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting writes = writer(&lock, &order);
    rn_rwlock_write(&lock);
    line_up(&writes, 1, name);
    rn_rwlock_unlock_write(&lock);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    CHECK_RC(rn_rwlock_try_read(&lock), RN_EAGAIN);
    CHECK_RC(let_go(&writes), 0);
}

/* As many as the counter can count: nobody has so many tasks, so the case says it. */
EVERYWHERE(rwlock_full_of_readers_makes_the_next_one_wait)
{
    rn_rwlock lock = {.holders = UINT32_MAX - 2, .name = name};
    uint32_t order = 0;
    struct waiting one_too_many = reader(&lock, &order);
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    CHECK_RC(rn_rwlock_try_read(&lock), RN_EAGAIN);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    line_up(&one_too_many, 1, name);
    rn_rwlock_unlock_read(&lock);
    WAIT_UNTIL(place_of(&one_too_many) == 1);
    CHECK_RC(let_go(&one_too_many), 0);
}

/* -- downgrade -------------------------------------------------------------------------------------------------- */

EVERYWHERE(rwlock_downgrade_lets_readers_in_and_no_writer)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting one = reader(&lock, &order), writes = writer(&lock, &order), late = reader(&lock, &order);
    rn_rwlock_write(&lock);
    line_up(&one, 1, name);
    line_up(&writes, 2, name);
    line_up(&late, 3, name);
    CHECK_EQ(value_of(&order), 0);
    rn_rwlock_downgrade(&lock);
    WAIT_UNTIL(place_of(&one) == 1);
    CHECK_RC(let_go(&one), 0);
    CHECK_EQ(parked_on(name), 2);
    rn_rwlock_unlock_read(&lock);
    WAIT_UNTIL(place_of(&writes) == 2);
    CHECK_EQ(place_of(&late), 0);
    CHECK_RC(let_go(&writes), 0);
    CHECK_RC(let_go(&late), 0);
}

EVERYWHERE(rwlock_downgraded_is_read_locked)
{
    rn_rwlock lock = RWLOCK;
    rn_rwlock_write(&lock);
    rn_rwlock_downgrade(&lock);
    CHECK_RC(rn_rwlock_try_write(&lock), RN_EAGAIN);
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    rn_rwlock_unlock_read(&lock);
    rn_rwlock_unlock_read(&lock);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

/* -- giving up -------------------------------------------------------------------------------------------------- */

EVERYWHERE(rwlock_until_ends_at_its_deadline)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting writes = writer(&lock, &order);
    start(&writes);
    WAIT_UNTIL(place_of(&writes) == 1);
    CHECK_RC(rn_rwlock_read_until(&lock, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_rwlock_read_until(&lock, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_RC(rn_rwlock_write_until(&lock, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_RC(let_go(&writes), 0);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

EVERYWHERE(rwlock_writer_that_gives_up_lets_readers_go_on)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting first = reader(&lock, &order), writes = writer(&lock, &order), reads = reader(&lock, &order);
    start(&first);
    WAIT_UNTIL(place_of(&first) == 1);
    writes.deadline = rn_in_ms(200);
    start(&writes);
    WAIT_UNTIL(parked_on(name) == 1 || rn_passed(writes.deadline));
    start(&reads);
    CHECK_RC(end(&writes), RN_ETIMEDOUT);
    WAIT_UNTIL(place_of(&reads) == 2);
    CHECK_RC(let_go(&reads), 0);
    CHECK_RC(let_go(&first), 0);
}

ROOT(rwlock_cancelled_writer_lets_readers_go_on)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    rn_task task;
    struct waiting writes = writer(&lock, &order), reads = reader(&lock, &order);
    rn_rwlock_read(&lock);
    RN_MUST(rn_spawn(&task, waiting_run, &writes));
    WAIT_UNTIL_PARKED(1, name);
    line_up(&reads, 2, name);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    WAIT_UNTIL(place_of(&reads) == 1);
    CHECK_RC(let_go(&reads), 0);
    rn_rwlock_unlock_read(&lock);
}

ROOT(rwlock_until_by_a_cancelled_task_does_not_lock)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting writes = writer(&lock, &order), reads = reader(&lock, &order);
    CHECK_RC(cancelled_before(&writes), RN_ECANCELED);
    CHECK_RC(cancelled_before(&reads), RN_ECANCELED);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

static int lock_both_ways(struct waiting *waiting)
{
    rn_rwlock_read(waiting->object);
    rn_rwlock_unlock_read(waiting->object);
    rn_rwlock_write(waiting->object);
    rn_rwlock_unlock_write(waiting->object);
    return rn_cancelled();
}

ROOT(rwlock_plain_calls_are_not_cancelled)
{
    rn_rwlock lock = RWLOCK;
    rn_task task;
    struct waiting both = {.call = lock_both_ways, .object = &lock};
    CHECK(cancelled_before(&both) != 0);
    rn_rwlock_write(&lock);
    RN_MUST(rn_spawn(&task, waiting_run, &both));
    WAIT_UNTIL_PARKED(1, name);
    rn_task_cancel(task, 77);
    CHECK_RC(rn_sleep_ms(5), 0);
    CHECK_EQ(parked_on(name), 1);
    rn_rwlock_unlock_write(&lock);
    CHECK_EQ(result_of(task), 77);
}

/* -- mistakes --------------------------------------------------------------------------------------------------- */

TEST(rwlock_read_in_a_drop_function_stops_the_program)
{
    rn_rwlock lock = RWLOCK;
    EXPECT_DEATH(SIGABRT, "rwlock read rwlock under test: nobody may wait inside a drop")
    {
        rn__callback_enter();
        rn_rwlock_read(&lock);
    }
    rn__callback_enter();
    CHECK_RC(rn_rwlock_try_read(&lock), 0);
    rn_rwlock_unlock_read(&lock);
    CHECK_RC(rn_rwlock_read_until(&lock, RN_FOREVER), RN_EDEADLK);
    rn__callback_leave();
}

TEST(rwlock_write_in_a_drop_function_stops_the_program)
{
    rn_rwlock lock = RWLOCK;
    EXPECT_DEATH(SIGABRT, "rwlock write rwlock under test: nobody may wait inside a drop")
    {
        rn__callback_enter();
        rn_rwlock_write(&lock);
    }
    EXPECT_DEATH(SIGABRT, "rwlock write: NULL is no lock") rn_rwlock_write(NULL);
}

#ifdef NDEBUG

TEST(rwlock_unlock_of_a_free_one_changes_nothing)
{
    rn_rwlock lock = RWLOCK;
    rn_rwlock_unlock_read(&lock);
    rn_rwlock_unlock_write(&lock);
    CHECK_RC(rn_rwlock_try_write(&lock), 0);
    rn_rwlock_unlock_write(&lock);
}

#else

TEST(rwlock_misused_stops_a_debug_build)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting writes = writer(&lock, &order);
    EXPECT_DEATH(SIGABRT, "rwlock under test: unlocked by a reader, but nobody reads") rn_rwlock_unlock_read(&lock);
    EXPECT_DEATH(SIGABRT, "rwlock under test: unlocked by a writer, but nobody writes") rn_rwlock_unlock_write(&lock);
    EXPECT_DEATH(SIGABRT, "rwlock under test: unlocked by a writer, but nobody writes") rn_rwlock_downgrade(&lock);
    EXPECT_DEATH(SIGABRT, "rwlock under test: locked again by one that holds it")
    {
        rn_rwlock_write(&lock);
        rn_rwlock_write(&lock);
    }
    EXPECT_DEATH(SIGABRT, "rwlock under test: locked again by one that holds it")
    {
        rn_rwlock_write(&lock);
        rn_rwlock_read(&lock);
    }
    EXPECT_DEATH(SIGABRT, "rwlock under test: locked again by one that holds it")
    {
        rn_rwlock_read(&lock);
        rn_rwlock_write(&lock);
    }
    start(&writes);
    WAIT_UNTIL(place_of(&writes) == 1);
    EXPECT_DEATH(SIGABRT, "rwlock under test: unlocked by another one than who writes") rn_rwlock_unlock_write(&lock);
    CHECK_RC(let_go(&writes), 0);
}

/* Who has given its read lock up is none that holds it. */
TEST(rwlock_recursive_read_behind_a_writer_stops_a_debug_build)
{
    rn_rwlock lock = RWLOCK;
    uint32_t order = 0;
    struct waiting reads = reader(&lock, &order), writes = writer(&lock, &order);
    rn_rwlock_read(&lock);
    rn_rwlock_unlock_read(&lock);
    start(&reads);
    WAIT_UNTIL(place_of(&reads) == 1);
    line_up(&writes, 1, name);
    CHECK_RC(rn_rwlock_read_until(&lock, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(let_go(&reads), 0);
    CHECK_RC(let_go(&writes), 0);

    struct waiting stuck = writer(&lock, &order);
    rn_rwlock_read(&lock);
    EXPECT_DEATH(SIGABRT, "rwlock under test: locked again by one that holds it")
    {
        line_up(&stuck, 1, name); /* in there: a fork leaves nobody in line */
        rn_rwlock_read(&lock);
    }
    rn_rwlock_unlock_read(&lock);
}

#endif
