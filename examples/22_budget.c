/* SPDX-License-Identifier: MIT */
/* 22_budget.c - what lies unread in two channels together is bounded in bytes, not in messages */
#include <runnel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    size_t length;
    char *bytes;
};

static void text_drop(struct text *text)
{
    free(text->bytes);
}

static size_t text_weigh(const void *message, void *ctx)
{
    (void)ctx;
    return ((const struct text *)message)->length;
}

RN_MPSC_OWNED(texts, struct text, text_drop);

static rn_budget budget = RN_BUDGET_INIT(64 * 1024);

static struct text text_of(size_t length)
{
    struct text text = {length, malloc(length)};
    if (text.bytes == NULL)
        abort();
    memset(text.bytes, '.', length);
    return text;
}

static void try_to_send(texts_tx *tx, size_t length)
{
    struct text text = text_of(length);
    const int rc = texts_try_send(tx, text);
    if (rc != 0)
        text_drop(&text); /* it is still ours */
    printf("%zu bytes: %s, %zu left\n", length, rc == 0 ? "sent" : rn_err_name(rc),
           rn_semaphore_available(&budget.free));
}

static int app(void *arg)
{
    (void)arg;
    const rn_mpsc_opts opts = {.budget = &budget, .weigh = text_weigh};
    texts_tx *letters;
    texts_tx *parcels;
    texts_rx *letters_in;
    texts_rx *parcels_in;
    struct text text;
    RN_MUST(texts_channel_with(&letters, &letters_in, RN_UNBOUNDED, &opts));
    RN_MUST(texts_channel_with(&parcels, &parcels_in, RN_UNBOUNDED, &opts));
    try_to_send(letters, 1000);
    try_to_send(parcels, 60000);
    try_to_send(letters, 5000);  /* the other channel has it */
    try_to_send(letters, 70000); /* more than there is at all */
    RN_MUST(texts_recv(parcels_in, &text));
    text_drop(&text);
    try_to_send(letters, 5000);
    texts_tx_drop(letters);
    texts_tx_drop(parcels);
    texts_rx_drop(letters_in); /* what nobody has read is given back too */
    texts_rx_drop(parcels_in);
    printf("%zu left\n", rn_semaphore_available(&budget.free));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
