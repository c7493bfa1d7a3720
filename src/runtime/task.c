/* SPDX-License-Identifier: MIT */
/* task.c - the life of a task's slot: made by spawn, run by a worker or a thread, ended, forgotten.
 *
 * Edges
 *  LIFE-1 change_life() release -> LIFE-2 pin() acquire: what a task is, before somebody looks at it by its handle;
 *         and the last look at it, before its slot is used again
 *  LIFE-3 rn__task_set_state() release -> LIFE-4 rn__task_state() acquire: the home of a task that has started
 */
#include "runtime/task.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "runtime/handler.h"
#include "runtime/runtime.h"
#include "runtime/scope.h"
#include "wait/local.h"
#include "wait/thread.h"

#include <runnel/error.h>

/* ---------------------------------------------------------------------------------- as a party that waits -- */

static void task_park(struct rn__party *party, int64_t deadline)
{
    struct rn__task *task = rn__task_of(party);
    struct rn__worker *worker = task->home;
    if (deadline != INT64_MAX)
        rn__timer_arm(&worker->timers, &task->timer, deadline);
    rn__worker_leave(worker, task);
    rn__timer_cancel(&worker->timers, &task->timer);
}

static void task_schedule(struct rn__party *party)
{
    struct rn__task *task = rn__task_of(party);
    struct rn__worker *home = task->home;
    if (home == rn__worker_current())
        rn__worker_ready(home, task);
    else
        rn__worker_post(home, task);
}

static void task_yield(struct rn__party *party)
{
    struct rn__task *task = rn__task_of(party);
    rn__worker_yield(task->home, task);
}

const struct rn__party_kind rn__task_kind = {
    .name = "task", .cancellable = true, .park = task_park, .schedule = task_schedule, .yield = task_yield};

const struct rn__party_kind rn__thread_task_kind = {
    .name = "task", .cancellable = true, .park = rn__thread_park, .schedule = rn__thread_schedule};

bool rn__party_is_task(const struct rn__party *party)
{
    const struct rn__party_kind *kind = rn__load_relaxed(&party->kind); /* rlx: a pin decides, or it is the caller */
    return kind == &rn__task_kind || kind == &rn__thread_task_kind || kind == &rn__handler_task_kind;
}

struct rn__task *rn__task_current(void)
{
    struct rn__party *party = rn__party_current();
    return party != NULL && rn__party_is_task(party) ? rn__task_of(party) : NULL;
}

/* -------------------------------------------------------------------------------------------------- life -- */

static bool is_over(uint64_t life)
{
    return (life & RN__LIFE_ENDED) != 0 && (life & (RN__LIFE_HANDLE | RN__LIFE_PINS)) == 0;
}

static void slot_free(struct rn__task *task)
{
    struct rn__worker *worker = rn__worker_current();
    rn__extra_free(&task->party);
    if (worker == NULL) {
        rn__party_give_back(&task->party);
        return;
    }
    rn__store_relaxed(&task->party.kind, NULL); /* rlx: the dump skips it from now on, or shows it once more */
    rn__worker_put_block(worker, &task->party);
}

/* Takes away and adds; the change that makes the life be over frees the slot for the next generation. */
static void change_life(struct rn__task *task, uint64_t remove, uint64_t add)
{
    uint64_t before = rn__load_relaxed(&task->party.life); /* rlx: the exchange below checks it */
    uint64_t after;
    do {
        after = before - remove + add;
        if (is_over(after))
            after = (after & ~(RN__LIFE_GENERATION - 1)) + RN__LIFE_GENERATION;
    } while (!rn__cas_acq_rel(&task->party.life, &before, after)); /* LIFE-1 */
    if ((after & RN__LIFE_ALIVE) == 0)
        slot_free(task);
}

/* Ended, and nobody can join it any more: to those who hold a handle it is gone, even while somebody pins it. */
static bool is_forgotten(uint64_t life)
{
    return (life & (RN__LIFE_ENDED | RN__LIFE_HANDLE)) == RN__LIFE_ENDED;
}

