/* SPDX-License-Identifier: MIT */
/* own_thread.c - tasks with a thread of their own (RN_PLACE_THREAD), for code that blocks its thread all the time: a
 * plain thread's way of waiting under a task's name, handle and cancellation. A task of the blocking pool runs in the
 * same way, on a thread that is used again. */
#include "base/alloc.h"
#include "fiber/stack.h"
#include "runtime/runtime.h"

#include <runnel/error.h>

/* The thread cannot join itself: it leaves its record to the next one that starts, or to the shutdown. */
static void leave_record(struct rn__own_thread *own)
{
    struct rn_runtime *runtime = own->runtime;
    rn__lock_acquire(&runtime->lock);
    own->next = runtime->ended_threads;
    runtime->ended_threads = own;
    rn__lock_release(&runtime->lock);
}

static int call(struct rn__task *task)
{
    rn__task_set_state(task, RN__TASK_STARTED);
    rn__party_set_current(&task->party);
    void *fault_stack = rn__platform_fault_stack();
    rn__stack_of_thread_is(task);
    const int result = rn__task_call(task, task->argument);
    rn__stack_of_thread_is(NULL);
    rn__platform_fault_stack_undo(fault_stack);
    return result;
}

static void run(void *arg)
{
    struct rn__own_thread *own = arg;
    rn__clock_count_caller(1);
    const int result = call(own->task);
    leave_record(own); /* before the end, after which the runtime may look for it */
    rn__task_end(own->task, result);
    rn__clock_count_caller(-1);
    rn__clock_count(-1);
}

void rn__task_run_here(struct rn__task *task)
{
    rn__task_end(task, call(task));
}

void rn__own_threads_join(struct rn_runtime *runtime)
{
    rn__lock_acquire(&runtime->lock);
    struct rn__own_thread *ended = runtime->ended_threads;
    runtime->ended_threads = NULL;
    rn__lock_release(&runtime->lock);
    while (ended != NULL) {
        struct rn__own_thread *next = ended->next;
        rn__platform_thread_join(ended->thread);
        rn__free(ended, sizeof *ended);
        ended = next;
    }
}

/* The thread must not outrun the record of its own handle: it is created under the lock that leave_record takes. */
int rn__own_thread_start(struct rn__task *task, size_t stack_size)
{
    struct rn_runtime *runtime = task->runtime;
    rn__own_threads_join(runtime);
    struct rn__own_thread *own = rn__alloc(sizeof *own);
    if (own == NULL)
        return RN_ENOMEM;
    *own = (struct rn__own_thread){.task = task, .runtime = runtime};
    rn__clock_count(1); /* until it has ended */
    rn__lock_acquire(&runtime->lock);
    const bool created = rn__platform_thread_create(&own->thread, run, own, rn__task_name(task), true, stack_size);
    rn__lock_release(&runtime->lock);
    if (created)
        return 0;
    rn__clock_count(-1);
    rn__free(own, sizeof *own);
    return RN_ENOMEM;
}
