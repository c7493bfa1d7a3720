/* SPDX-License-Identifier: MIT */
/* fork.h - what becomes of parties and their waits in the child of a fork. */
#ifndef RN__WAIT_FORK_H
#define RN__WAIT_FORK_H

#include "wait/await.h"

/* From now on forks take care of the table. Said before the first slot is taken. */
void rn__wait_at_fork(void);

/* Of a plain thread in the child of a fork, about to wait without a deadline: is it the only thread there is? Then
 * nobody can ever wake it. */
bool rn__wait_is_hopeless(const struct rn__party *self, rn_deadline deadline);

#endif
