/* Opening a hub on a bound descriptor. */
#ifndef NF_HUB_DESCRIPTOR_H
#define NF_HUB_DESCRIPTOR_H

#include "hub/hub.h"

/* Make a hub of a bound descriptor for a listener. The hub owns the name. The sockets that it
 * accepts get `peer_table`. 0; or a code, and then the name is dropped and the descriptor stays
 * open. */
int nf_hub_open(net_socket *listener, const struct nf_target *target, int fd,
                const struct nf_addr *name, const struct nf_datagram_kind *kind,
                const struct nf_backend *peer_table);

#endif
