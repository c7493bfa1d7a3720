/* SPDX-License-Identifier: MIT */
/* cpus.c - how many CPUs this process may use: the affinity mask, cut by the CPU quota of its cgroup.
 *
 * A container with 2 CPUs of quota on a machine of 64 must not get 64 workers: they would spend each period's quota
 * in its first moments and stand still for the rest. There are two versions of cgroups, and machines that run both
 * at once; in each the quota may stand at the group itself or at any group above it, and the smallest holds. Where
 * the controller is mounted is read from mountinfo, which is not always /sys/fs/cgroup and in containers often
 * shows only a subtree.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "platform/platform.h"

#include "base/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Long enough for any path the kernel prints in these files; longer lines are about other things. */
enum { PATH_ROOM = 1024, LINE_ROOM = 4096, VALUE_ROOM = 64 };

/* -- pure parsers ---------------------------------------------------------------------------------------------- */

/* A decimal number that fits in 63 bits; NULL if there is none. */
static const char *parse_number(const char *text, uint64_t *out)
{
    const char *at = text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > (uint64_t)INT64_MAX / 10 - 1)
            return NULL;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return at == text ? NULL : at;
}

static bool is_end(const char *text)
{
    return *text == '\0' || (*text == '\n' && text[1] == '\0');
}

static uint32_t round_up(uint64_t quota, uint64_t period)
{
    if (quota == 0 || period == 0)
        return 0;
    const uint64_t cpus = (quota - 1) / period + 1;
    return cpus > UINT32_MAX ? UINT32_MAX : (uint32_t)cpus;
}

uint32_t rn__cpus_of_cgroup2(const char *cpu_max)
{
    uint64_t quota = 0;
    uint64_t period = 0;
    const char *rest = parse_number(cpu_max, &quota); /* "max 100000" ends here */
    if (rest == NULL || *rest != ' ')
        return 0;
    rest = parse_number(rest + 1, &period);
    return rest != NULL && is_end(rest) ? round_up(quota, period) : 0;
}

uint32_t rn__cpus_of_cgroup1(const char *quota_us, const char *period_us)
{
    uint64_t quota = 0;
    uint64_t period = 0;
    const char *rest = parse_number(quota_us, &quota); /* "-1" ends here */
    if (rest == NULL || !is_end(rest))
        return 0;
    rest = parse_number(period_us, &period);
    return rest != NULL && is_end(rest) ? round_up(quota, period) : 0;
}

/* Whether `word` is one of the words of a comma-separated list that ends at `end`. */
static bool list_has(const char *list, const char *end, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - at) == length && memcmp(at, word, length) == 0)
            return true;
        at = stop + 1;
    }
    return false;
}

static bool copy_text(char *out, size_t size, const char *from, size_t length)
{
    if (length + 1 > size)
        return false;
    memcpy(out, from, length);
    out[length] = '\0';
    return true;
}

/* "4:cpu,cpuacct:/user.slice" for version 1, "0::/user.slice" for version 2. */
bool rn__cgroup_of_line(const char *line, enum rn__cgroup version, char *path, size_t size)
{
    const char *controllers = strchr(line, ':');
    const char *name = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (name == NULL || name[1] != '/')
        return false;
    const bool ours = version == RN__CGROUP_2 ? line[0] == '0' && name == controllers + 1
                                              : list_has(controllers + 1, name, "cpu");
    return ours && copy_text(path, size, name + 1, strcspn(name + 1, "\n"));
}

/* The kernel writes blanks and backslashes in paths as \ooo. */
static bool copy_unescaped(char *out, size_t size, const char *from, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++, used++) {
        if (used + 1 >= size)
            return false;
        if (from[i] == '\\' && i + 3 < length) {
            out[used] = (char)((from[i + 1] - '0') * 64 + (from[i + 2] - '0') * 8 + (from[i + 3] - '0'));
            i += 3;
        } else {
            out[used] = from[i];
        }
    }
    out[used] = '\0';
    return true;
}

/* The n-th field (from 0) of a line, fields parted by single blanks; its length in *length. NULL: not that many. */
static const char *field(const char *line, unsigned n, size_t *length)
{
    for (; n > 0; n--) {
        line = strchr(line, ' ');
        if (line == NULL)
            return NULL;
        line++;
    }
    *length = strcspn(line, " \n");
    return *length > 0 ? line : NULL;
}

/* "33 24 0:29 /root /point rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct": the number of fields before the
 * lone dash varies. */
bool rn__cgroup_mount_of_line(const char *line, enum rn__cgroup version, char *point, char *root, size_t size)
{
    size_t root_length = 0;
    size_t point_length = 0;
    size_t type_length = 0;
    size_t options_length = 0;
    const char *root_at = field(line, 3, &root_length);
    const char *point_at = field(line, 4, &point_length);
    const char *dash = strstr(line, " - ");
    if (root_at == NULL || point_at == NULL || dash == NULL)
        return false;
    const char *type = field(dash + 3, 0, &type_length);
    const char *options = field(dash + 3, 2, &options_length);
    const char *wanted = version == RN__CGROUP_2 ? "cgroup2" : "cgroup";
    if (type == NULL || options == NULL || !list_has(type, type + type_length, wanted))
        return false;
    if (version == RN__CGROUP_1 && !list_has(options, options + options_length, "cpu"))
        return false;
    return copy_unescaped(root, size, root_at, root_length) && copy_unescaped(point, size, point_at, point_length);
}

