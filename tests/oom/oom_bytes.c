/* SPDX-License-Identifier: MIT */
/* bytes when memory runs out: there are none, and what was to be adopted is still the caller's. */
#include <runnel/bytes.h>

#include "oom/refuse_here.h"

static int copy_bytes(void *arg)
{
    rn_bytes bytes;
    const int rc = rn_bytes_copy(&bytes, arg, 5);
    CHECK_EQ(bytes.data != NULL, rc == 0);
    CHECK_EQ(bytes.length, rc == 0 ? 5 : 0);
    rn_bytes_drop(&bytes);
    return rc;
}

static int print_bytes(void *arg)
{
    rn_bytes bytes;
    const int rc = rn_bytes_printf(&bytes, "%s", (const char *)arg);
    CHECK_EQ(bytes.data != NULL, rc == 0);
    rn_bytes_drop(&bytes);
    return rc;
}

static int new_bytes(void *arg)
{
    rn_bytes bytes;
    char *room = arg;
    const int rc = rn_bytes_new(&bytes, 100, &room);
    CHECK_EQ(room != NULL, rc == 0);
    CHECK_EQ(bytes.data != NULL, rc == 0);
    rn_bytes_drop(&bytes);
    return rc;
}

static int releases;

static void release(void *data, void *ctx)
{
    CHECK(data == ctx);
    releases++;
}

static int adopt_bytes(void *arg)
{
    rn_bytes bytes;
    releases = 0;
    const int rc = rn_bytes_adopt(&bytes, arg, 5, release, arg);
    CHECK_EQ(bytes.data != NULL, rc == 0);
    rn_bytes_drop(&bytes);
    CHECK_EQ(releases, rc == 0);
    return rc;
}

TEST(oom_bytes_are_made_or_there_are_none)
{
    char text[] = "bytes";
    CHECK_EQ(refuse_each(copy_bytes, text), 1);
    CHECK_EQ(refuse_each(print_bytes, text), 1);
    CHECK_EQ(refuse_each(new_bytes, text), 1);
    CHECK_EQ(refuse_each(adopt_bytes, text), 1);
}
