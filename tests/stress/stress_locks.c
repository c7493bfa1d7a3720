/* SPDX-License-Identifier: MIT */
/* stress_locks.c - many parties at one lock: what must hold holds all the time. Plain variables under the locks are
 * what a race would break, and what ThreadSanitizer looks at. */
#include "api/line.h"
#include "base/random.h"

enum { PARTIES = 8, ROUNDS = TEST_SANITIZED ? 200 : 2000 };

static void all(int (*call)(struct waiting *), void *object)
{
    static struct waiting parties[PARTIES];
    for (unsigned i = 0; i < PARTIES; i++) {
        parties[i] = (struct waiting){.call = call, .object = object, .count = i};
        start(&parties[i]);
    }
    for (unsigned i = 0; i < PARTIES; i++)
        CHECK_RC(end(&parties[i]), 0);
}

/* -- mutex ------------------------------------------------------------------------------------------------------- */

struct counter {
    rn_mutex mutex;
    long value;
    long other; /* the same but for a moment */
};

static int lock_somehow(rn_mutex *mutex, int round)
{
    if (round % 4 == 1 && rn_mutex_try_lock(mutex) == 0)
        return 0;
    if (round % 4 == 2 && rn_mutex_lock_until(mutex, rn_in_us(50)) == 0)
        return 0;
    rn_mutex_lock(mutex);
    return 0;
}

static int count(struct waiting *waiting)
{
    struct counter *counter = waiting->object;
    for (int i = 0; i < ROUNDS; i++) {
        lock_somehow(&counter->mutex, i);
        const long before = counter->value++;
        if (i % 64 == 0)
            rn_yield();
        CHECK_EQ(counter->other, before);
        counter->other = counter->value;
        rn_mutex_unlock(&counter->mutex);
    }
    return 0;
}

EVERYWHERE(stress_mutex_counts_every_round)
{
    static struct counter counter;
    all(count, &counter);
    CHECK_EQ(counter.value, PARTIES * ROUNDS);
    CHECK_EQ(counter.other, PARTIES * ROUNDS);
}

/* -- rwlock ------------------------------------------------------------------------------------------------------ */

struct pair_of_values {
    rn_rwlock lock;
    long a, b; /* equal, but for a writer */
    uint32_t readers;
};

static void write_pair(struct pair_of_values *pair, bool then_reads)
{
    rn_rwlock_write(&pair->lock);
    CHECK_EQ(value_of(&pair->readers), 0);
    const long mine = ++pair->a;
    pair->b++;
    if (!then_reads) {
        rn_rwlock_unlock_write(&pair->lock);
        return;
    }
    rn_rwlock_downgrade(&pair->lock);
    CHECK_EQ(pair->a, mine);
    rn_rwlock_unlock_read(&pair->lock);
}

static void read_pair(struct pair_of_values *pair, int round)
{
    if (round % 3 != 0 || rn_rwlock_read_until(&pair->lock, rn_in_us(50)) != 0)
        rn_rwlock_read(&pair->lock);
    count_up(&pair->readers);
    CHECK_EQ(pair->a, pair->b);
    if (round % 64 == 0)
        rn_yield();
    CHECK_EQ(pair->a, pair->b);
    rn__sub_acq_rel(&pair->readers, 1); /* read by the writer */
    rn_rwlock_unlock_read(&pair->lock);
}

static int read_and_write(struct waiting *waiting)
{
    struct pair_of_values *pair = waiting->object;
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + (int)waiting->count) % 4 == 0)
            write_pair(pair, i % 8 == 0);
        else
            read_pair(pair, i);
    }
    return 0;
}

EVERYWHERE(stress_rwlock_keeps_readers_and_writers_apart)
{
    static struct pair_of_values pair;
    all(read_and_write, &pair);
    CHECK_EQ(pair.a, PARTIES * ROUNDS / 4);
    CHECK_EQ(pair.b, PARTIES * ROUNDS / 4);
}

