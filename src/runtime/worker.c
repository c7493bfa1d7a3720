/* SPDX-License-Identifier: MIT */
/* worker.c - picking the next task and switching to it; waking tasks of this and of other workers.
 *
 * A task that parks switches straight to the next one; the scheduler's own frame is visited only when nothing is
 * ready or somebody asked for it. A task that ends hands its stack to the next fresh one without a switch.
 *
 * Edges
 *  INBOX-1 rn__worker_post() seq_cst -> INBOX-2 drain() acquire: the woken task, and what its waker wrote before
 *  IDLE-1 rn__worker_post() seq_cst -> IDLE-2 rn__worker_has_work() seq_cst: push, then look whether the worker
 *         sleeps; the worker announces its sleep, then looks at its inbox. One of the two sees the other (Dekker)
 *  IDLE-3 set_count() seq_cst -> IDLE-4 rn__fresh_has_some() seq_cst: the same, for fresh tasks
 *  IDLE-5 rn__worker_interrupt() seq_cst -> IDLE-6 rn__worker_has_work() seq_cst: the same, for attention
 *  IDLE-7 sleep_until() seq_cst -> IDLE-8 rn__worker_kick() seq_cst: the announcement that the three above look at
 *  STOP-1 run_root() seq_cst -> STOP-2 rn__worker_run() acquire: what happened before the end
 *  SLOT-1 slot_make() release -> SLOT-2 rn__worker_take() acquire: a slot's memory before its place in the list
 */
#include "runtime/worker.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "runtime/handler.h"
#include "runtime/runtime.h"
#include "wait/clock.h"

enum {
    PICKS_PER_LOOK = 61,      /* picks between two looks at the timers: Tokio's figure, a prime */
    PICKS_PER_FRESH = 8,      /* of the ready ones before an old fresh one gets its turn */
    NEXT_IN_A_ROW = 3,        /* of the woken ones before the ready ones get theirs */
    BLOCKS_AT_ONCE = 32,      /* slots taken from or given to the table */
    RESERVATIONS_AT_ONCE = 32 /* stacks reserved or given back */
};

static RN__THREAD_LOCAL struct rn__worker *current;

RN__NOINLINE struct rn__worker *rn__worker_current(void)
{
    return current;
}

/* ------------------------------------------------------------------------------------------------- waking -- */

/* The first that is woken runs next, the others in the order in which they were woken. */
void rn__worker_ready(struct rn__worker *worker, struct rn__task *task)
{
    if (worker->next == NULL)
        worker->next = task;
    else
        rn__ready_push(&worker->ready, task);
}

bool rn__worker_kick(struct rn__worker *worker)
{
    if (rn__load_seq_cst(&worker->asleep) == 0) /* IDLE-8 */
        return false;
    if (rn__exchange_seq_cst(&worker->asleep, 0) == 0) /* IDLE-8: one of several kickers makes the system call */
        return false;
    rn__platform_futex_wake(&worker->asleep, 1);
    return true;
}

void rn__worker_post(struct rn__worker *worker, struct rn__task *task)
{
    struct rn__party *head = rn__load_relaxed(&worker->inbox); /* rlx: the exchange below checks it */
    do
        task->party.next = head;
    while (!rn__cas_seq_cst(&worker->inbox, &head, &task->party)); /* INBOX-1 IDLE-1 */
    if (head == NULL) /* whoever found it empty wakes; for the others that has been done */
        rn__worker_kick(worker);
}

void rn__worker_interrupt(struct rn__worker *worker, uint32_t attention)
{
    uint32_t before = rn__load_relaxed(&worker->attention);                   /* rlx: checked below */
    while (!rn__cas_seq_cst(&worker->attention, &before, before | attention)) /* IDLE-5 */
        ;
    rn__worker_kick(worker);
}

/* The inbox holds the newest first; served is whoever came first. A task that has not started was placed on this
 * very worker: it stands in line with the others. */
