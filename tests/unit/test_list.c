/* SPDX-License-Identifier: MIT */
/* test_list.c - links go in and out anywhere, and know whether they are in a list. */
#include "harness/harness.h"

#include "base/list.h"

struct item {
    int number;
    struct rn__link link;
};

/* The numbers from front to back as decimal digits, and the same backwards. */
static int digits(const struct rn__link *head, bool backwards)
{
    int sum = 0;
    const struct rn__link *link = backwards ? head->previous : head->next;
    while (link != head) {
        sum = sum * 10 + rn__container_of(link, struct item, link)->number;
        link = backwards ? link->previous : link->next;
    }
    return sum;
}

TEST(list_keeps_the_order_in_both_directions)
{
    struct rn__link head;
    struct item items[5] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}, {.number = 5}};
    rn__list_init(&head);
    rn__list_push_back(&head, &items[1].link);
    rn__list_push_back(&head, &items[2].link);
    rn__list_push_front(&head, &items[0].link);
    rn__list_push_back(&head, &items[4].link);
    rn__list_insert(&items[4].link, &items[3].link);
    CHECK_EQ(digits(&head, false), 12345);
    CHECK_EQ(digits(&head, true), 54321);
    CHECK(rn__list_first(&head) == &items[0].link);
    CHECK(rn__list_last(&head) == &items[4].link);
}

TEST(list_gives_links_back_from_anywhere)
{
    struct rn__link head;
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    rn__list_init(&head);
    for (int i = 0; i < 4; i++)
        rn__list_push_back(&head, &items[i].link);
    rn__list_remove(&items[1].link);
    CHECK_EQ(digits(&head, false), 134);
    rn__list_remove(&items[3].link);
    CHECK_EQ(digits(&head, true), 31);
    rn__list_remove(&items[0].link);
    rn__list_remove(&items[2].link);
    CHECK(rn__list_is_empty(&head));
}

TEST(list_that_is_empty_has_neither_first_nor_last)
{
    struct rn__link head;
    rn__list_init(&head);
    CHECK(rn__list_is_empty(&head));
    CHECK(rn__list_first(&head) == NULL);
    CHECK(rn__list_last(&head) == NULL);
}

TEST(list_link_knows_whether_it_is_in)
{
    struct rn__link head;
    struct item item = {.number = 1};
    rn__list_init(&head);
    CHECK(!rn__link_is_in(&item.link));
    rn__list_push_back(&head, &item.link);
    CHECK(rn__link_is_in(&item.link));
    CHECK(!rn__list_is_empty(&head));
    rn__list_remove(&item.link);
    CHECK(!rn__link_is_in(&item.link));
    rn__list_push_front(&head, &item.link); /* and may go in again */
    CHECK_EQ(digits(&head, false), 1);
}
