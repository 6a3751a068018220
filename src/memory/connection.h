/* The slots of a connection inside the process. Those that send and receive are in talk.h. */
#ifndef NF_MEMORY_CONNECTION_H
#define NF_MEMORY_CONNECTION_H

#include "socket/backend.h"

int nf_mem_connect(net_socket *socket, const struct nf_target *target, net_deadline deadline);
int nf_mem_shutdown(net_socket *socket);
void nf_mem_cancel(net_socket *socket);
int nf_mem_close(net_socket *socket, net_deadline deadline);
int nf_mem_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                    bool write);
void nf_mem_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
