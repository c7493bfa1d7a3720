/* SPDX-License-Identifier: MIT */
/* oneshot under everything at once: askers that lose patience or are cancelled, servers that answer, refuse, forget
 * or leave with questions queued. Every asker hears something, every answer has exactly one fate. */
#include <string.h>

#include <runnel/cancel.h>
#include <runnel/mpsc.h>
#include <runnel/oneshot.h>
#include <runnel/task.h>
#include <runnel/time.h>

#include "base/atomic.h"
#include "base/random.h"
#include "harness/harness.h"

enum { ASKERS = 6, EACH = 20, ROUND_MS = 400 };

struct question {
    rn_oneshot_tx *reply;
    int asker;
    int number;
};

struct answer {
    int asker;
    int number;
};

struct asker {
    struct round *round;
    int number;
    uint64_t random;
    uint64_t task; /* whom to cancel; 0: nobody */
};

struct round {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    uint64_t random; /* the server's */
    uint64_t task;
    struct asker askers[ASKERS];
    uint32_t made[ASKERS][EACH];
    uint32_t fates[ASKERS][EACH];
};

static void seal(struct round *round, const struct answer *answer)
{
    rn__add_relaxed(&round->fates[answer->asker][answer->number], 1); /* rlx: counted after all have ended */
}

static void seal_dropped(void *answer, void *ctx)
{
    seal(ctx, answer);
}

static void drop_question(void *question, void *ctx)
{
    (void)ctx;
    rn_oneshot_tx_drop(((struct question *)question)->reply);
}

static void sign_in(uint64_t *slot)
{
    if (on_task())
        rn__store_relaxed(slot, rn_task_self().id); /* rlx: whoever sees 0 cancels nobody */
}

/* -- askers ------------------------------------------------------------------------------------------------------ */

static int recv_somehow(struct asker *asker, rn_oneshot_rx *rx, struct answer *answer)
{
    switch (rn__random_next(&asker->random) % 4) {
    case 0:
        return rn_oneshot_recv_until(rx, answer, rn_in_us((int64_t)(rn__random_next(&asker->random) % 200)));
    case 1:
        rn_oneshot_rx_close(rx);
        return rn_oneshot_recv(rx, answer);
    case 2:
        return rn_oneshot_try_recv(rx, answer);
    default:
        return rn_oneshot_recv(rx, answer);
    }
}

static void ask(struct asker *asker, int number)
{
    const rn_elem answers = {.size = sizeof(struct answer), .drop = seal_dropped, .ctx = asker->round};
    struct question question = {.asker = asker->number, .number = number};
    struct answer answer;
    rn_oneshot_rx *rx;
    REQUIRE(rn_oneshot_channel(&question.reply, &rx, &answers) == 0);
    rn_ignore(rn_mpsc_give(asker->round->tx, &question));
    const int rc = recv_somehow(asker, rx, &answer);
    if (rc == 0) {
        CHECK_EQ(answer.asker, asker->number);
        CHECK_EQ(answer.number, number);
        seal(asker->round, &answer);
    } else if (rc != RN_CLOSED && rc != RN_EMPTY && rc != RN_ETIMEDOUT && rc != RN_ECANCELED) {
        FAIL("recv says %d", rc);
    }
    rn_oneshot_rx_drop(rx);
}

static int ask_all(void *arg)
{
    struct asker *asker = arg;
    sign_in(&asker->task);
    for (int number = 0; number < EACH; number++)
        ask(asker, number);
    return 0;
}

/* -- the server -------------------------------------------------------------------------------------------------- */

static void answer_somehow(struct round *round, struct question question)
{
    struct answer answer = {question.asker, question.number};
    const uint64_t choice = rn__random_next(&round->random) % 8;
    if (choice == 0) {
        rn_oneshot_tx_drop(question.reply);
        return;
    }
    if (choice == 1)
        rn_ignore(rn_oneshot_tx_closed_until(question.reply, rn_in_us(100)));
    const bool was_closed = rn_oneshot_tx_is_closed(question.reply);
    round->made[question.asker][question.number] = 1;
    const bool gives = choice < 4;
    const int rc = gives ? rn_oneshot_give(question.reply, &answer) : rn_oneshot_send(question.reply, &answer);
    if (rc != 0 && !gives)
        seal(round, &answer);
    if (was_closed)
        CHECK_RC(rc, RN_CLOSED);
    else
        CHECK(rc == 0 || rc == RN_CLOSED);
}

static int serve(void *arg)
{
    struct round *round = arg;
    struct question question;
    uint64_t patience = rn__random_next(&round->random) % (2 * ASKERS * EACH);
    sign_in(&round->task);
    while (patience-- > 0 && rn_mpsc_recv(round->rx, &question) == 0)
        answer_somehow(round, question);
    rn_mpsc_rx_drop(round->rx);
    return 0;
}

/* -- rounds ------------------------------------------------------------------------------------------------------ */

static void cancel_somebody(struct round *round, uint64_t choice)
{
    uint64_t *slot = choice < ASKERS ? &round->askers[choice].task : &round->task;
    const rn_task task = {rn__load_relaxed(slot)}; /* rlx: 0 is no task */
    rn_task_cancel(task, 0);
}

static void run_round(struct round *round, uint64_t seed)
{
    static const size_t capacities[] = {1, 4, RN_UNBOUNDED};
    static const rn_elem questions = {
        .size = sizeof(struct question), .align = _Alignof(struct question), .drop = drop_question};
    struct actor *actors[ASKERS];
    uint64_t random = seed;
    memset(round, 0, sizeof *round);
    const size_t capacity = capacities[rn__random_next(&random) % RN_COUNT(capacities)];
    REQUIRE(rn_mpsc_channel(&round->tx, &round->rx, capacity, &questions) == 0);
    round->random = rn__random_next(&random);
    struct actor *server = actor_start(serve, round);
    for (int i = 0; i < ASKERS; i++) {
        round->askers[i] = (struct asker){.round = round, .number = i, .random = rn__random_next(&random)};
        actors[i] = actor_start(ask_all, &round->askers[i]);
    }
    for (uint64_t yields = rn__random_next(&random) % 16; yields > 0; yields--)
        rn_yield();
    if (rn__random_next(&random) % 2 == 0)
        cancel_somebody(round, rn__random_next(&random) % (ASKERS + 1));
    for (int i = 0; i < ASKERS; i++)
        actor_join(actors[i]);
    rn_mpsc_tx_drop(round->tx);
    actor_join(server);
    for (int i = 0; i < ASKERS; i++)
        CHECK_MEM_EQ(round->fates[i], round->made[i], sizeof round->made[i]);
}

EVERYWHERE(stress_oneshot_gives_every_answer_one_fate)
{
    static struct round round;
    const rn_deadline end = rn_in_ms(ROUND_MS);
    uint64_t random = test_seed();
    do
        run_round(&round, rn__random_next(&random));
    while (!rn_passed(end));
}
