/* SPDX-License-Identifier: MIT */
/* clock.c - reading the time, the clock that stands (drawn in clock.h), and the public arithmetic of deadlines,
 * all of which saturates.
 *
 * Until the clock is paused for the first time `source.fn` is NULL, and that is all that a reader pays. From then on
 * the time is what `dial` says: a point where it stands, or the system's time and how far the clock is ahead of it.
 *
 * Somebody may be about to sleep by the clock as it was before a pause or a resume, past the last look at it and not
 * yet asleep. Workers are reached by their word, which a kick changes; a thread that only sleeps does so on `era`,
 * which counts these changes. A thread that waits for a peer has no word that the clock could change: so it is woken
 * again until it has noticed.
 *
 * Edges
 *  CLOCK-1 begin_standing() release -> CLOCK-2 rn__now() acquire: where it stands, before it is looked at
 *  CLOCK-3 stand_at() seq_cst -> CLOCK-4 rn__clock_is_paused() seq_cst: the clock stands, then look who sleeps; a
 *          sleeper announces its sleep, then looks at the dial. One of the two sees the other (Dekker)
 *  CLOCK-5 rn__clock_count() seq_cst -> CLOCK-6 jump_if_all_wait() seq_cst: count one less, then look whether the
 *          clock stands and ask it to jump; stand in the list, then look at the count
 *  CLOCK-7 new_era() seq_cst -> CLOCK-8 rn__clock_sleep() acquire: how the clock goes, before the era
 */
#include "wait/clock.h"

#include "base/atomic.h"
#include "platform/lock.h"
#include "platform/platform.h"
#include "wait/thread.h"

#include <runnel/clock.h>
#include <runnel/error.h>

static struct {
    rn__clock_fn *fn;
    void *ctx;
} source;

enum { STOPPING = -1 };

static struct {
    int64_t stands_at; /* 0: it goes; STOPPING: it is being stopped */
    int64_t ahead;     /* of the system's clock, while it goes */
    uint32_t era;
    bool jumps;
    struct rn__lock lock; /* protects what follows and the changes of what stands above; under it others' words are
                             changed, nothing else */
    uint32_t waiting;     /* of those who count */
    struct rn__link waiters;
    void (*rouse)(void);
    RN__LINE_ALIGNED uint32_t counted;
} dial = {.waiters = {&dial.waiters, &dial.waiters}};

static RN__THREAD_LOCAL uint32_t caller_counts;

/* ----------------------------------------------------------------------------------------------- reading it -- */

void rn__clock_set(rn__clock_fn *fn, void *ctx)
{
    source.ctx = ctx;
    rn__store_relaxed(&source.fn, fn); /* rlx: set while nobody else uses the library */
}

int64_t rn__now(void)
{
    rn__clock_fn *fn = rn__load_acquire(&source.fn); /* CLOCK-2 */
    return RN__LIKELY(fn == NULL) ? rn__platform_now() : fn(source.ctx);
}

int64_t rn_now_ns(void)
{
    return rn__now();
}

/* The end of time is for those who wait for ever. */
static int64_t later(int64_t at, int64_t ns)
{
    int64_t sum;
    return __builtin_add_overflow(at, ns, &sum) || sum == RN__NEVER ? RN__NEVER - 1 : sum;
}

/* So that it never goes back: a time of the clock that goes counts only if the clock still goes, as it did. What is
 * read while it is being stopped would be later than where it stands. */
static int64_t read_clock(void *ctx)
{
    (void)ctx;
    for (;;) {
        const uint32_t era = rn__load_acquire(&dial.era);            /* CLOCK-8 */
        const int64_t stands_at = rn__load_seq_cst(&dial.stands_at); /* CLOCK-4 */
        if (stands_at > 0)
            return stands_at;
        const int64_t now = later(rn__platform_now(), rn__load_relaxed(&dial.ahead)); /* rlx: of that era */
        const bool goes_on = rn__load_seq_cst(&dial.stands_at) == 0;                  /* CLOCK-4 */
        if (goes_on && rn__load_acquire(&dial.era) == era)                            /* CLOCK-8 */
            return now;
        rn__platform_yield(); /* for the few instructions of begin_standing() */
    }
}

bool rn__clock_is_paused(void)
{
    return rn__load_seq_cst(&dial.stands_at) != 0; /* CLOCK-4 */
}

/* ------------------------------------------------------------------------------------- the list, the jump -- */

/* Under the lock. 0: it goes. */
static void stand_at(int64_t at)
{
    rn__store_seq_cst(&dial.stands_at, at); /* CLOCK-3 */
}

/* Nobody has woken it. */
static bool still_waits(const struct rn__clock_waiter *waiter)
{
    return rn__load_acquire(waiter->word) == waiter->expected; /* THREAD-2: as the sleeper itself looks at it */
}

