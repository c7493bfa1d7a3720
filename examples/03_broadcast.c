/* SPDX-License-Identifier: MIT */
/* 03_broadcast.c - every subscriber sees each event, and a slow one learns how many it missed */
#include <runnel.h>

#include <stdio.h>

struct event {
    const char *what;
};
RN_BROADCAST_PLAIN(events, struct event);

static void print_all(const char *who, events_rx *rx)
{
    struct event event;
    uint64_t missed;
    while (events_recv(rx, &event, &missed) == 0) { /* a loss does not end the loop */
        if (missed > 0)
            printf("%s missed %u\n", who, (unsigned)missed);
        printf("%s: %s\n", who, event.what);
    }
}

static int app(void *arg)
{
    (void)arg;
    RN_AUTO(events_rx) rx_a = NULL;
    RN_AUTO(events_rx) rx_b = NULL;
    events_tx *tx;
    struct event event;
    uint64_t missed;
    RN_MUST(events_channel(&tx, &rx_a, 2)); /* keeps the last two */
    RN_MUST(events_subscribe(&rx_b, tx));

    events_send(tx, (struct event){"reloaded"});
    RN_MUST(events_recv(rx_a, &event, &missed));
    printf("a: %s\n", event.what);

    events_send(tx, (struct event){"degraded"});
    events_send(tx, (struct event){"recovered"}); /* b has not read "reloaded", which this overwrites */
    events_tx_drop(tx);
    print_all("a", rx_a);
    print_all("b", rx_b);
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
