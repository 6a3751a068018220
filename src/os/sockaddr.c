/* Conversion of addresses from and to the system's structures. */
#define _GNU_SOURCE
#include "os/sockaddr.h"

#include <stddef.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* The length of a path includes its NUL, if there is room for one; that of an abstract name does
 * not. An empty name is passed as the family alone, which makes bind(2) choose a name. */
static socklen_t to_unix(const struct nf_addr *addr, struct sockaddr_un *out)
{
    size_t size = addr->size;

    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    if (size > 0) {
        memcpy(out->sun_path, addr->name, size);
    }
    if (size > 0 && out->sun_path[0] != '\0' && size < sizeof out->sun_path) {
        size++;
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

socklen_t nf_to_sockaddr(const struct nf_addr *addr, bool v6, union nf_sockaddr *out)
{
    if (addr->family == NF_IPV4 && !v6) {
        out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&out->v4.sin_addr, addr->ip, sizeof out->v4.sin_addr);
        return sizeof out->v4;
    }
    if (addr->family == NF_UNIX) {
        return to_unix(addr, &out->un);
    }
    out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
    if (addr->family == NF_IPV4) {
        memcpy(out->v6.sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix);
        memcpy(out->v6.sin6_addr.s6_addr + sizeof mapped_prefix, addr->ip, 4);
    } else {
        memcpy(out->v6.sin6_addr.s6_addr, addr->ip, sizeof addr->ip);
        out->v6.sin6_scope_id = addr->scope;
    }
    return sizeof out->v6;
}

void nf_from_in6(const struct in6_addr *in, uint32_t scope, struct nf_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    if (memcmp(in->s6_addr, mapped_prefix, sizeof mapped_prefix) == 0) {
        addr->family = NF_IPV4;
        memcpy(addr->ip, in->s6_addr + sizeof mapped_prefix, 4);
        return;
    }
    addr->family = NF_IPV6;
    memcpy(addr->ip, in->s6_addr, sizeof addr->ip);
    if (nf_addr_is_link_local(addr)) {
        addr->scope = scope;
    }
}

static void from_unix(const struct sockaddr_un *in, socklen_t length, struct nf_addr *addr)
{
    size_t before = offsetof(struct sockaddr_un, sun_path);
    size_t size = length > before ? length - before : 0;

    if (size > 0 && in->sun_path[0] != '\0') {
        size = strnlen(in->sun_path, size);
    }
    addr->family = NF_UNIX;
    addr->size = (uint16_t)size;
    addr->name = in->sun_path;
}

void nf_from_sockaddr(const union nf_sockaddr *in, socklen_t length, struct nf_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    if (in->any.sa_family == AF_INET) {
        addr->family = NF_IPV4;
        memcpy(addr->ip, &in->v4.sin_addr, sizeof in->v4.sin_addr);
        addr->port = ntohs(in->v4.sin_port);
    } else if (in->any.sa_family == AF_INET6) {
        nf_from_in6(&in->v6.sin6_addr, in->v6.sin6_scope_id, addr);
        addr->port = ntohs(in->v6.sin6_port);
    } else if (in->any.sa_family == AF_UNIX) {
        from_unix(&in->un, length, addr);
    }
}
