/* SPDX-License-Identifier: MIT */
/* api_watch_owned.c - a watch of values that own something: who drops them and when, borrowing, clones. */
#include <runnel/typed.h>
#include <runnel/task.h>
#include <runnel/watch.h>

#include "api/owned.h"
#include "api/parked.h"
#include "wait/party.h"

static const char name[] = "owned watch";

struct setting {
    struct owners owners;
    rn_watch_tx *tx;
    rn_watch_rx *rx;
};

/* The first value is 1. */
static void begin(struct setting *setting, bool can_clone)
{
    *setting = (struct setting){0};
    struct owned initial = owned_make(&setting->owners, 1);
    rn_elem elem = *OWNED_ELEM(&setting->owners);
    if (!can_clone)
        elem.clone = NULL;
    const rn_watch_opts opts = {.name = name};
    REQUIRE(rn_watch_channel_with(&setting->tx, &setting->rx, &initial, &elem, &opts) == 0);
}

static void end(struct setting *setting)
{
    rn_watch_tx_drop(setting->tx);
    rn_watch_rx_drop(setting->rx);
    CHECK_EQ(setting->owners.live, 0);
}

static void set(struct setting *setting, int number)
{
    struct owned value = owned_make(&setting->owners, number);
    CHECK_RC(rn_watch_set(setting->tx, &value), 0);
}

static int borrow(rn_watch_rx *rx, const struct owned **out)
{
    const void *value;
    const int rc = rn_watch_borrow(rx, &value);
    *out = value;
    return rc;
}

static void check_clone(struct setting *setting, int rc, struct owned *got, int number)
{
    if (!CHECK_RC(rc, 0))
        return;
    CHECK_EQ(*got->number, number);
    owned_destroy(&setting->owners, got);
}

/* -- dropping -------------------------------------------------------------------------------------------------- */

EVERYWHERE(watch_owned_value_is_dropped_when_it_is_replaced)
{
    struct setting s;
    begin(&s, false);
    CHECK_EQ(s.owners.drops, 0);
    set(&s, 2);
    CHECK_EQ(s.owners.drops, 1);
    CHECK_EQ(s.owners.dropped[0], 1);
    set(&s, 3);
    CHECK_EQ(s.owners.dropped[1], 2);
    CHECK_EQ(s.owners.live, 1);
    end(&s);
    CHECK_EQ(s.owners.drops, 3);
}

EVERYWHERE(watch_owned_value_goes_with_the_last_end)
{
    struct setting s;
    begin(&s, false);
    rn_watch_tx_drop(s.tx);
    CHECK_EQ(s.owners.drops, 0);
    s.tx = NULL;
    end(&s);
    CHECK_EQ(s.owners.drops, 1);
    begin(&s, false);
    rn_watch_rx_drop(s.rx);
    s.rx = NULL;
    CHECK_EQ(s.owners.drops, 0);
    set(&s, 2);
    CHECK_EQ(s.owners.drops, 1);
    end(&s);
    CHECK_EQ(s.owners.drops, 2);
}

EVERYWHERE(watch_owned_value_is_dropped_by_the_last_who_holds_it)
{
    struct setting s;
    const struct owned *a, *b;
    rn_watch_rx *other;
    begin(&s, false);
    REQUIRE(rn_watch_subscribe(&other, s.tx) == 0);
    CHECK_RC(borrow(s.rx, &a), 0);
    CHECK_RC(borrow(other, &b), 0);
    CHECK(a == b); /* in place */
    set(&s, 2);
    CHECK_EQ(s.owners.drops, 0);
    CHECK_EQ(*a->number, 1);
    rn_watch_release(s.rx);
    CHECK_EQ(s.owners.drops, 0);
    CHECK_EQ(*b->number, 1);
    rn_watch_release(other);
    CHECK_EQ(s.owners.drops, 1);
    rn_watch_release(other);
    CHECK_EQ(s.owners.drops, 1);
    rn_watch_rx_drop(other);
    end(&s);
}

