/* SPDX-License-Identifier: MIT */
/* thread.c - a plain thread as a party: it gets a slot at its first wait, sleeps on the slot's word, and gives the
 * slot back when it ends.
 *
 * FIRED says that somebody has won, not yet that the value has been moved; so the winner's schedule writes READY,
 * and only that lets the thread go on. A late futex wake can reach a slot that serves somebody else by then: a wake
 * for no reason, which every sleeper expects.
 *
 * Edges
 *  THREAD-1 rn__thread_schedule() release -> THREAD-2 rn__thread_park() acquire: what the winner wrote into the frame
 */
#include "base/log.h"
#include "platform/platform.h"
#include "wait/clock.h"
#include "wait/local.h"
#include "wait/thread.h"

static bool is_ready(uint64_t word)
{
    return rn__word_state(word) == RN__PARTY_READY;
}

/* Time is up. Either nobody came, and we won our own wait; or somebody is about to schedule us: wait for that. */
static bool fire_by_timer(struct rn__party *party, uint64_t word)
{
    return rn__party_fire(rn__token(party->index, rn__word_epoch(word)), RN__BY_TIMER);
}

struct thread_waiter {
    struct rn__clock_waiter waiter;
    struct rn__party *party;
    uint64_t token;
};

/* Nobody can be late for a clock that stands: whoever makes it jump fires the party. */
static void time_is_up(struct rn__clock_waiter *waiter)
{
    const struct thread_waiter *self = rn__container_of(waiter, struct thread_waiter, waiter);
    if (rn__party_fire(self->token, RN__BY_TIMER))
        rn__thread_schedule(self->party);
}

static void wait_paused(struct rn__party *party, uint64_t word, int64_t deadline)
{
    struct thread_waiter self = {
        .waiter = {.word = rn__word_low(&party->word),
                   .expected = (uint32_t)word,
                   .deadline = deadline,
                   .time_is_up = time_is_up},
        .party = party,
        .token = rn__token(party->index, rn__word_epoch(word)),
    };
    rn__clock_wait_paused(&self.waiter);
}

/* false: time is up. */
static bool sleep_on(struct rn__party *party, uint64_t word, int64_t deadline)
{
    if (RN__LIKELY(!rn__clock_is_paused()))
        return rn__clock_wait(rn__word_low(&party->word), (uint32_t)word, deadline);
    wait_paused(party, word, deadline);
    return true;
}

void rn__thread_park(struct rn__party *party, int64_t deadline)
{
    uint64_t word;
    while (!is_ready(word = rn__load_acquire(&party->word))) { /* THREAD-2 */
        if (sleep_on(party, word, deadline))
            continue;
        if (fire_by_timer(party, word))
            return;
        deadline = RN__NEVER;
    }
}

void rn__thread_schedule(struct rn__party *party)
{
    const uint64_t word = rn__load_relaxed(&party->word); /* rlx: FIRED by us, so nobody else writes it */
    const uint32_t *address = rn__word_low(&party->word);
    rn__store_release(&party->word,
                      rn__word(rn__word_epoch(word), rn__word_which(word), RN__PARTY_READY)); /* THREAD-1 */
    rn__platform_futex_wake(address, 1);
}

struct thread_slot {
    struct rn__party party;
    struct rn__lock lock;
};
_Static_assert(sizeof(struct thread_slot) <= RN__PARTY_SLOT, "a slot of the table holds it");

struct rn__lock *rn__thread_lock(struct rn__party *party)
{
    return &rn__container_of(party, struct thread_slot, party)->lock;
}

static bool is_armed(uint64_t word)
{
    return rn__word_state(word) == RN__PARTY_ARMED || rn__word_state(word) == RN__PARTY_SHIELDED;
}

/* It may be on its way to sleep, past its last look at the clock, where no wake-up reaches it: hence again and again,
 * until it is known to the clock or was woken by somebody else. */
static void rouse(const struct rn__party *party)
{
    const uint64_t word = rn__load_acquire(&party->word); /* THREAD-2 */
    const uint32_t *address = rn__word_low(&party->word);
    while (is_armed(word) && rn__load_acquire(&party->word) == word && /* THREAD-2 */
           rn__clock_is_paused() && !rn__clock_knows(address)) {
        rn__platform_futex_wake(address, 1);
        rn__platform_yield();
    }
}

void rn__threads_rouse(void)
{
    const uint32_t count = rn__party_count();
    for (uint32_t i = 1; i < count; i++) {
        const struct rn__party *party = rn__party_at(i);
        const struct rn__party_kind *kind = rn__load_relaxed(&party->kind); /* rlx: its word says the rest */
        if (kind != NULL && kind->park == rn__thread_park)
            rouse(party);
    }
}

static const struct rn__party_kind thread_kind = {
    .name = "thread", .park = rn__thread_park, .schedule = rn__thread_schedule};

static void thread_ended(void *value)
{
    struct rn__party *party = value;
    if (rn__party_is_inherited(party->index)) { /* it was this thread's in the parent of a fork */
        rn__party_set_current(NULL);
        return;
    }
    if (party->scope != NULL)
        rn__die(__FILE__, __LINE__, "a thread ended in a scope that it has opened");
    rn__locals_drop(party);
    rn__extra_free(party);
    rn__party_set_current(NULL);
    rn__party_give_back(party);
}

RN__NOINLINE struct rn__party *rn__party_of_caller(void)
{
    struct rn__party *party = rn__party_current();
    if (party != NULL)
        return party;
    party = rn__party_take(&thread_kind);
    if (party == NULL)
        return NULL;
    *rn__thread_lock(party) = (struct rn__lock)RN__LOCK_INIT;
    rn__party_set_current(party);
    if (rn__platform_at_thread_exit(thread_ended)) /* else the slot stays taken: a leak of 256 bytes, no harm */
        rn__platform_thread_exit_value(party);
    return party;
}
