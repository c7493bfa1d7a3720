/* SPDX-License-Identifier: MIT */
/* site.h - what the runtime has learned about each place that spawns, and where a new task starts because of it.
 *
 * Tasks that have started stay where they are, so placement is decided once, at spawn, and without looking at the
 * clock of that moment: two pools that look alike at their start must not end up differently because one of them was
 * started while the machine was busy. The rules, for RN_PLACE_AUTO:
 *
 *   a. tasks of this site have so far ended within a millisecond       near     fork and join; can be taken
 *   b. the first spawn of this task from this site                     near     a pair, a reader and its writer
 *   c. the same task spawns from the same site again, or a plain       the worker with the fewest live tasks of
 *      thread spawns                                                   this site; near if equal
 *   d. this worker was busy for a whole millisecond, another slept     as c
 */
#ifndef RN__RUNTIME_SITE_H
#define RN__RUNTIME_SITE_H

#include "base/compiler.h"

#include <runnel/runtime.h>
#include <runnel/task.h>

struct rn__task;
struct rn__worker;

struct rn__site {
    struct rn__site *next; /* all of them, for the dump */
    const char *file;
    const char *function;
    uint32_t line;
    uint16_t number;               /* from 1 */
    uint32_t spawned;              /* a hint: which tasks are measured */
    uint32_t ended;                /* of those that were measured */
    int64_t mean_lifetime;         /* ns, a running mean of those */
    uint32_t live[RN_WORKERS_MAX]; /* by worker slot: tasks of this site that are placed there and have not ended */
};

/* The record of a public site, made at the first call; NULL when out of memory. NULL: a site for "somewhere". */
struct rn__site *rn__site_of(rn_site *site);

/* Whether tasks of this site have so far ended within about a millisecond. */
bool rn__site_is_short_lived(const struct rn__site *site);

/* A worker of the runtime for a task of this site; `spawner` is the calling task if it belongs to that runtime. */
struct rn__worker *rn__site_place(struct rn__site *site, struct rn_runtime *runtime, struct rn__task *spawner,
                                  enum rn_place place);

/* Whether its site's tasks would be spread more evenly if this fresh one went to that worker. */
bool rn__site_evens_out(const struct rn__task *task, const struct rn__worker *worker);

/* Book-keeping: a task of the site was placed on a worker, moved to another, ended. */
void rn__site_enter(struct rn__task *task, struct rn__worker *worker);
void rn__site_move(struct rn__task *task, struct rn__worker *worker);
void rn__site_leave(struct rn__task *task);

/* Around a fork: nobody makes a record meanwhile. */
void rn__sites_lock(void);
void rn__sites_unlock(void);
/* In the child: no task of any site lives. What was learned about lifetimes stays. */
void rn__sites_forget_the_living(void);

#endif
