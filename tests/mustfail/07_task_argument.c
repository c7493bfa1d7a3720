/* SPDX-License-Identifier: MIT */
/* must fail: spawns a task with a receiver of another channel */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

RN_TASK(work, jobs_rx *);
static int work(jobs_rx *rx)
{
    jobs_rx_drop(rx);
    return 0;
}
int f(names_rx *rx)
{
    return work_spawn(NULL, rx);
}
