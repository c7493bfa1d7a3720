/* SPDX-License-Identifier: MIT */
/* must fail: declares a channel of messages over 64 KiB */
// expect: at most 64 KiB
#include "prelude.h"

struct page {
    char bytes[65537];
};
RN_MPSC_PLAIN(pages, struct page);
