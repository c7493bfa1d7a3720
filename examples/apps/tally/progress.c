/* SPDX-License-Identifier: MIT */
/* progress.c - one line on the terminal, drawn anew ten times a second: how far the owner is, and the latest file. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tally.h"

RN_TASK(progress, struct progress_args);

enum { TICK_MS = 100, NAME_MAX_SHOWN = 256 };

/* The newest event's path, with what would move the cursor made harmless. Events lost to a lag are no loss here. */
static void catch_up(events_rx *events, char name[static NAME_MAX_SHOWN + 1])
{
    struct event event;
    uint64_t missed;
    while (events_try_recv(events, &event, &missed) == 0) {
        snprintf(name, NAME_MAX_SHOWN + 1, "%s", event.path);
        event_drop(&event);
    }
    for (char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == '\177')
            *at = '?';
}

static int ask(news_tx *owner, struct totals *out)
{
    answer_tx *reply;
    RN_AUTO(answer_rx) answer = NULL;
    RN_TRY(answer_channel(&reply, &answer));
    RN_TRY(news_give(owner, (struct news){.kind = NEWS_QUESTION, .of.reply = reply}));
    return answer_recv(answer, out);
}

static void draw(const struct totals *so_far, const char *name)
{
    struct winsize window;
    char line[512];
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    const int columns = known ? window.ws_col : 80;
    snprintf(line, sizeof line, "%ju files, %.1f MB, %ju words, %ju distinct  %s", (uintmax_t)so_far->files,
             (double)so_far->bytes / 1e6, (uintmax_t)so_far->words, (uintmax_t)so_far->distinct, name);
    fprintf(stderr, "\r\033[K%.*s", columns - 1, line);
}

static int progress(struct progress_args args)
{
    RN_AUTO(events_rx) events = args.events;
    RN_AUTO(mode_rx) mode = args.mode;
    struct totals so_far;
    char name[NAME_MAX_SHOWN + 1] = "";
    while (mode_changed_until(mode, rn_in_ms(TICK_MS)) == RN_ETIMEDOUT) {
        catch_up(events, name);
        if (ask(args.news, &so_far) != 0)
            break;
        draw(&so_far, name);
    }
    fputs("\r\033[K", stderr);
    return 0;
}

/* A thread of its own: a terminal can be stopped. */
int progress_start(rn_task *out, struct progress_args args)
{
    const int rc = progress_spawn_with(out, args, &(rn_spawn_opts){.place = RN_PLACE_THREAD});
    if (rc != 0) {
        events_rx_drop(args.events);
        mode_rx_drop(args.mode);
    }
    return rc;
}
