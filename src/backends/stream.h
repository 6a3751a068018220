/* Slots of a stream connection on a descriptor: what TCP does, and other stream sockets would. */
#ifndef NF_BACKENDS_STREAM_H
#define NF_BACKENDS_STREAM_H

#include "backends/line.h"

ssize_t nf_stream_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline);
ssize_t nf_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline);
int nf_stream_shutdown(net_socket *socket);
int nf_stream_close(net_socket *socket, net_deadline deadline);

#endif
