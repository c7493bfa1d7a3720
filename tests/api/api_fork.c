/* SPDX-License-Identifier: MIT */
/* api_fork.c - the child of a program with a runtime: nothing of the parent's runs there, calls say so instead of
 * waiting for ever, and it may begin anew (contract: <runnel/runtime.h>). Checks in a child count as any others. */
#include "api/tasks.h"
#include "platform/lock.h"

#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void skip_in_sanitizers(void)
{
    if (TEST_SANITIZED)
        SKIP("sanitizers do not take their own locks around a fork, nor like threads in a forked child");
}

/* qemu 7.2 asserts in its own books when the forked child of a process with threads makes a thread, and has a thread
 * of its own, so nobody is ever alone. */
static void skip_in_emulators(void)
{
    if (test_is_emulated())
        SKIP("the emulator does not like threads in forked children");
}

static int status_of(pid_t child)
{
    int status = 0;
    REQUIRE(child > 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

static void check_status(pid_t child, int expected)
{
    const int status = status_of(child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), expected);
}

/* The body runs in a child, which ends with status 0 after it. */
static void in_child(void (*body)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    check_status(child, 0);
}

static int give_number(void *arg)
{
    return *(const int *)arg;
}

static void begin_anew(void)
{
    rn_runtime *runtime;
    int number = 33, result = 0;
    rn_task task;
    CHECK(!on_task());
    CHECK(rn_runtime_current() == NULL);
    CHECK_EQ(rn_run_with(give_number, &number, &(rn_runtime_opts){.workers = 2}), 33);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(result, 33);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- a runtime of its own ---------------------------------------------------------------------------------------- */

TEST(fork_before_any_runtime)
{
    skip_in_sanitizers();
    in_child(begin_anew);
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
}

TEST(fork_after_a_runtime)
{
    skip_in_sanitizers();
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
    in_child(begin_anew);
}

/* Of the parent's threads and tasks the child has none; it makes its own. */
TEST(fork_beside_a_runtime_leaves_the_child_without)
{
    rn_runtime *runtime;
    rn_task task;
    int number = 4;
    skip_in_sanitizers();
    skip_in_emulators();
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_runtime_wait(runtime, RN_FOREVER), 0);
    for (int i = 0; i < 5; i++)
        in_child(begin_anew);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

ROOT(fork_within_a_task_leaves_the_child_without)
{
    skip_in_sanitizers();
    skip_in_emulators();
    in_child(begin_anew);
}

/* Each generation forks inside a task of its own runtime. */
static int fork_on(void *arg)
{
    const int left = *(const int *)arg;
    int next = left - 1;
    if (left == 0)
        return 5;
    const pid_t child = fork();
    if (child == 0)
        return rn_run_with(fork_on, &next, &(rn_runtime_opts){.workers = 2});
    const int status = status_of(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 0;
}

TEST(fork_of_a_fork_of_a_fork_has_runtimes_too)
{
    skip_in_sanitizers();
    skip_in_emulators();
    CHECK_EQ(rn_run_with(fork_on, &(int){4}, &(rn_runtime_opts){.workers = 2}), 9);
}

static void become_a_daemon(void)
{
    int ends[2];
    char answer = 0;
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        REQUIRE(daemon(1, 1) == 0);
        begin_anew();
        REQUIRE(write(ends[1], "d", 1) == 1);
        _exit(0);
    }
    close(ends[1]);
    CHECK_EQ(read(ends[0], &answer, 1), 1);
    CHECK_EQ(answer, 'd');
    close(ends[0]);
    check_status(child, 0);
}

ROOT_ON(2, fork_by_daemon_is_a_fork)
{
    skip_in_sanitizers();
    skip_in_emulators();
    become_a_daemon();
}

ROOT_ON(2, fork_and_exec_and_posix_spawn_are_as_ever)
{
    extern char **environ;
    char *words[] = {(char *)"true", NULL};
    pid_t child = fork();
    if (child == 0) {
        execvp(words[0], words);
        _exit(127);
    }
    check_status(child, 0);
    REQUIRE(posix_spawnp(&child, words[0], NULL, NULL, words, environ) == 0);
    check_status(child, 0);
}

/* -- what is the parent's ---------------------------------------------------------------------------------------- */

static rn_runtime *parents;
static rn_task sleeper;

static int sleep_until_cancelled(void *arg)
{
    (void)arg;
    return rn_sleep_until(RN_FOREVER);
}

static void use_what_is_the_parent_s(void)
{
    char name[8] = "?";
    rn_task task;
    CHECK_RC(rn_spawn_with(&task, give_number, &(int){1}, &(rn_spawn_opts){.runtime = parents}), RN_FORKED);
    CHECK_EQ(task.id, 0);
    CHECK_RC(
        rn_spawn_with(&task, give_number, &(int){1}, &(rn_spawn_opts){.runtime = parents, .place = RN_PLACE_THREAD}),
        RN_FORKED);
    CHECK_RC(rn_runtime_wait(parents, RN_FOREVER), RN_FORKED);
    CHECK_RC(rn_runtime_wait(parents, rn_in_ms(0)), RN_FORKED);
    CHECK_RC(rn_runtime_free(parents), RN_FORKED);
    CHECK_EQ(rn_runtime_workers(parents), 0);
    CHECK_RC(rn_join(sleeper, NULL), RN_FORKED);
    CHECK_RC(rn_join_until(sleeper, NULL, rn_in_ms(0)), RN_FORKED);
    rn_case one = rn_join_case(sleeper, NULL);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(one.rc, RN_FORKED);
    CHECK_RC(rn_task_name(sleeper, name, sizeof name), RN_FORKED);
    CHECK_STR_EQ(name, "");
    CHECK(rn_task_ended(sleeper));
    rn_task_cancel(sleeper, 7);
    rn_task_drop(sleeper);
    CHECK_RC(rn_join(sleeper, NULL), RN_FORKED);
    CHECK_RC(rn_spawn(&task, give_number, &(int){1}), RN_NO_RUNTIME);
    CHECK_RC(rn_blocking(give_number, &(int){1}, NULL), 0);
}

static void begin_parents(void)
{
    REQUIRE(rn_runtime_new(&parents, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&sleeper, sleep_until_cancelled, NULL, &(rn_spawn_opts){.runtime = parents}) == 0);
}

static void end_parents(void)
{
    int result = 0;
    CHECK(!rn_task_ended(sleeper));
    rn_task_cancel(sleeper, 9);
    CHECK_RC(rn_join(sleeper, &result), 0);
    CHECK_RC(result, RN_ECANCELED);
    CHECK_RC(rn_runtime_free(parents), 0);
}

TEST(fork_makes_every_call_that_names_the_parent_s_say_so)
{
    begin_parents();
    in_child(use_what_is_the_parent_s);
    end_parents();
}

static void use_in_grandchild(void)
{
    use_what_is_the_parent_s();
    in_child(use_what_is_the_parent_s);
}

TEST(fork_of_a_fork_knows_whose_things_are)
{
    begin_parents();
    in_child(use_in_grandchild);
    end_parents();
}

/* Handles of the child's own tasks are not taken for the parent's, nor the other way round. */
static void use_own(void)
{
    rn_runtime *runtime;
    rn_task task;
    int result = 0;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1}) == 0);
    REQUIRE(rn_spawn_with(&task, sleep_until_cancelled, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK(!rn_task_ended(task));
    CHECK_RC(rn_join(sleeper, NULL), RN_FORKED);
    rn_task_cancel(task, 3);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_RC(result, RN_ECANCELED);
    CHECK_RC(rn_join(task, &result), RN_EINVAL);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

TEST(fork_keeps_handles_of_both_sides_apart)
{
    skip_in_sanitizers();
    skip_in_emulators();
    begin_parents();
    in_child(use_own);
    end_parents();
}

static void be_a_plain_thread(void)
{
    CHECK(!on_task());
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_EQ(rn_task_self_id(), 0);
    CHECK_RC(rn_sleep_ms(0), 0);
    rn_yield();
    rn_shield_leave();
    CHECK(rn_dump(1) == 0);
}

ROOT_ON(2, fork_in_a_cancelled_task_makes_a_thread_that_is_not)
{
    rn_task_cancel(rn_task_self(), 11);
    rn_shield_enter();
    in_child(be_a_plain_thread);
    CHECK_EQ(rn_cancelled(), 11);
    rn_shield_leave();
}

/* -- the end of a task function in the child --------------------------------------------------------------------- */

static int fork_and_return(void *arg)
{
    const int number = *(const int *)arg;
    const pid_t child = fork();
    if (child == 0)
        return number;
    check_status(child, number & 0xff);
    return 0;
}

TEST(fork_ends_the_child_with_the_result_of_the_root_task)
{
    for (uint32_t workers = 1; workers <= 2; workers++)
        CHECK_EQ(rn_run_with(fork_and_return, &(int){0x143}, &(rn_runtime_opts){.workers = workers}), 0);
}

ROOT_ON(2, fork_ends_the_child_with_the_result_of_a_task)
{
    int number = 7;
    rn_task tasks[2];
    REQUIRE(rn_spawn(&tasks[0], fork_and_return, &number) == 0);
    REQUIRE(rn_spawn_with(&tasks[1], fork_and_return, &number, &(rn_spawn_opts){.place = RN_PLACE_THREAD}) == 0);
    CHECK_RC(rn_join(tasks[0], NULL), 0);
    CHECK_RC(rn_join(tasks[1], NULL), 0);
}

ROOT_ON(2, fork_ends_the_child_with_the_result_of_a_blocking_job)
{
    int number = 9, result = 1;
    CHECK_RC(rn_blocking(fork_and_return, &number, &result), 0);
    CHECK_EQ(result, 0);
}

/* -- waits ------------------------------------------------------------------------------------------------------- */

static rn_mpsc_tx *tx;
static rn_mpsc_rx *rx;
static rn_semaphore semaphore;
static rn_notify notify = RN_NOTIFY_INIT, other = RN_NOTIFY_INIT;

static void make_channel(void)
{
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
}

static void drop_channel(void)
{
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

static void wait_for_nobody(void)
{
    int got = 0;
    CHECK_RC(rn_mpsc_recv(rx, &got), RN_FORKED);
    CHECK_RC(rn_mpsc_recv_until(rx, &got, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_RC(rn_notify_wait(&notify), RN_FORKED);
    rn_case cases[] = {rn_mpsc_recv_case(rx, &got), rn_notify_wait_case(&notify)};
    CHECK_EQ(rn_select(cases, 2), RN_FORKED);
    CHECK_EQ(rn_select_until(cases, 2, rn_in_ms(1)), RN_ETIMEDOUT);
    rn_notify_one(&notify);
    CHECK_EQ(rn_select(cases, 2), 1);
    CHECK_RC(rn_mpsc_send(tx, &(int){4}), 0);
    CHECK_RC(rn_mpsc_send(tx, &(int){5}), RN_FORKED); /* it is full */
    CHECK_RC(rn_mpsc_recv(rx, &got), 0);
    CHECK_EQ(got, 4);
}

ROOT_ON(2, fork_ends_a_wait_that_nobody_can_end)
{
    skip_in_emulators();
    make_channel();
    in_child(wait_for_nobody);
    drop_channel();
}

TEST(fork_of_a_thread_ends_a_wait_that_nobody_can_end)
{
    skip_in_emulators();
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
    make_channel();
    CHECK_RC(rn_mpsc_recv_until(rx, &(int){0}, rn_in_ms(1)), RN_ETIMEDOUT); /* it has a party already */
    in_child(wait_for_nobody);
    drop_channel();
}

static void *send_a_little_later(void *arg)
{
    (void)arg;
    CHECK_RC(rn_sleep_ms(2), 0);
    CHECK_RC(rn_mpsc_send(tx, &(int){8}), 0);
    return NULL;
}

static void wait_for_a_thread(void)
{
    pthread_t thread;
    int got = 0;
    REQUIRE(pthread_create(&thread, NULL, send_a_little_later, NULL) == 0);
    CHECK_RC(rn_mpsc_recv(rx, &got), 0);
    CHECK_EQ(got, 8);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

ROOT_ON(2, fork_leaves_waits_that_somebody_can_end)
{
    skip_in_sanitizers();
    skip_in_emulators();
    make_channel();
    in_child(wait_for_a_thread);
    drop_channel();
}

/* -- objects of the parent --------------------------------------------------------------------------------------- */

static int wait_in_recv(void *arg)
{
    int got = 0;
    (void)arg;
    CHECK_RC(rn_mpsc_recv(rx, &got), 0);
    return got;
}

static int wait_in_select(void *arg)
{
    (void)arg;
    rn_case cases[] = {rn_notify_wait_case(&notify), RN_NEVER, rn_notify_wait_case(&other)};
    return rn_select(cases, 3);
}

static int wait_for_permits(void *arg)
{
    (void)arg;
    return rn_semaphore_acquire(&semaphore, 2);
}

static uint32_t threads_started;

static void *wait_as_thread(void *arg)
{
    count_up(&threads_started);
    (void)(*(int (**)(void *))arg)(NULL);
    return NULL;
}

static bool all_wait(uint32_t count)
{
    uint32_t waiting = 0;
    for (uint32_t i = 1; i < rn__party_count(); i++) {
        const uint64_t word = rn__load_acquire(&rn__party_at(i)->word);
        waiting += rn__word_state(word) == RN__PARTY_ARMED && rn__load_acquire(&rn__party_at(i)->wait_verb) != NULL;
    }
    return waiting == count;
}

/* Nobody of the parent's is served, and nobody stands in line behind them. */
static void use_what_others_wait_for(void)
{
    int got = 0;
    CHECK_RC(rn_mpsc_recv(rx, &got), RN_FORKED); /* and not RN_EBUSY */
    CHECK_RC(rn_mpsc_send(tx, &(int){6}), 0);
    CHECK_RC(rn_mpsc_recv(rx, &got), 0);
    CHECK_EQ(got, 6);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_EAGAIN);
    CHECK_RC(rn_semaphore_release(&semaphore, 3), 0);
    CHECK_EQ(rn_semaphore_available(&semaphore), 3);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 3), 0);
    rn_notify_all(&notify);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait(&notify), 0);
    rn_notify_one(&other);
    CHECK_RC(rn_notify_wait(&other), 0);
}

static void *scribble(void *arg)
{
    volatile char junk[16 * 1024];
    memset((char *)junk, 0x5a, sizeof junk);
    (void)arg;
    return NULL;
}

/* The C library gives the stacks of the parent's threads to new ones. */
static void use_after_new_threads(void)
{
    pthread_t threads[4];
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, scribble, NULL) == 0);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    use_what_others_wait_for();
    begin_anew();
}

