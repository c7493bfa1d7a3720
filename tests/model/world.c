/* SPDX-License-Identifier: MIT */
/* world.c - the box, the parties and the judge (world.h). */
#include "model/world.h"

#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

struct world world;
struct rules rules;

static struct frame frames[ACTORS];
static struct explored result;

/* A frame that was left.
 *
 * Every way on from it leads to a place where a visit shows: the token to a wait that nobody may fire, the links to
 * a waiter with that token, the lock is held for ever. What is written is seen at the end. */

static struct {
    struct rn__party *party;
    struct rn__lock lock;
    struct rn__waitq queue;
    struct rn__waiter waiter;
    struct frame frame;
    int value;
} grave;

static void grave_schedule(struct rn__party *party)
{
    (void)party;
    explore_fail("a frame was used after its owner had left it");
}

static const struct rn__party_kind grave_kind = {.name = "grave", .schedule = grave_schedule};

static int grave_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)operation, (void)wakes;
    explore_fail("a frame was used after its owner had left it");
    return 0;
}

static const struct rn__operation_kind grave_operation_kind = {.verb = "nothing", .attempt = grave_attempt};

static void begin_grave(void)
{
    struct frame *frame = &grave.frame;
    memset(&grave, 0xdd, sizeof grave);
    grave.party = rn__party_take(&grave_kind);
    grave.lock.word = RN__LOCK_CONTENDED;
    grave.queue = (struct rn__waitq){&grave.waiter, &grave.waiter};
    grave.waiter.token = rn__party_arm(grave.party);
    grave.waiter.queue = &grave.queue;
    grave.waiter.next = grave.waiter.previous = NULL;
    frame->operation.kind = &grave_operation_kind;
    frame->operation.lock = &grave.lock;
    frame->operation.queue = &grave.queue;
    frame->operation.data = &grave.value;
    frame->operation.waiter.token = grave.waiter.token;
    frame->operation.waiter.queue = &grave.queue;
    frame->operation.waiter.next = frame->operation.waiter.previous = &grave.waiter;
}

static void check_graves(void)
{
    EXPLORE_CHECK(grave.queue.first == &grave.waiter && grave.queue.last == &grave.waiter);
    for (uint32_t i = 0; i < rules.actors; i++) {
        if (world.actors[i].waits == 0)
            continue;
        if (memcmp(&frames[i], &grave.frame, sizeof frames[i]) != 0)
            explore_fail("the frame of actor %u was written to after its owner had left it", i);
    }
}

/* -- parties ---------------------------------------------------------------------------------------------------- */

struct slot {
    struct rn__party party;
    struct actor *actor;
    uint64_t ready;     /* scheduled, has not gone on yet */
    uint64_t scheduled; /* epoch of the last wait that was */
};
_Static_assert(sizeof(struct slot) <= RN__PARTY_SLOT, "a slot of the table holds it");

static struct slot *slot_of(struct rn__party *party)
{
    return rn__container_of(party, struct slot, party);
}

static void check_schedule(struct slot *slot)
{
    const uint64_t word = slot->party.word;
    if (slot->scheduled == rn__word_epoch(word))
        explore_fail("party %u was scheduled twice for one wait", slot->party.index);
    if (rn__word_state(word) != RN__PARTY_FIRED)
        explore_fail("party %u was scheduled, but nobody had fired its wait", slot->party.index);
    slot->scheduled = rn__word_epoch(word);
    slot->actor->schedules++;
}

static enum readiness is_ready_to_run(void *arg)
{
    const struct slot *slot = arg;
    return slot->ready != 0 ? EXPLORE_READY : EXPLORE_STUCK;
}

static void tell_timer(struct actor *actor, uint64_t token)
{
    explore_step(&actor->token, "arm timer");
    actor->token = token;
}

static void task_park(struct rn__party *party, int64_t deadline)
{
    struct slot *slot = slot_of(party);
    if (deadline != RN__NEVER)
        tell_timer(slot->actor, rn__token(party->index, rn__word_epoch(party->word)));
    explore_wait(&slot->ready, "park", is_ready_to_run, slot);
    slot->ready = 0;
}

