/* SPDX-License-Identifier: MIT */
/* api_broadcast_lag.c - who gets what and who misses how many, to the message. Each case is a short play:
 *
 *     +3     three more messages are sent, numbered on from 1
 *     4      the next message is 4, and none was missed before it
 *     2!4    two were missed before it
 *     =5     rn_broadcast_rx_len is 5
 *     .      there is none now
 *     x      the last sender goes
 *     #      it is closed
 *
 * A word that begins with b is about a second receiver. Every play is played with each form of receive, also with
 * RN_LAGGED in the place of a count, and with messages that are counted. */
#include <ctype.h>
#include <stdlib.h>

#include "api/events.h"
#include "api/owned.h"

struct form {
    const char *name;
    bool is_owned;
    bool without_count;
    int (*recv)(rn_broadcast_rx *rx, void *out, uint64_t *missed);
};

struct stage {
    const struct form *form;
    struct owners owners;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx[2];
    int sent;
};

union message {
    struct owned owned;
    int number;
};

static int recv_until_now(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    const int rc = rn_broadcast_recv_until(rx, out, missed, rn_at_ns(1));
    return rc == RN_ETIMEDOUT ? RN_EMPTY : rc;
}

static int recv_one_of_many(rn_broadcast_rx *rx, void *out, uint64_t *missed)
{
    size_t count = 77;
    const int rc = rn_broadcast_try_recv_many(rx, out, 1, &count, missed);
    CHECK_EQ(count, rc == 0);
    return rc;
}

static const struct form forms[] = {
    {"try_recv", false, false, rn_broadcast_try_recv},
    {"recv_until", false, false, recv_until_now},
    {"try_recv_many", false, false, recv_one_of_many},
    {"try_recv without a count", false, true, rn_broadcast_try_recv},
    {"recv_until without a count", false, true, recv_until_now},
    {"try_recv of what is owned", true, false, rn_broadcast_try_recv},
    {"recv_until of what is owned, without a count", true, true, recv_until_now},
};

static void send_more(struct stage *stage, long count)
{
    for (long i = 0; i < count; i++) {
        const int number = ++stage->sent;
        union message message;
        if (stage->form->is_owned)
            message.owned = owned_make(&stage->owners, number);
        else
            message.number = number;
        CHECK_RC(rn_broadcast_send(stage->tx, &message), 0);
    }
}

/* 0, with the number in *number and the loss in *missed; or the code of a receive that gave nothing. */
static int receive(struct stage *stage, rn_broadcast_rx *rx, long *number, uint64_t *missed)
{
    const bool without_count = stage->form->without_count;
    const uint64_t stood = rn_broadcast_rx_sequence(rx);
    union message message;
    int rc = stage->form->recv(rx, &message, without_count ? NULL : missed);
    if (rc == RN_LAGGED) {
        uint64_t again = 77;
        *missed = rn_broadcast_rx_sequence(rx) - stood;
        CHECK(without_count);
        rc = stage->form->recv(rx, &message, &again);
        CHECK_EQ(again, 0); /* told already */
    }
    if (rc != 0)
        return rc;
    *number = stage->form->is_owned ? *message.owned.number : message.number;
    if (stage->form->is_owned)
        owned_destroy(&stage->owners, &message.owned);
    return 0;
}

static void expect_number(struct stage *stage, rn_broadcast_rx *rx, uint64_t missed, long number, const char *line)
{
    uint64_t lost = 0;
    long got = -1;
    const int rc = receive(stage, rx, &got, &lost);
    if (rc != 0 || got != number || lost != missed)
        FAIL("%s: says %d, gives %ld and %llu missed, at \"%s\"", stage->form->name, rc, got,
             (unsigned long long)lost, line);
}

static void expect_code(struct stage *stage, rn_broadcast_rx *rx, int code, const char *line)
{
    uint64_t lost = 0;
    long got = -1;
    const int rc = receive(stage, rx, &got, &lost);
    if (rc != code)
        FAIL("%s: says %d at \"%s\"", stage->form->name, rc, line);
}

