/* SPDX-License-Identifier: MIT */
/* api_select_wait.c - selects that wait: every kind of case is served while it stands in line, whoever did not happen
 * leaves no trace and goes out of the way of those behind, two selects meet, timers and cancellations race. */
#include <stdlib.h>

#include "api/owned.h"
#include "api/selected.h"

static const int seven = 7;

static struct actor *start(struct selector *selector)
{
    struct actor *actor = actor_start(select_once, selector);
    WAIT_UNTIL_SELECTING(1);
    return actor;
}

/* It was woken by the case with this number, and this code. */
static void check_selected(struct actor *actor, const struct selector *selector, int which, int rc)
{
    CHECK_RC(actor_join(actor), 0);
    CHECK_RC(selector->which, which);
    CHECK_RC(selector->cases[which].rc, rc);
}

/* -- every kind, after a wait ------------------------------------------------------------------------------------ */

EVERYWHERE(select_that_waits_is_served_by_mpsc)
{
    struct channel full = channel_of_ints(1), empty = channel_of_ints(1), reserved = channel_of_ints(1);
    int value = 0;
    rn_mpsc_permit permit;
    CHECK_RC(send_int(full.tx, 1), 0);
    CHECK_RC(send_int(reserved.tx, 1), 0);
    rn_case cases[] = {rn_mpsc_send_case(full.tx, &seven), rn_mpsc_recv_case(empty.rx, &value),
                       rn_mpsc_reserve_case(reserved.tx, 1, &permit), rn_mpsc_tx_closed_case(full.tx)};
    struct selector selector = SELECTOR(cases);
    for (int round = 0; round < 3; round++) {
        struct actor *actor = start(&selector);
        CHECK_EQ(recv_int(full.rx), round == 0 ? 1 : 7);
        check_selected(actor, &selector, 0, 0);
        actor = start(&selector);
        CHECK_RC(send_int(empty.tx, round), 0);
        check_selected(actor, &selector, 1, 0);
        CHECK_EQ(value, round);
        actor = start(&selector);
        CHECK_EQ(recv_int(reserved.rx), round == 0 ? 1 : 2);
        check_selected(actor, &selector, 2, 0);
        CHECK_RC(permit_send_int(&permit, 2), 0);
    }
    cases[0] = RN_NEVER;
    struct actor *actor = start(&selector);
    rn_mpsc_rx_close(full.rx);
    check_selected(actor, &selector, 3, 0);
    CHECK_EQ(recv_int(full.rx), 7);
    drop_both(full);
    drop_both(empty);
    drop_both(reserved);
}

