/* SPDX-License-Identifier: MIT */
/* must fail: sends a number where a pointer is wanted */
// expect: int-conversion|makes pointer from integer|invalid conversion|no matching
#include "prelude.h"

int f(names_tx *tx)
{
    return names_send(tx, 3);
}
