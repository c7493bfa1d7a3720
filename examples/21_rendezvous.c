/* SPDX-License-Identifier: MIT */
/* 21_rendezvous.c - a channel of capacity 0: send returns when the message has been taken, so nothing lies about */
#include <runnel.h>

#include <stdio.h>

RN_MPSC_PLAIN(plates, int);
RN_TASK(waiter, plates_rx *);

static int waiter(plates_rx *rx)
{
    int plate;
    while (plates_recv(rx, &plate) == 0) {
        printf("plate %d is on its way\n", plate);
        RN_TRY(rn_sleep_ms(1));
    }
    plates_rx_drop(rx);
    return 0;
}

static int kitchen(void *arg)
{
    (void)arg;
    plates_tx *tx;
    plates_rx *rx;
    rn_task task;
    RN_MUST(plates_channel(&tx, &rx, 0));
    if (plates_try_send(tx, 1) == RN_FULL)
        printf("nobody is there yet\n");
    RN_MUST(waiter_spawn(&task, rx));
    for (int plate = 1; plate <= 3; plate++)
        RN_MUST(plates_send(tx, plate)); /* from hand to hand */
    plates_tx_drop(tx);
    RN_MUST(rn_join(task, NULL));
    return 0;
}

int main(void)
{
    return rn_run(kitchen, NULL);
}
