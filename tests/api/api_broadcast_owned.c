/* SPDX-License-Identifier: MIT */
/* api_broadcast_owned.c - broadcast of messages that own something: who clones, who drops, when, and what those
 * functions may do. */
#include <runnel/broadcast.h>
#include <runnel/typed.h>

#include "api/owned.h"
#include "api/parked.h"
#include "wait/party.h"

struct setting {
    struct owners owners;
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
};

static void begin(struct setting *setting, size_t capacity)
{
    *setting = (struct setting){0};
    REQUIRE(rn_broadcast_channel(&setting->tx, &setting->rx, capacity, OWNED_ELEM(&setting->owners)) == 0);
}

/* Drops what is left; then nothing may be. */
static void end(struct setting *setting)
{
    rn_broadcast_tx_drop(setting->tx);
    rn_broadcast_rx_drop(setting->rx);
    CHECK_EQ(setting->owners.live, 0);
}

static void send(struct setting *setting, int first, int last)
{
    for (int i = first; i <= last; i++) {
        struct owned message = owned_make(&setting->owners, i);
        CHECK_RC(rn_broadcast_send(setting->tx, &message), 0);
    }
}

static void expect(struct setting *setting, rn_broadcast_rx *rx, int number, uint64_t lost)
{
    struct owned got = {NULL};
    uint64_t missed = 77;
    if (!CHECK_RC(rn_broadcast_try_recv(rx, &got, &missed), 0))
        return;
    CHECK_EQ(*got.number, number);
    CHECK_EQ(missed, lost);
    owned_destroy(&setting->owners, &got);
}

static void check_dropped(const struct owners *owners, int first, int last)
{
    CHECK_EQ(owners->drops, last - first + 1);
    for (int i = first; i <= last; i++)
        CHECK_EQ(owners->dropped[i - first], i);
}

/* -- who clones and who drops ----------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_owned_gives_each_receiver_a_clone_of_its_own)
{
    struct setting s;
    begin(&s, 4);
    rn_broadcast_rx *other;
    REQUIRE(rn_broadcast_subscribe(&other, s.tx) == 0);
    send(&s, 1, 3);
    for (int i = 1; i <= 3; i++)
        expect(&s, s.rx, i, 0);
    for (int i = 1; i <= 3; i++)
        expect(&s, other, i, 0);
    CHECK_EQ(s.owners.clones, 6);
    CHECK_EQ(s.owners.drops, 0); /* the originals are kept */
    CHECK_EQ(s.owners.live, 3);
    rn_broadcast_rx_drop(other);
    CHECK_EQ(s.owners.live, 3);
    end(&s);
    check_dropped(&s.owners, 1, 3);
}

EVERYWHERE(broadcast_owned_message_is_dropped_when_it_is_overwritten)
{
    struct setting s;
    begin(&s, 3);
    send(&s, 1, 3);
    CHECK_EQ(s.owners.drops, 0);
    send(&s, 4, 5);
    check_dropped(&s.owners, 1, 2);
    expect(&s, s.rx, 3, 2);
    end(&s);
    check_dropped(&s.owners, 1, 5);
}

EVERYWHERE(broadcast_owned_messages_go_in_order_with_the_last_receiver)
{
    struct setting s;
    begin(&s, 8);
    rn_broadcast_rx *other;
    REQUIRE(rn_broadcast_subscribe(&other, s.tx) == 0);
    send(&s, 1, 5);
    rn_broadcast_rx_drop(other);
    CHECK_EQ(s.owners.drops, 0);
    rn_broadcast_rx_drop(s.rx);
    check_dropped(&s.owners, 1, 5); /* nobody is left to read them, so they need not wait for the sender */
    REQUIRE(rn_broadcast_subscribe(&s.rx, s.tx) == 0);
    send(&s, 6, 6);
    expect(&s, s.rx, 6, 0);
    end(&s);
    check_dropped(&s.owners, 1, 6);
}

EVERYWHERE(broadcast_owned_messages_outlive_the_senders)
{
    struct setting s;
    begin(&s, 2);
    send(&s, 1, 3);
    rn_broadcast_tx_drop(s.tx);
    expect(&s, s.rx, 2, 1);
    expect(&s, s.rx, 3, 0);
    s.tx = NULL;
    end(&s);
    check_dropped(&s.owners, 1, 3);
}

