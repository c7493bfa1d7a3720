/* SPDX-License-Identifier: MIT */
/* party.c - the table of parties and the arrows of their state word, one function each (drawing in party.h).
 *
 * Edges
 *  PARTY-1 rn__party_fire() acq_rel -> PARTY-2 rn__party_settle() acquire: the winner's case number
 *  PARTY-3 rn__party_arm() seq_cst -> PARTY-4 rn__party_fire() acquire: the frame that the token leads to
 *  PARTY-5 rn__party_cancel_begin() seq_cst -> PARTY-6 rn__party_is_cancelled() seq_cst: store the cause, look at the
 *          word; store the word, look at the cause. At least one of the two sees what the other stored (Dekker)
 *  PARTY-7 chunk_publish() release -> PARTY-8 rn__party_at() acquire: the slots of a chunk, before its place
 *  PARTY-5 rn__party_cancel_begin() seq_cst -> PARTY-9 rn_cancelled() acquire: what was done before cancelling
 */
#include "wait/party.h"

#include "base/log.h"
#include "platform/lock.h"
#include "platform/platform.h"
#include "wait/fork.h"

/* 16,384 chunks of 1,024 slots: 256 KiB of address space each, mapped when needed and never unmapped. */
enum { CHUNK_SLOTS = 1024, CHUNKS = (int)(RN__PARTIES_MAX / CHUNK_SLOTS) };

static struct {
    char *chunks[CHUNKS];
    uint32_t count;       /* slots in the chunks that are published; slot 0 is never handed out */
    struct rn__lock lock; /* protects free and the making of chunks; leaf: nothing is called under it but mmap */
    struct rn__party *free;
    uint32_t inherited; /* so many slots, from the first, were made by a parent process */
} table;

/* What a child sees in place of its parent's chunks. Never written. */
static _Alignas(RN__CACHE_LINE) char nobody[CHUNK_SLOTS * RN__PARTY_SLOT];

static RN__THREAD_LOCAL struct {
    struct rn__party *party;
    const void *before_fork;
    uint32_t callbacks;
} self;

/* ---------------------------------------------------------------------------------------------- the table -- */

uint32_t rn__party_count(void)
{
    return rn__load_acquire(&table.count); /* PARTY-8 */
}

struct rn__party *rn__party_at(uint32_t index)
{
    char *chunk = rn__load_acquire(&table.chunks[index / CHUNK_SLOTS]); /* PARTY-8 */
    return (struct rn__party *)(void *)(chunk + (size_t)(index % CHUNK_SLOTS) * RN__PARTY_SLOT);
}

static void chunk_publish(char *chunk, uint32_t number)
{
    rn__store_release(&table.chunks[number], chunk);             /* PARTY-7 */
    rn__store_release(&table.count, (number + 1) * CHUNK_SLOTS); /* PARTY-7 */
}

/* Under the lock: adds a chunk's slots to the free list, lowest index first. */
static bool table_grow(void)
{
    const uint32_t number = table.count / CHUNK_SLOTS;
    char *chunk = number < CHUNKS ? rn__platform_map(CHUNK_SLOTS * RN__PARTY_SLOT) : NULL;
    if (chunk == NULL)
        return false;
    rn__annotate_slab(chunk, CHUNK_SLOTS * RN__PARTY_SLOT); /* tasks hold memory, also when the program exits */
    for (uint32_t i = CHUNK_SLOTS; i-- > 0;) {
        struct rn__party *party = (struct rn__party *)(void *)(chunk + (size_t)i * RN__PARTY_SLOT);
        party->index = number * CHUNK_SLOTS + i;
        if (party->index == 0)
            continue; /* so that no token is 0 */
        party->next = table.free;
        table.free = party;
    }
    chunk_publish(chunk, number);
    return true;
}

uint32_t rn__party_take_many(struct rn__party **list, uint32_t n)
{
    uint32_t taken = 0;
    *list = NULL;
    if (RN__UNLIKELY(rn__party_count() == table.inherited))
        rn__wait_at_fork();
    rn__lock_acquire(&table.lock);
    while (taken < n && (table.free != NULL || (taken == 0 && table_grow()))) {
        struct rn__party *party = table.free;
        table.free = party->next;
        party->next = *list;
        *list = party;
        taken++;
    }
    rn__lock_release(&table.lock);
    return taken;
}

void rn__party_give_back_many(struct rn__party *first, struct rn__party *last, uint32_t n)
{
    if (n == 0)
        return;
    rn__lock_acquire(&table.lock);
    last->next = table.free;
    table.free = first;
    rn__lock_release(&table.lock);
}

bool rn__party_is_inherited(uint32_t index)
{
    return index < table.inherited;
}

void rn__party_table_lock(void)
{
    rn__lock_acquire(&table.lock);
}

void rn__party_table_unlock(void)
{
    rn__lock_release(&table.lock);
}

void rn__party_table_disown(void)
{
    for (uint32_t i = table.inherited / CHUNK_SLOTS; i < table.count / CHUNK_SLOTS; i++)
        rn__store_release(&table.chunks[i], nobody); /* PARTY-7 */
    table.inherited = table.count;
    table.free = NULL;
}

