/* SPDX-License-Identifier: MIT */
/* overflow.c - says whose stack was too small, where the system would only say "Segmentation fault".
 *
 * Runs in a signal handler, on the thread's alternate stack, in a program that is about to end: no allocation, no
 * locks, no formatting by the C library, one write. Faults that are not in the guard of one of our stacks are none
 * of our business; in any case the signal goes on to the handler that was there before (platform.h).
 *
 * Edges
 *   OVER-1 rn__stack_report_overflows() release -> OVER-2 append_owner() acquire: what describe() reads
 */
#include "fiber/stack.h"

#include "base/atomic.h"

#include <stdlib.h>

static size_t (*describe_owner)(void *owner, char *text, size_t size);
static uint32_t reports;

/* The stack that the system gave the thread, while somebody has it for its own. */
static RN__THREAD_LOCAL struct {
    char *low;
    size_t size;
    void *owner;
} own_stack;

struct report {
    char text[1024];
    size_t length;
};

static void append(struct report *report, const char *text)
{
    while (*text != '\0' && report->length < sizeof(report->text))
        report->text[report->length++] = *text++;
}

static void append_number(struct report *report, uintptr_t number, unsigned base)
{
    char digits[2 + 20 + 1];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    append(report, base == 16 ? "0x" : "");
    append(report, digits + at);
}

static void append_owner(struct report *report, void *owner)
{
    size_t (*describe)(void *, char *, size_t) = rn__load_acquire(&describe_owner); /* OVER-2 */
    const size_t room = sizeof(report->text) - report->length;
    const size_t enough = room / 2;
    if (owner == NULL)
        append(report, "nobody");
    else if (describe == NULL)
        append(report, "a fiber");
    else {
        const size_t written = describe(owner, report->text + report->length, enough);
        report->length += written < enough ? written : enough;
    }
}

static void append_overflow(struct report *report, void *owner, size_t size)
{
    append(report, "runnel: stack overflow in ");
    append_owner(report, owner);
    append(report, ": its ");
    append_number(report, size / 1024, 10);
    append(report,
           " KiB of stack are used up. Give it a larger one: stack_size in the options of its spawn, or, for the "
           "root task and as the default of all others, in those of the runtime.");
}

static void append_stray(struct report *report, const struct rn__stack *stack)
{
    append(report, "runnel: an access by somebody else to the guard of the stack of ");
    append_owner(report, stack->owner);
    append(report, ": a wild pointer, or the overflow of another stack by a very large frame.");
}

static void append_address(struct report *report, const void *address)
{
    append(report, " Address ");
    append_number(report, (uintptr_t)address, 16);
    append(report, ".");
}

static void send(struct report *report)
{
    append(report, "\n");
    (void)rn__platform_write(2, report->text, report->length);
}

/* The system's guard is as large as it likes, and may or may not count as a part of the stack: what faults so near to
 * the low end, while the stack pointer is there too, is it. */
static bool is_at_the_end_of_own(const void *address, const void *stack_pointer)
{
    const uintptr_t end = (uintptr_t)own_stack.low + RN__STACK_GUARD;
    const uintptr_t at = (uintptr_t)address;
    const uintptr_t pointer = stack_pointer == NULL ? at : (uintptr_t)stack_pointer;
    return own_stack.owner != NULL && at < end && end - at <= 2 * RN__STACK_GUARD &&
           pointer < end + RN__STACK_GUARD && end + RN__STACK_GUARD - pointer <= 4 * RN__STACK_GUARD;
}

static void report_own(const void *address)
{
    struct report report = {.length = 0};
    if (rn__add_relaxed(&reports, 1) != 0) /* rlx: as in on_fault() */
        return;
    append_overflow(&report, own_stack.owner, own_stack.size);
    append_address(&report, address);
    send(&report);
}

/* The one who overflows stands in the piece that it overflows, guard included. Where the stack pointer is not
 * known, that is what we take it for. */
static void on_fault(void *address, void *stack_pointer)
{
    struct rn__stack *stack = rn__stack_find(address);
    struct report report = {.length = 0};
    if (stack == NULL && is_at_the_end_of_own(address, stack_pointer))
        report_own(address);
    if (stack == NULL || (char *)address >= stack->low)
        return;
    if (rn__add_relaxed(&reports, 1) != 0) /* rlx: one report; a handler that returns would bring us back */
        return;
    if (stack_pointer == NULL || rn__stack_find(stack_pointer) == stack)
        append_overflow(&report, stack->owner, rn__stack_class_size(stack->size_class));
    else
        append_stray(&report, stack);
    append_address(&report, address);
    send(&report);
}

void rn__stack_overflow_found(const struct rn__stack *stack)
{
    struct report report = {.length = 0};
    append_overflow(&report, stack->owner, rn__stack_class_size(stack->size_class));
    append(&report, " It had no guard page, and has written below its end: memory of others may be damaged.");
    send(&report);
    abort();
}

void rn__stack_report_overflows(size_t (*describe)(void *owner, char *text, size_t size))
{
    rn__store_release(&describe_owner, describe); /* OVER-1 */
    rn__platform_on_fault(on_fault);
}

void rn__stack_of_thread_is(void *owner)
{
    own_stack.owner = NULL;
    if (owner != NULL && rn__platform_thread_stack(&own_stack.low, &own_stack.size))
        own_stack.owner = owner;
}
