/* SPDX-License-Identifier: MIT */
/* wait.c - the wait protocol: a waiter and everybody who may want to wake it, in every order.
 *
 * Each case runs for tasks, where the timer is a party of its own, and for plain threads, where it is the end of a
 * futex wait. The counts are printed; a case that sees no more, or other, outcomes than it names has failed too.
 *
 * The lock of the box is the real one with its futex where two parties want it. Where there are more it counts as
 * one step, or the same waits for the lock would be gone through again and again; lock.c is about them. Cases with
 * a bound of preemptions say so by name; all others are complete, for sequentially consistent executions.
 */
#include "model/world.h"

#include "harness/harness.h"

/* -- two parties ------------------------------------------------------------------------------------------------ */

TEST(wait_of_a_task_and_a_peer)
{
    explore_world("taker giver", (struct rules){.habit = AS_TASK, .values = 1},
                  (struct exploration){.threads = {TAKER, GIVER}}, TOOK_AT_ONCE | WAS_SERVED);
}

TEST(wait_of_a_thread_and_a_peer)
{
    explore_world("taker giver", (struct rules){.habit = AS_THREAD, .values = 1},
                  (struct exploration){.threads = {TAKER, GIVER}}, TOOK_AT_ONCE | WAS_SERVED);
}

TEST(wait_of_a_task_and_a_timer)
{
    explore_world("taker timer", (struct rules){.habit = AS_TASK, .timed = true},
                  (struct exploration){.threads = {TAKER, TIMER}}, TIMED_OUT);
}

TEST(wait_of_a_thread_and_a_timer)
{
    explore_world("taker timer", (struct rules){.habit = AS_THREAD, .timed = true},
                  (struct exploration){.threads = {TAKER}}, TIMED_OUT);
}

TEST(wait_of_a_task_and_a_canceller)
{
    explore_world("taker canceller", (struct rules){.habit = AS_TASK},
                  (struct exploration){.threads = {TAKER, CANCELLER}}, CANCELLED);
}

TEST(wait_of_a_thread_and_a_canceller)
{
    explore_world("taker canceller", (struct rules){.habit = AS_THREAD},
                  (struct exploration){.threads = {TAKER, CANCELLER}}, CANCELLED);
}

TEST(wait_of_a_task_and_a_closer)
{
    explore_world("taker closer", (struct rules){.habit = AS_TASK}, (struct exploration){.threads = {TAKER, CLOSER}},
                  SAW_CLOSED | WAS_CLOSED);
}

TEST(wait_of_a_thread_and_a_closer)
{
    explore_world("taker closer", (struct rules){.habit = AS_THREAD},
                  (struct exploration){.threads = {TAKER, CLOSER}}, SAW_CLOSED | WAS_CLOSED);
}

/* The reduction is not to be believed alone: with two parties every single order can be had. */
TEST(wait_of_two_parties_in_every_order_without_reduction)
{
    explore_world("every order: taker giver", (struct rules){.values = 1},
                  (struct exploration){.threads = {TAKER, GIVER}, .every_order = true}, TOOK_AT_ONCE | WAS_SERVED);
    explore_world("every order: taker timer", (struct rules){.timed = true},
                  (struct exploration){.threads = {TAKER, TIMER}, .every_order = true}, TIMED_OUT);
    explore_world("every order: taker canceller", (struct rules){0},
                  (struct exploration){.threads = {TAKER, CANCELLER}, .every_order = true}, CANCELLED);
    explore_world("every order: taker closer", (struct rules){0},
                  (struct exploration){.threads = {TAKER, CLOSER}, .every_order = true}, SAW_CLOSED | WAS_CLOSED);
}

/* -- three parties ---------------------------------------------------------------------------------------------- */

TEST(wait_of_a_task_a_peer_and_a_timer)
{
    explore_world("taker giver timer", (struct rules){.habit = AS_TASK, .values = 1, .timed = true},
                  (struct exploration){.threads = {TAKER, GIVER, TIMER}}, TOOK_AT_ONCE | WAS_SERVED | TIMED_OUT);
}

TEST(wait_of_a_thread_a_peer_and_a_timer)
{
    explore_world("taker giver timer", (struct rules){.habit = AS_THREAD, .values = 1, .timed = true},
                  (struct exploration){.threads = {TAKER, GIVER}}, TOOK_AT_ONCE | WAS_SERVED | TIMED_OUT);
}

