/* SPDX-License-Identifier: MIT */
/* typed.h - channels and tasks whose types the compiler checks. One line at file scope, with a semicolon.
 *
 * The macros here make a sender and a receiver type of their own for each channel, with functions that take and give
 * messages by value, over the untyped pages. A wrong end, a wrong message, a wrong task argument do not compile, with
 * any compiler that runnel supports and no warning flags.
 *
 * Use:
 *     RN_MPSC_PLAIN(jobs, struct job);                       messages own nothing
 *     RN_MPSC_OWNED(requests, struct request, request_drop); messages hold memory or ends: void request_drop(struct
 *                                                            request *) is called for each that nobody receives
 *     RN_TASK(worker, jobs_rx *);                            worker_spawn(&task, rx), and below, by value:
 *     static int worker(jobs_rx *rx) { struct job job; while (jobs_recv(rx, &job) == 0) run(&job); ... }
 * There is no form without one of the two words: what happens to messages that nobody receives is always decided.
 *
 * At the same time, closing:  as the untyped call of the same name.
 * Costs:             nothing at run time; unused functions leave no code. Messages travel by value: from some 256
 *                    bytes on rather send a pointer, or use rn_mpsc_send(jobs_tx_raw(tx), &large).
 * Another shape:     generic code and bindings use the untyped pages, with an rn_elem made at run time.
 *
 * Generated for a prefix N, and frozen per major version, so that an upgrade never takes a name from you. All else is
 * reached through N_tx_raw(tx) and N_rx_raw(rx): rn_mpsc_rx_len(jobs_rx_raw(rx)).
 *
 *   all        types N_msg N_tx N_rx; N_elem  N_tx_drop N_rx_drop  N_tx_auto N_rx_auto  N_tx_raw N_rx_raw
 *   mpsc       N_channel(&tx, &rx, capacity)  N_channel_with(&tx, &rx, capacity, opts)  N_tx_clone(&out, tx)
 *              N_send(tx, msg)  N_try_send(tx, msg)  N_send_until(tx, msg, deadline)  OWNED: N_give(tx, msg)
 *              N_recv(rx, &msg)  N_try_recv(rx, &msg)  N_recv_until(rx, &msg, deadline)  N_rx_close(rx)
 *              N_send_many(tx, msgs, count, &sent)  N_recv_many(rx, msgs, limit, &count)  N_tx_closed(tx)
 *              N_send_case(tx, &msg)  N_recv_case(rx, &msg)   for rn_select
 *              type N_permit  N_reserve(tx, count, &permit)  N_try_reserve(tx, count, &permit)
 *              N_permit_send(&permit, msg)  N_permit_drop(&permit); permit.raw is the untyped one: permit.raw.left
 *              type N_weak  N_tx_downgrade(&weak, tx)  N_weak_upgrade(&tx, weak)  N_weak_clone(&out, weak)
 *              N_weak_drop(weak)  N_weak_auto  N_weak_raw
 *              N_serve(&task, rx, fn, ctx)  N_serve_with(..., opts)  for  int fn(T *message, void *ctx)
 *   mpmc       all that mpsc has but for N_serve  N_rx_clone(&out, rx)
 *   oneshot    N_channel(&tx, &rx)  N_send(tx, value)  OWNED: N_give(tx, value)
 *              N_recv(rx, &value)  N_try_recv(rx, &value)  N_recv_until(rx, &value, deadline)
 *              N_recv_case(rx, &value)
 *   broadcast  N_channel(&tx, &rx or NULL, capacity)  N_channel_with(..., opts)  N_subscribe(&rx, tx)
 *              N_subscribe_from(&rx, tx, sequence)  N_subscribe_with(&rx, tx, opts)  N_resubscribe(&out, rx)
 *              N_rx_clone(&out, rx)  N_tx_clone(&out, tx)  N_send(tx, msg)  OWNED: N_give(tx, msg)
 *              N_try_send(tx, msg)  N_send_until(tx, msg, deadline)  N_send_case(tx, &msg)
 *              N_recv(rx, &msg, &missed)  N_try_recv(rx, &msg, &missed)  N_recv_until(rx, &msg, &missed, deadline)
 *              N_recv_many(rx, msgs, limit, &count, &missed)  N_recv_case(rx, &msg, &missed)
 *              N_borrow(rx, &pointer, &missed)  N_try_borrow(rx, &pointer, &missed)  N_release(rx)
 *              N_borrow_until(rx, &pointer, &missed, deadline)  N_borrow_case(rx, &pointer, &missed)
 *              type N_weak, with all that mpsc's has
 *   watch      N_channel(&tx, &rx or NULL, initial)  N_channel_with(..., opts)  N_subscribe(&rx, tx)
 *              N_tx_clone(&out, tx)  N_rx_clone(&out, rx)  N_set(tx, value)  N_send(tx, value)
 *              N_replace(tx, value, &old)  N_changed(rx)  N_changed_until(rx, deadline)
 *              N_wait_for(rx, test, ctx, &value or NULL)  N_wait_for_until(..., deadline)  OWNED: NULL only
 *              N_borrow(rx, &pointer)  N_release(rx)  N_changed_case(rx)
 *              PLAIN: N_recv(rx, &value)  N_recv_until(rx, &value, deadline)  value = N_get(rx)  value = N_peek(rx)
 *              N_modify(tx, change, ctx)  PLAIN: N_recv_case(rx, &value)
 *              for  bool test(const T *value, void *ctx)  bool change(T *value, void *ctx)
 *   RN_TASK    F_spawn(&task, arg)  F_spawn_with(&task, arg, opts)  F_spawn_in(&scope, arg)
 *              for  static int F(T arg);  type F_arg
 *
 * A header that only mentions a channel says: typedef struct jobs_tx jobs_tx;
 */
