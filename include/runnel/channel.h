/* SPDX-License-Identifier: MIT */
/* channel.h - what can be asked of a channel of any shape: who is there, what it counted, why it closed.
 *
 * Each shape has the question for its ends: rn_mpsc_tx_info(), rn_watch_rx_info() and so on. All fill one struct, so
 * that one function of yours can print or export them all.
 *
 * Use:
 *     rn_channel_info info;
 *     RN_MUST(rn_mpsc_rx_info(jobs_rx_raw(rx), &info));
 *     printf("%s: %zu of %zu waiting, %llu sent\n", info.name, info.depth, info.capacity,
 *            (unsigned long long)info.sent);
 *     if (rc == RN_CLOSED && info.why == RN_WHY_SENDERS_GONE && info.cause != 0)
 *         ...                                           the last sender was dropped by a task that was cancelled
 *
 * At the same time:  everything, like any question. All words of one answer are of one moment during the call.
 * Closing:           nothing to close; an answer is a copy.
 * Costs:             the channel's short lock, once. No allocation.
 * Another shape:     what every task waits for: rn_dump (inspect.h).
 */
#ifndef RUNNEL_CHANNEL_H
#define RUNNEL_CHANNEL_H

#include <runnel/base.h>

RN__BEGIN_DECLS

/* The first thing that closed a channel; what happens later does not change it. */
enum rn_why {
    RN_WHY_OPEN = 0,           /* it is open */
    RN_WHY_SENDERS_GONE = 1,   /* the last sender was dropped, and no permit was out */
    RN_WHY_RECEIVERS_GONE = 2, /* the last receiver was dropped; broadcast and watch stay open without one */
    RN_WHY_BY_HAND = 3,        /* rx_close was called */
    RN_WHY_SENT = 4            /* oneshot: its value was sent, so nothing more will come */
};

/* Counts are of messages and begin at 0 with the channel. What a shape does not have is 0. */
typedef struct rn_channel_info {
    const char *shape;      /* "mpsc", "mpmc", "oneshot", "broadcast", "watch" */
    const char *name;       /* of the options, or of the element; NULL: it has none */
    const void *birthplace; /* an address in the function that called the constructor, for dladdr or addr2line */
    enum rn_why why;        /* why it is closed */
    int cause;              /* if a cancelled task closed it: what rn_cancelled() said there; else 0 */
    size_t senders;         /* ends; without weak ones and permits */
    size_t receivers;
    size_t weak;          /* weak senders */
    size_t capacity;      /* messages that it can keep, or RN_UNBOUNDED */
    size_t depth;         /* messages that are in it now; watch: 1 */
    size_t promised;      /* mpsc, mpmc: places that permits hold */
    size_t high_water;    /* the greatest depth so far; oneshot: 1 when the value was sent */
    uint64_t sent;        /* messages that it took from senders; watch: values set, the initial one not counted */
    uint64_t received;    /* by all receivers together: a broadcast message counts once for each */
    uint64_t dropped;     /* taken, and then dropped with the receiver that should have had them */
    uint64_t missed;      /* broadcast: what receivers were told that they missed, all together */
    uint64_t waited;      /* not watch: calls to send (many: one) or reserve that found no room and had to wait */
    uint64_t reserved[8]; /* 0 */
} rn_channel_info;

/**
 * rn_why_name - the word of a reason, for logs
 * @why: one of enum rn_why
 *
 * Context:  anywhere; never waits
 * Owner:    static text
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  "open", "senders gone", "receivers gone", "closed by hand", "sent"; "?" for any other number. Never NULL
 */
RN_API const char *rn_why_name(enum rn_why why);

RN__END_DECLS

#endif