EVERYWHERE(watch_receiver_that_goes_gives_back_what_it_had_borrowed)
{
    struct setting s;
    const struct owned *value;
    begin(&s, false);
    CHECK_RC(borrow(s.rx, &value), 0);
    set(&s, 2);
    rn_watch_rx_drop(s.rx);
    CHECK_EQ(s.owners.drops, 1);
    CHECK_EQ(s.owners.dropped[0], 1);
    s.rx = NULL;
    end(&s);
    begin(&s, false);
    CHECK_RC(borrow(s.rx, &value), 0);
    rn_watch_tx_drop(s.tx); /* the current value, borrowed, and all ends go */
    s.tx = NULL;
    end(&s);
    CHECK_EQ(s.owners.drops, 1);
}

/* -- reading without and with a clone function ------------------------------------------------------------------ */

EVERYWHERE(watch_owned_without_clone_is_only_borrowed)
{
    struct setting s;
    struct owned got = {NULL};
    const struct owned *value;
    begin(&s, false);
    set(&s, 2);
    CHECK_RC(rn_watch_recv(s.rx, &got), RN_EINVAL);
    CHECK_RC(rn_watch_recv_until(s.rx, &got, rn_at_ns(1)), RN_EINVAL);
    CHECK_RC(rn_watch_get(s.rx, &got), RN_EINVAL);
    CHECK_RC(rn_watch_peek(s.rx, &got), RN_EINVAL);
    CHECK(got.number == NULL);
    CHECK_EQ(rn_watch_has_changed(s.rx), 1); /* none of these had an effect */
    CHECK_RC(rn_watch_changed(s.rx), 0);
    CHECK_RC(borrow(s.rx, &value), 0);
    CHECK_EQ(*value->number, 2);
    end(&s);
}

EVERYWHERE(watch_owned_with_clone_gives_clones)
{
    struct setting s;
    struct owned got;
    begin(&s, true);
    check_clone(&s, rn_watch_get(s.rx, &got), &got, 1);
    set(&s, 2);
    check_clone(&s, rn_watch_peek(s.rx, &got), &got, 2);
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 2);
    CHECK_RC(rn_watch_recv_until(s.rx, &got, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_EQ(s.owners.clones, 3);
    CHECK_EQ(s.owners.drops, 1);
    end(&s);
}

EVERYWHERE(watch_clone_that_fails_marks_nothing)
{
    struct setting s;
    struct owned got = {NULL};
    begin(&s, true);
    set(&s, 2);
    s.owners.clone_code = RN_ENOMEM;
    CHECK_RC(rn_watch_recv(s.rx, &got), RN_ENOMEM);
    CHECK_RC(rn_watch_get(s.rx, &got), RN_ENOMEM);
    CHECK_RC(rn_watch_peek(s.rx, &got), RN_ENOMEM);
    CHECK_EQ(rn_watch_has_changed(s.rx), 1);
    s.owners.clone_code = 0;
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 2);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    end(&s);
}

struct reader {
    rn_watch_rx *rx;
    struct owned got;
};

static int read_one(void *arg)
{
    struct reader *reader = arg;
    return rn_watch_recv(reader->rx, &reader->got);
}

EVERYWHERE(watch_clone_that_fails_after_a_sleep_marks_nothing)
{
    struct setting s;
    struct owned got;
    begin(&s, true);
    struct reader reader = {.rx = s.rx};
    s.owners.clone_code = -12345;
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL_PARKED(1, name);
    set(&s, 2);
    CHECK_RC(actor_join(actor), -12345);
    CHECK_EQ(rn_watch_has_changed(s.rx), 1);
    s.owners.clone_code = 0;
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 2);
    end(&s);
}

/* -- what drop and clone functions may do ----------------------------------------------------------------------- */

static struct setting *setting_of(struct owners *owners)
{
    return (struct setting *)owners;
}

static void set_twice(struct owners *owners, int number)
{
    owners->on_clone = NULL;
    set(setting_of(owners), number + 1);
    set(setting_of(owners), number + 2);
}

