/* SPDX-License-Identifier: MIT */
/* mpsc and oneshot in tasks: what a cancelled one can no longer do, what it still can, that nothing is lost or sent
 * on the way; that a busy one lets others run; and that ends outlive the runtime. */
#include <runnel/cancel.h>
#include <runnel/mpsc.h>
#include <runnel/oneshot.h>
#include <runnel/runtime.h>
#include <runnel/task.h>

#include "api/parked.h"
#include "base/atomic.h"
#include "harness/harness.h"

enum { CAUSE = 42 };

/* What the tasks of one case share. */
struct stage {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_oneshot_tx *answer;
    rn_oneshot_rx *question;
    int drops;
};

static struct stage stage;

static void count_drop(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    stage.drops++;
}

static void open_stage(size_t capacity)
{
    static const rn_elem elem = {.size = sizeof(int), .align = _Alignof(int), .drop = count_drop, .name = "stage"};
    stage.drops = 0;
    REQUIRE(rn_mpsc_channel(&stage.tx, &stage.rx, capacity, &elem) == 0);
    REQUIRE(rn_oneshot_channel(&stage.answer, &stage.question, &elem) == 0);
}

static void close_stage(void)
{
    rn_mpsc_tx_drop(stage.tx);
    rn_mpsc_rx_drop(stage.rx);
    rn_oneshot_tx_drop(stage.answer);
    rn_oneshot_rx_drop(stage.question);
}

static int send_int(int message)
{
    return rn_mpsc_send(stage.tx, &message);
}

static int try_recv_int(void)
{
    int message = -1;
    const int rc = rn_mpsc_try_recv(stage.rx, &message);
    return rc == 0 ? message : rc;
}

/* Starts fn as a task, cancels it when it waits in `verb` (NULL: before it starts), gives its result. */
static int run_cancelled(rn_fn *fn, const char *verb)
{
    rn_task task;
    int result = 0;
    REQUIRE(rn_spawn(&task, fn, NULL) == 0);
    if (verb != NULL)
        WAIT_UNTIL(parked_in(verb) == 1);
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_join(task, &result), 0);
    return result;
}

