/* SPDX-License-Identifier: MIT */
/* select.c - selects in every order of steps, at two doors without room: a value goes from hand to hand or not at
 * all, so a taker has to meet a giver who waits, and two selects each other (the protocol: wait/select.h).
 *
 * After each execution: every value was taken once or is still with its giver, nobody stands in a queue, nobody's
 * code contradicts what happened. Two that meet may both have won themselves first, and then start again; a schedule
 * that makes them do so for ever exists, so those cases have a bound of preemptions. At the end selects that do one
 * thing wrong, which has to be found.
 */
#include "model/subject.h"

#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

enum { PARTIES = 3, BOXES = 2 };

struct door {
    struct rn__lock lock;
    struct rn__waitq takers;
    struct rn__waitq givers;
    bool closed;
};

struct chooser {
    struct rn__party *party;
    rn_case cases[2];
    size_t count;
    int given[2]; /* by case: 0 once somebody has it */
    int taken[2];
    bool timed;
    int which;
    uint64_t token; /* of the wait that the timer may end */
    bool timer_off;
    uint64_t ready;
};

/* What an outcome was; a case says which ones some execution must show. */
enum { FIRST = 1, SECOND = 2, LATE = 4, CANCELLED = 8, CLOSED = 16, AT_ONCE = 32, AFTER_PARK = 64 };

static struct {
    struct door doors[BOXES];
    struct chooser choosers[PARTIES];
    uint32_t seen[PARTIES];
} hall;

/* -- parties ----------------------------------------------------------------------------------------------------- */

struct slot {
    struct rn__party party;
    struct chooser *chooser;
};

static struct chooser *chooser_of(struct rn__party *party)
{
    return rn__container_of(party, struct slot, party)->chooser;
}

static enum readiness is_ready_to_run(void *arg)
{
    const struct chooser *chooser = arg;
    return chooser->ready != 0 ? EXPLORE_READY : EXPLORE_STUCK;
}

static void park(struct rn__party *party, int64_t deadline)
{
    struct chooser *chooser = chooser_of(party);
    if (deadline != RN__NEVER) {
        explore_step(&chooser->token, "arm timer");
        chooser->token = rn__token(party->index, rn__word_epoch(party->word));
    }
    explore_wait(&chooser->ready, "park", is_ready_to_run, chooser);
    chooser->ready = 0;
}

static void schedule(struct rn__party *party)
{
    struct chooser *chooser = chooser_of(party);
    explore_step(&chooser->ready, "schedule");
    EXPLORE_CHECK(rn__word_state(party->word) == RN__PARTY_FIRED);
    EXPLORE_CHECK(chooser->ready == 0);
    chooser->ready = 1;
}

static const struct rn__party_kind kind = {
    .name = "chooser", .cancellable = true, .park = park, .schedule = schedule};

/* -- a door ------------------------------------------------------------------------------------------------------ */

static int *value_of(const struct rn__operation *operation)
{
    return operation->data;
}

static int meet(struct rn__operation *operation, struct rn__wakes *wakes, bool gives)
{
    struct door *door = operation->object;
    if (door->closed)
        return RN_CLOSED;
    struct rn__waiter *other = rn__waitq_claim(gives ? &door->takers : &door->givers);
    if (other == NULL)
        return RN__PENDING;
    int *mine = value_of(operation), *its = value_of(rn__operation_of(other));
    if (gives)
        *its = *mine, *mine = 0;
    else
        *mine = *its, *its = 0;
    rn__wakes_add(wakes, other, 0);
    return 0;
}

static int attempt_give(struct rn__operation *operation, struct rn__wakes *wakes)
{
    return meet(operation, wakes, true);
}

static int attempt_take(struct rn__operation *operation, struct rn__wakes *wakes)
{
    return meet(operation, wakes, false);
}

/* Of one's own select nobody is met. */
static bool somebody_in(const struct rn__waitq *queue, uint64_t token)
{
    for (const struct rn__waiter *waiter = queue->first; waiter != NULL; waiter = waiter->next)
        if (waiter->token != token)
            return true;
    return false;
}

static bool ready_to_give(const struct rn__operation *operation)
{
    const struct door *door = operation->object;
    return door->closed || somebody_in(&door->takers, operation->waiter.token);
}

