/* SPDX-License-Identifier: MIT */
/* holder.h - what locks share: who holds one, and waits that cannot fail. */
#ifndef RN__SYNC_HOLDER_H
#define RN__SYNC_HOLDER_H

#include "base/log.h"
#include "wait/await.h"

/* Mistakes of the caller that cost something to look for are looked for in debug builds. */
#ifdef NDEBUG
#define RN__CHECKED 0
#else
#define RN__CHECKED 1
#endif

/* A number for the calling task or thread: never 0, its own as long as it lives, and the same before and after a
 * plain thread's first wait. */
uint64_t rn__caller(void);

/* An operation on a lock carries it in place of an address, in debug builds. A case of a select gets it when it
 * begins: it may have been made by another one than who waits. */
static inline void *rn__caller_as_data(void)
{
    return (void *)(uintptr_t)(RN__CHECKED ? rn__caller() : 0);
}

void rn__begin_as_caller(struct rn__operation *operation);

/* For locks whose caller looks at no result: waits, uncancellable, until the operation has happened with 0. Where
 * that cannot be it is the end of the program. */
void rn__await_surely(struct rn__operation *operation);

/* The caller broke the rule of a lock: `what` says how. */
#define rn__misused(kind, name, what)                                                                                \
    rn__die(__FILE__, __LINE__, "%s%s%s: %s", (kind), (name) != NULL ? " " : "", (name) != NULL ? (name) : "", (what))

#endif
