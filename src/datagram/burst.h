/* What a dialed socket has received ahead: the rest of the batch whose first datagram went straight
 * to the caller. As long as datagrams come one at a time there is no batch and no memory, and each
 * is one plain receive; now and then one looks whether more have come to wait.
 *
 * For one receiver at a time; only `waiting` may be read by others. */
#ifndef NF_DATAGRAM_BURST_H
#define NF_DATAGRAM_BURST_H

#include "os/batch.h"
#include "os/transfer.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct nf_burst {
    struct nf_batch *batch;    /* NULL: none is wanted now */
    struct nf_arrival arrival; /* the rest of the one handed out at present */
    int next;                  /* arrival after it */
    int arrivals;
    _Atomic bool waiting;  /* datagrams are here, so the descriptor's readiness does not tell */
    bool has_trains;       /* asked the kernel for them */
    bool is_shared;        /* so do not: there may be other readers, who take one for a datagram */
    bool is_busy;          /* the last batch was more than one */
    bool looks;            /* of the batch: made to look only */
    bool drained;          /* the last receive took all that the kernel had */
    uint8_t plain_between; /* datagrams by plain receives between two looks */
    uint8_t plain_since;   /* of these had */
    size_t head;           /* bytes of a first datagram that go straight to the caller */
};

/* Whether datagrams are here already; take the first: its real length. */
static inline bool nf_burst_is_waiting(const struct nf_burst *burst)
{
    return atomic_load(&burst->waiting);
}

ssize_t nf_burst_take(struct nf_burst *burst, void *buffer, size_t size);

/* A fresh one, of a descriptor that others may read, too. */
void nf_burst_share(struct nf_burst *burst, int fd);

/* The long way of nf_burst_recv: by the batch, or looking whether that would pay. */
ssize_t nf_burst_recv_ahead(struct nf_burst *burst, int fd, void *buffer, size_t size, int how);

/* With none here: receive one as nf_transfer_recv does, its real length, or NF_WOULD_BLOCK and so
 * on. With `many` more is wanted. */
static inline ssize_t nf_burst_recv(struct nf_burst *burst, int fd, void *buffer, size_t size,
                                    int how, bool many)
{
    if (many || burst->plain_since > burst->plain_between || burst->is_busy || burst->has_trains) {
        return nf_burst_recv_ahead(burst, fd, buffer, size, how);
    }
    ssize_t n = nf_transfer_recv(fd, buffer, size, how);

    burst->drained = false;
    burst->plain_since = (uint8_t)(burst->plain_since + (n >= 0 ? 1 : 0));
    return n;
}

/* Whether more may be had without waiting. The kernel is not asked again when it had no more a
 * moment ago. */
static inline bool nf_burst_has_more(const struct nf_burst *burst)
{
    return nf_burst_is_waiting(burst) || !burst->drained;
}

void nf_burst_free(struct nf_burst *burst);

#endif
