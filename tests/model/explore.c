/* SPDX-License-Identifier: MIT */
/* explore.c - the search (what it promises is in explore.h).
 *
 * The decisions of the current execution are a trail of nodes. An execution follows the trail as long as it
 * reaches and then adds nodes of its own; afterwards the last node that has an alternative left takes it, those
 * behind it go, and the next execution starts from the beginning.
 *
 * A node's sleep set holds the threads whose next step need not be tried there: an execution that took it has been
 * seen, and nothing that happened since depends on it. Who was tried falls asleep; a step wakes those that it
 * depends on.
 */
#include "model/explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber/switch.h"
#include "harness/harness.h"

enum { OUTSIDE = EXPLORE_THREADS, STACK_SIZE = 128 * 1024, LONGEST = 1500, NAMES = 48, HIDDEN = 16, LOCKS = 4 };

struct step {
    const char *verb;
    uintptr_t word; /* 0: goes with everything */
    bool only_reads;
};

struct thread {
    const char *name;
    void (*run)(void *arg);
    void *arg;
    struct step next;
    enum readiness (*ready)(void *arg); /* NULL: it is */
    void *ready_arg;
    bool finished;
};

struct node {
    uint8_t alternatives; /* 0: the choice of a thread; else explore_choose() of so many */
    uint8_t chosen;
    uint8_t enabled; /* sets of threads */
    uint8_t sleep;
};

struct line {
    int thread;
    const char *verb;
    const volatile void *address;
    uint64_t value;
};

static struct {
    const struct exploration *what;
    struct explored *out;
    struct thread threads[EXPLORE_THREADS];
    int count;
    int current;
    bool starting; /* each thread runs to its first step, in order, by itself */
    bool failed;
    bool draining; /* this execution is known from here on, or beyond its script: let it end somehow */
    uint8_t sleep;
    uint32_t preemptions;
    uint32_t length; /* of this execution, in choices */
    const char *script;
    bool record;
} now;

static struct {
    struct node nodes[LONGEST];
    uint32_t length;
} trail;

struct area {
    uintptr_t from;
    uintptr_t to;
    const char *name;
};

/* Each kind of word that the explorer knows more about; new for each execution. */
static struct area names[NAMES], hidden[HIDDEN], locks[LOCKS];
static int name_count, hidden_count, lock_count;

static struct line lines[LONGEST];
static uint32_t line_count;

/* -- contexts --------------------------------------------------------------------------------------------------- */

static struct rn__fiber fibers[EXPLORE_THREADS + 1];
static struct rn__stack *stacks[EXPLORE_THREADS];

static void go_to(int to)
{
    const int from = now.current;
    now.current = to;
    if (now.what->switched != NULL)
        now.what->switched(from == OUTSIDE ? -1 : from, to == OUTSIDE ? -1 : to);
    rn__fiber_switch(&fibers[from], &fibers[to]);
}

int explore_self(void)
{
    return now.what == NULL || now.current == OUTSIDE ? -1 : now.current;
}

/* -- failures --------------------------------------------------------------------------------------------------- */

void explore_fail(const char *format, ...)
{
    if (!now.failed) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(now.out->reason, sizeof now.out->reason, format, arguments);
        va_end(arguments);
    }
    now.failed = true;
    if (now.current != OUTSIDE)
        go_to(OUTSIDE); /* for good */
}

static void fail_stuck(void)
{
    char text[200] = "";
    size_t used = 0;
    for (int i = 0; i < now.count; i++)
        if (!now.threads[i].finished && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s %s (%s)", used > 0 ? "," : "",
                                     now.threads[i].name, now.threads[i].next.verb);
    explore_fail("a wake-up was lost: all wait:%s", text);
}

/* -- the next choice -------------------------------------------------------------------------------------------- */

static bool is_independent(const struct step *a, const struct step *b)
{
    if (a->word == 0 || b->word == 0)
        return false;
    return a->word != b->word || (a->only_reads && b->only_reads);
}

