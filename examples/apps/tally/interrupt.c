/* SPDX-License-Identifier: MIT */
/* interrupt.c - Ctrl-C. A signal handler may hardly call anything; a thread that waits for the signal may call all of
 * runnel, which serves plain threads and tasks alike. */
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The thread is asked to leave by a signal as well, of a kind that nobody else sends and that does no harm. */
enum { LEAVE = SIGURG };

static sigset_t signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, LEAVE);
    return set;
}

static void *watch_out(void *arg)
{
    const struct interrupt *const interrupt = arg;
    const sigset_t set = signals();
    int signal = 0;
    sigwait(&set, &signal);
    if (signal == LEAVE)
        return NULL;
    mode_set(interrupt->mode, DRAINING);
    rn_ignore((int)write(interrupt->wake[1], "", 1));
    say(interrupt->progress, "interrupted", "finishing; a second time stops at once");
    sigwait(&set, &signal);
    if (signal == SIGINT)
        _exit(130);
    return NULL;
}

int interrupt_begin(struct interrupt *interrupt, mode_tx *mode, bool progress)
{
    const sigset_t set = signals();
    interrupt->mode = mode;
    interrupt->progress = progress;
    if (pipe2(interrupt->wake, O_CLOEXEC) != 0)
        return errno;
    pthread_sigmask(SIG_BLOCK, &set, &interrupt->mask_before);
    const int error = pthread_create(&interrupt->thread, NULL, watch_out, interrupt);
    if (error == 0)
        return 0;
    pthread_sigmask(SIG_SETMASK, &interrupt->mask_before, NULL);
    close(interrupt->wake[0]);
    close(interrupt->wake[1]);
    return error;
}

void interrupt_end(struct interrupt *interrupt)
{
    pthread_kill(interrupt->thread, LEAVE);
    pthread_join(interrupt->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt->mask_before, NULL);
    close(interrupt->wake[0]);
    close(interrupt->wake[1]);
}