static void drain(struct rn__worker *worker)
{
    struct rn__party *newest = rn__exchange_acq_rel(&worker->inbox, NULL); /* INBOX-2 */
    struct rn__party *oldest = NULL;
    while (newest != NULL) {
        struct rn__party *party = newest;
        newest = party->next;
        party->next = oldest;
        oldest = party;
    }
    while (oldest != NULL) {
        struct rn__party *party = oldest;
        oldest = party->next;
        rn__ready_push(&worker->ready, rn__task_of(party));
    }
}

/* ------------------------------------------------------------------------------------------------ picking -- */

static void fire_timers(struct rn__worker *worker)
{
    struct rn__link due;
    if (worker->timers.count == 0)
        return;
    rn__list_init(&due);
    const int64_t now = rn__now();
    rn__timers_advance(&worker->timers, now, &due);
    if (RN__UNLIKELY(rn__clock_is_paused()))
        rn__timers_take_due(&worker->timers, now, &due);
    for (struct rn__link *link; (link = rn__list_first(&due)) != NULL;) {
        struct rn__task *task = rn__container_of(link, struct rn__task, timer.link);
        rn__list_remove(link);
        const uint64_t word = rn__load_relaxed(
            &task->party.word); /* rlx: only its epoch, which its own worker changes */
        if (rn__party_fire(rn__token(task->party.index, rn__word_epoch(word)), RN__BY_TIMER))
            rn__ready_push(&worker->ready, task); /* and not into `next`: in the order of their deadlines */
    }
}

/* Things that need not be looked at on every pick. true: the scheduler's frame is wanted. */
static bool look_around(struct rn__worker *worker)
{
    uint32_t attention = rn__load_relaxed(&worker->attention); /* rlx: a bit that is missed now is seen next time */
    if ((attention & RN__ATTENTION_TICK) != 0)
        rn__cas_relaxed(&worker->attention, &attention,
                        attention & ~(uint32_t)RN__ATTENTION_TICK); /* rlx: as above */
    fire_timers(worker);
    return (attention & RN__ATTENTION_RETURN) != 0;
}

static struct rn__task *take_fresh(struct rn__worker *worker, bool oldest)
{
    struct rn__task *task = oldest ? rn__fresh_pop_oldest(&worker->fresh) : rn__fresh_pop_newest(&worker->fresh);
    if (task != NULL && rn__fresh_count(&worker->fresh) > 0)
        rn__runtime_call_help(worker->runtime);
    return task;
}

static struct rn__task *take_next(struct rn__worker *worker)
{
    struct rn__task *task = worker->next;
    worker->next = NULL;
    if (task != NULL && ++worker->next_in_a_row <= NEXT_IN_A_ROW)
        return task;
    worker->next_in_a_row = 0;
    if (task != NULL)
        rn__ready_push(&worker->ready, task);
    return NULL;
}

/* The one function that decides who runs next on a worker. NULL: nobody, or the scheduler's frame is wanted. For one
 * who yields, those who have not even started come first: it stands among the ready ones itself. */
static struct rn__task *pick(struct rn__worker *worker, bool yielding)
{
    const uint32_t picks = ++worker->picks;
    struct rn__task *task;
    if (rn__load_relaxed(&worker->inbox) != NULL) /* rlx: only whether to look */
        drain(worker);
    if (RN__UNLIKELY(picks % PICKS_PER_LOOK == 0 || rn__load_relaxed(&worker->attention) != 0)) /* rlx: as above */
        if (look_around(worker))
            return NULL;
    if ((yielding || picks % PICKS_PER_FRESH == 0) && (task = take_fresh(worker, true)) != NULL)
        return task;
    if ((task = take_next(worker)) != NULL)
        return task;
    if ((task = rn__ready_pop(&worker->ready)) != NULL)
        return task;
    return take_fresh(worker, false);
}

/* ---------------------------------------------------------------------------------------------- switching -- */

