/* framed+SCHEME:// - a layer that carries messages over a stream. A message is sent whole and
 * received whole, as a datagram is; as the bytes of a stream, none is lost or reordered.
 *
 *   socket.c    opening, accepting, properties, readiness; the layer closes
 *   send.c      from messages to bytes
 *   receive.c   from bytes to messages
 *   frame.c     how a message lies in the stream
 *
 * Received bytes wait in `kept` of the head, up to the end of the message that comes next and
 * `queue` bytes more, at most 64 KiB. The rest of a message that a deadline has cut when it was
 * sent waits in `rest` of the layer (socket/layer.h). Neither exists while nothing waits and no
 * call is in progress. The schemes are in wires/framed.c. */
#ifndef NF_FRAMED_FRAMED_H
#define NF_FRAMED_FRAMED_H

#include "framed/frame.h"
#include "socket/layer.h"

struct nf_framed {
    struct nf_layer layer;
    const struct nf_backend *accepted_kind; /* table of what a listener accepts; else NULL */
    uint8_t frame;                          /* enum nf_frame_kind */
    _Atomic uint32_t max;                   /* bytes of the longest message */
    _Atomic int64_t queue;                  /* bytes that are received ahead, at most */
    _Atomic int64_t bytes_in;               /* of messages, without their frames */
    _Atomic int64_t bytes_out;
    _Atomic int64_t messages_in;
    _Atomic int64_t messages_out;
    _Atomic int64_t truncated;
};

_Static_assert(sizeof(void *) > 8 || sizeof(struct nf_framed) <= 184,
               "an idle one and what malloc adds are 192 bytes over its wire's");

/* Slots. */
int nf_framed_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_framed_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline);
net_socket *nf_framed_accept(net_socket *socket, net_deadline deadline);
ssize_t nf_framed_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline);
ssize_t nf_framed_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline);
int nf_framed_send_messages(net_socket *socket, const net_message *messages, int count,
                            net_deadline deadline);
int nf_framed_recv_messages(net_socket *socket, net_message *messages, int count,
                            net_deadline deadline);
void nf_framed_cancel(net_socket *socket);
int nf_framed_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                       bool write);
void nf_framed_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

/* With the turn `in`: take what is there, as far as a call of NET_NOW goes. Whether a receive would
 * not wait. */
bool nf_framed_pull(struct nf_framed *self);

#endif
