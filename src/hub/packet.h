/* Queued datagrams, and their queues. Nothing here locks: see hub.h.
 *
 * A packet is one datagram, or several joined ones: segments that one sender sent in a row and that
 * the kernel returned together (udp(7), UDP_GRO). All but the last have the same size. Each take
 * copies one datagram out of it. Its bytes follow it in memory, or are borrowed from the batch that
 * they were read into. A borrowed packet must be spilled, that is copied, before the next batch is
 * read.
 *
 * Each sender has a queue. Queues that share a bound share a pool: one pool for all strangers, one
 * for all accepted peers. */
#ifndef NF_HUB_PACKET_H
#define NF_HUB_PACKET_H

#include "hub/list.h"
#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nf_packet {
    struct nf_link in_queue; /* in its sender's queue */
    struct nf_link in_pool;  /* in an ordered pool: the packets of all its senders */
    struct nf_queue *queue;  /* NULL: not queued */
    struct nf_pool *pool;    /* that the queue belongs to */
    struct nf_addr local;    /* our address that it was sent to; NF_NOWHERE: unknown */
    unsigned char *data;
    size_t size;        /* bytes that are left */
    size_t segment;     /* bytes of each datagram but the last */
    bool is_borrowed;   /* its bytes belong to a batch, and it is not freed */
    bool is_over_bound; /* it was queued without applying the bounds */
};

struct nf_load {
    int64_t bytes; /* of payload */
    int64_t datagrams;
};

/* What is queued in several queues together. */
struct nf_pool {
    struct nf_load load;
    int64_t dropped;            /* datagrams dropped for want of room */
    const int64_t *bound;       /* most bytes queued together */
    const int64_t *queue_bound; /* and in each queue; NULL: the same */
    bool is_ordered; /* its packets are taken in the order of their arrival, from all senders */
    struct nf_list packets; /* if ordered: all of them, the oldest first */
};

struct nf_queue {
    struct nf_list packets;
    struct nf_load load;
    int64_t dropped;
};

static inline struct nf_packet *nf_queue_first(const struct nf_queue *queue)
{
    return NF_HOLDER(queue->packets.first, struct nf_packet, in_queue);
}

/* The oldest packet of an ordered pool. It is the oldest of its queue, too. */
static inline struct nf_packet *nf_pool_first(const struct nf_pool *pool)
{
    return NF_HOLDER(pool->packets.first, struct nf_packet, in_pool);
}

/* Allocate a packet with a copy of the bytes; if `data` is NULL, with uninitialized ones. NULL: no
 * memory. */
struct nf_packet *nf_packet_new(const void *data, size_t size, size_t segment,
                                const struct nf_addr *local);
void nf_packet_free(struct nf_packet *packet);

/* The number of datagrams in it. */
static inline int64_t nf_packet_count(const struct nf_packet *packet)
{
    return packet->size <= packet->segment
               ? 1
               : (int64_t)((packet->size + packet->segment - 1) / packet->segment);
}

/* How many of them fit beside `load`, under a bound of `bound` bytes. */
int64_t nf_packet_fit(const struct nf_packet *packet, const struct nf_load *load, int64_t bound);

/* Take the first datagram out of a packet: copy as much of it as fits into `buffer`, return its
 * length. The packet is used up when its size is then 0. */
size_t nf_packet_read(struct nf_packet *packet, void *buffer, size_t size);

/* How many of its datagrams the bounds allow into `queue`; NULL: into a new queue. */
int64_t nf_pool_fit(const struct nf_pool *pool, const struct nf_queue *queue,
                    const struct nf_packet *packet);

/* Append the first `count` datagrams of a packet to a queue of the pool, and drop the others. If
 * `count` is 0, the packet is freed. */
void nf_queue_put(struct nf_queue *queue, struct nf_pool *pool, struct nf_packet *packet,
                  int64_t count);

/* Take a packet out of its queue. */
void nf_queue_remove(struct nf_packet *packet);

/* Take the first datagram of the first packet: copy as much of it as fits, return its length. */
size_t nf_queue_take(struct nf_queue *queue, void *buffer, size_t size, struct nf_addr *local);

/* Free all packets of a queue. */
void nf_queue_clear(struct nf_queue *queue);

/* Spill a borrowed packet that is queued: a copy replaces what the bounds allow of it, and the rest
 * is dropped. False: no memory, and the packet stays as it is.
 *
 * Before you spill the first packet of a batch, call nf_packet_uncharge for all of them. It
 * subtracts from the sums the packets that were queued without applying the bounds. Each of these
 * is added again when it is spilled, as far as it fits then. So no packet is dropped to make room
 * for a later one of them. */
void nf_packet_uncharge(const struct nf_packet *packet);
bool nf_packet_spill(struct nf_packet *packet);

#endif