/* The waiter may now run to its end before the caller does anything else. */
static void was_scheduled(const struct slot *slot)
{
    explore_step(rules.own_frames ? slot->actor->frame : NULL, "scheduled");
}

static void task_schedule(struct rn__party *party)
{
    struct slot *slot = slot_of(party);
    explore_step(&slot->ready, "schedule");
    check_schedule(slot);
    slot->ready = 1;
    was_scheduled(slot);
}

static void thread_schedule(struct rn__party *party)
{
    check_schedule(slot_of(party));
    rn__thread_schedule(party);
    was_scheduled(slot_of(party));
}

static const struct rn__party_kind task_kind = {
    .name = "task", .cancellable = true, .park = task_park, .schedule = task_schedule};
static const struct rn__party_kind thread_kind = {
    .name = "thread", .cancellable = true, .park = rn__thread_park, .schedule = thread_schedule};

static void make_actor(struct actor *actor, struct frame *frame)
{
    actor->party = rn__party_take(rules.habit == AS_TASK ? &task_kind : &thread_kind);
    actor->frame = frame;
    struct slot *slot = slot_of(actor->party);
    slot->actor = actor;
    slot->ready = 0;
    slot->scheduled = 0;
    if (rules.habit == AS_TASK)
        explore_name(&slot->ready, sizeof slot->ready, "run queue");
    explore_name(&actor->token, sizeof actor->token, "timer");
}

struct actor *world_become(void *arg)
{
    struct actor *actor = arg;
    rn__party_set_current(actor->party);
    return actor;
}

/* -- the box ---------------------------------------------------------------------------------------------------- */

static int *value_at(struct rn__waiter *waiter)
{
    return rn__container_of(waiter, struct rn__operation, waiter)->data;
}

static bool serve_taker(struct box *box, int value, struct rn__wakes *wakes)
{
    struct rn__waiter *waiter = rn__waitq_claim(&box->takers);
    if (waiter == NULL)
        return false;
    *value_at(waiter) = value;
    rn__wakes_add(wakes, waiter, 0);
    return true;
}

static bool fill_box(struct box *box, int value, struct rn__wakes *wakes)
{
    if (serve_taker(box, value, wakes))
        return true;
    if (box->count == rules.room)
        return false;
    box->values[box->count++] = value;
    return true;
}

static int attempt_take(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct box *box = operation->object;
    if (box->count == 0)
        return box->closed ? RN_CLOSED : RN__PENDING;
    *(int *)operation->data = box->values[0];
    box->values[0] = box->values[1];
    box->count--;
    struct rn__waiter *waiter = rn__waitq_claim(&box->givers);
    if (waiter == NULL)
        return 0;
    box->values[box->count++] = *value_at(waiter);
    *value_at(waiter) = 0;
    rn__wakes_add(wakes, waiter, 0);
    return 0;
}

static int attempt_put(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct box *box = operation->object;
    if (box->closed)
        return RN_CLOSED;
    if (!fill_box(box, *(int *)operation->data, wakes))
        return RN__PENDING;
    *(int *)operation->data = 0;
    return 0;
}

const struct rn__operation_kind world_take_kind = {.verb = "take", .attempt = attempt_take};
static const struct rn__operation_kind put_kind = {.verb = "put", .attempt = attempt_put};

void world_open_frame(struct actor *self, struct rn__waitq *queue, const struct rn__operation_kind *kind)
{
    self->schedules = 0;
    self->waits++;
    *self->frame = (struct frame){.operation = {.kind = kind,
                                                .lock = &world.box.lock,
                                                .queue = queue,
                                                .object = &world.box,
                                                .data = &self->frame->value},
                                  .value = self->value};
}

