/* SPDX-License-Identifier: MIT */
/* fault.c - the injector that tests put in the way of every request that the system may refuse.
 *
 * Plain words suffice: the injector is set while nobody else uses the library, so starting the threads that read it
 * orders the two.
 */
#include "base/fault.h"

static struct {
    rn__fault_fn *fn;
    void *ctx;
} injector;

void rn__fault_set(rn__fault_fn *fn, void *ctx)
{
    injector.fn = fn;
    injector.ctx = ctx;
}

bool rn__fault(enum rn__fault_point point)
{
    if (RN__LIKELY(injector.fn == NULL))
        return false;
    return injector.fn(point, injector.ctx);
}
