/* A socket that is still dialing: what net_connect with NET_NOW returns. */
#ifndef NF_OPEN_DIALING_H
#define NF_OPEN_DIALING_H

#include "open/dial.h"

/* net_connect for any connection on a descriptor. An address of fd:// or systemd:// is adopted;
 * others are dialed: `to`, or where that is NULL the host of the target. Blocks until `deadline` at
 * most; with NET_NOW it returns a socket that is still dialing. 0 or a code. */
int nf_dialing_connect(struct nf_connection *connection, const struct nf_target *target,
                       enum nf_transport transport, const struct nf_addr *to,
                       net_deadline deadline);

#endif
