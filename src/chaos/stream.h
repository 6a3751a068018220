/* Streams with faults: the slots that send and receive. */
#ifndef NF_CHAOS_STREAM_H
#define NF_CHAOS_STREAM_H

#include "chaos/fault.h"

/* Slots. */
ssize_t nf_chaos_stream_send(net_socket *socket, const net_slice *slices, int count,
                             net_deadline deadline);
ssize_t nf_chaos_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                             net_deadline deadline);

/* With the turn `in`: take what the socket below has, without waiting. Whether a receive would
 * return at once. */
bool nf_chaos_stream_pull(struct nf_chaos *self);

#endif
