/* Address literals, parsed strictly: anything but the one modern form is refused, never guessed. */
#include "name/endpoint.h"
#include "name/path.h"

#include <stddef.h>
#include <string.h>

enum { IPV4_BYTES = 4, IPV6_GROUPS = 8, GROUP_DIGITS = 4 };

/* Four decimal bytes without leading zeros. */
static bool parse_ipv4(const char *text, size_t length, uint8_t *ip)
{
    size_t at = 0;

    for (int i = 0; i < IPV4_BYTES; i++) {
        unsigned value = 0;

        if (i > 0 && (at >= length || text[at++] != '.')) {
            return false;
        }
        size_t start = at;

        while (at < length && nf_is_digit(text[at]) && at - start < 3) {
            value = value * 10 + (unsigned)(text[at++] - '0');
        }
        if (at == start || value > UINT8_MAX || (at - start > 1 && text[start] == '0')) {
            return false;
        }
        ip[i] = (uint8_t)value;
    }
    return at == length;
}

/* One group of up to four hex digits. Returns the digits used; 0: none. */
static size_t parse_group(const char *text, size_t length, uint8_t *bytes)
{
    unsigned value = 0;
    size_t n = 0;

    while (n < length && n < GROUP_DIGITS && nf_hex_value(text[n]) >= 0) {
        value = value << 4 | (unsigned)nf_hex_value(text[n]);
        n++;
    }
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
    return n;
}

/* Groups with colons between them, and perhaps an IPv4 tail. Returns the bytes filled, or -1. */
static int parse_groups(const char *text, size_t length, uint8_t *bytes, int room)
{
    int filled = 0;
    size_t at = 0;

    if (length == 0) {
        return 0;
    }
    for (;;) {
        if (filled + 2 > room) {
            return -1;
        }
        size_t used = parse_group(text + at, length - at, bytes + filled);

        if (used > 0 && at + used < length && text[at + used] == '.') {
            bool tail =
                filled + IPV4_BYTES <= room && parse_ipv4(text + at, length - at, bytes + filled);

            return tail ? filled + IPV4_BYTES : -1;
        }
        filled += 2;
        at += used;
        if (used == 0 || (at < length && text[at] != ':')) {
            return -1;
        }
        if (at == length) {
            return filled;
        }
        at++;
    }
}

/* `::` may occur once, and replaces one or more groups of zeros. */
static bool parse_ipv6(const char *text, size_t length, uint8_t *ip)
{
    enum { BYTES = IPV6_GROUPS * 2 };
    uint8_t tail[BYTES];
    size_t gap = 0;

    while (gap + 1 < length && (text[gap] != ':' || text[gap + 1] != ':')) {
        gap++;
    }
    if (gap + 1 >= length) {
        return parse_groups(text, length, ip, BYTES) == BYTES;
    }
    int before = parse_groups(text, gap, ip, BYTES - 2);
    bool dotted = memchr(text, '.', gap) != NULL;
    int after = parse_groups(text + gap + 2, length - gap - 2, tail, BYTES - 2);

    if (before < 0 || after < 0 || dotted || before + after > BYTES - 2) {
        return false;
    }
    memset(ip + before, 0, (size_t)(BYTES - before - after));
    memcpy(ip + BYTES - after, tail, (size_t)after);
    return true;
}

bool nf_literal_parse(const char *text, size_t length, struct nf_addr *addr)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t ip[16] = {0};

    if (parse_ipv4(text, length, ip)) {
        addr->family = NF_IPV4;
    } else if (!parse_ipv6(text, length, ip)) {
        return false;
    } else if (memcmp(ip, mapped, sizeof mapped) == 0) {
        addr->family = NF_IPV4;
        memmove(ip, ip + sizeof mapped, IPV4_BYTES);
        memset(ip + IPV4_BYTES, 0, sizeof ip - IPV4_BYTES);
    } else {
        addr->family = NF_IPV6;
    }
    memcpy(addr->ip, ip, sizeof ip);
    return true;
}

bool nf_looks_numeric(const char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '.') {
        length--;
    }
    size_t start = length;

    while (start > 0 && text[start - 1] != '.') {
        start--;
    }
    bool hex = length - start >= 2 && text[start] == '0' && (text[start + 1] | 0x20) == 'x';

    for (size_t i = start + (hex ? 2 : 0); i < length; i++) {
        if (hex ? nf_hex_value(text[i]) < 0 : !nf_is_digit(text[i])) {
            return false;
        }
    }
    return length > start;
}

/* Find the run of zero groups that `::` replaces: the longest one, or the first of several (RFC
 * 5952, 4.2). */