static struct rn__clock_waiter *waiter_at(struct rn__link *link)
{
    return link == &dial.waiters ? NULL : rn__container_of(link, struct rn__clock_waiter, link);
}

static struct rn__clock_waiter *first_waiter(void)
{
    return waiter_at(dial.waiters.next);
}

static struct rn__clock_waiter *next_waiter(const struct rn__clock_waiter *waiter)
{
    return waiter_at(waiter->link.next);
}

/* Under the lock. */
static void move_to(int64_t at)
{
    if (at > dial.stands_at)
        stand_at(at);
    for (struct rn__clock_waiter *waiter = first_waiter(); waiter != NULL; waiter = next_waiter(waiter))
        if (still_waits(waiter) && waiter->deadline <= dial.stands_at)
            waiter->time_is_up(waiter);
}

/* Under the lock. Who was woken and has not left the list yet asks again when it does. */
static void jump_if_all_wait(void)
{
    int64_t next = RN__NEVER;
    if (dial.stands_at == 0 || !dial.jumps || dial.waiting != rn__load_seq_cst(&dial.counted)) /* CLOCK-6 */
        return;
    for (struct rn__clock_waiter *waiter = first_waiter(); waiter != NULL; waiter = next_waiter(waiter)) {
        if (!still_waits(waiter))
            return;
        next = waiter->deadline < next ? waiter->deadline : next;
    }
    if (next != RN__NEVER)
        move_to(next);
}

/* Under the lock. false: the clock goes. */
static bool enlist(struct rn__clock_waiter *waiter)
{
    if (dial.stands_at == 0)
        return false;
    waiter->weight = caller_counts;
    waiter->era = dial.era;
    rn__list_push_back(&dial.waiters, &waiter->link);
    dial.waiting += waiter->weight;
    if (waiter->deadline <= dial.stands_at) /* it was advanced a moment ago */
        waiter->time_is_up(waiter);
    jump_if_all_wait();
    return true;
}

RN__NOINLINE void rn__clock_wait_paused(struct rn__clock_waiter *waiter)
{
    rn__lock_acquire(&dial.lock);
    const bool stands = enlist(waiter);
    rn__lock_release(&dial.lock);
    if (!stands)
        return;
    if (still_waits(waiter)) /* else it was its own turn: the system call is not needed */
        rn__platform_futex_wait(waiter->word, waiter->expected, RN__NEVER);
    rn__lock_acquire(&dial.lock);
    rn__list_remove(&waiter->link);
    dial.waiting -= waiter->weight;
    jump_if_all_wait();
    rn__lock_release(&dial.lock);
}

bool rn__clock_knows(const uint32_t *word)
{
    bool known = false;
    rn__lock_acquire(&dial.lock);
    for (struct rn__clock_waiter *waiter = first_waiter(); waiter != NULL; waiter = next_waiter(waiter))
        known |= waiter->word == word;
    rn__lock_release(&dial.lock);
    return known;
}

void rn__clock_count(int change)
{
    rn__add_seq_cst(&dial.counted, (uint32_t)change); /* CLOCK-5 */
    if (RN__LIKELY(change > 0 || !rn__clock_is_paused()))
        return;
    rn__lock_acquire(&dial.lock);
    jump_if_all_wait();
    rn__lock_release(&dial.lock);
}

RN__NOINLINE void rn__clock_count_caller(int change)
{
    caller_counts += (uint32_t)change;
}

void rn__clock_forget_all(void)
{
    dial.lock = (struct rn__lock){0};
    rn__list_init(&dial.waiters);
    dial.waiting = dial.counted = caller_counts = 0;
}

/* --------------------------------------------------------------------------------- sleeping while it goes -- */

static int64_t on_the_systems_clock(int64_t at)
{
    int64_t result;
    const int64_t ahead = rn__load_relaxed(&dial.ahead); /* rlx: written before the clock went on */
    return at == RN__NEVER || __builtin_sub_overflow(at, ahead, &result) ? RN__NEVER : result;
}

/* The clock may have been paused meanwhile: then the time that passed was not its. */
bool rn__clock_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    if (rn__platform_futex_wait(word, expected, on_the_systems_clock(deadline)))
        return true;
    return rn__load_acquire(&source.fn) != NULL && rn__now() < deadline; /* CLOCK-2 */
}

struct sleeper {
    struct rn__clock_waiter waiter;
    uint32_t up;
};

static void get_up(struct rn__clock_waiter *waiter)
{
    struct sleeper *sleeper = rn__container_of(waiter, struct sleeper, waiter);
    rn__store_relaxed(&sleeper->up, 1); /* rlx: it looks at the clock again */
    rn__platform_futex_wake(&sleeper->up, 1);
}

void rn__clock_sleep(int64_t until)
{
    while (rn__now() < until) {
        const uint32_t era = rn__load_acquire(&dial.era); /* CLOCK-8 */
        struct sleeper sleeper = {.waiter = {.word = &sleeper.up, .deadline = until, .time_is_up = get_up}};
        if (RN__UNLIKELY(rn__clock_is_paused()))
            rn__clock_wait_paused(&sleeper.waiter);
        else
            rn__platform_futex_wait(&dial.era, era, on_the_systems_clock(until));
    }
}

