/* A dialed datagram socket: one connected descriptor, one peer. */
#ifndef NF_DATAGRAM_CONNECTION_H
#define NF_DATAGRAM_CONNECTION_H

#include "datagram/burst.h"
#include "datagram/datagram.h"
#include "socket/connection.h"

struct nf_datagram_connection {
    struct nf_connection connection;
    const struct nf_datagram_kind *kind;
    bool checks_early; /* the timeout of a receive is counted once for the whole call */
    bool has_filter;   /* we attached one: see NF_SO_FILTER */
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
    struct nf_addr local; /* ours, without a port; the first receive of messages finds it out */
    struct nf_deferred deferred_in;
    struct nf_deferred deferred_out;
    struct nf_burst burst;
    _Atomic uint64_t refusal;  /* see nf_datagram_sender */
    int64_t option[NF_IP_END]; /* as the address gave them */
};

/* Slots. nf_connected_open connects to the host of the target, or to `to` if that is not NULL. */
int nf_connected_open(net_socket *socket, const struct nf_target *target, const struct nf_addr *to,
                      const struct nf_datagram_kind *kind, net_deadline deadline);
ssize_t nf_connected_send(net_socket *socket, const net_slice *slices, int count,
                          net_deadline deadline);
ssize_t nf_connected_recv(net_socket *socket, void *buffer, size_t size, int until,
                          net_deadline deadline);
int nf_connected_send_messages(net_socket *socket, const net_message *messages, int count,
                               net_deadline deadline);
int nf_connected_recv_messages(net_socket *socket, net_message *messages, int count,
                               net_deadline deadline);
int nf_connected_close(net_socket *socket, net_deadline deadline);
int nf_connected_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                          bool write);
void nf_connected_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
