/* SPDX-License-Identifier: MIT */
/* notify.c - one stored permit and a line of those who want it (<runnel/notify.h>).
 *
 * In the line stand waiters, who sleep, and tickets, whose owners still do something else. A ticket's place is a
 * waiter with token 0, which names nobody: its notification is noted in the ticket. An owner that sleeps on its
 * ticket stands in a queue of one inside the ticket, so the ticket keeps its place in the line.
 *
 *                   enable, no permit              one, last, all
 *      not enabled -------------------> IN_LINE -------------------> BY_ONE, BY_LAST, BY_ALL
 *          | ^                             |                           ^             |
 *          | |                             |  wait, cancel             |             |
 *          | +-----------------------------+---------------------------|-------------+
 *          +-----------------------------------------------------------+
 *                   enable, there is a permit: BY_ONE
 *
 * No permit is lost: a waiter gets it only if its wake-up was won (else the next in line is asked), and a ticket
 * that ends without its owner having been told, though it was given one by one or last, passes it on in the same way.
 * A permit is stored only while the line has nobody who can take it, and whoever comes takes it before standing in
 * line.
 */
#include <runnel/notify.h>

#include "wait/select.h"

enum ticket_state { IN_LINE, BY_ONE, BY_LAST, BY_ALL };

/* What the two public structs are inside. User code zeroes them under their public types, we use them under these:
 * may_alias keeps that legal when a whole program is optimised as one. */
struct __attribute__((may_alias)) notify {
    struct rn__lock lock; /* protects everything here and in the tickets that were enabled here */
    uint32_t permit;
    struct rn__waitq line;
    uint64_t unused;
    const char *name;
};

struct __attribute__((may_alias)) ticket {
    struct notify *notify; /* NULL: not enabled. Only the owner looks at this one */
    struct rn__waiter place;
    struct rn__waitq parked; /* the owner, while it sleeps */
    enum ticket_state state;
};

_Static_assert(sizeof(struct notify) <= sizeof(rn_notify), "the public struct has room");
_Static_assert(offsetof(struct notify, permit) == offsetof(rn_notify, permit), "same layout");
_Static_assert(offsetof(struct notify, line) == offsetof(rn_notify, first), "same layout");
_Static_assert(offsetof(struct notify, name) == offsetof(rn_notify, name), "same layout");
_Static_assert(sizeof(struct ticket) <= sizeof(rn_notify_ticket), "the public struct has room");

static struct notify *inside(rn_notify *notify)
{
    return (struct notify *)(void *)notify;
}

static struct ticket *inside_ticket(rn_notify_ticket *ticket)
{
    return (struct ticket *)(void *)ticket;
}

/* ------------------------------------------------------------------------------------------------ notifying -- */

/* An owner that sleeps is woken. One that does not, or that something else has just woken, finds it in the ticket. */
static void give_to_ticket(struct ticket *ticket, enum ticket_state how, struct rn__wakes *wakes)
{
    struct rn__waiter *owner = rn__waitq_claim(&ticket->parked);
    ticket->state = how;
    if (owner != NULL)
        rn__wakes_add(wakes, owner, 0);
}

/* Takes one out of the line; false: it was a waiter that something else has woken already. Its frame is alive all
 * the same, because it needs our lock to leave. */
static bool give_to(struct rn__waiter *place, enum ticket_state how, struct rn__wakes *wakes)
{
    rn__waiter_remove(place);
    if (place->token == 0) {
        give_to_ticket(rn__container_of(place, struct ticket, place), how, wakes);
        return true;
    }
    if (!rn__party_fire(place->token, place->which))
        return false;
    rn__wakes_add(wakes, place, 0);
    return true;
}

/* Under the lock: for BY_ONE and BY_LAST. */
static void give_permit(struct notify *notify, enum ticket_state how, struct rn__wakes *wakes)
{
    struct rn__waiter *place;
    while ((place = how == BY_LAST ? notify->line.last : notify->line.first) != NULL) {
        if (give_to(place, how, wakes))
            return;
    }
    notify->permit = 1;
}

static void give_permit_locking(rn_notify *public_notify, enum ticket_state how)
{
    struct notify *notify = inside(public_notify);
    struct rn__wakes wakes = {0};
    if (notify == NULL)
        return;
    rn__lock_acquire(&notify->lock);
    give_permit(notify, how, &wakes);
    rn__lock_release(&notify->lock);
    rn__wakes_run(&wakes);
}

void rn_notify_one(rn_notify *notify)
{
    give_permit_locking(notify, BY_ONE);
}

void rn_notify_last(rn_notify *notify)
{
    give_permit_locking(notify, BY_LAST);
}

