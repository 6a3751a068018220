/* The functions of pollers that net.c and the tests call. */
#ifndef NF_API_POLLER_H
#define NF_API_POLLER_H

#include "socket/backend.h"
#include "os/ready.h"

/* Open a poller with a body of your choice. NULL: the cause is recorded, without an operation. */
net_poller *nf_poller_open(const struct nf_ready_body *body);

/* Take a socket that is about to be closed or released out of its poller. The first function is for
 * a socket that has one; nf_poller_forget is for any. */
void nf_poller_forget_watched(net_socket *socket);

static inline void nf_poller_forget(net_socket *socket)
{
    if (atomic_load_explicit(&socket->notice, memory_order_relaxed) != NULL) {
        nf_poller_forget_watched(socket);
    }
}

#endif
