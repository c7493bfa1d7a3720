/* SPDX-License-Identifier: MIT */
/* stress_race.c - every call that waits, but for those of locks and notify, which have files of their own, at the
 * moment that decides: what it waits for comes while it is cancelled, or while its deadline passes. Each case goes on
 * until both outcomes were seen. With 0 the call has had its effect, with anything else none: what it would have had
 * is there for the next one. */
#include "api/tasks.h"
#include "base/random.h"

enum { EACH_OUTCOME = 4, CAUSE = -20031, SPINS = 3000, NEAR_US = 400 };

struct subject {
    void (*make)(void);               /* so that the call has to wait */
    int (*call)(rn_deadline);         /* by a task; for the others there is the one thing, `the` */
    void (*deliver)(void);            /* what it waits for; never waits */
    void (*end)(bool had_its_effect); /* after both: checks, and frees */
    const char *verb;                 /* of the wait */
};

static struct {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_mpsc_permit permit;
    rn_oneshot_tx *oneshot_tx;
    rn_oneshot_rx *oneshot_rx;
    rn_broadcast_tx *broadcast_tx;
    rn_broadcast_rx *broadcast_rx;
    rn_watch_tx *watch_tx;
    rn_watch_rx *watch_rx;
    rn_cancel *token;
    rn_once once;
    rn_task other;
    rn_notify leave;
    uint32_t abandoned;
    int got;
    size_t count;
    rn_scope *scope;
    rn_runtime *runtime;
} the;

/* -- mpsc -------------------------------------------------------------------------------------------------------- */

static void mpsc_make(void)
{
    RN_MUST(rn_mpsc_channel(&the.tx, &the.rx, 1, RN_ELEM(int)));
}

static void mpsc_make_full(void)
{
    mpsc_make();
    CHECK_RC(rn_mpsc_try_send(the.tx, &(int){1}), 0);
}

static void mpsc_give(void)
{
    CHECK_RC(rn_mpsc_try_send(the.tx, &(int){7}), 0);
}

static void mpsc_take(void)
{
    int first;
    CHECK_RC(rn_mpsc_try_recv(the.rx, &first), 0);
    CHECK_EQ(first, 1);
}

static void mpsc_end(void)
{
    rn_mpsc_tx_drop(the.tx);
    rn_mpsc_rx_drop(the.rx);
}

/* The message is with the one who waited, or still there. */
static void mpsc_end_received(bool received)
{
    int left = 0;
    CHECK_RC(rn_mpsc_try_recv(the.rx, &left), received ? RN_EMPTY : 0);
    CHECK_EQ(received ? the.got : left, 7);
    mpsc_end();
}

static void mpsc_end_sent(bool sent)
{
    int left = 0;
    CHECK_RC(rn_mpsc_try_recv(the.rx, &left), sent ? 0 : RN_EMPTY);
    CHECK_EQ(left, sent ? 2 : 0);
    mpsc_end();
}

static int mpsc_recv(rn_deadline deadline)
{
    return rn_mpsc_recv_until(the.rx, &the.got, deadline);
}

static int mpsc_recv_many(rn_deadline deadline)
{
    return rn_mpsc_recv_many_until(the.rx, &the.got, 1, &the.count, deadline);
}

static int mpsc_send(rn_deadline deadline)
{
    return rn_mpsc_send_until(the.tx, &(int){2}, deadline);
}

static int mpsc_send_many(rn_deadline deadline)
{
    const int rc = rn_mpsc_send_many_until(the.tx, &(int){2}, 1, &the.count, deadline);
    CHECK_EQ(the.count, rc == 0);
    return rc;
}

static int mpsc_reserve(rn_deadline deadline)
{
    const int rc = rn_mpsc_reserve_until(the.tx, 1, &the.permit, deadline);
    if (rc == 0)
        rn_mpsc_permit_send(&the.permit, &(int){2});
    return rc;
}

static int mpsc_closed(rn_deadline deadline)
{
    return rn_mpsc_tx_closed_until(the.tx, deadline);
}

static void mpsc_close(void)
{
    rn_mpsc_rx_close(the.rx);
}

