/* SPDX-License-Identifier: MIT */
/* 12_prefork.c - worker processes with a runtime each; their supervisor has one too, and replaces what falls over */
#include <runnel.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, REQUESTS = 100 };

static int requests[2]; /* as a listening socket is: all workers take from one end */
static int answers[2];

RN_MPSC_PLAIN(jobs, int);
RN_TASK(handler, jobs_rx *);

static int handler(jobs_rx *rx)
{
    int number;
    while (jobs_recv(rx, &number) == 0) {
        const int answer = number * number;
        if (write(answers[1], &answer, sizeof answer) != sizeof answer)
            break;
    }
    jobs_rx_drop(rx);
    return 0;
}

static int take_request(void *number)
{
    return read(requests[0], number, sizeof(int)) == sizeof(int);
}

/* The root task of a worker process. */
static int serve(void *arg)
{
    jobs_tx *tx;
    jobs_rx *rx;
    rn_task task;
    int number, taken, failed = 0;
    (void)arg;
    RN_TRY(jobs_channel(&tx, &rx, 4));
    RN_MUST(handler_spawn(&task, rx));
    while (rn_blocking(take_request, &number, &taken) == 0 && taken)
        RN_MUST(jobs_send(tx, number));
    jobs_tx_drop(tx);
    RN_MUST(rn_join(task, &failed));
    return failed;
}

static int fall_over(void *arg)
{
    (void)arg;
    return 1;
}

/* From the main thread before there is a runtime, or inside a task of one: the child is a plain thread in both. */
static pid_t start_worker(int (*root)(void *))
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    close(requests[1]);
    close(answers[0]);
    _exit(rn_run(root, NULL));
}

static int wait_for_worker(void *arg)
{
    int status = 0;
    (void)arg;
    return wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int send_requests(void *arg)
{
    (void)arg;
    for (int number = 1; number <= REQUESTS; number++)
        if (write(requests[1], &number, sizeof number) != sizeof number)
            return -1;
    close(requests[1]); /* the workers read to the end, and end */
    return 0;
}

static int add_answers(void *sum)
{
    int answer, count = 0;
    for (; read(answers[0], &answer, sizeof answer) == sizeof answer; count++)
        *(long *)sum += answer;
    return count;
}

static int supervise(void *arg)
{
    long sum = 0;
    int status, sent, count, well = 0;
    (void)arg;
    RN_MUST(rn_blocking(wait_for_worker, NULL, &status));
    printf("a worker has ended with %d\n", status);
    if (start_worker(serve) < 0)
        return 1;
    close(requests[0]); /* only the workers have these now */
    close(answers[1]);
    RN_MUST(rn_blocking(send_requests, NULL, &sent));
    RN_MUST(rn_blocking(add_answers, &sum, &count));
    printf("%d answers, their sum is %ld\n", count, sum);
    for (int i = 0; i < WORKERS; i++) {
        RN_MUST(rn_blocking(wait_for_worker, NULL, &status));
        well += status == 0;
    }
    printf("%d workers ended well\n", well);
    return sent;
}

int main(void)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, requests) != 0 || pipe(answers) != 0)
        return 1;
    for (int i = 0; i < WORKERS; i++)
        if (start_worker(i == 0 ? fall_over : serve) < 0)
            return 1;
    return rn_run(supervise, NULL);
}
