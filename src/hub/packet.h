/* Datagrams that wait, and the queues they wait in. No locks here: see hub.h.
 *
 * A packet is a datagram, or several that one sender sent in a row and that the kernel handed over
 * joined (udp(7), UDP_GRO): all but the last have the size of a segment. It is read datagram by
 * datagram. Its bytes are its own, or borrowed from the batch it came with; a borrowed packet has
 * to be spilled, that is copied, before the next batch comes.
 *
 * Each sender has a queue. Queues that share a bound, those of all strangers or of all accepted
 * peers, share a pool. */
#ifndef NF_HUB_PACKET_H
#define NF_HUB_PACKET_H

#include "hub/list.h"
#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nf_packet {
    struct nf_link in_queue; /* the packets of its sender */
    struct nf_link in_pool;  /* of a pool in order: the packets of all its senders */
    struct nf_queue *queue;  /* NULL: it waits nowhere */
    struct nf_addr local;    /* the address of ours it was sent to; NF_NOWHERE: unknown */
    unsigned char *data;
    size_t size;        /* of all that is left */
    size_t segment;     /* of each datagram but the last */
    bool is_borrowed;   /* its bytes are a batch's, and it is not to be freed */
    bool is_over_bound; /* it was let in without asking the bounds */
};

struct nf_load {
    int64_t bytes; /* of payload */
    int64_t datagrams;
};

/* What waits in many queues together. */
struct nf_pool {
    struct nf_load load;
    int64_t dropped;            /* datagrams for which there was no room */
    const int64_t *bound;       /* bytes that may wait together, */
    const int64_t *queue_bound; /* and in each queue; NULL: as many */
    bool is_ordered;            /* its packets are taken in order of arrival, whoever sent them */
    struct nf_list packets;     /* then all of them */
};

struct nf_queue {
    struct nf_list packets;
    struct nf_load load;
    int64_t dropped;
    struct nf_pool *pool;
};

static inline struct nf_packet *nf_queue_first(const struct nf_queue *queue)
{
    return NF_HOLDER(queue->packets.first, struct nf_packet, in_queue);
}

/* The oldest of an ordered pool. It is the oldest of its queue, too. */
static inline struct nf_packet *nf_pool_first(const struct nf_pool *pool)
{
    return NF_HOLDER(pool->packets.first, struct nf_packet, in_pool);
}

/* A packet with a copy of the bytes, or with room for them where `data` is NULL; NULL: no memory.
 */
struct nf_packet *nf_packet_new(const void *data, size_t size, size_t segment,
                                const struct nf_addr *local);
void nf_packet_free(struct nf_packet *packet);

/* How many datagrams it has. */
static inline int64_t nf_packet_count(const struct nf_packet *packet)
{
    return packet->size <= packet->segment
               ? 1
               : (int64_t)((packet->size + packet->segment - 1) / packet->segment);
}

/* How many of them fit where so much waits already and at most `bound` bytes may. */
int64_t nf_packet_fit(const struct nf_packet *packet, const struct nf_load *load, int64_t bound);

/* Take the first datagram out of a packet: copy as much of it as fits, return its length. Nothing
 * is left in it when its size is 0 then. */
size_t nf_packet_read(struct nf_packet *packet, void *buffer, size_t size);

/* How many of its datagrams the bounds let into a queue; or, in `queue` NULL, into a new one. */
int64_t nf_pool_fit(const struct nf_pool *pool, const struct nf_queue *queue,
                    const struct nf_packet *packet);

/* Put the first `count` datagrams of a packet last into a queue, and drop the others. Without any
 * the packet is freed. */
void nf_queue_put(struct nf_queue *queue, struct nf_packet *packet, int64_t count);

/* Take a packet out of its queue. */
void nf_queue_remove(struct nf_packet *packet);

/* Take the first datagram of the first packet: copy as much of it as fits, return its length. */
size_t nf_queue_take(struct nf_queue *queue, void *buffer, size_t size, struct nf_addr *local);

/* Free all that waits. */
void nf_queue_clear(struct nf_queue *queue);

/* Spill a borrowed packet that waits: what may stay of it waits on as a copy in its place. False,
 * and it stays as it is: no memory. First all packets of a batch are let off: those over the bounds
 * weigh nothing until they are spilled, so that all else has room before them. */
void nf_packet_let_off(const struct nf_packet *packet);
bool nf_packet_spill(struct nf_packet *packet);

#endif
