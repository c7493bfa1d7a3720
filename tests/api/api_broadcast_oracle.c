/* SPDX-License-Identifier: MIT */
/* api_broadcast_oracle.c - a broadcast beside the plainest one that there is: an array of all messages ever sent, and
 * for each receiver a place in it. Random calls go to both; after each one every answer must agree: what came, how
 * many were missed, every count, and for owned messages which of them are alive.
 *
 * One party only: what several do at once is for stress_broadcast.c and stress_broadcast_ends.c. */
#include <string.h>

#include "api/events.h"
#include "api/owned.h"
#include "base/random.h"

enum { STEPS = 1500, RECEIVERS = 5, SENDERS = 3, WEAKS = 3, MANY = 6, CLONE_FAILED = -20000 };

union message {
    struct owned owned;
    intptr_t number;
};

struct place {
    uint64_t next; /* the message that it reads next */
    enum rn_on_lag on_lag;
    bool is_cut;
    uint64_t end;      /* if it is cut off */
    uint64_t borrowed; /* the number of the message plus 1; 0: none */
};

/* What is true by the page, in the plainest words. */
struct oracle {
    uint64_t capacity;
    bool keeps;
    bool may_block;
    bool may_borrow;
    uint64_t sent;     /* messages numbered 0 .. sent - 1 */
    uint64_t given_up; /* those below are kept no longer, whatever the capacity */
    int marks[STEPS];  /* what is in each */
    uint64_t received;
    uint64_t missed;
    uint64_t dropped;
    uint64_t high_water;
    size_t receivers, senders, weaks; /* ends; of the receivers some may be cut off */
    struct place places[RECEIVERS];
};

struct game {
    struct owners owners; /* first: callbacks get this */
    struct oracle oracle;
    bool is_owned;
    int marks; /* each message gets another one */
    uint64_t random;
    rn_broadcast_rx *rx[RECEIVERS];
    const union message *borrowed[RECEIVERS];
    rn_broadcast_tx *tx[SENDERS];
    rn_broadcast_weak *weak[WEAKS];
};

static uint64_t any(struct game *game, uint64_t below)
{
    return rn__random_next(&game->random) % below;
}

/* -- the oracle -------------------------------------------------------------------------------------------------- */

static uint64_t oldest(const struct oracle *o)
{
    const uint64_t fits = o->sent > o->capacity ? o->sent - o->capacity : 0;
    return fits > o->given_up ? fits : o->given_up;
}

static uint64_t length_of(const struct oracle *o, size_t i)
{
    return (o->places[i].is_cut ? o->places[i].end : o->sent) - o->places[i].next;
}

static uint64_t lost_of(const struct oracle *o, size_t i)
{
    const struct place *place = &o->places[i];
    if (place->is_cut)
        return length_of(o, i);
    if (place->next >= oldest(o))
        return 0;
    if (place->on_lag == RN_ON_LAG_SKIP_TO_LATEST && oldest(o) < o->sent)
        return o->sent - 1 - place->next;
    return oldest(o) - place->next;
}

static size_t subscribed(const struct oracle *o)
{
    size_t count = 0;
    for (size_t i = 0; i < o->receivers; i++)
        count += !o->places[i].is_cut;
    return count;
}

/* Would the next message overwrite one that it could have read? */
static bool is_in_the_way(const struct oracle *o, size_t i, enum rn_on_lag on_lag)
{
    const struct place *place = &o->places[i];
    const bool overwrites = o->sent - oldest(o) == o->capacity;
    return overwrites && !place->is_cut && place->on_lag == on_lag && place->next <= oldest(o);
}

static bool is_blocked(const struct oracle *o)
{
    for (size_t i = 0; i < o->receivers; i++) {
        if (is_in_the_way(o, i, RN_ON_LAG_BLOCK))
            return true;
    }
    return false;
}

static void oracle_leave(struct oracle *o)
{
    if (subscribed(o) == 0 && !(o->keeps && o->senders > 0))
        o->given_up = o->sent;
}

static void oracle_send(struct oracle *o, int mark)
{
    bool is_lapped[RECEIVERS];
    bool cuts = false;
    for (size_t i = 0; i < o->receivers; i++)
        is_lapped[i] = is_in_the_way(o, i, RN_ON_LAG_DISCONNECT);
    o->marks[o->sent++] = mark;
    if (o->high_water < o->sent - oldest(o))
        o->high_water = o->sent - oldest(o);
    for (size_t i = 0; i < o->receivers; i++) {
        if (!is_lapped[i])
            continue;
        o->places[i].is_cut = cuts = true;
        o->places[i].end = o->sent;
    }
    if (cuts)
        oracle_leave(o);
}

