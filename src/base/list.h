/* SPDX-License-Identifier: MIT */
/* list.h - intrusive doubly linked list with a head that is a link itself: no case for "first" or "last". */
#ifndef RN__BASE_LIST_H
#define RN__BASE_LIST_H

#include "base/compiler.h"

struct rn__link {
    struct rn__link *next;
    struct rn__link *previous;
};

static inline void rn__list_init(struct rn__link *head)
{
    head->next = head->previous = head;
}

static inline bool rn__list_is_empty(const struct rn__link *head)
{
    return head->next == head;
}

static inline void rn__list_insert(struct rn__link *before, struct rn__link *link)
{
    link->next = before;
    link->previous = before->previous;
    before->previous->next = link;
    before->previous = link;
}

static inline void rn__list_push_back(struct rn__link *head, struct rn__link *link)
{
    rn__list_insert(head, link);
}

static inline void rn__list_push_front(struct rn__link *head, struct rn__link *link)
{
    rn__list_insert(head->next, link);
}

/* Taking a link out leaves it pointing nowhere, so that rn__link_is_in can tell. */
static inline void rn__list_remove(struct rn__link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

static inline bool rn__link_is_in(const struct rn__link *link)
{
    return link->next != NULL;
}

static inline struct rn__link *rn__list_first(const struct rn__link *head)
{
    return head->next == head ? NULL : head->next;
}

static inline struct rn__link *rn__list_last(const struct rn__link *head)
{
    return head->previous == head ? NULL : head->previous;
}

#endif