EVERYWHERE(broadcast_owned_message_stays_the_sender_s_when_nobody_is_there)
{
    struct setting s;
    begin(&s, 2);
    rn_broadcast_rx_drop(s.rx);
    struct owned message = owned_make(&s.owners, 1);
    CHECK_RC(rn_broadcast_send(s.tx, &message), RN_NOBODY);
    CHECK_EQ(s.owners.drops, 0);
    CHECK_EQ(*message.number, 1);
    CHECK_RC(rn_broadcast_give(s.tx, &message), RN_NOBODY); /* gone in every case */
    check_dropped(&s.owners, 1, 1);
    s.rx = NULL;
    end(&s);
}

EVERYWHERE(broadcast_give_hands_an_owned_message_over)
{
    struct setting s;
    begin(&s, 2);
    struct owned message = owned_make(&s.owners, 1);
    CHECK_RC(rn_broadcast_give(s.tx, &message), 0);
    CHECK_EQ(s.owners.drops, 0);
    expect(&s, s.rx, 1, 0);
    end(&s);
    check_dropped(&s.owners, 1, 1);
}

/* -- a clone that fails ----------------------------------------------------------------------------------------- */

EVERYWHERE(broadcast_clone_that_fails_uses_nothing_up)
{
    struct setting s;
    struct owned got = {NULL};
    uint64_t missed = 77;
    begin(&s, 2);
    send(&s, 1, 3);
    s.owners.clone_code = RN_ENOMEM;
    CHECK_RC(rn_broadcast_try_recv(s.rx, &got, &missed), RN_ENOMEM);
    CHECK_RC(rn_broadcast_recv(s.rx, &got, &missed), RN_ENOMEM);
    CHECK_EQ(missed, 77);
    CHECK_EQ(rn_broadcast_rx_len(s.rx), 3); /* the loss is still to be told, too */
    s.owners.clone_code = -12345;
    CHECK_RC(rn_broadcast_recv_until(s.rx, &got, &missed, rn_at_ns(1)), -12345);
    s.owners.clone_code = 0;
    expect(&s, s.rx, 2, 1);
    expect(&s, s.rx, 3, 0);
    end(&s);
}

EVERYWHERE(broadcast_message_that_was_lost_after_its_clone_failed_is_counted)
{
    struct setting s;
    struct owned got = {NULL};
    uint64_t missed;
    begin(&s, 2);
    send(&s, 1, 2);
    s.owners.clone_code = RN_ENOMEM;
    CHECK_RC(rn_broadcast_recv(s.rx, &got, &missed), RN_ENOMEM);
    send(&s, 3, 4);
    s.owners.clone_code = 0;
    expect(&s, s.rx, 3, 2);
    end(&s);
}

struct reader {
    struct setting *setting;
    struct owned got;
    uint64_t missed;
};

static int read_one(void *arg)
{
    struct reader *reader = arg;
    return rn_broadcast_recv(reader->setting->rx, &reader->got, &reader->missed);
}

EVERYWHERE(broadcast_clone_that_fails_after_a_sleep_uses_nothing_up)
{
    struct setting s;
    struct reader reader = {.setting = &s};
    static const char name[] = "owned, asleep";
    s = (struct setting){0};
    REQUIRE(rn_broadcast_channel_with(&s.tx, &s.rx, 2, OWNED_ELEM(&s.owners), &(rn_broadcast_opts){.name = name}) ==
            0);
    s.owners.clone_code = RN_ENOMEM;
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL_PARKED(1, name);
    send(&s, 1, 1);
    CHECK_RC(actor_join(actor), RN_ENOMEM);
    s.owners.clone_code = 0;
    expect(&s, s.rx, 1, 0);
    end(&s);
}