static void set_running(struct rn__worker *worker, struct rn__task *task)
{
    rn__store_relaxed(&worker->running, task);                  /* rlx: for the dump and the monitor */
    rn__store_relaxed(&worker->switches, worker->switches + 1); /* rlx: as above */
    rn__party_set_current(task == NULL ? NULL : &task->party);
    if (task != NULL)
        task->party.budget = RN__BUDGET;
}

static void task_entry(void *arg);

/* The task starts on this stack: what its slot held for the time before is moved out of the way of its fiber. */
static void settle_in(struct rn__worker *worker, struct rn__task *task, struct rn__stack *stack)
{
    if (task->argument_size - 1u < RN__ARGUMENT_INLINE) /* copied, and not on the heap */
        memcpy(worker->argument, task->argument, task->argument_size);
    task->home = worker;
    rn__task_set_state(task, RN__TASK_STARTED);
    task->timer = (struct rn__timer){0};
    stack->owner = task;
}

static bool is_default_class(const struct rn__worker *worker, const struct rn__task *task)
{
    return rn__stack_class_at(task->stack_class) == worker->stacks.size_class;
}

/* Makes `task` the running one; gives the fiber to switch to. */
static struct rn__fiber *enter(struct rn__worker *worker, struct rn__task *task)
{
    if (task == NULL) {
        set_running(worker, NULL);
        return &worker->scheduler;
    }
    if (rn__task_state(task) == RN__TASK_FRESH) {
        struct rn__stack *stack = is_default_class(worker, task)
                                      ? rn__stack_cache_take(&worker->stacks)
                                      : rn__stack_attach(rn__stack_class_at(task->stack_class));
        settle_in(worker, task, stack);
        rn__fiber_prepare(&task->fiber, stack, task_entry, worker);
        if ((task->flags & RN_TASK_FLOAT_CONTROL) != 0)
            task->fiber.flags = RN__FIBER_FLOAT_CONTROL;
    }
    set_running(worker, task);
    return &task->fiber;
}

static void unreserve(struct rn__worker *worker, struct rn__stack_class *size_class)
{
    if (size_class == worker->stacks.size_class)
        rn__worker_unreserve_stack(worker);
    else
        rn__stacks_unreserve(size_class, 1);
}

/* A task that ended was still standing on its stack when it chose its successor; whoever runs next gives it away. */
static void release_left_stack(struct rn__worker *worker)
{
    struct rn__stack *stack = worker->left;
    if (RN__LIKELY(stack == NULL))
        return;
    struct rn__stack_class *size_class = stack->size_class;
    worker->left = NULL;
    if (size_class == worker->stacks.size_class)
        rn__stack_cache_put(&worker->stacks, stack);
    else
        rn__stack_detach(stack);
    if (!worker->left_by_idle)
        unreserve(worker, size_class); /* not earlier: what is not reserved may be somebody else's */
}

/* Everything that comes back from a switch, or begins by one, comes through here. */
static void switch_to(struct rn__worker *worker, struct rn__fiber *from, struct rn__task *to)
{
    rn__fiber_switch(from, enter(worker, to));
    release_left_stack(worker);
}

static void leave(struct rn__worker *worker, struct rn__task *from, bool yielding)
{
    struct rn__task *to = pick(worker, yielding);
    if (to == from) {
        set_running(worker, from);
        return;
    }
    switch_to(worker, &from->fiber, to);
}

void rn__worker_leave(struct rn__worker *worker, struct rn__task *from)
{
    leave(worker, from, false);
}

void rn__worker_yield(struct rn__worker *worker, struct rn__task *from)
{
    rn__ready_push(&worker->ready, from);
    leave(worker, from, true);
}

/* May `to` begin where another task has just ended, without a switch? Not if the stack is of another size, nor if one
 * of the two has floating-point control of its own, which goes along with switches. */
static bool can_follow(const struct rn__task *to, const struct rn__fiber *ended)
{
    return to != NULL && rn__task_state(to) == RN__TASK_FRESH &&
           rn__stack_class_at(to->stack_class) == ended->stack->size_class && to->flags == 0 && ended->flags == 0;
}

