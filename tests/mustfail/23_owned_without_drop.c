/* SPDX-License-Identifier: MIT */
/* must fail: declares owned messages and forgets how to drop them */
// expect: requires 3 arguments|too few arguments
#include "prelude.h"

RN_MPSC_OWNED(texts, char *);
