/* Names within this process: which socket a mem:// or memgram:// address means. */
#ifndef NF_MEMORY_NAMES_H
#define NF_MEMORY_NAMES_H

#include "name/table.h"
#include "os/forkmutex.h"
#include "socket/backend.h"

/* A registered name. The socket that has it owns this entry and the bytes of the name. */
struct nf_mem_name {
    struct nf_entry entry; /* first; its `remote` is `addr` */
    struct nf_addr addr;
    void *owner;
};

struct nf_mem_names {
    struct nf_fork_mutex lock;
    struct nf_table table; /* without buckets while it is empty */
    unsigned counter;      /* the last number that was given as a name */
};

/* A forked child begins without names: the names of its parent belong to the parent's sockets. A
 * thread of the parent may have been changing the table, so the child leaves its memory alone. */
void nf_mem_names_lock(struct nf_mem_names *names);
void nf_mem_names_unlock(struct nf_mem_names *names);

/* The entry with this name, or NULL. Hold the lock for this function and the next two. */
struct nf_mem_name *nf_mem_names_find(const struct nf_mem_names *names, const struct nf_addr *addr);

/* Register a name. An empty name becomes an unused number, written to `buffer` of NF_ADDR_NAME_MAX
 * bytes. 0, or NET_INUSE, NET_LIMIT, NET_SYSTEM. */
int nf_mem_names_add(struct nf_mem_names *names, struct nf_mem_name *name, char *buffer);
void nf_mem_names_remove(struct nf_mem_names *names, struct nf_mem_name *name);

/* Parse the target of an address: its name goes to `buffer` of NF_ADDR_NAME_MAX bytes. The name may
 * be empty when `listening`. 0 or NET_ADDRESS. */
int nf_mem_target(const struct nf_url *url, bool listening, struct nf_addr *addr, char *buffer);

/* The resolve slot: one endpoint, which is the target itself. */
int nf_mem_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline);

#endif
