/* SPDX-License-Identifier: MIT */
/* must fail: uses a prefix twice */
// expect: redefinition|conflicting
#include "prelude.h"

RN_WATCH_PLAIN(jobs, int);
