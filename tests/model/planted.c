/* SPDX-License-Identifier: MIT */
/* planted.c - the wait protocol, broken on purpose: every case is a mistake that somebody could make, and the
 * explorer must find it. A rule of party.h that can be broken here unnoticed is a rule that nothing checks. */
#include "model/world.h"

#include "harness/harness.h"

/* -- the canceller looks, then stores --------------------------------------------------------------------------- */

static void cancel_looking_first(void *arg)
{
    struct rn__party *party = ((struct actor *)arg)->party;
    int32_t none = 0;
    const uint64_t word = rn__load_seq_cst(&party->word); /* PARTY-6 */
    (void)rn__cas_seq_cst(&party->cause, &none, 7);       /* PARTY-5 */
    const uint64_t token = rn__token(party->index, rn__word_epoch(word));
    if (rn__word_state(word) == RN__PARTY_ARMED && rn__party_fire(token, RN__BY_CANCEL))
        rn__party_schedule(token);
}

TEST(planted_a_canceller_that_looks_before_it_stores_is_found)
{
    explore_broken("looks before it stores", (struct rules){0},
                   (struct exploration){.threads = {TAKER, {"canceller", cancel_looking_first, ACTOR(0)}}},
                   "a wake-up was lost: all wait: taker (park)");
}

/* -- the waiter looks, then arms -------------------------------------------------------------------------------- */

static void take_looking_first(void *arg)
{
    struct actor *self = world_become(arg);
    world_open_frame(self, &world.box.takers, &world_take_kind);
    const bool cancelled = rn__party_is_cancelled(self->party);
    rn__lock_acquire(&world.box.lock);
    self->frame->operation.waiter.token = rn__party_arm(self->party);
    rn__waitq_push(&world.box.takers, &self->frame->operation.waiter);
    rn__lock_release(&world.box.lock);
    if (!cancelled || !rn__party_disarm(self->party)) {
        self->party->kind->park(self->party, RN__NEVER);
        (void)rn__party_settle(self->party);
    }
    rn__lock_acquire(&world.box.lock);
    rn__waiter_remove(&self->frame->operation.waiter);
    rn__lock_release(&world.box.lock);
    world_leave_frame(self, RN_ECANCELED);
}

TEST(planted_a_waiter_that_looks_before_it_arms_is_found)
{
    explore_broken("looks before it arms", (struct rules){0},
                   (struct exploration){.threads = {{"taker", take_looking_first, ACTOR(0)}, CANCELLER}},
                   "a wake-up was lost: all wait: taker (park)");
}

/* -- the waiter lost its disarm and goes on --------------------------------------------------------------------- */

static void take_without_parking(void *arg)
{
    struct actor *self = world_become(arg);
    world_open_frame(self, &world.box.takers, &world_take_kind);
    rn__lock_acquire(&world.box.lock);
    self->frame->operation.waiter.token = rn__party_arm(self->party);
    rn__waitq_push(&world.box.takers, &self->frame->operation.waiter);
    rn__lock_release(&world.box.lock);
    if (!rn__party_disarm(self->party))
        (void)rn__party_settle(self->party); /* without having been scheduled */
    rn__lock_acquire(&world.box.lock);
    rn__waiter_remove(&self->frame->operation.waiter);
    rn__lock_release(&world.box.lock);
    world_leave_frame(self, RN_ECANCELED);
}

TEST(planted_a_waiter_that_lost_its_disarm_and_does_not_park_is_found)
{
    explore_broken("lost its disarm, does not park", (struct rules){.values = 1},
                   (struct exploration){.threads = {{"taker", take_without_parking, ACTOR(0)}, GIVER}},
                   "nobody had fired its wait");
}

/* -- the peer --------------------------------------------------------------------------------------------------- */

static struct rn__operation *first_taker(void)
{
    struct rn__waiter *waiter = world.box.takers.first;
    return waiter == NULL ? NULL : rn__container_of(waiter, struct rn__operation, waiter);
}

