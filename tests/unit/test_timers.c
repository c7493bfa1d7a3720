/* SPDX-License-Identifier: MIT */
/* test_timers.c - the wheel against a sorted list, at its edges, and with very many timers. */
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runtime/timers.h"

#define TICK (INT64_C(1) << RN__TIMER_TICK_BITS)
#define MS INT64_C(1000000)

static struct rn__timers wheel;

/* A timer and the time it was armed for. */
struct alarm {
    struct rn__timer timer;
    int64_t at;
    bool fired;
};

static void arm(struct alarm *alarm, int64_t at)
{
    alarm->at = at;
    alarm->fired = false;
    rn__timer_arm(&wheel, &alarm->timer, at);
}

/* Moves the wheel; gives how many fired. None may be early, and their ticks go upwards. */
static uint64_t advance(int64_t now)
{
    struct rn__link due;
    uint64_t count = 0;
    int64_t last = INT64_MIN;
    rn__list_init(&due);
    rn__timers_advance(&wheel, now, &due);
    for (struct rn__link *link; (link = rn__list_first(&due)) != NULL; count++) {
        struct alarm *alarm = rn__container_of(link, struct alarm, timer.link);
        rn__list_remove(link);
        if (alarm->at > now || alarm->fired || alarm->at + TICK <= last)
            FAIL("a timer for %lld fired at %lld behind one for %lld", (long long)alarm->at, (long long)now,
                 (long long)last);
        last = alarm->at > last ? alarm->at : last;
        alarm->fired = true;
    }
    return count;
}

TEST(timers_without_any_want_nothing)
{
    rn__timers_init(&wheel, 12345);
    CHECK_EQ(rn__timers_next(&wheel), INT64_MAX);
    CHECK_EQ(advance(1000 * MS), 0);
    CHECK_EQ(advance(INT64_MAX), 0);
    CHECK_EQ(rn__timers_next(&wheel), INT64_MAX);
}

/* Else each timer that is armed later would be far ahead of the wheel, and move through all its levels. */
TEST(timers_move_on_when_nothing_fires)
{
    struct alarm alarm = {0};
    rn__timers_init(&wheel, 0);
    CHECK_EQ(advance(1000000 * TICK), 0);
    arm(&alarm, 1000001 * TICK);
    CHECK_EQ(rn__timers_next(&wheel), 1000001 * TICK);
}

TEST(timers_fire_when_their_time_has_come_and_not_before)
{
    struct alarm alarm = {0};
    rn__timers_init(&wheel, 0);
    for (int64_t at = 1; at < 100 * MS; at += at / 3 + 1) {
        const int64_t start = (int64_t)wheel.now * TICK;
        arm(&alarm, start + at);
        CHECK_EQ(advance(start + at - 1), 0);
        CHECK_EQ(advance(start + at + TICK), 1);
        CHECK(alarm.fired);
        CHECK(!rn__timer_is_armed(&alarm.timer));
    }
}

TEST(timers_armed_for_the_past_fire_with_the_next_tick)
{
    struct alarm alarms[4] = {0};
    const int64_t now = 77 * MS;
    const int64_t past[4] = {INT64_MIN, 0, 1, now};
    rn__timers_init(&wheel, now);
    for (int i = 0; i < 4; i++)
        rn__timer_arm(&wheel, &alarms[i].timer, past[i]);
    CHECK(rn__timers_next(&wheel) <= now + TICK);
    CHECK_EQ(advance(now + TICK), 4);
}

TEST(timers_fire_in_the_order_of_their_ticks)
{
    struct alarm alarms[5] = {0};
    const int64_t times[5] = {70 * MS, 3 * MS, 9000 * MS, 4 * MS, 800 * MS};
    rn__timers_init(&wheel, MS);
    for (int i = 0; i < 5; i++)
        arm(&alarms[i], times[i]);
    CHECK_EQ(wheel.count, 5);
    CHECK_EQ(advance(10000 * MS), 5); /* advance() looks at the order */
    CHECK_EQ(wheel.count, 0);
}

