/* chaos+SCHEME:// - a layer with faults on order, named in the address, so that programs can be
 * tested against the network's worst days. Where no fault is asked for, each call goes straight to
 * the socket below.
 *
 *   chaos.c       the sockets: opening, picking up, closing, properties, readiness
 *   fault.c       what their calls share
 *   stream.c      bytes: chunk, and with delay.c delay
 *   datagram.c    datagrams: loss, duplicate, and with queue.c delay and reorder
 *   dice.c        chance by the seed
 *
 * The schemes are in wires/chaos.c. */
#ifndef NF_CHAOS_CHAOS_H
#define NF_CHAOS_CHAOS_H

#include "socket/backend.h"

/* Slots of all of them; the others are in stream.h and datagram.h. */
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
