/* Looks names up with the system's resolver. A host lookup may block for any time, so only a
 * detached thread makes it. A service lookup reads a file. */
#ifndef NF_OS_LOOKUP_H
#define NF_OS_LOOKUP_H

#include "os/address.h"

/* The addresses of `host` in `family`, at most `count`, with port 0, in the resolver's order (RFC
 * 6724). Returns how many; NET_NAME (with the resolver's message recorded), NET_LIMIT, NET_SYSTEM.
 * getaddrinfo(3) */
int nf_lookup_host(const char *host, enum nf_family family, struct nf_addr *addrs, int count);

/* The port of a service such as "http"; `protocol` is "tcp" or "udp". NET_NAME when it is unknown,
 * NET_LIMIT. services(5) */
int nf_lookup_service(const char *service, const char *protocol);

#endif
