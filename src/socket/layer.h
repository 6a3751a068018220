/* A layer: a socket that owns another socket, the lower one, and gets its bytes from it. This is
 * what all layers share: they dial and listen below, lend their notice, and pass on the calls
 * they do not change. */
#ifndef NF_SOCKET_LAYER_H
#define NF_SOCKET_LAYER_H

#include "socket/backend.h"

/* Dial or listen below, with the options that the target has for the lower scheme. As
 * nf_backend.open. If the dial goes on after the call, this socket is a dialing one too. Each
 * call then runs the slot of its kind, which waits for the dial below. When the dial is won, the
 * socket gets its name and its kind's table. */
int nf_layer_dial(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_layer_listen(net_socket *socket, const struct nf_target *target);

/* Wrap a connection that was accepted below, or exists already. The layer owns it from now on. */
void nf_layer_wrap(net_socket *socket, net_socket *lower);

/* Slots for a layer that adds nothing. */
int nf_layer_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                     net_deadline deadline);
int nf_layer_close(net_socket *socket, net_deadline deadline);
void nf_layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
