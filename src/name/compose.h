/* Composing an address that means exactly its parts. */
#ifndef NF_NAME_COMPOSE_H
#define NF_NAME_COMPOSE_H

#include "os/address.h"

/* Room for any address without options: a scheme with a host and a service, or with a name whose
 * bytes are all escaped as three characters. */
enum { NF_COMPOSED_MAX = 512 };

/* `scheme://host:port`, with brackets around an IPv6 host. 0, or NET_ADDRESS with what is wrong. */
int nf_compose_host(char address[NF_COMPOSED_MAX], const char *scheme, const char *host,
                    const char *port);

/* `scheme://name`, with the name escaped. 0, or NET_ADDRESS with what is wrong. */
int nf_compose_name(char address[NF_COMPOSED_MAX], const char *scheme, const char *name);

#endif
