/* SPDX-License-Identifier: MIT */
/* subject.h - the wait layer as the explorer sees it: the real sources once more, with a step before each atomic
 * operation, their names changed so that they go into one program with the library.
 *
 * A function of these sources that is new has to be listed here too; the linker says so: "multiple definition".
 * To be included before anything of src/. Invariants are checked in release builds too; one that is broken fails
 * the execution.
 */
#ifndef TESTS_MODEL_SUBJECT_H
#define TESTS_MODEL_SUBJECT_H

#define RN__MODEL 1
#undef NDEBUG

/* wait/party.c */
#define rn__party_count model__party_count
#define rn__party_at model__party_at
#define rn__party_take model__party_take
#define rn__party_take_many model__party_take_many
#define rn__party_give_back model__party_give_back
#define rn__party_give_back_many model__party_give_back_many
#define rn__party_prepare model__party_prepare
#define rn__party_current model__party_current
#define rn__party_set_current model__party_set_current
#define rn__callback_enter model__callback_enter
#define rn__callback_leave model__callback_leave
#define rn__callback_running model__callback_running
#define rn__party_arm model__party_arm
#define rn__party_disarm model__party_disarm
#define rn__party_fire model__party_fire
#define rn__party_schedule model__party_schedule
#define rn__party_settle model__party_settle
#define rn__party_cancel model__party_cancel
#define rn__party_cancel_begin model__party_cancel_begin
#define rn__party_is_cancelled model__party_is_cancelled
/* wait/waiter.c */
#define rn__waitq_push model__waitq_push
#define rn__waiter_remove model__waiter_remove
#define rn__waiter_claim model__waiter_claim
#define rn__waitq_claim model__waitq_claim
#define rn__waitq_claim_last model__waitq_claim_last
#define rn__wakes_add model__wakes_add
#define rn__wakes_add_all model__wakes_add_all
#define rn__wakes_run model__wakes_run
/* wait/await.c, callback.c, cancel.c, thread.c */
#define rn__await model__await
#define rn__await_entry model__await_entry
#define rn__attempt model__attempt
#define rn__operation_leave model__operation_leave
#define rn__await_deadline model__await_deadline
#define rn__budget_renew model__budget_renew
#define rn__budget_spend model__budget_spend
#define rn__await_arm model__await_arm
#define rn__await_describe model__await_describe
#define rn__await_stand model__await_stand
#define rn__wait_at_fork model__wait_at_fork
#define rn__wait_is_hopeless model__wait_is_hopeless
#define rn__await_park model__await_park
#define rn__callback_init model__callback_init
#define rn__callback_fini model__callback_fini
#define rn__callback_await model__callback_await
#define rn__callback_withdraw model__callback_withdraw
#define rn_cancelled model__cancelled
#define rn_shield_enter model__shield_enter
#define rn_shield_leave model__shield_leave
#define rn_sleep_until model__sleep_until
#define rn_sleep_ms model__sleep_ms
#define rn__thread_park model__thread_park
#define rn__thread_schedule model__thread_schedule
#define rn__thread_lock model__thread_lock
#define rn__threads_rouse model__threads_rouse
#define rn__party_of_caller model__party_of_caller
#define rn__party_forget_caller model__party_forget_caller
#define rn__party_before_fork model__party_before_fork
#define rn__party_is_inherited model__party_is_inherited
#define rn__party_table_lock model__party_table_lock
#define rn__party_table_unlock model__party_table_unlock
#define rn__party_table_disown model__party_table_disown
/* wait/select.c */
#define rn__select model__select
#define rn__case_refused model__case_refused
#define rn_select model__rn_select
#define rn_select_until model__rn_select_until
#define rn_select_in_order model__rn_select_in_order
#define rn_try_select model__rn_try_select
#define rn_deadline_case model__deadline_case
/* platform/lock.c */
#define rn__lock_enter_slow model__lock_enter_slow
#define rn__lock_is_lost model__lock_is_lost
#define rn__process model__process
/* what subject.c puts in the place of the rest */
#define rn__now model__now
#define rn__clock_is_paused model__clock_is_paused
#define rn__clock_wait model__clock_wait
#define rn__clock_wait_paused model__clock_wait_paused
#define rn__clock_knows model__clock_knows
#define rn__clock_sleep model__clock_sleep
#define rn__choose model__choose
#define rn_in_ms model__in_ms
#define rn__die model__die
#define rn__platform_map model__platform_map
#define rn__platform_futex_wait model__platform_futex_wait
#define rn__platform_futex_wake model__platform_futex_wake
#define rn__platform_yield model__platform_yield
#define rn__platform_at_thread_exit model__platform_at_thread_exit
#define rn__platform_thread_exit_value model__platform_thread_exit_value

#include "model/explore.h"
#include "wait/await.h"
#include "wait/callback.h"
#include "wait/select.h"
#include "wait/thread.h"

#include <runnel/cancel.h>

/* For exploration.begin: a table of parties with none taken, no sleepers, time 1. */
void subject_begin(void);

/* For exploration.switched: the thread-local part of party.c. */
void subject_switched(int from, int to);

/* How many futex waits of an execution may return for no reason; 0 after subject_begin(). */
void subject_allow_stale_wakeups(uint32_t count);

/* The same, but the table is empty: the first to take a party makes it grow. */
void subject_begin_without_parties(void);

/* A party as a plain thread gets it at its first wait. */
struct rn__party *subject_thread_party(void);

#endif
