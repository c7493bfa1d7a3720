/* SPDX-License-Identifier: MIT */
/* 13_slow_receivers.c - each subscriber says what is to happen when it falls behind */
#include <runnel.h>

#include <stdio.h>

RN_BROADCAST_PLAIN(orders, int);
RN_TASK(publish, orders_tx *);

static int publish(orders_tx *tx)
{
    for (int order = 1; order <= 6; order++)
        RN_MUST(orders_send(tx, order)); /* waits for the audit, and for nobody else */
    orders_tx_drop(tx);
    return 0;
}

static orders_rx *subscribe(orders_tx *tx, enum rn_on_lag on_lag)
{
    orders_rx *rx;
    RN_MUST(orders_subscribe_with(&rx, tx, &(rn_subscribe_opts){.on_lag = on_lag}));
    return rx;
}

static int app(void *arg)
{
    (void)arg;
    orders_tx *tx;
    rn_task publisher;
    int order;
    uint64_t missed;
    RN_MUST(orders_channel_with(&tx, NULL, 2, &(rn_broadcast_opts){.flags = RN_BROADCAST_MAY_BLOCK}));
    RN_AUTO(orders_rx) audit = subscribe(tx, RN_ON_LAG_BLOCK);
    RN_AUTO(orders_rx) screen = subscribe(tx, RN_ON_LAG_SKIP_TO_LATEST);
    RN_AUTO(orders_rx) client = subscribe(tx, RN_ON_LAG_DISCONNECT);
    RN_MUST(publish_spawn(&publisher, tx));

    while (orders_recv(audit, &order, &missed) == 0)
        printf("audit: order %d\n", order);

    RN_MUST(orders_recv(screen, &order, &missed));
    printf("screen: order %d, after %d that nobody saw\n", order, (int)missed);

    if (orders_recv(client, &order, &missed) == RN_LAGGED)
        printf("client: disconnected when %d had come that it did not read\n", (int)missed);
    return rn_join(publisher, NULL);
}

int main(void)
{
    return rn_run(app, NULL);
}
