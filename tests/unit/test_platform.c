/* SPDX-License-Identifier: MIT */
/* test_platform.c - what platform.h promises of memory, threads, waiting, output and faults. */
#include "harness/harness.h"

#include "base/atomic.h"
#include "base/fault.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- faults to order -------------------------------------------------------------------------------------------- */

struct refusal {
    enum rn__fault_point point;
    int from; /* the first that is refused, counted from 0 */
    int upto; /* the first that is not any more */
    int seen;
};

static bool refuse(enum rn__fault_point point, void *ctx)
{
    struct refusal *refusal = ctx;
    if (point != refusal->point)
        return false;
    const int n = refusal->seen++;
    return n >= refusal->from && n < refusal->upto;
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

/* Asks the kernel, so that nobody has to die. */
static bool can_read(const void *address)
{
    const int fd = eventfd(0, EFD_NONBLOCK);
    const ssize_t written = write(fd, address, 8);
    const int code = errno;
    close(fd);
    return !(written == -1 && code == EFAULT);
}

TEST(platform_maps_memory_that_is_zero)
{
    const size_t page = rn__platform_page_size();
    unsigned char *memory = rn__platform_map(4 * page);
    REQUIRE(memory != NULL);
    CHECK_EQ((uintptr_t)memory % page, 0);
    for (size_t i = 0; i < 4 * page; i += 512)
        CHECK_EQ(memory[i], 0);
    memory[4 * page - 1] = 1;
    rn__platform_unmap(memory, 4 * page);
}

TEST(platform_map_says_no_when_refused)
{
    struct refusal once = {.point = RN__FAULT_MAP, .upto = 1};
    rn__fault_set(refuse, &once);
    CHECK(rn__platform_map(rn__platform_page_size()) == NULL);
    rn__fault_set(NULL, NULL);
    CHECK(rn__platform_map((size_t)1 << 62) == NULL);
}

TEST(platform_discard_gives_zero_pages_back)
{
    const size_t page = rn__platform_page_size();
    char *memory = rn__platform_map(2 * page);
    REQUIRE(memory != NULL);
    memset(memory, 7, 2 * page);
    rn__platform_discard(memory, page);
    CHECK_EQ(memory[0], 0);
    CHECK_EQ(memory[page], 7);
    rn__platform_unmap(memory, 2 * page);
}

TEST(platform_untouched_counts_from_the_low_end)
{
    const size_t page = rn__platform_page_size();
    const size_t size = 600 * page; /* more than is asked for at once */
    char *memory = rn__platform_map(size);
    REQUIRE(memory != NULL);
    CHECK_EQ(rn__platform_untouched(memory, size), size);
    memory[size - 1] = 1;
    CHECK_EQ(rn__platform_untouched(memory, size), size - page);
    memory[300 * page] = 1;
    CHECK_EQ(rn__platform_untouched(memory, size), 300 * page);
    memory[0] = 1;
    CHECK_EQ(rn__platform_untouched(memory, size), 0);
    rn__platform_unmap(memory, size);
}

TEST(platform_guard_faults_and_its_neighbours_do_not)
{
    const size_t page = rn__platform_page_size();
    const enum rn__guard kinds[] = {RN__GUARD_PROTECT, TEST_SANITIZED ? RN__GUARD_PROTECT : RN__GUARD_INSTALL};
    for (size_t i = 0; i < RN__COUNT(kinds); i++) {
        char *memory = rn__platform_map(4 * page);
        REQUIRE(memory != NULL);
        const enum rn__guard got = rn__platform_guard(memory + page, 2 * page, kinds[i]);
        CHECK(got == kinds[i] || got == RN__GUARD_PROTECT); /* an old kernel, an emulator */
        CHECK(can_read(memory));
        CHECK(!can_read(memory + page));
        CHECK(!can_read(memory + 3 * page - 8));
        CHECK(can_read(memory + 3 * page));
        rn__platform_unmap(memory, 4 * page);
    }
}

TEST(platform_guard_falls_back_to_what_is_left)
{
    const size_t page = rn__platform_page_size();
    char *memory = rn__platform_map(page);
    REQUIRE(memory != NULL);
    struct refusal both = {.point = RN__FAULT_GUARD, .upto = 2};
    rn__fault_set(refuse, &both);
    CHECK_EQ(rn__platform_guard(memory, page, RN__GUARD_INSTALL), RN__GUARD_NONE);
    CHECK(can_read(memory));
    struct refusal first = {.point = RN__FAULT_GUARD, .upto = 1};
    rn__fault_set(refuse, &first);
    CHECK_EQ(rn__platform_guard(memory, page, RN__GUARD_INSTALL), RN__GUARD_PROTECT);
    CHECK(!can_read(memory));
    rn__fault_set(NULL, NULL);
    rn__platform_unmap(memory, page);
}

TEST(platform_guard_none_changes_nothing)
{
    const size_t page = rn__platform_page_size();
    char *memory = rn__platform_map(page);
    REQUIRE(memory != NULL);
    CHECK_EQ(rn__platform_guard(memory, page, RN__GUARD_NONE), RN__GUARD_NONE);
    CHECK(can_read(memory));
    rn__platform_unmap(memory, page);
}

/* -- threads ---------------------------------------------------------------------------------------------------- */

struct thread_facts {
    sigset_t mask;
    char name[32];
    uint32_t id;
    char *stack;
    size_t stack_size;
    bool on_it;
};

static void report_facts(void *arg)
{
    struct thread_facts *facts = arg;
    const char *here = __builtin_frame_address(0);
    pthread_sigmask(SIG_BLOCK, NULL, &facts->mask);
    pthread_getname_np(pthread_self(), facts->name, sizeof(facts->name));
    facts->id = rn__platform_thread_id();
    const bool known = rn__platform_thread_stack(&facts->stack, &facts->stack_size);
    facts->on_it = known && here >= facts->stack && here < facts->stack + facts->stack_size;
}

static struct thread_facts facts_of_thread(const char *name, bool all_signals_blocked)
{
    struct thread_facts facts = {.id = 0};
    struct rn__thread thread;
    REQUIRE(rn__platform_thread_create(&thread, report_facts, &facts, name, all_signals_blocked, 0));
    rn__platform_thread_join(thread);
    return facts;
}

TEST(platform_thread_blocks_all_but_its_own_faults)
{
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    const struct thread_facts facts = facts_of_thread("blocked", true);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    const int blocked[] = {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGQUIT};
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < RN__COUNT(blocked); i++) {
        CHECK_EQ(sigismember(&facts.mask, blocked[i]), 1);
        CHECK_EQ(sigismember(&after, blocked[i]), sigismember(&before, blocked[i]));
    }
    for (size_t i = 0; i < RN__COUNT(open); i++)
        CHECK_EQ(sigismember(&facts.mask, open[i]), 0);
}

