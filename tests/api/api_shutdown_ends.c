/* SPDX-License-Identifier: MIT */
/* api_shutdown_ends.c - the end of a runtime whose channels lead to threads, or hold requests. */
#include "api/tasks.h"

static uint32_t arrived;

/* -- threads that hold ends -------------------------------------------------------------------------------------- */

struct line {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int code;
    uint32_t done;
};

static void *send_until_closed(void *arg)
{
    struct line *line = arg;
    int value = 0;
    while ((line->code = rn_mpsc_send(line->tx, &value)) == 0)
        value++;
    CHECK_RC(rn_mpsc_try_send(line->tx, &value), RN_CLOSED);
    CHECK(rn_mpsc_tx_is_closed(line->tx));
    rn_mpsc_tx_drop(line->tx);
    set(&line->done);
    return NULL;
}

static void *recv_until_closed(void *arg)
{
    struct line *line = arg;
    int value;
    while ((line->code = rn_mpsc_recv(line->rx, &value)) == 0)
        ;
    CHECK_RC(rn_mpsc_try_recv(line->rx, &value), RN_CLOSED);
    rn_mpsc_rx_drop(line->rx);
    set(&line->done);
    return NULL;
}

/* Reads now and then, and then not at all: the sender is parked at some time. */
static int recv_a_little(void *arg)
{
    struct line *line = arg;
    int value;
    for (int i = 0; i < 20; i++)
        CHECK_RC(rn_mpsc_recv(line->rx, &value), 0);
    set(&arrived);
    const int code = rn_sleep_until(RN_FOREVER);
    rn_mpsc_rx_drop(line->rx);
    return code;
}

static uint32_t all_sent;

static int send_a_little(void *arg)
{
    struct line *line = arg;
    for (int i = 0; i < 20; i++)
        CHECK_RC(rn_mpsc_send(line->tx, &i), 0);
    set(&all_sent);
    const int code = rn_sleep_until(RN_FOREVER);
    rn_mpsc_tx_drop(line->tx);
    return code;
}

static struct line to_task, from_task;

static int root_of_lines(void *arg)
{
    (void)arg;
    REQUIRE(rn_spawn(NULL, recv_a_little, &to_task) == 0);
    REQUIRE(rn_spawn(NULL, send_a_little, &from_task) == 0);
    WAIT_UNTIL(is_set(&arrived) && is_set(&all_sent));
    return 0;
}

static void check_lines(uint32_t workers)
{
    pthread_t sender, receiver;
    REQUIRE(rn_mpsc_channel(&to_task.tx, &to_task.rx, 2, RN_ELEM(int)) == 0);
    REQUIRE(rn_mpsc_channel(&from_task.tx, &from_task.rx, 2, RN_ELEM(int)) == 0);
    REQUIRE(pthread_create(&sender, NULL, send_until_closed, &to_task) == 0);
    REQUIRE(pthread_create(&receiver, NULL, recv_until_closed, &from_task) == 0);
    CHECK_RC(rn_run_with(root_of_lines, NULL, &(rn_runtime_opts){.workers = workers}), 0);
    REQUIRE(pthread_join(sender, NULL) == 0);
    REQUIRE(pthread_join(receiver, NULL) == 0);
    CHECK_RC(to_task.code, RN_CLOSED);
    CHECK_RC(from_task.code, RN_CLOSED);
}

TEST(shutdown_tells_threads_that_hold_ends_on_1)
{
    check_lines(1);
}

TEST(shutdown_tells_threads_that_hold_ends_on_2)
{
    check_lines(2);
}

TEST(shutdown_tells_threads_that_hold_ends_on_16)
{
    check_lines(16);
}

/* -- a server with requests queued ------------------------------------------------------------------------------- */

struct request {
    int question;
    rn_oneshot_tx *reply;
};

static void request_drop(struct request *request)
{
    rn_oneshot_tx_drop(request->reply);
}

RN_MPSC_OWNED(requests, struct request, request_drop);

