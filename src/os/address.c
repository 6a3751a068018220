/* Operations on addresses: compare, copy, classify, look up a zone. */
#include "os/address.h"
#include "os/cause.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(NF_ZONE_MAX == IF_NAMESIZE, "a zone is an interface name");

bool nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b)
{
    if (a->family != b->family || a->port != b->port || a->scope != b->scope) {
        return false;
    }
    if (nf_addr_is_named(a)) {
        return a->size == 0 || memcmp(a->name, b->name, a->size) == 0;
    }
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

void nf_addr_copy(struct nf_addr *to, const struct nf_addr *from, char *room)
{
    *to = *from;
    if (nf_addr_is_named(from) && from->size > 0) {
        to->name = memcpy(room, from->name, from->size);
    }
}

int nf_addr_keep(struct nf_addr *addr)
{
    if (!nf_addr_is_named(addr) || addr->size == 0) {
        return 0;
    }
    char *copy = malloc(addr->size);

    if (copy == NULL) {
        addr->size = 0;
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    memcpy(copy, addr->name, addr->size);
    addr->name = copy;
    return 0;
}

void nf_addr_drop(struct nf_addr *addr)
{
    if (nf_addr_is_named(addr) && addr->size > 0) {
        free((char *)(uintptr_t)addr->name);
        addr->size = 0;
    }
}

bool nf_addr_is_wildcard(const struct nf_addr *addr)
{
    static const uint8_t zeros[16];

    return addr->family == NF_EVERYWHERE ||
           (!nf_addr_is_named(addr) && memcmp(addr->ip, zeros, sizeof zeros) == 0);
}

bool nf_addr_is_link_local(const struct nf_addr *addr)
{
    if (addr->family != NF_IPV6) {
        return false;
    }
    bool unicast = addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
    bool multicast =
        addr->ip[0] == 0xff && ((addr->ip[1] & 0x0f) == 1 || (addr->ip[1] & 0x0f) == 2);

    return unicast || multicast;
}

bool nf_addr_is_group(const struct nf_addr *addr)
{
    return addr->family == NF_IPV4 ? addr->ip[0] >> 4 == 0xe
                                   : addr->ip[0] == 0xff && !nf_addr_is_named(addr);
}

/* glibc loses the errno of the socket that it could not open to ask with. */
int nf_zone_index(const char *zone, uint32_t *index)
{
    errno = 0;
    *index = if_nametoindex(zone);
    if (*index != 0) {
        return 0;
    }
    return errno == ENODEV
               ? nf_fail_because(NET_ADDRESS, "there is no interface '%s'", zone)
               : nf_fail_because(NET_LIMIT, "no socket to look up the interface '%s' with", zone);
}

void nf_zone_name(uint32_t index, char name[NF_ZONE_MAX])
{
    if (if_indextoname(index, name) == NULL) {
        snprintf(name, NF_ZONE_MAX, "%u", (unsigned)index);
    }
}