TEST(platform_thread_inherits_the_mask_if_asked)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &wanted, NULL);
    const struct thread_facts facts = facts_of_thread("open", false);
    CHECK_EQ(sigismember(&facts.mask, SIGUSR2), 1);
    CHECK_EQ(sigismember(&facts.mask, SIGINT), 0);
}

TEST(platform_thread_keeps_fifteen_bytes_of_its_name)
{
    const struct thread_facts facts = facts_of_thread("a-name-that-is-too-long", true);
    CHECK_STR_EQ(facts.name, "a-name-that-is-");
    CHECK(facts.id != 0 && facts.id != rn__platform_thread_id());
    CHECK(facts.on_it);
    CHECK(facts.stack_size >= 1 << 20);
}

TEST(platform_thread_create_says_no_when_refused)
{
    struct refusal thread = {.point = RN__FAULT_THREAD, .upto = 1};
    struct refusal memory = {.point = RN__FAULT_ALLOC, .upto = 1};
    struct rn__thread out;
    rn__fault_set(refuse, &thread);
    CHECK(!rn__platform_thread_create(&out, report_facts, NULL, "no", true, 0));
    rn__fault_set(refuse, &memory);
    CHECK(!rn__platform_thread_create(&out, report_facts, NULL, "no", true, 0));
    rn__fault_set(NULL, NULL);
    CHECK_EQ(memory.seen, 1);
    CHECK_EQ(test_memory().live, 0);
}

