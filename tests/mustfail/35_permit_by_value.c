/* SPDX-License-Identifier: MIT */
/* must fail: passes a copy of a permit, which could be used twice */
// expect: incompatible type|cannot convert|no matching
#include "prelude.h"

int f(jobs_permit permit)
{
    return jobs_permit_send(permit, 1);
}
