/* SPDX-License-Identifier: MIT */
/* scoped.h - what cases about scopes share: a body that opens scopes everywhere, also on a plain thread, which then
 * has a runtime for their tasks. */
#ifndef TESTS_API_SCOPED_H
#define TESTS_API_SCOPED_H

#include "api/parked.h"
#include "api/tasks.h"

/* `runtime`, in the body, is for rn_scope_opts: NULL inside a task. */
#define SCOPED(id)                                                                                                   \
    static void scoped_##id(rn_runtime *runtime);                                                                    \
    EVERYWHERE(id)                                                                                                   \
    {                                                                                                                \
        rn_runtime *runtime = NULL;                                                                                  \
        if (!on_task())                                                                                              \
            REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);                                \
        scoped_##id(runtime);                                                                                        \
        CHECK_RC(rn_runtime_free(runtime), 0);                                                                       \
    }                                                                                                                \
    static void scoped_##id(rn_runtime *runtime)

/* A scope; and one with these members of rn_scope_opts. */
#define SCOPE_IN(name) RN_SCOPE_WITH(name, &(rn_scope_opts){.runtime = runtime})
#define SCOPE_WITH(name, ...) RN_SCOPE_WITH(name, &(rn_scope_opts){.runtime = runtime, __VA_ARGS__})

/* -- what tasks of a scope do ------------------------------------------------------------------------------------ */

/* For a task that waits until it is cancelled. */
struct sleeper {
    uint32_t began;
    int cause; /* what it found */
    uint32_t ended;
};

HELPER int sleep_till_cancelled(void *arg)
{
    struct sleeper *sleeper = arg;
    set(&sleeper->began);
    const int rc = rn_sleep_until(RN_FOREVER);
    sleeper->cause = rn_cancelled();
    set(&sleeper->ended);
    return rc;
}

/* arg: the number that it fails with. */
HELPER int fail_with(void *arg)
{
    return (int)(intptr_t)arg;
}

#define AS_ARG(number) ((void *)(intptr_t)(number))

#endif
