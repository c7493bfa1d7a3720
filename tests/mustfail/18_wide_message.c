/* SPDX-License-Identifier: MIT */
/* must fail: declares a channel of messages aligned to more than 64 bytes */
// expect: aligned to at most 64
#include "prelude.h"

struct wide {
    char bytes[128];
} __attribute__((aligned(128)));
RN_ONESHOT_PLAIN(wides, struct wide);
