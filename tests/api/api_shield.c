/* SPDX-License-Identifier: MIT */
/* api_shield.c - stretches in which waits are not cancelled (contract: <runnel/cancel.h>). */
#include "api/tasks.h"

enum { CAUSE = -20001 };

/* A task does `fn` cancelled from its first statement on. */
static int when_cancelled(rn_fn *fn, void *arg, enum rn_place place)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, fn, arg, &(rn_spawn_opts){.place = place}) == 0);
    return result_of(task);
}

static int sleep_behind_shields(void *arg)
{
    const int depth = *(const int *)arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    for (int i = 0; i < depth; i++)
        rn_shield_enter();
    for (int i = 0; i < depth; i++) {
        CHECK_EQ(rn_cancelled(), CAUSE);
        CHECK_RC(rn_sleep_ms(1), 0);
        rn_shield_leave();
    }
    return rn_sleep_ms(1);
}

ROOT(shield_lets_waits_work)
{
    int depth = 1;
    CHECK_RC(when_cancelled(sleep_behind_shields, &depth, RN_PLACE_AUTO), RN_ECANCELED);
    CHECK_RC(when_cancelled(sleep_behind_shields, &depth, RN_PLACE_THREAD), RN_ECANCELED);
}

ROOT(shields_nest)
{
    int depth = 5;
    CHECK_RC(when_cancelled(sleep_behind_shields, &depth, RN_PLACE_AUTO), RN_ECANCELED);
    CHECK_RC(when_cancelled(sleep_behind_shields, &depth, RN_PLACE_THREAD), RN_ECANCELED);
}

struct guarded {
    rn_notify notify;
    uint32_t entered;
    int shielded;
    int after;
};

static int wait_behind_shield(void *arg)
{
    struct guarded *guarded = arg;
    rn_shield_enter();
    guarded->shielded = rn_notify_wait(&guarded->notify);
    rn_shield_leave();
    guarded->after = rn_notify_wait(&guarded->notify);
    return 0;
}

static void check_cancel_behind_shield(enum rn_place place)
{
    struct guarded guarded = {.shielded = -1, .after = -1};
    rn_task task;
    REQUIRE(rn_spawn_with(&task, wait_behind_shield, &guarded, &(rn_spawn_opts){.place = place}) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    rn_task_cancel(task, CAUSE);
    for (int i = 0; i < 20; i++) {
        rn_yield();
        CHECK(waits_in(task, NULL));
    }
    rn_notify_one(&guarded.notify);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_RC(guarded.shielded, 0);
    CHECK_RC(guarded.after, RN_ECANCELED);
}

ROOT(shield_keeps_a_wait_from_being_ended)
{
    check_cancel_behind_shield(RN_PLACE_AUTO);
    check_cancel_behind_shield(RN_PLACE_SPREAD);
    check_cancel_behind_shield(RN_PLACE_THREAD);
}

/* A wait that began before the shield is over when the shield is entered: nothing of it is left. */
static int wait_then_shield(void *arg)
{
    struct guarded *guarded = arg;
    guarded->after = rn_notify_wait(&guarded->notify);
    rn_shield_enter();
    guarded->shielded = rn_sleep_ms(2);
    rn_shield_leave();
    return rn_sleep_ms(1);
}

ROOT(shield_after_a_cancelled_wait_lets_clean_up_wait)
{
    struct guarded guarded = {.shielded = -1, .after = -1};
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_then_shield, &guarded) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    rn_task_cancel(task, CAUSE);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_RC(guarded.after, RN_ECANCELED);
    CHECK_RC(guarded.shielded, 0);
}

