/* SPDX-License-Identifier: MIT */
/* runnel.h - tasks and channels for C.
 *
 * runnel runs plain C functions as tasks, many on few threads, and lets them and any other thread talk through
 * channels. This header is all pages at once, and each may be included alone: base, error, hooks | time, interval,
 * clock | task, runtime, cancel, scope, local, serve, blocking, inspect | channel, mpsc, mpmc, oneshot, broadcast,
 * watch, notify, select, bytes | semaphore, mutex, rwlock, condvar, barrier, once | typed (channels and tasks that
 * the compiler checks: start there).
 *
 * How to read them. Above each function stand six labels, always these, always in this order:
 *     Context:  who may call it, whether it may wait, what may run at the same time
 *     Owner:    who owns what was passed, and what came out, afterwards
 *     Cancel:   atomic: RN_ECANCELED means that the call had no effect at all; counted: the outputs say exactly what
 *               was done before RN_ECANCELED; uncancellable: never says RN_ECANCELED because its task was cancelled
 *     Order:    what happens before what (in the sense of C11), across threads
 *     Memory:   what it allocates; "none" means that it cannot fail for want of memory
 *     Returns:  every code of its own
 *
 * Rules without exception, not repeated below:
 *   - 0 is success, a negative code says one thing (error.h). Nothing sets errno. A call that failed had no effect.
 *   - Constructors write their outs first: the object, or NULL (a task: {0}). One clean-up label is enough.
 *   - A NULL handle: drop does nothing, every other call says RN_EINVAL (or false, or 0). Bad arguments, unknown
 *     flags and reserved members that are not 0: RN_EINVAL.
 *   - An end or handle that was dropped must not be used again.
 *   - Plain form waits as long as it takes, try_ never waits, _until waits until a deadline (time.h).
 *   - A waiting call inside a drop or clone function says RN_EDEADLK; on a plain thread its first wait for somebody
 *     may say RN_ENOMEM.
 *   - After fork() the child uses nothing of what the parent made; runtime.h says when it may make its own.
 *   - Waiters are served first come, first served.
 */
#ifndef RUNNEL_H
#define RUNNEL_H

#include <runnel/barrier.h>
#include <runnel/base.h>
#include <runnel/blocking.h>
#include <runnel/broadcast.h>
#include <runnel/bytes.h>
#include <runnel/cancel.h>
#include <runnel/channel.h>
#include <runnel/clock.h>
#include <runnel/condvar.h>
#include <runnel/error.h>
#include <runnel/hooks.h>
#include <runnel/inspect.h>
#include <runnel/interval.h>
#include <runnel/local.h>
#include <runnel/mpmc.h>
#include <runnel/mpsc.h>
#include <runnel/mutex.h>
#include <runnel/notify.h>
#include <runnel/once.h>
#include <runnel/oneshot.h>
#include <runnel/runtime.h>
#include <runnel/rwlock.h>
#include <runnel/scope.h>
#include <runnel/select.h>
#include <runnel/semaphore.h>
#include <runnel/serve.h>
#include <runnel/task.h>
#include <runnel/time.h>
#include <runnel/typed.h>
#include <runnel/watch.h>

#endif
