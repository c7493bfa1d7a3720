/* SPDX-License-Identifier: MIT */
/* must fail: declares a task with an argument over 4096 bytes */
// expect: at most 4096 bytes
#include "prelude.h"

struct page {
    char bytes[4097];
};
RN_TASK(work, struct page);
