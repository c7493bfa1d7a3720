/* SPDX-License-Identifier: MIT */
/* must fail: gives a plain message away, which has no drop function */
// expect: implicit declaration|not declared|undeclared
#include "prelude.h"

int f(jobs_tx *tx)
{
    int (*give)(jobs_tx *, int) = jobs_give;
    return give(tx, 1);
}
