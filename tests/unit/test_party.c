/* SPDX-License-Identifier: MIT */
/* test_party.c - the table of parties and each arrow of their state word, one by one and in races of real threads. */
#include "harness/harness.h"

#include <sched.h>
#include <signal.h>

#include "base/atomic.h"
#include "base/fault.h"
#include "base/random.h"
#include "wait/await.h"

enum { CHUNK = 1024 }; /* slots that the table grows by */

static uint32_t schedules; /* of parties of this kind */

static void schedule(struct rn__party *party)
{
    (void)party;
    rn__add_relaxed(&schedules, 1); /* rlx: a count */
}

static const struct rn__party_kind kind = {.name = "test", .cancellable = true, .schedule = schedule};

static struct rn__party *take(void)
{
    struct rn__party *party = rn__party_take(&kind);
    REQUIRE(party != NULL);
    return party;
}

static enum rn__party_state state(const struct rn__party *party)
{
    return rn__word_state(party->word);
}

/* -- numbers ---------------------------------------------------------------------------------------------------- */

TEST(party_word_and_token_hold_their_largest_parts)
{
    const uint64_t word = rn__word(RN__EPOCH_MASK, 0xffff, RN__PARTY_READY);
    CHECK_EQ(rn__word_epoch(word), RN__EPOCH_MASK);
    CHECK_EQ(rn__word_which(word), 0xffff);
    CHECK_EQ(rn__word_state(word), RN__PARTY_READY);
    const uint64_t token = rn__token(RN__PARTIES_MAX - 1, RN__EPOCH_MASK);
    CHECK_EQ(rn__token_index(token), RN__PARTIES_MAX - 1);
    CHECK_EQ(rn__token_epoch(token), RN__EPOCH_MASK);
    CHECK_EQ(rn__token_epoch(rn__token(0, RN__EPOCH_MASK + 1)), 0);
}

TEST(party_word_low_half_holds_state_and_case)
{
    uint64_t word = rn__word(0x123456789a, 0x4321, RN__PARTY_FIRED);
    CHECK_EQ(*rn__word_low(&word), (uint32_t)word);
}

/* -- the table -------------------------------------------------------------------------------------------------- */

TEST(party_that_is_taken_is_idle_and_found_by_its_index)
{
    struct rn__party *party = take();
    CHECK(party->index != 0);
    CHECK_EQ(state(party), RN__PARTY_IDLE);
    CHECK(party->kind == &kind);
    CHECK(rn__party_at(party->index) == party);
    CHECK(party->index < rn__party_count());
    CHECK_EQ(party->budget, RN__BUDGET);
    rn__party_give_back(party);
    CHECK(party->kind == NULL);
}

TEST(party_slot_that_is_used_again_goes_on_with_its_epoch)
{
    struct rn__party *party = take();
    const uint64_t token = rn__party_arm(party);
    CHECK(rn__party_disarm(party));
    rn__party_cancel(party, 5);
    party->shield = 1;
    rn__party_give_back(party);
    CHECK(take() == party);
    CHECK_EQ(party->cause, 0);
    CHECK_EQ(party->shield, 0);
    const uint64_t next = rn__party_arm(party);
    CHECK_EQ(rn__token_epoch(next), rn__token_epoch(token) + 1);
    CHECK(!rn__party_fire(token, 0));
    CHECK(rn__party_fire(next, 0));
}

TEST(party_table_gives_many_at_once_each_only_once)
{
    struct rn__party *list;
    static bool seen[8 * CHUNK];
    uint32_t total = 0;
    for (uint32_t n; total < 3 * CHUNK; total += n) {
        n = rn__party_take_many(&list, 500);
        REQUIRE(n > 0 && n <= 500);
        uint32_t linked = 0;
        for (struct rn__party *party = list; party != NULL; party = party->next, linked++) {
            REQUIRE(party->index > 0 && party->index < rn__party_count() && party->index < RN__COUNT(seen));
            CHECK(!seen[party->index]);
            seen[party->index] = true;
        }
        CHECK_EQ(linked, n);
    }
    CHECK_EQ(rn__party_count() % CHUNK, 0);
    CHECK_EQ(rn__party_take_many(&list, 0), 0);
    CHECK(list == NULL);
}

