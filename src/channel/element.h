/* SPDX-License-Identifier: MIT */
/* element.h - what a message is, as a channel keeps it: a validated copy of the user's rn_elem.
 *
 * Messages move as bytes and have one owner at any time, so a move is a copy of bytes after which the source means
 * nothing. The user's two functions may be slow and may call back into the library: they are called through the
 * wrappers here only, never under a lock.
 */
#ifndef RN__CHANNEL_ELEMENT_H
#define RN__CHANNEL_ELEMENT_H

#include "base/compiler.h"

#include <runnel/base.h>
#include <string.h>

struct rn__element {
    size_t size;
    size_t align;  /* never 0 */
    size_t stride; /* from one message to the next in an array: size rounded up to align */
    void (*drop)(void *message, void *ctx);
    int (*clone)(void *to, const void *from, void *ctx);
    void *ctx;
    const char *name; /* static text, or NULL */
};

/* RN_EINVAL: no element, a size or an alignment out of range, reserved words in use; *element is then untouched. */
int rn__element_init(struct rn__element *element, const rn_elem *elem);

/* The common sizes are one or two instructions each; for others memcpy's own choice is the best. */
static inline void rn__element_move(const struct rn__element *element, void *to, const void *from)
{
    switch (element->size) {
    case 1:
        memcpy(to, from, 1);
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, element->size);
    }
}

/* Outside every lock. The message is gone afterwards; nothing happens to one that owns nothing. */
void rn__element_drop(const struct rn__element *element, void *message);

/* Outside every lock, and only where there is a clone function or the message owns nothing: then bytes are a clone.
 * What the user's function says, RN_EINVAL for a positive number; unless it is 0 there is nothing at `to`. */
int rn__element_clone(const struct rn__element *element, void *to, const void *from);

/* Can several readers have one message each? */
static inline bool rn__element_can_clone(const struct rn__element *element)
{
    return element->clone != NULL || element->drop == NULL;
}

#endif
