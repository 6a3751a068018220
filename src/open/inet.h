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

/* Tell the kernel the options it keeps: those given, and the defaults that are not the kernel's
 * own. 0 or a code. */
int nf_inet_apply(int fd, const struct nf_target *target);

/* A bound, non-blocking descriptor for a listener, and the address it got; or the adopted one,
 * which is left to nf_adopt_settle. The descriptor or a code. */
int nf_inet_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name);

/* The number of the interface for what is sent to groups by a socket that was opened with these
 * values and is called, or talks to, `name`; 0: the system's choice. */
int64_t nf_inet_interface(const int64_t *values, const struct nf_addr *name);

/* The path MTU to a peer whom a shared descriptor talks to, through a device (0: any). 0 or a code.
 */
int nf_inet_mtu(const struct nf_addr *peer, int64_t device, int64_t *mtu);

/* The endpoints of a target, at most `count`, in the order in which a dial would try them. How
 * many, or a code. */
int nf_inet_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline);

/* The properties that any internet descriptor answers. */
int nf_inet_property(int fd, enum nf_word word, struct nf_value *value, bool write);

#endif
