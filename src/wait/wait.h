/* Waiting for one descriptor, and perhaps a wake, until a deadline. Try the operation first, and
 * wait only if it would block. */
#ifndef NF_WAIT_WAIT_H
#define NF_WAIT_WAIT_H

#include "os/poll.h"
#include "os/wake.h"
#include "wait/deadline.h"

/* Wait until `fd` may be ready for `want`, or `wake` (may be NULL) is posted. Blocks until
 * `deadline`. Returns what `fd` may be ready for, or 0 after a wake, a signal, or a deadline that
 * passed during the wait. NET_TIMEOUT: the deadline had passed before. Or a code of nf_wake_fd. */
int nf_wait(int fd, unsigned want, struct nf_wake *wake, net_deadline deadline);

/* Sleep for `milliseconds`, but stop at `deadline` or when `wake` is posted. Returns 0; or
 * NET_TIMEOUT where `deadline` had passed before. */
int nf_pause(struct nf_wake *wake, int64_t milliseconds, net_deadline deadline);

#endif
