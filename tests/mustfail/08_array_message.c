/* SPDX-License-Identifier: MIT */
/* must fail: declares a channel of arrays, which would be sent as pointers */
// expect: returning an array|function cannot return array
#include "prelude.h"

typedef char line[64];
RN_MPSC_PLAIN(lines, line);
