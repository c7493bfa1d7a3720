/* SPDX-License-Identifier: MIT */
/* channels.c - figures of the four shapes. Messages are 8 bytes; tasks that talk are NEAR unless it says `across`. */
#include "figures.h"

RN_MPSC_PLAIN(numbers, uint64_t);
RN_MPMC_PLAIN(shared, uint64_t);
RN_ONESHOT_PLAIN(answer, uint64_t);
RN_BROADCAST_PLAIN(news, uint64_t);
RN_WATCH_PLAIN(state, uint64_t);

static const rn_spawn_opts near = {.place = RN_PLACE_NEAR};

/* The other worker than the root task's, which is worker 0's. */
static const rn_spawn_opts across = {.place = RN_PLACE_WORKER, .worker = 1};

/* -- mpsc ----------------------------------------------------------------------------------------------------- */

struct produce_args {
    numbers_tx *tx;
    long count;
};
RN_TASK(produce, struct produce_args);

static int produce(struct produce_args args)
{
    for (long i = 0; i < args.count; i++)
        RN_MUST(numbers_send(args.tx, (uint64_t)i));
    numbers_tx_drop(args.tx);
    return 0;
}

static void stream_with(struct round *round, size_t capacity, const rn_mpsc_opts *opts, const rn_spawn_opts *where)
{
    numbers_tx *tx;
    numbers_rx *rx;
    rn_task producer;
    uint64_t number = 0;
    long received = 0;
    RN_MUST(numbers_channel_with(&tx, &rx, capacity, opts));
    const int64_t start = rn_now_ns();
    RN_MUST(produce_spawn_with(&producer, (struct produce_args){tx, round->operations}, where));
    while (numbers_recv(rx, &number) == 0)
        received++;
    round->value[0] = ns_each(round, start);
    RN_MUST(rn_join(producer, NULL));
    numbers_rx_drop(rx);
    if (received != round->operations)
        give_up("messages were lost");
}

static void stream(struct round *round, size_t capacity, const rn_spawn_opts *where)
{
    stream_with(round, capacity, NULL, where);
}

static size_t weigh_number(const void *number, void *ctx)
{
    (void)number, (void)ctx;
    return sizeof(uint64_t);
}

static void mpsc_bounded(struct round *round)
{
    stream(round, 128, &near);
}

static void mpsc_unbounded(struct round *round)
{
    stream(round, RN_UNBOUNDED, &near);
}

static void mpsc_budget(struct round *round)
{
    rn_budget budget = RN_BUDGET_INIT(128 * sizeof(uint64_t));
    stream_with(round, RN_UNBOUNDED, &(rn_mpsc_opts){.budget = &budget, .weigh = weigh_number}, &near);
}

static void mpsc_bounded_across(struct round *round)
{
    stream(round, 128, &across);
}

struct echo_args {
    numbers_tx *tx;
    numbers_rx *rx;
};
RN_TASK(echo, struct echo_args);

static int echo(struct echo_args args)
{
    uint64_t number;
    while (numbers_recv(args.rx, &number) == 0)
        RN_MUST(numbers_send(args.tx, number));
    numbers_tx_drop(args.tx);
    numbers_rx_drop(args.rx);
    return 0;
}

static void bounce(struct round *round, size_t capacity, const rn_spawn_opts *where)
{
    numbers_tx *there;
    numbers_tx *back;
    numbers_rx *here;
    numbers_rx *far;
    rn_task task;
    uint64_t number;
    RN_MUST(numbers_channel(&there, &far, capacity));
    RN_MUST(numbers_channel(&back, &here, capacity));
    RN_MUST(echo_spawn_with(&task, (struct echo_args){back, far}, where));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_MUST(numbers_send(there, (uint64_t)i));
        RN_MUST(numbers_recv(here, &number));
    }
    round->value[0] = ns_each(round, start);
    numbers_tx_drop(there);
    RN_MUST(rn_join(task, NULL));
    numbers_rx_drop(here);
}

