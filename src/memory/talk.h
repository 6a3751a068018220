/* Sending and receiving over a connection inside the process, and the waiting for it. */
#ifndef NF_MEMORY_TALK_H
#define NF_MEMORY_TALK_H

#include "memory/pipe.h"

/* What waits for somebody to sleep for: his own flags change, too. */
typedef bool nf_mem_due(struct nf_mem_socket *self);

ssize_t nf_mem_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_mem_recv(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);

/* A receive, or a send, would not wait. */
nf_mem_due nf_mem_is_readable, nf_mem_may_send;

/* Wait until that is due for `side`, whose turn is ours: 0, NET_CANCELED or NET_TIMEOUT. The side
 * is told of what the peer does, of a cancel, and of our own half-close. */
int nf_mem_await(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_due *is_due,
                 net_deadline deadline);

/* The dial has succeeded, and somebody has seen that. */
void nf_mem_settle(struct nf_mem_socket *self);

/* A call that needs no turn: 0 once the dial is decided, or why not. */
int nf_mem_nothing(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline);

#endif
