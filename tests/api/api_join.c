/* SPDX-License-Identifier: MIT */
/* api_join.c - waiting for the end of a task, and letting go of it (contract: <runnel/task.h>). */
#include "api/tasks.h"

#include <limits.h>

enum { UNTOUCHED = -4242 };

static int wait_for_flag(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return 17;
}

static int give_number(void *arg)
{
    return *(const int *)arg;
}

static rn_task ended_task(int *number)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, give_number, number) == 0);
    WAIT_UNTIL(rn_task_ended(task));
    return task;
}

/* -- results ----------------------------------------------------------------------------------------------------- */

ROOT(join_gives_what_the_function_returned)
{
    static const int numbers[] = {0, 1, -1, RN_ECANCELED, RN_EINVAL, INT_MAX, INT_MIN, 256};
    for (size_t i = 0; i < RN_COUNT(numbers); i++) {
        rn_task task;
        int result = UNTOUCHED;
        REQUIRE(rn_spawn(&task, give_number, (void *)(uintptr_t)&numbers[i]) == 0);
        CHECK_RC(rn_join(task, &result), 0);
        CHECK_EQ(result, numbers[i]);
    }
}

ROOT(join_needs_no_place_for_the_result)
{
    int number = 1;
    rn_task task;
    REQUIRE(rn_spawn(&task, give_number, &number) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    REQUIRE(rn_spawn(&task, give_number, &number) == 0);
    CHECK_RC(rn_join_until(task, NULL, rn_in_s(60)), 0);
}

ROOT(join_does_not_wait_for_a_task_that_has_ended)
{
    int number = 31;
    CHECK_EQ(result_of(ended_task(&number)), 31);
    int result = UNTOUCHED;
    CHECK_RC(rn_join_until(ended_task(&number), &result, rn_in_ms(-1)), 0);
    CHECK_EQ(result, 31);
}

struct joiner {
    rn_task task;
    rn_deadline deadline;
    int code;
    int result;
    int next_wait;
};

static int join_it(void *arg)
{
    struct joiner *joiner = arg;
    joiner->result = UNTOUCHED;
    joiner->code = rn_join_until(joiner->task, &joiner->result, joiner->deadline);
    joiner->next_wait = rn_sleep_ms(0);
    return 0;
}

static rn_task start_joiner(struct joiner *joiner, rn_task task)
{
    rn_task handle;
    joiner->task = task;
    REQUIRE(rn_spawn(&handle, join_it, joiner) == 0);
    WAIT_UNTIL(waits_in(handle, "join"));
    return handle;
}

ROOT(join_waits_until_the_task_ends)
{
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    rn_task joining = start_joiner(&joiner, task);
    CHECK_EQ(joiner.code, UNTOUCHED);
    set(&leave);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_RC(joiner.code, 0);
    CHECK_EQ(joiner.result, 17);
}

static int fill(void *arg)
{
    memset(arg, 0x5a, 1024);
    return 0;
}

/* For ThreadSanitizer, first of all. */
ROOT(join_comes_after_all_that_the_task_did)
{
    for (int round = 0; round < 50; round++) {
        unsigned char buffer[1024] = {0};
        rn_task task;
        REQUIRE(rn_spawn_with(&task, fill, buffer, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) == 0);
        CHECK_RC(rn_join(task, NULL), 0);
        CHECK_EQ(buffer[0], 0x5a);
        CHECK_EQ(buffer[1023], 0x5a);
    }
}

struct link {
    rn_task before;
    int depth;
};

static int join_the_one_before(void *arg)
{
    const struct link *link = arg;
    return link->depth == 0 ? 0 : 1 + result_of(link->before);
}

ROOT(join_goes_along_a_chain_of_tasks)
{
    enum { LENGTH = 1000 };
    static struct link links[LENGTH];
    rn_task task = RN_NO_TASK;
    for (int i = 0; i < LENGTH; i++) {
        links[i] = (struct link){task, i};
        REQUIRE(rn_spawn(&task, join_the_one_before, &links[i]) == 0);
    }
    CHECK_EQ(result_of(task), LENGTH - 1);
}

/* -- from where -------------------------------------------------------------------------------------------------- */

static rn_runtime *other;

static void join_task_of_other(void)
{
    int number = 3;
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task quick, slow;
    REQUIRE(rn_spawn_with(&quick, give_number, &number, &(rn_spawn_opts){.runtime = other}) == 0);
    CHECK_EQ(result_of(quick), 3);
    REQUIRE(rn_spawn_with(&slow, wait_for_flag, &leave, &(rn_spawn_opts){.runtime = other}) == 0);
    rn_task joining = start_joiner(&joiner, slow);
    set(&leave);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_EQ(joiner.result, 17);
}

TEST(join_works_across_runtimes)
{
    REQUIRE(rn_runtime_new(&other, &(rn_runtime_opts){.workers = 2}) == 0);
    on_workers(2, join_task_of_other);
    CHECK_RC(rn_runtime_free(other), 0);
}

TEST(join_works_on_a_plain_thread)
{
    uint32_t leave = 0;
    int result = UNTOUCHED;
    rn_task task;
    REQUIRE(rn_runtime_new(&other, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &(rn_spawn_opts){.runtime = other}) == 0);
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_EQ(result, UNTOUCHED);
    set(&leave);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(result, 17);
    CHECK_RC(rn_join(task, &result), RN_EINVAL);
    CHECK_RC(rn_runtime_free(other), 0);
}

/* The handle is its owner's until it is joined; that the runtime has gone changes nothing. */
TEST(join_works_when_the_runtime_is_gone)
{
    int number = 55;
    char name[RN_TASK_NAME_MAX + 1];
    rn_task task;
    REQUIRE(rn_runtime_new(&other, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(&task, give_number, &number, &(rn_spawn_opts){.runtime = other, .name = "late"}) == 0);
    CHECK_RC(rn_runtime_free(other), 0);
    CHECK(rn_task_ended(task));
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, "late");
    rn_task_cancel(task, 0);
    CHECK_EQ(result_of(task), 55);
}

static int join_with_thread_task(void *arg)
{
    uint32_t leave = 0;
    rn_task task;
    (void)arg;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    set(&leave);
    return result_of(task);
}

ROOT(join_works_for_and_on_tasks_with_threads_of_their_own)
{
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    const rn_spawn_opts own = {.place = RN_PLACE_THREAD};
    rn_task task;
    REQUIRE(rn_spawn_with(&task, join_with_thread_task, NULL, &own) == 0);
    CHECK_EQ(result_of(task), 17);
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &own) == 0);
    rn_task joining = start_joiner(&joiner, task);
    set(&leave);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_EQ(joiner.result, 17);
}

