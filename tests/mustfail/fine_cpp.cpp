/* SPDX-License-Identifier: MIT */
/* must compile, in C++17 without a single warning */
#include <runnel.h>

#include <cstdio>

struct point {
    int x, y;
};

static void drop(point **p)
{
    delete *p;
}
static int clone(point **to, point *const *from)
{
    *to = new point(**from);
    return 0;
}

RN_MPSC_PLAIN(jobs, int);
RN_MPSC_OWNED(texts, point *, drop);
RN_ONESHOT_PLAIN(answers, const char *);
RN_ONESHOT_OWNED(letters, point *, drop);
RN_BROADCAST_PLAIN(events, point);
RN_BROADCAST_OWNED(news, point *, drop, clone);
RN_WATCH_PLAIN(mode, int);
RN_WATCH_OWNED(config, point *, drop);
RN_TASK(consumer, jobs_rx *);

static int consumer(jobs_rx *given)
{
    RN_AUTO(jobs_rx) jobs = given;
    int job;
    while (jobs_recv(jobs, &job) == 0)
        std::printf("%d\n", job);
    return 0;
}

static rn_semaphore slots = RN_SEMAPHORE_INIT(2);
static rn_barrier met = RN_BARRIER_INIT(1);
static rn_condvar changed = RN_CONDVAR_INIT;
static rn_rwlock routes = RN_RWLOCK_INIT;
static rn_once made = RN_ONCE_INIT;

struct account {
    rn_mutex lock = RN_MUTEX_INIT;
    rn_once opened{};
    long balance = 0;
};

static int locks(account &account)
{
    bool last = false;
    RN_MUTEX_HOLD(&account.lock)
    {
        RN_TRY(rn_condvar_wait_until(&changed, &account.lock, rn_in_ms(1)));
        account.balance++;
    }
    rn_rwlock_write(&routes);
    rn_rwlock_unlock_write(&routes);
    RN_TRY(rn_barrier_wait(&met, &last));
    RN_TRY(rn_once_run(
        &made, [](void *) { return 0; }, nullptr));
    RN_TRY(rn_semaphore_acquire(&slots, 1));
    return rn_semaphore_release(&slots, 1);
}

static int app(void *)
{
    account account;
    static rn_notify bell = RN_NOTIFY_INIT;
    rn_deadline never = RN_FOREVER;
    rn_task task = RN_NO_TASK;
    jobs_tx *tx;
    jobs_rx *rx;
    RN_MUST(jobs_channel(&tx, &rx, 32));
    RN_MUST(consumer_spawn(&task, rx));
    RN_MUST(rn_spawn(
        &task, [](void *) { return 0; }, nullptr));
    auto again = [&task]() {
        rn_spawn_opts opts{};
        opts.name = "again";
        return rn_spawn_with(&task, app, nullptr, &opts);
    };
    RN_MUST(again());
    rn_notify_one(&bell);
    int job = 1;
    rn_case cases[] = {jobs_send_case(tx, &job), RN_NEVER, rn_deadline_case(rn_in_ms(5))};
    RN_TRY(rn_select_in_order(cases, RN_COUNT(cases), never));
    RN_TRY(locks(account));
    jobs_tx_drop(tx);
    return rn_join_until(task, nullptr, never);
}

int main()
{
    return rn_run(app, nullptr);
}