static int time_out_behind_shield(void *arg)
{
    rn_notify nobody = RN_NOTIFY_INIT;
    (void)arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    rn_shield_enter();
    const int64_t begin = rn_now_ns();
    CHECK_RC(rn_notify_wait_until(&nobody, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(rn_now_ns() - begin >= 5 * 1000 * 1000);
    rn_shield_leave();
    return rn_notify_wait_until(&nobody, rn_in_ms(5));
}

ROOT(shield_leaves_deadlines_alone)
{
    CHECK_RC(when_cancelled(time_out_behind_shield, NULL, RN_PLACE_AUTO), RN_ECANCELED);
    CHECK_RC(when_cancelled(time_out_behind_shield, NULL, RN_PLACE_THREAD), RN_ECANCELED);
}

static int send_behind_shield(void *arg)
{
    rn_mpsc_tx *tx = arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    rn_shield_enter();
    for (int i = 0; i < 10; i++)
        CHECK_RC(rn_mpsc_send(tx, &i), 0);
    rn_shield_leave();
    const int code = rn_mpsc_send(tx, &(int){10});
    rn_mpsc_tx_drop(tx);
    return code;
}

ROOT(shield_lets_a_parked_send_be_served)
{
    int value = -1;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
    REQUIRE(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&task, send_behind_shield, tx) == 0);
    for (int i = 0; i < 10; i++) {
        CHECK_RC(rn_mpsc_recv(rx, &value), 0);
        CHECK_EQ(value, i);
    }
    CHECK_RC(rn_mpsc_recv(rx, &value), RN_CLOSED);
    CHECK_RC(result_of(task), RN_ECANCELED);
    rn_mpsc_rx_drop(rx);
}

static int sleep_until_told(void *arg)
{
    (void)arg;
    return rn_sleep_until(RN_FOREVER);
}

/* The neighbour on the same worker has none. */
ROOT(shield_is_its_task_s_alone)
{
    struct guarded guarded = {.shielded = -1};
    rn_task shielded, neighbour;
    REQUIRE(rn_spawn(&shielded, wait_behind_shield, &guarded) == 0);
    WAIT_UNTIL(waits_in(shielded, NULL));
    rn_shield_enter();
    REQUIRE(rn_spawn(&neighbour, sleep_until_told, NULL) == 0);
    rn_task_cancel(neighbour, CAUSE);
    CHECK_RC(result_of(neighbour), RN_ECANCELED);
    rn_shield_leave();
    rn_task_cancel(shielded, CAUSE);
    rn_notify_one(&guarded.notify);
    CHECK_RC(rn_join(shielded, NULL), 0);
    CHECK_RC(guarded.shielded, 0);
}

static int leave_without_enter(void *arg)
{
    (void)arg;
    rn_shield_leave();
    rn_shield_leave();
    CHECK_RC(rn_sleep_ms(1), 0);
    rn_task_cancel(rn_task_self(), CAUSE);
    rn_shield_enter();
    CHECK_RC(rn_sleep_ms(1), 0);
    rn_shield_leave();
    rn_shield_leave();
    return rn_sleep_ms(1);
}

ROOT(shield_leave_without_enter_is_ignored)
{
    CHECK_RC(when_cancelled(leave_without_enter, NULL, RN_PLACE_AUTO), RN_ECANCELED);
    CHECK_RC(when_cancelled(leave_without_enter, NULL, RN_PLACE_THREAD), RN_ECANCELED);
}

TEST(shield_on_a_plain_thread_does_nothing)
{
    rn_shield_leave();
    rn_shield_enter();
    CHECK_RC(rn_sleep_ms(1), 0);
    rn_shield_enter();
    rn_shield_leave();
    rn_shield_leave();
    rn_shield_leave();
    CHECK_RC(rn_sleep_ms(1), 0);
}

static int forget_to_leave(void *arg)
{
    (void)arg;
    rn_shield_enter();
    return 3;
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    rn_task_cancel(rn_task_self(), CAUSE);
    return rn_sleep_ms(1);
}

/* Its slot and its stack go to others, the shield does not. */
ROOT_ON(1, shield_that_is_never_left_is_told_and_ends_with_its_task)
{
    rn_task task;
    log_begin();
    REQUIRE(rn_spawn_with(&task, forget_to_leave, NULL, &(rn_spawn_opts){.name = "forgetful"}) == 0);
    CHECK_EQ(result_of(task), 3);
    CHECK(log_says("forgetful"));
    CHECK(log_says("api_shield.c:"));
    CHECK_RC(when_cancelled(sleep_a_little, NULL, RN_PLACE_AUTO), RN_ECANCELED);
}
