/* A hash table with chains; the number of buckets doubles when there are as many entries. */
#include "name/table.h"
#include "os/cause.h"
#include "os/random.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 16 };

int nf_table_open(struct nf_table *table)
{
    int code = nf_random(&table->key, sizeof table->key);

    if (code < 0) {
        return code;
    }
    table->count = 0;
    table->buckets = FIRST_BUCKETS;
    table->bucket = calloc(table->buckets, sizeof(struct nf_entry *));
    return table->bucket != NULL ? 0 : nf_fail_because(NET_LIMIT, "no memory");
}

/* The bytes after the four of an IPv4 address are always zero, and are not hashed. */
uint32_t nf_table_hash(const struct nf_table *table, const struct nf_addr *remote)
{
    enum { IPV4 = offsetof(struct nf_addr, ip) + 4 };

    if (nf_addr_is_named(remote)) {
        return (uint32_t)nf_siphash(&table->key, remote->name, remote->size);
    }
    return (uint32_t)nf_siphash(&table->key, remote,
                                remote->family == NF_IPV4 ? IPV4 : sizeof *remote);
}

struct nf_entry *nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                               uint32_t hash)
{
    struct nf_entry *entry = *nf_table_chain(table, hash);

    while (entry != NULL && (entry->hash != hash || !nf_addr_equal(entry->remote, remote))) {
        entry = entry->next;
    }
    return entry;
}

static void put(struct nf_table *table, struct nf_entry *entry)
{
    struct nf_entry **first = nf_table_chain(table, entry->hash);

    entry->next = *first;
    *first = entry;
}

static void grow(struct nf_table *table)
{
    struct nf_table larger = *table;

    larger.buckets *= 2;
    larger.bucket = calloc(larger.buckets, sizeof(struct nf_entry *));
    if (larger.bucket == NULL) {
        return;
    }
    for (size_t i = 0; i < table->buckets; i++) {
        struct nf_entry *entry = table->bucket[i];

        while (entry != NULL) {
            struct nf_entry *next = entry->next;

            put(&larger, entry);
            entry = next;
        }
    }
    free(table->bucket);
    *table = larger;
}

void nf_table_add(struct nf_table *table, struct nf_entry *entry)
{
    if (table->count >= table->buckets) {
        grow(table);
    }
    entry->hash = nf_table_hash(table, entry->remote);
    put(table, entry);
    table->count++;
}

void nf_table_remove(struct nf_table *table, struct nf_entry *entry)
{
    struct nf_entry **link = nf_table_chain(table, entry->hash);

    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    table->count--;
}

void nf_table_close(struct nf_table *table)
{
    free(table->bucket);
    table->bucket = NULL;
}