EVERYWHERE(select_that_waits_hears_the_close)
{
    struct channel full = channel_of_ints(1), empty = channel_of_ints(1);
    int value = 0;
    rn_mpsc_permit permit;
    CHECK_RC(send_int(full.tx, 1), 0);
    rn_case cases[] = {rn_mpsc_send_case(full.tx, &seven), rn_mpsc_recv_case(empty.rx, &value)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    rn_mpsc_rx_close(full.rx);
    check_selected(actor, &selector, 0, RN_CLOSED);
    cases[0] = RN_NEVER;
    actor = start(&selector);
    rn_mpsc_tx_drop(empty.tx);
    check_selected(actor, &selector, 1, RN_CLOSED);
    rn_mpsc_rx_drop(empty.rx);
    drop_both(full);
    full = channel_of_ints(1);
    CHECK_RC(send_int(full.tx, 1), 0);
    cases[0] = rn_mpsc_reserve_case(full.tx, 1, &permit);
    cases[1] = RN_NEVER;
    actor = start(&selector);
    rn_mpsc_rx_close(full.rx);
    check_selected(actor, &selector, 0, RN_CLOSED);
    drop_both(full);
}

EVERYWHERE(select_that_waits_is_served_by_oneshot)
{
    rn_oneshot_tx *tx, *other_tx;
    rn_oneshot_rx *rx, *other_rx;
    int value = 0;
    REQUIRE(rn_oneshot_channel(&tx, &rx, RN_ELEM(int)) == 0);
    REQUIRE(rn_oneshot_channel(&other_tx, &other_rx, RN_ELEM(int)) == 0);
    rn_case cases[] = {rn_oneshot_recv_case(rx, &value), rn_oneshot_tx_closed_case(other_tx)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    CHECK_RC(rn_oneshot_send(tx, &seven), 0);
    check_selected(actor, &selector, 0, 0);
    CHECK_EQ(value, 7);
    cases[0] = RN_NEVER;
    actor = start(&selector);
    rn_oneshot_rx_drop(other_rx);
    check_selected(actor, &selector, 1, 0);
    rn_oneshot_tx_drop(other_tx);
    rn_oneshot_rx_drop(rx);
    REQUIRE(rn_oneshot_channel(&tx, &rx, RN_ELEM(int)) == 0);
    cases[0] = rn_oneshot_recv_case(rx, &value);
    cases[1] = RN_NEVER;
    actor = start(&selector);
    rn_oneshot_tx_drop(tx);
    check_selected(actor, &selector, 0, RN_CLOSED);
    rn_oneshot_rx_drop(rx);
}

EVERYWHERE(select_that_waits_is_served_by_broadcast_and_watch)
{
    rn_broadcast_tx *news_tx;
    rn_broadcast_rx *news_rx;
    rn_watch_tx *state_tx;
    rn_watch_rx *state_rx, *other_rx;
    int heard = 0, seen = 0;
    uint64_t missed = 99;
    REQUIRE(rn_broadcast_channel(&news_tx, &news_rx, 2, RN_ELEM(int)) == 0);
    REQUIRE(rn_watch_channel(&state_tx, &state_rx, &seen, RN_ELEM(int)) == 0);
    REQUIRE(rn_watch_subscribe(&other_rx, state_tx) == 0);
    rn_watch_mark_unchanged(state_rx);
    rn_watch_mark_unchanged(other_rx);
    rn_case cases[] = {rn_broadcast_recv_case(news_rx, &heard, &missed), rn_watch_recv_case(state_rx, &seen),
                       RN_NEVER};
    struct selector selector = SELECTOR(cases);
    for (int round = 1; round < 4; round++) {
        struct actor *actor = start(&selector);
        CHECK_RC(rn_broadcast_send(news_tx, &round), 0);
        check_selected(actor, &selector, 0, 0);
        CHECK_EQ(heard, round);
        CHECK_EQ(missed, 0);
        actor = start(&selector);
        CHECK_RC(rn_watch_set(state_tx, &round), 0);
        check_selected(actor, &selector, 1, 0);
        CHECK_EQ(seen, round);
    }
    cases[1] = RN_NEVER;
    cases[2] = rn_watch_changed_case(other_rx);
    rn_watch_mark_unchanged(other_rx);
    struct actor *actor = start(&selector);
    CHECK_RC(rn_watch_set(state_tx, &seven), 0);
    check_selected(actor, &selector, 2, 0);
    actor = start(&selector);
    rn_watch_tx_drop(state_tx);
    check_selected(actor, &selector, 2, RN_CLOSED);
    cases[2] = RN_NEVER;
    actor = start(&selector);
    rn_broadcast_tx_drop(news_tx);
    check_selected(actor, &selector, 0, RN_CLOSED);
    rn_broadcast_rx_drop(news_rx);
    rn_watch_rx_drop(state_rx);
    rn_watch_rx_drop(other_rx);
}

static int wait_for_gate(void *gate)
{
    return rn_notify_wait(gate);
}

ROOT(select_that_waits_is_served_by_notify_and_by_the_end_of_a_task)
{
    rn_notify notify = RN_NOTIFY_INIT, gate = RN_NOTIFY_INIT;
    int result = -1;
    rn_task task;
    RN_MUST(rn_spawn(&task, wait_for_gate, &gate));
    rn_case cases[] = {rn_join_case(task, &result), rn_notify_wait_case(&notify)};
    for (int round = 0; round < 3; round++) {
        rn_task waker;
        RN_MUST(rn_spawn(&waker, wait_for_gate, &notify)); /* in line before us */
        WAIT_UNTIL(parked_in("notify wait") == 2);
        rn_notify_all(&notify);
        rn_notify_one(&notify);
        CHECK_EQ(rn_select(cases, 2), 1);
        CHECK_RC(cases[1].rc, 0);
        RN_MUST(rn_join(waker, NULL));
    }
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    rn_notify_one(&notify);
    check_selected(actor, &selector, 1, 0);
    actor = start(&selector);
    CHECK_RC(rn_join(task, NULL), RN_EBUSY);
    rn_notify_one(&gate);
    check_selected(actor, &selector, 0, 0);
    CHECK_EQ(result, 0);
}

/* -- messages that own something --------------------------------------------------------------------------------- */

EVERYWHERE(select_clones_what_it_receives_from_broadcast_and_watch)
{
    struct owners owners = {0};
    const rn_elem elem = {.size = sizeof(struct owned), .drop = owned_drop, .clone = owned_clone, .ctx = &owners};
    rn_broadcast_tx *news_tx;
    rn_broadcast_rx *news_rx;
    rn_watch_tx *state_tx;
    rn_watch_rx *state_rx;
    struct owned message = owned_make(&owners, 1), heard, seen;
    uint64_t missed;
    REQUIRE(rn_broadcast_channel(&news_tx, &news_rx, 2, &elem) == 0);
    REQUIRE(rn_watch_channel(&state_tx, &state_rx, &message, &elem) == 0);
    rn_watch_mark_unchanged(state_rx);
    rn_case cases[] = {rn_broadcast_recv_case(news_rx, &heard, &missed), rn_watch_recv_case(state_rx, &seen),
                       rn_broadcast_recv_case(news_rx, &heard, &missed), rn_watch_recv_case(state_rx, &seen)};
    struct selector selector = SELECTOR(cases);
    for (int round = 0; round < 4; round++) {
        const bool waits = round % 2 == 0;
        struct actor *actor = waits ? start(&selector) : NULL;
        message = owned_make(&owners, round + 10);
        CHECK_RC(rn_broadcast_send(news_tx, &message), 0);
        if (waits)
            CHECK_RC(actor_join(actor), 0);
        else
            CHECK_RC(select_once(&selector), 0);
        CHECK_EQ(selector.which % 2, 0);
        CHECK_RC(cases[selector.which].rc, 0);
        CHECK_EQ(*heard.number, round + 10);
        owned_destroy(&owners, &heard);
        actor = waits ? start(&selector) : NULL;
        message = owned_make(&owners, round + 20);
        CHECK_RC(rn_watch_set(state_tx, &message), 0);
        if (waits)
            CHECK_RC(actor_join(actor), 0);
        else
            CHECK_RC(select_once(&selector), 0);
        CHECK_EQ(selector.which % 2, 1);
        CHECK_RC(cases[selector.which].rc, 0);
        CHECK_EQ(*seen.number, round + 20);
        owned_destroy(&owners, &seen);
    }
    rn_broadcast_tx_drop(news_tx);
    rn_broadcast_rx_drop(news_rx);
    rn_watch_tx_drop(state_tx);
    rn_watch_rx_drop(state_rx);
    CHECK_EQ(owners.live, 0);
}

/* A clone that fails: the case has happened with its code, and the message is still there. */
EVERYWHERE(select_whose_clone_fails_has_consumed_nothing)
{
    struct owners owners = {.clone_code = RN_ENOMEM};
    const rn_elem elem = {.size = sizeof(struct owned), .drop = owned_drop, .clone = owned_clone, .ctx = &owners};
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    struct owned message = owned_make(&owners, 1), heard;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 2, &elem) == 0);
    rn_case cases[] = {rn_broadcast_recv_case(rx, &heard, NULL)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    CHECK_RC(rn_broadcast_send(tx, &message), 0);
    check_selected(actor, &selector, 0, RN_ENOMEM);
    owners.clone_code = 0;
    CHECK_EQ(rn_select(cases, 1), 0);
    CHECK_RC(cases[0].rc, 0);
    CHECK_EQ(*heard.number, 1);
    owned_destroy(&owners, &heard);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    CHECK_EQ(owners.live, 0);
}

/* -- those that did not happen ----------------------------------------------------------------------------------- */

/* What the losers could have had is still there, for them or for others. */
EVERYWHERE(select_that_was_served_leaves_all_other_lines)
{
    struct channel full = channel_of_ints(1), empty = channel_of_ints(1), other = channel_of_ints(1);
    rn_notify notify = RN_NOTIFY_INIT;
    int value = 0, unused = -1;
    CHECK_RC(send_int(full.tx, 1), 0);
    rn_case cases[] = {rn_mpsc_send_case(full.tx, &seven), rn_mpsc_recv_case(empty.rx, &value),
                       rn_mpsc_recv_case(other.rx, &unused), rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    CHECK_RC(send_int(empty.tx, 5), 0);
    check_selected(actor, &selector, 1, 0);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_ms(-1)), 0);
    CHECK_EQ(recv_int(full.rx), 1);
    CHECK_RC(try_recv_int(full.rx), RN_EMPTY);
    CHECK_RC(send_int(other.tx, 3), 0);
    CHECK_EQ(recv_int(other.rx), 3);
    CHECK_EQ(unused, -1);
    drop_both(full);
    drop_both(empty);
    drop_both(other);
}

