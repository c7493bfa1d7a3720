/* SPDX-License-Identifier: MIT */
/* must fail: acquires a mutex */
// expect: incompatible.pointer.type|cannot convert|no matching
#include "prelude.h"

int f(rn_mutex *mutex)
{
    return rn_semaphore_try_acquire(mutex, 1);
}
