/* SPDX-License-Identifier: MIT */
/* alloc.h - every allocation of the library goes through here, to the user's hook or to malloc. */
#ifndef RN__BASE_ALLOC_H
#define RN__BASE_ALLOC_H

#include "base/compiler.h"

/* NULL when out of memory. Memory from a call with alignment 0 is good for any fundamental type. Sizes are handed
 * back on free, because an allocator that knows them can be much simpler (and the hook's tests can count). */
void *rn__alloc(size_t size);
void *rn__alloc_aligned(size_t size, size_t alignment);
void *rn__alloc_zeroed(size_t size);
void rn__free(void *memory, size_t size);

/* a * b in *out, or false if that does not fit. */
static inline bool rn__multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

#endif
