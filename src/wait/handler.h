/* SPDX-License-Identifier: MIT */
/* handler.h - what a handler task (<runnel/serve.h>) is to the object that it serves. The runtime has the other half:
 * runtime/handler.c.
 *
 * A handler has work or it has none, and between two messages no frame of the user's exists. So while it has none it
 * needs no stack: all that is left of it is this struct, in the slot of its party, and a waiter in it that stands in
 * the object's queue. That waiter has no place for a message. Who finds it there leaves the message in the object and
 * tells the handler that there is something (RN__TO_BE_TOLD); then it is a fresh task again, which begins anywhere.
 *
 *     fresh ----> runs: kind->run() --- over, cancelled, refused by the user ---> ends
 *       ^ ^                 |
 *       | |    nothing there, or others are to have a turn
 *       | |                 v
 *       | +---- no ---- kind->stand() under the object's lock: is there really nothing?
 *       |                   | yes: armed, in the queue, the stack is somebody else's
 *       |                   v
 *       +-- told, over --- idle
 *       +-- cancelled ---- kind->leave()
 */
#ifndef RN__WAIT_HANDLER_H
#define RN__WAIT_HANDLER_H

#include "wait/await.h"

#include <runnel/serve.h>

/* `which` of a waiter that is not handed a message: it is told that there may be one. */
enum { RN__TO_BE_TOLD = 0xfffd };
_Static_assert(RN_SELECT_MAX <= RN__TO_BE_TOLD, "no case of a select has this number");

struct rn__handler;

struct rn__handler_kind {
    /* On a stack, as the task. true: it has ended, *result is written, the object is not the handler's any more.
     * false: there was nothing to do, or the budget is spent. */
    bool (*run)(struct rn__handler *handler, rn_handler_fn *fn, void *ctx, int *result);
    /* Arms the party and stands in the object's queue; false: there is something to do, or it was cancelled. After
     * true the handler is somebody else's already. */
    bool (*stand)(struct rn__handler *handler, struct rn__party *party);
    /* Out of the queue: it was won by a canceller. */
    void (*leave)(struct rn__handler *handler);
};

/* While it is idle or fresh in the slot, while it runs in the frame of who called run(). */
struct rn__handler {
    struct rn__waiter waiter;
    const struct rn__handler_kind *kind;
    void *object;
    rn__handler_call *call; /* NULL: fn is an rn_handler_fn indeed */
};

static inline int rn__handler_call_user(const struct rn__handler *handler, rn_handler_fn *fn, void *message,
                                        void *ctx)
{
    return handler->call == NULL ? fn(message, ctx) : handler->call(fn, message, ctx);
}

/* Implemented by the runtime. */

struct rn__handler_order {
    struct rn__handler handler;
    rn_handler_fn *fn;
    void *ctx;
    size_t stack_needs; /* bytes that run() wants besides what fn does */
};

/* As rn__spawn: on 0 the object belongs to the handler. */
int rn__handler_spawn(rn_site *site, rn_task *out, const struct rn__handler_order *order, const rn_spawn_opts *opts);

#endif
