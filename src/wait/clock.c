/* SPDX-License-Identifier: MIT */
/* clock.c - reading the time, and the public arithmetic of deadlines (all of it saturates). */
#include "wait/clock.h"

#include "base/atomic.h"
#include "platform/platform.h"

static struct {
    rn__clock_fn *fn;
    void *ctx;
} source;

void rn__clock_set(rn__clock_fn *fn, void *ctx)
{
    source.ctx = ctx;
    rn__store_relaxed(&source.fn, fn); /* rlx: set while nobody else uses the library */
}

int64_t rn__now(void)
{
    rn__clock_fn *fn = rn__load_relaxed(&source.fn); /* rlx: see rn__clock_set */
    return RN__LIKELY(fn == NULL) ? rn__platform_now() : fn(source.ctx);
}

int64_t rn_now_ns(void)
{
    return rn__now();
}

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