static void mpsc_end_closed(bool told)
{
    (void)told;
    CHECK_RC(rn_mpsc_tx_closed(the.tx), 0);
    mpsc_end();
}

/* -- oneshot ----------------------------------------------------------------------------------------------------- */

static void oneshot_make(void)
{
    RN_MUST(rn_oneshot_channel(&the.oneshot_tx, &the.oneshot_rx, RN_ELEM(int)));
}

static int oneshot_recv(rn_deadline deadline)
{
    return rn_oneshot_recv_until(the.oneshot_rx, &the.got, deadline);
}

static void oneshot_give(void)
{
    CHECK_RC(rn_oneshot_send(the.oneshot_tx, &(int){7}), 0);
    the.oneshot_tx = NULL;
}

static void oneshot_end(bool received)
{
    int left = 0;
    CHECK_RC(rn_oneshot_try_recv(the.oneshot_rx, &left), received ? RN_CLOSED : 0);
    CHECK_EQ(received ? the.got : left, 7);
    rn_oneshot_rx_drop(the.oneshot_rx);
}

static int oneshot_closed(rn_deadline deadline)
{
    return rn_oneshot_tx_closed_until(the.oneshot_tx, deadline);
}

static void oneshot_close(void)
{
    rn_oneshot_rx_close(the.oneshot_rx);
}

static void oneshot_end_closed(bool told)
{
    (void)told;
    CHECK_RC(rn_oneshot_tx_closed(the.oneshot_tx), 0);
    rn_oneshot_tx_drop(the.oneshot_tx);
    rn_oneshot_rx_drop(the.oneshot_rx);
}

/* -- broadcast --------------------------------------------------------------------------------------------------- */

static void broadcast_make(void)
{
    RN_MUST(rn_broadcast_channel(&the.broadcast_tx, &the.broadcast_rx, 2, RN_ELEM(int)));
}

static int broadcast_recv(rn_deadline deadline)
{
    return rn_broadcast_recv_until(the.broadcast_rx, &the.got, NULL, deadline);
}

static int broadcast_recv_many(rn_deadline deadline)
{
    return rn_broadcast_recv_many_until(the.broadcast_rx, &the.got, 1, &the.count, NULL, deadline);
}

static void broadcast_give(void)
{
    CHECK_RC(rn_broadcast_send(the.broadcast_tx, &(int){7}), 0);
}

static void broadcast_end(bool received)
{
    int left = 0;
    CHECK_RC(rn_broadcast_try_recv(the.broadcast_rx, &left, NULL), received ? RN_EMPTY : 0);
    CHECK_EQ(received ? the.got : left, 7);
    rn_broadcast_tx_drop(the.broadcast_tx);
    rn_broadcast_rx_drop(the.broadcast_rx);
}

static int broadcast_closed(rn_deadline deadline)
{
    return rn_broadcast_tx_closed_until(the.broadcast_tx, deadline);
}

static void broadcast_close(void)
{
    rn_broadcast_rx_drop(the.broadcast_rx);
}

static void broadcast_end_closed(bool told)
{
    (void)told;
    CHECK_RC(rn_broadcast_tx_closed(the.broadcast_tx), 0);
    rn_broadcast_tx_drop(the.broadcast_tx);
}

/* -- watch ------------------------------------------------------------------------------------------------------- */

static void watch_make(void)
{
    RN_MUST(rn_watch_channel(&the.watch_tx, &the.watch_rx, &(int){1}, RN_ELEM(int)));
}

static int watch_recv(rn_deadline deadline)
{
    return rn_watch_recv_until(the.watch_rx, &the.got, deadline);
}

static int watch_changed(rn_deadline deadline)
{
    const int rc = rn_watch_changed_until(the.watch_rx, deadline);
    the.got = 7;
    return rc;
}

static bool is_seven(const void *value, void *ctx)
{
    (void)ctx;
    return *(const int *)value == 7;
}

static int watch_wait_for(rn_deadline deadline)
{
    return rn_watch_wait_for_until(the.watch_rx, is_seven, NULL, &the.got, deadline);
}