#ifndef RUNNEL_TYPED_H
#define RUNNEL_TYPED_H

#include <runnel/base.h>
#include <runnel/broadcast.h>
#include <runnel/error.h>
#include <runnel/mpmc.h>
#include <runnel/mpsc.h>
#include <runnel/oneshot.h>
#include <runnel/scope.h>
#include <runnel/select.h>
#include <runnel/serve.h>
#include <runnel/task.h>
#include <runnel/time.h>
#include <runnel/watch.h>

/* Makes the semicolon after the macro mean something. */
#define RN__SEMICOLON struct rn__semicolon

/* The message type, once, as a name of its own: `const N_msg *` is right also where T is `const char *`. The function
 * type makes an array T an error ("function returning an array"): as a parameter it would decay to a pointer. */
#define RN__MESSAGE(N, T)                                                                                            \
    typedef T N##_msg;                                                                                               \
    typedef N##_msg N##__must_not_be_an_array(void);                                                                 \
    RN__STATIC_ASSERT(RN__TRIVIAL(N##_msg), "messages are moved as bytes: send a pointer to it");                    \
    RN__STATIC_ASSERT(sizeof(N##_msg) <= 65536, "a message has at most 64 KiB: send a pointer to it");               \
    RN__STATIC_ASSERT(RN__ALIGNOF(N##_msg) <= 64, "a message is aligned to at most 64 bytes");                       \
    typedef struct N##_tx N##_tx;                                                                                    \
    typedef struct N##_rx N##_rx

/* Functions that turn the element's untyped calls into the user's typed ones: they check DROP's and CLONE's type. */
#define RN__DROP_FUNCTION(N, DROP)                                                                                   \
    RN__UNUSED static void N##__drop(void *msg_, void *ctx_)                                                         \
    {                                                                                                                \
        (void)ctx_;                                                                                                  \
        DROP((N##_msg *)msg_);                                                                                       \
    }
#define RN__CLONE_FUNCTION(N, CLONE)                                                                                 \
    RN__UNUSED static int N##__clone(void *to_, const void *from_, void *ctx_)                                       \
    {                                                                                                                \
        (void)ctx_;                                                                                                  \
        return CLONE((N##_msg *)to_, (const N##_msg *)from_);                                                        \
    }
#define RN__ELEMENT(N, DROP, CLONE)                                                                                  \
    RN__UNUSED static const rn_elem N##_elem = {sizeof(N##_msg), RN__ALIGNOF(N##_msg), DROP, CLONE, NULL, #N, {0, 0}}

#define RN__ELEMENT_PLAIN(N) RN__ELEMENT(N, NULL, NULL)
#define RN__ELEMENT_OWNED(N, DROP) RN__DROP_FUNCTION(N, DROP) RN__ELEMENT(N, N##__drop, NULL)
#define RN__ELEMENT_CLONED(N, DROP, CLONE)                                                                           \
    RN__DROP_FUNCTION(N, DROP) RN__CLONE_FUNCTION(N, CLONE) RN__ELEMENT(N, N##__drop, N##__clone)

/* What the ends of every shape S have. */
#define RN__ENDS(N, S)                                                                                               \
    RN__GEN rn_##S##_tx *N##_tx_raw(const N##_tx *tx_)                                                               \
    {                                                                                                                \
        return (rn_##S##_tx *)(uintptr_t)tx_;                                                                        \
    }                                                                                                                \
    RN__GEN rn_##S##_rx *N##_rx_raw(const N##_rx *rx_)                                                               \
    {                                                                                                                \
        return (rn_##S##_rx *)(uintptr_t)rx_;                                                                        \
    }                                                                                                                \
    RN__GEN void N##_tx_drop(N##_tx *tx_)                                                                            \
    {                                                                                                                \
        rn_##S##_tx_drop(N##_tx_raw(tx_));                                                                           \
    }                                                                                                                \
    RN__GEN void N##_rx_drop(N##_rx *rx_)                                                                            \
    {                                                                                                                \
        rn_##S##_rx_drop(N##_rx_raw(rx_));                                                                           \
    }                                                                                                                \
    RN__GEN void N##_tx_auto(N##_tx **tx_)                                                                           \
    {                                                                                                                \
        N##_tx_drop(*tx_);                                                                                           \
    }                                                                                                                \
    RN__GEN void N##_rx_auto(N##_rx **rx_)                                                                           \
    {                                                                                                                \
        N##_rx_drop(*rx_);                                                                                           \
    }

/* Constructors go through locals: to write an rn_S_tx * through an N_tx ** would break the aliasing rules. */
#define RN__TX_CLONE(N, S)                                                                                           \
    RN__GEN_MUST int N##_tx_clone(N##_tx **out_, N##_tx *tx_)                                                        \
    {                                                                                                                \
        rn_##S##_tx *made_ = NULL;                                                                                   \
        int code_ = rn_##S##_tx_clone(out_ ? &made_ : NULL, N##_tx_raw(tx_));                                        \
        if (out_)                                                                                                    \
            *out_ = (N##_tx *)made_;                                                                                 \
        return code_;                                                                                                \
    }

/* The weak senders of the shapes that have them. */
#define RN__WEAK(N, S)                                                                                               \
    typedef struct N##_weak N##_weak;                                                                                \
    RN__GEN rn_##S##_weak *N##_weak_raw(const N##_weak *weak_)                                                       \
    {                                                                                                                \
        return (rn_##S##_weak *)(uintptr_t)weak_;                                                                    \
    }                                                                                                                \
    RN__GEN void N##_weak_drop(N##_weak *weak_)                                                                      \
    {                                                                                                                \
        rn_##S##_weak_drop(N##_weak_raw(weak_));                                                                     \
    }                                                                                                                \
    RN__GEN void N##_weak_auto(N##_weak **weak_)                                                                     \
    {                                                                                                                \
        N##_weak_drop(*weak_);                                                                                       \
    }                                                                                                                \
    RN__GEN_MUST int N##_weak_clone(N##_weak **out_, N##_weak *weak_)                                                \
    {                                                                                                                \
        rn_##S##_weak *made_ = NULL;                                                                                 \
        int code_ = rn_##S##_weak_clone(out_ ? &made_ : NULL, N##_weak_raw(weak_));                                  \
        if (out_)                                                                                                    \
            *out_ = (N##_weak *)made_;                                                                               \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__GEN_MUST int N##_tx_downgrade(N##_weak **out_, N##_tx *tx_)                                                  \
    {                                                                                                                \
        rn_##S##_weak *made_ = NULL;                                                                                 \
        int code_ = rn_##S##_tx_downgrade(out_ ? &made_ : NULL, N##_tx_raw(tx_));                                    \
        if (out_)                                                                                                    \
            *out_ = (N##_weak *)made_;                                                                               \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__GEN_MUST int N##_weak_upgrade(N##_tx **out_, N##_weak *weak_)                                                \
    {                                                                                                                \
        rn_##S##_tx *made_ = NULL;                                                                                   \
        int code_ = rn_##S##_weak_upgrade(out_ ? &made_ : NULL, N##_weak_raw(weak_));                                \
        if (out_)                                                                                                    \
            *out_ = (N##_tx *)made_;                                                                                 \
        return code_;                                                                                                \
    }

/* One more receiver, made from one that is there. */
#define RN__RX_COPY(N, S, VERB)                                                                                      \
    RN__GEN_MUST int N##_##VERB(N##_rx **out_, const N##_rx *rx_)                                                    \
    {                                                                                                                \
        rn_##S##_rx *made_ = NULL;                                                                                   \
        int code_ = rn_##S##_##VERB(out_ ? &made_ : NULL, N##_rx_raw(rx_));                                          \
        if (out_)                                                                                                    \
            *out_ = (N##_rx *)made_;                                                                                 \
        return code_;                                                                                                \
    }

#define RN__SUBSCRIBE(N, S)                                                                                          \
    RN__GEN_MUST int N##_subscribe(N##_rx **rx_, N##_tx *tx_)                                                        \
    {                                                                                                                \
        rn_##S##_rx *made_ = NULL;                                                                                   \
        int code_ = rn_##S##_subscribe(rx_ ? &made_ : NULL, N##_tx_raw(tx_));                                        \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_;                                                                                  \
        return code_;                                                                                                \
    }

#define RN__SEND(N, S)                                                                                               \
    RN__GEN int N##_send(N##_tx *tx_, N##_msg msg_)                                                                  \
    {                                                                                                                \
        return rn_##S##_send(N##_tx_raw(tx_), &msg_);                                                                \
    }

/* For the shapes whose send may have to wait. */
#define RN__SEND_WAITING(N, S)                                                                                       \
    RN__GEN int N##_try_send(N##_tx *tx_, N##_msg msg_)                                                              \
    {                                                                                                                \
        return rn_##S##_try_send(N##_tx_raw(tx_), &msg_);                                                            \
    }                                                                                                                \
    RN__GEN int N##_send_until(N##_tx *tx_, N##_msg msg_, rn_deadline deadline_)                                     \
    {                                                                                                                \
        return rn_##S##_send_until(N##_tx_raw(tx_), &msg_, deadline_);                                               \
    }                                                                                                                \
    RN__GEN_MUST rn_case N##_send_case(N##_tx *tx_, const N##_msg *msg_)                                             \
    {                                                                                                                \
        return rn_##S##_send_case(N##_tx_raw(tx_), msg_);                                                            \
    }

#define RN__GIVE(N, S)                                                                                               \
    RN__GEN int N##_give(N##_tx *tx_, N##_msg msg_)                                                                  \
    {                                                                                                                \
        return rn_##S##_give(N##_tx_raw(tx_), &msg_);                                                                \
    }

/* The receives of the shapes whose receive is (rx, out). */
#define RN__RECV(N, S)                                                                                               \
    RN__GEN int N##_recv(N##_rx *rx_, N##_msg *out_)                                                                 \
    {                                                                                                                \
        return rn_##S##_recv(N##_rx_raw(rx_), out_);                                                                 \
    }                                                                                                                \
    RN__GEN int N##_recv_until(N##_rx *rx_, N##_msg *out_, rn_deadline deadline_)                                    \
    {                                                                                                                \
        return rn_##S##_recv_until(N##_rx_raw(rx_), out_, deadline_);                                                \
    }                                                                                                                \
    RN__GEN_MUST rn_case N##_recv_case(N##_rx *rx_, N##_msg *out_)                                                   \
    {                                                                                                                \
        return rn_##S##_recv_case(N##_rx_raw(rx_), out_);                                                            \
    }

#define RN__TRY_RECV(N, S)                                                                                           \
    RN__GEN int N##_try_recv(N##_rx *rx_, N##_msg *out_)                                                             \
    {                                                                                                                \
        return rn_##S##_try_recv(N##_rx_raw(rx_), out_);                                                             \
    }

/* -- mpsc, mpmc ------------------------------------------------------------------------------------------------- */

#define RN__QUEUE_CONSTRUCTOR(N, S, NAME, PARAMETERS, CALL)                                                          \
    RN__GEN_MUST int NAME PARAMETERS                                                                                 \
    {                                                                                                                \
        rn_##S##_tx *made_tx_ = NULL;                                                                                \
        rn_##S##_rx *made_rx_ = NULL;                                                                                \
        int code_ = CALL;                                                                                            \
        if (tx_)                                                                                                     \
            *tx_ = (N##_tx *)made_tx_;                                                                               \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_rx_;                                                                               \
        return code_;                                                                                                \
    }

/* A permit is a struct of its own around the untyped one. */
#define RN__QUEUE_PERMIT(N, S)                                                                                       \
    typedef struct N##_permit {                                                                                      \
        rn_##S##_permit raw;                                                                                         \
    } N##_permit;                                                                                                    \
    RN__GEN_MUST int N##_reserve(N##_tx *tx_, size_t count_, N##_permit *out_)                                       \
    {                                                                                                                \
        return rn_##S##_reserve(N##_tx_raw(tx_), count_, out_ ? &out_->raw : NULL);                                  \
    }                                                                                                                \
    RN__GEN_MUST int N##_try_reserve(N##_tx *tx_, size_t count_, N##_permit *out_)                                   \
    {                                                                                                                \
        return rn_##S##_try_reserve(N##_tx_raw(tx_), count_, out_ ? &out_->raw : NULL);                              \
    }                                                                                                                \
    RN__GEN int N##_permit_send(N##_permit *permit_, N##_msg msg_)                                                   \
    {                                                                                                                \
        return rn_##S##_permit_send(permit_ ? &permit_->raw : NULL, &msg_);                                          \
    }                                                                                                                \
    RN__GEN void N##_permit_drop(N##_permit *permit_)                                                                \
    {                                                                                                                \
        rn_##S##_permit_drop(permit_ ? &permit_->raw : NULL);                                                        \
    }

/* The handler's function is called by its own type. One spawn site for all handlers of N, whose name they have. */
#define RN__SERVE(N)                                                                                                 \
    RN__UNUSED static int N##__call(rn_handler_fn *fn_, void *msg_, void *ctx_)                                      \
    {                                                                                                                \
        return ((int (*)(N##_msg *, void *))(void (*)(void))fn_)((N##_msg *)msg_, ctx_);                             \
    }                                                                                                                \
    RN__GEN_MUST int N##_serve_with(rn_task *out_, N##_rx *rx_, int (*fn_)(N##_msg *, void *), void *ctx_,           \
                                    const rn_spawn_opts *opts_)                                                      \
    {                                                                                                                \
        static rn_site site_ = {__FILE__, __LINE__, 0, #N "_serve", NULL, {0, 0}};                                   \
        return rn__serve(&site_, out_, N##_rx_raw(rx_), N##__call, (rn_handler_fn *)(void (*)(void))fn_, ctx_,       \
                         opts_);                                                                                     \
    }                                                                                                                \
    RN__GEN_MUST int N##_serve(rn_task *out_, N##_rx *rx_, int (*fn_)(N##_msg *, void *), void *ctx_)                \
    {                                                                                                                \
        return N##_serve_with(out_, rx_, fn_, ctx_, NULL);                                                           \
    }

/* For S: mpsc or mpmc. */
#define RN__QUEUE(N, S)                                                                                              \
    RN__ENDS(N, S)                                                                                                   \
    RN__QUEUE_CONSTRUCTOR(N, S, N##_channel, (N##_tx * *tx_, N##_rx * *rx_, size_t capacity_),                       \
                          rn_##S##_channel(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, capacity_, &N##_elem))    \
    RN__QUEUE_CONSTRUCTOR(                                                                                           \
        N, S, N##_channel_with, (N##_tx * *tx_, N##_rx * *rx_, size_t capacity_, const rn_##S##_opts *opts_),        \
        rn_##S##_channel_with(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, capacity_, &N##_elem, opts_))          \
    RN__TX_CLONE(N, S)                                                                                               \
    RN__SEND(N, S)                                                                                                   \
    RN__SEND_WAITING(N, S)                                                                                           \
    RN__GEN int N##_send_many(N##_tx *tx_, const N##_msg *msgs_, size_t count_, size_t *sent_)                       \
    {                                                                                                                \
        return rn_##S##_send_many(N##_tx_raw(tx_), msgs_, count_, sent_);                                            \
    }                                                                                                                \
    RN__RECV(N, S)                                                                                                   \
    RN__TRY_RECV(N, S)                                                                                               \
    RN__GEN int N##_recv_many(N##_rx *rx_, N##_msg *out_, size_t limit_, size_t *count_)                             \
    {                                                                                                                \
        return rn_##S##_recv_many(N##_rx_raw(rx_), out_, limit_, count_);                                            \
    }                                                                                                                \
    RN__QUEUE_PERMIT(N, S)                                                                                           \
    RN__WEAK(N, S)                                                                                                   \
    RN__GEN int N##_tx_closed(N##_tx *tx_)                                                                           \
    {                                                                                                                \
        return rn_##S##_tx_closed(N##_tx_raw(tx_));                                                                  \
    }                                                                                                                \
    RN__GEN void N##_rx_close(N##_rx *rx_)                                                                           \
    {                                                                                                                \
        rn_##S##_rx_close(N##_rx_raw(rx_));                                                                          \
    }

/* RN_MPSC_PLAIN(N, T), RN_MPSC_OWNED(N, T, DROP) with void DROP(T *) */
#define RN_MPSC_PLAIN(N, T)                                                                                          \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_PLAIN(N);                                                                                            \
    RN__QUEUE(N, mpsc) RN__SERVE(N) RN__SEMICOLON
#define RN_MPSC_OWNED(N, T, DROP)                                                                                    \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_OWNED(N, DROP);                                                                                      \
    RN__QUEUE(N, mpsc) RN__SERVE(N) RN__GIVE(N, mpsc) RN__SEMICOLON

/* RN_MPMC_PLAIN(N, T), RN_MPMC_OWNED(N, T, DROP) with void DROP(T *) */
#define RN_MPMC_PLAIN(N, T)                                                                                          \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_PLAIN(N);                                                                                            \
    RN__QUEUE(N, mpmc) RN__RX_COPY(N, mpmc, rx_clone) RN__SEMICOLON
#define RN_MPMC_OWNED(N, T, DROP)                                                                                    \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_OWNED(N, DROP);                                                                                      \
    RN__QUEUE(N, mpmc) RN__GIVE(N, mpmc) RN__RX_COPY(N, mpmc, rx_clone) RN__SEMICOLON

/* -- oneshot ---------------------------------------------------------------------------------------------------- */

#define RN__ONESHOT(N)                                                                                               \
    RN__ENDS(N, oneshot)                                                                                             \
    RN__GEN_MUST int N##_channel(N##_tx **tx_, N##_rx **rx_)                                                         \
    {                                                                                                                \
        rn_oneshot_tx *made_tx_ = NULL;                                                                              \
        rn_oneshot_rx *made_rx_ = NULL;                                                                              \
        int code_ = rn_oneshot_channel(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, &N##_elem);                   \
        if (tx_)                                                                                                     \
            *tx_ = (N##_tx *)made_tx_;                                                                               \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_rx_;                                                                               \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__SEND(N, oneshot)                                                                                             \
    RN__RECV(N, oneshot)                                                                                             \
    RN__TRY_RECV(N, oneshot)

/* RN_ONESHOT_PLAIN(N, T), RN_ONESHOT_OWNED(N, T, DROP) with void DROP(T *) */
#define RN_ONESHOT_PLAIN(N, T)                                                                                       \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_PLAIN(N);                                                                                            \
    RN__ONESHOT(N) RN__SEMICOLON
#define RN_ONESHOT_OWNED(N, T, DROP)                                                                                 \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_OWNED(N, DROP);                                                                                      \
    RN__ONESHOT(N) RN__GIVE(N, oneshot) RN__SEMICOLON

/* -- broadcast -------------------------------------------------------------------------------------------------- */

#define RN__BROADCAST_CONSTRUCTOR(N, NAME, PARAMETERS, CALL)                                                         \
    RN__GEN_MUST int NAME PARAMETERS                                                                                 \
    {                                                                                                                \
        rn_broadcast_tx *made_tx_ = NULL;                                                                            \
        rn_broadcast_rx *made_rx_ = NULL;                                                                            \
        int code_ = CALL;                                                                                            \
        if (tx_)                                                                                                     \
            *tx_ = (N##_tx *)made_tx_;                                                                               \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_rx_;                                                                               \
        return code_;                                                                                                \
    }

/* The pointer goes through a local; a case has none, and the library writes it as bytes. */
#define RN__BROADCAST_BORROW(N, NAME, PARAMETERS, CALL)                                                              \
    RN__GEN int NAME PARAMETERS                                                                                      \
    {                                                                                                                \
        const void *msg_ = NULL;                                                                                     \
        int code_ = CALL;                                                                                            \
        if (out_)                                                                                                    \
            *out_ = (const N##_msg *)msg_;                                                                           \
        return code_;                                                                                                \
    }

#define RN__BROADCAST_BORROWS(N)                                                                                     \
    RN__BROADCAST_BORROW(N, N##_borrow, (N##_rx * rx_, const N##_msg **out_, uint64_t *missed_),                     \
                         rn_broadcast_borrow(N##_rx_raw(rx_), out_ ? &msg_ : NULL, missed_))                         \
    RN__BROADCAST_BORROW(N, N##_try_borrow, (N##_rx * rx_, const N##_msg **out_, uint64_t *missed_),                 \
                         rn_broadcast_try_borrow(N##_rx_raw(rx_), out_ ? &msg_ : NULL, missed_))                     \
    RN__BROADCAST_BORROW(N, N##_borrow_until,                                                                        \
                         (N##_rx * rx_, const N##_msg **out_, uint64_t *missed_, rn_deadline deadline_),             \
                         rn_broadcast_borrow_until(N##_rx_raw(rx_), out_ ? &msg_ : NULL, missed_, deadline_))        \
    RN__GEN_MUST rn_case N##_borrow_case(N##_rx *rx_, const N##_msg **out_, uint64_t *missed_)                       \
    {                                                                                                                \
        return rn_broadcast_borrow_case(N##_rx_raw(rx_), (const void **)(uintptr_t)out_, missed_);                   \
    }                                                                                                                \
    RN__GEN void N##_release(N##_rx *rx_)                                                                            \
    {                                                                                                                \
        rn_broadcast_release(N##_rx_raw(rx_));                                                                       \
    }

#define RN__BROADCAST(N)                                                                                             \
    RN__ENDS(N, broadcast)                                                                                           \
    RN__BROADCAST_CONSTRUCTOR(                                                                                       \
        N, N##_channel, (N##_tx * *tx_, N##_rx * *rx_, size_t capacity_),                                            \
        rn_broadcast_channel(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, capacity_, &N##_elem))                  \
    RN__BROADCAST_CONSTRUCTOR(                                                                                       \
        N, N##_channel_with, (N##_tx * *tx_, N##_rx * *rx_, size_t capacity_, const rn_broadcast_opts *opts_),       \
        rn_broadcast_channel_with(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, capacity_, &N##_elem, opts_))      \
    RN__SUBSCRIBE(N, broadcast)                                                                                      \
    RN__GEN_MUST int N##_subscribe_from(N##_rx **rx_, N##_tx *tx_, uint64_t sequence_)                               \
    {                                                                                                                \
        rn_broadcast_rx *made_ = NULL;                                                                               \
        int code_ = rn_broadcast_subscribe_from(rx_ ? &made_ : NULL, N##_tx_raw(tx_), sequence_);                    \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_;                                                                                  \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__GEN_MUST int N##_subscribe_with(N##_rx **rx_, N##_tx *tx_, const rn_subscribe_opts *opts_)                   \
    {                                                                                                                \
        rn_broadcast_rx *made_ = NULL;                                                                               \
        int code_ = rn_broadcast_subscribe_with(rx_ ? &made_ : NULL, N##_tx_raw(tx_), opts_);                        \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_;                                                                                  \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__RX_COPY(N, broadcast, resubscribe)                                                                           \
    RN__RX_COPY(N, broadcast, rx_clone)                                                                              \
    RN__WEAK(N, broadcast)                                                                                           \
    RN__TX_CLONE(N, broadcast)                                                                                       \
    RN__SEND(N, broadcast)                                                                                           \
    RN__SEND_WAITING(N, broadcast)                                                                                   \
    RN__BROADCAST_BORROWS(N)                                                                                         \
    RN__GEN int N##_recv(N##_rx *rx_, N##_msg *out_, uint64_t *missed_)                                              \
    {                                                                                                                \
        return rn_broadcast_recv(N##_rx_raw(rx_), out_, missed_);                                                    \
    }                                                                                                                \
    RN__GEN int N##_try_recv(N##_rx *rx_, N##_msg *out_, uint64_t *missed_)                                          \
    {                                                                                                                \
        return rn_broadcast_try_recv(N##_rx_raw(rx_), out_, missed_);                                                \
    }                                                                                                                \
    RN__GEN int N##_recv_until(N##_rx *rx_, N##_msg *out_, uint64_t *missed_, rn_deadline deadline_)                 \
    {                                                                                                                \
        return rn_broadcast_recv_until(N##_rx_raw(rx_), out_, missed_, deadline_);                                   \
    }                                                                                                                \
    RN__GEN_MUST rn_case N##_recv_case(N##_rx *rx_, N##_msg *out_, uint64_t *missed_)                                \
    {                                                                                                                \
        return rn_broadcast_recv_case(N##_rx_raw(rx_), out_, missed_);                                               \
    }                                                                                                                \
    RN__GEN int N##_recv_many(N##_rx *rx_, N##_msg *out_, size_t limit_, size_t *count_, uint64_t *missed_)          \
    {                                                                                                                \
        return rn_broadcast_recv_many(N##_rx_raw(rx_), out_, limit_, count_, missed_);                               \
    }

/* RN_BROADCAST_PLAIN(N, T), RN_BROADCAST_OWNED(N, T, DROP, CLONE) with void DROP(T *) and
 * int CLONE(T *to, const T *from) */
#define RN_BROADCAST_PLAIN(N, T)                                                                                     \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_PLAIN(N);                                                                                            \
    RN__BROADCAST(N) RN__SEMICOLON
#define RN_BROADCAST_OWNED(N, T, DROP, CLONE)                                                                        \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_CLONED(N, DROP, CLONE);                                                                              \
    RN__BROADCAST(N) RN__GIVE(N, broadcast) RN__SEMICOLON

/* -- watch ------------------------------------------------------------------------------------------------------ */

#define RN__WATCH_CONSTRUCTOR(N, NAME, PARAMETERS, CALL)                                                             \
    RN__GEN_MUST int NAME PARAMETERS                                                                                 \
    {                                                                                                                \
        rn_watch_tx *made_tx_ = NULL;                                                                                \
        rn_watch_rx *made_rx_ = NULL;                                                                                \
        int code_ = CALL;                                                                                            \
        if (tx_)                                                                                                     \
            *tx_ = (N##_tx *)made_tx_;                                                                               \
        if (rx_)                                                                                                     \
            *rx_ = (N##_rx *)made_rx_;                                                                               \
        return code_;                                                                                                \
    }

/* The user's functions know the type, those that the library calls do not: one calls the other. */
#define RN__WATCH_WAIT_FOR(N)                                                                                        \
    struct N##__test {                                                                                               \
        bool (*test_)(const N##_msg *, void *);                                                                      \
        void *ctx_;                                                                                                  \
    };                                                                                                               \
    RN__UNUSED static bool N##__run_test(const void *value_, void *both_)                                            \
    {                                                                                                                \
        const struct N##__test *call_ = (const struct N##__test *)both_;                                             \
        return call_->test_((const N##_msg *)value_, call_->ctx_);                                                   \
    }                                                                                                                \
    RN__GEN int N##_wait_for_until(N##_rx *rx_, bool (*test_)(const N##_msg *, void *), void *ctx_, N##_msg *out_,   \
                                   rn_deadline deadline_)                                                            \
    {                                                                                                                \
        struct N##__test both_ = {test_, ctx_};                                                                      \
        return rn_watch_wait_for_until(N##_rx_raw(rx_), test_ ? N##__run_test : NULL, &both_, out_, deadline_);      \
    }                                                                                                                \
    RN__GEN int N##_wait_for(N##_rx *rx_, bool (*test_)(const N##_msg *, void *), void *ctx_, N##_msg *out_)         \
    {                                                                                                                \
        return N##_wait_for_until(rx_, test_, ctx_, out_, RN_FOREVER);                                               \
    }

#define RN__WATCH_MODIFY(N)                                                                                          \
    struct N##__change {                                                                                             \
        bool (*change_)(N##_msg *, void *);                                                                          \
        void *ctx_;                                                                                                  \
    };                                                                                                               \
    RN__UNUSED static bool N##__run_change(void *value_, void *both_)                                                \
    {                                                                                                                \
        const struct N##__change *call_ = (const struct N##__change *)both_;                                         \
        return call_->change_((N##_msg *)value_, call_->ctx_);                                                       \
    }                                                                                                                \
    RN__GEN int N##_modify(N##_tx *tx_, bool (*change_)(N##_msg *, void *), void *ctx_)                              \
    {                                                                                                                \
        struct N##__change both_ = {change_, ctx_};                                                                  \
        return rn_watch_modify(N##_tx_raw(tx_), change_ ? N##__run_change : NULL, &both_);                           \
    }

#define RN__WATCH(N)                                                                                                 \
    RN__ENDS(N, watch)                                                                                               \
    RN__WATCH_CONSTRUCTOR(N, N##_channel, (N##_tx * *tx_, N##_rx * *rx_, N##_msg initial_),                          \
                          rn_watch_channel(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, &initial_, &N##_elem))    \
    RN__WATCH_CONSTRUCTOR(                                                                                           \
        N, N##_channel_with, (N##_tx * *tx_, N##_rx * *rx_, N##_msg initial_, const rn_watch_opts *opts_),           \
        rn_watch_channel_with(tx_ ? &made_tx_ : NULL, rx_ ? &made_rx_ : NULL, &initial_, &N##_elem, opts_))          \
    RN__SUBSCRIBE(N, watch)                                                                                          \
    RN__TX_CLONE(N, watch)                                                                                           \
    RN__RX_COPY(N, watch, rx_clone)                                                                                  \
    RN__SEND(N, watch)                                                                                               \
    RN__WATCH_WAIT_FOR(N)                                                                                            \
    RN__GEN int N##_replace(N##_tx *tx_, N##_msg value_, N##_msg *old_)                                              \
    {                                                                                                                \
        return rn_watch_replace(N##_tx_raw(tx_), &value_, old_);                                                     \
    }                                                                                                                \
    RN__GEN int N##_set(N##_tx *tx_, N##_msg value_)                                                                 \
    {                                                                                                                \
        return rn_watch_set(N##_tx_raw(tx_), &value_);                                                               \
    }                                                                                                                \
    RN__GEN int N##_changed(N##_rx *rx_)                                                                             \
    {                                                                                                                \
        return rn_watch_changed(N##_rx_raw(rx_));                                                                    \
    }                                                                                                                \
    RN__GEN int N##_changed_until(N##_rx *rx_, rn_deadline deadline_)                                                \
    {                                                                                                                \
        return rn_watch_changed_until(N##_rx_raw(rx_), deadline_);                                                   \
    }                                                                                                                \
    RN__GEN_MUST rn_case N##_changed_case(N##_rx *rx_)                                                               \
    {                                                                                                                \
        return rn_watch_changed_case(N##_rx_raw(rx_));                                                               \
    }                                                                                                                \
    RN__GEN int N##_borrow(N##_rx *rx_, const N##_msg **out_)                                                        \
    {                                                                                                                \
        const void *value_ = NULL;                                                                                   \
        int code_ = rn_watch_borrow(N##_rx_raw(rx_), out_ ? &value_ : NULL);                                         \
        if (out_)                                                                                                    \
            *out_ = (const N##_msg *)value_;                                                                         \
        return code_;                                                                                                \
    }                                                                                                                \
    RN__GEN void N##_release(N##_rx *rx_)                                                                            \
    {                                                                                                                \
        rn_watch_release(N##_rx_raw(rx_));                                                                           \
    }

/* get and peek of a plain value fail only for a NULL receiver, and then give all zero bytes. */
#define RN__WATCH_COPY(N, VERB)                                                                                      \
    RN__GEN N##_msg N##_##VERB(N##_rx *rx_)                                                                          \
    {                                                                                                                \
        N##_msg value_;                                                                                              \
        if (rn_watch_##VERB(N##_rx_raw(rx_), &value_) != 0)                                                          \
            __builtin_memset(&value_, 0, sizeof value_);                                                             \
        return value_;                                                                                               \
    }

/* RN_WATCH_PLAIN(N, T), RN_WATCH_OWNED(N, T, DROP) with void DROP(T *): owned values are read by borrowing them */
#define RN_WATCH_PLAIN(N, T)                                                                                         \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_PLAIN(N);                                                                                            \
    RN__WATCH(N)                                                                                                     \
    RN__WATCH_MODIFY(N)                                                                                              \
    RN__RECV(N, watch) RN__WATCH_COPY(N, get) RN__WATCH_COPY(N, peek) RN__SEMICOLON
#define RN_WATCH_OWNED(N, T, DROP)                                                                                   \
    RN__MESSAGE(N, T);                                                                                               \
    RN__ELEMENT_OWNED(N, DROP);                                                                                      \
    RN__WATCH(N) RN__SEMICOLON

/* -- tasks ------------------------------------------------------------------------------------------------------ */

/* RN_TASK(reader, struct reader_args);   then   static int reader(struct reader_args args) { ... }
 * reader_spawn(&task, (struct reader_args){fd, tx}): the argument is copied and handed over by value. The function is
 * one spawn site, wherever it is spawned. */
#define RN_TASK(F, T)                                                                                                \
    typedef T F##_arg;                                                                                               \
    typedef F##_arg F##__must_not_be_an_array(void);                                                                 \
    RN__STATIC_ASSERT(RN__TRIVIAL(F##_arg), "arguments are moved as bytes: pass a pointer to it");                   \
    RN__STATIC_ASSERT(sizeof(F##_arg) <= 4096, "a task's argument has at most 4096 bytes: pass a pointer to it");    \
    RN__STATIC_ASSERT(RN__ALIGNOF(F##_arg) <= RN__ALIGNOF(max_align_t),                                              \
                      "a task's argument is aligned to at most max_align_t");                                        \
    static int F(F##_arg arg_);                                                                                      \
    RN__UNUSED static int F##__entry(void *arg_)                                                                     \
    {                                                                                                                \
        return F(*(F##_arg *)arg_);                                                                                  \
    }                                                                                                                \
    RN__GEN_MUST int F##_spawn_with(rn_task *out_, F##_arg arg_, const rn_spawn_opts *opts_)                         \
    {                                                                                                                \
        static rn_site site_ = {__FILE__, __LINE__, 0, #F, NULL, {0, 0}};                                            \
        return rn__spawn_copy(&site_, out_, F##__entry, &arg_, sizeof arg_, opts_);                                  \
    }                                                                                                                \
    RN__GEN_MUST int F##_spawn(rn_task *out_, F##_arg arg_)                                                          \
    {                                                                                                                \
        return F##_spawn_with(out_, arg_, NULL);                                                                     \
    }                                                                                                                \
    RN__GEN_MUST int F##_spawn_in(rn_scope *scope_, F##_arg arg_)                                                    \
    {                                                                                                                \
        static rn_site site_ = {__FILE__, __LINE__, 0, #F, NULL, {0, 0}};                                            \
        return rn__scope_spawn_copy(&site_, scope_, NULL, F##__entry, &arg_, sizeof arg_, NULL);                     \
    }                                                                                                                \
    RN__SEMICOLON

#endif