static void ping_pong(struct round *round)
{
    bounce(round, 1, &near);
}

static void ping_pong_across(struct round *round)
{
    bounce(round, 1, &across);
}

static void rendezvous(struct round *round)
{
    bounce(round, 0, &near);
}

static void rendezvous_across(struct round *round)
{
    bounce(round, 0, &across);
}

/* -- mpmc ----------------------------------------------------------------------------------------------------- */

enum { CONSUMERS = 4 };

struct produce_shared_args {
    shared_tx *tx;
    long count;
};
RN_TASK(produce_shared, struct produce_shared_args);
RN_TASK(consume_shared, shared_rx *);

static int produce_shared(struct produce_shared_args args)
{
    for (long i = 0; i < args.count; i++)
        RN_MUST(shared_send(args.tx, (uint64_t)i));
    shared_tx_drop(args.tx);
    return 0;
}

/* Its result: how many messages it has got. */
static int consume_shared(shared_rx *rx)
{
    uint64_t number;
    int received = 0;
    while (shared_recv(rx, &number) == 0)
        received++;
    shared_rx_drop(rx);
    return received;
}

/* The root task is one of them. */
static void share(struct round *round, int consumers, const rn_spawn_opts *where)
{
    shared_tx *tx;
    shared_rx *rx;
    shared_rx *other;
    rn_task producer;
    rn_task tasks[CONSUMERS];
    RN_MUST(shared_channel(&tx, &rx, 128));
    const int64_t start = rn_now_ns();
    for (int i = 1; i < consumers; i++) {
        RN_MUST(shared_rx_clone(&other, rx));
        RN_MUST(consume_shared_spawn_with(&tasks[i], other, where));
    }
    RN_MUST(produce_shared_spawn_with(&producer, (struct produce_shared_args){tx, round->operations}, where));
    long received = consume_shared(rx);
    round->value[0] = ns_each(round, start);
    for (int i = 1; i < consumers; i++) {
        int by_task;
        RN_MUST(rn_join(tasks[i], &by_task));
        received += by_task;
    }
    RN_MUST(rn_join(producer, NULL));
    if (received != round->operations)
        give_up("messages were lost");
}

static void mpmc_one(struct round *round)
{
    share(round, 1, &near);
}

static void mpmc_four(struct round *round)
{
    share(round, CONSUMERS, &near);
}

static void mpmc_four_across(struct round *round)
{
    share(round, CONSUMERS, &across);
}

/* -- handlers: what a task in a loop does above, done by a function that is called for each message ------------- */

static int echo_one(uint64_t *number, void *ctx)
{
    RN_MUST(numbers_send(ctx, *number));
    return 0;
}

static void handler_ping_pong(struct round *round)
{
    numbers_tx *there;
    numbers_tx *back;
    numbers_rx *here;
    numbers_rx *far;
    rn_task task;
    uint64_t number;
    RN_MUST(numbers_channel(&there, &far, 1));
    RN_MUST(numbers_channel(&back, &here, 1));
    RN_MUST(numbers_serve_with(&task, far, echo_one, back, &near));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        RN_MUST(numbers_send(there, (uint64_t)i));
        RN_MUST(numbers_recv(here, &number));
    }
    round->value[0] = ns_each(round, start);
    numbers_tx_drop(there);
    RN_MUST(rn_join(task, NULL));
    numbers_tx_drop(back);
    numbers_rx_drop(here);
}

static int count_one(uint64_t *number, void *ctx)
{
    (void)number;
    ++*(long *)ctx;
    return 0;
}

static void handler_stream(struct round *round, size_t capacity)
{
    numbers_tx *tx;
    numbers_rx *rx;
    rn_task handler;
    long handled = 0;
    RN_MUST(numbers_channel(&tx, &rx, capacity));
    RN_MUST(numbers_serve_with(&handler, rx, count_one, &handled, &near));
    const int64_t start = rn_now_ns();
    produce((struct produce_args){tx, round->operations});
    RN_MUST(rn_join(handler, NULL));
    round->value[0] = ns_each(round, start);
    if (handled != round->operations)
        give_up("messages were lost");
}

