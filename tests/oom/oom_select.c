/* SPDX-License-Identifier: MIT */
/* oom_select.c - a select that sends to an unbounded channel when memory runs out: the case has happened, with
 * RN_ENOMEM, and nothing was sent. */
#include <runnel/mpsc.h>
#include <runnel/select.h>

#include "oom/refuse_here.h"

enum { MESSAGES = 600 };

static void send_and_look(rn_mpsc_tx *tx, rn_mpsc_rx *rx, int *rc)
{
    int sent = 0, got = -1, expected = 0;
    rn_case send = rn_mpsc_send_case(tx, &sent), receive = rn_mpsc_recv_case(rx, &got);
    while (sent < MESSAGES && rn_select(&send, 1) == 0 && send.rc == 0)
        sent++;
    while (rn_try_select(&receive, 1) == 0) {
        CHECK_RC(receive.rc, 0);
        CHECK_EQ(got, expected++);
    }
    CHECK_EQ(expected, sent);
    *rc = send.rc;
}

/* What was told to be sent is there, in order. */
static int send_all(void *unused)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    (void)unused;
    int rc = rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int));
    if (rc != 0)
        return rc;
    send_and_look(tx, rx, &rc);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    return rc;
}

TEST(oom_select_sends_to_an_unbounded_channel_or_says_why_not)
{
    CHECK(refuse_each(send_all, NULL) > 2); /* the channel, blocks */
}
