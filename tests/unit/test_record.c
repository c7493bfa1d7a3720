/* SPDX-License-Identifier: MIT */
/* test_record.c - what a channel keeps about itself. */
#include "channel/record.h"
#include "harness/harness.h"

#include <runnel.h>
#include <string.h>

TEST(record_keeps_the_first_reason)
{
    struct rn__record record = {0};
    CHECK_EQ(record.why, RN_WHY_OPEN);
    rn__record_closed(&record, RN_WHY_BY_HAND);
    rn__record_closed(&record, RN_WHY_SENDERS_GONE);
    CHECK_EQ(record.why, RN_WHY_BY_HAND);
    CHECK_EQ(record.cause, 0);
}

static int close_cancelled(void *arg)
{
    struct rn__record *record = arg;
    CHECK_RC(rn_sleep_until(RN_FOREVER), RN_ECANCELED);
    rn__record_closed(record, RN_WHY_SENDERS_GONE);
    return 0;
}

static int cancel_the_closer(void *arg)
{
    rn_task task;
    RN_MUST(rn_spawn(&task, close_cancelled, arg));
    rn_task_cancel(task, 4711);
    return rn_join(task, NULL);
}

TEST(record_names_the_cause_of_a_cancelled_closer)
{
    struct rn__record record = {0};
    CHECK_RC(rn_run(cancel_the_closer, &record), 0);
    CHECK_EQ(record.why, RN_WHY_SENDERS_GONE);
    CHECK_EQ(record.cause, 4711);
}

TEST(counts_keep_the_greatest_depth)
{
    struct rn__counts counts = {0};
    rn__counts_sent(&counts, 3, 3);
    rn__counts_sent(&counts, 1, 2);
    CHECK_EQ(counts.high_water, 3);
    CHECK_EQ(counts.sent, 4);
}

static const int here;
static const struct rn__record recorded = {.name = "jobs", .birthplace = &here, .why = RN_WHY_SENT, .cause = -3};

static void check_recorded(const rn_channel_info *info)
{
    CHECK_STR_EQ(info->shape, "mpsc");
    CHECK_STR_EQ(info->name, "jobs");
    CHECK(info->birthplace == &here);
    CHECK_EQ(info->why, RN_WHY_SENT);
    CHECK_EQ(info->cause, -3);
    CHECK_EQ(info->senders + info->receivers + info->weak + info->capacity + info->depth + info->promised, 0);
    for (size_t i = 0; i < RN_COUNT(info->reserved); i++)
        CHECK_EQ(info->reserved[i], 0);
}

TEST(record_tells_what_it_knows_and_nothing_else)
{
    const struct rn__counts counts = {
        .high_water = 4, .sent = 5, .received = 6, .dropped = 7, .missed = 8, .waited = 9};
    rn_channel_info info;
    memset(&info, 0xff, sizeof info);
    rn__record_tell(&recorded, &counts, "mpsc", &info);
    check_recorded(&info);
    CHECK_EQ(info.high_water, 4);
    CHECK_EQ(info.sent, 5);
    CHECK_EQ(info.received, 6);
    CHECK_EQ(info.dropped, 7);
    CHECK_EQ(info.missed, 8);
    CHECK_EQ(info.waited, 9);
}

TEST(record_of_a_channel_that_counts_nothing_tells_zeros)
{
    rn_channel_info info;
    memset(&info, 0xff, sizeof info);
    rn__record_tell(&recorded, NULL, "mpsc", &info);
    check_recorded(&info);
    CHECK_EQ(info.high_water + info.sent + info.received + info.dropped + info.missed + info.waited, 0);
}

TEST(record_names_every_reason)
{
    CHECK_STR_EQ(rn_why_name(RN_WHY_OPEN), "open");
    CHECK_STR_EQ(rn_why_name(RN_WHY_SENDERS_GONE), "senders gone");
    CHECK_STR_EQ(rn_why_name(RN_WHY_RECEIVERS_GONE), "receivers gone");
    CHECK_STR_EQ(rn_why_name(RN_WHY_BY_HAND), "closed by hand");
    CHECK_STR_EQ(rn_why_name(RN_WHY_SENT), "sent");
    CHECK_STR_EQ(rn_why_name((enum rn_why)99), "?");
}

TEST(options_with_a_word_in_use_are_not_valid)
{
    uint64_t reserved[3] = {0};
    CHECK(rn__options_are_valid(0, 0, reserved, 3));
    CHECK(!rn__options_are_valid(1, 0, reserved, 3));
    CHECK(!rn__options_are_valid(0, 1, reserved, 3));
    reserved[2] = 1;
    CHECK(!rn__options_are_valid(0, 0, reserved, 3));
}
