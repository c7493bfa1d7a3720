/* SPDX-License-Identifier: MIT */
/* must fail: reserves a place in one channel for the permit of another */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(names_tx *tx, jobs_permit *permit)
{
    return names_reserve(tx, 1, permit);
}
