/* SPDX-License-Identifier: MIT */
/* must fail: receives into a variable of another type */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_rx *rx, long *value)
{
    return jobs_recv(rx, value);
}
