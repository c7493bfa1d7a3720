/* SPDX-License-Identifier: MIT */
/* local.h - what few parties have: a name of their own, and values under keys (<runnel/local.h>). It lies on the
 * heap, so that all others have a pointer for it and no more. */
#ifndef RN__WAIT_LOCAL_H
#define RN__WAIT_LOCAL_H

#include "wait/party.h"

#include <runnel/local.h>

/* For a party that nobody else sees yet: its name (NULL: none), and what the calling party's values leave to it.
 * RN_ENOMEM. */
int rn__extra_make(struct rn__party *fresh, const char *name);
/* Anybody who keeps the party from being given back. NULL: it has no name. */
const char *rn__extra_name(const struct rn__party *party);
/* Owner, outside every lock: drops the values. */
void rn__locals_drop(struct rn__party *party);
/* Of a party that nobody sees any more; its values are dropped. */
void rn__extra_free(struct rn__party *party);

#endif
