/* SPDX-License-Identifier: MIT */
/* locks.c - figures of the locks. Tasks that contend are NEAR: on one worker, where each hand-over is a switch. */
#include "figures.h"

static const rn_spawn_opts near = {.place = RN_PLACE_NEAR};

static void mutex_free(struct round *round)
{
    rn_mutex mutex = RN_MUTEX_INIT;
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_mutex_lock(&mutex);
        rn_mutex_unlock(&mutex);
    }
    round->value[0] = ns_each(round, start);
}

struct contenders {
    rn_mutex mutex;
    long left;
};

/* Holds the mutex across a switch, so the other one is in the line when it unlocks. */
static int contend(void *arg)
{
    struct contenders *contenders = arg;
    for (bool more = true; more;) {
        rn_mutex_lock(&contenders->mutex);
        rn_yield();
        more = --contenders->left > 0;
        rn_mutex_unlock(&contenders->mutex);
    }
    return 0;
}

static void mutex_contended(struct round *round)
{
    struct contenders contenders = {.left = round->operations};
    rn_task tasks[2];
    const int64_t start = rn_now_ns();
    for (int i = 0; i < 2; i++)
        RN_MUST(rn_spawn_with(&tasks[i], contend, &contenders, &near));
    for (int i = 0; i < 2; i++)
        RN_MUST(rn_join(tasks[i], NULL));
    round->value[0] = ns_each(round, start);
}

static void semaphore(struct round *round)
{
    rn_semaphore semaphore = RN_SEMAPHORE_INIT(4);
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_MUST(rn_semaphore_acquire(&semaphore, 2));
        RN_MUST(rn_semaphore_release(&semaphore, 2));
    }
    round->value[0] = ns_each(round, start);
}

static void rwlock_read(struct round *round)
{
    rn_rwlock lock = RN_RWLOCK_INIT;
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_rwlock_read(&lock);
        rn_rwlock_unlock_read(&lock);
    }
    round->value[0] = ns_each(round, start);
}

const struct figure lock_figures[] = {
    {"mutex_free", "ns", mutex_free, 2000000, 0, "lock and unlock, nobody else wants it", 0},
    {"mutex_contended", "ns", mutex_contended, 500000, 0, "lock, yield, unlock: handed from one task to the other",
     0},
    {"semaphore", "ns", semaphore, 2000000, 0, "acquire and release two of four permits", 0},
    {"rwlock_read", "ns", rwlock_read, 2000000, 0, "read lock and unlock, nobody writes", 0},
    {0},
};
