/* SPDX-License-Identifier: MIT */
/* api_once.c - the contract of <runnel/once.h>, sentence by sentence. */
#include "api/line.h"

static const char name[] = "once under test";

#define ONCE                                                                                                         \
    {                                                                                                                \
        .name = name                                                                                                 \
    }

/* What a function does, and how often it did. */
struct deed {
    rn_once *once;
    int result;
    uint32_t begun;
    uint32_t go; /* it waits for that, if told to */
    bool slow;
    int value;
};

static int do_it(void *arg)
{
    struct deed *deed = arg;
    count_up(&deed->begun);
    if (deed->slow)
        WAIT_UNTIL(is_set(&deed->go));
    deed->value = 5;
    return deed->result;
}

/* object: the deed */
static int run(struct waiting *waiting)
{
    struct deed *deed = waiting->object;
    const int rc = rn_once_run_until(deed->once, do_it, deed, waiting->deadline);
    if (rc == 0)
        note_place(waiting);
    return rc;
}

/* object: the once */
static int wait(struct waiting *waiting)
{
    const int rc = rn_once_wait_until(waiting->object, waiting->deadline);
    if (rc == 0)
        note_place(waiting);
    return rc;
}

static struct waiting runs(struct deed *deed, uint32_t *order)
{
    return (struct waiting){.call = run, .object = deed, .order = order};
}

static struct waiting waits(rn_once *once, uint32_t *order)
{
    return (struct waiting){.call = wait, .object = once, .order = order};
}

