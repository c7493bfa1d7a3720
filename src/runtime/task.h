/* SPDX-License-Identifier: MIT */
/* task.h - a task as the inside knows it: one slot of the party table, whether it runs, waits or is only a result.
 *
 *     life = generation:40 | pins:12 | flags:12          (party.life)
 *
 *     spawn: ALIVE, HANDLE if somebody holds one
 *     end:   + ENDED
 *     join, drop: - HANDLE
 *     ENDED, no HANDLE, no pin: generation + 1, the slot is free. Whoever makes that change frees it.
 *
 * A handle is {index, generation}, so a stale one never names another task; a pin keeps the slot while somebody who
 * holds only a handle looks at it.
 */
#ifndef RN__RUNTIME_TASK_H
#define RN__RUNTIME_TASK_H

#include "fiber/switch.h"
#include "platform/lock.h"
#include "runtime/blocking.h"
#include "runtime/timers.h"
#include "wait/select.h"

#include <runnel/task.h>

struct rn__handler_order;

enum { RN__LIFE_ALIVE = 1u << 0, RN__LIFE_HANDLE = 1u << 1, RN__LIFE_ENDED = 1u << 2, RN__LIFE_JOINING = 1u << 3 };
#define RN__LIFE_PIN (UINT64_C(1) << 12)
#define RN__LIFE_PINS (UINT64_C(0xfff) << 12)
#define RN__LIFE_GENERATION (UINT64_C(1) << 24)

/* Arguments up to this size travel in the slot, in the room that the fiber needs only after the start. */
#define RN__ARGUMENT_INLINE ((size_t)64)

/* IDLE: a handler that has nothing to do; it is FRESH again next. */
enum rn__task_state { RN__TASK_FRESH, RN__TASK_STARTED, RN__TASK_IDLE, RN__TASK_DONE };

struct rn__task {
    struct rn__party party;
    union {
        struct {
            struct rn__fiber fiber;
            struct rn__timer timer; /* the deadline of its wait, in its worker's wheel */
        };
        struct {
            char argument[RN__ARGUMENT_INLINE];
            struct rn__blocking_job job; /* until a thread of the pool takes it */
        };
    };
    rn_fn *fn;
    void *arg; /* as given; &argument; or a copy from rn__alloc */
    struct rn_runtime *runtime;
    union {
        struct rn__worker *home;   /* started: the worker whose thread it stays on; NULL: its thread is its own */
        struct rn__task *previous; /* fresh: its neighbour in the deque */
    };
    struct rn__site *site;
    struct rn__lock lock; /* protects result, joiners and the change of state to DONE */
    int32_t result;
    union {
        struct rn__waitq joiners;
        struct rn__link
            in_scope; /* spawned into a scope, which waits for it: among the others, or those that ended */
    };
    uint16_t spawned_from[3]; /* sites that this task has lately spawned from, by number */
    uint16_t live_slot;       /* the worker slot in whose count of the site it stands */
    uint16_t argument_size;   /* bytes copied by rn_spawn_copy */
    uint8_t state;            /* enum rn__task_state */
    uint8_t flags : 3;        /* RN_TASK_* */
    uint8_t stack_class : 5;  /* rn__stack_class_number(): of the stack that is reserved for it */
    uint32_t spawned_at;      /* in units of 1,024 ns, modulo 2^32; 0: the lifetime of this one is not measured */
};
_Static_assert(sizeof(struct rn__task) <= RN__PARTY_SLOT, "a task fits a slot of the party table");

static inline struct rn__task *rn__task_of(struct rn__party *party)
{
    return rn__container_of(party, struct rn__task, party);
}

/* FRESH and STARTED concern only whoever picks the task, and the dump, which then follows `home`; DONE is written,
 * and counts, under the lock. */
static inline enum rn__task_state rn__task_state(const struct rn__task *task)
{
    return (enum rn__task_state)rn__load_acquire(&task->state); /* LIFE-4 */
}

static inline void rn__task_set_state(struct rn__task *task, enum rn__task_state state)
{
    rn__store_release(&task->state, (uint8_t)state); /* LIFE-3 */
}

/* The calling task; NULL on a plain thread. */
struct rn__task *rn__task_current(void);

/* Is this slot a task at all? For walks over the party table. */
bool rn__party_is_task(const struct rn__party *party);

extern const struct rn__party_kind rn__task_kind;         /* runs on a worker */
extern const struct rn__party_kind rn__thread_task_kind;  /* has a thread of its own, or of the pool */
extern const struct rn__party_kind rn__handler_task_kind; /* runs on a worker, for a while at a time */

static inline bool rn__task_is_handler(const struct rn__task *task)
{
    return task->party.kind == &rn__handler_task_kind;
}

/* Fills a free slot: fresh, alive, cancelled if it should be; nobody else sees it before it is placed. */
struct rn__task_order {
    rn_fn *fn;
    void *arg;
    size_t copy_size; /* > 0: *arg is copied */
    bool copy;
    bool handle;
    struct rn__scope *scope;                 /* into which it is spawned; NULL: none */
    bool collected;                          /* by the scope, which is its joiner */
    const struct rn__handler_order *handler; /* NULL: a task with a function of its own */
    const rn_spawn_opts *opts;
    struct rn__site *site;
    struct rn_runtime *runtime;
};
int rn__task_new(struct rn__task **out, const struct rn__task_order *order);
/* The opposite, for a task that was never placed. */
void rn__task_discard(struct rn__task *task);

/* Runs the function on the current stack and gives its result; `scratch` holds an inline argument. */
int rn__task_call(struct rn__task *task, const char *scratch);

/* Asks it, and all whom it waits for in a scope, to stop. It is pinned. */
void rn__task_cancel(struct rn__task *task, int32_t cause);

/* The scope that spawned it has its result. */
void rn__task_forget(struct rn__task *task);

/* The function has returned. After this the slot may be somebody else's. */
void rn__task_end(struct rn__task *task, int result);

/* Do tasks of this place have a thread to themselves, while they run? */
static inline bool rn__has_thread(enum rn_place place)
{
    return place == RN_PLACE_THREAD || place == RN_PLACE_POOL;
}

/* NULL: no task, or a stale handle. */
struct rn__task *rn__task_pin(rn_task handle);
void rn__task_unpin(struct rn__task *task);

static inline rn_task rn__task_handle(const struct rn__task *task)
{
    const uint64_t life = __extension__({ rn__load_relaxed(&task->party.life); }); /* rlx: ours, or pinned */
    return (rn_task){rn__token(task->party.index, life >> 24)};
}

/* The name, or its birthplace's function; for dumps and reports, without any lock. */
const char *rn__task_name(const struct rn__task *task);

#endif