TEST(platform_thread_create_says_no_when_the_system_does)
{
    struct thread_facts facts = {.id = 0};
    struct rn__thread out;
    if (TEST_SANITIZED)
        SKIP("sanitizers want address space of their own");
    free(malloc(256)); /* so that the heap need not grow */
    const struct rlimit nothing_more = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    const struct rlimit enough = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    REQUIRE(setrlimit(RLIMIT_AS, &nothing_more) == 0);
    const bool created = rn__platform_thread_create(&out, report_facts, &facts, "no", true, 0);
    const uint64_t live = test_memory().live;
    REQUIRE(setrlimit(RLIMIT_AS, &enough) == 0);
    if (created) {
        rn__platform_thread_join(out);
        SKIP("this system takes a limit of address space lightly");
    }
    CHECK_EQ(live, 0);
}

TEST(platform_blocked_signals_come_back)
{
    struct rn__signal_mask saved;
    sigset_t before;
    sigset_t during;
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    rn__platform_block_signals(&saved);
    pthread_sigmask(SIG_BLOCK, NULL, &during);
    rn__platform_restore_signals(&saved);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK_EQ(sigismember(&during, SIGINT), 1);
    CHECK_EQ(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}

static void *ended;

static void note_end(void *value)
{
    ended = value;
}

static void set_exit_value(void *arg)
{
    CHECK(rn__platform_thread_exit_value(arg));
}

TEST(platform_calls_at_the_end_of_a_thread)
{
    int value = 0;
    struct rn__thread thread;
    if (!rn__platform_at_thread_exit(note_end))
        SKIP("no key");
    CHECK(rn__platform_at_thread_exit(note_end)); /* again: the same answer */
    REQUIRE(rn__platform_thread_create(&thread, set_exit_value, &value, NULL, true, 0));
    rn__platform_thread_join(thread);
    CHECK(ended == &value);
}

/* -- fork -------------------------------------------------------------------------------------------------------- */

static struct {
    int before, after, after_in_child;
} forks;

static void count_before(void)
{
    forks.before++;
}

static void count_after(bool in_child)
{
    forks.after++;
    forks.after_in_child += in_child;
}

static struct rn__at_fork fork_part = {.before = count_before, .after = count_after};

static int look_at_forks(void)
{
    const bool as_it_should = forks.before == 1 && forks.after == 1 && forks.after_in_child == 1;
    rn__platform_at_fork(&fork_part);
    return as_it_should ? 7 : 1;
}

TEST(platform_tells_each_part_of_a_fork_once_on_both_sides)
{
    int status = 0;
    rn__platform_at_fork(&fork_part);
    rn__platform_at_fork(&fork_part);
    const pid_t child = fork();
    if (child == 0)
        _exit(look_at_forks());
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_EQ(WEXITSTATUS(status), 7);
    CHECK_EQ(forks.before, 1);
    CHECK_EQ(forks.after, 1);
    CHECK_EQ(forks.after_in_child, 0);
}

static void count_threads(void *count)
{
    *(uint32_t *)count = rn__platform_thread_count();
}

TEST(platform_counts_threads)
{
    struct rn__thread thread;
    uint32_t count = 0;
    const uint32_t before = rn__platform_thread_count(); /* sanitizers have some of their own */
    CHECK(before >= 1);
    REQUIRE(rn__platform_thread_create(&thread, count_threads, &count, NULL, true, 0));
    rn__platform_thread_join(thread);
    CHECK(count >= before + 1);
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

TEST(platform_futex_wait_returns_at_once_if_the_word_differs)
{
    const uint32_t word = 5;
    CHECK(rn__platform_futex_wait(&word, 6, INT64_MAX));
}

TEST(platform_futex_wait_ends_at_its_deadline_not_before)
{
    const uint32_t word = 5;
    const int64_t deadline = rn__platform_now() + 3000000;
    while (rn__platform_futex_wait(&word, 5, deadline))
        continue;
    CHECK(rn__platform_now() >= deadline);
    CHECK(!rn__platform_futex_wait(&word, 5, 0));
    CHECK(!rn__platform_futex_wait(&word, 5, -1));
}

static uint32_t wake_word;
static uint32_t wakes_seen;

static void sleep_on_word(void *arg)
{
    (void)arg;
    while (rn__load_acquire(&wake_word) == 0)
        rn__platform_futex_wait(&wake_word, 0, INT64_MAX);
    rn__add_relaxed(&wakes_seen, 1);
}

TEST(platform_futex_wake_wakes_those_who_sleep)
{
    struct rn__thread threads[3];
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        REQUIRE(rn__platform_thread_create(&threads[i], sleep_on_word, NULL, "sleeper", true, 0));
    rn__store_release(&wake_word, 1);
    rn__platform_futex_wake(&wake_word, UINT32_MAX);
    for (size_t i = 0; i < RN__COUNT(threads); i++)
        rn__platform_thread_join(threads[i]);
    CHECK_EQ(wakes_seen, 3);
}

TEST(platform_futex_wake_may_be_given_a_dead_address)
{
    const size_t page = rn__platform_page_size();
    void *memory = rn__platform_map(page);
    REQUIRE(memory != NULL);
    rn__platform_unmap(memory, page);
    rn__platform_futex_wake(memory, 1);
    CHECK(true);
}

TEST(platform_clocks_go_forward)
{
    const int64_t wall = rn__platform_now();
    const int64_t cpu = rn__platform_thread_cpu_time();
    CHECK(wall > 0);
    while (rn__platform_thread_cpu_time() - cpu < 1000000)
        continue;
    CHECK(rn__platform_now() - wall >= 1000000);
}

/* -- the machine ------------------------------------------------------------------------------------------------ */

TEST(platform_counts_one_cpu_when_bound_to_one)
{
    const uint32_t before = rn__platform_usable_cpus();
    CHECK(before >= 1);
    cpu_set_t all;
    cpu_set_t one;
    CPU_ZERO(&one);
    REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
    CHECK(before <= (uint32_t)CPU_COUNT(&all));
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        SKIP("affinity cannot be set here");
    CHECK_EQ(rn__platform_usable_cpus(), 1);
}

TEST(platform_knows_how_many_mappings_there_may_be)
{
    CHECK(rn__platform_map_limit() > 100);
}

TEST(platform_random_fills_the_whole_buffer)
{
    unsigned char bytes[4096] = {0};
    unsigned different = 0;
    REQUIRE(rn__platform_random(bytes, sizeof(bytes)));
    for (size_t i = sizeof(bytes) - 64; i < sizeof(bytes); i++)
        different += bytes[i] != 0;
    CHECK(different > 32);
}

TEST(platform_leaves_errno_alone)
{
    const uint32_t word = 0;
    struct thread_facts facts;
    struct rn__thread thread;
    errno = 4711;
    (void)rn__platform_map((size_t)1 << 62);
    rn__platform_discard((void *)1, 1);
    (void)rn__platform_untouched((void *)1, rn__platform_page_size());
    CHECK_EQ(rn__platform_guard((void *)1, 1, RN__GUARD_INSTALL), RN__GUARD_NONE);
    (void)rn__platform_futex_wait(&word, 1, INT64_MAX);
    (void)rn__platform_futex_wait(&word, 0, 1);
    (void)rn__platform_write(-1, "x", 1);
    (void)rn__platform_usable_cpus();
    REQUIRE(rn__platform_thread_create(&thread, report_facts, &facts, "quiet", true, 0));
    rn__platform_thread_join(thread);
    CHECK_EQ(errno, 4711);
}

/* -- output ----------------------------------------------------------------------------------------------------- */

static int pipe_ends[2];

static void drain_pipe(void *arg)
{
    size_t *total = arg;
    char buffer[1000];
    ssize_t got = 0;
    while ((got = read(pipe_ends[0], buffer, sizeof(buffer))) > 0)
        *total += (size_t)got;
}

TEST(platform_write_goes_on_until_all_is_written)
{
    static char text[300000]; /* more than a pipe holds */
    size_t total = 0;
    struct rn__thread reader;
    REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(rn__platform_thread_create(&reader, drain_pipe, &total, "reader", true, 0));
    CHECK(rn__platform_write(pipe_ends[1], text, sizeof(text)));
    close(pipe_ends[1]);
    rn__platform_thread_join(reader);
    close(pipe_ends[0]);
    CHECK_EQ(total, sizeof(text));
    CHECK(!rn__platform_write(-1, "x", 1));
}

/* -- faults ----------------------------------------------------------------------------------------------------- */

static sigjmp_buf way_out;
static volatile uintptr_t reported;
static volatile int previous_calls;
static volatile bool stack_pointer_was_sane;
static volatile bool on_alternate_stack;
static char *volatile nowhere = (char *)8; /* so that no compiler thinks about it */

static void previous_handler(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    (void)context;
    previous_calls++;
    siglongjmp(way_out, 1);
}

static void note_fault(void *address, void *stack_pointer)
{
    char here = 0;
    stack_t alternate;
    reported = (uintptr_t)address;
    stack_pointer_was_sane = stack_pointer == NULL || stack_pointer != &here;
    sigaltstack(NULL, &alternate);
    on_alternate_stack = (alternate.ss_flags & SS_ONSTACK) != 0;
}

static void install_previous(void)
{
    struct sigaction action = {.sa_sigaction = previous_handler, .sa_flags = SA_SIGINFO};
    REQUIRE(sigaction(SIGSEGV, &action, NULL) == 0);
}

static void fault_at(char *address)
{
    if (sigsetjmp(way_out, 1) == 0)
        *(volatile char *)address = 1;
}

TEST(platform_fault_is_reported_and_goes_on_to_the_previous_handler)
{
    const size_t page = rn__platform_page_size();
    char *memory = rn__platform_map(page);
    REQUIRE(memory != NULL);
    REQUIRE(rn__platform_guard(memory, page, RN__GUARD_PROTECT) == RN__GUARD_PROTECT);
    install_previous();
    rn__platform_on_fault(note_fault);
    fault_at(memory + 40);
    CHECK_EQ(reported, (uintptr_t)memory + 40);
    CHECK_EQ(previous_calls, 1);
    CHECK(stack_pointer_was_sane);
    rn__platform_on_fault(note_fault); /* a second time: not its own predecessor */
    fault_at(memory + 80);
    CHECK_EQ(reported, (uintptr_t)memory + 80);
    CHECK_EQ(previous_calls, 2);
    rn__platform_unmap(memory, page);
}

TEST(platform_fault_signal_that_was_sent_is_not_reported)
{
    install_previous();
    rn__platform_on_fault(note_fault);
    reported = 7;
    if (sigsetjmp(way_out, 1) == 0)
        raise(SIGSEGV);
    CHECK_EQ(reported, 7);
    CHECK_EQ(previous_calls, 1);
}

TEST(platform_fault_without_previous_handler_kills)
{
    EXPECT_DEATH(SIGSEGV, "")
    {
        signal(SIGSEGV, SIG_DFL);
        rn__platform_on_fault(note_fault);
        *nowhere = 1;
    }
    EXPECT_DEATH(SIGSEGV, "")
    {
        signal(SIGSEGV, SIG_DFL);
        rn__platform_on_fault(note_fault);
        raise(SIGSEGV);
    }
    EXPECT_DEATH(SIGSEGV, "")
    {
        signal(SIGSEGV, SIG_IGN);
        rn__platform_on_fault(note_fault);
        *nowhere = 1;
    }
}

static void fault_on_alternate_stack(void *arg)
{
    void *handle = rn__platform_fault_stack();
    *(bool *)arg = handle != NULL;
    CHECK(rn__platform_fault_stack() == NULL); /* it has one now */
    fault_at(nowhere);
    rn__platform_fault_stack_undo(handle);
    stack_t now;
    sigaltstack(NULL, &now);
    CHECK(handle == NULL || (now.ss_flags & SS_DISABLE) != 0);
}

TEST(platform_fault_is_handled_on_the_alternate_stack)
{
    struct rn__thread thread;
    bool had_none = false;
    install_previous();
    rn__platform_on_fault(note_fault);
    REQUIRE(rn__platform_thread_create(&thread, fault_on_alternate_stack, &had_none, "faulty", true, 0));
    rn__platform_thread_join(thread);
    CHECK(on_alternate_stack);
    CHECK(had_none || TEST_SANITIZED); /* sanitizers give each thread one */
    CHECK_EQ(previous_calls, 1);
}