void rn__party_prepare(struct rn__party *party, const struct rn__party_kind *kind)
{
    party->next = NULL;
    party->shield = 0;
    party->scope = NULL;
    party->budget = RN__BUDGET;
    party->standing_count = 0;
    rn__store_relaxed(&party->cause, 0);        /* rlx: the slot is nobody else's yet */
    rn__store_relaxed(&party->wait_verb, NULL); /* rlx: a hint for the dump */
    rn__store_relaxed(&party->kind, kind);      /* rlx: the owner hands tokens out later, by PARTY-3 */
}

struct rn__party *rn__party_take(const struct rn__party_kind *kind)
{
    struct rn__party *party;
    if (rn__party_take_many(&party, 1) == 0)
        return NULL;
    rn__party_prepare(party, kind);
    return party;
}

void rn__party_give_back(struct rn__party *party)
{
    rn__store_relaxed(&party->kind, NULL); /* rlx: the dump skips it from now on, or shows it once more */
    rn__party_give_back_many(party, party, 1);
}

/* --------------------------------------------------------------------------------------------- who am I -- */

RN__NOINLINE struct rn__party *rn__party_current(void)
{
    return self.party;
}

RN__NOINLINE void rn__party_set_current(struct rn__party *party)
{
    self.party = party;
}

/* A callback that forks is still one in the child. */
void rn__party_forget_caller(void)
{
    if (self.party != NULL && self.party->kind->cancellable)
        self.before_fork = self.party;
    self.party = NULL;
}

RN__NOINLINE const void *rn__party_before_fork(void)
{
    return self.before_fork;
}

RN__NOINLINE void rn__callback_enter(void)
{
    self.callbacks++;
}

RN__NOINLINE void rn__callback_leave(void)
{
    rn__assert(self.callbacks > 0);
    self.callbacks--;
}

RN__NOINLINE bool rn__callback_running(void)
{
    return self.callbacks > 0;
}

/* -------------------------------------------------------------------------------------------- the arrows -- */

uint64_t rn__party_arm(struct rn__party *party)
{
    const uint64_t word = rn__load_relaxed(&party->word); /* rlx: IDLE, so only the owner writes it */
    const uint64_t epoch = (rn__word_epoch(word) + 1) & RN__EPOCH_MASK;
    const enum rn__party_state state = party->shield > 0 ? RN__PARTY_SHIELDED : RN__PARTY_ARMED;
    rn__assert(rn__word_state(word) == RN__PARTY_IDLE);
    rn__store_seq_cst(&party->word, rn__word(epoch, 0, state)); /* PARTY-3 PARTY-5: then look at the cause */
    return rn__token(party->index, epoch);
}

bool rn__party_disarm(struct rn__party *party)
{
    uint64_t word = rn__load_relaxed(&party->word); /* rlx: the exchange below decides */
    const enum rn__party_state state = rn__word_state(word);
    if (state != RN__PARTY_ARMED && state != RN__PARTY_SHIELDED)
        return false;
    return rn__cas_acq_rel(&party->word, &word, rn__word(rn__word_epoch(word), 0, RN__PARTY_IDLE)); /* PARTY-2 */
}

/* ARMED or SHIELDED -> FIRED, if the word is still the one that was seen. */
static bool fire_seen(struct rn__party *party, uint64_t word, uint32_t which)
{
    return rn__cas_acq_rel(&party->word, &word,
                           rn__word(rn__word_epoch(word), which, RN__PARTY_FIRED)); /* PARTY-1 PARTY-4 */
}

bool rn__party_fire(uint64_t token, uint32_t which)
{
    struct rn__party *party = rn__party_at(rn__token_index(token));
    const uint64_t word = rn__load_acquire(&party->word); /* PARTY-4 */
    const enum rn__party_state state = rn__word_state(word);
    if (rn__word_epoch(word) != rn__token_epoch(token))
        return false;
    if (state != RN__PARTY_ARMED && state != RN__PARTY_SHIELDED)
        return false;
    return fire_seen(party, word, which);
}

void rn__party_schedule(uint64_t token)
{
    struct rn__party *party = rn__party_at(rn__token_index(token));
    party->kind->schedule(party);
}

uint32_t rn__party_settle(struct rn__party *party)
{
    const uint64_t word = rn__load_acquire(&party->word); /* PARTY-2 */
    rn__assert(rn__word_state(word) == RN__PARTY_FIRED || rn__word_state(word) == RN__PARTY_READY);
    rn__store_relaxed(&party->word, rn__word(rn__word_epoch(word), 0, RN__PARTY_IDLE)); /* rlx: the owner's again */
    return rn__word_which(word);
}

bool rn__party_cancel_begin(struct rn__party *party, int32_t cause)
{
    int32_t none = 0;
    rn__cas_seq_cst(&party->cause, &none, cause);         /* PARTY-5 */
    const uint64_t word = rn__load_seq_cst(&party->word); /* PARTY-6 */
    return rn__word_state(word) == RN__PARTY_ARMED && fire_seen(party, word, RN__BY_CANCEL);
}

void rn__party_cancel(struct rn__party *party, int32_t cause)
{
    if (rn__party_cancel_begin(party, cause))
        party->kind->schedule(party);
}

bool rn__party_is_cancelled(const struct rn__party *party)
{
    return rn__load_seq_cst(&party->cause) != 0 && party->shield == 0; /* PARTY-6 */
}
