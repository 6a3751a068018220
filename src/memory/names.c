/* Names within this process: a linked list under a lock, and the parsing of mem targets. */
#include "memory/names.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "os/cause.h"

#include <stdio.h>

void nf_mem_names_lock(struct nf_mem_names *names)
{
    if (nf_fork_mutex_lock(&names->lock)) {
        names->first = NULL;
    }
}

void nf_mem_names_unlock(struct nf_mem_names *names)
{
    nf_fork_mutex_unlock(&names->lock);
}

struct nf_mem_name *nf_mem_names_find(const struct nf_mem_names *names, const struct nf_addr *addr)
{
    struct nf_mem_name *name = names->first;

    while (name != NULL && !nf_addr_equal(&name->addr, addr)) {
        name = name->next;
    }
    return name;
}

int nf_mem_names_add(struct nf_mem_names *names, struct nf_mem_name *name, char *buffer)
{
    bool any = name->addr.size == 0;

    do {
        if (any) {
            name->addr.name = buffer;
            name->addr.size = (uint16_t)snprintf(buffer, NF_ADDR_NAME_MAX, "%u", ++names->counter);
        } else if (nf_mem_names_find(names, &name->addr) != NULL) {
            return nf_fail(NET_INUSE);
        }
    } while (any && nf_mem_names_find(names, &name->addr) != NULL);
    name->next = names->first;
    names->first = name;
    return 0;
}

void nf_mem_names_remove(struct nf_mem_names *names, const struct nf_mem_name *name)
{
    struct nf_mem_name **link = &names->first;

    while (*link != name) {
        link = &(*link)->next;
    }
    *link = name->next;
}

int nf_mem_target(const struct nf_url *url, bool listening, struct nf_addr *addr, char *buffer)
{
    int size = nf_path_parse(url->target, url->target_length, buffer);

    if (size < 0) {
        return size;
    }
    if (size == 0 && !listening) {
        return nf_fail_because(NET_ADDRESS, "a name is missing: %s:// is any, to listen on",
                               url->scheme);
    }
    *addr = (struct nf_addr){.family = NF_MEM, .size = (uint16_t)size};
    addr->name = buffer;
    return 0;
}

int nf_mem_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline)
{
    char buffer[NF_ADDR_NAME_MAX];
    struct nf_addr addr;
    int code = nf_mem_target(&target->url, false, &addr, buffer);

    (void)deadline;
    (void)count;
    if (code == 0) {
        nf_endpoint_make(endpoints, &addr, NULL);
    }
    return code == 0 ? 1 : code;
}
