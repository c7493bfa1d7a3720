/* SPDX-License-Identifier: MIT */
/* inspect.h - what every task is doing, for a program that stands still.
 *
 * rn_dump writes one line per task of every runtime: its number, name and birthplace, its state, and what it waits
 * for. It takes no lock that a task can hold over a wait, and stops nobody.
 *
 * Use:
 *     static void *watch_signals(void *arg) { ... sigwait(&set, &signal); rn_dump(STDERR_FILENO); ... }
 *
 * At the same time:  everything. What is written was true of each task at some moment during the call.
 * Closing:           nothing to close.
 * Costs:             one pass over the task table, one write per few lines. No allocation.
 * Another shape:     a debugger, for a core file.
 */
#ifndef RUNNEL_INSPECT_H
#define RUNNEL_INSPECT_H

#include <runnel/base.h>

RN__BEGIN_DECLS

/**
 * rn_dump - write the list of all tasks to a file descriptor, as text for people
 *
 * The format may change from version to version.
 *
 * Context:  any task or thread, not a signal handler; writes to @fd, which may block the thread
 * Owner:    @fd stays yours
 * Cancel:   uncancellable (never waits for a task)
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EINVAL @fd cannot be written to
 */
RN_API int rn_dump(int fd);

RN__END_DECLS

#endif