static bool ready_to_take(const struct rn__operation *operation)
{
    const struct door *door = operation->object;
    return door->closed || somebody_in(&door->givers, operation->waiter.token);
}

static const struct rn__operation_kind give_kind = {.verb = "give", .attempt = attempt_give, .ready = ready_to_give};
static const struct rn__operation_kind take_kind = {.verb = "take", .attempt = attempt_take, .ready = ready_to_take};

static void add_case(struct chooser *chooser, int box, int value)
{
    struct door *door = &hall.doors[box];
    const size_t n = chooser->count++;
    chooser->given[n] = value;
    *rn__case_operation(&chooser->cases[n]) = (struct rn__operation){
        .kind = value != 0 ? &give_kind : &take_kind,
        .lock = &door->lock,
        .queue = value != 0 ? &door->givers : &door->takers,
        .object = door,
        .data = value != 0 ? &chooser->given[n] : &chooser->taken[n],
    };
}

/* -- threads ----------------------------------------------------------------------------------------------------- */

static void note(struct chooser *self, int which, uint64_t epoch_before)
{
    uint32_t *seen = &hall.seen[self - hall.choosers];
    self->which = which;
    if (which == RN_ETIMEDOUT || which == RN_ECANCELED) {
        *seen |= which == RN_ETIMEDOUT ? LATE : CANCELLED;
        return;
    }
    EXPLORE_CHECK(which == 0 || which == 1);
    *seen |= which == 0 ? FIRST : SECOND;
    *seen |= rn__word_epoch(self->party->word) == epoch_before ? AT_ONCE : AFTER_PARK;
    if (self->cases[which].rc == RN_CLOSED)
        *seen |= CLOSED;
    else
        EXPLORE_CHECK(self->cases[which].rc == 0);
}

static void choose(void *arg)
{
    struct chooser *self = arg;
    const uint64_t epoch = rn__word_epoch(self->party->word);
    rn__party_set_current(self->party);
    const rn_deadline deadline = self->timed ? (rn_deadline){100} : RN_FOREVER;
    note(self, rn_select_in_order(self->cases, self->count, deadline), epoch);
    explore_step(&self->token, "end of timers");
    self->timer_off = true;
    EXPLORE_CHECK(rn__word_state(self->party->word) == RN__PARTY_IDLE);
}

static void choose_at_random(void *arg)
{
    struct chooser *self = arg;
    const uint64_t epoch = rn__word_epoch(self->party->word);
    rn__party_set_current(self->party);
    note(self, rn_select(self->cases, self->count), epoch);
}

static void cancel(void *arg)
{
    rn__party_cancel(((struct chooser *)arg)->party, 7);
}

static enum readiness has_timer(void *arg)
{
    const struct chooser *chooser = arg;
    return chooser->token != 0 || chooser->timer_off ? EXPLORE_READY : EXPLORE_STUCK;
}

static void time_out(void *arg)
{
    struct chooser *chooser = arg;
    explore_wait(&chooser->token, "wait for timer", has_timer, chooser);
    if (chooser->token != 0 && rn__party_fire(chooser->token, RN__BY_TIMER))
        rn__party_schedule(chooser->token);
}

static void close_door(void *arg)
{
    struct door *door = arg;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&door->lock);
    door->closed = true;
    rn__wakes_add_all(&wakes, &door->takers, RN_CLOSED);
    rn__wakes_add_all(&wakes, &door->givers, RN_CLOSED);
    rn__lock_release(&door->lock);
    rn__wakes_run(&wakes);
}

/* -- begin and end ----------------------------------------------------------------------------------------------- */

static void (*furnish)(void);

static void begin(void)
{
    subject_begin();
    memset(hall.doors, 0, sizeof hall.doors);
    memset(hall.choosers, 0, sizeof hall.choosers);
    for (int i = 0; i < BOXES; i++) {
        explore_name(&hall.doors[i].lock, sizeof hall.doors[i].lock, i == 0 ? "lock of door 0" : "lock of door 1");
        explore_whole_lock(&hall.doors[i].lock.word);
    }
    for (int i = 0; i < PARTIES; i++) {
        struct chooser *chooser = &hall.choosers[i];
        chooser->party = rn__party_take(&kind);
        rn__container_of(chooser->party, struct slot, party)->chooser = chooser;
        explore_name(&chooser->ready, sizeof chooser->ready, "run queue");
        explore_name(&chooser->token, sizeof chooser->token, "timer");
    }
    furnish();
}