static enum outcome outcome_of(const struct actor *self, uint64_t epoch_before)
{
    const bool armed = rn__word_epoch(self->party->word) != epoch_before;
    switch (self->rc) {
    case 0:
        return armed ? WAS_SERVED : TOOK_AT_ONCE;
    case RN_CLOSED:
        return armed ? WAS_CLOSED : SAW_CLOSED;
    case RN_ETIMEDOUT:
        return TIMED_OUT;
    case RN_ECANCELED:
        return !armed ? CANCELLED_AT_ENTRY : self->schedules > 0 ? CANCELLED_BY_WAKE : CANCELLED_BY_LOOK;
    default:
        explore_fail("an answer that no wait gives: %d", self->rc);
        return 0;
    }
}

void world_leave_frame(struct actor *self, int rc)
{
    self->rc = rc;
    self->value = self->frame->value;
    explore_step(rules.own_frames ? self->frame : NULL, "leave frame");
    memcpy(self->frame, &grave.frame, sizeof *self->frame);
}

static void wait_in_box(struct actor *self, struct rn__waitq *queue, const struct rn__operation_kind *kind,
                        enum rn__cancelling cancelling)
{
    const uint64_t epoch = rn__word_epoch(self->party->word);
    const rn_deadline deadline = self->timed ? (rn_deadline){100} : RN_FOREVER;
    world_open_frame(self, queue, kind);
    const int rc = rn__await(&self->frame->operation, deadline, cancelling);
    world_leave_frame(self, rc);
    world.seen |= outcome_of(self, epoch);
    EXPLORE_CHECK(rn__word_state(self->party->word) == RN__PARTY_IDLE);
    EXPLORE_CHECK(self->party->wait_verb == NULL);
}

void world_take(struct actor *self, enum rn__cancelling cancelling)
{
    self->value = 0;
    wait_in_box(self, &world.box.takers, &world_take_kind, cancelling);
    EXPLORE_CHECK((self->rc == 0) == (self->value != 0));
}

void world_put(struct actor *self, int value, enum rn__cancelling cancelling)
{
    self->value = value;
    wait_in_box(self, &world.box.givers, &put_kind, cancelling);
    EXPLORE_CHECK(self->value == (self->rc == 0 ? 0 : value));
}

void world_give(int value)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&world.box.lock);
    const bool given = !world.box.closed && fill_box(&world.box, value, &wakes);
    rn__lock_release(&world.box.lock);
    rn__wakes_run(&wakes);
    if (!given)
        world.kept[value] = value;
}

void world_close(void)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&world.box.lock);
    world.box.closed = true;
    rn__wakes_add_all(&wakes, &world.box.takers, RN_CLOSED);
    rn__wakes_add_all(&wakes, &world.box.givers, RN_CLOSED);
    rn__lock_release(&world.box.lock);
    rn__wakes_run(&wakes);
}

/* -- the threads ------------------------------------------------------------------------------------------------ */

static void no_more_waits(struct actor *self)
{
    if (!self->timed)
        return;
    explore_step(&self->token, "end of timers");
    self->timer_off = true;
}

void taker(void *arg)
{
    struct actor *self = world_become(arg);
    if (self->shielded)
        rn_shield_enter();
    world_take(self, RN__CANCELLABLE);
    if (self->shielded)
        rn_shield_leave();
    no_more_waits(self);
}

void putter(void *arg)
{
    struct actor *self = world_become(arg);
    world_put(self, self->value, RN__CANCELLABLE);
    no_more_waits(self);
}

void giver(void *value)
{
    world_give((int)(intptr_t)value);
}

void closer(void *unused)
{
    (void)unused;
    world_close();
}

void canceller(void *arg)
{
    struct actor *actor = arg;
    rn__party_cancel(actor->party, 7);
}

static enum readiness has_timer(void *arg)
{
    const struct actor *actor = arg;
    return actor->token != 0 || actor->timer_off ? EXPLORE_READY : EXPLORE_STUCK;
}

void timer(void *arg)
{
    struct actor *actor = arg;
    explore_wait(&actor->token, "wait for timer", has_timer, actor);
    const uint64_t token = actor->token;
    if (token != 0 && rn__party_fire(token, RN__BY_TIMER))
        rn__party_schedule(token);
}

