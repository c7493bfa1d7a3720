/* SPDX-License-Identifier: MIT */
/* stack.c - slabs, the depot of free stacks of each class, and the caches of the workers.
 *
 * Where the stacks of a class are, at any moment:
 *
 *     not made yet --make()--> attached <--> in a worker's cache <--> in the depot, warm or cold
 *
 * A warm stack has kept its top pages, a cold one none: the depot keeps a bounded number warm and gives the memory
 * of the others back to the system. The invariant that lets rn__stack_attach() promise a stack: those attached and
 * those in caches are never more than `reserved`, and `reserved` is never more than `capacity`, the pieces of all
 * slabs. The caches book their room in `reserved`.
 *
 * Locks: the one of a class protects its struct and the `made` of its slabs. Nothing is called under it but the
 * mapping of a slab, which is rare, and takes the lock of the headers. Descriptors of free stacks belong to who took
 * them off a list.
 *
 * Edges
 *   STACK-1 publish_slab() release -> STACK-2 rn__stack_find() acquire: where the slab's pieces and descriptors are
 *   STACK-3 make() release -> STACK-4 rn__stack_find() acquire: low and top of the stack
 */
#include "fiber/stack.h"

#include "base/annotate.h"
#include "base/atomic.h"
#include "base/log.h"
#include "platform/lock.h"

#include <stdlib.h>
#include <string.h>

enum {
    CLASSES = RN__STACK_CLASSES, /* 16 KiB << 0 .. 16 */
    SLAB_BYTES = 16 << 20,
    WARM_STACKS = 1024, /* that a depot keeps: 4 MiB if they used a page each, 16 MiB at most */
    WARM_PAGES = 4,     /* what printf needs, and most tasks with it */
    SMALLEST_PAGES = 4,
    COLOUR_STEP = 64,
    INTACT_BYTES = 64 /* how much below an unguarded stack is looked at */
};

/* The descriptors are at the high end of its mapping, above the last piece: a page of them is touched with the first
 * stack that it describes. */
struct slab {
    struct slab *next;      /* of all slabs, for rn__stack_find */
    struct slab *next_open; /* of its class, while it has pieces that no stack was made of */
    char *base;
    size_t piece_size;
    size_t pieces;
    size_t made;
    struct rn__stack *stacks;
};

struct RN__LINE_ALIGNED rn__stack_class {
    struct rn__lock lock;
    uint32_t warm_count;
    struct rn__stack *warm;
    struct rn__stack *cold;
    struct slab *open;
    size_t reserved;
    size_t capacity;
    size_t made; /* the next colour */
};

static struct rn__stack_class classes[CLASSES];
static struct slab *slabs;
static struct rn__stack_totals totals;

/* -- sizes ----------------------------------------------------------------------------------------------------- */

static size_t round_to_page(size_t size)
{
    const size_t page = rn__platform_page_size();
    return (size + page - 1) / page * page;
}

static size_t guard_size(void)
{
    return round_to_page(RN__STACK_GUARD);
}

size_t rn__stack_round(size_t size)
{
    const size_t pages = SMALLEST_PAGES * rn__platform_page_size();
    size_t rounded = RN__STACK_MIN;
    if (size == 0 || size > RN__STACK_MAX)
        return 0;
    while (rounded < size || rounded < pages)
        rounded *= 2;
    return rounded;
}

static void before_fork(void)
{
    for (size_t i = 0; i < CLASSES; i++)
        rn__lock_acquire(&classes[i].lock);
}

static void after_fork(bool in_child)
{
    (void)in_child; /* whoever stood on a stack that was attached is gone, and the stack with it */
    for (size_t i = 0; i < CLASSES; i++)
        rn__lock_release(&classes[i].lock);
}

struct rn__stack_class *rn__stack_class_of(size_t size)
{
    static struct rn__at_fork part = {.before = before_fork, .after = after_fork};
    const size_t rounded = rn__stack_round(size);
    if (rounded == 0)
        return NULL;
    rn__platform_at_fork(&part);
    return &classes[__builtin_ctzll(rounded / RN__STACK_MIN)];
}

