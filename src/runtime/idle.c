/* SPDX-License-Identifier: MIT */
/* idle.c - what a worker does when nothing is ready: look again for a moment, look after others, sleep.
 *
 *   1. For at most 20 us look again: most answers come soon, and a sleep costs the waker a system call.
 *   2. The sentinel. Fresh tasks in the deque of a busy worker may be a burst that wants all CPUs, or the next
 *      message of a pair that is fastest alone; which one shows in how that worker goes on. So at most one idle
 *      worker at a time watches the others, in naps of 40 us while any deque holds something, and takes from whoever
 *      is stuck, not from whoever is chatting. Whoever takes a fresh task with others behind it wakes a sentinel if
 *      there is none (rn__runtime_call_help).
 *   3. Sleep: announce it, look once more at everything that others may have put down meanwhile, then sleep until
 *      woken or until the first timer. No other sleep has a timeout: a missing wake-up would show. This is also
 *      what tells a paused clock that the worker has nothing to do (wait/clock.h).
 *
 * The order of announcing and looking is that of the edges IDLE-1 to IDLE-8 in worker.c.
 *
 * Edges
 *  HELP-1 rn__runtime_call_help() seq_cst -> HELP-2 become_sentinel() seq_cst: the role, from whoever called
 *  HELP-3 retire() seq_cst -> HELP-4 work_or_call() seq_cst: the role is free before the last look at the deques
 */
#include "runtime/runtime.h"
#include "wait/clock.h"

#define LOOK_AGAIN_NS (20 * 1000)
#define NAP_NS (40 * 1000)
#define WATCH_NS (20 * 1000)            /* shortest time between two looks from which a pace can be told */
#define LONG_SLICE_NS (8 * 1000)        /* a mean slice of this length is work, not talk: hiding a steal costs less */
#define STUCK_NS (50 * 1000)            /* one slice of this length */
#define STUCK_FOR_LONG_NS (2000 * 1000) /* ... and of this one */
#define WAITED_NS (500 * 1000)          /* the same oldest task for this long */
enum { LONG_DEQUE = 256 };

bool rn__worker_has_work(struct rn__worker *worker)
{
    return worker->next != NULL || worker->ready.first != NULL ||
           rn__load_seq_cst(&worker->inbox) != NULL ||  /* IDLE-2 */
           rn__load_seq_cst(&worker->attention) != 0 || /* IDLE-6 */
           rn__fresh_has_some(&worker->fresh);          /* IDLE-4 */
}

/* ----------------------------------------------------------------------------------------------- stealing -- */

/* What the thief may take from one victim at one look. Tasks of short-lived sites, and handlers: up to half of
 * them, since being wrong about those is not for long. Others stay where they start: so one at a time, and only
 * where that makes the site's tasks more even, or where they have stood behind the same slice for so long that
 * anything is better. */
struct loot {
    struct rn__worker *thief;
    bool settlers;        /* long-lived ones, if that makes things more even */
    bool settlers_anyway; /* in any case */
    bool settler_taken;
};

static bool may_take(struct rn__task *task, void *ctx)
{
    struct loot *loot = ctx;
    if (rn__task_is_handler(task) || rn__site_is_short_lived(task->site))
        return true;
    if (loot->settler_taken || !(loot->settlers_anyway || (loot->settlers && rn__site_evens_out(task, loot->thief))))
        return false;
    loot->settler_taken = true;
    return true;
}

static void moved(struct rn__task *task, void *ctx)
{
    const struct loot *loot = ctx;
    rn__site_move(task, loot->thief);
}

/* What the victim has done since the sentinel last looked decides what may be taken from it. A worker that runs no
 * task is on its way to them and not stuck, however long the system takes to let it run. */
