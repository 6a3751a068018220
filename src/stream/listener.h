/* A listener of stream connections on a descriptor: what those of tcp and unix sockets share. */
#ifndef NF_STREAM_LISTENER_H
#define NF_STREAM_LISTENER_H

#include "socket/backend.h"
#include "os/wake.h"

struct nf_stream_listener {
    net_socket head;
    int fd;
    int backlog;
    int family;               /* of tcp: the option of the address */
    bool did_block;           /* an adopted descriptor was a blocking one before it was taken */
    bool was_inherited;       /* and stayed open at an exec */
    _Atomic bool was_delayed; /* and had no nodelay, which is our default */
    bool took_rights;         /* callers of a unix socket could pass descriptors before */
    struct nf_wake wake;      /* posted by a cancel */
    /* After an accept that failed, a poller ignores the descriptor until then; or 0. */
    _Atomic net_deadline limited_until;
};

/* Make the bound descriptor listen. An adopted one listens already, and changes only its backlog if
 * the option is given. 0, or a code: the descriptor stays open. */
int nf_stream_listen(struct nf_stream_listener *self, const struct nf_target *target);

/* Accept a connection, which gets the backend `backend`, its descriptor and the peer's address.
 * `backend` must have a struct nf_connection as its object. Blocks until `deadline` at most. NULL:
 * the cause is recorded. */
net_socket *nf_stream_accept(struct nf_stream_listener *self, const struct nf_backend *backend,
                             net_deadline deadline);

/* Slots of the listener's backend. */
void nf_stream_listener_cancel(net_socket *socket);
int nf_stream_listener_close(net_socket *socket, net_deadline deadline);
int nf_stream_listener_property(net_socket *socket, enum nf_property property,
                                struct nf_value *value, bool write);
void nf_stream_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
