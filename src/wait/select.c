/* SPDX-License-Identifier: MIT */
/* select.c - several operations of which one is to happen (drawn in select.h). */
#include "wait/select.h"

#include "base/random.h"
#include "wait/fork.h"

_Static_assert(RN_SELECT_MAX <= RN__BY_TIMER, "a case's number is told from a timer and a canceller");

/* ----------------------------------------------------------------------------------- cases that nobody serves -- */

struct timeout {
    struct rn__operation operation;
    struct rn__alone alone;
    rn_deadline at;
};
RN__FITS_A_CASE(struct timeout);

static struct timeout *timeout_of(const struct rn__operation *operation)
{
    return rn__container_of(operation, struct timeout, operation);
}

static void timeout_begin(struct rn__operation *operation)
{
    rn__alone_begin(&timeout_of(operation)->alone, operation);
}

static int timeout_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return rn__deadline_passed(timeout_of(operation)->at) ? 0 : RN__PENDING;
}

/* Whoever waits for it has it as the deadline of the wait. */
static bool timeout_ready(const struct rn__operation *operation)
{
    (void)operation;
    return false;
}

static int64_t timeout_due(const struct rn__operation *operation)
{
    return timeout_of(operation)->at.at;
}

static const struct rn__operation_kind timeout_kind = {.verb = "deadline",
                                                       .begin = timeout_begin,
                                                       .attempt = timeout_attempt,
                                                       .ready = timeout_ready,
                                                       .due = timeout_due};

rn_case rn_deadline_case(rn_deadline deadline)
{
    rn_case made = {0};
    struct timeout *timeout = timeout_of(rn__case_operation(&made));
    timeout->at = deadline;
    timeout->operation.kind = deadline.at == 0 ? NULL : &timeout_kind;
    return made;
}

static int refused_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)operation, (void)wakes;
    return RN_EINVAL;
}

static const struct rn__operation_kind refused_kind = {
    .verb = "refused", .begin = timeout_begin, .attempt = refused_attempt};

rn_case rn__case_refused(void)
{
    rn_case made = {0};
    rn__case_operation(&made)->kind = &refused_kind;
    return made;
}

/* ------------------------------------------------------------------------------------------ one selection -- */

struct selection {
    rn_case *cases;
    uint32_t count;
    uint32_t start;    /* they are looked at in turn from here, */
    bool backwards;    /* in one direction or the other: so two that are ready are chosen equally often */
    uint32_t begun;    /* so many, in that order, have begun */
    uint32_t standing; /* so many, in that order, stand in their queues */
    uint32_t winner;   /* valid if rc is not RN__PENDING */
    int rc;
    int64_t until; /* the soonest deadline, of the call or of a case */
};

/* The n-th in turn. */
static uint32_t index_of(const struct selection *selection, uint32_t n)
{
    if (selection->backwards)
        return selection->start >= n ? selection->start - n : selection->start + (selection->count - n);
    return selection->count - selection->start > n ? selection->start + n : n - (selection->count - selection->start);
}

/* NULL: it never happens. */
static struct rn__operation *operation_at(const struct selection *selection, uint32_t index)
{
    struct rn__operation *operation = rn__case_operation(&selection->cases[index]);
    return operation->kind == NULL ? NULL : operation;
}

static void begin_case(struct rn__operation *operation)
{
    operation->waiter.token = 0;
    if (operation->kind->begin != NULL)
        operation->kind->begin(operation);
}

/* Looks at all in turn, until one has happened. */
static void attempt_all(struct selection *selection)
{
    for (uint32_t n = 0; n < selection->count; n++) {
        const uint32_t index = index_of(selection, n);
        struct rn__operation *operation = operation_at(selection, index);
        if (n == selection->begun) {
            selection->begun++;
            if (operation != NULL)
                begin_case(operation);
        }
        if (operation == NULL)
            continue;
        selection->rc = rn__attempt(operation, RN__PENDING);
        if (selection->rc != RN__PENDING) {
            selection->winner = index;
            return;
        }
    }
}