static uint64_t oracle_tx_len(const struct oracle *o)
{
    uint64_t most = 0;
    for (size_t i = 0; i < o->receivers; i++) {
        const uint64_t first = o->places[i].next > oldest(o) ? o->places[i].next : oldest(o);
        if (!o->places[i].is_cut && o->sent - first > most)
            most = o->sent - first;
    }
    return most;
}

/* -- messages ---------------------------------------------------------------------------------------------------- */

static union message make_message(struct game *game, int mark)
{
    union message message;
    if (game->is_owned)
        message.owned = owned_make(&game->owners, mark);
    else
        message.number = mark;
    return message;
}

static int open_message(struct game *game, union message *message)
{
    if (!game->is_owned)
        return (int)message->number;
    const int mark = *message->owned.number;
    owned_destroy(&game->owners, &message->owned);
    return mark;
}

enum form { SEND, GIVE, TRY, UNTIL };

/* Where the first two would have to wait, one of the others. */
static enum form any_form(struct game *game)
{
    const unsigned form = (unsigned)any(game, 4);
    return is_blocked(&game->oracle) ? TRY + form % 2 : SEND + form;
}

static int send_in_form(rn_broadcast_tx *tx, union message *message, enum form form)
{
    switch (form) {
    case SEND:
        return rn_broadcast_send(tx, message);
    case GIVE:
        return rn_broadcast_give(tx, message);
    case TRY:
        return rn_broadcast_try_send(tx, message);
    default:
        return rn_broadcast_send_until(tx, message, rn_at_ns(1));
    }
}

static void do_send(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->senders == 0)
        return;
    rn_broadcast_tx *tx = game->tx[any(game, o->senders)];
    const enum form form = any_form(game);
    const int mark = ++game->marks;
    union message message = make_message(game, mark);
    const int rc = send_in_form(tx, &message, form);
    int expected = subscribed(o) > 0 || o->keeps ? 0 : RN_NOBODY;
    if (expected == 0 && is_blocked(o))
        expected = form == TRY ? RN_FULL : RN_ETIMEDOUT;
    if (!CHECK_RC(rc, expected))
        return;
    if (rc == 0)
        oracle_send(o, mark);
    else if (form != GIVE)
        open_message(game, &message);
}

/* The code that a receive with or without a place for the count gives now; with 0 how many of at most `limit`. */
static int oracle_receive(struct game *game, size_t i, bool counts, size_t limit, size_t *count)
{
    struct oracle *o = &game->oracle;
    const uint64_t lost = lost_of(o, i);
    const uint64_t there = length_of(o, i) - lost;
    const bool is_over = o->senders == 0 || o->places[i].is_cut;
    if (lost > 0 && (!counts || (there == 0 && is_over))) {
        o->places[i].next += lost;
        o->missed += lost;
        return RN_LAGGED;
    }
    if (there == 0)
        return is_over ? RN_CLOSED : RN_EMPTY;
    if (game->owners.clone_code != 0)
        return CLONE_FAILED;
    *count = there < limit ? (size_t)there : limit;
    o->missed += lost;
    o->received += *count;
    o->places[i].next += lost + *count;
    return 0;
}

static void do_receive(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->receivers == 0)
        return;
    const size_t i = any(game, o->receivers);
    const bool counts = any(game, 4) != 0;
    const size_t limit = any(game, 3) == 0 ? 1 + any(game, MANY) : 0; /* 0: the form for one */
    union message got[MANY];
    uint64_t missed = 77;
    size_t count = 0, expected = 0;
    const uint64_t lost = lost_of(o, i);
    game->owners.clone_code = game->is_owned && any(game, 8) == 0 ? CLONE_FAILED : 0;
    const int code = oracle_receive(game, i, counts, limit > 0 ? limit : 1, &expected);
    const int rc = limit > 0 ? rn_broadcast_try_recv_many(game->rx[i], got, limit, &count, counts ? &missed : NULL)
                             : rn_broadcast_try_recv(game->rx[i], got, counts ? &missed : NULL);
    game->owners.clone_code = 0;
    REQUIRE(CHECK_RC(rc, code));
    if (limit == 0)
        count = rc == 0;
    REQUIRE(CHECK_EQ(count, expected));
    CHECK_EQ(missed, (rc == 0 || rc == RN_LAGGED) && counts ? lost : 77);
    for (size_t k = 0; k < count; k++)
        CHECK_EQ(open_message(game, &got[k]), o->marks[o->places[i].next - count + k]);
}