/* -- begin and end ---------------------------------------------------------------------------------------------- */

void world_begin(void)
{
    const uint32_t seen = world.seen;
    subject_begin();
    subject_allow_stale_wakeups(rules.stale_wakeups);
    memset(&world, 0, sizeof world);
    memset(frames, 0, sizeof frames);
    world.seen = seen;
    explore_name(&world.box.lock, sizeof world.box.lock, "lock of the box");
    explore_name(&grave.lock, sizeof grave.lock, "lock of a frame left");
    if (rules.whole_lock)
        explore_whole_lock(&world.box.lock.word);
    begin_grave();
    for (uint32_t i = 0; i < rules.actors; i++)
        make_actor(&world.actors[i], &frames[i]);
    world.actors[0].timed = rules.timed;
    world.actors[0].shielded = rules.shielded;
}

/* In how many places a value is. */
static int places_of(int value)
{
    int places = world.kept[value] == value;
    for (uint32_t i = 0; i < world.box.count; i++)
        places += world.box.values[i] == value;
    for (uint32_t i = 0; i < rules.actors; i++)
        places += world.actors[i].value == value;
    return places;
}

void world_end(void)
{
    for (int value = 1; value <= rules.values; value++)
        if (places_of(value) != 1)
            explore_fail("value %d is in %d places", value, places_of(value));
    EXPLORE_CHECK(world.box.takers.first == NULL && world.box.takers.last == NULL);
    EXPLORE_CHECK(world.box.givers.first == NULL && world.box.givers.last == NULL);
    EXPLORE_CHECK(world.box.lock.word == RN__LOCK_FREE);
    for (uint32_t i = 0; i < rules.actors; i++)
        EXPLORE_CHECK(rn__word_state(world.actors[i].party->word) == RN__PARTY_IDLE);
    check_graves();
}

/* -- what a case says ------------------------------------------------------------------------------------------- */

static void print_outcomes(const char *what, uint32_t outcomes)
{
    static const char *const names[] = {"took at once",      "was served",       "saw closed",
                                        "was closed",        "timed out",        "cancelled at entry",
                                        "cancelled by look", "cancelled by wake"};
    printf("%s:", what);
    for (uint32_t i = 0; i < RN__COUNT(names); i++)
        if (outcomes >> i & 1)
            printf(" [%s]", names[i]);
    printf("\n");
}

static void print_failure(void)
{
    printf("%s\nchoices: %s\n%s\n", result.reason, result.choices, result.table);
}

static void complete(struct exploration *what, const struct rules *its_rules)
{
    rules = *its_rules;
    rules.actors += rules.actors == 0;
    rules.room += rules.room == 0;
    world.seen = 0;
    what->switched = subject_switched;
    if (what->begin == NULL)
        what->begin = world_begin;
    if (what->end == NULL)
        what->end = world_end;
}

void explore_world(const char *name, struct rules its_rules, struct exploration what, uint32_t outcomes)
{
    complete(&what, &its_rules);
    explore(&what, &result);
    printf("%s: %llu executions, %llu repeated, %llu steps\n", name, (unsigned long long)result.executions,
           (unsigned long long)result.repeated, (unsigned long long)result.steps);
    if (!CHECK(!result.failed)) {
        print_failure();
        return;
    }
    if (outcomes != 0 && !CHECK_EQ(world.seen, outcomes)) {
        print_outcomes("seen", world.seen);
        print_outcomes("wanted", outcomes);
    }
}

void explore_broken(const char *name, struct rules its_rules, struct exploration what, const char *reason)
{
    static struct explored again;
    complete(&what, &its_rules);
    explore(&what, &result);
    printf("%s: found after %llu executions\n", name, (unsigned long long)result.executions);
    print_failure();
    CHECK(result.failed);
    CHECK(strstr(result.reason, reason) != NULL);
    explore_replay(&what, result.choices, &again);
    CHECK_STR_EQ(again.reason, result.reason);
}
