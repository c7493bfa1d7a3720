/* SPDX-License-Identifier: MIT */
/* oom_local.c - values of tasks when memory is refused: kept or still the caller's, inherited by a task that runs or
 * by nobody. */
#include "oom/refuse.h"

static uint32_t held, ran;

static void let_go(void *value)
{
    (void)value;
    rn__sub_acq_rel(&held, 1); /* read after the task has ended */
}

static int share(void *value, void **child)
{
    *child = value;
    count_up(&held);
    return 0;
}

static const rn_local first = RN_LOCAL_INIT(let_go, share), second = RN_LOCAL_INIT(let_go, share);

static void set_two(void)
{
    int value;
    refuse_begin();
    const int codes[] = {rn_local_set(&first, &value), rn_local_set(&second, &value)};
    refuse_end();
    CHECK(codes[0] == 0 || codes[0] == RN_ENOMEM);
    CHECK(codes[1] == 0 || codes[1] == RN_ENOMEM);
    CHECK(rn_local_take(&first) == (codes[0] == 0 ? &value : NULL));
    CHECK(rn_local_take(&second) == (codes[1] == 0 ? &value : NULL));
    CHECK_RC(rn_local_set(&first, &value), 0);
    CHECK(rn_local_take(&first) == &value);
}

static void attempt_to_set_in_a_task(void)
{
    on_workers(1, set_two);
}

static int count_run(void *arg)
{
    CHECK(rn_local_get(&first) == arg);
    CHECK(rn_local_get(&second) == arg);
    count_up(&ran);
    return 0;
}

static void spawn_an_heir(void)
{
    int value;
    rn_task task;
    count_up(&held);
    count_up(&held);
    CHECK_RC(rn_local_set(&first, &value), 0);
    CHECK_RC(rn_local_set(&second, &value), 0);
    refuse_begin();
    const int code = rn_spawn(&task, count_run, &value);
    refuse_end();
    CHECK(code == 0 || code == RN_ENOMEM);
    if (code == 0)
        CHECK_RC(result_of(task), 0);
    CHECK_EQ(value_of(&ran), code == 0);
    CHECK_EQ(value_of(&held), 2);
    CHECK(rn_local_get(&first) == &value);
}

static void attempt_to_spawn_an_heir(void)
{
    on_workers(1, spawn_an_heir);
    CHECK_EQ(value_of(&held), 0);
}

REFUSED(local_set_in_a_task_without_memory, RN__FAULT_ALLOC, 2, attempt_to_set_in_a_task)
REFUSED(local_set_on_a_thread_without_memory, RN__FAULT_ALLOC, 3, set_two)
REFUSED(local_inherited_without_memory, RN__FAULT_ALLOC, 3, attempt_to_spawn_an_heir)
