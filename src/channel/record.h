/* SPDX-License-Identifier: MIT */
/* record.h - what a channel keeps about itself: its name, where it was made, why it closed, what it counted.
 *
 * Plain words under the channel's lock; a channel adds where the thing happens, and nobody asks for leave.
 */
#ifndef RN__CHANNEL_RECORD_H
#define RN__CHANNEL_RECORD_H

#include "base/compiler.h"

#include <runnel/channel.h>

struct rn__record {
    const char *name;       /* static text, or NULL */
    const void *birthplace; /* where the constructor was called */
    enum rn_why why;
    int cause;
};

/* For channels of more than one message. */
struct rn__counts {
    size_t high_water;
    uint64_t sent;
    uint64_t received;
    uint64_t dropped;
    uint64_t missed;
    uint64_t waited;
};

/* count messages went in; so many are in it now. */
static inline void rn__counts_sent(struct rn__counts *counts, uint64_t count, size_t depth)
{
    counts->sent += count;
    if (counts->high_water < depth)
        counts->high_water = depth;
}

/* The first reason stays, with the cause if the calling task is cancelled. */
void rn__record_closed(struct rn__record *record, enum rn_why why);

/* An answer with what is recorded, and what was counted, if anything; the channel adds who is there and how much is
 * in it. */
void rn__record_tell(const struct rn__record *record, const struct rn__counts *counts, const char *shape,
                     rn_channel_info *info);

/* Are the words of an options struct that nothing uses yet all zero? */
bool rn__options_are_valid(uint32_t flags, uint32_t reserved0, const uint64_t *reserved, size_t count);

#endif
