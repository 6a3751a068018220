/* Reading a shared descriptor, one thread for all. */
#ifndef NF_HUB_READER_H
#define NF_HUB_READER_H

#include "hub/hub.h"

/* Slots of a ground. */
int nf_reader_step(struct nf_pending *call);
void nf_reader_leave(struct nf_hub *hub);

/* Of pollers: read a batch for all, unless somebody is about to; end whom it is time for. The
 * moment at which to do so again at the latest. */
net_deadline nf_reader_pump(struct nf_common *common);

#endif
