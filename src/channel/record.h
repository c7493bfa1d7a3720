/* SPDX-License-Identifier: MIT */
/* record.h - what every channel keeps about itself: its name, where it was made, what it counted, why it closed.
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
    size_t high_water;
    uint64_t sent;
    uint64_t received;
    uint64_t dropped;
    uint64_t missed;
    uint64_t waited;
};

/* count messages went in; so many are in it now. */
static inline void rn__record_sent(struct rn__record *record, uint64_t count, size_t depth)
{
    record->sent += count;
    if (record->high_water < depth)
        record->high_water = depth;
}

/* The first reason stays, with the cause if the calling task is cancelled. */
void rn__record_closed(struct rn__record *record, enum rn_why why);

/* An answer with all that is recorded; the channel adds who is there and how much is in it. */
void rn__record_tell(const struct rn__record *record, const char *shape, rn_channel_info *info);

/* Are the words of an options struct that nothing uses yet all zero? */
bool rn__options_are_valid(uint32_t flags, uint32_t reserved0, const uint64_t *reserved, size_t count);

#endif
