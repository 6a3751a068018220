/* The slots of a listener inside the process. */
#ifndef NF_MEMORY_LISTENER_H
#define NF_MEMORY_LISTENER_H

#include "socket/backend.h"

int nf_mem_listen(net_socket *socket, const struct nf_target *target, net_deadline deadline);

/* Accept the first pipe of the queue: a new socket with the table `connection`, or NULL. */
net_socket *nf_mem_accept(net_socket *socket, const struct nf_backend *connection,
                          net_deadline deadline);
void nf_mem_listener_cancel(net_socket *socket);
int nf_mem_listener_close(net_socket *socket, net_deadline deadline);
int nf_mem_listener_property(net_socket *socket, enum nf_property property, struct nf_value *value,
                             bool write);
void nf_mem_listener_ready(net_socket *socket, unsigned interest, struct nf_readiness *out);

#endif
