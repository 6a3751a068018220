/* Why a call failed: our codes, and what the sentence will need. The leaf that fails records the
 * cause and returns the code; the door adds operation and address when the failure reaches the
 * caller (api/failure.h). Nothing is formatted before somebody asks, unless the cause itself has
 * details. */
#ifndef NF_OS_CAUSE_H
#define NF_OS_CAUSE_H

#include "netfacade.h"

#include <stdbool.h>
#include <stddef.h>

/* Codes between floors; none ever reaches a caller. */
enum {
    NF_WOULD_BLOCK = -100, /* not now: wait for readiness */
    NF_CONGESTED = -101,   /* no buffers for a moment, and readiness does not tell when */
    NF_NO_TRAIN = -102,    /* as single datagrams, please */
    NF_CALLER_GONE = -103  /* a caller left before he was picked up; there may be another */
};

enum { NF_DETAIL_MAX = 1200 };

struct nf_cause {
    int code;
    int error;                  /* an errno, or 0 */
    bool whole;                 /* detail is the whole sentence */
    char detail[NF_DETAIL_MAX]; /* empty when the code says all */
};

/* Record a cause; each returns `code`, so that a leaf fails in one line. */
int nf_fail(int code);
int nf_fail_because(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int nf_fail_sentence(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Record `error`, an errno, and return the code that it maps to. */
int nf_fail_errno(int error);
int nf_fail_as(int code, int error);

/* The cause recorded last, which nobody has been told yet. */
const struct nf_cause *nf_cause_pending(void);

/* Whether what has just failed is what Linux denies now and then, and not when asked again: EPERM
 * of a first datagram. */
bool nf_cause_is_transient(void);

/* The call fails with `code`: the pending cause, if it is of that code, becomes the last failure.
 */
void nf_cause_report(int code);

/* The cause of this thread's last failure; code 0 if there was none. */
struct nf_cause *nf_cause_last(void);

/* The name and the text of a code, and the text of an errno. */
const char *nf_code_text(int code);
void nf_errno_text(int error, char *buffer, size_t size);

#endif
