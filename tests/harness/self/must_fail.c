/* SPDX-License-Identifier: MIT */
/* must_fail.c - cases that have to fail, each for the reason that run.sh asks for; and a few that have to pass. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "base/alloc.h"

#include <runnel/cancel.h>
#include <runnel/task.h>
#include <runnel/time.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

TEST(fails_check)
{
    CHECK(1 + 1 == 3);
    printf("went on\n");
}

TEST(fails_check_eq)
{
    CHECK_EQ(17, -4);
}

TEST(fails_check_str_eq)
{
    CHECK_STR_EQ("left", "right");
    CHECK_STR_EQ("left", NULL);
}

TEST(fails_check_mem_eq)
{
    CHECK_MEM_EQ("abc", "abd", 3);
}

TEST(fails_check_rc)
{
    CHECK_RC(0, -12);
}

TEST(fails_fail)
{
    FAIL("%d in words", 7);
}

TEST(fails_require)
{
    REQUIRE(1 == 2);
    printf("went on\n");
}

static void *check_in_thread(void *arg)
{
    (void)arg;
    CHECK(2 < 1);
    return NULL;
}

TEST(fails_check_in_thread)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, check_in_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

static int check_in_actor(void *arg)
{
    CHECK_EQ(*(int *)arg, 5);
    return 1;
}

EVERYWHERE(fails_check_in_actor)
{
    int number = 6;
    actor_join(actor_start(check_in_actor, &number));
}

TEST(fails_crash)
{
    raise(SIGSEGV);
}

TEST(fails_abort)
{
    fprintf(stderr, "last words\n");
    abort();
}

TEST(fails_exit)
{
    exit(0);
}

TEST_TIMEOUT(fails_timeout, 1)
{
    printf("before the wait\n");
    fflush(stdout);
    for (;;)
        pause();
}

TEST_TIMEOUT(fails_timeout_signals_blocked, 1)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;)
        pause();
}

static int sleep_in_actor(void *arg)
{
    (void)arg;
    return rn_sleep_until(RN_FOREVER);
}

EVERYWHERE_TIMEOUT(fails_timeout_with_actor, 1)
{
    actor_join(actor_start(sleep_in_actor, NULL));
}

/* Its worker cannot answer for itself. */
EVERYWHERE_TIMEOUT(fails_timeout_in_loop, 1)
{
    for (volatile uint64_t turns = 0;; turns++)
        ;
}

TEST(fails_leak_descriptor)
{
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}

__attribute__((noreturn)) static void *sleep_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
}

TEST(fails_leak_thread)
{
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0);
    pthread_detach(thread);
}

TEST(fails_leak_memory)
{
    CHECK(rn__alloc(100) != NULL);
    CHECK_EQ(test_memory().live_bytes, 100);
}

TEST(fails_free_with_wrong_size)
{
    rn__free(rn__alloc(100), 99);
}

TEST(fails_leak_of_malloc)
{
    if (__lsan_do_recoverable_leak_check == NULL)
        SKIP("only LeakSanitizer sees it");
    static void *volatile hidden;
    hidden = malloc(123);
    hidden = NULL;
    CHECK(hidden == NULL);
}

TEST(fails_death_that_does_not_come)
{
    EXPECT_DEATH(SIGABRT, "")
    {
        fprintf(stderr, "alive and well\n");
    }
}

TEST(fails_death_by_other_signal)
{
    if (TEST_SANITIZED)
        SKIP("under a sanitizer every death will do");
    EXPECT_DEATH(SIGABRT, "")
    {
        raise(SIGKILL);
    }
}

TEST(fails_death_with_other_words)
{
    EXPECT_DEATH(SIGABRT, "expected words")
    {
        fprintf(stderr, "other words\n");
        abort();
    }
}

/* -- these pass ------------------------------------------------------------------------------------------------- */

TEST(passes_death)
{
    EXPECT_DEATH(SIGABRT, "^expected [a-z]+$")
    {
        fprintf(stderr, "expected words\n");
        abort();
    }
}

TEST(passes_leaky)
{
    TEST_LEAKY("to see that it is allowed");
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}

TEST(passes_with_child_left_over)
{
    if (fork() == 0)
        sleep_for_ever(NULL);
}

static int twice(void *arg)
{
    int *number = arg;
    *number *= 2;
    return *number + 1;
}

EVERYWHERE(passes_actors)
{
    int numbers[40];
    struct actor *actors[40];
    for (int i = 0; i < 40; i++) {
        numbers[i] = i;
        actors[i] = actor_start(twice, &numbers[i]);
    }
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(actor_join(actors[i]), 2 * i + 1);
        CHECK_EQ(numbers[i], 2 * i);
    }
}

TEST(passes_on_plain_thread)
{
    CHECK(!on_task());
}

TEST(skips)
{
    SKIP("there is a reason");
}

TEST(passes_seed)
{
    printf("seed %llu\n", (unsigned long long)test_seed());
    const char *expected = getenv("EXPECTED_SEED");
    if (expected != NULL)
        CHECK_EQ(test_seed(), atoi(expected));
}
