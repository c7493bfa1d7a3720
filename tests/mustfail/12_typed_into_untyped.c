/* SPDX-License-Identifier: MIT */
/* must fail: passes a typed end to an untyped call without saying so */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_tx *tx, int *value)
{
    return rn_mpsc_send(tx, value);
}
