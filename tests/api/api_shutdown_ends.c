/* SPDX-License-Identifier: MIT */
/* api_shutdown_ends.c - the end of a runtime whose channels lead to threads, or hold requests; and what clean-up may
 * do meanwhile. */
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

/* -- clean-up ---------------------------------------------------------------------------------------------------- */

struct friend
{
    rn_oneshot_tx *other;
    rn_oneshot_rx *mine;
    rn_task task;
    int code;
    uint32_t ended;
};

/* Waits for its friend, and tells it that it goes: whoever of the two goes first wakes the other. */
static int wait_and_tell(void *arg)
{
    struct friend *self = arg;
    const int bye = 1;
    int value;
    self->code = rn_oneshot_recv(self->mine, &value);
    const int told = rn_oneshot_send(self->other, &bye);
    CHECK(told == 0 || told == RN_CLOSED);
    rn_oneshot_rx_drop(self->mine);
    count_up(&self->ended);
    return self->code;
}

static struct friend friends[2];

static void leave_friends(void)
{
    for (int i = 0; i < 2; i++) {
        friends[i].ended = 0;
        REQUIRE(rn_oneshot_channel(&friends[1 - i].other, &friends[i].mine, RN_ELEM(int)) == 0);
    }
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_spawn(&friends[i].task, wait_and_tell, &friends[i]) == 0);
    for (int i = 0; i < 2; i++) {
        WAIT_UNTIL(waits_in(friends[i].task, "oneshot recv"));
        rn_task_drop(friends[i].task);
    }
}

static void check_friends(uint32_t workers)
{
    for (int i = 0; i < 50; i++) {
        on_workers(workers, leave_friends);
        CHECK_EQ(friends[0].ended, 1);
        CHECK_EQ(friends[1].ended, 1);
        CHECK(friends[0].code == RN_ECANCELED || friends[1].code == RN_ECANCELED);
    }
}

TEST(shutdown_lets_tasks_wake_each_other_in_their_clean_up_on_1)
{
    check_friends(1);
}

TEST(shutdown_lets_tasks_wake_each_other_in_their_clean_up_on_2)
{
    check_friends(2);
}

TEST(shutdown_lets_tasks_wake_each_other_in_their_clean_up_on_16)
{
    check_friends(16);
}

static rn_runtime *home;
static uint64_t number;
static uint32_t cleaned_up;

static int know_oneself(void *arg)
{
    const uint64_t before = rn_task_self_id();
    rn_task nobody;
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    CHECK_EQ(rn_cancelled(), RN_SHUTDOWN);
    CHECK(rn_runtime_current() == home);
    CHECK(rn_task_self_id() == before && before == number);
    CHECK_RC(rn_spawn(&nobody, know_oneself, arg), RN_SHUTDOWN);
    CHECK_EQ(nobody.id, 0);
    rn_yield();
    count_up(&cleaned_up);
    return 0;
}

static void leave_one_that_knows_itself(void)
{
    rn_task task;
    home = rn_runtime_current();
    REQUIRE(rn_spawn(&task, know_oneself, NULL) == 0);
    number = rn_task_id(task);
    WAIT_UNTIL(waits_in(task, "sleep"));
    rn_task_drop(task);
}

TEST(shutdown_lets_clean_up_know_its_runtime_and_its_number)
{
    on_workers(1, leave_one_that_knows_itself);
    on_workers(16, leave_one_that_knows_itself);
    CHECK_EQ(cleaned_up, 2);
}

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static rn_task registered[8];
static uint32_t removed;

/* A registry that every task takes itself off, and where it asks the others to go too. */
static int leave_registry(void *arg)
{
    const int code = rn_sleep_until(RN_FOREVER);
    pthread_mutex_lock(&registry);
    for (size_t i = 0; i < RN_COUNT(registered); i++) {
        rn_task_cancel(registered[i], 0);
        removed += rn_task_id(registered[i]) == rn_task_self_id();
    }
    pthread_mutex_unlock(&registry);
    return code + (arg != NULL);
}

static void leave_registered(void)
{
    pthread_mutex_lock(&registry);
    for (size_t i = 0; i < RN_COUNT(registered); i++)
        REQUIRE(rn_spawn(&registered[i], leave_registry, NULL) == 0);
    pthread_mutex_unlock(&registry);
    for (size_t i = 0; i < RN_COUNT(registered); i++)
        WAIT_UNTIL(waits_in(registered[i], "sleep"));
}

