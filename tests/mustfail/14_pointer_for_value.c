/* SPDX-License-Identifier: MIT */
/* must fail: sends the address of a message */
// expect: incompatible type|could not convert|no matching
#include "prelude.h"

int f(points_tx *tx, struct point *p)
{
    return points_send(tx, p);
}
