/* Listeners that can be dialed by name, and the queues of pipes that wait to be accepted. */
#ifndef NF_MEMORY_DIAL_H
#define NF_MEMORY_DIAL_H

#include "memory/names.h"
#include "memory/pipe.h"

struct nf_mem_listener {
    net_socket head;
    struct nf_mem_name entry;
    struct nf_mem_pipe *first; /* the queue, the oldest first */
    struct nf_mem_pipe *last;
    struct nf_mem_pipe *dialing; /* the first in the queue that is not connected yet */
    int connected;               /* pipes before that one */
    int backlog;
    int waiters; /* accepts that sleep on `futex` */
    int process; /* that made it (nf_process) */
    uint32_t sndbuf;
    uint32_t rcvbuf;
    _Atomic uint32_t futex;
    char name[NF_ADDR_NAME_MAX];
};

/* The lock of the mem:// names and queues. While you hold it you may notify sockets, not wait. */
void nf_mem_lock(void);
void nf_mem_unlock(void);

/* sndbuf or rcvbuf as the address has it, or the default. The bound of a direction is the sum of
 * the writer's sndbuf and the reader's rcvbuf. */
uint32_t nf_mem_buffer_size(const struct nf_target *target, enum nf_property property);

/* With the lock held: register the name of a listener (0 or NET_INUSE); remove it, and refuse all
 * pipes in its queue; take the first pipe out of the queue. */
int nf_mem_add_listener(struct nf_mem_listener *self);
void nf_mem_remove_listener(struct nf_mem_listener *self);
struct nf_mem_pipe *nf_mem_take_first(struct nf_mem_listener *listener);

/* Find the listener, make the pipe and join the queue. 0, or NET_REFUSED, NET_LIMIT, NET_ADDRESS.
 */
int nf_mem_dial(struct nf_mem_socket *self, const struct nf_target *target);

/* Wait until the dial is decided: 0, or NET_REFUSED, NET_CANCELED, NET_TIMEOUT. */
int nf_mem_decide(struct nf_mem_socket *self, net_deadline deadline);

/* A dial is given up, or its socket closed: leave the queue if the pipe is still dialing there. */
void nf_mem_leave_queue(struct nf_mem_pipe *pipe);

#endif
