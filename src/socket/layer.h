/* A layer: a socket that owns another socket, the lower one, and gets its bytes from it. This is
 * what all layers share: they dial, listen and accept below, lend their notice, pass on the calls
 * they do not change, and say how ready they are when they hold bytes back.
 *
 * A layer that must not end between any two bytes, such as one with frames, has two stores. `kept`,
 * of its head, is what it has received ahead of its caller. `rest` is what a send could not send
 * before its deadline, though the caller has been told that it was sent. The rest goes first: in
 * the next send, in the close, in a receive that begins later, and while a poller waits. */
#ifndef NF_SOCKET_LAYER_H
#define NF_SOCKET_LAYER_H

#include "socket/backend.h"

/* Dial or listen below, with the options that the target has for the lower scheme. As
 * nf_backend.open. If the dial goes on after the call, this socket is a dialing one too. Each
 * call then runs the slot of its kind, which waits for the dial below. When the dial is won, the
 * socket gets its name and its kind's table. */
int nf_layer_dial(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_layer_listen(net_socket *socket, const struct nf_target *target);

/* Accept below, and wrap the connection in `accepted`, a new object of the layer. Make that first:
 * without memory for it, an accepted connection would be lost. False: why is recorded. */
bool nf_layer_accept(net_socket *listener, net_socket *accepted, net_deadline deadline);

/* Take a turn of the layer: 0, NET_TIMEOUT, NET_CANCELED. */
int nf_layer_enter(net_socket *socket, struct nf_turn *turn, net_deadline deadline);

/* ---- Receiving ahead ---- */

/* With the turn `in`: receive from below, as net_recv does. Meanwhile a rest that
 * is there at the beginning is sent. */
ssize_t nf_layer_recv(net_socket *socket, void *buffer, size_t size, net_deadline deadline);

/* The same for at most `most` bytes, which come behind those that are kept. */
ssize_t nf_layer_fill(net_socket *socket, size_t most, net_deadline deadline);

/* ---- Sending first what is left ---- */

/* With the turn `out`: send the rest. 0 if nothing is left of it, or why not. */
int nf_layer_send_rest(net_socket *socket, net_deadline deadline);

/* Leave the turn `out`. Half-closes below if that was asked for and is due. */
void nf_layer_leave_out(net_socket *socket);

/* A slot: half-close below, after the rest. */
int nf_layer_shutdown(net_socket *socket);

/* ---- Readiness of a layer that holds bytes back ---- */

struct nf_layer_held {
    bool is_ready;      /* a receive would not wait */
    bool is_full;       /* nothing more is taken from below until a receive */
    net_deadline again; /* when it may be ready by itself; NET_FOREVER: never */
};

/* With the turn `in`: take from below what there is, and say what is held. */
typedef void nf_layer_look(net_socket *socket, struct nf_layer_held *held);

/* The body of a ready slot: sends the rest and, if `interest` includes receiving, looks. */
void nf_layer_held_ready(net_socket *socket, unsigned interest, nf_layer_look *look,
                         struct nf_readiness *out);

/* ---- Slots for a layer that adds nothing; close sends the rest ---- */

int nf_layer_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                     net_deadline deadline);
int nf_layer_close(net_socket *socket, net_deadline deadline);
void nf_layer_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
