/* What the listeners of all stream sockets on descriptors do alike. */
#ifndef NF_STREAM_LISTENER_H
#define NF_STREAM_LISTENER_H

#include "socket/backend.h"
#include "os/wake.h"

struct nf_stream_listener {
    net_socket head;
    int fd;
    int backlog;
    int family;     /* of tcp: as the address had it */
    bool did_block; /* an adopted descriptor, before it was taken */
    bool was_inherited;
    _Atomic bool was_delayed; /* it came without the nodelay that is our default */
    struct nf_wake wake;      /* a cancel */
    _Atomic net_deadline
        limited_until; /* until when a poller need not look after NET_LIMIT, or 0 */
};

/* Its descriptor, which is bound, begins to listen, if it does not: 0, or a code and it is
 * closed, but for an adopted one. */
int nf_stream_listen(struct nf_stream_listener *self, const struct nf_target *target);

/* A connection of table `backend`, which is a line, with its descriptor and the peer's name. */
net_socket *nf_stream_accept(struct nf_stream_listener *self, const struct nf_backend *backend,
                             net_deadline deadline);

/* Slots. */
void nf_stream_listener_cancel(net_socket *socket);
int nf_stream_listener_close(net_socket *socket, net_deadline deadline);
int nf_stream_listener_property(net_socket *socket, enum nf_property property,
                                struct nf_value *value, bool write);
void nf_stream_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
