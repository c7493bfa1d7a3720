/* SPDX-License-Identifier: MIT */
/* scope.c - scopes (<runnel/scope.h>): tasks counted in the opener's frame, and the way that a cancellation takes.
 *
 * A party is in at most one scope at a time, the innermost: those that it has opened form a stack, and below them is
 * the one that it was spawned into.
 *
 *     party.scope --> opened last --> opened before --> spawned into
 *                        outer           outer              (its opener is another party)
 *
 * A cancellation of a scope reaches its tasks, its opener, and what those have open: a walk with a list of the scopes
 * that are still to be visited, linked through themselves, so it needs no memory and no deep stack. A scope on that
 * list is kept: it does not close before it was visited. It is on the list of one walk only, because whoever cancels
 * it first visits it.
 *
 *     order of locks:   a token's -> a scope's -> a task's of it -> a scope's that this task has open
 *
 * The lock of a party (a task's own; thread.h) protects its stack of scopes and, while it has any open, its cause:
 * each open scope remembers as `above` what cancels the opener from outside of it, so closing takes back exactly what
 * the scope itself had brought.
 *
 * A deadline is a limit in the scope, not later than that of the scope around it, at which the waits of all who are
 * in it end (await.c). Nothing fires it. It becomes a fact about the scope when somebody looks: a task that ends, a
 * cancellation, the close.
 */
#include "runtime/scope.h"

#include "base/log.h"
#include "runtime/runtime.h"
#include "wait/thread.h"
#include "wait/token.h"

#include <runnel/error.h>

enum phase { OPEN = 1, CLOSED };

/* The public struct has it as characters. What is set once is in a line of its own: every wait of a task of the scope
 * looks at the limit. */
struct scope {
    struct rn__scope shared;
    struct scope *outer; /* below it in the opener's stack */
    struct rn__party *opener;
    struct rn_runtime *runtime;
    rn_cancel *token;
    int64_t deadline;
    const char *name;
    const char *where; /* it was opened */

    struct rn__lock lock; /* protects what follows, but for `above` and `work` */
    int32_t cause;        /* 0: it is not cancelled */
    int32_t verdict;      /* what close will say: what came first, a failure or the end of all */
    int32_t above;        /* the opener is cancelled from outside of this scope; by the opener's lock */
    uint32_t running;     /* tasks that have not ended, and places for some that will be */
    uint32_t kept;        /* walks that will come by */
    uint32_t max_running;
    uint8_t flags;
    uint8_t phase;   /* the opener's */
    int16_t refusal; /* why nothing can be spawned */
    struct rn__link tasks;
    struct rn__link ended; /* to be collected, in order */
    struct rn__waitq closers;
    struct rn__waitq takers;
    struct rn__waitq spawners;
    struct rn__listener listener;
    struct scope *work; /* the next of a walk */
};
_Static_assert(sizeof(struct scope) <= sizeof(rn_scope), "the public struct has room");
_Static_assert(_Alignof(rn_scope) >= _Alignof(struct scope), "and is aligned");
_Static_assert(offsetof(struct scope, lock) == 64, "a line that nobody writes");

static struct scope *inside(rn_scope *scope)
{
    return (struct scope *)(void *)scope->inside;
}

static struct scope *inside_of(struct rn__scope *shared)
{
    return rn__container_of(shared, struct scope, shared);
}

RN__COLD RN__NORETURN static void misused(const struct scope *scope, const char *what)
{
    rn__die(__FILE__, __LINE__, "scope %s%s(%s): %s", scope->name == NULL ? "" : scope->name,
            scope->name == NULL ? "" : " ", scope->where, what);
}

/* ------------------------------------------------------------------------------------- under the scope's lock -- */

/* Everything that it waits for is over. */
static bool is_idle(const struct scope *scope)
{
    return scope->running == 0 && scope->kept == 0;
}

static void decide(struct scope *scope, int32_t verdict)
{
    if (scope->verdict == 0)
        scope->verdict = verdict;
}

static void store_cause(struct scope *scope, int32_t cause, int32_t verdict)
{
    scope->cause = cause;
    decide(scope, verdict);
}

