/* SPDX-License-Identifier: MIT */
/* lock.c - the short lock with its futex, in every order: one inside at a time, nobody sleeps on for ever. */
#include "model/subject.h"

#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

static struct rn__lock lock;
static int inside, entered, refused;
static uint32_t stale_wakeups;
static struct explored result;

static void begin(void)
{
    subject_begin();
    subject_allow_stale_wakeups(stale_wakeups);
    lock = (struct rn__lock)RN__LOCK_INIT;
    inside = entered = refused = 0;
    explore_name(&lock, sizeof lock, "lock");
}

static void be_inside(void)
{
    EXPLORE_CHECK(inside == 0);
    inside = 1;
    explore_step(NULL, "inside");
    inside = 0;
    entered++;
}

static void enter_once(void *unused)
{
    (void)unused;
    rn__lock_acquire(&lock);
    be_inside();
    rn__lock_release(&lock);
}

static void enter_twice(void *unused)
{
    enter_once(unused);
    enter_once(unused);
}

static void try_to_enter(void *unused)
{
    (void)unused;
    if (!rn__lock_try(&lock)) {
        refused++;
        return;
    }
    be_inside();
    rn__lock_release(&lock);
}

static void end(void)
{
    EXPLORE_CHECK(lock.word == RN__LOCK_FREE);
}

static void explore_lock(const char *name, struct exploration what)
{
    what.begin = begin;
    what.end = end;
    what.switched = subject_switched;
    explore(&what, &result);
    printf("%s: %llu executions, %llu repeated\n", name, (unsigned long long)result.executions,
           (unsigned long long)result.repeated);
    if (!CHECK(!result.failed))
        printf("%s\n%s\n", result.reason, result.table);
    CHECK(entered + refused > 0);
}

TEST(lock_lets_one_of_two_in_at_a_time_in_every_order)
{
    stale_wakeups = 0;
    explore_lock(
        "two, once, without reduction",
        (struct exploration){.threads = {{"a", enter_once, NULL}, {"b", enter_once, NULL}}, .every_order = true});
    explore_lock("two, twice", (struct exploration){.threads = {{"a", enter_twice, NULL}, {"b", enter_twice, NULL}}});
}

TEST_TIMEOUT(lock_lets_one_of_three_in_at_a_time, 120)
{
    stale_wakeups = 0;
    explore_lock(
        "three, once",
        (struct exploration){.threads = {{"a", enter_once, NULL}, {"b", enter_once, NULL}, {"c", enter_once, NULL}}});
}

TEST_TIMEOUT(lock_of_which_sleepers_wake_up_for_no_reason, 120)
{
    stale_wakeups = 1;
    explore_lock("two, once and twice, stale wake-ups",
                 (struct exploration){.threads = {{"a", enter_twice, NULL}, {"b", enter_once, NULL}}});
}

TEST(lock_that_is_only_tried_refuses_and_does_no_harm)
{
    stale_wakeups = 0;
    explore_lock("one enters, two try",
                 (struct exploration){
                     .threads = {{"a", enter_twice, NULL}, {"b", try_to_enter, NULL}, {"c", try_to_enter, NULL}}});
}

/* -- broken on purpose ------------------------------------------------------------------------------------------ */

static void (*broken_enter)(void *unused);

static void enter_broken_twice(void *unused)
{
    broken_enter(unused);
    broken_enter(unused);
}

static void find(const char *name, void (*enter)(void *), const char *reason)
{
    struct exploration what = {.begin = begin,
                               .end = end,
                               .switched = subject_switched,
                               .threads = {{"a", enter_broken_twice, NULL}, {"b", enter_broken_twice, NULL}}};
    broken_enter = enter;
    stale_wakeups = 0;
    explore(&what, &result);
    printf("%s: found after %llu executions: %s\n%s\n", name, (unsigned long long)result.executions, result.reason,
           result.table);
    CHECK(result.failed);
    CHECK(strstr(result.reason, reason) != NULL);
}

/* Takes being woken for having the lock. */
static void enter_without_looking_again(void *unused)
{
    (void)unused;
    if (!rn__lock_try(&lock) && !rn__lock_mark_contended(&lock))
        (void)rn__platform_futex_wait(&lock.word, RN__LOCK_CONTENDED, INT64_MAX);
    be_inside();
    rn__lock_release(&lock);
}

TEST(lock_planted_no_look_after_the_sleep_is_found)
{
    find("no look after the sleep", enter_without_looking_again, "inside == 0");
}

/* Between the look and the sleep the holder may have left: the kernel must compare with what the look saw. */
static void enter_with_a_sleep_that_does_not_compare(void *unused)
{
    (void)unused;
    while (!rn__lock_try(&lock) && !rn__lock_mark_contended(&lock)) {
        explore_step(NULL, "go to sleep");
        (void)rn__platform_futex_wait(&lock.word, lock.word, INT64_MAX);
    }
    be_inside();
    rn__lock_release(&lock);
}

TEST(lock_planted_a_sleep_that_does_not_compare_is_found)
{
    find("a sleep that does not compare", enter_with_a_sleep_that_does_not_compare, "a wake-up was lost");
}

/* Says HELD where somebody else may still sleep. */
static void enter_without_keeping_the_mark(void *unused)
{
    (void)unused;
    while (!rn__lock_try(&lock))
        (void)rn__platform_futex_wait(&lock.word, RN__LOCK_HELD, INT64_MAX);
    be_inside();
    rn__lock_release(&lock);
}

TEST(lock_planted_a_sleeper_that_leaves_no_mark_is_found)
{
    find("a sleeper that leaves no mark", enter_without_keeping_the_mark, "a wake-up was lost");
}
