/* SPDX-License-Identifier: MIT */
/* site.c - spawn sites and the placement of new tasks (rules in site.h).
 *
 * Edges
 *  SITE-1 site_make() release -> SITE-2 rn__site_of() acquire: the record before the pointer to it
 */
#include "runtime/site.h"

#include "base/alloc.h"
#include "platform/lock.h"
#include "runtime/runtime.h"
#include "wait/clock.h"

#define SHORT_NS (1000 * 1000)
enum { MEASURE_FIRST = 8, MEASURE_EVERY = 16, COARSE_BITS = 10 };

static struct {
    struct rn__lock lock; /* protects the list and the making of records */
    struct rn__site *first;
    uint16_t count;
} sites;

static rn_site somewhere = {.file = "?", .function = "?"};

/* Under the lock. Records are never freed: their public halves are static objects of the user's. They come from the
 * system and not from the allocator hook, because they belong to nobody whose leaks somebody could count. */
static struct rn__site *site_make(rn_site *site)
{
    const size_t page = rn__platform_page_size();
    struct rn__site *record = rn__platform_map((sizeof *record + page - 1) / page * page);
    if (record == NULL)
        return NULL;
    record->file = site->file;
    record->function = site->function;
    record->line = site->line;
    record->number = ++sites.count;
    record->next = sites.first;
    sites.first = record;
    rn__store_release(&site->record, record); /* SITE-1 */
    return record;
}

struct rn__site *rn__site_of(rn_site *site)
{
    if (site == NULL)
        site = &somewhere;
    struct rn__site *record = rn__load_acquire(&site->record); /* SITE-2 */
    if (RN__LIKELY(record != NULL))
        return record;
    rn__lock_acquire(&sites.lock);
    record = rn__load_acquire(&site->record); /* SITE-2 */
    if (record == NULL)
        record = site_make(site);
    rn__lock_release(&sites.lock);
    return record;
}

void rn__sites_lock(void)
{
    rn__lock_acquire(&sites.lock);
}

void rn__sites_unlock(void)
{
    rn__lock_release(&sites.lock);
}

void rn__sites_forget_the_living(void)
{
    rn__lock_acquire(&sites.lock);
    for (struct rn__site *site = sites.first; site != NULL; site = site->next)
        for (uint32_t slot = 0; slot < RN__COUNT(site->live); slot++)
            rn__store_relaxed(&site->live[slot], 0); /* rlx: see live_on */
    rn__lock_release(&sites.lock);
}

/* rlx, all of them: counts and means are hints; a placement by a stale one is still a placement. */
static uint32_t live_on(const struct rn__site *site, const struct rn__worker *worker)
{
    return rn__load_relaxed(&site->live[worker->slot]); /* rlx: see above */
}

bool rn__site_is_short_lived(const struct rn__site *site)
{
    return rn__load_relaxed(&site->ended) > 0 &&              /* rlx: see above */
           rn__load_relaxed(&site->mean_lifetime) < SHORT_NS; /* rlx: see above */
}

/* Has this task spawned from this site before? Remembers it, among the last few. */
static bool spawns_again(struct rn__task *spawner, const struct rn__site *site)
{
    uint16_t *seen = spawner->spawned_from;
    const size_t last = RN__COUNT(spawner->spawned_from) - 1;
    for (size_t i = 0; i <= last; i++)
        if (seen[i] == site->number)
            return true;
    for (size_t i = last; i > 0; i--)
        seen[i] = seen[i - 1];
    seen[0] = site->number;
    return false;
}

static struct rn__worker *fewest(const struct rn__site *site, struct rn_runtime *runtime, struct rn__worker *near)
{
    struct rn__worker *best = near != NULL ? near : runtime->workers[rn__choose(runtime->worker_count)];
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (live_on(site, runtime->workers[i]) < live_on(site, best))
            best = runtime->workers[i];
    return best;
}

struct rn__worker *rn__site_place(struct rn__site *site, struct rn_runtime *runtime, struct rn__task *spawner,
                                  enum rn_place place)
{
    struct rn__worker *near = spawner == NULL ? NULL : spawner->home;
    if (near == NULL || place == RN_PLACE_SPREAD || runtime->worker_count == 1)
        return fewest(site, runtime, near);
    const bool again = spawns_again(spawner, site);
    if (place == RN_PLACE_NEAR || rn__site_is_short_lived(site))
        return near;
    if (again || rn__load_relaxed(&near->overloaded)) /* rlx: the monitor's hint */
        return fewest(site, runtime, near);
    return near;
}

/* A clock of 32 bits that never shows 0: good for lifetimes up to an hour, and longer ones are no different. */
static uint32_t coarse_now(void)
{
    const uint32_t now = (uint32_t)(rn__now() >> COARSE_BITS);
    return now == 0 ? 1 : now;
}

void rn__site_enter(struct rn__task *task, struct rn__worker *worker)
{
    struct rn__site *site = task->site;
    const uint32_t number = rn__add_relaxed(&site->spawned, 1);  /* rlx: see live_on */
    rn__store_relaxed(&task->live_slot, (uint16_t)worker->slot); /* rlx: for the dump */
    rn__add_relaxed(&site->live[worker->slot], 1);               /* rlx: see live_on */
    task->spawned_at = number < MEASURE_FIRST || number % MEASURE_EVERY == 0 ? coarse_now() : 0;
}

bool rn__site_evens_out(const struct rn__task *task, const struct rn__worker *worker)
{
    return rn__load_relaxed(&task->site->live[task->live_slot]) > live_on(task->site, worker) + 1; /* rlx: live_on */
}

void rn__site_move(struct rn__task *task, struct rn__worker *worker)
{
    rn__sub_relaxed(&task->site->live[task->live_slot], 1);      /* rlx: see live_on */
    rn__add_relaxed(&task->site->live[worker->slot], 1);         /* rlx: see live_on */
    rn__store_relaxed(&task->live_slot, (uint16_t)worker->slot); /* rlx: for the dump */
}

/* The mean forgets slowly: a site whose tasks have changed their nature is believed after a few dozen of them. */
void rn__site_leave(struct rn__task *task)
{
    struct rn__site *site = task->site;
    rn__sub_relaxed(&site->live[task->live_slot], 1); /* rlx: see live_on */
    if (task->spawned_at == 0)
        return;
    const int64_t lifetime = (int64_t)(uint32_t)(coarse_now() - task->spawned_at) << COARSE_BITS;
    const int64_t mean = rn__load_relaxed(&site->mean_lifetime);                              /* rlx: see live_on */
    const bool first = rn__add_relaxed(&site->ended, 1) == 0;                                 /* rlx: see live_on */
    rn__store_relaxed(&site->mean_lifetime, first ? lifetime : mean + (lifetime - mean) / 8); /* rlx: see live_on */
}
