/* SPDX-License-Identifier: MIT */
/* error.c - the codes of <runnel/error.h> as words and as sentences, and the end that RN_MUST comes to.
 *
 * errno words have a table of their own: strerror() may share one buffer among threads and depends on the locale,
 * and C has no function for the word itself. Words that runnel returns read RN_EINVAL, all others plainly EPIPE.
 */
#include <runnel/error.h>

#include "base/compiler.h"
#include "base/log.h"

#include <runnel/base.h>

struct entry {
    const char *name;
    const char *text;
};

/* Linux has these on every architecture; EWOULDBLOCK, EDEADLOCK and ENOTSUP are second names of others. */
static const struct entry errno_words[] = {
    [EPERM] = {"EPERM", "operation not permitted"},
    [ENOENT] = {"ENOENT", "no such file or directory"},
    [ESRCH] = {"ESRCH", "no such process"},
    [EINTR] = {"EINTR", "interrupted by a signal"},
    [EIO] = {"EIO", "input or output error"},
    [ENXIO] = {"ENXIO", "no such device or address"},
    [E2BIG] = {"E2BIG", "argument list too long"},
    [ENOEXEC] = {"ENOEXEC", "not an executable"},
    [EBADF] = {"EBADF", "bad file descriptor"},
    [ECHILD] = {"ECHILD", "no child process"},
    [EAGAIN] = {"EAGAIN", "would wait"},
    [ENOMEM] = {"ENOMEM", "out of memory"},
    [EACCES] = {"EACCES", "permission denied"},
    [EFAULT] = {"EFAULT", "bad address"},
    [ENOTBLK] = {"ENOTBLK", "not a block device"},
    [EBUSY] = {"EBUSY", "in use by somebody else"},
    [EEXIST] = {"EEXIST", "exists already"},
    [EXDEV] = {"EXDEV", "on another file system"},
    [ENODEV] = {"ENODEV", "no such device"},
    [ENOTDIR] = {"ENOTDIR", "not a directory"},
    [EISDIR] = {"EISDIR", "is a directory"},
    [EINVAL] = {"EINVAL", "bad argument"},
    [ENFILE] = {"ENFILE", "too many open files in the system"},
    [EMFILE] = {"EMFILE", "too many open files"},
    [ENOTTY] = {"ENOTTY", "not for this kind of file"},
    [ETXTBSY] = {"ETXTBSY", "program is running"},
    [EFBIG] = {"EFBIG", "file too large"},
    [ENOSPC] = {"ENOSPC", "no space left"},
    [ESPIPE] = {"ESPIPE", "cannot seek"},
    [EROFS] = {"EROFS", "read-only file system"},
    [EMLINK] = {"EMLINK", "too many links"},
    [EPIPE] = {"EPIPE", "broken pipe"},
    [EDOM] = {"EDOM", "outside the function's domain"},
    [ERANGE] = {"ERANGE", "result out of range"},
    [EDEADLK] = {"EDEADLK", "would wait for ever"},
    [ENAMETOOLONG] = {"ENAMETOOLONG", "name too long"},
    [ENOLCK] = {"ENOLCK", "no locks left"},
    [ENOSYS] = {"ENOSYS", "not possible on this system"},
    [ENOTEMPTY] = {"ENOTEMPTY", "directory not empty"},
    [ELOOP] = {"ELOOP", "too many symbolic links"},
    [ENOMSG] = {"ENOMSG", "no message of that type"},
    [EIDRM] = {"EIDRM", "identifier removed"},
    [ECHRNG] = {"ECHRNG", "channel number out of range"},
    [EL2NSYNC] = {"EL2NSYNC", "level 2 not synchronized"},
    [EL3HLT] = {"EL3HLT", "level 3 halted"},
    [EL3RST] = {"EL3RST", "level 3 reset"},
    [ELNRNG] = {"ELNRNG", "link number out of range"},
    [EUNATCH] = {"EUNATCH", "protocol driver not attached"},
    [ENOCSI] = {"ENOCSI", "no such structure"},
    [EL2HLT] = {"EL2HLT", "level 2 halted"},
    [EBADE] = {"EBADE", "bad exchange"},
    [EBADR] = {"EBADR", "bad request descriptor"},
    [EXFULL] = {"EXFULL", "exchange full"},
    [ENOANO] = {"ENOANO", "no anode"},
    [EBADRQC] = {"EBADRQC", "bad request code"},
    [EBADSLT] = {"EBADSLT", "bad slot"},
    [EBFONT] = {"EBFONT", "bad font file"},
    [ENOSTR] = {"ENOSTR", "not a stream"},
    [ENODATA] = {"ENODATA", "no data"},
    [ETIME] = {"ETIME", "timer expired"},
    [ENOSR] = {"ENOSR", "out of stream resources"},
    [ENONET] = {"ENONET", "not on the network"},
    [ENOPKG] = {"ENOPKG", "package not installed"},
    [EREMOTE] = {"EREMOTE", "object is remote"},
    [ENOLINK] = {"ENOLINK", "link was severed"},
    [EADV] = {"EADV", "advertise error"},
    [ESRMNT] = {"ESRMNT", "mount error"},
    [ECOMM] = {"ECOMM", "error while sending"},
    [EPROTO] = {"EPROTO", "protocol error"},
    [EMULTIHOP] = {"EMULTIHOP", "multihop attempted"},
    [EDOTDOT] = {"EDOTDOT", "file system specific error"},
    [EBADMSG] = {"EBADMSG", "bad message"},
    [EOVERFLOW] = {"EOVERFLOW", "count too large"},
    [ENOTUNIQ] = {"ENOTUNIQ", "name not unique on the network"},
    [EBADFD] = {"EBADFD", "file descriptor in a bad state"},
    [EREMCHG] = {"EREMCHG", "remote address changed"},
    [ELIBACC] = {"ELIBACC", "needed shared library not accessible"},
    [ELIBBAD] = {"ELIBBAD", "corrupted shared library"},
    [ELIBSCN] = {"ELIBSCN", "corrupted library section"},
    [ELIBMAX] = {"ELIBMAX", "too many shared libraries"},
    [ELIBEXEC] = {"ELIBEXEC", "shared library is not a program"},
    [EILSEQ] = {"EILSEQ", "bad byte sequence"},
    [ERESTART] = {"ERESTART", "call should be restarted"},
    [ESTRPIPE] = {"ESTRPIPE", "stream pipe error"},
    [EUSERS] = {"EUSERS", "too many users"},
    [ENOTSOCK] = {"ENOTSOCK", "not a socket"},
    [EDESTADDRREQ] = {"EDESTADDRREQ", "destination address needed"},
    [EMSGSIZE] = {"EMSGSIZE", "message too long"},
    [EPROTOTYPE] = {"EPROTOTYPE", "wrong protocol for the socket"},
    [ENOPROTOOPT] = {"ENOPROTOOPT", "no such protocol option"},
    [EPROTONOSUPPORT] = {"EPROTONOSUPPORT", "protocol not supported"},
    [ESOCKTNOSUPPORT] = {"ESOCKTNOSUPPORT", "socket type not supported"},
    [EOPNOTSUPP] = {"EOPNOTSUPP", "operation not supported"},
    [EPFNOSUPPORT] = {"EPFNOSUPPORT", "protocol family not supported"},
    [EAFNOSUPPORT] = {"EAFNOSUPPORT", "address family not supported"},
    [EADDRINUSE] = {"EADDRINUSE", "address in use"},
    [EADDRNOTAVAIL] = {"EADDRNOTAVAIL", "address not available"},
    [ENETDOWN] = {"ENETDOWN", "network is down"},
    [ENETUNREACH] = {"ENETUNREACH", "network cannot be reached"},
    [ENETRESET] = {"ENETRESET", "network dropped the connection"},
    [ECONNABORTED] = {"ECONNABORTED", "connection aborted"},
    [ECONNRESET] = {"ECONNRESET", "connection reset by the other side"},
    [ENOBUFS] = {"ENOBUFS", "no buffer space left"},
    [EISCONN] = {"EISCONN", "connected already"},
    [ENOTCONN] = {"ENOTCONN", "not connected"},
    [ESHUTDOWN] = {"ESHUTDOWN", "socket was shut down"},
    [ETOOMANYREFS] = {"ETOOMANYREFS", "too many references"},
    [ETIMEDOUT] = {"ETIMEDOUT", "the deadline has passed"},
    [ECONNREFUSED] = {"ECONNREFUSED", "connection refused"},
    [EHOSTDOWN] = {"EHOSTDOWN", "host is down"},
    [EHOSTUNREACH] = {"EHOSTUNREACH", "host cannot be reached"},
    [EALREADY] = {"EALREADY", "in progress already"},
    [EINPROGRESS] = {"EINPROGRESS", "in progress"},
    [ESTALE] = {"ESTALE", "stale file handle"},
    [EUCLEAN] = {"EUCLEAN", "structure needs cleaning"},
    [ENOTNAM] = {"ENOTNAM", "not a named file"},
    [ENAVAIL] = {"ENAVAIL", "no semaphores available"},
    [EISNAM] = {"EISNAM", "is a named file"},
    [EREMOTEIO] = {"EREMOTEIO", "remote input or output error"},
    [EDQUOT] = {"EDQUOT", "disk quota used up"},
    [ENOMEDIUM] = {"ENOMEDIUM", "no medium"},
    [EMEDIUMTYPE] = {"EMEDIUMTYPE", "wrong medium type"},
    [ECANCELED] = {"ECANCELED", "cancelled"},
    [ENOKEY] = {"ENOKEY", "needed key not available"},
    [EKEYEXPIRED] = {"EKEYEXPIRED", "key has expired"},
    [EKEYREVOKED] = {"EKEYREVOKED", "key was revoked"},
    [EKEYREJECTED] = {"EKEYREJECTED", "key was rejected"},
    [EOWNERDEAD] = {"EOWNERDEAD", "owner died"},
    [ENOTRECOVERABLE] = {"ENOTRECOVERABLE", "state not recoverable"},
    [ERFKILL] = {"ERFKILL", "radio switched off"},
    [EHWPOISON] = {"EHWPOISON", "memory page has a hardware error"},
};

