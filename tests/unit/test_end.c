/* SPDX-License-Identifier: MIT */
/* Ends that cannot be used are told apart and named, in builds that check. */
#include <signal.h>

#include "channel/end.h"
#include "harness/harness.h"

TEST(end_that_is_alive_passes_the_check)
{
    struct rn__end end;
    rn__end_init(&end, RN__MPSC_TX, "jobs");
    rn__end_check(&end, RN__MPSC_TX);
    CHECK_STR_EQ(end.name, "jobs");
}

#ifndef NDEBUG
TEST(end_that_was_dropped_is_named)
{
    struct rn__end end;
    rn__end_init(&end, RN__MPSC_TX, "jobs");
    rn__end_fini(&end);
    EXPECT_DEATH(SIGABRT, "mpsc/mpmc sender \"jobs\" is used after it was dropped")
    {
        rn__end_check(&end, RN__MPSC_TX);
    }
}

TEST(end_of_another_kind_is_named)
{
    struct rn__end end;
    rn__end_init(&end, RN__WATCH_RX, "mode");
    EXPECT_DEATH(SIGABRT, "oneshot sender expected, this is a watch receiver")
    {
        rn__end_check(&end, RN__ONESHOT_TX);
    }
}

TEST(end_that_never_was_one_is_refused)
{
    struct rn__end end = {.magic = 12345};
    EXPECT_DEATH(SIGABRT, "broadcast receiver expected: this is none")
    {
        rn__end_check(&end, RN__BROADCAST_RX);
    }
}
#endif