TEST(wait_of_a_task_a_peer_and_a_canceller)
{
    explore_world("taker giver canceller", (struct rules){.habit = AS_TASK, .values = 1, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, GIVER, CANCELLER}}, TOOK_AT_ONCE | WAS_SERVED | CANCELLED);
}

TEST(wait_of_a_thread_a_peer_and_a_canceller)
{
    explore_world("taker giver canceller", (struct rules){.habit = AS_THREAD, .values = 1, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, GIVER, CANCELLER}}, TOOK_AT_ONCE | WAS_SERVED | CANCELLED);
}

TEST(wait_of_a_task_a_timer_and_a_canceller)
{
    explore_world("taker timer canceller", (struct rules){.habit = AS_TASK, .timed = true},
                  (struct exploration){.threads = {TAKER, TIMER, CANCELLER}}, TIMED_OUT | CANCELLED);
}

TEST(wait_of_a_thread_a_timer_and_a_canceller)
{
    explore_world("taker timer canceller", (struct rules){.habit = AS_THREAD, .timed = true},
                  (struct exploration){.threads = {TAKER, CANCELLER}}, TIMED_OUT | CANCELLED);
}

TEST(wait_of_a_task_a_peer_and_a_closer)
{
    explore_world("taker giver closer", (struct rules){.habit = AS_TASK, .values = 1, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, GIVER, CLOSER}},
                  TOOK_AT_ONCE | WAS_SERVED | SAW_CLOSED | WAS_CLOSED);
}

TEST(wait_of_a_thread_a_peer_and_a_closer)
{
    explore_world("taker giver closer", (struct rules){.habit = AS_THREAD, .values = 1, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, GIVER, CLOSER}},
                  TOOK_AT_ONCE | WAS_SERVED | SAW_CLOSED | WAS_CLOSED);
}

/* -- all of them ------------------------------------------------------------------------------------------------ */

#define EVERYTHING (TOOK_AT_ONCE | WAS_SERVED | SAW_CLOSED | WAS_CLOSED | TIMED_OUT | CANCELLED)

TEST_TIMEOUT(wait_of_a_task_peer_timer_canceller_and_closer, 120)
{
    explore_world("taker giver timer canceller closer",
                  (struct rules){.values = 1, .timed = true, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, GIVER, TIMER, CANCELLER, CLOSER}}, EVERYTHING);
}

TEST_TIMEOUT(wait_of_a_thread_peer_timer_canceller_and_closer, 120)
{
    explore_world(
        "taker giver timer canceller closer",
        (struct rules){.habit = AS_THREAD, .values = 1, .timed = true, .whole_lock = true, .own_frames = true},
        (struct exploration){.threads = {TAKER, GIVER, CANCELLER, CLOSER}}, EVERYTHING);
}

/* With the real lock, and a late touch of the frame by whomever, up to a bound. */
TEST_TIMEOUT(wait_of_a_thread_peer_timer_canceller_and_closer_with_three_preemptions, 120)
{
    explore_world(
        "taker giver timer canceller closer", (struct rules){.habit = AS_THREAD, .values = 1, .timed = true},
        (struct exploration){.threads = {TAKER, GIVER, CANCELLER, CLOSER}, .bounded = true, .preemptions = 3},
        EVERYTHING);
}

TEST(wait_of_a_task_peer_timer_canceller_and_closer_with_two_preemptions)
{
    explore_world(
        "taker giver timer canceller closer", (struct rules){.values = 1, .timed = true},
        (struct exploration){.threads = {TAKER, GIVER, TIMER, CANCELLER, CLOSER}, .bounded = true, .preemptions = 2},
        EVERYTHING);
}

/* A thread's sleep may end for no reason at any time. */
TEST_TIMEOUT(wait_of_a_thread_that_wakes_up_for_no_reason, 120)
{
    explore_world(
        "taker giver canceller, stale wake-ups",
        (struct rules){.habit = AS_THREAD, .values = 1, .whole_lock = true, .own_frames = true, .stale_wakeups = 2},
        (struct exploration){.threads = {TAKER, GIVER, CANCELLER}}, TOOK_AT_ONCE | WAS_SERVED | CANCELLED);
    explore_world(
        "taker giver timer, stale wake-ups",
        (struct rules){.habit = AS_THREAD, .values = 1, .timed = true, .whole_lock = true, .stale_wakeups = 2},
        (struct exploration){.threads = {TAKER, GIVER}}, TOOK_AT_ONCE | WAS_SERVED | TIMED_OUT);
}

