/* The life of a socket: making, freeing and cancelling it, and notifying its poller. */
#ifndef NF_SOCKET_SOCKET_H
#define NF_SOCKET_SOCKET_H

#include "socket/backend.h"
#include "wait/pace.h"

/* Sockets are made and freed only here. Returns an object of zeros, or NULL (NET_LIMIT). */
net_socket *nf_socket_new(const struct nf_backend *backend);
void nf_socket_free(net_socket *socket);

/* Cancel: set the flag, then wake through the backend. */
void nf_socket_cancel(net_socket *socket);

/* Wait until no other thread is in a cancel or posts the notice. A cancel may still be running when
 * the call that it woke has returned and the program closes the socket. */
void nf_socket_await_users(net_socket *socket);

/* Replace the table, and wait until no cancel uses what the old one owned. */
void nf_socket_set_backend(net_socket *socket, const struct nf_backend *backend);

/* Replace the notice (NULL: none), and wait until no thread posts the old one. Does the same for
 * the socket below a layer, to which the notice was lent. */
void nf_socket_set_notice(net_socket *socket, struct nf_notice *notice);

/* Remove the notice, also of the sockets below. Does not wait, so another thread may still post it.
 * A forked child must not wait: `users` counts threads of the parent, which it does not have. */
void nf_socket_forget_notice(net_socket *socket);

/* Between two system calls of one call, after `moved` bytes: 0 to go on, NET_CANCELED, or
 * NET_TIMEOUT as the pace says. */
int nf_socket_go_on(net_socket *socket, struct nf_pace *pace, size_t moved, net_deadline deadline);

/* User space has learned more: post the notice, if there is one. You may hold any lock. */
void nf_socket_notify_watched(net_socket *socket);

static inline void nf_socket_notify(net_socket *socket)
{
    if (atomic_load(&socket->notice) != NULL) {
        nf_socket_notify_watched(socket);
    }
}

#endif
