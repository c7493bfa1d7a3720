/* SPDX-License-Identifier: MIT */
/* bytes.h - messages whose size varies: bytes that cannot change, counted, shared without a copy.
 *
 * An rn_bytes is three words that you pass, send and store by value: where the bytes are, how many, and who owns
 * them. Each value that holds an owner counts once: clone and slice make one more, drop gives one back, and the last
 * drop frees the bytes. A value that was moved, into a channel or another variable, counts no more and no less.
 *
 * Use:
 *     RN_MPSC_OWNED(lines, rn_bytes, rn_bytes_drop);
 *     RN_BROADCAST_OWNED(frames, rn_bytes, rn_bytes_drop, rn_bytes_clone_to);     1,000 receivers share one payload
 *
 *     rn_bytes line, word;
 *     RN_TRY(rn_bytes_copy(&line, text, strlen(text)));
 *     word = rn_bytes_slice(&line, 0, 5);                 shares the memory of line, and keeps it alive
 *     lines_give(tx, line);                               it is the channel's now
 *     printf("%.*s\n", (int)word.length, word.data);
 *     rn_bytes_drop(&word);
 *
 * All zero is no bytes: empty, owned by nobody, fine to drop. So is RN_BYTES_LITERAL("text"), which is not counted.
 *
 * At the same time:  all calls on different values, also of one owner, by any number of tasks and threads. Several
 *                    may read one value as long as none of them drops it.
 * Closing:           drop each value once.
 * Costs:             copy, new, adopt and printf allocate once, the owner and its bytes together. clone, slice and
 *                    drop are one atomic addition each, for static bytes nothing.
 * Another shape:     messages of one size: the type itself; if large: rn_broadcast_borrow (broadcast.h).
 */
#ifndef RUNNEL_BYTES_H
#define RUNNEL_BYTES_H

#include <runnel/base.h>
#include <runnel/error.h>

RN__BEGIN_DECLS

typedef struct rn_bytes {
    const char *data; /* not NULL unless all is zero; with no zero byte behind it, unless you put one there */
    size_t length;
    void *owner; /* private; NULL: nobody counts, nothing is freed */
} rn_bytes;

/* The bytes of a literal, as an expression. */
#define RN_BYTES_LITERAL(text) rn_bytes_static("" text, sizeof(text) - 1)

/**
 * rn_bytes_copy, rn_bytes_printf - bytes of their own, from yours or from a format
 * @out: the bytes, or no bytes if this fails
 *
 * Context:  any task or thread; never waits
 * Owner:    @out is yours: drop it, or send it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the owner and the bytes, in one piece; for no bytes none
 * Returns:  0 | RN_ENOMEM | RN_EINVAL, also for a format that cannot be printed
 */
RN_MUST_USE RN_API int rn_bytes_copy(rn_bytes *out, const void *data, size_t length);
RN_MUST_USE RN_API int rn_bytes_printf(rn_bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * rn_bytes_new - room that you fill, such as with read(2), before anybody else sees it
 * @out:      the bytes, or no bytes if this fails
 * @writable: where to write; NULL if @length is 0
 *
 * Fill it before you send, clone or slice @out. What was not filled is cut off by a slice.
 *
 * Context:  any task or thread; never waits
 * Owner:    @out is yours: drop it, or send it
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   the owner and the bytes, in one piece; for a @length of 0 none
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_bytes_new(rn_bytes *out, size_t length, char **writable);

/**
 * rn_bytes_adopt - bytes that lie in memory of yours, which is given back when nobody needs them any more
 * @out:     the bytes, or no bytes if this fails
 * @release: called once, as release(data, ctx), by whoever drops last, with no lock held; NULL: nothing is to be
 *           done, but the owner is counted all the same
 *
 * Context:  any task or thread; never waits
 * Owner:    on 0 the memory is the library's until @release is called; otherwise it is still yours
 * Cancel:   uncancellable (never waits)
 * Order:    all that anybody did with the bytes before it dropped them happens-before the call of @release
 * Memory:   the owner
 * Returns:  0 | RN_ENOMEM | RN_EINVAL
 */
RN_MUST_USE RN_API int rn_bytes_adopt(rn_bytes *out, void *data, size_t length,
                                      void (*release)(void *data, void *ctx), void *ctx);

/**
 * rn_bytes_static - bytes that live as long as the program, or as you see to
 *
 * Context:  anywhere; never waits
 * Owner:    nobody: clone, slice and drop cost nothing
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the bytes; for NULL no bytes
 */
RN_API rn_bytes rn_bytes_static(const void *data, size_t length);

/**
 * rn_bytes_clone, rn_bytes_slice, rn_bytes_clone_to - one more value for the same bytes, or for a part of them
 * @from:   where the part begins
 * @length: how long it is at most: what there is from @from on, if that is less. SIZE_MAX: the rest
 *
 * A small slice keeps the whole memory alive. clone_to is what an rn_elem or RN_BROADCAST_OWNED wants.
 *
 * Context:  any task or thread; never waits
 * Owner:    the new value is yours: drop it, or send it; @bytes stays as it is
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  the bytes; for NULL, and for an empty part, no bytes | clone_to: 0 | RN_EINVAL
 */
RN_MUST_USE RN_API rn_bytes rn_bytes_clone(const rn_bytes *bytes);
RN_MUST_USE RN_API rn_bytes rn_bytes_slice(const rn_bytes *bytes, size_t from, size_t length);
RN_API int rn_bytes_clone_to(rn_bytes *to, const rn_bytes *bytes);

/**
 * rn_bytes_drop - give a value back; the last one of an owner frees the bytes
 *
 * Context:  any task or thread; never waits. The release function of adopted memory may run in here
 * Owner:    *@bytes is no bytes afterwards, so a second drop does nothing. NULL: nothing happens
 * Cancel:   uncancellable (never waits)
 * Order:    all that anybody did with the bytes before it dropped them happens-before they are freed
 * Memory:   none
 * Returns:  nothing
 */
RN_API void rn_bytes_drop(rn_bytes *bytes);

/**
 * rn_bytes_equal - whether two values have the same bytes, wherever they lie
 *
 * Context:  any task or thread; never waits
 * Owner:    both stay as they are
 * Cancel:   uncancellable (never waits)
 * Order:    none
 * Memory:   none
 * Returns:  true or false; NULL is no bytes
 */
RN_API bool rn_bytes_equal(const rn_bytes *a, const rn_bytes *b);

RN__END_DECLS

#endif
