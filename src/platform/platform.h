/* SPDX-License-Identifier: MIT */
/* platform.h - everything that we ask of an operating system, and nothing else asks it.
 *
 * Each function says what must hold before and what holds after. linux.c, with cpus.c for the CPU count, is the
 * only implementation; a port is a second set with the same list. No other file of the library includes a system
 * header. No function here changes errno: it belongs to the program.
 */
#ifndef RN__PLATFORM_H
#define RN__PLATFORM_H

#include "base/compiler.h"

/* -- memory ---------------------------------------------------------------------------------------------------- */

size_t rn__platform_page_size(void);

/* Address space of `size` bytes (a multiple of the page size), aligned to a page, zero, private, not yet backed by
 * memory and without huge pages. NULL if refused. */
void *rn__platform_map(size_t size);

/* `memory` came from rn__platform_map with this very size. Only for what was never shared: see wait/party.h. */
void rn__platform_unmap(void *memory, size_t size);

/* Gives the pages of [memory, memory + size) back; they read as zero afterwards. Errors are ignored: it is only a
 * kindness. */
void rn__platform_discard(void *memory, size_t size);

/* Bytes at the low end of [memory, memory + size), whole pages, that are not in memory: never touched, given back
 * or swapped out. Both ends at page boundaries. */
size_t rn__platform_untouched(const void *memory, size_t size);

/* How the low end of a stack stops an overflow. */
enum rn__guard {
    RN__GUARD_INSTALL, /* MADV_GUARD_INSTALL: no mapping is split (Linux >= 6.13) */
    RN__GUARD_PROTECT, /* mprotect: two mappings a stack, so about 30,000 stacks */
    RN__GUARD_NONE     /* neither could be had for this stack */
};

/* Makes [memory, memory + size) fault on access, by the wanted way if that works here and else by the next one in
 * the order above. Gives back which. Installing counts as working only once a probe of the page, a write(2) from it
 * that must answer EFAULT, has said so: emulators answer 0 and do nothing. */
enum rn__guard rn__platform_guard(void *memory, size_t size, enum rn__guard wanted);

/* Mappings that this process may have. */
size_t rn__platform_map_limit(void);

/* -- threads --------------------------------------------------------------------------------------------------- */

struct rn__thread {
    unsigned long handle;
};

/* Runs fn(arg) on a new thread named `name` (15 bytes are kept; NULL: the caller's name). false if the system
 * refuses, or memory. all_signals_blocked: every asynchronous signal is blocked in the new thread before fn starts;
 * else it has the caller's mask. Its stack is as large as asked for or as the system's default if that is larger, at
 * least 1 MiB (musl's own is 128 KiB).
 * Everything before the call happens before fn, and fn before rn__platform_thread_join returns. */
bool rn__platform_thread_create(struct rn__thread *out, void (*fn)(void *arg), void *arg, const char *name,
                                bool all_signals_blocked, size_t stack_size);
void rn__platform_thread_join(struct rn__thread thread);
void rn__platform_thread_detach(struct rn__thread thread);

/* Lets other threads run, if any wait for this processor. */
void rn__platform_yield(void);

/* The kernel's id of the calling thread. A system call: keep it. */
uint32_t rn__platform_thread_id(void);

/* The stack that the system gave the calling thread; false if it does not tell. Slow. */
bool rn__platform_thread_stack(char **low, size_t *size);

/* Blocks every asynchronous signal of the calling thread; the mask before goes into *saved. */
struct rn__signal_mask {
    uint64_t words[16];
};
void rn__platform_block_signals(struct rn__signal_mask *saved);
void rn__platform_restore_signals(const struct rn__signal_mask *saved);

/* fn(value) is called when a thread that set a value that is not NULL ends (not for the thread that calls exit()).
 * One key in the whole library: later calls return what the first one did. false: no key could be had; then
 * nothing is ever called. */
bool rn__platform_at_thread_exit(void (*fn)(void *value));
/* Only after the above said true. false: out of memory, fn will not be called for this thread. */
bool rn__platform_thread_exit_value(void *value);

/* A part of the library that has short locks, or other state, of the whole process. Around each fork() the forking
 * thread calls before(), which takes them, and then, in parent and child, after(), which gives them back: the child
 * gets none that is held, and nothing half changed. In the child after() also forgets what was the parent's: it runs
 * on the only thread there is, and may use what is async-signal-safe. */
