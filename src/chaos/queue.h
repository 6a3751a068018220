/* Received datagrams, in the order of arrival. Each is due at a time of its own, and some are held
 * until the one after them has been taken. Nothing here waits or locks; the caller holds the turn.
 */
#ifndef NF_CHAOS_QUEUE_H
#define NF_CHAOS_QUEUE_H

#include "netfacade.h"

#include <stdbool.h>

enum {
    NF_LATE_QUEUE_BYTES = 256 * 1024,
    NF_LATE_QUEUE_COUNT = 1024,
    NF_LATE_QUEUE_HOLD = 20 /* ms that one is held if none comes after it */
};

struct nf_late_packet {
    struct nf_late_packet *next;
    net_deadline due;
    bool is_held;
    net_endpoint endpoint;
    size_t size; /* of the datagram; over `capacity`: it was cut */
    size_t capacity;
    char bytes[];
};

struct nf_late_queue {
    struct nf_late_packet *first;
    struct nf_late_packet *last;
    size_t bytes;
    int count;
};

/* Whether to put no more: it has the most bytes or the most datagrams that it should. */
static inline bool nf_late_queue_is_full(const struct nf_late_queue *queue)
{
    return queue->bytes >= NF_LATE_QUEUE_BYTES || queue->count >= NF_LATE_QUEUE_COUNT;
}

/* Append a copy of a datagram that was received. 0 or NET_LIMIT. */
int nf_late_queue_put(struct nf_late_queue *queue, const net_message *message, net_deadline due,
                      bool is_held);

/* Take out the first that is due at `now`; the caller frees it. NULL: none is. */
struct nf_late_packet *nf_late_queue_take(struct nf_late_queue *queue, net_deadline now);

/* When the next one is due, if no other arrives; NET_FOREVER: the queue is empty. */
net_deadline nf_late_queue_next(const struct nf_late_queue *queue);

void nf_late_queue_clear(struct nf_late_queue *queue);

#endif