/* The deadline may have cancelled it, and nobody has noticed yet. Those in it notice by themselves. */
static void look_at_deadline(struct scope *scope)
{
    if (scope->cause != 0 || scope->shared.limit == RN__NEVER || scope->shared.limit > rn__now())
        return;
    store_cause(scope, RN_ETIMEDOUT, scope->deadline == scope->shared.limit ? RN_ETIMEDOUT : RN_ECANCELED);
}

/* true: it was not, and the caller visits it. */
static bool cancel_first(struct scope *scope, int32_t cause, int32_t verdict)
{
    look_at_deadline(scope);
    if (scope->cause != 0)
        return false;
    store_cause(scope, cause, verdict);
    scope->kept++;
    return true;
}

static void wake_closers(struct scope *scope, struct rn__wakes *wakes)
{
    if (is_idle(scope))
        rn__wakes_add_all(wakes, &scope->closers, 0);
}

/* The place of a task that is not there any more, or never was. */
static void leave_place(struct scope *scope, struct rn__wakes *wakes)
{
    struct rn__waiter *next = rn__waitq_claim(&scope->spawners);
    if (next != NULL) {
        rn__wakes_add(wakes, next, 0);
        return;
    }
    scope->running--;
    if (scope->running == 0 && rn__list_is_empty(&scope->ended))
        rn__wakes_add_all(wakes, &scope->takers, RN_EMPTY);
    wake_closers(scope, wakes);
}

/* ---------------------------------------------------------------------------------------------------- the walk -- */

struct walk {
    struct scope *work;      /* scopes to visit: cancelled by us, and kept */
    struct rn__party *fired; /* parties to schedule */
};

static struct rn__lock *lock_of(struct rn__party *party)
{
    return rn__party_is_task(party) ? &rn__task_of(party)->lock : rn__thread_lock(party);
}

static struct scope *opened_by(const struct rn__party *party, struct scope *scope)
{
    return scope != NULL && scope->opener == party ? scope : NULL;
}

/* What comes from outside of a scope into it. */
static void cancel_from_above(struct walk *walk, struct scope *scope, int32_t cause)
{
    if (scope->above == 0)
        scope->above = cause;
    rn__lock_acquire(&scope->lock);
    if (cancel_first(scope, cause, RN_ECANCELED)) {
        scope->work = walk->work;
        walk->work = scope;
    }
    rn__lock_release(&scope->lock);
}

static struct scope *last_opened_by(const struct rn__party *party)
{
    return party->scope == NULL ? NULL : opened_by(party, inside_of(party->scope));
}

/* Under the party's lock. */
static bool has_open(const struct rn__party *party, const struct scope *scope)
{
    const struct scope *at = last_opened_by(party);
    while (at != NULL && at != scope)
        at = opened_by(party, at->outer);
    return at != NULL;
}

/* The party, and each scope that it has opened after `from`, which has its cause already; NULL: all. A scope that was
 * closed meanwhile has nothing to say to its opener any more. */
static void cancel_party(struct walk *walk, struct rn__party *party, const struct scope *from, int32_t cause)
{
    struct rn__lock *lock = lock_of(party);
    rn__lock_acquire(lock);
    if (from != NULL && !has_open(party, from))
        goto unlock;
    for (struct scope *at = last_opened_by(party); at != NULL && at != from; at = opened_by(party, at->outer))
        cancel_from_above(walk, at, cause);
    if (rn__party_cancel_begin(party, cause)) {
        party->next = walk->fired; /* fired and not scheduled it is in no other list */
        walk->fired = party;
    }
unlock:
    rn__lock_release(lock);
}

static void schedule_fired(struct walk *walk)
{
    while (walk->fired != NULL) {
        struct rn__party *party = walk->fired;
        walk->fired = party->next;
        party->next = NULL; /* which also is where it stands (wait/fork.c) */
        party->kind->schedule(party);
    }
}

static void release(struct scope *scope)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&scope->lock);
    scope->kept--;
    wake_closers(scope, &wakes);
    rn__lock_release(&scope->lock);
    rn__wakes_run(&wakes);
}