TEST(timers_that_are_cancelled_do_not_fire)
{
    struct alarm alarms[3] = {0};
    rn__timers_init(&wheel, 0);
    for (int i = 0; i < 3; i++)
        arm(&alarms[i], 5 * MS);
    rn__timer_cancel(&wheel, &alarms[1].timer);
    CHECK(!rn__timer_is_armed(&alarms[1].timer));
    CHECK_EQ(advance(6 * MS), 2);
    CHECK(!alarms[1].fired);
}

TEST(timers_can_be_cancelled_twice_and_when_never_armed)
{
    struct alarm alarm = {0};
    rn__timers_init(&wheel, 0);
    rn__timer_cancel(&wheel, &alarm.timer);
    arm(&alarm, 5 * MS);
    rn__timer_cancel(&wheel, &alarm.timer);
    rn__timer_cancel(&wheel, &alarm.timer);
    CHECK_EQ(wheel.count, 0);
    arm(&alarm, 5 * MS);
    CHECK_EQ(advance(6 * MS), 1);
    rn__timer_cancel(&wheel, &alarm.timer);
    CHECK_EQ(wheel.count, 0);
}

/* A slot without timers that still looked filled would wake an idle worker for nothing. */
TEST(timers_want_nothing_when_the_last_is_cancelled)
{
    struct alarm alarms[2] = {0};
    rn__timers_init(&wheel, 0);
    for (int64_t at = TICK; at < INT64_MAX / 5; at *= 5) {
        arm(&alarms[0], at);
        arm(&alarms[1], at);
        rn__timer_cancel(&wheel, &alarms[0].timer);
        CHECK(rn__timers_next(&wheel) <= at);
        rn__timer_cancel(&wheel, &alarms[1].timer);
        for (int level = 0; level < RN__TIMER_LEVELS; level++)
            CHECK_EQ(wheel.filled[level], 0);
    }
    CHECK_EQ(rn__timers_next(&wheel), INT64_MAX);
}

TEST(timers_that_are_due_can_still_be_cancelled)
{
    struct alarm alarms[3] = {0};
    struct rn__link due;
    rn__timers_init(&wheel, 0);
    rn__list_init(&due);
    for (int i = 0; i < 3; i++)
        arm(&alarms[i], MS);
    rn__timers_advance(&wheel, 2 * MS, &due);
    CHECK_EQ(wheel.count, 0);
    for (int i = 2; i >= 0; i--)
        rn__timer_cancel(&wheel, &alarms[i].timer);
    CHECK(rn__list_is_empty(&due));
    CHECK_EQ(wheel.count, 0);
    for (int level = 0; level < RN__TIMER_LEVELS; level++)
        CHECK_EQ(wheel.filled[level], 0);
    arm(&alarms[0], 3 * MS);
    CHECK_EQ(advance(4 * MS), 1);
}

/* Each level's border, one tick around it, from wheels that stand just before, at and behind a border themselves. */
TEST(timers_at_the_borders_of_levels_are_neither_early_nor_lost)
{
    struct alarm alarm = {0};
    for (int from_level = 0; from_level < 7; from_level++) {
        for (int level = 0; level < 7; level++) {
            for (int64_t around = -1; around <= 1; around++) {
                const int64_t start = ((INT64_C(1) << (6 * from_level)) + around) * TICK;
                const int64_t at = start + ((INT64_C(1) << (6 * level)) + around) * TICK;
                if (at == start)
                    continue;
                rn__timers_init(&wheel, start);
                arm(&alarm, at);
                int looks = 0;
                for (int64_t next; (next = rn__timers_next(&wheel)) < at; looks++) {
                    CHECK_EQ(advance(next), 0);
                    REQUIRE(looks < RN__TIMER_LEVELS);
                }
                CHECK_EQ(rn__timers_next(&wheel), at);
                CHECK_EQ(advance(at), 1);
            }
        }
    }
}