/* Pins the task of a handle if all of `have` and none of `lack` is set; *life is what was found in any case. */
static struct rn__task *pin(rn_task handle, uint64_t have, uint64_t lack, uint64_t add, uint64_t *life)
{
    *life = 0;
    if (rn__token_index(handle.id) == 0 || rn__token_index(handle.id) >= rn__party_count())
        return NULL;
    struct rn__task *task = rn__task_of(rn__party_at(rn__token_index(handle.id)));
    uint64_t found = rn__load_acquire(&task->party.life); /* LIFE-2 */
    do {
        if (found >> 24 != rn__token_epoch(handle.id) || (found & RN__LIFE_ALIVE) == 0 || is_forgotten(found))
            return NULL;
        *life = found;
        if ((found & have) != have || (found & lack) != 0)
            return NULL;
    } while (!rn__cas_acq_rel(&task->party.life, &found, (found + RN__LIFE_PIN) | add)); /* LIFE-2 */
    return task;
}

struct rn__task *rn__task_pin(rn_task handle)
{
    uint64_t life;
    return pin(handle, 0, 0, 0, &life);
}

void rn__task_unpin(struct rn__task *task)
{
    change_life(task, RN__LIFE_PIN, 0);
}

/* ---------------------------------------------------------------------------------------- making, running -- */

static int copy_argument(struct rn__task *task, const struct rn__task_order *order)
{
    task->arg = order->arg;
    if (!order->copy)
        return 0;
    task->argument_size = (uint16_t)order->copy_size;
    if (order->copy_size <= RN__ARGUMENT_INLINE)
        task->arg = task->argument;
    else if ((task->arg = rn__alloc(order->copy_size)) == NULL)
        return RN_ENOMEM;
    if (order->copy_size > 0)
        memcpy(task->arg, order->arg, order->copy_size);
    return 0;
}

/* The handler that is to be travels where an argument would, and its context is the argument. */
static void copy_handler(struct rn__task *task, const struct rn__handler_order *order)
{
    task->argument_size = sizeof order->handler;
    memcpy(task->argument, &order->handler, sizeof order->handler);
}

static bool argument_is_on_heap(const struct rn__task *task)
{
    return task->argument_size > RN__ARGUMENT_INLINE;
}

static void free_argument(struct rn__task *task)
{
    if (argument_is_on_heap(task) && task->arg != NULL)
        rn__free(task->arg, task->argument_size);
}

static struct rn__party *slot_take(void)
{
    struct rn__worker *worker = rn__worker_current();
    struct rn__party *party = NULL;
    if (worker != NULL)
        return rn__worker_take_block(worker);
    return rn__party_take_many(&party, 1) == 1 ? party : NULL;
}

int rn__task_new(struct rn__task **out, const struct rn__task_order *order)
{
    struct rn__party *party = slot_take();
    if (party == NULL)
        return RN_ENOMEM;
    struct rn__task *task = rn__task_of(party);
    const bool own_thread = rn__has_thread(order->opts->place);
    memset((char *)task + sizeof task->party, 0, sizeof *task - sizeof task->party);
    task->fn = order->fn;
    task->runtime = order->runtime;
    task->site = order->site;
    task->flags = order->opts->flags & 7;
    int rc = copy_argument(task, order);
    if (rc == 0)
        rc = rn__extra_make(party, order->opts->name);
    if (rc != 0) {
        free_argument(task);
        slot_free(task); /* nobody has seen it */
        return rc;
    }
    rn__party_prepare(party, own_thread ? &rn__thread_task_kind : &rn__task_kind);
    if (order->handler != NULL) {
        copy_handler(task, order->handler);
        rn__store_relaxed(&party->kind, &rn__handler_task_kind); /* rlx: as rn__party_prepare() */
    }
    const uint64_t life = rn__load_relaxed(&party->life); /* rlx: a free slot, the next to look comes by LIFE-2 */
    const uint64_t held = order->collected ? RN__LIFE_HANDLE | RN__LIFE_JOINING : order->handle ? RN__LIFE_HANDLE : 0;
    rn__store_release(&party->life, life | RN__LIFE_ALIVE | held); /* LIFE-1 */
    *out = task;
    return 0;
}

/* A walk over the table may have it pinned: so it ends like any other, with a handle that nobody got. */
void rn__task_discard(struct rn__task *task)
{
    const uint64_t life = rn__load_relaxed(&task->party.life); /* rlx: for the one bit that only we change */
    rn__locals_drop(&task->party);
    free_argument(task);
    change_life(task, life & (RN__LIFE_HANDLE | RN__LIFE_JOINING), RN__LIFE_ENDED);
}