static void wait_everywhere(void (*child)(void))
{
    int (*fns[])(void *) = {wait_in_recv, wait_in_select, wait_for_permits};
    rn_task tasks[RN__COUNT(fns) - 1];
    pthread_t threads[RN__COUNT(fns) - 1];
    make_channel();
    REQUIRE(rn_semaphore_init(&semaphore, 1) == 0);
    begin_parents();
    for (size_t i = 0; i < RN__COUNT(tasks); i++)
        REQUIRE(rn_spawn_with(&tasks[i], fns[i], NULL, &(rn_spawn_opts){.runtime = parents}) == 0);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, wait_as_thread, &fns[i + 1]) == 0);
    WAIT_UNTIL(all_wait(5));
    (void)rn_mpsc_rx_len(rx); /* and have let go of the locks under which they began to wait */
    CHECK_EQ(rn_semaphore_available(&semaphore), 0);
    in_child(child);
    CHECK(all_wait(5));
    rn_notify_all(&notify);
    CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    CHECK_RC(rn_mpsc_send(tx, &(int){2}), 0);
    for (size_t i = 0; i < RN__COUNT(tasks); i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    end_parents();
    drop_channel();
}

TEST(fork_takes_the_parent_s_out_of_every_line)
{
    skip_in_emulators();
    wait_everywhere(use_what_others_wait_for);
}