uint32_t rn__stack_class_number(const struct rn__stack_class *size_class)
{
    return (uint32_t)(size_class - classes);
}

struct rn__stack_class *rn__stack_class_at(uint32_t number)
{
    return &classes[number];
}

size_t rn__stack_class_size(const struct rn__stack_class *size_class)
{
    return RN__STACK_MIN << (size_class - classes);
}

/* -- guards ---------------------------------------------------------------------------------------------------- */

enum { GUARD_UNSET = 0xff };
static uint32_t guard_wanted = GUARD_UNSET;
static size_t guards_protected; /* each cost two mappings */
static uint32_t guards_ended;

void rn__stack_set_guard(enum rn__guard wanted)
{
    /* The leak checker reads the slabs, and dies of a guard that the kernel does not list as a mapping. */
    if (RN__ASAN && wanted == RN__GUARD_INSTALL)
        wanted = RN__GUARD_PROTECT;
    rn__store_relaxed(&guard_wanted, wanted); /* rlx: a setting, it orders nothing */
}

static RN__COLD void read_guard_setting(void)
{
    const char *text = getenv("RN_STACK_GUARD");
    enum rn__guard wanted = RN__GUARD_INSTALL;
    if (text != NULL && strcmp(text, "mprotect") == 0)
        wanted = RN__GUARD_PROTECT;
    else if (text != NULL && strcmp(text, "edge") == 0)
        wanted = RN__GUARD_NONE;
    else if (text != NULL && text[0] != '\0' && strcmp(text, "install") != 0)
        rn__warn("RN_STACK_GUARD=%s is none of install, mprotect, edge: taken as install", text);
    rn__stack_set_guard(wanted);
}

static enum rn__guard wanted_guard(void)
{
    if (rn__load_relaxed(&guard_wanted) == GUARD_UNSET) /* rlx: a setting */
        read_guard_setting();
    return (enum rn__guard)rn__load_relaxed(&guard_wanted); /* rlx: a setting */
}

/* Mappings are few, and the program wants some too: three quarters of them are for guards. */
static bool may_protect(void)
{
    static size_t budget;
    size_t known = rn__load_relaxed(&budget); /* rlx: every thread would find the same */
    if (known == 0) {
        known = rn__platform_map_limit() / 4 * 3 / 2 + 1;
        rn__store_relaxed(&budget, known); /* rlx: as above */
    }
    return rn__load_relaxed(&guards_protected) < known; /* rlx: off by a few does no harm */
}

static RN__COLD void warn_of_no_guard(void)
{
    uint32_t no = 0;
    if (!rn__cas_relaxed(&guards_ended, &no, 1)) /* rlx: only to say it once */
        return;
    rn__warn("no more guard pages for stacks: %zu have one, and vm.max_map_count is %zu. An overflow of the others "
             "is found late or never. Raise that limit, or use Linux 6.13",
             rn__load_relaxed(&guards_protected), /* rlx: a figure */
             rn__platform_map_limit());
}

/* The lowest piece of a slab always has a guard: what lies below belongs to others. */
static enum rn__guard guard_piece(char *piece, bool is_edge)
{
    enum rn__guard wanted = wanted_guard();
    const bool may_be_none = wanted == RN__GUARD_NONE;
    if (may_be_none && is_edge)
        wanted = RN__GUARD_PROTECT;
    if (wanted == RN__GUARD_PROTECT && !is_edge && !may_protect())
        wanted = RN__GUARD_NONE;
    const enum rn__guard got = rn__platform_guard(piece, guard_size(), wanted);
    if (got == RN__GUARD_PROTECT) {
        rn__add_relaxed(&guards_protected, 1); /* rlx: a count */
        if (wanted == RN__GUARD_INSTALL)       /* not this kernel, or the memory is locked: ask no more */
            rn__stack_set_guard(RN__GUARD_PROTECT);
    }
    if (got == RN__GUARD_NONE) {
        rn__add_relaxed(&totals.unguarded, 1); /* rlx: a figure */
        if (!may_be_none)
            warn_of_no_guard();
    }
    return got;
}

