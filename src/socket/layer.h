/* A layer: a socket whose bytes come from another socket, the lower one, which it owns. What every
 * layer does alike: dial and listen below, lend its notice, pass on what it has no say in. */
#ifndef NF_SOCKET_LAYER_H
#define NF_SOCKET_LAYER_H

#include "socket/backend.h"

/* Dial, or listen, below; with what the target asks of the lower scheme. As nf_backend.open. A dial
 * that goes on makes this socket a dialing one, too: each call does its work by the slots of its
 * kind, whose calls below wait for the dial, and when that is won the socket has its name and takes
 * its kind's table for good. */
int nf_layer_dial(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_layer_listen(net_socket *socket, const struct nf_target *target);

/* Stand on a connection that was picked up below, or is there already. */
void nf_layer_wrap(net_socket *socket, net_socket *lower);

/* Slots, for a layer that has nothing to add. */
int nf_layer_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                     net_deadline deadline);
int nf_layer_close(net_socket *socket, net_deadline deadline);
void nf_layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
