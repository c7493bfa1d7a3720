/* SPDX-License-Identifier: MIT */
/* What a message is: which descriptions are refused, that bytes move whole, how the user's functions are called. */
#include <limits.h>
#include <string.h>

#include <runnel/error.h>

#include "channel/element.h"
#include "harness/harness.h"
#include "wait/party.h"

static void drop_nothing(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
}

static int clone_nothing(void *to, const void *from, void *ctx)
{
    (void)to;
    (void)from;
    (void)ctx;
    return 0;
}

TEST(element_refuses_what_is_out_of_range)
{
    static const rn_elem wrong[] = {
        {.size = 0},
        {.size = RN_ELEM_SIZE_MAX + 1},
        {.size = SIZE_MAX},
        {.size = 8, .align = 3},
        {.size = 8, .align = RN_ELEM_ALIGN_MAX * 2},
        {.size = 8, .align = SIZE_MAX},
        {.size = 8, .reserved = {1, 0}},
        {.size = 8, .reserved = {0, 1}},
    };
    struct rn__element untouched = {.size = 77};
    CHECK_RC(rn__element_init(&untouched, NULL), RN_EINVAL);
    for (size_t i = 0; i < RN_COUNT(wrong); i++) {
        if (!CHECK_RC(rn__element_init(&untouched, &wrong[i]), RN_EINVAL))
            FAIL("wrong[%zu] was accepted", i);
    }
    CHECK_EQ(untouched.size, 77);
}

TEST(element_accepts_every_size_and_alignment_in_range)
{
    static const size_t sizes[] = {1, 2, 3, 8, 64, 65, 4096, RN_ELEM_SIZE_MAX};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        for (size_t align = 1; align <= RN_ELEM_ALIGN_MAX; align *= 2) {
            struct rn__element element;
            const rn_elem elem = {.size = sizes[i], .align = align};
            CHECK_RC(rn__element_init(&element, &elem), 0);
            CHECK_EQ(element.size, sizes[i]);
            CHECK_EQ(element.align, align);
            CHECK_EQ(element.stride % align, 0);
            CHECK(element.stride >= sizes[i] && element.stride - sizes[i] < align);
        }
    }
}

TEST(element_without_alignment_suits_every_type)
{
    struct rn__element element;
    CHECK_RC(rn__element_init(&element, &(rn_elem){.size = 3}), 0);
    CHECK_EQ(element.align, _Alignof(max_align_t));
    CHECK_EQ(element.stride, _Alignof(max_align_t));
}

TEST(element_copies_its_description)
{
    struct rn__element element;
    int ctx;
    rn_elem elem = {
        .size = 4, .align = 4, .drop = drop_nothing, .clone = clone_nothing, .ctx = &ctx, .name = "things"};
    CHECK_RC(rn__element_init(&element, &elem), 0);
    memset(&elem, 0, sizeof elem);
    CHECK(element.drop == drop_nothing && element.clone == clone_nothing);
    CHECK(element.ctx == &ctx);
    CHECK_STR_EQ(element.name, "things");
}

TEST(element_moves_all_of_its_bytes_and_no_more)
{
    enum { LARGEST = 130 };
    unsigned char from[LARGEST];
    unsigned char to[LARGEST + 2];
    unsigned char expected[LARGEST + 2];
    for (size_t i = 0; i < LARGEST; i++)
        from[i] = (unsigned char)(i + 1);
    for (size_t size = 1; size <= LARGEST; size++) {
        struct rn__element element;
        CHECK_RC(rn__element_init(&element, &(rn_elem){.size = size, .align = 1}), 0);
        memset(to, 0xee, sizeof to);
        memset(expected, 0xee, sizeof expected);
        memcpy(expected + 1, from, size);
        rn__element_move(&element, to + 1, from); /* neither side is aligned by more than a byte */
        CHECK_MEM_EQ(to, expected, sizeof to);
    }
}

/* -- the user's functions ---------------------------------------------------------------------------------------- */

struct calls {
    int drops;
    int clones;
    int clone_code;
    bool in_callback;
};

static void count_drop(void *message, void *ctx)
{
    struct calls *calls = ctx;
    calls->drops++;
    calls->in_callback = rn__callback_running();
    *(int *)message = -1;
}

static int count_clone(void *to, const void *from, void *ctx)
{
    struct calls *calls = ctx;
    calls->clones++;
    calls->in_callback = rn__callback_running();
    *(int *)to = *(const int *)from * 2;
    return calls->clone_code;
}

TEST(element_drop_is_a_callback)
{
    struct calls calls = {0};
    struct rn__element element;
    int message = 5;
    CHECK_RC(rn__element_init(&element, &(rn_elem){.size = sizeof(int), .drop = count_drop, .ctx = &calls}), 0);
    rn__element_drop(&element, &message);
    CHECK_EQ(calls.drops, 1);
    CHECK_EQ(message, -1);
    CHECK(calls.in_callback);
    CHECK(!rn__callback_running());
}

TEST(element_without_drop_is_left_alone)
{
    struct rn__element element;
    int message = 5;
    CHECK_RC(rn__element_init(&element, RN_ELEM(int)), 0);
    rn__element_drop(&element, &message);
    CHECK_EQ(message, 5);
}

TEST(element_clone_is_a_callback_and_its_code_is_passed_on)
{
    struct calls calls = {.clone_code = -10007};
    struct rn__element element;
    const int from = 21;
    int to = 0;
    const rn_elem elem = {.size = sizeof(int), .drop = count_drop, .clone = count_clone, .ctx = &calls};
    CHECK_RC(rn__element_init(&element, &elem), 0);
    CHECK(rn__element_can_clone(&element));
    CHECK_RC(rn__element_clone(&element, &to, &from), -10007);
    calls.clone_code = 0;
    CHECK_RC(rn__element_clone(&element, &to, &from), 0);
    CHECK_EQ(to, 42);
    CHECK_EQ(calls.clones, 2);
    CHECK(calls.in_callback);
    CHECK(!rn__callback_running());
}

TEST(element_clone_that_answers_no_code_is_an_error)
{
    struct calls calls = {.clone_code = 1};
    struct rn__element element;
    const int from = 21;
    int to = 0;
    const rn_elem elem = {.size = sizeof(int), .clone = count_clone, .ctx = &calls};
    CHECK_RC(rn__element_init(&element, &elem), 0);
    CHECK_RC(rn__element_clone(&element, &to, &from), RN_EINVAL);
    calls.clone_code = INT_MAX;
    CHECK_RC(rn__element_clone(&element, &to, &from), RN_EINVAL);
}

TEST(element_that_owns_nothing_is_cloned_by_its_bytes)
{
    struct rn__element element;
    const int from = 21;
    int to = 0;
    CHECK_RC(rn__element_init(&element, RN_ELEM(int)), 0);
    CHECK(rn__element_can_clone(&element));
    CHECK_RC(rn__element_clone(&element, &to, &from), 0);
    CHECK_EQ(to, 21);
}

TEST(element_with_drop_alone_cannot_be_cloned)
{
    struct rn__element element;
    CHECK_RC(rn__element_init(&element, &(rn_elem){.size = 4, .drop = drop_nothing}), 0);
    CHECK(!rn__element_can_clone(&element));
}