EVERYWHERE(watch_value_that_is_replaced_during_its_clone_stays_whole)
{
    struct setting s;
    struct owned got;
    begin(&s, true);
    set(&s, 2);
    s.owners.on_clone = set_twice; /* owned_clone checks that the original is still there */
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 2);
    CHECK_EQ(s.owners.drops, 3); /* 1, then 3 by the second set, then 2 by its last holder */
    CHECK_EQ(s.owners.dropped[2], 2);
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 4);
    end(&s);
}

static void wait_anyway(struct owners *owners, int number)
{
    struct owned got;
    (void)number;
    CHECK(rn__callback_running());
    CHECK_RC(rn_watch_recv(setting_of(owners)->rx, &got), RN_EDEADLK);
    CHECK_RC(rn_watch_changed(setting_of(owners)->rx), RN_EDEADLK);
}

EVERYWHERE(watch_callbacks_may_not_wait)
{
    struct setting s;
    struct owned got;
    begin(&s, true);
    s.owners.on_drop = wait_anyway;
    s.owners.on_clone = wait_anyway;
    set(&s, 2);
    check_clone(&s, rn_watch_recv(s.rx, &got), &got, 2);
    s.owners.on_drop = NULL;
    end(&s);
    CHECK(!rn__callback_running());
}

static void set_deeper(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    const struct owned *value;
    CHECK_RC(borrow(s->rx, &value), 0);
    CHECK_EQ(*value->number, number + 1);
    rn_watch_release(s->rx); /* it is current: nothing is dropped here */
    if (number < 5)
        set(s, number + 2);
}

EVERYWHERE(watch_drop_function_may_use_the_channel)
{
    struct setting s;
    begin(&s, false);
    s.owners.on_drop = set_deeper;
    set(&s, 2); /* drops 1, where 3 is set, which drops 2, where 4 is set ... */
    CHECK_EQ(s.owners.drops, 5);
    s.owners.on_drop = NULL;
    end(&s);
}

static void drop_ends(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    (void)number;
    owners->on_drop = NULL;
    rn_watch_tx_drop(s->tx);
    rn_watch_rx_drop(s->rx);
    s->tx = NULL;
    s->rx = NULL;
}

EVERYWHERE(watch_drop_function_may_drop_all_ends)
{
    struct setting s;
    const struct owned *value;
    begin(&s, false);
    s.owners.on_drop = drop_ends;
    set(&s, 2);
    CHECK(s.tx == NULL);
    CHECK_EQ(s.owners.drops, 2);
    CHECK_EQ(s.owners.live, 0);
    begin(&s, false);
    CHECK_RC(borrow(s.rx, &value), 0);
    set(&s, 2);
    s.owners.on_drop = drop_ends;
    rn_watch_release(s.rx);
    CHECK(s.rx == NULL);
    CHECK_EQ(s.owners.drops, 2);
    CHECK_EQ(s.owners.live, 0);
}

/* -- replace, modify, send: whose is which ---------------------------------------------------------------------- */

/* 0: *old is the caller's. Else the new value still is. */
static int replace(struct setting *setting, int number, struct owned *old)
{
    struct owned value = owned_make(&setting->owners, number);
    const int rc = rn_watch_replace(setting->tx, &value, old);
    if (rc == 0)
        return 0;
    CHECK_EQ(*value.number, number);
    owned_destroy(&setting->owners, &value);
    return rc;
}

EVERYWHERE(watch_owned_value_that_nobody_looks_at_is_moved_out)
{
    for (int can_clone = 0; can_clone < 2; can_clone++) {
        struct setting s;
        struct owned old;
        begin(&s, can_clone);
        CHECK_RC(replace(&s, 2, &old), 0);
        CHECK_EQ(*old.number, 1);
        owned_destroy(&s.owners, &old);
        CHECK_EQ(s.owners.drops, 0);
        CHECK_EQ(s.owners.clones, 0);
        end(&s);
        CHECK_EQ(s.owners.drops, 1);
    }
}