/* Kept, so its opener is there. */
static void visit(struct walk *walk, struct scope *scope)
{
    rn__lock_acquire(&scope->lock);
    const int32_t cause = scope->cause;
    for (struct rn__link *link = scope->tasks.next; link != &scope->tasks; link = link->next)
        cancel_party(walk, &rn__container_of(link, struct rn__task, in_scope)->party, NULL, cause);
    rn__lock_release(&scope->lock);
    if (scope->opener != NULL)
        cancel_party(walk, scope->opener, scope, cause);
    schedule_fired(walk);
    release(scope);
}

static void walk_on(struct walk *walk)
{
    schedule_fired(walk);
    while (walk->work != NULL) {
        struct scope *scope = walk->work;
        walk->work = scope->work;
        visit(walk, scope);
    }
}

static void walk_from(struct scope *scope)
{
    struct walk walk = {.work = scope};
    scope->work = NULL;
    walk_on(&walk);
}

void rn__task_cancel(struct rn__task *task, int32_t cause)
{
    struct walk walk = {0};
    cancel_party(&walk, &task->party, NULL, cause);
    walk_on(&walk);
}

static void cancel_scope(struct scope *scope, int32_t cause, int32_t verdict)
{
    rn__lock_acquire(&scope->lock);
    const bool first = cancel_first(scope, cause, verdict);
    rn__lock_release(&scope->lock);
    if (first)
        walk_from(scope);
}

static void keep_for_token(struct rn__listener *listener)
{
    struct scope *scope = rn__container_of(listener, struct scope, listener);
    rn__lock_acquire(&scope->lock);
    scope->kept++;
    rn__lock_release(&scope->lock);
}

static void hear_token(struct rn__listener *listener, int32_t cause)
{
    struct scope *scope = rn__container_of(listener, struct scope, listener);
    cancel_scope(scope, cause, cause);
    release(scope);
}

void rn_scope_cancel(rn_scope *public_scope, int cause)
{
    if (public_scope != NULL && inside(public_scope)->phase == OPEN)
        cancel_scope(inside(public_scope), cause == 0 ? RN_ECANCELED : cause, cause);
}

/* ----------------------------------------------------------------------------------------------------- opening -- */

static const rn_scope_opts defaults;

static int check(const rn_scope_opts *opts)
{
    uint64_t rest = opts->flags & ~(uint32_t)(RN_SCOPE_KEEP_GOING | RN_SCOPE_COLLECT);
    for (size_t i = 0; i < RN__COUNT(opts->reserved); i++)
        rest |= opts->reserved[i];
    return rest == 0 ? 0 : RN_EINVAL;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void init(struct scope *scope, const rn_scope_opts *opts, const char *where)
{
    *scope = (struct scope){
        .runtime = opts->runtime != NULL ? opts->runtime : rn_runtime_current(),
        .token = rn_cancel_clone(opts->cancel),
        .deadline = rn__deadline_ns(opts->deadline),
        .name = opts->name,
        .where = where,
        .max_running = opts->max_running == 0 ? UINT32_MAX : opts->max_running,
        .flags = (uint8_t)opts->flags,
        .phase = OPEN,
        .refusal = (int16_t)check(opts),
        .listener = {.keep = keep_for_token, .hear = hear_token},
    };
    if (scope->token != NULL)
        scope->deadline = sooner(scope->deadline, rn__cancel_deadline(scope->token));
    scope->shared.limit = scope->deadline;
    rn__list_init(&scope->tasks);
    rn__list_init(&scope->ended);
}

/* Onto the opener's stack. What cancels the opener already cancels the scope. */
static void enter(struct scope *scope, struct rn__party *opener)
{
    struct rn__lock *lock = lock_of(opener);
    scope->opener = opener;
    if (opener->scope != NULL) {
        scope->outer = inside_of(opener->scope);
        scope->shared.limit = sooner(scope->deadline, opener->scope->limit);
    }
    rn__lock_acquire(lock);
    opener->scope = &scope->shared;
    const int32_t cause = rn__load_acquire(&opener->cause); /* PARTY-9 */
    scope->above = cause;
    rn__lock_release(lock);
    if (cause != 0)
        cancel_scope(scope, cause, RN_ECANCELED);
}

void rn__scope_open(rn_scope *public_scope, const rn_scope_opts *opts, const char *where)
{
    struct scope *scope = inside(public_scope);
    struct rn__party *opener = rn__party_of_caller();
    init(scope, opts == NULL ? &defaults : opts, where);
    if (opener != NULL)
        enter(scope, opener);
    else
        scope->refusal = RN_ENOMEM;
    if (scope->token == NULL)
        return;
    const int32_t cause = rn__cancel_listen(scope->token, &scope->listener);
    if (cause != 0)
        cancel_scope(scope, cause, cause);
}

/* ---------------------------------------------------------------------------------------------------- spawning -- */

static int place_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct scope *scope = operation->object;
    (void)wakes;
    if (scope->running >= scope->max_running)
        return RN__PENDING;
    scope->running++;
    return 0;
}

