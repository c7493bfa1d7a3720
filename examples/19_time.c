/* SPDX-License-Identifier: MIT */
/* 19_time.c - periodic work, and a test of it that runs an hour in no time: by a clock that jumps */
#include <runnel.h>

#include <stdio.h>

#define SECOND INT64_C(1000000000)

RN_MPSC_PLAIN(readings, int);

struct meter_args {
    readings_rx *readings;
    rn_notify *stop;
};
RN_TASK(meter, struct meter_args);
RN_TASK(sensor, readings_tx *);

/* What the program is about: adds up what comes, says so each ten minutes, warns if nothing comes for one, and ends
 * when it is told to. It knows nothing of tests. */
static int meter(struct meter_args args)
{
    enum { READING, REPORT, STOP, CASES };
    int reading, sum = 0;
    int64_t due;
    rn_interval report;
    const int64_t begin = rn_now_ns();
    RN_MUST(rn_interval_init_at(&report, rn_in_s(600), 600 * SECOND, RN_MISSED_SKIP));
    rn_case cases[CASES] = {
        [READING] = readings_recv_case(args.readings, &reading),
        [REPORT] = rn_interval_tick_case(&report, &due),
        [STOP] = rn_notify_wait_case(args.stop),
    };
    int which;
    while ((which = rn_select_until(cases, CASES, rn_in_s(60))) != STOP) {
        if (which == READING && cases[READING].rc == 0)
            sum += reading;
        else if (which == REPORT)
            printf("%2lld min: %d\n", (long long)((due - begin) / (60 * SECOND)), sum);
        else if (which == RN_ETIMEDOUT)
            printf("%2lld min: nothing comes\n", (long long)((rn_now_ns() - begin) / (60 * SECOND)));
        else
            break;
    }
    readings_rx_drop(args.readings);
    return which == STOP ? 0 : RN_CLOSED;
}

/* The test's part of the world: a reading each half minute, and a pause of nearly three minutes. */
static int sensor(readings_tx *tx)
{
    int rc = 0;
    for (int i = 0; rc == 0; i++) {
        rc = readings_send(tx, 1);
        if (rc == 0)
            rc = rn_sleep_until(rn_in_s(i == 49 ? 170 : 30));
    }
    readings_tx_drop(tx);
    return rc;
}

static int test(void *arg)
{
    (void)arg;
    readings_tx *tx;
    readings_rx *rx;
    rn_task meter_task;
    rn_notify stop = RN_NOTIFY_INIT;
    int result;
    RN_MUST(rn_clock_pause(RN_CLOCK_JUMPS));
    RN_MUST(readings_channel(&tx, &rx, 8));
    RN_MUST(meter_spawn(&meter_task, (struct meter_args){rx, &stop}));
    RN_MUST(rn_sleep_until(rn_in_s(15))); /* 15 s apart, nothing falls into the same moment */
    RN_MUST(sensor_spawn(NULL, tx));
    RN_MUST(rn_sleep_until(rn_in_s(3600)));
    rn_notify_one(&stop);
    RN_MUST(rn_join(meter_task, &result));
    printf("stopped: %s\n", rn_strerror(result));
    return rn_clock_resume();
}

int main(void)
{
    return rn_run(test, NULL) == 0 ? 0 : 1;
}
