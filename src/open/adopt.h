/* Descriptors that are open already: fd://N, and systemd://NAME of those that a service manager
 * passed. They make no wire of their own: what the descriptor is decides whose it is, and that
 * backend calls the functions here where it would have opened one. */
#ifndef NF_OPEN_ADOPT_H
#define NF_OPEN_ADOPT_H

#include "socket/connection.h"
#include "os/descriptor.h"

/* The schemes, by number from 0 on; NULL after the last. */
const char *nf_adopt_scheme(int i);

/* The descriptor that an address of one of them names, and what it is; or NET_ADDRESS, and
 * NET_INUSE of a passed one that was adopted before. */
int nf_adopt_find(const struct nf_url *url, struct nf_descriptor *what);

/* Whether the adopted descriptor is about to be told nodelay by default alone. */
bool nf_adopt_is_delayed(const struct nf_target *target);

/* Where a listener would bind a descriptor: the adopted one, if it listens or is a bound datagram
 * socket; its options are set, and `name` is its own and keeps its bytes. The descriptor or a code.
 */
int nf_adopt_bound(const struct nf_target *target, struct nf_addr *name);

/* The last step of opening, after all others returned `code`: it takes an adopted descriptor, so
 * that before this it is as it was; and after a failure it closes one that was not adopted. The
 * code of the whole. */
int nf_adopt_settle(const struct nf_target *target, int fd, int code);

/* What an adopted line has beside what others have: the bell of its cancel. 0 or a code. */
int nf_adopt_wake(struct nf_connection *connection);

/* Where a line would be dialed: have the adopted descriptor, if it is connected. 0 or a code. */
int nf_adopt_connection(struct nf_connection *connection, const struct nf_target *target);

#endif
