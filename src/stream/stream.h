/* Slots of a stream connection on a descriptor, for tcp and unix sockets. */
#ifndef NF_STREAM_STREAM_H
#define NF_STREAM_STREAM_H

#include "socket/connection.h"
#include "socket/until.h"

ssize_t nf_stream_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline);
ssize_t nf_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline);
int nf_stream_shutdown(net_socket *socket);
int nf_stream_close(net_socket *socket, net_deadline deadline);

/* An nf_take of the descriptor: receives the next bytes. The caller holds the turn. */
ssize_t nf_stream_take(net_socket *socket, void *buffer, size_t size, int how,
                       net_deadline deadline);

/* The recv slot of any connection on a descriptor whose bytes `take` receives. It takes the turn of
 * the lane `in`, receives as `until` says and counts the bytes. */
ssize_t nf_stream_receive(struct nf_connection *connection, nf_take *take, void *buffer,
                          size_t size, int until, net_deadline deadline);

#endif