static const struct rn__operation_kind place_kind = {.verb = "scope spawn", .attempt = place_attempt};

/* Without a limit there is always one, and nobody need be asked whether he may wait. */
static int take_place(struct scope *scope)
{
    struct rn__operation operation = {
        .kind = &place_kind, .lock = &scope->lock, .queue = &scope->spawners, .object = scope, .name = scope->name};
    return scope->max_running == UINT32_MAX ? rn__attempt(&operation, RN_EAGAIN)
                                            : rn__await(&operation, RN_FOREVER, RN__CANCELLABLE);
}

static void give_place_back(struct scope *scope)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&scope->lock);
    leave_place(scope, &wakes);
    rn__lock_release(&scope->lock);
    rn__wakes_run(&wakes);
}

void rn__scope_adopt(struct rn__scope *shared, struct rn__task *task)
{
    struct scope *scope = inside_of(shared);
    task->party.scope = shared;
    rn__lock_acquire(&scope->lock);
    rn__list_push_back(&scope->tasks, &task->in_scope);
    const int32_t cause = scope->cause;
    rn__lock_release(&scope->lock);
    if (cause != 0)
        rn__party_cancel(&task->party, cause);
}

void rn__scope_disown(struct rn__scope *shared, struct rn__task *task)
{
    struct scope *scope = inside_of(shared);
    rn__lock_acquire(&scope->lock);
    rn__list_remove(&task->in_scope);
    rn__lock_release(&scope->lock);
}

static int spawn(struct scope *scope, rn_task *out, struct rn__task_order *order, rn_site *site)
{
    if (out != NULL)
        *out = RN_NO_TASK;
    if (scope->phase != OPEN || scope->refusal != 0)
        return scope->phase != OPEN ? RN_EINVAL : scope->refusal;
    int rc = take_place(scope);
    if (rc != 0)
        return rc;
    order->scope = &scope->shared;
    order->runtime = scope->runtime;
    order->collected = (scope->flags & RN_SCOPE_COLLECT) != 0;
    rc = rn__spawn_order(out, order, site);
    if (rc != 0)
        give_place_back(scope);
    return rc;
}

int rn__scope_spawn(rn_site *site, rn_scope *scope, rn_task *out, rn_fn *fn, void *arg, const rn_spawn_opts *opts)
{
    struct rn__task_order order = {.fn = fn, .arg = arg, .opts = opts};
    return scope == NULL ? RN_EINVAL : spawn(inside(scope), out, &order, site);
}

int rn__scope_spawn_copy(rn_site *site, rn_scope *scope, rn_task *out, rn_fn *fn, const void *arg, size_t size,
                         const rn_spawn_opts *opts)
{
    struct rn__task_order order = {
        .fn = fn, .arg = (void *)(uintptr_t)arg, .copy = true, .copy_size = size, .opts = opts};
    return scope == NULL ? RN_EINVAL : spawn(inside(scope), out, &order, site);
}

/* ------------------------------------------------------------------------------------------------ a task's end -- */

struct rn__scope *rn__scope_of_ended(const struct rn__task *task)
{
    struct rn__scope *shared = task->party.scope;
    if (shared != NULL && inside_of(shared)->opener == &task->party)
        misused(inside_of(shared), "its task has ended and left it open");
    return shared;
}

