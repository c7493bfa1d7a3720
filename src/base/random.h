/* SPDX-License-Identifier: MIT */
/* random.h - small fast random numbers for scheduling ties, and the one function that every choice goes through. */
#ifndef RN__BASE_RANDOM_H
#define RN__BASE_RANDOM_H

#include "base/compiler.h"

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): one word of state, any seed is good. */
static inline uint64_t rn__random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 <= result < n, n > 0. Every choice of the scheduler that its rules leave open (which victim first, which of
 * two equally loaded workers) is made here and nowhere else: the seam where the simulator will decide. */
uint32_t rn__choose(uint32_t n);

/* Replaces the source of rn__choose; NULL restores it. */
typedef uint32_t rn__choose_fn(uint32_t n, void *ctx);
void rn__choose_set(rn__choose_fn *fn, void *ctx);

#endif
