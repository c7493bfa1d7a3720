/* SPDX-License-Identifier: MIT */
/* element.c - checking an element, and calling its two functions (contract in element.h). */
#include "channel/element.h"

#include "base/log.h"
#include "wait/party.h"

#include <runnel/error.h>

static bool is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool is_valid(const rn_elem *elem, size_t align)
{
    return elem->size >= 1 && elem->size <= RN_ELEM_SIZE_MAX && is_power_of_two(align) &&
           align <= RN_ELEM_ALIGN_MAX && elem->reserved[0] == 0 && elem->reserved[1] == 0;
}

int rn__element_init(struct rn__element *element, const rn_elem *elem)
{
    if (elem == NULL)
        return RN_EINVAL;
    const size_t align = elem->align != 0 ? elem->align : _Alignof(max_align_t);
    if (!is_valid(elem, align))
        return RN_EINVAL;
    *element = (struct rn__element){
        .size = elem->size,
        .align = align,
        .stride = (elem->size + align - 1) & ~(align - 1),
        .drop = elem->drop,
        .clone = elem->clone,
        .ctx = elem->ctx,
        .name = elem->name,
    };
    return 0;
}

void rn__element_drop(const struct rn__element *element, void *message)
{
    if (element->drop == NULL)
        return;
    rn__callback_enter();
    element->drop(message, element->ctx);
    rn__callback_leave();
}

int rn__element_clone(const struct rn__element *element, void *to, const void *from)
{
    rn__assert(rn__element_can_clone(element));
    if (element->clone == NULL) {
        rn__element_move(element, to, from);
        return 0;
    }
    rn__callback_enter();
    const int rc = element->clone(to, from, element->ctx);
    rn__callback_leave();
    return rc <= 0 ? rc : RN_EINVAL; /* a positive number is no code: nobody would take it for a failure */
}
