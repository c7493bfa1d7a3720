/* SPDX-License-Identifier: MIT */
/* tasks.h - what cases about tasks share: a piece of a case as the root of a runtime, flags between parties, who
 * runs where, what a task waits for, and the lines that went to the log. */
#ifndef TESTS_API_TASKS_H
#define TESTS_API_TASKS_H

#include "base/atomic.h"
#include "harness/harness.h"
#include "runtime/task.h"

#include <runnel.h>

#include <pthread.h>
#include <string.h>

/* -- a body as the root task ------------------------------------------------------------------------------------- */

HELPER int tasks_call(void *arg)
{
    void (**body)(void) = arg;
    (*body)();
    return 0;
}

HELPER void on_workers(uint32_t workers, void (*body)(void))
{
    CHECK_RC(rn_run_with(tasks_call, &body, &(rn_runtime_opts){.workers = workers}), 0);
}

/* One case, whose body is the root task of a runtime with so many workers. */
#define ROOT_ON(workers, id)                                                                                         \
    static void root_##id(void);                                                                                     \
    TEST(id)                                                                                                         \
    {                                                                                                                \
        on_workers((workers), root_##id);                                                                            \
    }                                                                                                                \
    static void root_##id(void)

/* Three of them: id_on_1, id_on_2, id_on_16. */
#define ROOT(id)                                                                                                     \
    static void root_##id(void);                                                                                     \
    TEST(id##_on_1)                                                                                                  \
    {                                                                                                                \
        on_workers(1, root_##id);                                                                                    \
    }                                                                                                                \
    TEST(id##_on_2)                                                                                                  \
    {                                                                                                                \
        on_workers(2, root_##id);                                                                                    \
    }                                                                                                                \
    TEST(id##_on_16)                                                                                                 \
    {                                                                                                                \
        on_workers(16, root_##id);                                                                                   \
    }                                                                                                                \
    static void root_##id(void)

/* -- between parties --------------------------------------------------------------------------------------------- */

HELPER bool is_set(const uint32_t *flag)
{
    return rn__load_acquire(flag) != 0;
}

HELPER void set(uint32_t *flag)
{
    rn__store_release(flag, 1);
}

/* Gives the number before. */
HELPER uint32_t count_up(uint32_t *counter)
{
    return rn__add_acq_rel(counter, 1);
}

HELPER uint32_t value_of(const uint32_t *counter)
{
    return rn__load_acquire(counter);
}

/* Keeps its worker busy until then: whoever is to set the flag is on another thread. */
HELPER void spin_until(const uint32_t *flag)
{
    while (!is_set(flag))
        rn__pause();
}

/* -- asked from outside ------------------------------------------------------------------------------------------ */

/* Does the task wait in a call of this kind, "join" or "sleep"? NULL: in any. */
HELPER bool waits_in(rn_task handle, const char *verb)
{
    struct rn__task *task = rn__task_pin(handle);
    if (task == NULL)
        return false;
    const char *found = rn__load_relaxed(&task->party.wait_verb); /* rlx: the caller looks again and again */
    const bool waits = found != NULL && (verb == NULL || strcmp(found, verb) == 0);
    rn__task_unpin(task);
    return waits;
}

HELPER int result_of(rn_task task)
{
    int result = -77;
    CHECK_RC(rn_join(task, &result), 0);
    return result;
}

/* -- the log ----------------------------------------------------------------------------------------------------- */

/* Lines that the library logs from log_begin on, each ended by a newline. */
HELPER struct {
    pthread_mutex_t lock;
    char text[16384];
    size_t length;
    uint32_t lines;
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

HELPER void log_line(const char *line, void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&logged.lock);
    const size_t length = strlen(line);
    if (logged.length + length + 2 < sizeof logged.text) {
        memcpy(logged.text + logged.length, line, length);
        logged.length += length;
        logged.text[logged.length++] = '\n';
    }
    pthread_mutex_unlock(&logged.lock);
    count_up(&logged.lines);
}

HELPER void log_begin(void)
{
    rn_set_log(log_line, NULL);
}

/* While nobody logs any more. */
HELPER bool log_says(const char *text)
{
    return strstr(logged.text, text) != NULL;
}

#endif