static int mark_in_place(const struct game *game, const union message *message)
{
    return game->is_owned ? *message->owned.number : (int)message->number;
}

static void do_borrow(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->receivers == 0)
        return;
    const size_t i = any(game, o->receivers);
    struct place *place = &o->places[i];
    const bool counts = any(game, 4) != 0;
    const uint64_t lost = lost_of(o, i);
    const void *got;
    uint64_t missed = 77;
    size_t count = 0;
    const int code = !o->may_borrow    ? RN_EINVAL
                     : place->borrowed ? RN_EBUSY
                                       : oracle_receive(game, i, counts, 1, &count);
    REQUIRE(CHECK_RC(rn_broadcast_try_borrow(game->rx[i], &got, counts ? &missed : NULL), code));
    CHECK_EQ(missed, (code == 0 || code == RN_LAGGED) && counts ? lost : 77);
    CHECK_EQ(got != NULL, code == 0);
    if (code != 0)
        return;
    game->borrowed[i] = got;
    place->borrowed = place->next;
}

static void do_release(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->receivers == 0)
        return;
    const size_t i = any(game, o->receivers);
    rn_broadcast_release(game->rx[i]);
    o->places[i].borrowed = 0;
}

/* -- ends -------------------------------------------------------------------------------------------------------- */

static void add_receiver(struct game *game, rn_broadcast_rx *rx, uint64_t next, enum rn_on_lag on_lag)
{
    struct oracle *o = &game->oracle;
    game->rx[o->receivers] = rx;
    o->places[o->receivers++] = (struct place){.next = next, .on_lag = on_lag};
}

static void do_subscribe_with(struct game *game)
{
    struct oracle *o = &game->oracle;
    rn_broadcast_rx *rx;
    if (o->receivers == RECEIVERS || o->senders == 0)
        return;
    const bool from = any(game, 2) == 0;
    const uint64_t next = from ? any(game, o->sent + 3) : o->sent;
    const rn_subscribe_opts opts = {
        .on_lag = (enum rn_on_lag)any(game, 4), .flags = from ? RN_SUBSCRIBE_FROM : 0, .sequence = from ? next : 0};
    const bool may = (opts.on_lag != RN_ON_LAG_BLOCK || o->may_block) && next <= o->sent;
    CHECK_RC(rn_broadcast_subscribe_with(&rx, game->tx[any(game, o->senders)], &opts), may ? 0 : RN_EINVAL);
    CHECK_EQ(rx != NULL, may);
    if (may)
        add_receiver(game, rx, next, opts.on_lag);
}

static void do_subscribe(struct game *game)
{
    struct oracle *o = &game->oracle;
    rn_broadcast_rx *rx;
    if (o->receivers == RECEIVERS || o->senders == 0)
        return;
    rn_broadcast_tx *tx = game->tx[any(game, o->senders)];
    uint64_t place = o->sent;
    switch (any(game, 4)) {
    case 0:
        CHECK_RC(rn_broadcast_subscribe_from(&rx, tx, RN_OLDEST), 0);
        place = oldest(o);
        break;
    case 1:
        place = any(game, o->sent + 3);
        CHECK_RC(rn_broadcast_subscribe_from(&rx, tx, place), place <= o->sent ? 0 : RN_EINVAL);
        break;
    case 2:
        place = oldest(o) + any(game, o->sent - oldest(o) + 1);
        CHECK_RC(rn_broadcast_subscribe_from(&rx, tx, place), 0);
        break;
    default:
        CHECK_RC(rn_broadcast_subscribe(&rx, tx), 0);
    }
    if (place <= o->sent)
        add_receiver(game, rx, place, RN_ON_LAG_REPORT);
    else
        CHECK(rx == NULL);
}

static void do_copy_receiver(struct game *game)
{
    struct oracle *o = &game->oracle;
    rn_broadcast_rx *rx;
    if (o->receivers == RECEIVERS || o->receivers == 0)
        return;
    const size_t i = any(game, o->receivers);
    const bool clones = any(game, 2) == 0;
    CHECK_RC(clones ? rn_broadcast_rx_clone(&rx, game->rx[i]) : rn_broadcast_resubscribe(&rx, game->rx[i]), 0);
    add_receiver(game, rx, clones ? o->places[i].next : o->sent, o->places[i].on_lag);
}

