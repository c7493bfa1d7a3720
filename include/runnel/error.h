/* SPDX-License-Identifier: MIT */
/* error.h - 0 is success; every other code is negative and says exactly one thing.
 *
 * The library returns codes and never sets errno. Codes that mean the same as an errno word are its negative, so
 * that I/O codes can pass through. Names and texts of all of them come from rn_err_name() and rn_strerror().
 *
 * Use:
 *     int rc = jobs_send(tx, job);
 *     if (rc != 0)
 *         fprintf(stderr, "jobs: %s\n", rn_err_name(rc));        "jobs: RN_CLOSED"
 *     RN_MUST(jobs_channel(&tx, &rx, 32));                       in set-up code: or stop the program
 *     RN_TRY(jobs_send(tx, job));                                or return the code from this function
 *     rn_ignore(jobs_tx_clone(&mine, tx));                       I know and I do not care
 *
 * Bands:  -1 .. -4095 the negative errno of this system | -5000 .. -5119 runnel | <= -10000 and > 0 yours.
 * A number never changes its meaning. None of ours is a multiple of 256: none becomes exit status 0.
 *
 * At the same time:  everything here, by anybody.
 * Closing:           nothing to close.
 * Costs:             nothing.
 * Another shape:     a task's own result is an int too (task.h): 0 is success there as well.
 */
#ifndef RUNNEL_ERROR_H
#define RUNNEL_ERROR_H

#include <errno.h>

#include <runnel/base.h>

RN__BEGIN_DECLS

enum rn_code {
    RN_OK = 0,

    /* facts about channels */
    RN_CLOSED = -5001, /* nothing more will ever come, or nobody will ever take it */
    RN_FULL = -5002,   /* try_send: no room now */
    RN_EMPTY = -5003,  /* try_recv: nothing can be taken now */
    RN_LAGGED = -5004, /* broadcast recv without a place for the count: messages were overwritten */
    RN_NOBODY = -5005, /* nobody is subscribed at this moment; may change */

    /* facts about tasks */
    RN_NO_RUNTIME = -5011, /* this thread belongs to no runtime, and none was named */
    RN_SHUTDOWN = -5012,   /* the runtime is going down */
    RN_FORKED = -5013,     /* it is the parent process's, or only a thread of the parent could end the wait */

    /* errno words that runnel itself uses */
    RN_EAGAIN = -EAGAIN,       /* would wait: a lock is held, permits are missing, the blocking pool is full */
    RN_ENOMEM = -ENOMEM,       /* out of memory, address space or threads */
    RN_EBUSY = -EBUSY,         /* a second party where only one may stand */
    RN_EINVAL = -EINVAL,       /* bad argument: nothing was changed */
    RN_EDEADLK = -EDEADLK,     /* waiting for yourself, or where nobody may wait */
    RN_ENOSYS = -ENOSYS,       /* this system cannot */
    RN_EOVERFLOW = -EOVERFLOW, /* a count would not fit */
    RN_ETIMEDOUT = -ETIMEDOUT, /* only from calls with a deadline, and from shutdown */
    RN_ECANCELED = -ECANCELED  /* only from calls that wait: this task was asked to stop */
};

/**
 * rn_strerror, rn_err_name - a code as a sentence, and as the word it has in the source
 * @code: any int: ours, the negative of an errno word, or not known at all
 *
 * Context:  anywhere; never waits
 * Owner:    static text
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  "channel closed", "RN_CLOSED"; "broken pipe", "EPIPE"; "unknown code", "?". Never NULL
 */
RN_API const char *rn_strerror(int code);
RN_API const char *rn_err_name(int code);

/**
 * RN_MUST, rn__must_failed - this call succeeds, or the program has no business going on
 *
 * RN_MUST(f(...)) gives the call's value if that is >= 0. Otherwise file, line, the expression and the name of the
 * code go to the log (hooks.h) and the program aborts. For set-up and examples; never around a wait in a task that
 * may be cancelled.
 *
 * Context:  anywhere
 * Owner:    as the call itself
 * Cancel:   as the call itself; RN_ECANCELED is a failure like any other
 * Order:    as the call itself
 * Memory:   as the call itself
 * Returns:  the value, if it is not negative
 */
RN_API void rn__must_failed(int code, const char *expression, const char *file, int line)
    __attribute__((noreturn, cold));
#define RN_MUST(...) rn__must((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
RN__UNUSED static inline int rn__must(int code, const char *expression, const char *file, int line)
{
    if (__builtin_expect(code < 0, 0))
        rn__must_failed(code, expression, file, line);
    return code;
}

/* RN_TRY(f(...)): a negative code is returned from the enclosing function. With RN_AUTO ends nothing leaks. */
#define RN_TRY(...)                                                                                                  \
    do {                                                                                                             \
        int rn__try_code = (__VA_ARGS__);                                                                            \
        if (rn__try_code < 0)                                                                                        \
            return rn__try_code;                                                                                     \
    } while (0)

/* rn_ignore(f(...)): on purpose. gcc does not accept a cast to void for a result that must be used. */
RN__UNUSED static inline void rn_ignore(int code)
{
    (void)code;
}

RN__END_DECLS

#endif