static bool judge(struct rn__worker *victim, int64_t now, struct loot *loot)
{
    const uint64_t switches = rn__load_relaxed(&victim->switches);     /* rlx: a pace, not a fact */
    const bool in_a_task = rn__load_relaxed(&victim->running) != NULL; /* rlx: as above */
    struct rn__task *oldest = rn__load_relaxed(&victim->fresh.oldest); /* rlx: compared, never looked into */
    const int64_t elapsed = now - victim->seen.at;
    const uint64_t slices = switches - victim->seen.switches;
    if (oldest != victim->seen.oldest) {
        victim->seen.oldest = oldest;
        victim->seen.oldest_since = now;
    }
    const bool one_slice = in_a_task && slices == 0;
    loot->settlers = (one_slice && elapsed > STUCK_NS) ||
                     (in_a_task && now - victim->seen.oldest_since > WAITED_NS) ||
                     rn__fresh_count(&victim->fresh) > LONG_DEQUE;
    loot->settlers_anyway = one_slice && elapsed > STUCK_FOR_LONG_NS;
    const bool works = elapsed >= WATCH_NS && (slices == 0 || elapsed / (int64_t)slices >= LONG_SLICE_NS);
    if (slices > 0 && elapsed >= WATCH_NS) {
        victim->seen.at = now;
        victim->seen.switches = switches;
    }
    return loot->settlers || works;
}

static bool steal(struct rn__worker *thief)
{
    struct rn_runtime *runtime = thief->runtime;
    const uint32_t first = rn__choose(runtime->worker_count);
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct rn__worker *victim = runtime->workers[(first + i) % runtime->worker_count];
        if (victim == thief || rn__fresh_count(&victim->fresh) == 0)
            continue;
        struct loot loot = {.thief = thief};
        if (judge(victim, rn__platform_now(), &loot) &&
            rn__fresh_steal(&victim->fresh, &thief->fresh, may_take, moved, &loot) > 0)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------- the sentinel -- */

static bool somebody_is_fresh(const struct rn_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (rn__fresh_has_some(&runtime->workers[i]->fresh))
            return true;
    return false;
}

static bool become_sentinel(struct rn__worker *worker)
{
    if (rn__exchange_seq_cst(&worker->called_to_help, 0) != 0) /* HELP-2: the caller took the role for us */
        return true;
    struct rn_runtime *runtime = worker->runtime;
    return runtime->worker_count > 1 && somebody_is_fresh(runtime) &&
           rn__exchange_seq_cst(&runtime->sentinel, 1) == 0; /* HELP-2 */
}

static void retire(struct rn__worker *worker)
{
    rn__store_seq_cst(&worker->runtime->sentinel, 0); /* HELP-3 */
}

void rn__runtime_call_help(struct rn_runtime *runtime)
{
    if (rn__load_seq_cst(&runtime->sleepers) == 0 || rn__load_seq_cst(&runtime->sentinel) != 0) /* HELP-4 */
        return;
    if (rn__exchange_seq_cst(&runtime->sentinel, 1) != 0) /* HELP-1 */
        return;
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct rn__worker *worker = runtime->workers[i];
        if (rn__load_seq_cst(&worker->asleep) == 0) /* IDLE-8 */
            continue;
        rn__store_seq_cst(&worker->called_to_help, 1); /* HELP-1 */
        if (rn__worker_kick(worker))
            return;
        if (rn__exchange_seq_cst(&worker->called_to_help, 0) == 0) /* HELP-1: it found the call all the same */
            return;
    }
    rn__store_seq_cst(&runtime->sentinel, 0); /* HELP-3 */
}

/* ------------------------------------------------------------------------------------------------ sleeping -- */

/* The first timer of this worker, by the clock as it is, or the deadline. */
static int64_t soonest(const struct rn__worker *worker, int64_t deadline)
{
    const int64_t timer = rn__clock_is_paused() ? rn__timers_first(&worker->timers)
                                                : rn__timers_next(&worker->timers);
    return timer < deadline ? timer : deadline;
}

/* So long by the real clock, but not beyond the first timer. */
static int64_t end_of(int64_t span, int64_t until)
{
    const int64_t left = until == RN__NEVER ? span : until - rn__now();
    return rn__platform_now() + (span < left ? span : left);
}

struct sleeping {
    struct rn__clock_waiter waiter;
    struct rn__worker *worker;
};

static void time_is_up(struct rn__clock_waiter *waiter)
{
    rn__worker_kick(rn__container_of(waiter, struct sleeping, waiter)->worker);
}

