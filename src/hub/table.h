/* Who sent this datagram? A table from remote addresses to whatever hangs on them, keyed so that no
 * sender can choose his bucket. */
#ifndef NF_HUB_TABLE_H
#define NF_HUB_TABLE_H

#include "hub/siphash.h"
#include "os/address.h"

/* The head of what is put in. */
struct nf_entry {
    struct nf_entry *next;
    const struct nf_addr *remote;
    uint32_t hash;
    bool accepted; /* a peer with a socket of its own; else a stranger */
};

struct nf_table {
    struct nf_entry **bucket;
    size_t buckets; /* a power of two */
    size_t count;
    struct nf_siphash_key key;
};

/* 0, NET_LIMIT, NET_SYSTEM. */
int nf_table_open(struct nf_table *table);

uint32_t nf_table_hash(const struct nf_table *table, const struct nf_addr *remote);

/* `hash` is that of `remote`. */
struct nf_entry *nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                               uint32_t hash);

/* The chain of a hash: who will search many looks here first, so that memory has time. */
static inline struct nf_entry **nf_table_chain(const struct nf_table *table, uint32_t hash)
{
    return &table->bucket[hash & (table->buckets - 1)];
}

/* Put in an entry whose remote is set, stays where it is, and is not there yet. Never fails:
 * without memory to grow, the chains do. */
void nf_table_add(struct nf_table *table, struct nf_entry *entry);

void nf_table_remove(struct nf_table *table, struct nf_entry *entry);

/* The entries are the caller's affair. */
void nf_table_close(struct nf_table *table);

#endif
