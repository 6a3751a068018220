/* Names within this process: whom mem:// and memgram:// addresses mean. */
#ifndef NF_MEMORY_NAMES_H
#define NF_MEMORY_NAMES_H

#include "socket/backend.h"
#include "os/mutex.h"

#include <stdatomic.h>

/* Somebody's name; its bytes are his. */
struct nf_mem_name {
    struct nf_mem_name *next;
    struct nf_addr addr;
    void *owner;
};

struct nf_mem_names {
    struct nf_mutex lock;
    _Atomic int process; /* whose names they are; negative: that process is about to have some */
    struct nf_mem_name *first;
    unsigned counter; /* of names that nobody chose */
};

#define NF_MEM_NAMES_INIT                                                                          \
    {                                                                                              \
        .lock = NF_MUTEX_INIT                                                                      \
    }

/* A forked child begins without names: those of its parent have nobody behind them. */
void nf_mem_names_lock(struct nf_mem_names *names);
void nf_mem_names_unlock(struct nf_mem_names *names);

/* The rest with the lock held. */
struct nf_mem_name *nf_mem_names_find(const struct nf_mem_names *names, const struct nf_addr *addr);

/* Have a name; one without bytes gets some that nobody has, in `room`. 0 or NET_INUSE. */
int nf_mem_names_add(struct nf_mem_names *names, struct nf_mem_name *name, char *room);
void nf_mem_names_remove(struct nf_mem_names *names, const struct nf_mem_name *name);

/* Take the target of an address apart: the name, in `room` of NF_ADDR_NAME_MAX bytes, which may be
 * empty where one listens. 0 or NET_ADDRESS. */
int nf_mem_target(const struct nf_url *url, bool listening, struct nf_addr *addr, char *room);

/* Slots, and the target is its own endpoint. */
int nf_mem_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline);

#endif