TEST(party_table_gives_back_many_for_use_again)
{
    struct rn__party *list;
    REQUIRE(rn__party_take_many(&list, 3) == 3);
    const struct rn__party *const first[3] = {list, list->next, list->next->next};
    rn__party_give_back_many(list, list->next->next, 3);
    CHECK_EQ(rn__party_take_many(&list, 3), 3);
    uint32_t found = 0;
    for (; list != NULL; list = list->next)
        found += list == first[0] || list == first[1] || list == first[2];
    CHECK_EQ(found, 3);
    rn__party_give_back_many(NULL, NULL, 0);
}

static bool refuse_maps(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    return point == RN__FAULT_MAP;
}

TEST(party_table_that_cannot_grow_says_so_and_is_as_before)
{
    struct rn__party *list;
    rn__fault_set(refuse_maps, NULL);
    while (rn__party_take_many(&list, CHUNK) > 0) {
    }
    const uint32_t count = rn__party_count();
    CHECK(list == NULL);
    CHECK(rn__party_take(&kind) == NULL);
    CHECK_EQ(rn__party_count(), count);
    rn__fault_set(NULL, NULL);
    CHECK(rn__party_take(&kind) != NULL);
    CHECK_EQ(rn__party_count(), count + CHUNK);
}

enum { TAKERS = 4, TAKES = 20000 };
static uint32_t holders[2 * CHUNK];

static int take_and_give_back(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    struct rn__party *held[8] = {NULL};
    for (int i = 0; i < TAKES; i++) {
        struct rn__party **slot = &held[rn__random_next(&seed) % 8];
        if (*slot == NULL) {
            *slot = take();
            CHECK_EQ(rn__add_relaxed(&holders[(*slot)->index], 1), 0); /* rlx: the table's lock orders them */
        } else {
            rn__sub_relaxed(&holders[(*slot)->index], 1); /* rlx: as above */
            rn__party_give_back(*slot);
            *slot = NULL;
        }
    }
    return 0;
}

TEST(party_slots_are_held_by_one_thread_at_a_time)
{
    struct actor *actors[TAKERS];
    for (uintptr_t i = 0; i < TAKERS; i++)
        actors[i] = actor_start(take_and_give_back, (void *)(i + 1));
    for (int i = 0; i < TAKERS; i++)
        actor_join(actors[i]);
}

/* -- the arrows ------------------------------------------------------------------------------------------------- */

TEST(party_wait_is_fired_once)
{
    struct rn__party *party = take();
    const uint64_t token = rn__party_arm(party);
    CHECK_EQ(state(party), RN__PARTY_ARMED);
    CHECK(rn__party_fire(token, 17));
    CHECK_EQ(state(party), RN__PARTY_FIRED);
    CHECK(!rn__party_fire(token, 18));
    CHECK_EQ(rn__party_settle(party), 17);
    CHECK_EQ(state(party), RN__PARTY_IDLE);
    CHECK(!rn__party_fire(token, 19));
}

TEST(party_that_disarmed_cannot_be_fired)
{
    struct rn__party *party = take();
    const uint64_t token = rn__party_arm(party);
    CHECK(rn__party_disarm(party));
    CHECK_EQ(state(party), RN__PARTY_IDLE);
    CHECK(!rn__party_fire(token, 0));
}

TEST(party_that_was_fired_cannot_disarm)
{
    struct rn__party *party = take();
    CHECK(!rn__party_disarm(party)); /* idle */
    CHECK(rn__party_fire(rn__party_arm(party), RN__BY_TIMER));
    CHECK(!rn__party_disarm(party));
    CHECK_EQ(rn__party_settle(party), RN__BY_TIMER);
}

TEST(party_is_scheduled_by_its_kind)
{
    struct rn__party *party = take();
    const uint64_t token = rn__party_arm(party);
    CHECK(rn__party_fire(token, 0));
    CHECK_EQ(schedules, 0);
    rn__party_schedule(token);
    CHECK_EQ(schedules, 1);
}

TEST(party_token_of_an_old_wait_fires_nothing)
{
    struct rn__party *party = take();
    uint64_t tokens[100];
    for (size_t i = 0; i < RN__COUNT(tokens); i++) {
        tokens[i] = rn__party_arm(party);
        for (size_t old = 0; old < i; old++)
            CHECK(!rn__party_fire(tokens[old], 0));
        CHECK(rn__party_disarm(party));
    }
}

TEST(party_token_of_nobody_fires_nothing)
{
    CHECK(take() != NULL); /* the table is there */
    CHECK(!rn__party_fire(0, 0));
}

