/* Codes, their texts, the errno map, and each thread's record of causes. It does not compose
 * sentences; api/failure.c does. */
#define _GNU_SOURCE
#include "os/cause.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int16_t code;
    char text[14]; /* an array, as a pointer would need a relocation */
} codes[] = {
    {NET_EOF, "end"},
    {NET_TIMEOUT, "timed out"},
    {NET_CANCELED, "canceled"},
    {NET_REFUSED, "refused"},
    {NET_RESET, "reset"},
    {NET_UNREACHABLE, "unreachable"},
    {NET_NAME, "unknown name"},
    {NET_ADDRESS, "bad address"},
    {NET_INUSE, "in use"},
    {NET_DENIED, "denied"},
    {NET_TOOBIG, "too big"},
    {NET_MISUSE, "misuse"},
    {NET_LIMIT, "limit reached"},
    {NET_UNSUPPORTED, "not supported"},
    {NET_SYSTEM, "system error"},
};

/* The usual meaning of each errno. A call for which an errno means something else checks that
 * first. */
static const struct {
    int error;
    int code;
} errors[] = {
    {ECONNREFUSED, NET_REFUSED},
    {ECONNRESET, NET_RESET},
    {EPIPE, NET_RESET},
    {ECONNABORTED, NET_RESET},
    {ETIMEDOUT, NET_RESET},
    {ENOTCONN, NET_RESET},
    {EHOSTUNREACH, NET_UNREACHABLE},
    {ENETUNREACH, NET_UNREACHABLE},
    {EHOSTDOWN, NET_UNREACHABLE},
    {ENETDOWN, NET_UNREACHABLE},
    {ENONET, NET_UNREACHABLE},
    {EADDRINUSE, NET_INUSE},
    {EACCES, NET_DENIED},
    {EPERM, NET_DENIED},
    {EMSGSIZE, NET_TOOBIG},
    {EMFILE, NET_LIMIT},
    {ENFILE, NET_LIMIT},
    {ENOBUFS, NET_LIMIT},
    {ENOMEM, NET_LIMIT},
    {ENOSPC, NET_LIMIT},
    {EAFNOSUPPORT, NET_UNSUPPORTED},
    {EPROTONOSUPPORT, NET_UNSUPPORTED},
    {ESOCKTNOSUPPORT, NET_UNSUPPORTED},
    {EOPNOTSUPP, NET_UNSUPPORTED},
    {ENOPROTOOPT, NET_UNSUPPORTED},
    {ENOSYS, NET_UNSUPPORTED},
};

/* Added to strerror(EMSGSIZE), which names no limit. */
static const char too_long[] =
    "; the most is 65507 bytes over IPv4, and with fragment=off what mtu "
    "tells less headers";

/* Two causes alternate: one is pending, the other is the last failure that reached the caller. */
struct record {
    struct nf_cause cause[2];
    int pending;
};

static _Thread_local struct record record;

const char *nf_code_text(int code)
{
    if (code == 0) {
        return "no error";
    }
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == code) {
            return codes[i].text;
        }
    }
    return "unknown error";
}

void nf_errno_text(int error, char *buffer, size_t size)
{
    /* strerror's buffer is per thread in glibc and musl. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    snprintf(buffer, size, "%s, errno %d%s", strerror(error), error,
             error == EMSGSIZE ? too_long : "");
}

static struct nf_cause *begin(int code, int error)
{
    struct nf_cause *cause = &record.cause[record.pending];

    cause->code = code;
    cause->error = error;
    cause->whole = false;
    cause->escaped = false;
    cause->detail[0] = '\0';
    return cause;
}

int nf_fail(int code)
{
    begin(code, 0);
    return code;
}

int nf_fail_as(int code, int error)
{
    begin(code, error);
    return code;
}

int nf_fail_errno(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].error == error) {
            return nf_fail_as(errors[i].code, error);
        }
    }
    return nf_fail_as(NET_SYSTEM, error);
}

/* The detail is formatted into a local buffer first, because the arguments may point to the detail
 * that it replaces. A detail that does not fit ends in "...". */
static struct nf_cause *describe(int code, const char *format, va_list arguments)
{
    static const char cut[] = "...";
    char detail[NF_DETAIL_MAX];
    int length = vsnprintf(detail, sizeof detail, format, arguments);
    struct nf_cause *cause = begin(code, 0);

    if (length >= (int)sizeof detail) {
        memcpy(detail + sizeof detail - sizeof cut, cut, sizeof cut);
    }
    memcpy(cause->detail, detail, strlen(detail) + 1);
    return cause;
}

int nf_fail_because(int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    describe(code, format, arguments);
    va_end(arguments);
    return code;
}

int nf_fail_because_of(int code, int error, const char *format, ...)
{
    char what[NF_DETAIL_MAX];
    char reason[128];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    nf_errno_text(error, reason, sizeof reason);
    return nf_fail_because(code, "%s: %s", what, reason);
}

int nf_fail_sentence(int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    describe(code, format, arguments)->whole = true;
    va_end(arguments);
    return code;
}

bool nf_is_missing(int error)
{
    return error == ENOSYS || error == EPERM;
}

const struct nf_cause *nf_cause_pending(void)
{
    return &record.cause[record.pending];
}

bool nf_cause_is_transient(void)
{
    return nf_cause_pending()->error == EPERM;
}

void nf_cause_report(int code)
{
    if (record.cause[record.pending].code != code) {
        begin(code, 0);
    }
    record.pending = 1 - record.pending;
    begin(0, 0);
}

struct nf_cause *nf_cause_last(void)
{
    return &record.cause[1 - record.pending];
}