/* Nobody writes into a guard zone, so an unguarded one stays zero; and reading a page that was never written costs
 * no memory. */
bool rn__stack_is_intact(const struct rn__stack *stack)
{
    if (RN__LIKELY(stack->guard != RN__GUARD_NONE))
        return true;
    uint64_t words[INTACT_BYTES / sizeof(uint64_t)];
    uint64_t any = 0;
    memcpy(words, stack->low - sizeof(words), sizeof(words));
    for (size_t i = 0; i < RN__COUNT(words); i++)
        any |= words[i];
    return any == 0;
}

/* -- slabs ----------------------------------------------------------------------------------------------------- */

static char *end_of(const struct rn__stack *stack)
{
    return stack->low + rn__stack_class_size(stack->size_class);
}

static void publish_slab(struct slab *slab)
{
    slab->next = rn__load_relaxed(&slabs);              /* rlx: the CAS says whether it is still so */
    while (!rn__cas_release(&slabs, &slab->next, slab)) /* STACK-1 */
        continue;
}

/* The headers lie together: in its slab each would hold a page of its own, also while all its stacks are only
 * reserved, as those of idle handlers are. */
static struct {
    struct rn__lock lock; /* protects the rest; taken under the lock of a class */
    struct slab *free;
    struct slab *unused; /* the rest of a page */
    size_t unused_count;
} headers;

static struct slab *unused_header(void)
{
    const size_t page = rn__platform_page_size();
    if (headers.unused_count == 0) {
        headers.unused = rn__platform_map(page);
        headers.unused_count = headers.unused == NULL ? 0 : page / sizeof(struct slab);
    }
    if (headers.unused_count == 0)
        return NULL;
    headers.unused_count--;
    return headers.unused++;
}

static struct slab *take_header(void)
{
    rn__lock_acquire(&headers.lock);
    struct slab *slab = headers.free;
    if (slab != NULL)
        headers.free = slab->next;
    else
        slab = unused_header();
    rn__lock_release(&headers.lock);
    return slab;
}

static void put_header(struct slab *slab)
{
    rn__lock_acquire(&headers.lock);
    slab->next = headers.free;
    headers.free = slab;
    rn__lock_release(&headers.lock);
}

/* Under the lock of the class. */
static bool map_slab(struct rn__stack_class *size_class)
{
    const size_t piece = rn__stack_class_size(size_class) + guard_size();
    const size_t fit = SLAB_BYTES / (piece + sizeof(struct rn__stack));
    const size_t pieces = fit > 0 ? fit : 1;
    const size_t size = round_to_page(pieces * (piece + sizeof(struct rn__stack)));
    struct slab *slab = take_header();
    if (slab == NULL)
        return false;
    char *memory = rn__platform_map(size);
    if (memory == NULL) {
        put_header(slab);
        return false;
    }
    slab->base = memory;
    slab->stacks = (struct rn__stack *)(void *)(memory + pieces * piece);
    slab->piece_size = piece;
    slab->pieces = pieces;
    slab->next_open = size_class->open;
    size_class->open = slab;
    size_class->capacity += pieces;
    rn__annotate_slab(memory, size);
    publish_slab(slab);
    rn__add_relaxed(&totals.slabs, 1);             /* rlx: a figure */
    rn__add_relaxed(&totals.reserved_bytes, size); /* rlx: a figure */
    return true;
}

