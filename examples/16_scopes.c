/* SPDX-License-Identifier: MIT */
/* 16_scopes.c - tasks that end before their block: all or the first failure, and results as they come */
#include <runnel.h>

#include <stdio.h>

enum { BAD_CHECKSUM = -10007 };

struct part {
    int id;
    rn_notify *wait_for; /* what it waits for, as if from a server; NULL: nothing */
    bool bad;
    const char *state;
    rn_notify done;
};

/* The part lies in the frame of whoever opened the scope: it is there as long as we run. */
static int fetch(void *arg)
{
    struct part *part = arg;
    part->state = "given up";
    if (part->wait_for != NULL)
        RN_TRY(rn_notify_wait(part->wait_for));
    part->state = part->bad ? "bad" : "fetched";
    rn_notify_one(&part->done);
    return part->bad ? BAD_CHECKSUM : 0;
}

/* All parts or none: the first that fails ends the others, also one that would wait for ever. */
static int fetch_all(struct part *parts, size_t count)
{
    RN_SCOPE(s);
    for (size_t i = 0; i < count; i++)
        RN_TRY(rn_scope_spawn(&s, fetch, &parts[i])); /* an early return would cancel and await the others */
    return rn_scope_close(&s);
}

/* What can be had: each result as its task ends, and failures stop nobody. Two at a time. */
static int fetch_each(struct part *parts, size_t count)
{
    const rn_scope_opts opts = {.flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING, .max_running = 2};
    rn_ended ended;
    int rc;
    RN_SCOPE_WITH(s, &opts);
    for (size_t i = 0; i < count; i++)
        RN_TRY(rn_scope_spawn(&s, fetch, &parts[i]));
    while ((rc = rn_scope_next(&s, &ended)) == 0) {
        const struct part *part = ended.arg;
        printf("part %d: %s (%d)\n", part->id, part->state, ended.result);
    }
    rn_ignore(rn_scope_close(&s)); /* the first failure, which we have seen */
    return rc == RN_EMPTY ? 0 : rc;
}

static int app(void *arg)
{
    rn_notify never = RN_NOTIFY_INIT;
    struct part parts[3] = {{.id = 1}, {.id = 2, .bad = true}, {.id = 3}};
    (void)arg;
    parts[1].wait_for = &parts[0].done;
    parts[2].wait_for = &never;
    printf("all: %d\n", fetch_all(parts, RN_COUNT(parts)));
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        printf("part %d: %s\n", parts[i].id, parts[i].state);
        parts[i].done = (rn_notify){0}; /* once more, from the beginning */
    }
    parts[2].wait_for = &parts[1].done;
    printf("each: %s\n", rn_err_name(fetch_each(parts, RN_COUNT(parts))));
    return 0;
}

int main(void)
{
    return rn_run_with(app, NULL, &(rn_runtime_opts){.workers = 1}); /* so that the order is the same each time */
}
