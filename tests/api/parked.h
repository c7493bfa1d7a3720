/* SPDX-License-Identifier: MIT */
/* parked.h - "the other one sleeps now": nobody announces that, so a case looks. It asks what rn_dump would ask: what
 * each party of the process waits for. */
#ifndef TESTS_API_PARKED_H
#define TESTS_API_PARKED_H

#include <string.h>

#include "harness/harness.h"
#include "wait/party.h"

/* How many parties wait on an object that was given this name; the pointer counts, not the text. A party counts from
 * when it stands in the object's queue until it runs again. */
__attribute__((unused)) static unsigned parked_on(const char *name)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < rn__party_count(); i++) {
        const struct rn__party *party = rn__party_at(i);
        const bool waits = rn__load_relaxed(&party->wait_verb) != NULL; /* rlx: the caller looks again and again */
        count += waits && rn__load_relaxed(&party->wait_name) == name;  /* rlx: as above */
    }
    return count;
}

/* The same for those who wait in a call of this name, such as "mpsc send", on whatever object. */
__attribute__((unused)) static unsigned parked_in(const char *verb)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < rn__party_count(); i++) {
        const char *waits_in = rn__load_relaxed(&rn__party_at(i)->wait_verb); /* rlx: as above */
        count += waits_in != NULL && strcmp(waits_in, verb) == 0;
    }
    return count;
}

#define WAIT_UNTIL_PARKED(count, name) WAIT_UNTIL(parked_on(name) == (count))

#endif