/* A stack where there was none, under the lock; finish_making() does the rest. NULL: all slabs are used up. */
static struct rn__stack *make(struct rn__stack_class *size_class, bool *is_edge)
{
    struct slab *slab = size_class->open;
    if (slab == NULL)
        return NULL;
    const size_t index = slab->made;
    struct rn__stack *stack = &slab->stacks[index];
    char *end = slab->base + (index + 1) * slab->piece_size;
    stack->low = end - rn__stack_class_size(size_class);
    stack->top = end - size_class->made++ * COLOUR_STEP % RN__STACK_COLOURS;
    stack->size_class = size_class;
    rn__store_release(&slab->made, index + 1); /* STACK-3 */
    if (index + 1 == slab->pieces)
        size_class->open = slab->next_open;
    *is_edge = index == 0;
    return stack;
}

/* Without the lock: two or three system calls. */
static void finish_making(struct rn__stack *stack, bool is_edge)
{
    stack->guard = guard_piece(stack->low - guard_size(), is_edge);
    stack->valgrind_id = rn__annotate_stack(stack->low, end_of(stack));
    rn__add_relaxed(&totals.stacks, 1); /* rlx: a figure */
}

struct rn__stack *rn__stack_find(const void *address)
{
    const uintptr_t at = (uintptr_t)address;
    struct slab *slab = rn__load_acquire(&slabs); /* STACK-2 */
    for (; slab != NULL; slab = slab->next) {
        const uintptr_t base = (uintptr_t)slab->base;
        if (at < base || at - base >= slab->pieces * slab->piece_size)
            continue;
        const size_t index = (at - base) / slab->piece_size;
        return index < rn__load_acquire(&slab->made) ? &slab->stacks[index] : NULL; /* STACK-4 */
    }
    return NULL;
}

/* -- the depot ------------------------------------------------------------------------------------------------- */

bool rn__stacks_reserve(struct rn__stack_class *size_class, uint32_t count)
{
    bool there_are = true;
    rn__lock_acquire(&size_class->lock);
    while (there_are && size_class->capacity - size_class->reserved < count)
        there_are = map_slab(size_class);
    size_class->reserved += there_are ? count : 0;
    rn__lock_release(&size_class->lock);
    return there_are;
}

void rn__stacks_unreserve(struct rn__stack_class *size_class, uint32_t count)
{
    rn__lock_acquire(&size_class->lock);
    rn__assert(size_class->reserved >= count);
    size_class->reserved -= count;
    rn__lock_release(&size_class->lock);
}

static void push(struct rn__stack **list, struct rn__stack *stack)
{
    stack->next_free = *list;
    *list = stack;
}

static struct rn__stack *pop(struct rn__stack **list)
{
    struct rn__stack *stack = *list;
    if (stack != NULL)
        *list = stack->next_free;
    return stack;
}

/* Under the lock. */
static struct rn__stack *pop_depot(struct rn__stack_class *size_class)
{
    struct rn__stack *stack = pop(&size_class->warm);
    if (stack == NULL)
        return pop(&size_class->cold);
    /* rlx: the lock orders it; give_back() reads it without */
    rn__store_relaxed(&size_class->warm_count, size_class->warm_count - 1);
    return stack;
}

/* At most `count` stacks out of the depot onto *list, and if it has none, one that is new. */
static uint32_t take_many(struct rn__stack_class *size_class, struct rn__stack **list, uint32_t count)
{
    struct rn__stack *stack = NULL;
    bool is_edge = false;
    uint32_t taken = 0;
    rn__lock_acquire(&size_class->lock);
    for (; taken < count && (stack = pop_depot(size_class)) != NULL; taken++)
        push(list, stack);
    if (taken == 0)
        stack = make(size_class, &is_edge);
    rn__lock_release(&size_class->lock);
    if (taken > 0 || stack == NULL)
        return taken;
    finish_making(stack, is_edge);
    push(list, stack);
    return 1;
}

/* Gives memory back: all of it, or what lies deeper than most tasks go. */
static void trim(const struct rn__stack *stack, bool keep_warm)
{
    char *keep = end_of(stack) - (keep_warm ? WARM_PAGES * rn__platform_page_size() : 0);
    const size_t deep = (size_t)(keep - stack->low);
    if (deep > 0 && (!keep_warm || rn__platform_untouched(stack->low, deep) < deep))
        rn__platform_discard(stack->low, deep);
}