EVERYWHERE(broadcast_sleeper_s_message_is_kept_for_it_when_it_is_overwritten)
{
    struct setting s;
    struct reader reader = {.setting = &s};
    static const char name[] = "owned, asleep";
    s = (struct setting){0};
    REQUIRE(rn_broadcast_channel_with(&s.tx, &s.rx, 1, OWNED_ELEM(&s.owners), &(rn_broadcast_opts){.name = name}) ==
            0);
    struct actor *actor = actor_start(read_one, &reader);
    WAIT_UNTIL_PARKED(1, name);
    send(&s, 1, 3);
    CHECK_RC(actor_join(actor), 0);
    CHECK_EQ(*reader.got.number, 1);
    CHECK_EQ(reader.missed, 0);
    owned_destroy(&s.owners, &reader.got);
    expect(&s, s.rx, 3, 1);
    end(&s);
}

/* -- what drop and clone functions may do ------------------------------------------------------------------------ */

static struct setting *setting_of(struct owners *owners)
{
    return (struct setting *)owners;
}

static void send_more(struct owners *owners, int number)
{
    owners->on_clone = NULL;
    send(setting_of(owners), number + 1, number + 3);
}

EVERYWHERE(broadcast_message_that_is_overwritten_during_its_clone_stays_whole)
{
    struct setting s;
    begin(&s, 2);
    send(&s, 1, 1);
    s.owners.on_clone = send_more; /* two more than are kept; owned_clone checks that the original is still there */
    expect(&s, s.rx, 1, 0);
    CHECK_EQ(s.owners.dropped[0], 2); /* the reader let go of it last, so 2 went before 1 */
    CHECK_EQ(s.owners.dropped[1], 1);
    CHECK_EQ(s.owners.drops, 2);
    expect(&s, s.rx, 3, 1);
    expect(&s, s.rx, 4, 0);
    end(&s);
}

static void wait_anyway(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    struct owned got;
    uint64_t missed;
    (void)number;
    CHECK(rn__callback_running());
    CHECK_RC(rn_broadcast_recv(s->rx, &got, &missed), RN_EDEADLK);
    CHECK_RC(rn_broadcast_recv_until(s->rx, &got, &missed, rn_in_ms(1)), RN_EDEADLK);
}

EVERYWHERE(broadcast_callbacks_may_not_wait)
{
    struct setting s;
    begin(&s, 1);
    s.owners.on_drop = wait_anyway;
    s.owners.on_clone = wait_anyway;
    send(&s, 1, 2);
    expect(&s, s.rx, 2, 1);
    CHECK_EQ(s.owners.drops, 1);
    s.owners.on_drop = NULL;
    end(&s);
    CHECK(!rn__callback_running());
}

/* A drop function that uses the very channel: reads what is there, asks, sends once more. */
static void use_channel(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    owners->on_drop = NULL;
    CHECK_EQ(number, 1);
    CHECK_EQ(rn_broadcast_tx_receivers(s->tx), 1);
    expect(s, s->rx, 2, 1);
    send(s, 10, 10);
}

EVERYWHERE(broadcast_drop_function_may_use_the_channel)
{
    struct setting s;
    begin(&s, 1);
    send(&s, 1, 1);
    s.owners.on_drop = use_channel;
    send(&s, 2, 2); /* drops 1, and in there 2 is read and 10 sent, which drops 2 */
    CHECK_EQ(s.owners.drops, 2);
    expect(&s, s.rx, 10, 0);
    end(&s);
}

/* Each send in the drop function of the one before needs a node, and none comes back before all have returned. */
static void send_deeper(struct owners *owners, int number)
{
    if (number < 5)
        send(setting_of(owners), number + 1, number + 1);
}

EVERYWHERE(broadcast_sends_nested_in_drop_functions_get_room)
{
    struct setting s;
    begin(&s, 1);
    send(&s, 1, 1);
    s.owners.on_drop = send_deeper;
    send(&s, 2, 2);
    CHECK(s.owners.drops > 4);
    s.owners.on_drop = NULL;
    end(&s);
}

static void drop_ends(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    (void)number;
    owners->on_drop = NULL;
    rn_broadcast_tx_drop(s->tx);
    rn_broadcast_rx_drop(s->rx);
    s->tx = NULL;
    s->rx = NULL;
}

EVERYWHERE(broadcast_drop_function_may_drop_all_ends_in_a_send)
{
    struct setting s;
    begin(&s, 2);
    send(&s, 1, 2);
    s.owners.on_drop = drop_ends;
    send(&s, 3, 3);
    CHECK(s.tx == NULL);
    check_dropped(&s.owners, 1, 3);
    CHECK_EQ(s.owners.live, 0);
}