EVERYWHERE(watch_owned_value_that_is_borrowed_is_cloned_for_who_replaces_it)
{
    struct setting s;
    struct owned old;
    const struct owned *value;
    begin(&s, true);
    CHECK_RC(borrow(s.rx, &value), 0);
    check_clone(&s, replace(&s, 2, &old), &old, 1);
    CHECK_EQ(s.owners.clones, 1);
    CHECK_EQ(s.owners.drops, 0);
    CHECK_EQ(*value->number, 1);
    rn_watch_release(s.rx);
    CHECK_EQ(s.owners.drops, 1);
    CHECK_EQ(s.owners.dropped[0], 1);
    end(&s);
}

EVERYWHERE(watch_owned_without_clone_is_not_replaced_while_it_is_borrowed)
{
    struct setting s;
    struct owned old = {NULL};
    const struct owned *value;
    begin(&s, false);
    CHECK_RC(borrow(s.rx, &value), 0);
    CHECK_RC(replace(&s, 2, &old), RN_EBUSY);
    CHECK(old.number == NULL);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    rn_watch_release(s.rx);
    CHECK_RC(replace(&s, 2, &old), 0);
    CHECK_EQ(*old.number, 1);
    owned_destroy(&s.owners, &old);
    CHECK_EQ(s.owners.drops, 0);
    end(&s);
}

EVERYWHERE(watch_replace_whose_clone_fails_sets_nothing)
{
    struct setting s;
    struct owned old = {NULL};
    const struct owned *value;
    begin(&s, true);
    CHECK_RC(borrow(s.rx, &value), 0);
    s.owners.clone_code = -4711;
    CHECK_RC(replace(&s, 2, &old), -4711);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    CHECK_EQ(s.owners.drops, 0);
    s.owners.clone_code = 0;
    end(&s);
    CHECK_EQ(s.owners.drops, 1);
}

static void set_next(struct owners *owners, int number)
{
    owners->on_clone = NULL;
    set(setting_of(owners), number + 1);
}

EVERYWHERE(watch_replace_gives_back_what_it_did_replace)
{
    struct setting s;
    struct owned old;
    const struct owned *value;
    begin(&s, true);
    CHECK_RC(borrow(s.rx, &value), 0);
    s.owners.on_clone = set_next; /* while 1 is cloned, 2 takes its place: the clone of 1 is of no use */
    CHECK_RC(replace(&s, 3, &old), 0);
    CHECK_EQ(*old.number, 2);
    owned_destroy(&s.owners, &old);
    CHECK_EQ(s.owners.clones, 1);
    CHECK_EQ(s.owners.drops, 1); /* that clone */
    CHECK_EQ(*value->number, 1);
    end(&s);
    CHECK_EQ(s.owners.drops, 3); /* 1 and 3 */
}

EVERYWHERE(watch_owned_value_that_nobody_would_see_stays_with_the_sender)
{
    struct setting s;
    begin(&s, false);
    rn_watch_rx_drop(s.rx);
    s.rx = NULL;
    struct owned value = owned_make(&s.owners, 2);
    CHECK_RC(rn_watch_send(s.tx, &value), RN_NOBODY);
    CHECK_EQ(*value.number, 2);
    CHECK_EQ(s.owners.drops, 0);
    CHECK_RC(rn_watch_subscribe(&s.rx, s.tx), 0);
    CHECK_RC(rn_watch_send(s.tx, &value), 0);
    CHECK_EQ(s.owners.dropped[0], 1);
    end(&s);
    CHECK_EQ(s.owners.drops, 2);
}

/* ctx: what the change answers. */
static bool multiply(void *value, void *ctx)
{
    struct owned *owned = value;
    *owned->number *= 10;
    return *(const bool *)ctx;
}

