/* SPDX-License-Identifier: MIT */
/* end.c - the complaint about an end that cannot be used (contract in end.h). */
#include "channel/end.h"

#include "base/log.h"

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {
        "mpsc/mpmc sender",      "mpsc/mpmc receiver",    "oneshot sender", "oneshot receiver",
        "broadcast sender",      "broadcast receiver",    "watch sender",   "watch receiver",
        "weak mpsc/mpmc sender", "weak broadcast sender",
    };
    _Static_assert(RN__COUNT(names) == RN__END_LAST - RN__END_FIRST + 1, "one name for each kind");
    return kind >= RN__END_FIRST && kind <= RN__END_LAST ? names[kind - RN__END_FIRST] : NULL;
}

void rn__end_misused(const struct rn__end *end, enum rn__end_kind kind)
{
    const char *expected = kind_name(kind);
    const char *found = kind_name(end->magic);
    if (end->magic == ~(uint32_t)kind)
        rn__die(__FILE__, __LINE__, "%s \"%s\" is used after it was dropped", expected,
                end->name != NULL ? end->name : "?");
    if (found != NULL)
        rn__die(__FILE__, __LINE__, "%s expected, this is a %s", expected, found);
    rn__die(__FILE__, __LINE__, "%s expected: this is none, or one that was dropped long ago", expected);
}
