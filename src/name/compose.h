/* Putting an address together, so that it means exactly its parts. */
#ifndef NF_NAME_COMPOSE_H
#define NF_NAME_COMPOSE_H

#include "os/address.h"

/* Room for any address without options: a scheme, and a host and a service, or a name of which
 * every byte is written as three. */
enum { NF_COMPOSED_MAX = 512 };

/* `scheme://host:port`, of an IPv6 host with brackets. 0, or NET_ADDRESS with what is wrong. */
int nf_compose_host(char address[NF_COMPOSED_MAX], const char *scheme, const char *host,
                    const char *port);

/* `scheme://name`, the name escaped. 0, or NET_ADDRESS with what is wrong. */
int nf_compose_name(char address[NF_COMPOSED_MAX], const char *scheme, const char *name);

#endif
