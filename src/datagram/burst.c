/* Receiving ahead, and only where it pays. */
#include "datagram/burst.h"
#include "os/sockopt.h"

#include <string.h>

enum {
    MOST_PLAIN =
        64,   /* or somewhat more plain receives between two looks for more, when there never is */
    LOOK = 2, /* arrivals in a batch that only looks */
    MANY = 8  /* arrivals at once that make trains worth asking for */
};

void nf_burst_share(struct nf_burst *burst, int fd)
{
    int64_t trains = 0;

    burst->is_shared = true;
    burst->has_trains = nf_sockopt_get(fd, NF_SO_GRO, &trains) == 0 && trains != 0;
    burst->head = NF_HEAD_MAX;
}

/* Make `arrival` the next of the batch, if there is one. */
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

/* The first arrival began in the caller's buffer, `head` bytes of it. What of it is not the first
 * datagram belongs in the batch, what of the datagram is not in the buffer there. */
static size_t finish_first(struct nf_burst *burst, unsigned char *buffer, size_t size, size_t head)
{
    struct nf_arrival *arrival = &burst->arrival;

    nf_batch_arrival(burst->batch, 0, arrival);
    size_t length = arrival->size < arrival->segment ? arrival->size : arrival->segment;
    size_t here = arrival->size < head ? arrival->size : head; /* bytes in the buffer */

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

/* Without trains the whole buffer is the first datagram's. With them only so much of it as the last
 * one needed, so that little has to be moved out again. */
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
    atomic_store(&burst->waiting, true); /* before a poller is looked for that wants to know */
    if (burst->arrival.size == 0) {
        advance(burst);
    }
    return (ssize_t)length;
}

/* After a batch of one or none, rest; twice as long as the last time. After a large one, ask for
 * trains, for which the plain receive is no good any more. */
static void learn(struct nf_burst *burst, int fd, int64_t arrivals)
{
    burst->is_busy = arrivals > 1;
    if (arrivals >= MANY && !burst->has_trains && !burst->is_shared) {
        burst->has_trains = nf_sockopt_set(fd, NF_SO_GRO, 1) == 0;
        burst->head = NF_HEAD_MAX;
    }
    burst->plain_since = 0;
    if (burst->is_busy) {
        burst->plain_between = 0;
    } else if (burst->plain_between < MOST_PLAIN) {
        burst->plain_between = (uint8_t)(burst->plain_between * 2 + 1);
    }
}

/* A batch that receives, or a small one that only looks. */
static bool make_room(struct nf_burst *burst, bool looks)
{
    if (burst->looks && burst->batch != NULL) {
        nf_burst_free(burst);
    }
    burst->looks = looks;
    burst->batch = looks ? nf_batch_new(LOOK, NF_BATCH_BESIDE_A_HEAD)
                         : nf_batch_renew(burst->batch, NF_BATCH_FROM_PEER);
    return burst->batch != NULL;
}

ssize_t nf_burst_recv_ahead(struct nf_burst *burst, int fd, void *buffer, size_t size, int how)
{
    bool looks = !burst->has_trains && !burst->is_busy;
    unsigned char none;

    burst->drained = false;
    if (!make_room(burst, looks)) {
        return burst->has_trains ? NET_LIMIT : nf_transfer_recv(fd, buffer, size, how);
    }
    ssize_t n = receive(burst, fd, buffer != NULL ? buffer : &none, size, how);

    learn(burst, fd, n >= 0 ? burst->arrivals : 0);
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