static void drop_sender(struct owners *owners, int number)
{
    struct setting *s = setting_of(owners);
    (void)number;
    rn_broadcast_tx_drop(s->tx);
    s->tx = NULL;
}

EVERYWHERE(broadcast_last_sender_may_be_in_a_message_of_its_own_channel)
{
    struct setting s;
    begin(&s, 2);
    send(&s, 1, 2);
    s.owners.on_drop = drop_sender; /* as if the message held it */
    rn_broadcast_rx_drop(s.rx);
    CHECK(s.tx == NULL);
    check_dropped(&s.owners, 1, 2);
    CHECK_EQ(s.owners.live, 0);
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

TEST(broadcast_owned_sends_and_receives_without_allocating)
{
    struct setting s;
    rn_broadcast_rx *others[3];
    begin(&s, 3);
    for (int i = 0; i < 3; i++)
        REQUIRE(rn_broadcast_subscribe(&others[i], s.tx) == 0);
    const uint64_t before = test_memory().calls;
    for (int round = 0; round < 50; round++) {
        send(&s, 1, 5);
        for (int i = 3; i <= 5; i++)
            expect(&s, s.rx, i, i == 3 ? 2 : 0);
    }
    CHECK_EQ(test_memory().calls, before);
    for (int i = 0; i < 3; i++)
        rn_broadcast_rx_drop(others[i]);
    end(&s);
}

/* As many messages alive at once as two senders, two receivers and one place can have: two are being cloned (1, 2),
 * two are being dropped (3, 4), one is kept (5). */
struct full_house {
    struct owners owners;
    rn_broadcast_tx *tx[2];
    rn_broadcast_rx *rx[2];
    bool reached;
};

static void send_by(struct full_house *house, int sender, int number)
{
    struct owned message = owned_make(&house->owners, number);
    CHECK_RC(rn_broadcast_send(house->tx[sender], &message), 0);
}

static void receive_by(struct full_house *house, int receiver, int number)
{
    struct owned got;
    uint64_t missed;
    CHECK_RC(rn_broadcast_try_recv(house->rx[receiver], &got, &missed), 0);
    CHECK_EQ(*got.number, number);
    owned_destroy(&house->owners, &got);
}

static void fill_in_clone(struct owners *owners, int number)
{
    struct full_house *house = (struct full_house *)owners;
    if (number == 1) {
        send_by(house, 0, 2);
        receive_by(house, 1, 2);
    } else {
        send_by(house, 0, 3);
        send_by(house, 0, 4);
    }
}

static void fill_in_drop(struct owners *owners, int number)
{
    struct full_house *house = (struct full_house *)owners;
    if (number == 3)
        send_by(house, 1, 5);
    house->reached |= number == 4;
}

TEST(broadcast_has_room_for_what_all_ends_can_hold_at_once)
{
    struct full_house house = {.owners = {.on_clone = fill_in_clone, .on_drop = fill_in_drop}};
    REQUIRE(rn_broadcast_channel(&house.tx[0], &house.rx[0], 1, OWNED_ELEM(&house.owners)) == 0);
    REQUIRE(rn_broadcast_tx_clone(&house.tx[1], house.tx[0]) == 0);
    REQUIRE(rn_broadcast_subscribe(&house.rx[1], house.tx[0]) == 0);
    const uint64_t before = test_memory().calls;
    send_by(&house, 0, 1);
    receive_by(&house, 0, 1);
    CHECK(house.reached);
    CHECK_EQ(test_memory().calls, before);
    for (int i = 0; i < 2; i++) {
        rn_broadcast_tx_drop(house.tx[i]);
        rn_broadcast_rx_drop(house.rx[i]);
    }
    CHECK_EQ(house.owners.live, 0);
}

TEST(broadcast_subscribing_again_and_again_takes_no_more_room)
{
    struct setting s;
    begin(&s, 3);
    uint64_t before = 0;
    for (int round = 0; round < 50; round++) {
        rn_broadcast_rx *rx;
        rn_broadcast_tx *tx;
        REQUIRE(rn_broadcast_subscribe(&rx, s.tx) == 0);
        REQUIRE(rn_broadcast_tx_clone(&tx, s.tx) == 0);
        rn_broadcast_rx_drop(rx);
        rn_broadcast_tx_drop(tx);
        if (round == 0)
            before = test_memory().live_bytes;
    }
    CHECK_EQ(test_memory().live_bytes, before);
    end(&s);
}

/* -- clones without drops ---------------------------------------------------------------------------------------- */

struct wide {
    _Alignas(64) char bytes[192];
};

static int clone_wide(void *to, const void *from, void *ctx)
{
    CHECK_EQ((uintptr_t)from % 64, 0); /* where it lies in the channel */
    *(struct wide *)to = *(const struct wide *)from;
    ++*(int *)ctx;
    return 0;
}

EVERYWHERE(broadcast_clone_function_is_used_without_a_drop_function_too)
{
    rn_broadcast_tx *tx;
    rn_broadcast_rx *rx;
    int clones = 0;
    const rn_elem elem = {.size = sizeof(struct wide), .align = 64, .clone = clone_wide, .ctx = &clones};
    CHECK_RC(rn_broadcast_channel(&tx, &rx, 3, &elem), 0);
    for (int i = 1; i <= 7; i++)
        CHECK_RC(rn_broadcast_send(tx, &(struct wide){.bytes = {(char)i}}), 0);
    for (int i = 5; i <= 7; i++) {
        struct wide got;
        uint64_t missed;
        CHECK_RC(rn_broadcast_recv(rx, &got, &missed), 0);
        CHECK_EQ(got.bytes[0], i);
    }
    CHECK_EQ(clones, 3);
    rn_broadcast_tx_drop(tx);
    rn_broadcast_rx_drop(rx);
}

/* -- several parties --------------------------------------------------------------------------------------------- */

enum { EACH = 1000, SENDERS = 2, READERS = 3 };

static int send_each(void *arg)
{
    struct setting *s = arg;
    for (int i = 1; i <= EACH; i++) {
        struct owned message = owned_make(&s->owners, i);
        CHECK_RC(rn_broadcast_give(s->tx, &message), 0);
    }
    return 0;
}

struct counting {
    struct setting *setting;
    rn_broadcast_rx *rx;
    uint64_t got;
    uint64_t missed;
};

static int read_all(void *arg)
{
    struct counting *counting = arg;
    struct owned got;
    uint64_t missed;
    while (rn_broadcast_recv(counting->rx, &got, &missed) == 0) {
        CHECK(*got.number >= 1 && *got.number <= EACH);
        counting->got++;
        counting->missed += missed;
        owned_destroy(&counting->setting->owners, &got);
    }
    rn_broadcast_rx_drop(counting->rx);
    return 0;
}

/* The senders share one end: more sends at once than it was promised room for. */
EVERYWHERE(broadcast_owned_got_and_missed_is_what_was_sent)
{
    struct setting s;
    struct counting counting[READERS];
    struct actor *readers[READERS], *senders[SENDERS];
    begin(&s, 4);
    for (int i = 0; i < READERS; i++) {
        counting[i] = (struct counting){.setting = &s};
        REQUIRE(rn_broadcast_subscribe(&counting[i].rx, s.tx) == 0);
        readers[i] = actor_start(read_all, &counting[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        senders[i] = actor_start(send_each, &s);
    for (int i = 0; i < SENDERS; i++)
        actor_join(senders[i]);
    rn_broadcast_tx_drop(s.tx);
    s.tx = NULL;
    for (int i = 0; i < READERS; i++) {
        actor_join(readers[i]);
        CHECK_EQ(counting[i].got + counting[i].missed, SENDERS * EACH);
    }
    end(&s);
    CHECK_EQ(s.owners.drops, SENDERS * EACH); /* every original, once */
}

/* -- the typed layer --------------------------------------------------------------------------------------------- */

struct word {
    char *text;
};

static void word_drop(struct word *word)
{
    free(word->text);
}

static int word_clone(struct word *to, const struct word *from)
{
    to->text = malloc(2);
    REQUIRE(to->text != NULL);
    to->text[0] = from->text[0];
    to->text[1] = '\0';
    return 0;
}

RN_BROADCAST_OWNED(words, struct word, word_drop, word_clone);
RN_BROADCAST_PLAIN(numbers, int);

static struct word word_make(char letter)
{
    struct word word;
    const struct word original = {(char[]){letter, '\0'}};
    word_clone(&word, &original);
    return word;
}

EVERYWHERE(broadcast_typed_layer_says_the_same)
{
    RN_AUTO(words_tx) tx = NULL;
    RN_AUTO(words_rx) a = NULL;
    RN_AUTO(words_rx) b = NULL;
    RN_AUTO(numbers_tx) numbers = NULL;
    struct word word;
    uint64_t missed;
    CHECK_RC(words_channel(&tx, &a, 2), 0);
    CHECK_RC(words_subscribe(&b, tx), 0);
    CHECK_RC(words_give(tx, word_make('x')), 0);
    CHECK_RC(words_send(tx, word_make('y')), 0);
    CHECK_RC(words_recv(a, &word, &missed), 0);
    CHECK_STR_EQ(word.text, "x");
    word_drop(&word);
    CHECK_RC(words_try_recv(b, &word, &missed), 0);
    CHECK_STR_EQ(word.text, "x");
    word_drop(&word);
    CHECK_RC(words_recv_until(b, &word, &missed, RN_FOREVER), 0);
    CHECK_STR_EQ(word.text, "y");
    word_drop(&word);
    CHECK_RC(numbers_channel_with(&numbers, NULL, 1, &(rn_broadcast_opts){.name = "numbers"}), 0);
    CHECK_RC(numbers_send(numbers, 1), RN_NOBODY);
}

EVERYWHERE(broadcast_typed_layer_has_all_kinds_of_ends)
{
    RN_AUTO(numbers_tx) tx = NULL;
    RN_AUTO(numbers_tx) upgraded = NULL;
    RN_AUTO(numbers_rx) rx = NULL;
    RN_AUTO(numbers_rx) from = NULL;
    RN_AUTO(numbers_rx) tail = NULL;
    RN_AUTO(numbers_rx) same = NULL;
    RN_AUTO(numbers_weak) weak = NULL;
    int got[4] = {0};
    size_t count;
    uint64_t missed;
    CHECK_RC(numbers_channel(&tx, &rx, 2), 0);
    CHECK_RC(numbers_send(tx, 1), 0);
    CHECK_RC(numbers_send(tx, 2), 0);
    CHECK_RC(numbers_send(tx, 3), 0);
    CHECK_RC(numbers_subscribe_from(&from, tx, 1), 0);
    CHECK_RC(numbers_resubscribe(&tail, rx), 0);
    CHECK_RC(numbers_rx_clone(&same, rx), 0);
    CHECK_RC(numbers_recv_many(from, got, RN_COUNT(got), &count, &missed), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(missed, 0);
    CHECK_EQ(got[0], 2);
    CHECK_EQ(got[1], 3);
    CHECK_RC(numbers_try_recv(tail, got, &missed), RN_EMPTY);
    CHECK_RC(numbers_try_recv(same, got, &missed), 0);
    CHECK_EQ(missed, 1);
    CHECK_RC(numbers_tx_downgrade(&weak, tx), 0);
    CHECK_RC(numbers_weak_upgrade(&upgraded, weak), 0);
    CHECK(rn_broadcast_tx_same_channel(numbers_tx_raw(tx), numbers_tx_raw(upgraded)));
    numbers_tx_drop(tx);
    tx = NULL;
    CHECK_RC(numbers_send(upgraded, 4), 0);
    CHECK_RC(numbers_recv(tail, got, &missed), 0);
    CHECK_EQ(got[0], 4);
    CHECK_RC(rn_broadcast_weak_upgrade(NULL, numbers_weak_raw(weak)), RN_EINVAL);
    CHECK_RC(numbers_weak_upgrade(NULL, weak), RN_EINVAL);
    CHECK_RC(numbers_tx_downgrade(NULL, upgraded), RN_EINVAL);
    CHECK_RC(numbers_subscribe_from(NULL, upgraded, 0), RN_EINVAL);
    CHECK_RC(numbers_resubscribe(NULL, rx), RN_EINVAL);
    CHECK_RC(numbers_rx_clone(NULL, rx), RN_EINVAL);
}
