/* SPDX-License-Identifier: MIT */
/* test_error.c - every code has a word and a sentence, and RN_MUST says them. */
#include "harness/harness.h"

#include <runnel.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The codes that the library itself returns; their names begin as they are written. */
static const struct {
    int code;
    const char *name;
} own[] = {
    {RN_OK, "RN_OK"},
    {RN_CLOSED, "RN_CLOSED"},
    {RN_FULL, "RN_FULL"},
    {RN_EMPTY, "RN_EMPTY"},
    {RN_LAGGED, "RN_LAGGED"},
    {RN_NOBODY, "RN_NOBODY"},
    {RN_FORKED, "RN_FORKED"},
    {RN_NO_RUNTIME, "RN_NO_RUNTIME"},
    {RN_SHUTDOWN, "RN_SHUTDOWN"},
    {RN_EAGAIN, "RN_EAGAIN"},
    {RN_ENOMEM, "RN_ENOMEM"},
    {RN_EBUSY, "RN_EBUSY"},
    {RN_EINVAL, "RN_EINVAL"},
    {RN_EDEADLK, "RN_EDEADLK"},
    {RN_ENOSYS, "RN_ENOSYS"},
    {RN_EOVERFLOW, "RN_EOVERFLOW"},
    {RN_ETIMEDOUT, "RN_ETIMEDOUT"},
    {RN_ECANCELED, "RN_ECANCELED"},
};

TEST(error_every_own_code_has_its_name_and_a_text)
{
    for (size_t i = 0; i < RN_COUNT(own); i++) {
        CHECK_STR_EQ(rn_err_name(own[i].code), own[i].name);
        CHECK(strcmp(rn_strerror(own[i].code), "unknown code") != 0);
        CHECK(strlen(rn_strerror(own[i].code)) > 0);
    }
}

TEST(error_texts_tell_the_codes_apart)
{
    for (size_t i = 0; i < RN_COUNT(own); i++)
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(rn_strerror(own[i].code), rn_strerror(own[k].code)) != 0);
}

TEST(error_codes_are_negative_and_none_becomes_exit_status_0)
{
    for (size_t i = 1; i < RN_COUNT(own); i++) {
        CHECK(own[i].code < 0);
        CHECK((own[i].code & 0xff) != 0);
    }
}

TEST(error_codes_keep_their_numbers)
{
    CHECK_EQ(RN_CLOSED, -5001);
    CHECK_EQ(RN_FULL, -5002);
    CHECK_EQ(RN_EMPTY, -5003);
    CHECK_EQ(RN_LAGGED, -5004);
    CHECK_EQ(RN_NOBODY, -5005);
    CHECK_EQ(RN_NO_RUNTIME, -5011);
    CHECK_EQ(RN_SHUTDOWN, -5012);
    CHECK_EQ(RN_FORKED, -5013);
    CHECK_EQ(RN_ECANCELED, -ECANCELED);
}

TEST(error_errno_words_pass_through_under_their_own_name)
{
    CHECK_STR_EQ(rn_err_name(-EPIPE), "EPIPE");
    CHECK_STR_EQ(rn_strerror(-EPIPE), "broken pipe");
    CHECK_STR_EQ(rn_err_name(-EPERM), "EPERM");
    CHECK_STR_EQ(rn_err_name(-ENOENT), "ENOENT");
    CHECK_STR_EQ(rn_err_name(-EHWPOISON), "EHWPOISON");
}

TEST(error_every_errno_word_of_this_system_is_known)
{
    /* The two holes are numbers that Linux keeps free: EWOULDBLOCK's and EDEADLOCK's old ones. */
    for (int number = 1; number <= EHWPOISON; number++)
        if (number != 41 && number != 58)
            CHECK(strcmp(rn_err_name(-number), "?") != 0);
}

TEST(error_any_number_gets_an_answer)
{
    const int unknown[] = {1, 17, INT_MAX, -41, -58, -134, -4095, -4096, -5000, -5014, -10000, -INT_MAX, INT_MIN};
    for (size_t i = 0; i < RN_COUNT(unknown); i++) {
        CHECK_STR_EQ(rn_err_name(unknown[i]), "?");
        CHECK_STR_EQ(rn_strerror(unknown[i]), "unknown code");
    }
}

static int give(int code)
{
    return code;
}

TEST(error_must_gives_what_is_not_negative)
{
    CHECK_EQ(RN_MUST(give(0)), 0);
    CHECK_EQ(RN_MUST(give(7)), 7);
}

TEST(error_must_names_place_call_and_code_and_aborts)
{
    EXPECT_DEATH(SIGABRT, "test_error\\.c:[0-9]+: give\\(RN_CLOSED\\) gave RN_CLOSED \\(-5001\\): channel closed")
    {
        RN_MUST(give(RN_CLOSED));
    }
}

static int try_each(int first, int second)
{
    RN_TRY(give(first));
    RN_TRY(give(second));
    return 5;
}

TEST(error_try_returns_the_first_negative_code)
{
    CHECK_EQ(try_each(0, 1), 5);
    CHECK_EQ(try_each(RN_FULL, RN_EMPTY), RN_FULL);
    CHECK_EQ(try_each(0, RN_EMPTY), RN_EMPTY);
}

TEST(version_text_and_number_agree_with_the_header)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", RN_VERSION >> 16, RN_VERSION >> 8 & 255, RN_VERSION & 255);
    CHECK_STR_EQ(rn_version(), text);
    CHECK_EQ(rn_version_number(), RN_VERSION);
}