EVERYWHERE(watch_modify_works_on_a_clone)
{
    struct setting s;
    const struct owned *value;
    bool is_wanted = true;
    begin(&s, true);
    CHECK_RC(borrow(s.rx, &value), 0);
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), 0);
    CHECK_EQ(*value->number, 1);
    CHECK_EQ(s.owners.clones, 1);
    CHECK_EQ(s.owners.drops, 0);
    rn_watch_release(s.rx);
    CHECK_EQ(s.owners.dropped[0], 1);
    is_wanted = false;
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), 0);
    CHECK_EQ(s.owners.clones, 2);
    CHECK_EQ(s.owners.drops, 2);
    CHECK_EQ(s.owners.dropped[1], 100); /* the clone that was not wanted */
    CHECK_RC(borrow(s.rx, &value), 0);
    CHECK_EQ(*value->number, 10);
    end(&s);
    CHECK_EQ(s.owners.drops, 3);
}

EVERYWHERE(watch_modify_drops_the_clone_that_came_too_late)
{
    struct setting s;
    const struct owned *value;
    bool is_wanted = true;
    begin(&s, true);
    s.owners.on_clone = set_next; /* while 1 is cloned, 2 takes its place */
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), 0);
    CHECK_EQ(s.owners.clones, 2);
    CHECK_EQ(s.owners.drops, 3);
    CHECK_EQ(s.owners.dropped[0], 1); /* its last holder was the clone function */
    CHECK_EQ(s.owners.dropped[1], 10);
    CHECK_EQ(s.owners.dropped[2], 2);
    CHECK_RC(borrow(s.rx, &value), 0);
    CHECK_EQ(*value->number, 20);
    end(&s);
    CHECK_EQ(s.owners.drops, 4);
}

EVERYWHERE(watch_modify_without_a_clone_sets_nothing)
{
    struct setting s;
    bool is_wanted = true;
    begin(&s, true);
    s.owners.clone_code = -4711;
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), -4711);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    s.owners.clone_code = 0;
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), 0); /* the room for the copy was given back */
    end(&s);
    begin(&s, false);
    CHECK_RC(rn_watch_modify(s.tx, multiply, &is_wanted), RN_EINVAL);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    CHECK_EQ(s.owners.drops, 0);
    end(&s);
}

EVERYWHERE(watch_sender_sees_a_clone)
{
    struct setting s;
    struct owned got = {NULL};
    begin(&s, true);
    check_clone(&s, rn_watch_tx_peek(s.tx, &got), &got, 1);
    s.owners.clone_code = -4711;
    CHECK_RC(rn_watch_tx_peek(s.tx, &got), -4711);
    end(&s);
    begin(&s, false);
    CHECK_RC(rn_watch_tx_peek(s.tx, &got), RN_EINVAL);
    end(&s);
}

/* -- wait_for --------------------------------------------------------------------------------------------------- */

/* ctx: the number that passes. */
static bool is_number(const void *value, void *ctx)
{
    return *((const struct owned *)value)->number == *(const int *)ctx;
}

EVERYWHERE(watch_owned_without_clone_can_be_tested)
{
    struct setting s;
    struct owned got = {NULL};
    int wanted = 1;
    begin(&s, false);
    CHECK_RC(rn_watch_wait_for(s.rx, is_number, &wanted, NULL), 0);
    CHECK_RC(rn_watch_wait_for(s.rx, is_number, &wanted, &got), RN_EINVAL);
    CHECK(got.number == NULL);
    end(&s);
}

struct seeker {
    rn_watch_rx *rx;
    int wanted;
    struct owned got;
};

static int seek(void *arg)
{
    struct seeker *seeker = arg;
    return rn_watch_wait_for(seeker->rx, is_number, &seeker->wanted, &seeker->got);
}

EVERYWHERE(watch_wait_for_clones_what_passed_and_nothing_else)
{
    struct setting s;
    begin(&s, true);
    struct seeker seeker = {.rx = s.rx, .wanted = 4};
    struct actor *actor = actor_start(seek, &seeker);
    for (int i = 2; i <= 4; i++) {
        WAIT_UNTIL_PARKED(1, name);
        set(&s, i);
    }
    check_clone(&s, actor_join(actor), &seeker.got, 4);
    CHECK_EQ(s.owners.clones, 1);
    CHECK_EQ(s.owners.drops, 3);
    end(&s);
    CHECK_EQ(s.owners.drops, 4);
}