static int write_only(struct waiting *waiting)
{
    for (int i = 0; i < ROUNDS; i++)
        write_pair(waiting->object, i % 2 == 0);
    return 0;
}

EVERYWHERE(stress_rwlock_counts_every_write)
{
    static struct pair_of_values pair;
    all(write_only, &pair);
    rn_rwlock_read(&pair.lock);
    CHECK_EQ(pair.a, PARTIES * ROUNDS);
    rn_rwlock_unlock_read(&pair.lock);
}

/* -- semaphore --------------------------------------------------------------------------------------------------- */

enum { PERMITS = 10 };

struct pool {
    rn_semaphore semaphore;
    uint32_t active;
};

static int take_some(struct pool *pool, size_t wanted, int round)
{
    if (round % 5 == 1)
        return rn_semaphore_try_acquire(&pool->semaphore, wanted);
    if (round % 5 == 2)
        return rn_semaphore_acquire_until(&pool->semaphore, wanted, rn_in_us(50));
    return rn_semaphore_acquire(&pool->semaphore, wanted);
}

static int take_and_give(struct waiting *waiting)
{
    struct pool *pool = waiting->object;
    uint64_t random = test_seed() + waiting->count;
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t wanted = 1 + (uint32_t)(rn__random_next(&random) % PERMITS);
        const int rc = take_some(pool, wanted, i);
        if (rc != 0) {
            CHECK(rc == RN_EAGAIN || rc == RN_ETIMEDOUT);
            continue;
        }
        CHECK(rn__add_acq_rel(&pool->active, wanted) + wanted <= PERMITS); /* a count */
        if (i % 64 == 0)
            rn_yield();
        rn__sub_acq_rel(&pool->active, wanted); /* a count */
        CHECK_RC(rn_semaphore_release(&pool->semaphore, wanted), 0);
    }
    return 0;
}

EVERYWHERE(stress_semaphore_conserves_its_permits)
{
    static struct pool pool = {.semaphore = RN_SEMAPHORE_INIT(PERMITS)};
    all(take_and_give, &pool);
    CHECK_EQ(rn_semaphore_available(&pool.semaphore), PERMITS);
}

/* Each of them adds, takes, forgets: in the end the sum is right. */
static int add_and_forget(struct waiting *waiting)
{
    rn_semaphore *semaphore = waiting->object;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_RC(rn_semaphore_release(semaphore, 3), 0);
        CHECK_RC(rn_semaphore_acquire(semaphore, 1), 0);
        size_t forgotten = 0;
        while (forgotten < 2) {
            forgotten += rn_semaphore_forget(semaphore, 2 - forgotten);
            if (forgotten < 2)
                rn_yield();
        }
    }
    return 0;
}

EVERYWHERE(stress_semaphore_counts_what_is_added_and_forgotten)
{
    static rn_semaphore semaphore = RN_SEMAPHORE_INIT(PARTIES);
    all(add_and_forget, &semaphore);
    CHECK_EQ(rn_semaphore_available(&semaphore), PARTIES);
}

static int take_until_closed(struct waiting *waiting)
{
    rn_semaphore *semaphore = waiting->object;
    int rc, rounds = 0;
    while ((rc = rn_semaphore_acquire(semaphore, 1)) == 0) {
        CHECK_RC(rn_semaphore_release(semaphore, 1), 0);
        if (++rounds == ROUNDS / 4)
            rn_semaphore_close(semaphore);
    }
    return rc == RN_CLOSED ? 0 : rc;
}

EVERYWHERE(stress_semaphore_close_ends_all_who_go_on)
{
    static rn_semaphore semaphore = RN_SEMAPHORE_INIT(2);
    all(take_until_closed, &semaphore);
    CHECK_EQ(rn_semaphore_available(&semaphore), 2);
}

/* -- barrier ----------------------------------------------------------------------------------------------------- */

struct meeting {
    rn_barrier barrier;
    uint32_t come;
    uint32_t last;
};