/* No lock of the library is held while a task cleans up. */
TEST(shutdown_lets_clean_up_take_a_lock_and_cancel_the_others)
{
    on_workers(1, leave_registered);
    on_workers(4, leave_registered);
    CHECK_EQ(removed, 2 * RN_COUNT(registered));
}

/* -- jobs, and nothing at all ------------------------------------------------------------------------------------ */

static uint32_t jobs_done;

static int do_job(void *arg)
{
    count_up(arg);
    return 0;
}

static int save_in_the_end(void *arg)
{
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    rn_shield_enter();
    CHECK_RC(rn_blocking(do_job, arg, NULL), 0);
    rn_shield_leave();
    return 0;
}

static void leave_savers(void)
{
    for (int i = 0; i < 10; i++)
        REQUIRE(rn_spawn(NULL, save_in_the_end, &jobs_done) == 0);
}

TEST(shutdown_lets_clean_up_have_jobs_done_behind_a_shield)
{
    on_workers(1, leave_savers);
    on_workers(4, leave_savers);
    CHECK_EQ(value_of(&jobs_done), 20);
}

static uint32_t job_may_end, job_has_ended;

static int never_ending_job(void *arg)
{
    set(&arrived);
    WAIT_UNTIL(is_set(&job_may_end));
    set(&job_has_ended);
    return arg != NULL;
}

static int give_up_a_job(void *arg)
{
    return rn_blocking_until(never_ending_job, arg, 0, NULL, NULL, RN_FOREVER);
}

static int leave_a_job(void *arg)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, give_up_a_job, arg) == 0);
    WAIT_UNTIL(is_set(&arrived));
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    return 0;
}

static void check_job_left_behind(int64_t grace_ns)
{
    arrived = job_may_end = job_has_ended = 0;
    CHECK_RC(rn_run_with(leave_a_job, NULL, &(rn_runtime_opts){.workers = 2, .grace_ns = grace_ns}), 0);
    CHECK(!is_set(&job_has_ended));
    set(&job_may_end);
    WAIT_UNTIL(is_set(&job_has_ended) && test_memory().live == 0);
}

TEST(shutdown_leaves_a_job_behind_that_takes_too_long)
{
    check_job_left_behind(20 * 1000 * 1000);
}

TEST(shutdown_with_almost_no_grace_leaves_a_job_behind)
{
    check_job_left_behind(1);
}

static int sleep_a_little(void *arg)
{
    CHECK_RC(rn_sleep_ms(20), 0);
    return arg != NULL;
}

/* Were anything awaited for nobody, this would take three hours. */
TEST(shutdown_ends_at_once_where_nobody_is_left)
{
    const int64_t hours = INT64_C(10000) * 1000 * 1000 * 1000;
    for (uint32_t workers = 1; workers <= 4; workers++)
        CHECK_RC(rn_run_with(sleep_a_little, NULL, &(rn_runtime_opts){.workers = workers, .grace_ns = hours}), 0);
}

/* -- beside threads ---------------------------------------------------------------------------------------------- */

enum { WAITING = 2000 };

struct waiting {
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
};

static struct waiting waiting[WAITING];
static uint32_t got, cancelled;

static int wait_for_word(void *arg)
{
    struct waiting *self = arg;
    int word;
    const int code = rn_oneshot_recv(self->rx, &word);
    CHECK(code == 0 || code == RN_ECANCELED);
    rn_oneshot_rx_drop(self->rx);
    count_up(code == 0 ? &got : &cancelled);
    return code;
}

static void *send_to_each(void *arg)
{
    uint32_t *sent = arg;
    for (int i = 0; i < WAITING; i++)
        *sent += rn_oneshot_send(waiting[i].tx, &i) == 0;
    return NULL;
}