/* Gives the number of those that can really go on. */
static int find_enabled(uint8_t *enabled)
{
    int ready = 0;
    *enabled = 0;
    for (int i = 0; i < now.count; i++) {
        const struct thread *thread = &now.threads[i];
        if (thread->finished)
            continue;
        const enum readiness is = thread->ready == NULL ? EXPLORE_READY : thread->ready(thread->ready_arg);
        ready += is == EXPLORE_READY;
        if (is != EXPLORE_STUCK)
            *enabled |= (uint8_t)(1u << i);
    }
    return ready;
}

static bool is_in(uint8_t set, int thread)
{
    return thread != OUTSIDE && (set >> thread & 1) != 0;
}

static int first_of(uint8_t set)
{
    return is_in(set, now.current) ? now.current : __builtin_ctz(set);
}

static struct node *add_node(struct node node)
{
    trail.nodes[now.length] = node;
    trail.length = now.length + 1;
    return &trail.nodes[now.length++];
}

/* From the script; after its end as draining does. */
static int scripted(uint8_t enabled)
{
    if (*now.script == '\0')
        return first_of(enabled);
    const int choice = *now.script++ - '0';
    return choice >= 0 && choice < now.count && is_in(enabled, choice) ? choice : -1;
}

static bool may_preempt(void)
{
    return !now.what->bounded || now.preemptions < now.what->preemptions;
}

static uint8_t sleepers_after(uint8_t sleep, int chosen)
{
    uint8_t still = 0;
    for (int i = 0; i < now.count; i++)
        if (i != chosen && is_in(sleep, i) && is_independent(&now.threads[i].next, &now.threads[chosen].next))
            still |= (uint8_t)(1u << i);
    return still;
}

/* A node of the trail, an old one or a new one. */
static int searched(uint8_t enabled)
{
    struct node *node;
    if (now.length < trail.length) {
        node = &trail.nodes[now.length++];
    } else {
        if (is_in(enabled, now.current) && !may_preempt())
            enabled = (uint8_t)(1u << now.current);
        const uint8_t open = enabled & (uint8_t)~now.sleep;
        if (open == 0) {
            now.draining = true;
            return first_of(enabled);
        }
        node = add_node((struct node){.chosen = (uint8_t)first_of(open), .enabled = enabled, .sleep = now.sleep});
    }
    if (!now.what->every_order && !now.what->bounded)
        now.sleep = sleepers_after(node->sleep, node->chosen);
    return node->chosen;
}

/* Who goes on; OUTSIDE if this execution is over. */
static int decide(void)
{
    uint8_t enabled;
    const int ready = find_enabled(&enabled);
    if (ready == 0) {
        for (int i = 0; i < now.count; i++) {
            if (!now.threads[i].finished) {
                fail_stuck();
                break;
            }
        }
        return OUTSIDE;
    }
    if (now.length >= LONGEST - 16 || line_count >= LONGEST) {
        explore_fail("it does not come to an end: %d choices", LONGEST);
        return OUTSIDE;
    }
    now.out->steps++;
    if (now.draining)
        return first_of(enabled);
    const int next = now.script != NULL ? scripted(enabled) : searched(enabled);
    if (next < 0) {
        explore_fail("the script does not fit: no such choice");
        return OUTSIDE;
    }
    now.preemptions += is_in(enabled, now.current) && next != now.current;
    return next;
}

uint32_t explore_choose(uint32_t n)
{
    if (n <= 1 || now.draining)
        return 0;
    if (now.script != NULL) {
        if (*now.script == '\0')
            return 0;
        const uint32_t choice = (uint32_t)(*now.script++ - '0');
        return choice < n ? choice : 0;
    }
    if (now.length < trail.length)
        return trail.nodes[now.length++].chosen;
    return add_node((struct node){.alternatives = (uint8_t)n})->chosen;
}

/* -- steps ------------------------------------------------------------------------------------------------------ */

static const struct area *area_of(const struct area *areas, int count, const volatile void *address)
{
    for (int i = 0; i < count; i++)
        if ((uintptr_t)address >= areas[i].from && (uintptr_t)address < areas[i].to)
            return &areas[i];
    return NULL;
}