TEST(fork_takes_the_parent_s_threads_out_of_line_before_their_stacks_are_used)
{
    skip_in_sanitizers();
    skip_in_emulators();
    wait_everywhere(use_after_new_threads);
}

static rn_mutex mutex = RN_MUTEX_INIT;

static void unlock_it(void)
{
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    rn_mutex_unlock(&mutex);
    rn_mutex_lock(&mutex);
    rn_mutex_unlock(&mutex);
}

ROOT_ON(2, fork_inside_a_locked_mutex_leaves_it_to_the_child_too)
{
    rn_mutex_lock(&mutex);
    in_child(unlock_it);
    rn_mutex_unlock(&mutex);
}

static int lock_until_told(void *arg)
{
    rn_mutex_lock(&mutex);
    set(arg);
    CHECK_RC(rn_notify_wait(&notify), 0);
    rn_mutex_unlock(&mutex);
    return 0;
}

/* Another one held it: nobody in the child will give it back. */
static void miss_the_holder(void)
{
    CHECK_RC(rn_mutex_try_lock(&mutex), RN_EAGAIN);
    CHECK_RC(rn_mutex_lock_until(&mutex, RN_FOREVER), RN_FORKED);
    EXPECT_DEATH(SIGABRT, "held when the parent process forked")
    {
        rn_mutex_lock(&mutex);
    }
    mutex = (rn_mutex)RN_MUTEX_INIT;
    rn_mutex_lock(&mutex);
    rn_mutex_unlock(&mutex);
}

