/* SPDX-License-Identifier: MIT */
/* api_together.c - tasks, threads and channels in one piece: answers, chains, crowds, and all of that beside tasks
 * that never let their worker rest. */
#include "api/parked.h"
#include "api/tasks.h"

struct wire {
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
};

static void wire_make(struct wire *wire)
{
    REQUIRE(rn_oneshot_channel(&wire->tx, &wire->rx, RN_ELEM(int)) == 0);
}

static int wire_take(const struct wire *wire)
{
    int value = -1;
    CHECK_RC(rn_oneshot_recv(wire->rx, &value), 0);
    rn_oneshot_rx_drop(wire->rx);
    return value;
}

static void wire_give(const struct wire *wire, int value)
{
    CHECK_RC(rn_oneshot_send(wire->tx, &value), 0);
}

/* -- answers and chains ------------------------------------------------------------------------------------------ */

static int answer(void *arg)
{
    wire_give(arg, 42);
    return 7;
}

ROOT(task_that_has_answered_can_still_be_joined)
{
    struct wire wire;
    rn_task task;
    wire_make(&wire);
    REQUIRE(rn_spawn(&task, answer, &wire) == 0);
    CHECK_EQ(wire_take(&wire), 42);
    CHECK_EQ(result_of(task), 7);
}

ROOT(task_that_nobody_joins_can_answer)
{
    struct wire wire;
    wire_make(&wire);
    REQUIRE(rn_spawn(NULL, answer, &wire) == 0);
    CHECK_EQ(wire_take(&wire), 42);
}

static void *answer_a_parked_one(void *arg)
{
    WAIT_UNTIL(parked_in("oneshot recv") > 0);
    wire_give(arg, 43);
    return NULL;
}

static pthread_t start_answering(struct wire *wire)
{
    pthread_t thread;
    wire_make(wire);
    REQUIRE(pthread_create(&thread, NULL, answer_a_parked_one, wire) == 0);
    return thread;
}

ROOT(root_is_answered_by_a_plain_thread)
{
    struct wire wire;
    const pthread_t thread = start_answering(&wire);
    CHECK_EQ(wire_take(&wire), 43);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

struct relay {
    struct wire from;
    struct wire to;
};

static int pass_on(void *arg)
{
    const struct relay *relay = arg;
    wire_give(&relay->to, wire_take(&relay->from) + 1);
    return 0;
}

ROOT(task_hands_on_what_another_has_sent)
{
    struct relay relay;
    wire_make(&relay.from);
    wire_make(&relay.to);
    REQUIRE(rn_spawn(NULL, pass_on, &relay) == 0);
    REQUIRE(rn_spawn(NULL, answer, &relay.from) == 0);
    CHECK_EQ(wire_take(&relay.to), 43);
}

enum { LINKS = 100, TRACKS = 8, ROUNDS = 5 };

struct link {
    rn_mpsc_rx *from;
    rn_mpsc_tx *to;
};

static int forward(void *arg)
{
    struct link *link = arg;
    int value;
    while (rn_mpsc_recv(link->from, &value) == 0) {
        value++;
        CHECK_RC(rn_mpsc_send(link->to, &value), 0);
    }
    rn_mpsc_rx_drop(link->from);
    rn_mpsc_tx_drop(link->to);
    return 0;
}

struct track {
    struct link links[LINKS];
    rn_mpsc_tx *begin;
    rn_mpsc_rx *end;
};

static void track_lay(struct track *track)
{
    rn_mpsc_rx *from;
    REQUIRE(rn_mpsc_channel(&track->begin, &from, 10, RN_ELEM(int)) == 0);
    for (int i = 0; i < LINKS; i++) {
        track->links[i].from = from;
        REQUIRE(rn_mpsc_channel(&track->links[i].to, &from, 10, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn(NULL, forward, &track->links[i]) == 0);
    }
    track->end = from;
}

/* Round and round: what comes out is put in again. */
static int go_round(void *arg)
{
    const struct track *track = arg;
    int value = 0;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_RC(rn_mpsc_send(track->begin, &value), 0);
        CHECK_RC(rn_mpsc_recv(track->end, &value), 0);
    }
    rn_mpsc_tx_drop(track->begin);
    CHECK_RC(rn_mpsc_recv(track->end, &(int){0}), RN_CLOSED);
    rn_mpsc_rx_drop(track->end);
    return value;
}

ROOT(chain_of_a_hundred_tasks_carries_its_message_round)
{
    static struct track tracks[TRACKS];
    rn_task riders[TRACKS];
    for (int i = 0; i < TRACKS; i++) {
        track_lay(&tracks[i]);
        REQUIRE(rn_spawn(&riders[i], go_round, &tracks[i]) == 0);
    }
    for (int i = 0; i < TRACKS; i++)
        CHECK_EQ(result_of(riders[i]), LINKS * ROUNDS);
}

/* -- crowds ------------------------------------------------------------------------------------------------------ */

enum { CROWD = 300 };

struct member {
    struct wire wire;
    rn_mpsc_tx *done;
};

static int report(void *arg)
{
    struct member *member = arg;
    const int value = wire_take(&member->wire);
    CHECK_RC(rn_mpsc_send(member->done, &value), 0);
    rn_mpsc_tx_drop(member->done);
    return 0;
}

static void *call_each(void *arg)
{
    const struct member *members = arg;
    for (int i = 0; i < CROWD; i++)
        wire_give(&members[i].wire, i);
    return NULL;
}

static void check_crowd(void)
{
    static struct member members[CROWD];
    int seen[CROWD] = {0};
    pthread_t caller;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int value, count = 0;
    REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int)) == 0);
    for (int i = 0; i < CROWD; i++) {
        wire_make(&members[i].wire);
        REQUIRE(rn_mpsc_tx_clone(&members[i].done, tx) == 0);
        REQUIRE(rn_spawn(NULL, report, &members[i]) == 0);
    }
    rn_mpsc_tx_drop(tx);
    REQUIRE(pthread_create(&caller, NULL, call_each, members) == 0);
    for (; rn_mpsc_recv(rx, &value) == 0; count++)
        if (CHECK(value >= 0 && value < CROWD))
            CHECK_EQ(seen[value]++, 0);
    CHECK_EQ(count, CROWD);
    rn_mpsc_rx_drop(rx);
    CHECK_EQ(pthread_join(caller, NULL), 0);
}

