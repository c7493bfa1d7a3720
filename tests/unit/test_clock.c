/* SPDX-License-Identifier: MIT */
/* test_clock.c - deadlines and their arithmetic, with a clock that stands where it is told. */
#include "harness/harness.h"
#include "wait/clock.h"

#include <runnel/clock.h>
#include <runnel/error.h>

static int64_t virtual_now;

static int64_t read_virtual(void *ctx)
{
    return *(int64_t *)ctx;
}

static void stand_at(int64_t ns)
{
    virtual_now = ns;
    rn__clock_set(read_virtual, &virtual_now);
}

TEST(clock_goes_forward_from_above_zero)
{
    int64_t before = rn_now_ns();
    CHECK(before > 0);
    for (int i = 0; i < 1000; i++) {
        const int64_t now = rn_now_ns();
        CHECK(now >= before);
        before = now;
    }
}

TEST(clock_can_be_replaced_and_restored)
{
    stand_at(17);
    CHECK_EQ(rn_now_ns(), 17);
    CHECK_EQ(rn__now(), 17);
    rn__clock_set(NULL, NULL);
    CHECK(rn_now_ns() != 17);
}

TEST(clock_spans_begin_now)
{
    stand_at(1000);
    CHECK_EQ(rn_in_ns(1).at, 1001);
    CHECK_EQ(rn_in_us(2).at, 1000 + 2000);
    CHECK_EQ(rn_in_ms(3).at, 1000 + 3000000);
    CHECK_EQ(rn_in_s(4).at, 1000 + INT64_C(4000000000));
}

TEST(clock_spans_of_nothing_and_less_have_passed)
{
    const int64_t spans[] = {0, -1, INT64_MIN};
    stand_at(1000);
    for (size_t i = 0; i < RN__COUNT(spans); i++) {
        CHECK(rn_passed(rn_in_ns(spans[i])));
        CHECK(rn_passed(rn_in_us(spans[i])));
        CHECK(rn_passed(rn_in_ms(spans[i])));
        CHECK(rn_passed(rn_in_s(spans[i])));
        CHECK_EQ(rn_left_ns(rn_in_s(spans[i])), 0);
    }
}

TEST(clock_spans_that_are_too_long_are_cut_and_never_pass)
{
    const rn_deadline longest[] = {rn_in_ns(INT64_MAX), rn_in_us(INT64_MAX), rn_in_ms(INT64_MAX / 2),
                                   rn_in_s(INT64_MAX / 1000000)};
    stand_at(INT64_MAX - 1);
    for (size_t i = 0; i < RN__COUNT(longest); i++) {
        CHECK_EQ(longest[i].at, INT64_MAX);
        CHECK(!rn_passed(longest[i]));
    }
    CHECK_EQ(rn_in_ns(1).at, INT64_MAX);
    CHECK_EQ(rn_in_ns(2).at, INT64_MAX);
}

TEST(clock_points_in_the_past_are_not_for_ever)
{
    const int64_t points[] = {0, -1, INT64_MIN};
    stand_at(1);
    for (size_t i = 0; i < RN__COUNT(points); i++) {
        CHECK(rn_at_ns(points[i]).at != RN_FOREVER.at);
        CHECK(rn_passed(rn_at_ns(points[i])));
    }
    CHECK_EQ(rn_at_ns(5).at, 5);
}

TEST(clock_passes_a_deadline_when_it_gets_there)
{
    stand_at(99);
    CHECK(!rn_passed(rn_at_ns(100)));
    CHECK(!rn__deadline_passed(rn_at_ns(100)));
    CHECK_EQ(rn_left_ns(rn_at_ns(100)), 1);
    stand_at(100);
    CHECK(rn_passed(rn_at_ns(100)));
    CHECK(rn__deadline_passed(rn_at_ns(100)));
    CHECK_EQ(rn_left_ns(rn_at_ns(100)), 0);
    stand_at(101);
    CHECK(rn_passed(rn_at_ns(100)));
    CHECK_EQ(rn_left_ns(rn_at_ns(100)), 0);
}

TEST(clock_never_passes_for_ever)
{
    stand_at(INT64_MAX);
    CHECK(!rn_passed(RN_FOREVER));
    CHECK(!rn__deadline_passed(RN_FOREVER));
    CHECK_EQ(rn_left_ns(RN_FOREVER), INT64_MAX);
    CHECK_EQ(rn__deadline_ns(RN_FOREVER), RN__NEVER);
}

struct waiting {
    struct rn__clock_waiter waiter;
    uint32_t word;
};

static void say_so(struct rn__clock_waiter *waiter)
{
    rn__container_of(waiter, struct waiting, waiter)->word = 1;
}

/* It came too late for the advance that passed its deadline. */
TEST(clock_that_stands_keeps_nobody_whose_time_is_over)
{
    struct waiting self = {.waiter = {.word = &self.word, .time_is_up = say_so}};
    REQUIRE(rn_clock_pause(RN_CLOCK_STANDS) == 0);
    CHECK(rn__clock_is_paused());
    self.waiter.deadline = rn_now_ns();
    rn__clock_wait_paused(&self.waiter);
    CHECK_EQ(self.word, 1);
    CHECK(!rn__clock_knows(&self.word));
    CHECK_RC(rn_clock_resume(), 0);
    CHECK(!rn__clock_is_paused());
    self.word = 0;
    rn__clock_wait_paused(&self.waiter); /* nobody stands in the list of a clock that goes */
    CHECK_EQ(self.word, 0);
}

TEST(clock_of_another_source_is_not_paused)
{
    stand_at(17);
    CHECK_RC(rn_clock_pause(RN_CLOCK_JUMPS), RN_EBUSY);
    CHECK_EQ(rn_now_ns(), 17);
}

TEST(clock_sooner_is_the_earlier_of_two)
{
    stand_at(1);
    CHECK_EQ(rn_sooner(rn_at_ns(5), rn_at_ns(6)).at, 5);
    CHECK_EQ(rn_sooner(rn_at_ns(6), rn_at_ns(5)).at, 5);
    CHECK_EQ(rn_sooner(RN_FOREVER, rn_at_ns(6)).at, 6);
    CHECK_EQ(rn_sooner(rn_at_ns(6), RN_FOREVER).at, 6);
    CHECK_EQ(rn_sooner(RN_FOREVER, RN_FOREVER).at, 0);
}
