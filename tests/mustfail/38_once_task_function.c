/* SPDX-License-Identifier: MIT */
/* must fail: a once runs a function of another type */
// expect: incompatible.pointer.type|incompatible function pointer|cannot convert|no matching|invalid conversion
#include "prelude.h"

static void make(int *value)
{
    *value = 1;
}

int f(rn_once *once, int *value)
{
    return rn_once_run(once, make, value);
}
