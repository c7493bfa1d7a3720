/* SPDX-License-Identifier: MIT */
/* subject.c - the real sources of the wait layer, compiled for the explorer, and what lies below them as a model:
 * the futex, the clock, the mapping of memory. */
#include "model/subject.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wshadow" /* what is static in one source is a local in another */
#include "platform/lock.c"
#include "wait/await.c"
#include "wait/callback.c"
#include "wait/cancel.c"
#include "wait/party.c"
#include "wait/select.c"
#include "wait/thread.c"
#include "wait/waiter.c"

/* -- the futex -------------------------------------------------------------------------------------------------- */

enum { SLEEPERS = EXPLORE_THREADS };

struct sleeper {
    const uint32_t *word;
    bool woken;
    bool timed;
    bool stale; /* may return for no reason */
};

static struct sleeper *sleepers[SLEEPERS]; /* who came first stands first */
static uint32_t sleeper_count;
static uint32_t stale_left[EXPLORE_THREADS];

static enum readiness may_go_on(void *arg)
{
    const struct sleeper *sleeper = arg;
    if (sleeper->woken || sleeper->timed)
        return EXPLORE_READY;
    return sleeper->stale ? EXPLORE_STALE : EXPLORE_STUCK;
}

static void remove_sleeper(uint32_t at)
{
    sleeper_count--;
    for (; at < sleeper_count; at++)
        sleepers[at] = sleepers[at + 1];
}

/* It goes on although nobody woke it; both reasons are tried. Gives whether time is up. */
static bool end_sleep(struct sleeper *sleeper)
{
    for (uint32_t i = 0; i < sleeper_count; i++)
        if (sleepers[i] == sleeper)
            remove_sleeper(i);
    if (sleeper->timed && (!sleeper->stale || explore_choose(2) == 0))
        return true;
    stale_left[explore_self()]--;
    return false;
}

bool rn__platform_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    explore_step(word, "futex wait");
    if (*word != expected)
        return true;
    struct sleeper self = {.word = word, .timed = deadline_ns != INT64_MAX, .stale = stale_left[explore_self()] > 0};
    sleepers[sleeper_count++] = &self;
    explore_wait(word, "wake up", may_go_on, &self);
    return self.woken || !end_sleep(&self);
}

/* Which of the sleepers is woken is the system's choice. */
void rn__platform_futex_wake(const uint32_t *word, uint32_t count)
{
    explore_step(word, "futex wake");
    for (; count > 0; count--) {
        uint32_t found[SLEEPERS], n = 0;
        for (uint32_t i = 0; i < sleeper_count; i++)
            if (sleepers[i]->word == word)
                found[n++] = i;
        if (n == 0)
            return;
        const uint32_t chosen = found[explore_choose(n)];
        sleepers[chosen]->woken = true;
        remove_sleeper(chosen);
    }
}

void subject_allow_stale_wakeups(uint32_t count)
{
    for (int i = 0; i < EXPLORE_THREADS; i++)
        stale_left[i] = count;
}

/* Nobody forks here. */
void rn__wait_at_fork(void)
{
}

bool rn__wait_is_hopeless(const struct rn__party *self, rn_deadline deadline)
{
    (void)self, (void)deadline;
    return false;
}

/* -- the rest of what is below ---------------------------------------------------------------------------------- */

/* A thread's slot is given back by the case, not by the end of a thread. */
bool rn__platform_at_thread_exit(void (*fn)(void *value))
{
    (void)fn;
    return false;
}

bool rn__platform_thread_exit_value(void *value)
{
    (void)value;
    return false;
}

/* Deadlines lie ahead; when they pass is a choice of the explorer. */
int64_t rn__now(void)
{
    return 1;
}

/* The clock goes: it is paused in no case. */
bool rn__clock_is_paused(void)
{
    return false;
}

bool rn__clock_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    return rn__platform_futex_wait(word, expected, deadline);
}

void rn__clock_sleep(int64_t until)
{
    const uint32_t nobody_knows = 0;
    while (rn__platform_futex_wait(&nobody_knows, 0, until))
        ;
}

static void not_in_this_model(void)
{
    explore_fail("the clock is not paused");
}

void rn__clock_wait_paused(struct rn__clock_waiter *waiter)
{
    (void)waiter;
    not_in_this_model();
}

bool rn__clock_knows(const uint32_t *word)
{
    (void)word;
    not_in_this_model();
    return true;
}

void rn__platform_yield(void)
{
    not_in_this_model();
}

/* Where a select begins to look. */
uint32_t rn__choose(uint32_t n)
{
    return explore_choose(n);
}

rn_deadline rn_in_ms(int64_t ms)
{
    return (rn_deadline){1 + ms};
}

void rn__die(const char *file, int line, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    explore_fail("%s:%d: %s", file, line, text);
    abort();
}

/* -- the table of parties --------------------------------------------------------------------------------------- */

/* So many slots are made new for each execution; the others stay as they are, linked behind. */
enum { FRESH_SLOTS = 9 };

static char chunk[CHUNK_SLOTS * RN__PARTY_SLOT] __attribute__((aligned(4096)));

void *rn__platform_map(size_t size)
{
    if (size > sizeof chunk)
        abort();
    memset(chunk, 0, size);
    return chunk;
}

static void renew_table(void)
{
    memset(&table, 0, sizeof table);
    explore_name(&table.lock, sizeof table.lock, "lock of the table");
    explore_name(&table.count, sizeof table.count, "size of the table");
    explore_name(&table.chunks[0], sizeof table.chunks[0], "chunk 0 of the table");
}

static void name_party(struct rn__party *party)
{
    static char names[FRESH_SLOTS][2][24];
    char(*name)[24] = names[party->index];
    snprintf(name[0], sizeof name[0], "word of party %u", party->index);
    snprintf(name[1], sizeof name[1], "cause of party %u", party->index);
    explore_name(&party->word, sizeof party->word, name[0]);
    explore_name(&party->cause, sizeof party->cause, name[1]);
    explore_hide(&party->wait_verb, sizeof *party - offsetof(struct rn__party, wait_verb));
}

static void renew_parties(void)
{
    if (table.count == 0)
        table_grow();
    table.lock = (struct rn__lock){0};
    table.free = rn__party_at(1);
    for (uint32_t i = 1; i < FRESH_SLOTS; i++) {
        struct rn__party *party = rn__party_at(i);
        memset(party, 0, RN__PARTY_SLOT);
        party->index = i;
        party->next = rn__party_at(i + 1);
        name_party(party);
    }
    explore_name(&table.lock, sizeof table.lock, "lock of the table");
    explore_hide(table.chunks, sizeof table.chunks);
}

struct rn__party *subject_thread_party(void)
{
    return rn__party_take(&thread_kind);
}

/* -- each thread of the model has its own thread-locals --------------------------------------------------------- */

static __typeof__(self) selves[EXPLORE_THREADS + 1];

void subject_switched(int from, int to)
{
    selves[from + 1] = self;
    self = selves[to + 1];
}

static void begin(void)
{
    memset(&self, 0, sizeof self);
    memset(selves, 0, sizeof selves);
    sleeper_count = 0;
    subject_allow_stale_wakeups(0);
}

void subject_begin(void)
{
    begin();
    renew_parties();
}

void subject_begin_without_parties(void)
{
    begin();
    renew_table();
}
