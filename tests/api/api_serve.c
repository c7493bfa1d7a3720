/* SPDX-License-Identifier: MIT */
/* api_serve.c - handlers: a function that is called for each message (contract: <runnel/serve.h>). */
#include "api/mpsc_ints.h"
#include "api/owned.h"
#include "base/fault.h"
#include "fiber/stack.h"
#include "runtime/worker.h"

#include <errno.h>
#include <signal.h>

#include <runnel/scope.h>

/* -- a handler that writes down what it is called with ----------------------------------------------------------- */

enum { NOTES = 4096 };

static struct {
    int message[NOTES];
    uint32_t count;
    uint32_t inside; /* calls that have not returned */
    int end_at;      /* the message that ends the handler with this number as its result; 0: none */
    rn_notify *gate; /* each call waits here first */
} notes;

static int note(void *message, void *ctx)
{
    CHECK_EQ(count_up(&notes.inside), 0);
    CHECK(ctx == &notes);
    const int rc = notes.gate == NULL ? 0 : rn_notify_wait(notes.gate);
    const int number = *(const int *)message;
    const uint32_t place = value_of(&notes.count);
    REQUIRE(place < NOTES);
    notes.message[place] = number;
    rn__sub_acq_rel(&notes.inside, 1);
    rn__store_release(&notes.count, place + 1);
    return rc != 0 ? rc : number == notes.end_at ? number : 0;
}

static bool has_noted(uint32_t count)
{
    return value_of(&notes.count) == count;
}

static void expect_notes(uint32_t count)
{
    CHECK_EQ(value_of(&notes.count), count);
    for (uint32_t i = 0; i < count; i++)
        CHECK_EQ(notes.message[i], i + 1);
}

static rn_task serve(rn_mpsc_rx *rx)
{
    rn_task task;
    REQUIRE(rn_serve(&task, rx, note, &notes) == 0);
    return task;
}

static bool is_idle(rn_task task)
{
    return waits_in(task, "mpsc serve");
}

/* -- messages ---------------------------------------------------------------------------------------------------- */

ROOT(serve_calls_the_function_for_each_message_in_order)
{
    struct channel channel = channel_of_ints(8);
    const rn_task task = serve(channel.rx);
    for (int i = 1; i <= 1000; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    expect_notes(1000);
}

ROOT(serve_takes_one_message_after_the_other_while_it_falls_idle_between)
{
    struct channel channel = channel_of_ints(1);
    const rn_task task = serve(channel.rx);
    for (uint32_t i = 1; i <= 100; i++) {
        WAIT_UNTIL(is_idle(task));
        CHECK_RC(send_int(channel.tx, (int)i), 0);
        WAIT_UNTIL(has_noted(i));
    }
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    expect_notes(100);
}

ROOT(serve_handles_what_was_in_the_channel_before)
{
    struct channel channel = channel_of_ints(8);
    for (int i = 1; i <= 8; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(serve(channel.rx)), 0);
    expect_notes(8);
}

ROOT(serve_of_a_channel_that_is_over_ends_at_once)
{
    struct channel channel = channel_of_ints(8);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(serve(channel.rx)), 0);
    expect_notes(0);
}

/* Every way in which a message can come to a handler that is idle. */
ROOT(serve_is_woken_by_each_kind_of_send)
{
    struct channel channel = channel_of_ints(8);
    const rn_task task = serve(channel.rx);
    rn_mpsc_permit permit = permit_for(channel.tx, 1);
    size_t sent;
    const int five = 5;
    WAIT_UNTIL(is_idle(task));
    CHECK_RC(try_send_int(channel.tx, 1), 0);
    WAIT_UNTIL(has_noted(1) && is_idle(task));
    CHECK_RC(permit_send_int(&permit, 2), 0);
    WAIT_UNTIL(has_noted(2) && is_idle(task));
    CHECK_RC(rn_mpsc_send_many(channel.tx, (const int[]){3, 4}, 2, &sent), 0);
    WAIT_UNTIL(has_noted(4) && is_idle(task));
    rn_case send = rn_mpsc_send_case(channel.tx, &five);
    CHECK_EQ(rn_select(&send, 1), 0);
    WAIT_UNTIL(has_noted(5) && is_idle(task));
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    expect_notes(5);
}

