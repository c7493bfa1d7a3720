/* SPDX-License-Identifier: MIT */
/* timers.c - a hierarchical timer wheel (description in timers.h). */
#include "runtime/timers.h"

#include "base/log.h"

#define SLOT_BITS 6
#define SLOT_MASK (RN__TIMER_SLOTS - 1)

static uint64_t ticks_passed(int64_t ns)
{
    return (uint64_t)ns >> RN__TIMER_TICK_BITS;
}

/* The first tick at whose end ns has passed for certain. */
static uint64_t tick_of(int64_t at_ns)
{
    const uint64_t mask = (UINT64_C(1) << RN__TIMER_TICK_BITS) - 1;
    return at_ns <= 0 ? 0 : ((uint64_t)at_ns + mask) >> RN__TIMER_TICK_BITS;
}

void rn__timers_init(struct rn__timers *timers, int64_t now_ns)
{
    *timers = (struct rn__timers){.now = ticks_passed(now_ns)};
    for (int level = 0; level < RN__TIMER_LEVELS; level++)
        for (int slot = 0; slot < RN__TIMER_SLOTS; slot++)
            rn__list_init(&timers->slots[level][slot]);
}

/* The level at which `tick` differs from now: its slots there lie ahead of us. The top level holds the rest of time
 * (8 levels of 6 bits behind 18 bits of nanoseconds are 66 bits). */
static int level_of(const struct rn__timers *timers, uint64_t tick)
{
    const uint64_t differs = tick ^ timers->now;
    return differs == 0 ? 0 : (63 - __builtin_clzll(differs)) / SLOT_BITS;
}

/* One whose time has passed fires with the next tick. */
static void place(struct rn__timers *timers, struct rn__timer *timer)
{
    const uint64_t wanted = tick_of(timer->at);
    const uint64_t tick = wanted > timers->now ? wanted : timers->now + 1;
    const int level = level_of(timers, tick);
    const int slot = (int)(tick >> (level * SLOT_BITS)) & SLOT_MASK;
    rn__list_push_back(&timers->slots[level][slot], &timer->link);
    timers->filled[level] |= UINT64_C(1) << slot;
}

void rn__timer_arm(struct rn__timers *timers, struct rn__timer *timer, int64_t at_ns)
{
    rn__assert(!rn__timer_is_armed(timer));
    timer->at = at_ns > 0 ? at_ns : 1;
    place(timers, timer);
    timers->count++;
}

/* What stands in the list of those that are due instead of a time: no timer of the wheel has 0. */
#define DUE 0

/* A slot that becomes empty loses its bit, or an idle worker would wake up for nothing. Which slot it was follows
 * from the list's head, the only link left. A timer that is due is in no slot. */
void rn__timer_cancel(struct rn__timers *timers, struct rn__timer *timer)
{
    if (!rn__timer_is_armed(timer))
        return;
    if (timer->at == DUE) {
        rn__list_remove(&timer->link);
        return;
    }
    const struct rn__link *head = timer->link.next;
    const bool was_last = head == timer->link.previous;
    const size_t number = (size_t)(head - &timers->slots[0][0]);
    rn__list_remove(&timer->link);
    timers->count--;
    if (was_last)
        timers->filled[number / RN__TIMER_SLOTS] &= ~(UINT64_C(1) << number % RN__TIMER_SLOTS);
}

/* The nearest tick > now at which a slot with its bit set begins. In each level such slots lie ahead of the one we
 * are in, and a lower level's lie before a higher one's. 0: none. */
static uint64_t next_slot(const struct rn__timers *timers, int *level_out)
{
    for (int level = 0; level < RN__TIMER_LEVELS; level++) {
        if (timers->filled[level] == 0)
            continue;
        const int shift = level * SLOT_BITS;
        const int here = (int)(timers->now >> shift) & SLOT_MASK;
        const uint64_t ahead = here == SLOT_MASK ? 0 : timers->filled[level] >> (here + 1) << (here + 1);
        if (ahead == 0)
            continue;
        const uint64_t slot = (uint64_t)__builtin_ctzll(ahead);
        const uint64_t above = shift + SLOT_BITS > 63 ? 0 : timers->now >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        *level_out = level;
        return above | slot << shift;
    }
    return 0;
}

/* Enters a slot: its timers are due (level 0) or belong to a lower level from now on. */
static void enter(struct rn__timers *timers, int level, uint64_t tick, struct rn__link *due)
{
    const int slot = (int)(tick >> (level * SLOT_BITS)) & SLOT_MASK;
    struct rn__link *list = &timers->slots[level][slot];
    timers->now = tick;
    timers->filled[level] &= ~(UINT64_C(1) << slot);
    for (struct rn__link *link; (link = rn__list_first(list)) != NULL;) {
        struct rn__timer *timer = rn__container_of(link, struct rn__timer, link);
        rn__list_remove(link);
        if (tick_of(timer->at) > tick) {
            place(timers, timer);
            continue;
        }
        timers->count--;
        timer->at = DUE;
        rn__list_push_back(due, link);
    }
}

void rn__timers_advance(struct rn__timers *timers, int64_t now_ns, struct rn__link *due)
{
    const uint64_t until = ticks_passed(now_ns);
    int level = 0;
    for (uint64_t tick; (tick = next_slot(timers, &level)) != 0 && tick <= until;)
        enter(timers, level, tick, due);
    if (until > timers->now)
        timers->now = until; /* no filled slot begins before: nothing is skipped */
}

/* The slot that begins first: of all timers the soonest are in it. NULL: there are none. */
static const struct rn__link *first_slot(const struct rn__timers *timers)
{
    int level = 0;
    const uint64_t tick = timers->count == 0 ? 0 : next_slot(timers, &level);
    return tick == 0 ? NULL : &timers->slots[level][(tick >> (level * SLOT_BITS)) & SLOT_MASK];
}

int64_t rn__timers_first(const struct rn__timers *timers)
{
    int64_t first = INT64_MAX;
    const struct rn__link *head = first_slot(timers);
    for (struct rn__link *link = head == NULL ? NULL : head->next; link != head; link = link->next) {
        const int64_t at = rn__container_of(link, struct rn__timer, link)->at;
        first = at < first ? at : first;
    }
    return first;
}

void rn__timers_take_due(struct rn__timers *timers, int64_t now_ns, struct rn__link *due)
{
    const struct rn__link *head = first_slot(timers);
    struct rn__link *next;
    for (struct rn__link *link = head == NULL ? NULL : head->next; link != head; link = next) {
        struct rn__timer *timer = rn__container_of(link, struct rn__timer, link);
        next = link->next;
        if (timer->at > now_ns)
            continue;
        rn__timer_cancel(timers, timer);
        timer->at = DUE;
        rn__list_push_back(due, link);
    }
}

int64_t rn__timers_next(const struct rn__timers *timers)
{
    int level = 0;
    const uint64_t tick = timers->count == 0 ? 0 : next_slot(timers, &level);
    if (tick == 0 || tick > (uint64_t)INT64_MAX >> RN__TIMER_TICK_BITS)
        return INT64_MAX;
    return (int64_t)(tick << RN__TIMER_TICK_BITS);
}
