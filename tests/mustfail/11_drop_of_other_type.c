/* SPDX-License-Identifier: MIT */
/* must fail: has a drop function for another type */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

static void drop(struct point *p)
{
    (void)p;
}
RN_MPSC_OWNED(texts, char *, drop);
