/* SPDX-License-Identifier: MIT */
/* 04_watch.c - only the newest value matters */
#include <runnel.h>

#include <stdio.h>

enum state { RUNNING, DRAINING };
RN_WATCH_PLAIN(mode, enum state);
RN_TASK(worker, mode_rx *);

static int worker(mode_rx *rx)
{
    enum state state = mode_get(rx);
    while (state != DRAINING && mode_recv(rx, &state) == 0) /* waits for a value that was not seen yet */
        ;
    puts(state == DRAINING ? "draining" : "nobody will say it any more");
    mode_rx_drop(rx);
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    mode_tx *tx;
    mode_rx *rx;
    rn_task task;
    RN_MUST(mode_channel(&tx, &rx, RUNNING));
    RN_MUST(worker_spawn(&task, rx));
    mode_set(tx, DRAINING); /* stored whether anybody listens or not */
    RN_MUST(rn_join(task, NULL));
    mode_tx_drop(tx);
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
