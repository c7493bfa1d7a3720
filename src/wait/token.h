/* SPDX-License-Identifier: MIT */
/* token.h - a cancel token as the inside knows it: who else than a waiting party hears of a request. */
#ifndef RN__WAIT_TOKEN_H
#define RN__WAIT_TOKEN_H

#include "base/list.h"
#include "wait/await.h"

#include <runnel/cancel.h>

/* Hears of the cancellation of one token, once at most. */
struct rn__listener {
    struct rn__link link;      /* the token's, while it listens */
    struct rn__listener *next; /* the canceller's, from then on */
    /* Under the token's lock, before it stops listening: must outlive the call of `hear`. */
    void (*keep)(struct rn__listener *listener);
    /* Outside every lock, soon afterwards. */
    void (*hear)(struct rn__listener *listener, int32_t cause);
};

/* 0: it listens from now on; else the cause that the token has already. A deadline is not heard of: look at it. */
int32_t rn__cancel_listen(rn_cancel *token, struct rn__listener *listener);
/* Does it still listen? Then no more. Else it has been kept. */
void rn__cancel_unlisten(rn_cancel *token, struct rn__listener *listener);

/* RN__NEVER: none. */
int64_t rn__cancel_deadline(const rn_cancel *token);

#endif
