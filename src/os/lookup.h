/* Ask the system's resolver. These calls may take as long as they like: only a thread that nobody
 * waits for makes them, but for services, which are a file. */
#ifndef NF_OS_LOOKUP_H
#define NF_OS_LOOKUP_H

#include "os/address.h"

/* The addresses of `host` in `family`, at most `count`, ports 0, in the resolver's order (RFC
 * 6724). Returns how many; NET_NAME (the resolver's words are recorded), NET_LIMIT, NET_SYSTEM.
 * getaddrinfo(3) */
int nf_lookup_host(const char *host, enum nf_family family, struct nf_addr *addrs, int count);

/* The port of a service, "http", of "tcp" or "udp"; NET_NAME. services(5) */
int nf_lookup_service(const char *service, const char *protocol);

#endif
