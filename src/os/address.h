/* A network address in our own words: what the floors above know of sockaddr. */
#ifndef NF_OS_ADDRESS_H
#define NF_OS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum nf_family {
    NF_NOWHERE = 0,
    NF_EVERYWHERE = 1, /* the wildcard of both families; only ever a local address */
    NF_UNIX = 2,       /* a file's path; or with a NUL first a name that no file has */
    NF_MEM = 3,        /* a name within this process */
    NF_IPV4 = 4,
    NF_IPV6 = 6
};

/* Equal addresses of IP have equal bytes: unused ones are zero, and an IPv4 address is NF_IPV4
 * whatever socket saw it. An address by name, of NF_UNIX or NF_MEM, says where its bytes are:
 * they are somebody else's, unless it was kept. */
struct nf_addr {
    uint16_t family;
    union {
        uint16_t port; /* in host order */
        uint16_t size; /* of a name, in bytes; 0: whoever has none */
    };
    uint32_t scope; /* the interface of a link-local IPv6 address */
    union {
        uint8_t ip[16];   /* in network order; IPv4 uses the first four */
        const char *name; /* no NUL ends it, and it may have some */
    };
};

enum { NF_ZONE_MAX = 16 };       /* an interface name with its NUL: IF_NAMESIZE */
enum { NF_ADDR_NAME_MAX = 108 }; /* bytes of a name: as many as unix(7) has room for */

static inline bool nf_addr_is_named(const struct nf_addr *addr)
{
    return addr->family == NF_UNIX || addr->family == NF_MEM;
}

/* Give a named address its own copy of the name, until nf_addr_drop; of others nothing need be
 * done. 0, or NET_LIMIT and then the name is empty. */
int nf_addr_keep(struct nf_addr *addr);
void nf_addr_drop(struct nf_addr *addr);

/* Whether two addresses are equal, port and all. */
bool nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b);

/* Whether an address is a wildcard: every interface, or every one of its family. */
bool nf_addr_is_wildcard(const struct nf_addr *addr);

/* Whether an IPv6 address means something on one link only, so that it takes a zone (RFC 4007). */
bool nf_addr_is_link_local(const struct nf_addr *addr);

/* Whether it is a multicast group. */
bool nf_addr_is_group(const struct nf_addr *addr);

/* The number of the interface called `zone`; 0 when there is none. */
uint32_t nf_zone_index(const char *zone);

/* The name of interface `index`, or its number in decimal where it has no name any more. */
void nf_zone_name(uint32_t index, char name[NF_ZONE_MAX]);

#endif