struct rn__at_fork {
    void (*before)(void);
    void (*after)(bool in_child);
    struct rn__at_fork *next;
    uint32_t is_known;
};

/* Said by each part before it first takes a lock of its own; again is cheap, and does nothing. Nobody holds locks of
 * two parts at once, though the platform's own may come last, as they do here: so the order in which the parts are
 * known does not matter. A registration that runs out of memory is silently tried again next time. */
void rn__platform_at_fork(struct rn__at_fork *part);

/* Threads of this process, the caller included; 0: the system does not tell. */
uint32_t rn__platform_thread_count(void);

/* Ends the process at once, without any clean-up. */
RN__NORETURN void rn__platform_exit(int status);

/* -- waiting --------------------------------------------------------------------------------------------------- */

/* Sleeps until woken if *word == expected, at the latest until deadline_ns on the monotonic clock (INT64_MAX: no
 * limit). May return for no reason. true unless the deadline has passed. */
bool rn__platform_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline_ns);

/* Wakes at most `count` sleepers on word. The word is an address only: it is not read, and may be gone. */
void rn__platform_futex_wake(const uint32_t *word, uint32_t count);

/* -- time ------------------------------------------------------------------------------------------------------ */

/* Monotonic nanoseconds since some point in the past, > 0. */
int64_t rn__platform_now(void);

/* CPU time that the calling thread has used. */
int64_t rn__platform_thread_cpu_time(void);

/* -- the machine ----------------------------------------------------------------------------------------------- */

/* CPUs that this process may use: affinity and the cgroup's CPU quota (v1, v2 or both), rounded up, >= 1. Reads
 * files: for the start of a runtime. */
uint32_t rn__platform_usable_cpus(void);

/* Whether a look again can pay: two threads of this process can run at the same time (by the affinity when first
 * asked). Cheap. */
bool rn__platform_has_many_cpus(void);

/* Pure parsers under them, for the tests. Results: CPUs rounded up, or 0 for "no limit" or text that says
 * nothing. */
uint32_t rn__cpus_of_cgroup2(const char *cpu_max);
uint32_t rn__cpus_of_cgroup1(const char *quota_us, const char *period_us);

/* Where the CPU controller of this process is, from one line of a proc file; false: the line is about something
 * else. A path that does not fit in `size` bytes counts as something else. */
enum rn__cgroup { RN__CGROUP_1, RN__CGROUP_2 };
bool rn__cgroup_of_line(const char *line, enum rn__cgroup version, char *path, size_t size);
bool rn__cgroup_mount_of_line(const char *line, enum rn__cgroup version, char *point, char *root, size_t size);

/* The folder of a group: `path` as /proc/self/cgroup says it, seen through a mount of the subtree `root` at
 * `point`. false: not visible there, or too long. */
bool rn__cgroup_folder(const char *point, const char *root, const char *path, char *folder, size_t size);

/* Fills [buffer, buffer + size) with random bytes; false if there are none to be had. */
bool rn__platform_random(void *buffer, size_t size);

/* -- output and faults ----------------------------------------------------------------------------------------- */

/* Writes all of it, through EINTR and short writes; async-signal-safe. false if the descriptor does not take it
 * (one that is not ready is given a second). */
bool rn__platform_write(int fd, const char *text, size_t size);

/* From now on fn is told of each SIGSEGV and SIGBUS of the process: the address, and the stack pointer of the one
 * that faulted (NULL where we cannot tell). Then the signal goes on to the handler that was there before, if only
 * the default action: crash reporters and sanitizers want to hear of it too. fn may use async-signal-safe calls
 * only. It runs on the alternate stack of rn__platform_fault_stack where the thread has one. Later calls replace
 * fn. */
void rn__platform_on_fault(void (*fn)(void *address, void *stack_pointer));

/* Gives the calling thread an alternate signal stack, unless it has one. The handle is what undo wants: NULL if
 * nothing was done, or nothing could be. Undo is called by the same thread. */
void *rn__platform_fault_stack(void);
void rn__platform_fault_stack_undo(void *handle);

#endif