EVERYWHERE(watch_wait_for_whose_clone_fails_has_not_seen_what_passed)
{
    struct setting s;
    struct owned got = {NULL};
    int wanted = 2;
    begin(&s, true);
    set(&s, 2);
    s.owners.clone_code = -4711;
    CHECK_RC(rn_watch_wait_for(s.rx, is_number, &wanted, &got), -4711);
    CHECK_EQ(rn_watch_has_changed(s.rx), 1);
    s.owners.clone_code = 0;
    check_clone(&s, rn_watch_wait_for(s.rx, is_number, &wanted, &got), &got, 2);
    CHECK_EQ(rn_watch_has_changed(s.rx), 0);
    end(&s);
}

/* Sets until the number is reached; each value that is tested is still there afterwards. */
static bool set_and_look_again(const void *value, void *ctx)
{
    struct setting *s = ctx;
    const struct owned *owned = value;
    const int number = *owned->number;
    const int64_t drops = s->owners.drops;
    if (number == 4)
        return true;
    set(s, number + 1);
    CHECK_EQ(s->owners.drops, drops);
    CHECK_EQ(*owned->number, number);
    return false;
}

EVERYWHERE(watch_value_that_is_replaced_during_its_test_is_dropped_after_it)
{
    struct setting s;
    begin(&s, false);
    CHECK_RC(rn_watch_wait_for(s.rx, set_and_look_again, &s, NULL), 0);
    CHECK_EQ(s.owners.drops, 3);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(s.owners.dropped[i], i + 1);
    end(&s);
}

/* -- memory ---------------------------------------------------------------------------------------------------- */

TEST(watch_owned_set_never_allocates_whatever_is_held)
{
    enum { RECEIVERS = 4 };
    struct setting s;
    rn_watch_rx *rx[RECEIVERS];
    rn_watch_tx *tx;
    const struct owned *value;
    begin(&s, true);
    for (int i = 0; i < RECEIVERS; i++)
        REQUIRE(rn_watch_subscribe(&rx[i], s.tx) == 0);
    REQUIRE(rn_watch_tx_clone(&tx, s.tx) == 0);
    const uint64_t before = test_memory().calls;
    for (int i = 0; i < RECEIVERS; i++) {
        struct owned got;
        set(&s, i + 2);
        CHECK_RC(borrow(rx[i], &value), 0);
        s.owners.on_clone = set_twice; /* a clone beside the borrow */
        check_clone(&s, rn_watch_get(rx[i], &got), &got, i + 2);
    }
    CHECK_EQ(test_memory().calls, before);
    for (int i = 0; i < RECEIVERS; i++)
        rn_watch_rx_drop(rx[i]);
    rn_watch_tx_drop(tx);
    end(&s);
}

/* As many values alive at once as two senders and one receiver can have: one borrowed (1), one being cloned (2), two
 * being dropped (3, 4), and the current one (5). */
struct full_house {
    struct owners owners;
    rn_watch_tx *tx[2];
    rn_watch_rx *rx;
    bool reached;
};

static void set_by(struct full_house *house, int sender, int number)
{
    struct owned value = owned_make(&house->owners, number);
    CHECK_RC(rn_watch_set(house->tx[sender], &value), 0);
}

static void fill_in_clone(struct owners *owners, int number)
{
    struct full_house *house = (struct full_house *)owners;
    CHECK_EQ(number, 2);
    set_by(house, 0, 3);
    set_by(house, 0, 4);
}

static void fill_in_drop(struct owners *owners, int number)
{
    struct full_house *house = (struct full_house *)owners;
    if (number == 3)
        set_by(house, 1, 5);
    house->reached |= number == 4;
}

