/* SPDX-License-Identifier: MIT */
/* linux.c - the platform list for Linux >= 4.18 on 64 bits, with glibc or musl.
 *
 * musl ships no <linux/...> headers and Debian's kernel headers are older than the kernels it runs on, so the few
 * numbers we need from there stand here. They are part of the kernel's ABI and never change.
 *
 * Edges
 *   FAULT-1 rn__platform_on_fault() release -> FAULT-2 on_signal() acquire: all that the reporter reads
 *   FORK-1 rn__platform_at_fork() release -> FORK-2 rn__platform_at_fork() acquire: the handlers are installed
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "platform/platform.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "platform/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    ADVICE_NO_HUGE_PAGES = 15,
    ADVICE_GUARD_INSTALL = 102,
    FUTEX_WAKE_PRIVATE = 1 | 128,
    FUTEX_WAIT_BITSET_PRIVATE = 9 | 128, /* the one whose deadline is absolute and monotonic */
    RANDOM_NONBLOCK = 1,
    AUX_MIN_SIGNAL_STACK = 51
};

/* -- memory ---------------------------------------------------------------------------------------------------- */

size_t rn__platform_page_size(void)
{
    /* The C library has it in memory: no system call. */
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *rn__platform_map(size_t size)
{
    if (rn__fault(RN__FAULT_MAP))
        return NULL;
    const int saved = errno;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        memory = NULL;
    else
        (void)madvise(memory, size, ADVICE_NO_HUGE_PAGES); /* fails where the kernel has none */
    errno = saved;
    return memory;
}

void rn__platform_unmap(void *memory, size_t size)
{
    const int saved = errno;
    (void)munmap(memory, size);
    errno = saved;
}

void rn__platform_discard(void *memory, size_t size)
{
    const int saved = errno;
    (void)madvise(memory, size, MADV_DONTNEED);
    errno = saved;
}

size_t rn__platform_untouched(const void *memory, size_t size)
{
    const size_t page = rn__platform_page_size();
    const size_t pages = size / page;
    const int saved = errno;
    unsigned char present[256];
    size_t untouched = 0;
    while (untouched < pages) {
        const size_t left = pages - untouched;
        const size_t count = left < sizeof(present) ? left : sizeof(present);
        size_t i = 0;
        if (mincore((char *)(uintptr_t)memory + untouched * page, count * page, (void *)present) != 0)
            break;
        while (i < count && (present[i] & 1) == 0)
            i++;
        untouched += i;
        if (i < count)
            break;
    }
    errno = saved;
    return untouched * page;
}

/* Whether the kernel itself cannot read there. An event descriptor is asked to add eight zero bytes from the
 * address: that does nothing if it can. Valgrind and emulators hand this to the kernel as it is; some other calls
 * that read memory they would answer, or die of, by themselves. */
static bool is_unreadable(const void *address)
{
    const int fd = (int)syscall(SYS_eventfd2, 0, O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool refused = write(fd, address, sizeof(uint64_t)) == -1 && errno == EFAULT;
    (void)close(fd);
    return refused;
}

/* A kernel that can will always say the truth later on, so one probe is enough; an emulator answers 0 each time. */
static bool installing_works(const void *guard)
{
    static uint32_t proved;
    if (rn__load_relaxed(&proved) != 0) /* rlx: every thread would find the same */
        return true;
    if (!is_unreadable(guard))
        return false;
    rn__store_relaxed(&proved, 1); /* rlx: as above */
    return true;
}

static bool guard_installed(void *memory, size_t size)
{
    return !rn__fault(RN__FAULT_GUARD) && madvise(memory, size, ADVICE_GUARD_INSTALL) == 0 &&
           installing_works(memory);
}

static bool guard_protected(void *memory, size_t size)
{
    return !rn__fault(RN__FAULT_GUARD) && mprotect(memory, size, PROT_NONE) == 0;
}

enum rn__guard rn__platform_guard(void *memory, size_t size, enum rn__guard wanted)
{
    const int saved = errno;
    enum rn__guard got = RN__GUARD_NONE;
    if (wanted == RN__GUARD_INSTALL && guard_installed(memory, size))
        got = RN__GUARD_INSTALL;
    else if (wanted != RN__GUARD_NONE && guard_protected(memory, size))
        got = RN__GUARD_PROTECT;
    errno = saved;
    return got;
}

/* -- threads --------------------------------------------------------------------------------------------------- */

struct thread_start {
    void (*fn)(void *arg);
    void *arg;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct thread_start *given = arg;
    const struct thread_start start = *given;
    rn__free(given, sizeof(*given));
    if (start.name[0] != '\0')
        (void)pthread_setname_np(pthread_self(), start.name);
    start.fn(start.arg);
    return NULL;
}

static void copy_name(char *out, size_t size, const char *name)
{
    size_t length = 0;
    while (name != NULL && name[length] != '\0' && length + 1 < size) {
        out[length] = name[length];
        length++;
    }
    out[length] = '\0';
}

static int create_with_stack(pthread_t *out, struct thread_start *start, size_t wanted)
{
    enum { STACK_AT_LEAST = 1 << 20 };
    pthread_attr_t attributes;
    size_t stack = 0;
    int code = pthread_attr_init(&attributes);
    if (code != 0)
        return code;
    if (wanted < STACK_AT_LEAST)
        wanted = STACK_AT_LEAST;
    if (pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < wanted)
        (void)pthread_attr_setstacksize(&attributes, wanted);
    code = pthread_create(out, &attributes, thread_main, start);
    (void)pthread_attr_destroy(&attributes);
    return code;
}

bool rn__platform_thread_create(struct rn__thread *out, void (*fn)(void *arg), void *arg, const char *name,
                                bool all_signals_blocked, size_t stack_size)
{
    if (rn__fault(RN__FAULT_THREAD))
        return false;
    struct thread_start *start = rn__alloc(sizeof(*start));
    if (start == NULL)
        return false;
    start->fn = fn;
    start->arg = arg;
    copy_name(start->name, sizeof(start->name), name);

    const int saved = errno;
    struct rn__signal_mask mask;
    pthread_t thread;
    if (all_signals_blocked)
        rn__platform_block_signals(&mask); /* the new thread is born with our mask */
    const int code = create_with_stack(&thread, start, stack_size);
    if (all_signals_blocked)
        rn__platform_restore_signals(&mask);
    errno = saved;
    if (code != 0) {
        rn__free(start, sizeof(*start));
        return false;
    }
    out->handle = (unsigned long)thread;
    return true;
}

void rn__platform_thread_join(struct rn__thread thread)
{
    (void)pthread_join((pthread_t)thread.handle, NULL);
}

void rn__platform_thread_detach(struct rn__thread thread)
{
    (void)pthread_detach((pthread_t)thread.handle);
}

void rn__platform_yield(void)
{
    sched_yield();
}

uint32_t rn__platform_thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

bool rn__platform_thread_stack(char **low, size_t *size)
{
    const int saved = errno;
    pthread_attr_t attributes;
    void *address = NULL;
    bool known = false;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        known = pthread_attr_getstack(&attributes, &address, size) == 0;
        (void)pthread_attr_destroy(&attributes);
    }
    *low = address;
    errno = saved;
    return known;
}

_Static_assert(sizeof(sigset_t) <= sizeof(struct rn__signal_mask), "a signal set must fit");

void rn__platform_block_signals(struct rn__signal_mask *saved)
{
    /* What the processor or the kernel raises in the very thread that did it. Blocked, the first would kill the
     * process without a handler being asked, and the last two would stay pending and kill it when nobody expects
     * that: `program | head -1` is to end as other programs do. */
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPIPE, SIGXFSZ};
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    for (size_t i = 0; i < RN__COUNT(synchronous); i++)
        (void)sigdelset(&all, synchronous[i]);
    (void)sigemptyset(&before);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    memcpy(saved, &before, sizeof(before));
}