ROOT(crowd_of_the_root_hears_what_a_thread_tells_each)
{
    check_crowd();
}

ROOT(crowd_of_a_task_hears_what_a_thread_tells_each)
{
    void (*body)(void) = check_crowd;
    rn_task task;
    REQUIRE(rn_spawn(&task, tasks_call, &body) == 0);
    CHECK_EQ(result_of(task), 0);
}

/* -- beside tasks that never rest -------------------------------------------------------------------------------- */

static uint32_t leave;

static int yield_for_ever(void *arg)
{
    while (!is_set(&leave))
        rn_yield();
    return arg != NULL;
}

/* One on each worker. */
static void load_begin(void)
{
    leave = 0;
    for (uint32_t i = 0; i < rn_runtime_workers(NULL); i++)
        REQUIRE(rn_spawn_with(NULL, yield_for_ever, NULL, &(rn_spawn_opts){.place = RN_PLACE_WORKER, .worker = i}) ==
                0);
}

ROOT(root_is_answered_beside_tasks_that_only_yield)
{
    struct wire wire;
    load_begin();
    const pthread_t thread = start_answering(&wire);
    CHECK_EQ(wire_take(&wire), 43);
    set(&leave);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

ROOT(task_is_answered_beside_tasks_that_only_yield)
{
    struct relay relay;
    rn_task task;
    load_begin();
    wire_make(&relay.to);
    const pthread_t thread = start_answering(&relay.from);
    REQUIRE(rn_spawn(&task, pass_on, &relay) == 0);
    CHECK_EQ(wire_take(&relay.to), 44);
    set(&leave);
    CHECK_RC(rn_join(task, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

struct outsider {
    rn_runtime *runtime;
    struct wire wire;
};

static void *spawn_an_answer(void *arg)
{
    struct outsider *outsider = arg;
    REQUIRE(rn_spawn_with(NULL, answer, &outsider->wire, &(rn_spawn_opts){.runtime = outsider->runtime}) == 0);
    return NULL;
}

static void check_spawn_from_outside(void)
{
    struct outsider outsider = {.runtime = rn_runtime_current()};
    pthread_t thread;
    wire_make(&outsider.wire);
    REQUIRE(pthread_create(&thread, NULL, spawn_an_answer, &outsider) == 0);
    CHECK_EQ(wire_take(&outsider.wire), 42);
    set(&leave);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

ROOT(task_of_a_thread_starts_beside_tasks_that_only_yield)
{
    load_begin();
    check_spawn_from_outside();
}

/* Each starts the next one and ends, until the root has returned at the latest. */
static int be_followed(void *arg)
{
    if (is_set(&leave))
        return 0;
    const int code = rn_spawn_with(NULL, be_followed, arg, &(rn_spawn_opts){.place = RN_PLACE_NEAR});
    CHECK(code == 0 || code == RN_SHUTDOWN);
    return code;
}

static int start_a_succession(void *arg)
{
    CHECK_RC(be_followed(NULL), 0);
    wire_give(arg, 42);
    return 0;
}

/* That the new one comes next is good for caches; but not for ever. */
ROOT(task_that_is_followed_by_another_for_ever_starves_nobody)
{
    struct wire wire;
    leave = 0;
    wire_make(&wire);
    REQUIRE(rn_spawn(NULL, start_a_succession, &wire) == 0);
    CHECK_EQ(wire_take(&wire), 42);
    for (int i = 0; i < 20; i++)
        rn_yield();
    set(&leave);
}

ROOT(task_of_a_thread_starts_beside_tasks_that_follow_each_other)
{
    leave = 0;
    for (int i = 0; i < 4; i++)
        REQUIRE(rn_spawn(NULL, be_followed, NULL) == 0);
    check_spawn_from_outside();
}

enum { PAIRS = 50 };

struct table {
    rn_mpsc_tx *out;
    rn_mpsc_rx *in;
};

static int rally(void *arg)
{
    struct table *side = arg;
    int ball = 0;
    while (!is_set(&leave)) {
        CHECK_RC(rn_mpsc_send(side->out, &ball), 0);
        CHECK_RC(rn_mpsc_recv(side->in, &ball), 0);
    }
    rn_mpsc_tx_drop(side->out);
    CHECK_RC(rn_mpsc_recv(side->in, &ball), RN_CLOSED);
    rn_mpsc_rx_drop(side->in);
    return 0;
}

static int return_each(void *arg)
{
    struct table *side = arg;
    int ball;
    while (rn_mpsc_recv(side->in, &ball) == 0)
        CHECK_RC(rn_mpsc_send(side->out, &ball), 0);
    rn_mpsc_tx_drop(side->out);
    rn_mpsc_rx_drop(side->in);
    return 0;
}

static int yield_five_times(void *arg)
{
    for (int i = 0; i < 5; i++)
        rn_yield();
    return arg == NULL;
}

/* Whoever is woken by the one that parks runs next: two that wake each other could keep a worker to themselves. */
ROOT(pairs_that_wake_each_other_starve_nobody)
{
    static struct table near_side[PAIRS], far_side[PAIRS];
    rn_task players[2 * PAIRS], other;
    leave = 0;
    for (int i = 0; i < PAIRS; i++) {
        REQUIRE(rn_mpsc_channel(&near_side[i].out, &far_side[i].in, RN_UNBOUNDED, RN_ELEM(int)) == 0);
        REQUIRE(rn_mpsc_channel(&far_side[i].out, &near_side[i].in, RN_UNBOUNDED, RN_ELEM(int)) == 0);
        REQUIRE(rn_spawn(&players[2 * i], rally, &near_side[i]) == 0);
        REQUIRE(rn_spawn(&players[2 * i + 1], return_each, &far_side[i]) == 0);
    }
    REQUIRE(rn_spawn(&other, yield_five_times, NULL) == 0);
    CHECK_EQ(result_of(other), 1);
    set(&leave);
    for (int i = 0; i < 2 * PAIRS; i++)
        CHECK_RC(rn_join(players[i], NULL), 0);
}

/* -- a turn for the neighbour, also after a job that blocked ----------------------------------------------------- */

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int count_turns(void *arg)
{
    while (!is_set(&leave)) {
        count_up(arg);
        rn_yield();
    }
    return 0;
}

enum { BACKLOG = 1024 };

static int eat_a_backlog(void *arg)
{
    const uint32_t *turns = arg;
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int value = 0;
    REQUIRE(rn_mpsc_channel(&tx, &rx, BACKLOG, RN_ELEM(int)) == 0);
    for (int i = 0; i < BACKLOG; i++)
        CHECK_RC(rn_mpsc_try_send(tx, &i), 0);
    CHECK_RC(rn_blocking(do_nothing, NULL, NULL), 0);
    const uint32_t before = value_of(turns);
    for (int i = 0; i < BACKLOG; i++)
        CHECK_RC(rn_mpsc_recv(rx, &value), 0);
    CHECK(value_of(turns) >= before + BACKLOG / 128 - 1);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    set(&leave);
    return 0;
}

ROOT_ON(1, task_whose_calls_never_wait_gives_turns_also_after_a_job)
{
    uint32_t turns = 0;
    rn_task counting, eating;
    leave = 0;
    REQUIRE(rn_spawn(&counting, count_turns, &turns) == 0);
    REQUIRE(rn_spawn(&eating, eat_a_backlog, &turns) == 0);
    CHECK_RC(rn_join(eating, NULL), 0);
    CHECK_RC(rn_join(counting, NULL), 0);
}
