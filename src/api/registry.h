/* Which scheme is whose. */
#ifndef NF_API_REGISTRY_H
#define NF_API_REGISTRY_H

#include "socket/backend.h"

/* Take an address apart, find its backend and check its options. 0, or NET_ADDRESS with what is
 * wrong. */
int nf_registry_find(const char *address, struct nf_target *target);

/* The backend of a scheme, without an address. NULL: NET_ADDRESS, and the cause is recorded. */
const struct nf_backend *nf_registry_scheme(const char *scheme);

#endif
