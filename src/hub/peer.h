/* The sockets that a listener accepted, one for each remote peer. */
#ifndef NF_HUB_PEER_H
#define NF_HUB_PEER_H

#include "hub/member.h"

/* Slots for every scheme that has hubs. */
ssize_t nf_peer_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_peer_recv(net_socket *socket, void *buffer, size_t size, int until,
                     net_deadline deadline);
int nf_peer_send_messages(net_socket *socket, const net_message *messages, int count,
                          net_deadline deadline);
int nf_peer_recv_messages(net_socket *socket, net_message *messages, int count,
                          net_deadline deadline);
int nf_peer_close(net_socket *socket, net_deadline deadline);
int nf_peer_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                     bool write);
void nf_peer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
