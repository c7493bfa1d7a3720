/* SPDX-License-Identifier: MIT */
/* table.c - the table of parties: slots are handed out once, and are there before anybody can name them. */
#include "model/subject.h"

#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

static const struct rn__party_kind kind = {.name = "model"};
static const struct rn__party *held[3];
static bool empty_at_first;
static struct explored result;

static void begin(void)
{
    if (empty_at_first)
        subject_begin_without_parties();
    else
        subject_begin();
    memset(held, 0, sizeof held);
}

static void take(int who)
{
    struct rn__party *party = rn__party_take(&kind);
    EXPLORE_CHECK(party != NULL && party->index != 0 && party->kind == &kind);
    for (int i = 0; i < 3; i++)
        EXPLORE_CHECK(held[i] != party);
    EXPLORE_CHECK(rn__party_at(party->index) == party);
    held[who] = party;
}

static void take_and_give_back(void *arg)
{
    const int who = (int)(intptr_t)arg;
    take(who);
    explore_step(NULL, "hold");
    struct rn__party *mine = rn__party_at(held[who]->index);
    held[who] = NULL;
    rn__party_give_back(mine);
}

static void take_once(void *arg)
{
    take((int)(intptr_t)arg);
}

/* As the dump does: whatever is counted can be looked at. */
static void look_at_all(void *unused)
{
    (void)unused;
    const uint32_t count = rn__party_count();
    const uint32_t some[] = {0, 1, count - 1};
    for (uint32_t i = 0; count > 0 && i < RN__COUNT(some); i++)
        EXPLORE_CHECK(rn__party_at(some[i])->index == some[i]);
}

static void explore_table(const char *name, struct exploration what)
{
    what.begin = begin;
    what.switched = subject_switched;
    explore(&what, &result);
    printf("%s: %llu executions, %llu repeated\n", name, (unsigned long long)result.executions,
           (unsigned long long)result.repeated);
    if (!CHECK(!result.failed))
        printf("%s\n%s\n", result.reason, result.table);
}

TEST(table_hands_a_slot_to_one_at_a_time)
{
    empty_at_first = false;
    explore_table("two take and give back", (struct exploration){.threads = {{"a", take_and_give_back, (void *)0},
                                                                             {"b", take_and_give_back, (void *)1}}});
}

TEST(table_that_grows_is_whole_for_whoever_sees_it)
{
    empty_at_first = true;
    explore_table("two take the first slots, one looks", (struct exploration){.threads = {{"a", take_once, (void *)0},
                                                                                          {"b", take_once, (void *)1},
                                                                                          {"c", look_at_all, NULL}}});
}
