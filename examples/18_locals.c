/* SPDX-License-Identifier: MIT */
/* 18_locals.c - whose request is it? A value of the task, inherited by those that it spawns, for code deep inside */
#include <runnel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 2, PARTS = 2 };

/* Children get a copy of their own, so nobody has to know who ends last. */
static int copy_text(void *text, void **child)
{
    *child = strdup(text);
    return *child == NULL ? RN_ENOMEM : 0;
}

static const rn_local request = RN_LOCAL_INIT(free, copy_text);

/* Deep inside, where no argument reaches. */
static int measure(const char *part)
{
    const char *name = rn_local_get(&request);
    return name == NULL ? -1 : (int)(strlen(name) * strlen(part));
}

RN_TASK(worker, const char *);

static int worker(const char *part)
{
    RN_TRY(rn_sleep_ms(1)); /* others of other requests run on this thread meanwhile */
    return measure(part);
}

RN_TASK(server, int);

static int server(int number)
{
    static const char *const parts[PARTS] = {"head", "tail end"};
    rn_task tasks[PARTS];
    char name[32];
    int sum = 0, result;
    snprintf(name, sizeof name, "request %.*s", number, "!!!!!!!!");
    char *mine = strdup(name);
    if (mine == NULL || rn_local_set(&request, mine) != 0) {
        free(mine);
        return RN_ENOMEM;
    }
    for (int i = 0; i < PARTS; i++)
        RN_MUST(worker_spawn(&tasks[i], parts[i]));
    for (int i = 0; i < PARTS; i++) {
        RN_MUST(rn_join(tasks[i], &result));
        sum += result;
    }
    return sum; /* mine is freed with this task */
}

static int app(void *unused)
{
    rn_task servers[REQUESTS];
    int result;
    (void)unused;
    for (int i = 0; i < REQUESTS; i++)
        RN_MUST(server_spawn(&servers[i], i + 1));
    for (int i = 0; i < REQUESTS; i++) {
        RN_MUST(rn_join(servers[i], &result));
        printf("request %d: %d\n", i + 1, result);
    }
    printf("outside: %d\n", measure("nothing"));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
