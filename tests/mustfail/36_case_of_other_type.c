/* SPDX-License-Identifier: MIT */
/* must fail: a case that receives into a variable of another type */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

rn_case f(jobs_rx *rx, const char **value)
{
    return jobs_recv_case(rx, value);
}