/* -- refusals ---------------------------------------------------------------------------------------------------- */

ROOT(join_is_for_once)
{
    int number = 8;
    int result = UNTOUCHED;
    rn_task task;
    REQUIRE(rn_spawn(&task, give_number, &number) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_join(task, &result), RN_EINVAL);
    CHECK_RC(rn_join_until(task, &result, rn_in_s(60)), RN_EINVAL);
    CHECK_EQ(result, UNTOUCHED);
}

ROOT(join_of_no_task_is_refused)
{
    int result = UNTOUCHED;
    CHECK_RC(rn_join(RN_NO_TASK, &result), RN_EINVAL);
    CHECK_RC(rn_join_until(RN_NO_TASK, &result, RN_FOREVER), RN_EINVAL);
    CHECK_EQ(result, UNTOUCHED);
}

static int join_self(void *arg)
{
    rn_task *self = arg;
    int result = UNTOUCHED;
    CHECK_RC(rn_join(rn_task_self(), &result), RN_EDEADLK);
    CHECK_RC(rn_join(*self, &result), RN_EDEADLK);
    CHECK_RC(rn_join_until(*self, &result, rn_in_s(60)), RN_EDEADLK);
    CHECK_EQ(result, UNTOUCHED);
    return 12;
}

ROOT(join_of_oneself_is_refused)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, join_self, &task, &(rn_spawn_opts){.place = RN_PLACE_NEAR}) == 0);
    CHECK_EQ(result_of(task), 12);
    CHECK_RC(rn_join(rn_task_self(), NULL), RN_EDEADLK);
}