static void keep(int value)
{
    rn__lock_acquire(&world.box.lock);
    world.box.values[world.box.count++] = value;
    rn__lock_release(&world.box.lock);
}

/* The value is in the frame of somebody who may have given up. */
static void give_before_winning(void *arg)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&world.box.lock);
    struct rn__operation *operation = first_taker();
    if (operation != NULL) {
        *(int *)operation->data = 1;
        rn__waiter_remove(&operation->waiter);
        if (rn__party_fire(operation->waiter.token, 0))
            rn__wakes_add(&wakes, &operation->waiter, 0);
    }
    rn__lock_release(&world.box.lock);
    rn__wakes_run(&wakes);
    if (operation == NULL)
        keep((int)(intptr_t)arg);
}

TEST(planted_a_peer_that_moves_the_value_before_it_wins_is_found)
{
    const struct exploration what = {.threads = {TAKER, {"giver", give_before_winning, VALUE(1)}, CANCELLER}};
    explore_broken("moves the value before it wins", (struct rules){.values = 1, .whole_lock = true}, what,
                   "(self->rc == 0) == (self->value != 0)");
    explore_broken("the same, a thread", (struct rules){.habit = AS_THREAD, .values = 1, .whole_lock = true}, what,
                   "(self->rc == 0) == (self->value != 0)");
}

/* The frame may be gone once the lock is free. */
static void give_after_unlocking(void *arg)
{
    rn__lock_acquire(&world.box.lock);
    struct rn__operation *operation = first_taker();
    if (operation != NULL)
        rn__waiter_remove(&operation->waiter);
    rn__lock_release(&world.box.lock);
    if (operation == NULL) {
        keep((int)(intptr_t)arg);
        return;
    }
    explore_step(NULL, "goes on");
    const uint64_t token = operation->waiter.token;
    if (!rn__party_fire(token, 0)) {
        keep((int)(intptr_t)arg);
        return;
    }
    *(int *)operation->data = (int)(intptr_t)arg;
    rn__party_schedule(token);
}

TEST(planted_a_peer_that_claims_outside_the_lock_is_found)
{
    explore_broken("claims outside the lock", (struct rules){.values = 1, .whole_lock = true},
                   (struct exploration){.threads = {TAKER, {"giver", give_after_unlocking, VALUE(1)}, CANCELLER}},
                   "a frame was used after its owner had left it");
}

static void give_and_forget_to_schedule(void *arg)
{
    rn__lock_acquire(&world.box.lock);
    struct rn__waiter *waiter = rn__waitq_claim(&world.box.takers);
    if (waiter != NULL)
        *(int *)rn__container_of(waiter, struct rn__operation, waiter)->data = (int)(intptr_t)arg;
    rn__lock_release(&world.box.lock);
    if (waiter == NULL)
        keep((int)(intptr_t)arg);
}

/* Also behind a timer: the wait was won, so the timer cannot help. */
TEST(planted_a_peer_that_does_not_schedule_whom_it_won_is_found)
{
    explore_broken("does not schedule", (struct rules){.values = 1, .timed = true},
                   (struct exploration){.threads = {TAKER, {"giver", give_and_forget_to_schedule, VALUE(1)}, TIMER}},
                   "a wake-up was lost: all wait: taker (park)");
    explore_broken("does not schedule a thread", (struct rules){.habit = AS_THREAD, .values = 1, .timed = true},
                   (struct exploration){.threads = {TAKER, {"giver", give_and_forget_to_schedule, VALUE(1)}}},
                   "a wake-up was lost: all wait: taker (wake up)");
}

/* Goes through the batch as if those who were scheduled were still there. */
static void close_reading_late(void *unused)
{
    struct rn__wakes wakes = {0};
    (void)unused;
    rn__lock_acquire(&world.box.lock);
    world.box.closed = true;
    rn__wakes_add_all(&wakes, &world.box.takers, RN_CLOSED);
    rn__lock_release(&world.box.lock);
    for (struct rn__waiter *waiter = wakes.first; waiter != NULL; waiter = waiter->next)
        rn__party_schedule(waiter->token);
}

