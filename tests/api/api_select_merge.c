/* SPDX-License-Identifier: MIT */
/* api_select_merge.c - one select over a changing set of channels, again and again: which of them, in which order,
 * none forgotten; and the other way round, until all of several have happened. */
#include "api/selected.h"

enum { CHANNELS = 4 };

/* The receiving ends of some channels, as cases, and their message. */
struct merge {
    struct channel channels[CHANNELS];
    rn_case cases[CHANNELS];
    int value;
};

static void add(struct merge *merge, int index)
{
    merge->channels[index] = channel_of_ints(8);
    merge->cases[index] = rn_mpsc_recv_case(merge->channels[index].rx, &merge->value);
}

static void make(struct merge *merge)
{
    for (int i = 0; i < CHANNELS; i++)
        add(merge, i);
}

static void destroy(struct merge *merge)
{
    for (int i = 0; i < CHANNELS; i++)
        drop_both(merge->channels[i]);
}

static void put(struct merge *merge, int index, int message)
{
    CHECK_RC(send_int(merge->channels[index].tx, message), 0);
}

static void end_of(struct merge *merge, int index)
{
    rn_mpsc_tx_drop(merge->channels[index].tx);
    merge->channels[index].tx = NULL;
}

/* Up to so many that are there now. Gives the number. */
static int take_many(struct merge *merge, int *messages, int limit)
{
    int count = 0;
    while (count < limit && rn_try_select(merge->cases, CHANNELS) >= 0)
        messages[count++] = merge->value;
    return count;
}

EVERYWHERE(select_merge_of_one_ends_with_it)
{
    struct channel only = channel_of_ints(2);
    int value = 0;
    rn_case one = rn_mpsc_recv_case(only.rx, &value);
    CHECK_RC(rn_try_select(&one, 1), RN_EAGAIN);
    CHECK_RC(send_int(only.tx, 3), 0);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_EQ(value, 3);
    CHECK_RC(rn_try_select(&one, 1), RN_EAGAIN);
    rn_mpsc_tx_drop(only.tx);
    CHECK_EQ(rn_select(&one, 1), 0);
    CHECK_RC(one.rc, RN_CLOSED);
    rn_mpsc_rx_drop(only.rx);
}

struct sending_to {
    struct merge *merge;
    uint32_t next;
};

static int send_when_told(void *arg)
{
    struct sending_to *sending = arg;
    for (int i = 0; i < CHANNELS; i++) {
        WAIT_UNTIL(parked_in("select") == 1);
        put(sending->merge, i, 100 + i);
        WAIT_UNTIL(value_of(&sending->next) == (uint32_t)i + 1);
    }
    return 0;
}

EVERYWHERE(select_merge_says_where_a_message_came_from)
{
    struct merge merge;
    make(&merge);
    struct sending_to sending = {.merge = &merge};
    struct actor *actor = actor_start(send_when_told, &sending);
    for (int i = 0; i < CHANNELS; i++) {
        CHECK_EQ(rn_select(merge.cases, CHANNELS), i);
        CHECK_EQ(merge.value, 100 + i);
        count_up(&sending.next);
    }
    CHECK_RC(actor_join(actor), 0);
    destroy(&merge);
}

/* What is taken out keeps its messages, what is put in its place is seen, and of nothing nothing comes. */
EVERYWHERE(select_merge_takes_cases_in_and_out)
{
    struct merge merge;
    struct channel other = channel_of_ints(1);
    make(&merge);
    put(&merge, 0, 1);
    merge.cases[0] = RN_NEVER;
    CHECK_RC(rn_try_select(merge.cases, CHANNELS), RN_EAGAIN);
    CHECK_RC(send_int(other.tx, 2), 0);
    merge.cases[0] = rn_mpsc_recv_case(other.rx, &merge.value);
    CHECK_EQ(rn_select(merge.cases, CHANNELS), 0);
    CHECK_EQ(merge.value, 2);
    merge.cases[0] = rn_mpsc_recv_case(merge.channels[0].rx, &merge.value);
    CHECK_EQ(rn_select(merge.cases, CHANNELS), 0);
    CHECK_EQ(merge.value, 1);
    put(&merge, 1, 3);
    for (int i = 0; i < CHANNELS; i++)
        merge.cases[i] = RN_NEVER;
    CHECK_RC(rn_select(merge.cases, CHANNELS), RN_EDEADLK);
    CHECK_EQ(recv_int(merge.channels[1].rx), 3);
    destroy(&merge);
    drop_both(other);
}

/* Two have ended, one says nothing: over and over, because the choice is random. */
EVERYWHERE(select_merge_finds_the_one_that_goes_on)
{
    for (int round = 0; round < 20; round++) {
        struct merge merge;
        int which;
        make(&merge);
        end_of(&merge, 0);
        end_of(&merge, 1);
        put(&merge, 2, round);
        while ((which = rn_select(merge.cases, CHANNELS)) >= 0 && merge.cases[which].rc == RN_CLOSED)
            merge.cases[which] = RN_NEVER;
        CHECK_EQ(which, 2);
        CHECK_EQ(merge.value, round);
        destroy(&merge);
    }
}

