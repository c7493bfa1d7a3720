/* SPDX-License-Identifier: MIT */
/* spawn.c - from a public call to a fresh task in somebody's deque. */
#include "base/log.h"
#include "runtime/handler.h"
#include "runtime/runtime.h"
#include "runtime/scope.h"

#include <runnel/error.h>

static const rn_spawn_opts defaults;

static int check(const struct rn__task_order *order)
{
    const rn_spawn_opts *opts = order->opts;
    uint64_t rest = opts->reserved0;
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        rest |= opts->reserved[i];
    if (order->fn == NULL || rest != 0 || (opts->flags & ~(uint32_t)RN_TASK_FLOAT_CONTROL) != 0)
        return RN_EINVAL;
    if (opts->place == RN_PLACE_POOL && (opts->stack_size != 0 || opts->flags != 0))
        return RN_EINVAL;
    if ((uint32_t)opts->place > RN_PLACE_POOL || (opts->place != RN_PLACE_WORKER && opts->worker != 0))
        return RN_EINVAL;
    if (opts->stack_size != 0 && (opts->stack_size < RN_STACK_SIZE_MIN || opts->stack_size > RN_STACK_SIZE_MAX))
        return RN_EINVAL;
    if (order->copy && (order->copy_size > RN_SPAWN_COPY_MAX || (order->copy_size > 0 && order->arg == NULL)))
        return RN_EINVAL;
    if (order->runtime == NULL)
        return RN_NO_RUNTIME;
    if (rn__runtime_is_inherited(order->runtime))
        return RN_FORKED;
    return opts->place == RN_PLACE_WORKER && opts->worker >= order->runtime->worker_count ? RN_EINVAL : 0;
}

/* The worker whose pockets and counters the caller may use: its own, if it is one of this runtime's. */
static struct rn__worker *caller_in(const struct rn_runtime *runtime)
{
    struct rn__worker *worker = rn__worker_current();
    return worker != NULL && worker->runtime == runtime ? worker : NULL;
}

static struct rn__stack_class *stack_class(const struct rn_runtime *runtime, size_t size, size_t needs)
{
    if (size == 0 && needs == 0)
        return runtime->stack_class;
    return rn__stack_class_of((size == 0 ? rn__stack_class_size(runtime->stack_class) : size) + needs);
}

static bool reserve_stack(struct rn__task *task, const struct rn__task_order *order)
{
    struct rn_runtime *runtime = task->runtime;
    struct rn__worker *worker = caller_in(runtime);
    const size_t needs = order->handler == NULL ? 0 : order->handler->stack_needs;
    struct rn__stack_class *size_class = stack_class(runtime, order->opts->stack_size, needs);
    if (size_class == NULL)
        return false;
    task->stack_class = rn__stack_class_number(size_class) & 31;
    if (worker != NULL && size_class == runtime->stack_class)
        return rn__worker_reserve_stack(worker);
    return rn__stacks_reserve(size_class, 1);
}

/* On the caller's own worker nobody need be told: the caller will look itself before it idles. */
static void place(struct rn__task *task, const rn_spawn_opts *opts)
{
    struct rn_runtime *runtime = task->runtime;
    struct rn__worker *here = caller_in(runtime);
    struct rn__task *spawner = here == NULL ? NULL : rn__task_current();
    const bool chosen = opts->place == RN_PLACE_WORKER;
    struct rn__worker *worker = chosen ? runtime->workers[opts->worker]
                                       : rn__site_place(task->site, runtime, spawner, opts->place);
    rn__site_enter(task, worker);
    if (rn__task_is_handler(task)) {
        task->home = worker;
        if (rn__handler_stand(task))
            return;
    }
    if (chosen && worker == here)
        rn__ready_push(&worker->ready, task);
    else if (chosen)
        rn__worker_post(worker, task);
    else
        rn__fresh_push(&worker->fresh, task);
    if (!chosen && worker != here)
        rn__worker_kick(worker);
}

/* A spawn that a shutdown overtakes still runs its function once, cancelled: the shutdown's walk over the table sees
 * the task, or we see that it has begun. */
static int start(struct rn__task *task, const struct rn__task_order *order)
{
    const rn_spawn_opts *opts = order->opts;
    struct rn_runtime *runtime = task->runtime;
    struct rn__worker *here = caller_in(runtime);
    const bool has_thread = rn__has_thread(opts->place);
    if (!has_thread && !reserve_stack(task, order))
        return RN_ENOMEM;
    if (!rn__runtime_enter(runtime, here)) {
        if (!has_thread)
            rn__stacks_unreserve(rn__stack_class_at(task->stack_class), 1);
        return RN_SHUTDOWN;
    }
    if (rn__load_seq_cst(&runtime->stopping) != 0) /* QUIET-4 */
        rn__party_cancel(&task->party, RN_SHUTDOWN);
    if (!has_thread) {
        place(task, opts);
        return 0;
    }
    const int rc = opts->place == RN_PLACE_POOL ? rn__pool_start(task) : rn__own_thread_start(task, opts->stack_size);
    if (rc != 0)
        rn__runtime_leave(runtime, here);
    return rc;
}

int rn__spawn_order(rn_task *out, struct rn__task_order *order, rn_site *site)
{
    struct rn__task *task;
    const struct rn__task *self = rn__task_current();
    if (out != NULL)
        *out = RN_NO_TASK;
    if (order->opts == NULL)
        order->opts = &defaults;
    if (order->opts->runtime != NULL)
        order->runtime = order->opts->runtime;
    else if (order->scope == NULL && self != NULL)
        order->runtime = self->runtime;
    order->handle = out != NULL && order->scope == NULL;
    int rc = check(order);
    if (rc != 0)
        return rc;
    order->site = rn__site_of(site);
    if (order->site == NULL)
        return RN_ENOMEM;
    rc = rn__task_new(&task, order);
    if (rc != 0)
        return rc;
    const rn_task handle = rn__task_handle(task);
    if (order->scope != NULL)
        rn__scope_adopt(order->scope, task);
    rc = start(task, order);
    if (rc != 0) {
        if (order->scope != NULL)
            rn__scope_disown(order->scope, task);
        rn__task_discard(task);
        return rc;
    }
    if (out != NULL)
        *out = handle;
    return 0;
}

int rn__spawn(rn_site *site, rn_task *out, rn_fn *fn, void *arg, const rn_spawn_opts *opts)
{
    struct rn__task_order order = {.fn = fn, .arg = arg, .opts = opts};
    return rn__spawn_order(out, &order, site);
}

int rn__spawn_copy(rn_site *site, rn_task *out, rn_fn *fn, const void *arg, size_t size, const rn_spawn_opts *opts)
{
    struct rn__task_order order = {
        .fn = fn, .arg = (void *)(uintptr_t)arg, .copy = true, .copy_size = size, .opts = opts};
    return rn__spawn_order(out, &order, site);
}

/* Where it works next is decided each time anew, so there is no place that could be promised. */
static bool can_be_placed(const rn_spawn_opts *opts)
{
    return opts == NULL || opts->place == RN_PLACE_AUTO || opts->place == RN_PLACE_NEAR ||
           opts->place == RN_PLACE_SPREAD;
}

int rn__handler_spawn(rn_site *site, rn_task *out, const struct rn__handler_order *handler, const rn_spawn_opts *opts)
{
    struct rn__task_order order = {
        .fn = (rn_fn *)(void (*)(void))handler->fn, .arg = handler->ctx, .handler = handler, .opts = opts};
    return can_be_placed(opts) ? rn__spawn_order(out, &order, site) : RN_EINVAL;
}