/* Gives where the next word begins. */
static const char *play_word(struct stage *stage, const char *word)
{
    const bool is_second = *word == 'b';
    rn_broadcast_rx *rx = stage->rx[is_second];
    const char *at = word + is_second;
    char *end = (char *)(uintptr_t)(at + 1);
    if (*at == '+') {
        send_more(stage, strtol(at + 1, &end, 10));
    } else if (*at == '=') {
        CHECK_EQ(rn_broadcast_rx_len(rx), strtol(at + 1, &end, 10));
    } else if (*at == '.') {
        expect_code(stage, rx, RN_EMPTY, word);
    } else if (*at == '#') {
        expect_code(stage, rx, RN_CLOSED, word);
    } else if (*at == 'x') {
        rn_broadcast_tx_drop(stage->tx);
        stage->tx = NULL;
    } else {
        REQUIRE(isdigit((unsigned char)*at));
        long number = strtol(at, &end, 10);
        const long missed = *end == '!' ? number : 0;
        if (*end == '!')
            number = strtol(end + 1, &end, 10);
        expect_number(stage, rx, (uint64_t)missed, number, word);
    }
    while (*end == ' ')
        end++;
    return end;
}

static void play(size_t capacity, const char *words)
{
    for (size_t i = 0; i < RN_COUNT(forms); i++) {
        struct stage stage = {.form = &forms[i]};
        const rn_elem *elem = forms[i].is_owned ? OWNED_ELEM(&stage.owners) : &events_elem;
        REQUIRE(rn_broadcast_channel(&stage.tx, &stage.rx[0], capacity, elem) == 0);
        stage.rx[1] = subscribe(stage.tx);
        for (const char *word = words; *word != '\0';)
            word = play_word(&stage, word);
        rn_broadcast_tx_drop(stage.tx);
        rn_broadcast_rx_drop(stage.rx[0]);
        rn_broadcast_rx_drop(stage.rx[1]);
        CHECK_EQ(stage.owners.live, 0);
    }
}

EVERYWHERE(lag_does_not_begin_while_all_unread_messages_are_kept)
{
    play(2, "+2 b1 b2 b. 1 2 .");
    play(3, "+3 b1 +1 b2 b3 b4 b. 1!2 3 4 .");
    play(16, "+5 1 2 3 4 5 . +16 6 =15 7");
}

EVERYWHERE(lag_gives_the_oldest_that_is_kept_next)
{
    play(2, "+3 1!2 3 .");
    play(4, "+5 1!2 3 4 5 .");
}

EVERYWHERE(lag_counts_every_overwritten_message)
{
    play(4, "+4 1 +4 3!5 6 7 8 .");
    play(2, "+2 1 +1 b1!2 2 3 . +2 b1!4 +1 b5 b6 b. 1!5 6 .");
    play(2, "+1002 1000!1001 1002 .");
}

EVERYWHERE(lag_begins_exactly_at_the_capacity)
{
    play(3, "+3 =3 1 +1 =3 2 +1 =3 +1 =4 1!4 5 6 .");
    play(5, "+5 1 +2 1!3 4 5 6 7 . +5 8 9 10 11 12 . +6 1!14");
    play(7, "+8 1!2 +1 3 +7 6!10 11 12 13 14 15 16 .");
}

EVERYWHERE(lag_of_one_place_is_all_but_the_newest)
{
    play(1, "+1 1 . +2 1!3 . +10 9!13 . x #");
    play(1, "+1 1 x #");
    play(1, "+1 x 1 # #");
    play(1, "+2 x 1!2 # #");
}

EVERYWHERE(lag_is_told_before_the_close)
{
    play(2, "+3 x 1!2 3 # #");
    play(2, "+4 x 2!3 4 # #");
    play(3, "+9 x b6!7 6!7 b8 8 9 # b9 b#");
}

EVERYWHERE(lag_close_overwrites_nothing)
{
    play(2, "+2 x 1 2 #");
    play(1, "+1 x =1 1 =0 # b1 b#");
    play(3, "x # =0");
}

EVERYWHERE(lag_ends_when_the_receiver_catches_up_and_may_begin_again)
{
    play(2, "+3 1!2 3 . +3 1!5 6 .");
    play(2, "+3 1!2 3 . +2 4 5 .");
}

EVERYWHERE(lag_may_grow_between_two_receives)
{
    play(2, "+3 1!2 +3 2!5 6 .");
    play(3, "+6 3!4 +1 5 +3 2!8 9 10 .");
}

EVERYWHERE(lag_is_each_receivers_own)
{
    play(2, "+2 b1 b2 +2 b3 b4 2!3 4 . b.");
    play(3, "+1 b1 +3 1!2 b2 +3 b2!5 2!5 6 7 . b6 b7 b.");
}

EVERYWHERE(lag_is_in_the_length_until_it_was_told)
{
    play(2, "+4 =4 2!3 =1 4 =0 .");
    play(3, "+4 =4 1!2 +2 =4 1!4 =2 b=6 b3!4 b=2");
}
