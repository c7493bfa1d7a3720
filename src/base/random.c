/* SPDX-License-Identifier: MIT */
/* random.c - the source of every free choice of the scheduler, until somebody replaces it.
 *
 * One sequence for the whole process, starting the same each time: any thread takes its next step. That a choice
 * depends on nothing but how many were made before keeps addresses and clocks out of it, and choices are rare (a
 * worker that looks for work), so that the shared word does not matter.
 */
#include "base/random.h"

#include "base/atomic.h"
#include "base/log.h"

static uint64_t steps;

static struct {
    rn__choose_fn *fn;
    void *ctx;
} chooser;

void rn__choose_set(rn__choose_fn *fn, void *ctx)
{
    chooser.fn = fn;
    chooser.ctx = ctx;
}

uint32_t rn__choose(uint32_t n)
{
    rn__assert(n > 0);
    if (chooser.fn != NULL)
        return chooser.fn(n, chooser.ctx);
    /* rlx: only the number matters, and that no two callers get the same one */
    uint64_t state = rn__add_relaxed(&steps, 1) * UINT64_C(0x9e3779b97f4a7c15);
    /* The upper half times n, shifted down, is in 0 .. n - 1 and needs no division; that some results are likelier
     * by n / 2^32 does not matter here. */
    return (uint32_t)(((rn__random_next(&state) >> 32) * n) >> 32);
}
