/* SPDX-License-Identifier: MIT */
/* fault.h - the places where a test, and later the simulator, can say "this fails now".
 *
 * Every request that the system may refuse (memory, threads, mappings) asks rn__fault() first. With no injector
 * set, which is always so outside tests, that is one load and one branch.
 */
#ifndef RN__BASE_FAULT_H
#define RN__BASE_FAULT_H

#include "base/compiler.h"

enum rn__fault_point {
    RN__FAULT_ALLOC,  /* rn__alloc and its sisters */
    RN__FAULT_MAP,    /* rn__platform_map */
    RN__FAULT_THREAD, /* rn__platform_thread_create */
    RN__FAULT_GUARD,  /* installing a guard at the end of a stack */
    RN__FAULT_POINTS
};

typedef bool rn__fault_fn(enum rn__fault_point point, void *ctx);

/* NULL takes the injector away. Not to be called while other threads use the library. */
void rn__fault_set(rn__fault_fn *fn, void *ctx);

/* true: the caller behaves as if the system had refused. */
bool rn__fault(enum rn__fault_point point);

#endif
