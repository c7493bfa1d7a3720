/* SPDX-License-Identifier: MIT */
/* scope.h - a scope as spawning and ending tasks see it (drawn in scope.c). */
#ifndef RN__RUNTIME_SCOPE_H
#define RN__RUNTIME_SCOPE_H

#include "runtime/task.h"

#include <runnel/scope.h>

/* Before the task is placed: it is counted, and cancelled if the scope is. */
void rn__scope_adopt(struct rn__scope *scope, struct rn__task *task);
/* The opposite, for a task that was never placed. */
void rn__scope_disown(struct rn__scope *scope, struct rn__task *task);

/* The function has returned: the scope that it was spawned into; NULL: none. One that it has opened itself and left
 * open is the end of the program. */
struct rn__scope *rn__scope_of_ended(const struct rn__task *task);

/* Its result is published, its slot is pinned. After this the scope may be gone. */
void rn__scope_task_ended(struct rn__scope *scope, struct rn__task *task, int result);

/* spawn.c: what every spawn comes to. */
int rn__spawn_order(rn_task *out, struct rn__task_order *order, rn_site *site);

#endif