/* -- running ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(once_initialisers_are_not_done)
{
    static rn_once initialised = RN_ONCE_INIT;
    rn_once zero = {0};
    struct deed deed = {.once = &zero};
    CHECK(!rn_once_done(&zero));
    CHECK_RC(rn_once_run(&zero, do_it, &deed), 0);
    CHECK(rn_once_done(&zero));
    CHECK(!rn_once_done(&initialised) || value_of(&deed.begun) == 1);
    CHECK(sizeof zero <= 64);
}

EVERYWHERE(once_runs_one_function_and_no_other)
{
    rn_once once = ONCE;
    struct deed first = {.once = &once}, second = {.once = &once};
    CHECK_RC(rn_once_run(&once, do_it, &first), 0);
    CHECK_RC(rn_once_run(&once, do_it, &second), 0);
    CHECK_RC(rn_once_run(&once, do_it, &first), 0);
    CHECK_EQ(value_of(&first.begun), 1);
    CHECK_EQ(value_of(&second.begun), 0);
    CHECK_EQ(first.value, 5);
}

EVERYWHERE(once_others_wait_for_the_one_that_runs)
{
    rn_once once = ONCE;
    struct deed slow = {.once = &once, .slow = true}, other = {.once = &once};
    uint32_t order = 0;
    struct waiting first = runs(&slow, &order), second = runs(&other, &order), third = waits(&once, &order);
    start(&first);
    WAIT_UNTIL(value_of(&slow.begun) == 1);
    line_up(&second, 1, name);
    line_up(&third, 2, name);
    CHECK(!rn_once_done(&once));
    CHECK_RC(rn_once_set(&once), RN_EBUSY);
    CHECK_EQ(value_of(&order), 0);
    set(&slow.go);
    CHECK_RC(end(&first), 0);
    CHECK_RC(end(&second), 0);
    CHECK_RC(end(&third), 0);
    CHECK_EQ(value_of(&other.begun), 0);
}

EVERYWHERE(once_failure_goes_to_its_caller_and_the_next_may_try)
{
    rn_once once = ONCE;
    struct deed bad = {.once = &once, .result = -20000}, worse = {.once = &once, .result = 7}, good = {.once = &once};
    CHECK_RC(rn_once_run(&once, do_it, &bad), -20000);
    CHECK(!rn_once_done(&once));
    CHECK_RC(rn_once_run(&once, do_it, &worse), 7);
    CHECK(!rn_once_done(&once));
    CHECK_RC(rn_once_run(&once, do_it, &good), 0);
    CHECK(rn_once_done(&once));
    CHECK_RC(rn_once_run(&once, do_it, &bad), 0);
}

EVERYWHERE(once_failure_gives_the_turn_to_the_first_in_line)
{
    rn_once once = ONCE;
    struct deed bad = {.once = &once, .result = -20000, .slow = true}, next = {.once = &once, .slow = true};
    struct deed never = {.once = &once};
    uint32_t order = 0;
    struct waiting watcher = waits(&once, &order);
    struct waiting first = runs(&bad, &order), second = runs(&next, &order), third = runs(&never, &order);
    line_up(&watcher, 1, name);
    start(&first);
    WAIT_UNTIL(value_of(&bad.begun) == 1);
    line_up(&second, 2, name);
    line_up(&third, 3, name);
    set(&bad.go);
    CHECK_RC(end(&first), -20000);
    WAIT_UNTIL(value_of(&next.begun) == 1);
    CHECK_EQ(value_of(&order), 0);
    WAIT_UNTIL_PARKED(2, name);
    set(&next.go);
    CHECK_RC(end(&second), 0);
    CHECK_RC(end(&third), 0);
    CHECK_RC(end(&watcher), 0);
    CHECK_EQ(value_of(&never.begun), 0);
}

static int run_again(void *arg)
{
    struct deed *deed = arg;
    CHECK_RC(rn_once_run(deed->once, do_it, deed), RN_EDEADLK);
    CHECK_RC(rn_once_run_until(deed->once, do_it, deed, rn_in_ms(0)), RN_EDEADLK);
    CHECK_RC(rn_once_wait(deed->once), RN_EDEADLK);
    CHECK_RC(rn_once_set(deed->once), RN_EBUSY);
    return 0;
}

EVERYWHERE(once_from_its_own_function_is_a_deadlock_and_says_so)
{
    rn_once once = ONCE;
    struct deed deed = {.once = &once};
    CHECK_RC(rn_once_run(&once, run_again, &deed), 0);
    CHECK(rn_once_done(&once));
    CHECK_EQ(value_of(&deed.begun), 0);
}

static int run_another(void *arg)
{
    rn_once inner = ONCE;
    struct deed deed = {.once = &inner};
    CHECK_RC(rn_sleep_ms(1), 0);
    CHECK_RC(rn_once_run(&inner, do_it, &deed), 0);
    *(int *)arg = deed.value;
    return 0;
}

EVERYWHERE(once_function_may_wait_and_run_another_once)
{
    rn_once once = ONCE;
    int value = 0;
    CHECK_RC(rn_once_run(&once, run_another, &value), 0);
    CHECK_EQ(value, 5);
}

EVERYWHERE(once_null_is_answered)
{
    rn_once once = ONCE;
    CHECK_RC(rn_once_run(NULL, do_it, NULL), RN_EINVAL);
    CHECK_RC(rn_once_run(&once, NULL, NULL), RN_EINVAL);
    CHECK_RC(rn_once_run_until(NULL, do_it, NULL, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_once_wait(NULL), RN_EINVAL);
    CHECK_RC(rn_once_wait_until(NULL, RN_FOREVER), RN_EINVAL);
    CHECK_RC(rn_once_set(NULL), RN_EINVAL);
    CHECK(!rn_once_done(NULL));
    CHECK(!rn_once_done(&once));
}

/* -- setting ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(once_set_is_done)
{
    rn_once once = ONCE;
    struct deed deed = {.once = &once};
    CHECK_RC(rn_once_set(&once), 0);
    CHECK(rn_once_done(&once));
    CHECK_RC(rn_once_wait(&once), 0);
    CHECK_RC(rn_once_run(&once, do_it, &deed), 0);
    CHECK_EQ(value_of(&deed.begun), 0);
}

EVERYWHERE(once_is_set_once_only)
{
    rn_once once = ONCE;
    struct deed deed = {.once = &once};
    CHECK_RC(rn_once_set(&once), 0);
    CHECK_RC(rn_once_set(&once), RN_EBUSY);
    rn_once ran = ONCE;
    CHECK_RC(rn_once_run(&ran, do_it, &deed), 0);
    CHECK_RC(rn_once_set(&ran), RN_EBUSY);
}

static int set_it(struct waiting *waiting)
{
    return rn_once_set(waiting->object);
}

EVERYWHERE(once_set_by_two_succeeds_for_one)
{
    rn_once once = ONCE;
    struct waiting one = {.call = set_it, .object = &once}, two = one;
    start(&one);
    start(&two);
    const int first = end(&one), second = end(&two);
    CHECK((first == 0 && second == RN_EBUSY) || (first == RN_EBUSY && second == 0));
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

EVERYWHERE(once_wait_ends_when_it_is_set)
{
    rn_once once = ONCE;
    uint32_t order = 0;
    struct waiting one = waits(&once, &order), two = waits(&once, &order);
    line_up(&one, 1, name);
    line_up(&two, 2, name);
    CHECK_RC(rn_once_set(&once), 0);
    CHECK_RC(end(&one), 0);
    CHECK_RC(end(&two), 0);
    CHECK_EQ(value_of(&order), 2);
}

static int set_value(void *arg)
{
    *(int *)arg = 5;
    return 0;
}

struct cell {
    rn_once once;
    int value;
};

static int fill(struct waiting *waiting)
{
    struct cell *cell = waiting->object;
    return rn_once_run(&cell->once, set_value, &cell->value);
}

EVERYWHERE(once_value_is_seen_by_who_waited)
{
    static struct cell cells[32];
    for (unsigned i = 0; i < RN_COUNT(cells); i++) {
        cells[i] = (struct cell){.once = ONCE};
        struct waiting fills = {.call = fill, .object = &cells[i]};
        start(&fills);
        CHECK_RC(rn_once_wait(&cells[i].once), 0);
        CHECK_EQ(cells[i].value, 5);
        CHECK_RC(end(&fills), 0);
    }
}

EVERYWHERE(once_done_is_seen_with_the_value)
{
    struct cell cell = {.once = ONCE};
    struct waiting fills = {.call = fill, .object = &cell};
    start(&fills);
    WAIT_UNTIL(rn_once_done(&cell.once));
    CHECK_EQ(cell.value, 5);
    CHECK_RC(end(&fills), 0);
}

EVERYWHERE(once_waits_end_at_their_deadline)
{
    rn_once once = ONCE;
    struct deed slow = {.once = &once, .slow = true}, other = {.once = &once};
    uint32_t order = 0;
    struct waiting first = runs(&slow, &order);
    CHECK_RC(rn_once_wait_until(&once, rn_in_ms(0)), RN_ETIMEDOUT);
    CHECK_RC(rn_once_wait_until(&once, rn_in_ms(5)), RN_ETIMEDOUT);
    start(&first);
    WAIT_UNTIL(value_of(&slow.begun) == 1);
    CHECK_RC(rn_once_run_until(&once, do_it, &other, rn_in_ms(5)), RN_ETIMEDOUT);
    CHECK_EQ(value_of(&other.begun), 0);
    set(&slow.go);
    CHECK_RC(end(&first), 0);
}

ROOT(once_waits_are_cancelled)
{
    rn_once once = ONCE;
    struct deed slow = {.once = &once, .slow = true}, other = {.once = &once};
    uint32_t order = 0;
    struct waiting first = runs(&slow, &order), second = runs(&other, &order), third = waits(&once, &order);
    CHECK_RC(cancelled_before(&third), RN_ECANCELED);
    CHECK_RC(cancelled_before(&second), RN_ECANCELED);
    start(&first);
    WAIT_UNTIL(value_of(&slow.begun) == 1);
    CHECK_RC(cancelled_asleep(&second, 1, name), RN_ECANCELED);
    CHECK_RC(cancelled_asleep(&third, 1, name), RN_ECANCELED);
    set(&slow.go);
    CHECK_RC(end(&first), 0);
    CHECK_RC(cancelled_before(&third), RN_ECANCELED);
    CHECK_EQ(value_of(&other.begun), 0);
}

static int run_cancelled(void *arg)
{
    struct deed *deed = arg;
    count_up(&deed->begun);
    return rn_sleep_until(RN_FOREVER);
}

static int run_to_be_cancelled(struct waiting *waiting)
{
    struct deed *deed = waiting->object;
    return rn_once_run(deed->once, run_cancelled, deed);
}

ROOT(once_function_that_is_cancelled_leaves_the_turn_to_the_next)
{
    rn_once once = ONCE;
    struct deed stopped = {.once = &once}, good = {.once = &once};
    uint32_t order = 0;
    rn_task task;
    struct waiting first = {.call = run_to_be_cancelled, .object = &stopped}, second = runs(&good, &order);
    RN_MUST(rn_spawn(&task, waiting_run, &first));
    WAIT_UNTIL(value_of(&stopped.begun) == 1);
    line_up(&second, 1, name);
    rn_task_cancel(task, 0);
    CHECK_RC(result_of(task), RN_ECANCELED);
    CHECK_RC(end(&second), 0);
    CHECK_EQ(value_of(&good.begun), 1);
}

EVERYWHERE(once_nobody_may_wait_in_a_drop_function)
{
    rn_once once = ONCE;
    struct deed deed = {.once = &once};
    rn__callback_enter();
    CHECK_RC(rn_once_run(&once, do_it, &deed), RN_EDEADLK);
    CHECK_RC(rn_once_set(&once), 0);
    CHECK_RC(rn_once_wait(&once), RN_EDEADLK);
    rn__callback_leave();
}
