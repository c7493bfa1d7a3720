/* SPDX-License-Identifier: MIT */
/* local.c - the names and the values of parties that have some (contract in local.h and <runnel/local.h>).
 *
 * Values are touched by their owner alone, in a list; the spawner makes a child's before anybody else knows it. Only
 * the name is read by others, and so the record, once a task has one, stays until its slot is given back.
 *
 * Edges
 *  LOCAL-1 record_of() release -> LOCAL-2 rn__extra_name() acquire: a record that a task makes while it runs
 */
#include "wait/local.h"

#include <string.h>

#include "base/alloc.h"
#include "wait/thread.h"

#include <runnel/task.h>

struct value {
    struct value *next;
    const rn_local *key;
    void *held;
};

struct rn__extra {
    struct value *values;
    bool has_name;
    char name[RN_TASK_NAME_MAX + 1];
};

/* ------------------------------------------------------------------------------------------------ the record -- */

/* Owner: the party's record, made if it has none; NULL when out of memory. */
static struct rn__extra *record_of(struct rn__party *party)
{
    if (party->extra != NULL)
        return party->extra;
    struct rn__extra *made = rn__alloc_zeroed(sizeof *made);
    rn__store_release(&party->extra, made); /* LOCAL-1 */
    return made;
}

void rn__extra_free(struct rn__party *party)
{
    if (party->extra == NULL)
        return;
    rn__free(party->extra, sizeof *party->extra);
    party->extra = NULL;
}

const char *rn__extra_name(const struct rn__party *party)
{
    const struct rn__extra *extra = rn__load_acquire(&party->extra); /* LOCAL-2 */
    return extra != NULL && extra->has_name ? extra->name : NULL;
}

/* ------------------------------------------------------------------------------------------------ the values -- */

static void drop(const rn_local *key, void *held)
{
    if (key->drop == NULL || held == NULL)
        return;
    rn__callback_enter();
    key->drop(held);
    rn__callback_leave();
}

/* The place that leads to the value of this key, or the end of the list. */
static struct value **find(struct rn__extra *extra, const rn_local *key)
{
    struct value **link = &extra->values;
    while (*link != NULL && (*link)->key != key)
        link = &(*link)->next;
    return link;
}

static void *unlink_value(struct value **link)
{
    struct value *value = *link;
    void *held = value->held;
    *link = value->next;
    rn__free(value, sizeof *value);
    return held;
}

static bool add(struct rn__extra *extra, const rn_local *key, void *held)
{
    struct value *value = rn__alloc(sizeof *value);
    if (value == NULL)
        return false;
    *value = (struct value){.next = extra->values, .key = key, .held = held};
    extra->values = value;
    return true;
}

void rn__locals_drop(struct rn__party *party)
{
    struct rn__extra *extra = party->extra;
    while (extra != NULL && extra->values != NULL) {
        const rn_local *key = extra->values->key;
        drop(key, unlink_value(&extra->values));
    }
}

/* A plain thread's record has no name, and nobody else looks at it: it goes with the last value. */
static void tidy(struct rn__party *party)
{
    if (party->extra->values == NULL && !party->kind->cancellable)
        rn__extra_free(party);
}

/* ----------------------------------------------------------------------------------------------- inheriting -- */

static int inherit_one(struct rn__extra *child, const struct value *value)
{
    void *held = NULL;
    if (value->key->inherit == NULL)
        return 0;
    rn__callback_enter();
    const int rc = value->key->inherit(value->held, &held);
    rn__callback_leave();
    if (rc != 0)
        return RN_ENOMEM;
    if (held == NULL || add(child, value->key, held))
        return 0;
    drop(value->key, held);
    return RN_ENOMEM;
}

static int inherit_all(struct rn__party *fresh, const struct rn__extra *from)
{
    int rc = 0;
    for (const struct value *value = from->values; value != NULL && rc == 0; value = value->next)
        rc = inherit_one(fresh->extra, value);
    return rc;
}

int rn__extra_make(struct rn__party *fresh, const char *name)
{
    const struct rn__party *self = rn__party_current();
    const struct rn__extra *from = self == NULL ? NULL : self->extra;
    const bool inherits = from != NULL && from->values != NULL;
    if (name == NULL && !inherits)
        return 0;
    struct rn__extra *extra = record_of(fresh);
    if (extra == NULL)
        return RN_ENOMEM;
    extra->has_name = name != NULL;
    if (name != NULL)
        memcpy(extra->name, name, strnlen(name, RN_TASK_NAME_MAX));
    const int rc = inherits ? inherit_all(fresh, from) : 0;
    if (rc != 0) {
        rn__locals_drop(fresh);
        rn__extra_free(fresh);
    }
    return rc;
}

/* -------------------------------------------------------------------------------------------- public face -- */

static struct value **find_mine(const rn_local *key)
{
    const struct rn__party *self = rn__party_current();
    if (self == NULL || self->extra == NULL)
        return NULL;
    struct value **link = find(self->extra, key);
    return *link == NULL ? NULL : link;
}

static int add_mine(const rn_local *key, void *held)
{
    struct rn__party *self = rn__party_of_caller();
    if (self == NULL || record_of(self) == NULL)
        return RN_ENOMEM;
    if (add(self->extra, key, held))
        return 0;
    tidy(self);
    return RN_ENOMEM;
}

int rn_local_set(const rn_local *key, void *held)
{
    if (key == NULL)
        return RN_EINVAL;
    if (rn__callback_running())
        return RN_EDEADLK;
    if (held == NULL) {
        drop(key, rn_local_take(key));
        return 0;
    }
    struct value **mine = find_mine(key);
    if (mine == NULL)
        return add_mine(key, held);
    void *before = (*mine)->held;
    (*mine)->held = held;
    drop(key, before);
    return 0;
}

void *rn_local_get(const rn_local *key)
{
    struct value **mine = find_mine(key);
    return mine == NULL ? NULL : (*mine)->held;
}

void *rn_local_take(const rn_local *key)
{
    struct value **mine = find_mine(key);
    if (mine == NULL || rn__callback_running())
        return NULL;
    void *held = unlink_value(mine);
    tidy(rn__party_current());
    return held;
}