/* The whole line in one section under the lock: whoever is woken and comes back stands in a new one. */
void rn_notify_all(rn_notify *public_notify)
{
    struct notify *notify = inside(public_notify);
    struct rn__wakes wakes = {0};
    if (notify == NULL)
        return;
    rn__lock_acquire(&notify->lock);
    while (notify->line.first != NULL)
        give_to(notify->line.first, BY_ALL, &wakes);
    rn__lock_release(&notify->lock);
    rn__wakes_run(&wakes);
}

/* -------------------------------------------------------------------------------------------------- waiting -- */

static bool take_permit(struct notify *notify)
{
    const bool there = notify->permit != 0;
    notify->permit = 0;
    return there;
}

static int attempt_wait(struct rn__operation *operation, struct rn__wakes *wakes)
{
    (void)wakes;
    return take_permit(operation->object) ? 0 : RN__PENDING;
}

static bool wait_ready(const struct rn__operation *operation)
{
    const struct notify *notify = operation->object;
    return notify->permit != 0;
}

static const struct rn__operation_kind kind_wait = {
    .verb = "notify wait", .attempt = attempt_wait, .ready = wait_ready};

static void wait_init(struct rn__operation *operation, struct notify *notify)
{
    *operation = (struct rn__operation){
        .kind = &kind_wait,
        .lock = &notify->lock,
        .queue = &notify->line,
        .object = notify,
        .name = notify->name,
    };
}

rn_case rn_notify_wait_case(rn_notify *notify)
{
    rn_case made = {0};
    if (notify != NULL)
        wait_init(rn__case_operation(&made), inside(notify));
    return made;
}

int rn_notify_wait_until(rn_notify *notify, rn_deadline deadline)
{
    struct rn__operation operation;
    if (notify == NULL)
        return RN_EINVAL;
    wait_init(&operation, inside(notify));
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

int rn_notify_wait(rn_notify *notify)
{
    return rn_notify_wait_until(notify, RN_FOREVER);
}

/* -------------------------------------------------------------------------------------------------- tickets -- */

void rn_notify_enable(rn_notify *public_notify, rn_notify_ticket *public_ticket)
{
    struct notify *notify = inside(public_notify);
    struct ticket *ticket = inside_ticket(public_ticket);
    if (ticket == NULL)
        return;
    *ticket = (struct ticket){.notify = notify};
    if (notify == NULL)
        return;
    rn__lock_acquire(&notify->lock);
    if (take_permit(notify)) {
        ticket->state = BY_ONE;
    } else {
        ticket->state = IN_LINE;
        rn__waitq_push(&notify->line, &ticket->place);
    }
    rn__lock_release(&notify->lock);
}

/* Under the lock: out of the line, and the permit that it had, if any, goes to the next. */
static void end_ticket(struct ticket *ticket, struct rn__wakes *wakes)
{
    rn__waiter_remove(&ticket->place);
    if (ticket->state == BY_ONE || ticket->state == BY_LAST)
        give_permit(ticket->notify, ticket->state, wakes);
}

void rn_notify_ticket_cancel(rn_notify_ticket *public_ticket)
{
    struct ticket *ticket = inside_ticket(public_ticket);
    struct rn__wakes wakes = {0};
    if (ticket == NULL || ticket->notify == NULL)
        return;
    struct rn__lock *lock = &ticket->notify->lock;
    rn__lock_acquire(lock);
    end_ticket(ticket, &wakes);
    rn__lock_release(lock);
    ticket->notify = NULL;
    rn__wakes_run(&wakes);
}

static int attempt_ticket(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const struct ticket *ticket = operation->data;
    (void)wakes;
    return ticket->state == IN_LINE ? RN__PENDING : 0;
}

static const struct rn__operation_kind kind_ticket = {.verb = "notify ticket wait", .attempt = attempt_ticket};

int rn_notify_ticket_wait_until(rn_notify_ticket *public_ticket, rn_deadline deadline)
{
    struct ticket *ticket = inside_ticket(public_ticket);
    if (ticket == NULL || ticket->notify == NULL)
        return RN_EINVAL;
    struct notify *notify = ticket->notify;
    struct rn__operation operation = {
        .kind = &kind_ticket,
        .lock = &notify->lock,
        .queue = &ticket->parked,
        .object = notify,
        .name = notify->name,
        .data = ticket,
    };
    const int rc = rn__await(&operation, deadline, RN__CANCELLABLE);
    if (rc != 0)
        rn_notify_ticket_cancel(public_ticket);
    ticket->notify = NULL;
    return rc;
}

int rn_notify_ticket_wait(rn_notify_ticket *ticket)
{
    return rn_notify_ticket_wait_until(ticket, RN_FOREVER);
}