TEST(timers_at_the_end_of_time_do_not_overflow)
{
    static struct alarm alarms[4];
    const int64_t times[4] = {INT64_MAX, INT64_MAX - 1, INT64_MAX - TICK, INT64_MAX / 2};
    rn__timers_init(&wheel, 1);
    for (int i = 0; i < 4; i++)
        arm(&alarms[i], times[i]);
    CHECK(rn__timers_next(&wheel) <= INT64_MAX / 2 + TICK);
    CHECK_EQ(advance(INT64_MAX / 2 + TICK), 1);
    CHECK_EQ(advance(INT64_MAX - TICK - 1), 0);
    CHECK(advance(INT64_MAX) >= 1);
    CHECK(alarms[2].fired);
    for (int i = 0; i < 2; i++)
        rn__timer_cancel(&wheel, &alarms[i].timer);
    CHECK_EQ(wheel.count, 0);
    arm(&alarms[0], INT64_MAX); /* from a wheel that stands there itself */
    rn__timer_cancel(&wheel, &alarms[0].timer);
    CHECK_EQ(rn__timers_next(&wheel), INT64_MAX);
}

TEST(timers_wait_through_a_long_time_in_few_steps)
{
    struct alarm alarm = {0};
    const int64_t century = INT64_C(100) * 365 * 86400 * 1000 * MS;
    int looks = 0;
    rn__timers_init(&wheel, 1);
    arm(&alarm, century);
    for (int64_t next; (next = rn__timers_next(&wheel)) != INT64_MAX; looks++) {
        CHECK(next <= century + TICK);
        (void)advance(next);
    }
    CHECK(alarm.fired);
    CHECK(looks <= RN__TIMER_LEVELS);
}

/* -- against a list --------------------------------------------------------------------------------------------- */

enum { ALARMS = 300, ROUNDS = 200000 };

static struct alarm alarms[ALARMS];
static bool armed[ALARMS];

static int64_t earliest(void)
{
    int64_t at = INT64_MAX;
    for (int i = 0; i < ALARMS; i++)
        if (armed[i] && alarms[i].at < at)
            at = alarms[i].at;
    return at;
}

/* A span whose magnitude is random too: from one tick to a day. */
static int64_t random_span(uint64_t *seed)
{
    return (int64_t)(rn__random_next(seed) >> (16 + rn__random_next(seed) % 40));
}

static void move_and_compare(int64_t now)
{
    uint64_t expected = 0, must = 0;
    for (int i = 0; i < ALARMS; i++)
        must += armed[i] && alarms[i].at + TICK <= now;
    const uint64_t fired = advance(now);
    for (int i = 0; i < ALARMS; i++) {
        if (!armed[i] || !alarms[i].fired)
            continue;
        armed[i] = false;
        expected++;
    }
    if (fired != expected || fired < must)
        FAIL("at %lld fired %llu, at least %llu were due", (long long)now, (unsigned long long)fired,
             (unsigned long long)must);
}

TEST(timers_do_what_a_sorted_list_does)
{
    uint64_t seed = test_seed();
    int64_t now = (int64_t)(rn__random_next(&seed) >> 8);
    rn__timers_init(&wheel, now);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t i = rn__random_next(&seed) % ALARMS;
        switch (rn__random_next(&seed) % 8) {
        case 0:
            now += random_span(&seed);
            move_and_compare(now);
            break;
        case 1: { /* as an idle worker does */
            const int64_t next = rn__timers_next(&wheel);
            const int64_t first = earliest();
            if (first == INT64_MAX ? next != first : next - TICK > first)
                FAIL("the next look would be at %lld, a timer is for %lld", (long long)next, (long long)first);
            if (next != INT64_MAX)
                move_and_compare(now = next > now ? next : now);
            break;
        }
        case 2:
        case 3:
            rn__timer_cancel(&wheel, &alarms[i].timer);
            armed[i] = false;
            break;
        default:
            if (armed[i])
                break;
            arm(&alarms[i], now + random_span(&seed) + 1);
            armed[i] = true;
        }
    }
    uint64_t count = 0;
    for (int i = 0; i < ALARMS; i++)
        count += armed[i];
    CHECK_EQ(wheel.count, count);
}

/* -- many ------------------------------------------------------------------------------------------------------- */