TEST(party_epoch_goes_round)
{
    struct rn__party *party = take();
    party->word = rn__word(RN__EPOCH_MASK - 1, 0, RN__PARTY_IDLE);
    const uint64_t last = rn__party_arm(party);
    CHECK_EQ(rn__token_epoch(last), RN__EPOCH_MASK);
    CHECK_EQ(rn__token_index(last), party->index);
    CHECK(rn__party_fire(last, 3));
    CHECK_EQ(rn__party_settle(party), 3);
    const uint64_t first = rn__party_arm(party);
    CHECK_EQ(rn__token_epoch(first), 0);
    CHECK(!rn__party_fire(last, 0));
    CHECK(rn__party_fire(first, 0));
}

#ifndef NDEBUG
TEST(party_that_is_armed_twice_is_a_bug)
{
    struct rn__party *party = take();
    (void)rn__party_arm(party);
    EXPECT_DEATH(SIGABRT, "assertion failed: .*IDLE")
    {
        (void)rn__party_arm(party);
    }
}

TEST(party_that_settles_without_having_been_fired_is_a_bug)
{
    struct rn__party *party = take();
    (void)rn__party_arm(party);
    EXPECT_DEATH(SIGABRT, "assertion failed: .*FIRED")
    {
        (void)rn__party_settle(party);
    }
}
#endif

/* -- cancelling ------------------------------------------------------------------------------------------------- */

TEST(party_keeps_the_first_cause)
{
    struct rn__party *party = take();
    CHECK(!rn__party_is_cancelled(party));
    rn__party_cancel(party, 5);
    rn__party_cancel(party, 6);
    CHECK_EQ(party->cause, 5);
    CHECK(rn__party_is_cancelled(party));
    CHECK_EQ(schedules, 0); /* it did not wait */
}

TEST(party_that_waits_is_woken_by_its_canceller_once)
{
    struct rn__party *party = take();
    (void)rn__party_arm(party);
    rn__party_cancel(party, 5);
    CHECK_EQ(schedules, 1);
    rn__party_cancel(party, 5);
    CHECK_EQ(schedules, 1);
    CHECK_EQ(rn__party_settle(party), RN__BY_CANCEL);
}

TEST(party_that_was_fired_already_is_not_scheduled_by_its_canceller)
{
    struct rn__party *party = take();
    CHECK(rn__party_fire(rn__party_arm(party), 9));
    rn__party_cancel(party, 5);
    CHECK_EQ(schedules, 0);
    CHECK_EQ(rn__party_settle(party), 9);
}

TEST(party_in_a_shield_is_woken_by_all_but_its_canceller)
{
    struct rn__party *party = take();
    party->shield = 1;
    const uint64_t token = rn__party_arm(party);
    CHECK_EQ(state(party), RN__PARTY_SHIELDED);
    rn__party_cancel(party, 5);
    CHECK_EQ(schedules, 0);
    CHECK(!rn__party_is_cancelled(party));
    CHECK(rn__party_fire(token, 1));
    CHECK_EQ(rn__party_settle(party), 1);
    (void)rn__party_arm(party);
    CHECK(rn__party_disarm(party));
    party->shield = 0;
    CHECK(rn__party_is_cancelled(party));
}

/* -- who am I --------------------------------------------------------------------------------------------------- */

TEST(party_of_the_caller_is_what_was_set)
{
    struct rn__party *party = take();
    CHECK(rn__party_current() == NULL);
    rn__party_set_current(party);
    CHECK(rn__party_current() == party);
    CHECK(rn__party_of_caller() == party);
    rn__party_set_current(NULL);
}

TEST(party_counts_callbacks_that_nest)
{
    CHECK(!rn__callback_running());
    rn__callback_enter();
    rn__callback_enter();
    rn__callback_leave();
    CHECK(rn__callback_running());
    rn__callback_leave();
    CHECK(!rn__callback_running());
}

/* -- races of real threads -------------------------------------------------------------------------------------- */

enum { FIRERS = 3, ROUNDS = 3000 };

static uint64_t shared_token[ROUNDS]; /* 0: that round has not begun */
static uint32_t wins[ROUNDS];
static uint32_t finished[ROUNDS];

/* Looks at one word until it is set; these rounds are short, and the harness limits the case. */
static uint64_t await_token(int round)
{
    uint64_t token;
    while ((token = rn__load_acquire(&shared_token[round])) == 0) /* the round's party was armed before */
        sched_yield();
    return token;
}

