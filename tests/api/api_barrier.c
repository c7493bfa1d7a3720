/* SPDX-License-Identifier: MIT */
/* api_barrier.c - the contract of <runnel/barrier.h>, sentence by sentence. */
#include "api/line.h"

static const char name[] = "barrier under test";

static rn_barrier for_parties(uint32_t parties)
{
    return (rn_barrier){.parties = parties, .name = name};
}

/* The place of the last one has its highest bit set. */
#define LAST 0x80000000u

static int come(struct waiting *waiting)
{
    bool last = false;
    const int rc = rn_barrier_wait_until(waiting->object, &last, waiting->deadline);
    if (rc == 0)
        rn__store_release(&waiting->place, (count_up(waiting->order) + 1) | (last ? LAST : 0)); /* read by the body */
    return rc;
}

static struct waiting party(rn_barrier *barrier, uint32_t *order)
{
    return (struct waiting){.call = come, .object = barrier, .order = order};
}

static bool was_last(const struct waiting *waiting)
{
    return (place_of(waiting) & LAST) != 0;
}

static bool wait_is_last(rn_barrier *barrier)
{
    bool last = false;
    CHECK_RC(rn_barrier_wait(barrier, &last), 0);
    return last;
}

EVERYWHERE(barrier_for_none_or_one_does_not_wait)
{
    rn_barrier zero = {0}, one = RN_BARRIER_INIT(1);
    for (int i = 0; i < 10; i++) {
        CHECK(wait_is_last(&zero));
        CHECK(wait_is_last(&one));
    }
    CHECK(sizeof zero <= 64);
}

EVERYWHERE(barrier_of_one_says_last_each_time)
{
    rn_barrier barrier;
    CHECK_RC(rn_barrier_init(&barrier, 1), 0);
    for (int i = 0; i < 3; i++)
        CHECK(wait_is_last(&barrier));
    CHECK_RC(rn_barrier_wait(&barrier, NULL), 0);
}

EVERYWHERE(barrier_two_meet_again_and_again)
{
    rn_barrier barrier = for_parties(2);
    uint32_t order = 0;
    for (int i = 0; i < 5; i++) {
        struct waiting other = party(&barrier, &order);
        line_up(&other, 1, name);
        CHECK(wait_is_last(&barrier));
        CHECK_RC(end(&other), 0);
        CHECK(!was_last(&other));
    }
}

enum { MANY = 10, ROUNDS = 5 };

EVERYWHERE(barrier_lets_nobody_through_before_the_last_and_tells_exactly_one)
{
    static rn_barrier barrier = {.parties = MANY, .name = name};
    for (int round = 0; round < ROUNDS; round++) {
        struct waiting parties[MANY - 1];
        uint32_t order = 0;
        unsigned last = 0;
        for (unsigned i = 0; i < MANY - 1; i++) {
            parties[i] = party(&barrier, &order);
            line_up(&parties[i], i + 1, name);
        }
        CHECK_EQ(value_of(&order), 0);
        last += wait_is_last(&barrier);
        for (unsigned i = 0; i < MANY - 1; i++) {
            CHECK_RC(end(&parties[i]), 0);
            last += was_last(&parties[i]);
        }
        CHECK_EQ(last, 1);
    }
}

EVERYWHERE(barrier_null_is_answered)
{
    bool last = true;
    CHECK_RC(rn_barrier_init(NULL, 1), RN_EINVAL);
    CHECK_RC(rn_barrier_wait(NULL, &last), RN_EINVAL);
    CHECK_RC(rn_barrier_wait_until(NULL, &last, RN_FOREVER), RN_EINVAL);
    CHECK(last);
}

/* -- giving up -------------------------------------------------------------------------------------------------- */

EVERYWHERE(barrier_party_whose_time_is_up_is_not_counted)
{
    rn_barrier barrier = for_parties(2);
    uint32_t order = 0;
    bool last = true;
    struct waiting other = party(&barrier, &order);
    CHECK_RC(rn_barrier_wait_until(&barrier, &last, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_barrier_wait_until(&barrier, &last, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK(last);
    line_up(&other, 1, name);
    CHECK(wait_is_last(&barrier));
    CHECK_RC(end(&other), 0);
}

/* One in the middle leaves, when it has been counted. */
EVERYWHERE(barrier_party_that_leaves_after_it_was_counted_is_missing)
{
    rn_barrier barrier = for_parties(4);
    uint32_t order = 0;
    struct waiting first = party(&barrier, &order), leaves = party(&barrier, &order), third = party(&barrier, &order);
    struct waiting fourth = party(&barrier, &order);
    line_up(&first, 1, name);
    leaves.deadline = rn_in_ms(100);
    start(&leaves);
    WAIT_UNTIL(parked_on(name) == 2 || rn_passed(leaves.deadline));
    start(&third);
    CHECK_RC(end(&leaves), RN_ETIMEDOUT);
    WAIT_UNTIL_PARKED(2, name);
    line_up(&fourth, 3, name);
    CHECK_EQ(value_of(&order), 0);
    CHECK(wait_is_last(&barrier));
    CHECK_RC(end(&first), 0);
    CHECK_RC(end(&third), 0);
    CHECK_RC(end(&fourth), 0);
}

ROOT(barrier_cancelled_party_is_not_counted)
{
    rn_barrier barrier = for_parties(2);
    uint32_t order = 0;
    struct waiting one = party(&barrier, &order), other = party(&barrier, &order);
    CHECK_RC(cancelled_before(&one), RN_ECANCELED);
    CHECK_RC(cancelled_asleep(&one, 1, name), RN_ECANCELED);
    line_up(&other, 1, name);
    CHECK(wait_is_last(&barrier));
    CHECK_RC(end(&other), 0);
}

EVERYWHERE(barrier_nobody_may_wait_in_a_drop_function)
{
    rn_barrier barrier = for_parties(1);
    rn__callback_enter();
    CHECK_RC(rn_barrier_wait(&barrier, NULL), RN_EDEADLK);
    rn__callback_leave();
}