EVERYWHERE(select_merge_takes_at_most_so_many)
{
    struct merge merge;
    int messages[4] = {0};
    make(&merge);
    CHECK_EQ(take_many(&merge, messages, 1), 0); /* nothing there: nothing waits */
    put(&merge, 0, 1);
    put(&merge, 1, 2);
    CHECK_EQ(take_many(&merge, messages, 1), 1);
    CHECK_EQ(take_many(&merge, messages + 1, 1), 1);
    CHECK_EQ(messages[0] + messages[1], 3);
    put(&merge, 0, 1);
    put(&merge, 1, 2);
    CHECK_EQ(take_many(&merge, messages, 2), 2);
    CHECK_EQ(messages[0] + messages[1], 3);
    destroy(&merge);
}

EVERYWHERE(select_merge_takes_what_is_there_if_that_is_less)
{
    struct merge merge;
    int messages[4] = {0};
    make(&merge);
    put(&merge, 2, 5);
    put(&merge, 3, 6);
    CHECK_EQ(take_many(&merge, messages, 4), 2);
    CHECK_EQ(messages[0] + messages[1], 11);
    CHECK_EQ(take_many(&merge, messages, 4), 0);
    destroy(&merge);
}

/* Three with one, two and three messages: each arrives once, those of one channel in their order. */
EVERYWHERE(select_merge_forgets_no_message)
{
    struct merge merge;
    int next[CHANNELS] = {0}, which;
    make(&merge);
    for (int i = 0; i < CHANNELS; i++) {
        for (int n = 0; n < i; n++)
            put(&merge, i, 10 * i + n);
        end_of(&merge, i);
    }
    while ((which = rn_select(merge.cases, CHANNELS)) >= 0) {
        if (merge.cases[which].rc == 0) {
            CHECK_EQ(merge.value, 10 * which + next[which]);
            next[which]++;
        } else {
            CHECK_RC(merge.cases[which].rc, RN_CLOSED);
            merge.cases[which] = RN_NEVER;
        }
    }
    CHECK_RC(which, RN_EDEADLK);
    for (int i = 0; i < CHANNELS; i++)
        CHECK_EQ(next[i], i);
    destroy(&merge);
}

/* -- all of several ---------------------------------------------------------------------------------------------- */

struct both {
    rn_oneshot_rx *rx[2];
    int value[2];
    uint32_t happened;
};

/* In whichever order they come: what has happened is taken out. */
static int wait_for_both(void *arg)
{
    struct both *both = arg;
    rn_case cases[2];
    for (int i = 0; i < 2; i++)
        cases[i] = rn_oneshot_recv_case(both->rx[i], &both->value[i]);
    for (int left = 2; left > 0; left--) {
        const int which = rn_select(cases, 2);
        REQUIRE(which >= 0);
        CHECK_RC(cases[which].rc, 0);
        cases[which] = RN_NEVER;
        count_up(&both->happened);
    }
    return rn_select(cases, 2);
}

EVERYWHERE(select_again_until_both_have_happened)
{
    struct both both = {0};
    rn_oneshot_tx *tx[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(rn_oneshot_channel(&tx[i], &both.rx[i], RN_ELEM(int)) == 0);
    struct actor *actor = actor_start(wait_for_both, &both);
    WAIT_UNTIL_SELECTING(1);
    CHECK_RC(rn_oneshot_send(tx[1], &(int){123}), 0);
    WAIT_UNTIL(value_of(&both.happened) == 1);
    WAIT_UNTIL_SELECTING(1);
    CHECK_RC(rn_oneshot_send(tx[0], &(int){7}), 0);
    CHECK_RC(actor_join(actor), RN_EDEADLK);
    CHECK_EQ(both.value[0], 7);
    CHECK_EQ(both.value[1], 123);
    for (int i = 0; i < 2; i++)
        rn_oneshot_rx_drop(both.rx[i]);
}

static int take_a_few(void *arg)
{
    for (int i = 0; i < 5; i++) {
        RN_TRY(rn_semaphore_acquire(arg, 1));
        RN_TRY(rn_semaphore_release(arg, 1));
    }
    return 5;
}

/* Of two that never have to wait neither keeps the other from running. */
ROOT(semaphore_that_is_always_free_lets_others_run)
{
    rn_semaphore semaphore = RN_SEMAPHORE_INIT(2);
    rn_task task;
    RN_MUST(rn_spawn(&task, take_a_few, &semaphore));
    while (!rn_task_ended(task)) {
        CHECK_RC(rn_semaphore_acquire(&semaphore, 1), 0);
        CHECK_RC(rn_semaphore_release(&semaphore, 1), 0);
    }
    CHECK_EQ(result_of(task), 5);
}