struct sending {
    rn_mpsc_tx *tx;
    int message;
};

static int send_one(void *arg)
{
    const struct sending *sending = arg;
    return send_int(sending->tx, sending->message);
}

/* A reserve of two at the head of the line keeps a sender waiting though a place is free: until it leaves. */
EVERYWHERE(select_that_leaves_the_line_lets_those_behind_go_on)
{
    struct channel channel = channel_of_ints(2);
    rn_notify notify = RN_NOTIFY_INIT;
    rn_mpsc_permit permit;
    CHECK_RC(send_int(channel.tx, 1), 0);
    rn_case cases[] = {rn_mpsc_reserve_case(channel.tx, 2, &permit), rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    struct sending sending = {channel.tx, 2};
    struct actor *sender = actor_start(send_one, &sending);
    WAIT_UNTIL(parked_in("mpsc send") == 1);
    rn_notify_one(&notify);
    check_selected(actor, &selector, 1, 0);
    CHECK_RC(actor_join(sender), 0);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(recv_int(channel.rx), 2);
    drop_both(channel);
}

EVERYWHERE(select_that_timed_out_has_no_effect)
{
    struct channel full = channel_of_ints(1), empty = channel_of_ints(1);
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    int value = -1;
    uint64_t missed;
    REQUIRE(rn_broadcast_channel(&tx, &rx, 2, RN_ELEM(int)) == 0);
    CHECK_RC(send_int(full.tx, 1), 0);
    rn_case cases[] = {rn_mpsc_send_case(full.tx, &seven), rn_mpsc_recv_case(empty.rx, &value),
                       rn_broadcast_recv_case(rx, &value, &missed)};
    for (int i = 0; i < 3; i++)
        CHECK_RC(rn_select_until(cases, 3, rn_in_ms(1)), RN_ETIMEDOUT);
    CHECK_EQ(recv_int(full.rx), 1);
    CHECK_RC(try_recv_int(full.rx), RN_EMPTY);
    CHECK_RC(send_int(empty.tx, 2), 0);
    CHECK_EQ(recv_int(empty.rx), 2);
    CHECK_RC(rn_broadcast_send(tx, &seven), 0);
    CHECK_RC(rn_broadcast_recv_until(rx, &value, &missed, rn_in_ms(-1)), 0);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
    drop_both(full);
    drop_both(empty);
}

/* -- one object in several cases, two callers on one end --------------------------------------------------------- */

EVERYWHERE(select_takes_one_channel_in_several_cases)
{
    struct channel channel = channel_of_ints(1);
    rn_notify notify = RN_NOTIFY_INIT;
    int first = 0, second = 0;
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &first), rn_mpsc_recv_case(channel.rx, &second),
                       rn_notify_wait_case(&notify), rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    for (int round = 1; round < 20; round++) {
        struct actor *actor = start(&selector);
        first = second = 0;
        CHECK_RC(send_int(channel.tx, round), 0);
        CHECK_RC(actor_join(actor), 0);
        CHECK(selector.which == 0 || selector.which == 1);
        CHECK_EQ(first + second, round);
        CHECK_EQ(selector.which == 0 ? first : second, round);
        actor = start(&selector);
        rn_notify_one(&notify);
        CHECK_RC(actor_join(actor), 0);
        CHECK(selector.which == 2 || selector.which == 3);
    }
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_ms(-1)), RN_ETIMEDOUT);
    CHECK_RC(try_recv_int(channel.rx), RN_EMPTY);
    drop_both(channel);
}