/* Nobody is in the next round while somebody is still in this one. */
static int meet(struct waiting *waiting)
{
    struct meeting *meeting = waiting->object;
    for (uint32_t round = 1; round <= ROUNDS / 4; round++) {
        bool last = false;
        count_up(&meeting->come);
        CHECK_RC(rn_barrier_wait(&meeting->barrier, &last), 0);
        const uint32_t come = value_of(&meeting->come);
        CHECK(come >= round * PARTIES && come < (round + 1) * PARTIES);
        if (last)
            count_up(&meeting->last);
    }
    return 0;
}

EVERYWHERE(stress_barrier_keeps_the_rounds_apart)
{
    static struct meeting meeting = {.barrier = RN_BARRIER_INIT(PARTIES)};
    all(meet, &meeting);
    CHECK_EQ(value_of(&meeting.last), ROUNDS / 4);
}

/* -- once -------------------------------------------------------------------------------------------------------- */

enum { CELLS = TEST_SANITIZED ? 100 : 500 };

struct cell {
    rn_once once;
    uint32_t tries;
    int value;
};

static struct cell cells[CELLS];

/* The first two fail. */
static int make(void *arg)
{
    struct cell *cell = arg;
    if (count_up(&cell->tries) < 2)
        return -20000;
    cell->value++;
    return 0;
}

static int make_all(struct waiting *waiting)
{
    (void)waiting;
    for (unsigned i = 0; i < CELLS; i++) {
        int rc = rn_once_run(&cells[i].once, make, &cells[i]);
        if (rc != 0) {
            CHECK_RC(rc, -20000);
            CHECK_RC(rn_once_wait(&cells[i].once), 0);
        }
        CHECK(rn_once_done(&cells[i].once));
        CHECK_EQ(cells[i].value, 1);
    }
    return 0;
}

EVERYWHERE(stress_once_is_done_once_after_two_failures)
{
    all(make_all, NULL);
    for (unsigned i = 0; i < CELLS; i++)
        CHECK_EQ(value_of(&cells[i].tries), 3);
}

/* -- condvar ----------------------------------------------------------------------------------------------------- */

enum { ROOM = 4 };

struct buffer {
    rn_mutex mutex;
    rn_condvar filled, emptied;
    int items[ROOM];
    int length;
    long sum;
};

static int put(struct buffer *buffer, int item)
{
    RN_MUTEX_HOLD(&buffer->mutex)
    {
        while (buffer->length == ROOM)
            RN_TRY(rn_condvar_wait(&buffer->emptied, &buffer->mutex));
        buffer->items[buffer->length++] = item;
        rn_condvar_signal(&buffer->filled);
    }
    return 0;
}

/* Now and then it loses patience, and comes again. */
static int take(struct buffer *buffer, int round)
{
    const rn_deadline patience = round % 8 == 0 ? rn_in_us(50) : RN_FOREVER;
    RN_MUTEX_HOLD(&buffer->mutex)
    {
        while (buffer->length == 0)
            RN_TRY(rn_condvar_wait_until(&buffer->filled, &buffer->mutex, patience));
        buffer->sum += buffer->items[--buffer->length];
        rn_condvar_signal(&buffer->emptied);
    }
    return 0;
}

static int produce_or_consume(struct waiting *waiting)
{
    struct buffer *buffer = waiting->object;
    for (int i = 0; i < ROUNDS; i++) {
        if (waiting->count % 2 == 0)
            CHECK_RC(put(buffer, i), 0);
        for (int round = i; waiting->count % 2 != 0 && take(buffer, round) != 0;)
            round = 1;
    }
    return 0;
}

EVERYWHERE(stress_condvar_bounded_buffer_loses_nothing)
{
    static struct buffer buffer;
    all(produce_or_consume, &buffer);
    CHECK_EQ(buffer.length, 0);
    CHECK_EQ(buffer.sum, (long)PARTIES / 2 * ROUNDS * (ROUNDS - 1) / 2);
}