static int64_t due_at(const struct rn__operation *operation)
{
    return operation->kind->due == NULL ? RN__NEVER : operation->kind->due(operation);
}

/* None was possible at once. false: none ever will be. */
static bool may_happen(struct selection *selection, rn_deadline deadline)
{
    bool any = deadline.at != 0;
    selection->until = rn__deadline_ns(deadline);
    for (uint32_t index = 0; index < selection->count; index++) {
        const struct rn__operation *operation = operation_at(selection, index);
        if (operation == NULL)
            continue;
        any = true;
        if (due_at(operation) < selection->until)
            selection->until = due_at(operation);
    }
    return any;
}

/* ------------------------------------------------------------------------------------------------ waiting -- */

/* Armed. What became of the look at one case. */
enum look { STANDS, HAPPENED, MET_ANOTHER, WAS_FIRED };

static enum look attempt_as_winner(struct selection *selection, struct rn__operation *operation,
                                   struct rn__party *self, struct rn__wakes *wakes)
{
    if (!rn__party_disarm(self))
        return WAS_FIRED;
    selection->rc = operation->kind->attempt(operation, wakes);
    return selection->rc == RN__PENDING ? MET_ANOTHER : HAPPENED;
}

static enum look stand_or_attempt(struct selection *selection, uint32_t index, struct rn__party *self, uint64_t token)
{
    struct rn__operation *operation = operation_at(selection, index);
    struct rn__wakes wakes = {0};
    enum look look = STANDS;
    if (operation == NULL)
        return STANDS;
    operation->waiter.which = (uint16_t)index;
    rn__lock_acquire(operation->lock);
    operation->waiter.token = token;
    if (operation->kind->ready(operation)) {
        look = attempt_as_winner(selection, operation, self, &wakes);
    } else {
        rn__waitq_push(operation->queue, &operation->waiter);
        if (operation->kind->stand != NULL)
            operation->kind->stand(operation);
    }
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
    return look;
}

/* Out of all queues, but for the one from which the winner was taken. */
static void leave_all(struct selection *selection)
{
    for (uint32_t n = 0; n < selection->standing; n++) {
        const uint32_t index = index_of(selection, n);
        struct rn__operation *operation = operation_at(selection, index);
        if (operation != NULL && (selection->rc == RN__PENDING || index != selection->winner))
            rn__operation_leave(operation);
    }
    selection->standing = 0;
}

/* Until somebody has fired: a code, or a case has happened. */
static int park(struct selection *selection, struct rn__party *self, int64_t until)
{
    const struct rn__operation *first = selection->count == 0 ? NULL : operation_at(selection, 0);
    rn__await_describe(self, "select", first == NULL ? NULL : first->name, selection->cases, until);
    const uint32_t which = rn__await_park(self, until, RN__CANCELLABLE);
    if (which == RN__BY_CANCEL)
        return RN_ECANCELED;
    if (which == RN__BY_TIMER)
        return RN_ETIMEDOUT;
    selection->winner = which;
    selection->rc = operation_at(selection, which)->waiter.result;
    return 0;
}

/* Stands in all queues and waits, unless one of them is ready meanwhile. */
static int wait_for_one(struct selection *selection, struct rn__party *self)
{
    if (selection->count > 0)
        rn__await_stand(self, rn__case_operation(&selection->cases[0]), selection->count);
    const uint64_t token = rn__await_arm(self, RN__CANCELLABLE);
    enum look look = STANDS;
    int rc = 0;
    for (uint32_t n = 0; n < selection->count && look == STANDS; n++) {
        const uint32_t index = index_of(selection, n);
        look = stand_or_attempt(selection, index, self, token);
        selection->standing += look == STANDS;
        if (look == HAPPENED)
            selection->winner = index;
    }
    if (look == STANDS)
        rc = park(selection, self, selection->until);
    else if (look == WAS_FIRED)
        rc = park(selection, self, RN__NEVER);
    leave_all(selection);
    rn__await_stand(self, NULL, 0);
    return rc;
}

