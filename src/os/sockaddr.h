/* Between nf_addr and sockaddr: for the ground floor alone. */
#ifndef NF_OS_SOCKADDR_H
#define NF_OS_SOCKADDR_H

#include "os/address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

union nf_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* Returns the length. An IPv4 address for an IPv6 socket (`v6`) becomes a mapped one (RFC
 * 4291, 2.5.5.2). */
socklen_t nf_to_sockaddr(const struct nf_addr *addr, bool v6, union nf_sockaddr *out);

/* A mapped address becomes the IPv4 one it stands for; an unknown family becomes NF_NOWHERE; a name
 * stays where it is. `length` is what the system said, at most the size of the union. */
void nf_from_sockaddr(const union nf_sockaddr *in, socklen_t length, struct nf_addr *addr);

/* The same from the 16 bytes of an IPv6 address; `scope` counts only where the address is
 * link-local. */
void nf_from_in6(const struct in6_addr *in, uint32_t scope, struct nf_addr *addr);

#endif
