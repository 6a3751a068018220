/* A network address, independent of sockaddr: the form that the rooms above use. */
#ifndef NF_OS_ADDRESS_H
#define NF_OS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum nf_family {
    NF_NOWHERE = 0,
    NF_EVERYWHERE = 1, /* the wildcard of both families; only ever a local address */
    NF_UNIX =
        2,      /* a file's path; or, when the first byte is NUL, an abstract name without a file */
    NF_MEM = 3, /* a name within this process */
    NF_IPV4 = 4,
    NF_IPV6 = 6
};

/* Equal IP addresses have equal bytes: unused bytes are zero, and an IPv4 address is NF_IPV4 even
 * when an IPv6 socket reported it. An NF_UNIX or NF_MEM address points to its name. It does not own
 * the name's bytes unless nf_addr_keep copied them. */
struct nf_addr {
    uint16_t family;
    union {
        uint16_t port; /* in host order */
        uint16_t size; /* of the name, in bytes; 0: the socket has no name */
    };
    uint32_t scope; /* the interface of a link-local IPv6 address */
    union {
        uint8_t ip[16];   /* in network order; IPv4 uses the first four */
        const char *name; /* not NUL-terminated, and it may contain NULs */
    };
};

enum { NF_ZONE_MAX = 16 };       /* an interface name with its NUL: IF_NAMESIZE */
enum { NF_ADDR_NAME_MAX = 108 }; /* the longest name in bytes, as in unix(7) */

static inline bool nf_addr_is_named(const struct nf_addr *addr)
{
    return addr->family == NF_UNIX || addr->family == NF_MEM;
}

/* Copy an address, and the bytes of its name to `room`, of NF_ADDR_NAME_MAX bytes. */
void nf_addr_copy(struct nf_addr *to, const struct nf_addr *from, char *room);

/* Give a named address its own copy of the name; nf_addr_drop frees it. Other addresses are left as
 * they are. Returns 0, or NET_LIMIT; the name is empty then. */
int nf_addr_keep(struct nf_addr *addr);
void nf_addr_drop(struct nf_addr *addr);

/* Whether two addresses are equal, ports included. */
bool nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b);

/* Whether an address is a wildcard: all interfaces, in its family or in both. */
bool nf_addr_is_wildcard(const struct nf_addr *addr);

/* Whether an IPv6 address is valid on one link only and needs a zone (RFC 4007). */
bool nf_addr_is_link_local(const struct nf_addr *addr);

/* Whether it is a multicast group. */
bool nf_addr_is_group(const struct nf_addr *addr);

/* The number of the interface called `zone`: 0; NET_ADDRESS when there is none; NET_LIMIT when
 * there is no socket to ask with. */
int nf_zone_index(const char *zone, uint32_t *index);

/* The name of interface `index`, or its number in decimal when the interface no longer has a
 * name. */
void nf_zone_name(uint32_t index, char name[NF_ZONE_MAX]);

#endif
