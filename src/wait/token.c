/* SPDX-License-Identifier: MIT */
/* token.c - cancel tokens (<runnel/cancel.h>): a tree in which a request runs down, and deadlines that nobody fires.
 *
 * A child holds a reference to its parent, the parent a link to the child. A request marks a token, then all that is
 * below it, depth first and with one lock at a time; it needs no memory and no stack, because the way back up is the
 * parent's pointer. A token leaves its parent's list when everything below it is marked:
 *
 *     marked, listed       somebody is at work below it: another request that comes by goes down there as well
 *     marked, not listed   all below it is marked
 *
 * So when a request returns everything below its token has a cause, whoever gave it. A child of a token that is
 * marked is born marked and never listed.
 *
 * A deadline is fixed with the token, not later than its parent's. Whoever asks after it has passed stores the cause,
 * so that it stays; whoever waits has it as a deadline of the wait.
 *
 * Edges
 *  TOKEN-1 mark() acq_rel -> TOKEN-2 rn_cancel_cause() acquire: what was done before the request
 *  TOKEN-3 unreference() acq_rel -> TOKEN-3 unreference() acq_rel: every use, before the memory is freed
 */
#include "wait/token.h"

#include "base/alloc.h"
#include "wait/select.h"

struct rn_cancel {
    struct rn__lock lock; /* protects waiters, children, listeners, and the link of each child */
    int32_t cause;        /* 0: nobody has cancelled it. Set once */
    uint32_t references;  /* clones, children, requests on their way through */
    int64_t deadline;     /* set once; RN__NEVER: none */
    rn_cancel *parent;    /* set once */
    struct rn__link sibling;
    struct rn__link children;
    struct rn__link listeners;
    struct rn__waitq waiters;
};

/* ----------------------------------------------------------------------------------------------- references -- */

static void reference(rn_cancel *token)
{
    rn__add_relaxed(&token->references, 1); /* rlx: the caller has one already */
}

/* Under the parent's lock: a child whose last reference is gone waits for the lock, to leave the list. */
static bool reference_if_alive(rn_cancel *child)
{
    uint32_t count = rn__load_relaxed(&child->references); /* rlx: the exchange below decides */
    while (count != 0) {
        if (rn__cas_relaxed(&child->references, &count, count + 1)) /* rlx: it is not freed while we hold the lock */
            return true;
    }
    return false;
}

static void leave_parent(rn_cancel *token)
{
    rn_cancel *parent = token->parent;
    rn__lock_acquire(&parent->lock);
    if (rn__link_is_in(&token->sibling))
        rn__list_remove(&token->sibling);
    rn__lock_release(&parent->lock);
}

/* The last one takes the parent's reference along, and so on up. */
static void unreference(rn_cancel *token)
{
    while (token != NULL && rn__sub_acq_rel(&token->references, 1) == 1) { /* TOKEN-3 */
        rn_cancel *parent = token->parent;
        if (parent != NULL)
            leave_parent(token);
        rn__free(token, sizeof *token);
        token = parent;
    }
}

/* ---------------------------------------------------------------------------------------------------- cause -- */

static int32_t mark(rn_cancel *token, int32_t cause)
{
    int32_t found = 0;
    return rn__cas_acq_rel(&token->cause, &found, cause) ? cause : found; /* TOKEN-1 TOKEN-2 */
}

static int32_t cause_of(rn_cancel *token)
{
    const int32_t cause = rn__load_acquire(&token->cause); /* TOKEN-2 */
    if (cause != 0 || token->deadline == RN__NEVER || token->deadline > rn__now())
        return cause;
    return mark(token, RN_ETIMEDOUT);
}

int rn_cancel_cause(rn_cancel *token)
{
    return token == NULL ? 0 : cause_of(token);
}

/* --------------------------------------------------------------------------------------------------- making -- */

static rn_cancel *make(rn_cancel *parent, int64_t deadline)
{
    rn_cancel *token = rn__alloc(sizeof *token);
    if (token == NULL)
        return NULL;
    *token = (rn_cancel){.references = 1, .deadline = deadline, .parent = parent};
    rn__list_init(&token->children);
    rn__list_init(&token->listeners);
    return token;
}

static void join_parent(rn_cancel *token, rn_cancel *parent)
{
    reference(parent);
    rn__lock_acquire(&parent->lock);
    const int32_t cause = cause_of(parent);
    if (cause != 0)
        mark(token, cause);
    else
        rn__list_push_back(&parent->children, &token->sibling);
    rn__lock_release(&parent->lock);
}

int rn_cancel_child_until(rn_cancel **out, rn_cancel *parent, rn_deadline deadline)
{
    if (out == NULL)
        return RN_EINVAL;
    int64_t at = rn__deadline_ns(deadline);
    if (parent != NULL && parent->deadline < at)
        at = parent->deadline;
    rn_cancel *token = *out = make(parent, at);
    if (token == NULL)
        return RN_ENOMEM;
    if (parent != NULL)
        join_parent(token, parent);
    return 0;
}

