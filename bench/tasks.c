/* SPDX-License-Identifier: MIT */
/* tasks.c - figures of tasks themselves: switching, yielding, starting and ending; and of the runtime's own life. */
#include "figures.h"

#include "fiber/switch.h"

/* -- the bare switch ------------------------------------------------------------------------------------------ */

/* Two fibers on one thread, without a runtime: the thread's own and another. */
struct pair {
    struct rn__fiber here;
    struct rn__fiber there;
};

static void bounce(void *arg)
{
    struct pair *pair = arg;
    for (;;)
        rn__fiber_switch(&pair->there, &pair->here);
}

static void fiber_switch(struct round *round)
{
    static struct pair pair;
    static struct rn__stack *stack;
    if (stack == NULL) {
        struct rn__stack_class *size_class = rn__stack_class_of(RN_STACK_SIZE_MIN);
        if (!rn__stacks_reserve(size_class, 1))
            give_up("no stack");
        stack = rn__stack_attach(size_class);
        rn__fiber_adopt_thread(&pair.here);
        rn__fiber_prepare(&pair.there, stack, bounce, &pair);
    }
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i += 2)
        rn__fiber_switch(&pair.here, &pair.there);
    round->value[0] = ns_each(round, start);
}

/* -- tasks ---------------------------------------------------------------------------------------------------- */

/* Tasks that talk to each other more than they compute. */
static const rn_spawn_opts near = {.place = RN_PLACE_NEAR};

static int yield_often(void *arg)
{
    const struct round *round = arg;
    for (long i = 0; i < round->operations / 2; i++)
        rn_yield();
    return 0;
}

static void yield_two(struct round *round)
{
    rn_task tasks[2];
    const int64_t start = rn_now_ns();
    for (int i = 0; i < 2; i++)
        RN_MUST(rn_spawn_with(&tasks[i], yield_often, round, &near));
    for (int i = 0; i < 2; i++)
        RN_MUST(rn_join(tasks[i], NULL));
    round->value[0] = ns_each(round, start);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void spawn_join_one(struct round *round)
{
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_task task;
        RN_MUST(rn_spawn(&task, nothing, NULL));
        RN_MUST(rn_join(task, NULL));
    }
    round->value[0] = ns_each(round, start);
}

static void spawn_join_1000(struct round *round)
{
    static rn_task tasks[1000];
    const int64_t start = rn_now_ns();
    for (long done = 0; done < round->operations; done += 1000) {
        for (int i = 0; i < 1000; i++)
            RN_MUST(rn_spawn(&tasks[i], nothing, NULL));
        for (int i = 0; i < 1000; i++)
            RN_MUST(rn_join(tasks[i], NULL));
    }
    round->value[0] = ns_each(round, start);
}

static void run_empty(struct round *round)
{
    const rn_runtime_opts opts = {.workers = round->workers};
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        RN_MUST(rn_run_with(nothing, NULL, &opts));
    round->value[0] = ns_each(round, start) / 1e3;
}

const struct figure task_figures[] = {
    {"fiber_switch", "ns", fiber_switch, 10000000, IN_THREAD | ONCE, "one switch between two fibers, no runtime", 0},
    {"yield_two", "ns", yield_two, 4000000, 0, "one rn_yield of two tasks that do nothing else", 0},
    {"spawn_join_one", "ns", spawn_join_one, 500000, 0, "spawn an empty task and join it, one at a time", 0},
    {"spawn_join_1000", "ns", spawn_join_1000, 500000, 0, "the same per task, 1,000 spawned before the joins", 0},
    {"run_empty_first", "us", run_empty, 1, IN_THREAD | COLD | FIXED, "rn_run of an empty root, first in a process",
     0},
    {"run_empty_again", "us", run_empty, 500, IN_THREAD, "rn_run of an empty root, later ones", 0},
    {0},
};
