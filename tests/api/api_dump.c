/* SPDX-License-Identifier: MIT */
/* api_dump.c - what every task is doing, as text (contract: <runnel/inspect.h>). The format is ours to change: cases
 * look for the words, in the line of one task. */
#include "api/tasks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* -- the text ---------------------------------------------------------------------------------------------------- */

static char *dumped; /* all of the last dump */

static void dump(void)
{
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    CHECK_RC(rn_dump(fileno(file)), 0);
    const long size = lseek(fileno(file), 0, SEEK_END);
    REQUIRE(size > 0);
    free(dumped);
    dumped = calloc(1, (size_t)size + 1);
    REQUIRE(dumped != NULL && pread(fileno(file), dumped, (size_t)size, 0) == size);
    fclose(file);
}

/* The line about a task; "" if it has none. */
static const char *line_of(rn_task task)
{
    static char line[1024];
    char begin[40];
    snprintf(begin, sizeof begin, "task %" PRIu64 " ", rn_task_id(task));
    for (const char *at = dumped; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL) {
        if (strncmp(at, begin, strlen(begin)) != 0)
            continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        return line;
    }
    return "";
}

static bool says(rn_task task, const char *words)
{
    dump();
    const bool found = strstr(line_of(task), words) != NULL;
    if (!found)
        FAIL("the line of the task does not say \"%s\": %s", words, line_of(task));
    free(dumped);
    dumped = NULL;
    return found;
}

static bool has_line(rn_task task)
{
    dump();
    const bool found = *line_of(task) != '\0';
    free(dumped);
    dumped = NULL;
    return found;
}

/* -- states ------------------------------------------------------------------------------------------------------ */

static rn_notify gate = {.name = "the gate"};

static int wait_at_gate(void *arg)
{
    (void)arg;
    return rn_notify_wait(&gate);
}

ROOT(dump_shows_number_name_birthplace_and_what_a_task_waits_for)
{
    char place[60];
    rn_task task;
    snprintf(place, sizeof place, "%s:%d", __FILE__, __LINE__ + 1);
    REQUIRE(rn_spawn_with(&task, wait_at_gate, NULL, &(rn_spawn_opts){.name = "gatekeeper"}) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    says(task, "gatekeeper");
    says(task, place);
    says(task, "notify");
    says(task, "the gate");
    rn_notify_one(&gate);
    CHECK_RC(rn_join(task, NULL), 0);
}

ROOT(dump_shows_the_calling_task_as_running)
{
    says(rn_task_self(), "runs");
    says(rn_task_self(), "root");
}

/* On one worker it cannot have started. */
ROOT_ON(1, dump_shows_a_task_that_has_not_started)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, wait_at_gate, NULL) == 0);
    says(task, "fresh");
    WAIT_UNTIL(waits_in(task, NULL));
    rn_notify_one(&gate);
    CHECK_RC(rn_join(task, NULL), 0);
}

static int give_42(void *arg)
{
    (void)arg;
    return 42;
}

ROOT(dump_shows_a_task_that_has_ended_until_it_is_joined)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, give_42, NULL) == 0);
    WAIT_UNTIL(rn_task_ended(task));
    says(task, "ended");
    says(task, "42");
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK(!has_line(task));
}

ROOT(dump_shows_that_a_task_was_cancelled)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, wait_at_gate, NULL, &(rn_spawn_opts){.name = "sitter"}) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    dump();
    CHECK(strstr(line_of(task), "cancelled") == NULL);
    rn_task_cancel(task, 0);
    WAIT_UNTIL(rn_task_ended(task));
    says(task, "cancelled");
    CHECK_RC(result_of(task), RN_ECANCELED);
    free(dumped);
    dumped = NULL;
}

static int sleep_an_hour(void *arg)
{
    (void)arg;
    return rn_sleep_until(rn_in_s(3600));
}

