/* SPDX-License-Identifier: MIT */
/* callback.h - a party without a stack: when its operation has happened a function is called, by whoever made it
 * happen, outside every lock. That function must not wait; try_ calls and drops are fine, and so is starting the
 * next wait of the same callback.
 *
 * It is what a descriptor that mirrors a channel, a handler task and a completion of a foreign loop stand on. Its
 * frame is the struct itself: the operation lives in it and must stay until fn was called or the wait was taken back.
 */
#ifndef RN__WAIT_CALLBACK_H
#define RN__WAIT_CALLBACK_H

#include "wait/await.h"

struct rn__callback {
    struct rn__party *party;
    struct rn__operation operation; /* the one it waits for */
    void (*fn)(struct rn__callback *callback, int result);
    void *ctx;
};

/* RN_ENOMEM; fini only while it does not wait. */
int rn__callback_init(struct rn__callback *callback, void (*fn)(struct rn__callback *, int), void *ctx);
void rn__callback_fini(struct rn__callback *callback);

/* callback->operation is filled in. Its code, if that can be had now: fn is not called. RN__PENDING: fn will be. */
int rn__callback_await(struct rn__callback *callback);

/* true: fn will not be called for this wait, the operation has not happened. false: it is being called, or was. */
bool rn__callback_withdraw(struct rn__callback *callback);

#endif
