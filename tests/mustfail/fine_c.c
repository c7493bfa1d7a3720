/* SPDX-License-Identifier: MIT */
/* must compile, in C without a single warning: everything typed once, beside variables named like our parameters */
#include <runnel.h>

#include <stdio.h>
#include <stdlib.h>

int tx, rx, out, n, code, opts, msg, value, deadline, capacity, site, arg, made, missed, initial;

struct point {
    int x, y;
};

static void text_drop(char **text)
{
    free(*text);
}
static int shout(char **text, void *ctx)
{
    return *text == ctx;
}

static bool is_set(char *const *text, void *ctx)
{
    return ctx == NULL && *text != NULL;
}
static bool up(int *mode_now, void *ctx)
{
    return ++*mode_now > 0 && ctx == NULL;
}
static int text_clone(char **to, char *const *from)
{
    *to = *from;
    return 0;
}

RN_MPSC_PLAIN(jobs, int);
RN_MPSC_PLAIN(names, const char *);
RN_MPSC_OWNED(texts, char *, text_drop);
RN_MPMC_PLAIN(tickets, struct point);
RN_MPMC_OWNED(parcels, char *, text_drop);
RN_ONESHOT_PLAIN(answers, struct point);
RN_ONESHOT_OWNED(letters, char *, text_drop);
RN_BROADCAST_PLAIN(events, struct point);
RN_BROADCAST_OWNED(news, char *, text_drop, text_clone);
RN_WATCH_PLAIN(mode, int);
RN_WATCH_OWNED(config, char *, text_drop);

struct pair {
    jobs_tx *first;
    names_tx *second;
};
RN_TASK(consumer, jobs_rx *);
RN_TASK(producer, struct pair);

static int consumer(jobs_rx *given)
{
    RN_AUTO(jobs_rx) jobs = given;
    int job;
    while (jobs_recv(jobs, &job) == 0)
        printf("%d\n", job);
    return 0;
}

static int producer(struct pair pair)
{
    int rc = jobs_send(pair.first, 1);
    if (rc == 0)
        rc = names_send_until(pair.second, "one", rn_in_ms(5));
    jobs_tx_drop(pair.first);
    names_tx_drop(pair.second);
    return rc;
}

static int plain(void *point)
{
    return ((struct point *)point)->x;
}

static int channels(void)
{
    RN_AUTO(texts_tx) text = NULL;
    RN_AUTO(texts_rx) reader = NULL;
    RN_TRY(texts_channel_with(&text, &reader, RN_UNBOUNDED, &(rn_mpsc_opts){.name = "texts"}));
    RN_TRY(texts_give(text, NULL));

    RN_AUTO(news_tx) station = NULL;
    RN_AUTO(news_rx) listener = NULL;
    uint64_t lost;
    char *item;
    RN_TRY(news_channel(&station, NULL, 16));
    RN_TRY(news_subscribe(&listener, station));
    RN_TRY(news_try_recv(listener, &item, &lost));

    RN_AUTO(config_tx) owner = NULL;
    RN_AUTO(config_rx) user = NULL;
    char *const *current;
    RN_TRY(config_channel(&owner, &user, NULL));
    RN_TRY(config_borrow(user, &current));
    config_release(user);
    RN_TRY(config_wait_for(user, is_set, NULL, NULL));

    RN_AUTO(mode_tx) modes = NULL;
    RN_TRY(mode_channel(&modes, NULL, 1));
    RN_TRY(mode_modify(modes, up, NULL));

    RN_AUTO(texts_weak) rarely = NULL;
    RN_AUTO(rn_mpsc_weak) untyped_weak = NULL;
    texts_permit permit = {0};
    size_t moved;
    RN_TRY(texts_tx_downgrade(&rarely, text));
    RN_TRY(texts_reserve(text, 1, &permit));
    RN_TRY(texts_permit_send(&permit, NULL));
    texts_permit_drop(&permit);
    RN_TRY(texts_send_many(text, &item, 1, &moved));
    RN_TRY(texts_recv_many(reader, &item, 1, &moved));
    RN_TRY(texts_tx_closed(text));
    RN_TRY(texts_serve(NULL, NULL, shout, NULL));

    mode_msg now;
    rn_case cases[] = {
        texts_send_case(text, &item), texts_recv_case(reader, &item), news_recv_case(listener, &item, NULL),
        config_changed_case(user),    mode_recv_case(NULL, &now),     RN_NEVER};
    RN_TRY(rn_try_select(cases, RN_COUNT(cases)));

    RN_AUTO(rn_mpsc_tx) untyped = NULL;
    RN_AUTO(rn_mpsc_rx) untyped_reader = NULL;
    return rn_mpsc_channel(&untyped, &untyped_reader, 4, RN_ELEM(struct point));
}

static struct {
    rn_semaphore slots;
    rn_mutex lock;
    rn_condvar changed;
    rn_rwlock routes;
    rn_barrier met;
    rn_once made;
} all = {
    RN_SEMAPHORE_INIT(2), RN_MUTEX_INIT, RN_CONDVAR_INIT, RN_RWLOCK_INIT, RN_BARRIER_INIT(1), RN_ONCE_INIT,
};

static int locks(void)
{
    bool last;
    RN_TRY(rn_semaphore_acquire(&all.slots, 1));
    RN_MUTEX_HOLD(&all.lock)
    {
        RN_TRY(rn_condvar_wait_until(&all.changed, &all.lock, rn_in_ms(1)));
        RN_MUTEX_HOLD(&(rn_mutex){.name = "a, b"})
        rn_condvar_signal(&all.changed);
    }
    rn_rwlock_read(&all.routes);
    rn_rwlock_unlock_read(&all.routes);
    RN_TRY(rn_barrier_wait(&all.met, &last));
    RN_TRY(rn_once_run(&all.made, plain, NULL));
    return rn_semaphore_release(&all.slots, 1);
}

static int app(void *unused)
{
    (void)unused;
    static rn_notify bell = RN_NOTIFY_INIT;
    rn_deadline never = RN_FOREVER;
    rn_task task = RN_NO_TASK, other;
    struct pair ends;
    jobs_rx *jobs;
    names_rx *names;
    RN_MUST(jobs_channel(&ends.first, &jobs, 32));
    RN_MUST(names_channel(&ends.second, &names, 32));
    RN_MUST(consumer_spawn(&task, jobs));
    RN_MUST(producer_spawn(NULL, (struct pair){ends.first, ends.second}));
    RN_MUST(producer_spawn_with(&other, (struct pair){ends.first, ends.second}, &(rn_spawn_opts){.name = "p"}));
    RN_MUST(rn_spawn(NULL, plain, &(struct point){1, 2}));
    RN_MUST(rn_spawn_with(NULL, plain, &(struct point){1, 2}, &(rn_spawn_opts){.name = "x", .worker = 1}));
    RN_MUST(rn_spawn_copy(NULL, plain, &(struct point){1, 2}, sizeof(struct point), NULL));
    rn_ignore(rn_spawn(NULL, plain, NULL));
    rn_notify_one(&bell);
    RN_TRY(rn_join_until(task, NULL, never));
    RN_TRY(locks());
    return channels();
}

int main(void)
{
    return rn_run(app, NULL);
}
