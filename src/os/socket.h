/* Sockets of the system: open, name, dial, listen, pick up, hang up. Codes instead of errno; every
 * descriptor is close-on-exec; no call here waits but a connect on a blocking descriptor. */
#ifndef NF_OS_SOCKET_H
#define NF_OS_SOCKET_H

#include "os/address.h"

#include <stdbool.h>

enum nf_transport { NF_STREAM, NF_DATAGRAM };

/* A new descriptor for addresses of `family` (NF_EVERYWHERE: IPv6), blocking or not; or a code. */
int nf_socket_open(enum nf_family family, enum nf_transport transport, bool blocking);

/* 0; NET_INUSE, NET_DENIED, NET_ADDRESS (no interface has it), NET_LIMIT (no port is free), ...
 * bind(2) */
int nf_socket_bind(int fd, const struct nf_addr *addr);

/* Become a listener; `backlog` calls may wait. 0 or a code. listen(2) */
int nf_socket_listen(int fd, int backlog);

/* Pick up a call on a non-blocking listener: a blocking descriptor, and who it is; the name of a
 * unix socket goes into `room` (NF_ADDR_NAME_MAX bytes, or NULL: nobody asks). NF_WOULD_BLOCK,
 * NF_CALLER_GONE, NET_LIMIT, another code. accept4(2) */
int nf_socket_accept(int fd, struct nf_addr *peer, char *room);

/* Dial, or name the peer of a datagram socket. 0; NF_WOULD_BLOCK while it goes on, also after a
 * signal or when a blocking descriptor's patience ran out; NF_CONGESTED when
 * a unix socket must be dialed again later, its backlog being full; NET_LIMIT when no local port is
 * free; another code. connect(2) */
int nf_socket_connect(int fd, const struct nf_addr *addr);

/* How a dial that went on has ended: 0, NF_WOULD_BLOCK when it has not, or its failure's code. */
int nf_socket_connected(int fd);

/* Whether it is an IPv6 socket. */
bool nf_socket_is_v6(int fd);

/* The own address, whose name goes into `room` as above. 0 or a code. */
int nf_socket_local(int fd, struct nf_addr *addr, char *room);

/* And the peer's. */
int nf_socket_peer(int fd, struct nf_addr *addr, char *room);

/* 0 or a code. */
int nf_socket_block(int fd);
int nf_socket_finish(int fd); /* send no more: the peer reads the end */

/* Whether the process may have another descriptor. */
bool nf_socket_has_room(void);

/* End both directions, which wakes whoever waits on it. Safe in a signal handler; keeps errno. */
void nf_socket_break(int fd);

/* End both directions of a stream as a reset does, where the family has one: what is not sent yet,
 * and what was not read, is gone. */
void nf_socket_abort(int fd);

/* Whether bytes wait to be received. */
bool nf_socket_has_unread(int fd);

/* Whether a connection is gone, both its directions, without an end of the peer. */
bool nf_socket_is_gone(int fd);

/* Give the descriptor back; -1 is allowed. Keeps errno. */
void nf_socket_close(int fd);

#endif