TEST(planted_a_batch_that_is_read_after_the_schedule_is_found)
{
    explore_broken("reads after the schedule", (struct rules){0},
                   (struct exploration){.threads = {TAKER, {"closer", close_reading_late, NULL}}},
                   "a frame was used after its owner had left it");
}

/* Whoever finds it fired schedules: two do. */
static void fire_and_schedule_anyway(void *arg)
{
    struct actor *actor = arg;
    const uint64_t word = rn__load_acquire(&actor->party->word);
    const uint64_t token = rn__token(actor->party->index, rn__word_epoch(word));
    if (rn__word_state(word) == RN__PARTY_IDLE)
        return;
    (void)rn__party_fire(token, RN__BY_CANCEL);
    rn__party_schedule(token);
}

TEST(planted_a_loser_that_schedules_all_the_same_is_found)
{
    explore_broken("schedules without having won", (struct rules){.values = 1},
                   (struct exploration){.threads = {TAKER, GIVER, {"somebody", fire_and_schedule_anyway, ACTOR(0)}}},
                   "was scheduled");
}

/* -- the timer -------------------------------------------------------------------------------------------------- */

/* Fires whatever wait there is now, not the one it was armed for. */
static enum readiness has_token(void *arg)
{
    const struct actor *actor = arg;
    return actor->token != 0 || actor->timer_off ? EXPLORE_READY : EXPLORE_STUCK;
}

static void time_any_wait(void *arg)
{
    struct actor *actor = arg;
    explore_wait(&actor->token, "wait for timer", has_token, actor);
    const uint64_t word = rn__load_acquire(&actor->party->word);
    const uint64_t token = rn__token(actor->party->index, rn__word_epoch(word));
    if (rn__word_state(word) == RN__PARTY_ARMED && rn__party_fire(token, RN__BY_TIMER))
        rn__party_schedule(token);
}

static void take_twice(void *arg)
{
    struct actor *self = world_become(arg);
    world_take(self, RN__CANCELLABLE);
    explore_step(&self->token, "end of timers");
    self->timer_off = true;
    self->timed = false;
    world.kept[self->value] = self->value;
    world_take(self, RN__CANCELLABLE);
    EXPLORE_CHECK(self->rc == 0);
}

TEST(planted_a_timer_that_does_not_know_its_wait_is_found)
{
    explore_broken("fires another wait", (struct rules){.values = 2, .timed = true, .room = 2, .whole_lock = true},
                   (struct exploration){.threads = {{"taker", take_twice, ACTOR(0)},
                                                    {"timer", time_any_wait, ACTOR(0)},
                                                    {"giver 1", giver, VALUE(1)},
                                                    {"giver 2", giver, VALUE(2)}}},
                   "self->rc == 0");
}

/* -- the withdrawal --------------------------------------------------------------------------------------------- */

static void take_without_withdrawing(void *arg)
{
    struct actor *self = world_become(arg);
    world_open_frame(self, &world.box.takers, &world_take_kind);
    rn__lock_acquire(&world.box.lock);
    self->frame->operation.waiter.token = rn__party_arm(self->party);
    rn__waitq_push(&world.box.takers, &self->frame->operation.waiter);
    rn__lock_release(&world.box.lock);
    self->party->kind->park(self->party, 100);
    const uint32_t which = rn__party_settle(self->party);
    world_leave_frame(self, which == 0 ? 0 : RN_ETIMEDOUT); /* and still stands in the queue */
}

TEST(planted_a_waiter_that_stays_in_the_queue_is_found)
{
    explore_broken("stays in the queue", (struct rules){.values = 1, .timed = true, .whole_lock = true},
                   (struct exploration){.threads = {{"taker", take_without_withdrawing, ACTOR(0)}, TIMER, GIVER}},
                   "a frame was used after its owner had left it");
}