/* Runs the body as the root task on one worker and on two. */
#define IN_RUNTIMES(id)                                                                                              \
    static int root_##id(void *arg);                                                                                 \
    TEST(id)                                                                                                         \
    {                                                                                                                \
        for (uint32_t workers = 1; workers <= 2; workers++)                                                          \
            CHECK_RC(rn_run_with(root_##id, NULL, &(rn_runtime_opts){.workers = workers}), 0);                       \
    }                                                                                                                \
    static int root_##id(void *arg)

/* -- parked ------------------------------------------------------------------------------------------------------ */

static int recv_in_vain(void *arg)
{
    int message = 77;
    (void)arg;
    CHECK_RC(rn_mpsc_recv(stage.rx, &message), RN_ECANCELED);
    CHECK_EQ(message, 77);
    CHECK_EQ(rn_cancelled(), CAUSE);
    CHECK_RC(rn_mpsc_recv(stage.rx, &message), RN_ECANCELED); /* the fact stays */
    return 1;
}

IN_RUNTIMES(mpsc_parked_receiver_can_be_cancelled)
{
    (void)arg;
    open_stage(1);
    CHECK_EQ(run_cancelled(recv_in_vain, "mpsc recv"), 1);
    CHECK_RC(send_int(5), 0); /* nobody takes it for the one that left */
    CHECK_EQ(try_recv_int(), 5);
    close_stage();
    return 0;
}

static int send_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(send_int(2), RN_ECANCELED);
    return 1;
}

IN_RUNTIMES(mpsc_parked_sender_can_be_cancelled)
{
    (void)arg;
    open_stage(1);
    CHECK_RC(send_int(1), 0);
    CHECK_EQ(run_cancelled(send_in_vain, "mpsc send"), 1);
    CHECK_EQ(try_recv_int(), 1);
    CHECK_EQ(try_recv_int(), RN_EMPTY);
    CHECK_EQ(stage.drops, 0);
    close_stage();
    return 0;
}

static int give_in_vain(void *arg)
{
    int message = 2;
    (void)arg;
    CHECK_RC(rn_mpsc_give(stage.tx, &message), RN_ECANCELED);
    return 1;
}

IN_RUNTIMES(mpsc_cancelled_give_drops_its_message)
{
    (void)arg;
    open_stage(1);
    CHECK_RC(send_int(1), 0);
    CHECK_EQ(run_cancelled(give_in_vain, "mpsc send"), 1);
    CHECK_EQ(stage.drops, 1);
    CHECK_EQ(run_cancelled(give_in_vain, NULL), 1);
    CHECK_EQ(stage.drops, 2);
    CHECK_EQ(try_recv_int(), 1);
    CHECK_EQ(try_recv_int(), RN_EMPTY);
    close_stage();
    return 0;
}

static int recv_answer_in_vain(void *arg)
{
    int value = 77;
    (void)arg;
    CHECK_RC(rn_oneshot_recv(stage.question, &value), RN_ECANCELED);
    CHECK_EQ(value, 77);
    return 1;
}

IN_RUNTIMES(oneshot_parked_receiver_can_be_cancelled)
{
    int value = 5;
    (void)arg;
    open_stage(1);
    CHECK_EQ(run_cancelled(recv_answer_in_vain, "oneshot recv"), 1);
    CHECK_RC(rn_oneshot_send(stage.answer, &value), 0);
    stage.answer = NULL;
    value = 0;
    CHECK_RC(rn_oneshot_recv(stage.question, &value), 0);
    CHECK_EQ(value, 5);
    close_stage();
    return 0;
}

static int wait_for_close_in_vain(void *arg)
{
    (void)arg;
    CHECK_RC(rn_oneshot_tx_closed(stage.answer), RN_ECANCELED);
    return 1;
}

IN_RUNTIMES(oneshot_wait_for_the_close_can_be_cancelled)
{
    (void)arg;
    open_stage(1);
    CHECK_EQ(run_cancelled(wait_for_close_in_vain, "oneshot tx_closed"), 1);
    CHECK(!rn_oneshot_tx_is_closed(stage.answer));
    close_stage();
    return 0;
}

/* -- at the entry ------------------------------------------------------------------------------------------------ */

/* Cancelled before it starts, with everything ready: no waiting call works, every other does. */
static int use_ready_channels(void *arg)
{
    int message = 77;
    (void)arg;
    CHECK_EQ(rn_cancelled(), CAUSE);
    CHECK_RC(rn_mpsc_recv(stage.rx, &message), RN_ECANCELED);
    CHECK_RC(rn_mpsc_recv_until(stage.rx, &message, rn_in_s(60)), RN_ECANCELED);
    CHECK_RC(rn_mpsc_recv_until(stage.rx, &message, rn_at_ns(1)), RN_ECANCELED);
    CHECK_RC(rn_mpsc_send(stage.tx, &message), RN_ECANCELED);
    CHECK_RC(rn_mpsc_send_until(stage.tx, &message, rn_in_s(60)), RN_ECANCELED);
    CHECK_RC(rn_oneshot_recv(stage.question, &message), RN_ECANCELED);
    CHECK_EQ(message, 77);
    CHECK_EQ(rn_mpsc_rx_len(stage.rx), 1);
    CHECK_EQ(try_recv_int(), 1);
    message = 2;
    CHECK_RC(rn_mpsc_try_send(stage.tx, &message), 0);
    CHECK_RC(rn_oneshot_try_recv(stage.question, &message), 0);
    CHECK_EQ(message, 3);
    return 1;
}

IN_RUNTIMES(mpsc_cancelled_task_can_only_do_what_never_waits)
{
    int value = 3;
    (void)arg;
    open_stage(2);
    CHECK_RC(send_int(1), 0);
    CHECK_RC(rn_oneshot_send(stage.answer, &value), 0);
    stage.answer = NULL;
    CHECK_EQ(run_cancelled(use_ready_channels, NULL), 1);
    CHECK_EQ(try_recv_int(), 2);
    close_stage();
    return 0;
}

static int say_goodbye(void *arg)
{
    int message = 1;
    (void)arg;
    CHECK_RC(rn_mpsc_send(stage.tx, &message), 0);
    message = 2;
    CHECK_RC(rn_mpsc_give(stage.tx, &message), 0);
    message = 3;
    CHECK_RC(rn_mpsc_send_until(stage.tx, &message, rn_at_ns(1)), 0);
    message = 4;
    CHECK_RC(rn_oneshot_send(stage.answer, &message), 0);
    stage.answer = NULL;
    return 1;
}

IN_RUNTIMES(mpsc_unbounded_send_works_in_a_cancelled_task)
{
    int value = 0;
    (void)arg;
    open_stage(RN_UNBOUNDED);
    CHECK_EQ(run_cancelled(say_goodbye, NULL), 1);
    for (int expected = 1; expected <= 3; expected++)
        CHECK_EQ(try_recv_int(), expected);
    CHECK_RC(rn_oneshot_try_recv(stage.question, &value), 0);
    CHECK_EQ(value, 4);
    close_stage();
    return 0;
}

static int recv_behind_a_shield(void *arg)
{
    int message = 77;
    (void)arg;
    rn_shield_enter();
    CHECK_RC(rn_mpsc_recv(stage.rx, &message), 0);
    CHECK_EQ(message, 5);
    rn_shield_leave();
    CHECK_RC(rn_mpsc_recv(stage.rx, &message), RN_ECANCELED);
    return 1;
}

IN_RUNTIMES(mpsc_shielded_receiver_gets_its_message)
{
    rn_task task;
    int result = 0;
    (void)arg;
    open_stage(1);
    REQUIRE(rn_spawn(&task, recv_behind_a_shield, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    rn_task_cancel(task, CAUSE);
    CHECK_EQ(parked_in("mpsc recv"), 1);
    CHECK_RC(send_int(5), 0);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(result, 1);
    close_stage();
    return 0;
}

/* A loop over a channel that is never empty, or never full, notices too. */
static int send_for_ever(void *arg)
{
    int rc;
    (void)arg;
    while ((rc = send_int(1)) == 0)
        CHECK_EQ(try_recv_int(), 1);
    return rc;
}

IN_RUNTIMES(mpsc_busy_loop_is_cancelled)
{
    rn_task task;
    int result = 0;
    (void)arg;
    open_stage(1);
    REQUIRE(rn_spawn(&task, send_for_ever, NULL) == 0);
    rn_yield();
    rn_task_cancel(task, CAUSE);
    CHECK_RC(rn_join(task, &result), 0);
    CHECK_EQ(result, RN_ECANCELED);
    close_stage();
    return 0;
}

/* -- taking turns ------------------------------------------------------------------------------------------------ */

static bool other_had_its_turn;

static int take_a_turn(void *arg)
{
    (void)arg;
    other_had_its_turn = true;
    return 0;
}

/* A sender that never has to wait does not keep its worker for itself. */
static int send_until_the_other_ran(void *arg)
{
    int sent = 0;
    (void)arg;
    REQUIRE(rn_spawn(NULL, take_a_turn, NULL) == 0); /* on the one worker, so not before we let it */
    while (!other_had_its_turn && sent < 100000) {
        CHECK_RC(send_int(sent++), 0);
        CHECK(try_recv_int() >= 0);
    }
    return sent;
}

static int root_of_turns(void *arg)
{
    rn_task sender;
    int sent = 0;
    (void)arg;
    open_stage(RN_UNBOUNDED);
    REQUIRE(rn_spawn(&sender, send_until_the_other_ran, NULL) == 0);
    CHECK_RC(rn_join(sender, &sent), 0);
    CHECK(sent < 100000);
    CHECK(other_had_its_turn);
    close_stage();
    return 0;
}

TEST(mpsc_unbounded_sender_gives_others_a_turn)
{
    CHECK_RC(rn_run_with(root_of_turns, NULL, &(rn_runtime_opts){.workers = 1}), 0);
}

/* -- threads at a runtime that goes down ------------------------------------------------------------------------- */

static uint32_t served;

static int serve_until_told(void *arg)
{
    int message;
    (void)arg;
    while (rn_mpsc_recv(stage.rx, &message) == 0)
        rn__add_relaxed(&served, 1); /* rlx: only counted */
    CHECK(rn_cancelled() != 0);
    rn_mpsc_rx_drop(stage.rx);
    return 0;
}

/* Returns while the server still serves. */
static int root_that_leaves(void *arg)
{
    (void)arg;
    REQUIRE(rn_spawn(NULL, serve_until_told, NULL) == 0);
    WAIT_UNTIL(rn__load_relaxed(&served) > 100); /* rlx: asked again */
    return 0;
}

static int send_until_refused(void *arg)
{
    int rc;
    (void)arg;
    while ((rc = send_int(1)) == 0)
        ;
    return rc;
}

TEST(mpsc_thread_hears_that_the_runtime_went_down)
{
    open_stage(1);
    struct actor *thread = actor_start(send_until_refused, NULL);
    CHECK_RC(rn_run_with(root_that_leaves, NULL, &(rn_runtime_opts){.workers = 2}), 0);
    CHECK_RC(actor_join(thread), RN_CLOSED);
    stage.rx = NULL;
    close_stage();
}

/* -- a server that is cancelled with requests queued ------------------------------------------------------------- */

enum { ASKERS = 8 };

struct request {
    rn_oneshot_tx *reply;
};

static void request_drop(void *message, void *ctx)
{
    (void)ctx;
    rn_oneshot_tx_drop(((struct request *)message)->reply);
}

static const rn_elem requests = {
    .size = sizeof(struct request), .align = _Alignof(struct request), .drop = request_drop, .name = "requests"};

static rn_mpsc_tx *request_tx;

/* Answers the first, then waits for something that never comes. */
static int serve_one(void *arg)
{
    rn_mpsc_rx *rx = arg;
    struct request request;
    int value = 1;
    CHECK_RC(rn_mpsc_recv(rx, &request), 0);
    CHECK_RC(rn_oneshot_send(request.reply, &value), 0);
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    rn_mpsc_rx_drop(rx);
    return 0;
}

static int ask(void *arg)
{
    rn_oneshot_rx *answer;
    struct request request;
    int value;
    (void)arg;
    REQUIRE(rn_oneshot_channel(&request.reply, &answer, RN_ELEM(int)) == 0);
    rn_ignore(rn_mpsc_give(request_tx, &request));
    const int rc = rn_oneshot_recv(answer, &value);
    rn_oneshot_rx_drop(answer);
    return rc;
}

IN_RUNTIMES(mpsc_every_asker_hears_of_a_cancelled_server)
{
    rn_task server;
    rn_task askers[ASKERS];
    rn_mpsc_rx *rx;
    int answered = 0;
    (void)arg;
    REQUIRE(rn_mpsc_channel(&request_tx, &rx, 3, &requests) == 0);
    REQUIRE(rn_spawn(&server, serve_one, rx) == 0);
    for (int i = 0; i < ASKERS; i++)
        REQUIRE(rn_spawn(&askers[i], ask, NULL) == 0);
    WAIT_UNTIL(parked_in("mpsc send") == ASKERS - 4); /* one was answered, three are queued */
    rn_task_cancel(server, CAUSE);
    CHECK_RC(rn_join(server, NULL), 0);
    for (int i = 0; i < ASKERS; i++) {
        int result = 1;
        CHECK_RC(rn_join(askers[i], &result), 0);
        CHECK(result == 0 || result == RN_CLOSED);
        answered += result == 0;
    }
    CHECK_EQ(answered, 1);
    rn_mpsc_tx_drop(request_tx);
    return 0;
}
