/* Receives many datagrams with one system call, into memory that is allocated once. With NF_SO_GRO
 * the kernel joins datagrams that one sender sent in a row: segments of one size, the last perhaps
 * shorter, end to end. This joined run is called a train. recvmmsg(2), udp(7) */
#ifndef NF_OS_BATCH_H
#define NF_OS_BATCH_H

#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    NF_BATCH_MAX = 64,  /* the most arrivals in one batch */
    NF_HEAD_MAX = 2048, /* the most bytes of the first arrival that may go to the caller's buffer */
    NF_DATAGRAM_MAX = 65536 /* above a UDP datagram or a train; a unix datagram can be longer */
};

/* One received datagram or train. The bytes are valid until the next receive. */
struct nf_arrival {
    unsigned char *data; /* you may also write to the NF_HEAD_MAX bytes before it */
    size_t size;         /* of the datagram, or of the whole train */
    size_t segment; /* the size of each datagram but the last; equals `size` for a single one */
    bool is_cut; /* the datagram was longer than NF_DATAGRAM_MAX, which only a unix socket allows */
};

/* Take the first datagram out of an arrival: copy as much of it as fits and return its full length.
 * When `size` of the arrival is 0 afterwards, no datagram is left. */
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
    NF_BATCH_FROM_NAMES, /* the same for unix; passed descriptors are dropped */
    NF_BATCH_FROM_PEER,  /* of a connected descriptor: does not ask for the source, which would cost
                            time */
    NF_BATCH_BESIDE_A_HEAD, /* the same; the first arrival has no memory in the batch */
};

/* Allocate a batch for `arrivals` arrivals. NULL: NET_LIMIT. */
struct nf_batch *nf_batch_new(int arrivals, enum nf_batch_kind kind);
void nf_batch_free(struct nf_batch *batch);

/* Resize a batch by what the last receives used: small at first (`batch` is NULL), larger after a
 * full one, small again after many receives that used little. It is also replaced after a receive
 * that touched much of its memory. The contents of `batch` are lost. If there is no memory for a
 * new batch, the old one is returned. NULL: NET_LIMIT. */
struct nf_batch *nf_batch_renew(struct nf_batch *batch, enum nf_batch_kind kind);

/* Whether the last receive got as many as it asked for: more may be waiting. */
bool nf_batch_was_full(const struct nf_batch *batch);

/* The bytes of the last receive. */
size_t nf_batch_bytes(const struct nf_batch *batch);

/* Receive. Returns the number of arrivals; NF_WOULD_BLOCK, NF_CONGESTED, or a code. It waits for
 * the first arrival only, and not at all with NF_DONTWAIT. With a `head`, the first arrival is
 * written there; what exceeds `size` goes to the batch, or is lost with NF_BATCH_BESIDE_A_HEAD. */
int nf_batch_recv(struct nf_batch *batch, int fd, void *head, size_t size, int how);

/* Describe arrival `i` of the last receive. */
void nf_batch_arrival(const struct nf_batch *batch, int i, struct nf_arrival *arrival);

/* The source of arrival `i` and the local address it was sent to (NF_NOWHERE when the system does
 * not report it). Only for NF_BATCH_FROM_ANYONE and NF_BATCH_FROM_NAMES. */
void nf_batch_addresses(struct nf_batch *batch, int i, struct nf_addr *from, struct nf_addr *to);

#endif
