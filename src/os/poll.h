/* Sleep until a descriptor is ready. */
#ifndef NF_OS_POLL_H
#define NF_OS_POLL_H

#include "netfacade.h"

enum {
    NF_IN = 1,  /* there is something to receive, or to accept, or an error to fetch */
    NF_OUT = 2, /* there is room to send, or a dial is decided */
    NF_GONE = 4 /* never asked for: both directions are over */
};

enum { NF_POLL_MAX = 40 };

struct nf_poll {
    int fd;        /* negative: ignored */
    unsigned want; /* of NF_IN, NF_OUT */
    unsigned got;
};

/* Sleep until one is ready or `deadline`; at most NF_POLL_MAX of them. Returns how many are ready;
 * 0 also after a signal and for want of memory: the caller looks again. */
int nf_poll(struct nf_poll *polls, int count, net_deadline deadline);

#endif