int rn_cancel_child(rn_cancel **out, rn_cancel *parent)
{
    return rn_cancel_child_until(out, parent, RN_FOREVER);
}

int rn_cancel_new(rn_cancel **out)
{
    return rn_cancel_child_until(out, NULL, RN_FOREVER);
}

rn_cancel *rn_cancel_clone(rn_cancel *token)
{
    if (token != NULL)
        reference(token);
    return token;
}

void rn_cancel_drop(rn_cancel *token)
{
    unreference(token);
}

/* ------------------------------------------------------------------------------------------------ requesting -- */

static struct rn__listener *keep_listeners(rn_cancel *token)
{
    struct rn__listener *first = NULL;
    struct rn__link *link;
    while ((link = rn__list_first(&token->listeners)) != NULL) {
        struct rn__listener *listener = rn__container_of(link, struct rn__listener, link);
        listener->keep(listener);
        rn__list_remove(link);
        listener->next = first;
        first = listener;
    }
    return first;
}

static rn_cancel *reference_first_child(rn_cancel *token)
{
    for (struct rn__link *link = token->children.next; link != &token->children; link = link->next) {
        rn_cancel *child = rn__container_of(link, rn_cancel, sibling);
        if (reference_if_alive(child))
            return child;
    }
    return NULL;
}

/* Marks one token and tells all who wait for it. Gives a child that is still listed, with a reference. */
static rn_cancel *cancel_one(rn_cancel *token, int32_t cause)
{
    struct rn__wakes wakes = {0};
    rn__lock_acquire(&token->lock);
    if (cause_of(token) == 0)
        mark(token, cause);
    cause = rn__load_acquire(&token->cause); /* TOKEN-2 */
    rn__wakes_add_all(&wakes, &token->waiters, 0);
    struct rn__listener *listener = keep_listeners(token);
    rn_cancel *child = reference_first_child(token);
    rn__lock_release(&token->lock);
    rn__wakes_run(&wakes);
    while (listener != NULL) {
        struct rn__listener *next = listener->next; /* it may be gone when it has heard */
        listener->hear(listener, cause);
        listener = next;
    }
    return child;
}

/* The token itself, too, may be dropped by those whom the request wakes. */
void rn_cancel_request(rn_cancel *token, int cause)
{
    if (token == NULL)
        return;
    reference(token);
    rn_cancel *at = token;
    for (;;) {
        rn_cancel *child = cancel_one(at, cause == 0 ? RN_ECANCELED : cause);
        if (child != NULL) {
            at = child;
            continue;
        }
        if (at == token)
            break;
        rn_cancel *parent = at->parent; /* which lives: we hold a reference to it, or are the caller's guest */
        leave_parent(at);
        unreference(at);
        at = parent;
    }
    unreference(token);
}

/* ------------------------------------------------------------------------------------------------- listening -- */

int32_t rn__cancel_listen(rn_cancel *token, struct rn__listener *listener)
{
    rn__lock_acquire(&token->lock);
    const int32_t cause = cause_of(token);
    if (cause == 0)
        rn__list_push_back(&token->listeners, &listener->link);
    rn__lock_release(&token->lock);
    return cause;
}

void rn__cancel_unlisten(rn_cancel *token, struct rn__listener *listener)
{
    rn__lock_acquire(&token->lock);
    if (rn__link_is_in(&listener->link))
        rn__list_remove(&listener->link);
    rn__lock_release(&token->lock);
}

int64_t rn__cancel_deadline(const rn_cancel *token)
{
    return token->deadline;
}

/* --------------------------------------------------------------------------------------------------- waiting -- */

static int wait_attempt(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return cause_of(operation->object) != 0 ? 0 : RN__PENDING;
}

static bool wait_ready(const struct rn__operation *operation)
{
    return cause_of(operation->object) != 0;
}

static int64_t wait_due(const struct rn__operation *operation)
{
    return rn__cancel_deadline(operation->object);
}

static const struct rn__operation_kind wait_kind = {
    .verb = "cancel wait", .attempt = wait_attempt, .ready = wait_ready, .due = wait_due};

static void wait_init(struct rn__operation *operation, rn_cancel *token)
{
    *operation = (struct rn__operation){
        .kind = &wait_kind, .lock = &token->lock, .queue = &token->waiters, .object = token};
}

rn_case rn_cancel_case(rn_cancel *token)
{
    rn_case made = {0};
    if (token != NULL)
        wait_init(rn__case_operation(&made), token);
    return made;
}

int rn_cancel_wait_until(rn_cancel *token, rn_deadline deadline)
{
    struct rn__operation operation;
    if (token == NULL)
        return RN_EINVAL;
    wait_init(&operation, token);
    const bool is_due_first = token->deadline < rn__deadline_ns(deadline);
    const int rc = rn__await(&operation, is_due_first ? rn_at_ns(token->deadline) : deadline, RN__CANCELLABLE);
    return rc == RN_ETIMEDOUT && is_due_first ? 0 : rc;
}

int rn_cancel_wait(rn_cancel *token)
{
    return rn_cancel_wait_until(token, RN_FOREVER);
}
