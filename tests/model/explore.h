/* SPDX-License-Identifier: MIT */
/* explore.h - runs a few threads through every order of their steps.
 *
 * A step is one atomic operation of the code under test, compiled with RN__MODEL so that it calls rn__model_step()
 * first, or one that the model adds (park, futex wait). What a thread does between two steps belongs to the first of
 * them. The threads are fibers of one system thread: where a step begins the explorer decides who goes on. It
 * searches the tree of these decisions depth first; each execution starts anew with the decisions so far.
 *
 *     static void begin(void) { word = 0; explore_name(&word, sizeof word, "word"); }
 *     static void adder(void *arg) { rn__add_relaxed(&word, 1); }
 *     static void end(void) { EXPLORE_CHECK(word == 2); }
 *
 *     explore(&(struct exploration){.begin = begin, .end = end, .threads = {{"a", adder}, {"b", adder}}}, &result);
 *
 * Orders that differ only in neighbouring steps on different words, or in two loads, end in the same state: one of
 * them stands for all (sleep sets: Godefroid, "Partial-Order Methods", 1996). That is sound as long as plain memory
 * is shared under locks or handed over by the steps; where a scenario shares it otherwise it says so with a step on
 * NULL, which goes with everything. `every_order` switches the reduction off.
 *
 * What is explored are the interleavings, so the sequentially consistent executions, and no others: that an order
 * is too weak for the hardware is not seen here.
 */
#ifndef TESTS_MODEL_EXPLORE_H
#define TESTS_MODEL_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPLORE_THREADS = 6 };

struct exploration {
    void (*begin)(void);                /* before each execution: makes the world new */
    void (*end)(void);                  /* after each execution: judges */
    void (*switched)(int from, int to); /* another thread goes on: what is thread-local to the code under test */
    struct {
        const char *name; /* NULL: there are no more */
        void (*run)(void *arg);
        void *arg;
    } threads[EXPLORE_THREADS];
    bool every_order;     /* no reduction */
    bool bounded;         /* only executions with at most so many preemptions, but every order of those */
    uint32_t preemptions; /* a switch away from a thread that could have gone on */
};

/* One of the threads above, in a macro. */
#define EXPLORE_THREAD(...)                                                                                          \
    {                                                                                                                \
        __VA_ARGS__                                                                                                  \
    }

struct explored {
    uint64_t executions;
    uint64_t repeated; /* further runs, given up when they turned out to be the same as one before */
    uint64_t steps;
    bool failed; /* one execution did; nothing was explored after it */
    char reason[256];
    char choices[2048]; /* of the failed execution, for explore_replay() */
    char table[32768];  /* of the failed execution: who did what with which word */
};

void explore(const struct exploration *what, struct explored *out);

/* The one execution in which the threads go on in the order of `choices`; after its end, whoever comes first. */
void explore_replay(const struct exploration *what, const char *choices, struct explored *out);

/* -- for begin() ------------------------------------------------------------------------------------------------ */

/* A word by this name in the table. */
void explore_name(const volatile void *address, size_t size, const char *name);

/* Steps on these bytes are none: nobody but one thread looks at them. */
void explore_hide(const volatile void *address, size_t size);

/* Nobody has to wait for this struct rn__lock: who wants it goes on when it is free. For cases about something else;
 * what happens inside a lock that is not free has cases of its own. */
void explore_whole_lock(const uint32_t *word);

/* -- for the threads -------------------------------------------------------------------------------------------- */

/* Whose turn it is: 0 and up in the order of `threads`, -1 in begin() and end(). */
int explore_self(void);

/* A step of the model itself; address NULL: it goes with everything. */
void explore_step(const volatile void *address, const char *verb);

/* A step that can be taken only when ready() says so; what that depends on changes only in steps on the same
 * address. STALE: it could, but nobody may count on that: if all others are stuck, so is this one. */
enum readiness { EXPLORE_STUCK, EXPLORE_STALE, EXPLORE_READY };
void explore_wait(const volatile void *address, const char *verb, enum readiness (*ready)(void *arg), void *arg);

/* Each of 0 .. n-1 is tried. */
uint32_t explore_choose(uint32_t n);

/* Ends this execution, and the search. */
#define EXPLORE_CHECK(condition)                                                                                     \
    ((condition) ? (void)0 : explore_fail("%s:%d: check failed: %s", __FILE__, __LINE__, #condition))
void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