/* It sends to, and receives from, one channel: never to itself while it waits. */
EVERYWHERE(select_never_meets_itself)
{
    struct channel channel = channel_of_ints(1);
    rn_mpsc_permit permit;
    int value = 0;
    CHECK_RC(rn_mpsc_reserve(channel.tx, 1, &permit), 0); /* full, and nothing to receive */
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &value), rn_mpsc_send_case(channel.tx, &seven)};
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    rn_mpsc_permit_drop(&permit);
    check_selected(actor, &selector, 1, 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(recv_int(channel.rx), 7);
    drop_both(channel);
}

EVERYWHERE(select_on_an_end_in_use_says_busy)
{
    struct channel channel = channel_of_ints(1);
    rn_broadcast_tx *news_tx;
    rn_broadcast_rx *news_rx;
    rn_watch_tx *state_tx;
    rn_watch_rx *state_rx;
    int value = 0;
    uint64_t missed;
    REQUIRE(rn_broadcast_channel(&news_tx, &news_rx, 2, RN_ELEM(int)) == 0);
    REQUIRE(rn_watch_channel(&state_tx, &state_rx, &value, RN_ELEM(int)) == 0);
    rn_watch_mark_unchanged(state_rx);
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &value), rn_broadcast_recv_case(news_rx, &value, &missed),
                       rn_watch_recv_case(state_rx, &value)};
    rn_case others[3];
    memcpy(others, cases, sizeof cases);
    struct selector selector = SELECTOR(cases);
    struct actor *actor = start(&selector);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(rn_select(&others[i], 1), 0);
        CHECK_RC(others[i].rc, RN_EBUSY);
    }
    CHECK_RC(rn_mpsc_recv(channel.rx, &value), RN_EBUSY);
    CHECK_RC(rn_broadcast_recv(news_rx, &value, &missed), RN_EBUSY);
    CHECK_RC(rn_watch_recv(state_rx, &value), RN_EBUSY);
    CHECK_RC(send_int(channel.tx, 4), 0);
    check_selected(actor, &selector, 0, 0);
    CHECK_RC(rn_broadcast_recv_until(news_rx, &value, &missed, rn_in_ms(-1)), RN_ETIMEDOUT);
    CHECK_RC(rn_watch_recv_until(state_rx, &value, rn_in_ms(-1)), RN_ETIMEDOUT);
    rn_broadcast_tx_drop(news_tx);
    rn_broadcast_rx_drop(news_rx);
    rn_watch_tx_drop(state_tx);
    rn_watch_rx_drop(state_rx);
    drop_both(channel);
}

