/* SPDX-License-Identifier: MIT */
/* test_random.c - choices are in range, spread, and can be taken over. */
#include "harness/harness.h"

#include "base/random.h"

#include <runnel/base.h>

TEST(random_choices_stay_in_range_and_reach_all_of_it)
{
    const uint32_t sizes[] = {1, 2, 3, 7, 16, 255};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        uint32_t hits[256] = {0};
        for (uint32_t k = 0; k < 200 * sizes[i]; k++) {
            const uint32_t choice = rn__choose(sizes[i]);
            REQUIRE(choice < sizes[i]);
            hits[choice]++;
        }
        /* 200 expected; three times the standard deviation of 14 is 42, so 100 are never missed by chance. */
        for (uint32_t k = 0; k < sizes[i]; k++)
            CHECK(hits[k] > 100 && hits[k] < 300);
    }
}

TEST(random_choices_among_very_many_stay_in_range)
{
    uint32_t high = 0;
    for (int k = 0; k < 1000; k++)
        high += rn__choose(UINT32_MAX) > UINT32_MAX / 2;
    CHECK(high > 350 && high < 650);
}

TEST(random_sequence_depends_on_its_state_alone)
{
    uint64_t a = 42, b = 42, c = 43;
    for (int k = 0; k < 100; k++) {
        const uint64_t next = rn__random_next(&a);
        CHECK(next == rn__random_next(&b));
        CHECK(next != rn__random_next(&c));
    }
}

/* The first numbers for seed 1234567 in the authors' reference program. */
TEST(random_sequence_is_splitmix64)
{
    uint64_t state = 1234567;
    CHECK(rn__random_next(&state) == UINT64_C(6457827717110365317));
    CHECK(rn__random_next(&state) == UINT64_C(3203168211198807973));
    CHECK(rn__random_next(&state) == UINT64_C(9817491932198370423));
}

static uint32_t last_of_all(uint32_t n, void *ctx)
{
    ++*(int *)ctx;
    return n - 1;
}

TEST(random_choices_can_be_taken_over_and_given_back)
{
    int asked = 0;
    rn__choose_set(last_of_all, &asked);
    CHECK_EQ(rn__choose(5), 4);
    CHECK_EQ(rn__choose(1000), 999);
    CHECK_EQ(asked, 2);
    rn__choose_set(NULL, NULL);
    CHECK(rn__choose(1) == 0);
    CHECK_EQ(asked, 2);
}
