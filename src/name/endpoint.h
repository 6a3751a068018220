/* Addresses: parsed from text, printed as text, and stored in a net_endpoint, which callers copy
 * freely. */
#ifndef NF_NAME_ENDPOINT_H
#define NF_NAME_ENDPOINT_H

#include "name/text.h"
#include "netfacade.h"
#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>

/* Parse `length` characters of an IPv4 or IPv6 literal, without brackets or zone, into family
 * and ip. Accepts the strict forms only (RFC 6943, 3.1.1; RFC 4291, 2.2). An IPv4-mapped address
 * becomes IPv4. Returns whether it is a literal. */
bool nf_literal_parse(const char *text, size_t length, struct nf_addr *addr);

/* Whether a host that is no literal looks like one, as `127.1` or `0x7f.1` do: its last label is
 * a number. */
bool nf_looks_numeric(const char *text, size_t length);

/* Print an interface: its name, or its number if the name cannot stand in an address. */
void nf_print_zone(struct nf_text *text, uint32_t index);

/* Print a host for other programs: an IPv6 address has no brackets. */
void nf_print_bare_host(struct nf_text *text, const struct nf_addr *addr);

/* Print the host, or host and port: `127.0.0.1:80`, `[fe80::1%eth0]:80`, `*:80`. IPv6 follows
 * RFC 5952. A named address has no port. */
void nf_print_host(struct nf_text *text, const struct nf_addr *addr);
void nf_print_addr(struct nf_text *text, const struct nf_addr *addr);

void nf_endpoint_make(net_endpoint *endpoint, const struct nf_addr *remote,
                      const struct nf_addr *local);
void nf_endpoint_remote(const net_endpoint *endpoint, struct nf_addr *remote);
void nf_endpoint_local(const net_endpoint *endpoint, struct nf_addr *local);
bool nf_endpoint_is_empty(const net_endpoint *endpoint);

#endif
