/* SPDX-License-Identifier: MIT */
/* rwlock.c - readers together or a writer alone, and one line for both (<runnel/rwlock.h>).
 *
 * One line, in which only the head is served, is what keeps readers and writers from starving each other. Under the
 * lock, counting only waiters that can still be won:
 *
 *     somebody is in the line   its head cannot have the lock as it is held now
 *
 * Whoever gives the lock up or downgrades it, and whoever leaves the line unserved (readers may stand behind a
 * writer), serves it. Debug builds know the writer, and of the readers the one that came last.
 */
#include <runnel/rwlock.h>

#include "sync/holder.h"
#include "wait/select.h"

enum { NOBODY = 0 };
#define WRITER UINT32_MAX
#define READERS_MAX (WRITER - 1)

/* The public struct inside (may_alias: as in notify.c). */
struct __attribute__((may_alias)) rwlock {
    struct rn__lock lock; /* protects everything here but the name */
    uint32_t holders;     /* how many readers, or WRITER */
    struct rn__waitq line;
    uint64_t holder; /* in debug builds: rn__caller() of the writer, or of the last reader, until that one unlocks */
    const char *name;
};

_Static_assert(sizeof(struct rwlock) <= sizeof(rn_rwlock), "the public struct has room");
_Static_assert(offsetof(struct rwlock, holders) == offsetof(rn_rwlock, holders), "same layout");
_Static_assert(offsetof(struct rwlock, line) == offsetof(rn_rwlock, first), "same layout");
_Static_assert(offsetof(struct rwlock, name) == offsetof(rn_rwlock, name), "same layout");

static struct rwlock *inside(rn_rwlock *lock)
{
    return (struct rwlock *)(void *)lock;
}

/* -------------------------------------------------------------------------------------------------- locking -- */

static bool reader_may(const struct rwlock *lock)
{
    return lock->holders < READERS_MAX;
}

static bool writer_may(const struct rwlock *lock)
{
    return lock->holders == NOBODY;
}

static void hold(struct rwlock *lock, uint32_t holders, const struct rn__operation *by)
{
    lock->holders = holders;
    lock->holder = (uintptr_t)by->data;
}

static bool read_ready(const struct rn__operation *operation)
{
    const struct rwlock *lock = operation->object;
    return lock->line.first == NULL && reader_may(lock);
}

static bool write_ready(const struct rn__operation *operation)
{
    const struct rwlock *lock = operation->object;
    return lock->line.first == NULL && writer_may(lock);
}

static int attempt_read(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rwlock *lock = operation->object;
    (void)wakes;
    if (!read_ready(operation))
        return RN__PENDING;
    hold(lock, lock->holders + 1, operation);
    return 0;
}

static int attempt_write(struct rn__operation *operation, struct rn__wakes *wakes)
{
    struct rwlock *lock = operation->object;
    (void)wakes;
    if (!write_ready(operation))
        return RN__PENDING;
    hold(lock, WRITER, operation);
    return 0;
}

/* The caller is about to wait: for itself? */
static void check_waiting(struct rn__operation *operation)
{
    const struct rwlock *lock = operation->object;
    if (RN__CHECKED && lock->holders != NOBODY && lock->holder == (uintptr_t)operation->data)
        rn__misused("rwlock", lock->name, "locked again by one that holds it: it would wait for itself");
}

static int attempt_read_checked(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = attempt_read(operation, wakes);
    if (rc != 0)
        check_waiting(operation);
    return rc;
}

static int attempt_write_checked(struct rn__operation *operation, struct rn__wakes *wakes)
{
    const int rc = attempt_write(operation, wakes);
    if (rc != 0)
        check_waiting(operation);
    return rc;
}

static void leave_line(struct rn__operation *operation, struct rn__wakes *wakes);

static const struct rn__operation_kind kind_read = {
    .verb = "rwlock read", .attempt = attempt_read_checked, .leave = leave_line};
static const struct rn__operation_kind kind_write = {
    .verb = "rwlock write", .attempt = attempt_write_checked, .leave = leave_line};
/* Cases may only try; that one will wait is known when it stands in the line. */
static const struct rn__operation_kind kind_read_case = {
    .verb = "rwlock read",
    .attempt = attempt_read,
    .leave = leave_line,
    .begin = rn__begin_as_caller,
    .ready = read_ready,
    .stand = check_waiting,
};
static const struct rn__operation_kind kind_write_case = {
    .verb = "rwlock write",
    .attempt = attempt_write,
    .leave = leave_line,
    .begin = rn__begin_as_caller,
    .ready = write_ready,
    .stand = check_waiting,
};
static const struct rn__operation_kind kind_try_read = {.verb = "rwlock try_read", .attempt = attempt_read};
static const struct rn__operation_kind kind_try_write = {.verb = "rwlock try_write", .attempt = attempt_write};

/* Lets the head of the line in; false: it cannot be. If it has given up it is out of the line now, and that is an
 * answer too. */
