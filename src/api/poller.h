/* What the rest of the door, and the tests, know of pollers. */
#ifndef NF_API_POLLER_H
#define NF_API_POLLER_H

#include "socket/backend.h"
#include "os/ready.h"

/* net_poller_open with a body of one's choice; a failure is left for the caller to blame. */
net_poller *nf_poller_open(const struct nf_ready_body *body);

/* Take a socket that is about to be closed out of its poller. */
void nf_poller_forget_watched(net_socket *socket);

static inline void nf_poller_forget(net_socket *socket)
{
    if (atomic_load_explicit(&socket->notice, memory_order_relaxed) != NULL) {
        nf_poller_forget_watched(socket);
    }
}

#endif
