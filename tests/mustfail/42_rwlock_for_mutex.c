/* SPDX-License-Identifier: MIT */
/* must fail: waits on a condvar with an rwlock */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(rn_condvar *condvar, rn_rwlock *lock)
{
    return rn_condvar_wait(condvar, lock);
}
