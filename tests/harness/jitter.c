/* SPDX-License-Identifier: MIT */
/* jitter.c - other schedules: part of BUILD=jitter alone, where clang calls in here at every branch, load and store
 * of the library and the tests.
 *
 * What a loaded machine does now and then, this does on purpose: a thread loses its processor, for a moment or for
 * milliseconds, between any two steps. What goes wrong then is a race that the usual schedule hides, in the library
 * or in a test that takes for certain what is only probable.
 *
 * A place that is passed rarely is delayed more often than one in a loop: at its n-th visit by the process with the
 * chance 1 / (FIRST + EACH * n). So the delays of a place grow with the logarithm of its visits, and the steps of a
 * test, taken once, get as much attention as the loop of a worker. All is drawn from the seed of the case and the
 * number of the thread. Which thread comes first stays the system's choice: a seed makes it likely that a failure
 * returns, not certain.
 *
 *   TEST_JITTER=N  so many per cent of the delays; 0: none
 *
 * Called from everywhere, signal handlers and tasks with little stack included: no allocation, no lock, no call that
 * is a point of cancellation, errno as it was.
 */
#include "base/annotate.h"
#include "base/atomic.h"
#include "base/random.h"
#include "harness/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 8, EACH = 4, MOST_VISITS = 1 << 16 /* counting ends there, so that threads share the count */ };

static struct {
    uint64_t seed;
    uint32_t threads;
    uint32_t per_cent; /* 0 before the constructor */
} jitter;

static RN__THREAD_LOCAL uint64_t thread_state; /* 0: has drawn nothing yet */
static RN__THREAD_LOCAL bool delays;

void test_jitter_begin(uint64_t seed)
{
    jitter.seed = seed;
    jitter.threads = 0;
    thread_state = 0;
}

__attribute__((constructor)) static void read_rate(void)
{
    const char *rate = getenv("TEST_JITTER");
    rn__store_relaxed(&jitter.per_cent, rate == NULL ? 100 : (uint32_t)strtoul(rate, NULL, 10)); /* rlx: a number */
}

static RN__NOINLINE void begin_thread(void)
{
    const uint64_t number = 1 + rn__add_relaxed(&jitter.threads, 1); /* rlx: only tells threads apart */
    uint64_t mixed = jitter.seed ^ number << 48;
    thread_state = rn__random_next(&mixed) | 1;
}

/* xorshift64: the high half is good enough. */
static uint32_t draw(void)
{
    uint64_t x = thread_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    thread_state = x;
    return (uint32_t)(x >> 32);
}

static void sleep_us(uint32_t microseconds)
{
    const struct timespec time = {0, (long)microseconds * 1000};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
}

static RN__NOINLINE void delay(void)
{
    const int saved = errno;
    const uint32_t kind = draw() % 16;
    delays = true; /* a signal handler that comes now goes on at once */
    if (kind == 0)
        sleep_us(draw() % 32 == 0 ? 30000 : 500 + draw() % 2000);
    else if (kind < 8)
        sleep_us(draw() % 50); /* and what the system adds */
    else
        syscall(SYS_sched_yield);
    delays = false;
    errno = saved;
}

/* How often the place was visited; threads that count at the same time lose some. */
static uint64_t count_visit(uint32_t *place)
{
    const uint32_t visits = rn__load_relaxed(place); /* rlx: a rough count */
    if (visits < MOST_VISITS)
        rn__store_relaxed(place, visits + 1); /* rlx: as above */
    return visits;
}

/* The caller is about to go on from here. */
RN__ALWAYS_INLINE void step(uint32_t *place)
{
    if (delays)
        return;
    if (RN__UNLIKELY(thread_state == 0))
        begin_thread();
    const uint64_t per_cent = rn__load_relaxed(&jitter.per_cent); /* rlx: read once, before any thread */
    if (RN__UNLIKELY(draw() * (FIRST + EACH * count_visit(place)) < per_cent * (UINT32_MAX / 100)))
        delay();
}

/* -- what clang calls ------------------------------------------------------------------------------------------- */

/* The places of a file, all 0. */
void __sanitizer_cov_trace_pc_guard_init(uint32_t *begin, uint32_t *end);
void __sanitizer_cov_trace_pc_guard_init(uint32_t *begin, uint32_t *end)
{
    (void)begin, (void)end;
}

void __sanitizer_cov_trace_pc_guard(uint32_t *place);
void __sanitizer_cov_trace_pc_guard(uint32_t *place)
{
    step(place);
}

/* Loads and stores have no place of their own: by the address of the call, two of which may meet. */
static uint32_t accesses[1 << 16];

RN__ALWAYS_INLINE void step_at(const void *caller)
{
    const uint64_t mixed = (uintptr_t)caller * UINT64_C(0x9e3779b97f4a7c15);
    step(&accesses[mixed >> 48]);
}

#define ACCESS(name)                                                                                                 \
    void __sanitizer_cov_##name(const void *address);                                                                \
    void __sanitizer_cov_##name(const void *address)                                                                 \
    {                                                                                                                \
        (void)address;                                                                                               \
        step_at(__builtin_return_address(0));                                                                        \
    }

ACCESS(load1)
ACCESS(load2)
ACCESS(load4)
ACCESS(load8)
ACCESS(load16)
ACCESS(store1)
ACCESS(store2)
ACCESS(store4)
ACCESS(store8)
ACCESS(store16)
