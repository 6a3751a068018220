/* Sleeps until one of a few descriptors is ready. For large sets see ready.h. */
#ifndef NF_OS_POLL_H
#define NF_OS_POLL_H

#include "netfacade.h"

enum {
    NF_IN = 1, /* there is something to receive or accept, or an error to fetch */
    NF_OUT = 2 /* there is room to send, or a dial has ended */
};

enum { NF_POLL_MAX = 40 };

struct nf_poll {
    int fd;        /* negative: ignored */
    unsigned want; /* NF_IN, NF_OUT */
    unsigned got;
};

/* Sleep until a descriptor is ready or `deadline`; `count` is at most NF_POLL_MAX. Returns how many
 * are ready; 0 also after a signal. Where the system refuses to wait, it sleeps a moment and says
 * that all are ready. So check again in any case. */
int nf_poll(struct nf_poll *polls, int count, net_deadline deadline);

/* The system refused to wait, as poll(2) does when RLIMIT_NOFILE is below the number of
 * descriptors, or as a filter of system calls may. Sleep for a millisecond, so that the caller does
 * not spin; not at all with NET_NOW. */
void nf_poll_pause(net_deadline deadline);

#endif
