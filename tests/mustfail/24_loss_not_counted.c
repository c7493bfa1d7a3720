/* SPDX-License-Identifier: MIT */
/* must fail: receives from a broadcast and leaves no word about losses */
// expect: too few arguments|no matching
#include "prelude.h"

RN_BROADCAST_PLAIN(events, int);
int f(events_rx *rx, int *out)
{
    return events_recv(rx, out);
}
