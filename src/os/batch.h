/* Datagrams received many at a time, by one system call, into memory that is made once. With
 * NF_SO_GRO the kernel hands over what one sender sent in a row as a train: datagrams of one size,
 * the last perhaps shorter, end to end. recvmmsg(2), udp(7) */
#ifndef NF_OS_BATCH_H
#define NF_OS_BATCH_H

#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    NF_BATCH_MAX = 64,  /* arrivals */
    NF_HEAD_MAX = 2048, /* bytes of the first arrival that may go elsewhere, with the rest here */
    NF_DATAGRAM_MAX =
        65536 /* more than UDP can carry, and than a train; a unix socket can carry more */
};

/* What arrived; the bytes stay until the next receive. */
struct nf_arrival {
    unsigned char *data; /* NF_HEAD_MAX bytes before it are free as well */
    size_t size;         /* of the datagram, or of the whole train */
    size_t segment;      /* of each datagram but the last; `size` for a lone one */
    bool is_cut;         /* it was longer than NF_DATAGRAM_MAX, as a unix socket's may be */
};

/* Take the first datagram out of an arrival: copy as much of it as fits, return its length. Nothing
 * is left when its size is 0 then. */
static inline size_t nf_arrival_read(struct nf_arrival *arrival, void *buffer, size_t size)
{
    size_t length = arrival->size < arrival->segment ? arrival->size : arrival->segment;
    size_t fits = length < size ? length : size;

    if (fits > 0) {
        memcpy(buffer, arrival->data, fits);
    }
    arrival->data += length;
    arrival->size -= length;
    return length;
}

struct nf_batch;

enum nf_batch_kind {
    NF_BATCH_FROM_ANYONE,
    NF_BATCH_FROM_NAMES,    /* the same over unix: descriptors that came along are dropped */
    NF_BATCH_FROM_PEER,     /* of a connected descriptor: who sent is not asked, which costs */
    NF_BATCH_BESIDE_A_HEAD, /* the same, and no memory for the first arrival */
};

/* Memory for so many arrivals. NULL and NET_LIMIT. */
struct nf_batch *nf_batch_new(int arrivals, enum nf_batch_kind kind);
void nf_batch_free(struct nf_batch *batch);

/* As much as pays after what the last receives brought: little at first (`batch` is NULL), more
 * after a full one, little again after a long calm. What is in `batch` must not be needed any more;
 * without memory for another it stays. NULL and NET_LIMIT. */
struct nf_batch *nf_batch_renew(struct nf_batch *batch, enum nf_batch_kind kind);

/* Whether the last receive took as many as it asked for: there may be more. */
bool nf_batch_was_full(const struct nf_batch *batch);

/* How many arrived; NF_WOULD_BLOCK, NF_CONGESTED, or a code. Waits (unless NF_DONTWAIT) for the
 * first only. When there is a `head`, the first arrival begins there, and what is beyond `size`
 * goes to the batch, or is gone. */
int nf_batch_recv(struct nf_batch *batch, int fd, void *head, size_t size, int how);

/* One of those that arrived. */
void nf_batch_arrival(const struct nf_batch *batch, int i, struct nf_arrival *arrival);

/* Of those from anyone: who sent it, and the address of ours it was sent to (NF_NOWHERE when the
 * system does not tell).
 */
void nf_batch_addresses(struct nf_batch *batch, int i, struct nf_addr *from, struct nf_addr *to);

#endif