TEST(watch_has_room_for_what_all_ends_can_hold_at_once)
{
    struct full_house house = {.owners = {.on_clone = fill_in_clone, .on_drop = fill_in_drop}};
    struct owned value = owned_make(&house.owners, 1), got;
    const struct owned *borrowed;
    REQUIRE(rn_watch_channel(&house.tx[0], &house.rx, &value, OWNED_ELEM(&house.owners)) == 0);
    REQUIRE(rn_watch_tx_clone(&house.tx[1], house.tx[0]) == 0);
    const uint64_t before = test_memory().calls;
    CHECK_RC(borrow(house.rx, &borrowed), 0);
    set_by(&house, 0, 2);
    CHECK_RC(rn_watch_recv(house.rx, &got), 0);
    CHECK_EQ(*got.number, 2);
    CHECK_EQ(*borrowed->number, 1);
    CHECK(house.reached);
    CHECK_EQ(test_memory().calls, before);
    owned_destroy(&house.owners, &got);
    for (int i = 0; i < 2; i++)
        rn_watch_tx_drop(house.tx[i]);
    rn_watch_rx_drop(house.rx);
    CHECK_EQ(house.owners.live, 0);
}

/* One clone function inside the other: the receiver clones beside its borrow, then each sender in turn makes its copy
 * of a value that another has replaced meanwhile. */
struct nest {
    struct owners owners;
    rn_watch_tx *tx[2];
    int depth;
};

static void nest_set(struct nest *nest, int sender, int number)
{
    struct owned value = owned_make(&nest->owners, number);
    CHECK_RC(rn_watch_set(nest->tx[sender], &value), 0);
}

static void modify_in_clone(struct owners *owners, int number)
{
    struct nest *nest = (struct nest *)owners;
    bool is_wanted = true;
    const int sender = nest->depth++;
    if (sender >= 2)
        return;
    nest_set(nest, sender, number + 1);
    CHECK_RC(rn_watch_modify(nest->tx[sender], multiply, &is_wanted), 0);
}

TEST(watch_has_room_for_the_copies_of_all_senders)
{
    struct nest nest = {.owners = {.on_clone = modify_in_clone}};
    struct owned value = owned_make(&nest.owners, 1), got;
    const struct owned *borrowed;
    rn_watch_rx *rx;
    REQUIRE(rn_watch_channel(&nest.tx[0], &rx, &value, OWNED_ELEM(&nest.owners)) == 0);
    REQUIRE(rn_watch_tx_clone(&nest.tx[1], nest.tx[0]) == 0);
    const uint64_t before = test_memory().calls;
    CHECK_RC(borrow(rx, &borrowed), 0);
    nest_set(&nest, 0, 2);
    CHECK_RC(rn_watch_recv(rx, &got), 0);
    CHECK_EQ(*got.number, 2);
    CHECK_EQ(nest.depth, 4); /* the first sender's copy was out of date, and it made another */
    owned_destroy(&nest.owners, &got);
    CHECK_RC(rn_watch_get(rx, &got), 0);
    CHECK_EQ(*got.number, 400); /* 2, 3, 4, times ten, times ten */
    owned_destroy(&nest.owners, &got);
    CHECK_EQ(test_memory().calls, before);
    for (int i = 0; i < 2; i++)
        rn_watch_tx_drop(nest.tx[i]);
    rn_watch_rx_drop(rx);
    CHECK_EQ(nest.owners.live, 0);
}

/* -- several parties -------------------------------------------------------------------------------------------- */

enum { SETTERS = 2, EACH = 1000, BORROWERS = 3 };

static int set_each(void *arg)
{
    struct setting *s = arg;
    for (int i = 1; i <= EACH; i++)
        set(s, i);
    return 0;
}

static int borrow_all(void *arg)
{
    rn_watch_rx *rx = arg;
    while (rn_watch_changed(rx) == 0) {
        const struct owned *value;
        REQUIRE(borrow(rx, &value) == 0);
        const int number = *value->number;
        rn_yield();
        CHECK_EQ(*value->number, number);
        rn_watch_release(rx);
    }
    rn_watch_rx_drop(rx);
    return 0;
}

