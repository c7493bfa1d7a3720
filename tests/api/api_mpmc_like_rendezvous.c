/* SPDX-License-Identifier: MIT */
/* mpmc: the cases of api_rendezvous.c, with one receiver. */
#include "api/like_mpsc.h"

#include "api/api_rendezvous.c"
