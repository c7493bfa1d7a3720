/* SPDX-License-Identifier: MIT */
/* must fail: forgets the semicolon */
// expect: two or more data types|cannot combine|expected .;. after struct
#include "prelude.h"

RN_ONESHOT_PLAIN(answers, int)
int x;
