/* Streams with faults. */
#ifndef NF_CHAOS_STREAM_H
#define NF_CHAOS_STREAM_H

#include "chaos/fault.h"

/* Slots. */
ssize_t nf_chaos_stream_send(net_socket *socket, const net_slice *slices, int count,
                             net_deadline deadline);
ssize_t nf_chaos_stream_recv(net_socket *socket, void *buffer, size_t size, int until,
                             net_deadline deadline);

/* With the turn `in`, as its holder or nobody else can be: take what is there below, without
 * waiting. Whether there is something to hand out. */
bool nf_chaos_stream_pull(struct nf_chaos *self);

#endif
