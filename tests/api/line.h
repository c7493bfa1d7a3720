/* SPDX-License-Identifier: MIT */
/* line.h - what cases about locks share: parties that stand in the line of an object, one behind the other. */
#ifndef TESTS_API_LINE_H
#define TESTS_API_LINE_H

#include "api/parked.h"
#include "api/tasks.h"

/* One call by another party. */
struct waiting {
    int (*call)(struct waiting *waiting);
    void *object;
    size_t count;
    rn_deadline deadline;
    uint32_t *order; /* counts those who got through */
    uint32_t place;  /* 1, 2, ... in that */
    uint32_t go;     /* for calls that hold what they got until they are told */
    struct actor *actor;
};

HELPER int waiting_run(void *arg)
{
    struct waiting *waiting = arg;
    return waiting->call(waiting);
}

/* For the calls: this one got through. */
HELPER void note_place(struct waiting *waiting)
{
    rn__store_release(&waiting->place, count_up(waiting->order) + 1); /* read by the body */
}

HELPER uint32_t place_of(const struct waiting *waiting)
{
    return value_of(&waiting->place);
}

/* Comes back when so many stand in the line of objects of that name. */
HELPER void line_up(struct waiting *waiting, unsigned standing, const char *name)
{
    waiting->actor = actor_start(waiting_run, waiting);
    WAIT_UNTIL_PARKED(standing, name);
}

/* Without looking where it is. */
HELPER void start(struct waiting *waiting)
{
    waiting->actor = actor_start(waiting_run, waiting);
}

/* How many stand in the line or have left it: of `leaver`, which sets go when it leaves, and all others. In this
 * order: one that leaves meanwhile is not counted twice. */
HELPER unsigned in_line_or_gone(const struct waiting *leaver, const char *name)
{
    const unsigned gone = is_set(&leaver->go);
    return gone + parked_on(name);
}

HELPER int end(struct waiting *waiting)
{
    return actor_join(waiting->actor);
}

/* In a runtime: the call, by a task that is cancelled while it is the so-manyth in the line. */
HELPER int cancelled_asleep(struct waiting *waiting, unsigned standing, const char *name)
{
    rn_task task;
    RN_MUST(rn_spawn(&task, waiting_run, waiting));
    WAIT_UNTIL_PARKED(standing, name);
    rn_task_cancel(task, 0);
    return result_of(task);
}

HELPER int cancel_self_and_run(void *arg)
{
    rn_task_cancel(rn_task_self(), 0);
    return waiting_run(arg);
}

/* In a runtime: the call, by a task that was cancelled before. */
HELPER int cancelled_before(struct waiting *waiting)
{
    rn_task task;
    RN_MUST(rn_spawn(&task, cancel_self_and_run, waiting));
    return result_of(task);
}

#endif
