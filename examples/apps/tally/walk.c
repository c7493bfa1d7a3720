/* SPDX-License-Identifier: MIT */
/* walk.c - the walker: from the names on the command line to the paths of files, directories opened up.
 *
 * A list of directories still to be opened takes the place of recursion. Symbolic links, devices, pipes and sockets
 * are read if they are named, and passed over where they are found; so there are no loops.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tally.h"

RN_TASK(walker, struct walker_args);

struct directory {
    struct directory *next;
    char path[];
};

struct walk {
    const struct walker_args *args;
    struct directory *to_do;
    size_t turn; /* the reader to ask first */
};

static void fail(const struct walk *walk, const char *path, int error)
{
    report_failure(&walk->args->reporter, path, strerror(error));
}

static paths_tx *next_reader(struct walk *walk)
{
    return walk->args->readers[walk->turn++ % READERS];
}

/* To the first reader that has room. If none has, wait at the next one, but not for long: it may be busy with a large
 * file while another is ready. RN_CLOSED: the readers have stopped. */
static int hand_on(struct walk *walk, const char *path)
{
    int rc;
    char *copy = strdup(path);
    if (copy == NULL)
        return RN_ENOMEM;
    do {
        for (size_t i = 0; i < READERS; i++)
            if (paths_try_send(next_reader(walk), copy) == 0)
                return 0;
        rc = paths_send_until(next_reader(walk), copy, rn_in_ms(1));
    } while (rc == RN_ETIMEDOUT);
    if (rc != 0)
        free(copy);
    return rc;
}

static int put_off(struct walk *walk, const char *path)
{
    const size_t size = strlen(path) + 1;
    struct directory *const directory = malloc(sizeof *directory + size);
    if (directory == NULL)
        return RN_ENOMEM;
    memcpy(directory->path, path, size);
    directory->next = walk->to_do;
    walk->to_do = directory;
    return 0;
}

static int found(struct walk *walk, const char *directory, const struct dirent *entry)
{
    struct stat status = {.st_mode = (mode_t)DTTOIF(entry->d_type)};
    char path[PATH_MAX];
    const char *const slash = directory[strlen(directory) - 1] == '/' ? "" : "/";
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    if (snprintf(path, sizeof path, "%s%s%s", directory, slash, entry->d_name) >= (int)sizeof path) {
        fail(walk, directory, ENAMETOOLONG);
        return 0;
    }
    if (entry->d_type == DT_UNKNOWN && lstat(path, &status) != 0) {
        fail(walk, path, errno);
        return 0;
    }
    if (S_ISDIR(status.st_mode))
        return put_off(walk, path);
    return S_ISREG(status.st_mode) ? hand_on(walk, path) : 0;
}

static int read_entries(struct walk *walk, const char *path, DIR *stream)
{
    while (mode_peek(walk->args->mode) == RUNNING) {
        errno = 0;
        const struct dirent *const entry = readdir(stream);
        if (entry == NULL && errno != 0)
            fail(walk, path, errno);
        if (entry == NULL)
            break;
        RN_TRY(found(walk, path, entry));
    }
    return 0;
}

static int open_up(struct walk *walk, const char *path)
{
    DIR *const stream = opendir(path);
    if (stream == NULL) {
        fail(walk, path, errno);
        return 0;
    }
    const int rc = read_entries(walk, path, stream);
    closedir(stream);
    return rc;
}

static int open_up_all(struct walk *walk)
{
    int rc = 0;
    while (walk->to_do != NULL) {
        struct directory *const directory = walk->to_do;
        walk->to_do = directory->next;
        if (rc == 0 && mode_peek(walk->args->mode) == RUNNING)
            rc = open_up(walk, directory->path);
        free(directory);
    }
    return rc;
}

/* What cannot be looked at goes to a reader as well: it will say why it cannot be opened. */
static int begin_at(struct walk *walk, const char *name)
{
    struct stat status;
    if (strcmp(name, "-") == 0 || stat(name, &status) != 0 || !S_ISDIR(status.st_mode))
        return hand_on(walk, name);
    RN_TRY(put_off(walk, name));
    return open_up_all(walk);
}

static int walker(struct walker_args args)
{
    RN_AUTO(mode_rx) mode = args.mode;
    struct walk walk = {.args = &args};
    bool seen_input = false;
    for (size_t i = 0; i < args.name_count && mode_peek(mode) == RUNNING; i++) {
        const bool is_input = strcmp(args.names[i], "-") == 0;
        if (is_input && seen_input) /* read to its end already, or being read */
            continue;
        seen_input |= is_input;
        const int rc = begin_at(&walk, args.names[i]);
        if (rc != 0)
            return rc == RN_CLOSED ? 0 : rc;
    }
    return 0;
}

/* A thread of its own: directories may be slow. */
int walker_start(rn_task *out, struct walker_args args)
{
    const int rc = walker_spawn_with(out, args, &(rn_spawn_opts){.place = RN_PLACE_THREAD});
    if (rc != 0)
        mode_rx_drop(args.mode);
    return rc;
}
