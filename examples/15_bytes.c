/* SPDX-License-Identifier: MIT */
/* 15_bytes.c - messages of any size: three readers share the bytes of each frame */
#include <runnel.h>

#include <stdio.h>

RN_BROADCAST_OWNED(frames, rn_bytes, rn_bytes_drop, rn_bytes_clone_to);
RN_TASK(read_heads, frames_rx *);

/* Its result: how many bytes of heads it has seen. */
static int read_heads(frames_rx *rx)
{
    rn_bytes frame;
    uint64_t missed;
    size_t total = 0;
    while (frames_recv(rx, &frame, &missed) == 0) {
        rn_bytes head = rn_bytes_slice(&frame, 0, 5); /* shares the frame's memory, and keeps it */
        rn_bytes_drop(&frame);
        total += head.length;
        rn_bytes_drop(&head);
    }
    frames_rx_drop(rx);
    return (int)total;
}

static int app(void *arg)
{
    enum { READERS = 3, FRAMES = 6 };
    rn_task readers[READERS];
    frames_tx *tx;
    (void)arg;
    RN_MUST(frames_channel(&tx, NULL, FRAMES));
    for (int i = 0; i < READERS; i++) {
        frames_rx *rx;
        RN_MUST(frames_subscribe(&rx, tx));
        RN_MUST(read_heads_spawn(&readers[i], rx));
    }
    for (int i = 0; i < FRAMES; i++) {
        rn_bytes frame;
        RN_MUST(rn_bytes_printf(&frame, "frame %*d", 1000 * i, i));
        RN_MUST(frames_give(tx, frame)); /* never ours again */
    }
    frames_tx_drop(tx);
    for (int i = 0; i < READERS; i++) {
        int bytes;
        RN_MUST(rn_join(readers[i], &bytes));
        printf("%d bytes of heads\n", bytes);
    }
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
