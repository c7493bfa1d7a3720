/* SPDX-License-Identifier: MIT */
/* must fail: takes the ends of a new channel the wrong way round */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_tx **tx, jobs_rx **rx)
{
    return jobs_channel(rx, tx, 4);
}
