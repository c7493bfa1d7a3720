/* SPDX-License-Identifier: MIT */
/* switch.h - one thread of execution hands its processor to another. */
#ifndef RN__FIBER_SWITCH_H
#define RN__FIBER_SWITCH_H

#include "base/annotate.h"
#include "fiber/stack.h"

/* What stays behind when a fiber is switched out: everything else is on its stack. */
struct rn__fiber {
    void *stack_pointer;      /* of a struct rn__saved_frame; with RN_FIBER_UCONTEXT, of a ucontext_t */
    struct rn__stack *stack;  /* NULL: the thread's own stack (the scheduler of a worker) */
    int saved_errno;          /* errno is per fiber: saved by the one who leaves, written by the one who resumes */
    uint32_t flags;           /* RN__FIBER_*, set after rn__fiber_prepare or rn__fiber_adopt_thread */
    void *cxx_exceptions[2];  /* what libstdc++'s __cxa_get_globals points at, where a C++ runtime is linked */
    uint64_t float_control;   /* rounding mode and exception mask, with RN__FIBER_FLOAT_CONTROL only */
    uint64_t float_elsewhere; /* the worker's own, put back when such a fiber leaves */
#if RN__ANNOTATES_FIBERS
    struct rn__annotated annotated;
#endif
};

/* A fiber with RN__FIBER_FLOAT_CONTROL has a rounding mode and an exception mask of its own: it starts with those
 * of the one who first resumes it, and what it changes is seen by nobody else. Without the flag they belong to the
 * worker's thread. 4 to 10 ns a switch. */
enum { RN__FIBER_FLOAT_CONTROL = 1u << 0 };

/* What a parked fiber's stack pointer points at, for those who look at it: the end of a chain of frame pointers,
 * and the place where it will go on, inside rn__fiber_switch. */
struct rn__saved_frame {
    void *frame_pointer;
    void *program_counter;
};

/* Makes `fiber` start in entry(arg) on `stack` at its first resume, with errno 0. entry must not return: it ends by
 * rn__fiber_leave. A backtrace ends below entry. */
void rn__fiber_prepare(struct rn__fiber *fiber, struct rn__stack *stack, void (*entry)(void *arg), void *arg);

/* Leaves `from` and goes on in `to`; returns when somebody switches back to `from`. Both belong to the calling
 * thread and `to` is not running. */
void rn__fiber_switch(struct rn__fiber *from, struct rn__fiber *to);

/* As above, for a fiber that will never be resumed; `from` may be a copy of it where its owner is gone already, and
 * is not touched after the switch. The stack may go to others once somebody else runs, not earlier (but see
 * rn__stack_cache_put). */
RN__NORETURN void rn__fiber_leave(struct rn__fiber *from, struct rn__fiber *to);

/* The calling thread's own stack as a fiber, so that it can be switched away from. */
void rn__fiber_adopt_thread(struct rn__fiber *fiber);
/* The opposite; the thread is back on its own stack. */
void rn__fiber_release_thread(struct rn__fiber *fiber);

#endif