static void watch_give(void)
{
    CHECK_RC(rn_watch_set(the.watch_tx, &(int){7}), 0);
}

static void watch_drop(void)
{
    rn_watch_tx_drop(the.watch_tx);
    rn_watch_rx_drop(the.watch_rx);
}

/* The change is marked as seen by the one that was told, and by no other. */
static void watch_end(bool told)
{
    if (told)
        CHECK_EQ(the.got, 7);
    CHECK_RC(rn_watch_changed_until(the.watch_rx, rn_in_ms(0)), told ? RN_ETIMEDOUT : 0);
    watch_drop();
}

static void watch_end_of_any(bool told)
{
    CHECK_EQ(told ? the.got : 7, 7);
    watch_drop();
}

static int watch_closed(rn_deadline deadline)
{
    return rn_watch_tx_closed_until(the.watch_tx, deadline);
}

static void watch_close(void)
{
    rn_watch_rx_drop(the.watch_rx);
}

static void watch_end_closed(bool told)
{
    (void)told;
    CHECK_RC(rn_watch_tx_closed(the.watch_tx), 0);
    rn_watch_tx_drop(the.watch_tx);
}

/* -- tasks, scopes, tokens, once --------------------------------------------------------------------------------- */

static int leave_with_seven(void *arg)
{
    (void)arg;
    rn_shield_enter();
    CHECK_RC(rn_notify_wait(&the.leave), 0);
    rn_shield_leave();
    return 7;
}

static void let_leave(void)
{
    rn_notify_one(&the.leave);
}

static void join_make(void)
{
    RN_MUST(rn_spawn_with(&the.other, leave_with_seven, NULL, &(rn_spawn_opts){.runtime = the.runtime}));
}

static int join(rn_deadline deadline)
{
    return rn_join_until(the.other, &the.got, deadline);
}

