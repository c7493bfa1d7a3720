/* SPDX-License-Identifier: MIT */
/* callback.c - a party without a stack (contract in callback.h). */
#include "wait/callback.h"

/* What a party of this kind keeps behind the part that all have in common. */
struct callback_slot {
    struct rn__party party;
    struct rn__callback *callback;
};
_Static_assert(sizeof(struct callback_slot) <= RN__PARTY_SLOT, "a slot of the table holds it");

static void callback_schedule(struct rn__party *party)
{
    struct rn__callback *callback = rn__container_of(party, struct callback_slot, party)->callback;
    const int result = callback->operation.waiter.result;
    rn__await_stand(party, NULL, 0);
    rn__party_settle(party); /* before fn, so that fn can start the next wait */
    rn__callback_enter();
    callback->fn(callback, result);
    rn__callback_leave();
}

static const struct rn__party_kind callback_kind = {.name = "callback", .schedule = callback_schedule};

int rn__callback_init(struct rn__callback *callback, void (*fn)(struct rn__callback *, int), void *ctx)
{
    *callback = (struct rn__callback){.fn = fn, .ctx = ctx, .party = rn__party_take(&callback_kind)};
    if (callback->party == NULL)
        return RN_ENOMEM;
    rn__container_of(callback->party, struct callback_slot, party)->callback = callback;
    return 0;
}

void rn__callback_fini(struct rn__callback *callback)
{
    rn__party_give_back(callback->party);
    callback->party = NULL;
}

int rn__callback_await(struct rn__callback *callback)
{
    struct rn__operation *operation = &callback->operation;
    struct rn__wakes wakes = {0};
    rn__lock_acquire(operation->lock);
    const int rc = operation->kind->attempt(operation, &wakes);
    if (rc == RN__PENDING) {
        rn__await_stand(callback->party, operation, 1);
        operation->waiter.token = rn__party_arm(callback->party);
        operation->waiter.which = 0;
        rn__waitq_push(operation->queue, &operation->waiter);
    }
    rn__lock_release(operation->lock);
    rn__wakes_run(&wakes);
    return rc;
}

bool rn__callback_withdraw(struct rn__callback *callback)
{
    if (!rn__party_disarm(callback->party))
        return false;
    rn__operation_leave(&callback->operation);
    rn__await_stand(callback->party, NULL, 0);
    return true;
}