static int serve(void *arg)
{
    requests_rx *rx = arg;
    struct request request;
    int code;
    while ((code = requests_recv(rx, &request)) == 0) {
        const int answer = request.question * 2;
        rn_ignore(rn_oneshot_send(request.reply, &answer));
        if (request.question % 5 == 0) /* time for others to queue up */
            rn_yield();
    }
    requests_rx_drop(rx);
    return code;
}

struct asker {
    requests_tx *tx;
    uint32_t answers;
    uint32_t refusals;
};

/* Asks until the server has gone. Behind a shield, so that its own cancellation is not what ends it. */
static int ask(void *arg)
{
    struct asker *asker = arg;
    rn_shield_enter();
    for (int i = 0; asker->refusals == 0; i++) {
        rn_oneshot_tx *reply;
        rn_oneshot_rx *answer;
        int value = 0;
        REQUIRE(rn_oneshot_channel(&reply, &answer, RN_ELEM(int)) == 0);
        const int sent = requests_give(asker->tx, (struct request){i, reply});
        CHECK(sent == 0 || sent == RN_CLOSED);
        const int code = rn_oneshot_recv(answer, &value);
        if (code == 0)
            CHECK_EQ(value, 2 * i);
        else
            CHECK_RC(code, RN_CLOSED);
        count_up(code == 0 ? &asker->answers : &asker->refusals);
        rn_oneshot_rx_drop(answer);
    }
    requests_tx_drop(asker->tx);
    rn_shield_leave();
    return 0;
}

enum { ASKERS = 30 };
static struct asker askers[ASKERS]; /* the first half are tasks, the others threads */
static pthread_t asking[ASKERS];

static void *ask_in_thread(void *arg)
{
    ask(arg);
    return NULL;
}

/* All of them have had answers, and go on asking. */
static rn_task start_server_and_askers(void)
{
    requests_tx *tx;
    requests_rx *rx;
    rn_task server;
    REQUIRE(requests_channel(&tx, &rx, 4) == 0);
    REQUIRE(rn_spawn(&server, serve, rx) == 0);
    for (int i = 0; i < ASKERS; i++) {
        REQUIRE(requests_tx_clone(&askers[i].tx, tx) == 0);
        if (i < ASKERS / 2)
            REQUIRE(rn_spawn(NULL, ask, &askers[i]) == 0);
        else
            REQUIRE(pthread_create(&asking[i], NULL, ask_in_thread, &askers[i]) == 0);
    }
    requests_tx_drop(tx);
    for (int i = 0; i < ASKERS; i++)
        WAIT_UNTIL(value_of(&askers[i].answers) > 3);
    return server;
}

static void cancel_server(void)
{
    rn_task server = start_server_and_askers();
    rn_task_cancel(server, 0);
    CHECK_RC(result_of(server), RN_ECANCELED);
    for (int i = 0; i < ASKERS; i++)
        WAIT_UNTIL(value_of(&askers[i].refusals) == 1);
}

static void leave_server(void)
{
    rn_task_drop(start_server_and_askers());
}

static void check_askers(uint32_t workers, void (*body)(void))
{
    on_workers(workers, body);
    for (int i = ASKERS / 2; i < ASKERS; i++)
        REQUIRE(pthread_join(asking[i], NULL) == 0);
    for (int i = 0; i < ASKERS; i++)
        CHECK_EQ(askers[i].refusals, 1);
}

TEST(server_that_is_cancelled_leaves_no_asker_waiting_on_1)
{
    check_askers(1, cancel_server);
}

TEST(server_that_is_cancelled_leaves_no_asker_waiting_on_2)
{
    check_askers(2, cancel_server);
}

TEST(server_that_is_cancelled_leaves_no_asker_waiting_on_16)
{
    check_askers(16, cancel_server);
}

TEST(server_that_a_shutdown_ends_leaves_no_asker_waiting_on_1)
{
    check_askers(1, leave_server);
}

TEST(server_that_a_shutdown_ends_leaves_no_asker_waiting_on_16)
{
    check_askers(16, leave_server);
}