/* Under the lock: RN_ECANCELED from a task that was asked to stop is what was asked for. */
static bool is_failure(struct scope *scope, int result)
{
    if (result == 0)
        return false;
    look_at_deadline(scope);
    return result != RN_ECANCELED || scope->cause == 0;
}

/* A failure, while the task still counts. */
static void fail(struct scope *scope, int result)
{
    rn__lock_acquire(&scope->lock);
    const bool counts = is_failure(scope, result);
    const bool first = counts && (scope->flags & RN_SCOPE_KEEP_GOING) == 0 && cancel_first(scope, result, result);
    if (counts)
        decide(scope, result);
    rn__lock_release(&scope->lock);
    if (first)
        walk_from(scope);
}

static rn_ended describe(const struct rn__task *task)
{
    const bool copied = task->arg == task->argument || task->argument_size > 0;
    return (rn_ended){.id = rn__task_handle(task).id, .arg = copied ? NULL : task->arg, .result = task->result};
}

/* Under the lock: to somebody who waits for it, or else in line. true: nobody needs the slot any more. */
static bool collect(struct scope *scope, struct rn__task *task, struct rn__wakes *wakes)
{
    struct rn__waiter *taker = rn__waitq_claim(&scope->takers);
    if (taker == NULL) {
        rn__list_push_back(&scope->ended, &task->in_scope);
        return false;
    }
    *(rn_ended *)rn__operation_of(taker)->data = describe(task);
    rn__wakes_add(wakes, taker, 0);
    return true;
}

void rn__scope_task_ended(struct rn__scope *shared, struct rn__task *task, int result)
{
    struct scope *scope = inside_of(shared);
    const bool collects = (scope->flags & RN_SCOPE_COLLECT) != 0;
    struct rn__wakes wakes = {0};
    if (RN__UNLIKELY(result != 0))
        fail(scope, result);
    rn__lock_acquire(&scope->lock);
    rn__list_remove(&task->in_scope);
    const bool taken = collects && collect(scope, task, &wakes);
    leave_place(scope, &wakes);
    rn__lock_release(&scope->lock);
    if (taken)
        rn__task_forget(task); /* before the taker knows: to those who hold its handle it is gone */
    rn__wakes_run(&wakes);
}

/* -------------------------------------------------------------------------------------------------- collecting -- */

struct take {
    struct rn__operation operation;
    struct rn__task *taken; /* its slot goes back outside the lock */
};
RN__FITS_A_CASE(struct take);

static struct take *take_of(const struct rn__operation *operation)
{
    return rn__container_of(operation, struct take, operation);
}

static int take_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct scope *scope = operation->object;
    struct rn__link *link = rn__list_first(&scope->ended);
    (void)wakes;
    if (link == NULL)
        return scope->running == 0 ? RN_EMPTY : RN__PENDING;
    struct rn__task *task = rn__container_of(link, struct rn__task, in_scope);
    rn__list_remove(link);
    *(rn_ended *)operation->data = describe(task);
    take_of(operation)->taken = task;
    return 0;
}

static bool take_ready(const struct rn__operation *operation)
{
    const struct scope *scope = operation->object;
    return scope->running == 0 || !rn__list_is_empty(&scope->ended);
}

static int take_finish(struct rn__operation *operation, int rc)
{
    struct take *take = take_of(operation);
    if (take->taken != NULL)
        rn__task_forget(take->taken);
    take->taken = NULL;
    return rc;
}

static const struct rn__operation_kind take_kind = {
    .verb = "scope next", .attempt = take_attempt, .ready = take_ready, .finish = take_finish};

static bool take_init(struct take *take, rn_scope *public_scope, rn_ended *out)
{
    if (public_scope == NULL || out == NULL)
        return false;
    struct scope *scope = inside(public_scope);
    if (scope->phase != OPEN || (scope->flags & RN_SCOPE_COLLECT) == 0)
        return false;
    *take = (struct take){.operation = {.kind = &take_kind,
                                        .lock = &scope->lock,
                                        .queue = &scope->takers,
                                        .object = scope,
                                        .name = scope->name,
                                        .data = out}};
    return true;
}

