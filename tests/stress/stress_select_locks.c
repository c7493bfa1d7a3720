/* SPDX-License-Identifier: MIT */
/* stress_select_locks.c - selects over locks among plain calls: parties that take whichever of two mutexes, some
 * permits, or a read or write lock comes first, lose patience, or only try; others that lock by the plain calls. What
 * must be alone is alone all the time, and in the end nothing is held and nobody was forgotten. */
#include "api/line.h"
#include "base/random.h"

enum { PARTIES = 8, ROUNDS = TEST_SANITIZED ? 120 : 1000, PERMITS = 3 };

static struct {
    rn_mutex mutex[2];
    long inside[2]; /* plain: under its mutex */
    rn_semaphore semaphore;
    uint32_t taken; /* permits */
    rn_rwlock lock;
    long a, b; /* plain and equal, but for a writer */
} shared;

static void use_mutex(int which)
{
    CHECK_EQ(shared.inside[which]++, 0);
    rn_yield();
    CHECK_EQ(shared.inside[which]--, 1);
    rn_mutex_unlock(&shared.mutex[which]);
}

static void use_permits(uint32_t count)
{
    CHECK(rn__add_acq_rel(&shared.taken, count) + count <= PERMITS); /* all others' sums too */
    rn_yield();
    rn__sub_acq_rel(&shared.taken, count); /* as above */
    CHECK_RC(rn_semaphore_release(&shared.semaphore, count), 0);
}

static void use_read(void)
{
    const long before = shared.a;
    rn_yield();
    CHECK_EQ(shared.b, before);
    rn_rwlock_unlock_read(&shared.lock);
}

static void use_write(void)
{
    shared.a++;
    rn_yield();
    shared.b++;
    rn_rwlock_unlock_write(&shared.lock);
}

static void by_select(uint64_t *random)
{
    const uint32_t count = 1 + (uint32_t)(rn__random_next(random) % PERMITS), how = (uint32_t)rn__random_next(random);
    const bool reads = how % 2 == 0;
    rn_case cases[] = {rn_mutex_lock_case(&shared.mutex[0]), rn_mutex_lock_case(&shared.mutex[1]),
                       rn_semaphore_acquire_case(&shared.semaphore, count),
                       reads ? rn_rwlock_read_case(&shared.lock) : rn_rwlock_write_case(&shared.lock)};
    rn_case *const first = &cases[how / 2 % 4];
    const size_t n = 1 + how / 8 % (4 - how / 2 % 4);
    const int which = how / 32 % 4 == 0   ? rn_try_select(first, n)
                      : how / 32 % 4 == 1 ? rn_select_until(first, n, rn_in_us(how / 128 % 100))
                                          : rn_select(first, n);
    if (which < 0) {
        CHECK(which == RN_EAGAIN || which == RN_ETIMEDOUT);
        return;
    }
    CHECK_RC(first[which].rc, 0);
    const int index = (int)(first - cases) + which;
    if (index < 2)
        use_mutex(index);
    else if (index == 2)
        use_permits(count);
    else if (reads)
        use_read();
    else
        use_write();
}

static void by_call(uint64_t *random)
{
    const uint32_t how = (uint32_t)(rn__random_next(random) % 5);
    if (how < 2) {
        rn_mutex_lock(&shared.mutex[how]);
        use_mutex((int)how);
    } else if (how == 2) {
        CHECK_RC(rn_semaphore_acquire(&shared.semaphore, PERMITS), 0);
        use_permits(PERMITS);
    } else if (how == 3) {
        rn_rwlock_read(&shared.lock);
        use_read();
    } else {
        rn_rwlock_write(&shared.lock);
        use_write();
    }
}

static int take_and_use(struct waiting *waiting)
{
    uint64_t random = test_seed() + waiting->count;
    for (int i = 0; i < ROUNDS; i++) {
        if (waiting->count % 4 == 3)
            by_call(&random);
        else
            by_select(&random);
    }
    return 0;
}

EVERYWHERE(stress_select_over_locks_keeps_what_locks_promise)
{
    static struct waiting parties[PARTIES];
    shared.semaphore = (rn_semaphore)RN_SEMAPHORE_INIT(PERMITS);
    for (unsigned i = 0; i < PARTIES; i++) {
        parties[i] = (struct waiting){.call = take_and_use, .count = i};
        start(&parties[i]);
    }
    for (unsigned i = 0; i < PARTIES; i++)
        CHECK_RC(end(&parties[i]), 0);
    CHECK_EQ(rn_semaphore_available(&shared.semaphore), PERMITS);
    CHECK_RC(rn_mutex_try_lock(&shared.mutex[0]), 0);
    CHECK_RC(rn_mutex_try_lock(&shared.mutex[1]), 0);
    CHECK_RC(rn_rwlock_try_write(&shared.lock), 0);
    CHECK_EQ(shared.a, shared.b);
}
