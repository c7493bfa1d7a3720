/* SPDX-License-Identifier: MIT */
/* weight.h - channels whose messages are weighed (rn_budget in <runnel/mpsc.h>). Only for one that has a budget.
 *
 * A message is weighed when it is sent, and again when its weight is given back: nothing is kept beside it.
 */
#ifndef RN__CHANNEL_WEIGHT_H
#define RN__CHANNEL_WEIGHT_H

#include "channel/mpsc.h"

/* The user's function is called and the semaphore's lock is taken: all outside the channel's lock. */

/* Before the message goes in. What send says if it cannot. */
int rn__weight_take(struct rn__mpsc *channel, const void *message, bool tries, rn_deadline deadline);

/* They were received, or did not go in after all. */
void rn__weight_give_back(struct rn__mpsc *channel, const void *messages, size_t count);

/* Drops every message, in order, and gives back what each weighed. */
void rn__weight_clear(struct rn__mpsc *channel, struct rn__store *unread);

#endif
