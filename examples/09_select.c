/* SPDX-License-Identifier: MIT */
/* 09_select.c - wait for several things at once: a tank that fills and drains, until it is told to close */
#include <runnel.h>

#include <stdio.h>

enum { LITRES = 6, ROOM = 2 };
enum order { RUN, CLOSE };

RN_MPSC_PLAIN(litres, int);
RN_WATCH_PLAIN(orders, enum order);

struct tank_args {
    litres_rx *in;
    litres_tx *out;
    orders_rx *orders;
};
RN_TASK(tank, struct tank_args);
RN_TASK(spring, litres_tx *);

/* Takes while it has room, gives while it has something: a case that is RN_NEVER, or whose end is NULL, just does not
 * happen. The order comes first if several are ready. */
static int tank(struct tank_args args)
{
    enum { ORDER, IN, OUT, CASES };
    int kept[ROOM], count = 0, litre = 0, rc = 0;
    enum order order = RUN;
    while (order != CLOSE && (args.in != NULL || count > 0)) {
        rn_case cases[CASES] = {
            [ORDER] = orders_recv_case(args.orders, &order),
            [IN] = count < ROOM ? litres_recv_case(args.in, &litre) : RN_NEVER,
            [OUT] = count > 0 ? litres_send_case(args.out, &kept[0]) : RN_NEVER,
        };
        const int which = rn_select_in_order(cases, CASES, rn_in_s(10));
        if (which < 0 || (cases[which].rc != 0 && cases[which].rc != RN_CLOSED)) {
            rc = which < 0 ? which : cases[which].rc;
            break;
        }
        if (which == IN && cases[IN].rc == RN_CLOSED) {
            litres_rx_drop(args.in); /* else it would happen again at once, for ever */
            args.in = NULL;
        } else if (which == IN) {
            kept[count++] = litre;
        } else if (which == OUT && cases[OUT].rc == 0) {
            for (int i = 1; i < count; i++)
                kept[i - 1] = kept[i];
            count--;
        } else if (which == OUT) {
            break;
        }
    }
    litres_rx_drop(args.in);
    litres_tx_drop(args.out);
    orders_rx_drop(args.orders);
    return rc != 0 ? rc : (int)order;
}

static int spring(litres_tx *tx)
{
    int rc = 0;
    for (int litre = 1; litre <= LITRES && rc == 0; litre++)
        rc = litres_send(tx, litre);
    litres_tx_drop(tx);
    return rc == RN_CLOSED ? 0 : rc;
}

/* With `drink` of all that comes; then, if that is not all, the tank is closed by order. */
static int run(int drink)
{
    litres_tx *well, *pipe;
    litres_rx *inlet, *tap;
    orders_tx *tell;
    orders_rx *hear;
    rn_task tank_task;
    int litre = 0, result = 0;
    RN_MUST(litres_channel(&well, &inlet, 1));
    RN_MUST(litres_channel(&pipe, &tap, 1));
    RN_MUST(orders_channel(&tell, &hear, RUN));
    RN_MUST(tank_spawn(&tank_task, (struct tank_args){inlet, pipe, hear}));
    RN_MUST(spring_spawn(NULL, well));
    for (int i = 0; i < drink && litres_recv(tap, &litre) == 0; i++)
        printf("litre %d\n", litre);
    if (drink < LITRES)
        RN_MUST(orders_set(tell, CLOSE));
    RN_MUST(rn_join(tank_task, &result));
    if (result >= 0)
        printf(result == CLOSE ? "closed by order\n" : "run dry\n");
    litres_rx_drop(tap);
    orders_tx_drop(tell);
    return result < 0 ? result : 0;
}

static int app(void *arg)
{
    (void)arg;
    RN_TRY(run(LITRES));
    return run(2);
}

int main(void)
{
    return rn_run(app, NULL) == 0 ? 0 : 1;
}