/* -- two that meet ----------------------------------------------------------------------------------------------- */

/* Each sends on one channel and receives on the other, by select alone; each does what it still has to do. */
struct partner {
    rn_mpsc_tx *tx;
    rn_mpsc_rx *rx;
    int sum;
};

enum { EXCHANGES = 500 };

static int exchange(void *arg)
{
    struct partner *partner = arg;
    int sent = 1, received = 0, value;
    while (sent <= EXCHANGES || received < EXCHANGES) {
        rn_case cases[] = {sent <= EXCHANGES ? rn_mpsc_send_case(partner->tx, &sent) : RN_NEVER,
                           received < EXCHANGES ? rn_mpsc_recv_case(partner->rx, &value) : RN_NEVER};
        const int which = rn_select(cases, 2);
        RN_TRY(which < 0 ? which : cases[which].rc);
        if (which == 0) {
            sent++;
        } else {
            partner->sum += value;
            received++;
        }
    }
    return 0;
}

EVERYWHERE(select_meets_select_in_both_directions)
{
    struct channel there = channel_of_ints(1), back = channel_of_ints(1);
    struct partner one = {there.tx, back.rx, 0}, other = {back.tx, there.rx, 0};
    struct actor *first = actor_start(exchange, &one), *second = actor_start(exchange, &other);
    CHECK_RC(actor_join(first), 0);
    CHECK_RC(actor_join(second), 0);
    CHECK_EQ(one.sum, EXCHANGES * (EXCHANGES + 1) / 2);
    CHECK_EQ(other.sum, EXCHANGES * (EXCHANGES + 1) / 2);
    drop_both(there);
    drop_both(back);
}

/* -- many -------------------------------------------------------------------------------------------------------- */

EVERYWHERE(select_waits_for_256)
{
    enum { MANY = 256 };
    rn_notify *notify = calloc(MANY, sizeof *notify);
    rn_case *cases = calloc(MANY, sizeof *cases);
    REQUIRE(notify != NULL && cases != NULL);
    for (int i = 0; i < MANY; i++)
        cases[i] = rn_notify_wait_case(&notify[i]);
    struct selector selector = {.cases = cases, .count = MANY};
    for (int i = 0; i < MANY; i += 51) {
        struct actor *actor = start(&selector);
        rn_notify_one(&notify[i]);
        check_selected(actor, &selector, i, 0);
    }
    free(cases);
    free(notify);
}

/* -- the end of a wait ------------------------------------------------------------------------------------------- */

