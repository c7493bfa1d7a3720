/* SPDX-License-Identifier: MIT */
/* interval.c - when the next tick is due: arithmetic, and a wait for a time.
 *
 * A tick is taken after the wait for it, at once and by the one who waited: so there is nothing to give back when the
 * wait is cancelled or another case of a select happens.
 */
#include <runnel/interval.h>

#include "wait/select.h"

/* Beyond the end of time there is no next tick. */
static rn_deadline after(int64_t at, int64_t span)
{
    int64_t sum;
    if (__builtin_add_overflow(at, span, &sum) || sum == RN__NEVER)
        return RN_FOREVER;
    return rn_at_ns(sum);
}

/* The one that was due then is taken now. */
static rn_deadline next_after(const rn_interval *interval, int64_t due, int64_t now)
{
    if (interval->missed == RN_MISSED_DELAY)
        return after(now, interval->period);
    if (interval->missed == RN_MISSED_SKIP)
        return after(due + (now - due) / interval->period * interval->period, interval->period);
    return after(due, interval->period);
}

/* false: none is due. */
static bool take(rn_interval *interval, int64_t *due_ns)
{
    const int64_t due = rn__deadline_ns(interval->next);
    const int64_t now = rn__now();
    if (due > now)
        return false;
    interval->next = next_after(interval, due, now);
    if (due_ns != NULL)
        *due_ns = due;
    return true;
}

int rn_interval_init_at(rn_interval *interval, rn_deadline first, int64_t period_ns, enum rn_missed missed)
{
    if (interval == NULL || period_ns <= 0 || (uint32_t)missed > RN_MISSED_SKIP)
        return RN_EINVAL;
    *interval = (rn_interval){.next = first, .period = period_ns, .missed = missed};
    return 0;
}

int rn_interval_init(rn_interval *interval, int64_t period_ns, enum rn_missed missed)
{
    return rn_interval_init_at(interval, rn_at_ns(rn__now()), period_ns, missed);
}

int rn_interval_tick_until(rn_interval *interval, int64_t *due_ns, rn_deadline deadline)
{
    if (interval == NULL)
        return RN_EINVAL;
    const int rc = rn__await_deadline(rn_sooner(interval->next, deadline), RN__CANCELLABLE);
    return rc == RN_ETIMEDOUT && take(interval, due_ns) ? 0 : rc;
}

int rn_interval_tick(rn_interval *interval, int64_t *due_ns)
{
    return rn_interval_tick_until(interval, due_ns, RN_FOREVER);
}

int rn_interval_try_tick(rn_interval *interval, int64_t *due_ns)
{
    if (interval == NULL)
        return RN_EINVAL;
    return take(interval, due_ns) ? 0 : RN_EAGAIN;
}

/* ------------------------------------------------------------------------------------------- as a case -- */

struct tick {
    struct rn__operation operation;
    struct rn__alone alone;
};
RN__FITS_A_CASE(struct tick);

static void tick_begin(struct rn__operation *operation)
{
    rn__alone_begin(&rn__container_of(operation, struct tick, operation)->alone, operation);
}

static int64_t tick_due(const struct rn__operation *operation)
{
    return rn__deadline_ns(((const rn_interval *)operation->object)->next);
}

static int tick_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return tick_due(operation) <= rn__now() ? 0 : RN__PENDING;
}

/* Whoever waits for it has it as the deadline of the wait. */
static bool tick_ready(const struct rn__operation *operation)
{
    (void)operation;
    return false;
}

static int tick_finish(struct rn__operation *operation, int rc)
{
    if (rc == 0)
        (void)take(operation->object, operation->data); /* it is due */
    return rc;
}

static const struct rn__operation_kind tick_kind = {.verb = "interval",
                                                    .begin = tick_begin,
                                                    .attempt = tick_attempt,
                                                    .ready = tick_ready,
                                                    .due = tick_due,
                                                    .finish = tick_finish};

rn_case rn_interval_tick_case(rn_interval *interval, int64_t *due_ns)
{
    rn_case made = {0};
    if (interval == NULL)
        return made;
    *rn__case_operation(&made) = (struct rn__operation){.kind = &tick_kind, .object = interval, .data = due_ns};
    return made;
}

/* --------------------------------------------------------------------------------------------- setting it -- */

void rn_interval_reset(rn_interval *interval)
{
    if (interval != NULL)
        interval->next = after(rn__now(), interval->period);
}

void rn_interval_reset_at(rn_interval *interval, rn_deadline next)
{
    if (interval != NULL)
        interval->next = next;
}

rn_deadline rn_interval_next(const rn_interval *interval)
{
    return interval == NULL ? RN_FOREVER : interval->next;
}

int64_t rn_interval_period(const rn_interval *interval)
{
    return interval == NULL ? 0 : interval->period;
}
