/* getaddrinfo(3) and getservbyname_r(3), with their errors mapped to our codes. */
#define _GNU_SOURCE
#include "os/lookup.h"
#include "os/cause.h"
#include "os/sockaddr.h"
#include "os/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>

enum {
    SERVICE_BUFFER = 2048, /* one line of services(5) with its aliases */
    SPARE = 4              /* descriptors: more than the lookups of a name have open at a time */
};

/* Without a descriptor the resolver cannot read its files or ask a server, and may say that it does
 * not know the name. Other lookups may have given theirs back since, so one is not enough. */
static bool lacks_descriptors(void)
{
    return !nf_fd_has_room(SPARE);
}

static int failure(int problem)
{
    if (problem != EAI_MEMORY && problem != EAI_SYSTEM && lacks_descriptors()) {
        return nf_fail_because(NET_LIMIT, "too few descriptors are left for the lookup");
    }
    switch (problem) {
    case EAI_MEMORY:
        return nf_fail_because(NET_LIMIT, "no memory for the lookup");
    case EAI_SYSTEM:
        return nf_fail_errno(errno);
    default:
        return nf_fail_because(NET_NAME, "%s", gai_strerror(problem));
    }
}

/* One socket type is given, so each address is listed once. AI_ADDRCONFIG is not set, because it
 * ignores loopback addresses. */
int nf_lookup_host(const char *host, enum nf_family family, struct nf_addr *addrs, int count)
{
    struct addrinfo hints = {.ai_family = family == NF_IPV4 ? AF_INET : AF_INET6,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(host, NULL, &hints, &found);
    int n = 0;

    if (problem != 0) {
        return failure(problem);
    }
    for (const struct addrinfo *each = found; each != NULL && n < count; each = each->ai_next) {
        nf_from_sockaddr((const union nf_sockaddr *)(const void *)each->ai_addr, each->ai_addrlen,
                         &addrs[n]);
        if (addrs[n].family != NF_NOWHERE) {
            n++;
        }
    }
    freeaddrinfo(found);
    return n > 0 ? n : nf_fail_because(NET_NAME, "no address");
}

int nf_lookup_service(const char *service, const char *protocol)
{
    struct servent entry;
    struct servent *found = NULL;
    char buffer[SERVICE_BUFFER];

    getservbyname_r(service, protocol, &entry, buffer, sizeof buffer, &found);
    if (found == NULL && lacks_descriptors()) {
        return nf_fail_because(NET_LIMIT, "too few descriptors are left to look up '%s'", service);
    }
    if (found == NULL) {
        return nf_fail_because(NET_NAME, "no %s service is called '%s'", protocol, service);
    }
    return ntohs((uint16_t)found->s_port);
}
