/* SPDX-License-Identifier: MIT */
/* record.c - what a channel keeps about itself (contract in record.h). */
#include "channel/record.h"

#include <runnel/cancel.h>

const char *rn_why_name(enum rn_why why)
{
    static const char *const names[] = {
        [RN_WHY_OPEN] = "open",
        [RN_WHY_SENDERS_GONE] = "senders gone",
        [RN_WHY_RECEIVERS_GONE] = "receivers gone",
        [RN_WHY_BY_HAND] = "closed by hand",
        [RN_WHY_SENT] = "sent",
    };
    return (size_t)why < RN__COUNT(names) ? names[why] : "?";
}

void rn__record_closed(struct rn__record *record, enum rn_why why)
{
    if (record->why != RN_WHY_OPEN)
        return;
    record->why = why;
    record->cause = rn_cancelled();
}

void rn__record_tell(const struct rn__record *record, const struct rn__counts *counts, const char *shape,
                     rn_channel_info *info)
{
    *info = (rn_channel_info){
        .shape = shape,
        .name = record->name,
        .birthplace = record->birthplace,
        .why = record->why,
        .cause = record->cause,
    };
    if (counts == NULL)
        return;
    info->high_water = counts->high_water;
    info->sent = counts->sent;
    info->received = counts->received;
    info->dropped = counts->dropped;
    info->missed = counts->missed;
    info->waited = counts->waited;
}

bool rn__options_are_valid(uint32_t flags, uint32_t reserved0, const uint64_t *reserved, size_t count)
{
    uint64_t used = flags | reserved0;
    for (size_t i = 0; i < count; i++)
        used |= reserved[i];
    return used == 0;
}
