/* chaos+SCHEME:// - a layer that adds faults to the socket below, so that you can test a program
 * against a bad network. The options of the address name the faults. A direction without a fault
 * passes each call straight to the socket below.
 *
 *   chaos.c       the sockets: opening, accepting, closing, properties, readiness
 *   fault.c       what their calls share: limits, waiting, turns
 *   stream.c      bytes: chunk, and with delay.c delay
 *   datagram.c    datagrams: loss, duplicate, and with queue.c delay and reorder
 *   dice.c        random numbers from the seed
 *
 * The schemes are in wires/chaos.c. */
#ifndef NF_CHAOS_CHAOS_H
#define NF_CHAOS_CHAOS_H

#include "socket/backend.h"

/* Slots that streams and datagrams share; the others are in stream.h and datagram.h. */
int nf_chaos_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_chaos_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline);
net_socket *nf_chaos_accept(net_socket *socket, net_deadline deadline);
int nf_chaos_shutdown(net_socket *socket);
void nf_chaos_cancel(net_socket *socket);
int nf_chaos_close(net_socket *socket, net_deadline deadline);
int nf_chaos_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                      bool write);
void nf_chaos_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