/* Runs the task to its end, or a handler until it has nothing to do: false then. From here on its fiber is a copy,
 * because the slot of a task that has ended, or of a handler that rests, may be somebody else's at once. */
static bool run(struct rn__worker *worker, struct rn__task *task)
{
    struct rn__handler handler;
    bool ended = true;
    int result = 0;
    if (RN__UNLIKELY(rn__task_is_handler(task)))
        ended = rn__handler_run(task, worker->argument, &handler, &result);
    else
        result = rn__task_call(task, worker->argument);
    worker->dying = task->fiber;
    if (RN__LIKELY(ended))
        rn__task_end(task, result);
    else
        rn__handler_rest(task, &handler);
    return ended;
}

/* Runs the worker's running task to its end, then the next fresh one on the same stack, and so on; leaves for good
 * when the next one has a stack of its own, or nobody is ready. */
static void task_entry(void *arg)
{
    struct rn__worker *worker = arg;
    release_left_stack(worker);
    for (;;) {
        const bool ended = run(worker, worker->running);
        struct rn__task *to = pick(worker, false);
        struct rn__stack *stack = worker->dying.stack;
        if (can_follow(to, &worker->dying)) {
            if (RN__LIKELY(ended))
                unreserve(worker, stack->size_class);
            settle_in(worker, to, stack);
            to->fiber = worker->dying;
            errno = 0;
            set_running(worker, to);
            continue;
        }
        stack->owner = NULL;
        worker->left = stack;
        worker->left_by_idle = !ended;
        rn__fiber_leave(&worker->dying, enter(worker, to));
    }
}

/* ---------------------------------------------------------------------------------------------- the loop -- */

void rn__worker_run(struct rn__worker *worker, const uint32_t *stop, int64_t deadline)
{
    struct rn__party *const outside = rn__party_current(); /* under rn_run the thread has waited before, perhaps */
    current = worker;
    rn__fiber_adopt_thread(&worker->scheduler);
    while (rn__load_acquire(stop) == 0) { /* STOP-2: the end has come */
        struct rn__task *task = pick(worker, false);
        if (task != NULL) {
            switch_to(worker, &worker->scheduler, task);
            continue;
        }
        rn__exchange_seq_cst(&worker->attention, 0); /* IDLE-6: whoever set it had set *stop before */
        if (rn__load_acquire(stop) != 0 || (deadline != RN__NEVER && rn__now() >= deadline)) /* STOP-2 */
            break;
        fire_timers(worker);
        if (!rn__worker_has_work(worker))
            rn__worker_idle(worker, deadline);
    }
    rn__fiber_release_thread(&worker->scheduler);
    current = NULL;
    rn__party_set_current(outside);
}

/* ----------------------------------------------------------------------------------- slots and pockets -- */

static struct {
    struct rn__lock lock; /* protects the list and in_use */
    struct rn__worker *slots[RN_WORKERS_MAX];
    bool in_use[RN_WORKERS_MAX];
} table;

struct rn__worker *rn__worker_in_slot(uint32_t slot)
{
    return rn__load_acquire(&table.slots[slot]); /* SLOT-2 */
}

void rn__workers_lock(void)
{
    rn__lock_acquire(&table.lock);
}

void rn__workers_unlock(void)
{
    rn__lock_release(&table.lock);
}

void rn__workers_disown(void)
{
    for (uint32_t slot = 0; slot < RN_WORKERS_MAX; slot++) {
        rn__store_relaxed(&table.slots[slot], NULL); /* rlx: there is only one thread */
        table.in_use[slot] = false;
    }
    current = NULL;
}

static struct rn__worker *slot_make(uint32_t slot)
{
    const size_t page = rn__platform_page_size();
    struct rn__worker *worker = rn__platform_map((sizeof *worker + page - 1) / page * page);
    rn__store_release(&table.slots[slot], worker); /* SLOT-1 */
    return worker;
}

