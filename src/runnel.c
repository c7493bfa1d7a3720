/* SPDX-License-Identifier: MIT */
/* runnel.c - the composition root: the one file that may know every layer, and wires what must not know each other.
 *
 * There is no constructor and no start function: parts initialise themselves at their first use. What is left for
 * here happens once, when the first runtime is made: who answers for a stack that overflowed, and
 * who is roused when the clock is paused.
 */
#include "fiber/stack.h"
#include "runtime/runtime.h"
#include "wait/clock.h"

struct text {
    char *bytes;
    size_t room;
    size_t length;
};

static void add(struct text *text, const char *string)
{
    while (*string != '\0' && text->length < text->room)
        text->bytes[text->length++] = *string++;
}

static void add_number(struct text *text, uint32_t number)
{
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    add(text, &digits[at]);
}

/* For the overflow report, inside a signal handler: plain stores only. */
static size_t describe_owner(void *owner, char *bytes, size_t size)
{
    const struct rn__task *task = owner;
    struct text text = {.bytes = bytes, .room = size};
    add(&text, rn__task_name(task));
    add(&text, " (");
    add(&text, task->site->file);
    add(&text, ":");
    add_number(&text, task->site->line);
    add(&text, ")");
    return text.length;
}

void rn__compose(void)
{
    rn__stack_report_overflows(describe_owner);
    rn__clock_on_pause(rn__workers_rouse);
}
