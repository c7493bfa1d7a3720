/* SPDX-License-Identifier: MIT */
/* test_cpus.c - the parsers under the count of usable CPUs, on text that real systems print. */
#include "harness/harness.h"

#include "platform/platform.h"

#include <string.h>

TEST(cpus_of_cgroup2_are_rounded_up)
{
    CHECK_EQ(rn__cpus_of_cgroup2("200000 100000\n"), 2);
    CHECK_EQ(rn__cpus_of_cgroup2("200001 100000\n"), 3);
    CHECK_EQ(rn__cpus_of_cgroup2("150000 100000"), 2);
    CHECK_EQ(rn__cpus_of_cgroup2("1000 100000\n"), 1);
    CHECK_EQ(rn__cpus_of_cgroup2("50000 10000\n"), 5);
}

TEST(cpus_of_cgroup2_without_limit_are_none)
{
    CHECK_EQ(rn__cpus_of_cgroup2("max 100000\n"), 0);
    CHECK_EQ(rn__cpus_of_cgroup2("max\n"), 0);
}

TEST(cpus_of_cgroup2_text_that_says_nothing)
{
    const char *texts[] = {"",
                           "\n",
                           "200000",
                           "200000\n",
                           "200000 ",
                           "200000 x",
                           "200000  100000",
                           "-1 100000",
                           "0 100000",
                           "200000 0",
                           "99999999999999999999999 1",
                           "1 1 1",
                           "200000 100000 x"};
    for (size_t i = 0; i < RN__COUNT(texts); i++)
        if (!CHECK_EQ(rn__cpus_of_cgroup2(texts[i]), 0))
            FAIL("of \"%s\"", texts[i]);
}

TEST(cpus_of_cgroup1_are_rounded_up)
{
    CHECK_EQ(rn__cpus_of_cgroup1("400000\n", "100000\n"), 4);
    CHECK_EQ(rn__cpus_of_cgroup1("410000\n", "100000\n"), 5);
    CHECK_EQ(rn__cpus_of_cgroup1("10000", "100000"), 1);
    CHECK_EQ(rn__cpus_of_cgroup1("-1\n", "100000\n"), 0);
    CHECK_EQ(rn__cpus_of_cgroup1("400000\n", ""), 0);
    CHECK_EQ(rn__cpus_of_cgroup1("400000\n", "0\n"), 0);
    CHECK_EQ(rn__cpus_of_cgroup1("99999999999999999999\n", "1\n"), 0);
    CHECK_EQ(rn__cpus_of_cgroup1("900000000000000000\n", "1\n"), UINT32_MAX);
}

TEST(cpus_find_the_group_of_the_process)
{
    char path[64];
    CHECK(rn__cgroup_of_line("0::/user.slice/a.scope\n", RN__CGROUP_2, path, sizeof(path)));
    CHECK_STR_EQ(path, "/user.slice/a.scope");
    CHECK(rn__cgroup_of_line("0::/", RN__CGROUP_2, path, sizeof(path)));
    CHECK_STR_EQ(path, "/");
    CHECK(rn__cgroup_of_line("4:cpu,cpuacct:/docker/0123", RN__CGROUP_1, path, sizeof(path)));
    CHECK_STR_EQ(path, "/docker/0123");
    CHECK(rn__cgroup_of_line("1:net_cls,cpu:/a:b", RN__CGROUP_1, path, sizeof(path)));
    CHECK_STR_EQ(path, "/a:b");
}

TEST(cpus_pass_over_lines_of_other_groups)
{
    const char *lines[] = {"3:cpuset:/x", "2:cpuacct:/x", "9:name=systemd:/", "0::/x", "", "x", "1:cpu", "1:cpu:"};
    char path[8];
    for (size_t i = 0; i < RN__COUNT(lines); i++)
        if (!CHECK(!rn__cgroup_of_line(lines[i], RN__CGROUP_1, path, sizeof(path))))
            FAIL("of \"%s\"", lines[i]);
    CHECK(!rn__cgroup_of_line("1:cpu:/x", RN__CGROUP_2, path, sizeof(path)));
    CHECK(!rn__cgroup_of_line("0::/12345678", RN__CGROUP_2, path, sizeof(path))); /* does not fit */
    CHECK(rn__cgroup_of_line("0::/123456", RN__CGROUP_2, path, sizeof(path)));
}

TEST(cpus_find_the_mount_of_the_controller)
{
    char point[64];
    char root[64];
    CHECK(rn__cgroup_mount_of_line(
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct", RN__CGROUP_1, point,
        root, sizeof(point)));
    CHECK_STR_EQ(point, "/sys/fs/cgroup/cpu");
    CHECK_STR_EQ(root, "/");
    CHECK(rn__cgroup_mount_of_line(
        "41 31 0:38 /docker/12 /sys/fs\\040x/u rw master:1 propagate_from:2 - cgroup2 none rw", RN__CGROUP_2, point,
        root, sizeof(point)));
    CHECK_STR_EQ(point, "/sys/fs x/u");
    CHECK_STR_EQ(root, "/docker/12");
}

TEST(cpus_pass_over_other_mounts)
{
    char point[64];
    char root[64];
    const char *lines[] = {"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
                           "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct",
                           "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd",
                           "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
                           "32 31 0:29 / /cpu rw - cgroup",
                           "32 31 0:29",
                           "",
                           " - "};
    for (size_t i = 0; i < RN__COUNT(lines); i++)
        if (!CHECK(!rn__cgroup_mount_of_line(lines[i], RN__CGROUP_1, point, root, sizeof(point))))
            FAIL("of \"%s\"", lines[i]);
}

TEST(cpus_join_mount_and_group)
{
    char folder[40];
    CHECK(rn__cgroup_folder("/sys/cpu", "/", "/a/b", folder, sizeof(folder)));
    CHECK_STR_EQ(folder, "/sys/cpu/a/b");
    CHECK(rn__cgroup_folder("/sys/cpu", "/", "/", folder, sizeof(folder)));
    CHECK_STR_EQ(folder, "/sys/cpu");
    CHECK(rn__cgroup_folder("/sys/cpu", "/docker/12", "/docker/12/sub", folder, sizeof(folder)));
    CHECK_STR_EQ(folder, "/sys/cpu/sub");
    CHECK(rn__cgroup_folder("/sys/cpu", "/docker/12", "/docker/12", folder, sizeof(folder)));
    CHECK_STR_EQ(folder, "/sys/cpu");
    CHECK(!rn__cgroup_folder("/sys/cpu", "/docker/12", "/docker/123", folder, sizeof(folder)));
    CHECK(!rn__cgroup_folder("/sys/cpu", "/docker/12", "/", folder, sizeof(folder)));
    CHECK(!rn__cgroup_folder("/sys/cpu", "/", "/a-path-that-does-not-fit-in-its-room", folder, sizeof(folder)));
}
