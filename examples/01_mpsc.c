/* SPDX-License-Identifier: MIT */
/* 01_mpsc.c - one worker handles every command, in order */
#include <runnel.h>

#include <stdio.h>

enum command { REFRESH, STOP };
RN_MPSC_PLAIN(commands, enum command); /* commands_tx, commands_rx, commands_send(), ... */
RN_TASK(worker, commands_rx *);        /* worker_spawn() */

static int worker(commands_rx *rx)
{
    enum command command;
    while (commands_recv(rx, &command) == 0) /* RN_CLOSED or RN_ECANCELED ends the loop */
        printf("handle %s\n", command == REFRESH ? "Refresh" : "Stop");
    commands_rx_drop(rx);
    return 0;
}

static int app(void *arg) /* the root task; its result is the exit code */
{
    (void)arg;
    commands_tx *tx;
    commands_rx *rx;
    rn_task task;
    RN_MUST(commands_channel(&tx, &rx, 32)); /* a failure prints where and which, and aborts */
    RN_MUST(worker_spawn(&task, rx));        /* from here rx is the worker's */
    RN_MUST(commands_send(tx, REFRESH));
    RN_MUST(commands_send(tx, STOP));
    commands_tx_drop(tx); /* the last sender is gone: the worker's loop ends */
    RN_MUST(rn_join(task, NULL));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