void rn__platform_restore_signals(const struct rn__signal_mask *saved)
{
    sigset_t before;
    memcpy(&before, saved, sizeof(before));
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static struct rn__lock exit_lock = RN__LOCK_INIT;
static void (*exit_fn)(void *value);
static bool exit_key_made;

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, exit_fn) == 0;
}

bool rn__platform_at_thread_exit(void (*fn)(void *value))
{
    rn__lock_acquire(&exit_lock);
    if (exit_fn == NULL)
        exit_fn = fn;
    (void)pthread_once(&exit_key_once, make_exit_key);
    const bool made = exit_key_made;
    rn__lock_release(&exit_lock);
    return made;
}

bool rn__platform_thread_exit_value(void *value)
{
    return pthread_setspecific(exit_key, value) == 0;
}

uint32_t rn__platform_thread_count(void)
{
    const int saved = errno;
    struct stat folder;
    /* A folder for each thread, and like every folder a link from each of them, its own name and `.`. */
    const bool known = stat("/proc/self/task", &folder) == 0 && folder.st_nlink > 2;
    errno = saved;
    return known ? (uint32_t)folder.st_nlink - 2 : 0;
}

void rn__platform_exit(int status)
{
    _exit(status);
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

bool rn__platform_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    const int64_t second = 1000000000;
    const int64_t deadline = deadline_ns < 0 ? 0 : deadline_ns;
    const struct timespec limit = {.tv_sec = (time_t)(deadline / second), .tv_nsec = (long)(deadline % second)};
    const struct timespec *timeout = deadline_ns == INT64_MAX ? NULL : &limit;
    const int saved = errno;
    const long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, NULL, 0xffffffffu);
    const bool in_time = !(result == -1 && errno == ETIMEDOUT);
    errno = saved;
    return in_time;
}

