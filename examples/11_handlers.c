/* SPDX-License-Identifier: MIT */
/* 11_handlers.c - a bank: ten thousand accounts, each with a handler who alone touches it, and no lock */
#include <runnel.h>

#include <stdio.h>
#include <stdlib.h>

enum { ACCOUNTS = 10000, TELLERS = 4, TRANSFERS = 25000, OPENING = 100 };

/* -- what an account understands: a change of its balance, or a question ----------------------------------------- */

RN_ONESHOT_PLAIN(answer, long);

struct command {
    long change;
    answer_tx *reply; /* NULL: nobody asks */
};

static void command_drop(struct command *command)
{
    answer_tx_drop(command->reply);
}

RN_MPSC_OWNED(account, struct command, command_drop);

struct account {
    long balance; /* only the handler touches it */
    account_tx *tx;
    rn_task handler;
};

/* Called for each command, one after the other: the message is ours now, the reply with it. */
static int handle(struct command *command, void *ctx)
{
    struct account *self = ctx;
    self->balance += command->change;
    if (command->reply != NULL)
        answer_send(command->reply, self->balance);
    return 0;
}

static int account_open(struct account *self)
{
    account_rx *rx;
    RN_TRY(account_channel(&self->tx, &rx, 8));
    const int rc = account_serve(&self->handler, rx, handle, self); /* on 0 rx is the handler's */
    if (rc != 0)
        account_rx_drop(rx);
    return rc;
}

static int account_ask(struct account *self, long *balance)
{
    answer_tx *reply;
    RN_AUTO(answer_rx) answer = NULL;
    RN_TRY(answer_channel(&reply, &answer));
    account_give(self->tx, (struct command){.reply = reply});
    return answer_recv(answer, balance);
}

/* Without a sender the handler ends, after all that was sent. */
static int account_close(struct account *self)
{
    int result;
    account_tx_drop(self->tx);
    RN_TRY(rn_join(self->handler, &result));
    return result;
}

/* -- those who use them ------------------------------------------------------------------------------------------ */

struct teller {
    struct account *accounts;
    unsigned seed;
};
RN_TASK(teller, struct teller);

static unsigned roll(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

static int teller(struct teller self)
{
    for (int i = 0; i < TRANSFERS; i++) {
        const long amount = (long)(roll(&self.seed) % 50);
        account_tx *from = self.accounts[roll(&self.seed) % ACCOUNTS].tx;
        account_tx *to = self.accounts[roll(&self.seed) % ACCOUNTS].tx;
        RN_TRY(account_send(from, (struct command){.change = -amount}));
        RN_TRY(account_send(to, (struct command){.change = amount}));
    }
    return 0;
}

static int bank(void *arg)
{
    struct account *accounts = arg;
    rn_task tellers[TELLERS];
    long sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        accounts[i].balance = OPENING;
        RN_MUST(account_open(&accounts[i]));
    }
    for (unsigned i = 0; i < TELLERS; i++)
        RN_MUST(teller_spawn(&tellers[i], (struct teller){accounts, i + 1}));
    for (int i = 0; i < TELLERS; i++)
        RN_MUST(rn_join(tellers[i], NULL));
    for (int i = 0; i < ACCOUNTS; i++) {
        long balance;
        RN_MUST(account_ask(&accounts[i], &balance));
        sum += balance;
    }
    printf("%d accounts, %d transfers, sum %ld\n", ACCOUNTS, TELLERS * TRANSFERS, sum);
    for (int i = 0; i < ACCOUNTS; i++)
        RN_MUST(account_close(&accounts[i]));
    return 0;
}

int main(void)
{
    struct account *accounts = calloc(ACCOUNTS, sizeof *accounts);
    const int rc = accounts == NULL ? RN_ENOMEM : rn_run(bank, accounts);
    free(accounts);
    if (rc != 0)
        fprintf(stderr, "bank: %s\n", rn_strerror(rc));
    return rc != 0;
}
