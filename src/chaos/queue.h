/* Datagrams on their way, in the order in which they came: some of them are due later, and some are
 * held back until the one after them has been handed out. Pure memory: nothing here waits. */
#ifndef NF_CHAOS_QUEUE_H
#define NF_CHAOS_QUEUE_H

#include "netfacade.h"

#include <stdbool.h>

enum {
    NF_LATE_QUEUE_BYTES = 256 * 1024,
    NF_LATE_QUEUE_COUNT = 1024,
    NF_LATE_QUEUE_HOLD = 20 /* ms that one is held back where none comes after it */
};

struct nf_late_packet {
    struct nf_late_packet *next;
    net_deadline due;
    bool is_held;
    net_endpoint endpoint;
    size_t size; /* over capacity: it was cut */
    size_t capacity;
    char bytes[];
};

struct nf_late_queue {
    struct nf_late_packet *first;
    struct nf_late_packet *last;
    size_t bytes;
    int count;
};

/* Whether no more should be put. */
static inline bool nf_late_queue_is_full(const struct nf_late_queue *queue)
{
    return queue->bytes >= NF_LATE_QUEUE_BYTES || queue->count >= NF_LATE_QUEUE_COUNT;
}

/* Append a copy of a datagram that was received. 0 or NET_LIMIT. */
int nf_late_queue_put(struct nf_late_queue *queue, const net_message *message, net_deadline due,
                      bool is_held);

/* Take out the first that may be handed out at `now`; the caller frees it. NULL: none may. */
struct nf_late_packet *nf_late_queue_take(struct nf_late_queue *queue, net_deadline now);

/* When that will be the next time, if nothing else comes; NET_FOREVER: the queue is empty. */
net_deadline nf_late_queue_next(const struct nf_late_queue *queue);

void nf_late_queue_clear(struct nf_late_queue *queue);

#endif
