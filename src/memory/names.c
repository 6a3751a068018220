/* Names within this process: a table under a lock, and the parsing of mem targets. */
#include "memory/names.h"
#include "name/endpoint.h"
#include "name/path.h"
#include "os/cause.h"

#include <stdio.h>

void nf_mem_names_lock(struct nf_mem_names *names)
{
    if (nf_fork_mutex_lock(&names->lock)) {
        names->table = (struct nf_table){0};
    }
}

void nf_mem_names_unlock(struct nf_mem_names *names)
{
    nf_fork_mutex_unlock(&names->lock);
}

struct nf_mem_name *nf_mem_names_find(const struct nf_mem_names *names, const struct nf_addr *addr)
{
    const struct nf_table *table = &names->table;

    return table->count == 0
               ? NULL
               : (struct nf_mem_name *)nf_table_find(table, addr, nf_table_hash(table, addr));
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
    int code = names->table.count == 0 ? nf_table_open(&names->table) : 0;

    if (code == 0) {
        name->entry.remote = &name->addr;
        nf_table_add(&names->table, &name->entry);
    }
    return code;
}

void nf_mem_names_remove(struct nf_mem_names *names, struct nf_mem_name *name)
{
    nf_table_remove(&names->table, &name->entry);
    if (names->table.count == 0) {
        nf_table_close(&names->table);
    }
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