/* The memory is given back outside the lock, so `warm` may pass its limit by one for each thread. */
static void give_back(struct rn__stack *stack)
{
    struct rn__stack_class *size_class = stack->size_class;
    const bool keep_warm = rn__load_relaxed(&size_class->warm_count) < WARM_STACKS; /* rlx: a hint */
    trim(stack, keep_warm);
    rn__lock_acquire(&size_class->lock);
    push(keep_warm ? &size_class->warm : &size_class->cold, stack);
    if (keep_warm) /* rlx: as in pop_depot() */
        rn__store_relaxed(&size_class->warm_count, size_class->warm_count + 1);
    rn__lock_release(&size_class->lock);
}

/* Before anybody else gets the stack. */
static void retire(struct rn__stack *stack)
{
    if (RN__UNLIKELY(!rn__stack_is_intact(stack)))
        rn__stack_overflow_found(stack);
    stack->owner = NULL;
}

struct rn__stack *rn__stack_attach(struct rn__stack_class *size_class)
{
    struct rn__stack *stack = NULL;
    (void)take_many(size_class, &stack, 1);
    rn__assert(stack != NULL);
    return stack;
}

void rn__stack_detach(struct rn__stack *stack)
{
    retire(stack);
    give_back(stack);
}

/* -- caches ---------------------------------------------------------------------------------------------------- */

bool rn__stack_cache_init(struct rn__stack_cache *cache, struct rn__stack_class *size_class, uint32_t room)
{
    rn__assert(room >= 1);
    *cache = (struct rn__stack_cache){0};
    if (!rn__stacks_reserve(size_class, room))
        return false;
    cache->size_class = size_class;
    cache->room = room;
    return true;
}

void rn__stack_cache_fini(struct rn__stack_cache *cache)
{
    struct rn__stack *stack = NULL;
    while ((stack = pop(&cache->free)) != NULL)
        give_back(stack);
    rn__stacks_unreserve(cache->size_class, cache->room);
    *cache = (struct rn__stack_cache){0};
}

/* Half the room at a time, so that a cache at its edge does not take the lock for every stack. */
struct rn__stack *rn__stack_cache_take(struct rn__stack_cache *cache)
{
    if (RN__UNLIKELY(cache->free == NULL))
        cache->count = take_many(cache->size_class, &cache->free, cache->room / 2 + 1);
    struct rn__stack *stack = pop(&cache->free);
    rn__assert(stack != NULL);
    cache->count--;
    return stack;
}

/* Keeps the hottest half. */
static RN__COLD void shrink(struct rn__stack_cache *cache)
{
    struct rn__stack **end = &cache->free;
    for (cache->count = 0; cache->count < cache->room / 2; cache->count++)
        end = &(*end)->next_free;
    struct rn__stack *rest = *end;
    struct rn__stack *stack = NULL;
    *end = NULL;
    while ((stack = pop(&rest)) != NULL)
        give_back(stack);
}

void rn__stack_cache_put(struct rn__stack_cache *cache, struct rn__stack *stack)
{
    retire(stack);
    if (RN__UNLIKELY(cache->count == cache->room))
        shrink(cache);
    push(&cache->free, stack);
    cache->count++;
}

/* -- figures --------------------------------------------------------------------------------------------------- */

size_t rn__stack_high_water(const struct rn__stack *stack)
{
    const size_t size = rn__stack_class_size(stack->size_class);
    return size - rn__platform_untouched(stack->low, size);
}

void rn__stack_totals(struct rn__stack_totals *out)
{
    out->slabs = rn__load_relaxed(&totals.slabs);                   /* rlx: a figure */
    out->reserved_bytes = rn__load_relaxed(&totals.reserved_bytes); /* rlx: a figure */
    out->stacks = rn__load_relaxed(&totals.stacks);                 /* rlx: a figure */
    out->unguarded = rn__load_relaxed(&totals.unguarded);           /* rlx: a figure */
}
