/* SPDX-License-Identifier: MIT */
/* must fail: drops an end of another shape */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

void f(rn_oneshot_tx *tx)
{
    rn_mpsc_tx_drop(tx);
}
