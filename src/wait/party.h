/* SPDX-License-Identifier: MIT */
/* party.h - whoever can wait: a task, a plain thread, a callback. The one protocol by which all of them are woken.
 *
 * A party is a slot of a process-wide table that is never unmapped. Who wants to wake it holds no pointer but a
 * token, a number that names the slot and one single wait of it:
 *
 *     token = index:24 | epoch:40          0 = nobody
 *     word  = epoch:40 | which:16 | state:8
 *
 *                     rn__party_arm()                      rn__party_fire(token, which)
 *        +------+  epoch + 1          +-------+   one winner: peer, closer,    +-------+
 *        | IDLE | ------------------> | ARMED | ---- timer or canceller -----> | FIRED |
 *        +------+                     +-------+                                +-------+
 *          ^  ^   rn__party_disarm()      |                                        | rn__party_schedule(token)
 *          |  +---------------------------+                                        | by the winner, once
 *          |      the owner: no wake will come                                     v
 *          +----------------------- rn__party_settle() <-------------------- (runs again)
 *                                   the owner reads `which`
 *
 * SHIELDED is ARMED for everybody but the canceller.
 *
 * Rules
 *  1. Arm, then stand in queues, then look at the cause of cancellation, then park. A canceller stores the cause,
 *     then looks at the word: one of the two sees the other (edge PARTY-5).
 *  2. A peer that means to move a value or a permit fires first and moves only if it won. If it lost it takes the
 *     waiter out of the queue and tries the next one. So no value reaches somebody who has given up.
 *  3. Between winning and scheduling the waiter's frame stays alive: it may be written to. After scheduling it may
 *     be gone: not even a read.
 *  4. Armed, there are two ways out: disarm succeeds (no wake will come), or park until scheduled, even if the
 *     word already says FIRED. Hence exactly one schedule for an epoch that was fired, and none for the others.
 *  5. Nothing here knows what a stack is: see callback.h.
 *
 * The slot outlives its use and its epoch only grows, so a token can be kept, copied and used late: it then names
 * nobody. 2^40 waits of one slot would have to pass during one preemption to confuse two.
 *
 * In the child of a fork none of the parties of the parent exists. One chunk of zeros takes the place of all their
 * slots, IDLE and of epoch 0: every token of theirs has lost, every handle is stale, and no page of theirs is copied
 * for that. The child's own parties get indices that the parent has not used (fork.c).
 */
#ifndef RN__WAIT_PARTY_H
#define RN__WAIT_PARTY_H

#include "base/annotate.h"
#include "base/atomic.h"

enum rn__party_state { RN__PARTY_IDLE, RN__PARTY_ARMED, RN__PARTY_SHIELDED, RN__PARTY_FIRED, RN__PARTY_READY };

/* `which` of a wake that comes from no case of the waiter's own. */
enum { RN__BY_TIMER = 0xfffe, RN__BY_CANCEL = 0xffff };

/* Room for the party and what a kind of party adds to it; sanitizers keep more about a fiber. */
#define RN__PARTY_SLOT ((size_t)(RN__ANNOTATES_FIBERS ? 512 : 256))
#define RN__PARTIES_MAX ((uint32_t)1 << 24)

struct rn__party;
struct rn__waiter;

/* What a wait looks at of the scope that its party is in; the scope begins with it (runtime/scope.c). */
struct rn__scope {
    int64_t limit; /* no cancellable wait goes on after it (clock of rn__now); INT64_MAX: none */
};

struct rn__party_kind {
    const char *name;
    bool cancellable; /* false: nobody can cancel it, so shielding means nothing */
    /* Runs again only after schedule, or with which == RN__BY_TIMER if `deadline` (clock of rn__now; INT64_MAX: none)
     * passed first and firing the party itself was won. NULL: this kind has no frame to come back to. */
    void (*park)(struct rn__party *party, int64_t deadline);
    /* Called once after each won fire, by any thread. */
    void (*schedule)(struct rn__party *party);
    /* Lets others run; called when the budget is spent. NULL: nobody to let. */
    void (*yield)(struct rn__party *party);
};

struct rn__party {
    uint64_t word;
    uint64_t life; /* for kinds whose parties have handles: kept, like the epoch, when the slot is used again */
    const struct rn__party_kind *kind;
    union {
        struct rn__party *next; /* of the one list it is in: free slots, an inbox, a ready queue */
        /* While it waits and is in none: `standing_count` waiters, each in the operation of a case of one array, or
         * the only one; NULL: nowhere. For the child of a fork, see fork.c. */
        struct rn__waiter *standing;
    };
    struct rn__scope
        *scope; /* the last that it has opened, else the one it was spawned into; NULL: none. The owner's */
    struct rn__extra *extra; /* what few have (local.h); NULL in a free slot */
    uint32_t index;
    int32_t cause;   /* why it was cancelled; 0 = it was not. The first one stays */
    uint32_t shield; /* depth of rn_shield_enter; the owner's */
    uint16_t budget; /* operations that may still complete before others get a turn; the owner's */
    uint16_t standing_count;
    /* What it waits for, for the dump: written by the owner, read by anybody, each a word of its own. */
    const char *wait_verb;
    const char *wait_name;
    const void *wait_object;
    int64_t wait_deadline;
};