static void handler_bounded(struct round *round)
{
    handler_stream(round, 128);
}

static void handler_unbounded(struct round *round)
{
    handler_stream(round, RN_UNBOUNDED);
}

/* -- oneshot -------------------------------------------------------------------------------------------------- */

static void oneshot(struct round *round)
{
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        answer_tx *tx;
        answer_rx *rx;
        uint64_t value;
        RN_MUST(answer_channel(&tx, &rx));
        RN_MUST(answer_send(tx, (uint64_t)i));
        RN_MUST(answer_recv(rx, &value));
        answer_rx_drop(rx);
    }
    round->value[0] = ns_each(round, start);
}

struct question {
    uint64_t number;
    answer_tx *reply;
};

static void question_drop(struct question *question)
{
    answer_tx_drop(question->reply);
}

RN_MPSC_OWNED(questions, struct question, question_drop);
RN_TASK(serve, questions_rx *);

static int serve(questions_rx *rx)
{
    struct question question;
    while (questions_recv(rx, &question) == 0)
        RN_MUST(answer_send(question.reply, question.number + 1));
    questions_rx_drop(rx);
    return 0;
}

static void ask(questions_tx *tx, uint64_t number)
{
    answer_tx *reply;
    answer_rx *rx;
    uint64_t value = 0;
    RN_MUST(answer_channel(&reply, &rx));
    RN_MUST(questions_send(tx, (struct question){number, reply}));
    RN_MUST(answer_recv(rx, &value));
    answer_rx_drop(rx);
    if (value != number + 1)
        give_up("a wrong answer");
}

static void request_reply(struct round *round)
{
    questions_tx *tx;
    questions_rx *rx;
    rn_task server;
    RN_MUST(questions_channel(&tx, &rx, 32));
    RN_MUST(serve_spawn_with(&server, rx, &near));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        ask(tx, (uint64_t)i);
    round->value[0] = ns_each(round, start);
    questions_tx_drop(tx);
    RN_MUST(rn_join(server, NULL));
}

/* -- broadcast ------------------------------------------------------------------------------------------------ */

enum { LISTENERS = 10, NEWS_KEPT = 128 };
RN_TASK(hear, news_rx *);

/* Its result: how many messages it has seen. */
static int hear(news_rx *rx)
{
    uint64_t number;
    uint64_t missed = 0;
    int seen = 0;
    while (news_recv(rx, &number, &missed) == 0)
        seen++;
    news_rx_drop(rx);
    return seen;
}

/* The sender lets the receivers run after each `batch` messages. One operation is one delivery. */
static void spread_news(struct round *round, long batch)
{
    const long messages = round->operations / LISTENERS;
    rn_task listeners[LISTENERS];
    news_tx *tx;
    long seen = 0;
    RN_MUST(news_channel(&tx, NULL, NEWS_KEPT));
    for (int i = 0; i < LISTENERS; i++) {
        news_rx *rx;
        RN_MUST(news_subscribe(&rx, tx));
        RN_MUST(hear_spawn_with(&listeners[i], rx, &near));
    }
    RN_MUST(rn_sleep_ms(1)); /* who has not started yet would miss the first messages */
    const int64_t start = rn_now_ns();
    for (long i = 1; i <= messages; i++) {
        RN_MUST(news_send(tx, (uint64_t)i));
        if (i % batch == 0)
            rn_yield();
    }
    news_tx_drop(tx);
    for (int i = 0; i < LISTENERS; i++) {
        int result;
        RN_MUST(rn_join(listeners[i], &result));
        seen += result;
    }
    round->value[0] = ns_each(round, start) * (double)round->operations / (double)seen;
    round->value[1] = 100.0 * (double)(messages * LISTENERS - seen) / (double)(messages * LISTENERS);
}

