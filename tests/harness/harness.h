/* SPDX-License-Identifier: MIT */
/* harness.h - what a test file needs: cases, checks that go on after a failure, actors.
 *
 *     TEST(mpsc_keeps_the_order)          // <noun>_<sentence>, unique in the whole suite
 *     {
 *         CHECK_RC(rn_mpsc_send(tx, &message), 0);
 *         CHECK_EQ(received, 17);
 *     }
 *
 * Every case runs in a process of its own with a time limit. Its output is shown only if it fails. A failed check
 * is counted and the case goes on; REQUIRE ends the case. All of them may be used in any task or thread. At its end
 * a case fails if descriptors, threads or allocations of the library are left over.
 *
 * Sources are found by glob: a new file in tests/unit, api, stress, oom or model needs no registration.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runnel/task.h>

/* -- cases ------------------------------------------------------------------------------------------------------ */

/* Sanitizers and valgrind make code slow: there every limit is four times as long. */
#define TEST_SECONDS 30

#define TEST(id) TEST_TIMEOUT(id, TEST_SECONDS)
#define TEST_TIMEOUT(id, seconds) TEST_REGISTER(id, seconds, false)

/* The body runs five times, as five cases: `id/thread`, with plain threads only; `id/task_1`, `id/task_2` and
 * `id/task_16`, as the root task of a runtime with that many workers; `id/mixed`, as a root task on two workers
 * whose actors are threads and tasks in turn. */
#define EVERYWHERE(id) EVERYWHERE_TIMEOUT(id, TEST_SECONDS)
#define EVERYWHERE_TIMEOUT(id, seconds) TEST_REGISTER(id, seconds, true)

/* Ends the case at once; it counts as skipped. */
#define SKIP(why) test_skip(__FILE__, __LINE__, why)

/* For cases of misuse that only assertions find. */
#ifdef NDEBUG
#define NEEDS_CHECKS SKIP("the checks of ends are not in this build")
#else
#define NEEDS_CHECKS (void)0
#endif

/* In the body: nothing is said about what this case leaves over. */
#define TEST_LEAKY(why) test_leaky(why)

/* -- checks ----------------------------------------------------------------------------------------------------- */

/* Each gives back whether it held. */
#define CHECK(condition) test_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b) test_check_eq((int64_t)(a), (int64_t)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_STR_EQ(a, b) test_check_str_eq((a), (b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_MEM_EQ(a, b, size) test_check_mem_eq((a), (b), (size), #a " == " #b, __FILE__, __LINE__)

/* For calls that answer with a code: names what came and what was expected. */
#define CHECK_RC(expression, code) test_check_rc((expression), (code), #expression, __FILE__, __LINE__)

/* Without this it makes no sense to go on: prints and ends the case's process. */
#define REQUIRE(condition) ((condition) ? (void)0 : test_require_failed(#condition, __FILE__, __LINE__))

/* A failure in words. */
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* EXPECT_DEATH(SIGABRT, "assertion failed: .*full") { misuse(); }
 * The block runs in a process of its own, which must die by that signal (under a sanitizer: in whatever way) after
 * it has written what the extended regular expression matches to stderr. */
#define EXPECT_DEATH(signal_number, pattern)                                                                         \
    for (struct test_death death_ = test_death_begin();                                                              \
         test_death_is_running(&death_, (signal_number), (pattern), __FILE__, __LINE__);)

/* Looks again and again, a millisecond apart, and gives the CPU away between: for states that nobody announces,
 * such as "the other one sleeps now". The limit is the case's own. */
#define WAIT_UNTIL(condition)                                                                                        \
    do {                                                                                                             \
        while (!(condition))                                                                                         \
            test_pause();                                                                                            \
    } while (0)

/* -- actors: the other parties of a case ------------------------------------------------------------------------ */

struct actor;

/* Starts fn(arg) as a task or a plain thread, whichever this case is about (in a TEST: a thread). Tasks take turns on
 * the workers. Each actor must be joined, by any party; the wait parks a task and blocks a thread, and a cancel does
 * not end it. */
#define actor_start(fn, arg)                                                                                         \
    (__extension__({                                                                                                 \
        static rn_site actor_site_ = {__FILE__, __LINE__, 0, #fn, NULL, {0, 0}}; /* seen in a dump */                \
        test_actor_start(&actor_site_, (fn), (arg));                                                                 \
    }))
int actor_join(struct actor *actor);

/* Is the caller a task? */
bool on_task(void);

/* -- what a case can ask ---------------------------------------------------------------------------------------- */

/* Does an emulator of another processor run this (tests/aarch64)? Its own errors are not ours to test. */
bool test_is_emulated(void);

/* The same for all of a run, printed with a failure; --seed sets it. For rn__random_next() and the like. */
uint64_t test_seed(void);

/* Allocations of the library since the case began, and what of them is still there. */
struct test_memory {
    uint64_t calls;
    uint64_t live;
    uint64_t live_bytes;
};
struct test_memory test_memory(void);

/* Are threads held up at random (jitter.c)? */
#ifndef TEST_JITTERED
#define TEST_JITTERED 0
#endif

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TEST_THREAD_SANITIZED 1
#else
#define TEST_THREAD_SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || TEST_THREAD_SANITIZED
#define TEST_SANITIZED 1
#else
#define TEST_SANITIZED 0
#endif

/* Before a function of a header that not every case uses. */
#define HELPER __attribute__((unused)) static

/* -- below the macros ------------------------------------------------------------------------------------------- */

struct test_case {
    const char *name;
    const char *file;
    int line;
    unsigned seconds;
    bool everywhere;
    void (*body)(void);
    struct test_case *next;
};

#define TEST_REGISTER(id, limit, in_all_places)                                                                      \
    static void test_body_##id(void);                                                                                \
    __attribute__((constructor)) static void test_add_##id(void)                                                     \
    {                                                                                                                \
        static struct test_case self = {#id, __FILE__, __LINE__, (limit), (in_all_places), test_body_##id, NULL};    \
        test_add(&self);                                                                                             \
    }                                                                                                                \
    static void test_body_##id(void)

struct test_death {
    int pid; /* 0 in the process that is to die */
    int output;
    int round;
};

void test_add(struct test_case *test);
bool test_check(bool held, const char *text, const char *file, int line);
bool test_check_eq(int64_t a, int64_t b, const char *text, const char *file, int line);
bool test_check_str_eq(const char *a, const char *b, const char *text, const char *file, int line);
bool test_check_mem_eq(const void *a, const void *b, size_t size, const char *text, const char *file, int line);
bool test_check_rc(int code, int expected, const char *text, const char *file, int line);
__attribute__((noreturn)) void test_require_failed(const char *text, const char *file, int line);
__attribute__((noreturn)) void test_skip(const char *file, int line, const char *why);
__attribute__((format(printf, 3, 4))) void test_fail(const char *file, int line, const char *format, ...);
void test_leaky(const char *why);
void test_pause(void);
struct actor *test_actor_start(rn_site *site, int (*fn)(void *arg), void *arg);
struct test_death test_death_begin(void);
bool test_death_is_running(struct test_death *death, int signal_number, const char *pattern, const char *file,
                           int line);

#endif
