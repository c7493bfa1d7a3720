/* SPDX-License-Identifier: MIT */
/* must fail: receives on a sender */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_tx *tx, int *value)
{
    return jobs_recv(tx, value);
}
