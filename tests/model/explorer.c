/* SPDX-License-Identifier: MIT */
/* explorer.c - the explorer itself: that it goes through all orders, each once, and finds what can be found. */
#include "harness/harness.h"
#include "model/explore.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"

static struct explored result;

/* Steps by name alone: the explorer does not care whether an operation follows. */
static uint64_t words[3];

static void steps_on(uint64_t *word, int count)
{
    for (int i = 0; i < count; i++)
        explore_step(word, "store");
}

static int steps_each;

static void on_own_word(void *arg)
{
    steps_on(arg, steps_each);
}

static uint64_t binomial(uint64_t n, uint64_t k)
{
    uint64_t value = 1;
    for (uint64_t i = 1; i <= k; i++)
        value = value * (n - k + i) / i;
    return value;
}

TEST(explorer_runs_two_threads_through_every_order_once)
{
    const struct exploration what = {.threads = {{"a", on_own_word, &words[0]}, {"b", on_own_word, &words[1]}},
                                     .every_order = true};
    for (steps_each = 1; steps_each <= 8; steps_each++) {
        explore(&what, &result);
        CHECK(!result.failed);
        CHECK_EQ(result.executions, binomial(2 * (uint64_t)steps_each, (uint64_t)steps_each));
        CHECK_EQ(result.steps, result.executions * 2 * (uint64_t)steps_each);
    }
}

TEST(explorer_runs_three_threads_through_every_order_once)
{
    const struct exploration what = {
        .threads = {{"a", on_own_word, &words[0]}, {"b", on_own_word, &words[1]}, {"c", on_own_word, &words[2]}},
        .every_order = true};
    steps_each = 4;
    explore(&what, &result);
    CHECK_EQ(result.executions, binomial(12, 4) * binomial(8, 4));
}

TEST(explorer_takes_one_order_for_all_that_make_no_difference)
{
    struct exploration what = {.threads = {{"a", on_own_word, &words[0]}, {"b", on_own_word, &words[1]}}};
    steps_each = 5;
    explore(&what, &result);
    CHECK_EQ(result.executions, 1);
    what.threads[1].arg = &words[0];
    explore(&what, &result);
    CHECK_EQ(result.executions, binomial(10, 5));
    CHECK_EQ(result.repeated, 0);
}

TEST(explorer_holds_the_bound_of_preemptions)
{
    struct exploration what = {.threads = {{"a", on_own_word, &words[0]}, {"b", on_own_word, &words[0]}},
                               .bounded = true};
    steps_each = 6;
    explore(&what, &result);
    CHECK_EQ(result.executions, 2); /* one after the other */
    what.preemptions = 1;
    explore(&what, &result);
    CHECK_EQ(result.executions, 2 + 2 * 5); /* and from one to the other between two of its six steps */
    what.preemptions = 100;
    explore(&what, &result);
    CHECK_EQ(result.executions, binomial(12, 6));
}

/* -- what the reduction leaves out makes no difference: random programs, with and without ----------------------- */

enum { PROGRAM_THREADS = 3, PROGRAM_STEPS = 4, STATES = 4096 };

static uint8_t program[PROGRAM_THREADS][PROGRAM_STEPS];
static uint64_t registers[PROGRAM_THREADS];
static uint64_t states[STATES];
static uint32_t state_count;

static void begin_program(void)
{
    memset(words, 0, sizeof words);
    memset(registers, 0, sizeof registers);
}

static void end_program(void)
{
    uint64_t state = 14695981039346656037u;
    for (int i = 0; i < 3; i++)
        state = ((state ^ words[i]) * 1099511628211u ^ registers[i]) * 1099511628211u;
    for (uint32_t i = 0; i < state_count; i++)
        if (states[i] == state)
            return;
    REQUIRE(state_count < STATES);
    states[state_count++] = state;
}

/* A step is a load, a store, an addition or a wait for a word not to be 0, which may wait for ever. */
static enum readiness is_set(void *arg)
{
    return *(uint64_t *)arg != 0 ? EXPLORE_READY : EXPLORE_STUCK;
}

static void run_program(void *arg)
{
    const int self = (int)(intptr_t)arg;
    for (int i = 0; i < PROGRAM_STEPS; i++) {
        uint64_t *word = &words[program[self][i] % 3];
        switch (program[self][i] / 3 % 4) {
        case 0:
            explore_step(word, "load");
            registers[self] = registers[self] * 31 + *word;
            break;
        case 1:
            explore_step(word, "store");
            *word = (uint64_t)self * 8 + (uint64_t)i + 1;
            break;
        case 2:
            explore_step(word, "add");
            *word += 16 * registers[self] + 1;
            break;
        default:
            explore_wait(word, "wait", is_set, word);
            registers[self] += 1;
        }
    }
}

TEST(explorer_reaches_every_state_also_when_it_leaves_orders_out)
{
    struct exploration what = {.begin = begin_program, .end = end_program};
    uint64_t seed = test_seed();
    uint64_t all = 0, some = 0, stuck = 0;
    for (int i = 0; i < PROGRAM_THREADS; i++) {
        what.threads[i].name = (const char *[]){"a", "b", "c"}[i];
        what.threads[i].run = run_program;
        what.threads[i].arg = (void *)(intptr_t)i;
    }
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < PROGRAM_THREADS * PROGRAM_STEPS; i++)
            program[i / PROGRAM_STEPS][i % PROGRAM_STEPS] = (uint8_t)(rn__random_next(&seed) % 12);
        state_count = 0;
        what.every_order = false;
        explore(&what, &result);
        const bool failed = result.failed;
        const uint32_t reached = state_count;
        some += result.executions + result.repeated;
        what.every_order = true;
        explore(&what, &result);
        all += result.executions;
        CHECK_EQ(failed, result.failed);
        if (!failed)
            CHECK_EQ(reached, state_count); /* the same ones: none is new to the list */
        stuck += failed;
    }
    CHECK(some * 4 < all);
    CHECK(stuck > 0 && stuck < 30);
    printf("30 programs: %llu executions stand for %llu\n", (unsigned long long)some, (unsigned long long)all);
}

