/* SPDX-License-Identifier: MIT */
/* must fail: borrows through a pointer that could write */
// expect: incompatible.pointer.type|discards|invalid conversion|cannot convert|no matching
#include "prelude.h"

static void drop(struct point *p)
{
    (void)p;
}
RN_WATCH_OWNED(places, struct point, drop);
int f(places_rx *rx, struct point **out)
{
    return places_borrow(rx, out);
}
