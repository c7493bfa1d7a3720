/* SPDX-License-Identifier: MIT */
/* 20_mpmc.c - one queue of jobs for a pool of workers: each takes the next job when it is free */
#include <runnel.h>

#include <stdio.h>

enum { WORKERS = 3, JOBS = 12 };

RN_MPMC_PLAIN(jobs, int);
RN_MPSC_PLAIN(results, int);

struct worker_args {
    jobs_rx *jobs; /* an end of its own, which it drops */
    results_tx *results;
};
RN_TASK(worker, struct worker_args);

static int worker(struct worker_args args)
{
    int job;
    int code = 0;
    while (code == 0 && jobs_recv(args.jobs, &job) == 0)
        code = results_send(args.results, job * job);
    jobs_rx_drop(args.jobs);
    results_tx_drop(args.results);
    return code;
}

static int app(void *arg)
{
    (void)arg;
    struct worker_args args;
    jobs_tx *tx;
    jobs_rx *rx;
    results_tx *reply;
    results_rx *results;
    RN_MUST(jobs_channel(&tx, &rx, JOBS));
    RN_MUST(results_channel(&reply, &results, 4));
    for (int i = 0; i < WORKERS; i++) {
        RN_MUST(jobs_rx_clone(&args.jobs, rx));
        RN_MUST(results_tx_clone(&args.results, reply));
        RN_MUST(worker_spawn(NULL, args));
    }
    jobs_rx_drop(rx);       /* ours: when all workers have left, send says so instead of waiting */
    results_tx_drop(reply); /* ours: the loop below ends with the last worker */
    for (int job = 1; job <= JOBS; job++)
        RN_MUST(jobs_send(tx, job));
    jobs_tx_drop(tx); /* the workers do what is left, and end */

    int result;
    int sum = 0;
    while (results_recv(results, &result) == 0)
        sum += result;
    printf("the sum of %d squares is %d\n", JOBS, sum);
    results_rx_drop(results);
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