ROOT(join_beside_another_joiner_is_refused)
{
    uint32_t leave = 0;
    int result = UNTOUCHED;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    rn_task joining = start_joiner(&joiner, task);
    CHECK_RC(rn_join(task, &result), RN_EBUSY);
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(0)), RN_EBUSY);
    CHECK_EQ(result, UNTOUCHED);
    set(&leave);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_RC(joiner.code, 0);
    CHECK_EQ(joiner.result, 17);
    CHECK_RC(rn_join(task, &result), RN_EINVAL);
}

/* Join and drop by somebody who holds rn_task_self() only. */
ROOT_ON(1, join_of_a_task_without_handle_is_refused)
{
    static rn_task handle;
    uint32_t leave = 0;
    REQUIRE(rn_spawn(&handle, wait_for_flag, &leave) == 0);
    const rn_task copy = handle;
    rn_task_drop(handle);
    CHECK_RC(rn_join(copy, NULL), RN_EINVAL);
    CHECK(!rn_task_ended(copy));
    set(&leave);
    WAIT_UNTIL(rn_task_ended(copy));
    CHECK_RC(rn_join(copy, NULL), RN_EINVAL);
}

static rn_task to_join_in_callback;
static int code_in_callback;

static void join_in_drop(void *elem, void *ctx)
{
    (void)elem, (void)ctx;
    code_in_callback = rn_join(to_join_in_callback, NULL);
}

ROOT(join_in_a_callback_is_refused)
{
    const rn_elem elem = {.size = 1, .align = 1, .drop = join_in_drop};
    int number = 4;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, &elem) == 0);
    to_join_in_callback = ended_task(&number);
    CHECK_RC(rn_mpsc_send(tx, "x"), 0);
    rn_mpsc_rx_drop(rx);
    CHECK_RC(code_in_callback, RN_EDEADLK);
    CHECK_EQ(result_of(to_join_in_callback), 4);
    rn_mpsc_tx_drop(tx);
}

/* -- deadlines --------------------------------------------------------------------------------------------------- */