static void add_line(const volatile void *address, const char *verb)
{
    struct line *line = &lines[line_count++];
    *line = (struct line){.thread = now.current, .verb = verb, .address = address};
    const struct area *area = area_of(names, name_count, address);
    if (area != NULL && area->to - area->from == sizeof(uint32_t))
        line->value = *(const volatile uint32_t *)address;
    else if (area != NULL && (uintptr_t)address % sizeof(uint64_t) == 0)
        line->value = *(const volatile uint64_t *)address;
}

void explore_wait(const volatile void *address, const char *verb, enum readiness (*ready)(void *arg), void *arg)
{
    if (explore_self() < 0)
        return;
    struct thread *self = &now.threads[now.current];
    self->next = (struct step){verb, (uintptr_t)address & ~(uintptr_t)7, strcmp(verb, "load") == 0};
    self->ready = ready;
    self->ready_arg = arg;
    const int next = now.starting ? OUTSIDE : decide();
    if (next != now.current)
        go_to(next);
    self->ready = NULL;
    if (now.record)
        add_line(address, verb);
}

void explore_step(const volatile void *address, const char *verb)
{
    if (area_of(hidden, hidden_count, address) == NULL)
        explore_wait(address, verb, NULL, NULL);
}

static enum readiness is_zero(void *word)
{
    return *(const volatile uint32_t *)word == 0 ? EXPLORE_READY : EXPLORE_STUCK;
}

void rn__model_step(const volatile void *address, const char *operation);
void rn__model_step(const volatile void *address, const char *operation)
{
    if (operation[0] == 'c' && area_of(locks, lock_count, address) != NULL)
        explore_wait(address, "lock", is_zero, (void *)(uintptr_t)address);
    else
        explore_step(address, operation);
}

static void add_area(struct area *areas, int *count, int room, struct area area)
{
    if (*count == room)
        abort();
    areas[(*count)++] = area;
}

void explore_name(const volatile void *address, size_t size, const char *name)
{
    add_area(names, &name_count, NAMES, (struct area){(uintptr_t)address, (uintptr_t)address + size, name});
}

void explore_hide(const volatile void *address, size_t size)
{
    add_area(hidden, &hidden_count, HIDDEN, (struct area){(uintptr_t)address, (uintptr_t)address + size, NULL});
}

void explore_whole_lock(const uint32_t *word)
{
    add_area(locks, &lock_count, LOCKS, (struct area){(uintptr_t)word, (uintptr_t)(word + 1), NULL});
}

/* -- an execution ----------------------------------------------------------------------------------------------- */

/* Serves one execution after the other. */
static void thread_main(void *unused)
{
    (void)unused;
    for (;;) {
        struct thread *self = &now.threads[now.current];
        self->run(self->arg);
        self->finished = true;
        go_to(now.starting ? OUTSIDE : decide());
    }
}

static void start_thread(int number)
{
    now.threads[number] = (struct thread){.name = now.what->threads[number].name,
                                          .run = now.what->threads[number].run,
                                          .arg = now.what->threads[number].arg};
    go_to(number);
}

static void execute(void)
{
    name_count = hidden_count = lock_count = 0;
    line_count = 0;
    now.current = OUTSIDE;
    now.sleep = 0;
    now.length = 0;
    now.preemptions = 0;
    now.draining = false;
    if (now.what->begin != NULL)
        now.what->begin();
    now.starting = true;
    for (now.count = 0; now.count < EXPLORE_THREADS && now.what->threads[now.count].name != NULL;)
        start_thread(now.count++);
    now.starting = false;
    const int first = now.failed ? OUTSIDE : decide();
    if (first != OUTSIDE)
        go_to(first);
    if (!now.failed && now.what->end != NULL)
        now.what->end();
}

/* The next branch of the tree; false: there is none. */
static bool next_branch(void)
{
    for (; trail.length > 0; trail.length--) {
        struct node *node = &trail.nodes[trail.length - 1];
        if (node->alternatives > 0) {
            if (++node->chosen < node->alternatives)
                return true;
            continue;
        }
        node->sleep |= (uint8_t)(1u << node->chosen);
        const uint8_t open = node->enabled & (uint8_t)~node->sleep;
        if (open != 0) {
            node->chosen = (uint8_t)__builtin_ctz(open);
            return true;
        }
    }
    return false;
}