/* Two ways to sleep, both announced. false: the time has come. */
typedef bool sleep_fn(struct rn__worker *worker, int64_t until);

static bool nap(struct rn__worker *worker, int64_t until)
{
    return rn__platform_futex_wait(&worker->asleep, 1, until);
}

static bool sleep_by_clock(struct rn__worker *worker, int64_t deadline)
{
    if (RN__LIKELY(!rn__clock_is_paused()))
        return rn__clock_wait(&worker->asleep, 1, soonest(worker, deadline));
    struct sleeping self = {
        .waiter = {.word = &worker->asleep,
                   .expected = 1,
                   .deadline = soonest(worker, deadline),
                   .time_is_up = time_is_up},
        .worker = worker,
    };
    rn__clock_wait_paused(&self.waiter);
    return true;
}

/* Announced, and nothing there: until kicked, or until the time. */
static void sleep_until(struct rn__worker *worker, sleep_fn *sleep, int64_t until,
                        bool (*there_is)(struct rn__worker *))
{
    rn__store_seq_cst(&worker->asleep, 1);                              /* IDLE-7 */
    while (!there_is(worker) && rn__load_seq_cst(&worker->asleep) != 0) /* IDLE-7 */
        if (!sleep(worker, until))
            break;
    rn__store_seq_cst(&worker->asleep, 0); /* IDLE-7 */
}

static bool work_or_call(struct rn__worker *worker)
{
    return rn__worker_has_work(worker) || rn__load_seq_cst(&worker->called_to_help) != 0 ||           /* HELP-2 */
           (somebody_is_fresh(worker->runtime) && rn__load_seq_cst(&worker->runtime->sentinel) == 0); /* HELP-4 */
}

static void sleep_for_good(struct rn__worker *worker, int64_t deadline)
{
    struct rn_runtime *runtime = worker->runtime;
    rn__store_relaxed(&worker->sleeps, worker->sleeps + 1); /* rlx: for the monitor */
    rn__add_seq_cst(&runtime->sleepers, 1);                 /* HELP-3 */
    sleep_until(worker, sleep_by_clock, deadline, work_or_call);
    rn__sub_seq_cst(&runtime->sleepers, 1); /* HELP-3 */
    rn__monitor_rouse(runtime);
}

static void look_again(struct rn__worker *worker, int64_t until)
{
    const int64_t end = end_of(LOOK_AGAIN_NS, until);
    while (!rn__worker_has_work(worker) && rn__platform_now() < end)
        for (int i = 0; i < 8; i++)
            rn__pause();
}

/* Paces are told from now on: what a worker did before it was watched says nothing about the burst of today. */
static void forget_paces(struct rn_runtime *runtime)
{
    const int64_t now = rn__platform_now();
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct rn__worker *worker = runtime->workers[i];
        worker->seen.at = worker->seen.oldest_since = now;
        worker->seen.switches = rn__load_relaxed(&worker->switches); /* rlx: a pace, not a fact */
        worker->seen.oldest = NULL;
    }
}

static bool has_come(int64_t until)
{
    return until != RN__NEVER && rn__now() >= until;
}

static void watch_others(struct rn__worker *worker, int64_t until)
{
    forget_paces(worker->runtime);
    while (somebody_is_fresh(worker->runtime) && !rn__worker_has_work(worker) && !steal(worker)) {
        if (has_come(until))
            break;
        sleep_until(worker, nap, end_of(NAP_NS, until), rn__worker_has_work);
    }
    retire(worker);
}

void rn__worker_idle(struct rn__worker *worker, int64_t deadline)
{
    const int64_t until = soonest(worker, deadline);
    if (worker->runtime->spinning && !rn__clock_is_paused())
        look_again(worker, until);
    if (rn__worker_has_work(worker) || has_come(until))
        return;
    if (!become_sentinel(worker)) {
        sleep_for_good(worker, deadline);
        if (rn__exchange_seq_cst(&worker->called_to_help, 0) == 0) /* HELP-2 */
            return;
    }
    watch_others(worker, until); /* gives the role back at once if there is work of our own */
}