ROOT_ON(2, fork_beside_a_locked_mutex_leaves_it_locked)
{
    uint32_t locked = 0;
    rn_task task;
    skip_in_emulators();
    REQUIRE(rn_spawn(&task, lock_until_told, &locked) == 0);
    while (!is_set(&locked))
        rn_yield();
    in_child(miss_the_holder);
    rn_notify_one(&notify);
    CHECK_RC(rn_join(task, NULL), 0);
}

/* -- fork while another thread is inside a call ------------------------------------------------------------------ */

static struct rn__lock *inside(void *object)
{
    return object; /* the lock comes first in all that the user embeds */
}

static void use_what_is_half_changed(void)
{
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_FORKED);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), RN_FORKED);
    CHECK_RC(rn_semaphore_acquire_until(&semaphore, 1, rn_in_ms(1)), RN_FORKED);
    rn_case one = rn_notify_wait_case(&notify);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(one.rc, RN_FORKED);
    CHECK_RC(rn_notify_wait(&notify), RN_FORKED);
    EXPECT_DEATH(SIGABRT, "a thread of the parent process was inside a call")
    {
        rn_semaphore_release(&semaphore, 1);
    }
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), RN_FORKED);
    REQUIRE(rn_semaphore_init(&semaphore, 1) == 0);
    CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
}

