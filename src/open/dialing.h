/* A socket whose dial is not decided: what net_connect with NET_NOW returns. */
#ifndef NF_OPEN_DIALING_H
#define NF_OPEN_DIALING_H

#include "open/dial.h"

/* net_connect for any line: adopt; or dial the host of the target or `to`, and wait until
 * `deadline`, or with NET_NOW leave it dialing. 0 or code. */
int nf_dialing_connect(struct nf_connection *connection, const struct nf_target *target,
                       enum nf_transport transport, const struct nf_addr *to,
                       net_deadline deadline);

#endif