TEST(timers_by_the_million_all_fire_once)
{
    enum { MANY = 1000000 };
    struct alarm *const many = calloc(MANY, sizeof *many);
    REQUIRE(many != NULL);
    uint64_t seed = test_seed(), cancelled = 0, fired = 0;
    rn__timers_init(&wheel, MS);
    for (size_t i = 0; i < MANY; i++)
        arm(&many[i], MS + 1 + random_span(&seed) % (3600 * 1000 * MS));
    CHECK_EQ(wheel.count, MANY);
    for (size_t i = 0; i < MANY; i += 3, cancelled++)
        rn__timer_cancel(&wheel, &many[i].timer);
    for (int64_t next; (next = rn__timers_next(&wheel)) != INT64_MAX;)
        fired += advance(next + (int64_t)(rn__random_next(&seed) % (uint64_t)(100 * MS)));
    CHECK_EQ(fired + cancelled, MANY);
    for (size_t i = 0; i < MANY; i++)
        if (many[i].fired == (i % 3 == 0))
            FAIL("timer %zu: fired %d", i, many[i].fired);
    free(many);
}

/* -- armed again ------------------------------------------------------------------------------------------------- */

static void arm_again(struct alarm *alarm, int64_t at)
{
    rn__timer_cancel(&wheel, &alarm->timer);
    arm(alarm, at);
}

/* Sooner, later, twice, within its slot and across levels; the neighbour in the slot stays where it is. */
TEST(timers_armed_again_fire_at_their_new_time_and_not_at_the_old)
{
    static const int64_t times[] = {5 * MS, 10 * MS, 90 * MS, 20000 * MS, 400 * 1000 * MS};
    for (size_t from = 0; from < RN__COUNT(times); from++) {
        for (size_t to = 0; to < RN__COUNT(times); to++) {
            struct alarm alarm = {0}, neighbour = {0};
            rn__timers_init(&wheel, MS);
            arm(&neighbour, times[from]);
            arm(&alarm, times[from]);
            arm_again(&alarm, 7777 * MS);
            arm_again(&alarm, times[to]);
            CHECK_EQ(advance(times[to] - 1), times[from] < times[to]);
            CHECK(!alarm.fired);
            CHECK_EQ(advance(times[to] + TICK), 1 + (times[from] == times[to]));
            CHECK(alarm.fired);
            CHECK_EQ(advance(INT64_MAX), times[from] > times[to]);
        }
    }
}

TEST(timers_armed_again_for_the_past_fire_with_the_next_tick)
{
    struct alarm alarm = {0};
    rn__timers_init(&wheel, 1000 * MS);
    arm(&alarm, 2000 * MS);
    arm_again(&alarm, 500 * MS);
    CHECK_EQ(advance(1000 * MS + TICK), 1);
    for (int i = 0; i < 3; i++)
        arm_again(&alarm, 500 * MS); /* due, and due again */
    CHECK_EQ(advance(1000 * MS + 2 * TICK), 1);
    arm(&alarm, 1);
    arm_again(&alarm, 3000 * MS);
    CHECK_EQ(advance(2999 * MS), 0);
    CHECK_EQ(advance(3000 * MS + TICK), 1);
}

TEST(timers_armed_again_change_their_order)
{
    static const int64_t again[][2] = {{100, 250}, {200, 100}, {300, 250}, {250, 300}, {400, 350}};
    for (size_t i = 0; i < RN__COUNT(again); i++) {
        struct alarm one = {0}, two = {0};
        rn__timers_init(&wheel, 0);
        arm(&one, 200 * MS);
        arm(&two, 250 * MS);
        arm_again(&one, again[i][0] * MS);
        arm_again(&two, again[i][1] * MS);
        const bool one_first = again[i][0] < again[i][1];
        CHECK_EQ(advance((one_first ? again[i][0] : again[i][1]) * MS + TICK), 1);
        CHECK_EQ(one.fired, one_first);
        CHECK_EQ(advance((one_first ? again[i][1] : again[i][0]) * MS + TICK), 1);
        CHECK(one.fired && two.fired);
    }
}

/* The wheel was not moved since it was armed, though much time has passed; then it is, in steps. */
TEST(timers_armed_again_within_a_slot_that_has_begun_are_not_lost)
{
    static const int64_t again[] = {81, 100, 119, 120, 121, 200, 300};
    for (size_t i = 0; i < RN__COUNT(again); i++) {
        struct alarm alarm = {0};
        rn__timers_init(&wheel, 0);
        arm(&alarm, (i % 2 == 0 ? 100 : 200) * TICK);
        if (i % 3 != 0)
            CHECK_EQ(advance(80 * TICK), 0);
        arm_again(&alarm, again[i] * TICK);
        CHECK_EQ(advance(again[i] * TICK - 1), 0);
        CHECK_EQ(rn__timers_next(&wheel), again[i] * TICK);
        CHECK_EQ(advance(again[i] * TICK), 1);
    }
}