static void broadcast_each(struct round *round)
{
    spread_news(round, 1);
}

static void broadcast_batch(struct round *round)
{
    spread_news(round, 64);
}

/* Nobody sleeps, nobody reads but the one that blocks, if any: what the policies cost the sender. */
static void send_past(struct round *round, enum rn_on_lag on_lag)
{
    const rn_broadcast_opts may_block = {.flags = RN_BROADCAST_MAY_BLOCK};
    uint64_t number, missed;
    news_tx *tx;
    news_rx *rx, *other;
    RN_MUST(news_channel_with(&tx, &other, NEWS_KEPT, on_lag == RN_ON_LAG_BLOCK ? &may_block : NULL));
    RN_MUST(news_subscribe_with(&rx, tx, &(rn_subscribe_opts){.on_lag = on_lag}));
    const bool reads = on_lag == RN_ON_LAG_BLOCK || on_lag == RN_ON_LAG_DISCONNECT;
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i += NEWS_KEPT) {
        for (int k = 0; k < NEWS_KEPT; k++)
            RN_MUST(news_send(tx, (uint64_t)k));
        const int64_t pause = rn_now_ns();
        for (int k = 0; reads && k < NEWS_KEPT; k++)
            RN_MUST(news_recv(rx, &number, &missed));
        round->value[1] += (double)(rn_now_ns() - pause);
    }
    round->value[0] = ns_each(round, start) - round->value[1] / (double)round->operations;
    news_tx_drop(tx);
    news_rx_drop(rx);
    news_rx_drop(other);
}

static void broadcast_send(struct round *round)
{
    send_past(round, RN_ON_LAG_REPORT);
}

static void broadcast_send_disconnecting(struct round *round)
{
    send_past(round, RN_ON_LAG_DISCONNECT);
}

static void broadcast_send_blocking(struct round *round)
{
    send_past(round, RN_ON_LAG_BLOCK);
}

/* Messages of a page, read in a loop beside the sends: copied out, or looked at in place. */
struct page {
    uint64_t words[512];
};
RN_BROADCAST_PLAIN(pages, struct page);

static void read_pages(struct round *round, bool borrows)
{
    static struct page page, copy;
    const rn_broadcast_opts may_borrow = {.flags = RN_BROADCAST_BORROW};
    const struct page *place;
    uint64_t missed, sum = 0;
    int64_t spent = 0;
    pages_tx *tx;
    pages_rx *rx;
    RN_MUST(pages_channel_with(&tx, &rx, 16, borrows ? &may_borrow : NULL));
    for (long i = 0; i < round->operations; i += 16) {
        for (int k = 0; k < 16; k++)
            RN_MUST(rn_broadcast_send(pages_tx_raw(tx), &page));
        const int64_t start = rn_now_ns();
        for (int k = 0; borrows && k < 16; k++) {
            RN_MUST(pages_borrow(rx, &place, &missed));
            sum += place->words[k];
            pages_release(rx);
        }
        for (int k = 0; !borrows && k < 16; k++) {
            RN_MUST(pages_recv(rx, &copy, &missed));
            sum += copy.words[k];
        }
        spent += rn_now_ns() - start;
    }
    round->value[0] = (double)(spent + (int64_t)sum) / (double)round->operations;
    pages_tx_drop(tx);
    pages_rx_drop(rx);
}

static void broadcast_recv_4k(struct round *round)
{
    read_pages(round, false);
}

static void broadcast_borrow_4k(struct round *round)
{
    read_pages(round, true);
}

static void bytes_clone(struct round *round)
{
    rn_bytes bytes;
    RN_MUST(rn_bytes_copy(&bytes, "payload", 7));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_bytes clone = rn_bytes_clone(&bytes);
        rn_bytes_drop(&clone);
    }
    round->value[0] = ns_each(round, start);
    rn_bytes_drop(&bytes);
}

