/* SPDX-License-Identifier: MIT */
/* handler.c - handlers as parties: what wakes an idle one puts it among the fresh tasks of the worker where it was
 * last, from where an idle worker may take it. While its function runs, or waits, it is a task like any other. */
#include "runtime/handler.h"

#include <string.h>

#include "base/log.h"
#include "runtime/runtime.h"

static struct rn__handler *idle_half(struct rn__task *task)
{
    return (struct rn__handler *)(void *)task->argument;
}

static void handler_park(struct rn__party *party, int64_t deadline)
{
    rn__task_kind.park(party, deadline);
}

static void handler_yield(struct rn__party *party)
{
    rn__task_kind.yield(party);
}

/* `home` shares its place with the deque's link. */
static void handler_schedule(struct rn__party *party)
{
    struct rn__task *task = rn__task_of(party);
    struct rn__worker *worker = task->home;
    if (rn__task_state(task) != RN__TASK_IDLE) {
        rn__task_kind.schedule(party);
        return;
    }
    if (rn__party_settle(party) == RN__BY_CANCEL)
        idle_half(task)->kind->leave(idle_half(task));
    rn__store_relaxed(&party->wait_verb, NULL); /* rlx: a hint for the dump */
    rn__task_set_state(task, RN__TASK_FRESH);
    rn__fresh_push(&worker->fresh, task);
    if (worker != rn__worker_current())
        rn__worker_kick(worker);
}

const struct rn__party_kind rn__handler_task_kind = {.name = "handler",
                                                     .cancellable = true,
                                                     .park = handler_park,
                                                     .schedule = handler_schedule,
                                                     .yield = handler_yield};

bool rn__handler_stand(struct rn__task *task)
{
    struct rn__handler *handler = idle_half(task);
    rn__task_set_state(task, RN__TASK_IDLE);
    if (handler->kind->stand(handler, &task->party))
        return true;
    rn__task_set_state(task, RN__TASK_FRESH);
    return false;
}

RN__NOINLINE bool rn__handler_run(struct rn__task *task, const char *scratch, struct rn__handler *handler,
                                  int *result)
{
    memcpy(handler, scratch, sizeof *handler);
    const bool ended = handler->kind->run(handler, (rn_handler_fn *)(void (*)(void))task->fn, task->arg, result);
    if (rn__runtime_is_inherited(task->runtime)) /* it has forked, this is the child: nothing to go back to */
        rn__platform_exit(*result);
    return ended;
}

void rn__handler_rest(struct rn__task *task, const struct rn__handler *handler)
{
    struct rn__worker *worker = task->home;
    if (task->party.shield > 0)
        rn__warn("a call of handler %s (%s:%u) ended inside rn_shield_enter", rn__task_name(task), task->site->file,
                 (unsigned)task->site->line);
    task->party.shield = 0;
    rn__party_set_current(NULL);
    memcpy(task->argument, handler, sizeof *handler);
    if (!rn__handler_stand(task))
        rn__fresh_push_behind(&worker->fresh, task);
}
