/* What every socket of the internet family has to do with the system before it can talk. */
#ifndef NF_OPEN_INET_H
#define NF_OPEN_INET_H

#include "socket/backend.h"
#include "os/socket.h"

/* The host and port of a target: literals and zones made numbers, services ports. `listening`
 * allows wildcards and port 0 and refuses names; else the reverse. 0, NET_ADDRESS, NET_NAME. */
int nf_inet_host(const struct nf_target *target, bool listening, struct nf_host *host);

/* What localhost is in a family; the port stays. */
void nf_inet_localhost(int family, struct nf_addr *addr);

/* A bound, non-blocking descriptor for a listener, and the address it got; or the adopted one,
 * which is left to nf_adopt_settle. The descriptor or a code. */
int nf_inet_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name);

/* The endpoints of a target, at most `count`, in the order in which a dial would try them. How
 * many, or a code. */
int nf_inet_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline);

#endif
