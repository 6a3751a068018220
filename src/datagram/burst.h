/* Receiving ahead on a dialed socket. A burst is the rest of a batch whose first datagram went
 * straight into the caller's buffer.
 *
 * While datagrams come one at a time, each is one plain receive, and no batch is allocated. Now and
 * then a probe, a small batch, checks whether more are waiting in the kernel. If so, full batches
 * follow.
 *
 * One thread at a time may use it (the lane's turn). Other threads may only read `waiting`. */
#ifndef NF_DATAGRAM_BURST_H
#define NF_DATAGRAM_BURST_H

#include "os/batch.h"
#include "os/transfer.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct nf_burst {
    struct nf_batch *batch;    /* NULL while datagrams come one at a time */
    struct nf_arrival arrival; /* what is left of the current arrival */
    int next;                  /* index of the next arrival */
    int arrivals;
    _Atomic bool waiting;  /* a datagram is here: the descriptor's readiness does not show it */
    bool has_trains;       /* the kernel may return joined datagrams (UDP_GRO) */
    bool is_shared;        /* adopted: UDP_GRO stays as it is, for other readers */
    bool is_busy;          /* the last batch had more than one arrival */
    bool is_probe;         /* `batch` is a probe */
    bool drained;          /* the last receive left nothing in the kernel */
    uint8_t plain_between; /* plain receives between two probes */
    uint8_t plain_since;   /* plain receives since the last probe */
    size_t head;           /* bytes of a joined first arrival that go straight to the caller */
};

/* nf_burst_is_waiting: whether the burst has a datagram. nf_burst_take: take its first one, and
 * return the full length of that. */
static inline bool nf_burst_is_waiting(const struct nf_burst *burst)
{
    return atomic_load(&burst->waiting);
}

ssize_t nf_burst_take(struct nf_burst *burst, void *buffer, size_t size);

/* Prepare a burst for a descriptor that other processes or threads may read, too. */
void nf_burst_share(struct nf_burst *burst, int fd);

/* The slow path of nf_burst_recv: receive with a batch or a probe. */
ssize_t nf_burst_recv_ahead(struct nf_burst *burst, int fd, void *buffer, size_t size, int how);

/* Receive one datagram as nf_transfer_recv does, when none is waiting in the burst. The real
 * length, NF_WOULD_BLOCK, NF_CONGESTED or a code. `many`: the caller wants more than one, so a
 * batch is used. */
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

/* Whether another datagram may be had without waiting. The kernel is not asked again if the last
 * receive left nothing there. */
static inline bool nf_burst_has_more(const struct nf_burst *burst)
{
    return nf_burst_is_waiting(burst) || !burst->drained;
}

void nf_burst_free(struct nf_burst *burst);

#endif
