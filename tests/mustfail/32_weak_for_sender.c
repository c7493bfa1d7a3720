/* SPDX-License-Identifier: MIT */
/* must fail: sends on a weak sender */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_weak *weak)
{
    return jobs_send(weak, 1);
}
