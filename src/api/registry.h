/* Find the backend of a scheme or an address. */
#ifndef NF_API_REGISTRY_H
#define NF_API_REGISTRY_H

#include "socket/backend.h"

/* Split an address, find its backend and parse its options. Returns 0, or NET_ADDRESS with what is
 * wrong. An address that adopts a descriptor may also return the other codes of nf_adopt_find. */
int nf_registry_find(const char *address, struct nf_target *target);

/* The backend of a scheme that has addresses of its own. NULL: NET_ADDRESS is recorded, also for
 * the schemes that adopt a descriptor. */
const struct nf_backend *nf_registry_scheme(const char *scheme);

#endif
