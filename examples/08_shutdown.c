/* SPDX-License-Identifier: MIT */
/* 08_shutdown.c - an orderly end: a watch tells those who can finish, a cancel ends those that only wait */
#include <runnel.h>
#include <stdio.h>

RN_WATCH_PLAIN(draining, bool);
RN_MPSC_PLAIN(jobs, int);
RN_MPSC_PLAIN(lines, const char *);

struct intake_args {
    draining_rx *draining;
    jobs_tx *tx;
};
RN_TASK(intake, struct intake_args); /* results in the number of jobs that it took in */
RN_TASK(worker, jobs_rx *);          /* results in the number of jobs that it did */
RN_TASK(heartbeat, lines_tx *);

static int intake(struct intake_args args)
{
    int taken = 0;
    while (!draining_peek(args.draining) && jobs_send(args.tx, taken) == 0)
        taken++;
    jobs_tx_drop(args.tx); /* the worker gets what is in the channel, then RN_CLOSED */
    draining_rx_drop(args.draining);
    return taken;
}

static int worker(jobs_rx *rx)
{
    int done = 0, job;
    while (jobs_recv(rx, &job) == 0)
        done++;
    jobs_rx_drop(rx);
    return done;
}

static int heartbeat(lines_tx *log)
{
    while (rn_sleep_ms(60000) == 0)
        rn_ignore(lines_send(log, "still here"));
    rn_shield_enter(); /* every further wait would say RN_ECANCELED again; not in here */
    rn_ignore(lines_send_until(log, rn_err_name(rn_cancelled()), rn_in_s(10)));
    rn_shield_leave();
    lines_tx_drop(log);
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    draining_tx *draining;
    lines_tx *log;
    RN_AUTO(lines_rx) last_words = NULL;
    jobs_rx *jobs;
    struct intake_args args;
    rn_task tasks[3];
    const char *line;
    int taken, done;
    RN_MUST(draining_channel(&draining, &args.draining, false));
    RN_MUST(jobs_channel(&args.tx, &jobs, 16));
    RN_MUST(lines_channel(&log, &last_words, 4));
    RN_MUST(intake_spawn(&tasks[0], args));
    RN_MUST(worker_spawn(&tasks[1], jobs));
    RN_MUST(heartbeat_spawn(&tasks[2], log));
    RN_MUST(rn_sleep_ms(20)); /* ... until somebody wants us to stop: */
    draining_set(draining, true);
    RN_MUST(rn_join(tasks[0], &taken));
    RN_MUST(rn_join(tasks[1], &done));
    printf("jobs taken in and not done: %d\n", taken - done);
    rn_task_cancel(tasks[2], RN_SHUTDOWN);
    RN_MUST(lines_recv(last_words, &line));
    printf("heartbeat ended because of %s\n", line);
    draining_tx_drop(draining);
    return rn_join(tasks[2], NULL);
}

int main(void)
{
    return rn_run(app, NULL);
}
