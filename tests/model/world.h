/* SPDX-License-Identifier: MIT */
/* world.h - what the cases of the wait protocol play with: a box that holds a value or two, parties of several kinds
 * that put into it and take out of it, and those who interfere: timer, canceller, closer.
 *
 * After each execution it is judged: every value is in one place, nobody's answer contradicts what happened, all
 * parties are idle, no frame was touched after its owner had left it, one schedule for each wait that was fired.
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include "model/subject.h"

enum { ACTORS = EXPLORE_THREADS };

/* What became of a wait; cases say which of them they expect to see in some execution, and no others. */
enum outcome {
    TOOK_AT_ONCE = 1 << 0, /* without having waited */
    WAS_SERVED = 1 << 1,   /* by a peer */
    SAW_CLOSED = 1 << 2,   /* at once */
    WAS_CLOSED = 1 << 3,   /* while it waited */
    TIMED_OUT = 1 << 4,
    CANCELLED_AT_ENTRY = 1 << 5, /* never stood in a queue */
    CANCELLED_BY_LOOK = 1 << 6,  /* stood there, looked, took itself out */
    CANCELLED_BY_WAKE = 1 << 7
};
#define CANCELLED (CANCELLED_AT_ENTRY | CANCELLED_BY_LOOK | CANCELLED_BY_WAKE)

struct box {
    struct rn__lock lock;
    struct rn__waitq takers;
    struct rn__waitq givers;
    int values[2];
    uint32_t count;
    bool closed;
};

/* What a waiter leaves behind when it goes on: overwritten then, with something that shows every use. */
struct frame {
    struct rn__operation operation;
    int value;
};

/* How the parties of a case park. */
enum habit { AS_TASK, AS_THREAD };

/* What the executions of a case have in common. All zero: one task, no value, real locks. */
struct rules {
    enum habit habit;
    uint32_t actors;        /* with parties; 0 counts as 1 */
    int values;             /* 1 .. values are given by somebody */
    bool timed;             /* the first actor waits with a deadline */
    bool shielded;          /* and in a shield */
    uint32_t room;          /* of the box; 0 counts as 1 */
    bool whole_lock;        /* the box's lock is one step: explore_whole_lock() */
    bool own_frames;        /* leaving a frame is ordered with the waiter's schedule only, not with every step: fewer
                              executions, but a late touch from elsewhere could be missed */
    uint32_t stale_wakeups; /* futex waits of each thread that may return for no reason */
};

struct actor {
    struct rn__party *party;
    struct frame *frame;
    bool timed; /* waits with a deadline */
    bool shielded;
    uint64_t token; /* of its wait that has a timer, as the timer knows it */
    bool timer_off; /* no wait with a timer will come any more */
    int rc;
    int value;          /* taken; or given, and 0 when somebody has it */
    uint32_t schedules; /* of the present wait */
    uint32_t waits;
};

struct world {
    struct box box;
    struct actor actors[ACTORS];
    int kept[ACTORS]; /* by those who found no place for them */
    uint32_t seen;    /* outcomes of all executions */
};
extern struct world world;
extern struct rules rules;

/* Exploration's begin and end, if a case has none of its own: an empty box and actors with parties; the judge. */
void world_begin(void);
void world_end(void);

/* Makes an actor's party the caller's own. */
struct actor *world_become(void *actor);

/* One wait of the caller's. The actor's rc and value say what came of it. */
void world_take(struct actor *self, enum rn__cancelling cancelling);
void world_put(struct actor *self, int value, enum rn__cancelling cancelling);

/* The parts of it, for those who do it wrong. */
void world_open_frame(struct actor *self, struct rn__waitq *queue, const struct rn__operation_kind *kind);
void world_leave_frame(struct actor *self, int rc);
extern const struct rn__operation_kind world_take_kind;

/* Does not wait: to a taker, else into the box, else it is kept. */
void world_give(int value);
void world_close(void);

/* Threads for exploration.threads. */
void taker(void *actor);  /* takes once, then has no use for a timer any more */
void putter(void *actor); /* puts actor->value, waiting if it must */
void giver(void *value);  /* does not wait */
void closer(void *unused);
void canceller(void *actor);
void timer(void *actor); /* waits for one wait with a deadline and then fires it, at any time */

/* Explores, prints the count, checks that all went well and that exactly `outcomes` were seen (0: whatever). */
void explore_world(const char *name, struct rules its_rules, struct exploration what, uint32_t outcomes);

/* Explores what is broken on purpose: checks that it is found, for this reason, and again in a replay. */
void explore_broken(const char *name, struct rules its_rules, struct exploration what, const char *reason);

/* A thread's argument. */
#define ACTOR(n) (&world.actors[n])
#define VALUE(n) ((void *)(intptr_t)(n))

/* Those whom most cases are about. */
#define TAKER EXPLORE_THREAD("taker", taker, ACTOR(0))
#define TAKER_2 EXPLORE_THREAD("taker 2", taker, ACTOR(1))
#define GIVER EXPLORE_THREAD("giver", giver, VALUE(1))
#define GIVER_2 EXPLORE_THREAD("giver 2", giver, VALUE(2))
#define TIMER EXPLORE_THREAD("timer", timer, ACTOR(0))
#define CANCELLER EXPLORE_THREAD("canceller", canceller, ACTOR(0))
#define CLOSER EXPLORE_THREAD("closer", closer, NULL)

#endif
