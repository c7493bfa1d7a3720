/* SPDX-License-Identifier: MIT */
/* oom_serve.c - handlers when memory or address space is refused: none, and the receiver is still there, or one that
 * works; and nothing that a handler needs later. */
#include "oom/refuse.h"

static uint32_t handled;

static int count_message(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    count_up(&handled);
    return 0;
}

enum { MANY = 300 };

static struct {
    rn_spawn_opts opts;
    size_t size; /* of a message */
    int count;
    rn_mpsc_tx *tx[MANY];
    rn_mpsc_rx *rx[MANY];
    rn_task tasks[MANY];
} order = {.size = sizeof(int), .count = 1};

static const rn_elem *element(void)
{
    static rn_elem elem;
    elem = (rn_elem){.size = order.size, .align = 1};
    return &elem;
}

static void serve_one(int i)
{
    order.tasks[i].id = 4711;
    const int code = rn_serve_with(&order.tasks[i], order.rx[i], count_message, NULL, &order.opts);
    CHECK(code == 0 || code == RN_ENOMEM);
    if (code != 0)
        CHECK_EQ(order.tasks[i].id, 0);
}

/* What can be refused is the start only: each handler that there is gets its message, and ends. */
static void serve_under_refusal(void)
{
    static const char message[65536];
    uint32_t made = 0;
    for (int i = 0; i < order.count; i++)
        REQUIRE(rn_mpsc_channel(&order.tx[i], &order.rx[i], 4, element()) == 0);
    refuse_begin();
    for (int i = 0; i < order.count; i++)
        serve_one(i);
    refuse_end();
    for (int i = 0; i < order.count; i++) {
        const bool serves = order.tasks[i].id != 0;
        made += serves;
        CHECK_RC(rn_mpsc_send(order.tx[i], message), 0);
        rn_mpsc_tx_drop(order.tx[i]);
        if (serves)
            CHECK_EQ(result_of(order.tasks[i]), 0);
        else
            rn_mpsc_rx_drop(order.rx[i]);
    }
    CHECK_EQ(value_of(&handled), made);
    CHECK(made + 1 >= (uint32_t)order.count);
}

static void attempt(void)
{
    on_workers(1, serve_under_refusal);
}

static void attempt_named(void)
{
    order.opts.name = "expensive";
    attempt();
}

static void attempt_many(void)
{
    order.count = MANY;
    attempt();
}

static void attempt_large(void)
{
    order.size = 65536;
    attempt();
}

REFUSED(serve_with_a_name_without_memory, RN__FAULT_ALLOC, 1, attempt_named)
REFUSED(serve_without_address_space, RN__FAULT_MAP, 1, attempt)
REFUSED(serve_of_many_without_address_space, RN__FAULT_MAP, 2, attempt_many)
REFUSED(serve_of_large_messages_without_address_space, RN__FAULT_MAP, 2, attempt_large)

/* An unbounded channel has no block before its first message. A send that gets none has no effect: the handler is not
 * woken for nothing, and the next send wakes it. */
static void send_without_a_block(void)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    rn_task task;
    const int message = 1;
    REQUIRE(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(int)) == 0);
    REQUIRE(rn_serve(&task, rx, count_message, NULL) == 0);
    refuse_begin();
    const int code = rn_mpsc_send(tx, &message);
    refuse_end();
    CHECK_RC(code, was_refused() ? RN_ENOMEM : 0);
    CHECK(was_refused() == waits_in(task, "mpsc serve"));
    CHECK_RC(rn_mpsc_send(tx, &message), 0);
    rn_mpsc_tx_drop(tx);
    CHECK_EQ(result_of(task), 0);
    CHECK_EQ(value_of(&handled), was_refused() ? 1 : 2);
}

static void attempt_send(void)
{
    on_workers(1, send_without_a_block);
}

REFUSED(serve_and_send_without_memory_for_the_message, RN__FAULT_ALLOC, 1, attempt_send)
