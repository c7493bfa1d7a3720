/* SPDX-License-Identifier: MIT */
/* must fail: has a clone function for another type */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

static void drop(char **p)
{
    (void)p;
}
static int clone(struct point *to, const struct point *from)
{
    *to = *from;
    return 0;
}
RN_BROADCAST_OWNED(texts, char *, drop, clone);