static void check_senders_beside(rn_runtime *runtime)
{
    pthread_t sender;
    uint32_t sent = 0;
    got = cancelled = 0;
    for (int i = 0; i < WAITING; i++) {
        REQUIRE(rn_oneshot_channel(&waiting[i].tx, &waiting[i].rx, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn_with(NULL, wait_for_word, &waiting[i], &(rn_spawn_opts){.runtime = runtime}) == 0);
    }
    REQUIRE(pthread_create(&sender, NULL, send_to_each, &sent) == 0);
    CHECK_RC(rn_runtime_free(runtime), 0);
    CHECK_EQ(pthread_join(sender, NULL), 0);
    CHECK_EQ(got + cancelled, WAITING);
    CHECK(sent >= got); /* a word may lie there unread when its task is cancelled */
}

TEST(shutdown_beside_a_thread_that_wakes_its_tasks)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        rn_runtime *runtime;
        const rn_runtime_opts opts = {.workers = workers, .grace_ns = INT64_C(1000) * 1000 * 1000 * 1000};
        REQUIRE(rn_runtime_new(&runtime, &opts) == 0);
        check_senders_beside(runtime);
    }
}

static pthread_key_t at_thread_end;

static void free_runtime(void *runtime)
{
    CHECK_RC(rn_runtime_free(runtime), 0);
}

static void *keep_a_runtime(void *arg)
{
    rn_runtime *runtime, *second;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(rn_spawn_with(NULL, wait_for_word, arg, &(rn_spawn_opts){.runtime = runtime}) == 0);
    REQUIRE(pthread_setspecific(at_thread_end, runtime) == 0);
    REQUIRE(rn_runtime_new(&second, &(rn_runtime_opts){.workers = 1}) == 0);
    CHECK_RC(rn_runtime_free(second), 0); /* has waited once: what that needed goes away as the thread does */
    return NULL;
}

TEST(runtime_may_be_freed_by_a_destructor_of_its_thread)
{
    pthread_t thread;
    REQUIRE(pthread_key_create(&at_thread_end, free_runtime) == 0);
    REQUIRE(rn_oneshot_channel(&waiting[0].tx, &waiting[0].rx, RN_ELEM(int)) == 0);
    REQUIRE(pthread_create(&thread, NULL, keep_a_runtime, &waiting[0]) == 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(cancelled, 1);
    rn_oneshot_tx_drop(waiting[0].tx);
    CHECK_EQ(pthread_key_delete(at_thread_end), 0);
}

static void talk_once_more(void *arg)
{
    struct line *line = arg;
    int value = 3;
    CHECK_RC(rn_mpsc_send(line->tx, &value), 0);
    CHECK_RC(rn_mpsc_recv(line->rx, &value), 0);
    CHECK_EQ(value, 4);
    set(&line->done);
}

static void *talk_and_end(void *arg)
{
    REQUIRE(pthread_setspecific(at_thread_end, arg) == 0);
    CHECK_RC(rn_sleep_ms(1), 0);
    talk_once_more(arg);
    return NULL;
}

static int count_on(void *arg)
{
    struct line *line = arg;
    int value;
    for (int i = 0; i < 2; i++) {
        CHECK_RC(rn_mpsc_recv(line->rx, &value), 0);
        value++;
        CHECK_RC(rn_mpsc_send(line->tx, &value), 0);
    }
    return 0;
}

/* Also after the library has taken back what it keeps for each thread that waits. */
static void check_talk_in_destructor(void)
{
    struct line thread_side = {.done = 0}, task_side = {.done = 0};
    pthread_t thread;
    rn_task task;
    REQUIRE(rn_mpsc_channel(&thread_side.tx, &task_side.rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_mpsc_channel(&task_side.tx, &thread_side.rx, 1, RN_ELEM(int)) == 0);
    REQUIRE(rn_spawn(&task, count_on, &task_side) == 0);
    REQUIRE(pthread_create(&thread, NULL, talk_and_end, &thread_side) == 0);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(is_set(&thread_side.done));
    rn_mpsc_tx_drop(thread_side.tx);
    rn_mpsc_rx_drop(thread_side.rx);
    rn_mpsc_tx_drop(task_side.tx);
    rn_mpsc_rx_drop(task_side.rx);
}

TEST(thread_may_talk_to_tasks_in_its_last_destructor)
{
    REQUIRE(pthread_key_create(&at_thread_end, talk_once_more) == 0);
    for (int i = 0; i < 20; i++)
        on_workers(1 + (uint32_t)i % 3, check_talk_in_destructor);
    CHECK_EQ(pthread_key_delete(at_thread_end), 0);
}
