/* SPDX-License-Identifier: MIT */
/* cancel.c - what a caller may ask and say about its own cancellation (<runnel/cancel.h>), and sleeping. */
#include "wait/await.h"

#include <runnel/cancel.h>
#include <runnel/time.h>

int rn_cancelled(void)
{
    const struct rn__party *self = rn__party_current();
    if (self == NULL)
        return 0;
    const int32_t cause = rn__load_acquire(&self->cause); /* PARTY-9 */
    if (cause != 0 || self->scope == NULL || self->scope->limit == RN__NEVER)
        return cause;
    return self->scope->limit <= rn__now() ? RN_ETIMEDOUT : 0;
}

/* Nobody cancels a plain thread but a scope that it has opened: outside of one there is nothing to shield. */
void rn_shield_enter(void)
{
    struct rn__party *self = rn__party_current();
    if (self != NULL && (self->kind->cancellable || self->scope != NULL))
        self->shield++;
}

void rn_shield_leave(void)
{
    struct rn__party *self = rn__party_current();
    if (self != NULL && self->shield > 0)
        self->shield--;
}

int rn_sleep_until(rn_deadline deadline)
{
    const int rc = rn__await_deadline(deadline, RN__CANCELLABLE);
    return rc == RN_ETIMEDOUT ? 0 : rc;
}

int rn_sleep_ms(int64_t ms)
{
    return rn_sleep_until(rn_in_ms(ms));
}
