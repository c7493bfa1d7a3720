/* SPDX-License-Identifier: MIT */
/* 07_pthread.c - plain threads produce, a task consumes: the same calls, which then block the thread */
#include <runnel.h>

#include <pthread.h>
#include <stdio.h>

enum { SENSORS = 3, SAMPLES = 50 };

struct sample {
    int source, value;
};
RN_MPSC_PLAIN(samples, struct sample);

struct consumer_args {
    samples_rx *rx;
    int *sums; /* by source */
};
RN_TASK(consumer, struct consumer_args);

static int consumer(struct consumer_args args)
{
    struct sample sample;
    int last[SENSORS] = {0};
    while (samples_recv(args.rx, &sample) == 0) {
        if (sample.value <= last[sample.source])
            printf("sensor %d: out of order\n", sample.source);
        last[sample.source] = sample.value;
        args.sums[sample.source] += sample.value;
    }
    samples_rx_drop(args.rx);
    return 0;
}

struct sensor {
    pthread_t thread;
    int source;
    samples_tx *tx;
};

static void *sensor(void *arg)
{
    struct sensor *self = arg;
    for (int value = 1; value <= SAMPLES; value++)
        if (samples_send(self->tx, (struct sample){self->source, value}) != 0) /* waits while 8 are unread */
            break;
    samples_tx_drop(self->tx);
    return NULL;
}

int main(void) /* not a task: it has a runtime beside it */
{
    rn_runtime *runtime;
    samples_tx *tx;
    struct consumer_args args;
    struct sensor sensors[SENSORS];
    int sums[SENSORS] = {0};
    rn_task task;
    RN_MUST(rn_runtime_new(&runtime, NULL));
    RN_MUST(samples_channel(&tx, &args.rx, 8));
    args.sums = sums;
    RN_MUST(consumer_spawn_with(&task, args, &(rn_spawn_opts){.name = "consumer", .runtime = runtime}));
    for (int i = 0; i < SENSORS; i++) {
        sensors[i].source = i;
        RN_MUST(samples_tx_clone(&sensors[i].tx, tx)); /* one that outlives this function's use of tx */
        if (pthread_create(&sensors[i].thread, NULL, sensor, &sensors[i]) != 0)
            return 1;
    }
    samples_tx_drop(tx); /* our own keeps the channel open, too */
    RN_MUST(rn_join(task, NULL));
    for (int i = 0; i < SENSORS; i++) {
        pthread_join(sensors[i].thread, NULL);
        printf("sensor %d: %d\n", i, sums[i]);
    }
    return rn_runtime_free(runtime);
}
