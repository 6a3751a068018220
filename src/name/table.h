/* A hash table from addresses to entries. Its hash has a random key, so that nobody who chooses an
 * address can choose its bucket. */
#ifndef NF_NAME_TABLE_H
#define NF_NAME_TABLE_H

#include "name/siphash.h"
#include "os/address.h"

/* The head of each object in the table. */
struct nf_entry {
    struct nf_entry *next;
    const struct nf_addr *remote;
    uint32_t hash;
    bool accepted; /* in a hub: a peer with a socket of its own; otherwise a stranger */
};

struct nf_table {
    struct nf_entry **bucket;
    size_t buckets; /* a power of two */
    size_t count;
    struct nf_siphash_key key;
};

/* 0, NET_LIMIT or NET_SYSTEM. */
int nf_table_open(struct nf_table *table);

uint32_t nf_table_hash(const struct nf_table *table, const struct nf_addr *remote);

/* Find an entry. `hash` is the hash of `remote`. NULL: there is none. */
struct nf_entry *nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                               uint32_t hash);

/* The bucket of a hash. A caller that looks up many addresses prefetches these first. */
static inline struct nf_entry **nf_table_chain(const struct nf_table *table, uint32_t hash)
{
    return &table->bucket[hash & (table->buckets - 1)];
}

/* Add an entry. Its remote must be set, keep its address in memory, and not be in the table yet. It
 * never fails: if there is no memory for more buckets, the chains grow longer. */
void nf_table_add(struct nf_table *table, struct nf_entry *entry);

void nf_table_remove(struct nf_table *table, struct nf_entry *entry);

/* Free the buckets. The entries belong to the caller. */
void nf_table_close(struct nf_table *table);

#endif
