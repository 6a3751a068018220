/* Why a call failed: internal codes, and the details for the error sentence. The function that
 * fails records the cause and returns the code. The public function adds operation and address when
 * the failure reaches the caller (api/failure.h). The sentence is formatted only when it is asked
 * for; details of the cause itself are formatted at once. */
#ifndef NF_OS_CAUSE_H
#define NF_OS_CAUSE_H

#include "netfacade.h"

#include <stdbool.h>
#include <stddef.h>

/* Internal codes; none reaches a caller of the library. */
enum {
    NF_WOULD_BLOCK = -100, /* not now: wait for readiness */
    NF_CONGESTED = -101,   /* no buffers for a moment; readiness does not show when they are back */
    NF_NO_TRAIN = -102,    /* the train must be sent as single datagrams */
    NF_PEER_GONE = -103    /* a peer left before it was accepted; another may be waiting */
};

enum { NF_DETAIL_MAX = 1200 };

struct nf_cause {
    int code;
    int error;                  /* an errno, or 0 */
    bool whole;                 /* detail is the whole sentence */
    bool escaped;               /* and may be printed: it is what net_error_text returns */
    char detail[NF_DETAIL_MAX]; /* empty when the code says everything */
};

/* Record a cause. Each function returns `code`, so you can write `return nf_fail(...)`. The detail
 * follows the code's text in the sentence; nf_fail_sentence gives the whole sentence. */
int nf_fail(int code);
int nf_fail_because(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int nf_fail_sentence(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As nf_fail_because; the detail ends with a colon and the text of `error`, an errno. */
int nf_fail_because_of(int code, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Record `error`, an errno. nf_fail_errno returns the code that it maps to, nf_fail_as returns
 * `code`. */
int nf_fail_errno(int error);
int nf_fail_as(int code, int error);

/* Whether `error` is that of a system call which this system lacks, or a filter of its calls
 * refuses. seccomp(2) */
bool nf_is_missing(int error);

/* The cause recorded last, which has not been reported to a caller yet. */
const struct nf_cause *nf_cause_pending(void);

/* Whether the pending failure may vanish on a second try: Linux now and then denies a first
 * datagram with EPERM. */
bool nf_cause_is_transient(void);

/* Make the pending cause the last failure. When its code is not `code`, a cause without details
 * takes its place. */
void nf_cause_report(int code);

/* The cause of this thread's last failure; its code is 0 when there was none. */
struct nf_cause *nf_cause_last(void);

/* The text of a code, and the text of an errno. */
const char *nf_code_text(int code);
void nf_errno_text(int error, char *buffer, size_t size);

#endif