static void do_drop_receiver(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->receivers == 0)
        return;
    const size_t i = any(game, o->receivers);
    rn_broadcast_rx_drop(game->rx[i]);
    o->dropped += length_of(o, i);
    o->receivers--;
    o->places[i] = o->places[o->receivers];
    game->rx[i] = game->rx[o->receivers];
    game->borrowed[i] = game->borrowed[o->receivers];
    oracle_leave(o);
}

static void do_more_senders(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->senders > 0 && o->senders < SENDERS && any(game, 2) == 0) {
        CHECK_RC(rn_broadcast_tx_clone(&game->tx[o->senders], game->tx[any(game, o->senders)]), 0);
        o->senders++;
    } else if (o->weaks > 0 && o->senders < SENDERS) {
        const int expected = o->senders > 0 ? 0 : RN_CLOSED;
        CHECK_RC(rn_broadcast_weak_upgrade(&game->tx[o->senders], game->weak[any(game, o->weaks)]), expected);
        o->senders += expected == 0;
    }
}

static void do_more_weaks(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->weaks == WEAKS)
        return;
    if (o->weaks > 0 && any(game, 2) == 0)
        CHECK_RC(rn_broadcast_weak_clone(&game->weak[o->weaks], game->weak[any(game, o->weaks)]), 0);
    else if (o->senders > 0)
        CHECK_RC(rn_broadcast_tx_downgrade(&game->weak[o->weaks], game->tx[any(game, o->senders)]), 0);
    else
        return;
    o->weaks++;
}

static void do_drop_sender(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->senders == 0)
        return;
    const size_t i = any(game, o->senders--);
    rn_broadcast_tx_drop(game->tx[i]);
    game->tx[i] = game->tx[o->senders];
    oracle_leave(o);
}

static void do_drop_weak(struct game *game)
{
    struct oracle *o = &game->oracle;
    if (o->weaks == 0)
        return;
    const size_t i = any(game, o->weaks--);
    rn_broadcast_weak_drop(game->weak[i]);
    game->weak[i] = game->weak[o->weaks];
}

/* -- do they agree? ---------------------------------------------------------------------------------------------- */

static void check_info(const struct oracle *o, const rn_channel_info *info)
{
    CHECK_EQ(info->senders, o->senders);
    CHECK_EQ(info->receivers, subscribed(o));
    CHECK_EQ(info->weak, o->weaks);
    CHECK_EQ(info->capacity, o->capacity);
    CHECK_EQ(info->depth, o->sent - oldest(o));
    CHECK_EQ(info->high_water, o->high_water);
    CHECK_EQ(info->sent, o->sent);
    CHECK_EQ(info->received, o->received);
    CHECK_EQ(info->missed, o->missed);
    CHECK_EQ(info->dropped, o->dropped);
    CHECK_EQ(info->why, o->senders > 0 ? RN_WHY_OPEN : RN_WHY_SENDERS_GONE);
}

/* Messages that are kept, and those that are only borrowed, each once. */
static uint64_t oracle_live(const struct oracle *o)
{
    uint64_t live = o->sent - oldest(o);
    for (size_t i = 0; i < o->receivers; i++) {
        bool is_first = o->places[i].borrowed != 0 && o->places[i].borrowed - 1 < oldest(o);
        for (size_t k = 0; k < i; k++)
            is_first &= o->places[k].borrowed != o->places[i].borrowed;
        live += is_first;
    }
    return live;
}

static void check_agreement(const struct game *game)
{
    const struct oracle *o = &game->oracle;
    rn_channel_info info;
    for (size_t i = 0; i < o->receivers; i++) {
        CHECK_EQ(rn_broadcast_rx_sequence(game->rx[i]), o->places[i].next);
        CHECK_EQ(rn_broadcast_rx_len(game->rx[i]), length_of(o, i));
        if (o->places[i].borrowed != 0)
            CHECK_EQ(mark_in_place(game, game->borrowed[i]), o->marks[o->places[i].borrowed - 1]);
        CHECK_EQ(rn_broadcast_rx_is_closed(game->rx[i]), o->senders == 0 || o->places[i].is_cut);
    }
    if (o->senders > 0) {
        CHECK_EQ(rn_broadcast_tx_receivers(game->tx[0]), subscribed(o));
        CHECK_EQ(rn_broadcast_tx_len(game->tx[0]), oracle_tx_len(o));
        CHECK_EQ(rn_broadcast_tx_closed_until(game->tx[0], rn_at_ns(1)), subscribed(o) == 0 ? 0 : RN_ETIMEDOUT);
        CHECK_RC(rn_broadcast_tx_info(game->tx[0], &info), 0);
        check_info(o, &info);
    } else if (o->receivers > 0) {
        CHECK_RC(rn_broadcast_rx_info(game->rx[0], &info), 0);
        check_info(o, &info);
    }
    if (game->is_owned)
        CHECK_EQ(game->owners.live, oracle_live(o)); /* what was overwritten or given up is dropped, no more */
}