/* The lock is taken as another thread would have it at that moment, also with somebody who sleeps for it. */
TEST(fork_beside_a_call_makes_its_object_say_so)
{
    REQUIRE(rn_semaphore_init(&semaphore, 1) == 0);
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
    rn__lock_acquire(inside(&notify));
    rn__lock_acquire(inside(&semaphore));
    in_child(use_what_is_half_changed);
    rn__lock_release(inside(&semaphore));
    CHECK(rn__lock_mark_contended(inside(&semaphore)));
    in_child(use_what_is_half_changed);
    rn__lock_release(inside(&semaphore));
    CHECK_RC(rn_semaphore_try_acquire(&semaphore, 1), 0);
}

/* -- callbacks --------------------------------------------------------------------------------------------------- */

static void not_in_a_callback(void)
{
    CHECK_RC(rn_sleep_ms(0), RN_EDEADLK);
}

static void fork_in_drop(void *element, void *ctx)
{
    (void)element, (void)ctx;
    in_child(not_in_a_callback);
}

TEST(fork_in_a_drop_function_is_still_inside_it)
{
    make_channel();
    drop_channel();
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1,
                            &(rn_elem){.size = sizeof(int), .align = _Alignof(int), .drop = fork_in_drop}) == 0);
    CHECK_EQ(rn_run_with(give_number, &(int){1}, &(rn_runtime_opts){.workers = 2}), 1);
    CHECK_RC(rn_mpsc_send(tx, &(int){6}), 0);
    drop_channel();
}
