/* SPDX-License-Identifier: MIT */
/* must fail: sends on the sender of another channel */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(names_tx *tx)
{
    return jobs_send(tx, 1);
}