/* The wait ended by its deadline: was that a case's? */
static int time_out(struct selection *selection)
{
    for (uint32_t index = 0; index < selection->count; index++) {
        const struct rn__operation *operation = operation_at(selection, index);
        if (operation == NULL || due_at(operation) != selection->until)
            continue;
        selection->winner = index;
        selection->rc = 0;
        return 0;
    }
    return RN_ETIMEDOUT;
}

static int wait_until_one(struct selection *selection, struct rn__party *self, rn_deadline deadline)
{
    if (!may_happen(selection, deadline))
        return RN_EDEADLK;
    if (rn__deadline_passed(deadline))
        return RN_ETIMEDOUT;
    if (self == NULL && (self = rn__party_of_caller()) == NULL)
        return RN_ENOMEM;
    if (self->kind->park == NULL)
        return RN_EDEADLK;
    if (rn__wait_is_hopeless(self, rn_at_ns(selection->until)))
        return RN_FORKED;
    for (;;) {
        const int rc = wait_for_one(selection, self);
        if (rc == RN_ETIMEDOUT)
            return time_out(selection);
        if (rc != 0 || selection->rc != RN__PENDING)
            return rc;
        attempt_all(selection);
        if (selection->rc != RN__PENDING)
            return 0;
    }
}

/* ----------------------------------------------------------------------------------------------- the call -- */

/* Gives the final code of the one that happened; of the others none. */
static void finish_all(struct selection *selection)
{
    const bool any = selection->rc != RN__PENDING;
    for (uint32_t n = 0; n < selection->begun; n++) {
        const uint32_t index = index_of(selection, n);
        struct rn__operation *operation = operation_at(selection, index);
        if (operation != NULL && operation->kind->finish != NULL && !(any && index == selection->winner))
            (void)operation->kind->finish(operation, RN__PENDING);
    }
    if (!any)
        return;
    struct rn__operation *winner = operation_at(selection, selection->winner);
    if (winner->kind->finish != NULL)
        selection->rc = winner->kind->finish(winner, selection->rc);
    selection->cases[selection->winner].rc = selection->rc;
}

static bool is_valid(const rn_case *cases, size_t count)
{
    return count <= RN_SELECT_MAX && (cases != NULL || count == 0);
}

static void selection_init(struct selection *selection, rn_case *cases, size_t count, enum rn__choice choice)
{
    *selection = (struct selection){.cases = cases, .count = (uint32_t)count, .rc = RN__PENDING};
    if (choice == RN__IN_ORDER || count < 2)
        return;
    const uint32_t chosen = rn__choose(2 * (uint32_t)count);
    selection->start = chosen / 2;
    selection->backwards = chosen % 2 != 0;
}

int rn__select(rn_case *cases, size_t count, rn_deadline deadline, enum rn__choice choice)
{
    struct selection selection;
    struct rn__party *self = rn__party_current();
    if (!is_valid(cases, count))
        return RN_EINVAL;
    int rc = rn__await_entry(RN__CANCELLABLE);
    if (rc != 0)
        return rc;
    selection_init(&selection, cases, count, choice);
    attempt_all(&selection);
    const bool at_once = selection.rc != RN__PENDING;
    if (!at_once)
        rc = wait_until_one(&selection, self, deadline);
    finish_all(&selection);
    if (at_once)
        rn__budget_spend(self);
    return rc == 0 ? (int)selection.winner : rc;
}

int rn_select(rn_case *cases, size_t count)
{
    return rn__select(cases, count, RN_FOREVER, RN__AT_RANDOM);
}

int rn_select_until(rn_case *cases, size_t count, rn_deadline deadline)
{
    return rn__select(cases, count, deadline, RN__AT_RANDOM);
}

int rn_select_in_order(rn_case *cases, size_t count, rn_deadline deadline)
{
    return rn__select(cases, count, deadline, RN__IN_ORDER);
}

int rn_try_select(rn_case *cases, size_t count)
{
    struct selection selection;
    if (!is_valid(cases, count))
        return RN_EINVAL;
    selection_init(&selection, cases, count, RN__AT_RANDOM);
    attempt_all(&selection);
    finish_all(&selection);
    return selection.rc == RN__PENDING ? RN_EAGAIN : (int)selection.winner;
}
