/* Listeners that can be dialed by name, and the callers that wait in their queues. */
#ifndef NF_MEMORY_DIAL_H
#define NF_MEMORY_DIAL_H

#include "memory/names.h"
#include "memory/pipe.h"

struct nf_mem_listener {
    net_socket head;
    struct nf_mem_name entry;
    struct nf_mem_pipe *first; /* the line, the oldest first */
    struct nf_mem_pipe *last;
    struct nf_mem_pipe *dialing; /* the first in it who is not connected */
    int connected;
    int backlog;
    int sleepers;
    int process;
    uint32_t sndbuf;
    uint32_t rcvbuf;
    _Atomic uint32_t futex;
    char name[NF_ADDR_NAME_MAX];
};

/* The one lock of all names and queues; its holder rings, and waits for nothing. */
void nf_mem_lock(void);
void nf_mem_unlock(void);

/* The bytes that may wait in a direction, as the options ask: half of it. */
uint32_t nf_mem_half(const struct nf_target *target, enum nf_property property);

/* With the lock held: have a name, give it up; take the first caller, turn all of them away. */
int nf_mem_add_listener(struct nf_mem_listener *self);
void nf_mem_remove_listener(struct nf_mem_listener *self);
struct nf_mem_pipe *nf_mem_take_first(struct nf_mem_listener *listener);

/* Find the listener, make the pipe, and stand in line. 0, or NET_REFUSED, NET_LIMIT, NET_ADDRESS.
 */
int nf_mem_dial(struct nf_mem_socket *self, const struct nf_target *target);

/* Wait until the dial is decided: 0, or NET_REFUSED, NET_CANCELED, NET_TIMEOUT. */
int nf_mem_decide(struct nf_mem_socket *self, net_deadline deadline);

/* A dial is given up: leave the line, if that is where it is. */
void nf_mem_leave_queue(struct nf_mem_pipe *pipe);

#endif
