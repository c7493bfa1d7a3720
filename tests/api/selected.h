/* SPDX-License-Identifier: MIT */
/* selected.h - what cases about select share: an actor that selects. */
#ifndef TESTS_API_SELECTED_H
#define TESTS_API_SELECTED_H

#include "api/mpsc_ints.h"

/* An actor that selects once over cases of the body's. */
struct selector {
    rn_case *cases;
    size_t count;
    rn_deadline deadline;
    uint64_t task;
    int which;
};

HELPER int select_once(void *arg)
{
    struct selector *selector = arg;
    rn__store_release(&selector->task, rn_task_self_id());
    selector->which = rn_select_until(selector->cases, selector->count, selector->deadline);
    return 0;
}

#define SELECTOR(array) ((struct selector){.cases = (array), .count = RN_COUNT(array)})

#define WAIT_UNTIL_SELECTING(n) WAIT_UNTIL(parked_in("select") == (n))

#endif
