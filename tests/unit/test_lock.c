/* SPDX-License-Identifier: MIT */
/* test_lock.c - the short lock: exclusion, hand-over to a sleeper, and that zeroed memory is a free one. */
#include "harness/harness.h"

#include "platform/lock.h"

#include <sched.h>

TEST(lock_try_fails_while_it_is_held)
{
    struct rn__lock lock = {0};
    CHECK(!rn__lock_is_held(&lock));
    CHECK(rn__lock_try(&lock));
    CHECK(rn__lock_is_held(&lock));
    CHECK(!rn__lock_try(&lock));
    rn__lock_release(&lock);
    CHECK(rn__lock_try(&lock));
    rn__lock_release(&lock);
}

struct counter {
    struct rn__lock lock;
    uint64_t count; /* plain: the lock alone protects it */
    uint64_t half;
};

static void count_up(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < 50000; i++) {
        rn__lock_acquire(&counter->lock);
        counter->count++;
        if (i % 5000 == 0)
            sched_yield(); /* so that others find it held, also on one CPU */
        counter->half = counter->count / 2;
        rn__lock_release(&counter->lock);
    }
}

TEST(lock_excludes_other_threads)
{
    struct counter counter = {.count = 0};
    struct rn__thread threads[4];
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(rn__platform_thread_create(&threads[i], count_up, &counter, "counter", true, 0));
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        rn__platform_thread_join(threads[i]);
    CHECK_EQ(counter.count, 200000);
    CHECK_EQ(counter.half, 100000);
    CHECK(!rn__lock_is_held(&counter.lock));
}

static void take_once(void *arg)
{
    struct counter *counter = arg;
    rn__lock_acquire(&counter->lock);
    counter->count++;
    rn__lock_release(&counter->lock);
}

TEST(lock_sleeper_gets_it_when_it_is_released)
{
    struct counter counter = {.count = 0};
    struct rn__thread threads[3];
    rn__lock_acquire(&counter.lock);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(rn__platform_thread_create(&threads[i], take_once, &counter, "sleeper", true, 0));
    WAIT_UNTIL(rn__load_relaxed(&counter.lock.word) == RN__LOCK_CONTENDED);
    CHECK_EQ(counter.count, 0);
    rn__lock_release(&counter.lock);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        rn__platform_thread_join(threads[i]);
    CHECK_EQ(counter.count, 3);
}
