/* SPDX-License-Identifier: MIT */
/* stress_serve.c - sends that meet a handler which is about to be idle, and ends of it: each message is handled once,
 * in its sender's order, one at a time; what is not handled was dropped or not sent. */
#include "api/owned.h"
#include "api/tasks.h"
#include "base/random.h"

/* -- a conserved stream over handlers that are idle again and again --------------------------------------------- */

enum { HANDLERS = 8, SENDERS = 4, EACH = TEST_SANITIZED ? 1500 : 6000 };

struct message {
    uint32_t sender;
    uint32_t number;
};

static struct post {
    rn_mpsc_tx *tx;
    uint32_t inside;
    uint32_t next_to_come[SENDERS];
    uint32_t handled;
} posts[HANDLERS];

static uint32_t next_sender;

static int handle(void *arg, void *ctx)
{
    const struct message message = *(const struct message *)arg;
    struct post *post = ctx;
    REQUIRE(count_up(&post->inside) == 0);
    REQUIRE(post->next_to_come[message.sender] == message.number);
    post->next_to_come[message.sender]++;
    post->handled++;
    if (message.number % 64 == 0)
        rn_yield();
    rn__sub_acq_rel(&post->inside, 1);
    return 0;
}

static int send_to_all(void *arg)
{
    const uint32_t sender = count_up(&next_sender);
    uint64_t state = test_seed() + sender;
    uint32_t next[HANDLERS] = {0};
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        const uint64_t dice = rn__random_next(&state);
        const uint32_t to = (uint32_t)(dice % HANDLERS);
        const struct message message = {sender, next[to]++};
        REQUIRE(rn_mpsc_send(posts[to].tx, &message) == 0);
        if (dice >> 32 & 1)
            rn_yield();
    }
    return 0;
}

EVERYWHERE(serve_loses_no_message_while_it_falls_idle)
{
    rn_runtime *runtime = NULL;
    rn_task tasks[HANDLERS];
    struct actor *senders[SENDERS];
    if (!on_task())
        REQUIRE(rn_runtime_new(&runtime, &(rn_runtime_opts){.workers = 2}) == 0);
    for (int i = 0; i < HANDLERS; i++) {
        rn_mpsc_rx *rx;
        const size_t capacity = i % 4 == 0 ? RN_UNBOUNDED : (size_t)(i % 4);
        REQUIRE(rn_mpsc_channel(&posts[i].tx, &rx, capacity, RN_ELEM(struct message)) == 0);
        REQUIRE(rn_serve_with(&tasks[i], rx, handle, &posts[i], &(rn_spawn_opts){.runtime = runtime}) == 0);
    }
    for (int i = 0; i < SENDERS; i++)
        senders[i] = actor_start(send_to_all, NULL);
    for (int i = 0; i < SENDERS; i++)
        CHECK_RC(actor_join(senders[i]), 0);
    uint32_t handled = 0;
    for (int i = 0; i < HANDLERS; i++) {
        rn_mpsc_tx_drop(posts[i].tx);
        CHECK_EQ(result_of(tasks[i]), 0);
        handled += posts[i].handled;
    }
    CHECK_EQ(handled, SENDERS * EACH);
    CHECK_RC(rn_runtime_free(runtime), 0);
}

/* -- ends ------------------------------------------------------------------------------------------------------- */

enum { ROUNDS = TEST_SANITIZED ? 60 : 300, BURST = 20 };

static struct {
    struct owners owners;
    rn_mpsc_tx *tx;
    int64_t handled;
    int64_t sent;
} race;

static int handle_owned(void *message, void *ctx)
{
    owned_destroy(ctx, message);
    race.handled++;
    return 0;
}

static int send_burst(void *arg)
{
    uint64_t state = test_seed() + rn_task_self_id();
    (void)arg;
    for (int i = 0; i < BURST; i++) {
        struct owned message = owned_make(&race.owners, i);
        if (rn_mpsc_send(race.tx, &message) == 0)
            race.sent++;
        else
            owned_destroy(&race.owners, &message);
        if (rn__random_next(&state) % 4 == 0)
            rn_yield();
    }
    rn_mpsc_tx_drop(race.tx);
    return 0;
}

static bool is_one_of(int result)
{
    return result == 0 || result == RN_ECANCELED;
}

/* The canceller, the sender's messages and the end of the channel meet in every order; both results are seen. */
ROOT(serve_that_is_cancelled_amid_messages_handles_or_drops_each)
{
    uint64_t state = test_seed();
    int ended = 0;
    int cancelled = 0;
    for (int round = 0; round < ROUNDS || ended == 0 || cancelled == 0; round++) {
        rn_mpsc_rx *rx;
        rn_task task;
        race.handled = race.sent = race.owners.drops = 0;
        REQUIRE(rn_mpsc_channel(&race.tx, &rx, 1 + rn__random_next(&state) % 4, OWNED_ELEM(&race.owners)) == 0);
        REQUIRE(rn_serve(&task, rx, handle_owned, &race.owners) == 0);
        struct actor *sender = actor_start(send_burst, NULL);
        for (uint64_t i = rn__random_next(&state) % (2 * BURST); i > 0; i--)
            rn_yield();
        if (round % 8 != 0) /* and now and then it may end by itself */
            rn_task_cancel(task, 0);
        const int result = result_of(task);
        CHECK_RC(actor_join(sender), 0);
        CHECK(is_one_of(result));
        ended += result == 0;
        cancelled += result != 0;
        CHECK_EQ(race.owners.live, 0);
        CHECK_EQ(race.handled + race.owners.drops, race.sent);
        if (result == 0)
            CHECK_EQ(race.handled, BURST);
    }
}