/* With its giver, or with one who took it. */
static int places_of(int value)
{
    int places = 0;
    for (int i = 0; i < PARTIES; i++)
        for (size_t n = 0; n < hall.choosers[i].count; n++)
            places += (hall.choosers[i].given[n] == value) + (hall.choosers[i].taken[n] == value);
    return places;
}

/* What it has, and has not any more, is what it says. */
static void check_chooser(const struct chooser *chooser)
{
    for (size_t n = 0; n < chooser->count; n++) {
        const struct rn__operation *operation = (const void *)chooser->cases[n].inside;
        const bool happened = chooser->which == (int)n && chooser->cases[n].rc == 0;
        if (operation->kind == &give_kind)
            EXPLORE_CHECK((chooser->given[n] == 0) == happened);
        else
            EXPLORE_CHECK((chooser->taken[n] != 0) == happened);
    }
    EXPLORE_CHECK(rn__word_state(chooser->party->word) == RN__PARTY_IDLE);
}

static void end(void)
{
    for (int i = 0; i < BOXES; i++) {
        EXPLORE_CHECK(hall.doors[i].takers.first == NULL && hall.doors[i].givers.first == NULL);
        EXPLORE_CHECK(hall.doors[i].lock.word == RN__LOCK_FREE);
    }
    for (int i = 0; i < PARTIES; i++) {
        check_chooser(&hall.choosers[i]);
        for (size_t n = 0; n < hall.choosers[i].count; n++)
            if (rn__case_operation(&hall.choosers[i].cases[n])->kind == &give_kind)
                EXPLORE_CHECK(places_of(10 * (i + 1) + (int)n) == 1);
    }
}

/* The value of a case: tells who gave it. */
#define GIFT(party, n) (10 * ((party) + 1) + (n))

static struct explored result;

static void explore_hall(const char *name, void (*its_furniture)(void), struct exploration what)
{
    furnish = its_furniture;
    memset(hall.seen, 0, sizeof hall.seen);
    what.begin = begin;
    what.end = end;
    what.switched = subject_switched;
    explore(&what, &result);
    printf("%s: %llu executions, %llu repeated, %llu steps\n", name, (unsigned long long)result.executions,
           (unsigned long long)result.repeated, (unsigned long long)result.steps);
    if (!CHECK(!result.failed))
        printf("%s\nchoices: %s\n%s\n", result.reason, result.choices, result.table);
}

#define CHOOSER(n) EXPLORE_THREAD(#n, choose, &hall.choosers[n])
#define RANDOM_CHOOSER(n) EXPLORE_THREAD(#n, choose_at_random, &hall.choosers[n])
#define SEES(n, outcomes) CHECK_EQ(hall.seen[n], outcomes)

/* -- one select, and those who may end its wait ------------------------------------------------------------------ */

/* 0 takes at both doors; 1 gives at the second, once. */
static void taker_and_giver(void)
{
    add_case(&hall.choosers[0], 0, 0);
    add_case(&hall.choosers[0], 1, 0);
    add_case(&hall.choosers[1], 1, GIFT(1, 0));
}

TEST(wait_of_a_select_and_a_peer)
{
    explore_hall("taker of two, giver", taker_and_giver, (struct exploration){.threads = {CHOOSER(0), CHOOSER(1)}});
    SEES(0, SECOND | AT_ONCE | AFTER_PARK);
    explore_hall("the same, begins anywhere", taker_and_giver,
                 (struct exploration){.threads = {RANDOM_CHOOSER(0), RANDOM_CHOOSER(1)}});
    SEES(0, SECOND | AT_ONCE | AFTER_PARK);
}

static void timed_taker_and_giver(void)
{
    taker_and_giver();
    hall.choosers[0].timed = true;
    hall.choosers[1].timed = true;
}