bool rn__cgroup_folder(const char *point, const char *root, const char *path, char *folder, size_t size)
{
    const size_t root_length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, root_length) != 0)
        return false;
    const char *below = path + root_length;
    if (*below != '\0' && *below != '/')
        return false; /* root /a, path /ab */
    if (strcmp(below, "/") == 0)
        below = "";
    const int length = snprintf(folder, size, "%s%s", point, below);
    return length > 0 && (size_t)length < size;
}

/* -- files ----------------------------------------------------------------------------------------------------- */

static bool read_small_file(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_ROOM + VALUE_ROOM];
    const int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Calls each(line, ctx) for the lines of a file until one says true; lines that do not fit are left out. */
static bool find_line(const char *path, bool (*each)(const char *line, void *ctx), void *ctx)
{
    char buffer[LINE_ROOM];
    size_t used = 0;
    bool found = false;
    bool skipping = false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (!found) {
        const ssize_t got = read(fd, buffer + used, sizeof(buffer) - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        char *start = buffer;
        char *end = NULL;
        while (!found && (end = memchr(start, '\n', used - (size_t)(start - buffer))) != NULL) {
            *end = '\0';
            found = !skipping && each(start, ctx);
            skipping = false;
            start = end + 1;
        }
        used -= (size_t)(start - buffer);
        memmove(buffer, start, used);
        skipping = skipping || used == sizeof(buffer);
        used = used == sizeof(buffer) ? 0 : used;
    }
    (void)close(fd);
    return found;
}

struct place {
    enum rn__cgroup version;
    char path[PATH_ROOM];   /* as /proc/self/cgroup says */
    char folder[PATH_ROOM]; /* in the file system */
    size_t top_length;      /* of the mount point, the highest folder there is */
};

static bool take_path(const char *line, void *ctx)
{
    struct place *place = ctx;
    return rn__cgroup_of_line(line, place->version, place->path, sizeof(place->path));
}

static bool take_folder(const char *line, void *ctx)
{
    struct place *place = ctx;
    char root[PATH_ROOM];
    char point[PATH_ROOM];
    if (!rn__cgroup_mount_of_line(line, place->version, point, root, PATH_ROOM))
        return false;
    place->top_length = strlen(point);
    return rn__cgroup_folder(point, root, place->path, place->folder, sizeof(place->folder));
}

static uint32_t quota_of_folder(enum rn__cgroup version, const char *folder)
{
    char quota[VALUE_ROOM];
    char period[VALUE_ROOM];
    if (version == RN__CGROUP_2)
        return read_small_file(folder, "cpu.max", quota, sizeof(quota)) ? rn__cpus_of_cgroup2(quota) : 0;
    return read_small_file(folder, "cpu.cfs_quota_us", quota, sizeof(quota)) &&
                   read_small_file(folder, "cpu.cfs_period_us", period, sizeof(period))
               ? rn__cpus_of_cgroup1(quota, period)
               : 0;
}

/* The smallest quota of the group and of all above it, 0 if there is none. */
static uint32_t quota_cpus(enum rn__cgroup version)
{
    struct place place = {.version = version, .path = "", .folder = "", .top_length = 0};
    uint32_t smallest = 0;
    if (!find_line("/proc/self/cgroup", take_path, &place) || !find_line("/proc/self/mountinfo", take_folder, &place))
        return 0;
    for (;;) {
        const uint32_t cpus = quota_of_folder(version, place.folder);
        if (cpus != 0 && (smallest == 0 || cpus < smallest))
            smallest = cpus;
        char *slash = strrchr(place.folder, '/');
        if (strlen(place.folder) <= place.top_length || slash == NULL)
            return smallest;
        *slash = '\0';
    }
}

static uint32_t affinity_cpus(void)
{
    uint64_t mask[128]; /* 8,192 CPUs */
    uint32_t cpus = 0;
    const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
    if (bytes <= 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        return online > 0 ? (uint32_t)online : 1;
    }
    for (size_t i = 0; i < (size_t)bytes / sizeof(mask[0]); i++)
        cpus += (uint32_t)__builtin_popcountll(mask[i]);
    return cpus > 0 ? cpus : 1;
}

uint32_t rn__platform_usable_cpus(void)
{
    static const enum rn__cgroup versions[] = {RN__CGROUP_1, RN__CGROUP_2};
    const int saved = errno;
    uint32_t cpus = affinity_cpus();
    for (size_t i = 0; i < RN__COUNT(versions); i++) {
        const uint32_t quota = quota_cpus(versions[i]);
        if (quota != 0 && quota < cpus)
            cpus = quota;
    }
    errno = saved;
    return cpus;
}

bool rn__platform_has_many_cpus(void)
{
    enum { UNKNOWN, ONE, MANY };
    static uint32_t cached = UNKNOWN;
    uint32_t answer = rn__load_relaxed(&cached); /* rlx: every thread would find the same */
    if (RN__UNLIKELY(answer == UNKNOWN)) {
        const int saved = errno;
        answer = affinity_cpus() > 1 ? MANY : ONE;
        errno = saved;
        rn__store_relaxed(&cached, answer); /* rlx: as above */
    }
    return answer == MANY;
}

size_t rn__platform_map_limit(void)
{
    enum { USUAL = 65530 };
    char text[VALUE_ROOM];
    uint64_t limit = 0;
    const int saved = errno;
    const bool known = read_small_file("/proc/sys/vm", "max_map_count", text, sizeof(text)) &&
                       parse_number(text, &limit) != NULL;
    errno = saved;
    return known ? (size_t)limit : USUAL;
}
