/* SPDX-License-Identifier: MIT */
/* callback.c - parties without a stack in the place of the task: the waiter's frame is the callback itself, and who
 * wins its wait calls its function. */
#include "model/world.h"

#include <string.h>

#include "harness/harness.h"

enum { STARTED, DONE_AT_ONCE, WITHDRAWN };

static struct rn__callback callback;
static struct rn__party *party;
static uint32_t calls, wanted_calls;
static int value, second_value, result;
static bool withdrawn, pending, again;

static void wait_for(int *place)
{
    callback.operation = (struct rn__operation){.kind = &world_take_kind,
                                                .lock = &world.box.lock,
                                                .queue = &world.box.takers,
                                                .object = &world.box,
                                                .data = place};
}

/* Called by whoever served it: it may not wait, but start its next wait. */
static void called(struct rn__callback *self, int rc)
{
    EXPLORE_CHECK(self == &callback);
    EXPLORE_CHECK(rn__callback_running());
    EXPLORE_CHECK(world.box.lock.word == RN__LOCK_FREE || !rules.whole_lock || explore_self() >= 0);
    EXPLORE_CHECK(++calls <= wanted_calls);
    result = rc;
    if (!again)
        return;
    again = false;
    wait_for(&second_value);
    if (rn__callback_await(&callback) != RN__PENDING)
        calls++; /* it was there: nothing to be called for */
}

static void begin(void)
{
    world_begin();
    calls = 0;
    value = second_value = 0;
    result = 1;
    withdrawn = pending = again = false;
    EXPLORE_CHECK(rn__callback_init(&callback, called, NULL) == 0);
    party = callback.party;
    wait_for(&value);
    wanted_calls = 1;
}

static void begin_again(void)
{
    begin();
    again = true;
    wanted_calls = 2;
}

static void start(void *unused)
{
    (void)unused;
    const int rc = rn__callback_await(&callback);
    if (rc != RN__PENDING)
        result = rc;
    pending = rc == RN__PENDING;
}

/* Once something stands in the queue. */
static enum readiness is_waiting(void *unused)
{
    (void)unused;
    return rn__word_epoch(party->word) > 0 || result != 1 ? EXPLORE_READY : EXPLORE_STUCK;
}

static void withdraw(void *unused)
{
    (void)unused;
    explore_wait(NULL, "is it waiting", is_waiting, NULL);
    if (rn__word_epoch(party->word) > 0)
        withdrawn = rn__callback_withdraw(&callback);
}

static void end(void)
{
    if (withdrawn)
        EXPLORE_CHECK(pending && calls == 0 && value == 0);
    else
        EXPLORE_CHECK(pending ? calls == wanted_calls : calls == 0);
    EXPLORE_CHECK((result == 0) == (value != 0));
    world.kept[value] = value;
    if (second_value != 0)
        world.kept[second_value] = second_value;
    world.seen |= withdrawn ? CANCELLED_BY_LOOK : value == 0 ? WAS_CLOSED : pending ? WAS_SERVED : TOOK_AT_ONCE;
    EXPLORE_CHECK(rn__word_state(party->word) == RN__PARTY_IDLE);
    rn__callback_fini(&callback);
    world_end();
}

#define STARTER EXPLORE_THREAD("starter", start, NULL)
#define WITHDRAWER EXPLORE_THREAD("withdrawer", withdraw, NULL)

static void explore_callback(const char *name, struct rules its_rules, struct exploration what, uint32_t outcomes)
{
    what.end = end;
    if (what.begin == NULL)
        what.begin = begin;
    explore_world(name, its_rules, what, outcomes);
}

TEST(callback_is_called_once_by_the_peer_that_serves_it)
{
    explore_callback("callback giver", (struct rules){.values = 1},
                     (struct exploration){.threads = {STARTER, GIVER}, .every_order = true},
                     TOOK_AT_ONCE | WAS_SERVED);
}

TEST(callback_is_called_once_by_peer_or_closer)
{
    explore_callback("callback giver closer", (struct rules){.values = 1},
                     (struct exploration){.threads = {STARTER, GIVER, CLOSER}},
                     TOOK_AT_ONCE | WAS_SERVED | WAS_CLOSED);
}

TEST(callback_is_called_or_withdrawn_never_both)
{
    explore_callback("callback giver withdrawer", (struct rules){.values = 1},
                     (struct exploration){.threads = {STARTER, GIVER, WITHDRAWER}},
                     TOOK_AT_ONCE | WAS_SERVED | CANCELLED_BY_LOOK);
}

TEST(callback_with_two_peers_takes_one_value_and_leaves_the_other)
{
    explore_callback("callback, two givers", (struct rules){.values = 2, .whole_lock = true},
                     (struct exploration){.threads = {STARTER, GIVER, GIVER_2}}, TOOK_AT_ONCE | WAS_SERVED);
}

TEST(callback_that_waits_again_when_called_takes_both_values)
{
    explore_callback(
        "callback that waits again, two givers", (struct rules){.values = 2, .room = 2, .whole_lock = true},
        (struct exploration){.begin = begin_again, .threads = {STARTER, GIVER, GIVER_2}}, TOOK_AT_ONCE | WAS_SERVED);
}

TEST(callback_and_a_task_share_two_values)
{
    explore_callback("callback, task, two givers",
                     (struct rules){.values = 2, .room = 2, .whole_lock = true, .own_frames = true},
                     (struct exploration){.threads = {STARTER, {"taker", taker, ACTOR(0)}, GIVER, GIVER_2}},
                     TOOK_AT_ONCE | WAS_SERVED);
}