/* -- what must not wake a wait ---------------------------------------------------------------------------------- */

TEST(wait_in_a_shield_does_not_see_the_canceller)
{
    for (int habit = AS_TASK; habit <= AS_THREAD; habit++)
        explore_world("shielded taker giver canceller",
                      (struct rules){.habit = (enum habit)habit, .values = 1, .shielded = true, .whole_lock = true},
                      (struct exploration){.threads = {TAKER, GIVER, CANCELLER}}, TOOK_AT_ONCE | WAS_SERVED);
}

static void take_in_shield_and_then_outside(void *arg)
{
    struct actor *self = world_become(arg);
    rn_shield_enter();
    world_take(self, RN__CANCELLABLE);
    EXPLORE_CHECK(self->rc == 0);
    rn_shield_leave();
    world.seen = 0; /* only the second wait counts */
    world.kept[1] = self->value;
    world_take(self, RN__CANCELLABLE);
    EXPLORE_CHECK(self->rc == RN_ECANCELED);
}

TEST(wait_after_a_shield_sees_the_canceller)
{
    explore_world(
        "taker twice, giver canceller", (struct rules){.values = 1, .whole_lock = true},
        (struct exploration){.threads = {{"taker", take_in_shield_and_then_outside, ACTOR(0)}, GIVER, CANCELLER}}, 0);
}

static void take_uncancellably(void *arg)
{
    world_take(world_become(arg), RN__UNCANCELLABLE);
}

TEST(wait_that_is_uncancellable_does_not_see_the_canceller)
{
    explore_world("uncancellable taker giver canceller", (struct rules){.values = 1, .whole_lock = true},
                  (struct exploration){.threads = {{"taker", take_uncancellably, ACTOR(0)}, GIVER, CANCELLER}},
                  TOOK_AT_ONCE | WAS_SERVED);
}

/* The first wait has a timer, the second has none: the old token must not end it, whenever it comes. */
static void take_twice(void *arg)
{
    struct actor *self = world_become(arg);
    world_take(self, RN__CANCELLABLE);
    EXPLORE_CHECK(self->rc == 0 || self->rc == RN_ETIMEDOUT);
    explore_step(&self->token, "end of timers");
    self->timer_off = true;
    self->timed = false;
    world.kept[0] = self->value;
    world_take(self, RN__CANCELLABLE);
    EXPLORE_CHECK(self->rc == 0);
}

static void end_take_twice(void)
{
    if (world.kept[0] != 0)
        world.kept[world.kept[0]] = world.kept[0];
    world_end();
}

TEST(wait_is_not_woken_by_the_token_of_an_old_one)
{
    explore_world("taker twice, timer of the first, two givers",
                  (struct rules){.values = 2, .timed = true, .room = 2, .whole_lock = true},
                  (struct exploration){.end = end_take_twice,
                                       .threads = {{"taker", take_twice, ACTOR(0)},
                                                   TIMER,
                                                   {"giver 1", giver, VALUE(1)},
                                                   {"giver 2", giver, VALUE(2)}}},
                  TOOK_AT_ONCE | WAS_SERVED | TIMED_OUT);
}

/* -- several waiters, several peers ----------------------------------------------------------------------------- */

TEST(wait_of_one_with_two_peers_takes_one_value_and_leaves_the_other)
{
    for (int habit = AS_TASK; habit <= AS_THREAD; habit++)
        explore_world("taker, two givers",
                      (struct rules){.habit = (enum habit)habit, .values = 2, .whole_lock = true},
                      (struct exploration){.threads = {TAKER, GIVER, GIVER_2}}, TOOK_AT_ONCE | WAS_SERVED);
}

TEST(wait_of_one_with_two_peers_and_a_timer_loses_no_value)
{
    explore_world("taker timer, two givers", (struct rules){.values = 2, .timed = true, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, TIMER, GIVER, GIVER_2}},
                  TOOK_AT_ONCE | WAS_SERVED | TIMED_OUT);
}

TEST(wait_of_two_with_two_peers_gives_each_a_value)
{
    explore_world("two takers, two givers",
                  (struct rules){.actors = 2, .values = 2, .room = 2, .whole_lock = true, .own_frames = true},
                  (struct exploration){.threads = {TAKER, TAKER_2, GIVER, GIVER_2}}, TOOK_AT_ONCE | WAS_SERVED);
}