/* The library drops the originals in the order in which they were sent. */
static void check_order(struct owners *owners, int mark)
{
    static int last;
    CHECK(mark > last || owners->drops == 1);
    last = mark;
}

static void step(struct game *game)
{
    const uint64_t what = any(game, 100);
    if (what < 45)
        do_send(game);
    else if (what < 70)
        do_receive(game);
    else if (what < 76)
        do_borrow(game);
    else if (what < 80)
        do_release(game);
    else if (what < 84)
        do_subscribe(game);
    else if (what < 86)
        do_subscribe_with(game);
    else if (what < 89)
        do_copy_receiver(game);
    else if (what < 94)
        do_drop_receiver(game);
    else if (what < 96)
        do_more_senders(game);
    else if (what < 98)
        do_more_weaks(game);
    else if (what < 99)
        do_drop_weak(game);
    else if (game->oracle.senders > 1)
        do_drop_sender(game);
}

static void begin_game(struct game *game, size_t capacity, bool is_owned, uint32_t flags, uint64_t random)
{
    static const rn_elem plain = {.size = sizeof(union message), .align = _Alignof(union message)};
    const rn_broadcast_opts opts = {.flags = flags};
    memset(game, 0, sizeof *game);
    game->is_owned = is_owned;
    game->random = random;
    game->owners.on_drop = NULL;
    game->oracle = (struct oracle){.capacity = capacity, .senders = 1};
    game->oracle.keeps = (flags & RN_BROADCAST_KEEP) != 0;
    game->oracle.may_block = (flags & RN_BROADCAST_MAY_BLOCK) != 0;
    game->oracle.may_borrow = (flags & RN_BROADCAST_BORROW) != 0;
    const rn_elem *elem = is_owned ? OWNED_ELEM(&game->owners) : &plain;
    REQUIRE(rn_broadcast_channel_with(&game->tx[0], NULL, capacity, elem, &opts) == 0);
    game->owners.on_drop = game->oracle.may_borrow ? NULL : check_order; /* what is borrowed is dropped late */
}

/* From the last steps on there is no sender; then everything goes, in any order. */
static void play(size_t capacity, bool is_owned, uint32_t flags, uint64_t random)
{
    static struct game game;
    begin_game(&game, capacity, is_owned, flags, random);
    for (int i = 0; i < STEPS; i++) {
        step(&game);
        check_agreement(&game);
    }
    while (game.oracle.senders > 0) {
        do_drop_sender(&game);
        check_agreement(&game);
    }
    for (int i = 0; i < 50; i++) {
        step(&game);
        check_agreement(&game);
    }
    while (game.oracle.receivers > 0) {
        do_drop_receiver(&game);
        check_agreement(&game);
    }
    while (game.oracle.weaks > 0)
        do_drop_weak(&game);
    CHECK_EQ(game.owners.live, 0);
}

static void play_all(bool is_owned, uint32_t flags)
{
    static const size_t capacities[] = {1, 2, 3, 4, 5, 7, 8, 13, 100};
    uint64_t random = test_seed();
    for (size_t i = 0; i < RN_COUNT(capacities); i++)
        play(capacities[i], is_owned, flags, rn__random_next(&random));
}

EVERYWHERE(broadcast_oracle_agrees_on_plain_messages)
{
    play_all(false, 0);
}

EVERYWHERE(broadcast_oracle_agrees_on_plain_messages_that_are_kept_for_later)
{
    play_all(false, RN_BROADCAST_KEEP);
}

EVERYWHERE(broadcast_oracle_agrees_on_owned_messages)
{
    play_all(true, 0);
}

EVERYWHERE(broadcast_oracle_agrees_on_owned_messages_that_are_kept_for_later)
{
    play_all(true, RN_BROADCAST_KEEP);
}

EVERYWHERE(broadcast_oracle_agrees_on_receivers_that_block)
{
    play_all(false, RN_BROADCAST_MAY_BLOCK);
    play_all(true, RN_BROADCAST_MAY_BLOCK | RN_BROADCAST_KEEP);
}

EVERYWHERE(broadcast_oracle_agrees_on_messages_that_are_borrowed)
{
    play_all(false, RN_BROADCAST_BORROW);
    play_all(true, RN_BROADCAST_BORROW | RN_BROADCAST_MAY_BLOCK);
}
