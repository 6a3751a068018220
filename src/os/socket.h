/* System sockets: open, bind, connect, listen, accept, shut down, close. Failures are codes, not
 * errno. Every descriptor is close-on-exec and has a number above 2. Only nf_fd_connect on a
 * blocking descriptor blocks. */
#ifndef NF_OS_SOCKET_H
#define NF_OS_SOCKET_H

#include "os/address.h"

#include <stdbool.h>

enum nf_transport { NF_STREAM, NF_DATAGRAM };

enum { NF_FD_LEAST = 3 };

int nf_fd_move_up(int fd);

/* Every call of the system that opens a descriptor is wrapped in this. In a program that runs with
 * standard descriptors closed, a new descriptor may be 0, 1 or 2, and what the program prints would
 * go into it. Such a one is moved to a number above. Returns the descriptor, or -1 and sets errno
 * (EMFILE: no number above is free). -1 is returned as it is. */
static inline int nf_fd_above(int fd)
{
    return (unsigned)fd >= NF_FD_LEAST ? fd : nf_fd_move_up(fd);
}

/* Open a descriptor for addresses of `family` (NF_EVERYWHERE: IPv6), blocking or not. Returns it,
 * or a code: NET_UNSUPPORTED if the process may open none of that family. A unix socket, and what
 * it accepts, refuses descriptors that its peers pass, where the system can (NF_SO_RIGHTS): closing
 * such a descriptor may wait for as long as its sender likes. */
int nf_fd_open(enum nf_family family, enum nf_transport transport, bool blocking);

/* Bind to a local address. 0; NET_INUSE, NET_DENIED, NET_ADDRESS (no interface has it), NET_LIMIT
 * (no port is free), or another code. bind(2) */
int nf_fd_bind(int fd, const struct nf_addr *addr);

/* Make it a listener whose queue holds `backlog` connections. 0 or a code. listen(2) */
int nf_fd_listen(int fd, int backlog);

/* Accept a connection from a non-blocking listener. Returns a blocking descriptor and sets `peer`.
 * The name of a unix peer is copied to `room` (NF_ADDR_NAME_MAX bytes; NULL: the name is not
 * wanted). NF_WOULD_BLOCK, NF_PEER_GONE (with the errno in the pending cause), NET_LIMIT,
 * NET_DENIED where the system refuses the call itself, or another code. accept4(2) */
int nf_fd_accept(int fd, struct nf_addr *peer, char *room);

/* Connect a stream, or set the peer of a datagram socket. 0; NF_WOULD_BLOCK while the attempt goes
 * on, also after a signal or when the send timeout of a blocking descriptor has expired;
 * NF_CONGESTED when you must connect a unix socket again later, because the listener's backlog was
 * full until the timeout or a signal came; NET_LIMIT when no local port is free; NET_INUSE when the
 * local port has a connection to this peer; another code.
 * connect(2) */
int nf_fd_connect(int fd, const struct nf_addr *addr);

/* The result of a connect that went on: 0, NF_WOULD_BLOCK while it still does, or the code of its
 * failure. */
int nf_fd_connected(int fd);

/* Whether it is an IPv6 socket. */
bool nf_fd_is_v6(int fd);

/* The local address; `room` as in nf_fd_accept. 0 or a code. */
int nf_fd_local(int fd, struct nf_addr *addr, char *room);

/* The peer's address, in the same way. */
int nf_fd_peer(int fd, struct nf_addr *addr, char *room);

/* Clear O_NONBLOCK. 0 or a code. */
int nf_fd_block(int fd);
int nf_fd_finish(int fd); /* shut down sending: the peer reads the end; 0 or a code */

enum { NF_FD_ROOM_MAX = 4 };

/* Whether the process may open `count` more descriptors, at most NF_FD_ROOM_MAX. True also where
 * the system has no eventfd to try it with. */
bool nf_fd_has_room(int count);

/* Shut down both directions. This wakes threads that block on the descriptor. Safe in a signal
 * handler; keeps errno. */
void nf_fd_break(int fd);

/* End both directions of a stream with a reset, if the family has one; unsent and unread bytes are
 * lost. Other families are shut down. The descriptor stays open. */
void nf_fd_abort(int fd);

/* Whether bytes can be received. */
bool nf_fd_has_unread(int fd);

/* How many bytes of the send buffer are in use, with the kernel's overhead, where it counts
 * NF_SO_SNDBUF twice. -1: the system does not tell. */
int64_t nf_fd_unsent(int fd);

/* After the peer's end was received: whether our direction of a TCP connection is over, too, as
 * after a reset. False for other families. */
bool nf_fd_is_gone(int fd);

enum { NF_FD_LINK_MAX = 32 };

/* The path by which a process can open again what a descriptor stands for. proc(5) */
void nf_fd_link(int fd, char link[NF_FD_LINK_MAX]);

/* Close the descriptor; -1 is allowed. Keeps errno. */
void nf_fd_close(int fd);

#endif
