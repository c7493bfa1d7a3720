/* SPDX-License-Identifier: MIT */
/* 17_cancel.c - a request with a time limit for each try, one for all of them, and a button to stop it */
#include <runnel.h>

#include <stdio.h>

enum { PRESSED = -10042 };

RN_ONESHOT_PLAIN(answer, int);
struct question {
    int number;
    answer_tx *reply;
};
static void question_drop(struct question *question)
{
    answer_tx_drop(question->reply);
}
RN_MPSC_OWNED(questions, struct question, question_drop);
RN_TASK(oracle, questions_rx *);

/* Has to think about question 1, the first time, and would about 3 for an hour; the others it knows. */
static int oracle(questions_rx *rx)
{
    struct question question;
    bool knows = false;
    while (questions_recv(rx, &question) == 0) {
        const int think_ms = question.number == 3 ? 3600 * 1000 : question.number == 1 && !knows ? 300 : 0;
        if (rn_sleep_ms(think_ms) != 0) {
            question_drop(&question);
            break;
        }
        knows = knows || question.number == 1;
        rn_ignore(answer_send(question.reply, question.number * 10)); /* to nobody, if he has given up */
    }
    questions_rx_drop(rx);
    return 0;
}

static int ask(questions_tx *tx, int number, int *out)
{
    answer_tx *reply;
    RN_AUTO(answer_rx) rx = NULL;
    RN_TRY(answer_channel(&reply, &rx));
    RN_TRY(questions_give(tx, (struct question){number, reply}));
    return answer_recv_until(rx, out, rn_in_ms(200)); /* RN_ETIMEDOUT: this try; RN_ECANCELED: all of it */
}

/* The scope has no tasks: it is the time limit, and the button, of everything between open and close. */
static int ask_all(questions_tx *tx, rn_deadline deadline, rn_cancel *button)
{
    const rn_scope_opts opts = {.deadline = deadline, .cancel = button};
    int value = 0, rc = 0;
    RN_SCOPE_WITH(s, &opts);
    for (int number = 0; number < 5 && rc == 0; number++) {
        bool told = false;
        while ((rc = ask(tx, number, &value)) == RN_ETIMEDOUT) {
            if (!told)
                printf("%d: no answer yet\n", number);
            told = true;
        }
        if (rc == 0)
            printf("%d: %d\n", number, value);
    }
    return rn_scope_close(&s); /* why: RN_ETIMEDOUT, or the button's cause */
}

static int press(void *button)
{
    RN_TRY(rn_sleep_ms(20));
    rn_cancel_request(button, PRESSED);
    return 0;
}

static int app(void *arg)
{
    questions_tx *tx;
    questions_rx *rx;
    rn_task task, finger;
    RN_AUTO(rn_cancel) button = NULL;
    (void)arg;
    RN_MUST(questions_channel(&tx, &rx, 4));
    RN_MUST(oracle_spawn(&task, rx));
    RN_MUST(rn_cancel_new(&button));
    printf("first round: %s\n", rn_err_name(ask_all(tx, rn_in_ms(1500), button)));
    RN_MUST(rn_spawn(&finger, press, button));
    printf("second round: cause %d\n", ask_all(tx, RN_FOREVER, button));
    RN_MUST(rn_join(finger, NULL));
    rn_task_cancel(task, 0); /* it still thinks about question 3 */
    questions_tx_drop(tx);
    RN_MUST(rn_join(task, NULL));
    return 0;
}

int main(void)
{
    return rn_run(app, NULL);
}
