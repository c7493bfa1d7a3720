/* SPDX-License-Identifier: MIT */
/* notify under everything at once: a heap of items, producers that say rn_notify_one or _last for each, consumers
 * that wait plainly or by ticket, give up a few times, are cancelled. Each item must be taken while nobody but the
 * producers has notified and nobody's time runs out any more: a permit that got lost near the end of a round leaves
 * an item lying there while everybody sleeps, and the case does not end. So rounds are short and many. */
#include <runnel/notify.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { PRODUCERS = 3, EACH = 8, CONSUMERS = 4, ROUND_MS = 400 };

struct party {
    struct round *round;
    uint64_t random;
    int patience;  /* how often its time may still run out */
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_notify filled;
    int64_t items;
    int64_t taken;
    uint32_t over;
    struct party producers[PRODUCERS];
    struct party consumers[CONSUMERS];
};

static bool take(struct round *round)
{
    int64_t items = rn__load_acquire(&round->items); /* the items are what is counted */
    while (items > 0) {
        if (rn__cas_acq_rel(&round->items, &items, items - 1)) { /* as above */
            rn__add_relaxed(&round->taken, 1);                   /* rlx: a count */
            return true;
        }
    }
    return false;
}

static bool is_over(struct round *round)
{
    return rn__load_acquire(&round->over) != 0; /* nothing is left, nothing comes */
}

static int produce(void *arg)
{
    struct party *party = arg;
    struct round *round = party->round;
    for (int i = 0; i < EACH; i++) {
        rn__add_acq_rel(&round->items, 1); /* an item */
        if (rn__random_next(&party->random) % 4 == 0)
            rn_notify_last(&round->filled);
        else
            rn_notify_one(&round->filled);
        if (rn__random_next(&party->random) % 8 == 0)
            rn_yield();
    }
    return 0;
}

/* Stand in line, look, then wait: no notification between the look and the wait is missed. Who finds an item needs no
 * permit, and passes on what the ticket may have. */
static int wait_by_ticket(struct party *party, rn_deadline deadline)
{
    rn_notify_ticket ticket;
    rn_notify_enable(&party->round->filled, &ticket);
    const bool found = take(party->round);
    if (!found && !is_over(party->round))
        return rn_notify_ticket_wait_until(&ticket, deadline);
    rn_notify_ticket_cancel(&ticket);
    return found ? 0 : RN_CLOSED;
}

/* This can miss rn_notify_all, so it never waits for ever. */
static int wait_plainly(struct party *party, rn_deadline deadline)
{
    if (take(party->round))
        return 0;
    if (is_over(party->round))
        return RN_CLOSED;
    return rn_notify_wait_until(&party->round->filled, deadline);
}

static int wait_somehow(struct party *party)
{
    if (party->patience == 0 || rn__random_next(&party->random) % 4 == 0)
        return wait_by_ticket(party, RN_FOREVER);
    const rn_deadline soon = rn_in_us((int64_t)(rn__random_next(&party->random) % 100));
    const bool by_ticket = rn__random_next(&party->random) % 2 == 0;
    const int rc = by_ticket ? wait_by_ticket(party, soon) : wait_plainly(party, soon);
    party->patience -= rc == RN_ETIMEDOUT;
    return rc;
}

static int consume(void *arg)
{
    struct party *party = arg;
    if (on_task())
        rn__store_relaxed(&party->task, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
    for (;;) {
        const int rc = wait_somehow(party);
        if (rc == RN_CLOSED || rc == RN_ECANCELED)
            return rc;
        if (rc != 0 && rc != RN_ETIMEDOUT)
            FAIL("a wait says %d", rc);
    }
}

static struct actor *start_consumer(struct round *round, int number, uint64_t *random)
{
    round->consumers[number] = (struct party){.round = round, .random = rn__random_next(random), .patience = 3};
    return actor_start(consume, &round->consumers[number]);
}

/* A cancelled consumer passes on what it had; a new one takes its place. */
static void disturb(struct round *round, struct actor **consumers, uint64_t *random)
{
    const int victim = (int)(rn__random_next(random) % CONSUMERS);
    const rn_task task = {rn__load_relaxed(&round->consumers[victim].task)}; /* rlx: 0 is no task */
    if (rn_task_id(task) == 0)
        return;
    rn_task_cancel(task, 0);
    actor_join(consumers[victim]);
    consumers[victim] = start_consumer(round, victim, random);
}

static void run_round(uint64_t random)
{
    struct round round = {.items = 0};
    struct actor *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = start_consumer(&round, i, &random);
    for (int i = 0; i < PRODUCERS; i++) {
        round.producers[i] = (struct party){.round = &round, .random = rn__random_next(&random)};
        producers[i] = actor_start(produce, &round.producers[i]);
    }
    for (uint64_t i = rn__random_next(&random) % 6; i > 0; i--)
        disturb(&round, consumers, &random);
    for (int i = 0; i < PRODUCERS; i++)
        actor_join(producers[i]);
    WAIT_UNTIL(rn__load_relaxed(&round.taken) == PRODUCERS * EACH); /* rlx: a count */
    rn__store_release(&round.over, 1);                              /* and nothing comes any more */
    rn_notify_all(&round.filled);
    for (int i = 0; i < CONSUMERS; i++)
        actor_join(consumers[i]);
    CHECK_EQ(round.items, 0);
}

EVERYWHERE(stress_notify_loses_no_permit)
{
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(rn__random_next(&random));
    while (!rn_passed(end));
}
