/* SPDX-License-Identifier: MIT */
/* mpmc: the cases of api_mpsc_end.c, with one receiver. */
#include "api/like_mpsc.h"

#include "api/api_mpsc_end.c"
