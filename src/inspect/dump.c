/* SPDX-License-Identifier: MIT */
/* dump.c - what every task is doing, as text (public face: <runnel/inspect.h>).
 *
 * Reads only. It walks the party table, which is never unmapped, and pins each task while it looks at it, so the
 * memory behind is a task's for that long. What it reads is written meanwhile by others, word by word: each line was
 * true of each of its parts at some moment, not of all of them at the same one. What a task waits for is named by
 * static text only, because the object itself may be gone.
 */
#include <stdarg.h>
#include <stdio.h>

#include "platform/platform.h"
#include "runtime/runtime.h"
#include "wait/clock.h"

#include <runnel/error.h>
#include <runnel/inspect.h>

struct text {
    char bytes[512];
    size_t length;
};

static void add(struct text *text, const char *format, ...) RN__PRINTF(2, 3);

static void add(struct text *text, const char *format, ...)
{
    va_list args;
    const size_t room = sizeof text->bytes - text->length;
    va_start(args, format);
    const int wanted = vsnprintf(text->bytes + text->length, room, format, args);
    va_end(args);
    if (wanted > 0)
        text->length += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static bool flush(struct text *text, int fd)
{
    const bool written = rn__platform_write(fd, text->bytes, text->length);
    text->length = 0;
    return written;
}

/* For how long still, so that a deadline can be told from a hang. */
static void add_deadline(struct text *text, int64_t deadline)
{
    if (deadline != RN__NEVER && deadline > 0)
        add(text, ", %lld ms left", (long long)(deadline - rn__now()) / 1000000);
}

static void add_wait(struct text *text, const struct rn__party *party, const char *verb)
{
    const char *name = rn__load_relaxed(&party->wait_name); /* rlx: hints, each a word of its own */
    add(text, "waits: %s", verb);
    if (name != NULL)
        add(text, " %s", name);
    const void *object = rn__load_relaxed(&party->wait_object); /* rlx: as above */
    if (object != NULL)
        add(text, " (%p)", object);
    add_deadline(text, rn__load_relaxed(&party->wait_deadline)); /* rlx: as above */
}

/* The task has started, so it has a worker, whose slot is never unmapped. Not by `home`: that of a handler may be a
 * link in a deque by now. */
static bool is_running(const struct rn__task *task)
{
    if (task->party.kind == &rn__thread_task_kind)
        return true;
    const struct rn__worker *worker = rn__worker_in_slot(rn__load_relaxed(&task->live_slot)); /* rlx: a hint */
    return worker != NULL && rn__load_relaxed(&worker->running) == task;                      /* rlx: a hint */
}

/* A handler that has nothing to do, and no stack. */
static void add_idle(struct text *text, const struct rn__party *party, const char *verb)
{
    add(text, "idle, ");
    add_wait(text, party, verb == NULL ? "mpsc serve" : verb);
}

static void add_state(struct text *text, const struct rn__task *task)
{
    const char *verb = rn__load_relaxed(&task->party.wait_verb); /* rlx: a hint */
    const enum rn__task_state state = rn__task_state(task);
    if (state == RN__TASK_FRESH)
        add(text, "fresh");
    else if (state == RN__TASK_DONE)
        add(text, "ended with %d, not joined", task->result);
    else if (state == RN__TASK_IDLE)
        add_idle(text, &task->party, verb);
    else if (verb != NULL)
        add_wait(text, &task->party, verb);
    else
        add(text, is_running(task) ? "runs" : "ready");
    if (rn__load_relaxed(&task->party.cause) != 0) /* rlx: a hint */
        add(text, ", cancelled");
}

static void add_task(struct text *text, const struct rn__task *task)
{
    const struct rn__site *site = task->site;
    add(text, "task %llu %.*s (%s:%u) ", (unsigned long long)rn__task_handle(task).id, RN_TASK_NAME_MAX,
        rn__task_name(task), site->file, (unsigned)site->line);
    add_state(text, task);
    add(text, "\n");
}

/* true if there was a task at this place of the table and its line is in text. */
static bool describe(struct text *text, uint32_t index)
{
    struct rn__party *party = rn__party_at(index);
    if (!rn__party_is_task(party))
        return false;
    struct rn__task *task = rn__task_pin(rn__task_handle(rn__task_of(party)));
    if (task == NULL)
        return false;
    add_task(text, task);
    rn__task_unpin(task);
    return true;
}

int rn_dump(int fd)
{
    struct text text = {.length = 0};
    const uint32_t count = rn__party_count();
    uint32_t tasks = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (!describe(&text, i))
            continue;
        tasks++;
        if (!flush(&text, fd))
            return RN_EINVAL;
    }
    add(&text, "%u tasks\n", (unsigned)tasks);
    return flush(&text, fd) ? 0 : RN_EINVAL;
}