void rn__platform_futex_wake(const uint32_t *word, uint32_t count)
{
    const int saved = errno;
    const int at_most = count > INT32_MAX ? INT32_MAX : (int)count;
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, at_most, NULL, NULL, 0);
    errno = saved;
}

/* -- time ------------------------------------------------------------------------------------------------------ */

static int64_t read_clock(clockid_t clock)
{
    struct timespec time = {0, 0};
    (void)clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t rn__platform_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t rn__platform_thread_cpu_time(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* -- the machine ----------------------------------------------------------------------------------------------- */

static bool read_random_device(char *buffer, size_t size)
{
    const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    if (fd < 0)
        return false;
    while (done < size) {
        const ssize_t got = read(fd, buffer + done, size - done);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    return done == size;
}

bool rn__platform_random(void *buffer, size_t size)
{
    const int saved = errno;
    char *bytes = buffer;
    size_t done = 0;
    while (done < size) {
        const long got = syscall(SYS_getrandom, bytes + done, size - done, RANDOM_NONBLOCK);
        if (got < 0 && errno != EINTR)
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    const bool filled = done == size || read_random_device(bytes + done, size - done);
    errno = saved;
    return filled;
}

/* -- output and faults ----------------------------------------------------------------------------------------- */

static bool is_ready_to_write(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT, .revents = 0};
    return poll(&ready, 1, 1000) == 1;
}

bool rn__platform_write(int fd, const char *text, size_t size)
{
    const int saved = errno;
    bool taken = true;
    while (size > 0 && taken) {
        const ssize_t written = write(fd, text, size);
        if (written >= 0) {
            text += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            taken = is_ready_to_write(fd);
        } else {
            taken = errno == EINTR;
        }
    }
    errno = saved;
    return taken;
}

/* What was there before us. Written before our handler is installed, never after. */
static struct sigaction previous_segv;
static struct sigaction previous_bus;
static struct rn__lock fault_lock = RN__LOCK_INIT;
static bool fault_handler_installed;
static void (*fault_reporter)(void *address, void *stack_pointer);

static void *stack_pointer_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.sp;
#else
    (void)context;
    return NULL;
#endif
}

/* The default action, as if we had never been here: the fault happens again when we return, or the signal that
 * somebody sent is sent again and is delivered then. */
static void take_default_action(int signal_number, const siginfo_t *info)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(signal_number, &action, NULL);
    if (info->si_code <= 0)
        (void)raise(signal_number);
}

static void pass_on(const struct sigaction *previous, int signal_number, siginfo_t *info, void *context)
{
    const bool was_sent = info->si_code <= 0;
    if ((previous->sa_flags & SA_SIGINFO) != 0)
        previous->sa_sigaction(signal_number, info, context);
    else if (previous->sa_handler == SIG_IGN && was_sent)
        return;
    else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN) /* no one can ignore a fault */
        take_default_action(signal_number, info);
    else
        previous->sa_handler(signal_number);
}

static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    const int saved = errno;
    const bool was_sent = info->si_code <= 0;
    void (*report)(void *, void *) = rn__load_acquire(&fault_reporter); /* FAULT-2 */
    if (!was_sent && report != NULL)
        report(info->si_addr, stack_pointer_of(context));
    pass_on(signal_number == SIGBUS ? &previous_bus : &previous_segv, signal_number, info, context);
    errno = saved;
}