static bool serve_head(struct rwlock *lock, struct rn__wakes *wakes)
{
    struct rn__operation *head = rn__operation_of(lock->line.first);
    const bool reads = head->kind == &kind_read || head->kind == &kind_read_case;
    if (reads ? !reader_may(lock) : !writer_may(lock))
        return false;
    if (!rn__waiter_claim(&head->waiter))
        return true;
    hold(lock, reads ? lock->holders + 1 : WRITER, head);
    rn__wakes_add(wakes, &head->waiter, 0);
    return true;
}

static void serve(struct rwlock *lock, struct rn__wakes *wakes)
{
    while (lock->line.first != NULL && serve_head(lock, wakes))
        ;
}

static void leave_line(struct rn__operation *operation, struct rn__wakes *wakes)
{
    serve(operation->object, wakes);
}

static struct rn__operation locking(struct rwlock *lock, const struct rn__operation_kind *kind)
{
    return (struct rn__operation){
        .kind = kind,
        .lock = &lock->lock,
        .queue = &lock->line,
        .object = lock,
        .name = lock->name,
        .data = rn__caller_as_data(),
    };
}

static int lock_until(rn_rwlock *lock, const struct rn__operation_kind *kind, rn_deadline deadline)
{
    if (lock == NULL)
        return RN_EINVAL;
    struct rn__operation operation = locking(inside(lock), kind);
    return rn__await(&operation, deadline, RN__CANCELLABLE);
}

static int lock_now(rn_rwlock *lock, const struct rn__operation_kind *kind)
{
    if (lock == NULL)
        return RN_EINVAL;
    struct rn__operation operation = locking(inside(lock), kind);
    return rn__attempt(&operation, RN_EAGAIN);
}

static void lock_surely(rn_rwlock *lock, const struct rn__operation_kind *kind)
{
    if (lock == NULL)
        rn__misused(kind->verb, (const char *)NULL, "NULL is no lock");
    struct rn__operation operation = locking(inside(lock), kind);
    rn__await_surely(&operation);
}

void rn_rwlock_read(rn_rwlock *lock)
{
    lock_surely(lock, &kind_read);
}

int rn_rwlock_try_read(rn_rwlock *lock)
{
    return lock_now(lock, &kind_try_read);
}

int rn_rwlock_read_until(rn_rwlock *lock, rn_deadline deadline)
{
    return lock_until(lock, &kind_read, deadline);
}

void rn_rwlock_write(rn_rwlock *lock)
{
    lock_surely(lock, &kind_write);
}

int rn_rwlock_try_write(rn_rwlock *lock)
{
    return lock_now(lock, &kind_try_write);
}

int rn_rwlock_write_until(rn_rwlock *lock, rn_deadline deadline)
{
    return lock_until(lock, &kind_write, deadline);
}

static rn_case case_of(rn_rwlock *lock, const struct rn__operation_kind *kind)
{
    rn_case made = {0};
    if (lock != NULL)
        *rn__case_operation(&made) = locking(inside(lock), kind);
    return made;
}

rn_case rn_rwlock_read_case(rn_rwlock *lock)
{
    return case_of(lock, &kind_read_case);
}

rn_case rn_rwlock_write_case(rn_rwlock *lock)
{
    return case_of(lock, &kind_write_case);
}

/* ------------------------------------------------------------------------------------------------ unlocking -- */

static bool is_read_locked(const struct rwlock *lock)
{
    return lock->holders != NOBODY && lock->holders != WRITER;
}

/* One reader less. */
static void drop_reader(struct rwlock *lock)
{
    if (RN__CHECKED && !is_read_locked(lock))
        rn__misused("rwlock", lock->name, "unlocked by a reader, but nobody reads");
    if (RN__CHECKED && lock->holder == rn__caller())
        lock->holder = 0;
    if (is_read_locked(lock))
        lock->holders--;
}

/* The writer leaves so many readers behind: none or itself. */
static void drop_writer(struct rwlock *lock, uint32_t readers)
{
    if (RN__CHECKED && lock->holders != WRITER)
        rn__misused("rwlock", lock->name, "unlocked by a writer, but nobody writes");
    if (RN__CHECKED && lock->holder != rn__caller())
        rn__misused("rwlock", lock->name, "unlocked by another one than who writes");
    if (lock->holders == WRITER)
        lock->holders = readers;
}

void rn_rwlock_unlock_read(rn_rwlock *public_lock)
{
    struct rwlock *lock = inside(public_lock);
    struct rn__wakes wakes = {0};
    if (lock == NULL)
        return;
    rn__lock_acquire(&lock->lock);
    drop_reader(lock);
    serve(lock, &wakes);
    rn__lock_release(&lock->lock);
    rn__wakes_run(&wakes);
}

static void end_writing(rn_rwlock *public_lock, uint32_t readers)
{
    struct rwlock *lock = inside(public_lock);
    struct rn__wakes wakes = {0};
    if (lock == NULL)
        return;
    rn__lock_acquire(&lock->lock);
    drop_writer(lock, readers);
    serve(lock, &wakes);
    rn__lock_release(&lock->lock);
    rn__wakes_run(&wakes);
}

void rn_rwlock_unlock_write(rn_rwlock *lock)
{
    end_writing(lock, 0);
}

void rn_rwlock_downgrade(rn_rwlock *lock)
{
    end_writing(lock, 1);
}