TEST_TIMEOUT(wait_of_a_select_a_peer_and_timers, 120)
{
    explore_hall("taker of two, giver, timers", timed_taker_and_giver,
                 (struct exploration){.threads = {CHOOSER(0),
                                                  CHOOSER(1),
                                                  {"timer of 0", time_out, &hall.choosers[0]},
                                                  {"timer of 1", time_out, &hall.choosers[1]}},
                                      .bounded = true,
                                      .preemptions = 3});
    SEES(0, SECOND | AT_ONCE | AFTER_PARK | LATE);
}

/* The giver gives up too if nobody takes. */
TEST_TIMEOUT(wait_of_a_select_a_peer_and_cancellers, 120)
{
    explore_hall("taker of two, giver, cancellers", taker_and_giver,
                 (struct exploration){.threads = {CHOOSER(0),
                                                  CHOOSER(1),
                                                  {"canceller of 0", cancel, &hall.choosers[0]},
                                                  {"canceller of 1", cancel, &hall.choosers[1]}},
                                      .bounded = true,
                                      .preemptions = 3});
    SEES(0, SECOND | AT_ONCE | AFTER_PARK | CANCELLED);
}

TEST_TIMEOUT(wait_of_a_select_a_peer_and_closers, 120)
{
    explore_hall("taker of two, giver, closer of both", taker_and_giver,
                 (struct exploration){.threads = {CHOOSER(0),
                                                  CHOOSER(1),
                                                  {"closer of 0", close_door, &hall.doors[0]},
                                                  {"closer of 1", close_door, &hall.doors[1]}},
                                      .bounded = true,
                                      .preemptions = 3});
    SEES(0, FIRST | SECOND | AT_ONCE | AFTER_PARK | CLOSED);
}

/* Two givers for one taker of two: the one it does not take from keeps its value, and goes when its door closes. */
static void two_givers(void)
{
    add_case(&hall.choosers[0], 0, 0);
    add_case(&hall.choosers[0], 1, 0);
    add_case(&hall.choosers[1], 0, GIFT(1, 0));
    add_case(&hall.choosers[2], 1, GIFT(2, 0));
    hall.choosers[1].timed = hall.choosers[2].timed = true;
}

TEST_TIMEOUT(wait_of_a_select_and_two_peers, 120)
{
    explore_hall("taker of two, two givers", two_givers,
                 (struct exploration){.threads = {CHOOSER(0),
                                                  CHOOSER(1),
                                                  CHOOSER(2),
                                                  {"timer of 1", time_out, &hall.choosers[1]},
                                                  {"timer of 2", time_out, &hall.choosers[2]},
                                                  {"canceller of 0", cancel, &hall.choosers[0]}},
                                      .bounded = true,
                                      .preemptions = 1});
    SEES(0, FIRST | SECOND | AT_ONCE | AFTER_PARK | CANCELLED);
}

/* -- two selects that meet --------------------------------------------------------------------------------------- */

/* At each door one gives and the other takes: they must meet at one of them. */
static void both_directions(void)
{
    add_case(&hall.choosers[0], 0, GIFT(0, 0));
    add_case(&hall.choosers[0], 1, 0);
    add_case(&hall.choosers[1], 1, GIFT(1, 0));
    add_case(&hall.choosers[1], 0, 0);
}

TEST_TIMEOUT(wait_of_two_selects_that_meet_in_both_directions, 120)
{
    explore_hall("two selects, two doors", both_directions,
                 (struct exploration){.threads = {CHOOSER(0), CHOOSER(1)}, .bounded = true, .preemptions = 5});
    SEES(0, FIRST | SECOND | AT_ONCE | AFTER_PARK);
    SEES(1, FIRST | SECOND | AT_ONCE | AFTER_PARK);
    explore_hall(
        "two selects, two doors, begin anywhere", both_directions,
        (struct exploration){.threads = {RANDOM_CHOOSER(0), RANDOM_CHOOSER(1)}, .bounded = true, .preemptions = 4});
}

TEST_TIMEOUT(wait_of_two_selects_that_meet_and_are_cancelled, 120)
{
    explore_hall("two selects, canceller of both", both_directions,
                 (struct exploration){.threads = {CHOOSER(0),
                                                  CHOOSER(1),
                                                  {"canceller of 0", cancel, &hall.choosers[0]},
                                                  {"canceller of 1", cancel, &hall.choosers[1]}},
                                      .bounded = true,
                                      .preemptions = 2});
    SEES(0, FIRST | SECOND | AT_ONCE | AFTER_PARK | CANCELLED);
}