ROOT(dump_shows_how_long_a_wait_may_last)
{
    rn_task task;
    REQUIRE(rn_spawn(&task, sleep_an_hour, NULL) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    says(task, "sleep");
    says(task, " ms left");
    rn_task_cancel(task, 0);
    CHECK_RC(rn_join(task, NULL), 0);
}

static int join_it(void *arg)
{
    return rn_join(*(rn_task *)arg, NULL);
}

ROOT(dump_shows_who_joins)
{
    rn_task task, joining;
    REQUIRE(rn_spawn(&task, wait_at_gate, NULL) == 0);
    REQUIRE(rn_spawn(&joining, join_it, &task) == 0);
    WAIT_UNTIL(waits_in(task, NULL) && waits_in(joining, "join"));
    says(joining, "join");
    rn_notify_one(&gate);
    CHECK_RC(result_of(joining), 0);
}

ROOT(dump_shows_the_function_of_a_task_without_a_name)
{
    rn_task task, joiner;
    REQUIRE(rn_spawn(&task, wait_at_gate, NULL) == 0);
    REQUIRE(rn_spawn(&joiner, join_it, &task) == 0);
    WAIT_UNTIL(waits_in(task, NULL) && waits_in(joiner, "join"));
    says(task, " wait_at_gate (");
    says(joiner, " join_it (");
    says(joiner, "waits: join wait_at_gate");
    rn_notify_one(&gate);
    CHECK_RC(rn_join(joiner, NULL), 0);
}

ROOT(dump_shows_tasks_with_threads_of_their_own)
{
    rn_task task;
    REQUIRE(rn_spawn_with(&task, wait_at_gate, NULL, &(rn_spawn_opts){.name = "hermit", .place = RN_PLACE_THREAD}) ==
            0);
    WAIT_UNTIL(waits_in(task, NULL));
    says(task, "hermit");
    says(task, "the gate");
    rn_notify_one(&gate);
    CHECK_RC(rn_join(task, NULL), 0);
}

static int recv_from(void *arg)
{
    int value;
    return rn_mpsc_recv(arg, &value);
}

ROOT(dump_names_the_channel)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
    REQUIRE(rn_mpsc_channel_with(&tx, &rx, 1, RN_ELEM(int), &(rn_mpsc_opts){.name = "the orders"}) == 0);
    REQUIRE(rn_spawn(&task, recv_from, rx) == 0);
    WAIT_UNTIL(waits_in(task, NULL));
    says(task, "recv");
    says(task, "the orders");
    rn_mpsc_tx_drop(tx);
    CHECK_RC(result_of(task), RN_CLOSED);
    rn_mpsc_rx_drop(rx);
}

/* -- when workers are not there to answer ------------------------------------------------------------------------ */

static int spin(void *arg)
{
    uint32_t *flags = arg;
    set(&flags[0]);
    spin_until(&flags[1]);
    return 0;
}

static void *dump_in_thread(void *arg)
{
    uint32_t *flags = arg;
    WAIT_UNTIL(is_set(&flags[0]));
    dump();
    set(&flags[1]);
    return NULL;
}

/* The only worker is stuck; a plain thread asks. */
TEST(dump_works_beside_a_worker_that_is_stuck)
{
    uint32_t flags[2] = {0, 0};
    rn_runtime *runtime;
    rn_task parked, stuck, fresh;
    pthread_t thread;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1}) == 0);
    const rn_spawn_opts in = {.runtime = runtime};
    REQUIRE(rn_spawn_with(&parked, wait_at_gate, NULL, &in) == 0);
    WAIT_UNTIL(waits_in(parked, NULL));
    REQUIRE(rn_spawn_with(&stuck, spin, flags, &in) == 0);
    WAIT_UNTIL(is_set(&flags[0]));
    REQUIRE(rn_spawn_with(&fresh, give_42, NULL, &in) == 0);
    REQUIRE(pthread_create(&thread, NULL, dump_in_thread, flags) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK(strstr(line_of(parked), "the gate") != NULL);
    CHECK(strstr(line_of(stuck), "runs") != NULL);
    CHECK(strstr(line_of(fresh), "fresh") != NULL);
    rn_notify_one(&gate);
    CHECK_RC(rn_join(parked, NULL), 0);
    CHECK_RC(rn_join(stuck, NULL), 0);
    CHECK_EQ(result_of(fresh), 42);
    CHECK_RC(rn_runtime_free(runtime), 0);
    free(dumped);
}

