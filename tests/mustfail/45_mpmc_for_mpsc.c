/* SPDX-License-Identifier: MIT */
/* must fail: receives from an mpmc by the call of mpsc */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(rn_mpmc_rx *rx, int *out)
{
    return rn_mpsc_recv(rx, out);
}