/* -- what must be found ------------------------------------------------------------------------------------------ */

enum flaw { NO_FLAW, DOES_NOT_WIN_ITSELF, ARMS_AGAIN_IN_PLACE, STAYS_IN_LINE, DOES_NOT_LOOK_AGAIN };

static enum flaw flaw;

/* Looks at one more case while it stands in other lines: true, it has happened. */
static bool look(struct chooser *self, size_t n, uint64_t *token)
{
    struct rn__operation *operation = rn__case_operation(&self->cases[n]);
    struct rn__wakes wakes = {0};
    int rc = RN__PENDING;
    rn__lock_acquire(operation->lock);
    operation->waiter.token = *token;
    operation->waiter.which = (uint16_t)n;
    bool ready = flaw != DOES_NOT_LOOK_AGAIN && operation->kind->ready(operation);
    if (ready && flaw != DOES_NOT_WIN_ITSELF)
        ready = rn__party_disarm(self->party);
    if (ready)
        rc = operation->kind->attempt(operation, &wakes);
    if (rc == RN__PENDING && ready && flaw != DOES_NOT_WIN_ITSELF) { /* met one who had won himself: and goes on */
        *token = rn__party_arm(self->party);
        for (size_t i = 0; i < n; i++)
            rn__case_operation(&self->cases[i])->waiter.token = *token;
        operation->waiter.token = *token;
    }
    if (rc == RN__PENDING)
        rn__waitq_push(operation->queue, &operation->waiter);
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
    self->cases[n].rc = rc;
    return rc != RN__PENDING;
}

static void choose_badly(void *arg)
{
    struct chooser *self = arg;
    uint64_t token = 0;
    rn__party_set_current(self->party);
    int which = rn_try_select(self->cases, self->count);
    if (which >= 0)
        goto chosen;
    token = rn__party_arm(self->party);
    for (size_t n = 0; n < self->count && which < 0; n++)
        if (look(self, n, &token))
            which = (int)n;
    if (which < 0 || flaw == DOES_NOT_WIN_ITSELF) {
        if (which < 0 || !rn__party_disarm(self->party)) {
            park(self->party, RN__NEVER);
            which = (int)rn__party_settle(self->party);
            self->cases[which].rc = rn__case_operation(&self->cases[which])->waiter.result;
        }
    }
    for (size_t n = 0; n < self->count && flaw != STAYS_IN_LINE; n++)
        rn__operation_leave(rn__case_operation(&self->cases[n]));
chosen:
    self->which = which;
}

static void find(const char *name, enum flaw its_flaw, void (*its_furniture)(void), const char *reason)
{
    flaw = its_flaw;
    furnish = its_furniture;
    explore(&(struct exploration){.begin = begin,
                                  .end = end,
                                  .switched = subject_switched,
                                  .threads = {{"0", choose_badly, &hall.choosers[0]},
                                              {"1", choose_badly, &hall.choosers[1]}},
                                  .bounded = true,
                                  .preemptions = 6},
            &result);
    printf("%s: found after %llu executions\n%s\n", name, (unsigned long long)result.executions, result.reason);
    CHECK(result.failed);
    if (!CHECK(strstr(result.reason, reason) != NULL))
        printf("%s\n", result.table);
}

/* Its own cases are attempted while a peer may win one of the others: two happen. */
TEST(planted_a_select_that_does_not_win_itself_is_found)
{
    find("does not win itself", DOES_NOT_WIN_ITSELF, both_directions, "check failed");
}

/* Whoever met it meanwhile passed it over, and waits where it has looked already. */
TEST(planted_a_select_that_arms_again_in_place_is_found)
{
    find("arms again in place", ARMS_AGAIN_IN_PLACE, both_directions, "a wake-up was lost");
}

TEST(planted_a_select_that_stays_in_line_is_found)
{
    find("stays in line", STAYS_IN_LINE, both_directions, "takers.first == NULL");
}

TEST(planted_a_select_that_looks_only_once_is_found)
{
    find("looks only once", DOES_NOT_LOOK_AGAIN, both_directions, "a wake-up was lost");
}
