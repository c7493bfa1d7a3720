/* SPDX-License-Identifier: MIT */
/* stress_fork.c - a thread forks again and again, whatever lock the workers and other threads are inside of at that
 * moment: every child works with objects of its own, starts a runtime and ends; the parent never notices. */
#include "api/tasks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child of this many seconds hangs: SIGALRM kills it. Nothing else here depends on time. */
enum { CHILDREN = 120, WATCHDOG_S = 20 };

static uint32_t stop;
static rn_mutex mutex = RN_MUTEX_INIT;
static int nowhere; /* a descriptor for dumps */

/* Not the size that a worker has in its pockets. */
enum { SIZES = 2 };

static size_t size_of(size_t i)
{
    return (size_t)16384 << i % SIZES;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Stacks of classes that are used now and then, slots of the table, spawn sites, timers. */
static int spawn_and_lock(void *arg)
{
    uint32_t rounds = 0;
    (void)arg;
    while (!is_set(&stop)) {
        rn_task tasks[40];
        for (size_t i = 0; i < RN__COUNT(tasks); i++)
            REQUIRE(rn_spawn_with(&tasks[i], nothing, NULL, &(rn_spawn_opts){.stack_size = size_of(i)}) == 0);
        rn_mutex_lock(&mutex);
        rn_yield();
        rn_mutex_unlock(&mutex);
        for (size_t i = 0; i < RN__COUNT(tasks); i++)
            REQUIRE(rn_join(tasks[i], NULL) == 0);
        if (++rounds % 16 == 0)
            CHECK_RC(rn_dump(nowhere), 0);
    }
    return 0;
}

static int send_all_the_time(void *arg)
{
    rn_mpsc_tx *tx = arg;
    for (int i = 0; rn_mpsc_send(tx, &i) == 0; i++)
        ;
    rn_mpsc_tx_drop(tx);
    return 0;
}

static int receive_all_the_time(void *arg)
{
    rn_mpsc_rx *rx = arg;
    int got;
    while (!is_set(&stop) && rn_mpsc_recv(rx, &got) == 0)
        ;
    rn_mpsc_rx_drop(rx);
    return 0;
}

/* A new party, a runtime, its workers: the table, the workers' table and the handlers. */
static void *be_born_and_die(void *arg)
{
    (void)arg;
    while (!is_set(&stop)) {
        CHECK_EQ(rn_run_with(nothing, NULL, &(rn_runtime_opts){.workers = 1}), 0);
        rn_mutex_lock(&mutex);
        rn_mutex_unlock(&mutex);
    }
    return NULL;
}

static int answer(void *arg)
{
    rn_mpsc_tx *tx = arg;
    CHECK_RC(rn_mpsc_send(tx, &(int){5}), 0);
    rn_mpsc_tx_drop(tx);
    return 0;
}

/* The same locks as the parent's tasks want. */
static int be_a_child(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SIZES; i++) {
        rn_mpsc_tx *tx;
        rn_mpsc_rx *rx;
        rn_task task;
        int got = 0;
        REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn_with(&task, answer, tx, &(rn_spawn_opts){.stack_size = size_of(i)}) == 0);
        CHECK_RC(rn_mpsc_recv(rx, &got), 0);
        CHECK_EQ(got, 5);
        CHECK_RC(rn_join(task, NULL), 0);
        rn_mpsc_rx_drop(rx);
    }
    return 0;
}

static void fork_once(void)
{
    int status = -1;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(WATCHDOG_S);
        _exit(rn_run_with(be_a_child, NULL, &(rn_runtime_opts){.workers = 2}));
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
}

TEST_TIMEOUT(stress_fork_beside_busy_workers, 120)
{
    rn_runtime *runtime;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    pthread_t thread;
    if (TEST_SANITIZED || test_is_emulated())
        SKIP("sanitizers do not take their own locks around a fork; the emulator dislikes threads in the child");
    REQUIRE((nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_mpsc_channel(&tx, &rx, 4, RN_ELEM(int)) == 0);
    const rn_spawn_opts opts = {.runtime = runtime};
    REQUIRE(rn_spawn_with(NULL, spawn_and_lock, NULL, &opts) == 0);
    REQUIRE(rn_spawn_with(NULL, spawn_and_lock, NULL, &opts) == 0);
    REQUIRE(rn_spawn_with(NULL, send_all_the_time, tx, &opts) == 0);
    REQUIRE(rn_spawn_with(NULL, receive_all_the_time, rx, &opts) == 0);
    REQUIRE(pthread_create(&thread, NULL, be_born_and_die, NULL) == 0);
    for (int i = 0; i < CHILDREN; i++)
        fork_once();
    set(&stop);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    close(nowhere);
}
