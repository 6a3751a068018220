/* Reading a hub's descriptor: one thread reads for all members. */
#ifndef NF_HUB_READER_H
#define NF_HUB_READER_H

#include "hub/hub.h"

/* Functions of nf_hub_ops. */
int nf_reader_step(struct nf_pending *call);
void nf_reader_leave(struct nf_hub *hub);

/* For pollers: read a batch for all members, unless another thread is reading; expire silent peers.
 * Returns the latest moment at which to call it again. */
net_deadline nf_reader_pump(struct nf_common *common);

#endif