static void bytes_copy_4k(struct round *round)
{
    static char page[4096];
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_bytes bytes;
        RN_MUST(rn_bytes_copy(&bytes, page, sizeof page));
        rn_bytes_drop(&bytes);
    }
    round->value[0] = ns_each(round, start);
}

/* -- watch ---------------------------------------------------------------------------------------------------- */

static void watch_set(struct round *round)
{
    state_tx *tx;
    state_rx *rx;
    RN_MUST(state_channel(&tx, &rx, 0));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        RN_MUST(state_set(tx, (uint64_t)i));
    round->value[0] = ns_each(round, start);
    state_tx_drop(tx);
    state_rx_drop(rx);
}

static void watch_get(struct round *round)
{
    state_tx *tx;
    state_rx *rx;
    uint64_t sum = 0;
    RN_MUST(state_channel(&tx, &rx, 1));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        sum += state_get(rx);
    round->value[0] = ns_each(round, start);
    state_tx_drop(tx);
    state_rx_drop(rx);
    if (sum != (uint64_t)round->operations)
        give_up("a wrong value");
}

/* -- select --------------------------------------------------------------------------------------------------- */

enum { CASES_MAX = 256 };

/* The last one is always ready, if one is. */
static void select_ready(struct round *round, int count)
{
    static rn_notify never[CASES_MAX];
    rn_case cases[CASES_MAX];
    for (int i = 0; i < count - 1; i++)
        cases[i] = rn_notify_wait_case(&never[i]);
    cases[count - 1] = rn_deadline_case(rn_at_ns(1));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++)
        if (rn_select(cases, (size_t)count) != count - 1)
            give_up("the wrong case happened");
    round->value[0] = ns_each(round, start);
}

static void select_2(struct round *round)
{
    select_ready(round, 2);
}

static void select_16(struct round *round)
{
    select_ready(round, 16);
}

static void select_256(struct round *round)
{
    select_ready(round, CASES_MAX);
}

/* Two tasks that wake each other: one waits with a select for all of them, the other for its bell alone. */
struct bells {
    rn_notify there, back;
    long count;
};

static int ring_back(void *arg)
{
    struct bells *bells = arg;
    for (long i = 0; i < bells->count; i++) {
        RN_MUST(rn_notify_wait(&bells->there));
        rn_notify_one(&bells->back);
    }
    return 0;
}

static void select_parked(struct round *round, int count)
{
    static rn_notify never[CASES_MAX];
    struct bells bells = {.count = round->operations};
    rn_case cases[CASES_MAX];
    rn_task task;
    for (int i = 0; i < count - 1; i++)
        cases[i] = rn_notify_wait_case(&never[i]);
    cases[count - 1] = rn_notify_wait_case(&bells.back);
    RN_MUST(rn_spawn_with(&task, ring_back, &bells, &near));
    const int64_t start = rn_now_ns();
    for (long i = 0; i < round->operations; i++) {
        rn_notify_one(&bells.there);
        if (rn_select(cases, (size_t)count) != count - 1)
            give_up("the wrong case happened");
    }
    round->value[0] = ns_each(round, start);
    RN_MUST(rn_join(task, NULL));
}

static void select_2_parked(struct round *round)
{
    select_parked(round, 2);
}

static void select_16_parked(struct round *round)
{
    select_parked(round, 16);
}

static void select_256_parked(struct round *round)
{
    select_parked(round, CASES_MAX);
}

static const struct figure_line deliveries[] = {{"", "ns"}, {"missed", "%"}, {NULL, NULL}};

