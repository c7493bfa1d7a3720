/* SPDX-License-Identifier: MIT */
/* api_cancel.c - cancelled at every kind of wait, and what goes on as ever (contract: <runnel/cancel.h>). */
#include "api/tasks.h"

#include <stdlib.h>

enum { CAUSE = -20001 };

/* -- every kind of wait ------------------------------------------------------------------------------------------ */

/* One of each thing that can be waited for. */
static struct stage {
    rn_mpsc_tx *out_tx, *in_tx;
    rn_mpsc_rx *out_rx, *in_rx;
    rn_oneshot_tx *answer_tx, *question_tx;
    rn_oneshot_rx *answer_rx, *question_rx;
    rn_broadcast_tx *news_tx;
    rn_broadcast_rx *news_rx;
    rn_watch_tx *state_tx;
    rn_watch_rx *state_rx;
    rn_notify notify;
    rn_task task;
    uint32_t leave;
    rn_deadline deadline; /* of the calls that have one */
} stage;

static int wait_for_flag(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return 0;
}

/* Nothing is there: every call would wait. */
static void stage_begin(void)
{
    const int zero = 0;
    stage = (struct stage){.deadline = rn_in_s(3600)};
    REQUIRE(rn_mpsc_channel(&stage.out_tx, &stage.out_rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_mpsc_channel(&stage.in_tx, &stage.in_rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_oneshot_channel(&stage.answer_tx, &stage.answer_rx, RN_ELEM(int)) == 0);
    REQUIRE(rn_oneshot_channel(&stage.question_tx, &stage.question_rx, RN_ELEM(int)) == 0);
    REQUIRE(rn_broadcast_channel(&stage.news_tx, &stage.news_rx, 4, RN_ELEM(int)) == 0);
    REQUIRE(rn_watch_channel(&stage.state_tx, &stage.state_rx, &zero, RN_ELEM(int)) == 0);
    int seen;
    CHECK_RC(rn_watch_recv_until(stage.state_rx, &seen, rn_in_ms(0)), RN_ETIMEDOUT); /* the first value is seen */
    CHECK_RC(rn_mpsc_try_send(stage.out_tx, &zero), 0);
    REQUIRE(rn_spawn_with(&stage.task, wait_for_flag, &stage.leave, NULL) == 0);
}

/* Everything is there: no call would have to wait. */
static void stage_fill(void)
{
    const int one = 1;
    int seen;
    CHECK_RC(rn_mpsc_try_recv(stage.out_rx, &seen), 0);
    CHECK_RC(rn_mpsc_try_send(stage.in_tx, &one), 0);
    CHECK_RC(rn_oneshot_send(stage.answer_tx, &one), 0);
    stage.answer_tx = NULL;
    rn_oneshot_rx_close(stage.question_rx);
    CHECK_RC(rn_broadcast_send(stage.news_tx, &one), 0);
    CHECK_RC(rn_watch_set(stage.state_tx, &one), 0);
    rn_notify_one(&stage.notify);
    set(&stage.leave);
    WAIT_UNTIL(rn_task_ended(stage.task));
    stage.deadline = rn_in_ms(0);
}

static void stage_end(void)
{
    set(&stage.leave);
    if (!rn_task_ended(stage.task))
        CHECK_RC(rn_join(stage.task, NULL), 0);
    else
        rn_task_drop(stage.task);
    rn_mpsc_tx_drop(stage.out_tx);
    rn_mpsc_rx_drop(stage.out_rx);
    rn_mpsc_tx_drop(stage.in_tx);
    rn_mpsc_rx_drop(stage.in_rx);
    rn_oneshot_tx_drop(stage.answer_tx);
    rn_oneshot_rx_drop(stage.answer_rx);
    rn_oneshot_tx_drop(stage.question_tx);
    rn_oneshot_rx_drop(stage.question_rx);
    rn_broadcast_tx_drop(stage.news_tx);
    rn_broadcast_rx_drop(stage.news_rx);
    rn_watch_tx_drop(stage.state_tx);
    rn_watch_rx_drop(stage.state_rx);
}

static int cancel_self_first(void *arg)
{
    rn_fn **wait = arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    const int code = (*wait)(NULL);
    CHECK_EQ(rn_cancelled(), CAUSE);
    CHECK_RC((*wait)(NULL), RN_ECANCELED);
    return code;
}

static const enum rn_place places[] = {RN_PLACE_NEAR, RN_PLACE_SPREAD, RN_PLACE_THREAD};

/* Parked first, then cancelled; cancelled first, then called. */
static void check_cancelled(rn_fn *wait)
{
    stage_begin();
    for (size_t i = 0; i < RN_COUNT(places); i++) {
        rn_task task;
        REQUIRE(rn_spawn_with(&task, wait, NULL, &(rn_spawn_opts){.place = places[i]}) == 0);
        WAIT_UNTIL(waits_in(task, NULL));
        rn_task_cancel(task, CAUSE);
        CHECK_RC(result_of(task), RN_ECANCELED);
        REQUIRE(rn_spawn_with(&task, cancel_self_first, &wait, &(rn_spawn_opts){.place = places[i]}) == 0);
        CHECK_RC(result_of(task), RN_ECANCELED);
    }
    stage_end();
}

/* Cancelled where it need not wait: nothing happened, as whoever comes next finds. */
static void check_cancelled_though_ready(rn_fn *wait)
{
    stage_begin();
    stage_fill();
    for (size_t i = 0; i < RN_COUNT(places); i++) {
        rn_task task;
        REQUIRE(rn_spawn_with(&task, cancel_self_first, &wait, &(rn_spawn_opts){.place = places[i]}) == 0);
        CHECK_RC(result_of(task), RN_ECANCELED);
    }
    CHECK_RC(wait(NULL), 0);
    stage_end();
}

#define CANCELS(id, call)                                                                                            \
    static int wait_in_##id(void *arg)                                                                               \
    {                                                                                                                \
        int value = 2;                                                                                               \
        (void)arg, (void)value;                                                                                      \
        return call;                                                                                                 \
    }                                                                                                                \
    ROOT(cancel_ends_##id)                                                                                           \
    {                                                                                                                \
        check_cancelled(wait_in_##id);                                                                               \
    }                                                                                                                \
    ROOT(cancel_is_noticed_by_##id##_that_need_not_wait)                                                             \
    {                                                                                                                \
        check_cancelled_though_ready(wait_in_##id);                                                                  \
    }

CANCELS(sleep_until, rn_sleep_until(stage.deadline))
CANCELS(join, rn_join(stage.task, NULL))
CANCELS(join_until, rn_join_until(stage.task, NULL, stage.deadline))
CANCELS(mpsc_send, rn_mpsc_send(stage.out_tx, &value))
CANCELS(mpsc_send_until, rn_mpsc_send_until(stage.out_tx, &value, stage.deadline))
CANCELS(mpsc_give, rn_mpsc_give(stage.out_tx, &value))
CANCELS(mpsc_recv, rn_mpsc_recv(stage.in_rx, &value))
CANCELS(mpsc_recv_until, rn_mpsc_recv_until(stage.in_rx, &value, stage.deadline))
CANCELS(mpsc_send_many, rn_mpsc_send_many(stage.out_tx, &value, 1, &(size_t){0}))
CANCELS(mpsc_send_many_until, rn_mpsc_send_many_until(stage.out_tx, &value, 1, &(size_t){0}, stage.deadline))
CANCELS(mpsc_recv_many, rn_mpsc_recv_many(stage.in_rx, &value, 1, &(size_t){0}))
CANCELS(mpsc_recv_many_until, rn_mpsc_recv_many_until(stage.in_rx, &value, 1, &(size_t){0}, stage.deadline))

static int reserve_and_drop(rn_deadline deadline)
{
    rn_mpsc_permit permit;
    const int rc = rn_mpsc_reserve_until(stage.out_tx, 1, &permit, deadline);
    rn_mpsc_permit_drop(&permit);
    return rc;
}

CANCELS(mpsc_reserve, reserve_and_drop(RN_FOREVER))
CANCELS(mpsc_reserve_until, reserve_and_drop(stage.deadline))
CANCELS(oneshot_recv, rn_oneshot_recv(stage.answer_rx, &value))
CANCELS(oneshot_recv_until, rn_oneshot_recv_until(stage.answer_rx, &value, stage.deadline))
CANCELS(oneshot_tx_closed, rn_oneshot_tx_closed(stage.question_tx))
CANCELS(oneshot_tx_closed_until, rn_oneshot_tx_closed_until(stage.question_tx, stage.deadline))
CANCELS(broadcast_recv, rn_broadcast_recv(stage.news_rx, &value, NULL))
CANCELS(broadcast_recv_until, rn_broadcast_recv_until(stage.news_rx, &value, NULL, stage.deadline))
CANCELS(watch_recv, rn_watch_recv(stage.state_rx, &value))
CANCELS(watch_recv_until, rn_watch_recv_until(stage.state_rx, &value, stage.deadline))
CANCELS(watch_changed, rn_watch_changed(stage.state_rx))
CANCELS(watch_changed_until, rn_watch_changed_until(stage.state_rx, stage.deadline))
CANCELS(notify_wait, rn_notify_wait(&stage.notify))
CANCELS(notify_wait_until, rn_notify_wait_until(&stage.notify, stage.deadline))

/* Nobody is on the other side any more. */
static void stage_close(void)
{
    rn_mpsc_rx_drop(stage.out_rx);
    rn_mpsc_tx_drop(stage.in_tx);
    rn_oneshot_tx_drop(stage.answer_tx);
    rn_broadcast_tx_drop(stage.news_tx);
    rn_watch_tx_drop(stage.state_tx);
    stage.out_rx = NULL;
    stage.in_tx = NULL;
    stage.answer_tx = NULL;
    stage.news_tx = NULL;
    stage.state_tx = NULL;
}

ROOT(cancel_is_told_before_closed)
{
    static rn_fn *const calls[] = {wait_in_mpsc_send,    wait_in_mpsc_send_until, wait_in_mpsc_recv,
                                   wait_in_oneshot_recv, wait_in_broadcast_recv,  wait_in_watch_recv,
                                   wait_in_watch_changed};
    stage_begin();
    stage_close();
    for (size_t i = 0; i < RN_COUNT(calls); i++) {
        rn_fn *call = calls[i];
        rn_task task;
        CHECK_RC(call(NULL), RN_CLOSED);
        REQUIRE(rn_spawn_with(&task, cancel_self_first, &call, NULL) == 0);
        CHECK_RC(result_of(task), RN_ECANCELED);
    }
    stage_end();
}

ROOT(cancel_is_told_before_a_deadline_that_has_passed)
{
    static rn_fn *const calls[] = {
        wait_in_mpsc_send_until,      wait_in_mpsc_recv_until,  wait_in_oneshot_recv_until,
        wait_in_broadcast_recv_until, wait_in_watch_recv_until, wait_in_watch_changed_until,
        wait_in_notify_wait_until,    wait_in_sleep_until,      wait_in_join_until};
    stage_begin();
    stage.deadline = rn_in_ms(0);
    for (size_t i = 0; i < RN_COUNT(calls); i++) {
        rn_fn *call = calls[i];
        rn_task task;
        if (call != wait_in_sleep_until)
            CHECK_RC(call(NULL), RN_ETIMEDOUT);
        REQUIRE(rn_spawn_with(&task, cancel_self_first, &call, NULL) == 0);
        CHECK_RC(result_of(task), RN_ECANCELED);
    }
    stage_end();
}

static int wait_for_ticket(void)
{
    rn_notify_ticket ticket = {.notify = NULL};
    rn_notify_enable(&stage.notify, &ticket);
    return rn_notify_ticket_wait(&ticket);
}

static int wait_for_ticket_until(void)
{
    rn_notify_ticket ticket = {.notify = NULL};
    rn_notify_enable(&stage.notify, &ticket);
    return rn_notify_ticket_wait_until(&ticket, stage.deadline);
}

CANCELS(notify_ticket_wait, wait_for_ticket())
CANCELS(notify_ticket_wait_until, wait_for_ticket_until())

static int sleep_long(void *arg)
{
    (void)arg;
    return rn_sleep_ms(3600 * 1000);
}

static int sleep_not(void *arg)
{
    (void)arg;
    return rn_sleep_ms(0);
}

ROOT(cancel_ends_sleep_ms)
{
    check_cancelled(sleep_long);
}

ROOT(cancel_is_noticed_by_sleep_ms_of_0_and_less)
{
    rn_fn *wait = sleep_not;
    rn_task task;
    REQUIRE(rn_spawn(&task, cancel_self_first, &wait) == 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_RC(rn_sleep_ms(0), 0);
    CHECK_RC(rn_sleep_ms(-5), 0);
}

static rn_runtime *other;

static int wait_for_other(void *arg)
{
    (void)arg;
    return rn_runtime_wait(other, RN_FOREVER);
}

static void cancel_wait_for_other(void)
{
    uint32_t leave = 0;
    rn_task resident;
    REQUIRE(rn_spawn_with(&resident, wait_for_flag, &leave, &(rn_spawn_opts){.runtime = other}) == 0);
    check_cancelled(wait_for_other);
    CHECK_RC(rn_runtime_wait(other, rn_in_ms(1)), RN_ETIMEDOUT);
    set(&leave);
    CHECK_RC(rn_join(resident, NULL), 0);
    check_cancelled_though_ready(wait_for_other);
}

TEST(cancel_ends_runtime_wait)
{
    REQUIRE(rn_runtime_new(&other, &(rn_runtime_opts){.workers = 2}) == 0);
    on_workers(2, cancel_wait_for_other);
    CHECK_RC(rn_runtime_free(other), 0);
}

/* -- the cause --------------------------------------------------------------------------------------------------- */

static int give_cause(void *arg)
{
    WAIT_UNTIL(is_set(arg));
    return rn_cancelled();
}

static int cause_after(const int *causes, size_t count)
{
    uint32_t go = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, give_cause, &go) == 0);
    for (size_t i = 0; i < count; i++)
        rn_task_cancel(task, causes[i]);
    set(&go);
    return result_of(task);
}

ROOT(cancel_has_a_cause)
{
    CHECK_EQ(cause_after(NULL, 0), 0);
    CHECK_EQ(cause_after((const int[]){CAUSE}, 1), CAUSE);
    CHECK_EQ(cause_after((const int[]){42}, 1), 42);
    CHECK_EQ(cause_after((const int[]){INT32_MIN}, 1), INT32_MIN);
}

ROOT(cancel_without_a_cause_has_one)
{
    CHECK_EQ(cause_after((const int[]){0}, 1), RN_ECANCELED);
}

ROOT(cancel_keeps_its_first_cause)
{
    CHECK_EQ(cause_after((const int[]){CAUSE, 42, RN_SHUTDOWN}, 3), CAUSE);
    CHECK_EQ(cause_after((const int[]){0, 42}, 2), RN_ECANCELED);
}

TEST(cancel_is_nothing_that_a_plain_thread_knows)
{
    CHECK_EQ(rn_cancelled(), 0);
    rn_task_cancel(RN_NO_TASK, CAUSE);
    rn_task_cancel(rn_task_self(), CAUSE);
    CHECK_EQ(rn_cancelled(), 0);
    CHECK_RC(rn_sleep_ms(1), 0);
}

ROOT(cancel_of_one_task_is_not_that_of_its_neighbours)
{
    uint32_t go = 0;
    rn_task tasks[3];
    for (int i = 0; i < 3; i++)
        REQUIRE(rn_spawn(&tasks[i], give_cause, &go) == 0);
    rn_task_cancel(tasks[1], CAUSE);
    set(&go);
    CHECK_EQ(result_of(tasks[0]), 0);
    CHECK_EQ(result_of(tasks[1]), CAUSE);
    CHECK_EQ(result_of(tasks[2]), 0);
    CHECK_EQ(rn_cancelled(), 0);
}

/* Whoever gets the slot, the stack or the thread next begins anew. */
ROOT(cancel_is_over_with_the_task)
{
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(cause_after((const int[]){CAUSE}, 1), CAUSE);
        CHECK_EQ(cause_after(NULL, 0), 0);
    }
}

ROOT(cancel_of_a_task_that_has_ended_does_nothing)
{
    uint32_t go = 1;
    rn_task task;
    REQUIRE(rn_spawn(&task, give_cause, &go) == 0);
    WAIT_UNTIL(rn_task_ended(task));
    rn_task_cancel(task, CAUSE);
    CHECK_EQ(result_of(task), 0);
    rn_task_cancel(task, CAUSE);
}

/* -- before the start -------------------------------------------------------------------------------------------- */

struct errand {
    uint32_t ran;
    int cause;
    int code;
    int *memory; /* its to free */
};

static int run_errand(void *arg)
{
    struct errand *errand = arg;
    count_up(&errand->ran);
    errand->cause = rn_cancelled();
    errand->code = rn_sleep_ms(1);
    free(errand->memory);
    return 5;
}

ROOT_ON(1, cancel_before_the_start_lets_the_task_run_once)
{
    struct errand errand = {.memory = malloc(sizeof *errand.memory)};
    rn_task task;
    REQUIRE(rn_spawn(&task, run_errand, &errand) == 0);
    rn_task_cancel(task, CAUSE);
    CHECK_EQ(errand.ran, 0);
    CHECK_EQ(result_of(task), 5);
    CHECK_EQ(errand.ran, 1);
    CHECK_EQ(errand.cause, CAUSE);
    CHECK_RC(errand.code, RN_ECANCELED);
}

/* Wherever they are when it comes: on their way, in a deque, stolen, or started. */
ROOT(cancel_at_any_moment_lets_each_task_run_once)
{
    enum { TASKS = 300 };
    static struct errand errands[TASKS];
    static rn_task tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        errands[i] = (struct errand){.memory = malloc(sizeof(int))};
        const rn_spawn_opts opts = {.place = places[(size_t)i % 2]};
        REQUIRE(rn_spawn_with(&tasks[i], run_errand, &errands[i], &opts) == 0);
        if (i % 3 != 0)
            rn_task_cancel(tasks[i], CAUSE);
    }
    for (int i = 0; i < TASKS; i++) {
        CHECK_EQ(result_of(tasks[i]), 5);
        CHECK_EQ(errands[i].ran, 1);
        if (i % 3 == 0)
            CHECK_RC(errands[i].code, 0);
        else if (errands[i].cause == CAUSE)
            CHECK_RC(errands[i].code, RN_ECANCELED);
    }
}

/* -- what goes on as ever ---------------------------------------------------------------------------------------- */

static int give_7(void *arg)
{
    (void)arg;
    return 7;
}

static int do_what_never_waits(void *arg)
{
    const struct stage *all = arg;
    const int four = 4;
    int value = 0;
    rn_task_cancel(rn_task_self(), CAUSE);
    CHECK_RC(rn_mpsc_try_recv(all->in_rx, &value), 0);
    CHECK_EQ(value, 1);
    CHECK_RC(rn_mpsc_try_recv(all->in_rx, &value), RN_EMPTY);
    CHECK_RC(rn_mpsc_try_send(all->in_tx, &four), 0);
    CHECK_RC(rn_mpsc_try_send(all->in_tx, &four), RN_FULL);
    CHECK_RC(rn_oneshot_try_recv(all->answer_rx, &value), 0);
    CHECK_RC(rn_broadcast_send(all->news_tx, &four), 0);
    CHECK_RC(rn_broadcast_try_recv(all->news_rx, &value, NULL), 0);
    CHECK_RC(rn_watch_set(all->state_tx, &four), 0);
    CHECK_RC(rn_watch_get(all->state_rx, &value), 0);
    CHECK_EQ(value, 4);
    return 0;
}

ROOT(cancel_is_not_noticed_by_calls_that_never_wait)
{
    rn_task task;
    stage_begin();
    stage_fill();
    REQUIRE(rn_spawn(&task, do_what_never_waits, &stage) == 0);
    CHECK_RC(result_of(task), 0);
    stage_end();
}

static int send_unbounded(void *arg)
{
    const int four = 4;
    rn_mpsc_tx *clone = NULL;
    rn_task_cancel(rn_task_self(), CAUSE);
    CHECK_RC(rn_mpsc_tx_clone(&clone, arg), 0);
    CHECK_RC(rn_mpsc_send(clone, &four), 0);
    CHECK_RC(rn_mpsc_give(clone, &(int){5}), 0);
    CHECK_RC(rn_mpsc_send_until(clone, &four, rn_in_ms(0)), 0);
    rn_mpsc_tx_drop(clone);
    return 0;
}

ROOT(cancel_is_not_noticed_by_sends_that_never_wait)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
    REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&task, send_unbounded, tx) == 0);
    CHECK_RC(result_of(task), 0);
    CHECK_EQ(rn_mpsc_rx_len(rx), 3);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
}

