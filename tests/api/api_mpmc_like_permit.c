/* SPDX-License-Identifier: MIT */
/* mpmc: the cases of api_permit.c, with one receiver. */
#include "api/like_mpsc.h"

#include "api/api_permit.c"