ROOT(select_that_waits_is_cancelled)
{
    struct channel channel = channel_of_ints(1);
    rn_notify notify = RN_NOTIFY_INIT;
    int value = -1;
    rn_case cases[] = {rn_mpsc_recv_case(channel.rx, &value), rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    rn_task task;
    RN_MUST(rn_spawn(&task, select_once, &selector));
    WAIT_UNTIL_SELECTING(1);
    rn_task_cancel(task, 0);
    RN_MUST(rn_join(task, NULL));
    CHECK_RC(selector.which, RN_ECANCELED);
    rn_notify_one(&notify);
    CHECK_RC(rn_notify_wait_until(&notify, rn_in_ms(-1)), 0);
    CHECK_RC(send_int(channel.tx, 1), 0);
    CHECK_EQ(recv_int(channel.rx), 1);
    CHECK_EQ(value, -1);
    drop_both(channel);
}

/* Message against cancellation, over and over: it is received, or it is still there. Both have to be seen. */
ROOT(select_delivery_races_cancellation)
{
    struct channel channel = channel_of_ints(1);
    rn_notify never = RN_NOTIFY_INIT;
    bool was_served = false, was_cancelled = false;
    for (int round = 0; !was_served || !was_cancelled || round < 200; round++) {
        int value = -1;
        rn_case cases[] = {rn_notify_wait_case(&never), rn_mpsc_recv_case(channel.rx, &value)};
        struct selector selector = SELECTOR(cases);
        rn_task task;
        RN_MUST(rn_spawn(&task, select_once, &selector));
        if (round % 4 != 0)
            WAIT_UNTIL(parked_in("select") == 1);
        if (round % 2 == 0) {
            CHECK_RC(send_int(channel.tx, round), 0);
            rn_task_cancel(task, 0);
        } else {
            rn_task_cancel(task, 0);
            CHECK_RC(send_int(channel.tx, round), 0);
        }
        RN_MUST(rn_join(task, NULL));
        was_served |= selector.which == 1;
        was_cancelled |= selector.which == RN_ECANCELED;
        CHECK(selector.which == 1 || selector.which == RN_ECANCELED);
        CHECK_EQ(value, selector.which == 1 ? round : -1);
        CHECK_RC(try_recv_int(channel.rx), selector.which == 1 ? RN_EMPTY : round);
    }
    drop_both(channel);
}

static int sleep_and_send(void *arg)
{
    const struct sending *sending = arg;
    rn_ignore(rn_sleep_ms(1));
    return send_int(sending->tx, sending->message);
}

/* The same for the deadline, until both outcomes have been seen: of patience from none to more than enough. */
EVERYWHERE(select_delivery_races_the_deadline)
{
    struct channel channel = channel_of_ints(1);
    rn_notify never = RN_NOTIFY_INIT;
    bool was_served = false, was_late = false;
    for (int round = 0; !was_served || !was_late; round++) {
        int value = -1;
        struct sending sending = {channel.tx, round};
        rn_case cases[] = {rn_notify_wait_case(&never), rn_mpsc_recv_case(channel.rx, &value)};
        struct actor *sender = actor_start(sleep_and_send, &sending);
        const int which = rn_select_until(cases, 2, round % 8 == 7 ? RN_FOREVER : rn_in_us(round % 8 * 500));
        CHECK_RC(actor_join(sender), 0);
        was_served |= which == 1;
        was_late |= which == RN_ETIMEDOUT;
        CHECK(which == 1 || which == RN_ETIMEDOUT);
        CHECK_EQ(value, which == 1 ? round : -1);
        CHECK_RC(try_recv_int(channel.rx), which == 1 ? RN_EMPTY : round);
    }
    drop_both(channel);
}

static int select_shielded(void *arg)
{
    rn_shield_enter();
    const int rc = select_once(arg);
    rn_shield_leave();
    return rc;
}

ROOT(select_in_a_shield_is_not_cancelled)
{
    rn_notify notify = RN_NOTIFY_INIT;
    rn_case cases[] = {rn_notify_wait_case(&notify)};
    struct selector selector = SELECTOR(cases);
    rn_task task;
    RN_MUST(rn_spawn(&task, select_shielded, &selector));
    WAIT_UNTIL_SELECTING(1);
    rn_task_cancel(task, 0);
    rn_notify_one(&notify);
    RN_MUST(rn_join(task, NULL));
    CHECK_EQ(selector.which, 0);
}
