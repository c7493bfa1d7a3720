/* SPDX-License-Identifier: MIT */
/* prelude.h - the channels that the cases mix up */
#include <runnel.h>

struct point {
    int x, y;
};

RN_MPSC_PLAIN(jobs, int);
RN_MPSC_PLAIN(names, const char *);
RN_MPSC_PLAIN(points, struct point);
RN_MPMC_PLAIN(tickets, int);
RN_MPMC_PLAIN(stamps, long);
