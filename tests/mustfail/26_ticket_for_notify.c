/* SPDX-License-Identifier: MIT */
/* must fail: notifies a ticket */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

void f(rn_notify_ticket *ticket)
{
    rn_notify_one(ticket);
}
