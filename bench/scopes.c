/* SPDX-License-Identifier: MIT */
/* scopes.c - figures of scopes and tokens: what a wait pays for being cancellable in the three ways that it can be,
 * and what a scope costs against spawning and joining. */
#include "figures.h"

/* -- waits ---------------------------------------------------------------------------------------------------- */

/* Tells and waits in turn: a wait that need not wait, so what it looks at first is a good part of it. */
static double wait_at_once(const struct round *round)
{
    rn_notify notify = RN_NOTIFY_INIT;
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_notify_one(&notify);
        RN_MUST(rn_notify_wait(&notify));
    }
    return ns_each(round, start);
}

struct couple {
    rn_notify to, fro;
    long left;
};

static int answer(void *arg)
{
    struct couple *couple = arg;
    while (couple->left-- > 0) {
        RN_MUST(rn_notify_wait(&couple->to));
        rn_notify_one(&couple->fro);
    }
    return 0;
}

/* Each of the two parks for the other, on one worker. */
static double wait_parked(const struct round *round, rn_scope *scope)
{
    static const rn_spawn_opts near = {.place = RN_PLACE_NEAR};
    struct couple couple = {.left = round->operations};
    rn_task task;
    if (scope == NULL)
        RN_MUST(rn_spawn_with(&task, answer, &couple, &near));
    else
        RN_MUST(rn_scope_spawn_with(scope, NULL, answer, &couple, &near));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_notify_one(&couple.to);
        RN_MUST(rn_notify_wait(&couple.fro));
    }
    const double value = ns_each(round, start);
    if (scope == NULL)
        RN_MUST(rn_join(task, NULL));
    return value;
}

static rn_scope_opts with_deadline(void)
{
    return (rn_scope_opts){.deadline = rn_in_s(3600)};
}

static void waits_at_once(struct round *round)
{
    round->value[0] = wait_at_once(round);
    {
        RN_SCOPE(s);
        round->value[1] = wait_at_once(round);
        RN_MUST(rn_scope_close(&s));
    }
    const rn_scope_opts opts = with_deadline();
    RN_SCOPE_WITH(s, &opts);
    round->value[2] = wait_at_once(round);
    RN_MUST(rn_scope_close(&s));
}

static void waits_parked(struct round *round)
{
    round->value[0] = wait_parked(round, NULL);
    {
        RN_SCOPE(s);
        round->value[1] = wait_parked(round, &s);
        RN_MUST(rn_scope_close(&s));
    }
    const rn_scope_opts opts = with_deadline();
    RN_SCOPE_WITH(s, &opts);
    round->value[2] = wait_parked(round, &s);
    RN_MUST(rn_scope_close(&s));
}

/* -- scopes --------------------------------------------------------------------------------------------------- */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void open_close(struct round *round)
{
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_SCOPE(s);
        RN_MUST(rn_scope_close(&s));
    }
    round->value[0] = ns_each(round, start);
}

static void scope_one(struct round *round)
{
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_SCOPE(s);
        RN_MUST(rn_scope_spawn(&s, nothing, NULL));
        RN_MUST(rn_scope_close(&s));
    }
    round->value[0] = ns_each(round, start);
}

static void scope_1000(struct round *round)
{
    const int64_t start = rn_now_ns();
    for (long done = 0; done < round->operations; done += 1000) {
        RN_SCOPE(s);
        for (int i = 0; i < 1000; i++)
            RN_MUST(rn_scope_spawn(&s, nothing, NULL));
        RN_MUST(rn_scope_close(&s));
    }
    round->value[0] = ns_each(round, start);
}

static void collect_1000(struct round *round)
{
    rn_ended ended;
    const int64_t start = rn_now_ns();
    for (long done = 0; done < round->operations; done += 1000) {
        RN_SCOPE_WITH(s, &(rn_scope_opts){.flags = RN_SCOPE_COLLECT});
        for (int i = 0; i < 1000; i++)
            RN_MUST(rn_scope_spawn(&s, nothing, NULL));
        while (rn_scope_next(&s, &ended) == 0)
            ;
        RN_MUST(rn_scope_close(&s));
    }
    round->value[0] = ns_each(round, start);
}

/* -- tokens --------------------------------------------------------------------------------------------------- */

static void token_child(struct round *round)
{
    rn_cancel *root;
    RN_MUST(rn_cancel_new(&root));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_cancel *child;
        RN_MUST(rn_cancel_child(&child, root));
        rn_cancel_drop(child);
    }
    round->value[0] = ns_each(round, start);
    rn_cancel_drop(root);
}

static void token_request_1000(struct round *round)
{
    static rn_cancel *children[1000];
    double sum = 0;
    for (long done = 0; done < round->operations; done += 1000) {
        rn_cancel *root;
        RN_MUST(rn_cancel_new(&root));
        for (int i = 0; i < 1000; i++)
            RN_MUST(rn_cancel_child(&children[i], root));
        const int64_t start = rn_now_ns();
        rn_cancel_request(root, 0);
        sum += (double)(rn_now_ns() - start);
        for (int i = 0; i < 1000; i++)
            rn_cancel_drop(children[i]);
        rn_cancel_drop(root);
    }
    round->value[0] = sum / (double)round->operations;
}

static const struct figure_line wait_lines[] = {
    {"no_scope", "ns"}, {"scope", "ns"}, {"deadline", "ns"}, {NULL, NULL}};

const struct figure scope_figures[] = {
    {"wait_at_once", NULL, waits_at_once, 4000000, 0, "rn_notify_one and a wait for it, by a task", wait_lines},
    {"wait_parked", NULL, waits_parked, 500000, 0, "there and back between two tasks, both park", wait_lines},
    {"scope_empty", "ns", open_close, 2000000, 0, "open a scope and close it", 0},
    {"scope_spawn_one", "ns", scope_one, 500000, 0, "the same with an empty task (compare spawn_join_one)", 0},
    {"scope_spawn_1000", "ns", scope_1000, 500000, 0, "per task, 1,000 of them (compare spawn_join_1000)", 0},
    {"scope_next_1000", "ns", collect_1000, 500000, 0, "per task, 1,000 of them, each result taken", 0},
    {"token_child", "ns", token_child, 2000000, 0, "make a child of a token and drop it", 0},
    {"token_request_1000", "ns", token_request_1000, 200000, 0, "per child, a request to a token with 1,000", 0},
    {0},
};