ROOT(serve_of_an_unbounded_channel_handles_a_flood)
{
    struct channel channel = channel_of_ints(RN_UNBOUNDED);
    const rn_task task = serve(channel.rx);
    for (int i = 1; i <= NOTES; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    expect_notes(NOTES);
}

/* The largest there can be, as wide as can be, on a stack of the usual size. */
struct large {
    _Alignas(64) unsigned char bytes[65536];
};

static int check_large(void *message, void *ctx)
{
    const struct large *large = message;
    CHECK_EQ((uintptr_t)message % 64, 0);
    for (size_t i = 0; i < sizeof large->bytes; i++)
        REQUIRE(large->bytes[i] == (unsigned char)(i * 7));
    ++*(int *)ctx;
    return 0;
}

ROOT(serve_handles_messages_as_large_as_a_stack)
{
    static struct large large;
    int handled = 0;
    rn_task task;
    struct channel channel = channel_of(2, RN_ELEM(struct large));
    for (size_t i = 0; i < sizeof large.bytes; i++)
        large.bytes[i] = (unsigned char)(i * 7);
    REQUIRE(rn_serve(&task, channel.rx, check_large, &handled) == 0);
    for (int i = 0; i < 5; i++)
        CHECK_RC(rn_mpsc_send(channel.tx, &large), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    CHECK_EQ(handled, 5);
}

/* -- the function ------------------------------------------------------------------------------------------------ */

static rn_notify gate;

ROOT(serve_waits_in_its_function_like_a_task_and_takes_no_other_message)
{
    struct channel channel = channel_of_ints(8);
    notes.gate = &gate;
    const rn_task task = serve(channel.rx);
    for (int i = 1; i <= 3; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpsc_tx_drop(channel.tx);
    for (uint32_t i = 0; i < 3; i++) {
        WAIT_UNTIL(waits_in(task, "notify wait"));
        CHECK(has_noted(i));
        rn_notify_one(&gate);
        WAIT_UNTIL(has_noted(i + 1));
    }
    CHECK_EQ(result_of(task), 0);
    expect_notes(3);
}

static int look_around(void *message, void *ctx)
{
    char name[RN_TASK_NAME_MAX + 1];
    (void)message;
    *(rn_task *)ctx = rn_task_self();
    CHECK_EQ(errno, 0);
    errno = 7;
    CHECK_RC(rn_task_name(rn_task_self(), name, sizeof name), 0);
    CHECK_STR_EQ(name, "look_around");
    CHECK_RC(rn_cancelled(), 0);
    rn_yield();
    CHECK_EQ(errno, 7);
    errno = 0;
    return 0;
}

ROOT(serve_calls_as_the_task_whose_handle_it_gave)
{
    struct channel channel = channel_of_ints(8);
    rn_task seen = RN_NO_TASK;
    rn_task task;
    REQUIRE(rn_serve(&task, channel.rx, look_around, &seen) == 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(send_int(channel.tx, 2), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    CHECK_EQ(seen.id, task.id);
}

ROOT(serve_has_the_name_that_its_options_say)
{
    struct channel channel = channel_of_ints(8);
    char name[RN_TASK_NAME_MAX + 1];
    rn_task task;
    REQUIRE(rn_serve_with(&task, channel.rx, note, &notes, &(rn_spawn_opts){.name = "the clerk"}) == 0);
    CHECK_RC(rn_task_name(task, name, sizeof name), 0);
    CHECK_STR_EQ(name, "the clerk");
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
}

/* A batch: the function may take more from the receiver, and close it. */
static int take_all(void *message, void *ctx)
{
    struct channel *channel = ctx;
    int sum = *(const int *)message;
    int more;
    while ((more = try_recv_int(channel->rx)) >= 0)
        sum += more;
    CHECK_RC(more, RN_EMPTY);
    rn_mpsc_rx_close(channel->rx);
    return sum == 55 ? 0 : sum;
}

ROOT(serve_lets_its_function_take_more_and_close)
{
    struct channel channel = channel_of_ints(16);
    rn_task task;
    for (int i = 1; i <= 10; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    REQUIRE(rn_serve(&task, channel.rx, take_all, &channel) == 0);
    CHECK_EQ(result_of(task), 0);
    CHECK_RC(send_int(channel.tx, 1), RN_CLOSED);
    rn_mpsc_tx_drop(channel.tx);
}

struct point {
    int x, y;
};
RN_MPSC_PLAIN(points, struct point);

static int add_point(struct point *point, void *ctx)
{
    *(int *)ctx += point->x * 100 + point->y;
    return point->x == 9 ? 4711 : 0;
}

ROOT(serve_calls_a_typed_function)
{
    points_tx *tx;
    points_rx *rx;
    int sum = 0;
    rn_task task;
    REQUIRE(points_channel(&tx, &rx, 8) == 0);
    REQUIRE(points_serve(&task, rx, add_point, &sum) == 0);
    CHECK_RC(points_send(tx, (struct point){1, 2}), 0);
    CHECK_RC(points_send(tx, (struct point){3, 4}), 0);
    CHECK_RC(points_send(tx, (struct point){9, 0}), 0);
    CHECK_EQ(result_of(task), 4711);
    CHECK_EQ(sum, 100 + 2 + 300 + 4 + 900);
    points_tx_drop(tx);
}

/* -- the end ----------------------------------------------------------------------------------------------------- */

ROOT(serve_ends_with_what_its_function_returned)
{
    struct channel channel = channel_of_ints(8);
    notes.end_at = 3;
    for (int i = 1; i <= 5; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    CHECK_EQ(result_of(serve(channel.rx)), 3);
    expect_notes(3);
    CHECK_RC(send_int(channel.tx, 6), RN_CLOSED);
    rn_mpsc_tx_drop(channel.tx);
}

static int own_and_stop(void *message, void *ctx)
{
    owned_destroy(ctx, message);
    return -1;
}

ROOT(serve_drops_what_it_leaves_unread)
{
    struct owners owners = {0};
    struct channel channel = channel_of(8, OWNED_ELEM(&owners));
    rn_task task;
    for (int i = 1; i <= 5; i++) {
        struct owned message = owned_make(&owners, i);
        CHECK_RC(rn_mpsc_send(channel.tx, &message), 0);
    }
    REQUIRE(rn_serve(&task, channel.rx, own_and_stop, &owners) == 0);
    CHECK_EQ(result_of(task), -1);
    CHECK_EQ(owners.live, 0);
    CHECK_EQ(owners.drops, 4);
    rn_mpsc_tx_drop(channel.tx);
}

ROOT(serve_ends_when_the_last_sender_goes_while_it_is_idle)
{
    struct channel channel = channel_of_ints(8);
    const rn_task task = serve(channel.rx);
    WAIT_UNTIL(is_idle(task));
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
}

ROOT(serve_handles_what_a_permit_brings_after_the_last_sender)
{
    struct channel channel = channel_of_ints(8);
    const rn_task task = serve(channel.rx);
    rn_mpsc_permit permit = permit_for(channel.tx, 2);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_RC(permit_send_int(&permit, 1), 0);
    WAIT_UNTIL(has_noted(1) && is_idle(task));
    CHECK(!rn_task_ended(task));
    rn_mpsc_permit_drop(&permit);
    CHECK_EQ(result_of(task), 0);
    expect_notes(1);
}

ROOT(serve_that_is_cancelled_while_idle_ends_with_that_code)
{
    struct channel channel = channel_of_ints(8);
    const rn_task task = serve(channel.rx);
    WAIT_UNTIL(is_idle(task));
    rn_task_cancel(task, 0);
    CHECK_EQ(result_of(task), RN_ECANCELED);
    CHECK_RC(send_int(channel.tx, 1), RN_CLOSED);
    rn_mpsc_tx_drop(channel.tx);
    expect_notes(0);
}

/* A cancel is met at the next message, and before it in a wait of the function. */
ROOT(serve_that_is_cancelled_in_its_function_handles_no_other_message)
{
    struct channel channel = channel_of_ints(8);
    notes.gate = &gate;
    const rn_task task = serve(channel.rx);
    for (int i = 1; i <= 3; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    WAIT_UNTIL(waits_in(task, "notify wait"));
    rn_task_cancel(task, 0);
    CHECK_EQ(result_of(task), RN_ECANCELED);
    expect_notes(1);
    rn_mpsc_tx_drop(channel.tx);
}

static int cancel_itself(void *message, void *ctx)
{
    ++*(int *)ctx;
    CHECK_EQ(*(int *)message, 1);
    rn_task_cancel(rn_task_self(), 99);
    CHECK_EQ(rn_cancelled(), 99);
    return 0;
}

ROOT(serve_that_cancels_itself_is_not_called_again)
{
    struct channel channel = channel_of_ints(8);
    int calls = 0;
    rn_task task;
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(send_int(channel.tx, 2), 0);
    REQUIRE(rn_serve(&task, channel.rx, cancel_itself, &calls) == 0);
    CHECK_EQ(result_of(task), RN_ECANCELED);
    CHECK_EQ(calls, 1);
    rn_mpsc_tx_drop(channel.tx);
}

static int cancel_at_the_end_of_the_budget(void *message, void *ctx)
{
    (void)ctx;
    if (*(const int *)message == RN__BUDGET)
        rn_task_cancel(rn_task_self(), 0);
    return 0;
}

/* It does not look at its cancellation then, but goes to rest: where nobody would tell it any more. */
ROOT(serve_that_is_cancelled_on_its_way_to_rest_ends)
{
    struct channel channel = channel_of_ints(RN__BUDGET);
    rn_task task;
    for (int i = 1; i <= RN__BUDGET; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    REQUIRE(rn_serve(&task, channel.rx, cancel_at_the_end_of_the_budget, NULL) == 0);
    CHECK_EQ(result_of(task), RN_ECANCELED);
    rn_mpsc_tx_drop(channel.tx);
}

static int forget_shield(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    rn_shield_enter();
    return 0;
}

/* Else nothing could ever end it. */
ROOT(serve_leaves_a_shield_that_its_function_forgot)
{
    struct channel channel = channel_of_ints(8);
    rn_task task;
    log_begin();
    REQUIRE(rn_serve(&task, channel.rx, forget_shield, NULL) == 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    WAIT_UNTIL(value_of(&logged.lines) > 0 && is_idle(task));
    rn_task_cancel(task, 0);
    CHECK_EQ(result_of(task), RN_ECANCELED);
    CHECK(log_says("a call of handler forget_shield"));
    rn_mpsc_tx_drop(channel.tx);
}

ROOT(serve_without_a_handle_goes_on_by_itself)
{
    struct channel channel = channel_of_ints(8);
    REQUIRE(rn_serve(NULL, channel.rx, note, &notes) == 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    WAIT_UNTIL(has_noted(1));
    rn_mpsc_tx_drop(channel.tx);
}

/* -- the runtime ------------------------------------------------------------------------------------------------- */

enum { MANY = 2000 };

static struct owners left;
static rn_mpsc_tx *senders[MANY];

static int own_one(void *message, void *ctx)
{
    owned_destroy(ctx, message);
    return 0;
}

/* The root returns with all of them idle, busy, or woken a moment ago: none is in the way of the end. */
static int leave_handlers(void *arg)
{
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        rn_mpsc_rx *rx;
        REQUIRE(rn_mpsc_channel(&senders[i], &rx, 4, OWNED_ELEM(&left)) == 0);
        REQUIRE(rn_serve(NULL, rx, own_one, &left) == 0);
    }
    for (int i = 0; i < MANY; i += 2) {
        struct owned message = owned_make(&left, i);
        CHECK_RC(rn_mpsc_send(senders[i], &message), 0);
    }
    return 0;
}

TEST(serve_ends_with_its_runtime)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        CHECK_RC(rn_run_with(leave_handlers, NULL, &(rn_runtime_opts){.workers = workers}), 0);
        for (int i = 0; i < MANY; i++) {
            CHECK(rn_mpsc_tx_is_closed(senders[i]));
            rn_mpsc_tx_drop(senders[i]);
        }
        CHECK_EQ(left.live, 0);
    }
}

static void drop_slowly(void *message, void *ctx)
{
    (void)message;
    usleep(8000);
    count_up(ctx);
}

static int handle_slowly(void *message, void *ctx)
{
    drop_slowly(message, ctx);
    return 0;
}

/* The first is the worker, the second the monitor, which would report if this thread here came late. */
static bool refuse_the_second_thread(enum rn__fault_point point, void *ctx)
{
    return point == RN__FAULT_THREAD && count_up(ctx) == 1;
}

/* All together they need longer than the grace time, but none of them that starts. */
TEST(serve_ends_with_its_runtime_however_many_there_are)
{
    enum { SLOW = 100 };
    uint32_t gone = 0;
    uint32_t threads = 0;
    rn_runtime *runtime;
    const rn_elem elem = {.size = sizeof(int), .drop = drop_slowly, .ctx = &gone};
    const rn_runtime_opts opts = {.workers = 1, .grace_ns = INT64_C(500) * 1000 * 1000};
    rn__fault_set(refuse_the_second_thread, &threads);
    REQUIRE(rn_runtime_new(&runtime, &opts) == 0);
    for (int i = 0; i < SLOW; i++) {
        struct channel channel = channel_of(1, &elem);
        const rn_spawn_opts there = {.runtime = runtime};
        CHECK_RC(send_int(channel.tx, i), 0);
        REQUIRE(rn_serve_with(NULL, channel.rx, handle_slowly, &gone, &there) == 0);
        senders[i] = channel.tx;
    }
    CHECK_RC(rn_runtime_free(runtime), 0);
    rn__fault_set(NULL, NULL);
    CHECK_EQ(value_of(&threads), 2);
    CHECK_EQ(value_of(&gone), SLOW);
    for (int i = 0; i < SLOW; i++)
        rn_mpsc_tx_drop(senders[i]);
}

/* As many stacks as are needed at the same time, and not as there are handlers. */
ROOT(serve_needs_no_stack_while_it_is_idle)
{
    struct rn__stack_totals before;
    struct rn__stack_totals after;
    static rn_mpsc_tx *txs[500];
    rn__stack_totals(&before);
    for (size_t i = 0; i < RN_COUNT(txs); i++) {
        struct channel channel = channel_of_ints(8);
        REQUIRE(rn_serve(NULL, channel.rx, note, &notes) == 0);
        txs[i] = channel.tx;
    }
    for (size_t i = 0; i < RN_COUNT(txs); i++) {
        CHECK_RC(send_int(txs[i], (int)i + 1), 0);
        WAIT_UNTIL(has_noted((uint32_t)i + 1));
    }
    rn__stack_totals(&after);
    CHECK(after.stacks - before.stacks < 100);
    for (size_t i = 0; i < RN_COUNT(txs); i++)
        rn_mpsc_tx_drop(txs[i]);
}

/* Where a handler last worked. */
static struct {
    uint32_t worker;
    uint32_t calls;
    uint32_t busy; /* the worker is kept busy by somebody */
    uint32_t free; /* who shall stop now */
} scene;

static int say_where(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    rn__store_release(&scene.worker, rn__worker_current()->number);
    count_up(&scene.calls);
    return 0;
}

static int keep_busy(void *arg)
{
    (void)arg;
    set(&scene.busy);
    spin_until(&scene.free);
    return 0;
}

TEST(serve_goes_to_another_worker_when_its_own_is_busy)
{
    rn_runtime *runtime;
    rn_task task;
    rn_task spinner;
    struct channel channel = channel_of_ints(8);
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_serve_with(&task, channel.rx, say_where, NULL, &(rn_spawn_opts){.runtime = runtime}) == 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    WAIT_UNTIL(value_of(&scene.calls) == 1 && is_idle(task));
    const uint32_t was = value_of(&scene.worker);
    const rn_spawn_opts there = {.runtime = runtime, .place = RN_PLACE_WORKER, .worker = was};
    REQUIRE(rn_spawn_with(&spinner, keep_busy, NULL, &there) == 0);
    WAIT_UNTIL(is_set(&scene.busy));
    CHECK_RC(send_int(channel.tx, 2), 0);
    WAIT_UNTIL(value_of(&scene.calls) == 2);
    CHECK_EQ(value_of(&scene.worker), 1 - was);
    set(&scene.free);
    CHECK_EQ(result_of(spinner), 0);
    rn_mpsc_tx_drop(channel.tx);
    CHECK_EQ(result_of(task), 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* Many messages in a row: whoever else is ready has its turn after a budget of them. */
static uint32_t handled_then;

static int look_how_far(void *arg)
{
    (void)arg;
    handled_then = value_of(&notes.count);
    return 0;
}

static int note_and_spawn(void *message, void *ctx)
{
    if (*(int *)message == 1)
        CHECK_RC(rn_spawn(NULL, look_how_far, NULL), 0);
    return note(message, ctx);
}

ROOT_ON(1, serve_lets_others_go_first_after_a_budget_of_messages)
{
    struct channel channel = channel_of_ints(1000);
    rn_task task;
    for (int i = 1; i <= 1000; i++)
        CHECK_RC(send_int(channel.tx, i), 0);
    rn_mpsc_tx_drop(channel.tx);
    REQUIRE(rn_serve(&task, channel.rx, note_and_spawn, &notes) == 0);
    CHECK_EQ(result_of(task), 0);
    CHECK(handled_then >= 100 && handled_then <= 200);
    expect_notes(1000);
}

/* -- refusals ---------------------------------------------------------------------------------------------------- */

#define CHECK_REFUSED(rx, fn, opts, code)                                                                            \
    do {                                                                                                             \
        rn_task refused_ = {4711};                                                                                   \
        CHECK_RC(rn_serve_with(&refused_, (rx), (fn), NULL, (opts)), (code));                                        \
        CHECK_EQ(refused_.id, 0);                                                                                    \
    } while (0)

static int recv_one(void *arg)
{
    int message;
    return rn_mpsc_recv(arg, &message);
}

ROOT(serve_that_is_refused_leaves_the_receiver)
{
    struct channel channel = channel_of_ints(8);
    CHECK_REFUSED(NULL, note, NULL, RN_EINVAL);
    CHECK_REFUSED(channel.rx, NULL, NULL, RN_EINVAL);
    CHECK_REFUSED(channel.rx, note, (&(rn_spawn_opts){.place = RN_PLACE_WORKER}), RN_EINVAL);
    CHECK_REFUSED(channel.rx, note, (&(rn_spawn_opts){.place = RN_PLACE_THREAD}), RN_EINVAL);
    CHECK_REFUSED(channel.rx, note, (&(rn_spawn_opts){.reserved0 = 1}), RN_EINVAL);
    CHECK_REFUSED(channel.rx, note, (&(rn_spawn_opts){.stack_size = 1}), RN_EINVAL);
    struct channel nothing_stays = channel_of_ints(0);
    CHECK_REFUSED(nothing_stays.rx, note, NULL, RN_EINVAL);
    drop_both(nothing_stays);
    CHECK_RC(send_int(channel.tx, 5), 0);
    CHECK_EQ(recv_int(channel.rx), 5);
    drop_both(channel);
}

ROOT(serve_of_a_receiver_on_which_somebody_waits_is_busy)
{
    struct channel channel = channel_of_ints(8);
    struct actor *actor = actor_start(recv_one, channel.rx);
    WAIT_UNTIL(parked_in("mpsc recv") == 1);
    CHECK_REFUSED(channel.rx, note, NULL, RN_EBUSY);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_RC(actor_join(actor), 0);
    drop_both(channel);
}

TEST(serve_outside_of_a_runtime_needs_one)
{
    struct channel channel = channel_of_ints(8);
    CHECK_REFUSED(channel.rx, note, NULL, RN_NO_RUNTIME);
    drop_both(channel);
}

static rn_scope left_open;

static int leave_open(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    rn_scope_open(&left_open);
    return 0;
}

static void serve_and_leave_open(void)
{
    struct channel channel = channel_of_ints(8);
    rn_task task;
    RN_MUST(rn_serve(&task, channel.rx, leave_open, NULL));
    RN_MUST(send_int(channel.tx, 1));
    (void)rn_join(task, NULL);
}

TEST(serve_of_a_function_that_leaves_a_scope_open_ends_the_program)
{
    EXPECT_DEATH(SIGABRT, "handler's function has returned and left a scope open")
    on_workers(1, serve_and_leave_open);
}
