/* SPDX-License-Identifier: MIT */
/* 10_locks.c - a buffer with four places, built twice: with a mutex and two condvars, and with two semaphores */
#include <runnel.h>

#include <stdio.h>

enum { ROOM = 4, ITEMS = 1000, PARTIES = 3 };

struct ring {
    int items[ROOM];
    int first, length;
};

static void ring_put(struct ring *ring, int item)
{
    ring->items[(ring->first + ring->length++) % ROOM] = item;
}

static int ring_take(struct ring *ring)
{
    const int item = ring->items[ring->first];
    ring->first = (ring->first + 1) % ROOM;
    ring->length--;
    return item;
}

/* -- a condition, in so many words: wait until there is room ---------------------------------------------------- */

static struct {
    rn_mutex lock;
    rn_condvar filled, emptied;
    struct ring ring;
} monitor = {RN_MUTEX_INIT, RN_CONDVAR_INIT, RN_CONDVAR_INIT, {{0}, 0, 0}};

static int monitor_put(int item)
{
    RN_MUTEX_HOLD(&monitor.lock)
    {
        while (monitor.ring.length == ROOM)
            RN_TRY(rn_condvar_wait(&monitor.emptied, &monitor.lock)); /* cancelled: HOLD unlocks */
        ring_put(&monitor.ring, item);
        rn_condvar_signal(&monitor.filled);
    }
    return 0;
}

static int monitor_take(int *item)
{
    RN_MUTEX_HOLD(&monitor.lock)
    {
        while (monitor.ring.length == 0)
            RN_TRY(rn_condvar_wait(&monitor.filled, &monitor.lock));
        *item = ring_take(&monitor.ring);
        rn_condvar_signal(&monitor.emptied);
    }
    return 0;
}

/* -- a number: so many places are free, so many are filled ------------------------------------------------------- */

static struct {
    rn_semaphore emptied, filled;
    rn_mutex lock;
    struct ring ring;
} counted = {RN_SEMAPHORE_INIT(ROOM), RN_SEMAPHORE_INIT(0), RN_MUTEX_INIT, {{0}, 0, 0}};

static int counted_put(int item)
{
    RN_TRY(rn_semaphore_acquire(&counted.emptied, 1));
    RN_MUTEX_HOLD(&counted.lock)
    ring_put(&counted.ring, item);
    return rn_semaphore_release(&counted.filled, 1);
}

static int counted_take(int *item)
{
    RN_TRY(rn_semaphore_acquire(&counted.filled, 1));
    RN_MUTEX_HOLD(&counted.lock)
    *item = ring_take(&counted.ring);
    return rn_semaphore_release(&counted.emptied, 1);
}

/* -- the same parties at both ------------------------------------------------------------------------------------ */

struct buffer {
    const char *name;
    int (*put)(int item);
    int (*take)(int *item);
    rn_barrier *all_here;
};

RN_TASK(producer, const struct buffer *);
RN_TASK(consumer, const struct buffer *);

static int producer(const struct buffer *buffer)
{
    RN_TRY(rn_barrier_wait(buffer->all_here, NULL));
    for (int i = 1; i <= ITEMS; i++)
        RN_TRY(buffer->put(i));
    return 0;
}

/* Its result is what it took. */
static int consumer(const struct buffer *buffer)
{
    int sum = 0, item;
    RN_TRY(rn_barrier_wait(buffer->all_here, NULL));
    for (int i = 0; i < ITEMS; i++) {
        RN_TRY(buffer->take(&item));
        sum += item;
    }
    return sum;
}

static int run(const struct buffer *buffer)
{
    rn_task consumers[PARTIES];
    int sum = 0, all = 0;
    for (int i = 0; i < PARTIES; i++) {
        RN_MUST(producer_spawn(NULL, buffer));
        RN_MUST(consumer_spawn(&consumers[i], buffer));
    }
    for (int i = 0; i < PARTIES; i++) {
        RN_TRY(rn_join(consumers[i], &sum));
        all += sum;
    }
    printf("%s: %d\n", buffer->name, all);
    return 0;
}

static int app(void *arg)
{
    static rn_barrier all_here = RN_BARRIER_INIT(2 * PARTIES);
    const struct buffer with_condvars = {"a mutex and two condvars", monitor_put, monitor_take, &all_here};
    const struct buffer with_semaphores = {"two semaphores", counted_put, counted_take, &all_here};
    (void)arg;
    RN_TRY(run(&with_condvars));
    return run(&with_semaphores);
}

int main(void)
{
    return rn_run(app, NULL);
}
