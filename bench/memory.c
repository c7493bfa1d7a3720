/* SPDX-License-Identifier: MIT */
/* memory.c - figures of space: bytes of a channel, of a parked task; and what a runtime costs that does nothing.
 *
 * Bytes of a channel are what the library asks its allocator for, without the allocator's own overhead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "figures.h"

#include "base/atomic.h"

/* -- what the process has ------------------------------------------------------------------------------------- */

/* A line of a file in /proc/self, in bytes. */
static double bytes_in(const char *path, const char *label)
{
    char line[256];
    double bytes = -1;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        give_up("no /proc");
    while (bytes < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, label, strlen(label)) == 0)
            bytes = 1024.0 * (double)strtol(line + strlen(label), NULL, 10);
    fclose(file);
    return bytes;
}

/* The walk over all pages: VmRSS in /proc/self/status is a sum of counters that lag behind. */
static double resident_bytes(void)
{
    return bytes_in("/proc/self/smaps_rollup", "Rss:");
}

static double page_table_bytes(void)
{
    return bytes_in("/proc/self/status", "VmPTE:");
}

static double mappings(void)
{
    int c;
    double lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    if (file == NULL)
        give_up("no /proc");
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

/* -- channels ------------------------------------------------------------------------------------------------- */

static size_t live_bytes;

static void *count_alloc(size_t size, size_t align, void *ctx)
{
    void *memory = NULL;
    (void)ctx;
    if (posix_memalign(&memory, align, size) != 0)
        return NULL;
    live_bytes += size;
    return memory;
}

static void count_free(void *memory, size_t size, void *ctx)
{
    (void)ctx;
    live_bytes -= size;
    free(memory);
}

static void count_allocations(void)
{
    RN_MUST(rn_set_allocator(&(rn_allocator){.alloc = count_alloc, .free = count_free}));
}

static void expect_nothing_left(void)
{
    if (live_bytes != 0)
        give_up("a channel has not given all its memory back");
}

static void mpsc_bytes(struct round *round)
{
    rn_mpsc_tx *tx;
    rn_mpsc_tx *more;
    rn_mpsc_rx *rx;
    count_allocations();
    RN_MUST(rn_mpsc_channel(&tx, &rx, (size_t)round->operations, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    RN_MUST(rn_mpsc_tx_clone(&more, tx));
    round->value[1] = (double)live_bytes - round->value[0];
    rn_mpsc_tx_drop(more);
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    expect_nothing_left();
}

static void token_bytes(struct round *round)
{
    rn_cancel *token;
    count_allocations();
    RN_MUST(rn_cancel_new(&token));
    round->value[0] = (double)live_bytes;
    rn_cancel_drop(token);
    expect_nothing_left();
    round->value[1] = (double)sizeof(rn_scope);
}

/* So that the first use of code does not count as memory of a channel. */
static void use_once(void)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    uint64_t number = 0;
    RN_MUST(rn_mpsc_channel(&tx, &rx, 1, RN_ELEM(uint64_t)));
    RN_MUST(rn_mpsc_try_send(tx, &number));
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    resident_bytes();
}

/* What is resident when a large channel was made, and when it is full. */
static void mpsc_million(struct round *round)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    count_allocations();
    use_once();
    const double before = resident_bytes();
    RN_MUST(rn_mpsc_channel(&tx, &rx, (size_t)round->operations, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    round->value[1] = resident_bytes() - before;
    for (uint64_t i = 0; i < (uint64_t)round->operations; i++)
        RN_MUST(rn_mpsc_try_send(tx, &i));
    round->value[2] = resident_bytes() - before;
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    expect_nothing_left();
}

/* Empty when new, with so many messages in it, and empty again. */
static void unbounded_bytes(struct round *round)
{
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    uint64_t number;
    count_allocations();
    RN_MUST(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    for (uint64_t i = 0; i < (uint64_t)round->operations; i++)
        RN_MUST(rn_mpsc_send(tx, &i));
    round->value[1] = (double)live_bytes;
    while (rn_mpsc_try_recv(rx, &number) == 0)
        continue;
    round->value[2] = (double)live_bytes;
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    expect_nothing_left();
}

struct text {
    char bytes[256];
};

/* What stays of a burst when all of it was received: of the channel, and in the process. */
static void burst_bytes(struct round *round)
{
    struct text message = {""};
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    count_allocations();
    use_once();
    const double before = resident_bytes();
    RN_MUST(rn_mpsc_channel(&tx, &rx, RN_UNBOUNDED, RN_ELEM(struct text)));
    for (long i = 0; i < round->operations; i++)
        RN_MUST(rn_mpsc_send(tx, &message));
    round->value[0] = (double)live_bytes;
    round->value[1] = resident_bytes() - before;
    while (rn_mpsc_try_recv(rx, &message) == 0)
        continue;
    round->value[2] = (double)live_bytes;
    round->value[3] = resident_bytes() - before;
    rn_mpsc_tx_drop(tx);
    rn_mpsc_rx_drop(rx);
    expect_nothing_left();
}

static void oneshot_bytes(struct round *round)
{
    rn_oneshot_tx *tx;
    rn_oneshot_rx *rx;
    count_allocations();
    RN_MUST(rn_oneshot_channel(&tx, &rx, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    rn_oneshot_tx_drop(tx);
    rn_oneshot_rx_drop(rx);
    expect_nothing_left();
}

static void broadcast_bytes(struct round *round)
{
    rn_broadcast_tx *tx[2];
    rn_broadcast_rx *rx[2];
    count_allocations();
    RN_MUST(rn_broadcast_channel(&tx[0], &rx[0], (size_t)round->operations, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    RN_MUST(rn_broadcast_tx_clone(&tx[1], tx[0]));
    round->value[1] = (double)live_bytes - round->value[0];
    RN_MUST(rn_broadcast_subscribe(&rx[1], tx[0]));
    round->value[2] = (double)live_bytes - round->value[0] - round->value[1];
    for (int i = 0; i < 2; i++) {
        rn_broadcast_tx_drop(tx[i]);
        rn_broadcast_rx_drop(rx[i]);
    }
    expect_nothing_left();
}

static void watch_bytes(struct round *round)
{
    const uint64_t initial = 0;
    rn_watch_tx *tx[2];
    rn_watch_rx *rx[2];
    count_allocations();
    RN_MUST(rn_watch_channel(&tx[0], &rx[0], &initial, RN_ELEM(uint64_t)));
    round->value[0] = (double)live_bytes;
    RN_MUST(rn_watch_tx_clone(&tx[1], tx[0]));
    round->value[1] = (double)live_bytes - round->value[0];
    RN_MUST(rn_watch_subscribe(&rx[1], tx[0]));
    round->value[2] = (double)live_bytes - round->value[0] - round->value[1];
    for (int i = 0; i < 2; i++) {
        rn_watch_tx_drop(tx[i]);
        rn_watch_rx_drop(rx[i]);
    }
    expect_nothing_left();
}

/* -- parked tasks --------------------------------------------------------------------------------------------- */

struct crowd {
    rn_notify all_here;
    rn_notify go;
    long missing;
    long count;
    rn_task *tasks;
};

/* The ticket is taken before the arrival is told, so that the notification cannot come between the two. */
static int park(void *arg)
{
    struct crowd *crowd = arg;
    rn_notify_ticket ticket;
    rn_notify_enable(&crowd->go, &ticket);
    if (rn__sub_acq_rel(&crowd->missing, 1) == 1)
        rn_notify_one(&crowd->all_here);
    return rn_notify_ticket_wait(&ticket);
}

static void gather(struct crowd *crowd)
{
    for (long i = 0; i < crowd->count; i++)
        RN_MUST(rn_spawn(&crowd->tasks[i], park, crowd));
    RN_MUST(rn_notify_wait(&crowd->all_here));
}

static void dismiss(struct crowd *crowd)
{
    rn_notify_all(&crowd->go);
    for (long i = 0; i < crowd->count; i++) {
        int result;
        RN_MUST(rn_join(crowd->tasks[i], &result));
        RN_MUST(result);
    }
}

/* The handles' memory is touched before, so that it does not count. */
static void crowd_init(struct crowd *crowd, long count)
{
    *crowd = (struct crowd){.missing = count, .count = count};
    crowd->tasks = malloc((size_t)count * sizeof crowd->tasks[0]);
    if (crowd->tasks == NULL)
        give_up("out of memory");
    memset(crowd->tasks, 1, (size_t)count * sizeof crowd->tasks[0]);
}

static void parked(struct round *round)
{
    struct crowd crowd;
    crowd_init(&crowd, round->operations);
    const double count = (double)crowd.count;
    const double resident = resident_bytes();
    const double tables = page_table_bytes();
    const double mapped = mappings();
    int64_t start = rn_now_ns();
    gather(&crowd);
    round->value[3] = ms_since(start);
    round->value[0] = (resident_bytes() - resident) / count;
    round->value[1] = (page_table_bytes() - tables) / count;
    round->value[2] = mappings() - mapped;
    start = rn_now_ns();
    dismiss(&crowd);
    round->value[4] = ms_since(start);
    free(crowd.tasks);
}

/* -- idle handlers -------------------------------------------------------------------------------------------- */

struct handlers {
    long count;
    rn_mpsc_tx **senders;
    rn_mpsc_rx **receivers;
    rn_task *tasks;
};

static int handle_nothing(void *message, void *ctx)
{
    (void)message;
    (void)ctx;
    return 0;
}

static void *touched(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        give_up("out of memory");
    return memset(memory, 1, size);
}

static void open_channels(struct handlers *all)
{
    all->senders = touched((size_t)all->count * sizeof(void *));
    all->receivers = touched((size_t)all->count * sizeof(void *));
    all->tasks = touched((size_t)all->count * sizeof(rn_task));
    for (long i = 0; i < all->count; i++)
        RN_MUST(rn_mpsc_channel(&all->senders[i], &all->receivers[i], RN_UNBOUNDED, RN_ELEM(uint64_t)));
}

static void serve_all(const struct handlers *all)
{
    for (long i = 0; i < all->count; i++)
        RN_MUST(rn_serve(&all->tasks[i], all->receivers[i], handle_nothing, NULL));
}

static void send_to_all(const struct handlers *all)
{
    const uint64_t number = 0;
    for (long i = 0; i < all->count; i++)
        RN_MUST(rn_mpsc_send(all->senders[i], &number));
}

/* The channels of all: the handlers end with them. */
static void end_all(const struct handlers *all)
{
    for (long i = 0; i < all->count; i++)
        rn_mpsc_tx_drop(all->senders[i]);
    for (long i = 0; i < all->count; i++)
        RN_MUST(rn_join(all->tasks[i], NULL));
    free(all->senders);
    free(all->receivers);
    free(all->tasks);
}

static void idle_handlers(struct round *round)
{
    struct handlers all = {.count = round->operations};
    const double count = (double)all.count;
    const double empty = resident_bytes();
    open_channels(&all);
    const double resident = resident_bytes();
    const double tables = page_table_bytes();
    int64_t start = rn_now_ns();
    serve_all(&all);
    round->value[3] = ms_since(start);
    round->value[0] = (resident_bytes() - resident) / count;
    round->value[1] = (resident_bytes() - empty) / count - sizeof(rn_task) - 2 * sizeof(void *);
    round->value[2] = (page_table_bytes() - tables) / count;
    start = rn_now_ns();
    send_to_all(&all);
    round->value[4] = ms_since(start);
    start = rn_now_ns();
    end_all(&all);
    round->value[5] = ms_since(start);
}

/* -- nothing to do -------------------------------------------------------------------------------------------- */

static double cpu_ms(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

/* CPU time and context switches of the whole process while the root sleeps and all others are parked. */
static void idle(struct round *round)
{
    struct crowd crowd;
    struct rusage before;
    struct rusage after;
    crowd_init(&crowd, 1000);
    gather(&crowd);
    RN_MUST(rn_sleep_ms(100));
    getrusage(RUSAGE_SELF, &before);
    RN_MUST(rn_sleep_ms(round->operations * 1000));
    getrusage(RUSAGE_SELF, &after);
    round->value[0] = cpu_ms(&after) - cpu_ms(&before);
    round->value[1] = (double)(after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw);
    dismiss(&crowd);
    free(crowd.tasks);
}

static const struct figure_line mpsc_lines[] = {{"channel", "bytes"}, {"sender", "bytes"}, {NULL, NULL}};
static const struct figure_line million_lines[] = {
    {"channel", "bytes"}, {"resident", "bytes"}, {"resident_full", "bytes"}, {NULL, NULL}};
static const struct figure_line unbounded_lines[] = {
    {"channel", "bytes"}, {"with_1000", "bytes"}, {"emptied", "bytes"}, {NULL, NULL}};
static const struct figure_line burst_lines[] = {{"channel", "bytes"},
                                                 {"resident", "bytes"},
                                                 {"channel_emptied", "bytes"},
                                                 {"resident_emptied", "bytes"},
                                                 {NULL, NULL}};
static const struct figure_line ends_lines[] = {
    {"channel", "bytes"}, {"sender", "bytes"}, {"receiver", "bytes"}, {NULL, NULL}};
static const struct figure_line cancel_lines[] = {{"token", "bytes"}, {"scope", "bytes"}, {NULL, NULL}};
static const struct figure_line parked_lines[] = {{"resident", "bytes/task"},
                                                  {"page_tables", "bytes/task"},
                                                  {"mappings", "mappings"},
                                                  {"spawn", "ms"},
                                                  {"end", "ms"},
                                                  {NULL, NULL}};
static const struct figure_line handlers_lines[] = {{"resident", "bytes/handler"},
                                                    {"with_channel", "bytes/handler"},
                                                    {"page_tables", "bytes/handler"},
                                                    {"serve", "ms"},
                                                    {"send_to_each", "ms"},
                                                    {"end", "ms"},
                                                    {NULL, NULL}};
static const struct figure_line idle_lines[] = {{"cpu", "ms"}, {"switches", "switches"}, {NULL, NULL}};

enum { BYTES = IN_THREAD | ONCE | COLD | FIXED };

const struct figure memory_figures[] = {
    {"bytes_mpsc_32", NULL, mpsc_bytes, 32, BYTES, "mpsc(32) with its ends; one more sender", mpsc_lines},
    {"bytes_mpsc_1000000", NULL, mpsc_million, 1000000, BYTES, "mpsc(1,000,000); resident when new, and full",
     million_lines},
    {"bytes_mpsc_unbounded", NULL, unbounded_bytes, 1000, BYTES,
     "unbounded mpsc, empty, with 1,000 messages, emptied", unbounded_lines},
    {"bytes_mpsc_burst", NULL, burst_bytes, 100000, BYTES,
     "unbounded mpsc with 100,000 messages of 256 bytes, then none", burst_lines},
    {"bytes_oneshot", "bytes", oneshot_bytes, 1, BYTES, "oneshot with its ends", 0},
    {"bytes_broadcast_16", NULL, broadcast_bytes, 16, BYTES, "broadcast(16) with two ends; one more of each",
     ends_lines},
    {"bytes_watch", NULL, watch_bytes, 1, BYTES, "watch with two ends; one more of each", ends_lines},
    {"bytes_cancel", NULL, token_bytes, 1, BYTES, "a cancel token, allocated; a scope, in its opener's frame",
     cancel_lines},
    {"parked_100000", NULL, parked, 100000, COLD | FIXED, "100,000 parked tasks: space of each, time for all",
     parked_lines},
    {"parked_1000000", NULL, parked, 1000000, COLD | FIXED, "1,000,000 parked tasks: space of each, time for all",
     parked_lines},
    {"handlers_1000000", NULL, idle_handlers, 1000000, COLD | FIXED,
     "1,000,000 idle handlers: space of each, time for all", handlers_lines},
    {"idle_10s", NULL, idle, 10, COLD | FIXED, "a runtime with 1,000 parked tasks, over 10 s", idle_lines},
    {0},
};