/* While the wheel already stands in the slot of those who are armed before it. */
TEST(timers_armed_sooner_than_the_first_fire_before_it)
{
    struct alarm first = {0}, sooner = {0}, again = {0};
    rn__timers_init(&wheel, 0);
    arm(&first, 100 * 1000 * MS);
    CHECK_EQ(advance(98 * 1000 * MS), 0);
    arm(&sooner, 99 * 1000 * MS);
    CHECK(rn__timers_next(&wheel) <= 99 * 1000 * MS + TICK);
    CHECK_EQ(advance(99 * 1000 * MS + TICK), 1);
    CHECK(sooner.fired);
    arm(&again, 99 * 1000 * MS + 10 * TICK);
    CHECK_EQ(advance(99 * 1000 * MS + 12 * TICK), 1);
    CHECK(again.fired && !first.fired);
    CHECK_EQ(advance(100 * 1000 * MS + TICK), 1);
}

/* -- by a clock that stands -------------------------------------------------------------------------------------- */

/* Moves the wheel as a clock that stands does; gives how many fired. None is early, none stays that is due. */
static uint64_t jump_to(int64_t now)
{
    struct rn__link due;
    uint64_t count = 0;
    rn__list_init(&due);
    rn__timers_advance(&wheel, now, &due);
    rn__timers_take_due(&wheel, now, &due);
    for (struct rn__link *link; (link = rn__list_first(&due)) != NULL; count++) {
        struct alarm *alarm = rn__container_of(link, struct alarm, timer.link);
        rn__list_remove(link);
        CHECK(alarm->at <= now && !alarm->fired);
        alarm->fired = true;
    }
    CHECK(rn__timers_first(&wheel) > now);
    return count;
}

TEST(timers_tell_the_first_exactly_and_give_it_then)
{
    enum { COUNT = 500 };
    static struct alarm many[COUNT];
    uint64_t state = test_seed();
    for (int round = 0; round < 20; round++) {
        const int64_t start = (int64_t)(rn__random_next(&state) % (1000 * MS));
        const int64_t range = INT64_C(1) << (10 + 2 * (round % 15));
        uint64_t fired = 0;
        rn__timers_init(&wheel, start);
        CHECK_EQ(rn__timers_first(&wheel), INT64_MAX);
        for (int i = 0; i < COUNT; i++)
            arm(&many[i], start + 1 + (int64_t)(rn__random_next(&state) % (uint64_t)range));
        while (fired < COUNT) {
            int64_t first = INT64_MAX;
            for (int i = 0; i < COUNT; i++)
                first = !many[i].fired && many[i].at < first ? many[i].at : first;
            REQUIRE(rn__timers_first(&wheel) == first);
            CHECK_EQ(jump_to(first - 1), 0);
            const uint64_t now = jump_to(first);
            REQUIRE(now > 0);
            fired += now;
        }
        CHECK_EQ(wheel.count, 0);
    }
}

TEST(timers_that_are_taken_within_a_tick_can_still_be_cancelled)
{
    struct alarm pair[2] = {0};
    struct rn__link due;
    rn__timers_init(&wheel, 0);
    rn__list_init(&due);
    for (int i = 0; i < 2; i++)
        arm(&pair[i], 10 + i);
    rn__timers_take_due(&wheel, 10, &due);
    CHECK_EQ(wheel.count, 1);
    rn__timer_cancel(&wheel, &pair[0].timer);
    CHECK(rn__list_is_empty(&due));
    CHECK_EQ(wheel.count, 1);
    CHECK_EQ(rn__timers_first(&wheel), 11);
    rn__timer_cancel(&wheel, &pair[1].timer);
    CHECK_EQ(wheel.count, 0);
    CHECK_EQ(wheel.filled[0], 0);
}