/* The setters share one end: more sets at once than it was promised room for. */
EVERYWHERE(watch_owned_values_are_dropped_exactly_once)
{
    struct setting s;
    struct actor *borrowers[BORROWERS], *setters[SETTERS];
    begin(&s, false);
    for (int i = 0; i < BORROWERS; i++) {
        rn_watch_rx *rx;
        REQUIRE(rn_watch_subscribe(&rx, s.tx) == 0);
        borrowers[i] = actor_start(borrow_all, rx);
    }
    for (int i = 0; i < SETTERS; i++)
        setters[i] = actor_start(set_each, &s);
    for (int i = 0; i < SETTERS; i++)
        actor_join(setters[i]);
    rn_watch_tx_drop(s.tx);
    s.tx = NULL;
    for (int i = 0; i < BORROWERS; i++)
        actor_join(borrowers[i]);
    end(&s);
    CHECK_EQ(s.owners.drops, SETTERS * EACH + 1);
}

/* -- the typed layer -------------------------------------------------------------------------------------------- */

struct text {
    char *bytes;
};

static void text_drop(struct text *text)
{
    free(text->bytes);
}

static struct text text_make(char letter)
{
    struct text text = {malloc(2)};
    REQUIRE(text.bytes != NULL);
    text.bytes[0] = letter;
    text.bytes[1] = '\0';
    return text;
}

RN_WATCH_OWNED(texts, struct text, text_drop);
RN_WATCH_PLAIN(levels, int);

static bool begins_with(const struct text *text, void *letter)
{
    return text->bytes[0] == *(const char *)letter;
}

static bool raise(int *level, void *by)
{
    *level += *(const int *)by;
    return true;
}

static bool is_above(const int *level, void *bar)
{
    return *level > *(const int *)bar;
}

EVERYWHERE(watch_typed_layer_says_the_same)
{
    RN_AUTO(texts_tx) tx = NULL;
    RN_AUTO(texts_rx) rx = NULL;
    RN_AUTO(texts_rx) other = NULL;
    RN_AUTO(texts_tx) lonely = NULL;
    struct text old;
    char letter = 'd';
    RN_AUTO(levels_tx) levels = NULL;
    RN_AUTO(levels_rx) level = NULL;
    const struct text *text;
    int value = 0;
    CHECK_RC(texts_channel(&tx, &rx, text_make('a')), 0);
    CHECK_RC(texts_set(tx, text_make('b')), 0);
    CHECK_RC(texts_changed(rx), 0);
    CHECK_RC(texts_borrow(rx, &text), 0);
    CHECK_STR_EQ(text->bytes, "b");
    CHECK_RC(texts_send(tx, text_make('c')), 0);
    texts_release(rx);
    CHECK_RC(texts_replace(tx, text_make('d'), &old), 0);
    CHECK_STR_EQ(old.bytes, "c");
    text_drop(&old);
    CHECK_RC(texts_rx_clone(&other, rx), 0);
    CHECK_RC(texts_wait_for(other, begins_with, &letter, NULL), 0);
    CHECK_RC(texts_channel(&lonely, NULL, text_make('e')), 0);
    CHECK_RC(levels_channel_with(&levels, &level, 1, &(rn_watch_opts){.name = "levels"}), 0);
    CHECK_EQ(levels_get(level), 1);
    CHECK_RC(levels_set(levels, 2), 0);
    CHECK_EQ(levels_peek(level), 2);
    CHECK_RC(levels_recv(level, &value), 0);
    CHECK_EQ(value, 2);
    CHECK_RC(levels_modify(levels, raise, &value), 0);
    CHECK_RC(levels_wait_for(level, is_above, &value, &value), 0);
    CHECK_EQ(value, 4);
    CHECK_RC(levels_wait_for_until(level, is_above, &value, &value, rn_at_ns(1)), RN_ETIMEDOUT);
    CHECK_RC(levels_wait_for(level, NULL, NULL, NULL), RN_EINVAL);
    CHECK_RC(levels_modify(levels, NULL, NULL), RN_EINVAL);
    CHECK_RC(levels_rx_clone(NULL, level), RN_EINVAL);
}
