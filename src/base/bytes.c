/* SPDX-License-Identifier: MIT */
/* bytes.c - counted bytes (<runnel/bytes.h>).
 *
 *     rn_bytes  { data, length, owner }      any number of values,      { data, length, owner }
 *                  |              |          one count each              |            |
 *                  |              +------------> struct owner <----------|------------+
 *                  v                             count, release, ctx      v
 *                  [ b  b  b  b  b  b  b  b  b  b  b  b  b  b  b  b  b  b ]     behind the owner, or adopted
 *
 * An owner's count says how many values name it. Only who has one can make another, so it cannot come back from 0.
 *
 * Edges
 *  BYTES-1 rn_bytes_drop() acq_rel -> BYTES-2 rn_bytes_drop() acq_rel: all use comes before the end
 */
#include <runnel/bytes.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct owner {
    uint64_t count;
    size_t size; /* of the owner with the bytes behind it */
    void *adopted;
    void (*release)(void *data, void *ctx);
    void *ctx;
};

static void set_empty(rn_bytes *bytes)
{
    if (bytes != NULL)
        *bytes = (rn_bytes){0};
}

/* With so much room behind it. */
static struct owner *make_owner(size_t room)
{
    size_t size;
    if (__builtin_add_overflow(sizeof(struct owner), room, &size))
        return NULL;
    struct owner *owner = rn__alloc(size);
    if (owner != NULL)
        *owner = (struct owner){.count = 1, .size = size};
    return owner;
}

static char *room_of(struct owner *owner)
{
    return (char *)(owner + 1);
}

/* ------------------------------------------------------------------------------------------------------ making -- */

int rn_bytes_new(rn_bytes *out, size_t length, char **writable)
{
    set_empty(out);
    if (writable != NULL)
        *writable = NULL;
    if (out == NULL || writable == NULL)
        return RN_EINVAL;
    if (length == 0)
        return 0;
    struct owner *owner = make_owner(length);
    if (owner == NULL)
        return RN_ENOMEM;
    *writable = room_of(owner);
    *out = (rn_bytes){room_of(owner), length, owner};
    return 0;
}

int rn_bytes_copy(rn_bytes *out, const void *data, size_t length)
{
    char *writable;
    set_empty(out);
    if (data == NULL && length > 0)
        return RN_EINVAL;
    const int rc = rn_bytes_new(out, length, &writable);
    if (rc == 0 && length > 0)
        memcpy(writable, data, length);
    return rc;
}

/* Makes room for the zero byte too, which is not counted. */
__attribute__((format(printf, 2, 0))) static int print(rn_bytes *out, const char *format, va_list arguments,
                                                       size_t length)
{
    char *writable;
    const int rc = rn_bytes_new(out, length + 1, &writable);
    if (rc != 0)
        return rc;
    vsnprintf(writable, length + 1, format, arguments);
    out->length = length;
    return 0;
}

int rn_bytes_printf(rn_bytes *out, const char *format, ...)
{
    va_list arguments, again;
    set_empty(out);
    if (out == NULL || format == NULL)
        return RN_EINVAL;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    const int rc = length < 0 ? RN_EINVAL : length == 0 ? 0 : print(out, format, again, (size_t)length);
    va_end(again);
    va_end(arguments);
    return rc;
}

int rn_bytes_adopt(rn_bytes *out, void *data, size_t length, void (*release)(void *data, void *ctx), void *ctx)
{
    set_empty(out);
    if (out == NULL || data == NULL)
        return RN_EINVAL;
    struct owner *owner = make_owner(0);
    if (owner == NULL)
        return RN_ENOMEM;
    owner->adopted = data;
    owner->release = release;
    owner->ctx = ctx;
    *out = (rn_bytes){data, length, owner};
    return 0;
}

rn_bytes rn_bytes_static(const void *data, size_t length)
{
    return (rn_bytes){data, data == NULL ? 0 : length, NULL};
}

/* -------------------------------------------------------------------------------------- more values, and fewer -- */

static rn_bytes share(const char *data, size_t length, struct owner *owner)
{
    if (owner != NULL)
        rn__add_relaxed(&owner->count, 1); /* rlx: the caller's own value keeps the owner */
    return (rn_bytes){data, length, owner};
}

rn_bytes rn_bytes_clone(const rn_bytes *bytes)
{
    return bytes == NULL ? rn_bytes_static(NULL, 0) : share(bytes->data, bytes->length, bytes->owner);
}

int rn_bytes_clone_to(rn_bytes *to, const rn_bytes *bytes)
{
    if (to == NULL || bytes == NULL)
        return RN_EINVAL;
    *to = rn_bytes_clone(bytes);
    return 0;
}

rn_bytes rn_bytes_slice(const rn_bytes *bytes, size_t from, size_t length)
{
    if (bytes == NULL || from >= bytes->length || length == 0)
        return rn_bytes_static(NULL, 0);
    const size_t rest = bytes->length - from;
    return share(bytes->data + from, length < rest ? length : rest, bytes->owner);
}

void rn_bytes_drop(rn_bytes *bytes)
{
    if (bytes == NULL)
        return;
    struct owner *owner = bytes->owner;
    set_empty(bytes);
    if (owner == NULL)
        return;
    const uint64_t before = rn__sub_acq_rel(&owner->count, 1); /* BYTES-1 BYTES-2 */
    rn__assert(before > 0);
    if (before > 1)
        return;
    if (owner->release != NULL)
        owner->release(owner->adopted, owner->ctx);
    rn__free(owner, owner->size);
}

bool rn_bytes_equal(const rn_bytes *a, const rn_bytes *b)
{
    const size_t length = a == NULL ? 0 : a->length;
    if (length != (b == NULL ? 0 : b->length))
        return false;
    return length == 0 || memcmp(a->data, b->data, length) == 0;
}
