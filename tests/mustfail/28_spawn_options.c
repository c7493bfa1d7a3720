/* SPDX-License-Identifier: MIT */
/* must fail: passes options of a runtime to a spawn */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

static int work(void *arg)
{
    (void)arg;
    return 0;
}
int f(const rn_runtime_opts *opts)
{
    return rn_spawn_with(NULL, work, NULL, opts);
}
