/* SPDX-License-Identifier: MIT */
/* must fail: gives a number where a deadline is wanted */
// expect: incompatible type|could not convert|no matching
#include "prelude.h"

int f(jobs_rx *rx, int *value)
{
    return jobs_recv_until(rx, value, 500);
}