/* By code, for those that no errno word covers. */
static struct entry own_word(int code)
{
    switch (code) {
    case RN_OK:
        return (struct entry){"RN_OK", "success"};
    case RN_CLOSED:
        return (struct entry){"RN_CLOSED", "channel closed"};
    case RN_FULL:
        return (struct entry){"RN_FULL", "channel full"};
    case RN_EMPTY:
        return (struct entry){"RN_EMPTY", "channel empty"};
    case RN_LAGGED:
        return (struct entry){"RN_LAGGED", "messages were missed"};
    case RN_NOBODY:
        return (struct entry){"RN_NOBODY", "nobody is subscribed"};
    case RN_NO_RUNTIME:
        return (struct entry){"RN_NO_RUNTIME", "no runtime on this thread"};
    case RN_SHUTDOWN:
        return (struct entry){"RN_SHUTDOWN", "runtime is shutting down"};
    case RN_FORKED:
        return (struct entry){"RN_FORKED", "belongs to the parent process"};
    default:
        return (struct entry){NULL, NULL};
    }
}

/* The name under which error.h has an errno word, if it has it. */
static const char *own_name(int code)
{
    switch (code) {
    case RN_EAGAIN:
        return "RN_EAGAIN";
    case RN_ENOMEM:
        return "RN_ENOMEM";
    case RN_EBUSY:
        return "RN_EBUSY";
    case RN_EINVAL:
        return "RN_EINVAL";
    case RN_EDEADLK:
        return "RN_EDEADLK";
    case RN_ENOSYS:
        return "RN_ENOSYS";
    case RN_EOVERFLOW:
        return "RN_EOVERFLOW";
    case RN_ETIMEDOUT:
        return "RN_ETIMEDOUT";
    case RN_ECANCELED:
        return "RN_ECANCELED";
    default:
        return NULL;
    }
}

static struct entry look_up(int code)
{
    if (code > -(int)RN__COUNT(errno_words) && code < 0 && errno_words[-code].name != NULL) {
        struct entry entry = errno_words[-code];
        if (own_name(code) != NULL)
            entry.name = own_name(code);
        return entry;
    }
    struct entry entry = own_word(code);
    return entry.name != NULL ? entry : (struct entry){"?", "unknown code"};
}

const char *rn_strerror(int code)
{
    return look_up(code).text;
}

const char *rn_err_name(int code)
{
    return look_up(code).name;
}

void rn__must_failed(int code, const char *expression, const char *file, int line)
{
    rn__die(file, line, "%s gave %s (%d): %s", expression, rn_err_name(code), code, rn_strerror(code));
}

const char *rn_version(void)
{
    return "0.1.0";
}

_Static_assert(RN_VERSION == 0x000100, "the text above follows RN_VERSION");

uint32_t rn_version_number(void)
{
    return RN_VERSION;
}
