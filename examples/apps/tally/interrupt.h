/* SPDX-License-Identifier: MIT */
/* interrupt.h - Ctrl-C: the first one says "draining" on the watch, the second one ends the program. */
#ifndef TALLY_INTERRUPT_H
#define TALLY_INTERRUPT_H

#include <pthread.h>
#include <signal.h>

#include "tally.h"

struct interrupt {
    mode_tx *mode;
    bool progress; /* as in struct reporter */
    int wake[2];   /* a pipe: its first end becomes readable, for those that wait in poll */
    pthread_t thread;
    sigset_t mask_before;
};

/* Before the runtime starts, so that all its threads leave the signal alone. 0, or a number of errno. */
int interrupt_begin(struct interrupt *interrupt, mode_tx *mode, bool progress);
void interrupt_end(struct interrupt *interrupt);

#endif
