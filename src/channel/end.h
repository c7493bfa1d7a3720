/* SPDX-License-Identifier: MIT */
/* end.h - what every end of a channel begins with: a word by which a good end is told from one that was dropped, of
 * another kind, or never made.
 *
 * The checks are there in debug and sanitizer builds (NDEBUG not defined) and cost nothing in others. They are help,
 * not proof: memory that was freed may be in use again by the next end of the same kind.
 */
#ifndef RN__CHANNEL_END_H
#define RN__CHANNEL_END_H

#include "base/compiler.h"

/* Magic words: unlikely in memory by accident, one number apart. */
enum rn__end_kind {
    RN__END_FIRST = 0x52e0e4d0,
    RN__MPSC_TX = RN__END_FIRST, /* and of an mpmc */
    RN__MPSC_RX,
    RN__ONESHOT_TX,
    RN__ONESHOT_RX,
    RN__BROADCAST_TX,
    RN__BROADCAST_RX,
    RN__WATCH_TX,
    RN__WATCH_RX,
    RN__MPSC_WEAK,
    RN__BROADCAST_WEAK,
    RN__END_LAST = RN__BROADCAST_WEAK,
};

struct rn__end {
    uint32_t magic;   /* its kind; after the drop the complement of that */
    const char *name; /* of the channel, static text, or NULL */
};

static inline void rn__end_init(struct rn__end *end, enum rn__end_kind kind, const char *name)
{
    *end = (struct rn__end){.magic = kind, .name = name};
}

static inline void rn__end_fini(struct rn__end *end)
{
    end->magic = ~end->magic;
}

/* Says what is wrong with the end that should be of this kind, and aborts. */
RN__COLD RN__NORETURN void rn__end_misused(const struct rn__end *end, enum rn__end_kind kind);

/* Every call on an end begins with this, the drop too. */
static inline void rn__end_check(const struct rn__end *end, enum rn__end_kind kind)
{
#ifndef NDEBUG
    if (RN__UNLIKELY(end->magic != (uint32_t)kind))
        rn__end_misused(end, kind);
#endif
    (void)end;
    (void)kind;
}

#endif
