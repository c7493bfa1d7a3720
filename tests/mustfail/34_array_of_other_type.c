/* SPDX-License-Identifier: MIT */
/* must fail: sends an array of other messages */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(jobs_tx *tx, const long *values, size_t *sent)
{
    return jobs_send_many(tx, values, 3, sent);
}
