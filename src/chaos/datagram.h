/* Datagrams with faults: the slots that send and receive. */
#ifndef NF_CHAOS_DATAGRAM_H
#define NF_CHAOS_DATAGRAM_H

#include "chaos/fault.h"

/* Slots of sockets, and of their listeners. */
ssize_t nf_chaos_datagram_send(net_socket *socket, const net_slice *slices, int count,
                               net_deadline deadline);
ssize_t nf_chaos_datagram_recv(net_socket *socket, void *buffer, size_t size, int until,
                               net_deadline deadline);
int nf_chaos_send_messages(net_socket *socket, const net_message *messages, int count,
                           net_deadline deadline);
int nf_chaos_recv_messages(net_socket *socket, net_message *messages, int count,
                           net_deadline deadline);

/* With the turn `in`: take what the socket below has, without waiting. Whether a receive would
 * return at once. */
bool nf_chaos_datagram_pull(struct nf_chaos *self);

#endif