/* -------------------------------------------------------------------------------------- pausing and going on -- */

void rn__clock_on_pause(void (*rouse)(void))
{
    dial.rouse = rouse;
}

/* Under the lock: the clock has been paused, or goes on. */
static void new_era(void)
{
    rn__add_seq_cst(&dial.era, 1); /* CLOCK-7 */
    rn__platform_futex_wake(&dial.era, UINT32_MAX);
}

static int begin_standing(bool jumps)
{
    if (dial.stands_at != 0 || (source.fn != NULL && source.fn != read_clock))
        return RN_EBUSY;
    dial.jumps = jumps;
    stand_at(STOPPING);
    stand_at(later(rn__platform_now(), rn__load_relaxed(&dial.ahead))); /* rlx: written under the lock */
    rn__store_release(&source.fn, read_clock);                          /* CLOCK-1 */
    new_era();
    return 0;
}

int rn_clock_pause(enum rn_clock how)
{
    if (how != RN_CLOCK_JUMPS && how != RN_CLOCK_STANDS)
        return RN_EINVAL;
    if (rn__callback_running())
        return RN_EDEADLK;
    rn__lock_acquire(&dial.lock);
    const int rc = begin_standing(how == RN_CLOCK_JUMPS);
    rn__lock_release(&dial.lock);
    if (rc != 0)
        return rc;
    if (dial.rouse != NULL)
        dial.rouse();
    rn__threads_rouse();
    return 0;
}

/* Those who came before this era; false: there are none. */
static bool wake_those_before(uint32_t era)
{
    bool any = false;
    rn__lock_acquire(&dial.lock);
    for (struct rn__clock_waiter *waiter = first_waiter(); waiter != NULL; waiter = next_waiter(waiter)) {
        if ((int32_t)(waiter->era - era) >= 0)
            continue;
        any = true;
        rn__platform_futex_wake(waiter->word, 1);
    }
    rn__lock_release(&dial.lock);
    return any;
}

int rn_clock_resume(void)
{
    if (rn__callback_running())
        return RN_EDEADLK;
    rn__lock_acquire(&dial.lock);
    const bool stands = dial.stands_at != 0;
    if (stands) {
        rn__store_relaxed(&dial.ahead, dial.stands_at - rn__platform_now()); /* rlx: before CLOCK-3 */
        stand_at(0);
        new_era();
    }
    const uint32_t era = dial.era;
    rn__lock_release(&dial.lock);
    if (!stands)
        return RN_EINVAL;
    while (wake_those_before(era))
        rn__platform_yield();
    return 0;
}

int rn_clock_advance(int64_t ns)
{
    if (ns < 0)
        return RN_EINVAL;
    rn__lock_acquire(&dial.lock);
    const bool stands = dial.stands_at != 0;
    if (stands)
        move_to(later(dial.stands_at, ns));
    rn__lock_release(&dial.lock);
    return stands ? 0 : RN_EINVAL;
}

/* ------------------------------------------------------------------------------------------------ deadlines -- */

/* A deadline of 0 means none, so a point in the past, even one before the clock's zero, becomes 1. */
rn_deadline rn_at_ns(int64_t now_ns)
{
    return (rn_deadline){now_ns > 0 ? now_ns : 1};
}

rn_deadline rn_in_ns(int64_t ns)
{
    int64_t at;
    if (ns <= 0)
        return (rn_deadline){1};
    if (__builtin_add_overflow(rn__now(), ns, &at))
        at = RN__NEVER;
    return rn_at_ns(at);
}

static rn_deadline in_units(int64_t count, int64_t unit_ns)
{
    int64_t ns;
    if (__builtin_mul_overflow(count, unit_ns, &ns))
        ns = count > 0 ? RN__NEVER : 0;
    return rn_in_ns(ns);
}

rn_deadline rn_in_us(int64_t us)
{
    return in_units(us, 1000);
}

rn_deadline rn_in_ms(int64_t ms)
{
    return in_units(ms, 1000 * 1000);
}

rn_deadline rn_in_s(int64_t s)
{
    return in_units(s, 1000 * 1000 * 1000);
}

rn_deadline rn_sooner(rn_deadline a, rn_deadline b)
{
    return rn__deadline_ns(a) <= rn__deadline_ns(b) ? a : b;
}

int64_t rn_left_ns(rn_deadline deadline)
{
    const int64_t at = rn__deadline_ns(deadline);
    if (at == RN__NEVER)
        return INT64_MAX;
    const int64_t now = rn__now();
    return at > now ? at - now : 0;
}

bool rn_passed(rn_deadline deadline)
{
    return rn__deadline_passed(deadline);
}