/* Ours takes over the mask and the restart behaviour of the one before, which it will call. */
static void install_fault_handler(int signal_number, struct sigaction *previous)
{
    if (sigaction(signal_number, NULL, previous) != 0)
        return;
    struct sigaction action = *previous;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous->sa_flags & (SA_RESTART | SA_NODEFER));
    action.sa_sigaction = on_signal;
    (void)sigaction(signal_number, &action, NULL);
}

void rn__platform_on_fault(void (*fn)(void *address, void *stack_pointer))
{
    const int saved = errno;
    rn__lock_acquire(&fault_lock);
    rn__store_release(&fault_reporter, fn); /* FAULT-1 */
    if (!fault_handler_installed) {
        install_fault_handler(SIGSEGV, &previous_segv);
        install_fault_handler(SIGBUS, &previous_bus);
        fault_handler_installed = true;
    }
    rn__lock_release(&fault_lock);
    errno = saved;
}

/* Room for a report and for the handler after ours, beyond what the kernel needs for the registers: that is 11 KiB
 * on processors with AMX. */
static size_t fault_stack_size(void)
{
    const size_t page = rn__platform_page_size();
    const size_t wanted = ((size_t)64 * 1024) + getauxval(AUX_MIN_SIGNAL_STACK);
    return (wanted + page - 1) / page * page;
}

void *rn__platform_fault_stack(void)
{
    const int saved = errno;
    const size_t size = fault_stack_size();
    void *memory = NULL;
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        memory = rn__platform_map(size);
    const stack_t wanted = {.ss_sp = memory, .ss_size = size, .ss_flags = 0};
    if (memory != NULL && sigaltstack(&wanted, NULL) != 0) {
        rn__platform_unmap(memory, size);
        memory = NULL;
    }
    errno = saved;
    return memory;
}

void rn__platform_fault_stack_undo(void *handle)
{
    if (handle == NULL)
        return;
    const int saved = errno;
    const stack_t none = {.ss_sp = NULL, .ss_size = fault_stack_size(), .ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    rn__platform_unmap(handle, fault_stack_size());
    errno = saved;
}

/* -- fork ------------------------------------------------------------------------------------------------------ */

/* The lock is held from before() to after(), and is the first of all: two threads that fork at the same time come one
 * after the other. */
static struct {
    struct rn__lock lock;
    struct rn__at_fork *parts;
    uint32_t installed;
} at_fork;

/* Two threads may have installed the handlers at the same time: the outermost of each kind does the work. */
static RN__THREAD_LOCAL uint32_t fork_depth;

static void before_fork(void)
{
    if (fork_depth++ > 0)
        return;
    rn__lock_acquire(&at_fork.lock);
    for (struct rn__at_fork *part = at_fork.parts; part != NULL; part = part->next)
        part->before();
    rn__lock_acquire(&exit_lock);
    rn__lock_acquire(&fault_lock);
}

static void after_fork(bool in_child)
{
    rn__lock_release(&fault_lock);
    rn__lock_release(&exit_lock);
    for (struct rn__at_fork *part = at_fork.parts; part != NULL; part = part->next)
        part->after(in_child);
    rn__lock_release(&at_fork.lock);
}

static void after_fork_in_parent(void)
{
    if (--fork_depth == 0)
        after_fork(false);
}

static void after_fork_in_child(void)
{
    if (--fork_depth > 0)
        return;
    rn__process += RN__LOCK_STATE + 1;
    after_fork(true);
}

/* Not under our lock: the C library may hold one of its own while it calls the handlers. */
static void install_fork_handlers(void)
{
    if (rn__load_acquire(&at_fork.installed) != 0) /* FORK-2 */
        return;
    const int saved = errno;
    if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0)
        rn__store_release(&at_fork.installed, 1); /* FORK-1 */
    errno = saved;
}

void rn__platform_at_fork(struct rn__at_fork *part)
{
    install_fork_handlers();
    if (rn__load_acquire(&part->is_known) != 0) /* FORK-2 */
        return;
    rn__lock_acquire(&at_fork.lock);
    if (rn__load_relaxed(&part->is_known) == 0) { /* rlx: under the lock */
        part->next = at_fork.parts;
        at_fork.parts = part;
        rn__store_release(&part->is_known, 1); /* FORK-1 */
    }
    rn__lock_release(&at_fork.lock);
}
