/* Receiving ahead, only where it pays. See burst.h. */
#include "datagram/burst.h"
#include "os/sockopt.h"

#include <string.h>

enum {
    PLAIN_MAX = 64, /* the number of plain receives between two probes doubles up to this or more */
    PROBE_ARRIVALS = 2, /* arrivals in a probe */
    GRO_ARRIVALS = 8    /* arrivals in a batch from which on UDP_GRO is turned on */
};

void nf_burst_share(struct nf_burst *burst, int fd)
{
    int64_t trains = 0;

    burst->is_shared = true;
    burst->has_trains = nf_sockopt_get(fd, NF_SO_GRO, &trains) == 0 && trains != 0;
    burst->head = NF_HEAD_MAX;
}

/* Go on to the next arrival of the batch, if there is one. */
static void advance(struct nf_burst *burst)
{
    if (burst->next < burst->arrivals) {
        nf_batch_arrival(burst->batch, burst->next++, &burst->arrival);
    } else {
        atomic_store_explicit(&burst->waiting, false, memory_order_relaxed);
    }
}

ssize_t nf_burst_take(struct nf_burst *burst, void *buffer, size_t size)
{
    size_t length = nf_arrival_read(&burst->arrival, buffer, size);

    if (burst->arrival.size == 0) {
        advance(burst);
    }
    return (ssize_t)length;
}

/* The first `head` bytes of the first arrival are in the caller's buffer, the rest is in the batch.
 * Move bytes so that the buffer has the first datagram and nothing else. The batch keeps the
 * datagrams behind it. */
static size_t finish_first(struct nf_burst *burst, unsigned char *buffer, size_t size, size_t head)
{
    struct nf_arrival *arrival = &burst->arrival;

    nf_batch_arrival(burst->batch, 0, arrival);
    size_t length = arrival->size < arrival->segment ? arrival->size : arrival->segment;
    size_t here = arrival->size < head ? arrival->size : head; /* its bytes in the buffer */

    if (length < here) {
        arrival->data -= here - length;
        memcpy(arrival->data, buffer + length, here - length);
    } else if (length > here && size > here) {
        memcpy(buffer + here, arrival->data, (length < size ? length : size) - here);
    }
    if (length > here) {
        arrival->data += length - here;
    }
    arrival->size -= length;
    burst->head = length < NF_HEAD_MAX ? length : NF_HEAD_MAX;
    return length;
}

/* Receive a batch. Without joined datagrams, the first datagram may fill the whole buffer. With
 * them, only as many bytes go to the buffer as the last first datagram had, so that few have to be
 * moved. */
static ssize_t receive(struct nf_burst *burst, int fd, void *buffer, size_t size, int how)
{
    size_t head = size;

    if (burst->has_trains) {
        head = burst->head < size ? burst->head : size;
    }
    int n = nf_batch_recv(burst->batch, fd, buffer, head, how);

    if (n < 0) {
        return n;
    }
    burst->next = 1;
    burst->arrivals = n;
    burst->drained = !nf_batch_was_full(burst->batch);
    size_t length = 0;

    if (burst->has_trains) {
        length = finish_first(burst, buffer, size, head);
    } else {
        nf_batch_arrival(burst->batch, 0, &burst->arrival);
        length = burst->arrival.size;
        burst->arrival.size = 0;
    }
    /* Set this before the caller looks for a poller to notify (nf_socket_notify). A poller that is
     * not there yet sees it when it first asks the socket. */
    atomic_store(&burst->waiting, true);
    if (burst->arrival.size == 0) {
        advance(burst);
    }
    return (ssize_t)length;
}

/* Adapt to the size of a batch. After one arrival or none, double the number of plain receives
 * until the next probe. After a large batch, turn on UDP_GRO; from then on every receive needs a
 * batch. */
static void adapt(struct nf_burst *burst, int fd, int64_t arrivals)
{
    burst->is_busy = arrivals > 1;
    if (arrivals >= GRO_ARRIVALS && !burst->has_trains && !burst->is_shared) {
        burst->has_trains = nf_sockopt_set(fd, NF_SO_GRO, 1) == 0;
        burst->head = NF_HEAD_MAX;
    }
    burst->plain_since = 0;
    if (burst->is_busy) {
        burst->plain_between = 0;
    } else if (burst->plain_between < PLAIN_MAX) {
        burst->plain_between = (uint8_t)(burst->plain_between * 2 + 1);
    }
}

/* Allocate the batch: a probe or a full one. False: no memory. */
static bool make_room(struct nf_burst *burst, bool is_probe)
{
    if (burst->is_probe && burst->batch != NULL) {
        nf_burst_free(burst);
    }
    burst->is_probe = is_probe;
    burst->batch = is_probe ? nf_batch_new(PROBE_ARRIVALS, NF_BATCH_BESIDE_A_HEAD)
                            : nf_batch_renew(burst->batch, NF_BATCH_FROM_PEER);
    return burst->batch != NULL;
}

ssize_t nf_burst_recv_ahead(struct nf_burst *burst, int fd, void *buffer, size_t size, int how)
{
    bool is_probe = !burst->has_trains && !burst->is_busy;
    unsigned char none;

    burst->drained = false;
    if (!make_room(burst, is_probe)) {
        return burst->has_trains ? NET_LIMIT : nf_transfer_recv(fd, buffer, size, how);
    }
    ssize_t n = receive(burst, fd, buffer != NULL ? buffer : &none, size, how);

    adapt(burst, fd, n >= 0 ? burst->arrivals : 0);
    if (!burst->is_busy && !burst->has_trains) {
        nf_burst_free(burst);
    }
    return n;
}

void nf_burst_free(struct nf_burst *burst)
{
    nf_batch_free(burst->batch);
    burst->batch = NULL;
}