/* How many operations a party may complete in one go (design: Tokio's figure too). */
#define RN__BUDGET 128

/* -- the table ------------------------------------------------------------------------------------------------- */

/* A free slot, IDLE, its epoch as it was left, everything behind the party untouched; NULL when out of memory. */
struct rn__party *rn__party_take(const struct rn__party_kind *kind);
void rn__party_give_back(struct rn__party *party);

/* Up to n at once, linked by next, for caches; gives the number. */
uint32_t rn__party_take_many(struct rn__party **list, uint32_t n);
void rn__party_give_back_many(struct rn__party *first, struct rn__party *last, uint32_t n);
/* Makes a slot that came from a list ready for use. */
void rn__party_prepare(struct rn__party *party, const struct rn__party_kind *kind);

/* index < rn__party_count(). Slots that were never used have kind == NULL. */
struct rn__party *rn__party_at(uint32_t index);
uint32_t rn__party_count(void);

/* Is this the number of a slot that a parent process has used? */
bool rn__party_is_inherited(uint32_t index);

/* Around a fork, by fork.c: nobody else changes the table meanwhile. */
void rn__party_table_lock(void);
void rn__party_table_unlock(void);
/* In the child, under that lock: all the slots are the parent's. */
void rn__party_table_disown(void);

/* -- who am I -------------------------------------------------------------------------------------------------- */

/* NULL: a plain thread that has not waited yet. */
struct rn__party *rn__party_current(void);
/* The same, and a plain thread gets its party here; NULL when out of memory. */
struct rn__party *rn__party_of_caller(void);
void rn__party_set_current(struct rn__party *party);

/* In the child of a fork: whoever called fork() is a plain thread there. */
void rn__party_forget_caller(void);
/* The task that the calling thread was when it forked: an address, no more. NULL: none. */
const void *rn__party_before_fork(void);

/* A callback of the user (drop, clone, modify) runs between these: it must not wait. */
void rn__callback_enter(void);
void rn__callback_leave(void);
bool rn__callback_running(void);

/* -- the arrows ------------------------------------------------------------------------------------------------ */

/* Owner, IDLE: a new wait begins. Gives its token. */
uint64_t rn__party_arm(struct rn__party *party);
/* Owner: true = no wake will come for this wait; false = somebody fired: park. */
bool rn__party_disarm(struct rn__party *party);
/* Anybody, with a token that is not 0: true = you won this wait and must schedule it, after you have moved what there
 * is to move. */
bool rn__party_fire(uint64_t token, uint32_t which);
void rn__party_schedule(uint64_t token);
/* Owner, after park came back: which case it was. */
uint32_t rn__party_settle(struct rn__party *party);
/* Anybody: from now on every cancellable wait of the party ends. cause != 0. Again is fine: the first stays. */
void rn__party_cancel(struct rn__party *party, int32_t cause);
/* The same for many, under a lock: true = you won its wait and schedule it later. */
bool rn__party_cancel_begin(struct rn__party *party, int32_t cause);
/* Owner: cancelled and not shielded? */
bool rn__party_is_cancelled(const struct rn__party *party);
/* Owner: where its cancellable waits end at the latest; INT64_MAX: nowhere. */
static inline int64_t rn__party_limit(const struct rn__party *party)
{
    return RN__LIKELY(party->scope == NULL) || party->shield > 0 ? INT64_MAX : party->scope->limit;
}

/* -- the word -------------------------------------------------------------------------------------------------- */

#define RN__EPOCH_MASK ((UINT64_C(1) << 40) - 1)

static inline uint64_t rn__word(uint64_t epoch, uint32_t which, enum rn__party_state state)
{
    return epoch << 24 | (uint64_t)which << 8 | (uint64_t)state;
}

static inline uint64_t rn__word_epoch(uint64_t word)
{
    return word >> 24;
}

static inline uint32_t rn__word_which(uint64_t word)
{
    return (uint32_t)(word >> 8) & 0xffff;
}

static inline enum rn__party_state rn__word_state(uint64_t word)
{
    return (enum rn__party_state)(word & 0xff);
}

static inline uint64_t rn__token(uint32_t index, uint64_t epoch)
{
    return (uint64_t)index << 40 | (epoch & RN__EPOCH_MASK);
}

static inline uint32_t rn__token_index(uint64_t token)
{
    return (uint32_t)(token >> 40);
}

static inline uint64_t rn__token_epoch(uint64_t token)
{
    return token & RN__EPOCH_MASK;
}

/* What a thread sleeps on: the half of the word in which the state lives. */
static inline const uint32_t *rn__word_low(const uint64_t *word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (const uint32_t *)(const void *)word;
#else
    return (const uint32_t *)(const void *)word + 1;
#endif
}

#endif