ROOT(join_ends_at_its_deadline_and_can_be_tried_again)
{
    uint32_t leave = 0;
    int result = UNTOUCHED;
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    const int64_t begin = rn_now_ns();
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(20)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - begin >= 20 * 1000 * 1000);
    CHECK_RC(rn_join_until(task, &result, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_join_until(task, &result, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(result, UNTOUCHED);
    CHECK(!rn_task_ended(task));
    set(&leave);
    CHECK_RC(rn_join_until(task, &result, RN_FOREVER), 0);
    CHECK_EQ(result, 17);
}

struct partner {
    rn_task other;
    int code;
    int result;
};

static int join_partner(void *arg)
{
    struct partner *self = arg;
    WAIT_UNTIL(rn__load_acquire(&self->other.id) != 0);
    self->result = UNTOUCHED;
    self->code = rn_join_until(self->other, &self->result, rn_in_ms(30));
    return self->code;
}

/* Whoever gives up first ends, and may then be joined by the other one. */
ROOT(join_of_each_other_ends_by_the_deadline)
{
    struct partner left = {.code = 1}, right = {.code = 1};
    rn_task first, second;
    REQUIRE(rn_spawn(&first, join_partner, &left) == 0);
    REQUIRE(rn_spawn(&second, join_partner, &right) == 0);
    rn__store_release(&left.other.id, second.id);
    rn__store_release(&right.other.id, first.id);
    WAIT_UNTIL(rn_task_ended(first) && rn_task_ended(second));
    CHECK_RC(rn_join(first, NULL), right.code == 0 ? RN_EINVAL : 0);
    CHECK_RC(rn_join(second, NULL), left.code == 0 ? RN_EINVAL : 0);
    CHECK((left.code == RN_ETIMEDOUT && right.code == RN_ETIMEDOUT) ||
          (left.code == RN_ETIMEDOUT && right.code == 0 && right.result == RN_ETIMEDOUT) ||
          (left.code == 0 && right.code == RN_ETIMEDOUT && left.result == RN_ETIMEDOUT));
}

/* -- cancelled joiners ------------------------------------------------------------------------------------------- */

ROOT(join_of_a_cancelled_joiner_ends_and_the_task_goes_on)
{
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    rn_task joining = start_joiner(&joiner, task);
    rn_task_cancel(joining, 0);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_RC(joiner.code, RN_ECANCELED);
    CHECK_EQ(joiner.result, UNTOUCHED);
    CHECK(!rn_task_ended(task));
    set(&leave);
    CHECK_EQ(result_of(task), 17);
}

ROOT(join_of_a_cancelled_joiner_looks_at_nothing)
{
    int number = 9;
    struct joiner joiner = {.task = ended_task(&number)};
    rn_task joining;
    REQUIRE(rn_spawn(&joining, join_it, &joiner) == 0);
    rn_task_cancel(joining, 0);
    CHECK_RC(rn_join(joining, NULL), 0);
    if (joiner.code == 0) { /* it was faster, on another worker */
        CHECK_EQ(joiner.result, 9);
    } else {
        CHECK_RC(joiner.code, RN_ECANCELED);
        CHECK_EQ(result_of(joiner.task), 9);
    }
}

/* The task ends on worker 1 while worker 0, where the joiner is, is kept busy; only then comes the cancel. */
ROOT_ON(2, join_that_was_served_is_not_cancelled_any_more)
{
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task task, joining;
    REQUIRE(rn_spawn_with(&task, wait_for_flag, &leave, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) ==
            0);
    joiner.task = task;
    REQUIRE(rn_spawn_with(&joining, join_it, &joiner, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 0}) == 0);
    WAIT_UNTIL(waits_in(joining, "join"));
    set(&leave);
    while (!rn_task_ended(task))
        rn__pause();
    rn_task_cancel(joining, 0);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_RC(joiner.code, 0);
    CHECK_EQ(joiner.result, 17);
    CHECK_RC(joiner.next_wait, RN_ECANCELED);
}

/* -- dropping ---------------------------------------------------------------------------------------------------- */

static int count_up_later(void *arg)
{
    rn_yield();
    count_up(arg);
    return 0;
}

ROOT(task_that_is_dropped_goes_on)
{
    enum { TASKS = 100 };
    uint32_t ran = 0;
    for (int i = 0; i < TASKS; i++) {
        rn_task task;
        REQUIRE(rn_spawn(&task, count_up_later, &ran) == 0);
        rn_task_drop(task);
        rn_task_drop(task);
        CHECK_RC(rn_join(task, NULL), RN_EINVAL);
    }
    WAIT_UNTIL(value_of(&ran) == TASKS);
}

ROOT(task_that_has_ended_can_be_dropped)
{
    int number = 1;
    for (int i = 0; i < 100; i++) {
        const rn_task task = ended_task(&number);
        rn_task_drop(task);
        CHECK_RC(rn_join(task, NULL), RN_EINVAL);
        CHECK(rn_task_ended(task));
    }
    rn_task_drop(RN_NO_TASK);
}

ROOT(task_that_is_being_joined_is_not_dropped)
{
    uint32_t leave = 0;
    struct joiner joiner = {.code = UNTOUCHED};
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_for_flag, &leave) == 0);
    rn_task joining = start_joiner(&joiner, task);
    rn_task_drop(task);
    set(&leave);
    CHECK_RC(rn_join(joining, NULL), 0);
    CHECK_RC(joiner.code, 0);
    CHECK_EQ(joiner.result, 17);
}
