/* SPDX-License-Identifier: MIT */
/* must fail: joins the address of a task */
// expect: incompatible type|could not convert|no matching
#include "prelude.h"

int f(rn_task *task)
{
    return rn_join(task, NULL);
}
