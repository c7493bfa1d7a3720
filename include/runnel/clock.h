/* SPDX-License-Identifier: MIT */
/* clock.h - a clock that stands still and jumps, for tests of code that waits for times.
 *
 * The clock is the one of time.h: all deadlines, sleeps and intervals of the process go by it, in tasks and in plain
 * threads. While it is paused it stands, and moves only in jumps. With RN_CLOCK_JUMPS it jumps by itself to the next
 * deadline that anybody waits for whenever nobody is left who could do something at the time that it shows: so a
 * program that sleeps for hours runs at once, in the order of its deadlines, and each wait ends exactly when it
 * should. With RN_CLOCK_STANDS only rn_clock_advance moves it.
 *
 * Who could do something is a task that runs or is ready to, on whatever worker, and a job of the blocking pool.
 * Plain threads of yours do not hold the clock: the library cannot know what they are about. Let what is being tested
 * be tasks; or take RN_CLOCK_STANDS, and say yourself when time goes on.
 *
 * Use:
 *     static int body(void *arg)                               the test is a task, by rn_run
 *     {
 *         RN_MUST(rn_clock_pause(RN_CLOCK_JUMPS));
 *         int64_t begin = rn_now_ns();
 *         rn_sleep_ms(3600 * 1000);                            comes back at once
 *         assert(rn_now_ns() - begin == INT64_C(3600000000000));
 *         return rn_clock_resume();
 *     }
 *
 * At the same time:  advance by anybody. Pausing and resuming is for the one who runs the test: the clock is the
 *                    process's, there is one.
 * Closing:           rn_clock_resume, or never: the end of a runtime does not let the clock go on.
 * Costs:             nothing while the clock has never been paused. A jump costs each worker that it concerns a sleep
 *                    and a wake-up, some microseconds.
 * Another shape:     none in the program under test: it is written as if there were no such thing.
 */
#ifndef RUNNEL_CLOCK_H
#define RUNNEL_CLOCK_H

#include <runnel/base.h>
#include <runnel/error.h>

RN__BEGIN_DECLS

enum rn_clock {
    RN_CLOCK_JUMPS = 0, /* to the next deadline, when every task and blocking job waits */
    RN_CLOCK_STANDS = 1 /* until rn_clock_advance */
};

/**
 * rn_clock_pause, rn_clock_resume - let the clock stand, and go on from where it then stands
 * @how: whether it jumps by itself
 *
 * Who is waiting at that moment goes on waiting, by the clock as it is now. The clock never goes back; but who reads
 * it on another thread in the very moment of the first pause of a process may have seen it a little ahead. The grace
 * time of a runtime that ends is measured by the paused clock for tasks, by the real one for blocking jobs.
 *
 * Context:  any task or thread; waits for others to notice, which they do at once
 * Owner:    nothing
 * Cancel:   uncancellable
 * Order:    none
 * Memory:   none
 * Returns:  0 | RN_EBUSY it is paused already (pause) | RN_EINVAL it is not (resume), or @how | RN_EDEADLK called by
 *           a callback
 */
RN_API int rn_clock_pause(enum rn_clock how);
RN_API int rn_clock_resume(void);

/**
 * rn_clock_advance - make a paused clock jump
 * @ns: how far; 0 is allowed. It stops short of the end of time
 *
 * One jump: all deadlines on the way are passed at once, and who waited for them is woken but has not run yet when
 * this comes back. To go through them one by one, each at its time, sleep instead (with RN_CLOCK_JUMPS).
 *
 * Context:  anywhere; never waits
 * Owner:    nothing
 * Cancel:   uncancellable (never waits)
 * Order:    everything before it happens-before the end of a wait that it ends
 * Memory:   none
 * Returns:  0 | RN_EINVAL the clock is not paused, or @ns < 0
 */
RN_API int rn_clock_advance(int64_t ns);

RN__END_DECLS

#endif
