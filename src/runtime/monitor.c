/* SPDX-License-Identifier: MIT */
/* monitor.c - the tick (why there is one: monitor.h).
 *
 * Edges
 *  MON-1 rn__monitor_rouse() seq_cst -> MON-2 sleep_while_idle() seq_cst: a worker counts itself awake, then looks
 *        whether the monitor sleeps; the monitor announces its sleep, then counts who is awake (Dekker)
 *  MON-3 rn__monitor_stop() release -> MON-4 run() acquire: the end
 */
#include "runtime/runtime.h"
#include "wait/clock.h"

#define TICK_NS (1000 * 1000)
#define OVERDUE_NS (20 * TICK_NS)
enum { IDLE_TICKS = 8 }; /* that many quiet ticks before it sleeps: waking it costs a busy worker a system call */

static bool all_sleep(const struct rn_runtime *runtime)
{
    return rn__load_seq_cst(&runtime->sleepers) == runtime->worker_count; /* MON-2 */
}

void rn__monitor_rouse(struct rn_runtime *runtime)
{
    struct rn__monitor *monitor = &runtime->monitor;
    if (rn__load_seq_cst(&monitor->asleep) != 0 && rn__exchange_seq_cst(&monitor->asleep, 0) != 0) /* MON-1 */
        rn__platform_futex_wake(&monitor->asleep, 1);
}

static void sleep_while_idle(struct rn_runtime *runtime)
{
    struct rn__monitor *monitor = &runtime->monitor;
    rn__store_seq_cst(&monitor->asleep, 1);                                 /* MON-2 */
    while (all_sleep(runtime) && rn__load_seq_cst(&monitor->asleep) != 0 && /* MON-2 */
           rn__load_acquire(&monitor->quit) == 0)                           /* MON-4 */
        rn__platform_futex_wait(&monitor->asleep, 1, RN__NEVER);
    rn__store_seq_cst(&monitor->asleep, 0); /* MON-2 */
}

/* One worker, one tick. Busy all the time while others sleep: its spawns spread from now on. The same task all the
 * time with fresh ones behind it: somebody else should look at those. */
static void look_at(struct rn_runtime *runtime, struct rn__worker *worker)
{
    const bool sleeps = rn__load_relaxed(&worker->asleep) != 0;         /* rlx: a hint */
    const bool others_sleep = rn__load_relaxed(&runtime->sleepers) > 0; /* rlx: a hint */
    const uint64_t switches = rn__load_relaxed(&worker->switches);      /* rlx: a hint */
    const uint64_t slept = rn__load_relaxed(&worker->sleeps);           /* rlx: a hint */
    const bool same = switches == worker->switches_at_tick;
    const bool busy = !sleeps && slept == worker->sleeps_at_tick;
    worker->switches_at_tick = switches;
    worker->sleeps_at_tick = slept;
    rn__store_relaxed(&worker->overloaded, busy && others_sleep); /* rlx: a hint */
    if (!sleeps)
        rn__worker_interrupt(worker, RN__ATTENTION_TICK);
    if (!sleeps && same && rn__fresh_count(&worker->fresh) > 0)
        rn__runtime_call_help(runtime);
}

/* The grace time is over: worker 0 may run tasks that never leave it idle, so it is called back. If it was over a
 * while ago and nobody has said so, it cannot even be called back from the task that it runs. */
static void report_if_overdue(struct rn_runtime *runtime)
{
    int64_t at = rn__load_seq_cst(&runtime->overdue_at); /* GRACE-2 */
    const int64_t late = rn__platform_now() - at;
    if (at == 0 || at == RN__NEVER || late < 0)
        return;
    rn__worker_interrupt(runtime->workers[0], RN__ATTENTION_RETURN);
    if (late < OVERDUE_NS || !rn__cas_seq_cst(&runtime->overdue_at, &at, 0)) /* GRACE-2 */
        return;
    const uint32_t left = rn__runtime_report_stuck(runtime);
    rn__store_release(&runtime->reported, 1 + left); /* GRACE-3 */
    rn__platform_futex_wake(&runtime->reported, 1);
}

static void run(void *arg)
{
    struct rn_runtime *runtime = arg;
    struct rn__monitor *monitor = &runtime->monitor;
    uint32_t idle_ticks = 0;
    while (rn__load_acquire(&monitor->quit) == 0) { /* MON-4 */
        rn__platform_futex_wait(&monitor->quit, 0, rn__platform_now() + TICK_NS);
        for (uint32_t i = 0; i < runtime->worker_count; i++)
            look_at(runtime, runtime->workers[i]);
        report_if_overdue(runtime);
        idle_ticks = all_sleep(runtime) ? idle_ticks + 1 : 0;
        if (idle_ticks >= IDLE_TICKS)
            sleep_while_idle(runtime);
    }
}

bool rn__monitor_start(struct rn_runtime *runtime)
{
    struct rn__monitor *monitor = &runtime->monitor;
    monitor->runs = rn__platform_thread_create(&monitor->thread, run, runtime, "rn-monitor", false, 0);
    return monitor->runs;
}

void rn__monitor_stop(struct rn_runtime *runtime)
{
    struct rn__monitor *monitor = &runtime->monitor;
    if (!monitor->runs)
        return;
    rn__store_release(&monitor->quit, 1);   /* MON-3 */
    rn__store_seq_cst(&monitor->asleep, 0); /* MON-1 */
    rn__platform_futex_wake(&monitor->asleep, 1);
    rn__platform_futex_wake(&monitor->quit, 1);
    rn__platform_thread_join(monitor->thread);
}
