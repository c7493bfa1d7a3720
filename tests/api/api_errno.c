/* SPDX-License-Identifier: MIT */
/* api_errno.c - errno is a task's own, and no call of the library changes it (contract: <runnel/task.h>, error.h). */
#include "api/tasks.h"

#include <errno.h>
#include <stdlib.h>

/* The compiler may keep errno's address over a switch: a started task stays on its thread, so it may. */

static int keep_over_yields(void *arg)
{
    const int mine = *(const int *)arg;
    errno = mine;
    for (int i = 0; i < 100; i++) {
        rn_yield();
        if (errno != mine)
            return errno;
    }
    return 0;
}

static int start_with_zero(void *arg)
{
    (void)arg;
    return errno;
}

ROOT(errno_is_kept_over_yields)
{
    static const int numbers[] = {1, 2, 33, 34};
    rn_task tasks[4];
    for (size_t i = 0; i < RN_COUNT(tasks); i++)
        REQUIRE(rn_spawn(&tasks[i], keep_over_yields, (void *)(uintptr_t)&numbers[i]) == 0);
    for (size_t i = 0; i < RN_COUNT(tasks); i++)
        CHECK_EQ(result_of(tasks[i]), 0);
}

static int keep_over_sleeps(void *arg)
{
    const int mine = *(const int *)arg;
    errno = mine;
    for (int i = 0; i < 10; i++) {
        CHECK_RC(rn_sleep_ms(1), 0);
        CHECK_EQ(errno, mine);
    }
    return 0;
}

static void check_kept(rn_fn *fn, enum rn_place place)
{
    static const int numbers[] = {11, 12, 13, 14};
    rn_task tasks[4];
    for (size_t i = 0; i < RN_COUNT(tasks); i++)
        REQUIRE(rn_spawn_with(&tasks[i], fn, (void *)(uintptr_t)&numbers[i], &(rn_spawn_opts){.place = place}) == 0);
    errno = 99;
    for (size_t i = 0; i < RN_COUNT(tasks); i++) {
        CHECK_RC(rn_join(tasks[i], NULL), 0);
        CHECK_EQ(errno, 99);
    }
}

ROOT(errno_is_kept_over_sleeps_and_joins)
{
    check_kept(keep_over_sleeps, RN_PLACE_AUTO);
    check_kept(keep_over_sleeps, RN_PLACE_THREAD);
}

struct talk {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
};

static int keep_over_recv(void *arg)
{
    struct talk *talk = arg;
    int value, code;
    errno = 71;
    while ((code = rn_mpsc_recv(talk->rx, &value)) == 0)
        CHECK_EQ(errno, 71);
    CHECK_EQ(errno, 71);
    return code;
}

/* Both wait for each other, in turns, and change theirs meanwhile. */
ROOT(errno_is_kept_over_channels)
{
    struct talk talk;
    rn_task task;
    REQUIRE(rn_mpsc_channel(&talk.tx, &talk.rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&task, keep_over_recv, &talk) == 0);
    for (int i = 0; i < 200; i++) {
        errno = i % 70;
        CHECK_RC(rn_mpsc_send(talk.tx, &i), 0);
        CHECK_EQ(errno, i % 70);
    }
    rn_mpsc_tx_drop(talk.tx);
    CHECK_RC(result_of(task), RN_CLOSED);
    rn_mpsc_rx_drop(talk.rx);
}

/* The stack, the slot and the thread have had other tasks before. */
ROOT(errno_of_a_new_task_is_0)
{
    for (int i = 0; i < 100; i++) {
        int number = 5;
        rn_task task;
        REQUIRE(rn_spawn(&task, keep_over_yields, &number) == 0);
        CHECK_EQ(result_of(task), 0);
        errno = 7;
        REQUIRE(rn_spawn(&task, start_with_zero, NULL) == 0);
        CHECK_EQ(result_of(task), 0);
        CHECK_EQ(errno, 7);
    }
}

static int set_and_fail(void *arg)
{
    (void)arg;
    errno = 55;
    return 0;
}

static void fail_in_many_ways(void)
{
    rn_task task;
    int value;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    CHECK_RC(rn_join(RN_NO_TASK, NULL), RN_EINVAL);
    CHECK_RC(rn_spawn(&task, NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_mpsc_channel(&tx, &rx, RN_MPSC_CAPACITY_MAX + 1, RN_ELEM(int)), RN_EINVAL);
    CHECK_RC(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)), 0);
    CHECK_RC(rn_mpsc_recv_until(rx, &value, rn_in_ms(2)), RN_ETIMEDOUT);
    CHECK_RC(rn_mpsc_try_recv(rx, &value), RN_EMPTY);
    rn_mpsc_rx_drop(rx);
    CHECK_RC(rn_mpsc_send(tx, &value), RN_CLOSED);
    rn_mpsc_tx_drop(tx);
    CHECK_RC(rn_dump(-1), RN_EINVAL);
}

EVERYWHERE(errno_is_not_changed_by_calls_that_fail)
{
    errno = 44;
    fail_in_many_ways();
    CHECK_EQ(errno, 44);
}

ROOT(errno_is_not_changed_by_blocking_calls)
{
    errno = 45;
    CHECK_RC(rn_blocking(set_and_fail, NULL, NULL), 0);
    CHECK_EQ(errno, 45);
    CHECK_RC(rn_blocking_until(set_and_fail, NULL, 0, NULL, NULL, rn_in_s(60)), 0);
    CHECK_EQ(errno, 45);
}

TEST(errno_is_not_changed_by_a_runtime_that_comes_and_goes)
{
    rn_runtime *runtime;
    rn_task task;
    errno = 46;
    CHECK_RC(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_EQ(errno, 46);
    REQUIRE(rn_spawn_with(&task, set_and_fail, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_EQ(errno, 46);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK_EQ(errno, 46);
}

/* The caller of rn_run lent its thread, not its errno. */
TEST(errno_is_the_caller_s_again_after_run)
{
    errno = 47;
    CHECK_RC(rn_run_with(set_and_fail, NULL, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_EQ(errno, 47);
}

static void log_badly(const char *line, void *ctx)
{
    (void)line, (void)ctx;
    errno = 1;
}

TEST(errno_is_not_changed_by_the_log)
{
    rn_runtime *runtime;
    rn_set_log(log_badly, NULL);
    setenv("RN_WORKERS", "several", 1);
    errno = 48;
    CHECK_RC(rn_runtime_new(&runtime, NULL), 0);
    CHECK_EQ(errno, 48);
    CHECK_RC(rn_runtime_free(runtime), 0);
}
