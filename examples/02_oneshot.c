/* SPDX-License-Identifier: MIT */
/* 02_oneshot.c - a command carries the place for its answer */
#include <runnel.h>

#include <stdio.h>

RN_ONESHOT_PLAIN(status, const char *);

struct get_status {
    status_tx *reply;
};

/* A request that nobody handles drops its reply: the asker sees RN_CLOSED and does not wait for ever. */
static void get_status_drop(struct get_status *request)
{
    status_tx_drop(request->reply);
}

RN_MPSC_OWNED(requests, struct get_status, get_status_drop);
RN_TASK(worker, requests_rx *);

static int worker(requests_rx *rx)
{
    struct get_status request;
    while (requests_recv(rx, &request) == 0)
        status_send(request.reply, "ready"); /* uses up the sender */
    requests_rx_drop(rx);
    return 0;
}

static int ask(requests_tx *tx, const char **out)
{
    status_tx *reply;
    RN_AUTO(status_rx) answer = NULL; /* dropped on every path */
    RN_TRY(status_channel(&reply, &answer));
    requests_give(tx, (struct get_status){reply});      /* gone from us, whatever happens: ... */
    return status_recv_until(answer, out, rn_in_s(10)); /* ... one thing to check */
}

static int app(void *arg)
{
    (void)arg;
    requests_tx *tx;
    requests_rx *rx;
    rn_task task;
    const char *text;
    RN_MUST(requests_channel(&tx, &rx, 16));
    RN_MUST(worker_spawn(&task, rx));
    RN_MUST(ask(tx, &text));
    printf("status: %s\n", text);
    requests_tx_drop(tx);
    RN_MUST(rn_join(task, NULL));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