static struct rn__worker *slot_take(void)
{
    for (uint32_t slot = 0; slot < RN_WORKERS_MAX; slot++) {
        if (table.in_use[slot])
            continue;
        struct rn__worker *worker = rn__load_acquire(&table.slots[slot]); /* SLOT-2 */
        if (worker == NULL && (worker = slot_make(slot)) == NULL)
            return NULL;
        table.in_use[slot] = true;
        worker->slot = slot;
        return worker;
    }
    return NULL;
}

struct rn__worker *rn__worker_take(struct rn_runtime *runtime, uint32_t number)
{
    rn__lock_acquire(&table.lock);
    struct rn__worker *worker = slot_take();
    rn__lock_release(&table.lock);
    if (worker == NULL)
        return NULL;
    worker->runtime = runtime;
    worker->number = number;
    worker->spawned = worker->ended = 0;
    worker->overloaded = worker->called_to_help = 0;
    worker->seen.oldest = NULL;
    rn__store_relaxed(&worker->attention, 0); /* rlx: nobody knows this worker yet */
    rn__timers_init(&worker->timers, rn__now());
    if (rn__stack_cache_init(&worker->stacks, runtime->stack_class, 2 * RESERVATIONS_AT_ONCE))
        return worker;
    rn__worker_give_back(worker);
    return NULL;
}

void rn__worker_give_back(struct rn__worker *worker)
{
    if (worker->spare_reservations > 0)
        rn__stacks_unreserve(worker->stacks.size_class, worker->spare_reservations);
    worker->spare_reservations = 0;
    if (worker->stacks.size_class != NULL)
        rn__stack_cache_fini(&worker->stacks);
    while (worker->blocks != NULL) {
        struct rn__party *party = worker->blocks;
        worker->blocks = party->next;
        rn__party_give_back(party);
    }
    worker->block_count = 0;
    rn__lock_acquire(&table.lock);
    table.in_use[worker->slot] = false;
    rn__lock_release(&table.lock);
}

void rn__workers_rouse(void)
{
    for (uint32_t slot = 0; slot < RN_WORKERS_MAX; slot++) {
        struct rn__worker *worker = rn__load_acquire(&table.slots[slot]); /* SLOT-2 */
        if (worker != NULL)
            rn__worker_kick(worker);
    }
}

struct rn__party *rn__worker_take_block(struct rn__worker *worker)
{
    if (worker->blocks == NULL)
        worker->block_count = rn__party_take_many(&worker->blocks, BLOCKS_AT_ONCE);
    struct rn__party *party = worker->blocks;
    if (party == NULL)
        return NULL;
    worker->blocks = party->next;
    worker->block_count--;
    return party;
}

void rn__worker_put_block(struct rn__worker *worker, struct rn__party *party)
{
    party->next = worker->blocks;
    worker->blocks = party;
    if (++worker->block_count < 3 * BLOCKS_AT_ONCE)
        return;
    struct rn__party *last = party;
    for (int i = 1; i < BLOCKS_AT_ONCE; i++)
        last = last->next;
    worker->blocks = last->next;
    worker->block_count -= BLOCKS_AT_ONCE;
    rn__party_give_back_many(party, last, BLOCKS_AT_ONCE);
}

bool rn__worker_reserve_stack(struct rn__worker *worker)
{
    if (worker->spare_reservations == 0) {
        if (rn__stacks_reserve(worker->stacks.size_class, RESERVATIONS_AT_ONCE))
            worker->spare_reservations = RESERVATIONS_AT_ONCE;
        else
            return rn__stacks_reserve(worker->stacks.size_class, 1);
    }
    worker->spare_reservations--;
    return true;
}

void rn__worker_unreserve_stack(struct rn__worker *worker)
{
    if (++worker->spare_reservations < 3 * RESERVATIONS_AT_ONCE)
        return;
    worker->spare_reservations -= RESERVATIONS_AT_ONCE;
    rn__stacks_unreserve(worker->stacks.size_class, RESERVATIONS_AT_ONCE);
}
