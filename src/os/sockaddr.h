/* Converts between nf_addr and sockaddr. Only files of os/ include it. */
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

/* Returns the length of the sockaddr. With `v6`, an IPv4 address becomes an IPv4-mapped one, for an
 * IPv6 socket (RFC 4291, 2.5.5.2). */
socklen_t nf_to_sockaddr(const struct nf_addr *addr, bool v6, union nf_sockaddr *out);

/* An IPv4-mapped address becomes the IPv4 address. An unknown family becomes NF_NOWHERE. The name
 * of a unix address is not copied: `addr` points into `in`. `length` is what the system returned,
 * at most the size of the union. */
void nf_from_sockaddr(const union nf_sockaddr *in, socklen_t length, struct nf_addr *addr);

/* The same from an IPv6 address. `scope` is used only if the address is link-local. */
void nf_from_in6(const struct in6_addr *in, uint32_t scope, struct nf_addr *addr);

#endif
