/* Who sent this datagram? A table from remote addresses to whatever hangs on them, keyed so that no
 * sender can choose his bucket. */
#ifndef NF_BACKENDS_UDP_TABLE_H
#define NF_BACKENDS_UDP_TABLE_H

#include "backends/siphash.h"
#include "os/address.h"

/* The head of what is put in. */
struct nf_entry {
    struct nf_entry *next;
    uint32_t hash;
    bool accepted; /* a peer with a socket of its own; else a stranger */
    struct nf_addr remote;
};

struct nf_table {
    struct nf_entry **bucket;
    size_t buckets; /* a power of two */
    size_t count;
    struct nf_siphash_key key;
};

/* 0, NET_LIMIT, NET_SYSTEM. */
int nf_table_open(struct nf_table *table);

struct nf_entry *nf_table_find(const struct nf_table *table, const struct nf_addr *remote);

/* Put in an entry whose remote is set and not there yet. Never fails: without memory to grow, the
 * chains do. */
void nf_table_add(struct nf_table *table, struct nf_entry *entry);

void nf_table_remove(struct nf_table *table, struct nf_entry *entry);

/* The entries are the caller's affair. */
void nf_table_close(struct nf_table *table);

#endif
