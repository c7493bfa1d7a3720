/* SPDX-License-Identifier: MIT */
/* must fail: spawns a function that returns a pointer */
// expect: incompatible.*pointer.type|invalid conversion|no matching
#include "prelude.h"

static void *work(void *arg)
{
    return arg;
}
int f(void)
{
    return rn_spawn(NULL, work, NULL);
}