static void find_gap(const uint8_t *ip, int *start, int *count)
{
    int run = 0;

    *start = -1;
    *count = 1;
    for (int i = 0; i < IPV6_GROUPS; i++) {
        run = ip[2 * i] == 0 && ip[2 * i + 1] == 0 ? run + 1 : 0;
        if (run > *count) {
            *count = run;
            *start = i - run + 1;
        }
    }
}

static void print_ipv6(struct nf_text *text, const uint8_t *ip)
{
    int gap;
    int zeros;

    find_gap(ip, &gap, &zeros);
    for (int i = 0; i < IPV6_GROUPS; i++) {
        if (i == gap) {
            nf_text_add(text, "::");
            i += zeros - 1;
            continue;
        }
        bool first = i == 0 || i == gap + zeros;

        nf_text_add(text, "%s%x", first ? "" : ":", (unsigned)(ip[2 * i] << 8 | ip[2 * i + 1]));
    }
}

/* The system lets an interface have almost any name. */
void nf_print_zone(struct nf_text *text, uint32_t index)
{
    char zone[NF_ZONE_MAX];

    nf_zone_name(index, zone);
    if (nf_text_is_safe(zone, strlen(zone)) && strpbrk(zone, "]?&") == NULL) {
        nf_text_add(text, "%s", zone);
    } else {
        nf_text_add(text, "%u", (unsigned)index);
    }
}

void nf_print_bare_host(struct nf_text *text, const struct nf_addr *addr)
{
    if (addr->family != NF_IPV6) {
        nf_print_host(text, addr);
        return;
    }
    print_ipv6(text, addr->ip);
    if (addr->scope != 0) {
        nf_text_add(text, "%%");
        nf_print_zone(text, addr->scope);
    }
}

void nf_print_host(struct nf_text *text, const struct nf_addr *addr)
{
    if (addr->family == NF_IPV4) {
        const uint8_t *ip = addr->ip;

        nf_text_add(text, "%d.%d.%d.%d", ip[0], ip[1], ip[2], ip[3]);
    } else if (addr->family == NF_IPV6) {
        nf_text_add(text, "[");
        nf_print_bare_host(text, addr);
        nf_text_add(text, "]");
    } else if (nf_addr_is_named(addr)) {
        nf_path_print(text, addr);
    } else {
        nf_text_add(text, "*");
    }
}

void nf_print_addr(struct nf_text *text, const struct nf_addr *addr)
{
    nf_print_host(text, addr);
    if (!nf_addr_is_named(addr)) {
        nf_text_add(text, ":%u", (unsigned)addr->port);
    }
}

/* An endpoint holds the name of a named address behind its family and size. */
enum { NAME_AT = offsetof(struct nf_addr, size) + sizeof(uint16_t) };

_Static_assert(sizeof(struct nf_addr) <= sizeof((net_endpoint *)0)->local, "an address fits");
_Static_assert(NAME_AT + NF_ADDR_NAME_MAX <= sizeof((net_endpoint *)0)->remote, "a name fits");

void nf_endpoint_make(net_endpoint *endpoint, const struct nf_addr *remote,
                      const struct nf_addr *local)
{
    memset(endpoint, 0, sizeof *endpoint);
    if (nf_addr_is_named(remote)) {
        memcpy(endpoint->remote, remote, NAME_AT);
        if (remote->size > 0) {
            memcpy(endpoint->remote + NAME_AT, remote->name, remote->size);
        }
        return;
    }
    memcpy(endpoint->remote, remote, sizeof *remote);
    if (local != NULL) {
        memcpy(endpoint->local, local, sizeof *local);
    }
}

void nf_endpoint_remote(const net_endpoint *endpoint, struct nf_addr *remote)
{
    memcpy(remote, endpoint->remote, sizeof *remote);
    if (nf_addr_is_named(remote)) {
        remote->scope = 0;
        memset(remote->ip, 0, sizeof remote->ip);
        remote->name = (const char *)endpoint->remote + NAME_AT;
    }
}

void nf_endpoint_local(const net_endpoint *endpoint, struct nf_addr *local)
{
    memcpy(local, endpoint->local, sizeof *local);
}

bool nf_endpoint_is_empty(const net_endpoint *endpoint)
{
    struct nf_addr remote;

    nf_endpoint_remote(endpoint, &remote);
    if (nf_addr_is_named(&remote)) {
        return remote.size > NF_ADDR_NAME_MAX;
    }
    return remote.family != NF_IPV4 && remote.family != NF_IPV6;
}
