/* SPDX-License-Identifier: MIT */
/* must fail: one more receiver, put where that of another channel belongs */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(tickets_rx *rx, stamps_rx **out)
{
    return tickets_rx_clone(out, rx);
}