RN__NOINLINE int rn__task_call(struct rn__task *task, const char *scratch)
{
    _Alignas(16) char copy[RN__ARGUMENT_INLINE];
    void *arg = task->arg;
    if (arg == task->argument) {
        memcpy(copy, scratch, sizeof copy);
        arg = copy;
    }
    const int result = task->fn(arg);
    if (rn__runtime_is_inherited(task->runtime)) /* it has forked, this is the child: nothing to go back to */
        rn__platform_exit(result);
    rn__locals_drop(&task->party);
    free_argument(task);
    return result;
}

/* ENDED comes under the lock and after the joiner is won: whoever has joined finds the task ended, and who finds it
 * ended can no longer cancel its joiner. The pin keeps the slot, which may have no handle, until the lock is open. */
static void publish_result(struct rn__task *task, int result, const struct rn__scope *scope)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&task->lock);
    task->result = result;
    rn__task_set_state(task, RN__TASK_DONE);
    if (scope == NULL)
        rn__wakes_add_all(&wakes, &task->joiners, 0);
    change_life(task, 0, RN__LIFE_ENDED + RN__LIFE_PIN);
    rn__lock_release(&task->lock);
    rn__wakes_run(&wakes);
}

/* From here on the thread is nobody's: a wake that comes now must not take the slot for a task that runs. */
void rn__task_end(struct rn__task *task, int result)
{
    struct rn_runtime *runtime = task->runtime;
    struct rn__worker *worker = rn__worker_current();
    struct rn__scope *scope = rn__scope_of_ended(task);
    if (task->party.shield > 0)
        rn__warn("task %s (%s:%u) ended inside rn_shield_enter", rn__task_name(task), task->site->file,
                 (unsigned)task->site->line);
    if (worker != NULL)
        rn__site_leave(task);
    rn__party_set_current(NULL);
    publish_result(task, result, scope);
    if (scope != NULL)
        rn__scope_task_ended(scope, task, result);
    change_life(task, RN__LIFE_PIN, 0);
    rn__runtime_leave(runtime, worker);
}

void rn__task_forget(struct rn__task *task)
{
    change_life(task, RN__LIFE_HANDLE | RN__LIFE_JOINING, 0);
}

const char *rn__task_name(const struct rn__task *task)
{
    const char *name = rn__extra_name(&task->party);
    return name != NULL ? name : task->site->function;
}

/* ------------------------------------------------------------------------------------------------ joining -- */

static int join_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct rn__task *task = operation->object;
    (void)wakes;
    return rn__task_state(task) == RN__TASK_DONE ? 0 : RN__PENDING;
}

static const struct rn__operation_kind join_kind = {.verb = "join", .attempt = join_attempt};

/* Why a handle cannot be used. */
static int refusal(rn_task handle, uint64_t life)
{
    if (handle.id != 0 && rn__party_is_inherited(rn__token_index(handle.id)))
        return RN_FORKED;
    return (life & RN__LIFE_HANDLE) != 0 ? RN_EBUSY : RN_EINVAL;
}

/* Whoever calls this ends it; nobody else can join the task meanwhile. */
static inline int join_begin(struct rn__operation *join, rn_task handle)
{
    uint64_t life;
    if (handle.id != 0 && handle.id == rn_task_self_id())
        return RN_EDEADLK;
    struct rn__task *task = pin(handle, RN__LIFE_HANDLE, RN__LIFE_JOINING, RN__LIFE_JOINING, &life);
    if (task == NULL)
        return refusal(handle, life);
    join->lock = &task->lock;
    join->queue = &task->joiners;
    join->object = task;
    join->name = task->site->function; /* static: a dump may read it after the task */
    return 0;
}

static inline void join_end(const struct rn__operation *join, int rc, int *result)
{
    struct rn__task *task = join->object;
    if (rc == 0 && result != NULL)
        *result = task->result;
    change_life(task, RN__LIFE_PIN | RN__LIFE_JOINING | (rc == 0 ? RN__LIFE_HANDLE : 0), 0);
}

