/* SPDX-License-Identifier: MIT */
/* oom_scope.c - scopes when memory is refused: opening cannot fail, a task is spawned or its place is free again. */
#include "oom/refuse.h"

static uint32_t ran;

static int run_once(void *arg)
{
    (void)arg;
    count_up(&ran);
    return 0;
}

enum { TASKS = 200 };

static void spawn_into(rn_scope *scope, uint32_t *made)
{
    static const char bytes[1000];
    for (int i = 0; i < TASKS; i++) {
        const int code = rn_scope_spawn_copy(scope, NULL, run_once, bytes, sizeof bytes, NULL);
        CHECK(code == 0 || code == RN_ENOMEM);
        *made += code == 0;
    }
}

static void open_and_spawn(void)
{
    uint32_t made = 0;
    refuse_begin();
    RN_SCOPE_WITH(s, &(rn_scope_opts){.max_running = 2, .flags = RN_SCOPE_COLLECT | RN_SCOPE_KEEP_GOING});
    spawn_into(&s, &made);
    refuse_end();
    CHECK_RC(rn_scope_close(&s), 0);
    CHECK_EQ(value_of(&ran), made);
    CHECK(made + 1 >= TASKS);
}

static void in_a_task(void)
{
    on_workers(1, open_and_spawn);
}

/* A plain thread that gets no party: the scope says so, and closes. */
static void on_a_thread(void)
{
    rn_runtime *runtime;
    uint32_t made = 0;
    REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 1}) == 0);
    refuse_begin();
    RN_SCOPE_WITH(s, &(rn_scope_opts){.runtime = runtime});
    spawn_into(&s, &made);
    refuse_end();
    const int rc = rn_scope_close(&s);
    CHECK(rc == 0 || (rc == RN_ENOMEM && made == 0));
    CHECK_EQ(value_of(&ran), made);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

REFUSED(oom_scope_of_a_task, RN__FAULT_ALLOC, TASKS, in_a_task)
REFUSED(oom_scope_of_a_thread, RN__FAULT_MAP, 1, on_a_thread)
