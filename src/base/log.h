/* SPDX-License-Identifier: MIT */
/* log.h - warnings to the replaceable hook, and the end of the program when an invariant is broken. */
#ifndef RN__BASE_LOG_H
#define RN__BASE_LOG_H

#include "base/compiler.h"

/* One line, without a newline, to the hook of <runnel/hooks.h>; by default to stderr behind "runnel: ". */
void rn__warn(const char *format, ...) RN__PRINTF(1, 2);

/* A bug of the caller or of ours: says what and where, then aborts. */
RN__COLD RN__NORETURN void rn__die(const char *file, int line, const char *format, ...) RN__PRINTF(3, 4);

/* Invariants of the library: checked in debug and sanitizer builds, where NDEBUG is not defined. */
#ifdef NDEBUG
#define rn__assert(condition) ((void)sizeof(condition))
#else
#define rn__assert(condition)                                                                                        \
    ((condition) ? (void)0 : rn__die(__FILE__, __LINE__, "assertion failed: %s", #condition))
#endif

#endif