TEST(dump_shows_the_tasks_of_all_runtimes)
{
    enum { RUNTIMES = 3 };
    rn_runtime *runtimes[RUNTIMES];
    rn_task tasks[RUNTIMES];
    for (int i = 0; i < RUNTIMES; i++) {
        REQUIRE(rn_runtime_new(&runtimes[i], &(rn_runtime_opts){.workers = 1}) == 0);
        REQUIRE(rn_spawn_with(&tasks[i], wait_at_gate, NULL, &(rn_spawn_opts){.runtime = runtimes[i]}) == 0);
        WAIT_UNTIL(waits_in(tasks[i], NULL));
    }
    for (int i = 0; i < RUNTIMES; i++)
        says(tasks[i], "the gate");
    rn_notify_all(&gate);
    for (int i = 0; i < RUNTIMES; i++) {
        CHECK_RC(rn_join(tasks[i], NULL), 0);
        CHECK_RC(rn_runtime_free(runtimes[i]), 0);
    }
}

/* -- many -------------------------------------------------------------------------------------------------------- */

ROOT_ON(2, dump_shows_ten_thousand_tasks)
{
    enum { TASKS = TEST_SANITIZED ? 2000 : 10000 };
    static rn_task tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        REQUIRE(rn_spawn(&tasks[i], wait_at_gate, NULL) == 0);
    for (int i = 0; i < TASKS; i++)
        WAIT_UNTIL(waits_in(tasks[i], NULL));
    dump();
    int lines = 0, waiting = 0;
    for (char *line = strtok(dumped, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        lines += strncmp(line, "task ", 5) == 0;
        waiting += strstr(line, "the gate") != NULL;
    }
    CHECK_EQ(waiting, TASKS);
    CHECK_EQ(lines, TASKS + 1); /* and the root */
    free(dumped);
    dumped = NULL;
    rn_notify_all(&gate);
    for (int i = 0; i < TASKS; i++)
        CHECK_RC(rn_join(tasks[i], NULL), 0);
}

static int come_and_go(void *arg)
{
    while (!is_set(arg)) {
        rn_task tasks[8];
        for (int i = 0; i < 8; i++)
            REQUIRE(rn_spawn_with(&tasks[i], give_42, NULL,
                                  &(rn_spawn_opts){.name = i % 2 == 0 ? "mayfly" : NULL,
                                                   .place = i % 3 == 0 ? RN_PLACE_SPREAD : RN_PLACE_AUTO}) == 0);
        for (int i = 0; i < 8; i++)
            CHECK_EQ(result_of(tasks[i]), 42);
    }
    return 0;
}

/* For the sanitizers: tasks that come, go, wait and have names that go with them. */
ROOT(dump_works_while_tasks_come_and_go)
{
    uint32_t stop = 0;
    rn_task busy[3];
    FILE *null = fopen("/dev/null", "w");
    REQUIRE(null != NULL);
    for (int i = 0; i < 3; i++)
        REQUIRE(rn_spawn(&busy[i], come_and_go, &stop) == 0);
    for (int i = 0; i < 300; i++) {
        CHECK_RC(rn_dump(fileno(null)), 0);
        rn_yield();
    }
    set(&stop);
    for (int i = 0; i < 3; i++)
        CHECK_RC(rn_join(busy[i], NULL), 0);
    fclose(null);
}

/* -- refusals ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(dump_to_a_descriptor_that_cannot_be_written_to_is_refused)
{
    FILE *file = fopen("/dev/null", "r");
    REQUIRE(file != NULL);
    CHECK_RC(rn_dump(-1), RN_EINVAL);
    CHECK_RC(rn_dump(1 << 20), RN_EINVAL);
    CHECK_RC(rn_dump(fileno(file)), RN_EINVAL);
    const int closed = fileno(file);
    fclose(file);
    CHECK_RC(rn_dump(closed), RN_EINVAL);
}

TEST(dump_without_any_task_says_so)
{
    dump();
    CHECK(strlen(dumped) > 0);
    CHECK(strstr(dumped, "task ") == NULL);
    free(dumped);
}
