/* SPDX-License-Identifier: MIT */
/* 05_join.c - fan out, then wait for the results: how many primes are there below 100,000? */
#include <runnel.h>

#include <stdbool.h>
#include <stdio.h>

enum { LIMIT = 100000, TASKS = 8 };

struct part {
    int from, to;
    int *primes; /* a place in the frame of whoever joins */
};
RN_TASK(count_primes, struct part);

static bool is_prime(int n)
{
    for (int divisor = 2; divisor * divisor <= n; divisor++)
        if (n % divisor == 0)
            return false;
    return n >= 2;
}

/* The result says whether it went well; what was found out goes where the argument points. */
static int count_primes(struct part part)
{
    if (part.from > part.to)
        return RN_EINVAL;
    int primes = 0;
    for (int n = part.from; n < part.to; n++)
        primes += is_prime(n);
    *part.primes = primes;
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    rn_task tasks[TASKS];
    int found[TASKS], total = 0, result;
    for (int i = 0; i < TASKS; i++) {
        struct part part = {LIMIT / TASKS * i, LIMIT / TASKS * (i + 1), &found[i]};
        RN_MUST(count_primes_spawn(&tasks[i], part)); /* passed by value: part may go */
    }
    for (int i = 0; i < TASKS; i++) {
        RN_MUST(rn_join(tasks[i], &result)); /* the code tells of the wait, result of the task */
        total += result == 0 ? found[i] : 0;
    }
    printf("%d primes below %d\n", total, LIMIT);

    rn_task wrong;
    RN_MUST(count_primes_spawn(&wrong, (struct part){2, 1, &total}));
    RN_MUST(rn_join(wrong, &result));
    printf("from 2 to 1: %s\n", rn_err_name(result));
    printf("joined again: %s\n", rn_err_name(rn_join(wrong, &result)));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
