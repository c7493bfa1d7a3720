/* SPDX-License-Identifier: MIT */
/* like_mpsc.h - an mpmc differs from an mpsc in the number of receivers only: a file of cases about mpsc that is
 * included behind this is about mpmc, as it is written. */
#ifndef TESTS_API_LIKE_MPSC_H
#define TESTS_API_LIKE_MPSC_H

#include "api/as_mpmc.h"

#undef TEST
#undef EVERYWHERE
#define TEST(id) TEST_TIMEOUT(mpmc_like_##id, TEST_SECONDS)
#define EVERYWHERE(id) EVERYWHERE_TIMEOUT(mpmc_like_##id, TEST_SECONDS)

#endif