int rn_scope_next_until(rn_scope *scope, rn_ended *out, rn_deadline deadline)
{
    struct take take;
    if (!take_init(&take, scope, out))
        return RN_EINVAL;
    return take_finish(&take.operation, rn__await(&take.operation, deadline, RN__CANCELLABLE));
}

int rn_scope_next(rn_scope *scope, rn_ended *out)
{
    return rn_scope_next_until(scope, out, RN_FOREVER);
}

int rn_scope_try_next(rn_scope *scope, rn_ended *out)
{
    struct take take;
    if (!take_init(&take, scope, out))
        return RN_EINVAL;
    return take_finish(&take.operation, rn__attempt(&take.operation, RN_EAGAIN));
}

rn_case rn_scope_next_case(rn_scope *scope, rn_ended *out)
{
    rn_case made = {0};
    if (scope != NULL && !take_init(take_of(rn__case_operation(&made)), scope, out))
        return rn__case_refused();
    return made;
}

/* ----------------------------------------------------------------------------------------------------- closing -- */

static int idle_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return is_idle(operation->object) ? 0 : RN__PENDING;
}

static const struct rn__operation_kind idle_kind = {.verb = "scope close", .attempt = idle_attempt};

/* A plain thread that got no party can only look again and again. */
static void await_idle(struct scope *scope)
{
    struct rn__operation operation = {
        .kind = &idle_kind, .lock = &scope->lock, .queue = &scope->closers, .object = scope, .name = scope->name};
    int rc = rn__attempt(&operation, RN_EAGAIN);
    while (rc != 0 && (rc = rn__await(&operation, RN_FOREVER, RN__UNCANCELLABLE)) == RN_ENOMEM)
        (void)rn__await_deadline(rn_in_ms(1), RN__UNCANCELLABLE);
    if (rc != 0)
        misused(scope, "it cannot be closed in a drop or clone function");
}

/* From the opener's stack; what the scope had cancelled of the opener is taken back. Who comes to cancel from now on
 * does not find the scope. */
static void leave(struct scope *scope)
{
    struct rn__party *opener = scope->opener;
    struct rn__lock *lock = lock_of(opener);
    rn__lock_acquire(lock);
    opener->scope = scope->outer == NULL ? NULL : &scope->outer->shared;
    rn__store_relaxed(&opener->cause, scope->above); /* rlx: others write it under the lock, and it is ours to read */
    rn__lock_release(lock);
}

static void drop_ended(struct scope *scope)
{
    struct rn__link *link;
    while ((link = rn__list_first(&scope->ended)) != NULL) {
        rn__list_remove(link);
        rn__task_forget(rn__container_of(link, struct rn__task, in_scope));
    }
}

static void check_order(const struct scope *scope)
{
    const struct rn__party *self = rn__party_current();
    if (scope->opener == NULL)
        return;
    if (self != scope->opener)
        misused(scope, "it is not closed by whoever has opened it");
    if (self->scope != &scope->shared)
        misused(scope, "it is closed before one that was opened after it");
}

int rn_scope_close(rn_scope *public_scope)
{
    if (public_scope == NULL)
        return RN_EINVAL;
    struct scope *scope = inside(public_scope);
    if (scope->phase == CLOSED)
        return scope->verdict;
    check_order(scope);
    await_idle(scope);
    if (scope->token != NULL)
        rn__cancel_unlisten(scope->token, &scope->listener);
    if (scope->opener != NULL)
        leave(scope);
    await_idle(scope); /* who had found it before */
    look_at_deadline(scope);
    decide(scope, scope->refusal);
    drop_ended(scope);
    rn_cancel_drop(scope->token);
    scope->phase = CLOSED;
    return scope->verdict;
}

size_t rn_scope_running(rn_scope *public_scope)
{
    if (public_scope == NULL || inside(public_scope)->phase != OPEN)
        return 0;
    struct scope *scope = inside(public_scope);
    rn__lock_acquire(&scope->lock);
    const uint32_t running = scope->running;
    rn__lock_release(&scope->lock);
    return running;
}