/* -- what it must find ------------------------------------------------------------------------------------------ */

static uint64_t counter;

static void begin_counter(void)
{
    counter = 0;
    explore_name(&counter, sizeof counter, "the counter");
}

static void load_then_store(void *arg)
{
    (void)arg;
    explore_step(&counter, "load");
    const uint64_t value = counter;
    explore_step(&counter, "store");
    counter = value + 1;
}

static void end_counter(void)
{
    EXPLORE_CHECK(counter == 2);
}

static const struct exploration lost_update = {
    .begin = begin_counter,
    .end = end_counter,
    .threads = {{"one", load_then_store, NULL}, {"two", load_then_store, NULL}}};

TEST(explorer_finds_a_lost_update_and_shows_it)
{
    explore(&lost_update, &result);
    CHECK(result.failed);
    CHECK(strstr(result.reason, "counter == 2") != NULL);
    CHECK(strstr(result.table, "the counter") != NULL);
    CHECK(strstr(result.table, "two") != NULL);
    CHECK(strstr(result.table, "store") != NULL);
}

TEST(explorer_replays_what_it_found)
{
    explore(&lost_update, &result);
    static struct explored again;
    explore_replay(&lost_update, result.choices, &again);
    CHECK(again.failed);
    CHECK_STR_EQ(again.reason, result.reason);
    CHECK_STR_EQ(again.table, result.table);
    explore_replay(&lost_update, "0011", &again);
    CHECK(!again.failed);
    explore_replay(&lost_update, "0000", &again);
    CHECK(again.failed); /* the first has two steps only */
}

static void set_then_wait(void *arg)
{
    uint64_t *const mine = arg;
    uint64_t *const other = mine == &words[0] ? &words[1] : &words[0];
    explore_wait(other, "wait", is_set, other);
    explore_step(mine, "store");
    *mine = 1;
}

TEST(explorer_finds_that_all_wait_for_each_other)
{
    const struct exploration what = {.begin = begin_program,
                                     .threads = {{"a", set_then_wait, &words[0]}, {"b", set_then_wait, &words[1]}}};
    explore(&what, &result);
    CHECK(result.failed);
    CHECK_STR_EQ(result.reason, "a wake-up was lost: all wait: a (wait), b (wait)");
}

static enum readiness is_set_or_stale(void *arg)
{
    return is_set(arg) == EXPLORE_READY ? EXPLORE_READY : EXPLORE_STALE;
}

static void wait_stale(void *arg)
{
    explore_wait(arg, "wait", is_set_or_stale, arg);
}

TEST(explorer_does_not_count_on_a_wakeup_for_no_reason)
{
    const struct exploration what = {.begin = begin_program, .threads = {{"a", wait_stale, &words[0]}}};
    explore(&what, &result);
    CHECK(result.failed);
}

static void wait_for_ever(void *arg)
{
    (void)arg;
    do
        explore_step(&counter, "load");
    while (counter == 0);
}

TEST(explorer_finds_a_thread_that_does_not_end)
{
    const struct exploration what = {.begin = begin_counter, .threads = {{"a", wait_for_ever, NULL}}};
    explore(&what, &result);
    CHECK(result.failed);
    CHECK(strstr(result.reason, "does not come to an end") != NULL);
}

static uint64_t chosen_sets;

static void choose_twice(void *arg)
{
    (void)arg;
    const uint32_t first = explore_choose(3);
    explore_step(&counter, "store");
    chosen_sets |= UINT64_C(1) << (first * 2 + explore_choose(2));
}

TEST(explorer_tries_every_choice_of_a_thread)
{
    const struct exploration what = {.begin = begin_counter, .threads = {{"a", choose_twice, NULL}}};
    chosen_sets = 0;
    explore(&what, &result);
    CHECK_EQ(result.executions, 6);
    CHECK_EQ(chosen_sets, 0x3f);
}

/* A world that remembers the execution before makes the search worthless. */
static void begin_nothing(void)
{
}

static void fail_the_third_time(void *arg)
{
    (void)arg;
    explore_step(&counter, "store");
    EXPLORE_CHECK(++counter != 3);
}

TEST(explorer_notices_that_an_execution_is_not_the_same_twice)
{
    const struct exploration what = {.begin = begin_nothing,
                                     .threads = {{"a", fail_the_third_time, NULL},
                                                 {"b", fail_the_third_time, NULL},
                                                 {"c", fail_the_third_time, NULL}}};
    counter = 0;
    explore(&what, &result);
    CHECK(result.failed);
    CHECK(strstr(result.reason, "not the same twice") != NULL);
}

/* -- what it hides ---------------------------------------------------------------------------------------------- */

static void begin_hidden(void)
{
    explore_hide(&words[0], sizeof words[0]);
}

TEST(explorer_takes_no_step_on_a_hidden_word)
{
    const struct exploration what = {.begin = begin_hidden,
                                     .threads = {{"a", on_own_word, &words[0]}, {"b", on_own_word, &words[1]}},
                                     .every_order = true};
    steps_each = 5;
    explore(&what, &result);
    CHECK_EQ(result.executions, 1);
    CHECK_EQ(result.steps, 5);
}
