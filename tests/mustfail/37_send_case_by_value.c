/* SPDX-License-Identifier: MIT */
/* must fail: a case that sends a value, not what is at an address */
// expect: int-conversion|makes pointer from integer|invalid conversion|no matching
#include "prelude.h"

rn_case f(jobs_tx *tx, int value)
{
    return jobs_send_case(tx, value);
}