static void join_end(bool joined)
{
    if (!joined)
        CHECK_RC(rn_join(the.other, &the.got), 0);
    CHECK_RC(rn_join(the.other, NULL), RN_EINVAL);
    CHECK_EQ(the.got, 7);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void nothing_to_make(void)
{
}

static int next_in_scope(rn_deadline deadline)
{
    rn_ended ended = {.result = 0};
    RN_SCOPE_WITH(s, &(rn_scope_opts){.flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING});
    RN_MUST(rn_scope_spawn(&s, leave_with_seven, NULL));
    const int rc = rn_scope_next_until(&s, &ended, deadline);
    if (rc != 0) { /* the result is still there */
        rn_shield_enter();
        CHECK_RC(rn_scope_next(&s, &ended), 0);
        rn_shield_leave();
    }
    CHECK_EQ(ended.result, 7);
    CHECK_RC(rn_scope_close(&s), rn_cancelled() == 0 ? 7 : rn_scope_close(&s));
    return rc;
}

static int find_place(rn_deadline deadline)
{
    int rc;
    RN_SCOPE_WITH(s, &(rn_scope_opts){.max_running = 1, .flags = RN_SCOPE_KEEP_GOING});
    RN_MUST(rn_scope_spawn(&s, leave_with_seven, NULL));
    {
        RN_SCOPE_WITH(limit, &(rn_scope_opts){.deadline = deadline});
        rc = rn_scope_spawn(&s, do_nothing, NULL);
        if (rc == RN_ECANCELED && rn_scope_close(&limit) == RN_ETIMEDOUT)
            rc = RN_ETIMEDOUT;
    }
    (void)rn_scope_close(&s);
    return rc;
}

static void nothing_to_end(bool had_its_effect)
{
    (void)had_its_effect;
}

static void token_make(void)
{
    RN_MUST(rn_cancel_new(&the.token));
}

static int token_wait(rn_deadline deadline)
{
    return rn_cancel_wait_until(the.token, deadline);
}

static void token_request(void)
{
    rn_cancel_request(the.token, CAUSE);
}

static void token_end(bool told)
{
    (void)told;
    CHECK_EQ(rn_cancel_cause(the.token), CAUSE);
    rn_cancel_drop(the.token);
}

static int select_one(rn_deadline deadline)
{
    rn_case cases[] = {rn_cancel_case(the.token), rn_mpsc_recv_case(the.rx, &the.got)};
    const int which = rn_select_until(cases, 2, deadline);
    return which >= 0 ? 0 : which;
}

static void select_make(void)
{
    token_make();
    mpsc_make();
}

static void select_end(bool received)
{
    rn_cancel_drop(the.token);
    mpsc_end_received(received);
}

static int once_wait(rn_deadline deadline)
{
    return rn_once_wait_until(&the.once, deadline);
}

static void once_do(void)
{
    CHECK_RC(rn_once_run(&the.once, do_nothing, NULL), 0);
}

static void once_end(bool told)
{
    (void)told;
    CHECK_RC(rn_once_wait(&the.once), 0);
}

static void note_abandoned(void *copy)
{
    (void)copy;
    set(&the.abandoned);
}

static int blocking_call(rn_deadline deadline)
{
    int result = 0;
    char copied = 0;
    const int rc = rn_blocking_until(leave_with_seven, &copied, 1, note_abandoned, &result, deadline);
    CHECK_EQ(result, rc == 0 ? 7 : 0);
    return rc;
}

/* A job that was given up may still run, and takes what was for it. */
static void blocking_end(bool done)
{
    WAIT_UNTIL(done || is_set(&the.abandoned));
}

/* -- the race ---------------------------------------------------------------------------------------------------- */

static struct {
    const struct subject *subject;
    rn_deadline deadline;
    rn_task task;
    uint32_t round; /* the canceller's turn */
    uint32_t over;
} race;

static int call_and_leave(void *arg)
{
    (void)arg;
    return race.subject->call(race.deadline);
}

static void spin(uint64_t *state)
{
    for (uint64_t spins = rn__random_next(state) % SPINS; spins > 0; spins--)
        rn__pause();
}

static void *cancel_each_round(void *arg)
{
    uint64_t state = test_seed() + 1;
    uint32_t seen = 0;
    (void)arg;
    while (!is_set(&race.over)) {
        const uint32_t round = value_of(&race.round);
        if (round == seen) {
            rn_yield();
            continue;
        }
        seen = round;
        spin(&state);
        rn_task_cancel(race.task, CAUSE);
        rn__store_release(&race.round, 0); /* done: read by the body */
        seen = 0;
    }
    return NULL;
}

/* Two rounds of four are decided, so that both outcomes come; the others are what this is about. */
enum round { DELIVERED_FIRST, GIVEN_UP_FIRST, RACED, RACED_TOO, ROUNDS };

static void meet_cancel(enum round round, uint64_t *state)
{
    if (round == DELIVERED_FIRST)
        race.subject->deliver();
    rn__store_release(&race.round, 1); /* read by the canceller */
    if (round == DELIVERED_FIRST)
        return;
    if (round == GIVEN_UP_FIRST)
        WAIT_UNTIL(value_of(&race.round) == 0);
    spin(state);
    race.subject->deliver();
}

static void meet_deadline(enum round round, uint64_t *state)
{
    if (round == GIVEN_UP_FIRST)
        WAIT_UNTIL(rn_passed(race.deadline));
    spin(state);
    race.subject->deliver();
}

static int one_round(bool against_cancel, uint64_t *state)
{
    const struct subject *subject = race.subject;
    const enum round round = (enum round)(rn__random_next(state) % ROUNDS);
    const bool is_timed = !against_cancel && round != DELIVERED_FIRST;
    the.leave = (rn_notify)RN_NOTIFY_INIT;
    the.abandoned = 0;
    the.once = (rn_once)RN_ONCE_INIT;
    subject->make();
    race.deadline = is_timed ? rn_in_us((int64_t)(rn__random_next(state) % NEAR_US)) : rn_in_s(3600);
    RN_MUST(rn_spawn_with(&race.task, call_and_leave, NULL, &(rn_spawn_opts){.runtime = the.runtime}));
    while (!waits_in(race.task, subject->verb) && !rn_passed(race.deadline))
        rn_yield();
    if (against_cancel)
        meet_cancel(round, state);
    else
        meet_deadline(round, state);
    const int rc = result_of(race.task);
    if (against_cancel)
        WAIT_UNTIL(value_of(&race.round) == 0);
    subject->end(rc == 0);
    return rc;
}

static void until_both(const struct subject *subject, bool against_cancel)
{
    uint64_t state = test_seed();
    uint32_t delivered = 0, given_up = 0;
    pthread_t canceller;
    race.subject = subject;
    REQUIRE(rn_runtime_new(&the.runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    REQUIRE(pthread_create(&canceller, NULL, cancel_each_round, NULL) == 0);
    while (delivered < EACH_OUTCOME || given_up < EACH_OUTCOME) {
        const int rc = one_round(against_cancel, &state);
        CHECK(rc == 0 || rc == (against_cancel ? RN_ECANCELED : RN_ETIMEDOUT));
        delivered += rc == 0;
        given_up += rc != 0;
    }
    set(&race.over);
    pthread_join(canceller, NULL);
    CHECK_RC(rn_runtime_free(the.runtime), 0);
}

#define RACE(id, ...)                                                                                                \
    static const struct subject subject_##id = __VA_ARGS__;                                                          \
    TEST(stress_race_of_##id##_with_a_cancellation)                                                                  \
    {                                                                                                                \
        until_both(&subject_##id, true);                                                                             \
    }                                                                                                                \
    TEST(stress_race_of_##id##_with_its_deadline)                                                                    \
    {                                                                                                                \
        until_both(&subject_##id, false);                                                                            \
    }

RACE(mpsc_recv, {mpsc_make, mpsc_recv, mpsc_give, mpsc_end_received, "mpsc recv"})
RACE(mpsc_recv_many, {mpsc_make, mpsc_recv_many, mpsc_give, mpsc_end_received, NULL})
RACE(mpsc_send, {mpsc_make_full, mpsc_send, mpsc_take, mpsc_end_sent, NULL})
RACE(mpsc_send_many, {mpsc_make_full, mpsc_send_many, mpsc_take, mpsc_end_sent, NULL})
RACE(mpsc_reserve, {mpsc_make_full, mpsc_reserve, mpsc_take, mpsc_end_sent, NULL})
RACE(mpsc_tx_closed, {mpsc_make, mpsc_closed, mpsc_close, mpsc_end_closed, NULL})
RACE(oneshot_recv, {oneshot_make, oneshot_recv, oneshot_give, oneshot_end, NULL})
RACE(oneshot_tx_closed, {oneshot_make, oneshot_closed, oneshot_close, oneshot_end_closed, NULL})
RACE(broadcast_recv, {broadcast_make, broadcast_recv, broadcast_give, broadcast_end, NULL})
RACE(broadcast_recv_many, {broadcast_make, broadcast_recv_many, broadcast_give, broadcast_end, NULL})
RACE(broadcast_tx_closed, {broadcast_make, broadcast_closed, broadcast_close, broadcast_end_closed, NULL})
RACE(watch_recv, {watch_make, watch_recv, watch_give, watch_end, NULL})
RACE(watch_changed, {watch_make, watch_changed, watch_give, watch_end, NULL})
RACE(watch_wait_for, {watch_make, watch_wait_for, watch_give, watch_end_of_any, NULL})
RACE(watch_tx_closed, {watch_make, watch_closed, watch_close, watch_end_closed, NULL})
RACE(join, {join_make, join, let_leave, join_end, "join"})
RACE(scope_next, {nothing_to_make, next_in_scope, let_leave, nothing_to_end, "scope next"})
RACE(scope_spawn, {nothing_to_make, find_place, let_leave, nothing_to_end, "scope spawn"})
RACE(cancel_wait, {token_make, token_wait, token_request, token_end, NULL})
RACE(select, {select_make, select_one, mpsc_give, select_end, NULL})
RACE(once_wait, {nothing_to_make, once_wait, once_do, once_end, NULL})
RACE(blocking, {nothing_to_make, blocking_call, let_leave, blocking_end, NULL})
