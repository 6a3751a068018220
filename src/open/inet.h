/* Hosts and bound descriptors for every transport over IP: what comes before a socket can send. */
#ifndef NF_OPEN_INET_H
#define NF_OPEN_INET_H

#include "socket/backend.h"
#include "os/socket.h"

/* Parse the host and port of a target. Address literals, zones and service names become numbers; a
 * host name is not looked up. `listening` allows wildcards and port 0 and refuses host names; a
 * dial has it the other way round. 0, NET_ADDRESS or NET_NAME. */
int nf_inet_host(const struct nf_target *target, bool listening, struct nf_host *host);

/* Set `addr` to the loopback address of a family. The port stays. */
void nf_inet_localhost(int family, struct nf_addr *addr);

/* Open and bind a non-blocking descriptor for a listener; `name` gets its address. An adopted
 * descriptor is checked instead, and the caller finishes with nf_adopt_settle. Returns the
 * descriptor or a code. */
int nf_inet_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name);

/* The endpoints of a target, at most `count`, in the order in which a dial would try them. Blocks
 * until `deadline` at most, while a name is looked up. Returns how many, or a code. */
int nf_inet_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline);

#endif
