/* Waiting for a descriptor, with a deadline: the shape every backend needs. */
#ifndef NF_WAIT_WAIT_H
#define NF_WAIT_WAIT_H

#include "os/poll.h"
#include "os/wake.h"
#include "wait/deadline.h"

/* Wait until `fd` may be ready for `want`, or `wake` (may be NULL) rings. The caller has just tried
 * and found nothing. Returns what it may be ready for, at least something; 0 after a ring, the
 * deadline or a signal; NET_TIMEOUT; a code of nf_wake_fd. */
int nf_wait(int fd, unsigned want, struct nf_wake *wake, net_deadline deadline);

/* Let `milliseconds` pass, but stop at `deadline` (NET_TIMEOUT) or a ring of `wake`. Returns 0. */
int nf_pause(struct nf_wake *wake, int64_t milliseconds, net_deadline deadline);

#endif
