/* Sending and receiving over a connection inside the process, and waiting for either. */
#ifndef NF_MEMORY_TALK_H
#define NF_MEMORY_TALK_H

#include "memory/pipe.h"

/* A condition that a thread waits for. Flags of the socket itself can make it true, too. */
typedef bool nf_mem_condition(struct nf_mem_socket *self);

ssize_t nf_mem_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_mem_recv(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);

/* A receive would not wait; a send would not wait. */
nf_mem_condition nf_mem_is_readable, nf_mem_may_send;

/* Wait until the condition is met. The caller holds the turn of `side`, which is woken by the peer,
 * by a cancel and by a half-close of this socket. 0, NET_CANCELED or NET_TIMEOUT. */
int nf_mem_await(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_condition *is_met,
                 net_deadline deadline);

/* The dial has succeeded: both lanes are open now, unless they have ended already. */
void nf_mem_settle(struct nf_mem_socket *self);

/* For a call that moves no bytes and takes no turn: 0 once the dial has succeeded, or why not. */
int nf_mem_check_dial(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline);

#endif