const struct figure channel_figures[] = {
    {"ping_pong", "ns", ping_pong, 500000, 0, "round trip over two channels of capacity 1", 0},
    {"ping_pong_across", "ns", ping_pong_across, 50000, ACROSS, "the same between two workers", 0},
    {"rendezvous", "ns", rendezvous, 500000, 0, "round trip over two channels of capacity 0", 0},
    {"rendezvous_across", "ns", rendezvous_across, 50000, ACROSS, "the same between two workers", 0},
    {"mpsc_bounded", "ns", mpsc_bounded, 1000000, 0, "send and receive, capacity 128, one producer", 0},
    {"mpsc_bounded_across", "ns", mpsc_bounded_across, 1000000, ACROSS, "the same between two workers", 0},
    {"mpsc_unbounded", "ns", mpsc_unbounded, 1000000, 0, "send and receive, unbounded, one producer", 0},
    {"mpsc_budget", "ns", mpsc_budget, 500000, 0, "the same, weighed against a budget of 128 of them", 0},
    {"mpmc_one", "ns", mpmc_one, 1000000, 0, "send and receive over an mpmc, capacity 128, one receiver", 0},
    {"mpmc_four", "ns", mpmc_four, 1000000, 0, "four receivers, which take turns on one worker", 0},
    {"mpmc_four_across", "ns", mpmc_four_across, 1000000, ACROSS, "the sender and three of four between two workers",
     0},
    {"handler_ping_pong", "ns", handler_ping_pong, 500000, 0, "ping_pong with a handler at one end", 0},
    {"handler_bounded", "ns", handler_bounded, 1000000, 0, "mpsc_bounded with a handler as receiver", 0},
    {"handler_unbounded", "ns", handler_unbounded, 1000000, 0, "mpsc_unbounded with a handler as receiver", 0},
    {"oneshot", "ns", oneshot, 1000000, 0, "make a channel, send, receive, drop, in one task", 0},
    {"request_reply", "ns", request_reply, 500000, 0, "question over an mpsc, answer over a new oneshot", 0},
    {"broadcast_each", NULL, broadcast_each, 1000000, 0, "one delivery; 10 receivers wake for each message",
     deliveries},
    {"broadcast_batch", NULL, broadcast_batch, 5000000, 0, "one delivery; 10 receivers wake for 64 messages",
     deliveries},
    {"broadcast_send", "ns", broadcast_send, 5000000, 0, "to two receivers that do not sleep", 0},
    {"broadcast_send_disconnecting", "ns", broadcast_send_disconnecting, 5000000, 0,
     "the same; one of them would be cut off, and keeps up", 0},
    {"broadcast_send_blocking", "ns", broadcast_send_blocking, 5000000, 0,
     "the same; one of them blocks the sender, and keeps up", 0},
    {"broadcast_recv_4k", "ns", broadcast_recv_4k, 500000, 0, "a message of 4 KiB, copied out", 0},
    {"broadcast_borrow_4k", "ns", broadcast_borrow_4k, 500000, 0, "the same, borrowed and released", 0},
    {"bytes_clone", "ns", bytes_clone, 5000000, 0, "clone and drop of an rn_bytes", 0},
    {"bytes_copy_4k", "ns", bytes_copy_4k, 500000, 0, "4 KiB made into an rn_bytes, and dropped", 0},
    {"watch_set", "ns", watch_set, 2000000, 0, "a new value, one receiver that does not wait", 0},
    {"watch_get", "ns", watch_get, 2000000, 0, "a copy of the value", 0},
    {"select_2", "ns", select_2, 1000000, 0, "one of 2 cases, which is ready", 0},
    {"select_16", "ns", select_16, 500000, 0, "the same of 16", 0},
    {"select_256", "ns", select_256, 20000, 0, "the same of 256", 0},
    {"select_2_parked", "ns", select_2_parked, 200000, 0, "a select of 2 cases that waits: wake another, be woken",
     0},
    {"select_16_parked", "ns", select_16_parked, 50000, 0, "the same of 16", 0},
    {"select_256_parked", "ns", select_256_parked, 5000, 0, "the same of 256", 0},
    {0},
};
