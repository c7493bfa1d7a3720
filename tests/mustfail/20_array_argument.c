/* SPDX-License-Identifier: MIT */
/* must fail: declares a task with an array as its argument */
// expect: returning an array|function cannot return array
#include "prelude.h"

typedef int numbers[4];
RN_TASK(work, numbers);
