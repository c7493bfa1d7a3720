/* SPDX-License-Identifier: MIT */
/* 14_borrow.c - large messages, read where they lie: no copy for each of three viewers */
#include <runnel.h>

#include <stdio.h>
#include <string.h>

struct frame {
    int number;
    char pixels[4096];
};
RN_BROADCAST_PLAIN(frames, struct frame);

static void send_frame(frames_tx *tx, int number)
{
    struct frame frame = {.number = number};
    memset(frame.pixels, 'a' + number, sizeof frame.pixels);
    RN_MUST(rn_broadcast_send(frames_tx_raw(tx), &frame)); /* large: by its address */
}

static int app(void *arg)
{
    enum { VIEWERS = 3 };
    frames_tx *tx;
    frames_rx *viewers[VIEWERS];
    const struct frame *seen[VIEWERS];
    uint64_t missed;
    (void)arg;
    RN_MUST(frames_channel_with(&tx, NULL, 2, &(rn_broadcast_opts){.flags = RN_BROADCAST_BORROW}));
    for (int i = 0; i < VIEWERS; i++)
        RN_MUST(frames_subscribe(&viewers[i], tx));

    send_frame(tx, 0);
    for (int i = 0; i < VIEWERS; i++)
        RN_MUST(frames_borrow(viewers[i], &seen[i], &missed));
    printf("one frame for all: %s\n", seen[0] == seen[1] && seen[1] == seen[2] ? "yes" : "no");

    for (int number = 1; number <= 5; number++)
        send_frame(tx, number); /* nobody waits for a viewer */
    printf("still frame %d, of %c\n", seen[0]->number, seen[0]->pixels[4095]);

    for (int i = 0; i < VIEWERS; i++) {
        frames_release(viewers[i]);
        RN_MUST(frames_borrow(viewers[i], &seen[i], &missed));
        printf("viewer %d: frame %d, missed %d\n", i, seen[i]->number, (int)missed);
        frames_rx_drop(viewers[i]); /* gives back what is borrowed */
    }
    frames_tx_drop(tx);
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
