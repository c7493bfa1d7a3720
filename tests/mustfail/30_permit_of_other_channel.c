/* SPDX-License-Identifier: MIT */
/* must fail: sends through the permit of another channel */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(names_permit *permit)
{
    return jobs_permit_send(permit, 1);
}