static void give_and_close(void *value)
{
    world_give((int)(intptr_t)value);
    world_close();
}

#define ONE_VALUE_FOR_TWO                                                                                            \
    {                                                                                                                \
        .threads = { TAKER, TAKER_2, {"giver", give_and_close, VALUE(1)}, CANCELLER }                                \
    }

/* One of them is cancelled: the value goes to one of the two, or stays. */
TEST(wait_of_two_tasks_one_cancelled_loses_no_value)
{
    explore_world("two takers, giver that closes, canceller",
                  (struct rules){.actors = 2, .values = 1, .whole_lock = true, .own_frames = true},
                  (struct exploration)ONE_VALUE_FOR_TWO,
                  TOOK_AT_ONCE | WAS_SERVED | SAW_CLOSED | WAS_CLOSED | CANCELLED);
}

TEST(wait_of_two_threads_one_cancelled_loses_no_value_with_two_preemptions)
{
    struct exploration what = ONE_VALUE_FOR_TWO;
    what.bounded = true;
    what.preemptions = 2;
    explore_world("two takers, giver that closes, canceller",
                  (struct rules){.habit = AS_THREAD, .actors = 2, .values = 1}, what,
                  TOOK_AT_ONCE | WAS_SERVED | SAW_CLOSED | WAS_CLOSED | CANCELLED);
}

/* -- who gives may wait too: a channel with room for one -------------------------------------------------------- */

static void put_number(void *arg)
{
    struct actor *self = arg;
    self->value = (int)(self - world.actors);
    putter(self);
}

/* Actor 0 takes, 1 and up put their numbers. */
static void take_two(void *arg)
{
    struct actor *self = world_become(arg);
    for (int i = 0; i < 2; i++) {
        world_take(self, RN__CANCELLABLE);
        EXPLORE_CHECK(self->rc == 0);
        world.kept[self->value] = self->value;
    }
    self->value = 0;
}

#define PUTTER_1 EXPLORE_THREAD("putter 1", put_number, ACTOR(1))
#define PUTTER_2 EXPLORE_THREAD("putter 2", put_number, ACTOR(2))

TEST(wait_for_room_ends_when_a_value_is_taken)
{
    explore_world("two putters, taker of two", (struct rules){.actors = 3, .values = 2, .whole_lock = true},
                  (struct exploration){.threads = {{"taker", take_two, ACTOR(0)}, PUTTER_1, PUTTER_2}},
                  TOOK_AT_ONCE | WAS_SERVED);
}

TEST_TIMEOUT(wait_for_room_that_is_cancelled_keeps_its_value, 120)
{
    explore_world("two putters, taker, canceller", (struct rules){.actors = 3, .values = 2, .whole_lock = true},
                  (struct exploration){.threads = {TAKER, PUTTER_1, PUTTER_2, {"canceller", canceller, ACTOR(2)}}},
                  TOOK_AT_ONCE | WAS_SERVED | CANCELLED);
}

TEST(wait_for_room_ends_when_the_box_is_closed)
{
    explore_world("two putters, closer", (struct rules){.actors = 3, .values = 2, .whole_lock = true},
                  (struct exploration){.threads = {PUTTER_1, PUTTER_2, CLOSER}},
                  TOOK_AT_ONCE | SAW_CLOSED | WAS_CLOSED);
}

/* -- waiting for nothing but the time --------------------------------------------------------------------------- */

static void sleeper(void *arg)
{
    struct actor *self = world_become(arg);
    const int rc = rn_sleep_until((rn_deadline){100});
    EXPLORE_CHECK(rc == 0 || rc == RN_ECANCELED);
    EXPLORE_CHECK(self->party->wait_verb == NULL);
    world.seen |= rc == 0 ? TIMED_OUT : CANCELLED_BY_WAKE;
    explore_step(&self->token, "end of timers");
    self->timer_off = true;
}

TEST(wait_for_time_ends_by_timer_or_canceller)
{
    for (int habit = AS_TASK; habit <= AS_THREAD; habit++) {
        struct exploration what = {.threads = {{"sleeper", sleeper, ACTOR(0)}, CANCELLER}};
        if (habit == AS_TASK) {
            what.threads[2].name = "timer";
            what.threads[2].run = timer;
            what.threads[2].arg = ACTOR(0);
        }
        explore_world("sleeper timer canceller", (struct rules){.habit = (enum habit)habit}, what,
                      TIMED_OUT | CANCELLED_BY_WAKE);
    }
}
