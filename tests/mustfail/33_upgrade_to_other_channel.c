/* SPDX-License-Identifier: MIT */
/* must fail: makes a sender of one channel from the weak sender of another */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(names_tx **tx, jobs_weak *weak)
{
    return jobs_weak_upgrade(tx, weak);
}