static int spawn_and_yield(void *arg)
{
    rn_task task;
    (void)arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    rn_yield();
    REQUIRE(rn_spawn(&task, give_7, NULL) == 0);
    rn_shield_enter();
    const int result = result_of(task);
    rn_shield_leave();
    return result;
}

ROOT(cancel_is_not_noticed_by_spawn_and_yield)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, spawn_and_yield, NULL) == 0);
    CHECK_EQ(result_of(task), 7);
}

/* -- loops that never wait --------------------------------------------------------------------------------------- */

/* Sends to itself and receives it again. */
static int talk_to_self(void *arg)
{
    uint32_t *turns = arg;
    int value = 0, code = 0;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 2, RN_ELEM(int)) == 0);
    while (code == 0) {
        code = rn_mpsc_send(tx, &value);
        if (code == 0)
            code = rn_mpsc_recv(rx, &value);
        count_up(turns);
    }
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    return code;
}

ROOT(cancel_ends_a_loop_whose_calls_need_not_wait)
{
    uint32_t turns = 0;
    rn_task task;
    REQUIRE(rn_spawn(&task, talk_to_self, &turns) == 0);
    WAIT_UNTIL(value_of(&turns) > 1000);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), RN_ECANCELED);
}

static int compute(void *arg)
{
    uint32_t *turns = arg;
    while (rn_cancelled() == 0)
        count_up(turns);
    return rn_cancelled();
}

