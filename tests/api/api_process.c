/* SPDX-License-Identifier: MIT */
/* api_process.c - runtimes and the rest of a process: signals, masks (contract: <runnel/runtime.h>). */
#include "api/tasks.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fiber/stack.h"

static int give_number(void *arg)
{
    return *(const int *)arg;
}

/* -- signals ----------------------------------------------------------------------------------------------------- */

static uint32_t signals_seen, on_a_task_stack;

static void on_signal(int number)
{
    char local = 0;
    (void)number;
    if (rn__stack_find(&local) != NULL)
        count_up(&on_a_task_stack);
    count_up(&signals_seen);
}

static int wait_for_signals(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= 20; i++) {
        REQUIRE(kill(getpid(), SIGUSR2) == 0);
        WAIT_UNTIL(value_of(&signals_seen) >= i);
    }
    return 0;
}

/* However busy the workers are with tasks: a handler of the program's never runs on a task's small stack. */
TEST(signal_is_handled_on_no_task_s_stack)
{
    struct sigaction action = {.sa_handler = on_signal};
    REQUIRE(sigaction(SIGUSR2, &action, NULL) == 0);
    for (uint32_t workers = 1; workers <= 4; workers *= 2) {
        signals_seen = 0;
        CHECK_RC(rn_run_with(wait_for_signals, NULL, &(rn_runtime_opts){.workers = workers}), 0);
        CHECK(signals_seen >= 20);
        CHECK_EQ(on_a_task_stack, 0);
    }
}

TEST(signal_mask_is_the_caller_s_again_after_run)
{
    sigset_t before, after;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    sigaddset(&before, SIGALRM);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
    REQUIRE(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0);
    for (int number = 1; number < 32; number++)
        CHECK_EQ(sigismember(&after, number), sigismember(&before, number));
}

/* A program that blocks a signal everywhere and fetches it with sigwait gets it. */
static void *fetch_signal(void *arg)
{
    sigset_t wanted;
    int number = 0;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR2);
    CHECK_EQ(sigwait(&wanted, &number), 0);
    CHECK_EQ(number, SIGUSR2);
    set(arg);
    return NULL;
}

static int send_signal(void *arg)
{
    REQUIRE(kill(getpid(), SIGUSR2) == 0);
    WAIT_UNTIL(is_set(arg));
    return 0;
}

TEST(signal_that_is_blocked_everywhere_is_left_for_sigwait)
{
    sigset_t blocked;
    pthread_t thread;
    uint32_t fetched = 0;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &blocked, NULL) == 0);
    REQUIRE(pthread_create(&thread, NULL, fetch_signal, &fetched) == 0);
    CHECK_RC(rn_run_with(send_signal, &fetched, &(rn_runtime_opts){.workers = 2}), 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

/* -- SIGPIPE ----------------------------------------------------------------------------------------------------- */

static int write_to_nobody(void *arg)
{
    int ends[2];
    (void)arg;
    REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    const ssize_t written = write(ends[1], "x", 1);
    close(ends[1]);
    return written == -1 ? 7 : 8;
}

/* As any other program: `program | head -1` ends. */
TEST(process_that_writes_to_a_closed_pipe_in_a_task_ends)
{
    signal(SIGPIPE, SIG_DFL);
    EXPECT_DEATH(SIGPIPE, "")
    {
        (void)rn_run_with(write_to_nobody, NULL, &(rn_runtime_opts){.workers = 1});
    }
}

TEST(process_that_ignores_sigpipe_gets_the_error_in_a_task)
{
    signal(SIGPIPE, SIG_IGN);
    CHECK_EQ(rn_run_with(write_to_nobody, NULL, &(rn_runtime_opts){.workers = 1}), 7);
}

/* Blocked by the program it stays blocked, in tasks and afterwards. */
TEST(process_keeps_what_it_had_blocked)
{
    sigset_t pipe_only, after;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &pipe_only, NULL) == 0);
    CHECK_EQ(rn_run_with(write_to_nobody, NULL, &(rn_runtime_opts){.workers = 1}), 7);
    REQUIRE(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
    CHECK(sigismember(&after, SIGPIPE) == 1);
    CHECK(sigismember(&after, SIGINT) == 0);
}
