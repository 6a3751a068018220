/* Names of hosts, as they are sent to a server and looked for in its certificate. */
#ifndef NF_TLS_HOST_H
#define NF_TLS_HOST_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

enum { NF_TLS_HOST_SIZE = 254 }; /* the longest name of a host, and its end */

/* Take a name as a certificate has it: no dot at the end, no zone after an address. False: it can
 * be no host's. */
bool nf_tls_host(char name[NF_TLS_HOST_SIZE], const char *text);

bool nf_tls_host_is_address(const char *name);

/* Whether the certificate is for this name or address. RFC 9525: by the alternative names only, a
 * wildcard is the whole first label. */
bool nf_tls_host_matches(X509 *certificate, const char *name);

/* The names and addresses that a certificate is for, with commas; "no host" if it has none. */
void nf_tls_host_list(X509 *certificate, char *text, size_t size);

/* The first of them; false: there is none. */
bool nf_tls_host_first(X509 *certificate, char *text, size_t size);

/* The subject of a certificate, as CN=x,O=y. */
void nf_tls_host_subject(const X509 *certificate, char *text, size_t size);

/* The flags for OpenSSL that make it decide like nf_tls_host_matches. */
unsigned nf_tls_host_flags(void);

#endif
