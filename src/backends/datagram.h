/* What all datagram sockets share: batches, and datagrams that do not fit. */
#ifndef NF_BACKENDS_DATAGRAM_H
#define NF_BACKENDS_DATAGRAM_H

#include "backends/backend.h"

/* Give out one datagram: its real length, which may be over `size`, or a code. `endpoint` may be
 * NULL. */
typedef ssize_t nf_datagram_take(net_socket *socket, void *buffer, size_t size,
                                 net_endpoint *endpoint, net_deadline deadline);

/* Send one datagram of at most NF_SLICES_MAX slices to an endpoint; NULL or one of zeros: to the
 * socket's peer. Its length or a code. */
typedef ssize_t nf_datagram_give(net_socket *socket, const net_slice *slices, int count,
                                 const net_endpoint *endpoint, net_deadline deadline);

/* A failure that stopped a batch part way and that the system tells but once: it waits for the next
 * call. NULL for sockets whose failures come again by themselves. */
struct nf_datagram_kept {
    _Atomic uint64_t failure; /* code and system error in one word; 0: none */
};

/* Record and return the failure that waits; 0: none. */
int nf_datagram_kept(struct nf_datagram_kept *kept);

/* The bodies of the slots, over a socket's own take and give. */
ssize_t nf_datagram_send(net_socket *socket, const net_slice *slices, int count,
                         net_deadline deadline, nf_datagram_give *give);
ssize_t nf_datagram_recv(net_socket *socket, void *buffer, size_t size, int until,
                         net_deadline deadline, nf_datagram_take *take);
int nf_datagram_recv_messages(net_socket *socket, net_message *messages, int count,
                              net_deadline deadline, nf_datagram_take *take,
                              struct nf_datagram_kept *kept);
int nf_datagram_send_messages(net_socket *socket, const net_message *messages, int count,
                              net_deadline deadline, nf_datagram_give *give,
                              struct nf_datagram_kept *kept);

/* A send moved nothing, and `code` says why: 0 when it may be tried again, having waited if need
 * be; or a code. `denied` starts as false. */
int nf_datagram_retry(net_socket *socket, int fd, ssize_t code, bool *denied,
                      net_deadline deadline);

/* Whether an endpoint may be used on a socket that has one peer: 0 or NET_MISUSE. */
int nf_datagram_check_peer(net_socket *socket, const net_endpoint *endpoint);

#endif
