/* SPDX-License-Identifier: MIT */
/* handler.h - a handler as the scheduler knows it: a task that is fresh again whenever it has something to do
 * (drawing in wait/handler.h). */
#ifndef RN__RUNTIME_HANDLER_H
#define RN__RUNTIME_HANDLER_H

#include "runtime/task.h"
#include "wait/handler.h"

_Static_assert(sizeof(struct rn__handler) <= RN__ARGUMENT_INLINE, "it travels in the slot, like an argument");

/* A new one, which has a home already: idle from now on, and perhaps not ours any more; or false: place it. */
bool rn__handler_stand(struct rn__task *task);

/* On a stack of the task: runs it; true: it has ended with *result. Else `handler` is to be put to rest. */
bool rn__handler_run(struct rn__task *task, const char *scratch, struct rn__handler *handler, int *result);

/* Not on its stack any more, as far as the slot is concerned: idle, or fresh behind all others. The slot may be
 * somebody else's afterwards. */
void rn__handler_rest(struct rn__task *task, const struct rn__handler *handler);

#endif
