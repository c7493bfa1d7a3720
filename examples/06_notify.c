/* SPDX-License-Identifier: MIT */
/* 06_notify.c - wake without data: three parties pass a gate, then hand what they carry to a collector */
#include <runnel.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

enum { CARRIERS = 3 };

/* A lock of your own is fine in a task, as long as it is not held over a wait. */
static struct {
    pthread_mutex_t lock;
    bool is_open;
    int sum, brought;
    rn_notify opened, filled;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = RN_NOTIFY_INIT, .filled = RN_NOTIFY_INIT};

RN_TASK(carrier, int);

static bool gate_is_open(void)
{
    pthread_mutex_lock(&gate.lock);
    bool is_open = gate.is_open;
    pthread_mutex_unlock(&gate.lock);
    return is_open;
}

/* Stand in line first, look then: an rn_notify_all between the look and the wait is not missed. */
static int gate_pass(void)
{
    rn_notify_ticket ticket;
    rn_notify_enable(&gate.opened, &ticket);
    if (!gate_is_open())
        return rn_notify_ticket_wait(&ticket);
    rn_notify_ticket_cancel(&ticket);
    return 0;
}

static int carrier(int load)
{
    RN_TRY(gate_pass());
    pthread_mutex_lock(&gate.lock);
    gate.sum += load;
    gate.brought++;
    pthread_mutex_unlock(&gate.lock);
    rn_notify_one(&gate.filled); /* stored if the collector is not waiting just now */
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    for (int i = 1; i <= CARRIERS; i++)
        RN_MUST(carrier_spawn(NULL, i * i));

    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_mutex_unlock(&gate.lock);
    rn_notify_all(&gate.opened);

    for (int brought = 0; brought < CARRIERS;) {
        RN_MUST(rn_notify_wait(&gate.filled));
        pthread_mutex_lock(&gate.lock);
        brought = gate.brought;
        pthread_mutex_unlock(&gate.lock);
    }
    printf("%d carriers brought %d\n", CARRIERS, gate.sum);
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
