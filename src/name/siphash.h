/* SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash. Without the key, nobody can choose
 * inputs that collide. */
#ifndef NF_NAME_SIPHASH_H
#define NF_NAME_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct nf_siphash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t nf_siphash(const struct nf_siphash_key *key, const void *data, size_t size);

#endif
