/* SPDX-License-Identifier: MIT */
/* refuse.h - refuses the n-th request of a kind, for every n: each time in a process of its own, because what the
 * library maps it keeps, and the next attempt would not ask again. */
#ifndef TESTS_OOM_REFUSE_H
#define TESTS_OOM_REFUSE_H

#include "api/tasks.h"
#include "base/fault.h"

#include <sys/wait.h>
#include <unistd.h>

static struct {
    enum rn__fault_point point;
    uint32_t number; /* the one that is refused, from 1 */
    uint32_t asked;
    uint32_t refused;
} refusal;

static bool refuse_one(enum rn__fault_point point, void *ctx)
{
    (void)ctx;
    if (point != refusal.point || count_up(&refusal.asked) + 1 != refusal.number)
        return false;
    count_up(&refusal.refused);
    return true;
}

/* Around the call in question, in the process of the attempt. */
HELPER void refuse_begin(void)
{
    rn__fault_set(refuse_one, NULL);
}

HELPER void refuse_end(void)
{
    rn__fault_set(NULL, NULL);
}

HELPER bool was_refused(void)
{
    return value_of(&refusal.refused) > 0;
}

/* In the child; whether anything was refused is its exit status. */
static void attempt_and_exit(void (*attempt)(void))
{
    attempt();
    rn__fault_set(NULL, NULL);
    CHECK_EQ(test_memory().live, 0);
    _exit(was_refused() ? 1 : 0);
}

/* Gives how many requests there were, all of which have been refused once. */
HELPER uint32_t refuse_each(enum rn__fault_point point, void (*attempt)(void))
{
    for (uint32_t number = 1;; number++) {
        int status = 0;
        refusal.point = point;
        refusal.number = number;
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0)
            attempt_and_exit(attempt);
        REQUIRE(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status)) {
            FAIL("request %u of kind %d was refused: died by signal %d", number, (int)point, WTERMSIG(status));
            return number;
        }
        if (WEXITSTATUS(status) == 0)
            return number - 1;
    }
}

/* A case for each kind of request; `least` is how many there must be, or the case shows nothing. */
#define REFUSED(id, kind, least, attempt)                                                                            \
    TEST(id)                                                                                                         \
    {                                                                                                                \
        if (TEST_THREAD_SANITIZED)                                                                                   \
            SKIP("ThreadSanitizer allows no threads in the children");                                               \
        const uint32_t requests = refuse_each(kind, attempt);                                                        \
        if (requests < (least))                                                                                      \
            FAIL("only %u requests", requests);                                                                      \
    }

#endif
