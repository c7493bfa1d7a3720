/* SPDX-License-Identifier: MIT */
/* must fail: a handler for messages of another type */
// expect: incompatible.pointer.type|incompatible function pointer|cannot convert|invalid conversion|no matching
#include "prelude.h"

static int handle(const char **name, void *ctx)
{
    return *name == ctx;
}

int f(rn_task *task, jobs_rx *rx)
{
    return jobs_serve(task, rx, handle, 0);
}
