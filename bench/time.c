/* SPDX-License-Identifier: MIT */
/* time.c - figures of deadlines that do not pass, ticks, and a clock that jumps. */
#include "figures.h"

#include <time.h>

RN_MPSC_PLAIN(beats, uint64_t);

static const rn_spawn_opts near = {.place = RN_PLACE_NEAR};

enum patience { NONE, ONE_FOR_ALL, ONE_EACH, KINDS };

static int receive(beats_rx *rx, uint64_t *beat, enum patience patience, rn_deadline far)
{
    if (patience == NONE)
        return beats_recv(rx, beat);
    return beats_recv_until(rx, beat, patience == ONE_FOR_ALL ? far : rn_in_s(3600));
}

/* -- in a call that need not wait ------------------------------------------------------------------------------ */

static double send_and_receive(const struct round *round, enum patience patience)
{
    beats_tx *tx;
    beats_rx *rx;
    uint64_t beat = 0;
    const rn_deadline far = rn_in_s(3600);
    RN_MUST(beats_channel(&tx, &rx, 4));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_MUST(beats_send(tx, beat));
        RN_MUST(receive(rx, &beat, patience, far));
    }
    const double ns = ns_each(round, start);
    beats_tx_drop(tx);
    beats_rx_drop(rx);
    return ns;
}

static void deadline_ready(struct round *round)
{
    for (int patience = NONE; patience < KINDS; patience++)
        round->value[patience] = send_and_receive(round, (enum patience)patience);
}

/* -- in a call that waits -------------------------------------------------------------------------------------- */

struct echo_args {
    beats_tx *tx;
    beats_rx *rx;
    enum patience patience;
};
RN_TASK(echo, struct echo_args);

static int echo(struct echo_args args)
{
    uint64_t beat;
    const rn_deadline far = rn_in_s(3600);
    while (receive(args.rx, &beat, args.patience, far) == 0)
        RN_MUST(beats_send(args.tx, beat));
    beats_tx_drop(args.tx);
    beats_rx_drop(args.rx);
    return 0;
}

/* Both sides wait once in each round trip. */
static double bounce(const struct round *round, enum patience patience)
{
    beats_tx *out, *back_tx;
    beats_rx *out_rx, *back;
    rn_task task;
    uint64_t beat = 0;
    const rn_deadline far = rn_in_s(3600);
    RN_MUST(beats_channel(&out, &out_rx, 1));
    RN_MUST(beats_channel(&back_tx, &back, 1));
    RN_MUST(echo_spawn_with(&task, (struct echo_args){back_tx, out_rx, patience}, &near));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_MUST(beats_send(out, beat));
        RN_MUST(receive(back, &beat, patience, far));
    }
    const double ns = ns_each(round, start) / 2;
    beats_tx_drop(out);
    RN_MUST(rn_join(task, NULL));
    beats_rx_drop(back);
    return ns;
}

static void deadline_parked(struct round *round)
{
    for (int patience = NONE; patience < KINDS; patience++)
        round->value[patience] = bounce(round, (enum patience)patience);
}

/* -- ticks and jumps ------------------------------------------------------------------------------------------- */

static void interval_due(struct round *round)
{
    rn_interval every;
    RN_MUST(rn_interval_init_at(&every, rn_at_ns(1), 1, RN_MISSED_BURST));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        RN_MUST(rn_interval_tick(&every, NULL));
    round->value[0] = ns_each(round, start);
}

/* The other clock is what jumps. */
static int64_t real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void clock_jump(struct round *round)
{
    RN_MUST(rn_clock_pause(RN_CLOCK_JUMPS));
    const int64_t start = real_now();
    for (long i = 0; i < round->operations; i++)
        RN_MUST(rn_sleep_ms(1));
    round->value[0] = (double)(real_now() - start) / (double)round->operations;
    RN_MUST(rn_clock_resume());
}

static const struct figure_line kinds[] = {{"none", "ns"}, {"one_for_all", "ns"}, {"one_each", "ns"}, {NULL, NULL}};

const struct figure time_figures[] = {
    {"deadline_ready", NULL, deadline_ready, 1000000, 0, "send and receive in one task; the receive has a deadline",
     kinds},
    {"deadline_parked", NULL, deadline_parked, 500000, 0, "a message to one who waits for it, with a deadline",
     kinds},
    {"interval_due", "ns", interval_due, 2000000, 0, "a tick that is due", 0},
    {"clock_jump", "ns", clock_jump, 20000, 0, "a sleep, and nobody else is there, by a paused clock", 0},
    {0},
};