int rn_join_until(rn_task handle, int *result, rn_deadline deadline)
{
    struct rn__operation join = {.kind = &join_kind};
    int rc = join_begin(&join, handle);
    if (rc != 0)
        return rc;
    rc = rn__await(&join, deadline, RN__CANCELLABLE);
    join_end(&join, rc, result);
    return rc;
}

int rn_join(rn_task handle, int *result)
{
    return rn_join_until(handle, result, RN_FOREVER);
}

struct join_case {
    struct rn__operation operation;
    struct rn__alone alone; /* of one that cannot be joined: this code says why */
    int refusal;
    rn_task handle;
    int *result;
};
RN__FITS_A_CASE(struct join_case);

static struct join_case *join_case_of(const struct rn__operation *operation)
{
    return rn__container_of(operation, struct join_case, operation);
}

static void join_case_begin(struct rn__operation *operation)
{
    struct join_case *join = join_case_of(operation);
    join->refusal = join_begin(operation, join->handle);
    if (join->refusal != 0)
        rn__alone_begin(&join->alone, operation);
}

static int join_case_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int refusal = join_case_of(operation)->refusal;
    return refusal != 0 ? refusal : join_attempt(operation, wakes);
}

static bool join_case_ready(const struct rn__operation *operation)
{
    return rn__task_state(operation->object) == RN__TASK_DONE;
}

static int join_case_finish(struct rn__operation *operation, int rc)
{
    const struct join_case *join = join_case_of(operation);
    if (join->refusal == 0)
        join_end(operation, rc, join->result);
    return rc;
}

static const struct rn__operation_kind join_case_kind = {
    .verb = "join",
    .begin = join_case_begin,
    .attempt = join_case_attempt,
    .ready = join_case_ready,
    .finish = join_case_finish,
};

rn_case rn_join_case(rn_task handle, int *result)
{
    rn_case made = {0};
    struct join_case *join = join_case_of(rn__case_operation(&made));
    join->operation.kind = handle.id == 0 ? NULL : &join_case_kind;
    join->handle = handle;
    join->result = result;
    return made;
}

void rn_task_drop(rn_task handle)
{
    uint64_t life;
    struct rn__task *task = pin(handle, RN__LIFE_HANDLE, RN__LIFE_JOINING, RN__LIFE_JOINING, &life);
    if (task != NULL)
        change_life(task, RN__LIFE_PIN | RN__LIFE_JOINING | RN__LIFE_HANDLE, 0);
}

/* --------------------------------------------------------------------------------------- asked of a handle -- */

void rn_task_cancel(rn_task handle, int cause)
{
    struct rn__task *task = rn__task_pin(handle);
    if (task == NULL)
        return;
    rn__task_cancel(task, cause == 0 ? RN_ECANCELED : cause);
    rn__task_unpin(task);
}

bool rn_task_ended(rn_task handle)
{
    struct rn__task *task = rn__task_pin(handle);
    if (task == NULL)
        return true;
    const bool ended = (rn__load_acquire(&task->party.life) & RN__LIFE_ENDED) != 0; /* LIFE-2 */
    rn__task_unpin(task);
    return ended;
}

uint64_t rn_task_id(rn_task handle)
{
    return handle.id;
}

rn_task rn_task_self(void)
{
    const struct rn__task *task = rn__task_current();
    return task == NULL ? RN_NO_TASK : rn__task_handle(task);
}

uint64_t rn_task_self_id(void)
{
    return rn_task_self().id;
}

int rn_task_name(rn_task handle, char *buffer, size_t size)
{
    if (buffer == NULL || size == 0)
        return RN_EINVAL;
    buffer[0] = '\0';
    struct rn__task *task = rn__task_pin(handle);
    if (task == NULL)
        return refusal(handle, 0);
    const char *name = rn__task_name(task);
    const size_t length = strnlen(name, size - 1 < RN_TASK_NAME_MAX ? size - 1 : RN_TASK_NAME_MAX);
    memcpy(buffer, name, length);
    buffer[length] = '\0';
    rn__task_unpin(task);
    return 0;
}

void rn_yield(void)
{
    struct rn__party *self = rn__party_current();
    if (rn__callback_running())
        return;
    if (self != NULL && self->kind->yield != NULL)
        self->kind->yield(self);
    else
        rn__platform_yield();
}