/* -- the report ------------------------------------------------------------------------------------------------- */

/* A digit for each node; the choices after the last one are the first that was possible. */
static void write_choices(struct explored *out)
{
    uint32_t i = 0;
    for (; i < now.length && i < sizeof out->choices - 1; i++)
        out->choices[i] = (char)('0' + trail.nodes[i].chosen);
    out->choices[i] = '\0';
}

static void write_table(struct explored *out)
{
    size_t used = 0;
    const size_t room = sizeof out->table;
    used += (size_t)snprintf(out->table, room, "%4s  %-10s  %-14s  %-24s  %s\n", "", "thread", "operation", "word",
                             "value before");
    for (uint32_t i = 0; i < line_count && used < room; i++) {
        const struct line *line = &lines[i];
        const struct area *area = area_of(names, name_count, line->address);
        char unnamed[24] = "";
        if (line->address != NULL)
            snprintf(unnamed, sizeof unnamed, "%p", (const void *)line->address);
        used += (size_t)snprintf(out->table + used, room - used, "%4u  %-10s  %-14s  %-24s  %#llx\n", i + 1,
                                 now.threads[line->thread].name, line->verb, area != NULL ? area->name : unnamed,
                                 (unsigned long long)line->value);
    }
}

static void make_contexts(void)
{
    struct rn__stack_class *size_class = rn__stack_class_of(STACK_SIZE);
    REQUIRE(size_class != NULL && rn__stacks_reserve(size_class, EXPLORE_THREADS));
    for (int i = 0; i < EXPLORE_THREADS; i++) {
        stacks[i] = rn__stack_attach(size_class);
        rn__fiber_prepare(&fibers[i], stacks[i], thread_main, NULL);
    }
    rn__fiber_adopt_thread(&fibers[OUTSIDE]);
}

static void free_contexts(void)
{
    rn__fiber_release_thread(&fibers[OUTSIDE]);
    for (int i = 0; i < EXPLORE_THREADS; i++)
        rn__stack_detach(stacks[i]);
    rn__stacks_unreserve(rn__stack_class_of(STACK_SIZE), EXPLORE_THREADS);
}

static void set_up(const struct exploration *what, struct explored *out)
{
    if (RN__TSAN)
        SKIP("all of the explorer is one thread: nothing for this sanitizer to see");
    memset(&now, 0, sizeof now);
    memset(out, 0, sizeof *out);
    trail.length = 0;
    now.what = what;
    now.out = out;
    now.current = OUTSIDE;
    make_contexts();
}

static void take_down(void)
{
    free_contexts();
    now.what = NULL;
}

/* Once more with what is on the trail, now with the table. */
static void repeat_for_table(struct explored *out)
{
    char reason[sizeof out->reason];
    memcpy(reason, out->reason, sizeof reason);
    out->reason[0] = '\0';
    write_choices(out);
    free_contexts(); /* the failure has left them somewhere in the middle */
    make_contexts();
    now.failed = false;
    now.script = out->choices;
    now.record = true;
    execute();
    write_table(out);
    if (strcmp(reason, out->reason) != 0)
        snprintf(out->reason, sizeof out->reason, "not the same twice (what is not reset?): %.200s", reason);
    out->failed = true;
}

void explore(const struct exploration *what, struct explored *out)
{
    set_up(what, out);
    do {
        execute();
        if (now.draining)
            out->repeated++;
        else
            out->executions++;
    } while (!now.failed && next_branch());
    if (now.failed)
        repeat_for_table(out);
    take_down();
}

void explore_replay(const struct exploration *what, const char *choices, struct explored *out)
{
    set_up(what, out);
    now.script = choices;
    now.record = true;
    execute();
    out->executions = 1;
    out->failed = now.failed;
    snprintf(out->choices, sizeof out->choices, "%s", choices);
    write_table(out);
    take_down();
}
