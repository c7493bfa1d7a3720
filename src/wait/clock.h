/* SPDX-License-Identifier: MIT */
/* clock.h - reading the time, sleeping until a time, and deadlines as the inside knows them.
 *
 * There is one time for all deadlines, rn__now(). It can be paused (<runnel/clock.h>): then it stands, whoever waits
 * for a time stands in the clock's list, and the clock jumps to the soonest of their deadlines when nobody is left
 * who counts and does not wait. Those who count are workers, tasks with a thread of their own and blocking jobs.
 *
 *     worker, thread                            the clock
 *     ---------------------------------------   ----------------------------------------------------------------
 *     a word says "asleep"; look once more
 *     rn__clock_wait_paused() ----------------> lock; into the list; all who count are in it, and all their words
 *                                               still say so? then nobody runs: now = the soonest deadline, and
 *     sleeps on the word <--------------------- time_is_up() of those who are due changes their words; unlock
 *     runs again: lock; out of the list; unlock
 *
 * Whoever wakes a sleeper changes its word first and knows nothing of all this. A sleeper leaves the list before it
 * does anything else. So while the list is locked and complete nobody who counts runs, and a word that was changed
 * was changed by somebody from outside: no jump then, the woken one comes back to sleep and asks again.
 *
 * How long the machine takes for something (paces, looking again, keeping a thread for later) is measured by
 * rn__platform_now(), which nobody pauses.
 */
#ifndef RN__WAIT_CLOCK_H
#define RN__WAIT_CLOCK_H

#include "base/list.h"

#include <runnel/time.h>

#define RN__NEVER INT64_MAX

/* Monotonic nanoseconds, > 0. All that ends at a time reads it here: the seam for virtual time. */
int64_t rn__now(void);

/* Replaces the clock; NULL restores it. */
typedef int64_t rn__clock_fn(void *ctx);
void rn__clock_set(rn__clock_fn *fn, void *ctx);

/* The point on the scale of rn__now; RN__NEVER for RN_FOREVER. */
static inline int64_t rn__deadline_ns(rn_deadline deadline)
{
    return deadline.at == 0 ? RN__NEVER : deadline.at;
}

static inline bool rn__deadline_passed(rn_deadline deadline)
{
    return deadline.at != 0 && deadline.at <= rn__now();
}

/* -- sleeping by the clock ------------------------------------------------------------------------------------- */

bool rn__clock_is_paused(void);

/* While it is not paused: as rn__platform_futex_wait(), with a deadline on the scale of rn__now(). */
bool rn__clock_wait(const uint32_t *word, uint32_t expected, int64_t deadline);

/* While it is paused: sleeps until somebody changes *word and wakes it, or for no reason. When the deadline has
 * passed time_is_up is called, under the clock's lock, by anybody, perhaps more than once; it changes the word and
 * wakes. Comes back at once if the clock is not paused. */
struct rn__clock_waiter {
    struct rn__link link;
    const uint32_t *word;
    uint32_t expected;
    uint32_t weight; /* for how many of those who count the thread stands */
    uint32_t era;    /* in which it came */
    int64_t deadline;
    void (*time_is_up)(struct rn__clock_waiter *waiter);
};
void rn__clock_wait_paused(struct rn__clock_waiter *waiter);

/* Is somebody in the list who sleeps on this word? */
bool rn__clock_knows(const uint32_t *word);

/* For a thread that nobody knows: until the time. */
void rn__clock_sleep(int64_t until);

/* -- those who count ------------------------------------------------------------------------------------------- */

/* One more, or one less, by whoever starts it and when it has ended: while it neither waits nor has ended the paused
 * clock does not jump. */
void rn__clock_count(int change);
/* The calling thread is one of them: a thread may stand for several, as a job that calls rn_run does. */
void rn__clock_count_caller(int change);

/* Called when the clock is paused: everybody who sleeps by a clock that goes comes and sleeps by one that stands. */
void rn__clock_on_pause(void (*rouse)(void));

/* In the child of a fork nobody waits and nobody counts. */
void rn__clock_forget_all(void);

#endif
