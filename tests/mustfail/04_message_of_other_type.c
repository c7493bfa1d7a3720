/* SPDX-License-Identifier: MIT */
/* must fail: sends a number where a struct is wanted */
// expect: incompatible type|could not convert|no matching
#include "prelude.h"

int f(points_tx *tx)
{
    return points_send(tx, 3);
}