ROOT_ON(2, cancel_is_seen_by_a_loop_that_asks)
{
    uint32_t turns = 0;
    rn_task task;
    REQUIRE(rn_spawn_with(&task, compute, &turns, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = 1}) == 0);
    WAIT_UNTIL(value_of(&turns) > 1000);
    rn_task_cancel(task, CAUSE);
    CHECK_EQ(result_of(task), CAUSE);
}

/* -- what was delivered wins ------------------------------------------------------------------------------------- */

struct taker {
    int code;
    int value;
    int next_wait;
};

static int take_message(void *arg)
{
    struct taker *taker = arg;
    taker->code = rn_mpsc_recv(stage.in_rx, &taker->value);
    taker->next_wait = rn_mpsc_recv(stage.in_rx, &(int){0});
    return 0;
}

/* On one worker the taker cannot run between the send and the cancel. */
ROOT_ON(1, cancel_after_the_delivery_of_a_message_comes_too_late)
{
    struct taker taker = {.value = -1};
    rn_task task;
    stage_begin();
    REQUIRE(rn_spawn(&task, take_message, &taker) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    CHECK_RC(rn_mpsc_try_send(stage.in_tx, &(int){66}), 0);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(taker.code, 0);
    CHECK_EQ(taker.value, 66);
    CHECK_RC(taker.next_wait, RN_ECANCELED);
    stage_end();
}

static int send_message(void *arg)
{
    struct taker *sender = arg;
    sender->code = rn_mpsc_send(stage.out_tx, &sender->value);
    sender->next_wait = rn_sleep_ms(0);
    return 0;
}

ROOT_ON(1, cancel_after_the_delivery_of_a_parked_send_comes_too_late)
{
    struct taker sender = {.value = 77};
    int value = -1;
    rn_task task;
    stage_begin();
    REQUIRE(rn_spawn(&task, send_message, &sender) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    CHECK_RC(rn_mpsc_try_recv(stage.out_rx, &value), 0);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(sender.code, 0);
    CHECK_RC(sender.next_wait, RN_ECANCELED);
    CHECK_RC(rn_mpsc_try_recv(stage.out_rx, &value), 0);
    CHECK_EQ(value, 77);
    stage_end();
}

ROOT_ON(1, cancel_before_the_delivery_leaves_the_message_to_others)
{
    struct taker taker = {.value = -1};
    int value = -1;
    rn_task task;
    stage_begin();
    REQUIRE(rn_spawn(&task, take_message, &taker) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_mpsc_try_send(stage.in_tx, &(int){66}), 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(taker.code, RN_ECANCELED);
    CHECK_EQ(taker.value, -1);
    CHECK_RC(rn_mpsc_try_recv(stage.in_rx, &value), 0);
    CHECK_EQ(value, 66);
    stage_end();
}

static int take_permit(void *arg)
{
    struct taker *taker = arg;
    taker->code = rn_notify_wait(&stage.notify);
    taker->next_wait = rn_sleep_ms(0);
    return 0;
}

/* The permit is either used, or still there for the next. */
ROOT_ON(1, cancel_uses_up_no_permit)
{
    struct taker taker = {.value = -1};
    rn_task task;
    stage_begin();
    REQUIRE(rn_spawn(&task, take_permit, &taker) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    rn_notify_one(&stage.notify);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(rn_notify_wait_until(&stage.notify, rn_in_ms(0)), taker.code == 0 ? RN_ETIMEDOUT : 0);
    CHECK_RC(taker.next_wait, RN_ECANCELED);
    stage_end();
}

/* -- who may ask ------------------------------------------------------------------------------------------------- */

static void *cancel_from_thread(void *arg)
{
    rn_task_cancel(*(rn_task *)arg, CAUSE);
    return NULL;
}

ROOT(cancel_comes_from_a_plain_thread)
{
    pthread_t thread;
    rn_task task;
    REQUIRE(rn_spawn(&task, sleep_long, NULL) == 0);
    REQUIRE(pthread_create(&thread, NULL, cancel_from_thread, &task) == 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

static int cancel_it(void *arg)
{
    rn_task_cancel(*(rn_task *)arg, 0);
    return 0;
}

/* Several at once: one wake-up, not two. */
ROOT(cancel_comes_from_several_at_once)
{
    for (int round = 0; round < 100; round++) {
        rn_task sleeper, cancellers[4];
        REQUIRE(rn_spawn(&sleeper, sleep_long, NULL) == 0);
        for (int i = 0; i < 4; i++)
            REQUIRE(rn_spawn_with(&cancellers[i], cancel_it, &sleeper, &(rn_spawn_opts){.place = RN_PLACE_SPREAD}) ==
                    0);
        CHECK_RC(result_of(sleeper), RN_ECANCELED);
        for (int i = 0; i < 4; i++)
            CHECK_RC(rn_join(cancellers[i], NULL), 0);
    }
}

/* -- clean-up, and every order of events ------------------------------------------------------------------------- */

struct patient {
    uint32_t parked;
    uint32_t cleaned_up;
    pthread_t before;
    pthread_t after;
    int code;
};

static int fall_ill(void *arg)
{
    struct patient *patient = arg;
    patient->before = pthread_self();
    set(&patient->parked);
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    patient->after = pthread_self();
    count_up(&patient->cleaned_up);
    return patient->code;
}

static void *cancel_from_here(void *arg)
{
    rn_task_cancel(*(rn_task *)arg, 0);
    return NULL;
}

ROOT(cancel_from_a_thread_lets_clean_up_run_where_the_task_lives)
{
    struct patient patient = {.code = 0};
    pthread_t thread;
    rn_task task;
    REQUIRE(rn_spawn(&task, fall_ill, &patient) == 0);
    WAIT_UNTIL(is_set(&patient.parked));
    CHECK_EQ(value_of(&patient.cleaned_up), 0);
    REQUIRE(pthread_create(&thread, NULL, cancel_from_here, &task) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(value_of(&patient.cleaned_up), 1);
    CHECK(pthread_equal(patient.before, patient.after));
}

ROOT(cancel_reaches_a_task_whose_handle_is_dropped_at_once)
{
    struct patient patient = {.code = 0};
    rn_task task;
    REQUIRE(rn_spawn(&task, fall_ill, &patient) == 0);
    WAIT_UNTIL(waits_in(task, "sleep"));
    rn_task_cancel(task, 0);
    rn_task_drop(task);
    WAIT_UNTIL(value_of(&patient.cleaned_up) == 1);
}

ROOT(cancel_leaves_the_result_to_the_clean_up)
{
    struct patient patient = {.code = 0};
    for (int code = -2; code <= 2; code++) {
        rn_task task;
        patient.code = code;
        REQUIRE(rn_spawn(&task, fall_ill, &patient) == 0);
        WAIT_UNTIL(waits_in(task, "sleep"));
        rn_task_cancel(task, 0);
        CHECK_EQ(result_of(task), code);
    }
    CHECK_EQ(value_of(&patient.cleaned_up), 5);
}

ROOT(cancel_and_a_clean_up_that_fails_harm_nobody_else)
{
    struct patient failing = {.code = -1}, healthy = {.code = 3};
    rn_task task, neighbour;
    REQUIRE(rn_spawn(&task, fall_ill, &failing) == 0);
    REQUIRE(rn_spawn(&neighbour, fall_ill, &healthy) == 0);
    WAIT_UNTIL(waits_in(task, "sleep") && waits_in(neighbour, "sleep"));
    rn_task_cancel(task, 0);
    rn_task_drop(task);
    WAIT_UNTIL(value_of(&failing.cleaned_up) == 1);
    rn_yield();
    CHECK(waits_in(neighbour, "sleep"));
    rn_task_cancel(neighbour, 0);
    CHECK_EQ(result_of(neighbour), 3);
}

enum moment { FRESH, PARKED, ENDED, MOMENTS };
enum handling { JOINED, JOINED_FIRST, DROPPED, HANDLINGS };

struct fate {
    uint32_t runs;
    uint32_t ended;
    uint32_t leave;
};

static int meet_fate(void *arg)
{
    struct fate *fate = arg;
    count_up(&fate->runs);
    int code = 0;
    while (!is_set(&fate->leave) && code == 0)
        code = rn_sleep_ms(1);
    count_up(&fate->ended);
    return code;
}

static int join_it(void *arg)
{
    int result = -77;
    CHECK_RC(rn_join(*(rn_task *)arg, &result), 0);
    return result;
}

static void reach(rn_task task, struct fate *fate, enum moment moment)
{
    if (moment == ENDED)
        set(&fate->leave);
    if (moment != FRESH)
        WAIT_UNTIL(value_of(moment == ENDED ? &fate->ended : &fate->runs) == 1);
    if (moment == ENDED)
        WAIT_UNTIL(rn_task_ended(task));
}

static void check_fate(enum moment moment, enum handling handling, bool cancels)
{
    struct fate fate = {0};
    rn_task task, joiner;
    REQUIRE(rn_spawn(&task, meet_fate, &fate) == 0);
    reach(task, &fate, moment);
    if (handling == JOINED_FIRST)
        REQUIRE(rn_spawn(&joiner, join_it, &task) == 0);
    if (handling == JOINED_FIRST && moment != ENDED)
        WAIT_UNTIL(waits_in(joiner, "join"));
    if (cancels)
        rn_task_cancel(task, 0);
    else
        set(&fate.leave);
    const int result = moment != ENDED && cancels ? RN_ECANCELED : 0;
    if (handling == JOINED)
        CHECK_RC(join_it(&task), result);
    else if (handling == JOINED_FIRST)
        CHECK_RC(result_of(joiner), result);
    else
        rn_task_drop(task);
    WAIT_UNTIL(value_of(&fate.ended) == 1);
    CHECK_EQ(value_of(&fate.runs), 1);
    CHECK_RC(rn_join(task, NULL), RN_EINVAL);
}

ROOT(task_is_cancelled_ended_and_joined_in_every_order)
{
    for (int moment = FRESH; moment < MOMENTS; moment++)
        for (int handling = JOINED; handling < HANDLINGS; handling++)
            for (int cancels = 0; cancels <= 1; cancels++)
                check_fate((enum moment)moment, (enum handling)handling, cancels != 0);
}