static int fire_each_round(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t token = await_token(round);
        if (rn__party_fire(token, (uint32_t)(uintptr_t)arg))
            rn__add_relaxed(&wins[round], (uint32_t)(uintptr_t)arg); /* rlx: read behind `finished` */
        rn__add_acq_rel(&finished[round], 1);                        /* the win before the count */
    }
    return 0;
}

TEST(party_wait_that_several_fire_has_one_winner)
{
    struct rn__party *party = take();
    struct actor *actors[FIRERS];
    for (uintptr_t i = 0; i < FIRERS; i++)
        actors[i] = actor_start(fire_each_round, (void *)(UINT64_C(1) << (4 * i)));
    for (int round = 0; round < ROUNDS; round++) {
        rn__store_release(&shared_token[round], rn__party_arm(party)); /* armed before it is shown */
        while (rn__load_acquire(&finished[round]) < FIRERS)            /* the wins */
            sched_yield();
        const uint32_t winner = rn__party_settle(party);
        if (wins[round] != winner || (winner != 1 && winner != 16 && winner != 256))
            FAIL("round %d: the word says %x, the winners are %x", round, winner, wins[round]);
    }
    for (int i = 0; i < FIRERS; i++)
        actor_join(actors[i]);
}

/* The pair of edge PARTY-5: arm, look at the cause; store the cause, look at the word. If a processor let one of the
 * looks pass the store before it, both would see nothing, and a sleeper would sleep for ever. Short delays let the
 * two meet in many ways; it takes two CPUs that really run at the same time. */
enum { MEETINGS = 50000 };

static struct rn__party *met;
static uint32_t waiter_is_at, canceller_is_at;

static void meet(const uint32_t *other, uint32_t round, uint64_t *seed)
{
    for (uint32_t looks = 0; rn__load_acquire(other) < round; looks++) { /* what the other did in the round before */
        if (looks % 100 == 99)
            sched_yield();
        else
            rn__pause();
    }
    for (uint64_t delay = rn__random_next(seed) % 16; delay > 0; delay--)
        rn__pause();
}

static int cancel_each_round(void *unused)
{
    (void)unused;
    uint64_t seed = test_seed();
    for (uint32_t round = 1; round <= MEETINGS; round++) {
        meet(&waiter_is_at, round, &seed);
        rn__party_cancel(met, 1);
        rn__store_release(&canceller_is_at, round); /* done with the party */
    }
    return 0;
}

TEST(party_or_its_canceller_sees_the_other)
{
    uint64_t seed = test_seed() + 1;
    uint32_t missed = 0;
    met = take();
    struct actor *actor = actor_start(cancel_each_round, NULL);
    for (uint32_t round = 1; round <= MEETINGS; round++) {
        rn__party_prepare(met, &kind);           /* not cancelled */
        rn__store_release(&waiter_is_at, round); /* the clean cause */
        for (uint64_t delay = rn__random_next(&seed) % 64; delay > 0; delay--)
            rn__pause();
        (void)rn__party_arm(met);
        const bool saw = rn__party_is_cancelled(met);
        meet(&canceller_is_at, round, &seed);
        const bool fired = !rn__party_disarm(met);
        missed += !saw && !fired;
        if (fired)
            (void)rn__party_settle(met);
    }
    CHECK_EQ(missed, 0);
    actor_join(actor);
}

/* The same with a real sleep. */
static struct rn__party *sleeper;
static uint32_t round_of_sleeper, round_of_canceller;

static int sleep_until_cancelled(void *unused)
{
    (void)unused;
    struct rn__party *self = rn__party_of_caller();
    REQUIRE(self != NULL);
    for (uint32_t round = 1; round <= 10 * ROUNDS; round++) {
        rn__party_prepare(self, self->kind); /* not cancelled */
        sleeper = self;
        rn__store_release(&round_of_sleeper, round); /* the clean cause, for the canceller */
        CHECK_RC(rn__await_deadline(RN_FOREVER, RN__CANCELLABLE), RN_ECANCELED);
        while (rn__load_acquire(&round_of_canceller) != round) /* its last use of the party */
            sched_yield();
    }
    return 0;
}

TEST(party_and_its_canceller_never_miss_each_other)
{
    struct actor *actor = actor_start(sleep_until_cancelled, NULL);
    for (uint32_t round = 1; round <= 10 * ROUNDS; round++) {
        while (rn__load_acquire(&round_of_sleeper) != round) /* the clean cause */
            sched_yield();
        rn__party_cancel(sleeper, 1);
        rn__store_release(&round_of_canceller, round); /* done with the party */
    }
    actor_join(actor);
}
